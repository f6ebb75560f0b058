/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the domain name system, as name servers and guests send them. The first byte says who
 * the message is from; the rest is the message. Whatever it is: only a question of its own is
 * understood, which is a name; what a policy learns are addresses that stand in the message as
 * records, of the allowed name that was asked about, and from the host's name server alone.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns.h"
#include "tests/fuzz/fuzz.h"

static void add(struct net_policy *p, struct net_rules *list, const char *text)
{
	struct net_rule r;

	CHECK(!net_rule_parse(text, &r) && !net_rules_add(list, &r) && !net_policy_learn_names(p));
}

static const struct sockaddr_in host_server = { .sin_family = AF_INET,
						.sin_port = 0x3500, /* 53 */
						.sin_addr = { 0x0100007f } };

static struct net_policy *policy(void)
{
	struct net_policy *p = net_policy_new();
	const struct net_rule server = {
		.kind = NET_RULE_RESOLVER,
		.to = { { { { [10] = 0xff, 0xff, 127, 0, 0, 1 } } }, 128 },
		.first = DNS_PORT,
		.last = DNS_PORT,
	};

	add(p, &p->allow, "example.com");
	add(p, &p->allow, "*.example.org");
	add(p, &p->block, "bad.example.org");
	CHECK(!net_rules_add(&p->allow, &server));
	return p;
}

static bool is_below(const char *name, const char *of)
{
	size_t all = strlen(name), below = strlen(of);

	return all > below && !strcmp(name + all - below, of);
}

static bool may_be_learned(const char *name)
{
	return !strcmp(name, "example.com") || is_below(name, ".example.org");
}

/* Is there a record with these bytes for its data? Its length stands in front of them. */
static bool has_record(const uint8_t *msg, size_t size, const uint8_t *bytes, size_t len)
{
	for (size_t i = 12; i + 2 + len <= size; i++)
		if (msg[i] == 0 && msg[i + 1] == len && !memcmp(msg + i + 2, bytes, len))
			return true;
	return false;
}

static bool is_reached(const struct net_policy *p, const struct in6_addr *a)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = 0x5000, .sin6_addr = *a };

	return !net_policy_check(p, NET_CONNECT, (const struct sockaddr *)&to, sizeof to);
}

/* Each place of the message as if an address stood there. What is reached has to be a record, and
 * it may be reached only where something was to be learned. */
static void check_learned(const struct net_policy *p, const uint8_t *msg, size_t size, bool some)
{
	for (size_t i = 0; i + 4 <= size; i++) {
		struct in6_addr a = { { { [10] = 0xff, 0xff } } };
		memcpy(&a.s6_addr[12], msg + i, 4);
		bool record = some && (has_record(msg, size, msg + i, 4) ||
				       has_record(msg, size, a.s6_addr, 16));
		CHECK(record || !is_reached(p, &a));
	}
	for (size_t i = 0; i + 16 <= size; i++) {
		struct in6_addr a;
		memcpy(&a, msg + i, 16);
		bool record =
		    some && (has_record(msg, size, msg + i, 16) ||
			     (IN6_IS_ADDR_V4MAPPED(&a) && has_record(msg, size, msg + i + 12, 4)) ||
			     /* all of one's own */
			     IN6_IS_ADDR_UNSPECIFIED(&a));
		CHECK(record || !is_reached(p, &a));
	}
}

static void check_name(const char *name)
{
	CHECK(strlen(name) <= NET_NAME_MAX && *name != '.' && !strstr(name, ".."));
	for (const char *c = name; *c; c++)
		CHECK(islower((unsigned char)*c) || isdigit((unsigned char)*c) ||
		      strchr("-_.", *c));
}

static void take(struct sockaddr_in from, const uint8_t *msg, size_t size)
{
	const struct sockaddr *server = (const struct sockaddr *)&from;
	bool believed = from.sin_port == host_server.sin_port &&
			from.sin_addr.s_addr == host_server.sin_addr.s_addr;
	struct net_policy *p = policy();
	char name[NET_NAME_MAX + 1] = "";

	size_t end = dns_question(msg, size, name);
	CHECK(end <= size);
	if (end)
		check_name(name);
	int err = dns_check_question(p, server, sizeof from, msg, size);
	CHECK(err == (!end || msg[2] & 0x80                                          ? -EINVAL
		      : may_be_learned(name) && strcmp(name, "bad.example.org") != 0 ? 0
										     : -EACCES));
	dns_take_answer(p, server, sizeof from, msg, size, NULL, NULL);
	check_learned(p, msg, size, end && believed && may_be_learned(name));
	net_policy_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in from = host_server;

	if (!size || size > 600)
		return 0;
	/* Just as large as it is: what reads beyond its end is seen. */
	uint8_t *msg = malloc(size - 1);
	if (size > 1)
		memcpy(msg, data + 1, size - 1);
	if (data[0] & 1)
		from.sin_addr.s_addr = 0x0200007f;
	if (data[0] & 2)
		from.sin_port = 0x3501;
	take(from, msg, size - 1);
	free(msg);
	return 0;
}
