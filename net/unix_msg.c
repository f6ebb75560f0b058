/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in queues. A stream is a queue of messages, too: one a send (or a piece of a long one),
 * read as bytes, but never past one that carries descriptors. What is queued is charged to its
 * sender's buffer, as on Linux; a charge is what the message would cost there, so that a program
 * finds about the limits it knows.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "mm/access.h"
#include "mm/mm.h"
#include "net/device.h"
#include "net/unix_sock.h"

#define MSG_OVERHEAD 576U /* Linux: struct sk_buff and struct skb_shared_info */

static unsigned msg_charge(size_t len)
{
	return (unsigned)((len + 63) & ~63UL) + MSG_OVERHEAD;
}

static struct unix_msg *msg_alloc(struct mm_host *mem, size_t len)
{
	struct unix_msg *m;

	if (!mm_host_charge(mem, sizeof *m + len))
		return NULL;
	m = malloc(sizeof *m + len);
	if (m)
		*m = (struct unix_msg){ .len = len };
	else
		mm_host_uncharge(mem, sizeof *m + len);
	return m;
}

static void msg_dealloc(struct mm_host *mem, struct unix_msg *m)
{
	mm_host_uncharge(mem, sizeof *m + m->len);
	free(m);
}

int unix_msg_new(struct unix_sock *u, struct uio *from, size_t len, struct unix_msg **out)
{
	struct unix_msg *m = msg_alloc(u->domain->mem, len);

	if (!m)
		return -ENOBUFS;
	if (uio_take(from, m->data, len) < len) {
		msg_dealloc(u->domain->mem, m);
		return -EFAULT;
	}
	list_init(&m->node);
	m->sender = unix_get(u);
	m->charge = msg_charge(len);
	atomic_fetch_add(&u->wmem, m->charge);
	*out = m;
	return 0;
}

static void uncharge(struct unix_msg *m)
{
	struct unix_sock *s = m->sender;
	unsigned before = atomic_fetch_sub(&s->wmem, m->charge);

	if (before * 4 > s->sk.sndbuf && unix_writable(s))
		waitqueue_wake_all(&s->wait, POLL_SEND);
}

static void msg_free(struct unix_domain *d, struct unix_msg *m)
{
	struct scm arrived = { 0 };

	unix_files_arrive(d, &arrived, &m->scm);
	uncharge(m);
	unix_put(m->sender);
	msg_dealloc(d->mem, m);
	scm_release(&arrived);
}

/* *collect: all are freed, and sockets were closed meanwhile. */
static struct unix_msg *next_dead(struct unix_domain *d, bool *collect)
{
	struct unix_msg *m = NULL;

	mutex_lock(&d->dead_lock);
	if (list_empty(&d->dead)) {
		d->draining = false;
		*collect = d->collect_pending;
		d->collect_pending = false;
	} else {
		m = list_first(&d->dead, struct unix_msg, node);
		list_del(&m->node);
	}
	mutex_unlock(&d->dead_lock);
	return m;
}

/* Freeing a message may release a socket whose queue comes here in turn: that call only adds to the
 * list that the outer one is working on. */
void unix_free_messages(struct unix_domain *d, struct list *list)
{
	struct unix_msg *m;

	if (list_empty(list))
		return;
	mutex_lock(&d->dead_lock);
	list_splice_tail(&d->dead, list);
	bool mine = !d->draining;
	d->draining = true;
	mutex_unlock(&d->dead_lock);
	bool collect = false;
	while (mine && (m = next_dead(d, &collect)))
		msg_free(d, m);
	if (collect)
		unix_collect(d);
}

void unix_free_message(struct unix_domain *d, struct unix_msg *m)
{
	struct list one;

	if (!m->scm.files) {
		msg_free(d, m);
		return;
	}
	list_init(&one);
	list_add(&one, &m->node);
	unix_free_messages(d, &one);
}

/* Bytes a read would find: of a datagram socket, in the first message. */
static int readable_bytes(struct unix_sock *u)
{
	size_t n = 0;

	mutex_lock(&u->lock);
	if (!unix_is_dgram(u))
		n = u->queue_bytes;
	else if (!list_empty(&u->queue))
		n = list_first(&u->queue, struct unix_msg, node)->len;
	bool listening = u->state == UNIX_LISTEN;
	mutex_unlock(&u->lock);
	return listening ? -EINVAL : (int)n;
}

int64_t unix_ioctl(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	struct unix_sock *u = unix_of(s);
	int n;

	switch (cmd) {
	case SIOCINQ: n = readable_bytes(u); break;
	case SIOCOUTQ: n = u->wmem; break;
	default: return device_ioctl(s->net, c, false, mm, cmd, arg);
	}
	if (n < 0)
		return n;
	return copy_to_guest(mm, GVA(arg), &n, sizeof n) ? -EFAULT : 0;
}
