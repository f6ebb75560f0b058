/* SPDX-License-Identifier: Apache-2.0 */
/* More guest threads than virtual CPUs. Knows the kvm platform's insides, to make CPUs scarce. */
#include "tests/platform/world.h"

#include <string.h>
#include <time.h>

#include "platform/kvm/kvm.h"

extern const char g_pool[], g_pool_busy[], g_spin[], g_syscall[];

#define ROUNDS 6

/* Threads with an identity in rbx, xmm0 and the page at fs. */
static void member_start(struct world *w, struct thread *t, const char *entry, uint64_t id,
			 uint64_t pages)
{
	struct cpu_regs r;

	thread_start(w, t, entry);
	r = thread_regs(t);
	r.rbx = id;
	r.fs_base = AT_DATA + id * PAGE_SIZE;
	r.r8 = ROUNDS;
	thread_regs_set(t, &r);
	*(uint64_t *)world_ptr(w, pages + id * PAGE_SIZE) = id;
}

static uint64_t member_pages(struct world *w, unsigned n)
{
	uint64_t pages = world_pages(w, n);

	world_map(w, w->s, AT_DATA, n, RW, pages);
	return pages;
}

static void scarce(struct world *w, unsigned soft, unsigned hard)
{
	world_start(w);
	if (w->p != &platform_kvm)
		return;
	to_kvm_machine(w->m)->vcpu_soft = soft;
	to_kvm_machine(w->m)->vcpu_hard = hard;
}

static void in_turn(void)
{
	enum { N = 64 };
	static struct thread t[N];
	struct world w;
	uint64_t pages;

	scarce(&w, 4, 4);
	pages = member_pages(&w, N);
	for (unsigned i = 0; i < N; i++)
		member_start(&w, &t[i], g_pool, i, pages);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < N; i++) {
			thread_run(&t[i], EVENT_SYSCALL);
			CHECK_EQ(t[i].ev.syscall.nr, i);
		}
	for (unsigned i = 0; i < N; i++) {
		thread_run(&t[i], EVENT_SYSCALL);
		CHECK_EQ(t[i].ev.syscall.nr, 1);
		CHECK_EQ(thread_regs(&t[i]).fs_base, AT_DATA + i * PAGE_SIZE);
	}
	CHECK_EQ(to_kvm_machine(w.m)->vcpu_count, 4);
	for (unsigned i = 0; i < N; i++)
		thread_end(&t[i]);
	world_end(&w);
}

static void *member_main(void *arg)
{
	struct thread *t = arg;
	uint64_t id = thread_regs(t).rbx;

	kick_attach(&t->k);
	for (unsigned i = 0; i < ROUNDS; i++) {
		thread_run(t, EVENT_SYSCALL);
		CHECK_EQ(t->ev.syscall.nr, id);
	}
	thread_run(t, EVENT_SYSCALL);
	CHECK_EQ(t->ev.syscall.nr, 1);
	return NULL;
}

static void at_once(unsigned soft, unsigned hard, unsigned n)
{
	static struct thread t[200];
	static pthread_t host[200];
	struct world w;
	uint64_t pages;

	scarce(&w, soft, hard);
	pages = member_pages(&w, n);
	for (unsigned i = 0; i < n; i++)
		member_start(&w, &t[i], g_pool, i, pages);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&host[i], NULL, member_main, &t[i]), 0);
	for (unsigned i = 0; i < n; i++)
		pthread_join(host[i], NULL);
	CHECK(to_kvm_machine(w.m)->vcpu_count <= hard);
	for (unsigned i = 0; i < n; i++)
		thread_end(&t[i]);
	world_end(&w);
}

static void threads_few_cpus(void)
{
	at_once(4, 4, test_slow() ? 16 : 64);
}

static void threads_one_cpu(void)
{
	at_once(1, 1, test_slow() ? 4 : 20);
}

static void threads_soft_limit(void)
{
	at_once(2, 64, test_slow() ? 20 : 100);
}

static _Atomic bool busy_stop;

static void *busy_main(void *arg)
{
	struct thread *t = arg;

	kick_attach(&t->k);
	while (!atomic_load(&busy_stop)) {
		thread_run(t, EVENT_INTERRUPTED);
		CHECK(kick_take(&t->k));
	}
	return NULL;
}

static bool all_ran(struct world *w, uint64_t pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (((volatile uint64_t *)world_ptr(w, pages + i * PAGE_SIZE))[1] == 0)
			return false;
	return true;
}

/* Threads that never enter the monitor by themselves: each gets its turn. */
static void busy(void)
{
	enum { N = 12 };
	static struct thread t[N];
	static pthread_t host[N];
	struct world w;
	uint64_t pages;

	scarce(&w, 3, 3);
	pages = member_pages(&w, N);
	for (unsigned i = 0; i < N; i++)
		member_start(&w, &t[i], g_pool_busy, i, pages);
	for (unsigned i = 0; i < N; i++)
		CHECK_EQ(pthread_create(&host[i], NULL, busy_main, &t[i]), 0);
	while (!all_ran(&w, pages, N))
		sleep_us(1000);
	atomic_store(&busy_stop, true);
	for (unsigned i = 0; i < N; i++)
		kick_send(&t[i].k);
	for (unsigned i = 0; i < N; i++) {
		pthread_join(host[i], NULL);
		thread_end(&t[i]);
	}
	world_end(&w);
}

/* Contexts that never run cost no CPU; those that end give theirs back. */
static void cheap(void)
{
	static struct thread t[1000];
	struct world w;

	scarce(&w, 64, 1024);
	for (unsigned i = 0; i < 1000; i++)
		thread_start(&w, &t[i], g_syscall);
	CHECK_EQ(to_kvm_machine(w.m)->vcpu_count, 0);
	for (unsigned i = 0; i < 1000; i++) {
		thread_run(&t[i], EVENT_SYSCALL);
		if (i >= 500)
			continue;
		thread_end(&t[i]);
		thread_start(&w, &t[i], g_syscall);
		CHECK_EQ(to_kvm_machine(w.m)->vcpu_count, 1); /* the same host thread always */
	}
	CHECK(to_kvm_machine(w.m)->vcpu_count <= 64);
	for (unsigned i = 0; i < 1000; i++)
		thread_end(&t[i]);
	world_end(&w);
}

/* Waiting for a CPU ends at a kick. */
static void kick_while_waiting(void)
{
	struct world w;
	struct runner r, waiter;

	scarce(&w, 1, 1);
	runner_start(&w, &r, g_spin, 0, 0);
	for (unsigned i = 0; i < 20; i++) {
		runner_start(&w, &waiter, g_spin, 0, 0);
		sleep_us(i * 300);
		CHECK(runner_stop(&waiter));
		thread_end(&waiter.t);
	}
	CHECK(runner_stop(&r));
	thread_end(&r.t);
	world_end(&w);
}

const struct test tests[] = {
	{ "in_turn", in_turn },
	{ "threads_few_cpus", threads_few_cpus },
	{ "threads_one_cpu", threads_one_cpu },
	{ "threads_soft_limit", threads_soft_limit },
	{ "busy", busy },
	{ "cheap", cheap },
	{ "kick_while_waiting", kick_while_waiting },
	{ NULL, NULL },
};
