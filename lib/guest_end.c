/* SPDX-License-Identifier: Apache-2.0 */
/* Makes sockets of the sandbox for the monitor itself, and hears of their changes. */
#include "lib/guest_end.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>

#include "mm/uio.h"
#include "net/net.h"

void guest_end_set_ready(struct guest_end *e)
{
	e->ready = true;
	e->carrier->some_ready = true;
}

/* The guest's socket has changed: under its queue's lock. */
static bool guest_changed(struct waiter *w, unsigned events)
{
	struct guest_end *e = container_of(w, struct guest_end, waiter);

	guest_end_set_ready(e);
	sleeper_wake(&e->carrier->visitor.sleeper);
	return false;
}

static void listen_to_queue(struct poll_table *pt, struct waitqueue *q)
{
	struct guest_end *e = container_of(pt, struct guest_end, poll);

	if (!e->waiter.queue)
		waitqueue_add(q, &e->waiter);
}

/* It goes from the instance when it is closed. */
static void listen_to_host(struct poll_table *pt, int host_fd)
{
	struct guest_end *e = container_of(pt, struct guest_end, poll);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				  .data.ptr = e };

	epoll_ctl(e->carrier->epfd, EPOLL_CTL_ADD, host_fd, &ev);
}

void guest_end_init(struct guest_end *e, struct carrier *c, uint16_t port)
{
	*e = (struct guest_end){ .carrier = c,
				 .port = port,
				 .poll = { .wait = listen_to_queue, .host = listen_to_host } };
	waiter_init(&e->waiter, &c->visitor.sleeper);
	e->waiter.wake = guest_changed;
}

int guest_end_connect(struct guest_end *e, int family, int type)
{
	struct caller *c = &e->carrier->visitor.caller;
	const struct sockaddr_in four = { .sin_family = AF_INET,
					  .sin_port = htons(e->port),
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 six = { .sin6_family = AF_INET6,
					  .sin6_port = htons(e->port),
					  .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	guest_end_close(e, false);
	e->family = family;
	int err = socket_create(e->carrier->net, c, family, type, 0, 0, &e->socket);
	if (err)
		return err;
	e->socket->outside = true; /* before it has a port: until then no snapshot looks */
	e->socket->ops->poll(e->socket, &e->poll);
	err = family == AF_INET
		  ? e->socket->ops->connect(e->socket, c, (const struct sockaddr *)&four,
					    sizeof four, true)
		  : e->socket->ops->connect(e->socket, c, (const struct sockaddr *)&six, sizeof six,
					    true);
	return err == -EINPROGRESS ? 0 : err;
}

void guest_end_close(struct guest_end *e, bool reset)
{
	static const struct linger now = { .l_onoff = 1 };

	if (!e->socket)
		return;
	waitqueue_remove(&e->waiter);
	if (reset)
		socket_setsockopt(e->socket, &e->carrier->visitor.caller, SOL_SOCKET, SO_LINGER,
				  &now, sizeof now);
	file_put(&e->socket->file);
	e->socket = NULL;
}

bool guest_end_settled(struct guest_end *e)
{
	return e->socket->ops->poll(e->socket, NULL) & (POLLOUT | POLLERR | POLLHUP);
}

int guest_end_error(struct guest_end *e)
{
	int err = 0;

	socket_getsockopt(e->socket, &e->carrier->visitor.caller, SOL_SOCKET, SO_ERROR, &err,
			  sizeof err);
	return -err;
}

static ssize_t move(struct guest_end *e, void *data, size_t len, bool in)
{
	struct caller *c = &e->carrier->visitor.caller;
	struct uio u;
	struct socket_msg m = { .uio = &u, .flags = MSG_DONTWAIT | MSG_NOSIGNAL };

	uio_init_kernel(&u, data, len);
	return in ? e->socket->ops->sendmsg(e->socket, c, &m)
		  : e->socket->ops->recvmsg(e->socket, c, &m);
}

ssize_t guest_end_send(struct guest_end *e, void *data, size_t len)
{
	return move(e, data, len, true);
}

ssize_t guest_end_receive(struct guest_end *e, void *data, size_t len)
{
	return move(e, data, len, false);
}
