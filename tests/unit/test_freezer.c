/* SPDX-License-Identifier: Apache-2.0 */
/* Sleepers that a freeze waits for, and some that it does not any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "host/wait.h"
#include "util/time.h"

static enum rest rest_of(struct sleeper *s)
{
	bool woken;

	return freezer_rest_of(s, &woken);
}

static void test_counts_the_moving(void **state)
{
	struct sleeper s = { .clock = NULL };
	struct freezer f;

	freezer_init(&f);
	freezer_enter(&f, &s);
	assert_int_equal(rest_of(&s), REST_MOVING);
	assert_int_equal(f.moving, 1);
	freezer_set(&s, REST_ASLEEP);
	assert_int_equal(f.moving, 0);
	uint64_t moves = freezer_wait_still(&f);
	freezer_set(&s, REST_ASLEEP);
	assert_int_equal(freezer_wait_still(&f), moves);
	freezer_set(&s, REST_MOVING);
	freezer_leave(&f, &s);
	assert_int_equal(f.moving, 0);
	freezer_wait_change(&f, moves);
	freezer_destroy(&f);
}

/* The thread of a task sleeps on its way out, too, when the freezer does not know it any more. */
static void test_sleeps_after_leaving(void **state)
{
	struct sleeper s = { .clock = NULL };
	struct freezer f;

	freezer_init(&f);
	kick_attach(&s.kick);
	freezer_enter(&f, &s);
	s.work = SLEEPER_FREEZE;
	freezer_leave(&f, &s);
	uint64_t soon = sleeper_now(&s) + 10 * NSEC_PER_MSEC;
	assert_int_equal(sleeper_wait(&s, soon), 0);
	assert_int_equal(sleeper_wait(&s, soon), -ETIMEDOUT);
	assert_int_equal(s.gave_up, GAVE_UP_NOTHING);
	kick_detach(&s.kick);
	freezer_destroy(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_the_moving),
		cmocka_unit_test(test_sleeps_after_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
