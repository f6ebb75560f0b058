/* SPDX-License-Identifier: Apache-2.0 */
/* Names of sockets of both families, for the cases that do the same with each. */
#ifndef TESTS_NAMES_H
#define TESTS_NAMES_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

union name {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage room;
};

static const int families[] = { AF_INET, AF_INET6 };

static inline socklen_t name_len(int family)
{
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* A port of the loopback device. */
static inline union name local(int family, int port)
{
	union name n = { .room = { .ss_family = (sa_family_t)family } };

	n.in.sin_port = htons((uint16_t)port);
	if (family == AF_INET)
		n.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		n.in6.sin6_addr = in6addr_loopback;
	return n;
}

#endif
