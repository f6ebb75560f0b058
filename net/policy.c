/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of a sandbox's network: which addresses are refused. See the header. */
#include "net/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/lock.h"

/* What names have been said to stand for, and by which rules. A guest can ask as often as it likes:
 * the oldest goes when the table is full, and has to be asked for again. */
#define LEARNED_MAX 4096
struct net_learned {
	struct mutex lock;
	size_t count, next; /* guarded by lock, as all below it */
	struct learned {
		struct in6_addr addr;
		const struct net_rule *rule; /* of p->allow or p->block */
	} known[LEARNED_MAX];
};

static const struct net_prefix link_local[] = {
	{ { { { [10] = 0xff, 0xff, 169, 254 } } }, 96 + 16 },
	{ { { { [10] = 0xff, 0xff, 100, 100, 100, 200 } } }, 128 },
	{ { { { 0xfe, 0x80 } } }, 10 },
	{ { { { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 } } }, 128 },
};

#define NR_LINK_LOCAL (sizeof link_local / sizeof *link_local)

const struct net_policy net_policy_default = {
	.refused = link_local,
	.nr_refused = NR_LINK_LOCAL,
};

const struct net_policy net_policy_none = { .none = true };

/* Making one */

struct net_policy *net_policy_new(void)
{
	struct net_policy *p = malloc(sizeof *p);

	if (p)
		*p = net_policy_default;
	return p;
}

static void rules_clear(struct net_rules *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->rule[i].name);
	free(list->rule);
}

void net_policy_free(struct net_policy *p)
{
	if (!p)
		return;
	rules_clear(&p->allow);
	rules_clear(&p->block);
	if (p->learned)
		mutex_destroy(&p->learned->lock);
	free(p->learned);
	free(p);
}

int net_rules_add(struct net_rules *list, const struct net_rule *r)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 8;
		struct net_rule *more = reallocarray(list->rule, room, sizeof *more);
		if (!more) {
			free(r->name);
			return -ENOMEM;
		}
		list->rule = more;
		list->room = room;
	}
	list->rule[list->count++] = *r;
	return 0;
}

int net_policy_learn_names(struct net_policy *p)
{
	if (p->learned)
		return 0;
	p->learned = calloc(1, sizeof *p->learned);
	if (!p->learned)
		return -ENOMEM;
	mutex_init(&p->learned->lock, LOCK_NET_LEARNED);
	return 0;
}

/* Judging */

static bool prefix_equal(const struct in6_addr *a, const struct net_prefix *p)
{
	unsigned bytes = p->bits / 8, rest = p->bits % 8;

	return !memcmp(a->s6_addr, p->addr.s6_addr, bytes) &&
	       (!rest || !((a->s6_addr[bytes] ^ p->addr.s6_addr[bytes]) >> (8 - rest)));
}

static struct in6_addr mapped(const void *four)
{
	struct in6_addr a = { { { [10] = 0xff, 0xff } } };

	memcpy(&a.s6_addr[12], four, 4);
	return a;
}

/* The address of IPv4 that stands in one of IPv6, where routers take it out: NAT64 (RFC 6052),
 * 6to4 (RFC 3056), and the compatible ones of old. False: there is none. */
static bool embedded_ipv4(const struct in6_addr *a, struct in6_addr *out)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const uint8_t compatible[12] = { 0 };

	if (a->s6_addr[0] == 0x20 && a->s6_addr[1] == 0x02)
		*out = mapped(&a->s6_addr[2]);
	else if (!memcmp(a->s6_addr, nat64, sizeof nat64) ||
		 (!memcmp(a->s6_addr, compatible, sizeof compatible) && a->s6_addr[12]))
		*out = mapped(&a->s6_addr[12]);
	else
		return false;
	return true;
}

static bool port_fits(const struct net_rule *r, unsigned port)
{
	/* Nothing is sent to port 0: who connects there asks for a route (getaddrinfo(3)). */
	return !port || (port >= r->first && port <= r->last);
}

static bool learned_has(const struct net_policy *p, const struct net_rule *r,
			const struct in6_addr *a)
{
	bool found = false;

	if (!p->learned)
		return false;
	mutex_lock(&p->learned->lock);
	for (size_t i = 0; i < p->learned->count && !found; i++)
		found = p->learned->known[i].rule == r &&
			!memcmp(&p->learned->known[i].addr, a, sizeof *a);
	mutex_unlock(&p->learned->lock);
	return found;
}

static bool rule_fits(const struct net_policy *p, const struct net_rule *r, enum net_use use,
		      const struct in6_addr *a, unsigned port)
{
	if (!port_fits(r, port))
		return false;
	switch (r->kind) {
	case NET_RULE_PREFIX: return prefix_equal(a, &r->to);
	case NET_RULE_NAME: return learned_has(p, r, a);
	case NET_RULE_RESOLVER: return use == NET_SEND && prefix_equal(a, &r->to);
	}
	return false;
}

static bool some_rule_fits(const struct net_policy *p, const struct net_rules *list,
			   enum net_use use, const struct in6_addr *a, unsigned port)
{
	for (size_t i = 0; i < list->count; i++)
		if (rule_fits(p, &list->rule[i], use, a, port))
			return true;
	return false;
}

/* Does a rule allow just this address, or no more than a part of what is refused? What an answer of
 * a name server says does not count: whoever owns a name can let it stand for any address. */
static bool allowed_by_name(const struct net_policy *p, const struct net_prefix *refused,
			    const struct in6_addr *a, unsigned port)
{
	for (size_t i = 0; i < p->allow.count; i++) {
		const struct net_rule *r = &p->allow.rule[i];
		if (r->kind == NET_RULE_PREFIX && r->to.bits >= refused->bits &&
		    port_fits(r, port) && prefix_equal(a, &r->to))
			return true;
	}
	return false;
}

static bool is_refused(const struct net_policy *p, const struct in6_addr *a, unsigned port)
{
	for (size_t i = 0; i < p->nr_refused; i++)
		if (prefix_equal(a, &p->refused[i]))
			return !allowed_by_name(p, &p->refused[i], a, port);
	return false;
}

/* Do the rules let the address be, as far as they say what is not to be reached? */
static bool may_be(const struct net_policy *p, enum net_use use, const struct in6_addr *a,
		   unsigned port)
{
	return !some_rule_fits(p, &p->block, use, a, port) && !is_refused(p, a, port);
}

/* The address that a socket reaches by one that is given, and its port. */
static bool address_of(const struct sockaddr *a, unsigned len, struct in6_addr *to, unsigned *port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;

	if (len >= sizeof *in && a->sa_family == AF_INET)
		*to = mapped(&in->sin_addr);
	else if (len >= offsetof(struct sockaddr_in6, sin6_scope_id) && a->sa_family == AF_INET6)
		*to = in6->sin6_addr;
	else
		return false;
	*port = ntohs(in->sin_port);
	return true;
}

static void any_is_loopback(struct in6_addr *a)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };

	if (IN6_IS_ADDR_UNSPECIFIED(a))
		*a = in6addr_loopback;
	else if (IN6_IS_ADDR_V4MAPPED(a) && !a->s6_addr32[3])
		*a = mapped(loopback);
}

/* A port of one's own that nobody was told of takes no rule: it is for answers. */
static bool is_for_answers(enum net_use use, unsigned port)
{
	return use == NET_LISTEN && !port;
}

int net_policy_check(const struct net_policy *p, enum net_use use, const struct sockaddr *a,
		     unsigned len)
{
	struct in6_addr to, inner;
	unsigned port;

	if (!address_of(a, len, &to, &port))
		return 0;
	if (p->none)
		return -ENETUNREACH;
	if (use != NET_LISTEN)
		any_is_loopback(&to);
	if (!may_be(p, use, &to, port) ||
	    (embedded_ipv4(&to, &inner) && !may_be(p, use, &inner, port)))
		return -EACCES;
	if (!p->allow.count || use == NET_ACCEPT || is_for_answers(use, port))
		return 0;
	return some_rule_fits(p, &p->allow, use, &to, port) ? 0 : -EACCES;
}

/* Names */

static bool name_fits(const struct net_rule *r, const char *name)
{
	if (r->kind != NET_RULE_NAME)
		return false;
	if (strncmp(r->name, "*.", 2) != 0)
		return !strcmp(r->name, name);
	size_t all = strlen(name), below = strlen(r->name + 1);
	return all > below && !strcmp(name + all - below, r->name + 1);
}

static bool some_name_fits(const struct net_rules *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (name_fits(&list->rule[i], name))
			return true;
	return false;
}

bool net_policy_may_ask(const struct net_policy *p, const struct sockaddr *server, unsigned len,
			const char *name)
{
	struct in6_addr to;
	unsigned port;

	if (some_name_fits(&p->block, name))
		return false;
	if (!p->allow.count || some_name_fits(&p->allow, name))
		return true;
	if (!address_of(server, len, &to, &port))
		return false;
	any_is_loopback(&to);
	/* Whoever may be reached by other means than as a name server may be asked anything. */
	return some_rule_fits(p, &p->allow, NET_CONNECT, &to, port);
}

static void learn(struct net_learned *l, const struct net_rule *r, const struct in6_addr *addr)
{
	struct learned new = { *addr, r };

	for (size_t i = 0; i < l->count; i++)
		if (!memcmp(&l->known[i], &new, sizeof new))
			return;
	l->known[l->next] = new;
	l->next = (l->next + 1) % LEARNED_MAX;
	if (l->count < LEARNED_MAX)
		l->count++;
}

static void learn_of(struct net_learned *l, const struct net_rules *list, const char *name,
		     const struct in6_addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (name_fits(&list->rule[i], name))
			learn(l, &list->rule[i], addr);
}

static bool is_resolver(const struct net_policy *p, const struct sockaddr *a, unsigned len)
{
	struct in6_addr to;
	unsigned port;

	if (!address_of(a, len, &to, &port))
		return false;
	for (size_t i = 0; i < p->allow.count; i++) {
		const struct net_rule *r = &p->allow.rule[i];
		if (r->kind == NET_RULE_RESOLVER && port == r->first && prefix_equal(&to, &r->to))
			return true;
	}
	return false;
}

void net_policy_learn(const struct net_policy *p, const struct sockaddr *server, unsigned len,
		      const char *name, const struct in6_addr *addr)
{
	bool believed = is_resolver(p, server, len);

	if (!p->learned)
		return;
	mutex_lock(&p->learned->lock);
	if (believed)
		learn_of(p->learned, &p->allow, name, addr);
	learn_of(p->learned, &p->block, name, addr);
	mutex_unlock(&p->learned->lock);
}
