/* SPDX-License-Identifier: Apache-2.0 */
/* What rtnetlink(7) says of a sandbox that has a loopback of its own and nothing else. */
#ifndef HL_NET_ROUTE_H
#define HL_NET_ROUTE_H

#include "net/nlmsg.h"

struct net;

/* Puts the answer to a request, for `port`. 0: it is one message, or none; 1: it is a dump, with
 * its end; -EPERM: it would change something, and who asks is no `admin` (CAP_NET_ADMIN) or the
 * network not ours; other -errno as Linux's rtnetlink_rcv_msg(). */
int route_answer(struct net *net, struct nlbuf *b, const struct nlmsghdr *h, uint32_t port,
		 bool admin);

/* ---- net/route_change.c ---- */

/* Is the link that a request is about, by number or by name, lo? 0, -ENODEV, -EINVAL. */
int route_find_link(const struct nlmsghdr *h);
/* Does what a request asks for: lo up or down, an address more or less. -EOPNOTSUPP: more than we
 * can. */
int route_change(struct net *net, const struct nlmsghdr *h);

#endif
