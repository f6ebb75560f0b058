/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sock_diag(7) says of sockets of the sandbox's own loopback (Linux: net/ipv4/inet_diag.c).
 * A request may bring a program that chooses among sockets by their names, as `ss` makes one of
 * "sport = :80": it is checked whole before it runs, and goes forward alone, so that it ends.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#include "host/wait.h"
#include "net/loop_sock.h"
#include "net/net.h"
#include "net/sock_diag.h"
#include "util/time.h"

#define NO_PORT        (-1)
#define MAX_PROGRAM    4096 /* bytes: it runs for each socket while others wait */
#define TIMER_TIMEWAIT 3    /* sock_diag(7): idiag_timer */

/* ---- the program ---- */

struct program {
	const unsigned char *code; /* NULL: none, and all are chosen */
	size_t len;
};

static struct inet_diag_bc_op op_at(const unsigned char *code)
{
	struct inet_diag_bc_op op;

	memcpy(&op, code, sizeof op);
	return op;
}

/* The bytes of the address that a condition compares; -1: of no family. */
static int address_bytes(int family)
{
	return family == AF_UNSPEC ? 0 : family == AF_INET ? 4 : family == AF_INET6 ? 16 : -1;
}

/* How long the operation is, of `left` bytes that there are; 0: it is not a whole one. */
static size_t op_length(const unsigned char *code, size_t left)
{
	struct inet_diag_hostcond cond;
	size_t len = sizeof(struct inet_diag_bc_op);

	switch (code[0]) {
	case INET_DIAG_BC_NOP:
	case INET_DIAG_BC_JMP:
	case INET_DIAG_BC_AUTO: break;
	case INET_DIAG_BC_S_GE:
	case INET_DIAG_BC_S_LE:
	case INET_DIAG_BC_D_GE:
	case INET_DIAG_BC_D_LE:
	case INET_DIAG_BC_S_EQ:
	case INET_DIAG_BC_D_EQ: len += sizeof(struct inet_diag_bc_op); break;
	case INET_DIAG_BC_DEV_COND: len += sizeof(uint32_t); break;
	case INET_DIAG_BC_S_COND:
	case INET_DIAG_BC_D_COND:
		len += sizeof cond;
		if (left < len)
			return 0;
		memcpy(&cond, code + sizeof(struct inet_diag_bc_op), sizeof cond);
		int bytes = address_bytes(cond.family);
		if (bytes < 0 || cond.prefix_len > 8 * bytes)
			return 0;
		len += (size_t)bytes;
		break;
	default: return 0;
	}
	return len <= left ? len : 0;
}

/* Does an operation begin where `left` bytes are left? */
static bool begins_one(const struct program *p, size_t left)
{
	size_t at = 0;

	while (p->len - at > left) {
		struct inet_diag_bc_op op = op_at(p->code + at);
		at += op.yes;
	}
	return p->len - at == left;
}

/* Linux: inet_diag_bc_audit. Each way leads forward, to the beginning of an operation or to an
 * end: one means yes, four bytes behind it means no. */
static bool is_sound(const struct program *p)
{
	size_t at = 0;

	if ((p->code && !p->len) || p->len > MAX_PROGRAM)
		return false;
	while (at < p->len) {
		size_t left = p->len - at;
		if (left < sizeof(struct inet_diag_bc_op))
			return false;
		struct inet_diag_bc_op op = op_at(p->code + at);
		size_t least = op_length(p->code + at, left);
		if (!least || op.yes < least || op.yes > left || op.yes & 3)
			return false;
		if (op.code != INET_DIAG_BC_NOP && (op.no < least || op.no > left + 4 || op.no & 3))
			return false;
		at += op.yes;
	}
	for (at = 0; at < p->len; at += op_at(p->code + at).yes) {
		struct inet_diag_bc_op op = op_at(p->code + at);
		size_t left = p->len - at;
		if (op.code != INET_DIAG_BC_NOP && op.no < left && !begins_one(p, left - op.no))
			return false;
	}
	return true;
}

/* What a program sees of a socket. */
struct entry {
	int family, bound_if;
	unsigned backlog;
	bool own_port;
	struct loop_name local, remote;
};

static bool same_prefix(const unsigned char *a, const unsigned char *b, int bits)
{
	int bytes = bits / 8, rest = bits % 8;

	return !memcmp(a, b, (size_t)bytes) &&
	       (!rest || !((a[bytes] ^ b[bytes]) & (0xff00 >> rest) & 0xff));
}

static bool fits(const struct entry *e, const struct loop_name *n, const unsigned char *at)
{
	struct inet_diag_hostcond cond;
	const unsigned char *addr = at + sizeof cond, *own = n->ip.s6_addr;
	bool four = IN6_IS_ADDR_V4MAPPED(&n->ip);

	memcpy(&cond, at, sizeof cond);
	if (cond.port != NO_PORT && cond.port != n->port)
		return false;
	if (cond.family == AF_INET)
		return four && same_prefix(own + 12, addr, cond.prefix_len);
	if (cond.family == AF_INET6)
		return e->family == AF_INET6 && same_prefix(own, addr, cond.prefix_len);
	return true;
}

/* A comparison's port is in a second word, which others do not have. */
static bool holds(const struct entry *e, const unsigned char *code)
{
	const unsigned char *arg = code + sizeof(struct inet_diag_bc_op);
	int index;

	switch (code[0]) {
	case INET_DIAG_BC_JMP: return false;
	case INET_DIAG_BC_S_EQ: return e->local.port == op_at(arg).no;
	case INET_DIAG_BC_S_GE: return e->local.port >= op_at(arg).no;
	case INET_DIAG_BC_S_LE: return e->local.port <= op_at(arg).no;
	case INET_DIAG_BC_D_EQ: return e->remote.port == op_at(arg).no;
	case INET_DIAG_BC_D_GE: return e->remote.port >= op_at(arg).no;
	case INET_DIAG_BC_D_LE: return e->remote.port <= op_at(arg).no;
	case INET_DIAG_BC_AUTO: return !e->own_port;
	case INET_DIAG_BC_S_COND: return fits(e, &e->local, arg);
	case INET_DIAG_BC_D_COND: return fits(e, &e->remote, arg);
	case INET_DIAG_BC_DEV_COND: memcpy(&index, arg, sizeof index); return index == e->bound_if;
	default: return true;
	}
}

static bool chooses(const struct program *p, const struct entry *e)
{
	size_t at = 0;

	while (at < p->len) {
		struct inet_diag_bc_op op = op_at(p->code + at);
		at += holds(e, p->code + at) ? op.yes : op.no;
	}
	return at == p->len;
}

/* ---- requests ---- */

int loop_diag_check(const struct nlmsghdr *request)
{
	struct program p;
	int err = inet_diag_program(request, &p.code, &p.len);

	return err ? err : is_sound(&p) ? 0 : -EINVAL;
}

static struct entry entry_of(struct loop_sock *s)
{
	struct entry e = { .family = s->sk.family, .bound_if = s->sk.bound_if };

	mutex_lock(&s->loop->lock);
	e.own_port = s->own_port;
	e.backlog = s->backlog;
	e.local = s->local;
	e.remote = s->remote;
	mutex_unlock(&s->loop->lock);
	return e;
}

/* Is it a socket of the kind that is asked for, which others can know of? */
static bool is_listed(const struct inet_diag_req_v2 *r, struct socket *s, struct socket_stat *st)
{
	if (s->family != r->sdiag_family || s->protocol != r->sdiag_protocol)
		return false;
	s->ops->stat(s, st);
	return !st->hidden;
}

/* Do states, ports and the program choose it? */
static bool is_chosen(const struct nlmsghdr *request, unsigned state, const struct entry *e)
{
	const struct inet_diag_req_v2 *r = nlmsg_body(request);
	struct program p;

	if (!(r->idiag_states & 1U << state) ||
	    (r->id.idiag_sport && ntohs(r->id.idiag_sport) != e->local.port) ||
	    (r->id.idiag_dport && ntohs(r->id.idiag_dport) != e->remote.port))
		return false;
	return !inet_diag_program(request, &p.code, &p.len) && chooses(&p, e);
}

static bool wants(const struct nlmsghdr *request, struct socket *s, struct socket_stat *st)
{
	if (!is_listed(nlmsg_body(request), s, st))
		return false;
	struct entry e = entry_of(loop_of(s));
	return is_chosen(request, st->state, &e);
}

static void put_ip(int family, const struct in6_addr *ip, void *out)
{
	if (family == AF_INET6)
		memcpy(out, ip, sizeof *ip);
	else
		memcpy(out, &ip->s6_addr[12], 4);
}

static struct inet_diag_sockid id_of(uint64_t number, const struct entry *e)
{
	struct inet_diag_sockid id = { .idiag_sport = htons(e->local.port),
				       .idiag_dport = htons(e->remote.port),
				       .idiag_if = (uint32_t)e->bound_if };

	put_ip(e->family, &e->local.ip, id.idiag_src);
	put_ip(e->family, &e->remote.ip, id.idiag_dst);
	memcpy(id.idiag_cookie, &number, sizeof id.idiag_cookie);
	return id;
}

/* Is it the one socket that is asked for, as far as its names say? */
static bool is_named(const struct inet_diag_req_v2 *r, const struct entry *e)
{
	struct inet_diag_sockid id = id_of(0, e);
	size_t ip = e->family == AF_INET6 ? 16 : 4;

	return id.idiag_sport == r->id.idiag_sport && id.idiag_dport == r->id.idiag_dport &&
	       !memcmp(id.idiag_src, r->id.idiag_src, ip) &&
	       !memcmp(id.idiag_dst, r->id.idiag_dst, ip);
}

bool loop_diag_is(const struct nlmsghdr *request, struct socket *s, struct socket_stat *st)
{
	const struct inet_diag_req_v2 *r = nlmsg_body(request);

	if (!is_listed(r, s, st))
		return false;
	struct entry e = entry_of(loop_of(s));
	return is_named(r, &e);
}

/* ---- answers ---- */

static bool asks(const struct inet_diag_req_v2 *r, int what)
{
	return r->idiag_ext & 1U << (what - 1);
}

static void put_memory(struct nlbuf *b, struct loop_sock *s, const struct inet_diag_req_v2 *r)
{
	uint32_t mem[SK_MEMINFO_VARS];

	loop_meminfo(s, mem);
	struct inet_diag_meminfo m = { .idiag_rmem = mem[SK_MEMINFO_RMEM_ALLOC] };
	if (asks(r, INET_DIAG_MEMINFO))
		nlbuf_attr_copy(b, INET_DIAG_MEMINFO, &m, sizeof m);
	if (asks(r, INET_DIAG_SKMEMINFO))
		nlbuf_attr_copy(b, INET_DIAG_SKMEMINFO, mem, sizeof mem);
}

/* Of a stream alone. */
static void put_stream(struct nlbuf *b, struct loop_sock *s, const struct inet_diag_req_v2 *r)
{
	char text[64];

	if (asks(r, INET_DIAG_INFO)) {
		void *info = nlbuf_attr(b, INET_DIAG_INFO, LOOP_TCP_INFO_SIZE);
		if (info)
			loop_tcp_info(s, info, LOOP_TCP_INFO_SIZE);
	}
	if (asks(r, INET_DIAG_CONG)) {
		net_sysctl_text("ipv4/tcp_congestion_control", text, sizeof text);
		text[strcspn(text, "\n")] = '\0';
		nlbuf_attr_copy(b, INET_DIAG_CONG, text, strlen(text) + 1);
	}
}

static void put(struct nlbuf *b, struct socket *sk, const struct socket_stat *st,
		const struct nlmsghdr *request)
{
	const struct inet_diag_req_v2 *r = nlmsg_body(request);
	struct loop_sock *s = loop_of(sk);
	struct inet_diag_msg *m = nlbuf_put(b, sizeof *m);
	struct entry e = entry_of(s);
	bool listens = st->state == TCP_LISTEN, closed = st->state == TCP_CLOSE;
	uint8_t byte = (uint8_t)s->shutdown;

	if (!m)
		return;
	*m = (struct inet_diag_msg){ .idiag_family = (uint8_t)sk->family,
				     .idiag_state = (uint8_t)st->state,
				     .id = id_of(sk->file.anon_ino, &e),
				     .idiag_rqueue = st->rx,
				     .idiag_wqueue = listens ? e.backlog : st->tx,
				     .idiag_uid = sk->attr.uid,
				     .idiag_inode = st->embryo ? 0 : (uint32_t)sk->file.anon_ino };
	nlbuf_attr_copy(b, INET_DIAG_SHUTDOWN, &byte, sizeof byte);
	if (asks(r, INET_DIAG_TOS)) {
		byte = (uint8_t)loop_option(s, IPPROTO_IP, IP_TOS);
		nlbuf_attr_copy(b, INET_DIAG_TOS, &byte, sizeof byte);
	}
	if (sk->family == AF_INET6 && asks(r, INET_DIAG_TCLASS)) {
		byte = (uint8_t)loop_option(s, IPPROTO_IPV6, IPV6_TCLASS);
		nlbuf_attr_copy(b, INET_DIAG_TCLASS, &byte, sizeof byte);
	}
	if (sk->family == AF_INET6 && (listens || closed)) {
		byte = (uint8_t)loop_option(s, IPPROTO_IPV6, IPV6_V6ONLY);
		nlbuf_attr_copy(b, INET_DIAG_SKV6ONLY, &byte, sizeof byte);
	}
	put_memory(b, s, r);
	if (loop_is_stream(s))
		put_stream(b, s, r);
}

/* ---- what is left of connections ---- */

static struct entry entry_of_wait(const struct loop_wait *w)
{
	return (struct entry){
		.family = w->family, .bound_if = w->bound_if, .local = w->local, .remote = w->remote
	};
}

/* Sockets have the numbers of their files. */
static uint64_t cookie_of(const struct loop_wait *w)
{
	return 1UL << 63 | w->number;
}

static bool is_wait_listed(const struct inet_diag_req_v2 *r, const struct loop_wait *w)
{
	return w->family == r->sdiag_family && r->sdiag_protocol == IPPROTO_TCP;
}

/* Linux: inet_twsk_diag_fill. */
static bool put_wait(struct nlbuf *b, const struct diag_ended *asked, const struct loop_wait *w,
		     uint64_t now)
{
	const struct entry e = entry_of_wait(w);
	size_t start = b->len;
	struct nlmsghdr *h = nlmsg_begin(b, SOCK_DIAG_BY_FAMILY, asked->like);
	struct inet_diag_msg *m = nlbuf_put(b, sizeof *m);

	if (asked->net_admin)
		nlbuf_attr_copy(b, INET_DIAG_MARK, &w->mark, sizeof w->mark);
	if (b->full) {
		b->len = start;
		b->full = false;
		return false;
	}
	*m = (struct inet_diag_msg){ .idiag_family = (uint8_t)w->family,
				     .idiag_state = (uint8_t)w->state,
				     .idiag_timer = TIMER_TIMEWAIT,
				     .idiag_expires = (uint32_t)((w->until - now) / NSEC_PER_MSEC),
				     .id = id_of(cookie_of(w), &e) };
	h->nlmsg_len = (uint32_t)(b->len - start);
	return true;
}

static void put_ended(struct net *net, const struct diag_ended *asked, struct nlbuf *b, size_t *nth)
{
	const struct inet_diag_req_v2 *r = nlmsg_body(asked->request);
	struct loop *l = net->loop;
	uint64_t now = monotonic_ns();
	size_t at = 0;

	mutex_lock(&l->lock);
	for (struct loop_wait *w = loop_wait_first(l, 0, now); w; w = loop_wait_next(w, now)) {
		if (at++ < *nth)
			continue;
		const struct entry e = entry_of_wait(w);
		if (is_wait_listed(r, w) && is_chosen(asked->request, (unsigned)w->state, &e) &&
		    !put_wait(b, asked, w, now))
			break;
		*nth = at;
	}
	mutex_unlock(&l->lock);
}

bool loop_diag_put_ended(struct net *net, const struct diag_ended *asked, struct nlbuf *b)
{
	const struct inet_diag_req_v2 *r = nlmsg_body(asked->request);
	unsigned port = ntohs(r->id.idiag_sport);
	struct loop *l = net->loop;
	uint64_t now = monotonic_ns();
	bool put = false;

	mutex_lock(&l->lock);
	for (struct loop_wait *w = loop_wait_first(l, port, now);
	     w && w->local.port == port && !put; w = loop_wait_next(w, now)) {
		const struct entry e = entry_of_wait(w);
		put = is_wait_listed(r, w) && is_named(r, &e) &&
		      sock_diag_cookie_fits(r->id.idiag_cookie, cookie_of(w)) &&
		      put_wait(b, asked, w, now);
	}
	mutex_unlock(&l->lock);
	return put;
}

const struct own_diag loop_diag = { wants, put, put_ended };
