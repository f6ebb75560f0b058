// SPDX-License-Identifier: Apache-2.0
/* Does the build that checks locks see each kind of violation, and nothing else? Each mistake is
 * made in a process of its own, which must abort with a line that says what it was. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/lock.h"

static struct mutex sandbox, waits, inner_waits, pipes[2];
static struct rwlock mm, child_mm;
static struct cond changed;

static void nothing_wrong(void)
{
	mutex_lock(&sandbox);
	mutex_lock(&waits);
	mutex_lock(&inner_waits);
	mutex_unlock(&waits); /* in any order */
	mutex_unlock(&inner_waits);
	lock_assert_held(&sandbox);
	mutex_unlock(&sandbox);
	mutex_lock(&pipes[0]);
	mutex_lock(&pipes[1]);
	rwlock_wrlock(&mm);
	rwlock_rdlock(&child_mm);
	lock_assert_held_write(&mm);
	lock_assert_held(&child_mm);
	lock_assert_may_sleep();
	rwlock_unlock(&child_mm);
	rwlock_unlock(&mm);
	mutex_unlock(&pipes[0]);
	mutex_lock_inner(&pipes[0]); /* whatever its address */
	mutex_unlock(&pipes[0]);
	mutex_unlock(&pipes[1]);
	lock_assert_none();
	mutex_lock(&sandbox);
	cond_wait_until(&changed, &sandbox, 1);
	mutex_unlock(&sandbox);
}

static void against_the_order(void)
{
	mutex_lock(&waits);
	mutex_lock(&sandbox);
}

static void twice(void)
{
	mutex_lock(&waits);
	mutex_lock(&waits);
}

static void two_of_a_class(void)
{
	struct mutex other;

	mutex_init(&other, LOCK_SANDBOX);
	mutex_lock(&sandbox);
	mutex_lock(&other);
}

static void against_addresses(void)
{
	mutex_lock(&pipes[1]);
	mutex_lock(&pipes[0]);
}

static void sleeping_in_short(void)
{
	struct mutex slots;

	mutex_init(&slots, LOCK_SLOTS);
	mutex_lock(&slots);
	struct mutex memory;
	mutex_init(&memory, LOCK_KVM_MEMORY);
	mutex_lock(&memory);
}

static void given_up_unheld(void)
{
	mutex_unlock(&sandbox);
}

static void destroyed_while_held(void)
{
	mutex_lock(&sandbox);
	mutex_destroy(&sandbox);
}

static void taken_when_destroyed(void)
{
	mutex_destroy(&sandbox);
	mutex_lock(&sandbox);
}

static void not_held(void)
{
	lock_assert_held(&sandbox);
}

static void read_not_written(void)
{
	rwlock_rdlock(&mm);
	lock_assert_held_write(&mm);
}

static void sleeps_with_short(void)
{
	mutex_lock(&sandbox);
	lock_assert_may_sleep();
}

static void waits_with_short(void)
{
	mutex_lock(&sandbox);
	mutex_lock(&waits);
	cond_wait_until(&changed, &waits, 1);
}

static void holds_any(void)
{
	rwlock_rdlock(&mm);
	lock_assert_none();
}

static void init(void)
{
	mutex_init(&sandbox, LOCK_SANDBOX);
	mutex_init(&waits, LOCK_WAITQUEUE);
	mutex_init(&inner_waits, LOCK_WAITQUEUE);
	mutex_init(&pipes[0], LOCK_PIPE);
	mutex_init(&pipes[1], LOCK_PIPE);
	rwlock_init(&mm, LOCK_MM);
	rwlock_init(&child_mm, LOCK_MM);
	cond_init(&changed);
}

/* What the process that runs `fn` wrote; *status: how it ended. */
static void run(void (*fn)(void), char *out, size_t size, int *status)
{
	int p[2];
	ssize_t n;
	size_t len = 0;

	assert_int_equal(pipe(p), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGABRT, SIG_DFL);
		dup2(p[1], STDERR_FILENO);
		init();
		fn();
		_exit(0);
	}
	close(p[1]);
	while ((n = read(p[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = 0;
	close(p[0]);
	assert_int_equal(waitpid(pid, status, 0), pid);
}

static const struct mistake {
	void (*fn)(void);
	const char *says[3];
} mistakes[] = {
	{ against_the_order, { "SANDBOX", "with WAITQUEUE", "against the order" } },
	{ twice, { "WAITQUEUE", "the same lock" } },
	{ two_of_a_class, { "SANDBOX", "with SANDBOX", "no two of them" } },
	{ against_addresses, { "PIPE", "with PIPE", "by address" } },
	{ sleeping_in_short, { "KVM_MEMORY", "with SLOTS", "held for long" } },
	{ given_up_unheld, { "SANDBOX", "does not hold it" } },
	{ destroyed_while_held, { "SANDBOX", "destroyed" } },
	{ taken_when_destroyed, { "taken", "destroyed" } },
	{ not_held, { "&sandbox", "does not hold" } },
	{ read_not_written, { "&mm", "for writing", "for reading" } },
	{ sleeps_with_short, { "SANDBOX", "may take long" } },
	{ waits_with_short, { "waits", "SANDBOX" } },
	{ holds_any, { "MM", "held" } },
};

static void test_sees_mistakes(void **state)
{
	char out[1024];
	int status;

#ifndef HL_LOCKS
	assert_int_equal(sizeof(struct mutex), sizeof(pthread_mutex_t));
	assert_int_equal(sizeof(struct rwlock), sizeof(pthread_rwlock_t));
	skip();
#endif
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		run(mistakes[i].fn, out, sizeof out, &status);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1); /* one line */
		assert_non_null(strstr(out, __FILE__));
		for (size_t k = 0; k < 3 && mistakes[i].says[k]; k++)
			if (!strstr(out, mistakes[i].says[k]))
				fail_msg("no \"%s\" in: %s", mistakes[i].says[k], out);
	}
}

static void test_nothing_wrong(void **state)
{
	char out[1024];
	int status;

	run(nothing_wrong, out, sizeof out, &status);
	assert_string_equal(out, "");
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_wrong),
		cmocka_unit_test(test_sees_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
