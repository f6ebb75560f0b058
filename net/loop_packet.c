/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets over lo of a network of our own (packet(7); Linux: af_packet.c), which see each
 * frame that goes over it, and send any. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "mm/mm.h"
#include "mm/uio.h"
#include "net/inet.h"
#include "net/loop_sock.h"
#include "net/socket_filter.h"

#define NAME_LEN ((unsigned)offsetof(struct sockaddr_ll, sll_addr) + ETH_ALEN)

int packet_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		  struct socket **out)
{
	struct loop_sock *s;

	/* as raw sockets: the host's are not the guest's */
	if (!net->loop || !cred_ns_capable(c->cred, net->ns.owner, CAP_NET_RAW))
		return -EPERM;
	if (type != SOCK_DGRAM && type != SOCK_RAW)
		return -ESOCKTNOSUPPORT;
	int err = loop_new(net, c, AF_PACKET, type, protocol, flags, &s);
	if (err)
		return err;
	s->protocol = ntohs((uint16_t)protocol);
	if (s->protocol)
		loop_hear(s);
	*out = &s->sk;
	return 0;
}

/* ---- what comes ---- */

void loop_tap(struct loop_sock *tap, const unsigned char *frame, size_t len, unsigned kind)
{
	lock_assert_held(&tap->loop->lock);
	size_t before = tap->sk.type == SOCK_RAW ? 0 : LOOP_FRAME_HEAD, n;
	uint16_t protocol = (uint16_t)(frame[12] << 8 | frame[13]);
	struct loop_chunk *k = NULL;

	if (tap->protocol != ETH_P_ALL && tap->protocol != protocol)
		return;
	if (!socket_filter_passes(&tap->sk,
				  &(struct filter_packet){ .data = frame + before,
							   .len = len - before,
							   .before = before,
							   .net = LOOP_FRAME_HEAD,
							   .protocol = protocol,
							   .type = kind,
							   .interface = LO_INDEX,
							   .hatype = ARPHRD_LOOPBACK },
				  1, &n))
		return;
	tap->seen++;
	if (n + LOOP_OVERHEAD + tap->charged <= tap->sk.rcvbuf || list_empty(&tap->queue))
		k = loop_chunk_new(tap, n);
	if (!k) {
		tap->unstored++;
		tap->drops++;
		return;
	}
	memcpy(k->data, frame + before, n);
	k->len = n;
	k->whole = (uint32_t)(len - before);
	k->protocol = protocol;
	k->kind = (uint8_t)kind;
	k->when = guest_clock_realtime(tap->sk.net->mem->clock);
	loop_deliver(tap, k);
}

int loop_packet_name(const struct loop_sock *s, const struct loop_chunk *k,
		     struct sockaddr_storage *out)
{
	const struct sockaddr_ll ll = { .sll_family = AF_PACKET,
					.sll_protocol = htons(k->protocol),
					.sll_ifindex = LO_INDEX,
					.sll_hatype = ARPHRD_LOOPBACK,
					.sll_pkttype = k->kind,
					.sll_halen = ETH_ALEN };

	memcpy(out, &ll, sizeof ll);
	return sizeof ll;
}

void loop_packet_controls(const struct loop_sock *s, const struct loop_chunk *k,
			  struct socket_msg *m, size_t *used)
{
	bool udp4 = k->protocol == ETHERTYPE_IP;
	const unsigned char *ip = k->data + (s->sk.type == SOCK_RAW ? LOOP_FRAME_HEAD : 0);
	size_t left = k->len - (size_t)(ip - k->data), at = udp4 ? 9 : 6;
	struct tpacket_auxdata aux = { .tp_status = TP_STATUS_USER,
				       .tp_len = k->whole,
				       .tp_snaplen = (uint32_t)k->len,
				       .tp_net = s->sk.type == SOCK_RAW ? LOOP_FRAME_HEAD : 0 };

	if (!s->auxdata)
		return;
	if (left > at && k->len > at && ip[at] == IPPROTO_UDP)
		aux.tp_status |= TP_STATUS_CSUMNOTREADY;
	loop_put_control(m, used, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof aux);
}

/* ---- names ---- */

static int packet_bind(struct socket *sk, struct caller *c, const struct sockaddr *a, unsigned len)
{
	struct loop_sock *s = loop_of(sk);
	struct sockaddr_ll ll;

	if (len < sizeof ll)
		return -EINVAL;
	memcpy(&ll, a, sizeof ll);
	if (ll.sll_family != AF_PACKET)
		return -EINVAL;
	if (ll.sll_ifindex && ll.sll_ifindex != LO_INDEX)
		return -ENODEV;
	mutex_lock(&s->loop->lock);
	loop_unhear(s);
	if (ll.sll_protocol)
		s->protocol = ntohs(ll.sll_protocol);
	s->interface = ll.sll_ifindex;
	mutex_unlock(&s->loop->lock);
	if (s->protocol && (!s->interface || loop_lo(s)->up))
		loop_hear(s);
	if (s->protocol && s->interface && !loop_lo(s)->up) {
		s->err = ENETDOWN;
		loop_wake(s, 0);
	}
	return 0;
}

static int packet_connect(struct socket *sk, struct caller *c, const struct sockaddr *a,
			  unsigned len, bool nonblock)
{
	return -EOPNOTSUPP;
}

static int packet_getname(struct socket *sk, bool peer, struct sockaddr_storage *out)
{
	struct loop_sock *s = loop_of(sk);

	if (peer)
		return -EOPNOTSUPP;
	mutex_lock(&s->loop->lock);
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(s->protocol),
				  .sll_ifindex = s->interface };
	mutex_unlock(&s->loop->lock);
	if (ll.sll_ifindex) {
		ll.sll_hatype = ARPHRD_LOOPBACK;
		ll.sll_halen = ETH_ALEN;
	}
	memcpy(out, &ll, sizeof ll);
	return ll.sll_ifindex ? (int)NAME_LEN : (int)NAME_LEN - ETH_ALEN;
}

static int packet_shutdown(struct socket *sk, int how)
{
	return -EOPNOTSUPP;
}

/* ---- sending (Linux: packet_snd) ---- */

static int find_link(struct loop_sock *s, const struct socket_msg *m, uint16_t *protocol)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET };

	mutex_lock(&s->loop->lock);
	int link = s->interface;
	*protocol = s->protocol;
	mutex_unlock(&s->loop->lock);
	if (m->name_len) {
		if (m->name_len < sizeof ll)
			return -EINVAL;
		memcpy(&ll, &m->name, sizeof ll);
		if (ll.sll_family != AF_PACKET)
			return -EINVAL;
		link = ll.sll_ifindex;
		*protocol = ntohs(ll.sll_protocol);
	}
	return link != LO_INDEX ? -ENXIO : loop_lo(s)->up ? 0 : -ENETDOWN;
}

static ssize_t packet_sendmsg(struct socket *sk, struct caller *c, struct socket_msg *m)
{
	struct loop_sock *s = loop_of(sk);
	size_t len = m->uio->resid, head = sk->type == SOCK_RAW ? 0 : LOOP_FRAME_HEAD;
	struct loop_sending with;
	uint16_t protocol;

	int err = find_link(s, m, &protocol);
	if (!err)
		err = loop_take_controls(s, c, m, true, &with);
	if (!err && len > LO_MTU + LOOP_FRAME_HEAD - head)
		err = -EMSGSIZE;
	if (!err && !head && len < LOOP_FRAME_HEAD)
		err = -EINVAL;
	if (err)
		return err;
	unsigned char *frame = calloc(1, head + len + 1);
	if (!frame)
		return -ENOBUFS;
	if (uio_take(m->uio, frame + head, len) < len) {
		err = -EFAULT;
	} else {
		if (head) {
			frame[12] = (unsigned char)(protocol >> 8);
			frame[13] = (unsigned char)protocol;
		}
		loop_frame_send(s, frame, head + len);
	}
	free(frame);
	return err ? err : (ssize_t)len;
}

/* ---- options ---- */

/* lo hears everything: to ask for more of it changes nothing. */
static int check_membership(const void *val, unsigned len, bool add)
{
	struct packet_mreq r;

	if (len < sizeof r)
		return -EINVAL;
	memcpy(&r, val, sizeof r);
	return add && r.mr_ifindex != LO_INDEX ? -ENODEV : 0;
}

static int packet_setsockopt(struct socket *sk, struct caller *c, int level, int name,
			     const void *val, unsigned len)
{
	struct loop_sock *s = loop_of(sk);
	int v;

	if (level == SOL_SOCKET)
		return SOCKET_GENERIC;
	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	switch (name) {
	case PACKET_ADD_MEMBERSHIP:
	case PACKET_DROP_MEMBERSHIP:
		return check_membership(val, len, name == PACKET_ADD_MEMBERSHIP);
	case PACKET_AUXDATA:
		if (len < sizeof v)
			return -EINVAL;
		memcpy(&v, val, sizeof v);
		s->auxdata = v != 0;
		return 0;
	default: return -ENOPROTOOPT;
	}
}

static int packet_getsockopt(struct socket *sk, struct caller *c, int level, int name, void *buf,
			     unsigned size)
{
	struct loop_sock *s = loop_of(sk);
	struct tpacket_stats stats;
	int v;

	if (level == SOL_SOCKET)
		return SOCKET_GENERIC;
	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	switch (name) {
	case PACKET_STATISTICS:
		/* those that were lost are among those that were seen */
		stats = (struct tpacket_stats){ atomic_exchange(&s->seen, 0),
						atomic_exchange(&s->unstored, 0) };
		size = size < sizeof stats ? size : sizeof stats;
		memcpy(buf, &stats, size);
		return (int)size;
	case PACKET_AUXDATA:
		v = s->auxdata;
		size = size < sizeof v ? size : sizeof v;
		memcpy(buf, &v, size);
		return (int)size;
	default: return -ENOPROTOOPT;
	}
}

const struct socket_ops loop_packet_ops = {
	.bind = packet_bind,
	.connect = packet_connect,
	.getname = packet_getname,
	.sendmsg = packet_sendmsg,
	.recvmsg = loop_dgram_recvmsg,
	.shutdown = packet_shutdown,
	.poll = loop_dgram_poll,
	.setsockopt = packet_setsockopt,
	.getsockopt = packet_getsockopt,
	.stat = loop_stat,
	.take_error = loop_take_error,
	.ioctl = loop_ioctl,
	.saved = &loop_saved,
	.filters = true,
	.release = loop_dgram_release,
};
