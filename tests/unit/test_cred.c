// SPDX-License-Identifier: Apache-2.0
/* Over what a capability counts: a chain of user namespaces, and credentials in each of them. */
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cred/cred.h"
#include "cred/user_ns.h"

#define MAKER 1000
#define CAP   CAP_SYS_ADMIN

/* first > second (made by MAKER) > third (made by user 0 of second). */
struct world {
	struct ns_numbers numbers;
	struct user_namespace *first, *second, *third;
};

static int setup(void **state)
{
	static struct world w;

	w.first = user_ns_new(&w.numbers, NULL, 0, 0);
	w.second = user_ns_new(&w.numbers, w.first, MAKER, 0);
	w.third = user_ns_new(&w.numbers, w.second, 0, 0);
	*state = &w;
	return w.first && w.second && w.third ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	ns_put(&w->third->ns);
	ns_put(&w->second->ns);
	ns_put(&w->first->ns);
	return 0;
}

static struct cred *somebody(struct user_namespace *ns, uid_t euid, uint64_t caps)
{
	struct cred *c = cred_of_init(ns);

	assert_non_null(c);
	c->uid = c->euid = c->suid = c->fsuid = euid;
	c->cap_effective = caps;
	return c;
}

static void test_counts_below(void **state)
{
	struct world *w = *state;
	struct cred *root = somebody(w->first, 0, 1ULL << CAP);

	assert_true(cred_capable(root, CAP));
	assert_true(cred_own_capable(root, CAP));
	assert_true(cred_ns_capable(root, w->first, CAP));
	assert_true(cred_ns_capable(root, w->third, CAP));
	assert_false(cred_ns_capable(root, w->third, CAP_SYS_CHROOT));
	assert_true(cred_file_capable(root, 12345, 12345, CAP));
	cred_put(root);
}

static void test_counts_not_above(void **state)
{
	struct world *w = *state;
	struct cred *c = somebody(w->second, 0, ~0ULL);

	assert_true(cred_own_capable(c, CAP));
	assert_true(cred_ns_capable(c, w->second, CAP));
	assert_true(cred_ns_capable(c, w->third, CAP));
	assert_false(cred_ns_capable(c, w->first, CAP));
	assert_false(cred_capable(c, CAP));
	assert_false(cred_file_capable(c, 12345, 12345, CAP));
	cred_put(c);
}

static void test_maker_has_all(void **state)
{
	struct world *w = *state;
	struct cred *maker = somebody(w->first, MAKER, 0), *other = somebody(w->first, 1, 0);
	struct cred *same_number = somebody(w->third, MAKER, 0);

	assert_true(cred_ns_capable(maker, w->second, CAP));
	assert_true(cred_ns_capable(maker, w->third, CAP));
	assert_false(cred_ns_capable(maker, w->first, CAP));
	assert_false(cred_ns_capable(other, w->second, CAP));
	assert_false(cred_ns_capable(same_number, w->second, CAP));
	cred_put(maker);
	cred_put(other);
	cred_put(same_number);
}

static void test_owner_or_capable(void **state)
{
	struct world *w = *state;
	struct cred *owner = somebody(w->first, MAKER, 0);
	struct cred *root = somebody(w->first, 0, 1ULL << CAP_FOWNER);
	struct cred *below = somebody(w->second, 0, 1ULL << CAP_FOWNER);

	assert_true(cred_owner_or_capable(owner, MAKER));
	assert_false(cred_owner_or_capable(owner, 0));
	assert_true(cred_owner_or_capable(root, MAKER));
	assert_false(cred_owner_or_capable(below, MAKER));
	cred_put(owner);
	cred_put(root);
	cred_put(below);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_below),
		cmocka_unit_test(test_counts_not_above),
		cmocka_unit_test(test_maker_has_all),
		cmocka_unit_test(test_owner_or_capable),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
