/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to name servers and their answers, as far as a policy wants to know of them: which
 * name is asked about, and which addresses an answer gives it. RFC 1035. Both come from strangers;
 * what cannot be understood is not passed on.
 */
#ifndef HL_NET_DNS_H
#define HL_NET_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "net/policy.h"

#define DNS_PORT 53

/* Does the message ask one question, and may it be asked? 0; -EACCES; -EINVAL: it is no
 * question. */
int dns_check_question(const struct net_policy *p, const struct sockaddr *server, unsigned len,
		       const uint8_t *msg, size_t size);
/* A server has said that a name has an address. */
struct dns_name {
	const char *name; /* in small letters, no dot at its end */
	const struct in6_addr *addr;
	const struct sockaddr *server;
	unsigned len; /* of `server` */
};
typedef void dns_named_fn(void *arg, const struct dns_name *n);

/* Tells the policy which addresses the answer gives to the name that was asked about, and `named`;
 * NULL: nobody else. */
void dns_take_answer(const struct net_policy *p, const struct sockaddr *server, unsigned len,
		     const uint8_t *msg, size_t size, dns_named_fn *named, void *arg);

/* For tests: the question's name, with small letters and no dot at its end. Where the question
 * ends; 0: the message has not just one question. */
size_t dns_question(const uint8_t *msg, size_t size, char name[NET_NAME_MAX + 1]);

#endif
