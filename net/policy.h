/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the sockets of a sandbox may send and connect to. A policy is constant while a sandbox that
 * has it runs, so that any thread may ask it without a lock.
 */
#ifndef HL_NET_POLICY_H
#define HL_NET_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct net_prefix {
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;        /* that count: 0 to 128 */
};

struct net_policy {
	const struct net_prefix *refused;
	size_t nr_refused;
	/* There are neither interfaces nor addresses: nothing can be bound, and nothing is reached.
	 * Only sockets of the sandbox's own kind (AF_UNIX) work. */
	bool none;
};

/* Refuses the addresses of this link alone, where clouds answer with the machine's own
 * credentials. */
extern const struct net_policy net_policy_default;
extern const struct net_policy net_policy_none;

/* 0, -EACCES, or where there is no network -ENETUNREACH, and -EADDRNOTAVAIL for IPv6, for Linux
 * looks for an address of one's own first there. What is no address of IPv4 or IPv6 is left to the
 * host to refuse. */
int net_policy_check(const struct net_policy *p, const struct sockaddr *a, unsigned len);

#endif
