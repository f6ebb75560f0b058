/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of errors of a socket of the sandbox's own loopback, which recvmsg(2) reads with
 * MSG_ERRQUEUE (ip(7): IP_RECVERR). Three things come into it: that nobody was at a port that
 * something was sent to, as Linux makes it of the ICMP packet; that what was sent with
 * MSG_ZEROCOPY is the sender's again, which was copied, as over any loopback; and when something
 * was sent (SO_TIMESTAMPING), without the packet, as there was none.
 */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "mm/mm.h"
#include "mm/uio.h"
#include "net/loop_sock.h"

/* How much of a datagram comes back: what an ICMP packet of 576 bytes, or of 1280, has room for. */
#define QUOTED_4 520U
#define QUOTED_6 1184U

/* Adds a piece (struct loop_chunk.ee) with so many bytes of data; NULL: there is no room for
 * another. */
static struct loop_chunk *add(struct loop_sock *s, size_t len, struct sock_extended_err ee)
{
	lock_assert_held(&s->lock);
	struct loop_chunk *k =
	    s->error_bytes + len + LOOP_OVERHEAD <= s->sk.rcvbuf ? loop_chunk_new(s, len) : NULL;

	if (!k)
		return NULL;
	k->ee = ee;
	k->len = len;
	s->error_bytes += len + LOOP_OVERHEAD;
	list_add_tail(&s->errors, &k->node);
	return k;
}

static void take_off(struct loop_sock *s, struct loop_chunk *k)
{
	lock_assert_held(&s->lock);
	list_del(&k->node);
	s->error_bytes -= k->len + LOOP_OVERHEAD;
}

void loop_errors_purge(struct loop_sock *s)
{
	mutex_lock(&s->lock);
	while (!list_empty(&s->errors)) {
		struct loop_chunk *k = list_first(&s->errors, struct loop_chunk, node);
		take_off(s, k);
		loop_chunk_free(s, k);
	}
	mutex_unlock(&s->lock);
}

bool loop_has_errors(struct loop_sock *s)
{
	mutex_lock(&s->lock);
	bool some = !list_empty(&s->errors);
	mutex_unlock(&s->lock);
	return some;
}

/* ---- what comes into it ---- */

void loop_error_unreachable(struct loop_sock *s, const struct loop_name *to,
			    const struct loop_chunk *sent)
{
	bool four = IN6_IS_ADDR_V4MAPPED(&to->ip);
	size_t most = four ? QUOTED_4 : QUOTED_6;
	const struct sock_extended_err ee = {
		.ee_errno = ECONNREFUSED,
		.ee_origin = four ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
		.ee_type = four ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH,
		.ee_code = four ? ICMP_PORT_UNREACH : ICMP6_DST_UNREACH_NOPORT
	};

	mutex_lock(&s->lock);
	struct loop_chunk *k = add(s, sent->len < most ? sent->len : most, ee);
	if (k) {
		k->from = *to;
		k->when = sent->when;
		memcpy(k->data, sent->data, k->len);
	}
	mutex_unlock(&s->lock);
}

/* Numbers that follow each other share an entry: from ee_info to ee_data. */
static bool extend(struct loop_sock *s, uint32_t id)
{
	lock_assert_held(&s->lock);
	if (list_empty(&s->errors))
		return false;
	struct loop_chunk *last = list_last(&s->errors, struct loop_chunk, node);
	if (last->ee.ee_origin != SO_EE_ORIGIN_ZEROCOPY || last->ee.ee_data + 1 != id)
		return false;
	last->ee.ee_data = id;
	return true;
}

void loop_error_zerocopy(struct loop_sock *s)
{
	mutex_lock(&s->lock);
	uint32_t id = s->zerocopy_id++;
	if (!extend(s, id))
		add(s, 0,
		    (struct sock_extended_err){ .ee_origin = SO_EE_ORIGIN_ZEROCOPY,
						.ee_code = SO_EE_CODE_ZEROCOPY_COPIED,
						.ee_info = id,
						.ee_data = id });
	mutex_unlock(&s->lock);
	loop_wake(s, 0);
}

/* Numbers begin with 0: of datagrams, or of the bytes of a stream, where the last one that a call
 * has sent counts. What is sent is at the receiver's, and acknowledged, at once. */
void loop_error_times(struct loop_sock *s, struct caller *c, int times, size_t sent)
{
	static const struct {
		int flag;
		uint32_t what;
	} kinds[] = { { SOF_TIMESTAMPING_TX_SCHED, SCM_TSTAMP_SCHED },
		      { SOF_TIMESTAMPING_TX_SOFTWARE, SCM_TSTAMP_SND },
		      { SOF_TIMESTAMPING_TX_ACK, SCM_TSTAMP_ACK } };
	int flags = s->sk.timestamping;
	bool stream = loop_is_stream(s), put = false;

	if (!times && !(flags & SOF_TIMESTAMPING_OPT_ID))
		return;
	struct timespec now = guest_clock_realtime(c->mem->clock);
	mutex_lock(&s->lock);
	uint32_t id = stream ? s->sent_id + (uint32_t)sent - 1 : s->sent_id;
	if (stream || (times && flags & SOF_TIMESTAMPING_OPT_ID))
		s->sent_id += (uint32_t)sent;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct sock_extended_err ee = { .ee_errno = ENOMSG,
						.ee_origin = SO_EE_ORIGIN_TIMESTAMPING,
						.ee_info = kinds[i].what,
						.ee_data =
						    flags & SOF_TIMESTAMPING_OPT_ID ? id : 0 };
		if (!(times & kinds[i].flag) || (!stream && kinds[i].what == SCM_TSTAMP_ACK))
			continue;
		struct loop_chunk *k = add(s, 0, ee);
		if (k)
			k->when = now;
		put |= k != NULL;
	}
	mutex_unlock(&s->lock);
	if (put)
		loop_wake(s, 0);
}

/* ---- receiving (Linux: ip_recv_error, ipv6_recv_error) ---- */

static void put_error(struct loop_sock *s, struct socket_msg *m, const struct loop_chunk *k)
{
	bool six = s->sk.family == AF_INET6;
	struct loop_name offender = { .ip = k->from.ip };
	struct sockaddr_storage at = { 0 };
	struct socket_time t[2];
	size_t used = 0, len = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	struct {
		struct sock_extended_err ee;
		unsigned char offender[sizeof(struct sockaddr_in6)];
	} err = { .ee = k->ee };
	bool sent = k->ee.ee_origin == SO_EE_ORIGIN_TIMESTAMPING;
	unsigned n = k->from.port || sent ? socket_times(&s->sk, k->when, sent, t) : 0;

	for (unsigned i = 0; i < n; i++)
		loop_put_control(m, &used, SOL_SOCKET, t[i].type, t[i].at, t[i].len);
	if (k->from.port) {
		m->name_len = (unsigned)loop_put_name(s->sk.family, &k->from, &m->name);
		loop_put_name(s->sk.family, &offender, &at);
		memcpy(err.offender, &at, len);
	}
	loop_put_control(m, &used, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_RECVERR : IP_RECVERR,
			 &err, sizeof err.ee + len);
	m->control_len = used;
}

/* What SO_ERROR says is the next error of its kind, or none is left. */
static void take_next(struct loop_sock *s, const struct loop_chunk *k)
{
	lock_assert_held(&s->lock);
	const struct loop_chunk *next =
	    k->node.next == &s->errors ? NULL : list_first(&k->node, struct loop_chunk, node);

	if (next && next->from.port)
		s->err = (int)next->ee.ee_errno;
	else if (k->from.port)
		s->err = 0;
}

ssize_t loop_error_recvmsg(struct loop_sock *s, struct socket_msg *m)
{
	size_t n = m->uio->resid;

	mutex_lock(&s->lock);
	if (list_empty(&s->errors)) {
		mutex_unlock(&s->lock);
		m->control_len = 0;
		return -EAGAIN;
	}
	struct loop_chunk *k = list_first(&s->errors, struct loop_chunk, node);
	take_next(s, k);
	take_off(s, k);
	bool more = !list_empty(&s->errors);
	mutex_unlock(&s->lock);
	if (n < k->len)
		m->out_flags |= MSG_TRUNC;
	else
		n = k->len;
	ssize_t r = uio_put(m->uio, k->data, n) < n ? -EFAULT : (ssize_t)n;
	m->out_flags |= MSG_ERRQUEUE;
	put_error(s, m, k);
	loop_chunk_free(s, k);
	if (more)
		loop_wake(s, 0);
	return r;
}
