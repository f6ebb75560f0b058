/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a network's policy refuses. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/dns.h"
#include "net/policy.h"

static int check4(const struct net_policy *p, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return net_policy_check(p, NET_CONNECT, (struct sockaddr *)&in, sizeof in);
}

static int check6(const struct net_policy *p, const char *text)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };

	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return net_policy_check(p, NET_CONNECT, (struct sockaddr *)&in6, sizeof in6);
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
	assert_int_equal(net_policy_check(&net_policy_default, NET_CONNECT, (struct sockaddr *)&in,
					  sizeof in - 1),
			 0);
	in.sin_family = AF_UNIX;
	assert_int_equal(
	    net_policy_check(&net_policy_default, NET_CONNECT, (struct sockaddr *)&in, sizeof in),
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
	assert_int_equal(check6(&net_policy_none, "::1"), -ENETUNREACH);
	assert_int_equal(check6(&net_policy_none, "::ffff:192.0.2.1"), -ENETUNREACH);
	assert_int_equal(net_policy_check(&net_policy_none, NET_CONNECT, &away, sizeof away), 0);
}

/* ---- rules ---- */

static void bad_rules(void **state)
{
	static const char *const bad[] = { "",
					   "*",
					   ":",
					   ":0",
					   ":65536",
					   ":1-",
					   ":-1",
					   ":9-8",
					   ":x",
					   "1.2.3.4:",
					   "1.2.3.4:0x50",
					   "1.2.3.4/33",
					   "1.2.3.4/",
					   "1.2.3.4/-1",
					   "1.2.3.4/8",
					   "1.2.3",
					   "1.2.3.256",
					   "::1/129",
					   "[::1",
					   "[::1]x",
					   "[1.2.3.4]:80",
					   "::1]",
					   "2001:db8::1/32",
					   ".",
					   "a..b",
					   "-a",
					   "a-",
					   "*.",
					   "*.*.a",
					   "a.*",
					   "a b",
					   "a_b:80:81x",
					   "http://a",
					   "a/24",
					   "\x01" };
	struct net_rule r;
	char *longest = malloc(100000);

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (!net_rule_parse(bad[i], &r))
			fail_msg("'%s' is taken", bad[i]);
		free(r.name);
	}
	memset(longest, 'a', 99999);
	longest[99999] = '\0';
	assert_non_null(net_rule_parse(longest, &r));
	longest[64] = '\0';
	assert_non_null(net_rule_parse(longest, &r));
	longest[63] = '\0';
	assert_null(net_rule_parse(longest, &r));
	free(r.name);
	free(longest);
}

static void good_rules(void **state)
{
	struct net_rule r;

	assert_null(net_rule_parse("10.0.0.0/8:80-90", &r));
	assert_int_equal(r.kind, NET_RULE_PREFIX);
	assert_int_equal(r.to.bits, 104);
	assert_int_equal(r.to.addr.s6_addr[12], 10);
	assert_int_equal(r.first, 80);
	assert_int_equal(r.last, 90);
	assert_null(net_rule_parse("[2001:db8::/32]:443", &r));
	assert_int_equal(r.to.bits, 32);
	assert_int_equal(r.first, 443);
	assert_null(net_rule_parse("2001:db8::1", &r));
	assert_int_equal(r.to.bits, 128);
	assert_int_equal(r.first, 0);
	assert_int_equal(r.last, 65535);
	assert_null(net_rule_parse(":53", &r));
	assert_int_equal(r.to.bits, 0);
	assert_null(net_rule_parse("*.Example.COM.:443", &r));
	assert_int_equal(r.kind, NET_RULE_NAME);
	assert_string_equal(r.name, "*.example.com");
	free(r.name);
}

static void add(struct net_policy *p, struct net_rules *list, const char *text)
{
	struct net_rule r;

	assert_null(net_rule_parse(text, &r));
	if (r.kind == NET_RULE_NAME)
		assert_int_equal(net_policy_learn_names(p), 0);
	assert_int_equal(net_rules_add(list, &r), 0);
}

static int listen4(const struct net_policy *p, const char *text, unsigned port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	return net_policy_check(p, NET_LISTEN, (struct sockaddr *)&in, sizeof in);
}

static void rules_are_judged(void **state)
{
	struct net_policy *p = net_policy_new();

	add(p, &p->block, "10.0.0.0/8");
	add(p, &p->block, "127.0.0.1:80");
	assert_int_equal(check4(p, "10.1.2.3"), -EACCES);
	assert_int_equal(check6(p, "::ffff:10.1.2.3"), -EACCES);
	assert_int_equal(check6(p, "64:ff9b::10.1.2.3"), -EACCES);
	assert_int_equal(check6(p, "2002:0a01:0203::1"), -EACCES);
	assert_int_equal(check6(p, "::10.1.2.3"), -EACCES);
	assert_int_equal(check4(p, "11.0.0.1"), 0);
	/* the address that stands for all is loopback to who connects */
	assert_int_equal(check4(p, "0.0.0.0"), -EACCES);
	assert_int_equal(check6(p, "::ffff:0.0.0.0"), -EACCES);
	assert_int_equal(listen4(p, "0.0.0.0", 80), 0);
	assert_int_equal(listen4(p, "127.0.0.1", 80), -EACCES);

	add(p, &p->allow, "11.0.0.0/8:80");
	add(p, &p->allow, "169.254.0.0/16");
	add(p, &p->allow, "10.0.0.1");
	assert_int_equal(check4(p, "11.0.0.1"), 0);
	assert_int_equal(check4(p, "12.0.0.1"), -EACCES);
	assert_int_equal(check4(p, "10.0.0.1"), -EACCES); /* blocked all the same */
	assert_int_equal(check4(p, "169.254.169.254"), 0);
	assert_int_equal(check6(p, "fe80::1"), -EACCES);
	assert_int_equal(listen4(p, "0.0.0.0", 8080), -EACCES);
	assert_int_equal(listen4(p, "0.0.0.0", 0), 0);
	net_policy_free(p);
}

/* All of IPv4 does not name the metadata of a cloud. */
static void wide_rules_name_nothing(void **state)
{
	struct net_policy *p = net_policy_new();

	add(p, &p->allow, "0.0.0.0/0");
	add(p, &p->allow, ":80");
	assert_int_equal(check4(p, "169.254.169.254"), -EACCES);
	assert_int_equal(check4(p, "100.100.100.200"), -EACCES);
	assert_int_equal(check6(p, "fe80::1"), -EACCES);
	assert_int_equal(check4(p, "1.1.1.1"), 0);
	net_policy_free(p);
}

/* ---- names ---- */

static const struct sockaddr_in server = { .sin_family = AF_INET,
					   .sin_port = 0x3500, /* 53 */
					   .sin_addr = { 0x0100007f } };

static struct net_policy *named_policy(void)
{
	struct net_policy *p = net_policy_new();
	struct net_rule r = { .kind = NET_RULE_RESOLVER, .first = 53, .last = 53 };

	add(p, &p->allow, "example.com:80");
	add(p, &p->allow, "*.example.org");
	r.to = (struct net_prefix){ { { { [10] = 0xff, 0xff, 127, 0, 0, 1 } } }, 128 };
	assert_int_equal(net_rules_add(&p->allow, &r), 0);
	return p;
}

static int ask(const struct net_policy *p, const char *msg, size_t size)
{
	return dns_check_question(p, (const struct sockaddr *)&server, sizeof server,
				  (const uint8_t *)msg, size);
}

#define HEADER(flags, answers) "\x12\x34" flags "\0\0\1\0" answers "\0\0\0\0"
#define TAIL                   "\0\1\0\1"
#define LITERAL(s)             s, sizeof s - 1

static void questions(void **state)
{
	struct net_policy *p = named_policy();

	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\7eXample\3com\0" TAIL)), 0);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\1a\7example\3org\0" TAIL)), 0);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\7example\3org\0" TAIL)), -EACCES);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\7another\3com\0" TAIL)), -EACCES);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\1a\7example\3com\0" TAIL)), -EACCES);
	/* no question, two, a loop, a label that runs out, a dot inside of one */
	assert_int_equal(ask(p, LITERAL("GET / HTTP/1.0\r\n\r\n")), -EINVAL);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0"))), -EINVAL);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\xc0\x0c" TAIL)), -EINVAL);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\77example")), -EINVAL);
	assert_int_equal(ask(p, LITERAL(HEADER("\1", "\0") "\13example.com\0" TAIL)), -EINVAL);
	assert_int_equal(ask(p, LITERAL(HEADER("\x81", "\0") "\7example\3com\0" TAIL)), -EINVAL);
	net_policy_free(p);
}

static void answer(const struct net_policy *p, const struct sockaddr_in *from, const char *msg,
		   size_t size)
{
	dns_take_answer(p, (const struct sockaddr *)from, sizeof *from, (const uint8_t *)msg, size,
			NULL, NULL);
}

/* example.com is an alias of other.net, whose address is given; a stray one is not believed. */
#define ANSWER                                                                                     \
	HEADER("\x81", "\3")                                                                       \
	"\7example\3com\0" TAIL "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\13\5other\3net\0"                    \
	"\5other\3net\0\0\1\0\1\0\0\0\x3c\0\4\12\0\0\1"                                            \
	"\5stray\3net\0\0\1\0\1\0\0\0\x3c\0\4\12\0\0\2"

static void answers(void **state)
{
	struct sockaddr_in stranger = server;
	struct net_policy *p = named_policy();

	assert_int_equal(check4(p, "10.0.0.1"), -EACCES);
	stranger.sin_port = htons(54);
	answer(p, &stranger, LITERAL(ANSWER));
	stranger = server;
	stranger.sin_addr.s_addr = htonl(0x7f000002);
	answer(p, &stranger, LITERAL(ANSWER));
	assert_int_equal(check4(p, "10.0.0.1"), -EACCES);
	for (size_t n = 0; n < sizeof ANSWER - 20;
	     n++) { /* cut anywhere before its addresses end */
		char *cut = malloc(n + 1);
		memcpy(cut, ANSWER, n);
		answer(p, &server, cut, n);
		free(cut);
	}
	answer(p, &server, LITERAL(ANSWER));
	assert_int_equal(check4(p, "10.0.0.1"), 0);
	assert_int_equal(check4(p, "10.0.0.2"), -EACCES);
	net_policy_free(p);
}

/* Whoever owns an allowed name cannot make it stand for a cloud's metadata. */
static void answers_do_not_rebind(void **state)
{
	static const char metadata[] =
	    HEADER("\x81", "\1") "\7example\3com\0" TAIL
				 "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xa9\xfe\xa9\xfe";
	struct net_policy *p = named_policy();

	answer(p, &server, metadata, sizeof metadata - 1);
	assert_int_equal(check4(p, "169.254.169.254"), -EACCES);
	net_policy_free(p);
}

/* A table that is full forgets what is oldest. */
static void learning_is_bounded(void **state)
{
	const struct sockaddr *from = (const struct sockaddr *)&server;
	struct net_policy *p = named_policy();
	struct in6_addr a = { { { 0x20, 0x01, 0x0d, 0xb8 } } };

	for (unsigned i = 0; i < 10000; i++) {
		a.s6_addr[14] = (uint8_t)(i >> 8);
		a.s6_addr[15] = (uint8_t)i;
		net_policy_learn(p, from, sizeof server, "example.com", &a);
	}
	assert_int_equal(check6(p, "2001:db8::270f"), 0);
	assert_int_equal(check6(p, "2001:db8::1"), -EACCES);
	net_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_refuses_the_link),
		cmocka_unit_test(default_allows_the_rest),
		cmocka_unit_test(no_address),
		cmocka_unit_test(policies_are_apart),
		cmocka_unit_test(none_refuses_all),
		cmocka_unit_test(bad_rules),
		cmocka_unit_test(good_rules),
		cmocka_unit_test(rules_are_judged),
		cmocka_unit_test(wide_rules_name_nothing),
		cmocka_unit_test(questions),
		cmocka_unit_test(answers),
		cmocka_unit_test(answers_do_not_rebind),
		cmocka_unit_test(learning_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
