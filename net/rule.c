/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a rule of a network's policy, as it stands on the command line: see net/policy.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "net/policy.h"

#define RULE_MAX (NET_NAME_MAX + sizeof "*.[]/128:65535-65535")

/* A decimal number of digits alone. False: it is none, or above `max`. */
static bool parse_number(const char *s, unsigned long max, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)*s) || strlen(s) > 5)
		return false;
	*out = strtoul(s, &end, 10);
	return !*end && *out <= max;
}

static bool parse_ports(char *s, struct net_rule *r)
{
	char *dash = strchr(s, '-');
	unsigned long first, last;

	if (dash)
		*dash = '\0';
	if (!parse_number(s, UINT16_MAX, &first) || !first)
		return false;
	last = first;
	if (dash && (!parse_number(dash + 1, UINT16_MAX, &last) || last < first))
		return false;
	r->first = (uint16_t)first;
	r->last = (uint16_t)last;
	return true;
}

/* Parts the ports from the rest. False: what is behind the colon is no port. */
static bool split_ports(char *s, char **where, struct net_rule *r)
{
	char *colon = strrchr(s, ':');

	*where = s;
	if (*s == '[') {
		char *close = strchr(s, ']');
		if (!close || (close[1] && close[1] != ':'))
			return false;
		colon = close[1] ? close + 1 : NULL;
		*close = '\0';
		*where = s + 1;
		/* Brackets are about IPv6 alone. */
		if (!strchr(*where, ':'))
			return false;
	} else if (colon && strchr(s, ':') != colon) {
		return true; /* an address of IPv6 without ports */
	}
	if (!colon)
		return true;
	*colon = '\0';
	return parse_ports(colon + 1, r);
}

/* ADDRESS[/BITS]. 1; 0: it looks like none; -1: the number of bits is wrong. */
static int parse_prefix(char *s, struct net_prefix *out)
{
	char *slash = strchr(s, '/');
	unsigned long bits = 128;
	struct in_addr four;

	if (slash)
		*slash = '\0';
	bool is_four = inet_pton(AF_INET, s, &four) == 1;
	if (!is_four && inet_pton(AF_INET6, s, &out->addr) != 1)
		return slash ? -1 : 0;
	if (slash && !parse_number(slash + 1, is_four ? 32 : 128, &bits))
		return -1;
	if (is_four) {
		out->addr = (struct in6_addr){ { { [10] = 0xff, 0xff } } };
		memcpy(&out->addr.s6_addr[12], &four, sizeof four);
		bits = slash ? bits + 96 : 128;
	}
	out->bits = (unsigned)bits;
	/* What does not count is zero, or somebody means something else than he says. */
	for (unsigned i = out->bits; i < 128; i++)
		if (out->addr.s6_addr[i / 8] >> (7 - i % 8) & 1)
			return -1;
	return 1;
}

/* RFC 1123, and underscores, which are in use. A name of digits and dots alone is an address that
 * somebody mistyped. */
static bool is_name(const char *s)
{
	size_t label = 0;
	bool letters = false;

	if (!strncmp(s, "*.", 2))
		s += 2;
	if (!*s || strlen(s) > NET_NAME_MAX)
		return false;
	for (const char *c = s; *c; c++) {
		bool alnum = isalnum((unsigned char)*c);
		if (*c == '.' ? !label || c[-1] == '-'
			      : !alnum && *c != '_' && (*c != '-' || !label))
			return false;
		label = *c == '.' ? 0 : label + 1;
		letters |= isalpha((unsigned char)*c);
		if (label > 63)
			return false;
	}
	return label && letters && s[strlen(s) - 1] != '-';
}

static char *small_letters(const char *s)
{
	char *copy = strdup(s);

	for (char *c = copy; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return copy;
}

static const char *parse_place(char *s, struct net_rule *r)
{
	int is_prefix = *s && strcmp(s, "*") != 0 ? parse_prefix(s, &r->to) : 0;

	if (is_prefix < 0)
		return "is not an address with a number of bits, whose other bits are 0";
	if (is_prefix)
		return NULL;
	if (!*s || !strcmp(s, "*")) /* every address: a prefix of no bits */
		return r->first ? NULL : "names neither address nor port";
	size_t len = strlen(s);
	if (s[len - 1] == '.')
		s[len - 1] = '\0';
	if (!is_name(s))
		return "is neither an address nor a name";
	r->kind = NET_RULE_NAME;
	r->name = small_letters(s);
	return r->name ? NULL : "cannot be kept: out of memory";
}

const char *net_rule_parse(const char *text, struct net_rule *out)
{
	char copy[RULE_MAX], *where;

	*out = (struct net_rule){ .kind = NET_RULE_PREFIX };
	if (strlen(text) >= sizeof copy)
		return "is too long for a name";
	strcpy(copy, text);
	if (!split_ports(copy, &where, out))
		return "has a port that is no number from 1 to 65535 and no range of them";
	const char *why = parse_place(where, out);
	if (!why && !out->first)
		out->last = UINT16_MAX;
	return why;
}
