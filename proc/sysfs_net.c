/* SPDX-License-Identifier: Apache-2.0 */
/* /sys/class/net: the interfaces of the host, a directory each (on Linux a link to one); where the
 * network is not the host's, the loopback alone. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/sandbox.h"
#include "net/net.h"
#include "net/policy.h"
#include "proc/net.h"
#include "proc/proc.h"

static const struct net *net_shown(struct filesystem *fs)
{
	return net_of(pseudo_fs_ns(fs));
}

static int show_host(struct pseudo_node *n, struct caller *c, struct text *out)
{
	char path[128] = "/sys";
	int len = pseudo_path(n, path + 4, sizeof path - 4);

	return len < 0 ? len : proc_show_host(out, path);
}

/* `lo`: what the file of a new network's loopback says; NULL: it cannot be read. */
#define INTERFACE(file, lo)                                                                        \
	{                                                                                          \
		file, S_IFREG | 0444, .show = show, .arg = (lo)                                    \
	}
#define COUNTER(file)                                                                              \
	{                                                                                          \
		file, S_IFREG | 0444, .show = show_counter                                         \
	}

/* What it says while lo is up. Down it says other things, or cannot say them (netdev_show,
 * carrier_show, operstate_show). */
static const struct {
	const char *file, *down;
} when_down[] = {
	{ "carrier", NULL }, { "dormant", NULL }, { "flags", "0x8" }, { "operstate", "down" }
};

static const char *say(const struct net *net, const struct pseudo_entry *e)
{
	for (size_t i = 0; !net->lo.up && i < sizeof when_down / sizeof *when_down; i++)
		if (strcmp(e->name, when_down[i].file) == 0)
			return when_down[i].down;
	return e->arg;
}

static int show(struct pseudo_node *n, struct caller *c, struct text *out)
{
	const struct net *net = net_shown(n->inode.fs);
	const char *text;

	if (!net->policy->none)
		return show_host(n, c, out);
	text = say(net, n->entry);
	if (!text)
		return -EINVAL;
	text_printf(out, "%s\n", text);
	return 0;
}

static int show_counter(struct pseudo_node *n, struct caller *c, struct text *out)
{
	const struct net *net = net_shown(n->inode.fs);
	uint64_t packets, bytes;

	if (!net->policy->none)
		return show_host(n, c, out);
	net_traffic(net, &packets, &bytes);
	text_printf(out, "%lu\n",
		    strcmp(n->entry->name + 3, "bytes") == 0     ? bytes
		    : strcmp(n->entry->name + 3, "packets") == 0 ? packets
								 : 0UL);
	return 0;
}

static const struct pseudo_entry statistics_entries[] = {
	COUNTER("collisions"),        COUNTER("multicast"),
	COUNTER("rx_bytes"),          COUNTER("rx_compressed"),
	COUNTER("rx_crc_errors"),     COUNTER("rx_dropped"),
	COUNTER("rx_errors"),         COUNTER("rx_fifo_errors"),
	COUNTER("rx_frame_errors"),   COUNTER("rx_length_errors"),
	COUNTER("rx_missed_errors"),  COUNTER("rx_nohandler"),
	COUNTER("rx_over_errors"),    COUNTER("rx_packets"),
	COUNTER("tx_aborted_errors"), COUNTER("tx_bytes"),
	COUNTER("tx_carrier_errors"), COUNTER("tx_compressed"),
	COUNTER("tx_dropped"),        COUNTER("tx_errors"),
	COUNTER("tx_fifo_errors"),    COUNTER("tx_heartbeat_errors"),
	COUNTER("tx_packets"),        COUNTER("tx_window_errors"),
};
static const struct pseudo_dir statistics_dir = { PSEUDO_TABLE(statistics_entries) };

static const struct pseudo_entry interface_entries[] = {
	INTERFACE("addr_assign_type", "0"),
	INTERFACE("addr_len", "6"),
	INTERFACE("address", "00:00:00:00:00:00"),
	INTERFACE("broadcast", "00:00:00:00:00:00"),
	INTERFACE("carrier", "1"),
	INTERFACE("carrier_changes", "0"),
	INTERFACE("dev_id", "0x0"),
	INTERFACE("dev_port", "0"),
	INTERFACE("dormant", "0"),
	INTERFACE("duplex", NULL),
	INTERFACE("flags", "0x9"),
	INTERFACE("gro_flush_timeout", "0"),
	INTERFACE("ifalias", ""),
	INTERFACE("ifindex", "1"),
	INTERFACE("iflink", "1"),
	INTERFACE("link_mode", "0"),
	INTERFACE("mtu", "65536"),
	INTERFACE("name_assign_type", "2"),
	INTERFACE("netdev_group", "0"),
	INTERFACE("operstate", "unknown"),
	INTERFACE("proto_down", "0"),
	INTERFACE("speed", NULL),
	{ "statistics", S_IFDIR | 0555, .dir = &statistics_dir },
	INTERFACE("tx_queue_len", "1000"),
	INTERFACE("type", "772"),
};
static const struct pseudo_dir interface_dir = { PSEUDO_TABLE(interface_entries) };
static const struct pseudo_entry interface_entry = { NULL, S_IFDIR | 0755, .dir = &interface_dir };

static int net_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		      struct pseudo_found *out)
{
	char interface[IF_NAMESIZE];

	if (len >= sizeof interface)
		return -ENOENT;
	memcpy(interface, name, len);
	interface[len] = '\0';
	out->number = net_shown(dir->inode.fs)->policy->none ? strcmp(interface, "lo") == 0
							     : (int)if_nametoindex(interface);
	out->entry = &interface_entry;
	return out->number ? 0 : -ENOENT;
}

/* The cursor is an interface's index. */
static bool net_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		     unsigned char *d_type)
{
	bool none = net_shown(dir->inode.fs)->policy->none;
	struct if_nameindex *all = none ? NULL : if_nameindex(), *best = NULL;
	char lo_name[] = "lo";
	struct if_nameindex lo = { 1, lo_name };

	for (struct if_nameindex *i = all; i && i->if_index; i++)
		if ((int)i->if_index >= *cursor && (!best || i->if_index < best->if_index))
			best = i;
	if (none && *cursor <= 1)
		best = &lo;
	if (best) {
		*cursor = (int)best->if_index;
		snprintf(name, 32, "%s", best->if_name);
	}
	*d_type = DT_DIR;
	if (all)
		if_freenameindex(all);
	return best;
}

const struct pseudo_dir sysfs_net_dir = { .lookup = net_lookup, .next = net_next };
