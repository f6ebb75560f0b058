/* SPDX-License-Identifier: Apache-2.0 */
/* Time namespaces (time_namespaces(7)): who is in which, their offsets, and all that tells or takes
 * a time of the clocks that they move. */
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <time.h>

#include "case.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define DAY 86400L

static void store(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1) {
		say("%s: open: %s\n", path, strerrorname_np(errno));
		return;
	}
	ssize_t n = write(fd, text, strlen(text));
	say("%s: %zd %s\n", text, n, n < 0 ? strerrorname_np(errno) : "");
	close(fd);
}

static void set_offsets(const char *text)
{
	int fd = (int)NEED(open("/proc/self/timens_offsets", O_WRONLY));

	NEED(write(fd, text, strlen(text)));
	close(fd);
}

static void say_same(const char *what, const char *a, const char *b)
{
	struct stat x, y;

	NEED(stat(a, &x));
	NEED(stat(b, &y));
	say("%s: %s\n", what, x.st_ino == y.st_ino ? "same" : "other");
}

static void say_own(const char *what)
{
	char parent[64];

	snprintf(parent, sizeof parent, "/proc/%d/ns/time", getppid());
	say_same(what, "/proc/self/ns/time", "/proc/self/ns/time_for_children");
	say_same("as the parent", "/proc/self/ns/time", parent);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	NEED(clock_gettime(clock, &ts));
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static int64_t call_ns(clockid_t clock)
{
	struct timespec ts;

	NEED(syscall(SYS_clock_gettime, clock, &ts));
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

/* Days between what two reads of a clock showed. */
static long days(int64_t from, int64_t to)
{
	int64_t off = to - from + DAY * 1000000000L / 2;

	return off / (DAY * 1000000000L) - (off < 0);
}

static const clockid_t clocks[] = { CLOCK_REALTIME,
				    CLOCK_MONOTONIC,
				    CLOCK_MONOTONIC_RAW,
				    CLOCK_REALTIME_COARSE,
				    CLOCK_MONOTONIC_COARSE,
				    CLOCK_BOOTTIME,
				    CLOCK_TAI };
#define NR_CLOCKS (sizeof clocks / sizeof *clocks)

static void read_clocks(int64_t out[NR_CLOCKS])
{
	for (unsigned i = 0; i < NR_CLOCKS; i++)
		out[i] = call_ns(clocks[i]);
}

static void say_moved(const int64_t from[NR_CLOCKS])
{
	for (unsigned i = 0; i < NR_CLOCKS; i++)
		say("clock %d: %ld days, %ld by the vDSO\n", clocks[i],
		    days(from[i], call_ns(clocks[i])), days(from[i], clock_ns(clocks[i])));
}

/* The child of a namespace with these offsets runs `fn`. */
static void run_in(const char *offsets, void (*fn)(void *arg), void *arg)
{
	NEED(unshare(CLONE_NEWTIME));
	set_offsets(offsets);
	pid_t pid = fork();
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	reap("child", pid);
}

#define AHEAD "monotonic 864000 0\nboottime 1728000 0\n"
#define BACK  "monotonic -1 0\nboottime -1 500000000\n"

/* ---- who is in which ---- */

CASE(unshare)
{
	say_own("before");
	R(unshare(CLONE_NEWTIME));
	say_own("after");
	pid_t pid = fork();
	if (pid == 0) {
		say_own("child");
		_exit(0);
	}
	reap("child", pid);
	R(unshare(CLONE_NEWTIME));
}

CASE(clone3)
{
	struct clone_args ca = { .flags = CLONE_NEWTIME, .exit_signal = SIGCHLD };

	pid_t pid = (pid_t)NEED(syscall(SYS_clone3, &ca, sizeof ca));
	if (pid == 0) {
		say_own("child");
		say_file("/proc/self/timens_offsets");
		store("/proc/self/timens_offsets", "monotonic 1 0");
		_exit(0);
	}
	reap("child", pid);
	say_own("parent");
}

static void *thread_main(void *arg)
{
	say_same("thread", "/proc/thread-self/ns/time", "/proc/thread-self/ns/time_for_children");
	return NULL;
}

CASE(threads)
{
	pthread_t thread;

	NEED(unshare(CLONE_NEWTIME));
	MUST(pthread_create(&thread, NULL, thread_main, NULL));
	pthread_join(thread, NULL);
	int fd = (int)NEED(open("/proc/self/ns/time", O_RDONLY));
	pid_t pid = fork();
	if (pid == 0) {
		say_own("child");
		R(setns(fd, CLONE_NEWTIME));
		say_own("after");
		_exit(0);
	}
	reap("child", pid);
}

static void *holds(void *arg)
{
	take(arg);
	return NULL;
}

CASE(setns_of_threads)
{
	struct baton b = baton_new();
	pthread_t thread;

	int fd = (int)NEED(open("/proc/self/ns/time", O_RDONLY));
	MUST(pthread_create(&thread, NULL, holds, &b));
	R(setns(fd, CLONE_NEWTIME));
	give(&b);
	pthread_join(thread, NULL);
}

ROLE(executed)
{
	say_own("executed");
	say_file("/proc/self/timens_offsets");
	struct timespec vdso, call;
	NEED(clock_gettime(CLOCK_MONOTONIC, &vdso));
	NEED(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &call));
	V(call.tv_sec - vdso.tv_sec <= 1);
	V(vdso.tv_sec >= 10 * DAY);
}

CASE(exec)
{
	NEED(unshare(CLONE_NEWTIME));
	set_offsets(AHEAD);
	pid_t pid = fork();
	if (pid == 0) {
		R(unshare(CLONE_NEWTIME));
		execv(case_self, (char *[]){ case_self, (char[]){ "role:executed" }, NULL });
		_exit(1);
	}
	reap("child", pid);
	execv(case_self, (char *[]){ case_self, (char[]){ "role:executed" }, NULL });
}

CASE(vfork_exec)
{
	NEED(unshare(CLONE_NEWTIME));
	set_offsets(AHEAD);
	pid_t pid = vfork();
	if (pid == 0) {
		execv(case_self, (char *[]){ case_self, (char[]){ "role:executed" }, NULL });
		_exit(1);
	}
	reap("child", pid);
	say_own("parent");
}

static void waits(void *arg)
{
	give(arg);
	pause();
}

CASE(setns)
{
	struct baton b = baton_new();
	int64_t before[NR_CLOCKS];
	char path[64];

	int own = (int)NEED(open("/proc/self/ns/time", O_RDONLY));
	read_clocks(before);
	NEED(unshare(CLONE_NEWTIME));
	set_offsets(AHEAD);
	pid_t pid = fork();
	if (pid == 0)
		waits(&b);
	take(&b);
	snprintf(path, sizeof path, "/proc/%d/ns/time", pid);
	int fd = (int)NEED(open(path, O_RDONLY));
	R(setns(fd, CLONE_NEWUTS));
	R(setns(fd, CLONE_NEWTIME));
	say_own("within");
	say_moved(before);
	R(setns(own, 0));
	say_own("back");
	say_moved(before);
	int pidfd = (int)NEED(syscall(SYS_pidfd_open, pid, 0));
	R(setns(pidfd, CLONE_NEWTIME | CLONE_NEWUTS));
	say_moved(before);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

CASE(setns_joins)
{
	NEED(unshare(CLONE_NEWTIME));
	int fd = (int)NEED(open("/proc/self/ns/time_for_children", O_RDONLY));
	store("/proc/self/timens_offsets", "monotonic 5 0");
	R(setns(fd, 0));
	store("/proc/self/timens_offsets", "monotonic 6 0");
	say_file("/proc/self/timens_offsets");
}

CASE(ioctls)
{
	NEED(unshare(CLONE_NEWTIME));
	int fd = (int)NEED(open("/proc/self/ns/time_for_children", O_RDONLY));
	V(ioctl(fd, NS_GET_NSTYPE));
	V(ioctl(fd, NS_GET_USERNS) >= 0);
	R(ioctl(fd, NS_GET_PARENT));
	uid_t uid;
	R(ioctl(fd, NS_GET_OWNER_UID, &uid));
}

/* ---- offsets ---- */

CASE(offsets)
{
	store("/proc/self/timens_offsets", "monotonic 1 0");
	say_file("/proc/self/timens_offsets");
	NEED(unshare(CLONE_NEWTIME));
	say_file("/proc/self/timens_offsets");
	store("/proc/self/timens_offsets", "");
	store("/proc/self/timens_offsets", "\n");
	store("/proc/self/timens_offsets", "monotonic 1");
	store("/proc/self/timens_offsets", "monotonic 1 x");
	store("/proc/self/timens_offsets", "monotonic +1 0");
	store("/proc/self/timens_offsets", "monotonic 1 -1");
	store("/proc/self/timens_offsets", "monotonic 1 1000000000");
	store("/proc/self/timens_offsets", "realtime 1 0");
	store("/proc/self/timens_offsets", "0 1 0");
	store("/proc/self/timens_offsets", "monotonic -100000000 0");
	store("/proc/self/timens_offsets", "monotonic 5000000000 0");
	store("/proc/self/timens_offsets", "monotonic 9223372036 0");
	store("/proc/self/timens_offsets", "monotonic 9223372037 0");
	store("/proc/self/timens_offsets", "monotonic -9223372037 0");
	store("/proc/self/timens_offsets", "monotonic 7 0\nboottime 5000000000 0\n");
	say_file("/proc/self/timens_offsets");
	store("/proc/self/timens_offsets", "monotonic 7 8");
	store("/proc/self/timens_offsets", "  7   -1 999999999 and more\n");
	say_file("/proc/self/timens_offsets");
	store("/proc/self/timens_offsets", "1 1 1\n7 2 2\n1 3 3\n");
	say_file("/proc/self/timens_offsets");
	store("/proc/self/timens_offsets", "1 1 1\n\n");
	store("/proc/self/timens_offsets", "1 4 1\n1 5 2\n");
	say_file("/proc/self/timens_offsets");
}

CASE(offsets_again)
{
	NEED(unshare(CLONE_NEWTIME));
	int fd = (int)NEED(open("/proc/self/timens_offsets", O_RDWR));
	R(write(fd, "1 1 0", 5));
	R(write(fd, "1 2 0", 5));
	R(pwrite(fd, "1 3 0", 5, 1));
	say_file("/proc/self/timens_offsets");
	NEED(unshare(CLONE_NEWTIME));
	say_file("/proc/self/timens_offsets");
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	reap("child", pid);
	R(write(fd, "1 2 0", 5));
	R(write(fd, "1 2 x", 5));
	NEED(unshare(CLONE_NEWTIME));
	R(write(fd, "1 2 0", 5));
	say_file("/proc/self/timens_offsets");
}

CASE(offsets_of_another)
{
	struct baton ready = baton_new(), go = baton_new();
	char path[64];

	pid_t pid = fork();
	if (pid == 0) {
		NEED(unshare(CLONE_NEWTIME));
		give(&ready);
		take(&go);
		say_file("/proc/self/timens_offsets");
		_exit(0);
	}
	take(&ready);
	snprintf(path, sizeof path, "/proc/%d/timens_offsets", pid);
	int fd = (int)NEED(open(path, O_RDWR));
	R(write(fd, "boottime 77 0", 13));
	give(&go);
	siginfo_t si;
	NEED(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	R(write(fd, "boottime 78 0", 13));
	char text[64];
	int gone = (int)NEED(open(path, O_RDONLY));
	R(read(gone, text, sizeof text));
	reap("child", pid);
	R(write(fd, "boottime 78 0", 13));
}

CASE(without_rights)
{
	NEED(unshare(CLONE_NEWTIME));
	int fd = (int)NEED(open("/proc/self/timens_offsets", O_WRONLY));
	NEED(chmod(".", 0777));
	NEED(setresuid(4321, 4321, 4321));
	R(unshare(CLONE_NEWTIME));
	R(write(fd, "1 1 0", 5));
	NEED(prctl(PR_SET_DUMPABLE, 1));
	int own = (int)NEED(open("/proc/self/timens_offsets", O_WRONLY));
	R(write(own, "1 1 0", 5));
	R(write(own, "1 1 x", 5));
	R(unshare(CLONE_NEWUSER | CLONE_NEWTIME));
	R(write(own, "1 1 0", 5));
	own = (int)NEED(open("/proc/self/timens_offsets", O_WRONLY));
	R(write(own, "1 1 0", 5));
}

CASE(limit)
{
	NEED(unshare(CLONE_NEWUSER));
	int fd = (int)NEED(open("/proc/sys/user/max_time_namespaces", O_WRONLY));
	NEED(write(fd, "1", 1));
	R(unshare(CLONE_NEWTIME));
	R(unshare(CLONE_NEWTIME));
	struct clone_args ca = { .flags = CLONE_NEWTIME, .exit_signal = SIGCHLD };
	R(syscall(SYS_clone3, &ca, sizeof ca));
}

/* ---- what tells the time ---- */

static void tells(void *arg)
{
	const int64_t *before = arg;
	struct sysinfo si;
	double up;

	say_moved(before);
	NEED(sysinfo(&si));
	FILE *f = fopen("/proc/uptime", "r");
	V(fscanf(f, "%lf", &up));
	fclose(f);
	say("uptime: %ld days, %ld\n", days(before[5], si.uptime * 1000000000L),
	    days(before[5], (int64_t)(up * 1e9)));
}

CASE(reads)
{
	int64_t before[NR_CLOCKS];

	read_clocks(before);
	run_in(AHEAD, tells, before);
	tells(before);
}

static void back_a_second(void *arg)
{
	const int64_t *before = arg;
	struct timespec ts;
	int64_t now = clock_ns(CLOCK_MONOTONIC), boot = call_ns(CLOCK_BOOTTIME);

	V(now < before[1] && now > before[1] - 2000000000L);
	V(boot > before[5] - 1000000000L);
	NEED(clock_getres(CLOCK_MONOTONIC, &ts));
	say("%ld %ld\n", ts.tv_sec, ts.tv_nsec);
	NEED(clock_getres(CLOCK_MONOTONIC_COARSE, &ts));
	V(ts.tv_nsec > 1);
	now = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < 1000; i++) {
		int64_t next = i & 1 ? clock_ns(CLOCK_MONOTONIC) : call_ns(CLOCK_MONOTONIC);
		if (next < now)
			say("it runs backwards\n");
		now = next;
	}
}

CASE(backwards)
{
	int64_t before[NR_CLOCKS];

	read_clocks(before);
	run_in(BACK, back_a_second, before);
}

static uint64_t start_ticks(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long start = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = (int)NEED(open(path, O_RDONLY));
	text[NEED(read(fd, text, sizeof text - 1))] = '\0';
	close(fd);
	sscanf(strrchr(text, ')') + 2,
	       "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
	       &start);
	return start;
}

static long boot_time(void)
{
	char line[4096];
	long at = 0;
	FILE *f = fopen("/proc/stat", "r");

	while (f && fgets(line, sizeof line, f))
		sscanf(line, "btime %ld", &at);
	fclose(f);
	return at;
}

static void starts(void *arg)
{
	const long *before = arg;
	long ticks = sysconf(_SC_CLK_TCK);

	V(((long)start_ticks(getppid()) - before[0]) / ticks);
	V((boot_time() - before[1] - 30) / DAY);
}

CASE(start_times)
{
	long before[2] = { (long)start_ticks(getpid()), boot_time() };

	run_in(AHEAD, starts, before);
}

/* ---- what takes a time ---- */

static struct timespec after(clockid_t clock, long ns)
{
	int64_t at = call_ns(clock) + ns;

	return (struct timespec){ at / 1000000000L, at % 1000000000L };
}

/* A point in time that is to come soon has not passed, and comes. */
static void sleeps(void *arg)
{
	const clockid_t slept[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI };

	for (unsigned i = 0; i < 4; i++) {
		struct timespec at = after(slept[i], 20000000), now;
		R(clock_nanosleep(slept[i], TIMER_ABSTIME, &at, NULL));
		NEED(clock_gettime(slept[i], &now));
		V(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
		R(clock_nanosleep(slept[i], TIMER_ABSTIME, &(struct timespec){ 0, 1 }, NULL));
		R(clock_nanosleep(slept[i], 0, &(struct timespec){ 0, 1000000 }, NULL));
	}
}

CASE(sleep)
{
	run_in(AHEAD, sleeps, NULL);
	run_in(BACK, sleeps, NULL);
}

static void waits_for_futex(void *arg)
{
	static uint32_t word;
	struct timespec at = after(CLOCK_MONOTONIC, 20000000), now;

	R(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &at, NULL, FUTEX_BITSET_MATCH_ANY));
	NEED(clock_gettime(CLOCK_MONOTONIC, &now));
	V(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
	at = after(CLOCK_REALTIME, 1000000);
	R(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &at, NULL,
		  FUTEX_BITSET_MATCH_ANY));
	R(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &(struct timespec){ 0, 1000000 }, NULL, 0));
	struct {
		uint64_t value, address;
		uint32_t flags, reserved;
	} one = { 0, (uintptr_t)&word, 2, 0 };
	at = after(CLOCK_MONOTONIC, 20000000);
	R(syscall(449, &one, 1, 0, &at, CLOCK_MONOTONIC));
	NEED(clock_gettime(CLOCK_MONOTONIC, &now));
	V(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
	R(poll(NULL, 0, 1));
}

CASE(futex)
{
	run_in(AHEAD, waits_for_futex, NULL);
	run_in(BACK, waits_for_futex, NULL);
}

/* Left of a timer that is to go off in an hour: as many minutes. */
static long minutes(const struct itimerspec *it)
{
	return (it->it_value.tv_sec + 30) / 60;
}

static void sets_timers(void *arg)
{
	const clockid_t set[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME };
	struct itimerspec it, left;
	timer_t id;

	for (unsigned i = 0; i < 3; i++) {
		int fd = (int)NEED(timerfd_create(set[i], 0));
		uint64_t ticks = 0;
		it = (struct itimerspec){ .it_value = after(set[i], 3600000000000L) };
		NEED(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
		NEED(timerfd_gettime(fd, &left));
		V(minutes(&left));
		it.it_value = after(set[i], 10000000);
		NEED(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, &left));
		V(minutes(&left));
		R(read(fd, &ticks, sizeof ticks));
		V(call_ns(set[i]) >= it.it_value.tv_sec * 1000000000L + it.it_value.tv_nsec);
		it.it_value = (struct timespec){ 0, 1 };
		NEED(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
		R(read(fd, &ticks, sizeof ticks));
		close(fd);
		struct sigevent none = { .sigev_notify = SIGEV_NONE };
		NEED(timer_create(set[i], &none, &id));
		it.it_value = after(set[i], 3600000000000L);
		NEED(timer_settime(id, TIMER_ABSTIME, &it, NULL));
		NEED(timer_gettime(id, &left));
		V(minutes(&left));
		it.it_value = (struct timespec){ 3600, 0 };
		NEED(timer_settime(id, 0, &it, NULL));
		NEED(timer_gettime(id, &left));
		V(minutes(&left));
		timer_delete(id);
	}
}

CASE(timers)
{
	run_in(AHEAD, sets_timers, NULL);
	run_in(BACK, sets_timers, NULL);
}

/* One that was set outside goes off when it would have. */
static void reads_timer(void *arg)
{
	int fd = *(int *)arg;
	struct itimerspec left;
	uint64_t ticks = 0;

	NEED(timerfd_gettime(fd, &left));
	V(left.it_value.tv_sec == 0);
	R(read(fd, &ticks, sizeof ticks));
}

CASE(timer_from_outside)
{
	int fd = (int)NEED(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec it = { .it_value = after(CLOCK_MONOTONIC, 200000000) };

	NEED(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	run_in(AHEAD, reads_timer, &fd);
}

/* ---- nested, and the vDSO where it is somewhere else ---- */

static void goes_deeper(void *arg)
{
	const int64_t *before = arg;

	NEED(unshare(CLONE_NEWTIME));
	say_file("/proc/self/timens_offsets");
	set_offsets("boottime 0 0\n");
	pid_t pid = fork();
	if (pid == 0) {
		say_moved(before);
		say_file("/proc/self/timens_offsets");
		_exit(0);
	}
	reap("inner", pid);
}

CASE(nested)
{
	int64_t before[NR_CLOCKS];

	read_clocks(before);
	run_in(AHEAD, goes_deeper, before);
}

CASE(generations)
{
	int64_t before[NR_CLOCKS];
	read_clocks(before);
	NEED(unshare(CLONE_NEWTIME));
	set_offsets(AHEAD);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();
		if (pid) {
			reap("child", pid);
			_exit(0);
		}
		say("%ld\n", days(before[1], clock_ns(CLOCK_MONOTONIC)));
	}
}
