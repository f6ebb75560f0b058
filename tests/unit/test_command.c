// SPDX-License-Identifier: Apache-2.0
/* host/command.h: what a program prints, and that nobody sees a child of it. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/command.h"

static volatile sig_atomic_t children;

static void on_child(int sig)
{
	children++;
}

static int run(const char *script, struct text *out)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	return host_command(argv, out);
}

static void test_output(void **state)
{
	struct text out = { 0 };

	assert_int_equal(run("echo one; echo not this >&2; cat; echo two", &out), 0);
	assert_string_equal(text_str(&out), "one\ntwo\n");
	text_cut(&out, 0);
	assert_int_equal(run("exit 3", &out), 0);
	assert_string_equal(text_str(&out), "");
	text_free(&out);
}

/* Output is read while the program runs: a pipe does not hold as much. It has a bound. */
static void test_much_output(void **state)
{
	struct text out = { 0 };

	assert_int_equal(
	    run("i=0; while [ $i -lt 300 ]; do printf '%01000d' 0; i=$((i + 1)); done", &out), 0);
	assert_int_equal(out.len, 300000);
	text_cut(&out, 0);
	assert_int_equal(run("while printf '%010000d' 0 2>/dev/null; do :; done", &out), 0);
	assert_int_equal(out.len, COMMAND_OUTPUT_MAX);
	text_free(&out);
}

static void test_no_program(void **state)
{
	const char *const argv[] = { "/no/such/program", NULL };
	struct text out = { 0 };

	assert_int_equal(host_command(argv, &out), -ENOENT);
	assert_int_equal(out.len, 0);
}

static void test_is_nobodys_child(void **state)
{
	struct text out = { 0 };
	struct sigaction act = { .sa_handler = on_child }, old;
	sigset_t mask, before;

	sigaction(SIGCHLD, &act, &old);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_SETMASK, &mask, &before);
	/* The caller's mask, no more: SIGUSR1 is number 10. */
	assert_int_equal(run("while read -r a b; do [ $a != SigBlk: ] || echo $b; done "
			     "</proc/$$/status",
			     &out),
			 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGCHLD, &old, NULL);
	assert_string_equal(text_str(&out), "0000000000000200\n");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(children, 0);
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_much_output),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_is_nobodys_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
