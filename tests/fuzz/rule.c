/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of a network's policy, and what they make of an address. The input: a use, a port, an
 * address, then lines of '+' (allow) or '-' (block) and a rule's text. A rule that is taken says
 * the same when it is written out and read again; what the policy then says of the address is what
 * a bit-by-bit reading of net/policy.h says.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/policy.h"
#include "tests/fuzz/fuzz.h"

#define MAPPED_BITS 96 /* in front of an address of IPv4 */

/* ---- a rule ---- */

static void check_name(const char *name)
{
	const char *below = strncmp(name, "*.", 2) == 0 ? name + 2 : name;

	CHECK(*below && strlen(below) <= NET_NAME_MAX && below[strlen(below) - 1] != '.');
	for (const char *c = below; *c; c++)
		CHECK(islower((unsigned char)*c) || isdigit((unsigned char)*c) ||
		      strchr("-_.", *c));
	CHECK(!strstr(below, "..") && *below != '.' && *below != '-');
}

static bool bit(const struct in6_addr *a, unsigned i)
{
	return a->s6_addr[i / 8] & 0x80 >> i % 8;
}

static void check_rule(const struct net_rule *r)
{
	CHECK(r->first <= r->last);
	if (r->kind == NET_RULE_NAME) {
		check_name(r->name);
		return;
	}
	CHECK(r->kind == NET_RULE_PREFIX && !r->name && r->to.bits <= 128);
	for (unsigned i = r->to.bits; i < 128; i++)
		CHECK(!bit(&r->to.addr, i));
}

static void write_out(const struct net_rule *r, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN], where[300];
	bool four = r->kind == NET_RULE_PREFIX && r->to.bits >= MAPPED_BITS &&
		    IN6_IS_ADDR_V4MAPPED(&r->to.addr);

	if (r->kind == NET_RULE_NAME) {
		snprintf(where, sizeof where, "%s", r->name);
	} else if (four) {
		inet_ntop(AF_INET, &r->to.addr.s6_addr[12], address, sizeof address);
		snprintf(where, sizeof where, "%s/%u", address, r->to.bits - MAPPED_BITS);
	} else {
		inet_ntop(AF_INET6, &r->to.addr, address, sizeof address);
		snprintf(where, sizeof where, "[%s/%u]", address, r->to.bits);
	}
	if (!r->first && r->last == UINT16_MAX)
		snprintf(text, size, "%s", where);
	else
		snprintf(text, size, "%s:%u-%u", where, r->first, r->last);
}

static void check_written(const struct net_rule *r)
{
	struct net_rule again;
	char text[400];

	write_out(r, text, sizeof text);
	const char *wrong = net_rule_parse(text, &again);
	if (wrong) {
		fprintf(stderr, "\"%s\" %s\n", text, wrong);
		abort();
	}
	CHECK(again.kind == r->kind && again.first == r->first && again.last == r->last);
	CHECK(again.to.bits == r->to.bits && !memcmp(&again.to.addr, &r->to.addr, 16));
	CHECK(!again.name == !r->name && (!r->name || !strcmp(again.name, r->name)));
	free(again.name);
}

/* ---- what a policy of them says ---- */

static bool has_prefix(const struct in6_addr *a, const struct net_prefix *p)
{
	for (unsigned i = 0; i < p->bits; i++)
		if (bit(a, i) != bit(&p->addr, i))
			return false;
	return true;
}

static bool is_of(const struct net_rule *r, const struct in6_addr *a, unsigned port)
{
	return r->kind == NET_RULE_PREFIX && (!port || (port >= r->first && port <= r->last)) &&
	       has_prefix(a, &r->to);
}

static bool is_of_some(const struct net_rules *l, const struct in6_addr *a, unsigned port)
{
	bool found = false;

	for (size_t i = 0; i < l->count; i++)
		found |= is_of(&l->rule[i], a, port);
	return found;
}

static bool refused(const struct net_policy *p, const struct in6_addr *a, unsigned port)
{
	for (size_t i = 0; i < p->nr_refused; i++) {
		bool named = false;
		if (!has_prefix(a, &p->refused[i]))
			continue;
		for (size_t j = 0; j < p->allow.count; j++)
			named |= p->allow.rule[j].to.bits >= p->refused[i].bits &&
				 is_of(&p->allow.rule[j], a, port);
		return !named;
	}
	return false;
}

static bool blocked(const struct net_policy *p, const struct in6_addr *a, unsigned port)
{
	return is_of_some(&p->block, a, port) || refused(p, a, port);
}

/* By the text of the address: which of IPv4 stands in it? */
static bool four_within(const struct in6_addr *a, struct in6_addr *out)
{
	static const char *const holders[] = { "2002::", "64:ff9b::", "::" };
	static const unsigned bits[] = { 16, 96, 96 }, at[] = { 2, 12, 12 };
	char text[INET6_ADDRSTRLEN + 8];

	for (int i = 0; i < 3; i++) {
		struct net_prefix p = { .bits = bits[i] };
		inet_pton(AF_INET6, holders[i], &p.addr);
		if (!has_prefix(a, &p) || (i == 2 && !a->s6_addr[12]))
			continue;
		snprintf(text, sizeof text, "::ffff:%u.%u.%u.%u", a->s6_addr[at[i]],
			 a->s6_addr[at[i] + 1], a->s6_addr[at[i] + 2], a->s6_addr[at[i] + 3]);
		return inet_pton(AF_INET6, text, out) == 1;
	}
	return false;
}

static int model(const struct net_policy *p, enum net_use use, struct in6_addr a, unsigned port)
{
	struct in6_addr four, none;

	inet_pton(AF_INET6, "::ffff:0.0.0.0", &none);
	if (use != NET_LISTEN && !memcmp(&a, &in6addr_any, sizeof a))
		inet_pton(AF_INET6, "::1", &a);
	else if (use != NET_LISTEN && !memcmp(&a, &none, sizeof a))
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &a);
	if (blocked(p, &a, port) || (four_within(&a, &four) && blocked(p, &four, port)))
		return -EACCES;
	if (!p->allow.count || use == NET_ACCEPT || (use == NET_LISTEN && !port))
		return 0;
	return is_of_some(&p->allow, &a, port) ? 0 : -EACCES;
}

static void judge(const struct net_policy *p, const uint8_t *head)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	enum net_use use = head[0] % 4;
	struct in6_addr mapped = { { { [10] = 0xff, 0xff } } };

	memcpy(&six.sin6_port, head + 1, 2);
	memcpy(&six.sin6_addr, head + 3, 16);
	four.sin_port = six.sin6_port;
	memcpy(&four.sin_addr, head + 15, 4);
	memcpy(&mapped.s6_addr[12], head + 15, 4);
	CHECK(net_policy_check(p, use, (const struct sockaddr *)&six, sizeof six) ==
	      model(p, use, six.sin6_addr, ntohs(six.sin6_port)));
	CHECK(net_policy_check(p, use, (const struct sockaddr *)&four, sizeof four) ==
	      model(p, use, mapped, ntohs(four.sin_port)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 19 };
	struct net_policy *p = net_policy_new();
	char *text, *save = NULL;

	if (size < HEAD || !p) {
		net_policy_free(p);
		return 0;
	}
	text = strndup((const char *)data + HEAD, size - HEAD);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct net_rule r;
		const char *wrong = net_rule_parse(l + 1, &r);
		CHECK(!wrong || *wrong);
		if (wrong)
			continue;
		check_rule(&r);
		check_written(&r);
		CHECK(!net_rules_add(*l == '-' ? &p->block : &p->allow, &r));
	}
	judge(p, data);
	net_policy_free(p);
	free(text);
	return 0;
}
