/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads unix sockets.
 *
 * Sockets refer to each other in circles: two ends of a connection, a socket in a message that
 * waits in itself. So a socket is loaded by itself first, and all that binds sockets together is
 * another object, one for all of them: peers, connections that wait to be accepted, messages with
 * what travels in them. Nobody refers to that object; it is loaded when all else is.
 *
 * A socket whose file is gone may still be somebody's peer, or the sender of a message. A copy
 * makes it, gives it its name, and lets its file go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/user.h"
#include "fs/saved.h"
#include "net/unix_sock.h"

#define NSEC_PER_SEC 1000000000L
#define MESSAGE_SIZE (10 * sizeof(uint64_t)) /* at least, of a saved one */
#define ERRNO_MAX    4095

/* All sockets that are saved or loaded. */
struct sockets {
	struct unix_sock **item; /* number n is item[n - 1] */
	size_t nr, room;
	bool failed; /* no memory */
};

/* ---- a socket by itself ---- */

static int unix_save(struct saver *s, void *object)
{
	struct socket *so = file_socket(object);

	(void)saved_object(s, &unix_links_saved, so->net->domain);
	net_number_save(s, so->net);
	encode(&s->out, (uint64_t)so->type);
	socket_save(s, so);
	return 0;
}

static int unix_load(struct loader *l, void **out)
{
	struct socket *so;
	struct net *net;
	int err = net_number_load(l, &net);
	int type = (int)decode_max(&l->in, SOCK_SEQPACKET);

	if (!err)
		err = unix_create(net, l->caller, type, 0, 0, &so);
	if (err)
		return err == -ENOMEM ? err : loader_damaged(l, "a socket");
	err = socket_load(l, so);
	if (err)
		file_put(&so->file);
	else
		*out = &so->file;
	return err;
}

const struct saved_kind unix_saved = {
	.name = "unix socket",
	.save = unix_save,
	.load = unix_load,
	.put = file_saved_put,
};

/* ---- which there are ---- */

static void add(struct sockets *all, struct unix_sock *u)
{
	if (!u || u->number || all->failed)
		return;
	if (all->nr == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct unix_sock **item = reallocarray(all->item, room, sizeof(struct unix_sock *));
		all->failed = !item;
		if (!item)
			return;
		all->item = item;
		all->room = room;
	}
	all->item[all->nr++] = u;
	u->number = all->nr;
}

/* The sandbox is frozen: nobody changes any of them. */
static void find_all(struct net_domain *d, struct sockets *all)
{
	struct socket *so;
	struct unix_msg *m;
	struct net *net;

	list_for_each (net, &d->nets, node)
		list_for_each (so, &net->sockets, net_node)
			if (so->ops == &unix_ops)
				add(all, unix_of(so));
	for (size_t i = 0; i < all->nr; i++) {
		struct unix_sock *u = all->item[i];
		add(all, u->peer);
		list_for_each (m, &u->queue, node)
			add(all, m->sender);
	}
}

static void forget(struct sockets *all)
{
	for (size_t i = 0; i < all->nr; i++)
		all->item[i]->number = 0;
	free(all->item);
}

static uint64_t number_of(const struct unix_sock *u)
{
	return u ? u->number : 0;
}

static int load_number(struct loader *l, const struct sockets *all, struct unix_sock **out)
{
	uint64_t n = decode_max(&l->in, all->nr);

	*out = n ? all->item[n - 1] : NULL;
	return l->in.failed ? loader_damaged(l, "the number of a socket") : 0;
}

/* ---- messages ---- */

static void save_cred(struct encoder *out, const struct ucred *c)
{
	encode_signed(out, c->pid);
	encode(out, c->uid);
	encode(out, c->gid);
}

static void load_cred(struct decoder *in, struct ucred *c)
{
	c->pid = (pid_t)decode_between(in, 0, INT32_MAX);
	c->uid = (uid_t)decode_max(in, UINT32_MAX);
	c->gid = (gid_t)decode_max(in, UINT32_MAX);
}

static void save_origin(struct encoder *out, const struct scm *scm)
{
	encode(out, scm->has_cred);
	save_cred(out, &scm->cred);
	encode_signed(out, scm->when.tv_sec);
	encode_signed(out, scm->when.tv_nsec);
}

static void load_origin(struct decoder *in, struct scm *scm)
{
	scm->has_cred = decode_bool(in);
	load_cred(in, &scm->cred);
	scm->when.tv_sec = (time_t)decode(in);
	scm->when.tv_nsec = decode_between(in, 0, NSEC_PER_SEC - 1);
}

static void save_files(struct saver *s, const struct scm *scm)
{
	encode(&s->out, scm->files ? scm->files->n : 0);
	for (unsigned i = 0; scm->files && i < scm->files->n; i++)
		encode(&s->out, file_saved(s, scm->files->files[i]));
}

static void save_message(struct saver *s, const struct unix_msg *m)
{
	const struct scm *scm = &m->scm;
	struct encoder *out = &s->out;

	encode(out, number_of(m->sender));
	encode_bytes(out, m->data + m->off, m->len - m->off);
	save_origin(out, scm);
	encode(out, scm->files && scm->files->user ? scm->files->user->uid : 0);
	save_files(s, scm);
}

/* A standard descriptor that the copy has not does not arrive. */
static int load_files(struct loader *l, struct scm *scm)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	struct file *f;
	int err = 0;

	if (nr > SCM_MAX_FD)
		return loader_damaged(l, "descriptors in a message");
	if (!nr)
		return 0;
	scm->files = calloc(1, sizeof *scm->files + nr * sizeof scm->files->files[0]);
	if (!scm->files)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr && !err; i++) {
		err = file_loaded(l, decode(&l->in), &f);
		if (!err && f)
			scm->files->files[scm->files->n++] = f;
	}
	return err;
}

static int load_scm_files(struct loader *l, struct unix_sock *to, struct scm *scm)
{
	uid_t uid = (uid_t)decode_max(&l->in, UINT32_MAX);
	int err = load_files(l, scm);

	if (!err && scm->files)
		err = unix_files_loaded(to, l->caller, uid, scm);
	if (err)
		scm_release(scm);
	return err;
}

static int load_message(struct loader *l, const struct sockets *all, struct unix_sock *to)
{
	struct unix_sock *sender;
	struct unix_msg *m;
	struct uio uio;
	size_t len;
	int err = load_number(l, all, &sender);
	const void *data = decode_bytes(&l->in, &len);

	if (!err && (!data || !sender))
		err = loader_damaged(l, "a message");
	if (err)
		return err;
	uio_init_kernel(&uio, (void *)(uintptr_t)data, len);
	err = unix_msg_new(sender, &uio, len, &m);
	if (err)
		return -ENOMEM;
	load_origin(&l->in, &m->scm);
	err = load_scm_files(l, to, &m->scm);
	if (!err && l->in.failed)
		err = loader_damaged(l, "a message");
	if (err) {
		unix_free_message(to->domain, m);
		return err;
	}
	list_add_tail(&to->queue, &m->node);
	to->queue_len++;
	to->queue_bytes += len;
	return 0;
}

/* ---- one socket's part ---- */

static void save_links(struct saver *s, struct unix_sock *u)
{
	struct encoder *out = &s->out;
	struct unix_sock *e;
	struct unix_msg *m;

	unix_addr_save(s, u);
	encode(out, u->state);
	encode(out, u->shutdown);
	encode_signed(out, u->err);
	encode(out, u->backlog);
	save_cred(out, &u->cred);
	save_cred(out, &u->peer_cred);
	encode(out, u->dead ? 0 : number_of(u->peer));
	encode(out, !list_empty(&u->sender_node));
	/* the lengths of a socket whose file is gone are what they were before */
	encode(out, u->dead ? 0 : u->accept_len);
	list_for_each (e, &u->accept_queue, accept_node)
		encode(out, number_of(e));
	encode(out, u->dead ? 0 : u->queue_len);
	list_for_each (m, &u->queue, node)
		save_message(s, m);
}

static int load_peer(struct loader *l, const struct sockets *all, struct unix_sock *u)
{
	struct unix_sock *peer;
	int err = load_number(l, all, &peer);
	bool listed = decode_bool(&l->in);

	if (err || !peer)
		return err;
	if (peer->sk.type != u->sk.type || (listed && !unix_is_dgram(u)))
		return loader_damaged(l, "the peer of a socket");
	u->peer = unix_get(peer);
	if (listed)
		list_add_tail(&peer->senders, &u->sender_node);
	return 0;
}

/* Who waits to be accepted is established and in one queue; so no queue is in another one. */
static int load_embryos(struct loader *l, const struct sockets *all, struct unix_sock *u)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	struct unix_sock *e;

	if (nr && u->state != UNIX_LISTEN)
		return loader_damaged(l, "connections that wait");
	for (uint64_t i = 0; i < nr; i++) {
		int err = load_number(l, all, &e);
		if (!err && (!e || e == u || e->embryo || e->sk.type != u->sk.type))
			err = loader_damaged(l, "connections that wait");
		if (err)
			return err;
		file_get(&e->sk.file);
		e->embryo = true;
		e->listener = u;
		list_add_tail(&u->accept_queue, &e->accept_node);
		u->accept_len++;
	}
	return 0;
}

static int load_links(struct loader *l, const struct sockets *all, struct unix_sock *u)
{
	struct decoder *in = &l->in;
	int err = unix_addr_load(l, u);

	u->state = (enum unix_state)decode_max(in, UNIX_ESTABLISHED);
	u->shutdown = (unsigned)decode_max(in, SHUTDOWN_MASK);
	u->err = (int)decode_between(in, 0, ERRNO_MAX);
	u->backlog = (unsigned)decode_max(in, UINT32_MAX);
	load_cred(in, &u->cred);
	load_cred(in, &u->peer_cred);
	if (!err)
		err = load_peer(l, all, u);
	if (!err)
		err = load_embryos(l, all, u);
	uint64_t nr = err ? 0 : decode_count(in, MESSAGE_SIZE);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_message(l, all, u);
	return err;
}

/* ---- all of them ---- */

static int links_save(struct saver *s, void *object)
{
	struct sockets all = { .item = NULL };

	find_all(object, &all);
	encode(&s->out, all.nr);
	for (size_t i = 0; i < all.nr; i++) {
		struct unix_sock *u = all.item[i];
		encode(&s->out, (uint64_t)u->sk.type);
		encode(&s->out, u->dead ? 0 : file_saved(s, &u->sk.file));
	}
	for (size_t i = 0; i < all.nr; i++)
		save_links(s, all.item[i]);
	bool failed = all.failed;
	forget(&all);
	return failed ? -ENOMEM : 0;
}

/* A socket with a file, or a new one whose file is to go: both are a reference of their file. */
static int load_socket(struct loader *l, struct net *net, struct sockets *all)
{
	int type = (int)decode_max(&l->in, SOCK_SEQPACKET);
	struct socket *so = NULL;
	struct file *f = NULL;
	int err = file_loaded(l, decode(&l->in), &f);

	if (!err && !f)
		err = unix_create(net, l->caller, type, 0, 0, &so);
	else if (!err)
		so = file_socket(f);
	if (!err && (!so || so->ops != &unix_ops || unix_of(so)->number))
		err = loader_damaged(l, "a socket");
	if (!err) {
		size_t before = all->nr;
		unix_of(so)->embryo = false;
		add(all, unix_of(so));
		err = all->nr == before ? -ENOMEM : 0;
	}
	if (err && f)
		file_put(f);
	else if (err && so)
		file_put(&so->file);
	return err == -ESOCKTNOSUPPORT ? loader_damaged(l, "a socket") : err;
}

/* Embryos are not listening. Whoever waits for what has come is told. */
static int check_all(struct loader *l, const struct sockets *all)
{
	for (size_t i = 0; i < all->nr; i++) {
		struct unix_sock *u = all->item[i];
		if (u->embryo && (u->state != UNIX_ESTABLISHED || u->accept_len))
			return loader_damaged(l, "connections that wait");
		if (!list_empty(&u->queue) || !list_empty(&u->accept_queue) || u->shutdown ||
		    u->err)
			waitqueue_wake_all(&u->wait, 0);
	}
	return 0;
}

static int links_load(struct loader *l, void **out)
{
	struct sockets all = { .item = NULL };
	void *net;
	int err = l->net(l, &net);
	uint64_t nr = decode_count(&l->in, 2 * sizeof(uint64_t));

	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_socket(l, net, &all);
	for (size_t i = 0; i < all.nr && !err; i++)
		err = load_links(l, &all, all.item[i]);
	if (!err)
		err = check_all(l, &all);
	if (!err && l->in.failed)
		err = loader_damaged(l, "connections of sockets");
	/* of those without a file of the program's own it was the last reference */
	for (size_t i = 0; i < all.nr; i++) {
		all.item[i]->number = 0;
		file_put(&all.item[i]->sk.file);
	}
	free(all.item);
	*out = net;
	return err;
}

/* The network is the sandbox's. */
static void links_put(void *object)
{
}

const struct saved_kind unix_links_saved = {
	.name = "connections of unix sockets",
	.save = links_save,
	.load = links_load,
	.put = links_put,
};

/* ---- what a call that is made again has kept of its message ---- */

void socket_msg_save(struct saver *s, const struct socket_msg *m)
{
	encode(&s->out, m != NULL);
	if (!m)
		return;
	encode_bytes(&s->out, &m->name, sizeof m->name);
	encode(&s->out, m->name_len);
	encode(&s->out, m->begun);
	save_origin(&s->out, &m->scm);
	save_files(s, &m->scm);
}

int socket_msg_load(struct loader *l, struct socket_msg **out)
{
	struct socket_msg *m;

	if (!decode_bool(&l->in))
		return 0;
	*out = m = calloc(1, sizeof *m);
	if (!m)
		return -ENOMEM;
	decode_into(&l->in, &m->name, sizeof m->name);
	m->name_len = (unsigned)decode_max(&l->in, sizeof m->name);
	m->begun = decode_bool(&l->in);
	load_origin(&l->in, &m->scm);
	int err = load_files(l, &m->scm);
	return !err && l->in.failed ? loader_damaged(l, "a message") : err;
}
