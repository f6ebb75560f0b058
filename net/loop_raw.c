/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw sockets of the sandbox's own loopback (raw(7)), and ping sockets, which send echo requests of
 * ICMP and get the answers to theirs (icmp(7); Linux: raw.c, net/ipv6/raw.c, ping.c).
 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>

#include "mm/uio.h"
#include "net/loop_sock.h"
#include "net/policy.h"

#define ICMP_HEAD   8U
#define ICMP_FILTER 1 /* <linux/icmp.h>, which does not go with <netinet/in.h> */

/* What the header says of a message, whose chunk it is. */
static struct loop_head head_of(const struct loop_sock *s, const struct loop_chunk *k, int protocol)
{
	return (struct loop_head){ .from = k->from.ip,
				   .to = k->to,
				   .protocol = protocol,
				   .ttl = k->ttl,
				   .tos = k->tos,
				   .still = loop_is_raw(s) };
}

/* A packet that the guest has made, with what it leaves to us (Linux: raw_send_hdrinc). */
static int complete_4(const struct loop_sock *s, struct loop_chunk *k)
{
	struct iphdr ip;

	if (k->len < sizeof ip)
		return -EINVAL;
	memcpy(&ip, k->data, sizeof ip);
	size_t head = ip.ihl * 4UL;
	if (head > k->len)
		return -EINVAL;
	if (head < sizeof ip)
		return 0;
	if (!ip.saddr)
		ip.saddr = lo_ipv4(&k->from.ip);
	if (!ip.id)
		random_bytes(NULL, &ip.id, sizeof ip.id);
	ip.tot_len = htons((uint16_t)k->len);
	ip.check = 0;
	memcpy(k->data, &ip, sizeof ip);
	ip.check = loop_checksum(loop_sum(k->data, head, 0));
	memcpy(k->data, &ip, sizeof ip);
	return 0;
}

/* A frame of what the guest has made the whole packet of. */
static int send_whole(struct loop_sock *s, struct loop_chunk *k)
{
	bool four = s->sk.family == AF_INET;
	int err = four ? complete_4(s, k) : k->len < 40 ? -EINVAL : 0;
	unsigned char *f = err ? NULL : calloc(1, LOOP_FRAME_HEAD + k->len);

	if (!f)
		return err ? err : -ENOBUFS;
	f[12] = four ? 0x08 : 0x86; /* ETH_P_IP, ETH_P_IPV6 */
	f[13] = four ? 0x00 : 0xdd;
	memcpy(f + LOOP_FRAME_HEAD, k->data, k->len);
	loop_frame_send(s, f, LOOP_FRAME_HEAD + k->len);
	free(f);
	return 0;
}

/* Puts a sum of all where there is to be one: of ICMP behind its first two bytes. */
static void put_sum(unsigned char *data, size_t len, size_t at, uint32_t begin)
{
	memset(data + at, 0, 2);
	uint16_t sum = loop_checksum(loop_sum(data, len, begin));
	memcpy(data + at, &sum, sizeof sum);
}

static int send_data(struct loop_sock *s, const struct loop_chunk *k, int protocol)
{
	struct loop_head h = head_of(s, k, protocol);
	int sum = s->checksum;
	size_t len;

	if (sum >= 0 && (size_t)sum + 2 > k->len)
		return -EINVAL;
	unsigned char *f = loop_frame_new(&h, k->len, &len), *data = f + loop_frame_data(&h);
	if (!f)
		return -ENOBUFS;
	memcpy(data, k->data, k->len);
	if (loop_is_ping(s)) {
		data[4] = (unsigned char)(k->from.port >> 8);
		data[5] = (unsigned char)k->from.port;
	}
	if (sum >= 0)
		put_sum(data, k->len, (size_t)sum, loop_pseudo_sum(&h, k->len));
	else if (loop_is_ping(s))
		put_sum(data, k->len, 2, s->sk.family == AF_INET ? 0 : loop_pseudo_sum(&h, k->len));
	loop_frame_send(s, f, len);
	free(f);
	return 0;
}

/* Of IPv6 the port of the address says which protocol, as far as the socket leaves that open
 * (Linux: rawv6_sendmsg). */
static int choose_protocol(const struct loop_sock *s, const struct socket_msg *m,
			   const struct loop_name *to)
{
	int own = s->sk.protocol;

	if (s->sk.family == AF_INET || !m->name_len || !to->port)
		return own;
	return to->port > 255 || (to->port != own && own != IPPROTO_RAW) ? -EINVAL : to->port;
}

/* Linux: ping_supported. */
static int check_ping(const struct loop_sock *s, const struct loop_chunk *k)
{
	int echo = s->sk.family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;

	return k->data[0] == echo && !k->data[1] ? 0 : -EINVAL;
}

static ssize_t loop_raw_sendmsg(struct socket *sk, struct caller *c, struct socket_msg *m)
{
	struct loop_sock *s = loop_of(sk);
	bool four = sk->family == AF_INET;
	struct loop_name from, to;
	struct loop_sending with;
	struct loop_chunk *k;
	size_t len = m->uio->resid;
	bool connected;

	if (len > UINT16_MAX)
		return -EMSGSIZE;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (loop_is_ping(s) && len < ICMP_HEAD)
		return -EINVAL;
	int err = loop_find_way(s, m, &from, &to, &connected);
	if (!err && !four && IN6_IS_ADDR_V4MAPPED(&to.ip))
		err = -ENETUNREACH;
	/* Linux: raw_probe_proto_opt */
	bool icmp = sk->protocol == (four ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if ((!err || err == -ENETUNREACH) && icmp && len < 2)
		return -EFAULT;
	if (err == -ENETUNREACH)
		net_check(sk->net, c, NET_SEND, (const struct sockaddr *)&m->name, m->name_len);
	int protocol = err ? 0 : choose_protocol(s, m, &to);
	if (protocol < 0)
		err = protocol;
	if (!err)
		err = loop_take_controls(s, c, m, four, &with);
	bool whole = loop_is_raw(s) &&
		     (loop_option(s, IPPROTO_IP, IP_HDRINCL) || sk->protocol == IPPROTO_RAW);
	size_t most = LO_MTU - (whole ? 1U : four ? 21U : 40U);
	if (!err && len > most)
		err = -EMSGSIZE;
	if (!err)
		err = -atomic_exchange(&s->err, 0);
	if (!err && s->shutdown & SEND_SHUTDOWN)
		err = -EPIPE;
	if (!err)
		err = loop_take_message(s, c, m, &from, &to.ip, &with, &k);
	if (err)
		return err;
	err = loop_is_ping(s) ? check_ping(s, k) : 0;
	if (!err)
		err = whole ? send_whole(s, k) : send_data(s, k, protocol);
	loop_chunk_free(s, k);
	return err ? err : (ssize_t)len;
}

/* ---- options ---- */

/* Which types of ICMP the socket does not get; how many words say that. */
static size_t hidden_words(const struct loop_sock *s, int level, int name)
{
	if (!loop_is_raw(s))
		return 0;
	if (level == SOL_RAW && name == ICMP_FILTER && s->sk.protocol == IPPROTO_ICMP)
		return 1;
	return level == IPPROTO_ICMPV6 && name == ICMP6_FILTER && s->sk.family == AF_INET6 &&
		       s->sk.protocol == IPPROTO_ICMPV6
		   ? 8
		   : 0;
}

static bool is_checksum(const struct loop_sock *s, int level, int name)
{
	return loop_is_raw(s) && s->sk.family == AF_INET6 && name == IPV6_CHECKSUM &&
	       (level == SOL_RAW || level == IPPROTO_IPV6);
}

static int set_checksum(struct loop_sock *s, int level, const void *val, unsigned len)
{
	int v;

	if (len < sizeof v)
		return -EINVAL;
	memcpy(&v, val, sizeof v);
	if ((s->sk.protocol == IPPROTO_ICMPV6 && level == IPPROTO_IPV6) || (v > 0 && v & 1))
		return -EINVAL;
	s->checksum = v < 0 ? -1 : v;
	return 0;
}

static int raw_setsockopt(struct socket *sk, struct caller *c, int level, int name, const void *val,
			  unsigned len)
{
	struct loop_sock *s = loop_of(sk);
	size_t n = hidden_words(s, level, name);

	for (size_t i = 0; i < n && (i + 1) * sizeof(uint32_t) <= len; i++)
		s->hidden_types[i] = ((const uint32_t *)val)[i];
	if (n)
		return 0;
	if (is_checksum(s, level, name))
		return set_checksum(s, level, val, len);
	if (level == SOL_RAW && name == ICMP_FILTER && loop_is_raw(s))
		return -EOPNOTSUPP;
	return loop_setsockopt(sk, c, level, name, val, len);
}

static int raw_getsockopt(struct socket *sk, struct caller *c, int level, int name, void *buf,
			  unsigned size)
{
	struct loop_sock *s = loop_of(sk);
	size_t n = hidden_words(s, level, name);
	uint32_t words[8];

	if (is_checksum(s, level, name)) {
		words[0] = (uint32_t)s->checksum;
		n = 1;
	} else {
		for (size_t i = 0; i < n; i++)
			words[i] = s->hidden_types[i];
	}
	if (!n)
		return loop_getsockopt(sk, c, level, name, buf, size);
	size = size < n * sizeof *words ? size : (unsigned)(n * sizeof *words);
	memcpy(buf, words, size);
	return (int)size;
}

const struct socket_ops loop_raw_ops = {
	.bind = loop_bind,
	.connect = loop_dgram_connect,
	.getname = loop_getname,
	.sendmsg = loop_raw_sendmsg,
	.recvmsg = loop_dgram_recvmsg,
	.shutdown = loop_dgram_shutdown,
	.poll = loop_dgram_poll,
	.setsockopt = raw_setsockopt,
	.getsockopt = raw_getsockopt,
	.stat = loop_stat,
	.take_error = loop_take_error,
	.ioctl = loop_ioctl,
	.saved = &loop_saved,
	.filters = true,
	.release = loop_dgram_release,
};
