/* SPDX-License-Identifier: Apache-2.0 */
/* All that tells the time tells the same time: each door is compared with the system call. The
 * suite tests/clock runs this with clocks that are not the host's. */
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

#include "case.h"

#define NS 1000000000L
#define MS 1000000L

/* What is read from a clock that moves once a tick may be so much behind. */
#define TICK (20 * MS)

static int64_t ns_of(struct timespec ts)
{
	return ts.tv_sec * NS + ts.tv_nsec;
}

static struct timespec at_ns(int64_t ns)
{
	return (struct timespec){ ns / NS, ns % NS };
}

/* Past the vDSO. */
static int64_t now(clockid_t clock)
{
	struct timespec ts;

	NEED(syscall(SYS_clock_gettime, clock, &ts));
	return ns_of(ts);
}

static const struct {
	clockid_t id;
	const char *name;
	int64_t coarse; /* behind by as much */
} clocks[] = {
	{ CLOCK_REALTIME, "realtime", 0 },
	{ CLOCK_MONOTONIC, "monotonic", 0 },
	{ CLOCK_MONOTONIC_RAW, "raw", 0 },
	{ CLOCK_BOOTTIME, "boottime", 0 },
	{ CLOCK_TAI, "tai", 0 },
	{ CLOCK_REALTIME_COARSE, "realtime coarse", TICK },
	{ CLOCK_MONOTONIC_COARSE, "monotonic coarse", TICK },
};
enum { NR_CLOCKS = sizeof clocks / sizeof *clocks };

static void say_between(const char *what, int64_t low, int64_t t, int64_t high)
{
	if (t >= low && t <= high)
		say("%s: the same\n", what);
	else
		say("%s: %ld ns before, %ld ns after\n", what, (long)(low - t), (long)(t - high));
}

/* Reads the three in this order. */
#define SAME(what, low, t, high)                                                                   \
	do {                                                                                       \
		int64_t low_ = (low), t_ = (t), high_ = (high);                                    \
		say_between(what, low_, t_, high_);                                                \
	} while (0)

CASE(vdso_and_system_call)
{
	for (int i = 0; i < NR_CLOCKS; i++) {
		struct timespec ts;
		int64_t before = now(clocks[i].id);

		NEED(clock_gettime(clocks[i].id, &ts));
		SAME(clocks[i].name, before - clocks[i].coarse, ns_of(ts),
		     now(clocks[i].id) + clocks[i].coarse);
	}
}

CASE(coarse_and_fine)
{
	int64_t real = now(CLOCK_REALTIME), mono = now(CLOCK_MONOTONIC);

	SAME("realtime", real - TICK, now(CLOCK_REALTIME_COARSE), now(CLOCK_REALTIME));
	SAME("monotonic", mono - TICK, now(CLOCK_MONOTONIC_COARSE), now(CLOCK_MONOTONIC));
	/* International Atomic Time is whole seconds ahead. */
	int64_t ahead = (now(CLOCK_TAI) - now(CLOCK_REALTIME) + NS / 2) / NS;
	SAME("tai", real + ahead * NS, now(CLOCK_TAI), now(CLOCK_REALTIME) + ahead * NS);
}

CASE(seconds)
{
	struct timeval tv;
	struct timex tx = { .modes = 0 };
	int64_t before = now(CLOCK_REALTIME);

	NEED(gettimeofday(&tv, NULL));
	SAME("gettimeofday", before - 999, tv.tv_sec * NS + tv.tv_usec * 1000, now(CLOCK_REALTIME));
	before = now(CLOCK_REALTIME);
	NEED(syscall(SYS_gettimeofday, &tv, NULL));
	SAME("past the vDSO", before - 999, tv.tv_sec * NS + tv.tv_usec * 1000,
	     now(CLOCK_REALTIME));
	before = now(CLOCK_REALTIME);
	SAME("time", (before - TICK) / NS, time(NULL), now(CLOCK_REALTIME) / NS);
	SAME("past the vDSO", (before - TICK) / NS, syscall(SYS_time, NULL),
	     now(CLOCK_REALTIME) / NS);
	before = now(CLOCK_REALTIME);
	NEED(adjtimex(&tx));
	SAME("adjtimex", before - 999,
	     tx.time.tv_sec * NS + tx.time.tv_usec * (tx.status & STA_NANO ? 1 : 1000),
	     now(CLOCK_REALTIME));
}

/* times(2) counts from another moment than the clock, but as fast. */
CASE(ticks)
{
	struct tms tms;
	int64_t mono = now(CLOCK_MONOTONIC), ticks = times(&tms);

	usleep(50000);
	int64_t more = (times(&tms) - ticks) * (NS / 100), passed = now(CLOCK_MONOTONIC) - mono;
	SAME("times", passed - 2 * TICK, more, passed + 2 * TICK);
}

static FILE *open_proc(const char *path)
{
	FILE *f = fopen(path, "r");

	NEED(f ? 0 : -1);
	return f;
}

static double uptime(void)
{
	FILE *f = open_proc("/proc/uptime");
	double up = 0, idle = -1;

	NEED(fscanf(f, "%lf %lf", &up, &idle) == 2 && idle >= 0 ? 0 : -1);
	fclose(f);
	return up;
}

static int64_t boot_seconds(void)
{
	FILE *f = open_proc("/proc/stat");
	char line[16384];
	long at = -1;

	while (fgets(line, sizeof line, f) && sscanf(line, "btime %ld", &at) != 1)
		;
	fclose(f);
	return at;
}

CASE(since_the_boot)
{
	struct sysinfo si;
	int64_t before = now(CLOCK_BOOTTIME);

	SAME("uptime", before - NS / 100, (int64_t)(uptime() * 100 + 0.5) * (NS / 100),
	     now(CLOCK_BOOTTIME));
	before = now(CLOCK_BOOTTIME);
	NEED(sysinfo(&si));
	SAME("sysinfo", before / NS, si.uptime, now(CLOCK_BOOTTIME) / NS + 1);
	before = now(CLOCK_REALTIME);
	SAME("btime", before / NS - 1, boot_seconds() + now(CLOCK_BOOTTIME) / NS,
	     now(CLOCK_REALTIME) / NS + 1);
}

/* In ticks of CLOCK_BOOTTIME, of a process or thread. */
static int64_t start_of(const char *path)
{
	FILE *f = open_proc(path);
	unsigned long long at = 0;
	char line[1024];

	NEED(fgets(line, sizeof line, f) ? 0 : -1);
	fclose(f);
	NEED(sscanf(strrchr(line, ')') + 2,
		    "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		    "%llu",
		    &at) == 1
		 ? 0
		 : -1);
	return (int64_t)at;
}

CASE(start_times)
{
	char path[64];
	int64_t before = now(CLOCK_BOOTTIME) / (NS / 100);
	int p[2];

	NEED(pipe(p));
	pid_t pid = fork();
	if (pid == 0) {
		close(p[1]);
		read(p[0], path, 1);
		_exit(0);
	}
	int64_t after = now(CLOCK_BOOTTIME) / (NS / 100);
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	SAME("child", before, start_of(path), after);
	V(start_of("/proc/self/stat") <= start_of(path));
	close(p[1]);
	reap("child", pid);
}

/* ---- times of files that no disk holds ---- */

static void say_file_times(const char *what, int fd, int64_t before)
{
	struct stat st;

	NEED(fstat(fd, &st));
	int64_t after = now(CLOCK_REALTIME);
	say("%s, ", what);
	SAME("mtime", before - TICK, ns_of(st.st_mtim), after);
	SAME("ctime", before - TICK, ns_of(st.st_ctim), after);
	SAME("atime", before - TICK, ns_of(st.st_atim), after);
}

CASE(files_in_memory)
{
	static const struct timespec both_now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } },
				     long_ago[2] = { { 1, 2 }, { 3, 4 } };
	int64_t before = now(CLOCK_REALTIME);
	int fd = (int)NEED(memfd_create("m", 0)), p[2];
	struct stat st;

	say_file_times("memfd", fd, before);
	NEED(futimens(fd, long_ago));
	NEED(fstat(fd, &st));
	V(ns_of(st.st_atim));
	V(ns_of(st.st_mtim));
	before = now(CLOCK_REALTIME);
	NEED(futimens(fd, both_now));
	say_file_times("set to now", fd, before);
	NEED(futimens(fd, long_ago));
	before = now(CLOCK_REALTIME);
	NEED(write(fd, "x", 1));
	NEED(fstat(fd, &st));
	SAME("written", before - TICK, ns_of(st.st_mtim), now(CLOCK_REALTIME));
	before = now(CLOCK_REALTIME);
	NEED(pipe(p));
	say_file_times("pipe", p[0], before);
	before = now(CLOCK_REALTIME);
	NEED(fchmod(p[0], 0640));
	NEED(fstat(p[0], &st));
	SAME("pipe changed", before - TICK, ns_of(st.st_ctim), now(CLOCK_REALTIME));
}

CASE(shared_memory_directory)
{
	char path[] = "/dev/shm/clocks-XXXXXX";
	int64_t before = now(CLOCK_REALTIME);
	int fd = (int)NEED(mkstemp(path));
	struct statx sx;

	say_file_times("new", fd, before);
	NEED(statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx));
	if (sx.stx_mask & STATX_BTIME)
		SAME("btime", before - TICK, sx.stx_btime.tv_sec * NS + sx.stx_btime.tv_nsec,
		     now(CLOCK_REALTIME));
	NEED(unlink(path));
	int dir = (int)NEED(open("/dev/shm", O_RDONLY));
	struct stat st;
	NEED(fstat(dir, &st));
	SAME("directory", before - TICK, ns_of(st.st_mtim), now(CLOCK_REALTIME));
}

CASE(terminals)
{
	char name[64];
	int64_t before = now(CLOCK_REALTIME);
	int master = (int)NEED(posix_openpt(O_RDWR | O_NOCTTY));
	struct stat st;

	NEED(ptsname_r(master, name, sizeof name));
	NEED(stat(name, &st));
	SAME("terminal", before - TICK, ns_of(st.st_ctim), now(CLOCK_REALTIME));
}

CASE(procfs)
{
	char path[64];
	int64_t before = now(CLOCK_REALTIME);
	pid_t pid = fork();
	struct stat st;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d", pid);
	NEED(stat(path, &st));
	SAME("process", before - TICK, ns_of(st.st_mtim), now(CLOCK_REALTIME));
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

/* ---- what carries a time ---- */

static void say_stamp(const char *what, int domain, int option)
{
	char control[256], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof addr;
	int s[2];

	if (domain == AF_UNIX) {
		NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	} else {
		s[0] = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
		s[1] = (int)NEED(socket(AF_INET, SOCK_DGRAM, 0));
		NEED(bind(s[1], (struct sockaddr *)&addr, len));
		NEED(getsockname(s[1], (struct sockaddr *)&addr, &len));
		NEED(connect(s[0], (struct sockaddr *)&addr, len));
	}
	NEED(setsockopt(s[1], SOL_SOCKET, option, &(int){ 1 }, sizeof(int)));
	int64_t before = now(CLOCK_REALTIME);
	NEED(send(s[0], "x", 1, 0));
	NEED(recvmsg(s[1], &m, 0));
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	NEED(c && c->cmsg_level == SOL_SOCKET ? 0 : -1);
	long t[2];
	memcpy(t, CMSG_DATA(c), sizeof t);
	int64_t unit = option == SO_TIMESTAMPNS ? 1 : 1000;
	/* The kernel reads another counter for a packet that comes by the loopback device. */
	SAME(what, before - TICK, t[0] * NS + t[1] * unit, now(CLOCK_REALTIME) + TICK);
	close(s[0]);
	close(s[1]);
}

CASE(datagrams)
{
	say_stamp("unix", AF_UNIX, SO_TIMESTAMP);
	say_stamp("unix, ns", AF_UNIX, SO_TIMESTAMPNS);
	say_stamp("udp", AF_INET, SO_TIMESTAMP);
	say_stamp("udp, ns", AF_INET, SO_TIMESTAMPNS);
}

/* ---- waits to a point in time: over at that time, neither before nor at once ---- */

static void say_waited(const char *what, clockid_t clock, int64_t until)
{
	int64_t t = now(clock);

	say("%s: %s\n", what,
	    t < until             ? "too early"
	    : t > until + 20 * NS ? "too late"
				  : "on time");
}

static void nanosleep_to(clockid_t clock, const char *name)
{
	int64_t until = now(clock) + 10 * MS;
	struct timespec ts = at_ns(until);

	Z(clock_nanosleep(clock, TIMER_ABSTIME, &ts, NULL));
	say_waited(name, clock, until);
	ts = at_ns(now(clock) - 3600 * NS);
	Z(clock_nanosleep(clock, TIMER_ABSTIME, &ts, NULL));
}

CASE(sleeps)
{
	nanosleep_to(CLOCK_REALTIME, "realtime");
	nanosleep_to(CLOCK_MONOTONIC, "monotonic");
	nanosleep_to(CLOCK_BOOTTIME, "boottime");
	nanosleep_to(CLOCK_TAI, "tai");
}

static void timers_of(clockid_t clock, const char *name)
{
	int64_t until = now(clock) + 10 * MS;
	struct itimerspec it = { .it_value = at_ns(until) }, left;
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	sigset_t set = SET(SIGUSR1);
	timer_t t;

	block(set);
	Z(timer_create(clock, &ev, &t));
	R(timer_settime(t, TIMER_ABSTIME, &it, NULL));
	R(timer_gettime(t, &left));
	V(ns_of(left.it_value) <= 10 * MS);
	R(sigwaitinfo(&set, NULL) == SIGUSR1);
	say_waited(name, clock, until);
	it.it_value = at_ns(now(clock) + 3600 * NS);
	R(timer_settime(t, TIMER_ABSTIME, &it, NULL));
	R(timer_gettime(t, &left));
	V(ns_of(left.it_value) > 3000 * NS && ns_of(left.it_value) <= 3600 * NS);
	timer_delete(t);
	if (clock == CLOCK_TAI)
		return;
	uint64_t n;
	int fd = (int)NEED(timerfd_create(clock, 0));
	until = now(clock) + 10 * MS;
	it.it_value = at_ns(until);
	R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	R(read(fd, &n, sizeof n));
	say_waited(name, clock, until);
	it.it_value = at_ns(now(clock) + 3600 * NS);
	R(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL));
	R(timerfd_gettime(fd, &left));
	V(ns_of(left.it_value) > 3000 * NS && ns_of(left.it_value) <= 3600 * NS);
	close(fd);
}

CASE(timers)
{
	timers_of(CLOCK_REALTIME, "realtime");
	timers_of(CLOCK_MONOTONIC, "monotonic");
	timers_of(CLOCK_BOOTTIME, "boottime");
	timers_of(CLOCK_TAI, "tai");
}

static void futex_until(const char *name, int op, clockid_t clock)
{
	int64_t until = now(clock) + 10 * MS;
	struct timespec ts = at_ns(until);
	uint32_t word = 0;

	R(syscall(SYS_futex, &word, op, 0, &ts, NULL, FUTEX_BITSET_MATCH_ANY));
	say_waited(name, clock, until);
	ts = at_ns(now(clock) - 3600 * NS);
	R(syscall(SYS_futex, &word, op, 0, &ts, NULL, FUTEX_BITSET_MATCH_ANY));
}

CASE(futexes)
{
	futex_until("monotonic", FUTEX_WAIT_BITSET, CLOCK_MONOTONIC);
	futex_until("realtime", FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, CLOCK_REALTIME);
	sem_t sem;
	NEED(sem_init(&sem, 0, 0));
	int64_t until = now(CLOCK_REALTIME) + 10 * MS;
	struct timespec ts = at_ns(until);
	R(sem_timedwait(&sem, &ts));
	say_waited("semaphore", CLOCK_REALTIME, until);
	pid_t pid = fork();
	if (pid == 0) {
		until = now(CLOCK_REALTIME) + 10 * MS;
		ts = at_ns(until);
		uint32_t word = (uint32_t)getppid();
		R(syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, &ts, NULL, 0));
		say_waited("with inheritance", CLOCK_REALTIME, until);
		_exit(0);
	}
	reap("child", pid);
}

/* Relative waits know no clock, but what is left of them does. */
CASE(relative_waits)
{
	int64_t start = now(CLOCK_MONOTONIC);
	struct timespec ts = { 0, 10 * MS };
	struct timeval tv = { 0, 10000 };
	sigset_t set = SET(SIGUSR1);

	R(poll(NULL, 0, 10));
	say_waited("poll", CLOCK_MONOTONIC, start + 10 * MS);
	start = now(CLOCK_MONOTONIC);
	R(select(0, NULL, NULL, NULL, &tv));
	say_waited("select", CLOCK_MONOTONIC, start + 10 * MS);
	V(tv.tv_sec + tv.tv_usec);
	start = now(CLOCK_MONOTONIC);
	R(sigtimedwait(&set, NULL, &ts));
	say_waited("sigtimedwait", CLOCK_MONOTONIC, start + 10 * MS);
	start = now(CLOCK_MONOTONIC);
	R(nanosleep(&ts, NULL));
	say_waited("nanosleep", CLOCK_MONOTONIC, start + 10 * MS);
	int s[2];
	char c;
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	NEED(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 0, 10000 }, sizeof tv));
	start = now(CLOCK_MONOTONIC);
	R(recv(s[0], &c, 1, 0));
	/* The kernel counts ticks here. */
	say_waited("SO_RCVTIMEO", CLOCK_MONOTONIC, start + 5 * MS);
	handle(SIGALRM, SIG_IGN, 0);
	struct itimerval it = { { 0, 0 }, { 3600, 0 } };
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	NEED(getitimer(ITIMER_REAL, &it));
	V(it.it_value.tv_sec > 3000 && it.it_value.tv_sec <= 3600);
}
