/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection is handled when something has changed on either side: what can be moved is moved,
 * never more than one buffer each way waits in between, so that a side that does not read holds the
 * other one back.
 */
#include "lib/publish_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/hostcall.h"

#define BUFFER 32768
#define ROUNDS 16 /* of one connection before another has its turn */

/* Bytes on their way. */
struct way {
	size_t from, to; /* data[from..to) */
	bool ended;      /* the source has */
	bool told;       /* the sink knows */
	char data[BUFFER];
};

struct relay {
	struct list node;
	struct guest_end guest;
	int host;
	bool connected;     /* the guest's end */
	struct way in, out; /* to the guest, to the host */
};

void relays_init(struct relays *rs, struct carrier *c)
{
	rs->carrier = c;
	list_init(&rs->list);
}

static void relay_free(struct relay *r, bool reset)
{
	struct linger now = { .l_onoff = 1 };

	guest_end_close(&r->guest, reset);
	if (reset)
		setsockopt(r->host, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(r->host);
	list_del(&r->node);
	free(r);
}

void relays_accept(struct relays *rs, int listener, uint16_t port)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct relay *r = calloc(1, sizeof *r);
	if (!r) {
		close(fd);
		return;
	}
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.ptr = &r->guest };
	guest_end_init(&r->guest, rs->carrier, port);
	r->host = fd;
	list_add_tail(&rs->list, &r->node);
	if (guest_end_connect(&r->guest, AF_INET, SOCK_STREAM) ||
	    epoll_ctl(rs->carrier->epfd, EPOLL_CTL_ADD, fd, &e)) {
		relay_free(r, true);
		return;
	}
	guest_end_set_ready(&r->guest);
}

/* A guest that listens at ::1 alone is reached there. 1: connected; 0: not yet; -errno. */
static int finish_connecting(struct relay *r)
{
	struct guest_end *g = &r->guest;

	if (r->connected)
		return 1;
	while (guest_end_settled(g)) {
		int err = guest_end_error(g);
		r->connected = !err;
		if (r->connected)
			return 1;
		err = g->family == AF_INET ? guest_end_connect(g, AF_INET6, SOCK_STREAM) : err;
		if (err)
			return err;
	}
	return 0;
}

/* One step of a way: bytes that were moved; 0: none can be; -1: the connection is broken. */
typedef ssize_t mover(struct relay *r, char *data, size_t len);

static ssize_t from_host(struct relay *r, char *data, size_t len)
{
	return host_ret(recv(r->host, data, len, MSG_DONTWAIT));
}

static ssize_t to_host(struct relay *r, char *data, size_t len)
{
	return host_ret(send(r->host, data, len, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static ssize_t from_guest(struct relay *r, char *data, size_t len)
{
	return guest_end_receive(&r->guest, data, len);
}

static ssize_t to_guest(struct relay *r, char *data, size_t len)
{
	return guest_end_send(&r->guest, data, len);
}

/* Moves what can be moved one way: true: something was. *broken: nothing more ever will be. */
static bool move(struct relay *r, struct way *w, mover *from, mover *to, bool *broken)
{
	ssize_t n = -EAGAIN;
	bool moved = false;

	if (w->from == w->to && !w->ended) {
		n = from(r, w->data, sizeof w->data);
		w->ended = n == 0;
		w->from = 0;
		w->to = n > 0 ? (size_t)n : 0;
		moved = n >= 0;
		*broken |= n < 0 && n != -EAGAIN;
	}
	if (w->from < w->to) {
		n = to(r, w->data + w->from, w->to - w->from);
		w->from += n > 0 ? (size_t)n : 0;
		moved |= n > 0;
		*broken |= n < 0 && n != -EAGAIN;
	}
	return moved;
}

/* An end goes on to the other side. */
static void pass_ends(struct relay *r)
{
	struct socket *guest = r->guest.socket;

	if (r->in.ended && r->in.from == r->in.to && !r->in.told) {
		guest->ops->shutdown(guest, SHUT_WR);
		r->in.told = true;
	}
	if (r->out.ended && r->out.from == r->out.to && !r->out.told) {
		shutdown(r->host, SHUT_WR);
		r->out.told = true;
	}
}

static void handle(struct relay *r)
{
	r->guest.ready = false;
	int up = finish_connecting(r);
	bool broken = up<0, moved = up> 0;

	for (unsigned i = 0; moved && !broken && i < ROUNDS; i++) {
		moved = move(r, &r->in, from_host, to_guest, &broken);
		moved |= move(r, &r->out, from_guest, to_host, &broken);
	}
	if (up > 0)
		pass_ends(r);
	if (broken || (r->in.told && r->out.told))
		relay_free(r, broken);
	else if (moved)
		guest_end_set_ready(&r->guest);
}

void relays_handle(struct relays *rs)
{
	struct relay *r, *next;

	list_for_each_safe (r, next, &rs->list, node)
		if (r->guest.ready)
			handle(r);
}

void relays_end(struct relays *rs)
{
	while (!list_empty(&rs->list))
		relay_free(list_first(&rs->list, struct relay, node), true);
}
