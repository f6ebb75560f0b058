/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the host: their life, connections, options. Their data: net/host_msg.c.
 *
 * Threads of guests use one socket at the same time as they like. The thread sanitizer takes that
 * for a race where one of them binds or connects it by the C library's function: host_call it is.
 */
#include "net/host_sock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "cred/cred.h"
#include "host/hostcall.h"
#include "host/netns.h"
#include "mm/access.h"
#include "net/device.h"
#include "net/net.h"
#include "net/policy.h"
#include "util/time.h"

#define IOCTL_MAX 64
#define TCP_TIMEOUT_INIT                                                                           \
	1000000 /* us; Linux: of a listening socket, of which TCP_INFO does not tell it */

static const struct socket_ops host_sock_ops;

/* Waiting */

void host_wait_begin(struct host_wait *w, struct host_sock *i, struct caller *c, short events,
		     uint64_t timeo)
{
	*w = (struct host_wait){ .i = i,
				 .sleeper = c->sleeper,
				 .deadline = socket_deadline(c, timeo),
				 .events = events,
				 .epfd = -1 };
}

void host_wait_end(struct host_wait *w)
{
	host_close(w->epfd);
}

void host_wait_progress(struct host_wait *w)
{
	host_close(w->epfd);
	w->epfd = -1;
	w->revents = 0;
}

/* From now on changes alone end the wait, and what is so now is one: the caller looks again before
 * it sleeps. */
static int wait_for_changes(struct host_wait *w)
{
	struct epoll_event ev = { .events = (uint32_t)w->events | EPOLLET };

	w->epfd = (int)host_ret(epoll_create1(EPOLL_CLOEXEC));
	if (w->epfd < 0)
		return w->epfd;
	int r = (int)host_ret(epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->i->fd, &ev));
	return r ? r : (int)host_ret(epoll_wait(w->epfd, &ev, 1, 0));
}

int host_wait(struct host_wait *w)
{
	struct pollfd p = { .fd = w->i->fd, .events = w->events };
	struct epoll_event ev = { 0 };
	int r;

	do {
		if (w->epfd >= 0) {
			r = sleeper_epoll(w->sleeper, w->epfd, &ev, 1, w->deadline);
			w->revents |= r > 0 ? (short)ev.events : 0;
		} else if (w->revents) {
			r = wait_for_changes(w);
		} else {
			r = sleeper_poll(w->sleeper, &p, 1, w->deadline);
			w->revents = r > 0 ? p.revents : 0;
		}
	} while (!r && !w->revents);
	return r >= 0 ? 0 : r == -ETIMEDOUT ? -EAGAIN : r;
}

/* Life */

/* Takes the descriptor over, also on failure. */
static int host_sock_new(struct net *net, struct caller *c, const struct host_rules *rules, int fd,
			 const struct socket *like, unsigned flags, struct socket **out)
{
	struct host_sock *i = calloc(1, sizeof *i);

	if (!i) {
		host_close(fd);
		return -ENOMEM;
	}
	socket_init(&i->sk, c, net, &host_sock_ops, like->family, like->type, like->protocol,
		    flags);
	i->rules = rules;
	i->fd = fd;
	socket_publish(&i->sk);
	*out = &i->sk;
	return 0;
}

int host_sock_make(struct net *net, struct caller *c, int family, int type, int protocol)
{
	const struct netns *ns = net->policy->netns;

	/* Events of devices are there in the first namespace alone, and nobody's there. */
	if (ns && (family != AF_NETLINK || protocol == NETLINK_SOCK_DIAG))
		return netns_socket(ns, c->sleeper, family, type, protocol);
	return (int)host_ret(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int host_sock_create(struct net *net, struct caller *c, const struct host_rules *rules, int family,
		     int type, int protocol, unsigned flags, struct socket **out)
{
	struct socket like = { .family = family, .type = type };
	int fd = host_sock_make(net, c, family, type, protocol);

	if (fd < 0)
		return fd;
	socklen_t len = sizeof like.protocol;
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &like.protocol, &len);
	return host_sock_new(net, c, rules, fd, &like, flags, out);
}

uint32_t host_sock_inode(struct socket *s)
{
	struct host_sock *i = host_sock_of(s);
	struct stat st;

	if (!i->inode && !fstat(i->fd, &st))
		i->inode = (uint32_t)st.st_ino;
	return i->inode;
}

/* How many seconds a close of the host's socket waits until all is sent (socket(7), SO_LINGER). */
static unsigned close_waits(const struct host_sock *i)
{
	struct linger l = { 0 };
	socklen_t len = sizeof l;

	if (i->sk.type != SOCK_STREAM || getsockopt(i->fd, SOL_SOCKET, SO_LINGER, &l, &len))
		return 0;
	return l.l_onoff ? (unsigned)l.l_linger : 0;
}

/* Has one of these bits (1 << TCP_*)? */
static bool in_state(int fd, unsigned states)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info.tcpi_state;

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) && states >> info.tcpi_state & 1;
}

/*
 * The host's close would wait where nothing reaches it but a signal of the host. So the connection
 * is shut down as a close does it (tcp_close() of Linux), and waited for as tcp_close() waits:
 * until its end is acknowledged. An epoll instance hears of each change of its state.
 */
static int host_sock_linger(struct socket *s, struct caller *c)
{
	const unsigned open = 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT,
		       leaving = 1 << TCP_FIN_WAIT1 | 1 << TCP_CLOSING | 1 << TCP_LAST_ACK;
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	struct host_sock *i = host_sock_of(s);
	int fd = i->fd, unread = 0, err = 0;
	unsigned seconds = close_waits(i);

	if (!seconds || !in_state(fd, open | leaving) || ioctl(fd, FIONREAD, &unread) || unread)
		return 0;
	int changes = epoll_create1(EPOLL_CLOEXEC);
	if (changes < 0 || epoll_ctl(changes, EPOLL_CTL_ADD, fd, &e)) {
		host_close(changes);
		return 0;
	}
	uint64_t deadline = sleeper_deadline(c->sleeper, seconds * NSEC_PER_SEC);
	shutdown(fd, SHUT_RDWR);
	while (err >= 0 && in_state(fd, leaving))
		err = sleeper_epoll(c->sleeper, changes, &e, 1, deadline);
	host_close(changes);
	return err == -EINTR ? err : 0;
}

/* Nobody waits any more: what is not sent yet is sent all the same. */
static void host_sock_release(struct socket *s)
{
	struct host_sock *i = host_sock_of(s);

	if (close_waits(i))
		setsockopt(i->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 0 },
			   sizeof(struct linger));
	host_close(i->fd);
	free(i);
}

/* Connections */

int host_check_address(const struct host_sock *i, struct caller *c, enum net_use use,
		       const struct sockaddr *a, unsigned len)
{
	return i->rules->check_address ? i->rules->check_address(i, c, use, a, len) : 0;
}

void host_unreachable(const struct host_sock *i, struct caller *c, enum net_use use,
		      const struct sockaddr *a, unsigned len)
{
	if (i->sk.net->policy->none)
		net_check(i->sk.net, c, use, a, len);
}

int host_sock_bind(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len)
{
	struct host_sock *i = host_sock_of(s);

	return i->rules->bind(i, c, a, len);
}

/*
 * A connection on its way is asked for by the same call until it is there or has failed, as by a
 * guest that does not wait: only then is the host's socket connected, or free for another try
 * (Linux: __inet_stream_connect).
 */
int host_sock_connect(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len,
		      bool nonblock)
{
	struct host_sock *i = host_sock_of(s);
	struct host_wait w;

	int err = host_check_address(i, c, s->type == SOCK_STREAM ? NET_CONNECT : NET_SEND, a, len);
	if (err)
		return err;
	host_wait_begin(&w, i, c, POLLOUT, s->sndtimeo);
	for (;;) {
		err = (int)host_call(SYS_connect, i->fd, a, len);
		if ((err != -EINPROGRESS && err != -EALREADY) || nonblock)
			break;
		int r = host_wait(&w);
		if (r) {
			err = r == -EAGAIN ? err : r;
			break;
		}
	}
	host_wait_end(&w);
	if (err == -ENETUNREACH)
		host_unreachable(i, c, s->type == SOCK_STREAM ? NET_CONNECT : NET_SEND, a, len);
	return err;
}

static int host_sock_listen(struct socket *s, struct caller *c, unsigned backlog)
{
	struct host_sock *i = host_sock_of(s);
	int err = i->rules->check_listen ? i->rules->check_listen(i, c) : 0;

	return err ? err : (int)host_call(SYS_listen, i->fd, backlog);
}

static int host_sock_accept(struct socket *s, struct caller *c, bool nonblock,
			    struct sockaddr_storage *peer, struct socket **out)
{
	struct host_sock *i = host_sock_of(s);
	struct host_wait w;
	socklen_t len;
	int fd;

	host_wait_begin(&w, i, c, POLLIN, s->rcvtimeo);
	for (;;) {
		len = sizeof *peer;
		fd = (int)host_ret(
		    accept4(i->fd, (struct sockaddr *)peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC));
		/* Whom the policy refuses finds nobody. */
		if (fd >= 0 && host_check_address(i, c, NET_ACCEPT, (struct sockaddr *)peer, len)) {
			host_close(fd);
			continue;
		}
		if (fd != -EAGAIN || nonblock)
			break;
		int err = host_wait(&w);
		if (err) {
			fd = err;
			break;
		}
	}
	host_wait_end(&w);
	int err = fd < 0 ? fd : host_sock_new(s->net, c, i->rules, fd, s, 0, out);
	if (err)
		return err;
	(*out)->rcvtimeo = s->rcvtimeo;
	(*out)->sndtimeo = s->sndtimeo;
	return (int)len;
}

int host_sock_getname(struct socket *s, bool peer, struct sockaddr_storage *out)
{
	socklen_t len = sizeof *out;
	int fd = host_sock_of(s)->fd;
	int r = peer ? getpeername(fd, (struct sockaddr *)out, &len)
		     : getsockname(fd, (struct sockaddr *)out, &len);

	return r ? -errno : (int)len;
}

static int host_sock_shutdown(struct socket *s, int how)
{
	return (int)host_ret(shutdown(host_sock_of(s)->fd, how));
}

static unsigned host_sock_poll(struct socket *s, struct poll_table *pt)
{
	struct pollfd p = {
		.fd = host_sock_of(s)->fd,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND |
			  POLLWRBAND | POLLRDHUP,
	};

	if (poll_host_alone(pt, p.fd))
		return 0;
	return poll(&p, 1, 0) > 0 ? (unsigned)p.revents : 0;
}

/* Options */

bool host_option_listed(const struct host_options *list, int level, int name)
{
	for (const struct host_options *o = list; o->level >= 0; o++) {
		if (o->level != level || name < 0 || name > 127)
			continue;
		return (name < 64 ? o->low >> name : o->high >> (name - 64)) & 1;
	}
	return false;
}

/* Linux answers an option that no socket has in as many ways as there are levels and calls: so does
 * the host. */
#define NO_OPTION INT_MAX

/* Waiting is ours, so the timeouts are; and so are the pages that MSG_ZEROCOPY would let the host
 * keep. A filter, if there is one, is the monitor's. */
static bool option_is_ours(int level, int name)
{
	if (level != SOL_SOCKET)
		return false;
	switch (name) {
	case SO_RCVTIMEO_OLD:
	case SO_SNDTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
	case SO_ATTACH_FILTER:
	case SO_DETACH_FILTER:
	case SO_ZEROCOPY: return true;
	default: return false;
	}
}

int host_sock_setsockopt(struct socket *s, struct caller *c, int level, int name, const void *val,
			 unsigned len)
{
	struct host_sock *i = host_sock_of(s);

	if (option_is_ours(level, name))
		return SOCKET_GENERIC;
	if (!host_option_listed(i->rules->options, level, name))
		name = NO_OPTION;
	int err = cred_assume(c->cred);
	if (!err && i->rules->check_option)
		err = i->rules->check_option(i, c, level, name, val, len);
	return err ? err : (int)host_ret(setsockopt(i->fd, level, name, val, len));
}

int host_sock_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf,
			 unsigned size)
{
	struct host_sock *i = host_sock_of(s);
	socklen_t len = size;

	if (option_is_ours(level, name))
		return SOCKET_GENERIC;
	if (!host_option_listed(i->rules->options, level, name))
		name = NO_OPTION;
	return getsockopt(i->fd, level, name, buf, &len) ? -errno : (int)len;
}

int64_t host_sock_ioctl(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd,
			uint64_t arg)
{
	const struct host_rules *rules = host_sock_of(s)->rules;
	char buf[IOCTL_MAX] = { 0 };
	unsigned size = rules->ioctl_size ? rules->ioctl_size(s->net, cmd) : 0;

	if (!size || size > sizeof buf)
		return device_ioctl(s->net, c, s->family == AF_INET, mm, cmd, arg);
	if (copy_from_guest(mm, buf, GVA(arg), size))
		return -EFAULT;
	long r = host_ret(ioctl(host_sock_of(s)->fd, cmd, buf));
	if (r >= 0 && copy_to_guest(mm, GVA(arg), buf, size))
		return -EFAULT;
	return r;
}

static void stat_tcp(int fd, struct socket_stat *out)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	out->state = info.tcpi_state;
	out->hidden = out->state == TCP_CLOSE;
	out->retransmits = info.tcpi_retransmits;
	out->probes = info.tcpi_probes;
	out->rto = info.tcpi_rto;
	out->ato = info.tcpi_ato;
	out->cwnd = info.tcpi_snd_cwnd;
	out->ssthresh = info.tcpi_snd_ssthresh;
	if (out->state == TCP_LISTEN) {
		out->rto = TCP_TIMEOUT_INIT;
		out->rx = info.tcpi_unacked;
		return;
	}
	ioctl(fd, SIOCINQ, &out->rx);
	ioctl(fd, SIOCOUTQ, &out->tx);
}

static void stat_datagrams(int fd, struct socket_stat *out)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };

	out->state = getpeername(fd, (struct sockaddr *)&peer, &len) ? TCP_CLOSE : TCP_ESTABLISHED;
	len = sizeof mem;
	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len);
	out->rx = mem[SK_MEMINFO_RMEM_ALLOC];
	out->tx = mem[SK_MEMINFO_WMEM_ALLOC];
	out->drops = mem[SK_MEMINFO_DROPS];
}

static void host_sock_stat(struct socket *s, struct socket_stat *out)
{
	struct sockaddr_storage name = { 0 };

	if (s->protocol == IPPROTO_TCP && s->type == SOCK_STREAM) {
		stat_tcp(host_sock_of(s)->fd, out);
		return;
	}
	stat_datagrams(host_sock_of(s)->fd, out);
	host_sock_getname(s, false, &name);
	out->hidden = s->family != AF_NETLINK && !((struct sockaddr_in *)(void *)&name)->sin_port;
}

static const struct socket_ops host_sock_ops = {
	.saved = &host_saved,
	.stat = host_sock_stat,
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
	.linger = host_sock_linger,
	.release = host_sock_release,
};
