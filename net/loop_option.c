/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of sockets of the sandbox's own loopback. Where a connection has no packets, most of what
 * IP and TCP can be told changes nothing; it is checked, kept and told as Linux does it. What would
 * need another interface, another machine or a group of them is refused. An option that is not in
 * the table does not exist (ENOPROTOOPT), nor does one that would have to change what happens and
 * does not yet: IP_FREEBIND, TCP_DEFER_ACCEPT.
 */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "mm/access.h"
#include "net/device.h"
#include "net/loop_sock.h"
#include "util/codec.h"

#define INT   INT32_MAX
#define HZ    1 /* times in seconds */
#define BYTE  1 /* may be given as a byte (Linux: do_ip_setsockopt) */
#define FLAG  2 /* any value is 0 or 1 */
#define RAW   8 /* of raw sockets alone */
#define STILL 4 /* cannot be changed once the socket has a port */

static const struct loop_option {
	int level, name;
	int start, least, most; /* -1 stands for the start */
	unsigned flags;
} options[] = {
	{ IPPROTO_IP, IP_TOS, 0, 0, 255, BYTE },
	{ IPPROTO_IP, IP_HDRINCL, 0, 0, INT, BYTE | FLAG | RAW },
	{ IPPROTO_IP, IP_TTL, 64, 1, 255, BYTE },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, 0, IP_PMTUDISC_OMIT, BYTE },
	{ IPPROTO_IP, IP_PKTINFO, 0, 0, INT, BYTE | FLAG },
	/* no packet has options, or a label */
	{ IPPROTO_IP, IP_RECVOPTS, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_RETOPTS, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_PASSSEC, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_RECVTTL, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_RECVERR, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_RECVTOS, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_RECVORIGDSTADDR, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_MULTICAST_TTL, 1, 0, 255, BYTE },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, 1, 0, INT, BYTE | FLAG },
	{ IPPROTO_IP, IP_MULTICAST_ALL, 1, 0, 1, BYTE },
	{ IPPROTO_IPV6, IPV6_V6ONLY, 0, 0, INT, FLAG | STILL },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, -1, 255, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, -1, 255, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, 0, 1, 0 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, 0, IPV6_PMTUDISC_OMIT, 0 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, 0, INT, FLAG },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0, 0, INT, FLAG },
	{ IPPROTO_IPV6, IPV6_RECVERR, 0, 0, INT, FLAG },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, 0, 0, INT, FLAG },
	{ IPPROTO_IPV6, IPV6_TCLASS, 0, -1, 255, 0 },
	{ IPPROTO_IPV6, IPV6_DONTFRAG, 0, 0, INT, FLAG },
	{ IPPROTO_TCP, TCP_NODELAY, 0, 0, INT, FLAG },
	{ IPPROTO_TCP, TCP_CORK, 0, 0, INT, FLAG },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 7200, 1, 32767, 0 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 75, 1, 32767, 0 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 9, 1, 127, 0 },
	{ IPPROTO_TCP, TCP_SYNCNT, 6, 1, 127, 0 },
	{ IPPROTO_TCP, TCP_LINGER2, 60, -1, 120, 0 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, 0, INT, 0 },
	{ IPPROTO_TCP, TCP_QUICKACK, 1, 0, INT, FLAG },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 0, INT, 0 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1, INT32_MIN, INT, 0 },
	{ IPPROTO_TCP, TCP_FASTOPEN, 0, 0, INT, 0 },
	{ IPPROTO_TCP, TCP_REPAIR, 0, 0, 0, 0 },
	{ IPPROTO_UDP, UDP_CORK, 0, 0, 0, FLAG },
};

#define NR_OPTIONS (sizeof options / sizeof *options)
_Static_assert(NR_OPTIONS <= NR_LOOP_OPTIONS, "a socket has room for all");

static int option_index(int level, int name)
{
	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (options[i].level == level && options[i].name == name)
			return (int)i;
	return -1;
}

/* One that the socket has; -1: it has not. */
static int find_option(const struct loop_sock *s, int level, int name)
{
	int i = option_index(level, name);

	return i >= 0 && options[i].flags & RAW && !loop_is_raw(s) ? -1 : i;
}

void loop_options_init(struct loop_sock *s)
{
	for (size_t i = 0; i < NR_OPTIONS; i++)
		s->option[i] = options[i].start;
}

void loop_options_save(struct encoder *out, const struct loop_sock *s)
{
	for (size_t i = 0; i < NR_OPTIONS; i++)
		encode_signed(out, s->option[i]);
}

void loop_options_load(struct decoder *in, struct loop_sock *s)
{
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		const struct loop_option *o = &options[i];
		int v = (int)decode_between(in, INT32_MIN, INT32_MAX);
		if (v != o->start && (v < o->least || v > o->most))
			in->failed = true;
		s->option[i] = v;
	}
}

int loop_option(const struct loop_sock *s, int level, int name)
{
	return s->option[option_index(level, name)];
}

void loop_set_option(struct loop_sock *s, int level, int name, int value)
{
	s->option[option_index(level, name)] = value;
}

/* Has the socket options of the level? */
static bool has_level(const struct loop_sock *s, int level)
{
	return level == IPPROTO_IP || (level == IPPROTO_IPV6 && s->sk.family == AF_INET6) ||
	       (level == s->sk.protocol && !loop_is_raw(s) && !loop_is_ping(s));
}

/* Interfaces and groups: lo is in none. */
static bool is_about_groups(int level, int name)
{
	if (level == IPPROTO_IPV6)
		return name == IPV6_JOIN_GROUP || name == IPV6_LEAVE_GROUP ||
		       (name >= MCAST_JOIN_GROUP && name <= MCAST_LEAVE_SOURCE_GROUP);
	return level == IPPROTO_IP &&
	       ((name >= IP_ADD_MEMBERSHIP && name <= IP_DROP_SOURCE_MEMBERSHIP) ||
		(name >= MCAST_JOIN_GROUP && name <= MCAST_LEAVE_SOURCE_GROUP));
}

static int set_congestion(const char *val, unsigned len)
{
	char own[64];

	net_sysctl_text("ipv4/tcp_congestion_control", own, sizeof own);
	own[strcspn(own, "\n")] = '\0';
	len = (unsigned)strnlen(val, len);
	return len == strlen(own) && !memcmp(val, own, len) ? 0 : -ENOENT;
}

static int set_option(struct loop_sock *s, int i, const void *val, unsigned len)
{
	const struct loop_option *o = &options[i];
	int v = 0;

	if (len >= sizeof v)
		memcpy(&v, val, sizeof v);
	else if (o->flags & BYTE && len)
		v = *(const unsigned char *)val;
	else
		return -EINVAL;
	if (o->flags & FLAG)
		v = v != 0;
	if (o->level == IPPROTO_TCP && o->name == TCP_LINGER2)
		v = v < 0 ? -1 : v == 0 ? o->start : v < o->most ? v : o->most;
	else if (v == -1 && o->least == -1)
		v = o->start;
	if (v < o->least || v > o->most)
		return -EINVAL;
	mutex_lock(&s->loop->lock);
	bool still = o->flags & STILL && loop_is_bound(s);
	mutex_unlock(&s->loop->lock);
	if (still)
		return -EINVAL;
	s->option[i] = v;
	/* who wants no errors any more has none */
	if (!v && ((o->level == IPPROTO_IP && o->name == IP_RECVERR) ||
		   (o->level == IPPROTO_IPV6 && o->name == IPV6_RECVERR)))
		loop_errors_purge(s);
	return 0;
}

/* What cannot be done is refused: nothing tells when a byte of a stream came; when something went
 * is told without the packet, as there is none, and without the counters of the connection. Linux:
 * sock_set_timestamping. */
static int set_times(struct loop_sock *s, const void *val, unsigned len)
{
	const int stats = SOF_TIMESTAMPING_OPT_STATS;
	bool stream = loop_is_stream(s);
	int v;

	if (len < sizeof v)
		return -EINVAL;
	memcpy(&v, val, sizeof v);
	if (!socket_timestamping_is_valid(v))
		return -EINVAL;
	if ((stream && v & (SOF_TIMESTAMPING_RX_SOFTWARE | stats)) ||
	    (v & TX_TIMES && (v & stats || !(v & SOF_TIMESTAMPING_OPT_TSONLY))))
		return -ENOPROTOOPT;
	if (!(v & SOF_TIMESTAMPING_OPT_ID) || s->sk.timestamping & SOF_TIMESTAMPING_OPT_ID)
		return SOCKET_GENERIC;
	if (stream && (s->state == TCP_CLOSE || s->state == TCP_LISTEN))
		return -EINVAL;
	mutex_lock(&s->lock);
	s->sent_id = 0;
	mutex_unlock(&s->lock);
	return SOCKET_GENERIC;
}

static int set_zerocopy(struct loop_sock *s, const void *val, unsigned len)
{
	int v;

	if (len < sizeof v)
		return -EINVAL;
	memcpy(&v, val, sizeof v);
	if (v < 0 || v > 1)
		return -EINVAL;
	if (v)
		atomic_fetch_or(&s->sk.flags, 1UL << SO_ZEROCOPY);
	else
		atomic_fetch_and(&s->sk.flags, ~(1UL << SO_ZEROCOPY));
	return 0;
}

int loop_setsockopt(struct socket *sk, struct caller *c, int level, int name, const void *val,
		    unsigned len)
{
	struct loop_sock *s = loop_of(sk);
	int i;

	if (level == SOL_SOCKET) {
		if (name == SO_PASSCRED || name == SO_PASSSEC)
			return -EOPNOTSUPP;
		if (name == SO_MAX_PACING_RATE && loop_is_stream(s))
			return -ENOPROTOOPT;
		if (name == SO_TIMESTAMPING || name == SO_TIMESTAMPING_NEW)
			return set_times(s, val, len);
		if (name == SO_ZEROCOPY)
			return set_zerocopy(s, val, len);
		if (name == SO_SNDBUF || name == SO_RCVBUF || name == SO_SNDBUFFORCE ||
		    name == SO_RCVBUFFORCE)
			s->own_buffers = true;
		return SOCKET_GENERIC;
	}
	if (!has_level(s, level))
		return -ENOPROTOOPT;
	if (is_about_groups(level, name))
		return -ENODEV;
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return set_congestion(val, len);
	if (level == IPPROTO_TCP && name == TCP_ULP)
		return len ? -ENOENT : -EINVAL;
	if (level == IPPROTO_IP && name == IP_OPTIONS && !len)
		return 0;
	i = find_option(s, level, name);
	return i < 0 ? -ENOPROTOOPT : set_option(s, i, val, len);
}

static int put(void *buf, unsigned size, const void *val, size_t len)
{
	size = size < len ? size : (unsigned)len;
	memcpy(buf, val, size);
	return (int)size;
}

/* TCP_INFO with what <netinet/tcp.h> does not have of it (linux/tcp.h). */
struct tcp_counters {
	struct tcp_info info;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
};
_Static_assert(sizeof(struct tcp_info) == 104 && offsetof(struct tcp_counters, bytes_sent) == 200 &&
		   sizeof(struct tcp_counters) <= LOOP_TCP_INFO_SIZE,
	       "as Linux has it");

/* All that is sent is acknowledged. The beginning and the end of a stream count as a byte each, as
 * they have a number on Linux. */
static void put_counters(const struct loop_sock *s, struct tcp_counters *c)
{
	c->bytes_sent = s->sent;
	c->bytes_acked = s->sent + s->active + s->ended;
	c->bytes_received = s->received + s->done;
	c->data_segs_out = c->segs_out = s->pieces_sent;
	c->data_segs_in = c->segs_in = s->pieces_received;
	c->delivered = 1 + s->pieces_sent + s->ended;
}

/* Of TCP_INFO what is so: nothing is ever lost. */
int loop_tcp_info(struct loop_sock *s, void *buf, unsigned size)
{
	/* What newer kernels have behind it counts what does not happen here. */
	union {
		struct tcp_counters c;
		char room[LOOP_TCP_INFO_SIZE];
	} u = { .room = { 0 } };

	u.c.info = (struct tcp_info){ .tcpi_state = (uint8_t)s->state,
				      .tcpi_rto = 201000,
				      .tcpi_snd_mss = 536,
				      .tcpi_rcv_mss = 536,
				      .tcpi_snd_ssthresh = INT32_MAX,
				      .tcpi_snd_cwnd = 10,
				      .tcpi_reordering = 3 };
	if (s->state != TCP_CLOSE && s->state != TCP_LISTEN) {
		u.c.info.tcpi_snd_mss = u.c.info.tcpi_advmss = LO_MTU - 52;
		u.c.info.tcpi_pmtu = LO_MTU;
		put_counters(s, &u.c);
	}
	mutex_lock(&s->loop->lock);
	if (s->state == TCP_LISTEN) {
		u.c.info.tcpi_unacked = s->accept_len;
		u.c.info.tcpi_sacked = s->backlog;
	}
	mutex_unlock(&s->loop->lock);
	return put(buf, size, &u, sizeof u);
}

void loop_meminfo(struct loop_sock *s, uint32_t *out)
{
	memset(out, 0, SK_MEMINFO_VARS * sizeof *out);
	mutex_lock(&s->lock);
	out[SK_MEMINFO_RMEM_ALLOC] = (uint32_t)(loop_is_stream(s) ? s->queued : s->charged);
	mutex_unlock(&s->lock);
	out[SK_MEMINFO_RCVBUF] = s->sk.rcvbuf;
	out[SK_MEMINFO_SNDBUF] = s->sk.sndbuf;
	out[SK_MEMINFO_DROPS] = s->drops;
}

int loop_getsockopt(struct socket *sk, struct caller *c, int level, int name, void *buf,
		    unsigned size)
{
	struct loop_sock *s = loop_of(sk);
	uint32_t mem[SK_MEMINFO_VARS];
	char text[64];
	int v, i;

	if (level == SOL_SOCKET && name == SO_ACCEPTCONN) {
		v = s->state == TCP_LISTEN;
		return put(buf, size, &v, sizeof v);
	}
	if (level == SOL_SOCKET && name == SO_ZEROCOPY) {
		v = socket_flag(sk, SO_ZEROCOPY);
		return put(buf, size, &v, sizeof v);
	}
	if (level == SOL_SOCKET && name == SO_MEMINFO) {
		loop_meminfo(s, mem);
		return put(buf, size, mem, sizeof mem);
	}
	if (level == SOL_SOCKET)
		return name == SO_PASSCRED || name == SO_PASSSEC ? -EOPNOTSUPP : SOCKET_GENERIC;
	if (!has_level(s, level))
		return s->sk.family == AF_INET ? -EOPNOTSUPP : -ENOPROTOOPT;
	if (level == IPPROTO_TCP && name == TCP_INFO)
		return loop_tcp_info(s, buf, size);
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		net_sysctl_text("ipv4/tcp_congestion_control", text, sizeof text);
		memset(text + strcspn(text, "\n"), 0, 16);
		return put(buf, size, text, 16);
	}
	if (level == IPPROTO_TCP && name == TCP_MAXSEG) {
		v = s->peer ? LO_MTU - 53 : 536;
		return put(buf, size, &v, sizeof v);
	}
	if ((level == IPPROTO_TCP && name == TCP_ULP) ||
	    (level == IPPROTO_IP && name == IP_OPTIONS))
		return 0; /* there are none */
	i = find_option(s, level, name);
	if (i < 0)
		return -ENOPROTOOPT;
	v = s->option[i];
	if (level == IPPROTO_IP && size && size < sizeof v && v >= 0 && v <= 255) {
		*(unsigned char *)buf = (unsigned char)v;
		return 1;
	}
	return put(buf, size, &v, sizeof v);
}

/* Bytes that a read would find: of datagrams, in the first. */
static int readable_bytes(struct loop_sock *s)
{
	size_t n = 0;

	if (s->state == TCP_LISTEN)
		return -EINVAL;
	mutex_lock(&s->lock);
	if (loop_is_stream(s) && s->urgent && !socket_flag(&s->sk, SO_OOBINLINE))
		n = (size_t)(s->urgent_pos - s->read_pos);
	else if (loop_is_stream(s))
		n = s->queued;
	else if (!list_empty(&s->queue))
		n = list_first(&s->queue, struct loop_chunk, node)->len;
	mutex_unlock(&s->lock);
	return (int)n;
}

static bool is_at_mark(struct loop_sock *s)
{
	mutex_lock(&s->lock);
	bool at = loop_at_mark(s);
	mutex_unlock(&s->lock);
	return at;
}

int64_t loop_ioctl(struct socket *sk, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	struct loop_sock *s = loop_of(sk);
	int n = 0;

	switch (cmd) {
	case SIOCINQ: n = readable_bytes(s); break;
	case SIOCOUTQ: n = s->state == TCP_LISTEN ? -EINVAL : 0; break;
	case SIOCOUTQNSD:
		n = !loop_is_stream(s) ? -ENOTTY : s->state == TCP_LISTEN ? -EINVAL : 0;
		break;
	case SIOCATMARK: n = loop_is_stream(s) ? is_at_mark(s) : -ENOTTY; break;
	default: return device_ioctl(sk->net, c, sk->family == AF_INET, mm, cmd, arg);
	}
	if (n < 0)
		return n;
	return copy_to_guest(mm, GVA(arg), &n, sizeof n) ? -EFAULT : 0;
}
