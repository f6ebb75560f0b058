/* SPDX-License-Identifier: Apache-2.0 */
/* What the protocols of netlink share. */
#ifndef HL_NET_NETLINK_H
#define HL_NET_NETLINK_H

#include <stdint.h>

struct encoder;
struct host_rules;
struct loader;
struct socket;

extern const struct saved_kind netlink_saved;
/* The port of a host's netlink socket; 0: none yet. */
uint32_t netlink_port(int fd);
/* Ports as for the routing netlink, and no groups. */
extern const struct host_rules netlink_diag_rules;
/* For routes of which there is no host's socket: groups may be joined, and tell nothing. */
extern const struct host_rules netlink_route_rules;

/* net/netlink_inbox.c: what the monitor itself puts into a netlink socket (mq_notify(2)). */
#define NETLINK_COOKIE 32
void netlink_deliver(struct socket *s, const unsigned char cookie[NETLINK_COOKIE]);
/* To a socket of the host's that has just been made. -ENOMEM. */
int netlink_add_inbox(struct socket *s);
void netlink_inbox_save(struct encoder *out, struct socket *s);
int netlink_inbox_load(struct loader *l, struct socket *s);

#endif
