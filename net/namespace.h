/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces (network_namespaces(7)): what the sockets of each family share. The first one
 * of a sandbox is the host's network, as far as the sandbox's policy lets it be, or a loopback of
 * our own (net/loop_sock.h). Each later one has such a loopback and nothing else: nothing leaves
 * it. A socket holds a reference to the one that it was made in.
 *
 * Names of unix sockets in file systems are the same for all of them, abstract ones each one's own.
 */
#ifndef HL_NET_NAMESPACE_H
#define HL_NET_NAMESPACE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "util/list.h"
#include "util/lock.h"

/* How many there may be in a sandbox, whatever /proc/sys/user says. */
#define NET_NS_MAX 16384

struct loader;
struct mm_host;
struct net;
struct net_policy;
struct ns_common;
struct ns_numbers;
struct saver;
struct unix_domain;
struct user_namespace;

/* What the namespaces of a sandbox share. */
struct net_domain {
	struct mm_host *mem; /* who pays for what waits in queues */
	struct ns_numbers *numbers;
	_Atomic unsigned nr;
	struct mutex lock;
	struct list nets; /* guarded by lock */
	struct unix_domain
	    *unix_domain; /* NULL before the first socket; set once, under the lock */
};

void net_domain_init(struct net_domain *d, struct mm_host *mem, struct ns_numbers *numbers);
/* No descriptor of a socket is left: ends those that hold each other in messages. */
void net_domain_clear(struct net_domain *d);
void net_domain_destroy(struct net_domain *d);

/* The first one of a sandbox has the sandbox's policy, later ones net_policy_none; `up`: its lo is.
 * -ENOSPC: there are NET_NS_MAX already. -ENOMEM. */
int net_new(struct net_domain *d, const struct net_policy *policy, bool up,
	    struct user_namespace *owner, struct net **out);
/* As net_new left the first one. No socket is left. -ENOMEM. */
int net_clear(struct net *net);
struct net *net_of(struct ns_common *ns);

/* In snapshots: what a later one has. Of the first it is all as it was made. */
void net_save(struct saver *s, struct net *net);
int net_load(struct loader *l, struct net *first, struct net **out);

#endif
