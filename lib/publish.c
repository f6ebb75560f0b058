/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that carries connections between ports of the host and a guest's loopback. It sleeps
 * in an epoll instance with the host's sockets, and is woken by the guest's. A connection is
 * handled when something has changed on either side: what can be moved is moved, never more than
 * one buffer each way waits in between, so that a side that does not read holds the other one back.
 */
#include "lib/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/hostcall.h"
#include "host/thread.h"
#include "kernel/sandbox.h"
#include "kernel/visitor.h"
#include "lib/config.h"
#include "lib/error.h"
#include "mm/uio.h"
#include "net/net.h"
#include "net/socket.h"
#include "sys/sys.h"
#include "util/list.h"

#define BUFFER    32768
#define ROUNDS    16 /* of one connection before another has its turn */
#define EVENTS    64
#define BACKLOG   4096
#define TEXT_MAX  128
#define LISTENING 1U /* epoll_event.data.u64 of the listener i: i * 2 + LISTENING */
#define ENDING    UINT64_MAX

/* Bytes on their way. */
struct way {
	size_t from, to; /* data[from..to) */
	bool ended;      /* the source has */
	bool told;       /* the sink knows */
	char data[BUFFER];
};

struct relay {
	struct list node;
	struct publisher *publisher;
	int host;
	struct socket *guest;
	struct waiter waiter; /* on the guest's socket */
	struct poll_table poll;
	_Atomic bool ready; /* something has changed */
	struct way in, out; /* to the guest, to the host */
};

struct listener {
	int fd;
	uint16_t guest;
};

struct publisher {
	struct listener *listener;
	size_t count;
	int epfd;
	struct sandbox *sandbox;
	struct net *net;
	pthread_t thread;
	bool started;
	sem_t ready;            /* the thread can be woken */
	int ending_fd;          /* an eventfd: it is to end */
	struct visitor visitor; /* the thread's own */
	struct list relays;
	_Atomic bool some_ready; /* of the relays */
};

/* ---- what is asked for ---- */

static bool parse_port(const char *s, uint16_t *out)
{
	char *end;

	errno = 0;
	unsigned long n = strtoul(s, &end, 10);
	*out = (uint16_t)n;
	return *s >= '0' && *s <= '9' && !*end && !errno && n >= 1 && n <= UINT16_MAX;
}

static bool parse_address(char *s, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
	size_t len = strlen(s);

	if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
		s[len - 1] = '\0';
		*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		return inet_pton(AF_INET6, s + 1, &in6->sin6_addr) == 1;
	}
	*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	return inet_pton(AF_INET, s, &in->sin_addr) == 1;
}

const char *publication_parse(const char *text, struct publication *out)
{
	static const char why[] =
	    "a published port is [ADDRESS:]HOST:GUEST, with ports from 1 to 65535";
	char copy[TEXT_MAX], local[] = "127.0.0.1", *address = local;
	uint16_t port;

	*out = (struct publication){ .guest = 0 };
	if (strlen(text) >= sizeof copy)
		return why;
	strcpy(copy, text);
	char *guest = strrchr(copy, ':');
	if (!guest)
		return why;
	*guest++ = '\0';
	char *host = strrchr(copy, ':');
	if (host) {
		*host++ = '\0';
		address = copy;
	} else {
		host = copy;
	}
	if (!parse_port(guest, &out->guest) || !parse_port(host, &port) ||
	    !parse_address(address, port, &out->at))
		return why;
	return NULL;
}

/* ---- the host's side ---- */

static int listen_at(const struct publication *p)
{
	int on = 1, fd = socket(p->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool six = p->at.ss_family == AF_INET6;
	socklen_t len = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&p->at, len) || listen(fd, BACKLOG)) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int add_listener(struct publisher *p, const char *text, struct hl_error **err)
{
	struct publication what;
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = p->count * 2 + LISTENING };
	struct listener *l = &p->listener[p->count];

	if (publication_parse(text, &what))
		return error_set(err, HL_INVALID, "a published port cannot be read: '%s'", text);
	l->guest = what.guest;
	l->fd = listen_at(&what);
	if (l->fd < 0)
		return error_set(err, HL_SYSTEM, "the port cannot be published: '%s': %s", text,
				 strerror(-l->fd));
	p->count++;
	if (epoll_ctl(p->epfd, EPOLL_CTL_ADD, l->fd, &e))
		return error_set(err, HL_SYSTEM, "the port cannot be published: '%s': %s", text,
				 strerror(errno));
	return 0;
}

int publisher_open(const struct hl_config *cfg, struct publisher **out, struct hl_error **err)
{
	size_t n = cfg->publish.count;

	if (!n)
		return 0;
	struct publisher *p = *out = calloc(1, sizeof *p);
	if (!p)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	list_init(&p->relays);
	sem_init(&p->ready, 0, 0);
	p->epfd = epoll_create1(EPOLL_CLOEXEC);
	p->ending_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->listener = calloc(n, sizeof *p->listener);
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = ENDING };
	if (!p->listener || epoll_ctl(p->epfd, EPOLL_CTL_ADD, p->ending_fd, &e))
		return error_set(err, HL_NO_MEMORY, "out of memory, or of descriptors");
	for (size_t i = 0; i < n; i++)
		if (add_listener(p, cfg->publish.item[i], err))
			return -1;
	return 0;
}

/* ---- a connection ---- */

/* The guest's socket has changed: under its queue's lock. */
static bool guest_changed(struct waiter *w, unsigned events)
{
	struct relay *r = container_of(w, struct relay, waiter);

	r->ready = true;
	r->publisher->some_ready = true;
	sleeper_wake(&r->publisher->visitor.sleeper);
	return false;
}

static void listen_to_queue(struct poll_table *pt, struct waitqueue *q)
{
	struct relay *r = container_of(pt, struct relay, poll);

	if (!r->waiter.queue)
		waitqueue_add(q, &r->waiter);
}

static void relay_free(struct relay *r, bool reset)
{
	struct linger now = { .l_onoff = 1 };

	waitqueue_remove(&r->waiter);
	if (r->guest) {
		if (reset)
			r->guest->linger = 0;
		file_put(&r->guest->file);
	}
	if (reset)
		setsockopt(r->host, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(r->host);
	list_del(&r->node);
	free(r);
}

static int connect_guest(struct relay *r, uint16_t port)
{
	struct caller *c = &r->publisher->visitor.caller;
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	int err = socket_create(r->publisher->net, c, AF_INET, SOCK_STREAM, 0, 0, &r->guest);
	if (err)
		return err;
	r->poll = (struct poll_table){ .wait = listen_to_queue };
	r->guest->ops->poll(r->guest, &r->poll);
	err = r->guest->ops->connect(r->guest, c, (struct sockaddr *)&four, sizeof four, true);
	return err == -EINPROGRESS ? 0 : err;
}

/* A guest that listens at ::1 alone is reached there. */
static int connect_guest_6(struct relay *r, uint16_t port)
{
	struct caller *c = &r->publisher->visitor.caller;
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	waitqueue_remove(&r->waiter);
	file_put(&r->guest->file);
	r->guest = NULL;
	int err = socket_create(r->publisher->net, c, AF_INET6, SOCK_STREAM, 0, 0, &r->guest);
	if (err)
		return err;
	r->guest->ops->poll(r->guest, &r->poll);
	err = r->guest->ops->connect(r->guest, c, (struct sockaddr *)&six, sizeof six, true);
	return err == -EINPROGRESS ? 0 : err;
}

static void accept_one(struct publisher *p, const struct listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct relay *r = calloc(1, sizeof *r);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.ptr = r };
	if (!r) {
		close(fd);
		return;
	}
	r->publisher = p;
	r->host = fd;
	list_add_tail(&p->relays, &r->node);
	waiter_init(&r->waiter, &p->visitor.sleeper);
	r->waiter.wake = guest_changed;
	int err = connect_guest(r, l->guest);
	if (!err && r->guest->ops->take_error(r->guest))
		err = connect_guest_6(r, l->guest);
	if (err || epoll_ctl(p->epfd, EPOLL_CTL_ADD, fd, &e)) {
		relay_free(r, true);
		return;
	}
	r->ready = p->some_ready = true;
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

static ssize_t move_guest(struct relay *r, char *data, size_t len, bool in)
{
	struct caller *c = &r->publisher->visitor.caller;
	struct uio u;
	struct socket_msg m = { .uio = &u, .flags = MSG_DONTWAIT | MSG_NOSIGNAL };

	uio_init_kernel(&u, data, len);
	return in ? r->guest->ops->sendmsg(r->guest, c, &m)
		  : r->guest->ops->recvmsg(r->guest, c, &m);
}

static ssize_t from_guest(struct relay *r, char *data, size_t len)
{
	return move_guest(r, data, len, false);
}

static ssize_t to_guest(struct relay *r, char *data, size_t len)
{
	return move_guest(r, data, len, true);
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
	if (r->in.ended && r->in.from == r->in.to && !r->in.told) {
		r->guest->ops->shutdown(r->guest, SHUT_WR);
		r->in.told = true;
	}
	if (r->out.ended && r->out.from == r->out.to && !r->out.told) {
		shutdown(r->host, SHUT_WR);
		r->out.told = true;
	}
}

static void handle(struct relay *r)
{
	bool broken = false, moved = true;

	r->ready = false;
	for (unsigned i = 0; moved && !broken && i < ROUNDS; i++) {
		moved = move(r, &r->in, from_host, to_guest, &broken);
		moved |= move(r, &r->out, from_guest, to_host, &broken);
	}
	pass_ends(r);
	if (broken || (r->in.told && r->out.told)) {
		relay_free(r, broken);
	} else if (moved) {
		r->ready = r->publisher->some_ready = true;
	}
}

/* ---- the thread ---- */

/* False: the end has come. */
static bool take_events(struct publisher *p, const struct epoll_event *e, int n)
{
	for (int i = 0; i < n; i++) {
		if (e[i].data.u64 == ENDING)
			return false;
		if (e[i].data.u64 & LISTENING) {
			accept_one(p, &p->listener[e[i].data.u64 / 2]);
		} else {
			((struct relay *)e[i].data.ptr)->ready = true;
			p->some_ready = true;
		}
	}
	return true;
}

static void *publisher_main(void *arg)
{
	struct publisher *p = arg;
	struct epoll_event events[EVENTS];
	bool goes_on = visitor_init(&p->visitor, p->sandbox, p->sandbox->vfs->monitor, NULL) == 0;

	sem_post(&p->ready);
	while (goes_on) {
		bool busy = atomic_exchange(&p->some_ready, false);
		int n = sleeper_epoll(&p->visitor.sleeper, p->epfd, events, EVENTS,
				      busy ? 0 : DEADLINE_NONE);
		struct relay *r, *next;
		goes_on = take_events(p, events, n > 0 ? n : 0);
		list_for_each_safe (r, next, &p->relays, node)
			if (r->ready)
				handle(r);
	}
	while (!list_empty(&p->relays))
		relay_free(list_first(&p->relays, struct relay, node), true);
	visitor_done(&p->visitor);
	return NULL;
}

int publisher_start(struct publisher *p, struct sandbox *sb, struct hl_error **err)
{
	if (!p)
		return 0;
	p->sandbox = sb;
	p->net = sys_net(sb);
	if (!p->net)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	int e = host_thread_start(&p->thread, 0, THREAD_KICKED, publisher_main, p);
	if (e)
		return error_set(err, HL_SYSTEM, "no thread for published ports: %s", strerror(-e));
	p->started = true;
	while (sem_wait(&p->ready))
		;
	return 0;
}

void publisher_free(struct publisher *p)
{
	uint64_t one = 1;

	if (!p)
		return;
	if (p->started) {
		(void)!write(p->ending_fd, &one, sizeof one);
		pthread_join(p->thread, NULL);
	}
	for (size_t i = 0; i < p->count; i++)
		close(p->listener[i].fd);
	if (p->epfd >= 0)
		close(p->epfd);
	if (p->ending_fd >= 0)
		close(p->ending_fd);
	sem_destroy(&p->ready);
	free(p->listener);
	free(p);
}
