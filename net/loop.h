/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP of a sandbox whose network is a loopback of its own. */
#ifndef HL_NET_LOOP_H
#define HL_NET_LOOP_H

#include "net/socket.h"

struct loop;

struct guest_clock;

struct loop *loop_network_new(const struct guest_clock *gc); /* NULL: no memory */
void loop_network_free(struct loop *l);

/* A socket, and what binds all of them together, in snapshots (net/loop_save.c). */
extern const struct saved_kind loop_saved, loop_links_saved;

/* As inet_create. */
int loop_create(struct net *net, struct caller *c, int family, int type, int protocol,
		unsigned flags, struct socket **out);

#endif
