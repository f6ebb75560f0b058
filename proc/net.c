/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/net (proc_pid_net(5)). The tables of sockets list those of the namespace, in the order
 * they were made. */
#include "proc/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/policy.h"
#include "net/socket.h"
#include "proc/proc.h"
#include "util/time.h"

#define TIMER_TIMEWAIT 3      /* of proc_net_tcp.txt: which timer runs */
#define USEC_PER_TICK  10000U /* times are told in ticks of 1/100 s (USER_HZ) */

struct names {
	struct sockaddr_storage own, peer;
	unsigned own_len;
};

/* One line about a socket; `nr` counts the lines. */
typedef void line_fn(struct text *out, unsigned nr, struct socket *s, const struct socket_stat *st,
		     const struct names *n);

static struct names names_of(struct socket *s)
{
	struct names n = { 0 };
	int len = s->ops->getname(s, false, &n.own);

	n.own_len = len > 0 ? (unsigned)len : 0;
	s->ops->getname(s, true, &n.peer);
	return n;
}

/* What a table lists: the sockets of a family, of a protocol unless that is -1, and of a type
 * unless that is 0. */
struct table {
	int family, protocol, type;
	line_fn *line;
	const char *head;
	size_t width; /* of every line, at least */
};

static bool lists(const struct table *t, const struct socket *s)
{
	return s->family == t->family && (t->protocol < 0 || s->protocol == t->protocol) &&
	       (!t->type || s->type == t->type);
}

static void end_line(struct text *out, size_t start, size_t width)
{
	while (out->len - start < width && !out->failed)
		text_putc(out, ' ');
	text_putc(out, '\n');
}

/* Words of an address as they lie in memory, then the port. */
static void put_address(struct text *out, const struct sockaddr_storage *a, int family)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;
	uint32_t word;

	if (family == AF_INET) {
		text_printf(out, "%08X:%04X ", in->sin_addr.s_addr, ntohs(in->sin_port));
		return;
	}
	for (int i = 0; i < 4; i++) {
		memcpy(&word, in6->sin6_addr.s6_addr + 4 * i, sizeof word);
		text_printf(out, "%08X", word);
	}
	text_printf(out, ":%04X ", ntohs(in6->sin6_port));
}

struct ended_lines {
	struct text *out;
	const struct table *table;
	unsigned nr;
};

/* Linux: get_timewait4_sock. Such a line has no columns behind the references. */
static void ended_line(void *arg, const struct loop_ended *e)
{
	struct ended_lines *l = arg;
	const struct table *t = l->table;
	size_t start = l->out->len;

	text_printf(l->out, "%4u: ", l->nr++);
	put_address(l->out, &e->own, t->family);
	put_address(l->out, &e->peer, t->family);
	text_printf(l->out, "%02X %08X:%08X %02X:%08lX %08X %5d %8d %d %d %s", e->state, 0U, 0U,
		    TIMER_TIMEWAIT, e->left / NSEC_PER_TICK, 0U, 0, 0, 0, 3, "0000000000000000");
	end_line(l->out, start, t->width);
}

/* The network namespace of the process, a reference. NULL: the process is gone. */
static struct net *find_net(struct pseudo_node *n)
{
	sandbox_lock(n->sb);
	const struct task *t = proc_task(n);
	const struct process *p = proc_process(n);
	const struct nsproxy *set = t ? t->nsproxy : p && p == n->sb->init ? n->sb->nsproxy : NULL;
	struct ns_common *ns = set ? ns_get(set->ns[NS_NET]) : NULL;
	sandbox_unlock(n->sb);
	return ns ? net_of(ns) : NULL;
}

static int show_table(struct pseudo_node *node, struct caller *c, struct text *out)
{
	const struct table *t = node->entry->arg;
	struct ended_lines ended = { out, t, 0 };
	struct socket *s;

	text_puts(out, t->head);
	end_line(out, 0, t->width);
	struct net *net = find_net(node);
	if (!net)
		return -ENOENT;
	mutex_lock(&net->lock);
	list_for_each (s, &net->sockets, net_node) {
		struct socket_stat st = { 0 };
		if (!lists(t, s))
			continue;
		s->ops->stat(s, &st);
		if (st.hidden && s->family != AF_PACKET)
			continue;
		struct names n = names_of(s);
		size_t start = out->len;
		t->line(out, ended.nr++, s, &st, &n);
		end_line(out, start, t->width);
	}
	if (net->loop && t->type == SOCK_STREAM)
		loop_each_wait(net->loop, t->family, ended_line, &ended);
	mutex_unlock(&net->lock);
	ns_put(&net->ns);
	return 0;
}

/* ---- TCP and UDP ---- */

/* The columns that all have: addresses, state, queues, no timer, owner, inode, references. Of the
 * socket's address in the kernel nothing is told, as to everybody without CAP_SYSLOG. */
static void put_common(struct text *out, struct socket *s, const struct socket_stat *st,
		       const struct names *n)
{
	put_address(out, &n->own, s->family);
	put_address(out, &n->peer, s->family);
	text_printf(out, "%02X %08X:%08X 00:00000000 %08X %5u %8u %lu 1 0000000000000000",
		    st->state, st->tx, st->rx, st->retransmits, s->attr.uid, st->probes,
		    s->file.anon_ino);
}

static void tcp_line(struct text *out, unsigned nr, struct socket *s, const struct socket_stat *st,
		     const struct names *n)
{
	text_printf(out, "%4u: ", nr);
	put_common(out, s, st, n);
	if (st->state == TCP_LISTEN)
		text_printf(out, " %u 0 0 %u 0", st->rto / USEC_PER_TICK, st->cwnd);
	else
		text_printf(out, " %u %u 0 %u %d", st->rto / USEC_PER_TICK, st->ato / USEC_PER_TICK,
			    st->cwnd, st->ssthresh >= INT32_MAX ? -1 : (int)st->ssthresh);
}

static void udp_line(struct text *out, unsigned nr, struct socket *s, const struct socket_stat *st,
		     const struct names *n)
{
	text_printf(out, "%5u: ", nr);
	put_common(out, s, st, n);
	text_printf(out, " %u", st->drops);
}

static void raw_line(struct text *out, unsigned nr, struct socket *s, const struct socket_stat *st,
		     const struct names *n)
{
	text_printf(out, s->family == AF_INET ? "%4u: " : "%5u: ", nr);
	put_common(out, s, st, n);
	text_printf(out, " %u", st->drops);
}

/* ---- others ---- */

static void packet_line(struct text *out, unsigned nr, struct socket *s,
			const struct socket_stat *st, const struct names *n)
{
	const struct sockaddr_ll *a = (const struct sockaddr_ll *)(const void *)&n->own;

	text_printf(out, "0000000000000000 %-6u %-4d %04x   %-5d %1d %-6u %-6u %-6lu", st->refs,
		    s->type, ntohs(a->sll_protocol), a->sll_ifindex, !st->hidden, st->rx,
		    s->attr.uid, s->file.anon_ino);
}

/* Linux: enum socket_state. */
enum { SS_UNCONNECTED = 1, SS_CONNECTING, SS_CONNECTED };
#define SO_ACCEPTCON 0x10000U /* __SO_ACCEPTCON */

static void put_unix_name(struct text *out, const struct names *n)
{
	const struct sockaddr_un *a = (const struct sockaddr_un *)(const void *)&n->own;
	size_t len = n->own_len > offsetof(struct sockaddr_un, sun_path)
			 ? n->own_len - offsetof(struct sockaddr_un, sun_path)
			 : 0;

	if (len && a->sun_path[0])
		len = strnlen(a->sun_path, len);
	if (len)
		text_putc(out, ' ');
	for (size_t i = 0; i < len; i++)
		text_putc(out, a->sun_path[i] ? a->sun_path[i] : '@');
}

static void unix_line(struct text *out, unsigned nr, struct socket *s, const struct socket_stat *st,
		      const struct names *n)
{
	unsigned state = st->embryo                     ? SS_CONNECTING
			 : st->state == TCP_ESTABLISHED ? SS_CONNECTED
							: SS_UNCONNECTED;

	text_printf(out, "0000000000000000: %08X 00000000 %08X %04X %02X %5lu", st->refs,
		    st->state == TCP_LISTEN ? SO_ACCEPTCON : 0, s->type, state,
		    st->embryo ? 0 : s->file.anon_ino);
	put_unix_name(out, n);
}

static void netlink_line(struct text *out, unsigned nr, struct socket *s,
			 const struct socket_stat *st, const struct names *n)
{
	const struct sockaddr_nl *a = (const struct sockaddr_nl *)(const void *)&n->own;

	text_printf(out, "0000000000000000 %-3d %-10u %08x %-8u %-8u %-5d %-8d %-8u %-8lu",
		    s->protocol, a->nl_pid, a->nl_groups, st->rx, st->tx, 0, 1, st->drops,
		    s->file.anon_ino);
}

#define HEAD_4                                                                                     \
	"local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "    \
	"inode"
#define HEAD_6                                                                                     \
	"  sl  local_address                         remote_address                        st "    \
	"tx_queue rx_queue tr "                                                                    \
	"tm->when retrnsmt   uid  timeout inode"

static const struct table tcp = {
	AF_INET, IPPROTO_TCP, SOCK_STREAM, tcp_line, "  sl  " HEAD_4, 149
};
static const struct table tcp6 = { AF_INET6, IPPROTO_TCP, SOCK_STREAM, tcp_line, HEAD_6, 0 };
static const struct table udp = {
	AF_INET, IPPROTO_UDP, SOCK_DGRAM, udp_line, "   sl  " HEAD_4 " ref pointer drops", 127
};
static const struct table udp6 = {
	AF_INET6, IPPROTO_UDP, SOCK_DGRAM, udp_line, HEAD_6 " ref pointer drops", 0
};
static const struct table unixes = {
	AF_UNIX, -1, 0, unix_line, "Num       RefCount Protocol Flags    Type St Inode Path", 0
};
static const struct table netlinks = {
	AF_NETLINK,
	-1,
	0,
	netlink_line,
	"sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode",
	0
};

static const struct table raw = {
	AF_INET, -1, SOCK_RAW, raw_line, "  sl  " HEAD_4 " ref pointer drops", 0
};
static const struct table raw6 = {
	AF_INET6, -1, SOCK_RAW, raw_line, HEAD_6 " ref pointer drops", 0
};
static const struct table icmp = {
	AF_INET, IPPROTO_ICMP, SOCK_DGRAM, udp_line, "  sl  " HEAD_4 " ref pointer drops", 127
};
static const struct table icmp6 = {
	AF_INET6, IPPROTO_ICMPV6, SOCK_DGRAM, udp_line, HEAD_6 " ref pointer drops", 0
};
static const struct table packet = {
	AF_PACKET,
	-1,
	0,
	packet_line,
	"sk               RefCnt Type Proto  Iface R Rmem   User   Inode",
	0
};

/* ---- how many sockets there are ---- */

/* Of one protocol and family: those that have a port, all, and the pages of what waits in them. */
struct usage {
	unsigned in_use, all;
	size_t pages;
};

static void count(struct usage *u, struct socket *s)
{
	struct socket_stat st = { 0 };

	s->ops->stat(s, &st);
	u->all++;
	u->in_use += !st.hidden;
	if (st.state != TCP_LISTEN)
		u->pages += ((size_t)st.rx + st.tx + 4095) / 4096;
}

enum { TCP_4, TCP_6, UDP_4, UDP_6, RAW_4, RAW_6, PING_4, PING_6, NR_USAGES };

static int usage_of(const struct socket *s)
{
	return s->type == SOCK_RAW          ? RAW_4
	       : s->protocol == IPPROTO_TCP ? TCP_4
	       : s->protocol == IPPROTO_UDP ? UDP_4
					    : PING_4;
}

/* Counts the network's sockets: how many there are of any kind, and how many connections that no
 * socket is left of. */
static unsigned count_all(struct pseudo_node *n, struct usage usage[NR_USAGES], unsigned *ended)
{
	struct net *net = find_net(n);
	unsigned all = 0;
	struct socket *s;

	*ended = 0;
	if (!net)
		return 0;
	mutex_lock(&net->lock);
	list_for_each (s, &net->sockets, net_node) {
		all++;
		if (s->family == AF_INET || s->family == AF_INET6)
			count(&usage[usage_of(s) + (s->family == AF_INET6)], s);
	}
	mutex_unlock(&net->lock);
	*ended = net->loop ? loop_waits(net->loop) : 0;
	ns_put(&net->ns);
	return all;
}

/* Of a connection over the host's network that no file belongs to any more (an orphan, TIME_WAIT)
 * nobody knows whose it was. No guest has fragments. */
static int show_sockstat(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct usage u[NR_USAGES] = { 0 };
	unsigned ended, all = count_all(n, u, &ended);

	text_printf(out, "sockets: used %u\n", all);
	text_printf(out, "TCP: inuse %u orphan 0 tw %u alloc %u mem %zu\n", u[TCP_4].in_use, ended,
		    u[TCP_4].all + u[TCP_6].all, u[TCP_4].pages + u[TCP_6].pages);
	text_printf(out, "UDP: inuse %u mem %zu\n", u[UDP_4].in_use,
		    u[UDP_4].pages + u[UDP_6].pages);
	text_printf(out, "UDPLITE: inuse 0\nRAW: inuse %u\nFRAG: inuse 0 memory 0\n",
		    u[RAW_4].in_use);
	return 0;
}

static int show_sockstat6(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct usage u[NR_USAGES] = { 0 };
	unsigned ended;

	count_all(n, u, &ended);
	text_printf(out, "TCP6: inuse %u\nUDP6: inuse %u\n", u[TCP_6].in_use, u[UDP_6].in_use);
	text_printf(out, "UDPLITE6: inuse 0\nRAW6: inuse %u\nFRAG6: inuse 0 memory 0\n",
		    u[RAW_6].in_use);
	return 0;
}

static void put_lo_traffic(struct text *out, const struct net *net)
{
	uint64_t packets, bytes;

	net_traffic(net, &packets, &bytes);
	text_printf(out,
		    "    lo: %7lu %7lu %4u %4u %4u %5u %10u %9u %8lu %7lu %4u %4u %4u %5u "
		    "%7u %10u\n",
		    bytes, packets, 0, 0, 0, 0, 0, 0, bytes, packets, 0, 0, 0, 0, 0, 0);
}

/* Linux: if6_seq_show. The scope is one of IPv6; the flag says that it stays. */
static void put_lo_addresses(struct text *out, struct lo *lo)
{
	const struct lo_address *a;

	mutex_lock(&lo->lock);
	list_for_each (a, &lo->addresses, node) {
		if (lo_address_is_4(a))
			continue;
		for (int i = 0; i < 16; i++)
			text_printf(out, "%02x", a->ip.s6_addr[i]);
		text_printf(out, " %02x %02x %02x 80 %8s\n", LO_INDEX, a->bits,
			    IN6_IS_ADDR_LOOPBACK(&a->ip)    ? 0x10
			    : IN6_IS_ADDR_LINKLOCAL(&a->ip) ? 0x20
							    : 0,
			    LO_NAME);
	}
	mutex_unlock(&lo->lock);
}

/* Interfaces, routes, counters: the host's, which netlink tells as well. Of a network without the
 * host's there is the head of each table. */
static int show_host(struct pseudo_node *n, struct caller *c, struct text *out)
{
	size_t lines = (size_t)(uintptr_t)n->entry->arg, head = 0;
	struct net *net = find_net(n);
	char path[64];

	if (!net)
		return -ENOENT;
	snprintf(path, sizeof path, "/proc/net/%s", n->entry->name);
	int err = proc_show_host(out, path);
	if (!err && net->policy->none) {
		while (lines && head < out->len)
			lines -= out->buf[head++] == '\n';
		text_cut(out, head);
		if (strcmp(n->entry->name, "dev") == 0)
			put_lo_traffic(out, net);
		if (strcmp(n->entry->name, "if_inet6") == 0)
			put_lo_addresses(out, &net->lo);
	}
	ns_put(&net->ns);
	return err;
}

#define HOST(file, head)                                                                           \
	{                                                                                          \
		file, S_IFREG | 0444, .show = show_host, .arg = (void *)(uintptr_t)(head)          \
	}
#define SAYS(file, fn)                                                                             \
	{                                                                                          \
		file, S_IFREG | 0444, .show = fn                                                   \
	}
#define TABLE(file, which)                                                                         \
	{                                                                                          \
		file, S_IFREG | 0444, .show = show_table, .arg = &which                            \
	}

static const struct pseudo_entry net_entries[] = {
	HOST("arp", 1),
	HOST("dev", 2),
	HOST("dev_mcast", 0),
	HOST("fib_trie", 0),
	HOST("if_inet6", 0),
	HOST("igmp", 1),
	HOST("igmp6", 0),
	HOST("ipv6_route", 0),
	HOST("netstat", 0),
	HOST("protocols", 1),
	HOST("psched", 1),
	HOST("route", 1),
	HOST("snmp", 0),
	HOST("snmp6", 0),
	SAYS("sockstat", show_sockstat),
	SAYS("sockstat6", show_sockstat6),
	TABLE("icmp", icmp),
	TABLE("icmp6", icmp6),
	TABLE("netlink", netlinks),
	TABLE("packet", packet),
	TABLE("raw", raw),
	TABLE("raw6", raw6),
	TABLE("tcp", tcp),
	TABLE("tcp6", tcp6),
	TABLE("udp", udp),
	TABLE("udp6", udp6),
	TABLE("unix", unixes),
};
const struct pseudo_dir proc_net_dir = { PSEUDO_TABLE(net_entries) };
