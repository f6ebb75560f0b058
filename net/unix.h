/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX sockets (unix(7)): wholly inside the monitor; only their names may be files of the
 * host. */
#ifndef HL_NET_UNIX_H
#define HL_NET_UNIX_H

#include "net/socket.h"

struct unix_domain;

struct unix_domain *unix_domain_new(struct mm_host *mem);
void unix_domain_free(struct unix_domain *d);

/* In snapshots: a socket, and what binds all of them together. */
extern const struct saved_kind unix_saved, unix_links_saved;

int unix_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		struct socket **out);
int unix_create_pair(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		     struct socket *out[2]);

#endif
