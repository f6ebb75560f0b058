/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "debug/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "debug/commands.h"
#include "debug/points.h"
#include "host/hostcall.h"
#include "host/thread.h"
#include "host/wait.h"
#include "kernel/sandbox.h"

#define STAGE_SIZE 4096

struct debug_server {
	int listen_fd, conn_fd, ending_fd; /* conn_fd -1: nobody is there */
	struct target target;
	struct session session;
	struct visitor visitor;
	struct packet_reader reader;
	struct text out, again; /* to be sent; the last packet, if it is asked for again */
	size_t sent;
	char stage[STAGE_SIZE]; /* what has come, and was not looked at */
	size_t stage_len, stage_at;
	bool leaves; /* the connection broke off while the threads ran: they are let go */
	pthread_t thread;
	bool traces, started;
};

/* ---- the address ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static bool parse_port(const char *s, uint16_t *out)
{
	char *end;

	errno = 0;
	unsigned long n = strtoul(s, &end, 10);
	*out = htons((uint16_t)n);
	return *s >= '0' && *s <= '9' && !*end && !errno && n >= 1 && n <= UINT16_MAX;
}

static bool parse_host(const char *host, size_t len, uint16_t port, union address *out,
		       socklen_t *size)
{
	char text[INET6_ADDRSTRLEN];
	bool six = len > 2 && host[0] == '[' && host[len - 1] == ']';

	if (!len || (len == strlen("localhost") && !memcmp(host, "localhost", len))) {
		host = "127.0.0.1";
		len = strlen(host);
	} else if (six) {
		host++;
		len -= 2;
	}
	if (len >= sizeof text)
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (six) {
		out->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
		*size = sizeof out->in6;
		return inet_pton(AF_INET6, text, &out->in6.sin6_addr) == 1;
	}
	out->in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
	*size = sizeof out->in;
	return inet_pton(AF_INET, text, &out->in.sin_addr) == 1;
}

static bool parse_address(const char *address, union address *out, socklen_t *size)
{
	const char *colon = strrchr(address, ':');
	uint16_t port;

	if (strchr(address, '/')) {
		out->un = (struct sockaddr_un){ .sun_family = AF_UNIX };
		*size = sizeof out->un;
		if (strlen(address) >= sizeof out->un.sun_path)
			return false;
		strcpy(out->un.sun_path, address);
		return true;
	}
	return colon && parse_port(colon + 1, &port) &&
	       parse_host(address, (size_t)(colon - address), port, out, size);
}

const char *debug_address_wrong(const char *address)
{
	union address a;
	socklen_t size;

	return parse_address(address, &a, &size)
		   ? NULL
		   : "a debugger is waited for at [HOST]:PORT, with an address for HOST, or at the "
		     "path of a unix socket, with a / in it";
}

/* A socket that nobody listens at any more is in the way of the next one. What is none is
 * somebody's file, though connect(2) says the same of it. */
static void remove_stale(const union address *a, socklen_t size)
{
	struct stat st;

	if (lstat(a->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &a->any, size) < 0 && errno == ECONNREFUSED)
		(void)unlink(a->un.sun_path);
	host_close(fd);
}

static int listen_at(const union address *a, socklen_t size)
{
	int on = 1, fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool named = a->any.sa_family == AF_UNIX;

	if (fd < 0)
		return -errno;
	if (named)
		remove_stale(a, size);
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* whoever may connect may do what the sandbox may: the name is its user's alone */
	if (named)
		(void)fchmod(fd, 0600);
	if (bind(fd, &a->any, size) || listen(fd, 1)) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int debug_server_open(const char *address, struct debug_server **out, struct errmsg *errmsg)
{
	union address a;
	socklen_t size;

	if (!parse_address(address, &a, &size))
		return errmsg_set(errmsg, EINVAL, "no address for a debugger: '%s'", address);
	struct debug_server *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->conn_fd = -1;
	s->ending_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->listen_fd = listen_at(&a, size);
	int err = s->listen_fd < 0 ? s->listen_fd : s->ending_fd < 0 ? -EMFILE : 0;
	if (err) {
		debug_server_free(s);
		return errmsg_set(errmsg, -err, "no debugger can be waited for at %s: %s", address,
				  strerror(-err));
	}
	*out = s;
	return 0;
}

int debug_server_trace(struct debug_server *s, struct sandbox *sb, struct debugger **out)
{
	int err = target_init(&s->target, sb);

	s->traces = !err;
	*out = &s->target.debugger;
	return err;
}

/* ---- the connection ---- */

static bool halted(const struct debug_server *s)
{
	return s->target.state == TARGET_HALTED;
}

static void clear_points(struct debug_server *s)
{
	struct inferior *inf;

	list_for_each (inf, &s->target.inferiors, node) {
		if (inf->points)
			points_clear(inf->points);
	}
}

static void drop_connection(struct debug_server *s)
{
	host_close(s->conn_fd);
	s->conn_fd = -1;
	s->session.waits = false;
	hostio_close_all(&s->session.files);
	s->leaves = !halted(s);
	if (s->leaves)
		target_stop(&s->target);
	else
		clear_points(s);
}

static void accept_connection(struct debug_server *s)
{
	int on = 1, fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	s->conn_fd = fd;
	s->leaves = false;
	s->reader = (struct packet_reader){ .at = PACKET_OUTSIDE };
	s->stage_len = s->stage_at = s->sent = 0;
	text_cut(&s->out, 0);
	text_cut(&s->again, 0);
	session_begin(&s->session);
	if (!target_inferior(&s->target, 0))
		(void)target_attach(&s->target, 0);
	else
		target_stop(&s->target);
}

static void send_out(struct debug_server *s)
{
	while (s->sent < s->out.len) {
		ssize_t n =
		    send(s->conn_fd, s->out.buf + s->sent, s->out.len - s->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			drop_connection(s);
			return;
		}
		s->sent += (size_t)n;
	}
	s->sent = 0;
	text_cut(&s->out, 0);
}

static void put_reply(struct debug_server *s, const struct text *reply)
{
	text_cut(&s->again, 0);
	packet_put(&s->again, text_str(reply), reply->len);
	text_put(&s->out, text_str(&s->again), s->again.len);
	if (s->out.failed || reply->failed)
		drop_connection(s); /* out of memory */
}

static void answer(struct debug_server *s)
{
	struct text reply = { 0 };

	if (!s->session.no_acks)
		text_putc(&s->out, '+');
	if (session_packet(&s->session, s->reader.buf, s->reader.len, &reply))
		put_reply(s, &reply);
	text_free(&reply);
	s->session.no_acks |= s->session.acks_end;
}

/* While the threads run there is but one thing that it may say. */
static void take_byte(struct debug_server *s, unsigned char byte)
{
	switch (packet_feed(&s->reader, byte)) {
	case PACKET_WHOLE:
		if (!s->session.waits)
			answer(s);
		break;
	case PACKET_BAD: text_putc(&s->out, '-'); break;
	case PACKET_REFUSED: text_put(&s->out, text_str(&s->again), s->again.len); break;
	case PACKET_INTERRUPT:
		if (s->session.waits)
			target_stop(&s->target);
		break;
	case PACKET_NOTHING: break;
	}
}

/* Packets wait until all stand still; a reply is sent before the next is looked at. */
static bool may_take(const struct debug_server *s)
{
	return s->conn_fd >= 0 && !s->out.len && (halted(s) || s->session.waits);
}

static void take_stage(struct debug_server *s)
{
	while (may_take(s) && s->stage_at < s->stage_len) {
		take_byte(s, (unsigned char)s->stage[s->stage_at++]);
		if (s->conn_fd >= 0)
			send_out(s);
	}
}

static void receive(struct debug_server *s)
{
	ssize_t n = recv(s->conn_fd, s->stage, sizeof s->stage, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_connection(s);
		return;
	}
	s->stage_at = 0;
	s->stage_len = (size_t)n;
}

/* ---- the thread ---- */

static void on_halt(struct debug_server *s, const struct halt *why)
{
	struct text reply = { 0 };
	struct inferior *inf;
	bool waits = s->session.waits;

	session_stopped(&s->session, why, &reply);
	if (waits)
		put_reply(s, &reply);
	text_free(&reply);
	while (s->leaves && (inf = target_inferior(&s->target, 0)) != NULL)
		target_detach(&s->target, inf);
	s->leaves = false;
}

static void work(struct debug_server *s)
{
	struct halt why;
	uint64_t events;

	(void)!read(s->target.wake_fd, &events, sizeof events);
	if (target_work(&s->target, &why))
		on_halt(s, &why);
	if (s->conn_fd >= 0)
		send_out(s);
}

static bool turn(struct debug_server *s)
{
	bool there = s->conn_fd >= 0, empty = s->stage_at == s->stage_len;
	struct pollfd fds[] = {
		{ s->ending_fd, POLLIN, 0 },
		{ s->target.wake_fd, POLLIN, 0 },
		{ there ? -1 : s->listen_fd, POLLIN, 0 },
		{ s->conn_fd, (short)((empty ? POLLIN : 0) | (s->out.len ? POLLOUT : 0)), 0 },
	};

	if (poll(fds, sizeof fds / sizeof fds[0], -1) < 0)
		return true;
	if (fds[1].revents)
		work(s);
	if (fds[0].revents)
		return false;
	if (fds[2].revents)
		accept_connection(s);
	if (there && s->conn_fd >= 0 && fds[3].revents & POLLOUT)
		send_out(s);
	if (there && s->conn_fd >= 0 && empty && fds[3].revents & (POLLIN | POLLHUP | POLLERR))
		receive(s);
	take_stage(s);
	return true;
}

static void *server_main(void *arg)
{
	struct debug_server *s = arg;
	struct sandbox *sb = s->target.sb;

	s->session.target = &s->target;
	s->session.files.visitor = &s->visitor;
	session_begin(&s->session);
	if (visitor_init(&s->visitor, sb, sb->vfs->monitor, NULL) == 0) {
		while (turn(s))
			;
	}
	hostio_close_all(&s->session.files);
	visitor_done(&s->visitor);
	return NULL;
}

int debug_server_start(struct debug_server *s)
{
	int err = host_thread_start(&s->thread, 0, THREAD_KICKED, server_main, s);

	s->started = !err;
	return err;
}

void debug_server_free(struct debug_server *s)
{
	if (!s)
		return;
	if (s->started) {
		host_wake(s->ending_fd);
		pthread_join(s->thread, NULL);
	}
	if (s->traces)
		target_done(&s->target);
	host_close(s->conn_fd);
	host_close(s->listen_fd);
	host_close(s->ending_fd);
	text_free(&s->out);
	text_free(&s->again);
	free(s);
}
