/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that carries what comes to ports of the host to a guest's loopback, and what comes
 * back: connections (lib/publish_tcp.h) and datagrams (lib/publish_udp.h). It sleeps in an epoll
 * instance with the host's sockets, and is woken by the guest's.
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
#include "lib/config.h"
#include "lib/error.h"
#include "lib/guest_end.h"
#include "lib/publish_tcp.h"
#include "lib/publish_udp.h"
#include "net/net.h"
#include "sys/sys.h"

#define EVENTS    64
#define BACKLOG   4096
#define TEXT_MAX  128
#define LISTENING 1U /* epoll_event.data.u64 of the listener i: i * 2 + LISTENING */
#define ENDING    UINT64_MAX

struct listener {
	int fd;
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	uint16_t guest;
};

struct publisher {
	struct carrier carrier;
	struct relays relays;
	struct sessions sessions;
	struct listener *listener;
	size_t count;
	struct sandbox *sandbox;
	pthread_t thread;
	bool started;
	sem_t ready;   /* the thread can be woken */
	int ending_fd; /* an eventfd: it is to end */
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
	static const char why[] = "a published port is [ADDRESS:]HOST:GUEST, perhaps with /tcp or "
				  "/udp behind it, with ports from 1 to 65535";
	char copy[TEXT_MAX], local[] = "127.0.0.1", *address = local;
	uint16_t port;

	*out = (struct publication){ .type = SOCK_STREAM };
	if (strlen(text) >= sizeof copy)
		return why;
	strcpy(copy, text);
	char *protocol = strchr(copy, '/');
	if (protocol) {
		*protocol++ = '\0';
		if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
			return why;
		out->type = *protocol == 'u' ? SOCK_DGRAM : SOCK_STREAM;
	}
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

/* A port of TCP is bound though connections of an earlier listener linger there; of UDP none
 * would, and two would share what comes. */
static int listen_at(const struct publication *p)
{
	int on = 1, fd = socket(p->at.ss_family, p->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool stream = p->type == SOCK_STREAM;
	bool six = p->at.ss_family == AF_INET6;
	socklen_t len = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	if (fd < 0)
		return -errno;
	if (stream)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&p->at, len) || (stream && listen(fd, BACKLOG))) {
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
	l->type = what.type;
	l->fd = listen_at(&what);
	if (l->fd < 0)
		return error_set(err, HL_SYSTEM, "the port cannot be published: '%s': %s", text,
				 strerror(-l->fd));
	p->count++;
	if (epoll_ctl(p->carrier.epfd, EPOLL_CTL_ADD, l->fd, &e))
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
	sem_init(&p->ready, 0, 0);
	p->carrier.epfd = epoll_create1(EPOLL_CLOEXEC);
	relays_init(&p->relays, &p->carrier);
	int e = sessions_init(&p->sessions, &p->carrier);
	p->ending_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->listener = calloc(n, sizeof *p->listener);
	struct epoll_event end = { .events = EPOLLIN, .data.u64 = ENDING };
	if (e || !p->listener || epoll_ctl(p->carrier.epfd, EPOLL_CTL_ADD, p->ending_fd, &end))
		return error_set(err, HL_NO_MEMORY, "out of memory, or of descriptors");
	for (size_t i = 0; i < n; i++)
		if (add_listener(p, cfg->publish.item[i], err))
			return -1;
	return 0;
}

/* ---- the thread ---- */

static bool is_listeners(const struct epoll_event *e)
{
	return e->data.u64 & LISTENING;
}

/* False: the end has come. What new arrivals displace has no event left by then. */
static bool take_events(struct publisher *p, const struct epoll_event *e, int n)
{
	for (int i = 0; i < n; i++) {
		if (e[i].data.u64 == ENDING)
			return false;
		if (!is_listeners(&e[i]))
			guest_end_set_ready(e[i].data.ptr);
	}
	for (int i = 0; i < n; i++) {
		const struct listener *l = &p->listener[e[i].data.u64 / 2];
		if (!is_listeners(&e[i]))
			continue;
		if (l->type == SOCK_STREAM)
			relays_accept(&p->relays, l->fd, l->guest);
		else
			sessions_receive(&p->sessions, l->fd, l->guest);
	}
	return true;
}

static void *publisher_main(void *arg)
{
	struct publisher *p = arg;
	struct visitor *v = &p->carrier.visitor;
	struct epoll_event events[EVENTS];
	bool goes_on = visitor_init(v, p->sandbox, p->sandbox->vfs->monitor, NULL) == 0;

	sem_post(&p->ready);
	while (goes_on) {
		bool busy = atomic_exchange(&p->carrier.some_ready, false);
		int n = sleeper_epoll(&v->sleeper, p->carrier.epfd, events, EVENTS,
				      busy ? 0 : DEADLINE_NONE);
		goes_on = take_events(p, events, n > 0 ? n : 0);
		relays_handle(&p->relays);
		sessions_handle(&p->sessions);
	}
	relays_end(&p->relays);
	sessions_end(&p->sessions);
	visitor_done(v);
	return NULL;
}

int publisher_start(struct publisher *p, struct sandbox *sb, struct hl_error **err)
{
	if (!p)
		return 0;
	p->sandbox = sb;
	p->carrier.net = sys_net(sb);
	if (!p->carrier.net)
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
	if (!p)
		return;
	if (p->started) {
		host_wake(p->ending_fd);
		pthread_join(p->thread, NULL);
	} else {
		sessions_end(&p->sessions);
	}
	for (size_t i = 0; i < p->count; i++)
		close(p->listener[i].fd);
	if (p->carrier.epfd >= 0)
		close(p->carrier.epfd);
	if (p->ending_fd >= 0)
		close(p->ending_fd);
	sem_destroy(&p->ready);
	free(p->listener);
	free(p);
}
