// SPDX-License-Identifier: Apache-2.0
// What an operation costs, in the place where this program runs: natively, or as a guest. It knows
// nothing of hl.
//
//	micro NAME                one benchmark of the table: ns an operation, median of some rounds
//	micro --ops N NAME        so many operations of it, not timed
//	micro --list              the names and what one operation is
//	micro --wall N CMD...     wall time of CMD in ns, the median of N runs; all must exit with 0
//	micro --many N CMD...     N of CMD at once: ns for each of them until all have ended
//	micro --burn              computes for ever
//	micro --peak CMD...       peak resident memory of CMD, in KiB; it must exit with 0
//	micro --footprint CMD...  memory of CMD and its children once it has printed a line, in KiB
//	micro --private CMD...    the part of it that nobody shares
//	micro --idle-cpu CMD...   CPU time that they use in half a second from then on, in ns
//	micro --idle N            N threads that wait; prints a line when all wait, ends with stdin
//
// A benchmark that fails ends with a message and status 1: no number comes from something that did
// not work.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
	ROUNDS = 7,
	ROUND_NS = 30 * 1000 * 1000, // 7 rounds and their calibration stay near 0.3 s
	PAGE = 4096,
	BATCH_PAGES = 4096, // a batch of page faults: 16 MiB at a time
	TOUCHED = 64 << 20,
};

static const char *self;

// ---- the benchmarks: each does n operations and returns the nanoseconds they took ----

#define LOOP(statement)                                                                            \
	uint64_t start = now();                                                                    \
	for (long i = 0; i < n; i++)                                                               \
		statement;                                                                         \
	return now() - start

static uint64_t bench_cpu(long n)
{
	volatile uint64_t sink;
	uint64_t x = 88172645463325252u, start = now();

	for (long i = 0; i < n * 1000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	sink = x;
	(void)sink;
	return now() - start;
}

static uint64_t bench_getppid(long n)
{
	LOOP(CHECK(syscall(SYS_getppid) >= 0));
}

static uint64_t bench_clock(long n)
{
	struct timespec ts;

	LOOP(CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0));
}

static int file_make(void)
{
	static const char buf[PAGE] = "x";
	char path[] = "/tmp/micro.XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK(unlink(path) == 0);
	CHECK(write(fd, buf, sizeof buf) == PAGE);
	return fd;
}

static uint64_t bench_read(long n)
{
	static char buf[PAGE];
	static int fd = -1;

	if (fd < 0)
		fd = file_make();
	LOOP(CHECK(pread(fd, buf, PAGE, 0) == PAGE));
}

static uint64_t bench_write(long n)
{
	static char buf[PAGE];
	static int fd = -1;

	if (fd < 0)
		fd = file_make();
	LOOP(CHECK(pwrite(fd, buf, PAGE, 0) == PAGE));
}

static uint64_t bench_stat(long n)
{
	struct stat st;

	LOOP(CHECK(stat("/etc/passwd", &st) == 0));
}

static uint64_t bench_readdir(long n)
{
	DIR *d;

	LOOP({
		d = opendir(".");
		CHECK(d);
		while (readdir(d))
			;
		closedir(d);
	});
}

static uint64_t bench_open(long n)
{
	int fd;

	LOOP({
		fd = open("/etc/passwd", O_RDONLY);
		CHECK(fd >= 0 && close(fd) == 0);
	});
}

static uint64_t bench_open_read(long n)
{
	char buf[PAGE];
	int fd;

	LOOP({
		fd = open("/etc/passwd", O_RDONLY);
		CHECK(fd >= 0 && read(fd, buf, sizeof buf) > 0 && close(fd) == 0);
	});
}

// The other side of the pipes: sends back each byte it gets, ends with the pipe.
static void echo_process(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1)
		CHECK(write(out, &c, 1) == 1);
	_exit(0);
}

static uint64_t bench_pipe(long n)
{
	int there[2], back[2], status;
	uint64_t start;
	pid_t pid;
	char c = 0;

	CHECK(pipe(there) == 0 && pipe(back) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(there[1]);
		echo_process(there[0], back[1]);
	}
	start = now();
	for (long i = 0; i < n; i++)
		CHECK(write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1);
	start = now() - start;
	for (int i = 0; i < 2; i++) {
		close(there[1 - i]);
		close(back[i]);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return start;
}

static uint64_t touch_batch(long pages)
{
	size_t size = (size_t)pages * PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start;

	CHECK(p != MAP_FAILED);
	madvise(p, size,
		MADV_NOHUGEPAGE); // one fault a page, where the kernel has huge pages at all
	start = now();
	for (size_t i = 0; i < size; i += PAGE)
		((volatile char *)p)[i] = 1;
	start = now() - start;
	CHECK(munmap(p, size) == 0);
	return start;
}

static uint64_t bench_fault(long n)
{
	uint64_t total = 0;

	for (; n > 0; n -= BATCH_PAGES)
		total += touch_batch(n < BATCH_PAGES ? n : BATCH_PAGES);
	return total;
}

static uint64_t bench_mmap(long n)
{
	char *p;

	LOOP({
		p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		CHECK(p != MAP_FAILED && munmap(p, 16 * PAGE) == 0);
	});
}

// What one munmap costs, of memory that was written: only it is timed.
static uint64_t bench_munmap(long n)
{
	uint64_t total = 0, start;

	for (long i = 0; i < n; i++) {
		char *p =
		    mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(p != MAP_FAILED);
		madvise(p, TOUCHED, MADV_NOHUGEPAGE);
		for (size_t k = 0; k < TOUCHED; k += PAGE)
			((volatile char *)p)[k] = 1;
		start = now();
		CHECK(munmap(p, TOUCHED) == 0);
		total += now() - start;
	}
	return total;
}

// glibc raises the priority of who takes such a mutex, and lowers it again. Ends with 77 for whom
// the kernel gives no real-time priority.
static uint64_t bench_mutex(long n)
{
	const struct sched_param low = { .sched_priority = 1 };
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;

	if (sched_setscheduler(0, SCHED_FIFO, &low) < 0 && errno == EPERM)
		exit(77);
	CHECK(sched_getscheduler(0) == SCHED_FIFO);
	CHECK(pthread_mutexattr_init(&attr) == 0 &&
	      pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_PROTECT) == 0 &&
	      pthread_mutexattr_setprioceiling(&attr, 2) == 0 &&
	      pthread_mutex_init(&mutex, &attr) == 0);
	LOOP(CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0));
}

static void child_end(pid_t pid)
{
	int status;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static uint64_t bench_fork(long n)
{
	pid_t pid;

	LOOP({
		pid = fork();
		if (pid == 0)
			_exit(0);
		child_end(pid);
	});
}

static uint64_t bench_exec(long n)
{
	pid_t pid;

	LOOP({
		pid = fork();
		if (pid == 0) {
			execl(self, self, "--exit", (char *)NULL);
			_exit(1);
		}
		child_end(pid);
	});
}

static void *thread_nothing(void *arg)
{
	return arg;
}

static uint64_t bench_thread(long n)
{
	pthread_t t;

	LOOP({
		CHECK(pthread_create(&t, NULL, thread_nothing, NULL) == 0);
		CHECK(pthread_join(t, NULL) == 0);
	});
}

static uint32_t ball; // 0: the main thread's turn; 1: the other's; 2: the end

static void futex_hand(uint32_t to)
{
	__atomic_store_n(&ball, to, __ATOMIC_RELEASE);
	CHECK(syscall(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) >= 0);
}

static void futex_await(uint32_t while_it_is)
{
	while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) == while_it_is)
		syscall(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, while_it_is, NULL, NULL, 0);
}

static void *futex_partner(void *arg)
{
	for (;;) {
		futex_await(0);
		if (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) == 2)
			return arg;
		futex_hand(0);
	}
}

static uint64_t bench_futex(long n)
{
	pthread_t t;
	uint64_t start;

	ball = 0;
	CHECK(pthread_create(&t, NULL, futex_partner, NULL) == 0);
	start = now();
	for (long i = 0; i < n; i++) {
		futex_hand(1);
		futex_await(1);
	}
	start = now() - start;
	futex_hand(2);
	CHECK(pthread_join(t, NULL) == 0);
	return start;
}

static void timer_set(int fd, long ns)
{
	struct itimerspec it = { .it_value = { ns / 1000000000, ns % 1000000000 } };

	CHECK(timerfd_settime(fd, 0, &it, NULL) == 0);
}

// What an event loop does with each request: its time limit is moved on.
static uint64_t bench_timerfd(long n)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	CHECK(fd >= 0);
	uint64_t start = now();
	for (long i = 0; i < n; i++)
		timer_set(fd, 10000000000 + i);
	start = now() - start;
	close(fd);
	return start;
}

#define TIMER_NS 100000

// What comes on top of the time that was asked for.
static uint64_t timer_lateness(long n, bool epoll)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };
	uint64_t ticks, total = 0;

	CHECK(fd >= 0 && ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
	for (long i = 0; i < n; i++) {
		uint64_t start = now();
		timer_set(fd, TIMER_NS);
		if (epoll)
			CHECK(epoll_wait(ep, &ev, 1, -1) == 1);
		CHECK(read(fd, &ticks, sizeof ticks) == sizeof ticks);
		total += now() - start - TIMER_NS;
	}
	close(fd);
	close(ep);
	return total;
}

static uint64_t bench_timerfd_read(long n)
{
	return timer_lateness(n, false);
}

static uint64_t bench_timerfd_epoll(long n)
{
	return timer_lateness(n, true);
}

static uint64_t signal_arrived;
static sem_t signal_seen;

static void signal_handler(int sig)
{
	signal_arrived = now();
	sem_post(&signal_seen);
}

static void *signal_target(void *arg)
{
	int *pipe_end = arg;
	char c;

	while (read(*pipe_end, &c, 1) < 0 && errno == EINTR)
		;
	return NULL;
}

// From pthread_kill to the first instruction of the handler, in a thread that sits in read.
static uint64_t bench_signal(long n)
{
	struct sigaction sa = { .sa_handler = signal_handler };
	const struct timespec settle = { .tv_nsec = 200000 };
	uint64_t total = 0, start;
	pthread_t t;
	int p[2];

	CHECK(sem_init(&signal_seen, 0, 0) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0 &&
	      pipe(p) == 0);
	CHECK(pthread_create(&t, NULL, signal_target, &p[0]) == 0);
	for (long i = 0; i < n; i++) {
		nanosleep(&settle, NULL);
		start = now();
		CHECK(pthread_kill(t, SIGUSR1) == 0);
		while (sem_wait(&signal_seen) < 0)
			CHECK(errno == EINTR);
		total += signal_arrived - start;
	}
	close(p[1]);
	CHECK(pthread_join(t, NULL) == 0);
	close(p[0]);
	return total;
}

static const struct bench {
	const char *name, *what;
	uint64_t (*run)(long n);
	long limit; // operations in a round at most, 0: as many as fit
} benches[] = {
	{ "cpu", "1,000 steps of integer arithmetic", bench_cpu, 0 },
	{ "getppid", "a system call that does nothing", bench_getppid, 0 },
	{ "clock_gettime", "the monotonic clock", bench_clock, 0 },
	{ "read-4k", "pread of 4 KiB of a cached file", bench_read, 0 },
	{ "write-4k", "pwrite of 4 KiB to a file", bench_write, 0 },
	{ "stat", "stat of a file", bench_stat, 0 },
	{ "readdir", "the working directory, read whole", bench_readdir, 0 },
	{ "open-close", "open and close of a file", bench_open, 0 },
	{ "open-read-close", "open, read and close of a file", bench_open_read, 0 },
	{ "pipe", "a byte to another process and back", bench_pipe, 0 },
	{ "page-fault", "first touch of a page of anonymous memory", bench_fault, 0 },
	{ "mmap-munmap", "map and unmap 64 KiB, untouched", bench_mmap, 0 },
	{ "munmap-touched", "unmap 64 MiB that were written", bench_munmap, 4 },
	{ "mutex-priority", "take and give back a mutex with a priority", bench_mutex, 0 },
	{ "fork-wait", "fork, exit, wait", bench_fork, 0 },
	{ "fork-exec", "fork, execve of a static program, exit, wait", bench_exec, 0 },
	{ "thread", "create and join a thread", bench_thread, 0 },
	{ "futex", "futex hand-over to another thread and back", bench_futex, 0 },
	{ "timerfd", "set a timer that is set already", bench_timerfd, 0 },
	{ "timerfd-read", "by how much a read of a timerfd is late", bench_timerfd_read, 200 },
	{ "timerfd-epoll", "the same through epoll", bench_timerfd_epoll, 200 },
	{ "signal", "from pthread_kill to the handler of a thread in read", bench_signal, 100 },
};

// ---- measuring ----

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof *v, compare);
	return v[n / 2];
}

// How many operations fill a round: doubles until a tenth of a round is reached, then scales.
static long calibrate(const struct bench *b)
{
	uint64_t took;
	long n = 1;

	while ((took = b->run(n)) < ROUND_NS / 10 && (b->limit == 0 || n < b->limit))
		n *= 2;
	n = (long)((double)n * ROUND_NS / (double)(took ? took : 1));
	if (b->limit && n > b->limit)
		n = b->limit;
	return n > 0 ? n : 1;
}

static int bench_run(const struct bench *b)
{
	long n = calibrate(b);
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		ns[i] = (double)b->run(n) / (double)n;
	printf("%.1f\n", median(ns, ROUNDS));
	return 0;
}

// Starts argv with stdout on /dev/null, or with both ends of it on pipes.
static pid_t spawn(char **argv, int *to, int *from)
{
	posix_spawn_file_actions_t fa;
	int in[2], out[2], r;
	pid_t pid;

	CHECK(posix_spawn_file_actions_init(&fa) == 0);
	if (to) {
		CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
		posix_spawn_file_actions_adddup2(&fa, in[0], 0);
		posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	} else {
		posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	}
	r = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
	if (r != 0) {
		errno = r;
		fail(argv[0]);
	}
	posix_spawn_file_actions_destroy(&fa);
	if (to) {
		close(in[0]);
		close(out[1]);
		*to = in[1];
		*from = out[0];
	}
	return pid;
}

static struct rusage await(pid_t pid, char **argv)
{
	struct rusage ru;
	int status;

	CHECK(wait4(pid, &status, 0, &ru) == pid);
	if (status != 0) {
		fprintf(stderr, "micro: %s ended with wait status %#x\n", argv[0],
			(unsigned)status);
		exit(1);
	}
	return ru;
}

static int wall(int count, char **argv)
{
	double ns[101];
	uint64_t start;

	if (count < 1 || count > 101)
		count = 1;
	for (int i = 0; i < count; i++) {
		start = now();
		await(spawn(argv, NULL, NULL), argv);
		ns[i] = (double)(now() - start);
	}
	printf("%.0f\n", median(ns, count));
	return 0;
}

static int many(int count, char **argv)
{
	pid_t pid[1000];
	uint64_t start = now();

	CHECK(count > 0 && count <= 1000);
	for (int i = 0; i < count; i++)
		pid[i] = spawn(argv, NULL, NULL);
	for (int i = 0; i < count; i++)
		await(pid[i], argv);
	printf("%.0f\n", (double)(now() - start) / count);
	return 0;
}

// Ends with who started it.
static _Noreturn void burn(void)
{
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	for (volatile unsigned long n = 0;; n++)
		;
}

static int peak(char **argv)
{
	struct rusage ru = await(spawn(argv, NULL, NULL), argv);

	printf("%ld\n", ru.ru_maxrss);
	return 0;
}

// What of a process is summed over it and its children.
typedef long (*quantity)(long pid);

static long smaps_sum(long pid, const char *prefix)
{
	char path[64], line[256];
	long sum = 0, kib;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
	f = fopen(path, "re");
	if (!f)
		return 0; // it ended meanwhile
	while (fgets(line, sizeof line, f))
		if (strncmp(line, prefix, strlen(prefix)) == 0 &&
		    sscanf(strchr(line, ':') + 1, "%ld", &kib) == 1)
			sum += kib;
	fclose(f);
	return sum;
}

static long pss_kib(long pid)
{
	return smaps_sum(pid, "Pss:");
}

static long private_kib(long pid)
{
	return smaps_sum(pid, "Private_");
}

static long children_sum(const char *path, quantity q);

// Children hang below the thread that made them.
static long tree_sum(long pid, quantity q)
{
	char path[320];
	long sum = q(pid);
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%ld/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof path, "/proc/%ld/task/%s/children", pid, e->d_name);
		if (e->d_name[0] != '.')
			sum += children_sum(path, q);
	}
	if (d)
		closedir(d);
	return sum;
}

static long children_sum(const char *path, quantity q)
{
	FILE *f = fopen(path, "re");
	long sum = 0, child;

	while (f && fscanf(f, "%ld", &child) == 1)
		sum += tree_sum(child, q);
	if (f)
		fclose(f);
	return sum;
}

static long thread_cpu_ns(const char *path)
{
	FILE *f = fopen(path, "re");
	long ns = 0;

	if (f && fscanf(f, "%ld", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static long cpu_ns(long pid)
{
	char path[320];
	struct dirent *e;
	long sum = 0;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%ld/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof path, "/proc/%ld/task/%s/schedstat", pid, e->d_name);
		sum += thread_cpu_ns(path);
	}
	if (d)
		closedir(d);
	return sum;
}

static long idle_cpu_ns(long pid)
{
	const struct timespec settle = { .tv_sec = 1 }, half = { .tv_nsec = 500000000 };
	long before;

	nanosleep(&settle, NULL);
	before = tree_sum(pid, cpu_ns);
	nanosleep(&half, NULL);
	return tree_sum(pid, cpu_ns) - before;
}

static long tree_pss_kib(long pid)
{
	return tree_sum(pid, pss_kib);
}

static long tree_private_kib(long pid)
{
	return tree_sum(pid, private_kib);
}

// A figure of CMD, which has printed a line and waits.
static int observe(char **argv, long (*figure)(long pid))
{
	int to, from;
	pid_t pid = spawn(argv, &to, &from);
	char c = 0;

	while (c != '\n')
		CHECK(read(from, &c, 1) == 1);
	printf("%ld\n", figure(pid));
	close(to);
	await(pid, argv);
	return 0;
}

static void *thread_idle(void *arg)
{
	pthread_barrier_wait(arg);
	pause();
	return NULL;
}

static int idle(unsigned count)
{
	pthread_barrier_t all;
	pthread_attr_t attr;
	pthread_t t;
	char c;

	CHECK(pthread_barrier_init(&all, NULL, count + 1) == 0);
	CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstacksize(&attr, 64 << 10) == 0);
	for (unsigned i = 0; i < count; i++)
		CHECK(pthread_create(&t, &attr, thread_idle, &all) == 0);
	pthread_barrier_wait(&all);
	CHECK(write(1, "idle\n", 5) == 5);
	while (read(0, &c, 1) > 0)
		;
	_exit(0);
}

static int list(void)
{
	for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
		printf("%s\t%s\n", benches[i].name, benches[i].what);
	return 0;
}

static const struct bench *bench_named(const char *name)
{
	for (size_t i = 0; i < sizeof benches / sizeof *benches; i++)
		if (strcmp(name, benches[i].name) == 0)
			return &benches[i];
	return NULL;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: micro NAME | --ops N NAME | --list | --wall N CMD | --many N CMD |\n"
		"       --peak CMD | --footprint CMD | --private CMD | --idle-cpu CMD |\n"
		"       --idle N | --burn\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	self = argv[0];
	if (strcmp(verb, "--exit") == 0)
		return 0;
	if (strcmp(verb, "--list") == 0)
		return list();
	if (strcmp(verb, "--burn") == 0)
		burn();
	if (strcmp(verb, "--ops") == 0 && argc == 4 && bench_named(argv[3])) {
		bench_named(argv[3])->run(atol(argv[2]));
		return 0;
	}
	if (strcmp(verb, "--wall") == 0 && argc > 3)
		return wall(atoi(argv[2]), argv + 3);
	if (strcmp(verb, "--many") == 0 && argc > 3)
		return many(atoi(argv[2]), argv + 3);
	if (strcmp(verb, "--peak") == 0 && argc > 2)
		return peak(argv + 2);
	if (strcmp(verb, "--footprint") == 0 && argc > 2)
		return observe(argv + 2, tree_pss_kib);
	if (strcmp(verb, "--private") == 0 && argc > 2)
		return observe(argv + 2, tree_private_kib);
	if (strcmp(verb, "--idle-cpu") == 0 && argc > 2)
		return observe(argv + 2, idle_cpu_ns);
	if (strcmp(verb, "--idle") == 0 && argc > 2)
		return idle((unsigned)atoi(argv[2]));
	return bench_named(verb) ? bench_run(bench_named(verb)) : usage();
}
