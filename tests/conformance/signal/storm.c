/* SPDX-License-Identifier: Apache-2.0 */
/* Many signals at once, from and to many threads and processes: nothing is lost, doubled or
 * corrupted. */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

#include "case.h"

#define THREADS 4

static atomic_int handled, corrupted, done;
static volatile double sink;

/* Spoils what a careless frame would not bring back. */
static void spoil(int sig)
{
	double x = sig;

	for (int i = 0; i < 20; i++)
		x = x * 1.5 + i;
	sink = x;
	__asm__ volatile(
	    "pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm7, %%xmm7\n\tpcmpeqd %%xmm15, %%xmm15\n\t"
	    "mov $-1, %%r8\n\tmov %%r8, %%r11\n\tstd\n\tcld" ::
		: "xmm0", "xmm7", "xmm15", "r8", "r11", "cc");
	atomic_fetch_add(&handled, 1);
}

/* Registers, flags and the red zone, from one end of a loop to the other. True: all are what they
 * were. */
static bool registers_keep(unsigned long rounds)
{
	unsigned long ok;

	__asm__ volatile("mov %1, %%rcx\n\t"
			 "movq %%rcx, %%xmm7\n\t"
			 "mov $0x1234567, %%r8\n\t"
			 "mov $0x7654321, %%r11\n\t"
			 "mov $0x55aa55aa, %%rax\n\t"
			 "movq %%rax, %%xmm15\n\t"
			 "mov %%rax, -128(%%rsp)\n\t"
			 "mov %%rax, -8(%%rsp)\n\t"
			 "stc\n"
			 "1:\tdec %%rcx\n\t" /* leaves the carry alone */
			 "jnz 1b\n\t"
			 "setc %%cl\n\t"
			 "movzbl %%cl, %%ecx\n\t"
			 "cmp $0x1234567, %%r8\n\t"
			 "jne 2f\n\t"
			 "cmp $0x7654321, %%r11\n\t"
			 "jne 2f\n\t"
			 "cmp %%rax, -128(%%rsp)\n\t"
			 "jne 2f\n\t"
			 "cmp %%rax, -8(%%rsp)\n\t"
			 "jne 2f\n\t"
			 "movq %%xmm15, %%r8\n\t"
			 "cmp %%r8, %%rax\n\t"
			 "jne 2f\n\t"
			 "movq %%xmm7, %%r8\n\t"
			 "cmp %1, %%r8\n\t"
			 "je 3f\n"
			 "2:\txor %%ecx, %%ecx\n"
			 "3:\tmov %%rcx, %0"
			 : "=r"(ok)
			 : "r"(rounds)
			 : "rax", "rcx", "r8", "r11", "xmm7", "xmm15", "cc", "memory");
	return ok;
}

static void *computes(void *arg)
{
	while (!atomic_load(&done)) {
		if (!registers_keep(20000))
			atomic_fetch_add(&corrupted, 1);
	}
	return arg;
}

static void start(pthread_t *t, void *(*fn)(void *))
{
	for (long i = 0; i < THREADS; i++)
		NEED(-pthread_create(&t[i], NULL, fn, (void *)i));
}

static void join(pthread_t *t)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

/* Until `n` signals were handled, or something is lost for good. */
static void await(atomic_int *count, int n)
{
	for (int i = 0; i < 5000 && atomic_load(count) < n; i++)
		usleep(1000);
	say("handled = %d\n", atomic_load(count));
}

CASE(registers)
{
	pthread_t t[THREADS];

	handle(SIGRTMIN, spoil, SA_RESTART);
	start(t, computes);
	for (int i = 0; i < 400; i++)
		NEED(-pthread_kill(t[i % THREADS], SIGRTMIN));
	await(&handled, 400);
	atomic_store(&done, 1);
	join(t);
	V(corrupted);
}

static void *sends_to_process(void *arg)
{
	for (int i = 0; i < 100; i++) {
		while (kill(getpid(), SIGRTMIN + 1) == -1 && errno == EAGAIN)
			sched_yield();
	}
	return arg;
}

CASE(to_process)
{
	pthread_t t[THREADS];

	handle(SIGRTMIN + 1, spoil, SA_RESTART);
	start(t, sends_to_process);
	join(t);
	await(&handled, 100 * THREADS);
}

/* Each sender's values must come in their order, whoever takes them. */
static int last_of[THREADS];
static atomic_int taken, disorder;

static void *sends_values(void *arg)
{
	int sender = (int)(long)arg;

	for (int i = 1; i <= 100; i++) {
		union sigval v = { .sival_int = sender << 16 | i };
		while (sigqueue(getpid(), SIGRTMIN + 2, v) == -1 && errno == EAGAIN)
			sched_yield();
	}
	return arg;
}

CASE(queued_in_order)
{
	sigset_t set = SET(SIGRTMIN + 2);
	struct timespec limit = { .tv_sec = 5 };
	pthread_t t[THREADS];
	siginfo_t si;

	block(set);
	start(t, sends_values);
	while (taken < 100 * THREADS && sigtimedwait(&set, &si, &limit) > 0) {
		int sender = si.si_value.sival_int >> 16, i = si.si_value.sival_int & 0xffff;
		disorder += i != last_of[sender] + 1;
		last_of[sender] = i;
		taken++;
	}
	join(t);
	V(taken);
	V(disorder);
}

static void *waits_for_values(void *arg)
{
	sigset_t set = SET(SIGRTMIN + 2);
	siginfo_t si;

	for (;;) {
		if (sigwaitinfo(&set, &si) < 0)
			continue;
		if (si.si_value.sival_int == 0)
			return arg;
		atomic_fetch_add(&taken, 1);
	}
}

CASE(shared_by_waiters)
{
	pthread_t waiters[THREADS], senders[THREADS];

	block(SET(SIGRTMIN + 2));
	start(waiters, waits_for_values);
	start(senders, sends_values);
	join(senders);
	await(&taken, 100 * THREADS);
	for (int i = 0; i < THREADS; i++)
		NEED(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = 0 }));
	join(waiters);
}

/* System calls that restart: the data that goes through a pipe is whole. */
static int pipe_fds[2];

static void *writes(void *arg)
{
	unsigned char buf[1000];

	for (int i = 0; i < 300; i++) {
		memset(buf, i, sizeof buf);
		for (size_t off = 0; off < sizeof buf;) {
			ssize_t n = write(pipe_fds[1], buf + off, sizeof buf - off);
			if (n < 0)
				atomic_fetch_add(&corrupted, 1);
			else
				off += (size_t)n;
		}
	}
	close(pipe_fds[1]);
	return arg;
}

CASE(restarted_io)
{
	struct itimerval it = { { 0, 2000 }, { 0, 2000 } };
	unsigned char buf[777];
	pthread_t t;
	long total = 0;
	ssize_t n;

	handle(SIGALRM, spoil, SA_RESTART);
	NEED(pipe(pipe_fds));
	NEED(fcntl(pipe_fds[1], F_SETPIPE_SZ, 4096));
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	NEED(-pthread_create(&t, NULL, writes, NULL));
	while ((n = read(pipe_fds[0], buf, sizeof buf)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			corrupted += buf[i] != (unsigned char)((total + i) / 1000);
		total += n;
	}
	it = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &it, NULL);
	pthread_join(t, NULL);
	V(n);
	V(total);
	V(corrupted);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void *counts(void *arg)
{
	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&lock);
		long v = counter;
		if (i % 10 == 0)
			sched_yield();
		counter = v + 1;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

CASE(futexes)
{
	pthread_t t[THREADS];

	handle(SIGUSR1, spoil, SA_RESTART);
	start(t, counts);
	for (int i = 0; i < 200; i++)
		pthread_kill(t[i % THREADS], SIGUSR1);
	pthread_mutex_lock(&lock);
	while (counter < 300 * THREADS)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	join(t);
	V(counter);
}

static atomic_int reaped;

static void on_child(int sig)
{
	int saved = errno;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		atomic_fetch_add(&reaped, 1);
	errno = saved;
}

CASE(children)
{
	handle(SIGCHLD, on_child, SA_RESTART | SA_NOCLDSTOP);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		NEED(pid);
	}
	for (int i = 0; i < 5000 && reaped < 40; i++)
		usleep(1000);
	V(reaped);
	R(waitpid(-1, NULL, 0));
}

static int spins(void *arg)
{
	pthread_t t[THREADS];

	start(t, computes);
	join(t);
	return 0;
}

CASE(stops)
{
	pid_t pid = child(spins, NULL);
	int st, bad = 0;

	NEED(setpgid(pid, pid)); /* SIGTSTP does not stop an orphaned group; ours may be one */
	for (int i = 0; i < 30; i++) {
		NEED(kill(pid, i % 2 ? SIGSTOP : SIGTSTP));
		bad += waitpid(pid, &st, WUNTRACED) != pid || !WIFSTOPPED(st);
		NEED(kill(pid, SIGCONT));
		bad += waitpid(pid, &st, WCONTINUED) != pid || !WIFCONTINUED(st);
	}
	V(bad);
	NEED(kill(pid, SIGTERM));
	reap("child", pid);
}

/* Two processes wake each other out of sigsuspend: a lost wake-up hangs. */
static int echoes(void *arg)
{
	sigset_t wait = SET(SIGUSR2);

	for (int i = 0; i < 150; i++) {
		sigsuspend(&wait);
		kill(getppid(), SIGUSR1);
	}
	return 0;
}

CASE(ping_pong)
{
	sigset_t wait = SET(SIGUSR2);

	handle(SIGUSR1, spoil, 0);
	block(SET(SIGUSR1));
	pid_t pid = child(echoes, NULL);
	for (int i = 0; i < 150; i++) {
		kill(pid, SIGUSR1);
		sigsuspend(&wait);
	}
	reap("child", pid);
	V(handled);
}

/* Masks that come and go while signals come in: each is handled once, and never while it is
 * blocked. */
static __thread volatile int guarded;

static void on_guarded(int sig)
{
	if (guarded)
		atomic_fetch_add(&corrupted, 1);
	atomic_fetch_add(&handled, 1);
}

static void *guards(void *arg)
{
	sigset_t set = SET(SIGRTMIN + 3);

	while (!atomic_load(&done)) {
		pthread_sigmask(SIG_BLOCK, &set, NULL);
		guarded = 1;
		sched_yield();
		guarded = 0;
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
	return arg;
}

CASE(masks)
{
	pthread_t t[THREADS];

	handle(SIGRTMIN + 3, on_guarded, 0);
	start(t, guards);
	for (int i = 0; i < 300; i++)
		NEED(-pthread_kill(t[i % THREADS], SIGRTMIN + 3));
	await(&handled, 300);
	atomic_store(&done, 1);
	join(t);
	V(corrupted);
}

/* Handlers within handlers on a small stack of their own, each thread with its own. */
static atomic_int depth_reached;

static void nests(int sig)
{
	static __thread int depth;

	if (++depth < 3)
		raise(sig);
	if (depth > depth_reached)
		depth_reached = depth;
	depth--;
	atomic_fetch_add(&handled, 1);
}

static void *nests_on_altstack(void *arg)
{
	stack_t ss = { .ss_size = 64 << 10, .ss_sp = malloc(64 << 10) };

	NEED(sigaltstack(&ss, NULL));
	for (int i = 0; i < 20; i++)
		raise(SIGUSR2);
	return arg;
}

CASE(nested)
{
	pthread_t t[THREADS];

	handle(SIGUSR2, nests, SA_ONSTACK | SA_NODEFER);
	start(t, nests_on_altstack);
	join(t);
	V(handled);
	V(depth_reached);
}

static void *exits_soon(void *arg)
{
	sched_yield();
	return arg;
}

/* Signals to a process whose threads come and go. */
CASE(short_threads)
{
	pthread_t t;

	handle(SIGRTMIN + 4, spoil, SA_RESTART);
	for (int i = 0; i < 60; i++) {
		NEED(-pthread_create(&t, NULL, exits_soon, NULL));
		NEED(kill(getpid(), SIGRTMIN + 4));
		pthread_kill(t, SIGRTMIN + 4);
		pthread_join(t, NULL);
	}
	say("at least one each: %d\n", handled >= 60);
}
