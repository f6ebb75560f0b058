/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of a sandbox's network: which addresses are refused. */
#include "net/policy.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const struct net_prefix link_local[] = {
	{ { { { [10] = 0xff, 0xff, 169, 254 } } }, 96 + 16 },
	{ { { { [10] = 0xff, 0xff, 100, 100, 100, 200 } } }, 128 },
	{ { { { 0xfe, 0x80 } } }, 10 },
	{ { { { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 } } }, 128 },
};

const struct net_policy net_policy_default = {
	.refused = link_local,
	.nr_refused = sizeof link_local / sizeof *link_local,
};

const struct net_policy net_policy_none = { .none = true };

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return !memcmp(a, b, bytes) && (!rest || !((a[bytes] ^ b[bytes]) >> (8 - rest)));
}

int net_policy_check(const struct net_policy *p, const struct sockaddr *a, unsigned len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)a;
	struct in6_addr to = { { { [10] = 0xff, 0xff } } };

	if (len >= sizeof *in && a->sa_family == AF_INET)
		memcpy(&to.s6_addr[12], &in->sin_addr, sizeof in->sin_addr);
	else if (len >= offsetof(struct sockaddr_in6, sin6_scope_id) && a->sa_family == AF_INET6)
		to = in6->sin6_addr;
	else
		return 0;
	if (p->none)
		return IN6_IS_ADDR_V4MAPPED(&to) ? -ENETUNREACH : -EADDRNOTAVAIL;
	for (size_t i = 0; i < p->nr_refused; i++)
		if (prefix_equal(to.s6_addr, p->refused[i].addr.s6_addr, p->refused[i].bits))
			return -EACCES;
	return 0;
}
