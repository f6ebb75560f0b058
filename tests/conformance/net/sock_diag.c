/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_SOCK_DIAG (sock_diag(7)): what it says of the program's own sockets, and how it
 * refuses. */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "case.h"
#include "bound.h"

static char reply[65536] __attribute__((aligned(8)));

static int diag(void)
{
	return (int)NEED(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

static void ask(int d, int type, int flags, const void *body, size_t len)
{
	struct {
		struct nlmsghdr h;
		char body[256];
	} m = { .h = { .nlmsg_len = (unsigned)NLMSG_LENGTH(len),
		       .nlmsg_type = (unsigned short)type,
		       .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags),
		       .nlmsg_seq = 7 } };

	memcpy(m.body, body, len);
	NEED(send(d, &m, m.h.nlmsg_len, 0));
}

static uint32_t inode_of(int s)
{
	struct stat st;

	NEED(fstat(s, &st));
	return (uint32_t)st.st_ino;
}

/* Reads until the answer's end; the message about the inode (which stands `at` bytes into its
 * body), or NULL. */
static struct nlmsghdr *find(int d, uint32_t ino, size_t at, bool dump)
{
	static char kept[8192] __attribute__((aligned(8)));
	bool found = false, end = false;

	while (!end) {
		int n = (int)NEED(recv(d, reply, sizeof reply, 0));
		for (struct nlmsghdr *h = (void *)reply; NLMSG_OK(h, (unsigned)n);
		     h = NLMSG_NEXT(h, n)) {
			uint32_t this;
			memcpy(&this, (char *)NLMSG_DATA(h) + at, sizeof this);
			end = end || !dump || h->nlmsg_type == NLMSG_DONE ||
			      h->nlmsg_type == NLMSG_ERROR;
			if (h->nlmsg_type == NLMSG_ERROR)
				say("error %s\n",
				    strerrorname_np(-((struct nlmsgerr *)NLMSG_DATA(h))->error));
			else if (h->nlmsg_type != NLMSG_DONE && this == ino &&
				 h->nlmsg_len < sizeof kept) {
				memcpy(kept, h, h->nlmsg_len);
				found = true;
			}
		}
	}
	return found ? (void *)kept : NULL;
}

static void *attr(struct nlmsghdr *h, size_t body, int type, int *len)
{
	char *at = (char *)h + NLMSG_SPACE(body), *end = (char *)h + h->nlmsg_len;

	while (at + NLA_HDRLEN <= end) {
		struct nlattr *a = (void *)at;
		if (a->nla_type == type) {
			*len = a->nla_len - NLA_HDRLEN;
			return a + 1;
		}
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

/* ---- TCP and UDP ---- */

static struct inet_diag_req_v2 about(int family, int protocol, unsigned ext)
{
	return (struct inet_diag_req_v2){ .sdiag_family = (uint8_t)family,
					  .sdiag_protocol = (uint8_t)protocol,
					  .idiag_ext = (uint8_t)ext,
					  .idiag_states = ~0U,
					  .id.idiag_cookie = { INET_DIAG_NOCOOKIE,
							       INET_DIAG_NOCOOKIE } };
}

static void say_inet(const char *what, const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = h ? NLMSG_DATA(h) : NULL;

	if (m)
		say("%s: type %u flags %#x seq %u: family %u state %u rqueue %u wqueue %u mine %d, "
		    "ports %d %d\n",
		    what, h->nlmsg_type, h->nlmsg_flags, h->nlmsg_seq, m->idiag_family,
		    m->idiag_state, m->idiag_rqueue, m->idiag_wqueue, m->idiag_uid == geteuid(),
		    m->id.idiag_sport != 0, m->id.idiag_dport != 0);
	else
		say("%s: not there\n", what);
}

static struct nlmsghdr *dump_inet(int d, int s, int family, int protocol, unsigned ext)
{
	struct inet_diag_req_v2 r = about(family, protocol, ext);

	ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &r, sizeof r);
	return find(d, inode_of(s), offsetof(struct inet_diag_msg, idiag_inode), true);
}

static void tcp(int family)
{
	struct sockaddr_storage a;
	socklen_t len;
	int d = diag(), l = bound(family, SOCK_STREAM, &a, &len),
	    c = (int)NEED(socket(family, SOCK_STREAM, 0));

	NEED(listen(l, 3));
	NEED(connect(c, (struct sockaddr *)&a, len));
	say_inet("listening", dump_inet(d, l, family, IPPROTO_TCP, 0));
	int s = (int)NEED(accept(l, NULL, NULL));
	NEED(send(c, "abc", 3, 0));
	NEED(poll(&(struct pollfd){ .fd = s, .events = POLLIN }, 1, -1));
	say_inet("client", dump_inet(d, c, family, IPPROTO_TCP, 0));
	say_inet("server", dump_inet(d, s, family, IPPROTO_TCP, 0));
	say_inet("as UDP", dump_inet(d, s, family, IPPROTO_UDP, 0));
}

CASE(tcp)
{
	tcp(AF_INET);
	tcp(AF_INET6);
}

CASE(tcp_attributes)
{
	struct sockaddr_storage a;
	socklen_t len;
	int d = diag(), l = bound(AF_INET6, SOCK_STREAM, &a, &len), n = 0;

	NEED(listen(l, 3));
	struct nlmsghdr *h =
	    dump_inet(d, l, AF_INET6, IPPROTO_TCP,
		      1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_MEMINFO - 1) |
			  1 << (INET_DIAG_CONG - 1) | 1 << (INET_DIAG_SKMEMINFO - 1));
	size_t body = sizeof(struct inet_diag_msg);
	NEED(h ? 0 : -1);
	struct tcp_info *info = attr(h, body, INET_DIAG_INFO, &n);
	V(info && info->tcpi_state == TCP_LISTEN && info->tcpi_sacked == 3);
	V(n);
	char *name = attr(h, body, INET_DIAG_CONG, &n);
	say("%s\n", name ? name : "no algorithm");
	V(attr(h, body, INET_DIAG_MEMINFO, &n) != NULL);
	uint32_t *mem = attr(h, body, INET_DIAG_SKMEMINFO, &n);
	say("%d %u\n", n, mem ? mem[SK_MEMINFO_RCVBUF] : 0);
	uint8_t *v6only = attr(h, body, INET_DIAG_SKV6ONLY, &n);
	say("%d\n", v6only ? *v6only : -1);
	uint8_t *shut = attr(h, body, INET_DIAG_SHUTDOWN, &n);
	say("%d\n", shut ? *shut : -1);
}

CASE(udp)
{
	struct sockaddr_storage a;
	socklen_t len;
	int d = diag(), u = bound(AF_INET, SOCK_DGRAM, &a, &len),
	    c = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));

	say_inet("bound", dump_inet(d, u, AF_INET, IPPROTO_UDP, 0));
	say_inet("new", dump_inet(d, c, AF_INET, IPPROTO_UDP, 0));
	NEED(connect(c, (struct sockaddr *)&a, len));
	NEED(send(c, "abc", 3, 0));
	say_inet("connected", dump_inet(d, c, AF_INET, IPPROTO_UDP, 0));
	u = bound(AF_INET6, SOCK_DGRAM, &a, &len);
	say_inet("IPv6", dump_inet(d, u, AF_INET6, IPPROTO_UDP, 0));
}

/* One socket by its addresses, with an acknowledgement, a wrong cookie, and where there is none. */
CASE(inet_exact)
{
	struct sockaddr_storage a;
	socklen_t len;
	int d = diag(), l = bound(AF_INET, SOCK_STREAM, &a, &len);
	struct inet_diag_req_v2 r = about(AF_INET, IPPROTO_TCP, 0);
	size_t at = offsetof(struct inet_diag_msg, idiag_inode);

	NEED(listen(l, 3));
	r.id.idiag_sport = ((struct sockaddr_in *)&a)->sin_port;
	r.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
	ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_ACK, &r, sizeof r);
	say_inet("listening", find(d, inode_of(l), at, false));
	say("acknowledgement: %ld bytes\n", (long)NEED(recv(d, reply, sizeof reply, 0)));
	uint64_t cookie = 0;
	len = sizeof cookie;
	NEED(getsockopt(l, SOL_SOCKET, SO_COOKIE, &cookie, &len));
	memcpy(r.id.idiag_cookie, &cookie, sizeof cookie);
	ask(d, SOCK_DIAG_BY_FAMILY, 0, &r, sizeof r);
	say_inet("by its cookie", find(d, inode_of(l), at, false));
	r.id.idiag_cookie[0]++;
	ask(d, SOCK_DIAG_BY_FAMILY, 0, &r, sizeof r);
	say_inet("wrong cookie", find(d, inode_of(l), at, false));
	NEED(close(l));
	ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_ACK, &r, sizeof r);
	say_inet("closed", find(d, 0, at, false));
}

/* A request with a program that chooses: words of code, yes and no; of a comparison's second. */
struct chooser {
	const char *what;
	int len; /* in bytes; 0: as many as there are words */
	struct word {
		unsigned char code, yes;
		unsigned short no;
	} w[10];
};

static void try_program(int d, int l, unsigned short port, const struct chooser *p)
{
	struct {
		struct inet_diag_req_v2 r;
		struct nlattr a;
		struct word w[10];
	} q = { .r = about(AF_INET, IPPROTO_TCP, 0) };
	int len = p->len;

	memcpy(q.w, p->w, sizeof q.w);
	for (int i = 0; i < 10; i++)
		if (q.w[i].code || q.w[i].yes || q.w[i].no || p->len)
			len = p->len ? p->len : 4 * (i + 1);
	/* 0xfffe and 0xffff stand for the port and the next one */
	for (int i = 1; i < 10; i++)
		if (!q.w[i].code && q.w[i].no >= 0xfffe)
			q.w[i].no = (unsigned short)(port + q.w[i].no - 0xfffe);
	q.a = (struct nlattr){ (unsigned short)(sizeof q.a + (size_t)len), INET_DIAG_REQ_BYTECODE };
	ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &q, sizeof q.r + sizeof q.a + (size_t)len);
	struct nlmsghdr *h =
	    find(d, inode_of(l), offsetof(struct inet_diag_msg, idiag_inode), true);
	say("%s: %s\n", p->what, h ? "there" : "not there");
}

#define LOOPBACK                                                                                   \
	{                                                                                          \
		127, 0, 0x100                                                                      \
	}
#define COND(bits) { AF_INET, bits, 0 }, { 0xff, 0xff, 0xffff }, LOOPBACK

CASE(choosers)
{
	static const struct chooser all[] = {
		{ "its port", 0, { { INET_DIAG_BC_S_EQ, 8, 12 }, { 0, 0, 0xfffe } } },
		{ "the next port", 0, { { INET_DIAG_BC_S_EQ, 8, 12 }, { 0, 0, 0xffff } } },
		{ "from its port on", 0, { { INET_DIAG_BC_S_GE, 8, 12 }, { 0, 0, 0xfffe } } },
		{ "from the next on", 0, { { INET_DIAG_BC_S_GE, 8, 12 }, { 0, 0, 0xffff } } },
		{ "up to the next", 0, { { INET_DIAG_BC_S_LE, 8, 12 }, { 0, 0, 0xffff } } },
		{ "another's port", 0, { { INET_DIAG_BC_D_EQ, 8, 12 }, { 0, 0, 0xfffe } } },
		{ "no port there", 0, { { INET_DIAG_BC_D_LE, 8, 12 }, { 0, 0, 1 } } },
		{ "not its port",
		  0,
		  { { INET_DIAG_BC_S_EQ, 8, 12 }, { 0, 0, 0xfffe }, { INET_DIAG_BC_JMP, 4, 8 } } },
		{ "its port or nothing",
		  0,
		  { { INET_DIAG_BC_S_EQ, 8, 12 },
		    { 0, 0, 0xfffe },
		    { INET_DIAG_BC_JMP, 4, 12 },
		    { INET_DIAG_BC_D_EQ, 8, 12 },
		    { 0, 0, 77 } } },
		{ "chosen port", 0, { { INET_DIAG_BC_AUTO, 4, 8 } } },
		{ "127.0.0.1/32", 0, { { INET_DIAG_BC_S_COND, 16, 20 }, COND(32) } },
		{ "to 127.0.0.1/8", 0, { { INET_DIAG_BC_D_COND, 16, 20 }, COND(8) } },
		{ "to 127.0.0.1/1", 0, { { INET_DIAG_BC_D_COND, 16, 20 }, COND(1) } },
		{ "127.0.0.1/33", 0, { { INET_DIAG_BC_S_COND, 16, 20 }, COND(33) } },
		{ "without its address", 12, { { INET_DIAG_BC_S_COND, 12, 16 }, COND(32) } },
		{ "no interface", 0, { { INET_DIAG_BC_DEV_COND, 8, 12 }, { 1, 0, 0 } } },
		{ "no such operation", 0, { { 99, 4, 8 } } },
		{ "half", 4, { { INET_DIAG_BC_S_EQ, 8, 12 } } },
		{ "standing still", 4, { { INET_DIAG_BC_NOP, 0, 0 } } },
		{ "askew", 8, { { INET_DIAG_BC_NOP, 6, 0 } } },
		{ "back", 0, { { INET_DIAG_BC_JMP, 4, 0 } } },
		{ "far", 0, { { INET_DIAG_BC_JMP, 4, 12 } } },
		{ "into the middle",
		  0,
		  { { INET_DIAG_BC_JMP, 4, 8 }, { INET_DIAG_BC_S_GE, 8, 12 }, { 0, 0, 1 } } },
		{ "three bytes", 3, { { INET_DIAG_BC_NOP, 4, 0 } } },
		{ "empty", 0, { { 0, 0, 0 } } },
	};
	struct sockaddr_storage a;
	socklen_t len;
	int d = diag(), l = bound(AF_INET, SOCK_STREAM, &a, &len);

	NEED(listen(l, 3));
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		try_program(d, l, ntohs(((struct sockaddr_in *)&a)->sin_port), &all[i]);
}

/* A filter that the kernel applies: nothing but listening ones. */
CASE(states)
{
	struct sockaddr_storage a;
	socklen_t len;
	int d = diag(), l = bound(AF_INET, SOCK_STREAM, &a, &len),
	    c = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));
	struct inet_diag_req_v2 r = about(AF_INET, IPPROTO_TCP, 0);
	size_t at = offsetof(struct inet_diag_msg, idiag_inode);

	NEED(listen(l, 3));
	NEED(connect(c, (struct sockaddr *)&a, len));
	for (int i = 0; i < 2; i++) {
		r.idiag_states = i ? 1U << TCP_ESTABLISHED : 1U << TCP_LISTEN;
		ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &r, sizeof r);
		say_inet("listening", find(d, inode_of(l), at, true));
		ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &r, sizeof r);
		say_inet("connected", find(d, inode_of(c), at, true));
	}
}

/* ---- unix ---- */

#define SHOW_ALL 0x7f

static struct nlmsghdr *get_unix(int d, int s)
{
	struct unix_diag_req r = { .sdiag_family = AF_UNIX,
				   .udiag_states = ~0U,
				   .udiag_ino = inode_of(s),
				   .udiag_show = SHOW_ALL,
				   .udiag_cookie = { ~0U, ~0U } };

	ask(d, SOCK_DIAG_BY_FAMILY, 0, &r, sizeof r);
	return find(d, inode_of(s), offsetof(struct unix_diag_msg, udiag_ino), false);
}

/* `other`: whose inode the peer's is to be. */
static void say_unix(const char *what, int d, int s, int other)
{
	struct nlmsghdr *h = get_unix(d, s);
	size_t body = sizeof(struct unix_diag_msg);
	int n = 0, m = 0;

	if (!h)
		return;
	struct unix_diag_msg *u = NLMSG_DATA(h);
	say("%s: family %u type %u state %u cookie %d", what, u->udiag_family, u->udiag_type,
	    u->udiag_state, u->udiag_cookie[0] != ~0U);
	char *name = attr(h, body, UNIX_DIAG_NAME, &n);
	if (name)
		say(" name %d %s", n, name[0] ? name : name + 1);
	uint32_t *peer = attr(h, body, UNIX_DIAG_PEER, &n);
	if (peer)
		say(" peer %s", other >= 0 && *peer == inode_of(other) ? "known"
				: *peer                                ? "another"
								       : "0");
	uint32_t *waiting = attr(h, body, UNIX_DIAG_ICONS, &m);
	if (waiting)
		say(" waiting %d", m / 4);
	struct unix_diag_rqlen *q = attr(h, body, UNIX_DIAG_RQLEN, &n);
	if (q)
		say(" queues %u %u", q->udiag_rqueue, q->udiag_wqueue != 0);
	uint32_t *mem = attr(h, body, UNIX_DIAG_MEMINFO, &n);
	if (mem)
		say(" memory %d: %u %u", n, mem[SK_MEMINFO_RCVBUF], mem[SK_MEMINFO_SNDBUF]);
	uint8_t *shut = attr(h, body, UNIX_DIAG_SHUTDOWN, &n);
	if (shut)
		say(" shutdown %u", *shut);
	uint32_t *uid = attr(h, body, UNIX_DIAG_UID, &n);
	say(" mine %d\n", uid && *uid == geteuid());
}

CASE(unix_sockets)
{
	struct sockaddr_un a = { AF_UNIX, "name" }, b = { AF_UNIX, "\0conformance/net/sock_diag" };
	int d = diag(), l = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0)),
	    c = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));
	int g = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0)), v[2], n;
	struct stat st;

	say_unix("new", d, l, -1);
	NEED(bind(l, (struct sockaddr *)&a, sizeof a));
	say_unix("bound", d, l, -1);
	NEED(listen(l, 5));
	say_unix("listening", d, l, -1);
	NEED(connect(c, (struct sockaddr *)&a, sizeof a));
	say_unix("one waits", d, l, -1);
	say_unix("client", d, c, -1);
	int s = (int)NEED(accept(l, NULL, NULL));
	NEED(send(c, "abc", 3, 0));
	say_unix("client", d, c, s);
	say_unix("server", d, s, c);
	NEED(shutdown(c, SHUT_WR));
	say_unix("shut", d, c, s);
	say_unix("shut", d, s, c);
	NEED(bind(g, (struct sockaddr *)&b, offsetof(struct sockaddr_un, sun_path) + 26));
	say_unix("datagrams", d, g, -1);
	NEED(sendto(g, "abc", 3, 0, (struct sockaddr *)&b,
		    offsetof(struct sockaddr_un, sun_path) + 26));
	NEED(sendto(g, "defgh", 5, 0, (struct sockaddr *)&b,
		    offsetof(struct sockaddr_un, sun_path) + 26));
	say_unix("two datagrams", d, g, -1);
	NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, v));
	say_unix("pair", d, v[0], v[1]);
	NEED(close(v[1]));
	say_unix("alone", d, v[0], -1);
	NEED(stat("name", &st));
	struct nlmsghdr *h = get_unix(d, l);
	struct unix_diag_vfs *vfs = attr(h, sizeof(struct unix_diag_msg), UNIX_DIAG_VFS, &n);
	V(vfs && vfs->udiag_vfs_ino == (uint32_t)st.st_ino);
}

/* A dump of more sockets than one datagram tells: each is told once, and the end follows. */
CASE(unix_dump)
{
	enum { PAIRS = 300 };
	struct unix_diag_req r = { .sdiag_family = AF_UNIX,
				   .udiag_states = ~0U,
				   .udiag_show = SHOW_ALL };
	static uint32_t inos[PAIRS * 2];
	static int told[PAIRS * 2];
	int d = diag(), n, v[2], datagrams = 0;
	bool end = false;

	need_descriptors(1024);
	for (int i = 0; i < PAIRS; i++) {
		NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
		inos[2 * i] = inode_of(v[0]);
		inos[2 * i + 1] = inode_of(v[1]);
	}
	ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP | NLM_F_ACK, &r, sizeof r);
	R(poll(&(struct pollfd){ .fd = d, .events = POLLIN }, 1, -1));
	while (!end) {
		n = (int)NEED(recv(d, reply, 32768, 0));
		datagrams++;
		for (struct nlmsghdr *h = (void *)reply; NLMSG_OK(h, (unsigned)n);
		     h = NLMSG_NEXT(h, n)) {
			end = h->nlmsg_type == NLMSG_DONE;
			for (int i = 0; !end && i < PAIRS * 2; i++)
				told[i] +=
				    ((struct unix_diag_msg *)NLMSG_DATA(h))->udiag_ino == inos[i];
		}
	}
	V(datagrams > 1);
	int once = 0;
	for (int i = 0; i < PAIRS * 2; i++)
		once += told[i] == 1;
	V(once);
	R(recv(d, reply, sizeof reply, MSG_DONTWAIT));
}

/* ---- the rest ---- */

static void say_answer(const char *what, int d)
{
	struct sockaddr_nl from;
	socklen_t len = sizeof from;
	long n = recvfrom(d, reply, sizeof reply, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	struct nlmsghdr *h = (void *)reply;

	if (n < 0)
		say("%s: %s\n", what, strerrorname_np(errno));
	else
		say("%s: %ld bytes, length %u, type %u flags %#x seq %u, %s from %u\n", what, n,
		    h->nlmsg_len, h->nlmsg_type, h->nlmsg_flags, h->nlmsg_seq,
		    h->nlmsg_type == NLMSG_ERROR
			? strerrorname_np(-((struct nlmsgerr *)NLMSG_DATA(h))->error)
			: "-",
		    from.nl_pid);
}

/* What only stream sockets can do. */
CASE(no_connections)
{
	int d = diag();

	R(listen(d, 1));
	R(accept(d, NULL, NULL));
	R(accept4(d, NULL, NULL, SOCK_CLOEXEC));
	R(shutdown(d, SHUT_WR));
	R(connect(d, (struct sockaddr *)&(struct sockaddr_nl){ .nl_family = AF_NETLINK },
		  sizeof(struct sockaddr_nl)));
}

CASE(refusals)
{
	struct sock_diag_req r = { .sdiag_family = AF_MAX };
	struct unix_diag_req u = { .sdiag_family = AF_UNIX, .udiag_states = ~0U };
	struct inet_diag_req_v2 in = about(AF_INET, IPPROTO_TCP, 0);
	int d = diag(), one = 1;

	ask(d, SOCK_DIAG_BY_FAMILY, 0, &r, sizeof r);
	say_answer("no such family", d);
	r.sdiag_family = AF_UNIX;
	ask(d, SOCK_DIAG_BY_FAMILY, 0, &r, sizeof r);
	say_answer("short", d);
	ask(d, SOCK_DIAG_BY_FAMILY, 0, &r, 1);
	say_answer("shorter", d);
	ask(d, 77, 0, &r, sizeof r);
	say_answer("no such type", d);
	ask(d, NLMSG_NOOP, NLM_F_ACK, &r, sizeof r);
	say_answer("nothing asked", d);
	ask(d, SOCK_DIAG_BY_FAMILY, 0, &u, sizeof u);
	say_answer("inode 0", d);
	u.udiag_ino = inode_of(d);
	u.udiag_cookie[0] = u.udiag_cookie[1] = ~0U;
	ask(d, SOCK_DIAG_BY_FAMILY, 0, &u, sizeof u);
	say_answer("not a unix socket", d);
	NEED(setsockopt(d, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one));
	ask(d, SOCK_DIAG_BY_FAMILY, 0, &u, sizeof u);
	say_answer("without the request", d);
	ask(d, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &in, sizeof in - 4);
	say_answer("short", d);
	say_answer("nothing left", d);
	R(send(d, "abc", 3, 0));
	say_answer("no message", d);
	R(send(d, "", 0, 0));
	R(send(d, "abc", 3, MSG_OOB));
	R(recv(d, reply, 1, MSG_OOB));
}

CASE(peek_and_truncate)
{
	struct sock_diag_req r = { .sdiag_family = AF_MAX };
	int d = diag();

	ask(d, SOCK_DIAG_BY_FAMILY, 0, &r, sizeof r);
	R(recv(d, NULL, 0, MSG_PEEK | MSG_TRUNC));
	struct iovec iov = { reply, 10 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	R(recvmsg(d, &m, 0));
	say("flags %#x\n", m.msg_flags);
	R(recv(d, reply, sizeof reply, MSG_DONTWAIT));
	V(poll(&(struct pollfd){ .fd = d, .events = POLLIN }, 1, 0));
}
