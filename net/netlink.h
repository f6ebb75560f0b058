/* SPDX-License-Identifier: Apache-2.0 */
/* What the protocols of netlink share. */
#ifndef HL_NET_NETLINK_H
#define HL_NET_NETLINK_H

#include <stdint.h>

struct host_rules;

extern const struct saved_kind netlink_saved;
/* The port of a host's netlink socket; 0: none yet. */
uint32_t netlink_port(int fd);
/* Ports as for the routing netlink, and no groups. */
extern const struct host_rules netlink_diag_rules;
/* For routes of which there is no host's socket: groups may be joined, and tell nothing. */
extern const struct host_rules netlink_route_rules;

#endif
