/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of the loopback device, for the cases that look at what is told of sockets. */
#ifndef TESTS_BOUND_H
#define TESTS_BOUND_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "case.h"

/* Bound to a port of the loopback device, whose address is in *a. */
static inline int bound(int family, int type, struct sockaddr_storage *a, socklen_t *len)
{
	int s = (int)NEED(socket(family, type, 0));
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	NEED(family == AF_INET ? bind(s, (struct sockaddr *)&in, sizeof in)
			       : bind(s, (struct sockaddr *)&in6, sizeof in6));
	*len = sizeof *a;
	NEED(getsockname(s, (struct sockaddr *)a, len));
	return s;
}

#endif
