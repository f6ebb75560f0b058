/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that no C library makes for a program, or only in another form. */
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/xattr.h>

#include "case.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_futex_wake
#define SYS_futex_wake    454
#define SYS_futex_wait    455
#define SYS_futex_requeue 456
#endif
#define SIZE_U32 2 /* FUTEX2_SIZE_U32 */
#define PRIVATE  128

static void say_mode(const char *path)
{
	struct stat st;

	NEED(lstat(path, &st));
	say("%s %o\n", path, st.st_mode);
}

CASE(fchmodat2)
{
	int fd = (int)NEED(open("f", O_CREAT | O_RDWR, 0600));

	NEED(symlink("f", "l"));
	R(syscall(SYS_fchmodat2, AT_FDCWD, "f", 0640, 0));
	say_mode("f");
	R(syscall(SYS_fchmodat2, AT_FDCWD, "l", 0644, 0));
	say_mode("f");
	R(syscall(SYS_fchmodat2, AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
	say_mode("l");
	R(syscall(SYS_fchmodat2, fd, "", 0604, AT_EMPTY_PATH));
	say_mode("f");
	R(syscall(SYS_fchmodat2, fd, "", 0604, 0));
	R(syscall(SYS_fchmodat2, AT_FDCWD, "f", 0604, 1));
	R(syscall(SYS_fchmodat2, -1, "f", 0604, 0));
	R(syscall(SYS_fchmodat2, AT_FDCWD, (char *)8, 0604, 0));
}

CASE(futimesat)
{
	struct timeval t[2] = { { 100, 5 }, { 200, 999999 } },
		       bad[2] = { { 1, 0 }, { 1, 1000000 } };
	struct stat st;
	int fd = (int)NEED(open("f", O_CREAT | O_RDWR, 0600));

	R(syscall(SYS_futimesat, AT_FDCWD, "f", t));
	NEED(stat("f", &st));
	say("%ld.%09ld %ld.%09ld\n", st.st_atime, st.st_atim.tv_nsec, st.st_mtime,
	    st.st_mtim.tv_nsec);
	t[0].tv_sec = 300;
	R(syscall(SYS_futimesat, fd, NULL, t));
	NEED(stat("f", &st));
	say("%ld\n", st.st_atime);
	R(syscall(SYS_futimesat, AT_FDCWD, "f", bad));
	R(syscall(SYS_futimesat, AT_FDCWD, "none", t));
	R(syscall(SYS_futimesat, AT_FDCWD, "f", (void *)8));
	R(syscall(SYS_futimesat, -1, "f", t));
}

CASE(lremovexattr)
{
	NEED(open("f", O_CREAT | O_RDWR, 0600));
	NEED(symlink("f", "l"));
	R(setxattr("f", "user.a", "value", 5, 0));
	R(lremovexattr("l", "user.a"));
	R(lremovexattr("f", "user.b"));
	R(lremovexattr("f", "user.a"));
	R(lremovexattr("f", "user.a"));
	R(lremovexattr("none", "user.a"));
	R(lremovexattr("f", ""));
	R(lremovexattr("f", "other.a"));
}

CASE(sync)
{
	int fd = (int)NEED(open("f", O_CREAT | O_RDWR, 0600));

	NEED(write(fd, "text", 4));
	sync();
	say_file("f");
}

/* Nobody sets the clock: it is asked without the right to. */
static int without_rights(void *arg)
{
	struct timeval now;
	struct timezone tz = { 0 }, odd = { .tz_minuteswest = 16 * 60 };
	struct timex x = { .modes = 0 };

	NEED(setuid(65534));
	NEED(gettimeofday(&now, NULL));
	R(settimeofday(&now, NULL));
	R(syscall(SYS_settimeofday, NULL, &tz));
	R(syscall(SYS_settimeofday, NULL, &odd));
	now.tv_usec = 1000000;
	R(syscall(SYS_settimeofday, &now, NULL));
	R(syscall(SYS_settimeofday, (void *)8, NULL));
	R(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &x) >= 0);
	x.modes = ADJ_OFFSET;
	R(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &x));
	R(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &x));
	R(syscall(SYS_clock_adjtime, 99, &x));
	R(syscall(SYS_clock_adjtime, CLOCK_REALTIME, (void *)8));
	return 0;
}

CASE(set_clock)
{
	need_root();
	in_child("user", without_rights, NULL);
}

/* ---- futex_wait(2), futex_wake(2), futex_requeue(2) ---- */

static uint32_t word, other;
static _Atomic pid_t waiter_tid;

static void *wait_for_word(void *arg)
{
	waiter_tid = (pid_t)syscall(SYS_gettid);
	return (void *)syscall(SYS_futex_wait, &word, 0UL, ~0UL >> 32, SIZE_U32 | PRIVATE, NULL,
			       CLOCK_MONOTONIC);
}

static pthread_t start_waiter(void)
{
	pthread_t t;

	waiter_tid = 0;
	pthread_create(&t, NULL, wait_for_word, NULL);
	while (!waiter_tid || state_of_thread(waiter_tid) != 'S')
		sched_yield();
	return t;
}

CASE(futex)
{
	struct timespec past = { 0, 1 }, bad = { 0, -1 };
	struct futex_waitv pair[2] = {
		{ .uaddr = (uintptr_t)&word, .flags = SIZE_U32 | PRIVATE },
		{ .uaddr = (uintptr_t)&other, .flags = SIZE_U32 | PRIVATE },
	};
	void *result;

	R(syscall(SYS_futex_wake, &word, 1UL, 1, SIZE_U32 | PRIVATE));
	R(syscall(SYS_futex_wake, &word, 0UL, 1, SIZE_U32 | PRIVATE));
	R(syscall(SYS_futex_wake, &word, 1UL, 1, PRIVATE));
	R(syscall(SYS_futex_wake, &word, 1UL, 1, 0x1000));
	R(syscall(SYS_futex_wake, (char *)&word + 1, 1UL, 1, SIZE_U32 | PRIVATE));
	R(syscall(SYS_futex_wait, &word, 7UL, 1UL, SIZE_U32 | PRIVATE, NULL, CLOCK_MONOTONIC));
	R(syscall(SYS_futex_wait, &word, 0UL, 0UL, SIZE_U32 | PRIVATE, NULL, CLOCK_MONOTONIC));
	R(syscall(SYS_futex_wait, &word, 0UL, 1UL, SIZE_U32 | PRIVATE, &past, CLOCK_MONOTONIC));
	R(syscall(SYS_futex_wait, &word, 0UL, 1UL, SIZE_U32 | PRIVATE, &past, CLOCK_REALTIME));
	R(syscall(SYS_futex_wait, &word, 0UL, 1UL, SIZE_U32 | PRIVATE, &past, 77));
	R(syscall(SYS_futex_wait, &word, 0UL, 1UL, SIZE_U32 | PRIVATE, &bad, CLOCK_MONOTONIC));
	R(syscall(SYS_futex_wait, NULL, 0UL, 1UL, SIZE_U32 | PRIVATE, NULL, CLOCK_MONOTONIC));
	pthread_t t = start_waiter();
	R(syscall(SYS_futex_wake, &word, 1UL, 1, SIZE_U32 | PRIVATE));
	pthread_join(t, &result);
	say("woken: %ld\n", (long)result);
	t = start_waiter();
	R(syscall(SYS_futex_requeue, pair, 1, 0, 1));
	pair[0].val = 9;
	R(syscall(SYS_futex_requeue, pair, 0, 0, 1));
	pair[0].val = 0;
	R(syscall(SYS_futex_requeue, pair, 0, 0, 1));
	R(syscall(SYS_futex_requeue, pair, 0, -1, 1));
	R(syscall(SYS_futex_requeue, NULL, 0, 0, 1));
	R(syscall(SYS_futex_wake, &word, 1UL, 1, SIZE_U32 | PRIVATE));
	R(syscall(SYS_futex_wake, &other, 1UL, 1, SIZE_U32 | PRIVATE));
	pthread_join(t, &result);
	say("woken: %ld\n", (long)result);
}
