/* SPDX-License-Identifier: Apache-2.0 */
/* A network namespace from the inside: what the sockets of each family share. */
#ifndef HL_NET_NET_H
#define HL_NET_NET_H

#include <stddef.h>
#include <stdint.h>

#include "cred/ns_common.h"
#include "net/dns.h"
#include "net/lo.h"
#include "net/namespace.h"
#include "util/list.h"
#include "util/lock.h"

struct caller;
struct loader;
struct loop;
struct net_policy;
struct saver;
struct sockaddr;
struct unix_domain;

enum net_use;

/* What a policy did not let a guest do. */
struct net_refusal {
	const struct sockaddr *addr; /* of `len` bytes, as the guest gave it or got it */
	unsigned len;
	const char *name; /* that a name server was asked about; NULL: it is about the address */
	int err;          /* what the guest gets, -errno */
};
typedef void net_refused_fn(void *arg, struct caller *c, const struct net_refusal *r);

struct net {
	struct ns_common ns; /* whose owner's capabilities count */
	struct net_domain *domain;
	struct list node; /* domain->nets; domain->lock */

	net_refused_fn *refused; /* is told, with no lock held; NULL: nobody wants to know */
	dns_named_fn *named;     /* the same, of what name servers answer */
	void *told;              /* their first argument */
	const struct net_policy *policy; /* net/policy.h; not owned, outlives the network */
	struct mm_host *mem;             /* domain->mem */
	struct lo lo;                    /* where the host's network is not the guest's */
	/* Made for the first socket: net_prepare(). */
	_Atomic bool prepared;
	struct unix_domain *unix_domain; /* the domain's */
	struct loop *loop;               /* TCP and UDP of our own; NULL: they are the host's */
	/* what went over that loopback of our own, with the headers that it would have had */
	_Atomic uint64_t packets, bytes;
	/* net.ipv4.ping_group_range: the first group, and the last one in the lower half */
	_Atomic uint64_t ping_groups;
	struct mutex lock;    /* inside it: locks of sockets */
	struct list sockets;  /* struct socket.net_node, in order of creation; guarded by lock */
	struct mutex filters; /* those of sockets; net/socket_filter.h */
};

#define PING_NOBODY (1UL << 32) /* groups 1 to 0 */

/* Before a socket is made. -ENOMEM. */
int net_prepare(struct net *net);
/* Is lo all there is, and ours? */
bool net_is_own(const struct net *net);
/* What has gone over the interface lo of a network that is not the host's. */
void net_traffic(const struct net *net, uint64_t *packets, uint64_t *bytes);
/* lo of one that is our own goes up or down (netdevice(7)). -ENOMEM. */
int net_set_up(struct net *net, bool up);

/* In snapshots: the namespace that a socket belongs to. */
void net_number_save(struct saver *s, struct net *net);
int net_number_load(struct loader *l, struct net **out);

/* net_policy_check() for the caller; what is refused is reported. */
int net_check(const struct net *net, struct caller *c, enum net_use use, const struct sockaddr *a,
	      unsigned len);
/* The one place that reports. Returns r->err. */
int net_refuse(const struct net *net, struct caller *c, const struct net_refusal *r);

/* net/sysctl.c. A setting of the host's network, which is the guest's: /proc/sys/net/NAME. As it
 * is now: the first number, or `otherwise`; the text, "" when there is none. */
unsigned net_sysctl(const char *name, unsigned otherwise);
void net_sysctl_text(const char *name, char *buf, size_t size);

#endif
