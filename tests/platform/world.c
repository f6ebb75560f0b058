/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/platform/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GIB (1UL << 30)

static const struct platform *platform;

void world_start(struct world *w)
{
	const struct machine_hook no_hook = { .fn = NULL };
	struct errmsg errmsg = { "" };

	memset(w, 0, sizeof *w);
	w->p = platform;
	if (w->p->machine_create(&w->m, &errmsg) < 0 ||
	    physmem_create(4 * GIB, 4 * GIB, &w->pm, &errmsg) < 0 ||
	    w->p->machine_attach(w->m, w->pm, NULL, &no_hook, &errmsg) < 0 ||
	    (w->p->machine_ready && w->p->machine_ready(w->m, &errmsg) < 0)) {
		printf("%s\n", errmsg.text);
		exit(1);
	}
	w->s = world_space(w);
}

void world_end(struct world *w)
{
	w->p->space_destroy(w->s);
	w->p->machine_destroy(w->m);
	physmem_destroy(w->pm);
}

uint64_t world_pages(struct world *w, unsigned pages)
{
	uint64_t off = w->next;

	w->next += pages * PAGE_SIZE;
	return off;
}

void *world_ptr(struct world *w, uint64_t off)
{
	return memfile_ptr(physmem_arena(w->pm), off, PAGE_SIZE);
}

void world_map(struct world *w, struct space *s, uint64_t addr, unsigned pages, unsigned prot,
	       uint64_t off)
{
	CHECK_EQ(w->p->space_map(s, GVA(addr), pages * PAGE_SIZE, prot, physmem_arena(w->pm), off),
		 0);
}

struct space *world_space(struct world *w)
{
	struct space *s;
	size_t size = (size_t)(guest_code_end - guest_code);
	unsigned pages = (unsigned)(size / PAGE_SIZE);
	uint64_t code = world_pages(w, pages);

	CHECK_EQ(w->p->space_create(w->m, &s), 0);
	memcpy(world_ptr(w, code), guest_code, size);
	world_map(w, s, AT_CODE, pages, RX, code);
	world_map(w, s, AT_STACK - PAGE_SIZE, 1, RW, world_pages(w, 1));
	return s;
}

void thread_start(struct world *w, struct thread *t, const char *entry)
{
	memset(t, 0, sizeof *t);
	t->w = w;
	t->s = w->s;
	CHECK_EQ(kick_init(), 0);
	kick_attach(&t->k);
	CHECK_EQ(w->p->context_create(w->m, &t->c), 0);
	thread_jump(t, entry, 0, 0);
}

struct cpu_regs thread_regs(struct thread *t)
{
	struct cpu_regs r;

	CHECK_EQ(t->w->p->regs_get(t->c, &r), 0);
	return r;
}

void thread_regs_set(struct thread *t, const struct cpu_regs *r)
{
	CHECK_EQ(t->w->p->regs_set(t->c, r), 0);
}

void thread_jump(struct thread *t, const char *entry, uint64_t rdi, uint64_t rsi)
{
	struct cpu_regs r = thread_regs(t);

	r.rip = AT(entry);
	r.rsp = AT_STACK;
	r.rdi = rdi;
	r.rsi = rsi;
	thread_regs_set(t, &r);
}

void thread_end(struct thread *t)
{
	t->w->p->context_destroy(t->c);
	kick_detach(&t->k);
}

void thread_run(struct thread *t, enum event_kind kind)
{
	CHECK_EQ(t->w->p->run(t->c, t->s, &t->k, &t->ev), 0);
	if (t->ev.kind == EVENT_DEAD)
		printf("dead: %s\n", t->ev.dead);
	if (t->ev.kind == EVENT_FAULT && kind != EVENT_FAULT)
		printf("fault at %#lx, access %u\n", (unsigned long)t->ev.fault.addr.v,
		       t->ev.fault.access);
	if (t->ev.kind == EVENT_EXCEPTION && kind != EVENT_EXCEPTION)
		printf("exception %lu\n", t->ev.exception.nr);
	CHECK_EQ(t->ev.kind, kind);
}

void thread_fault(struct thread *t, uint64_t addr, unsigned access)
{
	thread_run(t, EVENT_FAULT);
	CHECK_EQ(t->ev.fault.addr.v, addr);
	CHECK_EQ(t->ev.fault.access, access);
}

void thread_exception(struct thread *t, unsigned vector)
{
	thread_run(t, EVENT_EXCEPTION);
	CHECK_EQ(t->ev.exception.nr, vector);
}

static void *runner_main(void *arg)
{
	struct runner *r = arg;
	struct thread *t = &r->t;

	kick_attach(&t->k);
	atomic_store(&r->attached, true);
	do {
		CHECK_EQ(t->w->p->run(t->c, t->s, &t->k, &t->ev), 0);
		if (t->ev.kind == EVENT_INTERRUPTED)
			CHECK(kick_take(&t->k));
	} while (t->ev.kind == EVENT_INTERRUPTED && !atomic_load(&r->stop));
	atomic_store(&r->done, true);
	return NULL;
}

void runner_start(struct world *w, struct runner *r, const char *entry, uint64_t rdi, uint64_t rsi)
{
	memset(r, 0, sizeof *r);
	thread_start(w, &r->t, entry);
	thread_jump(&r->t, entry, rdi, rsi);
	CHECK_EQ(pthread_create(&r->host, NULL, runner_main, r), 0);
	while (!atomic_load(&r->attached))
		sleep_us(10);
}

void runner_join(struct runner *r)
{
	pthread_join(r->host, NULL);
}

bool runner_stop(struct runner *r)
{
	atomic_store(&r->stop, true);
	if (!atomic_load(&r->done))
		kick_send(&r->t.k);
	pthread_join(r->host, NULL);
	return r->t.ev.kind == EVENT_INTERRUPTED;
}

bool test_slow(void)
{
	return getenv("HL_TEST_SLOW") != NULL;
}

void sleep_us(unsigned us)
{
	nanosleep(&(struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L },
		  NULL);
}

/* The same numbers in every run. */
uint64_t random64(void)
{
	static _Thread_local uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Each test is a process of its own, so that a crash or a hang is one failure. */
static bool test_passes(const struct test *t)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(test_slow() ? 180 : 60);
		t->run();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", t->name, WTERMSIG(status));
	return status == 0;
}

/* What one platform does otherwise, for a reason. */
static const char *differs(const struct test *t)
{
	static const struct {
		const char *platform, *test, *errmsg;
	} table[] = {
		{ "process", "in_turn", "there are no vCPUs to share" },
		{ "process", "cheap", "there are no vCPUs to share" },
		{ "process", "threads_few_cpus", "there are no vCPUs to share" },
		{ "process", "threads_one_cpu", "there are no vCPUs to share" },
		{ "process", "threads_soft_limit", "there are no vCPUs to share" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(platform->name, table[i].platform) == 0 &&
		    strcmp(t->name, table[i].test) == 0)
			return table[i].errmsg;
	return NULL;
}

static bool test_wanted(const struct test *t, char **argv)
{
	if (!argv[1])
		return true;
	for (argv++; *argv; argv++)
		if (strcmp(*argv, t->name) == 0)
			return true;
	return false;
}

/* Nothing of the kvm platform can be tested without the device: said by name, and counted. */
static int without_platform(const char *errmsg)
{
	const char *require = getenv("HL_REQUIRE_KVM");
	char reason[256];

	if (platform == &platform_kvm && open("/dev/kvm", O_RDWR | O_CLOEXEC) < 0) {
		snprintf(reason, sizeof reason, "/dev/kvm: %s", strerror(errno));
		errmsg = reason;
	}
	if (platform != &platform_kvm || (require && strcmp(require, "1") == 0)) {
		printf("not ok - %s cannot be tested (%s)\n", platform->name, errmsg);
		return 1;
	}
	for (const struct test *t = tests; t->name; t++)
		printf("skip - %s %s (%s)\n", platform->name, t->name, errmsg);
	return 0;
}

/* Arguments: names of tests to run; none: all. */
int main(int argc, char **argv)
{
	struct platform_report report;
	unsigned failed = 0;
	const char *wish = getenv("HL_TEST_PLATFORM");

	platform = wish && strcmp(wish, "process") == 0 ? &platform_process : &platform_kvm;
	platform_probe(platform, &report, false);
	if (!report.usable)
		return without_platform(report.text);
	for (const struct test *t = tests; t->name; t++) {
		bool ok;
		if (!test_wanted(t, argv))
			continue;
		if (differs(t)) {
			printf("skip - %s %s: %s\n", platform->name, t->name, differs(t));
			continue;
		}
		ok = test_passes(t);
		printf("%s - %s %s\n", ok ? "ok" : "not ok", platform->name, t->name);
		failed += !ok;
	}
	return failed > 0;
}
