/* SPDX-License-Identifier: Apache-2.0 */
/* /sys/class/net: the interfaces of the host, a directory each (on Linux a link to one); none
 * where the sandbox has no network. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/sandbox.h"
#include "net/policy.h"
#include "proc/net.h"
#include "proc/proc.h"

static int show_host(struct pseudo_node *n, struct caller *c, struct text *out)
{
	char path[128] = "/sys";
	int len = pseudo_path(n, path + 4, sizeof path - 4);

	return len < 0 ? len : proc_show_host(out, path);
}

#define HOST(file)                                                                                 \
	{                                                                                          \
		file, S_IFREG | 0444, .show = show_host                                            \
	}

static const struct pseudo_entry statistics_entries[] = {
	HOST("collisions"),        HOST("multicast"),
	HOST("rx_bytes"),          HOST("rx_compressed"),
	HOST("rx_crc_errors"),     HOST("rx_dropped"),
	HOST("rx_errors"),         HOST("rx_fifo_errors"),
	HOST("rx_frame_errors"),   HOST("rx_length_errors"),
	HOST("rx_missed_errors"),  HOST("rx_nohandler"),
	HOST("rx_over_errors"),    HOST("rx_packets"),
	HOST("tx_aborted_errors"), HOST("tx_bytes"),
	HOST("tx_carrier_errors"), HOST("tx_compressed"),
	HOST("tx_dropped"),        HOST("tx_errors"),
	HOST("tx_fifo_errors"),    HOST("tx_heartbeat_errors"),
	HOST("tx_packets"),        HOST("tx_window_errors"),
};
static const struct pseudo_dir statistics_dir = { PSEUDO_TABLE(statistics_entries) };

static const struct pseudo_entry interface_entries[] = {
	HOST("addr_assign_type"),
	HOST("addr_len"),
	HOST("address"),
	HOST("broadcast"),
	HOST("carrier"),
	HOST("carrier_changes"),
	HOST("dev_id"),
	HOST("dev_port"),
	HOST("dormant"),
	HOST("duplex"),
	HOST("flags"),
	HOST("gro_flush_timeout"),
	HOST("ifalias"),
	HOST("ifindex"),
	HOST("iflink"),
	HOST("link_mode"),
	HOST("mtu"),
	HOST("name_assign_type"),
	HOST("netdev_group"),
	HOST("operstate"),
	HOST("proto_down"),
	HOST("speed"),
	{ "statistics", S_IFDIR | 0555, .dir = &statistics_dir },
	HOST("tx_queue_len"),
	HOST("type"),
};
static const struct pseudo_dir interface_dir = { PSEUDO_TABLE(interface_entries) };
static const struct pseudo_entry interface_entry = { NULL, S_IFDIR | 0755, .dir = &interface_dir };

static int net_lookup(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		      struct pseudo_found *out)
{
	char interface[IF_NAMESIZE];

	if (len >= sizeof interface || dir->sb->net_policy->none)
		return -ENOENT;
	memcpy(interface, name, len);
	interface[len] = '\0';
	out->number = (int)if_nametoindex(interface);
	out->entry = &interface_entry;
	return out->number ? 0 : -ENOENT;
}

/* The cursor is an interface's index. */
static bool net_next(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		     unsigned char *d_type)
{
	struct if_nameindex *all = dir->sb->net_policy->none ? NULL : if_nameindex();
	struct if_nameindex *best = NULL;

	for (struct if_nameindex *i = all; i && i->if_index; i++)
		if ((int)i->if_index >= *cursor && (!best || i->if_index < best->if_index))
			best = i;
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
