/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/net, /proc/sys/net, /sys/class/net: the network is the host's, the sockets are the
 * sandbox's own. */
#ifndef HL_PROC_NET_H
#define HL_PROC_NET_H

#include "proc/pseudo.h"

struct sandbox;

/* What went over the loopback of a sandbox's own, in either direction. */
void proc_loopback_traffic(struct sandbox *sb, uint64_t *packets, uint64_t *bytes);

extern const struct pseudo_dir proc_net_dir;
extern const struct pseudo_dir proc_sysctl_net_dir;
extern const struct pseudo_dir sysfs_net_dir; /* /sys/class/net */

#endif
