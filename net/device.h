/* SPDX-License-Identifier: Apache-2.0 */
/* The network interfaces, which are the host's: netdevice(7). */
#ifndef HL_NET_DEVICE_H
#define HL_NET_DEVICE_H

#include <stdint.h>

#include <net/if.h>
#include <stdbool.h>

struct caller;
struct mm;
struct net;

/* What a socket of any family answers about interfaces. -ENOTTY: not such a request; -EPERM: it
 * would change one that is the host's, or for want of CAP_NET_ADMIN; -EOPNOTSUPP: in a way that
 * ours cannot be changed. `inet`: the socket is one of IPv4, which a loopback of our own has the
 * addresses of. */
int64_t device_ioctl(struct net *net, struct caller *c, bool inet, struct mm *mm, unsigned cmd,
		     uint64_t arg);

/* The number of an interface; 0: there is none of the name. The name of one; false: none. */
unsigned device_index(const struct net *net, const char *name);
bool device_name(const struct net *net, unsigned index, char name[IF_NAMESIZE]);

#endif
