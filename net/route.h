/* SPDX-License-Identifier: Apache-2.0 */
/* What rtnetlink(7) says of a sandbox that has a loopback of its own and nothing else. */
#ifndef HL_NET_ROUTE_H
#define HL_NET_ROUTE_H

#include "net/nlmsg.h"

struct net;

/* Puts the answer to a request, for `port`. 0: it is one message, or none; 1: it is a dump, with
 * its end; -EPERM: it would change something; other -errno as Linux's rtnetlink_rcv_msg(). */
int route_answer(const struct net *net, struct nlbuf *b, const struct nlmsghdr *h, uint32_t port);

#endif
