/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/net, /proc/sys/net, /sys/class/net: the network is the host's, the sockets are the
 * sandbox's own. */
#ifndef HL_PROC_NET_H
#define HL_PROC_NET_H

#include "proc/pseudo.h"

extern const struct pseudo_dir proc_net_dir;
extern const struct pseudo_dir proc_sysctl_net_dir;
extern const struct pseudo_dir sysfs_net_dir; /* /sys/class/net */

#endif
