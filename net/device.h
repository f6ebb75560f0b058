/* SPDX-License-Identifier: Apache-2.0 */
/* The network interfaces, which are the host's: netdevice(7). */
#ifndef HL_NET_DEVICE_H
#define HL_NET_DEVICE_H

#include <stdint.h>

struct mm;

struct net;

/* What a socket of any family answers about interfaces. -ENOTTY: not such a request; -EPERM: it
 * would change one. */
int64_t device_ioctl(const struct net *net, struct mm *mm, unsigned cmd, uint64_t arg);

#endif
