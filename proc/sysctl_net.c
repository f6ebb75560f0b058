/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys/net: the settings of the host's network, as they are now; what is ours of them is said
 * by us. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "net/net.h"
#include "proc/net.h"
#include "proc/proc.h"

static int show_host(struct pseudo_node *n, struct caller *c, struct text *out)
{
	return proc_show_host(out, n->entry->arg);
}

/* Datagrams that wait in a unix socket (net/unix_sock.h). */
static int show_dgram_qlen(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "10\n");
	return 0;
}

static struct net *net_for(struct pseudo_node *n, struct caller *c)
{
	return nsproxy_net(c->task ? c->task->nsproxy : n->sb->nsproxy);
}

/* Who may have ping sockets (icmp(7)) in a network of our own; of the host's it decides. */
static int show_ping_groups(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct net *net = net_for(n, c);
	uint64_t range = net->ping_groups;

	if (!net_is_own(net))
		return proc_show_host(out, "/proc/sys/net/ipv4/ping_group_range");
	text_printf(out, "%u\t%u\n", (gid_t)(range >> 32), (gid_t)range);
	return 0;
}

/* Linux: ipv4_ping_group_range. A number that is not given stays. */
static int store_ping_groups(struct pseudo_node *n, struct caller *c, char *text)
{
	struct net *net = net_for(n, c);
	uint64_t range = net->ping_groups, v[2] = { range >> 32, (gid_t)range };
	char *rest, *word = strtok_r(text, " \t\n", &rest);
	unsigned nr = 0;

	if (!net_is_own(net))
		return -EPERM;
	for (; word && nr < 2; word = strtok_r(NULL, " \t\n", &rest)) {
		char *end;
		v[nr] = strtoull(word, &end, 0);
		if (*end || *word == '-' || v[nr++] >= UINT32_MAX)
			return -EINVAL;
	}
	if (!nr)
		return -EINVAL;
	net->ping_groups = v[0] <= v[1] ? v[0] << 32 | v[1] : PING_NOBODY;
	return 0;
}

#define HOST(dir, file)                                                                            \
	{                                                                                          \
		file, S_IFREG | 0444, .show = show_host, .arg = "/proc/sys/net/" dir "/" file      \
	}
#define DIRECTORY(name, table)                                                                     \
	{                                                                                          \
		name, S_IFDIR | 0555, .dir = &table, .sealed = true                                \
	}
#define CORE(file) HOST("core", file)
#define IPV4(file) HOST("ipv4", file)

static const struct pseudo_entry core_entries[] = {
	CORE("busy_poll"),     CORE("busy_read"),          CORE("default_qdisc"),
	CORE("dev_weight"),    CORE("message_burst"),      CORE("message_cost"),
	CORE("netdev_budget"), CORE("netdev_max_backlog"), CORE("optmem_max"),
	CORE("rmem_default"),  CORE("rmem_max"),           CORE("somaxconn"),
	CORE("wmem_default"),  CORE("wmem_max"),
};
static const struct pseudo_dir core_dir = { PSEUDO_TABLE(core_entries) };

static const struct pseudo_entry ipv4_entries[] = {
	IPV4("icmp_echo_ignore_all"),
	IPV4("icmp_echo_ignore_broadcasts"),
	IPV4("igmp_max_memberships"),
	IPV4("ip_default_ttl"),
	IPV4("ip_forward"),
	IPV4("ip_local_port_range"),
	IPV4("ip_local_reserved_ports"),
	IPV4("ip_no_pmtu_disc"),
	IPV4("ip_nonlocal_bind"),
	IPV4("ip_unprivileged_port_start"),
	{ "ping_group_range", S_IFREG | 0644, .show = show_ping_groups,
	  .store = store_ping_groups },
	IPV4("tcp_abort_on_overflow"),
	IPV4("tcp_adv_win_scale"),
	IPV4("tcp_allowed_congestion_control"),
	IPV4("tcp_available_congestion_control"),
	IPV4("tcp_congestion_control"),
	IPV4("tcp_ecn"),
	IPV4("tcp_fastopen"),
	IPV4("tcp_fin_timeout"),
	IPV4("tcp_keepalive_intvl"),
	IPV4("tcp_keepalive_probes"),
	IPV4("tcp_keepalive_time"),
	IPV4("tcp_max_orphans"),
	IPV4("tcp_max_syn_backlog"),
	IPV4("tcp_max_tw_buckets"),
	IPV4("tcp_mem"),
	IPV4("tcp_moderate_rcvbuf"),
	IPV4("tcp_mtu_probing"),
	IPV4("tcp_no_metrics_save"),
	IPV4("tcp_notsent_lowat"),
	IPV4("tcp_orphan_retries"),
	IPV4("tcp_retries1"),
	IPV4("tcp_retries2"),
	IPV4("tcp_rfc1337"),
	IPV4("tcp_rmem"),
	IPV4("tcp_sack"),
	IPV4("tcp_slow_start_after_idle"),
	IPV4("tcp_syn_retries"),
	IPV4("tcp_synack_retries"),
	IPV4("tcp_syncookies"),
	IPV4("tcp_timestamps"),
	IPV4("tcp_tw_reuse"),
	IPV4("tcp_window_scaling"),
	IPV4("tcp_wmem"),
	IPV4("udp_mem"),
	IPV4("udp_rmem_min"),
	IPV4("udp_wmem_min"),
};
static const struct pseudo_dir ipv4_dir = { PSEUDO_TABLE(ipv4_entries) };

/* Settings of an interface, and of all: what programs ask before they use IPv6. */
#define CONF(which)                                                                                \
	{                                                                                          \
		HOST("ipv6/conf/" which, "accept_ra"), HOST("ipv6/conf/" which, "disable_ipv6"),   \
		    HOST("ipv6/conf/" which, "forwarding"),                                        \
		    HOST("ipv6/conf/" which, "use_tempaddr")                                       \
	}

static const struct pseudo_entry ipv6_all_entries[] = CONF("all");
static const struct pseudo_dir ipv6_all_dir = { PSEUDO_TABLE(ipv6_all_entries) };
static const struct pseudo_entry ipv6_default_entries[] = CONF("default");
static const struct pseudo_dir ipv6_default_dir = { PSEUDO_TABLE(ipv6_default_entries) };
static const struct pseudo_entry ipv6_lo_entries[] = CONF("lo");
static const struct pseudo_dir ipv6_lo_dir = { PSEUDO_TABLE(ipv6_lo_entries) };

static const struct pseudo_entry ipv6_conf_entries[] = {
	DIRECTORY("all", ipv6_all_dir),
	DIRECTORY("default", ipv6_default_dir),
	DIRECTORY("lo", ipv6_lo_dir),
};
static const struct pseudo_dir ipv6_conf_dir = { PSEUDO_TABLE(ipv6_conf_entries) };
static const struct pseudo_entry ipv6_entries[] = {
	HOST("ipv6", "bindv6only"),
	DIRECTORY("conf", ipv6_conf_dir),
	HOST("ipv6", "ip_nonlocal_bind"),
};
static const struct pseudo_dir ipv6_dir = { PSEUDO_TABLE(ipv6_entries) };

static const struct pseudo_entry unix_entries[] = { { "max_dgram_qlen", S_IFREG | 0444,
						      .show = show_dgram_qlen } };
static const struct pseudo_dir unix_dir = { PSEUDO_TABLE(unix_entries) };

static const struct pseudo_entry net_entries[] = {
	DIRECTORY("core", core_dir),
	DIRECTORY("ipv4", ipv4_dir),
	DIRECTORY("ipv6", ipv6_dir),
	DIRECTORY("unix", unix_dir),
};
const struct pseudo_dir proc_sysctl_net_dir = { PSEUDO_TABLE(net_entries) };
