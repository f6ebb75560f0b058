// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/ref.h"

static void test_counts(void **state)
{
	struct ref r = REF_INIT(1);

	ref_get(&r);
	assert_int_equal(ref_count(&r), 2);
	assert_true(ref_tryget(&r));
	assert_false(ref_put(&r));
	assert_false(ref_put(&r));
	assert_true(ref_put(&r));
	assert_false(ref_tryget(&r));
	assert_int_equal(ref_count(&r), 0);
}

static void get_from_none(struct ref *r)
{
	ref_set(r, 0);
	ref_get(r);
}

static void put_of_none(struct ref *r)
{
	ref_set(r, 0);
	ref_put(r);
}

static void get_too_many(struct ref *r)
{
	ref_set(r, REF_MAX);
	ref_get(r);
	ref_get(r);
}

static void tryget_too_many(struct ref *r)
{
	ref_set(r, REF_MAX);
	ref_tryget(r);
}

static void test_mistakes_end(void **state)
{
	void (*const mistakes[])(struct ref *) = { get_from_none, put_of_none, get_too_many,
						   tryget_too_many };
	struct ref r;
	int status;

	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
			signal(SIGABRT, SIG_DFL);
			close(STDERR_FILENO);
			mistakes[i](&r);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_mistakes_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
