/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a network's policy refuses. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/policy.h"

static int check4(const struct net_policy *p, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return net_policy_check(p, (struct sockaddr *)&in, sizeof in);
}

static int check6(const struct net_policy *p, const char *text)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };

	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return net_policy_check(p, (struct sockaddr *)&in6, sizeof in6);
}

static void default_refuses_the_link(void **state)
{
	const struct net_policy *p = &net_policy_default;

	assert_int_equal(check4(p, "169.254.0.0"), -EACCES);
	assert_int_equal(check4(p, "169.254.169.254"), -EACCES);
	assert_int_equal(check4(p, "100.100.100.200"), -EACCES);
	assert_int_equal(check6(p, "::ffff:169.254.169.254"), -EACCES);
	assert_int_equal(check6(p, "fe80::1"), -EACCES);
	assert_int_equal(check6(p, "febf::1"), -EACCES);
	assert_int_equal(check6(p, "fd00:ec2::254"), -EACCES);
}

static void default_allows_the_rest(void **state)
{
	const struct net_policy *p = &net_policy_default;

	assert_int_equal(check4(p, "127.0.0.1"), 0);
	assert_int_equal(check4(p, "169.253.255.255"), 0);
	assert_int_equal(check4(p, "169.255.0.0"), 0);
	assert_int_equal(check4(p, "100.100.100.201"), 0);
	assert_int_equal(check6(p, "::1"), 0);
	assert_int_equal(check6(p, "fec0::1"), 0);
	assert_int_equal(check6(p, "fd00:ec2::253"), 0);
}

/* What is too short to hold an address, or of another family, says nothing. */
static void no_address(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	assert_int_equal(inet_pton(AF_INET, "169.254.0.1", &in.sin_addr), 1);
	assert_int_equal(
	    net_policy_check(&net_policy_default, (struct sockaddr *)&in, sizeof in - 1), 0);
	in.sin_family = AF_UNIX;
	assert_int_equal(net_policy_check(&net_policy_default, (struct sockaddr *)&in, sizeof in),
			 0);
}

/* Two sandboxes of one process need not have the same policy. */
static void policies_are_apart(void **state)
{
	const struct net_prefix loopback[] = { { { { { [15] = 1 } } }, 128 } };
	const struct net_policy own = { .refused = loopback, .nr_refused = 1 };
	const struct net_policy none = { .refused = NULL };

	assert_int_equal(check6(&own, "::1"), -EACCES);
	assert_int_equal(check4(&own, "169.254.169.254"), 0);
	assert_int_equal(check4(&none, "169.254.169.254"), 0);
	assert_int_equal(check4(&net_policy_default, "169.254.169.254"), -EACCES);
}

static void none_refuses_all(void **state)
{
	struct sockaddr away = { .sa_family = AF_UNSPEC };

	assert_int_equal(check4(&net_policy_none, "127.0.0.1"), -ENETUNREACH);
	assert_int_equal(check4(&net_policy_none, "192.0.2.1"), -ENETUNREACH);
	assert_int_equal(check6(&net_policy_none, "::1"), -EADDRNOTAVAIL);
	assert_int_equal(check6(&net_policy_none, "::ffff:192.0.2.1"), -ENETUNREACH);
	assert_int_equal(net_policy_check(&net_policy_none, &away, sizeof away), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_refuses_the_link),
		cmocka_unit_test(default_allows_the_rest),
		cmocka_unit_test(no_address),
		cmocka_unit_test(policies_are_apart),
		cmocka_unit_test(none_refuses_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
