/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/net, /proc/sys/net, /sys/class/net: what a network namespace is like (net/net.h). */
#ifndef HL_PROC_NET_H
#define HL_PROC_NET_H

#include "proc/pseudo.h"

extern const struct pseudo_dir proc_net_dir;
extern const struct pseudo_dir proc_sysctl_net_dir;
extern const struct pseudo_dir sysfs_net_dir; /* /sys/class/net */

#endif
