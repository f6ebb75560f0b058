/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's socket never blocks: a call that has to wait does so in sleeper_poll, where signals reach it. Data of
 * streams goes between the host's socket and guest memory without a copy of ours: the pages are pinned for a call that
 * does not wait.
 */
#include "net/host_sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "host/hostcall.h"

#define MAX_PIECES   64
#define MAX_DATAGRAM 65536
#define IOCTL_MAX    64
#define PASSED_ON    (MSG_OOB | MSG_PEEK | MSG_DONTROUTE | MSG_TRUNC | MSG_MORE | MSG_CONFIRM | MSG_ERRQUEUE | MSG_EOR)

struct host_sock {
	struct socket sk;
	const struct host_rules *rules;
	int fd; /* of the host, O_NONBLOCK */
};

static const struct socket_ops host_sock_ops;

static struct host_sock *host_sock_of(struct socket *s)
{
	return container_of(s, struct host_sock, sk);
}

static bool is_stream(const struct socket *s)
{
	return s->type == SOCK_STREAM;
}

/* Waits until the host says one of `events`: 0, -EAGAIN (the deadline), -EINTR. */
static int host_sock_wait(struct host_sock *i, struct caller *c, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = i->fd, .events = events };

	for (;;) {
		int r = sleeper_poll(c->sleeper, &p, 1, deadline);
		if (r)
			return r > 0 ? 0 : r == -ETIMEDOUT ? -EAGAIN : r;
	}
}

/* Life */

/* Takes the descriptor over, also on failure. */
static int host_sock_new(struct net *net, struct caller *c, const struct host_rules *rules, int fd,
			 const struct socket *like, unsigned flags, struct socket **out)
{
	struct host_sock *i = calloc(1, sizeof(*i));

	if (!i) {
		host_close(fd);
		return -ENOMEM;
	}
	socket_init(&i->sk, c, net, &host_sock_ops, like->family, like->type, like->protocol, flags);
	i->rules = rules;
	i->fd = fd;
	*out = &i->sk;
	return 0;
}

int host_sock_create(struct net *net, struct caller *c, const struct host_rules *rules, int family, int type,
		     int protocol, unsigned flags, struct socket **out)
{
	struct socket like = { .family = family, .type = type };
	int fd = (int)host_ret(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));

	if (fd < 0)
		return fd;
	socklen_t len = sizeof(like.protocol);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &like.protocol, &len);
	return host_sock_new(net, c, rules, fd, &like, flags, out);
}

static void host_sock_release(struct socket *s)
{
	host_close(host_sock_of(s)->fd);
	free(host_sock_of(s));
}

/* Connections */

static int check_address(struct host_sock *i, const struct sockaddr *a, unsigned len)
{
	return i->rules->check_address ? i->rules->check_address(a, len) : 0;
}

static int host_sock_bind(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len)
{
	return (int)host_ret(bind(host_sock_of(s)->fd, a, len));
}

/* The outcome of a connection that was on its way: SO_ERROR, or not there yet. */
static int connect_outcome(struct host_sock *i)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(i->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return -err;
}

static int host_sock_connect(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len, bool nonblock)
{
	struct host_sock *i = host_sock_of(s);
	uint64_t deadline = socket_deadline(s->sndtimeo);

	int err = check_address(i, a, len);
	if (err)
		return err;
	err = (int)host_ret(connect(i->fd, a, len));
	/* A blocking call that a signal interrupted and that is made again waits for the same connection. */
	if ((err != -EINPROGRESS && err != -EALREADY) || nonblock)
		return err;
	err = host_sock_wait(i, c, POLLOUT, deadline);
	if (err)
		return err == -EAGAIN ? -EINPROGRESS : err;
	return connect_outcome(i);
}

static int host_sock_listen(struct socket *s, struct caller *c, unsigned backlog)
{
	return (int)host_ret(listen(host_sock_of(s)->fd, (int)backlog));
}

static int host_sock_accept(struct socket *s, struct caller *c, bool nonblock, struct socket **out)
{
	struct host_sock *i = host_sock_of(s);
	uint64_t deadline = socket_deadline(s->rcvtimeo);
	int fd;

	for (;;) {
		fd = (int)host_ret(accept4(i->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
		if (fd != -EAGAIN || nonblock)
			break;
		int err = host_sock_wait(i, c, POLLIN, deadline);
		if (err)
			return err;
	}
	return fd < 0 ? fd : host_sock_new(s->net, c, i->rules, fd, s, 0, out);
}

static int host_sock_getname(struct socket *s, bool peer, struct sockaddr_storage *out)
{
	socklen_t len = sizeof(*out);
	int fd = host_sock_of(s)->fd;
	int r = peer ? getpeername(fd, (struct sockaddr *)out, &len) : getsockname(fd, (struct sockaddr *)out, &len);

	return r ? -errno : (int)len;
}

static int host_sock_shutdown(struct socket *s, int how)
{
	return (int)host_ret(shutdown(host_sock_of(s)->fd, how));
}

/* Data */

/* One host call over the pinned front of the buffers. */
static ssize_t move_pinned(struct host_sock *i, struct socket_msg *m, struct msghdr *h, bool receive)
{
	struct iovec iov[MAX_PIECES];
	int flags = (int)(m->flags & PASSED_ON) | MSG_DONTWAIT | MSG_NOSIGNAL;
	size_t len, want = m->uio->resid;

	h->msg_iov = iov;
	h->msg_iovlen = (size_t)uio_pin(m->uio, receive, iov, MAX_PIECES, &len);
	ssize_t r = -EFAULT;
	if (len || !want)
		r = host_ret(receive ? recvmsg(i->fd, h, flags) : sendmsg(i->fd, h, flags));
	uio_unpin(m->uio);
	if (r > 0)
		uio_advance(m->uio, (size_t)r < len ? (size_t)r : len);
	return r;
}

/* A datagram is one piece: when its buffers cannot be pinned as a whole it goes through a copy. */
static ssize_t send_copied(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	size_t len = m->uio->resid;
	char *buf = len > MAX_DATAGRAM ? NULL : malloc(len + 1);
	struct iovec iov = { buf, len };
	ssize_t r = -EFAULT;

	if (!buf)
		return len > MAX_DATAGRAM ? -EMSGSIZE : -ENOBUFS;
	struct uio ahead = *m->uio;
	h->msg_iov = &iov;
	h->msg_iovlen = 1;
	if (uio_take(&ahead, buf, len) == len)
		r = i->rules->check_data ? i->rules->check_data(buf, len) : 0;
	if (!r)
		r = host_ret(sendmsg(i->fd, h, (int)(m->flags & PASSED_ON) | MSG_DONTWAIT | MSG_NOSIGNAL));
	if (r >= 0)
		*m->uio = ahead;
	free(buf);
	return r;
}

static ssize_t send_some(struct host_sock *i, struct socket_msg *m)
{
	struct msghdr h = { .msg_control = m->control, .msg_controllen = m->control_len };

	if (m->name_len) {
		h.msg_name = &m->name;
		h.msg_namelen = m->name_len;
	}
	return is_stream(&i->sk) ? move_pinned(i, m, &h, false) : send_copied(i, m, &h);
}

static ssize_t host_sock_sendmsg(struct socket *s, struct caller *c, struct socket_msg *m)
{
	struct host_sock *i = host_sock_of(s);
	uint64_t deadline = socket_deadline(s->sndtimeo);
	ssize_t total = 0, r;

	r = m->control && i->rules->check_control ? i->rules->check_control(m) : 0;
	if (!r && m->name_len)
		r = check_address(i, (const struct sockaddr *)&m->name, m->name_len);
	if (r)
		return r;
	for (;;) {
		r = send_some(i, m);
		if (r > 0)
			total += r;
		if (r == -EAGAIN && !(m->flags & MSG_DONTWAIT))
			r = host_sock_wait(i, c, POLLOUT, deadline);
		else if (r <= 0 || !m->uio->resid)
			break;
		if (r < 0)
			break;
	}
	return total ? total : r;
}

/* One receive of what is there. The room for control messages is as before when nothing came. */
static ssize_t receive_some(struct host_sock *i, struct socket_msg *m)
{
	struct msghdr h = {
		.msg_name = &m->name,
		.msg_namelen = sizeof(m->name),
		.msg_control = m->control,
		.msg_controllen = m->control_len,
	};
	ssize_t r = move_pinned(i, m, &h, true);

	if (r < 0)
		return r;
	m->name_len = h.msg_namelen;
	m->control_len = h.msg_controllen;
	m->out_flags |= (unsigned)h.msg_flags & (MSG_TRUNC | MSG_CTRUNC | MSG_EOR | MSG_OOB | MSG_ERRQUEUE);
	return r;
}

static bool wants_more(const struct socket *s, const struct socket_msg *m, ssize_t r)
{
	return r > 0 && is_stream(s) && m->flags & MSG_WAITALL && !(m->flags & (MSG_PEEK | MSG_ERRQUEUE)) &&
	       m->uio->resid;
}

static ssize_t host_sock_recvmsg(struct socket *s, struct caller *c, struct socket_msg *m)
{
	struct host_sock *i = host_sock_of(s);
	uint64_t deadline = socket_deadline(s->rcvtimeo);
	ssize_t total = 0, r;

	for (;;) {
		r = receive_some(i, m);
		if (r > 0)
			total += r;
		if (r == -EAGAIN && !(m->flags & (MSG_DONTWAIT | MSG_ERRQUEUE)))
			r = host_sock_wait(i, c, m->flags & MSG_OOB ? POLLPRI : POLLIN, deadline);
		else if (!wants_more(s, m, r))
			break;
		if (r < 0)
			break;
	}
	if (!m->control)
		m->control_len = 0;
	return total ? total : r;
}

static unsigned host_sock_poll(struct socket *s, struct poll_table *pt)
{
	struct pollfd p = {
		.fd = host_sock_of(s)->fd,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND | POLLRDHUP,
	};

	poll_host(pt, p.fd);
	return poll(&p, 1, 0) > 0 ? (unsigned)p.revents : 0;
}

/* Options */

static bool option_allowed(const struct host_sock *i, int level, int name)
{
	for (const struct host_options *o = i->rules->options; o->level >= 0; o++) {
		if (o->level != level || name < 0 || name > 127)
			continue;
		return (name < 64 ? o->low >> name : o->high >> (name - 64)) & 1;
	}
	return false;
}

/* Waiting is ours, so the timeouts are. */
static bool option_is_ours(int level, int name)
{
	return level == SOL_SOCKET && (name == 20 || name == 21 || name == 66 || name == 67); /* SO_RCVTIMEO... */
}

static int host_sock_setsockopt(struct socket *s, struct caller *c, int level, int name, const void *val, unsigned len)
{
	if (option_is_ours(level, name))
		return SOCKET_GENERIC;
	if (!option_allowed(host_sock_of(s), level, name))
		return -ENOPROTOOPT;
	return (int)host_ret(setsockopt(host_sock_of(s)->fd, level, name, val, len));
}

static int host_sock_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf, unsigned size)
{
	socklen_t len = size;

	if (option_is_ours(level, name))
		return SOCKET_GENERIC;
	if (!option_allowed(host_sock_of(s), level, name))
		return -ENOPROTOOPT;
	return getsockopt(host_sock_of(s)->fd, level, name, buf, &len) ? -errno : (int)len;
}

static int64_t host_sock_ioctl(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	const struct host_rules *rules = host_sock_of(s)->rules;
	char buf[IOCTL_MAX] = { 0 };
	unsigned size = rules->ioctl_size ? rules->ioctl_size(cmd) : 0;

	if (!size || size > sizeof(buf))
		return -ENOTTY;
	if (copy_from_guest(mm, buf, GVA(arg), size))
		return -EFAULT;
	long r = host_ret(ioctl(host_sock_of(s)->fd, cmd, buf));
	if (r >= 0 && copy_to_guest(mm, GVA(arg), buf, size))
		return -EFAULT;
	return r;
}

static const struct socket_ops host_sock_ops = {
	.bind = host_sock_bind,
	.connect = host_sock_connect,
	.listen = host_sock_listen,
	.accept = host_sock_accept,
	.getname = host_sock_getname,
	.sendmsg = host_sock_sendmsg,
	.recvmsg = host_sock_recvmsg,
	.shutdown = host_sock_shutdown,
	.poll = host_sock_poll,
	.setsockopt = host_sock_setsockopt,
	.getsockopt = host_sock_getsockopt,
	.ioctl = host_sock_ioctl,
	.release = host_sock_release,
};
