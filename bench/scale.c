// SPDX-License-Identifier: Apache-2.0
// What an operation costs while many threads or processes do the same, in the place where this
// program runs: natively, or as a guest.
//
//	scale NAME               ns an operation, over all threads: time by what they did
//	scale --threads N NAME   the same of so many threads, in place of 64
//	scale --ops N NAME       N operations of each thread, not timed
//	scale --list             the names and what one operation is
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum {
	THREADS = 64,
	PROCESSES = 1000,
	PAGE = 4096,
	RUN_NS = 300 * 1000 * 1000,
};

static int file_fd;

static void op_getppid(unsigned self)
{
	CHECK(syscall(SYS_getppid) >= 0);
}

static void op_mmap(unsigned self)
{
	char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && munmap(p, 16 * PAGE) == 0);
}

static void op_read(unsigned self)
{
	char buf[PAGE];

	CHECK(pread(file_fd, buf, PAGE, 0) == PAGE);
}

// Two threads hand a ball to and fro; 2: one of them has left the game.
static struct {
	_Alignas(64) uint32_t at;
} ball[THREADS / 2];

static void op_futex(unsigned self)
{
	uint32_t *word = &ball[self / 2].at, me = self % 2, seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) == !me)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
	if (seen == me && __atomic_compare_exchange_n(word, &seen, !me, false, __ATOMIC_ACQ_REL,
						      __ATOMIC_ACQUIRE))
		CHECK(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) >= 0);
}

static void leave_futex(unsigned self)
{
	uint32_t *word = &ball[self / 2].at;

	__atomic_store_n(word, 2, __ATOMIC_RELEASE);
	CHECK(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0) >= 0);
}

static const struct work {
	const char *name, *what;
	void (*op)(unsigned self);
	void (*leave)(unsigned self);
} works[] = {
	{ "threads-getppid", "a call that does nothing, 64 threads", op_getppid, NULL },
	{ "threads-mmap", "map and unmap 64 KiB, 64 threads", op_mmap, NULL },
	{ "threads-read", "pread of 4 KiB of one file, 64 threads", op_read, NULL },
	{ "threads-futex", "futex hand-over, 32 pairs of threads", op_futex, leave_futex },
};

// ---- threads ----

static const struct work *work;
static long count; // of operations each; 0: until the time is over
static unsigned threads_count = THREADS;
static bool over;
static pthread_barrier_t all;

struct done {
	_Alignas(64) unsigned self;
	long ops;
};

static void *thread_run(void *arg)
{
	struct done *d = arg;

	pthread_barrier_wait(&all);
	while (count ? d->ops < count : !__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		work->op(d->self);
		d->ops++;
	}
	if (work->leave)
		work->leave(d->self);
	return NULL;
}

static void file_make(void)
{
	static const char buf[PAGE] = "x";
	char path[] = "/tmp/scale.XXXXXX";

	file_fd = mkstemp(path);
	CHECK(file_fd >= 0 && unlink(path) == 0 && write(file_fd, buf, PAGE) == PAGE);
}

static double threads(void)
{
	static struct done done[THREADS];
	pthread_t t[THREADS];
	uint64_t start;
	long ops = 0;

	file_make();
	CHECK(pthread_barrier_init(&all, NULL, threads_count + 1) == 0);
	for (unsigned i = 0; i < threads_count; i++) {
		done[i].self = i;
		CHECK(pthread_create(&t[i], NULL, thread_run, &done[i]) == 0);
	}
	start = now(); // behind the barrier it may take long until this thread has a CPU
	pthread_barrier_wait(&all);
	if (!count) {
		nanosleep(&(struct timespec){ .tv_nsec = RUN_NS }, NULL);
		__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	}
	for (unsigned i = 0; i < threads_count; i++) {
		CHECK(pthread_join(t[i], NULL) == 0);
		ops += done[i].ops;
	}
	return (double)(now() - start) / (double)ops;
}

// ---- processes ----

// All are alive before the first ends.
static double processes(void)
{
	static pid_t pid[PROCESSES];
	int p[2], status;
	uint64_t start = now();
	char c;

	CHECK(pipe(p) == 0);
	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			close(p[1]);
			_exit(read(p[0], &c, 1) != 0);
		}
	}
	close(p[1]);
	for (int i = 0; i < PROCESSES; i++)
		CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
	return (double)(now() - start) / PROCESSES;
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
	const char *name = argc > 1 ? argv[argc - 1] : "";

	if (argc == 4 && strcmp(argv[1], "--ops") == 0)
		count = atol(argv[2]);
	if (argc == 4 && strcmp(argv[1], "--threads") == 0)
		threads_count = (unsigned)atoi(argv[2]);
	CHECK(threads_count > 0 && threads_count <= THREADS);
	for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
		if (list)
			printf("%s\t%s\n", works[i].name, works[i].what);
		else if (strcmp(name, works[i].name) == 0)
			work = &works[i];
	}
	if (list)
		printf(
		    "processes-1000\tfork, of a thousand that are alive at once, and their end\n");
	else if (work)
		printf("%.1f\n", threads());
	else if (strcmp(name, "processes-1000") == 0)
		printf("%.1f\n", processes());
	else
		return 2;
	return 0;
}
