/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface lo of a network of our own: whether it is up, and which addresses it has. Of these
 * follow, as on Linux, the routes that it makes for them (fib_frontend.c: fib_add_ifaddr):
 *
 *   the address itself is local; so is the network that it is in, once lo has been up with it; the
 *   last address of that is the one of everybody, while lo is up
 *
 * A new network's lo is down and has none. It gets 127.0.0.1 when it comes up without an address of
 * IPv4, and ::1 each time. When it goes down, it loses those of IPv6 and keeps the others: what is
 * sent to one of them then is lost.
 */
#ifndef HL_NET_LO_H
#define HL_NET_LO_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/list.h"
#include "util/lock.h"

#define LO_NAME  "lo"
#define LO_LABEL 16 /* IFNAMSIZ */
#define LO_INDEX 1
#define LO_MTU   65536
#define LO_QUEUE 1000

struct mm_host;

/* An address of IPv4 is one of IPv6 (mapped). */
struct lo_address {
	struct list node;
	struct in6_addr ip;
	unsigned bits; /* of the network's prefix, of 32 or 128 */
	unsigned char scope;
	in_addr_t broadcast;   /* IPv4: 0: none was given */
	char label[LO_LABEL];  /* IPv4 */
	bool secondary;        /* IPv4: another one is of the same network, and was there first */
	bool network_is_local; /* IPv4: lo has been up with it */
};

struct lo {
	struct mm_host *mem; /* who pays for addresses */
	_Atomic bool up, been_up;
	_Atomic bool routes; /* it had an address of IPv4 once: Linux has tables of routes since */
	struct mutex lock;
	struct list addresses; /* those of IPv4 before those of IPv6; guarded by lock */
	_Atomic unsigned nr;   /* changed with the lock held */
};

/* -ENOMEM: only where it is to be up. */
int lo_init(struct lo *lo, struct mm_host *mem, bool up);
/* As lo_init left it. */
int lo_reset(struct lo *lo, bool up);
void lo_destroy(struct lo *lo);

/* -ENOMEM. */
int lo_set_up(struct lo *lo, bool up);
/* Takes of *a all but its node and what follows from the others. -EEXIST, -EINVAL: one of the same
 * network has another scope, -ENOBUFS. */
int lo_add(struct lo *lo, const struct lo_address *a);
/* And those that are secondary to it. -EADDRNOTAVAIL. */
int lo_remove(struct lo *lo, const struct in6_addr *ip, unsigned bits);

/* In a snapshot's copy: lo has been up with it. */
void lo_make_local(struct lo *lo, const struct in6_addr *ip, unsigned bits);

/* Is it an address of this network's? */
bool lo_is_own(struct lo *lo, const struct in6_addr *ip);
/* Of everybody on one of lo's networks? */
bool lo_is_broadcast(struct lo *lo, const struct in6_addr *ip);
/* Where what is sent there comes from, if the sender does not choose. */
struct in6_addr lo_source(struct lo *lo, const struct in6_addr *to);
/* The first of the network that the address is in. lo->lock held. */
const struct lo_address *lo_primary(struct lo *lo, const struct lo_address *a);
/* The first one of IPv4. False: there is none. */
bool lo_first(struct lo *lo, struct lo_address *out);

/* IFF_*. */
unsigned lo_flags(const struct lo *lo);
/* What somebody may set of them besides IFF_UP, which ours does not know. Others are passed over,
 * as Linux does (__dev_change_flags). */
#define LO_FLAGS_UNKNOWN                                                                           \
	(IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_DYNAMIC | IFF_MULTICAST | IFF_PORTSEL |      \
	 IFF_AUTOMEDIA | IFF_PROMISC | IFF_ALLMULTI)

/* Of an address of IPv4: the mask of its network, the first and the last one there. */
in_addr_t lo_mask(const struct lo_address *a);
in_addr_t lo_network(const struct lo_address *a);
in_addr_t lo_last(const struct lo_address *a);
static inline in_addr_t lo_ipv4(const struct in6_addr *ip)
{
	return ip->s6_addr32[3];
}
static inline struct in6_addr lo_mapped(in_addr_t a)
{
	struct in6_addr ip = { { { [10] = 0xff, 0xff } } };

	ip.s6_addr32[3] = a;
	return ip;
}
static inline bool lo_address_is_4(const struct lo_address *a)
{
	return IN6_IS_ADDR_V4MAPPED(&a->ip);
}

#endif
