/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of the host's sockets. The host's socket never blocks: a call that has to wait does so in
 * host_wait, where signals reach it. Data of streams goes between the host's socket and guest
 * memory without a copy of ours: the pages are pinned for a call that does not wait.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "host/hostcall.h"
#include "mm/mm.h"
#include "net/host_sock.h"
#include "util/time.h"

#define MAX_PIECES   64
#define MAX_DATAGRAM 65536
/* Linux copies a stream in pieces of this size (SKB_FRAG_PAGE_ORDER), each whole or not at all. */
#define STREAM_UNIT 32768U
#define PASSED_ON                                                                                  \
	(MSG_OOB | MSG_PEEK | MSG_DONTROUTE | MSG_TRUNC | MSG_MORE | MSG_CONFIRM | MSG_ERRQUEUE |  \
	 MSG_EOR)

static bool is_stream(const struct host_sock *i)
{
	return i->sk.type == SOCK_STREAM;
}

static int host_flags(const struct socket_msg *m)
{
	return (int)(m->flags & PASSED_ON) | MSG_DONTWAIT | MSG_NOSIGNAL;
}

static void advance(struct uio *u, ssize_t n)
{
	if (n > 0)
		uio_advance(u, (size_t)n < u->resid ? (size_t)n : u->resid);
}

/* Sending */

/* Cuts what is pinned to whole units, where the next byte cannot be read: the pieces that are
 * left. */
static size_t cut_to_units(struct iovec *iov, size_t n, size_t len)
{
	size_t over = len % STREAM_UNIT;

	while (n && over >= iov[n - 1].iov_len)
		over -= iov[--n].iov_len;
	if (n)
		iov[n - 1].iov_len -= over;
	return n;
}

static ssize_t send_pinned(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	size_t len, want = m->uio->resid;
	struct iovec iov[MAX_PIECES];
	ssize_t r = -EFAULT;

	h->msg_iov = iov;
	h->msg_iovlen = (size_t)uio_pin(m->uio, false, iov, MAX_PIECES, &len);
	if (len < want && h->msg_iovlen < MAX_PIECES)
		h->msg_iovlen = cut_to_units(iov, h->msg_iovlen, len);
	if (h->msg_iovlen || !want)
		r = host_ret(sendmsg(i->fd, h, host_flags(m)));
	uio_unpin(m->uio);
	advance(m->uio, r);
	return r;
}

/* What a datagram holds is looked at in our copy, which is what goes out. */
static ssize_t check_content(struct host_sock *i, struct caller *c, const struct msghdr *h,
			     const void *data, size_t size)
{
	if (!i->rules->watches || !i->rules->watches(i))
		return 0;
	return i->rules->check_datagram(i, c, h->msg_name, h->msg_namelen, data, size);
}

/* A datagram is one piece, whose buffers may be more than one call pins: it goes through a copy. */
static ssize_t send_copied(struct host_sock *i, struct caller *c, struct socket_msg *m,
			   struct msghdr *h)
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
		r = check_content(i, c, h, buf, len);
	if (!r)
		r = host_ret(sendmsg(i->fd, h, host_flags(m)));
	if (r >= 0)
		*m->uio = ahead;
	free(buf);
	return r;
}

/* Sends all there is, waiting as the flags say: bytes, or the error of a call that sent nothing. */
static ssize_t send_all(struct host_sock *i, struct caller *c, struct socket_msg *m,
			struct host_wait *w)
{
	ssize_t total = 0, r;

	for (;;) {
		struct msghdr h = { .msg_name = m->name_len ? &m->name : NULL,
				    .msg_namelen = m->name_len,
				    .msg_control = m->control,
				    .msg_controllen = m->control_len };
		r = is_stream(i) ? send_pinned(i, m, &h) : send_copied(i, c, m, &h);
		if (r > 0) {
			total += r;
			host_wait_progress(w);
		}
		if (r == -EAGAIN && !(m->flags & MSG_DONTWAIT))
			r = host_wait(w);
		else if (r <= 0 || !m->uio->resid)
			break;
		if (r < 0)
			break;
	}
	return total ? total : r;
}

ssize_t host_sock_sendmsg(struct socket *s, struct caller *c, struct socket_msg *m)
{
	struct host_sock *i = host_sock_of(s);
	struct host_wait w;

	ssize_t r = m->control && i->rules->check_control ? i->rules->check_control(i, m) : 0;
	if (!r && m->name_len)
		r = host_check_address(i, c, s->type == SOCK_STREAM ? NET_CONNECT : NET_SEND,
				       (const struct sockaddr *)&m->name, m->name_len);
	if (!r && i->rules->prepare_send)
		r = i->rules->prepare_send(i->fd, c);
	if (r)
		return r;
	host_wait_begin(&w, i, c, POLLOUT, s->sndtimeo);
	r = send_all(i, c, m, &w);
	host_wait_end(&w);
	if (r == -ENETUNREACH && m->name_len)
		host_unreachable(i, c, NET_SEND, (const struct sockaddr *)&m->name, m->name_len);
	return r;
}

/* Receiving */

/* tcp(7): MSG_TRUNC throws the bytes away and touches no buffer. */
static ssize_t discard(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	struct iovec none = { NULL, m->uio->resid };

	h->msg_iov = &none;
	h->msg_iovlen = 1;
	return host_ret(recvmsg(i->fd, h, host_flags(m)));
}

/* What of the pinned buffers, whose end is bad, is received into: as much as comes, if it fits,
 * else whole units. The pieces; 0: nothing has come, or the end has; -errno. */
static ssize_t receivable(struct host_sock *i, struct socket_msg *m, struct iovec *iov, size_t n,
			  size_t len)
{
	ssize_t there =
	    host_ret(recv(i->fd, NULL, m->uio->resid, host_flags(m) | MSG_PEEK | MSG_TRUNC));

	if (there <= 0)
		return there;
	if ((size_t)there > len)
		n = cut_to_units(iov, n, len);
	return n ? (ssize_t)n : -EFAULT;
}

static ssize_t receive_pinned(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	struct iovec iov[MAX_PIECES];
	size_t len;
	ssize_t n = uio_pin(m->uio, true, iov, MAX_PIECES, &len);

	if (len < m->uio->resid && n < MAX_PIECES) {
		n = receivable(i, m, iov, (size_t)n, len);
		if (n <= 0)
			return n;
	}
	h->msg_iov = iov;
	h->msg_iovlen = (size_t)n;
	return host_ret(recvmsg(i->fd, h, host_flags(m)));
}

static ssize_t receive_stream(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	ssize_t r;

	if (m->flags & MSG_TRUNC && !(m->flags & MSG_ERRQUEUE)) {
		r = discard(i, m, h);
	} else {
		r = receive_pinned(i, m, h);
		uio_unpin(m->uio);
	}
	advance(m->uio, r);
	return r;
}

#define MAX_REFUSED 1000 /* datagrams that one call throws away: signals are looked at between */

/* The next datagram that the guest may get, into memory of ours. */
static ssize_t receive_judged(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	const struct host_rules *rules = i->rules;
	bool judges =
	    rules->judges_senders && rules->judges_senders(i) && !(m->flags & MSG_ERRQUEUE);
	const struct msghdr before = *h;
	ssize_t r = -EAGAIN;

	for (int n = 0; n < MAX_REFUSED; n++) {
		*h = before;
		r = host_ret(recvmsg(i->fd, h, host_flags(m)));
		if (r < 0 || !judges || !rules->refuses_sender(i, h->msg_name, h->msg_namelen))
			return r;
		if (m->flags & MSG_PEEK)
			recv(i->fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC);
	}
	*h = before;
	return -EAGAIN;
}

/* A datagram whose buffers cannot be pinned as a whole: one that does not fit into what is good of
 * them is lost. */
static ssize_t receive_copied(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	size_t size = m->uio->resid < MAX_DATAGRAM ? m->uio->resid : MAX_DATAGRAM;
	struct iovec iov = { malloc(size), size };

	if (!iov.iov_base)
		return -ENOBUFS;
	h->msg_iov = &iov;
	h->msg_iovlen = 1;
	ssize_t r = receive_judged(i, m, h);
	size_t n = r < 0 ? 0 : (size_t)r < size ? (size_t)r : size;
	if (r > 0 && i->rules->watches && i->rules->watches(i))
		i->rules->take_datagram(i, h->msg_name, h->msg_namelen, iov.iov_base, n);
	if (uio_put(m->uio, iov.iov_base, n) < n)
		r = -EFAULT;
	free(iov.iov_base);
	return r;
}

static ssize_t receive_datagram(struct host_sock *i, struct socket_msg *m, struct msghdr *h)
{
	struct iovec iov[MAX_PIECES];
	size_t len;

	h->msg_iov = iov;
	h->msg_iovlen = (size_t)uio_pin(m->uio, true, iov, MAX_PIECES, &len);
	/* What is to be looked at is looked at in a copy of ours. */
	bool looks = (i->rules->watches && i->rules->watches(i)) ||
		     (i->rules->judges_senders && i->rules->judges_senders(i));
	bool whole = len == m->uio->resid && !looks;
	ssize_t r = whole ? host_ret(recvmsg(i->fd, h, host_flags(m))) : 0;
	uio_unpin(m->uio);
	if (!whole)
		return receive_copied(i, m, h);
	advance(m->uio, r);
	return r;
}

/* One receive of what is there. The room for control messages is as before when nothing came. */
static ssize_t receive_some(struct host_sock *i, struct socket_msg *m)
{
	struct msghdr h = {
		.msg_name = &m->name,
		.msg_namelen = sizeof m->name,
		.msg_control = m->control,
		.msg_controllen = m->control_len,
	};
	ssize_t r = is_stream(i) ? receive_stream(i, m, &h) : receive_datagram(i, m, &h);

	if (r < 0)
		return r;
	m->name_len = h.msg_namelen;
	m->control_len = h.msg_controllen;
	m->out_flags |=
	    (unsigned)h.msg_flags & (MSG_TRUNC | MSG_CTRUNC | MSG_EOR | MSG_OOB | MSG_ERRQUEUE);
	return r;
}

/* Is the next byte urgent? No call reads beyond what is before it. */
static bool at_mark(const struct host_sock *i)
{
	int mark = 0;

	return !ioctl(i->fd, SIOCATMARK, &mark) && mark;
}

/* Receives what comes: once, or with MSG_WAITALL all that was asked for. Neither errors nor urgent
 * data are waited for (recv(2), tcp(7)). */
static ssize_t receive_all(struct host_sock *i, struct socket_msg *m, struct host_wait *w)
{
	bool stream = is_stream(i);
	bool all = stream && m->flags & MSG_WAITALL && !(m->flags & (MSG_PEEK | MSG_ERRQUEUE));
	bool may_wait =
	    !(m->flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) && !(stream && m->flags & MSG_OOB);
	ssize_t total = 0, r;

	for (;;) {
		r = receive_some(i, m);
		if (r > 0) {
			total += r;
			host_wait_progress(w);
		}
		if (r > 0 && all && m->uio->resid && !at_mark(i))
			continue;
		if (r != -EAGAIN || !may_wait)
			break;
		/* A datagram socket that was shut down has nothing more to wait for; the host says
		 * so to poll alone. */
		if (!stream && w->revents & POLLRDHUP) {
			r = 0;
			break;
		}
		r = host_wait(w);
		if (r)
			break;
	}
	return total ? total : r;
}

/* How many times a control message begins with, and how long their fraction's unit is; 0: none. A
 * third one of SO_TIMESTAMPING is of the network card's own clock. */
static unsigned stamps_of(const struct cmsghdr *cm, long *unit)
{
	*unit = cm->cmsg_type == SO_TIMESTAMP || cm->cmsg_type == SO_TIMESTAMP_NEW
		    ? (long)NSEC_PER_USEC
		    : 1;
	if (cm->cmsg_level != SOL_SOCKET)
		return 0;
	switch (cm->cmsg_type) {
	case SO_TIMESTAMP:
	case SO_TIMESTAMP_NEW:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMPNS_NEW: return 1;
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW: return 2;
	default: return 0;
	}
}

/* The host's times become the guest's. A time of 0 is none. */
static void move_stamps(const struct guest_clock *gc, struct socket_msg *m)
{
	struct msghdr h = { .msg_control = m->control, .msg_controllen = m->control_len };

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&h); cm; cm = CMSG_NXTHDR(&h, cm)) {
		long unit;
		unsigned n = stamps_of(cm, &unit);

		for (unsigned i = 0;
		     i < n && CMSG_LEN((i + 1) * sizeof(struct timespec)) <= cm->cmsg_len; i++) {
			unsigned char *at = CMSG_DATA(cm) + i * sizeof(struct timespec);
			struct timespec ts;

			memcpy(&ts, at, sizeof ts);
			if (!ts.tv_sec)
				continue;
			ts.tv_nsec *= unit;
			ts = guest_clock_of_host_time(gc, ts);
			ts.tv_nsec /= unit;
			memcpy(at, &ts, sizeof ts);
		}
	}
}

static void look_for_urgent(struct host_sock *i, bool taken)
{
	void (*look)(struct file * f, bool taken) = i->sk.file.fasync_urgent;

	if (look && is_stream(i))
		look(&i->sk.file, taken);
}

ssize_t host_sock_recvmsg(struct socket *s, struct caller *c, struct socket_msg *m)
{
	struct host_sock *i = host_sock_of(s);
	struct host_wait w;

	look_for_urgent(i, false);
	host_wait_begin(&w, i, c, POLLIN | POLLRDHUP, s->rcvtimeo);
	ssize_t r = receive_all(i, m, &w);
	host_wait_end(&w);
	look_for_urgent(i, m->out_flags & MSG_OOB && !(m->flags & MSG_PEEK));
	if (!m->control)
		m->control_len = 0;
	else if (r >= 0 && guest_clock_ahead(c->mem->clock, CLOCK_REALTIME))
		move_stamps(c->mem->clock, m);
	return r;
}
