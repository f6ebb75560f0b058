/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a sandbox: what the sockets of each family share. */
#ifndef HL_NET_NET_H
#define HL_NET_NET_H

#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"
#include "util/list.h"
#include "util/lock.h"

struct caller;
struct loop;
struct mm_host;
struct net_policy;
struct sockaddr;
struct unix_domain;
struct user_namespace;

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
	net_refused_fn *refused; /* is told, with no lock held; NULL: nobody wants to know */
	dns_named_fn *named;     /* the same, of what name servers answer */
	void *told;              /* their first argument */
	const struct net_policy *policy;      /* net/policy.h; not owned, outlives the network */
	const struct user_namespace *user_ns; /* whose capabilities count; not owned, the same */
	struct mm_host *mem;                  /* who pays for what waits in queues */
	struct unix_domain *unix_domain;
	struct loop *loop; /* TCP and UDP of our own; NULL: they are the host's */
	/* what went over that loopback of our own, with the headers that it would have had */
	_Atomic uint64_t packets, bytes;
	struct mutex lock;   /* inside it: locks of sockets */
	struct list sockets; /* struct socket.net_node, in order of creation; guarded by lock */
};

/* NULL: no memory. */
struct net *net_new(struct mm_host *mem, const struct net_policy *policy,
		    const struct user_namespace *user_ns);
/* What has gone over the interface lo of a network that is not the host's. `net` NULL: nobody has
 * made a socket yet. */
void net_traffic(const struct net_policy *policy, const struct net *net, uint64_t *packets,
		 uint64_t *bytes);
/* No socket is left. */
void net_free(struct net *net);

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
