/* SPDX-License-Identifier: Apache-2.0 */
/* What sock_diag(7) says of a unix socket (Linux: net/unix/diag.c). */
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "net/sock_diag.h"
#include "net/unix_sock.h"

/* Nobody sees the inode of a socket without a file: one that was closed, or is not accepted yet.
 * Puts the reference. */
static uint32_t inode_of(struct unix_sock *u)
{
	mutex_lock(&u->lock);
	uint32_t ino = u->dead || u->embryo ? 0 : (uint32_t)u->sk.file.anon_ino;
	mutex_unlock(&u->lock);
	unix_put(u);
	return ino;
}

/* The kernel's form of a device number: 12 bits and 20. */
static uint32_t device_of(const struct inode_id *id)
{
	return id->of_host ? (uint32_t)(id->dev >> 32 << 20 | (id->dev & 0xfffff))
			   : (uint32_t)id->dev;
}

static void put_name(struct nlbuf *b, const struct unix_addr *a)
{
	size_t offset = offsetof(struct sockaddr_un, sun_path);

	nlbuf_attr_copy(b, UNIX_DIAG_NAME, a->bytes + offset, a->len - offset);
}

static void put_vfs(struct nlbuf *b, const struct unix_addr *a)
{
	struct unix_diag_vfs vfs = { .udiag_vfs_ino = (uint32_t)a->id.ino,
				     .udiag_vfs_dev = device_of(&a->id) };

	if (a->path.dentry)
		nlbuf_attr_copy(b, UNIX_DIAG_VFS, &vfs, sizeof vfs);
}

static void put_peer(struct nlbuf *b, struct unix_sock *u)
{
	mutex_lock(&u->lock);
	struct unix_sock *peer = u->peer ? unix_get(u->peer) : NULL;
	mutex_unlock(&u->lock);
	if (!peer)
		return;
	uint32_t ino = inode_of(peer);
	nlbuf_attr_copy(b, UNIX_DIAG_PEER, &ino, sizeof ino);
}

/* References to those who wait to be accepted. The embryos are locked when the listener no longer
 * is: two sockets are locked in the order of their addresses, which these two may not be in. */
static size_t waiting_peers(struct unix_sock *u, struct unix_sock ***out)
{
	struct unix_sock *embryo;
	size_t n = 0, nr_peers = 0;

	mutex_lock(&u->lock);
	*out = malloc(u->accept_len * sizeof **out);
	if (*out)
		list_for_each (embryo, &u->accept_queue, accept_node)
			(*out)[n++] = unix_get(embryo);
	mutex_unlock(&u->lock);
	for (size_t i = 0; i < n; i++) {
		embryo = (*out)[i];
		mutex_lock(&embryo->lock);
		if (embryo->peer)
			(*out)[nr_peers++] = unix_get(embryo->peer);
		mutex_unlock(&embryo->lock);
		unix_put(embryo);
	}
	return nr_peers;
}

static void put_waiting(struct nlbuf *b, struct unix_sock *u)
{
	struct unix_sock **peers;
	size_t n = waiting_peers(u, &peers);
	uint32_t *inos = nlbuf_attr(b, UNIX_DIAG_ICONS, n * sizeof *inos);

	for (size_t i = 0; i < n; i++) {
		uint32_t ino = inode_of(peers[i]);
		if (inos)
			inos[i] = ino;
	}
	free(peers);
}

static void put_queues(struct nlbuf *b, struct unix_sock *u, const struct socket_stat *st)
{
	struct unix_diag_rqlen q = { .udiag_rqueue = st->rx, .udiag_wqueue = st->tx };

	mutex_lock(&u->lock);
	if (u->state == UNIX_LISTEN)
		q.udiag_wqueue = u->backlog;
	else if (unix_is_dgram(u) && !list_empty(&u->queue))
		q.udiag_rqueue = (uint32_t)list_first(&u->queue, struct unix_msg, node)->len;
	mutex_unlock(&u->lock);
	nlbuf_attr_copy(b, UNIX_DIAG_RQLEN, &q, sizeof q);
}

/* What is received is charged to who sent it. */
static void put_memory(struct nlbuf *b, struct unix_sock *u)
{
	uint32_t mem[SK_MEMINFO_VARS] = {
		[SK_MEMINFO_RCVBUF] = u->sk.rcvbuf,
		[SK_MEMINFO_WMEM_ALLOC] = u->wmem,
		[SK_MEMINFO_SNDBUF] = u->sk.sndbuf,
	};

	nlbuf_attr_copy(b, UNIX_DIAG_MEMINFO, mem, sizeof mem);
}

static void put_shutdown(struct nlbuf *b, struct unix_sock *u)
{
	mutex_lock(&u->lock);
	uint8_t mode = (uint8_t)u->shutdown;
	mutex_unlock(&u->lock);
	nlbuf_attr_copy(b, UNIX_DIAG_SHUTDOWN, &mode, sizeof mode);
}

void unix_diag_put(struct nlbuf *b, struct socket *s, const struct socket_stat *st, uint32_t show)
{
	struct unix_diag_msg *m = nlbuf_put(b, sizeof *m);
	struct unix_sock *u = unix_of(s);
	const struct unix_addr *a = u->addr;

	if (!m)
		return;
	m->udiag_family = AF_UNIX;
	m->udiag_type = (uint8_t)s->type;
	m->udiag_state = (uint8_t)st->state;
	m->udiag_ino = (uint32_t)s->file.anon_ino;
	memcpy(m->udiag_cookie, &s->file.anon_ino, sizeof m->udiag_cookie);
	if (show & UDIAG_SHOW_NAME && a)
		put_name(b, a);
	if (show & UDIAG_SHOW_VFS && a)
		put_vfs(b, a);
	if (show & UDIAG_SHOW_PEER)
		put_peer(b, u);
	if (show & UDIAG_SHOW_ICONS && st->state == TCP_LISTEN)
		put_waiting(b, u);
	if (show & UDIAG_SHOW_RQLEN)
		put_queues(b, u, st);
	if (show & UDIAG_SHOW_MEMINFO)
		put_memory(b, u);
	put_shutdown(b, u);
	if (show & UDIAG_SHOW_UID)
		nlbuf_attr_copy(b, UNIX_DIAG_UID, &s->attr.uid, sizeof s->attr.uid);
}
