/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP of a sandbox whose network is a loopback of its own. */
#ifndef HL_NET_LOOP_H
#define HL_NET_LOOP_H

#include "net/socket.h"

struct loop;
struct mm_host;

struct loop *loop_network_new(struct mm_host *mem); /* NULL: no memory */
void loop_network_free(struct loop *l);

/* lo is up: connections that were asked for while it was down begin. */
void loop_link_up(struct loop *l);

/* A socket, and what binds all of them together, in snapshots (net/loop_save.c). */
extern const struct saved_kind loop_saved, loop_links_saved;

/* As inet_create. */
int loop_create(struct net *net, struct caller *c, int family, int type, int protocol,
		unsigned flags, struct socket **out);

/* A connection that no socket is left of, in TIME_WAIT or FIN_WAIT2, with the names that
 * getsockname(2) and getpeername(2) gave, and how many nanoseconds it is kept yet. */
struct loop_ended {
	struct sockaddr_storage own, peer;
	unsigned state;
	uint64_t left;
};
typedef void loop_wait_fn(void *arg, const struct loop_ended *e);
void loop_each_wait(struct loop *l, int family, loop_wait_fn *fn, void *arg);
unsigned loop_waits(struct loop *l); /* of both families */

#endif
