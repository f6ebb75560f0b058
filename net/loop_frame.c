/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of the sandbox's own loopback, where there are any: made of datagrams for those who watch
 * (raw and packet sockets), and of what raw, ping and packet sockets send. What the network itself
 * answers is here, too: echoes, and that nobody is there (icmp(7), RFC 792, RFC 4443).
 *
 * A frame is the header of the interface, which is zeros and the protocol, and a packet of IP. As
 * over Linux's loopback, of UDP only that part of the sum is there that the addresses make.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mm.h"
#include "net/loop_sock.h"
#include "net/socket_filter.h"

#define HOPS        64
#define QUOTED_4    548U /* of a packet that is refused comes back: of 576 bytes, of 1280 */
#define QUOTED_6    1232U
#define TOS_CONTROL 0xc0 /* IPTOS_PREC_INTERNETCONTROL */

/* A packet that has been looked at. */
struct packet {
	struct loop_head head;
	const unsigned char *ip, *data; /* where the headers begin, and what is behind them */
	size_t ip_len, len;             /* of all, of the data */
};

uint32_t loop_sum(const void *data, size_t len, uint32_t sum)
{
	const unsigned char *p = data;
	uint64_t all = sum;

	for (; len > 1; p += 2, len -= 2)
		all += (uint64_t)(p[0] << 8 | p[1]);
	if (len)
		all += (uint64_t)p[0] << 8;
	while (all >> 32)
		all = (all & UINT32_MAX) + (all >> 32);
	return (uint32_t)all;
}

uint16_t loop_checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)(sum ^ 0xffff));
}

static bool is_four(const struct loop_head *h)
{
	return IN6_IS_ADDR_V4MAPPED(&h->to);
}

uint32_t loop_pseudo_sum(const struct loop_head *h, size_t len)
{
	size_t skip = is_four(h) ? 12 : 0;
	uint32_t sum = loop_sum(h->from.s6_addr + skip, 16 - skip, (uint32_t)len);

	return loop_sum(h->to.s6_addr + skip, 16 - skip, sum) + (uint32_t)h->protocol;
}

static void put_head_4(const struct loop_head *h, unsigned char *at, size_t len)
{
	struct iphdr *ip = (struct iphdr *)(void *)at;

	*ip = (struct iphdr){ .version = 4,
			      .ihl = 5,
			      .tos = (uint8_t)h->tos,
			      .tot_len = htons((uint16_t)len),
			      .frag_off = h->still ? htons(IP_DF) : 0,
			      .ttl = (uint8_t)h->ttl,
			      .protocol = (uint8_t)h->protocol,
			      .saddr = lo_ipv4(&h->from),
			      .daddr = lo_ipv4(&h->to) };
	if (!h->still)
		random_bytes(NULL, &ip->id, sizeof ip->id);
	ip->check = loop_checksum(loop_sum(ip, sizeof *ip, 0));
}

static void put_head_6(const struct loop_head *h, unsigned char *at, size_t len)
{
	struct ip6_hdr *ip = (struct ip6_hdr *)(void *)at;

	*ip = (struct ip6_hdr){ .ip6_src = h->from, .ip6_dst = h->to };
	ip->ip6_flow = htonl(6U << 28 | (uint32_t)h->tos << 20);
	ip->ip6_plen = htons((uint16_t)len);
	ip->ip6_nxt = (uint8_t)h->protocol;
	ip->ip6_hlim = (uint8_t)h->ttl;
}

unsigned char *loop_frame_new(const struct loop_head *h, size_t len, size_t *frame_len)
{
	size_t data = loop_frame_data(h);
	unsigned char *f = calloc(1, data + len);

	if (!f)
		return NULL;
	*frame_len = data + len;
	f[12] = (unsigned char)((is_four(h) ? ETHERTYPE_IP : ETHERTYPE_IPV6) >> 8);
	f[13] = (unsigned char)(is_four(h) ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	if (is_four(h))
		put_head_4(h, f + LOOP_FRAME_HEAD, data - LOOP_FRAME_HEAD + len);
	else
		put_head_6(h, f + LOOP_FRAME_HEAD, len);
	return f;
}

unsigned char *loop_frame_udp(const struct loop_chunk *k, unsigned port, size_t *len)
{
	struct loop_head h = { .from = k->from.ip,
			       .to = k->to,
			       .protocol = IPPROTO_UDP,
			       .ttl = k->ttl,
			       .tos = k->tos,
			       .still = true };
	struct udphdr udp = { .source = htons(k->from.port),
			      .dest = htons((uint16_t)port),
			      .len = htons((uint16_t)(sizeof udp + k->len)) };
	unsigned char *f = loop_frame_new(&h, sizeof udp + k->len, len);

	if (!f)
		return NULL;
	udp.check = loop_checksum(loop_pseudo_sum(&h, sizeof udp + k->len)) ^ 0xffff;
	memcpy(f + loop_frame_data(&h), &udp, sizeof udp);
	memcpy(f + loop_frame_data(&h) + sizeof udp, k->data, k->len);
	return f;
}

/* ---- what is in a frame ---- */

static bool parse_4(struct packet *p, const unsigned char *at, size_t len)
{
	struct iphdr ip;

	if (len < sizeof ip)
		return false;
	memcpy(&ip, at, sizeof ip);
	size_t head = ip.ihl * 4UL, all = ntohs(ip.tot_len);
	if (ip.version != 4 || head < sizeof ip || all < head || len < all ||
	    loop_checksum(loop_sum(at, head, 0)) || ntohs(ip.frag_off) & (IP_MF | IP_OFFMASK))
		return false;
	p->head = (struct loop_head){ .from = lo_mapped(ip.saddr),
				      .to = lo_mapped(ip.daddr),
				      .protocol = ip.protocol,
				      .ttl = ip.ttl,
				      .tos = ip.tos };
	p->data = at + head;
	p->len = all - head;
	p->ip_len = all;
	return true;
}

static bool parse_6(struct packet *p, const unsigned char *at, size_t len)
{
	struct ip6_hdr ip;

	if (len < sizeof ip)
		return false;
	memcpy(&ip, at, sizeof ip);
	p->len = ntohs(ip.ip6_plen);
	p->ip_len = sizeof ip + p->len;
	if (at[0] >> 4 != 6 || len < p->ip_len || IN6_IS_ADDR_V4MAPPED(&ip.ip6_dst))
		return false;
	p->head = (struct loop_head){ .from = ip.ip6_src,
				      .to = ip.ip6_dst,
				      .protocol = ip.ip6_nxt,
				      .ttl = ip.ip6_hlim,
				      .tos = (int)(ntohl(ip.ip6_flow) >> 20 & 0xff) };
	p->data = at + sizeof ip;
	return true;
}

/* False: it is no packet of IP that is whole. */
static bool parse(struct packet *p, const unsigned char *frame, size_t len)
{
	unsigned protocol = (unsigned)(frame[12] << 8 | frame[13]);

	p->ip = frame + LOOP_FRAME_HEAD;
	len -= LOOP_FRAME_HEAD;
	return protocol == ETHERTYPE_IP     ? parse_4(p, p->ip, len)
	       : protocol == ETHERTYPE_IPV6 ? parse_6(p, p->ip, len)
					    : false;
}

/* A packet of IPv4 that a packet socket sends has no route with it, and none is found for one that
 * says it is from here, or from or to the loopback (Linux: ip_route_input_slow). */
static bool is_martian(const struct loop_sock *s, const struct packet *p)
{
	const unsigned char *from = p->head.from.s6_addr, *to = p->head.to.s6_addr;

	return s->sk.family == AF_PACKET && is_four(&p->head) &&
	       (from[12] == 127 || to[12] == 127 || lo_is_own(loop_lo(s), &p->head.from));
}

/* ---- who gets it ---- */

/* Does the socket's address, and that of its peer, fit? */
static bool fits(const struct loop_sock *s, const struct packet *p)
{
	if ((s->sk.family == AF_INET) != is_four(&p->head))
		return false;
	if (s->own_ip && !IN6_ARE_ADDR_EQUAL(&s->local.ip, &p->head.to))
		return false;
	return s->state != TCP_ESTABLISHED || IN6_ARE_ADDR_EQUAL(&s->remote.ip, &p->head.from);
}

/* Linux: raw_v4_match. */
static bool wants(const struct loop_sock *s, const struct packet *p)
{
	unsigned type = p->len ? p->data[0] : 0;

	if (s->sk.protocol != p->head.protocol || !fits(s, p))
		return false;
	/* Linux: icmp_filter, icmpv6_filter */
	if (p->head.protocol == IPPROTO_ICMP && (p->len < 8 || type >= 32))
		return p->len >= 8;
	if (p->head.protocol == IPPROTO_ICMPV6 && p->len < 4)
		return false;
	if (p->head.protocol == IPPROTO_ICMP || p->head.protocol == IPPROTO_ICMPV6)
		return !(s->hidden_types[type / 32] >> type % 32 & 1);
	return true;
}

/* What the socket reads: of IPv4 the whole packet, of IPv6 and for ping what is behind the
 * headers. */
static void give(struct loop_sock *s, const struct packet *p)
{
	bool whole = is_four(&p->head) && loop_is_raw(s);
	const unsigned char *data = whole ? p->ip : p->data;
	size_t len = whole ? p->ip_len : p->len;
	struct filter_packet f = { .data = data,
				   .len = len,
				   .before = (size_t)(data - p->ip),
				   .protocol = is_four(&p->head) ? ETHERTYPE_IP : ETHERTYPE_IPV6,
				   .interface = LO_INDEX,
				   .hatype = ARPHRD_LOOPBACK };
	if (s->checksum >= 0 && p->head.protocol != IPPROTO_UDP &&
	    loop_checksum(loop_sum(data, len, loop_pseudo_sum(&p->head, len))))
		return;
	struct loop_chunk *k = NULL;
	if (socket_filter_passes(&s->sk, &f, 1, &len))
		k = loop_chunk_new(s, len);
	if (!k) {
		s->drops++;
		return;
	}
	memcpy(k->data, data, len);
	k->len = len;
	k->from.ip = p->head.from;
	k->to = p->head.to;
	k->ttl = p->head.ttl;
	k->tos = p->head.tos;
	k->when = guest_clock_realtime(s->sk.net->mem->clock);
	loop_deliver(s, k);
}

bool loop_frame_show(struct loop_sock *s, const unsigned char *frame, size_t len)
{
	struct loop *l = s->loop;
	bool packet, got = false;
	struct loop_sock *t;
	struct packet p;

	if (!l->watchers)
		return false;
	packet = parse(&p, frame, len) && !is_martian(s, &p);
	mutex_lock(&l->lock);
	list_for_each (t, &l->taps, bound)
		if (t->protocol == ETH_P_ALL && t != s)
			loop_tap(t, frame, len, PACKET_OUTGOING);
	list_for_each (t, &l->taps, bound)
		loop_tap(t, frame, len, PACKET_HOST);
	if (packet)
		list_for_each (t, &l->raws, bound)
			if (wants(t, &p)) {
				give(t, &p);
				got = true;
			}
	mutex_unlock(&l->lock);
	return got;
}

/* ---- what the network answers ---- */

/* Sends a message of ICMP: the first bytes, and data behind them. */
static void answer(struct loop_sock *s, const struct packet *to, const unsigned char head[8],
		   const unsigned char *data, size_t len, int tos)
{
	bool four = is_four(&to->head);
	struct loop_head h = { .from = to->head.to,
			       .to = to->head.from,
			       .protocol = four ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			       .ttl = HOPS,
			       .tos = tos };
	size_t frame_len;
	unsigned char *f = loop_frame_new(&h, 8 + len, &frame_len);

	if (!f)
		return;
	unsigned char *icmp = f + loop_frame_data(&h);
	memcpy(icmp, head, 8);
	memset(icmp + 2, 0, 2);
	memcpy(icmp + 8, data, len);
	uint16_t sum =
	    loop_checksum(loop_sum(icmp, 8 + len, four ? 0 : loop_pseudo_sum(&h, 8 + len)));
	memcpy(icmp + 2, &sum, sizeof sum);
	loop_frame_send(s, f, frame_len);
	free(f);
}

static void refuse(struct loop_sock *s, const struct packet *p, unsigned code4, unsigned code6)
{
	bool four = is_four(&p->head);
	size_t most = four ? QUOTED_4 : QUOTED_6;
	const unsigned char head[8] = { four ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH,
					(unsigned char)(four ? code4 : code6) };

	answer(s, p, head, p->ip, p->ip_len < most ? p->ip_len : most, four ? TOS_CONTROL : 0);
}

void loop_frame_refuse(struct loop_sock *s, const unsigned char *frame, size_t len)
{
	struct packet p;

	if (parse(&p, frame, len))
		refuse(s, &p, ICMP_PORT_UNREACH, ICMP6_DST_UNREACH_NOPORT);
}

/* The answer to a ping: of those who share the port the last one gets it. */
static void give_ping(struct loop_sock *s, const struct packet *p)
{
	unsigned port = (unsigned)(p->data[4] << 8 | p->data[5]);
	struct loop *l = s->loop;
	struct loop_sock *t, *found = NULL;

	mutex_lock(&l->lock);
	list_for_each (t, loop_bucket(l, SOCK_RAW, port), bound)
		if (t->local.port == port && fits(t, p))
			found = t;
	if (found)
		give(found, p);
	mutex_unlock(&l->lock);
}

static void take_icmp(struct loop_sock *s, const struct packet *p)
{
	bool four = is_four(&p->head);
	uint32_t sum = four ? 0 : loop_pseudo_sum(&p->head, p->len);

	if (p->len < 8 || loop_checksum(loop_sum(p->data, p->len, sum)) ||
	    !lo_is_own(loop_lo(s), &p->head.to))
		return;
	if (p->data[0] == (four ? ICMP_ECHO : ICMP6_ECHO_REQUEST)) {
		unsigned char head[8];
		memcpy(head, p->data, sizeof head);
		head[0] = four ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
		answer(s, p, head, p->data + 8, p->len - 8, four ? p->head.tos : 0);
	} else if (p->data[0] == (four ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)) {
		give_ping(s, p);
	}
}

static void take_udp(struct loop_sock *s, const struct packet *p)
{
	struct udphdr udp;
	size_t len;

	if (p->len < sizeof udp)
		return;
	memcpy(&udp, p->data, sizeof udp);
	len = ntohs(udp.len);
	if (len < sizeof udp || len > p->len)
		return;
	uint32_t sum = loop_sum(p->data, len, loop_pseudo_sum(&p->head, len));
	if (udp.check && loop_checksum(sum))
		return;
	len -= sizeof udp;
	struct loop_chunk *k = loop_chunk_new(s, len);
	if (!k)
		return;
	memcpy(k->data, p->data + sizeof udp, len);
	k->len = len;
	k->from = (struct loop_name){ p->head.from, ntohs(udp.source) };
	k->to = p->head.to;
	k->ttl = p->head.ttl;
	k->tos = p->head.tos;
	k->when = guest_clock_realtime(s->sk.net->mem->clock);
	if (loop_udp_arrive(s, k, ntohs(udp.dest)))
		return;
	refuse(s, p, ICMP_PORT_UNREACH, ICMP6_DST_UNREACH_NOPORT);
	loop_chunk_free(s, k);
}

/* Of TCP what does not belong to a connection of ours would be reset, and does not come in. */
void loop_frame_send(struct loop_sock *s, const unsigned char *frame, size_t len)
{
	struct lo *lo = loop_lo(s);
	struct packet p;

	if (!lo->up)
		return;
	s->sk.net->packets++;
	s->sk.net->bytes += len - LOOP_FRAME_HEAD;
	bool got = loop_frame_show(s, frame, len);
	if (!parse(&p, frame, len) || is_martian(s, &p) ||
	    !(lo_is_own(lo, &p.head.to) || lo_is_broadcast(lo, &p.head.to)))
		return;
	if (p.head.protocol == (is_four(&p.head) ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		take_icmp(s, &p);
	else if (p.head.protocol == IPPROTO_UDP)
		take_udp(s, &p);
	else if (p.head.protocol != IPPROTO_TCP && !got && is_four(&p.head))
		refuse(s, &p, ICMP_PROT_UNREACH, 0);
}

bool loop_filter_datagram(struct loop_sock *to, struct loop_chunk *k)
{
	size_t len, n;
	unsigned char *frame = loop_frame_udp(k, to->local.port, &len);
	const struct loop_head h = { .to = k->to };

	if (!frame)
		return false;
	size_t before = loop_frame_data(&h) - LOOP_FRAME_HEAD;
	bool passes = socket_filter_passes(
	    &to->sk,
	    &(struct filter_packet){ .data = frame + LOOP_FRAME_HEAD + before,
				     .len = sizeof(struct udphdr) + k->len,
				     .before = before,
				     .protocol = is_four(&h) ? ETHERTYPE_IP : ETHERTYPE_IPV6,
				     .interface = LO_INDEX,
				     .hatype = ARPHRD_LOOPBACK },
	    sizeof(struct udphdr), &n);
	free(frame);
	if (passes)
		k->len = n - sizeof(struct udphdr);
	return passes;
}
