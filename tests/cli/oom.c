/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library where memory runs out: each allocation in turn fails, once or from then on. A sandbox
 * then fails to start with a reason, or its guest gets an error, or nothing notices; never a crash,
 * a hang, or something left behind.
 *
 * 	oom once|always FIRST STEP [private]
 *
 * from allocation FIRST on every STEPth one, until a run is over before it gets there; in a private
 * world where that is said.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hl.h"

#define RUN_SECONDS 30

static _Atomic long allocations, fail_at; /* fail_at 0: none */
static bool from_then_on, private;
static int nowhere; /* where the guest's complaints go, which are its own: it may meet ENOMEM */

static bool fails(void)
{
	long n = atomic_fetch_add(&allocations, 1) + 1, at = fail_at;

	if (!at || (from_then_on ? n < at : n != at))
		return false;
	errno = ENOMEM;
	return true;
}

/* The linker sends the library's calls here (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(align, size);
}

static int count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

/* 1: it failed and said why, in `words`; 0: the guest ended. */
static int run_sandbox(char words[256])
{
	static const char *const args[] = {
		"busybox", "sh", "-c", "echo a | cat; (exit 3); x=$(echo b); echo $x >/dev/shm/f"
	};
	struct hl_config *cfg = hl_config_new();
	struct hl_sandbox *sb;
	struct hl_error *err = NULL;
	struct hl_result res;

	hl_config_set_args(cfg, 4, args);
	hl_config_set_platform(cfg, getenv("HL_TEST_PLATFORM"));
	hl_config_set_stdio(cfg, -1, nowhere, nowhere);
	if (private) {
		hl_config_set_isolate(cfg, true);
		hl_config_set_user(cfg, "1000:1000");
		hl_config_add_mount(cfg, "/", "/a/b/c", true);
		hl_config_add_tmpfs(cfg, "/a/b/c/tmp", 1 << 20);
		hl_config_set_hostname(cfg, "box");
	}
	int failed = hl_sandbox_start(cfg, &sb, &err);
	hl_config_free(cfg);
	if (!failed) {
		failed = hl_sandbox_wait(sb, RUN_SECONDS * 500, &res, &err);
		hl_sandbox_free(sb);
	}
	bool silent = failed && !hl_error_text(err)[0];
	snprintf(words, 256, "%s", failed ? hl_error_text(err) : "");
	hl_error_free(err);
	if (silent)
		exit(2);
	return failed != 0;
}

/* Threads that have been joined may be listed a little longer. */
static bool settles(const char *dir, int count)
{
	for (int i = 0; i < 100; i++) {
		if (count_entries(dir) <= count)
			return true;
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	return false;
}

/* Exit status of the process that tries it: 0, 1 as run_sandbox, 9: it never came to allocation
 * `at`. */
static int try_one(long at)
{
	char words[256];

	alarm(RUN_SECONDS);
	run_sandbox(words); /* what is kept once is kept by now */
	int fds = count_entries("/proc/self/fd"), tasks = count_entries("/proc/self/task");

	allocations = 0;
	fail_at = at;
	int status = run_sandbox(words);
	fail_at = 0;
	if (!settles("/proc/self/fd", fds))
		return 3;
	if (!settles("/proc/self/task", tasks))
		return 4;
	if (run_sandbox(words) != 0) {
		printf("%s\n", words);
		fflush(stdout);
		return 5;
	}
	return allocations < at ? 9 : status;
}

static int verdict(long at, int status)
{
	static const char *const words[] = { [2] = "an error without words",
					     [3] = "descriptors are left",
					     [4] = "threads are left",
					     [5] = "the next one does not start" };

	if (WIFSIGNALED(status))
		printf("allocation %ld: ended by signal %d%s\n", at, WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? ", a hang" : "");
	else if (WEXITSTATUS(status) >= 2 && WEXITSTATUS(status) <= 5)
		printf("allocation %ld: %s\n", at, words[WEXITSTATUS(status)]);
	else
		return 0;
	return 1;
}

int main(int argc, char **argv)
{
	long step = argc > 3 ? atol(argv[3]) : 0;
	int bad = 0, runs = 0, refused = 0, status = 0;

	from_then_on = argc > 1 && strcmp(argv[1], "always") == 0;
	private = argc > 4;
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (step < 1 || nowhere < 0)
		return 2;
	for (long at = atol(argv[2]);; at += step, runs++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(try_one(at));
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 2;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 9)
			break;
		bad += verdict(at, status);
		refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	printf("%d runs, %d of them refused with a reason, %d bad\n", runs, refused, bad);
	return bad || refused == 0;
}
