/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by the line (platform/process/line.c), of patched text: what the guest and the
 * monitor see of them is what they see of calls that come by notifications. The switch for tests
 * makes the platform patch at once, and look whenever it can.
 */
#include "tests/platform/world.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "arch/x86_64/vectors.h"
#include "platform/process/process.h"
#include "tests/platform/count.h"

extern const char g_lined[], g_lined_call[], g_lined_back[], g_read[], g_write[], g_scribble[],
    g_bases[], g_syscall[], g_short[], g_short_site[], g_short_call[], g_short_back[],
    g_short_padding[];

#define AT_TEXT 0x20000000UL
#define TEXT    (RX | GUEST_TEXT)
#define CALLS   3000
#define NR      LINED_NR
_Static_assert(LINED_NR == LINE_TEST_NR, "what the platform knows");
_Static_assert(SHORT_TEXT == AT_TEXT && SHORT_BYTE == AT_DATA, "count.h");

/* Guest address of a label in the copy that may be patched. */
#define IN_TEXT(label) (AT_TEXT + (uint64_t)((label)-guest_code))

static uint64_t text;

static void start(struct world *w, struct thread *t)
{
	size_t size = (size_t)(guest_code_end - guest_code);

	CHECK_EQ(setenv("HL_LINES", "eager", 1), 0);
	world_start(w);
	text = world_pages(w, (unsigned)(size / PAGE_SIZE));
	memcpy(world_ptr(w, text), guest_code, size);
	world_map(w, w->s, AT_TEXT, (unsigned)(size / PAGE_SIZE), TEXT, text);
	thread_start(w, t, g_syscall);
}

static void end(struct world *w, struct thread *t)
{
	thread_end(t);
	world_end(w);
}

static void jump(struct thread *t, uint64_t rip, uint64_t rdi, uint64_t rsi)
{
	struct cpu_regs r = thread_regs(t);

	r.rip = rip;
	r.rsp = AT_STACK;
	r.rdi = rdi;
	r.rsi = rsi;
	r.rflags = RFLAGS_FIXED;
	thread_regs_set(t, &r);
}

static struct process_space *space_of(const struct world *w)
{
	return to_process_space(w->s);
}

/* Where there are no keys, or no second CPU, all of this is tested by notifications. */
static bool can_be_lined(const struct world *w)
{
	cpu_set_t set;

	return space_of(w)->m->has_lines && sched_getaffinity(0, sizeof set, &set) == 0 &&
	       CPU_COUNT(&set) > 1;
}

/* The next of the calls of g_lined, which counts them in rbx and in its arguments. */
static void next_call(struct thread *t, uint64_t i)
{
	do {
		CHECK_EQ(t->w->p->run(t->c, t->s, &t->k, &t->ev), 0);
		if (t->ev.kind == EVENT_INTERRUPTED)
			CHECK(kick_take(&t->k));
	} while (t->ev.kind == EVENT_INTERRUPTED);
	CHECK_EQ(t->ev.kind, EVENT_SYSCALL);
	CHECK_EQ(t->ev.syscall.nr, NR);
	for (unsigned a = 0; a < 6; a++)
		CHECK_EQ(t->ev.syscall.args[a], i + a);
	CHECK_EQ(t->ev.syscall.ip, IN_TEXT(g_lined_back));
	t->w->p->syscall_result(t->c, i + 7);
}

/* Some calls, of which some must have come by the line. */
static void calls(struct thread *t, uint64_t n, bool lined)
{
	const struct process_context *c = to_process_context(t->c);
	unsigned by_line = 0;

	jump(t, IN_TEXT(g_lined), 0, 0);
	for (uint64_t i = 1; i <= n; i++) {
		next_call(t, i);
		by_line += c->state == THREAD_LINED;
	}
	if (can_be_lined(t->w))
		CHECK_EQ(by_line > 0, lined);
}

static void plain(void)
{
	struct world w;
	struct thread t;

	start(&w, &t);
	calls(&t, CALLS, true);
	end(&w, &t);
}

/* Registers behind a call, which are all the guest's but those that hold the result, the way back
 * and the flags; set to the same they change nothing. */
static void registers(void)
{
	struct world w;
	struct thread t;

	start(&w, &t);
	calls(&t, CALLS, true);
	for (uint64_t i = CALLS + 1; i < CALLS + 300; i++) {
		next_call(&t, i);
		if (i % 3)
			continue;
		struct cpu_regs r = thread_regs(&t);
		CHECK_EQ(r.rax, i + 7);
		CHECK_EQ(r.rip, IN_TEXT(g_lined_back));
		CHECK_EQ(r.rcx, r.rip);
		CHECK_EQ(r.r11, r.rflags);
		CHECK_EQ(r.rsp, AT_STACK);
		CHECK_EQ(r.rbx, i);
		CHECK_EQ(r.r9, i + 5);
		CHECK_EQ(r.gs_base, 0);
		if (i % 2)
			thread_regs_set(&t, &r);
	}
	end(&w, &t);
}

static void *kicker(void *arg)
{
	struct thread *t = arg;
	struct process_space *s = to_process_space(t->s);

	while (!s->destroyed && !atomic_load(&s->stopped)) {
		sleep_us((unsigned)(random64() % 200));
		kick_send(&t->k);
	}
	return NULL;
}

static void kicked(void)
{
	struct world w;
	struct thread t;
	pthread_t host;

	start(&w, &t);
	CHECK_EQ(pthread_create(&host, NULL, kicker, &t), 0);
	calls(&t, CALLS, true);
	atomic_store(&space_of(&w)->stopped, true);
	pthread_join(host, NULL);
	atomic_store(&space_of(&w)->stopped, false);
	end(&w, &t);
}

/* A thread whose call is going to wait stands still; its registers are there, and the call goes on
 * as if nothing had been. */
static void held(void)
{
	struct world w;
	struct thread t;
	unsigned stood = 0;

	start(&w, &t);
	calls(&t, CALLS, true);
	const struct process_context *c = to_process_context(t.c);
	for (uint64_t i = CALLS + 1; i < CALLS + 600; i++) {
		next_call(&t, i);
		stood += c->state == THREAD_LINED;
		w.p->context_halt(t.c);
		CHECK(c->state != THREAD_LINED || c->line.held);
		w.p->context_halt(t.c);
		if (i % 3)
			continue;
		struct cpu_regs r = thread_regs(&t);
		CHECK_EQ(c->state, THREAD_REPORTED);
		CHECK_EQ(r.rip, IN_TEXT(g_lined_back));
		CHECK_EQ(r.rax, i + 7);
		CHECK_EQ(r.rbx, i);
	}
	if (can_be_lined(&w))
		CHECK(stood > 0);
	end(&w, &t);
}

static bool in_short(uint64_t rip)
{
	return rip >= IN_TEXT(g_short) && rip < IN_TEXT(g_short_padding);
}

/* Calls of a site of four bytes, and interruptions of them. */
static void short_calls(struct thread *t, bool lined)
{
	const struct process_context *c = to_process_context(t->c);
	unsigned by_line = 0;

	jump(t, IN_TEXT(g_short), 0, 0);
	for (uint64_t i = 1; i <= CALLS;) {
		CHECK_EQ(t->w->p->run(t->c, t->s, &t->k, &t->ev), 0);
		if (t->ev.kind == EVENT_INTERRUPTED) {
			CHECK(kick_take(&t->k));
			CHECK(in_short(thread_regs(t).rip));
			continue;
		}
		CHECK_EQ(t->ev.kind, EVENT_SYSCALL);
		CHECK_EQ(t->ev.syscall.nr, 0);
		CHECK_EQ(t->ev.syscall.args[0], i);
		CHECK_EQ(t->ev.syscall.ip, IN_TEXT(g_short_back));
		by_line += c->state == THREAD_LINED;
		t->w->p->syscall_result(t->c, i++ + 7);
	}
	if (can_be_lined(t->w))
		CHECK_EQ(by_line > 0, lined);
}

static void check_loads(struct thread *t, const char *from, unsigned n);

static void short_sites(void)
{
	struct world w;
	struct thread t;
	pthread_t host;
	uint64_t page;

	start(&w, &t);
	page = world_pages(&w, 1);
	*(char *)world_ptr(&w, page) = 1;
	world_map(&w, w.s, AT_DATA, 1, RW, page);
	CHECK_EQ(pthread_create(&host, NULL, kicker, &t), 0);
	short_calls(&t, true);
	atomic_store(&space_of(&w)->stopped, true);
	pthread_join(host, NULL);
	atomic_store(&space_of(&w)->stopped, false);
	kick_take(&t.k);
	/* At the `syscall` itself. */
	struct cpu_regs r = thread_regs(&t);
	r.rip = IN_TEXT(g_short_call);
	r.rax = 1000;
	thread_regs_set(&t, &r);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 1000);
	CHECK_EQ(t.ev.syscall.ip, IN_TEXT(g_short_back));
	check_loads(&t, g_short_site, 24);
	short_calls(&t, false);
	end(&w, &t);
}

static void check_loads(struct thread *t, const char *from, unsigned n)
{
	for (unsigned i = 0; i < n; i += 8) {
		jump(t, AT(g_read), IN_TEXT(from) + i, 0);
		thread_run(t, EVENT_SYSCALL);
		uint64_t want;
		memcpy(&want, from + i, 8);
		CHECK_EQ(t->ev.syscall.nr, (uint32_t)want);
	}
}

/* Loads of patched text see the original, and the calls go on without. */
static void loads(void)
{
	struct world w;
	struct thread t;

	start(&w, &t);
	calls(&t, CALLS, true);
	check_loads(&t, g_lined, 64);
	calls(&t, CALLS, false);
	check_loads(&t, g_lined, 64);
	end(&w, &t);
}

/* Text that becomes writable, or is mapped anew, is the original. */
static void changed(void)
{
	const unsigned char ud2[] = { 0x0f, 0x0b };
	struct world w;
	struct thread t;
	uint64_t page, own;

	start(&w, &t);
	page = PAGE_DOWN(IN_TEXT(g_lined_call));
	calls(&t, CALLS, true);
	CHECK_EQ(w.p->space_protect(w.s, GVA(page), PAGE_SIZE, RW), 0);
	check_loads(&t, g_lined, 64);
	jump(&t, AT(g_write), page, 0);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(w.p->space_protect(w.s, GVA(page), PAGE_SIZE, RX), 0);
	calls(&t, 100, false);
	own = world_pages(&w, 1);
	memcpy(world_ptr(&w, own), ud2, sizeof ud2);
	world_map(&w, w.s, page, 1, TEXT, own);
	jump(&t, page, 0, 0);
	thread_exception(&t, VECTOR_UD);
	world_map(&w, w.s, page, 1, TEXT, text + (page - AT_TEXT));
	calls(&t, 100, false); /* a site that was lost stays so */
	CHECK_EQ(w.p->space_unmap(w.s, GVA(page), PAGE_SIZE), 0);
	jump(&t, page, 0, 0);
	thread_fault(&t, page, GUEST_EXEC);
	end(&w, &t);
}

/* A guest may have the place of the table. */
static void table(void)
{
	struct world w;
	struct thread t;
	uint64_t page;

	start(&w, &t);
	calls(&t, CALLS, true);
	page = world_pages(&w, 2);
	memset(world_ptr(&w, page), 0x55, PAGE_SIZE);
	world_map(&w, w.s, STUB_TABLE - PAGE_SIZE, 2, RW, page);
	calls(&t, CALLS, false);
	memset(world_ptr(&w, page + PAGE_SIZE), 0x66, PAGE_SIZE);
	jump(&t, AT(g_read), STUB_TABLE, 0);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 0x66666666);
	end(&w, &t);
}

/* Nothing is written where a guest's own GS base points to, whatever is there. */
static void own_base(void)
{
	struct world w;
	struct thread t;
	uint64_t page;

	start(&w, &t);
	calls(&t, CALLS, true);
	page = world_pages(&w, 1);
	world_map(&w, w.s, AT_DATA, 1, RW, page);
	uint32_t *words = world_ptr(&w, page);
	words[LINE_STATE / 4] = LINE_WATCHING;
	for (unsigned round = 0; round < 2; round++) {
		jump(&t, AT(g_bases), 0, AT_DATA);
		thread_run(&t, EVENT_SYSCALL);
		calls(&t, 300, false);
		struct cpu_regs r = thread_regs(&t);
		CHECK_EQ(r.gs_base, AT_DATA);
		for (unsigned i = 1; i < PAGE_SIZE / 4; i++)
			CHECK_EQ(words[i], 0);
		CHECK_EQ(words[LINE_STATE / 4], LINE_WATCHING);
	}
	/* and where there is nothing */
	jump(&t, AT(g_bases), 0, 0x1234567000);
	thread_run(&t, EVENT_SYSCALL);
	calls(&t, 300, false);
	end(&w, &t);
}

/* Instruction by instruction it is the same program. */
static void steps(void)
{
	uint64_t rips[2][64];
	struct world w;
	struct thread t;

	start(&w, &t);
	for (unsigned patched = 0; patched < 2; patched++) {
		jump(&t, IN_TEXT(g_lined), 0, 0);
		for (unsigned i = 0; i < 64; i++) {
			struct cpu_regs r = thread_regs(&t);
			r.rflags |= 0x100;
			thread_regs_set(&t, &r);
			CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
			if (t.ev.kind == EVENT_SYSCALL)
				w.p->syscall_result(t.c, t.ev.syscall.args[0] + 7);
			else
				CHECK_EQ(t.ev.kind, EVENT_EXCEPTION);
			r = thread_regs(&t);
			rips[patched][i] = r.rip;
			if (t.ev.kind == EVENT_SYSCALL)
				CHECK_EQ(r.rip, IN_TEXT(g_lined_back));
		}
		calls(&t, CALLS, true);
	}
	for (unsigned i = 0; i < 64; i++)
		CHECK_EQ(rips[0][i], rips[1][i]);
	end(&w, &t);
}

/* Into the midst of what was patched, and the same again after a call, as a restart does. */
static void middle(void)
{
	struct world w;
	struct thread t;

	start(&w, &t);
	calls(&t, CALLS, true);
	for (unsigned i = 0; i < 100; i++) {
		struct cpu_regs r = thread_regs(&t);
		r.rip = IN_TEXT(g_lined_call) + 5;
		r.rax = 1000 + i;
		thread_regs_set(&t, &r);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, 1000 + i);
		CHECK_EQ(t.ev.syscall.ip, IN_TEXT(g_lined_back));
	}
	jump(&t, IN_TEXT(g_lined), 0, 0);
	for (uint64_t i = 1; i <= 300; i++) {
		next_call(&t, i);
		if (i % 7)
			continue;
		struct cpu_regs r = thread_regs(&t);
		r.rip -= 2;
		r.rax = NR;
		thread_regs_set(&t, &r);
		next_call(&t, i);
	}
	end(&w, &t);
}

static _Atomic uint64_t stacks;

/* Two threads of one space have a line each. */
static void *second(void *arg)
{
	struct thread t, *first = arg;

	memset(&t, 0, sizeof t);
	t.w = first->w;
	t.s = first->s;
	kick_attach(&t.k);
	CHECK_EQ(t.w->p->context_create(t.w->m, &t.c), 0);
	struct cpu_regs r = thread_regs(&t);
	r.rip = IN_TEXT(g_lined);
	r.rsp = AT_DATA + atomic_fetch_add(&stacks, PAGE_SIZE) + PAGE_SIZE;
	thread_regs_set(&t, &r);
	for (uint64_t i = 1; i <= CALLS; i++)
		next_call(&t, i);
	thread_end(&t);
	return NULL;
}

static void threads(void)
{
	struct world w;
	struct thread t;
	pthread_t host[2];

	start(&w, &t);
	world_map(&w, w.s, AT_DATA, 2, RW, world_pages(&w, 2));
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&host[i], NULL, second, &t), 0);
	calls(&t, CALLS, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(host[i], NULL);
	end(&w, &t);
}

/* A guest that writes over the lines of its threads gets what it has made of them, and its monitor
 * goes on. */
static void scribbled(void)
{
	struct world w;
	struct thread t, other;
	struct runner scribbler;
	struct space *first;

	start(&w, &t);
	first = w.s;
	calls(&t, CALLS, true);
	uint64_t line = line_address(to_process_context(t.c));
	runner_start(&w, &scribbler, g_scribble, line, line + LINE_SELF);
	jump(&t, IN_TEXT(g_lined), 0, 0);
	bool dead = false;
	for (unsigned i = 0; i < CALLS && !dead; i++) {
		if (i % 50 == 0)
			kick_send(&t.k);
		CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
		kick_take(&t.k);
		/* an address that filters may believe */
		if (to_process_context(t.c)->state == THREAD_LINED)
			CHECK_EQ(t.ev.syscall.ip, IN_TEXT(g_lined_back));
		if (i % 7 == 0 && t.ev.kind == EVENT_SYSCALL)
			w.p->context_halt(t.c);
		dead = t.ev.kind == EVENT_DEAD;
		if (t.ev.kind == EVENT_SYSCALL)
			w.p->syscall_result(t.c, random64() % 5);
		if (!dead && t.ev.kind != EVENT_SYSCALL && t.ev.kind != EVENT_INTERRUPTED)
			jump(&t, IN_TEXT(g_lined), 0, 0);
	}
	runner_stop(&scribbler);
	thread_end(&scribbler.t);
	thread_end(&t);
	w.s = world_space(&w);
	thread_start(&w, &other, g_syscall);
	thread_run(&other, EVENT_SYSCALL);
	thread_end(&other);
	w.p->space_destroy(first);
	world_end(&w);
}

const struct test tests[] = {
	{ "plain", plain },
	{ "registers", registers },
	{ "kicked", kicked },
	{ "loads", loads },
	{ "changed", changed },
	{ "table", table },
	{ "own_base", own_base },
	{ "steps", steps },
	{ "middle", middle },
	{ "threads", threads },
	{ "scribbled", scribbled },
	{ "held", held },
	{ "short_sites", short_sites },
	{ NULL, NULL },
};
