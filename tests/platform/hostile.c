/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process platform against a guest that has every register, all memory it can write and each
 * instruction of the stub at its command. Whatever it does, the thread gives an event or its space
 * is dead, in bounded time; a space beside it never notices; no thread runs without its filter; and
 * nothing is left when the machine is gone.
 */
#include "tests/platform/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "platform/process/process.h"
#include "stub_symbols.h"

extern const char g_syscall[], g_count[], g_read[], g_write[], g_divide[], g_int3[], g_ud2[],
    g_spin[], g_scribble[];

#define PATIENCE_S 120 /* only what hangs takes so long, on however busy a machine */
#define SECOND     1000000000L

/* ---- what is left behind */

static unsigned count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static unsigned count_children(void)
{
	char path[64], buf[4096];
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;

	CHECK(d);
	while ((e = readdir(d))) {
		snprintf(path, sizeof path, "/proc/self/task/%.16s/children", e->d_name);
		FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!f)
			continue;
		for (size_t len = fread(buf, 1, sizeof buf, f), i = 0; i < len; i++)
			n += buf[i] == ' ';
		fclose(f);
	}
	closedir(d);
	return n;
}

/* A machine, a thread that attacks it, and one in a space beside it that does not. */
struct scene {
	struct world w;
	struct thread evil, good;
	struct space *good_space;
	uint64_t scratch; /* arena offset of the page at AT_DATA */
	unsigned fds, deaths;
};

static void fresh_space(struct scene *sc)
{
	sc->w.s = world_space(&sc->w);
	world_map(&sc->w, sc->w.s, AT_DATA, 1, RW, sc->scratch);
	thread_start(&sc->w, &sc->evil, g_syscall);
	thread_run(&sc->evil, EVENT_SYSCALL);
}

/* What a guest does in its memory must not move the arena's use: code and stacks are made once. */
static void scene_start(struct scene *sc)
{
	memset(sc, 0, sizeof *sc);
	sc->fds = count_entries("/proc/self/fd");
	CHECK_EQ(count_children(), 0);
	world_start(&sc->w);
	sc->scratch = world_pages(&sc->w, 1);
	sc->good_space = sc->w.s;
	thread_start(&sc->w, &sc->good, g_count);
	thread_run(&sc->good, EVENT_SYSCALL);
	fresh_space(sc);
}

static void good_goes_on(struct scene *sc)
{
	struct cpu_regs r;

	for (unsigned i = 0; i < 2; i++) {
		thread_jump(&sc->good, g_syscall, 0x123456, 0);
		sc->good.s = sc->good_space;
		thread_run(&sc->good, EVENT_SYSCALL);
		r = thread_regs(&sc->good);
		CHECK_EQ(r.rdi, 0x123456);
		CHECK_EQ(r.rip, AT(g_syscall) + 2);
	}
}

static void evil_again(struct scene *sc)
{
	uint64_t next = sc->w.next;

	thread_end(&sc->evil);
	sc->w.p->space_destroy(sc->w.s);
	sc->deaths++;
	fresh_space(sc);
	sc->w.next = next; /* its code and stack take the place of the last one's */
}

static void scene_end(struct scene *sc)
{
	good_goes_on(sc);
	thread_end(&sc->evil);
	thread_end(&sc->good);
	sc->w.p->space_destroy(sc->good_space);
	world_end(&sc->w);
	CHECK_EQ(count_entries("/proc/self/fd"), sc->fds);
	CHECK_EQ(count_children(), 0);
}

/* ---- the watchdog: kicks a run that takes too long; the event is the guest's, the time is ours */

static _Atomic long run_started;
static _Atomic(struct kick *) run_kick;

static long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static void *watchdog_main(void *arg)
{
	for (;;) {
		sleep_us(20000);
		long since = atomic_load(&run_started);
		struct kick *k = atomic_load(&run_kick);
		if (since && k && now_ns() - since > 100000000)
			kick_send(k);
	}
	return NULL;
}

static void watchdog_start(void)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, watchdog_main, NULL), 0);
	pthread_detach(t);
}

/* One run: false when the space is dead. */
static bool evil_run(struct scene *sc)
{
	struct thread *t = &sc->evil;

	atomic_store(&run_kick, &t->k);
	atomic_store(&run_started, now_ns());
	int err = t->w->p->run(t->c, sc->w.s, &t->k, &t->ev);
	long took = now_ns() - atomic_exchange(&run_started, 0);
	atomic_store(&run_kick, NULL);
	CHECK_EQ(err, 0);
	CHECK(took < PATIENCE_S * SECOND);
	kick_take(&t->k);
	return t->ev.kind != EVENT_DEAD;
}

/* Runs until the guest stops making system calls, a few times at most. False: the space is dead. */
static bool evil_runs(struct scene *sc)
{
	for (unsigned i = 0; i < 4; i++) {
		if (!evil_run(sc))
			return false;
		if (sc->evil.ev.kind != EVENT_SYSCALL)
			return true;
		sc->w.p->syscall_result(sc->evil.c, random64() % 3 ? 0 : random64());
	}
	return true;
}

/* Sets registers; a thread whose state the guest has made unreachable has lost its space. */
static bool evil_set(struct scene *sc, const struct cpu_regs *r)
{
	struct cpu_regs old;

	return sc->w.p->regs_get(sc->evil.c, &old) == 0 && sc->w.p->regs_set(sc->evil.c, r) == 0;
}

static void attack(struct scene *sc, const struct cpu_regs *r)
{
	if (!evil_set(sc, r) || !evil_runs(sc))
		evil_again(sc);
}

/* ---- the stub's own part is as it was */

static void check_maps(pid_t pid)
{
	static const struct {
		unsigned long start;
		const char *rights;
	} own[] = { { STUB_TEXT, "r-xp" }, { STUB_COMMAND, "r--s" }, { STUB_SCRATCH, "rw-p" } };
	char path[64], line[512], rights[8];
	unsigned seen = 0;
	unsigned long start, end;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	FILE *f = fopen(path, "r");
	if (!f)
		return; /* not root: nobody may look into it */
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) != 3 || start < STUB_TEXT)
			continue;
		if (start < STUB_STACKS && end <= STUB_STACKS) {
			CHECK(seen < 3 && start == own[seen].start &&
			      strcmp(rights, own[seen].rights) == 0);
			seen++;
		} else if (start < STUB_END) {
			CHECK(strcmp(rights, "rw-s") == 0);
		} else {
			CHECK(strstr(line, "[vsyscall]"));
		}
	}
	fclose(f);
	CHECK_EQ(seen, 3);
}

static long status_value(pid_t pid, const char *tid, const char *name, int base)
{
	char path[96], line[256];
	long value = -1;
	size_t len = strlen(name);

	snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, tid);
	FILE *f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof line, f))
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			value = strtol(line + len + 1, NULL, base);
	fclose(f);
	return value;
}

/* Who is in the stub besides guest threads: the helper, and perhaps the mapper. */
static unsigned helpers(const struct stub *st)
{
	return st->mapper < 0 ? 1 : 2;
}

/* Of the helper, whether there is a mapper or not. */
static int helper_command(struct stub *st, const struct step *step)
{
	mutex_lock(&st->lock);
	int err = stub_order(st, step, 1, NULL, 0);
	if (!err)
		err = stub_answer(st, NULL, NULL);
	mutex_unlock(&st->lock);
	return err;
}

/* The first thread, the helper, has the stub's filter, each other one that and its own. */
static void check_filters(const struct stub *st, unsigned guests)
{
	pid_t pid = st->pid;
	char path[64];
	unsigned n = 0;
	struct dirent *e;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *d = opendir(path);
	CHECK(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		CHECK_EQ(status_value(pid, e->d_name, "Seccomp", 10), 2);
		CHECK_EQ(status_value(pid, e->d_name, "NoNewPrivs", 10), 1);
		CHECK_EQ(status_value(pid, e->d_name, "CapEff", 16), 0);
		CHECK_EQ(status_value(pid, e->d_name, "CapPrm", 16), 0);
		if (atoi(e->d_name) != pid)
			CHECK_EQ(status_value(pid, e->d_name, "Seccomp_filters", 10), 2);
		n++;
	}
	closedir(d);
	CHECK_EQ(n, helpers(st) + guests);
}

/* A thread that was told to end takes its time. */
static void await_threads(const struct stub *st, unsigned guests)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task", st->pid);
	for (unsigned i = 0; i < 2000 && count_entries(path) != 2 + helpers(st) + guests; i++)
		sleep_us(1000);
}

static void check_descriptors(pid_t pid)
{
	char path[64];
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return;
	closedir(d);
	CHECK_EQ(count_entries(path), 2 + 3);
}

static void check_stub(struct space *space, unsigned guests)
{
	const struct process_space *s = to_process_space(space);

	await_threads(&s->stub, guests);
	check_maps(s->stub.pid);
	check_filters(&s->stub, guests);
	check_descriptors(s->stub.pid);
}

/* ---- jumps into the stub */

/* Where the signal stack of a context begins in its stub. */
static uint64_t stack_of(struct context *c)
{
	return STUB_STACKS + ((uint64_t)to_process_context(c)->stack << STACK_SHIFT);
}

static uint64_t tempting(struct context *c)
{
	static const uint64_t fixed[] = { STUB_TEXT,
					  STUB_COMMAND,
					  STUB_SCRATCH,
					  STUB_SCRATCH - 8,
					  STUB_COMMAND + COMMAND_MSGHDR,
					  STUB_HANDLER_ADDR,
					  STUB_IOV_ADDR,
					  STUB_PASS_MESSAGE_ADDR,
					  STUB_EXIT_ADDR,
					  STUB_SIGRETURN_IP_ADDR,
					  AT_DATA,
					  AT_STACK - 1024,
					  AT_CODE,
					  0,
					  1,
					  2,
					  3,
					  11,
					  STUB_REPORT,
					  STUB_PREEMPT_SIGNAL,
					  0xffffffffff600000,
					  1UL << 47,
					  ~0UL };
	uint64_t stack = stack_of(c);
	unsigned i = (unsigned)(random64() % (sizeof fixed / sizeof fixed[0] + 8));

	/* Frames begin some 3 KiB below the end. */
	return i < sizeof fixed / sizeof fixed[0] ? fixed[i]
						  : stack + STACK_SIZE - random64() % 4096 / 8 * 8;
}

static uint64_t lying_value(struct context *c, unsigned set)
{
	switch (set) {
	case 0: return 0;
	case 1: return random64() >> random64() % 60;
	default: return tempting(c);
	}
}

enum { REGISTER_SETS = 6 };

static void lying_regs(const struct scene *sc, struct cpu_regs *r, unsigned set)
{
	memset(r, 0, sizeof *r);
	for (unsigned i = 0; i < 16; i++)
		(&r->rax)[i] = lying_value(sc->evil.c, set);
	if (set >= 3)
		r->rax = random64() % 3 ? random64() % 470 : STUB_REPORT;
	if (set == 4)
		r->rsp = stack_of(sc->evil.c) + STACK_SIZE - 3000;
	r->rflags = RFLAGS_FIXED | (set == 5 ? 0x100 : random64() & RFLAGS_USER & ~0x100UL);
	r->fs_base = random64() >> 20;
	r->gs_base = random64() >> 20;
}

static void jump_everywhere(void)
{
	struct scene sc;
	struct cpu_regs r;
	unsigned cases = 0;

	watchdog_start();
	scene_start(&sc);
	for (uint64_t at = 0; at < PAGE_SIZE; at++) {
		for (unsigned set = 0; set < REGISTER_SETS; set++, cases++) {
			lying_regs(&sc, &r, set);
			r.rip = STUB_TEXT + at;
			attack(&sc, &r);
		}
		if (at % 16 == 0)
			good_goes_on(&sc);
		if (at % 256 == 255)
			check_stub(sc.w.s, to_process_context(sc.evil.c)->s ? 1 : 0);
	}
	check_stub(sc.good_space, 1);
	printf("# %u jumps, %u stubs ended\n", cases, sc.deaths);
	scene_end(&sc);
}

/* ---- forged returns from signals */

struct frame {
	ucontext_t uc;
	siginfo_t info;
};

/* In guest memory, for rt_sigreturn with rsp at it. */
static struct frame *forge(struct scene *sc, uint64_t rip, uint64_t mask)
{
	struct frame *f = world_ptr(&sc->w, sc->scratch);

	memset(f, 0, sizeof *f);
	f->uc.uc_flags = 6; /* UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
	f->uc.uc_stack = (stack_t){ .ss_sp = (void *)(stack_of(sc->evil.c)),
				    .ss_size = STACK_SIZE - sizeof(stack_t) };
	f->uc.uc_mcontext.gregs[REG_RIP] = (greg_t)rip;
	f->uc.uc_mcontext.gregs[REG_RSP] = (greg_t)AT_STACK;
	f->uc.uc_mcontext.gregs[REG_EFL] = RFLAGS_FIXED;
	f->uc.uc_mcontext.gregs[REG_CSGSFS] = USER_CS | (greg_t)USER_SS << 48;
	memcpy(&f->uc.uc_sigmask, &mask, sizeof mask);
	return f;
}

/* The registers with which the stub's own `syscall` takes the forged frame. */
static struct cpu_regs forged_return(void)
{
	struct cpu_regs r = { 0 };

	r.rax = SYS_rt_sigreturn;
	r.rsp = AT_DATA;
	r.rip = STUB_SIGRETURN_IP_ADDR - 2;
	r.rflags = RFLAGS_FIXED;
	return r;
}

/* A signal that is forced while blocked ends the stub (force_sig); one that is not, or a call, is
 * an event. */
static void forged_masks(void)
{
	struct scene sc;
	struct cpu_regs r = forged_return();
	const char *const then[] = { g_syscall, g_read, g_divide, g_int3, g_ud2 };

	watchdog_start();
	scene_start(&sc);
	for (unsigned i = 0; i < 64 * 5; i++) {
		bool all = i % 64 == 63;
		unsigned bit = i % 64;
		if (bit == STUB_PREEMPT_SIGNAL - 1 || all)
			continue; /* two seconds each: unreachable() */
		forge(&sc, AT(then[i / 64]), all ? ~0UL : 1UL << bit);
		CHECK(evil_set(&sc, &r));
		if (!evil_run(&sc)) {
			static const unsigned forced[] = { 0, SIGSEGV, SIGFPE, SIGTRAP, SIGILL };
			CHECK_EQ(bit + 1, forced[i / 64]);
			evil_again(&sc);
			continue;
		}
		CHECK(i / 64 == 0 ? sc.evil.ev.kind == EVENT_SYSCALL
				  : sc.evil.ev.kind != EVENT_SYSCALL);
		good_goes_on(&sc);
	}
	scene_end(&sc);
}

/* With the preempt signal blocked nobody can stop it but by its death: when it spins, and when its
 * registers are wanted. */
static void unreachable(void)
{
	struct scene sc;
	struct cpu_regs r = forged_return(), got;

	watchdog_start();
	scene_start(&sc);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t mask = i < 2 ? 1UL << (STUB_PREEMPT_SIGNAL - 1) : ~0UL;
		forge(&sc, AT(i % 2 ? g_spin : g_syscall), mask);
		CHECK(evil_set(&sc, &r));
		long before = now_ns();
		bool alive = evil_run(&sc);
		CHECK_EQ(alive, i % 2 == 0);
		if (alive)
			CHECK(sc.w.p->regs_get(sc.evil.c, &got) < 0);
		CHECK(now_ns() - before < PATIENCE_S * SECOND);
		good_goes_on(&sc);
		evil_again(&sc);
	}
	scene_end(&sc);
}

/* A signal stack elsewhere: the report comes from there and is not believed, or there is none. */
static void moved_stack(void)
{
	static const uint64_t places[] = { AT_DATA,
					   AT_CODE,
					   STUB_TEXT,
					   STUB_COMMAND,
					   STUB_SCRATCH,
					   STUB_END - 65536,
					   0x7ffffffff000,
					   1UL << 47,
					   ~0UL << 12,
					   0,
					   8,
					   STUB_STACKS + (7UL << STACK_SHIFT) };
	struct scene sc;
	struct cpu_regs r = forged_return();

	watchdog_start();
	scene_start(&sc);
	for (unsigned i = 0; i < 4 * sizeof places / sizeof places[0]; i++) {
		struct frame *f = forge(&sc,
					AT(i % 4 == 1   ? g_read
					   : i % 4 == 2 ? g_divide
							: g_ud2),
					0);
		f->uc.uc_stack = (stack_t){ .ss_sp = (void *)places[i / 4],
					    .ss_size = i % 4 == 3 ? 2048 : 32768 };
		CHECK(evil_set(&sc, &r));
		if (!evil_runs(&sc))
			evil_again(&sc);
		good_goes_on(&sc);
	}
	scene_end(&sc);
}

/* ---- what the next program's thread finds in a stub that was used */

#define AT_LEFT (AT_DATA + 16 * PAGE_SIZE)

/* The XMM registers, MXCSR and the control word. */
static void fp_check(struct scene *sc, const unsigned char *want)
{
	const struct platform *p = sc->w.p;
	unsigned char got[16384];
	uint64_t xcr0;

	CHECK(p->fp_size(sc->w.m, &xcr0) <= sizeof got);
	CHECK_EQ(p->fp_get(sc->evil.c, got, sizeof got), 0);
	CHECK(memcmp(got, want, 2) == 0 && memcmp(got + 24, want + 24, 4) == 0);
	CHECK(memcmp(got + 160, want + 160, 256) == 0);
}

/* Nothing is blocked in it, none of its memory is there, and it knows no register. */
static void next_is_new(struct scene *sc, const unsigned char *fresh)
{
	struct thread *t = &sc->evil;
	struct cpu_regs r;

	fp_check(sc, fresh);
	r = thread_regs(t);
	CHECK(r.fs_base == 0 && r.gs_base == 0 && r.rbx == 0 && r.r15 == 0);
	thread_jump(t, g_divide, 0, 0);
	thread_run(t, EVENT_EXCEPTION);
	thread_jump(t, g_int3, 0, 0);
	thread_run(t, EVENT_EXCEPTION);
	thread_jump(t, g_ud2, 0, 0);
	thread_run(t, EVENT_EXCEPTION);
	thread_jump(t, g_read, AT_LEFT, 0);
	thread_run(t, EVENT_FAULT);
	CHECK_EQ(t->ev.fault.addr.v, AT_LEFT);
	r = thread_regs(t);
	r.rip = AT(g_syscall);
	r.rax = SYS_rt_sigreturn; /* which comes by a signal */
	thread_regs_set(t, &r);
	thread_run(t, EVENT_SYSCALL);
	CHECK_EQ(t->ev.syscall.nr, SYS_rt_sigreturn);
}

static void dirty(struct scene *sc, unsigned char *fp, size_t size)
{
	struct cpu_regs r = thread_regs(&sc->evil);

	memset(fp + 160, 0x5a, 256);
	fp[512] |= 2; /* the XMM registers are in use */
	CHECK_EQ(sc->w.p->fp_set(sc->evil.c, fp, size), 0);
	r.rbx = r.r15 = 0x1234567;
	r.fs_base = r.gs_base = AT_DATA;
	thread_regs_set(&sc->evil, &r);
	world_map(&sc->w, sc->w.s, AT_LEFT, 1, RW, sc->scratch);
}

static pid_t stub_pid(struct scene *sc)
{
	return to_process_space(sc->w.s)->stub.pid;
}

/* `i` below 64: a signal is blocked; from there on the signal stack is elsewhere; the last one: the
 * guest has done nothing of the kind. */
static void used_stubs(void)
{
	enum { STACKS = 64, NOTHING = 72 };
	static const uint64_t places[NOTHING - STACKS] = {
		AT_DATA, STUB_TEXT, STUB_COMMAND, STUB_SCRATCH, 0, ~0UL << 12, 1UL << 47, 8,
	};
	unsigned char fresh[16384], fp[16384];
	uint64_t xcr0;
	struct scene sc;

	watchdog_start();
	scene_start(&sc);
	size_t size = sc.w.p->fp_size(sc.w.m, &xcr0);
	CHECK_EQ(sc.w.p->fp_get(sc.evil.c, fresh, sizeof fresh), 0);
	for (unsigned i = 0; i <= NOTHING; i++) {
		struct cpu_regs r = forged_return();
		pid_t pid = stub_pid(&sc);
		memcpy(fp, fresh, size);
		dirty(&sc, fp, size);
		struct frame *f = forge(&sc, AT(g_syscall), i < STACKS ? 1UL << i : 0);
		if (i >= STACKS && i < NOTHING)
			f->uc.uc_stack.ss_sp = (void *)places[i - STACKS];
		r.fs_base = r.gs_base = AT_DATA;
		CHECK(evil_set(&sc, &r));
		CHECK(evil_run(&sc) && sc.evil.ev.kind == EVENT_SYSCALL);
		evil_again(&sc);
		if (i == NOTHING)
			CHECK_EQ(stub_pid(&sc), pid);
		if (i == STUB_PREEMPT_SIGNAL - 1)
			CHECK(stub_pid(&sc) != pid);
		next_is_new(&sc, fresh);
		good_goes_on(&sc);
	}
	scene_end(&sc);
}

/* Garbage instead of a frame: selectors, flags, FP state, all of it. */
static void garbage_frames(void)
{
	struct scene sc;
	struct cpu_regs r = forged_return();

	watchdog_start();
	scene_start(&sc);
	for (unsigned i = 0; i < 2000; i++) {
		struct frame *f = forge(&sc, AT(g_syscall), 0);
		unsigned char *page = (unsigned char *)f;
		uint64_t fp = AT_DATA + 2048;
		if (i % 2)
			f->uc.uc_mcontext.fpregs = (void *)fp;
		for (unsigned n = 1 + i % 40; n > 0; n--) {
			size_t at =
			    random64() % (i % 3 ? sizeof f->uc - sizeof(sigset_t) : PAGE_SIZE);
			if (at < offsetof(ucontext_t, uc_sigmask) ||
			    at >= offsetof(ucontext_t, uc_sigmask) + 8)
				page[at] = (unsigned char)random64();
		}
		attack(&sc, &r);
		if (i % 16 == 0)
			good_goes_on(&sc);
	}
	printf("# %u stubs ended\n", sc.deaths);
	scene_end(&sc);
}

/* ---- other doors to the host's kernel */

struct door {
	const char *name;
	unsigned char code[16];
};

static const struct door doors[] = {
	{ "int 0x80", { 0xcd, 0x80 } },
	{ "sysenter", { 0x0f, 0x34 } },
	{ "far jump to 32-bit code", { 0xc7, 0x44, 0x24, 0x04, 0x23, 0, 0, 0, 0xff, 0x2c, 0x24 } },
	{ "lretq", { 0x48, 0xcb } },
	{ "iretq", { 0x48, 0xcf } },
	{ "int3, int1", { 0xf1 } },
	{ "into the vsyscall page", { 0x48, 0xc7, 0xc3, 0x00, 0x00, 0x60, 0xff, 0xff, 0xd3 } },
	{ "wrfsbase, wrgsbase", { 0xf3, 0x48, 0x0f, 0xae, 0xd7, 0xf3, 0x48, 0x0f, 0xae, 0xde } },
	{ "wrpkru", { 0x31, 0xc9, 0x31, 0xd2, 0x0f, 0x01, 0xef } },
	{ "xrstor", { 0x48, 0x0f, 0xae, 0x2f } },
	{ "popf", { 0x9d } },
	{ "mov ss", { 0x8e, 0xd0 } },
	{ "mov fs", { 0x8e, 0xe0 } },
};

static void other_doors(void)
{
	struct scene sc;
	struct cpu_regs r;
	uint64_t page;
	unsigned char *code;

	watchdog_start();
	scene_start(&sc);
	page = world_pages(&sc.w, 1);
	code = world_ptr(&sc.w, page);
	for (unsigned i = 0; i < 40 * sizeof doors / sizeof doors[0]; i++) {
		const struct door *d = &doors[i / 40];
		memset(code, 0x90, 64);
		memcpy(code, d->code, sizeof d->code);
		for (unsigned k = 15; k > 0 && d->code[k] == 0; k--)
			code[k] = 0x90;
		/* syscall; jmp to it */
		memcpy(code + 16, (unsigned char[]){ 0x0f, 0x05, 0xeb, 0xfc }, 4);
		world_map(&sc.w, sc.w.s, AT_DATA + 2 * PAGE_SIZE, 1, RX, page);
		lying_regs(&sc, &r, i % 3);
		r.rax = i % 2 ? random64() % 450 : 1 + i % 40;
		r.rip = AT_DATA + 2 * PAGE_SIZE;
		r.rsp = AT_STACK - 512;
		if (i < 40) { /* int 0x80: the filter sees another architecture */
			CHECK(evil_set(&sc, &r) && evil_run(&sc));
			CHECK(sc.evil.ev.kind == EVENT_EXCEPTION && sc.evil.ev.exception.nr == 13);
		}
		attack(&sc, &r);
		good_goes_on(&sc);
	}
	check_stub(sc.good_space, 1);
	scene_end(&sc);
}

/* Every number is handed over, from whatever instruction; 335 and 336 no filter sees, and they do
 * nothing (arch/x86/kernel/uprobes.c). */
static void every_number(void)
{
	static const uint64_t at[] = { 0, STUB_SIGRETURN_IP_ADDR - 2, STUB_ALTSTACK_IP_ADDR - 2,
				       STUB_REPORT_IP_ADDR - 2, STUB_EXIT_IP_ADDR - 2 };
	struct scene sc;

	watchdog_start();
	scene_start(&sc);
	for (unsigned i = 0; i < 5 * 700; i++) {
		unsigned nr = i / 5, place = i % 5;
		struct cpu_regs r = { .rax = nr < 600   ? nr
					     : nr < 650 ? 0x40000000U | (nr - 600) * 11
							: random64(),
				      .rip = at[place] ? at[place] : AT(g_syscall),
				      .rflags = RFLAGS_FIXED,
				      .rdi = 1,
				      .rsp = AT_STACK - 64 };
		if (r.rax == 335 || r.rax == 336)
			continue;
		bool passes = (r.rax == SYS_rt_sigreturn && place == 1) ||
			      (r.rax == SYS_sigaltstack && place == 2);
		bool report = r.rax == STUB_REPORT && place == 3;
		CHECK(evil_set(&sc, &r));
		bool alive = evil_run(&sc);
		if (!passes && !report)
			CHECK(alive && sc.evil.ev.kind == EVENT_SYSCALL &&
			      sc.evil.ev.syscall.nr == (uint32_t)r.rax);
		if (!alive)
			evil_again(&sc);
	}
	for (unsigned i = 0; i < 8; i++) {
		struct cpu_regs r = { .rax = 335 + i % 2,
				      .rip = AT(g_syscall),
				      .rflags = RFLAGS_FIXED,
				      .rsp = AT_STACK - 64 };
		attack(&sc, &r);
		good_goes_on(&sc);
	}
	scene_end(&sc);
}

/* ---- memory that guest and monitor share */

/* A report that is made up says what no CPU would: what is read of it can be written back. */
static void impossible_registers(void)
{
	static const uint64_t values[] = { 1UL << 47, 1UL << 63, ~0UL >> 1, 0xdead000000000000,
					   ~0UL << 47 };
	struct scene sc;
	struct cpu_regs got;

	scene_start(&sc);
	for (unsigned i = 0; i < 4 * sizeof values / sizeof values[0]; i++) {
		uint64_t v = values[i / 4];
		uint64_t stack = stack_of(sc.evil.c);
		struct cpu_regs r = { .rax = STUB_REPORT,
				      .rip = STUB_REPORT_IP_ADDR - 2,
				      .rflags = RFLAGS_FIXED };
		ucontext_t *uc = (ucontext_t *)(to_process_context(sc.evil.c)->stack_base + 4096);
		r.rdi = i % 4 == 3 ? SIGSYS : SIGTRAP;
		r.rsi = stack + 8192;
		r.rdx = stack + 4096;
		r.r10 = i % 4 == 0 ? v : 0;
		r.r8 = i % 4 == 1 ? v : 0;
		memset(uc, 0, 8192);
		uc->uc_mcontext.gregs[REG_CSGSFS] = USER_CS;
		uc->uc_mcontext.gregs[REG_RIP] = i % 4 > 1 ? (greg_t)v : 0;
		CHECK(evil_set(&sc, &r));
		CHECK(evil_run(&sc));
		CHECK_EQ(sc.evil.ev.kind, EVENT_EXCEPTION);
		CHECK_EQ(sc.w.p->regs_get(sc.evil.c, &got), 0);
		CHECK_EQ(sc.w.p->regs_set(sc.evil.c, &got), 0);
		good_goes_on(&sc);
		evil_again(&sc);
	}
	scene_end(&sc);
}

/* Reports from every edge of the stack: what is not wholly on it is not looked at. */
static void report_edges(void)
{
	struct scene sc;
	const uint64_t sizes[] = { sizeof(siginfo_t),
				   sizeof(ucontext_t) - sizeof(struct _libc_fpstate) };

	scene_start(&sc);
	for (unsigned i = 0; i < 2 * 10; i++) {
		const uint64_t size = sizes[i % 2], stack = stack_of(sc.evil.c);
		const struct {
			uint64_t at;
			bool inside;
		} edges[] = {
			{ stack, true },
			{ stack - 8, false },
			{ stack + 4, false },
			{ stack + STACK_SIZE - size, size % 8 == 0 },
			{ stack + STACK_SIZE - size / 8 * 8, size % 8 == 0 },
			{ stack + STACK_SIZE - size / 8 * 8 + 8, false },
			{ stack + STACK_SIZE - 8, false },
			{ stack + STACK_SIZE, false },
			{ stack + (1UL << 40), false },
			{ ~0UL - 7, false },
		};
		struct cpu_regs r = { .rax = STUB_REPORT,
				      .rip = STUB_REPORT_IP_ADDR - 2,
				      .rflags = RFLAGS_FIXED };
		r.rdi = SIGTRAP;
		r.rsi = i % 2 ? stack + 8192 : edges[i / 2].at;
		r.rdx = i % 2 ? edges[i / 2].at : stack + 8192;
		CHECK(evil_set(&sc, &r));
		CHECK_EQ(evil_run(&sc), edges[i / 2].inside);
		evil_again(&sc);
	}
	scene_end(&sc);
}

/* One thread writes over the signal stacks of all threads of its space, while others report from
 * there. */
static void scribbled_stacks(void)
{
	struct scene sc;
	struct runner r;
	struct thread *t = &sc.evil;
	struct cpu_regs regs;
	char fp[8192];

	watchdog_start();
	scene_start(&sc);
	for (unsigned round = 0; round < 40; round++) {
		uint64_t stack = stack_of(t->c);
		runner_start(&sc.w, &r, g_scribble, stack + STACK_SIZE - 4096, stack + STACK_SIZE);
		bool alive = true;
		for (unsigned i = 0; i < 50 && alive; i++) {
			thread_jump(t,
				    i % 3 == 0   ? g_divide
				    : i % 3 == 1 ? g_read
						 : g_syscall,
				    AT_DATA + i % 2 * PAGE_SIZE, 0);
			alive = evil_run(&sc) && sc.w.p->regs_get(t->c, &regs) == 0 &&
				sc.w.p->fp_get(t->c, fp, sizeof fp) <= 0 &&
				sc.w.p->regs_set(t->c, &regs) == 0;
		}
		runner_stop(&r);
		thread_end(&r.t);
		good_goes_on(&sc);
		evil_again(&sc);
	}
	scene_end(&sc);
}

/* The stack of a thread that ended is not another stub's: who still has it mapped writes nobody's
 * registers. */
static void left_stack(void)
{
	struct scene sc;
	struct thread second, third;
	struct cpu_regs r;

	scene_start(&sc);
	thread_start(&sc.w, &second, g_syscall);
	thread_run(&second, EVENT_SYSCALL);
	uint32_t slot = to_process_context(second.c)->stack;
	thread_end(&second);
	for (unsigned i = 0; i < 8; i++) {
		struct thread t;
		thread_start(&sc.w, &t, g_syscall);
		t.s = sc.good_space;
		thread_run(&t, EVENT_SYSCALL);
		CHECK(to_process_context(t.c)->stack != slot);
		thread_end(&t);
	}
	thread_start(&sc.w, &third, g_syscall);
	thread_run(&third, EVENT_SYSCALL);
	CHECK_EQ(to_process_context(third.c)->stack, slot);
	thread_jump(&sc.evil, g_write, STUB_STACKS + ((uint64_t)slot << STACK_SHIFT), 0);
	r = thread_regs(&sc.evil);
	r.rax = 0x5ec2e7;
	thread_regs_set(&sc.evil, &r);
	thread_run(&sc.evil, EVENT_SYSCALL);
	thread_end(&third);
	evil_again(&sc);
	/* Whoever gets it now finds nothing of that. */
	for (unsigned i = 0; i < 4; i++) {
		thread_start(&sc.w, &third, g_syscall);
		thread_run(&third, EVENT_SYSCALL);
		if (to_process_context(third.c)->stack == slot)
			CHECK_EQ(*(uint64_t *)to_process_context(third.c)->stack_base, 0);
		thread_end(&third);
		evil_again(&sc);
	}
	scene_end(&sc);
}

/* The helper's orders come through while a guest writes over all that it can reach of the helper's
 * memory. */
static void scribbled_orders(void)
{
	struct scene sc;
	struct runner r[2];
	struct memfile *mf;
	unsigned lost = 0;

	scene_start(&sc);
	int fd = memfd_create("file", MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, PAGE_SIZE) == 0);
	CHECK_EQ(memfile_open(sc.w.pm, fd, true, &mf), 0);
	runner_start(&sc.w, &r[0], g_scribble, STUB_SCRATCH, STUB_SCRATCH + 64);
	runner_start(&sc.w, &r[1], g_scribble, STUB_SCRATCH, STUB_SCRATCH + PAGE_SIZE);
	for (unsigned i = 0; i < 3000; i++) {
		struct memfile *from = i % 2 ? mf : physmem_arena(sc.w.pm);
		long before = now_ns();
		int err = sc.w.p->space_map(sc.w.s, GVA(AT_DATA + 3 * PAGE_SIZE), PAGE_SIZE, RW,
					    from, i % 2 ? 0 : sc.scratch);
		CHECK(now_ns() - before < PATIENCE_S * SECOND);
		/* As long as it is the helper who maps, which the first few are; see below. */
		CHECK(err == 0 || (err == -EBADF && i < 8));
	}
	for (unsigned i = 0; i < 3000; i++) {
		const struct step by_helper[] = {
			{ SYS_mmap,
			  { AT_DATA + 4 * PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
			    STUB_FD_PASSED, 0 },
			  0 },
			{ SYS_close, { STUB_FD_PASSED }, STEP_LAST },
		};
		int none = -1,
		    err = stub_command(&to_process_space(sc.w.s)->stub, by_helper, 2, fd, &none);
		/* The descriptor that came with an order may be lost, and no other taken for it. */
		CHECK(err == 0 || err == -EBADF);
		lost += err != 0;
	}
	printf("# %u of 3000 descriptors lost\n", lost);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(runner_stop(&r[i]));
		thread_end(&r[i].t);
	}
	check_stub(sc.w.s, 1);
	memfile_put(mf);
	scene_end(&sc);
}

/* ---- what the stub's own first thread may do */

/* The list of stub.S a second time: a number that is added there is to be thought about twice. */
static bool may(uint64_t nr)
{
	static const unsigned short list[] = {
		SYS_recvmsg,     SYS_sendto,     SYS_sendmsg,      SYS_mmap,    SYS_munmap,
		SYS_mprotect,    SYS_close,      SYS_rt_sigreturn, SYS_seccomp, SYS_sigaltstack,
		SYS_sched_yield, SYS_fork,       SYS_dup2,         SYS_exit,    SYS_clone,
		SYS_prctl,       SYS_exit_group,
	};

	for (unsigned i = 0; i < sizeof list / sizeof list[0]; i++)
		if (list[i] == nr)
			return true;
	return false;
}

static void confined_helper(void)
{
	struct scene sc;

	scene_start(&sc);
	struct stub *st = &to_process_space(sc.w.s)->stub;
	for (uint64_t nr = 0; nr < 600; nr++) {
		const struct step step = { nr, { 0 }, STEP_LAST };
		if (may(nr) || nr == 335 || nr == 336)
			continue;
		CHECK_EQ(helper_command(st, &step), -ENOSYS);
		CHECK_EQ(stub_command(st, &step, 1, -1, NULL), -ENOSYS);
	}
	CHECK(st->mapper >= 0);
	const struct step denied[] = {
		{ SYS_clone, { SIGCHLD }, STEP_LAST },
		{ SYS_clone, { STUB_THREAD_FLAGS | 0x10000000 /* CLONE_NEWUSER */ }, STEP_LAST },
		{ SYS_clone, { STUB_THREAD_FLAGS | 1UL << 32 }, STEP_LAST },
		{ SYS_prctl, { PR_SET_DUMPABLE, 1 }, STEP_LAST },
		{ SYS_prctl, { PR_SET_PDEATHSIG | 1UL << 32, 0 }, STEP_LAST },
		{ SYS_prctl, { PR_SET_MM, 1 }, STEP_LAST },
		{ SYS_perf_event_open, { STUB_COMMAND, 0, 0, -1UL, 8 }, STEP_LAST },
		{ SYS_perf_event_open, { STUB_COMMAND, 0, 0xffffffff, -1UL, 8 }, STEP_LAST },
		{ SYS_perf_event_open, { STUB_COMMAND, 0, -1UL, -1UL, 0 }, STEP_LAST },
		{ 0x40000000 | SYS_mmap, { 0 }, STEP_LAST },
	};
	for (unsigned i = 0; i < sizeof denied / sizeof denied[0]; i++) {
		CHECK_EQ(helper_command(st, &denied[i]), -ENOSYS);
		CHECK_EQ(stub_command(st, &denied[i], 1, -1, NULL), -ENOSYS);
	}
	check_stub(sc.w.s, 1);
	scene_end(&sc);
}

static bool has_no_core(pid_t pid)
{
	char path[64], line[256];
	bool none = false;

	snprintf(path, sizeof path, "/proc/%d/limits", pid);
	FILE *f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof line, f))
		none = none ||
		       strncmp(line, "Max core file size        0                    0 ", 48) == 0;
	fclose(f);
	return none;
}

static void be_nobody(void)
{
	if (geteuid() == 0)
		CHECK(syscall(SYS_setresgid, 65534, 65534, 65534) == 0 &&
		      syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
	prctl(PR_SET_DUMPABLE, 1);
}

static void poor_process(void)
{
	struct scene sc;
	struct stat sb;
	char path[64];

	scene_start(&sc);
	const pid_t pids[] = { to_process_machine(sc.w.m)->nursery->template.pid,
			       to_process_space(sc.w.s)->stub.pid };
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%d", pids[i]);
		CHECK_EQ(status_value(pids[i], path, "Uid", 10), geteuid() ? geteuid() : 65534);
		CHECK(getpgid(pids[i]) == pids[0]);
		CHECK(has_no_core(pids[i]));
		/* Who may not be looked into belongs to root there (proc(5)). */
		snprintf(path, sizeof path, "/proc/%d/maps", pids[i]);
		CHECK(stat(path, &sb) == 0 && sb.st_uid == 0);
	}
	check_stub(sc.w.s, 1);
	scene_end(&sc);
}

static void poor_process_of_user(void)
{
	be_nobody();
	poor_process();
}

/* A thread whose stub cannot make one for it ends, or its run fails; nobody waits for it. */
static void thread_cannot_run(struct scene *sc)
{
	struct thread t;

	thread_start(&sc->w, &t, g_syscall);
	long before = now_ns();
	int err = sc->w.p->run(t.c, sc->w.s, &t.k, &t.ev);
	CHECK(err < 0 || t.ev.kind == EVENT_DEAD);
	CHECK(now_ns() - before < PATIENCE_S * SECOND);
	thread_end(&t);
}

/* seccomp(2) refuses more than 32768 instructions in all filters of a thread, 4 more counted for
 * each. */
static void fill_filters(struct stub *st, unsigned len)
{
	struct sock_filter *insns = (void *)(st->page + COMMAND_STEPS * STEP_SIZE);
	struct sock_fprog *prog = (void *)(insns + 50);
	const struct step step = { SYS_seccomp,
				   { SECCOMP_SET_MODE_FILTER, 0,
				     STUB_COMMAND + COMMAND_STEPS * STEP_SIZE +
					 sizeof *insns * 50 },
				   STEP_LAST };
	int err;

	for (unsigned i = 0; i < len; i++)
		insns[i] = (struct sock_filter)BPF_STMT(i == len - 1 ? BPF_RET : BPF_LD | BPF_IMM,
							i == len - 1 ? SECCOMP_RET_ALLOW : 0);
	*prog = (struct sock_fprog){ (unsigned short)len,
				     (void *)(STUB_COMMAND + COMMAND_STEPS * STEP_SIZE) };
	while ((err = helper_command(st, &step)) == 0)
		;
	CHECK_EQ(err, -ENOMEM);
}

/* A thread that can not have its filter must not be. */
static void no_room_for_filter(void)
{
	struct scene sc;

	scene_start(&sc);
	fill_filters(&to_process_space(sc.w.s)->stub, 50);
	fill_filters(&to_process_space(sc.w.s)->stub, 1);
	thread_cannot_run(&sc);
	good_goes_on(&sc);
	evil_again(&sc);
	scene_end(&sc);
}

/* As above: here there is no room for the listener's descriptor. */
static void no_room_for_listener(void)
{
	struct scene sc;
	struct rlimit was, few;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 64;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0); /* stubs take it over */
	scene_start(&sc);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
	for (uint64_t fd = 3; fd < few.rlim_cur; fd++) {
		const struct step step = { SYS_dup2, { STUB_FD_ARENA, fd }, STEP_LAST };
		CHECK_EQ(helper_command(&to_process_space(sc.w.s)->stub, &step), 0);
	}
	thread_cannot_run(&sc);
	good_goes_on(&sc);
	evil_again(&sc);
	thread_run(&sc.evil, EVENT_SYSCALL);
	scene_end(&sc);
}

const struct test tests[] = {
	{ "jump_everywhere", jump_everywhere },
	{ "forged_masks", forged_masks },
	{ "unreachable", unreachable },
	{ "moved_stack", moved_stack },
	{ "used_stubs", used_stubs },
	{ "garbage_frames", garbage_frames },
	{ "other_doors", other_doors },
	{ "every_number", every_number },
	{ "report_edges", report_edges },
	{ "impossible_registers", impossible_registers },
	{ "scribbled_stacks", scribbled_stacks },
	{ "left_stack", left_stack },
	{ "scribbled_orders", scribbled_orders },
	{ "confined_helper", confined_helper },
	{ "poor_process", poor_process },
	{ "poor_process_of_user", poor_process_of_user },
	{ "no_room_for_filter", no_room_for_filter },
	{ "no_room_for_listener", no_room_for_listener },
	{ NULL, NULL },
};
