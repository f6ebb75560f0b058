/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads sockets of the sandbox's own loopback, as net/unix_save.c does unix sockets: each
 * by itself, and in another object what binds them together and to their ports.
 *
 * Published ports have sockets that no process of the guest has (struct socket.outside), and their
 * thread goes on while a sandbox is saved. They are not saved; a connection to one ends in a copy,
 * by a reset. The others are still, because only guests change them, and guests are frozen.
 *
 * A socket whose file is gone may still be the peer of one that has not noticed. A copy makes it
 * and lets its file go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/saved.h"
#include "net/loop_sock.h"

#define NSEC_PER_SEC 1000000000L
#define ERRNO_MAX    4095

struct sockets {
	struct loop_sock **item; /* number n is item[n - 1]; references */
	size_t nr, room;
	bool failed; /* no memory */
};

/* ---- a socket by itself ---- */

static int loop_save(struct saver *s, void *object)
{
	struct socket *so = file_socket(object);
	struct loop_sock *l = loop_of(so);

	(void)saved_object(s, &loop_links_saved, so->net);
	net_number_save(s, so->net);
	encode(&s->out, (uint64_t)so->family);
	encode(&s->out, (uint64_t)so->type);
	encode(&s->out, (uint64_t)so->protocol);
	socket_save(s, so);
	encode(&s->out, l->own_buffers);
	encode(&s->out, l->drops);
	loop_options_save(&s->out, l);
	for (size_t i = 0; i < 8; i++)
		encode(&s->out, l->hidden_types[i]);
	encode_signed(&s->out, l->checksum);
	encode(&s->out, l->protocol);
	encode_signed(&s->out, l->interface);
	encode(&s->out, l->auxdata);
	encode(&s->out, l->seen);
	encode(&s->out, l->unstored);
	return 0;
}

/* A new socket of the copy's. */
static int make(struct loader *l, struct net *net, int family, int type, int protocol,
		struct loop_sock **out)
{
	bool inet = family == AF_INET || family == AF_INET6;

	if (!net->loop)
		return errmsg_set(
		    l->errmsg, ENOTSUP,
		    "the snapshot has sockets of a loopback of its own, which the copy "
		    "lacks: --net none");
	if ((!inet && family != AF_PACKET) || protocol < 0 ||
	    (type == SOCK_STREAM ? !inet || protocol != IPPROTO_TCP
				 : type != SOCK_DGRAM && type != SOCK_RAW))
		return loader_damaged(l, "a socket");
	return loop_new(net, l->caller, family, type, protocol, 0, out);
}

static int loop_load(struct loader *l, void **out)
{
	struct loop_sock *s;
	struct net *net;
	int err = net_number_load(l, &net);
	int family = (int)decode_max(&l->in, AF_MAX), type = (int)decode_max(&l->in, SOCK_PACKET);
	int protocol = (int)decode_max(&l->in, UINT16_MAX);

	if (!err)
		err = make(l, net, family, type, protocol, &s);
	if (err)
		return err;
	err = socket_load(l, &s->sk);
	s->own_buffers = decode_bool(&l->in);
	s->drops = (unsigned)decode_max(&l->in, UINT32_MAX);
	loop_options_load(&l->in, s);
	for (size_t i = 0; i < 8; i++)
		s->hidden_types[i] = (uint32_t)decode_max(&l->in, UINT32_MAX);
	s->checksum = (int)decode_between(&l->in, -1, INT32_MAX - 2);
	s->protocol = (uint16_t)decode_max(&l->in, UINT16_MAX);
	s->interface = (int)decode_max(&l->in, LO_INDEX);
	s->auxdata = decode_bool(&l->in);
	s->seen = (unsigned)decode_max(&l->in, UINT32_MAX);
	s->unstored = (unsigned)decode_max(&l->in, UINT32_MAX);
	if (!err && l->in.failed)
		err = loader_damaged(l, "a socket");
	if (err)
		file_put(&s->sk.file);
	else
		*out = &s->sk.file;
	return err;
}

const struct saved_kind loop_saved = {
	.name = "loopback socket",
	.save = loop_save,
	.load = loop_load,
	.put = file_saved_put,
};

/* ---- which there are; net->lock and loop->lock held ---- */

static void add(struct sockets *all, struct loop_sock *s)
{
	if (s->number || all->failed)
		return;
	if (all->nr == all->room) {
		size_t room = all->room ? 2 * all->room : 64;
		struct loop_sock **item = reallocarray(all->item, room, sizeof(struct loop_sock *));
		all->failed = !item;
		if (!item)
			return;
		all->item = item;
		all->room = room;
	}
	all->item[all->nr++] = loop_get(s);
	s->number = all->nr;
}

/* Is the other end of its connection one that is not saved? */
static bool ends_outside(const struct loop_sock *s)
{
	return s->peer && s->peer->sk.outside;
}

/* Is it one of this file's? */
static bool is_ours(const struct socket *so)
{
	return so->ops == &loop_tcp_ops || so->ops == &loop_udp_ops || so->ops == &loop_raw_ops ||
	       so->ops == &loop_packet_ops;
}

static void find_all(struct net *net, struct sockets *all)
{
	struct socket *so;

	list_for_each (so, &net->sockets, net_node) {
		if (is_ours(so) && !so->outside)
			add(all, loop_of(so));
	}
}

/* Peers that are not in the list of sockets are those without a file. */
static size_t find_fileless(struct sockets *all)
{
	size_t with_file = all->nr;

	for (size_t i = 0; i < with_file && !all->failed; i++) {
		struct loop_sock *s = all->item[i];
		if (s->peer && s->state != TCP_CLOSE && !ends_outside(s))
			add(all, s->peer);
	}
	return with_file;
}

static void forget(struct sockets *all)
{
	for (size_t i = 0; i < all->nr; i++)
		all->item[i]->number = 0;
}

static uint64_t number_of(const struct loop_sock *s)
{
	return s ? s->number : 0;
}

static int load_number(struct loader *l, const struct sockets *all, struct loop_sock **out)
{
	uint64_t n = decode_max(&l->in, all->nr);

	*out = n ? all->item[n - 1] : NULL;
	return l->in.failed ? loader_damaged(l, "the number of a socket") : 0;
}

/* ---- what waits in a socket ---- */

static void save_name(struct encoder *out, const struct loop_name *n)
{
	encode_bytes(out, &n->ip, sizeof n->ip);
	encode(out, n->port);
}

static void load_ip(struct decoder *in, struct in6_addr *ip)
{
	size_t len;
	const void *data = decode_bytes(in, &len);

	if (data && len == sizeof *ip)
		memcpy(ip, data, sizeof *ip);
	else
		in->failed = true;
}

static void load_name(struct decoder *in, struct loop_name *n)
{
	load_ip(in, &n->ip);
	n->port = (uint16_t)decode_max(in, UINT16_MAX);
}

static void save_chunk(struct encoder *out, const struct loop_chunk *k, bool stream)
{
	encode_bytes(out, k->data + k->off, k->len - k->off);
	if (stream)
		return;
	save_name(out, &k->from);
	encode_bytes(out, &k->to, sizeof k->to);
	encode_signed(out, k->when.tv_sec);
	encode_signed(out, k->when.tv_nsec);
	encode_signed(out, k->ttl);
	encode_signed(out, k->tos);
	encode(out, k->lost);
	encode(out, k->peeked);
	encode(out, k->protocol);
	encode(out, k->kind);
	encode(out, k->whole);
}

static void save_errors(struct encoder *out, const struct loop_sock *s)
{
	const struct loop_chunk *k;
	uint64_t nr = 0;

	list_for_each (k, &s->errors, node)
		nr++;
	encode(out, s->zerocopy_id);
	encode(out, s->sent_id);
	encode(out, nr);
	list_for_each (k, &s->errors, node) {
		encode_bytes(out, &k->ee, sizeof k->ee);
		save_chunk(out, k, false);
	}
}

static void save_queue(struct encoder *out, struct loop_sock *s)
{
	struct loop_chunk *k;
	uint64_t nr = 0;

	mutex_lock(&s->lock);
	list_for_each (k, &s->queue, node)
		nr++;
	encode(out, nr);
	list_for_each (k, &s->queue, node)
		save_chunk(out, k, loop_is_stream(s));
	encode(out, s->urgent);
	encode(out, s->urgent ? s->urgent_pos - s->read_pos : 0);
	encode(out, s->urgent_byte);
	save_errors(out, s);
	mutex_unlock(&s->lock);
}

/* A piece of a stream, or else a datagram: 0 or -errno. */
static int load_chunk(struct loader *l, struct loop_sock *s, bool stream, struct loop_chunk **out)
{
	struct decoder *in = &l->in;
	size_t len;
	const void *data = decode_bytes(in, &len);

	if (!data || len > INT32_MAX || (stream ? !len : len > LO_MTU + LOOP_FRAME_HEAD))
		return loader_damaged(l, "what waits in a socket");
	struct loop_chunk *k = *out = loop_chunk_new(s, len);
	if (!k)
		return -ENOMEM;
	memcpy(k->data, data, len);
	k->len = len;
	if (stream)
		return 0;
	load_name(in, &k->from);
	load_ip(in, &k->to);
	k->when.tv_sec = (time_t)decode(in);
	k->when.tv_nsec = decode_between(in, 0, NSEC_PER_SEC - 1);
	k->ttl = (int)decode_max(in, 255);
	k->tos = (int)decode_max(in, 255);
	k->lost = (unsigned)decode_max(in, UINT32_MAX);
	k->peeked = decode_bool(in);
	k->protocol = (uint16_t)decode_max(in, UINT16_MAX);
	k->kind = (uint8_t)decode_max(in, UINT8_MAX);
	k->whole = (uint32_t)decode_max(in, UINT32_MAX);
	return 0;
}

static int load_error(struct loader *l, struct loop_sock *s)
{
	struct sock_extended_err ee;
	struct loop_chunk *k;
	size_t len;
	const void *data = decode_bytes(&l->in, &len);

	if (!data || len != sizeof ee)
		return loader_damaged(l, "an error of a socket");
	memcpy(&ee, data, sizeof ee);
	int err = load_chunk(l, s, false, &k);
	if (err)
		return err;
	k->ee = ee;
	k->ee.ee_errno = ee.ee_errno <= ERRNO_MAX ? ee.ee_errno : 0;
	s->error_bytes += k->len + LOOP_OVERHEAD;
	list_add_tail(&s->errors, &k->node);
	return 0;
}

static int load_queue(struct loader *l, struct loop_sock *s)
{
	struct decoder *in = &l->in;
	uint64_t nr = decode_count(in, sizeof(uint64_t));
	bool stream = loop_is_stream(s);
	struct loop_chunk *k;
	int err = 0;

	mutex_lock(&s->lock);
	for (uint64_t i = 0; i < nr && !err; i++) {
		err = load_chunk(l, s, stream, &k);
		if (err)
			break;
		s->queued += k->len;
		s->charged += stream ? 0 : k->len + LOOP_OVERHEAD;
		list_add_tail(&s->queue, &k->node);
	}
	s->urgent = (enum loop_urgent)decode_max(in, URGENT_READ);
	s->urgent_pos = decode(in);
	s->urgent_byte = (unsigned char)decode_max(in, UINT8_MAX);
	if (!err && s->urgent && (!loop_is_stream(s) || s->urgent_pos >= s->queued))
		err = loader_damaged(l, "urgent data");
	if (err)
		s->urgent = URGENT_NONE;
	s->zerocopy_id = (uint32_t)decode_max(in, UINT32_MAX);
	s->sent_id = (uint32_t)decode_max(in, UINT32_MAX);
	nr = err ? 0 : decode_count(in, 2 * sizeof(uint64_t));
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_error(l, s);
	mutex_unlock(&s->lock);
	return err;
}

/* ---- one socket's part ---- */

static void save_listener(struct encoder *out, const struct loop_sock *s)
{
	struct loop_sock *e;
	uint64_t nr = 0;

	encode(out, s->backlog);
	encode(out, s->accept_len);
	list_for_each (e, &s->accept_queue, accept_node)
		encode(out, number_of(e));
	list_for_each (e, &s->pending, accept_node)
		nr += !e->sk.outside;
	encode(out, nr);
	list_for_each (e, &s->pending, accept_node)
		if (!e->sk.outside)
			encode(out, number_of(e));
}

/* Is it a raw or packet socket that gets what goes by? */
static bool hears(const struct loop_sock *s)
{
	return loop_is_bound(s) && (loop_is_raw(s) || s->sk.family == AF_PACKET);
}

/* One that is connected to somebody outside is as if that one had reset the connection. */
static void save_link(struct encoder *out, struct loop_sock *s)
{
	bool cut = ends_outside(s) && s->state != TCP_CLOSE;
	int state = cut ? TCP_CLOSE : s->state;

	save_name(out, &s->local);
	save_name(out, &s->remote);
	encode(out, s->own_port);
	encode(out, s->own_ip);
	encode(out, hears(s));
	encode_signed(out, state);
	encode(out, s->phase);
	encode(out, cut ? SHUTDOWN_MASK : s->shutdown);
	encode_signed(out, cut ? ECONNRESET : s->err);
	encode(out, s->done);
	encode(out, state == TCP_CLOSE ? 0 : s->connection);
	encode(out, state == TCP_CLOSE ? 0 : number_of(s->peer));
	encode(out, s->sent);
	encode(out, s->received);
	encode(out, s->pieces_sent);
	encode(out, s->pieces_received);
	encode(out, s->active);
	encode(out, s->ended);
	save_listener(out, s);
	save_queue(out, s);
}

/* Which states there are: of TCP some pass by unseen (net/loop_tcp.c). */
static bool is_state(const struct loop_sock *s, int state)
{
	if (!loop_is_stream(s))
		return state == TCP_CLOSE || state == TCP_ESTABLISHED;
	return state == TCP_CLOSE || state == TCP_LISTEN || state == TCP_SYN_SENT ||
	       state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT2;
}

/* Is it one end of a connection? */
static bool is_connected(const struct loop_sock *s, int state)
{
	return loop_is_stream(s) && state != TCP_CLOSE && state != TCP_LISTEN &&
	       state != TCP_SYN_SENT;
}

/* Names of IPv4 alone for a socket of IPv4. */
static bool fits_family(const struct loop_sock *s, const struct in6_addr *ip)
{
	return s->sk.family == AF_INET6 || IN6_IS_ADDR_V4MAPPED(ip) || IN6_IS_ADDR_UNSPECIFIED(ip);
}

/* One of those that a listener keeps; none of them is kept by another one, too. */
static int load_who_waits(struct loader *l, const struct sockets *all, const struct loop_sock *s,
			  struct loop_sock **out)
{
	int err = load_number(l, all, out);
	struct loop_sock *e = *out;

	if (err)
		return err;
	if (!e || e == s || e->listener || !loop_is_stream(e) || e->state == TCP_LISTEN ||
	    s->state != TCP_LISTEN)
		return loader_damaged(l, "who waits at a listening socket");
	return 0;
}

static int load_waiting(struct loader *l, const struct sockets *all, struct loop_sock *s)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	struct loop_sock *e;

	for (uint64_t i = 0; i < nr; i++) {
		int err = load_who_waits(l, all, s, &e);
		if (err)
			return err;
		file_get(&e->sk.file);
		e->listener = s;
		list_add_tail(&s->accept_queue, &e->accept_node);
		s->accept_len++;
	}
	return 0;
}

/* Those who wait for room in the queue, each with the other end that it will get. */
static int load_pending(struct loader *l, const struct sockets *all, struct loop_sock *s)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	struct loop_sock *e;

	for (uint64_t i = 0; i < nr; i++) {
		int err = load_who_waits(l, all, s, &e);
		if (!err)
			err =
			    make(l, e->sk.net, e->sk.family, SOCK_STREAM, IPPROTO_TCP, &e->embryo);
		if (err)
			return err;
		e->listener = s;
		list_add_tail(&s->pending, &e->accept_node);
	}
	return 0;
}

/* The state and the peer, which go together; one that waits in a queue has none itself. */
static int load_state(struct loader *l, const struct sockets *all, struct loop_sock *s)
{
	struct decoder *in = &l->in;
	struct loop_sock *peer = NULL;
	int state = (int)decode_between(in, TCP_ESTABLISHED, TCP_CLOSING);

	s->phase = (enum loop_phase)decode_max(in, SS_CONNECTED);
	s->shutdown = (unsigned)decode_max(in, SHUTDOWN_MASK);
	s->err = (int)decode_between(in, 0, ERRNO_MAX);
	s->done = decode_bool(in);
	s->connection = decode(in);
	int err = load_number(l, all, &peer);
	if (!err && (!is_state(s, state) || (state == TCP_LISTEN && s->listener) ||
		     s->connection > s->loop->connections ||
		     is_connected(s, state) != (peer != NULL) || (peer && !loop_is_stream(peer))))
		err = loader_damaged(l, "a connection");
	if (err)
		return err;
	s->state = state;
	s->peer = peer ? loop_get(peer) : NULL;
	return 0;
}

static int load_link(struct loader *l, const struct sockets *all, struct loop_sock *s)
{
	struct decoder *in = &l->in;

	load_name(in, &s->local);
	load_name(in, &s->remote);
	if (!fits_family(s, &s->local.ip) || !fits_family(s, &s->remote.ip))
		return loader_damaged(l, "the name of a socket");
	s->own_port = decode_bool(in);
	s->own_ip = decode_bool(in);
	bool hears_all = decode_bool(in);
	if (hears_all && !loop_is_raw(s) && s->sk.family != AF_PACKET)
		return loader_damaged(l, "a raw socket");
	if (hears_all)
		loop_hear(s);
	int err = load_state(l, all, s);
	s->sent = decode(in);
	s->received = decode(in);
	s->pieces_sent = (uint32_t)decode_max(in, UINT32_MAX);
	s->pieces_received = (uint32_t)decode_max(in, UINT32_MAX);
	s->active = decode_bool(in);
	s->ended = decode_bool(in);
	s->backlog = (unsigned)decode_max(in, UINT32_MAX);
	if (!err)
		err = load_waiting(l, all, s);
	if (!err)
		err = load_pending(l, all, s);
	return err ? err : load_queue(l, s);
}

/* ---- all of them ---- */

/* Those that connect since lo is down. */
static void save_parked(struct encoder *out, struct loop *l)
{
	size_t place = encode_place(out);
	uint64_t nr = 0;
	struct loop_sock *s;

	list_for_each (s, &l->parked, accept_node)
		if (s->number) {
			encode(out, s->number);
			nr++;
		}
	encode_at(out, place, nr);
}

static int load_parked(struct loader *l, const struct sockets *all, struct loop *loop)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	struct loop_sock *s;

	for (uint64_t i = 0; i < nr; i++) {
		int err = load_number(l, all, &s);
		if (!err && (!s || s->listener || s->embryo || s->state != TCP_SYN_SENT))
			err = loader_damaged(l, "who waits for the interface");
		if (!err)
			err =
			    make(l, s->sk.net, s->sk.family, SOCK_STREAM, IPPROTO_TCP, &s->embryo);
		if (err)
			return err;
		list_add_tail(&loop->parked, &s->accept_node);
	}
	return 0;
}

/* Those that have a port, in the order in which they are found by it. */
static void save_ports(struct encoder *out, struct loop *l)
{
	size_t place = encode_place(out);
	uint64_t nr = 0;
	struct loop_sock *s;

	for (int p = 0; p < 3; p++)
		for (int i = 0; i < LOOP_BUCKETS; i++)
			list_for_each (s, &l->ports[p][i], bound)
				if (s->number) {
					encode(out, s->number);
					nr++;
				}
	encode_at(out, place, nr);
}

static int load_ports(struct loader *l, const struct sockets *all)
{
	uint64_t nr = decode_count(&l->in, sizeof(uint64_t));
	struct loop_sock *s;

	for (uint64_t i = 0; i < nr; i++) {
		int err = load_number(l, all, &s);
		if (!err && (!s || loop_is_bound(s) || !s->local.port || loop_is_raw(s) ||
			     s->sk.family == AF_PACKET))
			err = loader_damaged(l, "the port of a socket");
		if (err)
			return err;
		mutex_lock(&s->loop->lock);
		loop_bind_shared(s, s->local.port);
		mutex_unlock(&s->loop->lock);
	}
	return 0;
}

static int links_save(struct saver *s, void *object)
{
	struct sockets all = { .item = NULL };
	struct encoder *out = &s->out;
	struct net *net = object;

	net_number_save(s, net);
	mutex_lock(&net->lock);
	mutex_lock(&net->loop->lock);
	find_all(net, &all);
	size_t with_file = find_fileless(&all);
	encode(out, net->loop->connections);
	encode(out, net->packets);
	encode(out, net->bytes);
	encode(out, net->ping_groups);
	encode(out, all.nr);
	for (size_t i = 0; i < all.nr; i++) {
		struct loop_sock *so = all.item[i];
		encode(out, (uint64_t)so->sk.family);
		encode(out, (uint64_t)so->sk.type);
		encode(out, (uint64_t)so->sk.protocol);
		encode(out, i < with_file ? file_saved(s, &so->sk.file) : 0);
	}
	for (size_t i = 0; i < all.nr; i++)
		save_link(out, all.item[i]);
	save_ports(out, net->loop);
	save_parked(out, net->loop);
	forget(&all);
	mutex_unlock(&net->loop->lock);
	mutex_unlock(&net->lock);
	for (size_t i = 0; i < all.nr; i++)
		loop_put(all.item[i]);
	free(all.item);
	return all.failed ? -ENOMEM : 0;
}

/* A socket with a file, or a new one whose file is to go: both are a reference of their file. */
static int load_socket(struct loader *l, struct net *net, struct sockets *all)
{
	int family = (int)decode_max(&l->in, AF_MAX), type = (int)decode_max(&l->in, SOCK_PACKET);
	int protocol = (int)decode_max(&l->in, UINT16_MAX);
	struct loop_sock *s = NULL;
	struct file *f = NULL;
	int err = file_loaded(l, decode(&l->in), &f);
	struct socket *so = !err && f ? file_socket(f) : NULL;

	if (!err && !f)
		err = make(l, net, family, type, protocol, &s);
	else if (!err && so && so->net == net && is_ours(so))
		s = loop_of(so);
	if (!err && (!s || s->number))
		err = loader_damaged(l, "a socket");
	if (!err) {
		size_t before = all->nr;
		add(all, s);
		err = all->nr == before ? -ENOMEM : 0;
	}
	if (err && f)
		file_put(f);
	else if (err && s)
		file_put(&s->sk.file);
	return err;
}

/* Who is on the way to a connection, and nobody else, waits for room in a queue. Where that is not
 * so, the state becomes the one that a release can leave. */
static int check_all(struct loader *l, const struct sockets *all)
{
	int err = 0;

	for (size_t i = 0; i < all->nr; i++) {
		struct loop_sock *s = all->item[i];
		if ((s->state == TCP_SYN_SENT) == (s->embryo != NULL))
			continue;
		err = -EBADMSG;
		s->state = s->embryo ? TCP_SYN_SENT : TCP_CLOSE;
	}
	return err ? loader_damaged(l, "connections that wait") : 0;
}

static int links_load(struct loader *l, void **out)
{
	struct sockets all = { .item = NULL };
	struct net *net;
	int err = net_number_load(l, &net);

	if (!err && !net->loop)
		err = loader_damaged(l, "connections without a loopback");
	if (err)
		return err;
	net->loop->connections = decode(&l->in);
	net->packets = decode(&l->in);
	net->bytes = decode(&l->in);
	net->ping_groups = decode(&l->in);
	uint64_t nr = decode_count(&l->in, 4 * sizeof(uint64_t));
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_socket(l, net, &all);
	/* nobody else knows them yet */
	for (size_t i = 0; i < all.nr && !err; i++)
		err = load_link(l, &all, all.item[i]);
	if (!err)
		err = load_ports(l, &all);
	if (!err)
		err = load_parked(l, &all, net->loop);
	int waits = check_all(l, &all);
	err = err ? err : waits;
	if (!err && l->in.failed)
		err = loader_damaged(l, "connections of sockets");
	forget(&all);
	/* of those without a file of the program's own it was the last reference */
	for (size_t i = 0; i < all.nr; i++) {
		loop_wake(all.item[i], 0);
		file_put(&all.item[i]->sk.file);
		loop_put(all.item[i]);
	}
	free(all.item);
	*out = net;
	return err;
}

/* The network is the sandbox's. */
static void links_put(void *object)
{
}

const struct saved_kind loop_links_saved = {
	.name = "connections of loopback sockets",
	.save = links_save,
	.load = links_load,
	.put = links_put,
};
