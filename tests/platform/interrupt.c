/* SPDX-License-Identifier: Apache-2.0 */
/* Kicks: into the guest, and into blocking host calls. None is lost, none comes late. */
#include "tests/platform/world.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arch/vsyscall.h"

extern const char g_spin[], g_count[], g_read[], g_syscall[], g_call[];

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void sticky(void)
{
	struct world w;
	struct thread t;

	world_start(&w);
	thread_start(&w, &t, g_spin);
	kick_send(&t.k);
	kick_send(&t.k);
	thread_run(&t, EVENT_INTERRUPTED);
	thread_run(&t, EVENT_INTERRUPTED); /* until taken */
	CHECK(kick_take(&t.k));
	CHECK(!kick_take(&t.k));
	thread_jump(&t, g_syscall, 0, 0);
	thread_run(&t, EVENT_SYSCALL);
	thread_end(&t);
	world_end(&w);
}

/* A thread that kicks at random moments until told to stop. */
struct kicker {
	pthread_t host;
	struct kick *k;
	unsigned max_us;
	_Atomic bool stop;
	_Atomic unsigned long sent;
};

static void *kicker_main(void *arg)
{
	struct kicker *q = arg;

	while (!atomic_load(&q->stop)) {
		uint64_t until = now_ns() + random64() % (q->max_us * 1000UL);
		while (now_ns() < until)
			continue;
		kick_send(q->k);
		atomic_fetch_add(&q->sent, 1);
	}
	return NULL;
}

static void kicker_start(struct kicker *q, struct kick *k, unsigned max_us)
{
	memset(q, 0, sizeof *q);
	q->k = k;
	q->max_us = max_us;
	CHECK_EQ(pthread_create(&q->host, NULL, kicker_main, q), 0);
}

static void kicker_stop(struct kicker *q)
{
	atomic_store(&q->stop, true);
	pthread_join(q->host, NULL);
}

static void busy_loop(void)
{
	struct world w;
	struct thread t;
	struct kicker q;

	world_start(&w);
	thread_start(&w, &t, g_spin);
	kicker_start(&q, &t.k, 300);
	for (unsigned i = 0; i < 1000; i++) {
		thread_run(&t, EVENT_INTERRUPTED);
		CHECK(kick_take(&t.k));
		CHECK_EQ(thread_regs(&t).rip, AT(g_spin));
	}
	kicker_stop(&q);
	thread_end(&t);
	world_end(&w);
}

/* Wherever in the shim a kick hits, each system call arrives once, in order, and its result reaches
 * the program. */
static void among_syscalls(void)
{
	struct world w;
	struct thread t;
	struct kicker q;
	unsigned long interrupted = 0;

	world_start(&w);
	thread_start(&w, &t, g_count);
	kicker_start(&q, &t.k, 150);
	for (uint64_t i = COUNT_FROM; i < COUNT_FROM + 5000;) {
		CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
		if (t.ev.kind == EVENT_INTERRUPTED) {
			CHECK(kick_take(&t.k));
			interrupted++;
			continue;
		}
		CHECK_EQ(t.ev.kind, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i);
		CHECK_EQ(t.ev.syscall.args[0], i);
		CHECK(t.ev.syscall.ip > AT_CODE && t.ev.syscall.ip < AT_CODE + PAGE_SIZE);
		w.p->syscall_result(t.c, i + 7);
		i++;
	}
	kicker_stop(&q);
	CHECK(interrupted > 0);
	thread_end(&t);
	world_end(&w);
}

static void among_faults(void)
{
	struct world w;
	struct thread t;
	struct kicker q;
	unsigned long interrupted = 0;

	world_start(&w);
	thread_start(&w, &t, g_read);
	kicker_start(&q, &t.k, 150);
	for (uint64_t i = 0; i < 3000;) {
		thread_jump(&t, g_read, AT_DATA + i * 64, 0);
		CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
		if (t.ev.kind == EVENT_INTERRUPTED) {
			CHECK(kick_take(&t.k));
			CHECK_EQ(thread_regs(&t).rip, AT(g_read));
			interrupted++;
			continue;
		}
		CHECK_EQ(t.ev.kind, EVENT_FAULT);
		CHECK_EQ(t.ev.fault.addr.v, AT_DATA + i * 64);
		i++;
	}
	kicker_stop(&q);
	CHECK(interrupted > 0);
	thread_end(&t);
	world_end(&w);
}

/* How many interruptions came before the next other event. */
static unsigned run_kicked(struct thread *t)
{
	unsigned n = 0;

	for (;; n++) {
		CHECK_EQ(t->w->p->run(t->c, t->s, &t->k, &t->ev), 0);
		if (t->ev.kind != EVENT_INTERRUPTED)
			return n;
		CHECK(kick_take(&t->k));
	}
}

/* Number -1 and jumps into the vsyscall page, which a host's kernel would not make again after an
 * interruption. */
static void among_odd_calls(void)
{
	struct world w;
	struct thread t;
	struct kicker q;
	struct cpu_regs r;
	unsigned interrupted = 0;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	kicker_start(&q, &t.k, 150);
	for (uint64_t i = 0; i < 3000; i++) {
		thread_jump(&t, g_syscall, i, i + 1);
		r = thread_regs(&t);
		r.rax = i % 2 ? UINT64_MAX : UINT32_MAX;
		thread_regs_set(&t, &r);
		interrupted += run_kicked(&t);
		CHECK_EQ(t.ev.kind, EVENT_SYSCALL);
		CHECK_EQ((uint32_t)t.ev.syscall.nr, UINT32_MAX);
		CHECK_EQ(t.ev.syscall.args[0], i);
		CHECK_EQ(t.ev.syscall.args[1], i + 1);
		CHECK_EQ(t.ev.syscall.ip, AT(g_syscall) + 2);
		w.p->syscall_result(t.c, i + 4711);
		interrupted += run_kicked(&t); /* it was the result */
		CHECK_EQ(t.ev.kind, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i + 4711);

		thread_jump(&t, g_call, VSYSCALL_PAGE + 1024 * (i % 4), i);
		interrupted += run_kicked(&t);
		CHECK_EQ(t.ev.kind, EVENT_FAULT);
		CHECK_EQ(t.ev.fault.addr.v, VSYSCALL_PAGE + 1024 * (i % 4));
		CHECK_EQ(thread_regs(&t).rip, t.ev.fault.addr.v);
		CHECK_EQ(thread_regs(&t).rsp, AT_STACK - 8);
	}
	kicker_stop(&q);
	CHECK(interrupted > 0);
	thread_end(&t);
	world_end(&w);
}

static void latency(void)
{
	struct world w;
	struct runner r;
	uint64_t best = UINT64_MAX;

	world_start(&w);
	for (unsigned i = 0; i < 20; i++) {
		runner_start(&w, &r, g_spin, 0, 0);
		sleep_us(2000);
		uint64_t before = now_ns();
		CHECK(runner_stop(&r));
		if (now_ns() - before < best)
			best = now_ns() - before;
		thread_end(&r.t);
	}
	printf("# kick to end of the host thread: %lu us at best\n", best / 1000);
	world_end(&w);
}

/* Blocking calls that nothing ends but a kick. */
static long block(struct kick *k, unsigned how, int fd)
{
	static uint32_t word;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	switch (how % 4) {
	case 0: return host_call_intr(k, SYS_read, fd, (long)&byte, 1, 0, 0, 0);
	case 1: return host_call_intr(k, SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
	case 2: return host_call_intr(k, SYS_poll, (long)&p, 1, -1, 0, 0, 0);
	default: return host_call_intr(k, SYS_ppoll, 0, 0, 0, 0, 0, 0);
	}
}

struct round {
	struct kick k;
	_Atomic unsigned turn; /* LAST: there are no more */
};
enum { LAST = INT_MAX };

/* One kick a round, at a moment that may be before, in or after the call. */
static void *one_each(void *arg)
{
	struct round *r = arg;

	for (unsigned i = 1;; i++) {
		unsigned turn;
		while ((turn = atomic_load(&r->turn)) != i && turn != LAST)
			sched_yield();
		if (turn == LAST)
			return NULL;
		for (volatile uint64_t n = random64() % 3000; n; n--)
			continue;
		if (random64() % 16 == 0)
			sleep_us(100);
		kick_send(&r->k);
	}
}

/* The plain poll behind each call must not meet a signal: none comes late. A round takes as long as
 * the host lets both threads wait, so the time says how many there are. */
static void host_calls(void)
{
	struct round r = { .turn = 0 };
	uint64_t end = now_ns() + 3000000000;
	pthread_t host;
	int fds[2];

	CHECK_EQ(kick_init(), 0);
	kick_attach(&r.k);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(pthread_create(&host, NULL, one_each, &r), 0);
	for (unsigned i = 1; i <= 20000 && now_ns() < end; i++) {
		atomic_store(&r.turn, i);
		CHECK_EQ(-block(&r.k, i, fds[0]), EINTR);
		CHECK(kick_take(&r.k));
		if (i % 64 == 0)
			CHECK_EQ(poll(NULL, 0, 1), 0);
	}
	atomic_store(&r.turn, LAST);
	pthread_join(host, NULL);
	kick_detach(&r.k);
}

static _Atomic bool writing;

static void *bytes_write(void *arg)
{
	for (unsigned i = 0; i < 20000; i++) {
		for (volatile uint64_t n = random64() % 2000; n; n--)
			continue;
		CHECK_EQ(write(*(int *)arg, &(unsigned char){ (unsigned char)i }, 1), 1);
	}
	atomic_store(&writing, false);
	return NULL;
}

/* A read that took a byte returns it, kicked or not. */
static void nothing_undone(void)
{
	struct kick k = { 0 };
	struct kicker q;
	pthread_t host;
	unsigned char byte;
	unsigned interrupted = 0;
	int fds[2];

	CHECK_EQ(kick_init(), 0);
	kick_attach(&k);
	CHECK_EQ(pipe(fds), 0);
	atomic_store(&writing, true);
	kicker_start(&q, &k, 10);
	CHECK_EQ(pthread_create(&host, NULL, bytes_write, &fds[1]), 0);
	for (unsigned i = 0; i < 20000;) {
		long r = host_call_intr(&k, SYS_read, fds[0], (long)&byte, 1, 0, 0, 0);
		if (r == -EINTR) {
			CHECK(kick_take(&k));
			interrupted++;
			continue;
		}
		CHECK_EQ(r, 1);
		CHECK_EQ(byte, i & 0xff);
		i++;
	}
	kicker_stop(&q);
	pthread_join(host, NULL);
	CHECK(interrupted > 0);
}

static void waits(void)
{
	struct round r = { .turn = 0 };
	uint64_t end = now_ns() + 3000000000;
	pthread_t host;

	CHECK_EQ(kick_init(), 0);
	kick_attach(&r.k);
	uint64_t before = now_ns();
	CHECK(!kick_wait(&r.k, CLOCK_MONOTONIC, before + 20000000));
	CHECK(now_ns() - before >= 20000000);
	CHECK(!kick_wait(&r.k, CLOCK_MONOTONIC, 0));
	CHECK_EQ(pthread_create(&host, NULL, one_each, &r), 0);
	for (unsigned i = 1; i <= 5000 && now_ns() < end; i++) {
		atomic_store(&r.turn, i);
		CHECK(kick_wait(&r.k, CLOCK_MONOTONIC, UINT64_MAX));
		CHECK(kick_take(&r.k));
	}
	atomic_store(&r.turn, LAST);
	pthread_join(host, NULL);
}

static void results(void)
{
	struct kick k = { 0 };

	CHECK_EQ(kick_init(), 0);
	kick_attach(&k);
	CHECK_EQ(host_call_intr(&k, SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
	CHECK_EQ(-host_call_intr(&k, SYS_close, -1, 0, 0, 0, 0, 0), EBADF);
	/* the sixth argument arrives */
	CHECK_EQ(-host_call_intr(&k, SYS_mmap, 0, 4096, 3, 0x22, -1, 1), EINVAL);
	kick_send(&k);
	CHECK_EQ(-host_call_intr(&k, SYS_getpid, 0, 0, 0, 0, 0, 0), EINTR);
	CHECK(kick_take(&k));
}

const struct test tests[] = {
	{ "sticky", sticky },
	{ "busy_loop", busy_loop },
	{ "among_syscalls", among_syscalls },
	{ "among_faults", among_faults },
	{ "among_odd_calls", among_odd_calls },
	{ "latency", latency },
	{ "host_call_results", results },
	{ "host_calls", host_calls },
	{ "nothing_undone", nothing_undone },
	{ "waits", waits },
	{ NULL, NULL },
};
