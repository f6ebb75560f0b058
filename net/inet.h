/* SPDX-License-Identifier: Apache-2.0 */
/* Families whose sockets are the host's, where its network is the guest's: TCP and UDP over IPv4
 * and IPv6, netlink; packet sockets, which only a network of our own has. */
#ifndef HL_NET_INET_H
#define HL_NET_INET_H

#include "net/socket.h"

int inet_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		struct socket **out);
int inet6_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		 struct socket **out);
int packet_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		  struct socket **out);
int netlink_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		   struct socket **out);

#endif
