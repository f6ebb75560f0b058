/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the sockets of a sandbox may send, connect and listen.
 *
 * An address is judged in this order: what a rule blocks is refused; the addresses of this link
 * alone and those where clouds tell a machine its own credentials are refused, unless a rule that
 * allows names them; where there are rules that allow, one of them has to; the rest may be reached.
 * IPv4 in IPv6 (mapped, NAT64, 6to4) is judged as IPv4. The address that stands for all of one's
 * own is judged as loopback, which is where the host's kernel takes a connection to it.
 *
 * Names: those that the configuration has are looked up before the start, and what they stand for
 * then is known from the first moment (lib/network.c). Later the answers that name servers give the
 * guest add to it: net/dns.h. A name server of the host may be asked, by UDP, about the names that
 * are allowed and about nothing else.
 *
 * The rules of a policy are constant while a sandbox that has it runs. What was learned has a lock
 * of its own, so that any thread may ask.
 */
#ifndef HL_NET_POLICY_H
#define HL_NET_POLICY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NET_NAME_MAX 253 /* bytes of a host name (RFC 1035, without the root's dot) */

struct net_prefix {
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;        /* that count: 0 to 128 */
};

enum net_rule_kind {
	NET_RULE_PREFIX,   /* addresses */
	NET_RULE_NAME,     /* a name, whose addresses answers of name servers tell */
	NET_RULE_RESOLVER, /* `to` is a name server that may be asked about allowed names */
};

struct net_rule {
	enum net_rule_kind kind;
	struct net_prefix to;
	uint16_t first, last; /* ports, both included */
	/* NET_RULE_NAME: in small letters; "*." before it: all below it. Owned by the policy. */
	char *name;
};

struct net_rules {
	struct net_rule *rule;
	size_t count, room;
};

struct net_learned;
struct netns;

struct net_policy {
	const struct net_prefix *refused; /* unless they are allowed by name */
	size_t nr_refused;
	struct net_rules allow, block;
	struct net_learned *learned; /* NULL: no rule has a name */
	/* The host's network is not the guest's: no address of it can be bound or reached. What
	 * there is instead is a loopback: in the namespace of the host's that sockets are made in,
	 * or, NULL, one of our own (net/loop_sock.h). Not owned. */
	bool none;
	const struct netns *netns;
};

/* Refuses the addresses of this link alone, where clouds answer with the machine's own
 * credentials. */
extern const struct net_policy net_policy_default;
extern const struct net_policy net_policy_none;

/* As net_policy_default, to add rules to. NULL: no memory. */
struct net_policy *net_policy_new(void);
void net_policy_free(struct net_policy *p);

/*
 * Parses what a rule says: ADDRESS, ADDRESS/BITS, NAME, *.NAME or nothing, and a port or a range
 * of them behind a colon; IPv6 with ports in brackets. NULL, or what is wrong with it. A name is
 * malloc'd; *out has it and no address.
 */
const char *net_rule_parse(const char *text, struct net_rule *out);
/* Adds it and takes its name over, also on failure. -ENOMEM. */
int net_rules_add(struct net_rules *list, const struct net_rule *r);
/* A rule about a name is there: answers of name servers matter. -ENOMEM. */
int net_policy_learn_names(struct net_policy *p);

enum net_use {
	NET_CONNECT, /* connect(2) of a stream */
	NET_SEND,    /* connect(2) of a datagram socket, sendto(2) and its like */
	NET_LISTEN,  /* a port that others reach: bind(2), listen(2) */
	NET_ACCEPT,  /* somebody who has connected */
};

/* 0, -EACCES, or where there is no network of the host's -ENETUNREACH. What is no address of IPv4
 * or IPv6 is left to the host to refuse. */
int net_policy_check(const struct net_policy *p, enum net_use use, const struct sockaddr *a,
		     unsigned len);

/* May a name server that is reached by such an address be asked about the name (in small letters)?
 * It may be asked about any where the rules allow its address as such and block no name. */
bool net_policy_may_ask(const struct net_policy *p, const struct sockaddr *server, unsigned len,
			const char *name);
/* A name server says that the name has the address. Rules that allow believe those of the host
 * alone: a guest could be any other one itself. */
void net_policy_learn(const struct net_policy *p, const struct sockaddr *server, unsigned len,
		      const char *name, const struct in6_addr *addr);

#endif
