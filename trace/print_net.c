/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets. */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "mm/access.h"
#include "trace/print.h"

union address {
	sa_family_t family;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_nl nl;
	char bytes[128];
};

static void print_unix(struct text *out, const union address *a, size_t len)
{
	size_t head = offsetof(struct sockaddr_un, sun_path), n;

	text_puts(out, "{sa_family=AF_UNIX");
	if (len > head && a->un.sun_path[0]) {
		n = strnlen(a->un.sun_path, len - head);
		text_puts(out, ", sun_path=");
		print_quoted(out, a->un.sun_path, n, false);
	} else if (len > head) { /* abstract: a leading NUL, and every byte counts */
		text_puts(out, ", sun_path=@");
		print_quoted(out, a->un.sun_path + 1, len - head - 1, false);
	}
	text_putc(out, '}');
}

static void print_address_value(struct text *out, const union address *a, size_t len)
{
	char s[INET6_ADDRSTRLEN] = "";

	switch (a->family) {
	case AF_UNIX: print_unix(out, a, len); break;
	case AF_INET:
		inet_ntop(AF_INET, &a->in.sin_addr, s, sizeof s);
		text_printf(out,
			    "{sa_family=AF_INET, sin_port=htons(%u), sin_addr=inet_addr(\"%s\")}",
			    ntohs(a->in.sin_port), s);
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &a->in6.sin6_addr, s, sizeof s);
		text_printf(out,
			    "{sa_family=AF_INET6, sin6_port=htons(%u), sin6_flowinfo=htonl(%u)",
			    ntohs(a->in6.sin6_port), ntohl(a->in6.sin6_flowinfo));
		text_printf(out, ", inet_pton(AF_INET6, \"%s\", &sin6_addr), sin6_scope_id=%u}", s,
			    a->in6.sin6_scope_id);
		break;
	case AF_NETLINK:
		text_printf(out, "{sa_family=AF_NETLINK, nl_pid=%u, nl_groups=%08x}", a->nl.nl_pid,
			    a->nl.nl_groups);
		break;
	default:
		text_puts(out, "{sa_family=");
		names_put_value(out, &names_addr_family, a->family);
		text_puts(out, ", sa_data=");
		print_quoted(out, a->bytes + 2, len > 16 ? 14 : len - 2, false);
		text_putc(out, '}');
	}
}

static void print_sockaddr_at(struct print *p, gva_t addr, size_t len)
{
	union address a = { 0 };

	if (len > sizeof a)
		len = sizeof a;
	if (len < sizeof a.family)
		print_address(p, addr);
	else if (fetch(p, addr, &a, len))
		print_address_value(p->out, &a, len);
}

void print_sockaddr(struct print *p, int i, const struct names *names)
{
	print_sockaddr_at(p, GVA(p->a[i]), (uint32_t)p->a[i + 1]);
}

void print_sockaddr_result(struct print *p, int i, const struct names *names)
{
	uint32_t len;

	if (p->result < 0 || !p->a[i] ||
	    copy_from_guest(p->t->mm, &len, GVA(p->a[i + 1]), sizeof len))
		print_address(p, GVA(p->a[i]));
	else
		print_sockaddr_at(p, GVA(p->a[i]), len);
}

void print_socket_type(struct print *p, int i, const struct names *names)
{
	uint64_t flags = (uint32_t)p->a[i] & ~0xfU;

	names_put_value(p->out, &names_sock_type, p->a[i] & 0xf);
	if (flags) {
		text_putc(p->out, '|');
		names_put_flags(p->out, &names_sock_flags, flags);
	}
}

void print_socket_protocol(struct print *p, int i, const struct names *names)
{
	if (p->a[0] == AF_INET || p->a[0] == AF_INET6)
		names_put_value(p->out, &names_protocol, p->a[i]);
	else if (p->a[0] == AF_NETLINK && p->a[i] == NETLINK_ROUTE)
		text_puts(p->out, "NETLINK_ROUTE");
	else
		print_int(p, i, names);
}

void print_socket_option(struct print *p, int i, const struct names *names)
{
	switch ((int)p->a[1]) {
	case SOL_SOCKET: print_enum(p, i, &names_sock_option); break;
	case IPPROTO_TCP: print_enum(p, i, &names_tcp_option); break;
	case IPPROTO_IP: print_enum(p, i, &names_ip_option); break;
	case IPPROTO_IPV6: print_enum(p, i, &names_ipv6_option); break;
	default: print_int(p, i, names);
	}
}

static void print_option(struct print *p, gva_t addr, size_t len)
{
	struct linger l;
	struct ucred c;
	int v;
	int option = (int)p->a[2];
	bool sol = (int)p->a[1] == SOL_SOCKET;

	if (sol && option == SO_LINGER && len == sizeof l) {
		if (fetch(p, addr, &l, sizeof l))
			text_printf(p->out, "{l_onoff=%d, l_linger=%d}", l.l_onoff, l.l_linger);
	} else if (sol && option == SO_PEERCRED && len == sizeof c) {
		if (fetch(p, addr, &c, sizeof c))
			text_printf(p->out, "{pid=%d, uid=%u, gid=%u}", c.pid, c.uid, c.gid);
	} else if (len == sizeof v) {
		if (fetch(p, addr, &v, sizeof v))
			text_printf(p->out, "[%d]", v);
	} else {
		print_guest_buffer(p, addr, len);
	}
}

void print_option_value(struct print *p, int i, const struct names *names)
{
	print_option(p, GVA(p->a[i]), (uint32_t)p->a[i + 1]);
}

void print_option_result(struct print *p, int i, const struct names *names)
{
	uint32_t len;

	if (p->result < 0 || copy_from_guest(p->t->mm, &len, GVA(p->a[i + 1]), sizeof len))
		print_address(p, GVA(p->a[i]));
	else
		print_option(p, GVA(p->a[i]), len);
}

/* ---- messages ---- */

struct guest_msghdr {
	uint64_t name;
	uint32_t namelen, pad1;
	uint64_t iov, iovlen, control, controllen;
	int32_t flags, pad2;
};
_Static_assert(sizeof(struct guest_msghdr) == sizeof(struct msghdr), "struct msghdr");

static void print_rights(struct text *out, const int *fd, size_t n)
{
	text_puts(out, ", cmsg_data=[");
	for (size_t k = 0; k < n; k++)
		text_printf(out, "%s%d", k ? ", " : "", fd[k]);
	text_putc(out, ']');
}

static void print_cmsg(struct text *out, const struct cmsghdr *c, const char *data, size_t len)
{
	text_printf(out, "{cmsg_len=%zu, cmsg_level=", c->cmsg_len);
	names_put_value(out, &names_sock_level, (unsigned)c->cmsg_level);
	text_puts(out, ", cmsg_type=");
	if (c->cmsg_level == SOL_SOCKET)
		names_put_value(out, &names_cmsg_socket, (unsigned)c->cmsg_type);
	else
		text_printf(out, "%#x", (unsigned)c->cmsg_type);
	if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		int fd[64];
		size_t n = len / sizeof(int) < 64 ? len / sizeof(int) : 64;
		memcpy(fd, data, n * sizeof(int));
		print_rights(out, fd, n);
	} else if (len) {
		text_puts(out, ", cmsg_data=");
		print_quoted(out, data, len < TRACE_STRING_MAX ? len : TRACE_STRING_MAX,
			     len > TRACE_STRING_MAX);
	}
	text_putc(out, '}');
}

static void print_control(struct print *p, gva_t addr, uint64_t len)
{
	char buf[1024];
	struct cmsghdr c;
	size_t at = 0, n = len < sizeof buf ? len : sizeof buf;

	if (!fetch(p, addr, buf, n))
		return;
	text_putc(p->out, '[');
	while (at + sizeof c <= n) {
		memcpy(&c, buf + at, sizeof c);
		if (c.cmsg_len < sizeof c || c.cmsg_len > n - at)
			break;
		text_puts(p->out, at ? ", " : "");
		print_cmsg(p->out, &c, buf + at + sizeof c, c.cmsg_len - sizeof c);
		at += CMSG_ALIGN(c.cmsg_len);
	}
	text_putc(p->out, ']');
}

static void print_msg(struct print *p, int i, uint64_t bytes)
{
	struct guest_msghdr m;

	if (!FETCH(p, i, &m))
		return;
	text_puts(p->out, "{msg_name=");
	print_sockaddr_at(p, GVA(m.name), m.namelen);
	text_printf(p->out, ", msg_namelen=%u, msg_iov=", m.namelen);
	print_iovec_at(p, GVA(m.iov), m.iovlen, bytes);
	text_printf(p->out, ", msg_iovlen=%lu", m.iovlen);
	if (m.controllen) {
		text_puts(p->out, ", msg_control=");
		print_control(p, GVA(m.control), m.controllen);
	}
	text_printf(p->out, ", msg_controllen=%lu, msg_flags=", m.controllen);
	names_put_flags(p->out, &names_msg, (unsigned)m.flags);
	text_putc(p->out, '}');
}

void print_msghdr(struct print *p, int i, const struct names *names)
{
	print_msg(p, i, UINT64_MAX);
}

void print_msghdr_result(struct print *p, int i, const struct names *names)
{
	print_msg(p, i, p->result < 0 ? 0 : (uint64_t)p->result);
}
