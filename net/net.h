/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a sandbox: what the sockets of each family share. */
#ifndef HL_NET_NET_H
#define HL_NET_NET_H

struct mm_host;
struct unix_domain;

struct net {
	struct unix_domain *unix_domain;
};

/* NULL: no memory. */
struct net *net_new(struct mm_host *mem);
/* No socket is left. */
void net_free(struct net *net);

#endif
