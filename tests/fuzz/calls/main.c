/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 	calls RING SEED SECONDS [--table]	for a sandbox only: natively it would do real harm
 * 	calls --show RING			anywhere: the last calls of each thread
 *
 * The first process makes no call of the grammar, and no call may name it. It has a user of its
 * own, whom workers may not send signals to: with spoilt registers they would try. It starts
 * workers and kills all there is every second or so, then starts others. A worker is a session of
 * its own with mounts of its own, has descriptors of every kind and threads that make calls; its
 * first thread wakes those that block for too long and replaces those that ended.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

struct ring *ring;
pid_t first_process;
__thread struct me me;

/* --- one thread */

static inline __attribute__((always_inline)) long raw(long nr, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4],
			      r9 __asm__("r9") = a[5];
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static void note(const struct call *c)
{
	struct noted *n = &me.slot->last[me.slot->calls++ % NOTED];

	n->number = me.number;
	n->nr = c->nr;
	memcpy(n->arg, c->arg, sizeof n->arg);
	if (c->row >= 0)
		__atomic_fetch_add(&ring->round.made[c->row], 1, __ATOMIC_RELAXED);
}

long call6(long nr, const uint64_t a[6])
{
	struct call c = { .nr = nr, .row = -1 };

	memcpy(c.arg, a, sizeof c.arg);
	note(&c);
	return raw(nr, a);
}

static bool makes_task(long nr)
{
	return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3;
}

/* The other side of a fork. With memory shared it runs on our stack, and may do no more than
 * end. */
static void in_new_task(const struct call *c, pid_t parent)
{
	if (c->nr == SYS_vfork || raw(SYS_getppid, c->arg) != parent || c->nr == SYS_clone3 ||
	    me.depth > 1 || (c->nr == SYS_clone && (c->arg[0] & CLONE_VM)))
		raw(SYS_exit, (uint64_t[6]){ 0 });
	me.depth++;
	thread_start();
	make_calls((int)below(40));
	raw(SYS_exit_group, (uint64_t[6]){ 0 });
}

/* A frame of its own: the child of vfork comes back to it before its parent does. */
static __attribute__((noinline)) void one_call(void)
{
	struct call c;
	pid_t pid = (pid_t)raw(SYS_getpid, (uint64_t[6]){ 0 });

	grammar_call(&c);
	note(&c);
	long result = raw(c.nr, c.arg);
	if (result == 0 && makes_task(c.nr))
		in_new_task(&c, pid);
	if (c.row >= 0 && (result >= 0 || result < -4095))
		__atomic_fetch_add(&ring->round.worked[c.row], 1, __ATOMIC_RELAXED);
}

/* Calls may have blocked all signals, or moved the stack for handlers of faults. */
static void settle(void)
{
	static __thread char stack[16384];
	uint64_t none = 0;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
}

void make_calls(int count)
{
	for (volatile int i = 0; i < count; i++) {
		if (i % 32 == 0)
			settle();
		me.number++;
		me.rng = mix(me.seed + me.number * 0x9e3779b97f4a7c15);
		if (sigsetjmp(me.fault, 0) == 0) {
			me.in_call = true;
			if (percent(4))
				deed();
			else
				one_call();
		}
		me.in_call = false;
	}
}

void thread_start(void)
{
	uint64_t mine = __atomic_fetch_add(&ring->next_slot, 1, __ATOMIC_RELAXED);

	me.slot = &ring->slot[mine % SLOTS];
	me.seed = mix(me.seed ^ me.number);
	me.number = 0;
	me.slot->seed = me.seed;
	ring->tids[mine % TIDS] = (int32_t)syscall(SYS_gettid);
}

/* --- a worker */

enum { STARTING = -1 };
static struct worker_thread {
	uint64_t seed, seen; /* seen: how many calls it had made */
	struct slot *slot;
	int tid; /* 0: none */
} threads[THREADS];

static void *thread_main(void *arg)
{
	struct worker_thread *t = arg;

	me.seed = t->seed;
	me.number = 0;
	thread_start();
	me.rng = me.seed;
	if (percent(30))
		objects_open(); /* calls close them */
	if (memory_thread()) {
		t->slot = me.slot;
		t->tid = (int)syscall(SYS_gettid);
		make_calls(200 + (int)below(3000));
		memory_thread_end();
	}
	t->tid = 0;
	return NULL;
}

static bool gone(const struct worker_thread *t)
{
	return t->tid == 0 || (t->tid != STARTING &&
			       syscall(SYS_tgkill, getpid(), t->tid, 0) == -1 && errno == ESRCH);
}

static void replace(struct worker_thread *t)
{
	pthread_attr_t attr;
	pthread_t id;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 131072);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	t->seed = mix(t->seed + 1);
	t->slot = NULL;
	t->tid = STARTING;
	if (pthread_create(&id, &attr, thread_main, t) != 0)
		t->tid = 0;
}

static void wake_if_stuck(struct worker_thread *t)
{
	uint64_t calls = t->slot ? t->slot->calls : 0;

	if (t->tid > 0 && calls == t->seen)
		syscall(SYS_tgkill, getpid(), t->tid, SIGUSR1);
	t->seen = calls;
}

/* What keeps the host from harm; grammar.c's tame() leaves these two alone. */
static void set_limits(void)
{
	const struct {
		int what;
		rlim_t value;
	} limits[] = { { RLIMIT_AS, 512 << 20 },
		       { RLIMIT_FSIZE, 8 << 20 },
		       { RLIMIT_NOFILE, 160 },
		       { RLIMIT_CORE, 0 } };

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		setrlimit(limits[i].what, &(struct rlimit){ limits[i].value, limits[i].value });
}

static bool fail(const char *what)
{
	fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
	return false;
}

/* Where memory runs out workers go, not the first process. */
static bool when_memory_is_out(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool written = write(fd, score, strlen(score)) == (ssize_t)strlen(score);
	close(fd);
	return written;
}

#define FIRST_USER 23571 /* of the first process; workers are others */

/* Makes all capabilities effective that we have, but for those of `but`. */
static bool capabilities_without(uint64_t but)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		d[i].permitted &= ~(uint32_t)(but >> (32 * i));
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	return syscall(SYS_capset, &h, d) == 0;
}

static bool become_first_user(void)
{
	return prctl(PR_SET_KEEPCAPS, 1) == 0 &&
	       setresuid(FIRST_USER, FIRST_USER, FIRST_USER) == 0 && capabilities_without(0);
}

static bool become_root(void)
{
	return setresuid(0, 0, 0) == 0 && prctl(PR_CAPBSET_DROP, CAP_KILL) == 0 &&
	       capabilities_without(1UL << CAP_KILL);
}

/* A worker that unmounts what all need does not end the work of those that come after it. */
static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void become_user(void)
{
	if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
	    setresuid(65534, 65534, 65534) != 0)
		_exit(1);
}

static void worker(uint64_t seed)
{
	struct itimerval tick = { { 0, 7000 }, { 0, 7000 } };

	me.seed = me.rng = seed;
	setsid();
	if (!when_memory_is_out("1000") || !become_root() || !own_mounts()) {
		/* Others may have all files and all memory. Else a message makes the run a failure:
		 * without workers nothing would be tried. */
		if (errno != ENFILE && errno != ENOMEM)
			fail("a worker's start");
		_exit(1);
	}
	close_range(0, ~0U, 0);
	for (int i = 0; i < 3; i++)
		open("/dev/null", O_RDWR);
	umask(0);
	objects_open();
	memory_process();
	if (percent(40))
		become_user();
	set_limits();
	handle_signals();
	setitimer(ITIMER_REAL, &tick, NULL);
	for (int i = 0; i < THREADS; i++)
		threads[i].seed = mix(seed + (uint64_t)i);
	for (;;) {
		for (int i = 0; i < THREADS; i++) {
			if (gone(&threads[i]))
				replace(&threads[i]);
			wake_if_stuck(&threads[i]);
		}
		nanosleep(&(struct timespec){ 0, 4000000 }, NULL);
	}
}

/* --- the first process */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Keeps workers running until `end`. */
static bool run_workers(double end)
{
	pid_t pid[PROCESSES] = { 0 };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (double left; (left = end - now()) > 0;) {
		for (int i = 0; i < PROCESSES; i++) {
			uint64_t seed = random64();
			if (pid[i] != 0)
				continue;
			pid[i] = fork();
			/* As many as may be: some end soon. */
			if (pid[i] < 0 && (errno == EAGAIN || errno == ENOMEM)) {
				pid[i] = 0;
				break;
			}
			if (pid[i] < 0)
				return fail("fork");
			if (pid[i] == 0)
				worker(seed);
		}
		sigtimedwait(&child, NULL,
			     &(struct timespec){ (time_t)left, (long)(left * 1e9) % 1000000000 });
		for (pid_t dead; (dead = waitpid(-1, NULL, WNOHANG | __WALL)) > 0;)
			for (int i = 0; i < PROCESSES; i++)
				if (pid[i] == dead)
					pid[i] = 0;
	}
	return true;
}

/* Ends all but us. What the workers left was adopted, and is not ours to wait for: it has to be
 * gone soon. */
static bool sweep(void)
{
	double end = now() + 20;

	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	while (kill(-1, SIGKILL) == 0) {
		if (now() > end)
			return fail("killed processes do not end");
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	return true;
}

/* Files in memory outlive those who made them. */
static void empty(const char *path)
{
	DIR *dir = opendir(path);

	for (const struct dirent *e; dir && (e = readdir(dir));)
		if (unlinkat(dirfd(dir), e->d_name, 0) != 0)
			unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
}

/* No thread makes more calls of a row between two sweeps. */
#define MOST_A_ROUND 1000000

static struct counts counted; /* in all rounds; the first process's own */

static void collect(uint64_t *from, uint64_t *to)
{
	for (int i = 0; i < ROWS; i++) {
		if (from[i] <= MOST_A_ROUND)
			to[i] += from[i];
		from[i] = 0;
	}
}

/* The ring's counts lie in memory that workers write to, by calls with odd pointers, too: what they
 * did within one round is added to ours, and a number that cannot be is left out. Nobody else
 * runs. */
static void count_round(void)
{
	collect(ring->round.made, counted.made);
	collect(ring->round.worked, counted.worked);
}

static uint64_t total(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < ROWS; i++)
		sum += counted.made[i];
	return sum;
}

static void show_table(void)
{
	for (int i = 0; grammar_row_nr(i) >= 0; i++)
		printf("%-24s %8lu made %8lu worked\n", grammar_name(grammar_row_nr(i)),
		       counted.made[i], counted.worked[i]);
}

static void show(void)
{
	printf("seed %lu\n", ring->seed);
	for (int i = 0; i < SLOTS; i++) {
		const struct slot *s = &ring->slot[i];
		for (uint64_t n = s->calls > NOTED ? s->calls - NOTED : 0; n < s->calls; n++) {
			const struct noted *c = &s->last[n % NOTED];
			printf("thread %016lx call %lu: %s(", s->seed, c->number,
			       grammar_name(c->nr));
			for (int j = 0; j < 6; j++)
				printf("%s%#lx", j ? ", " : "", c->arg[j]);
			printf(") %ld\n", c->nr);
		}
	}
}

static bool map_ring(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof *ring) != 0)
		return fail(path);
	ring = memory_map(sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	close(fd);
	return ring != MAP_FAILED || fail(path);
}

static bool run(uint64_t seed, double seconds)
{
	double end = now() + seconds;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	ring->seed = me.rng = seed;
	first_process = getpid();
	when_memory_is_out("-1000"); /* where there is a bound, and so a right to */
	if (!become_first_user())
		return fail("a user of its own");
	memory_shared();
	while (now() < end) {
		double until = now() + 0.5 + (double)below(2000) / 1000;
		if (!run_workers(until < end ? until : end) || !sweep())
			return false;
		count_round();
		empty("/dev/shm");
	}
	return true;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 0; /* executed by a deed */
	if (!map_ring(argv[argc == 3 ? 2 : 1]))
		return 1;
	if (argc == 3) {
		show();
		return 0;
	}
	if (getpid() > 50) {
		fprintf(stderr, "calls: this is for a sandbox, where process numbers start at 1\n");
		return 1;
	}
	/* A plain world's is the host's; tests/fuzz/calls/confined has made one where /notes is. */
	if (access("/notes", F_OK) != 0) {
		fprintf(stderr, "calls: this is for a place made by tests/fuzz/calls/confined\n");
		return 1;
	}
	if (!run(strtoull(argv[2], NULL, 0), strtod(argv[3], NULL)))
		return 1;
	if (argc > 4)
		show_table();
	printf("%lu calls\n", total());
	return 0;
}
