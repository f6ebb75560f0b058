/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions as Linux programs know them, and programs that mean harm. */
#include "tests/platform/world.h"

#include <errno.h>
#include <immintrin.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/x86_64/shim.h"

extern const char g_syscall[], g_read[], g_write[], g_jump[], g_call[], g_divide[], g_int3[],
    g_ud2[], g_sse_divide[], g_x87_divide[], g_steps[], g_xgetbv[];

enum { DE = 0, DB = 1, BP = 3, OF = 4, BR = 5, UD = 6, GP = 13, MF = 16, AC = 17, XM = 19 };

#define FLAG_TF 0x100UL
#define FLAG_AC 0x40000UL

static void exceptions(void)
{
	struct world w;
	struct thread t;

	world_start(&w);
	thread_start(&w, &t, g_divide);
	thread_exception(&t, DE);
	CHECK_EQ(thread_regs(&t).rip, AT(g_divide) + 2);
	thread_jump(&t, g_ud2, 0, 0);
	thread_exception(&t, UD);
	CHECK_EQ(thread_regs(&t).rip, AT(g_ud2));
	thread_jump(&t, g_int3, 0, 0);
	thread_exception(&t, BP);
	CHECK_EQ(thread_regs(&t).rip, AT(g_int3) + 1);
	thread_run(&t, EVENT_SYSCALL); /* goes on behind it */
	thread_end(&t);
	world_end(&w);
}

/* What this CPU does natively. Emulated ones do not have every exception. */
static int native_signal(void (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGFPE, SIG_DFL); /* a sanitizer has its own */
		signal(SIGBUS, SIG_DFL);
		f();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		printf("# skip: this CPU raises no such exception\n");
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void native_sse(void)
{
	volatile float zero = 0;

	_mm_setcsr(_mm_getcsr() & ~0x200U);
	_mm_div_ss(_mm_set_ss(1), _mm_set_ss(zero));
	__asm__ volatile("divss %%xmm0, %%xmm1" ::: "xmm1");
}

static void native_alignment(void)
{
	__asm__ volatile("pushf; orl $0x40000, (%%rsp); popf; mov -9(%%rsp), %%rax; pushf; andl "
			 "$~0x40000, (%%rsp); popf" ::
			     : "rax", "memory");
}

static void arithmetic(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;
	uint64_t page;

	world_start(&w);
	page = world_pages(&w, 1);
	thread_start(&w, &t, g_x87_divide);
	thread_exception(&t, MF);
	if (native_signal(native_sse)) {
		thread_jump(&t, g_sse_divide, 0, 0);
		thread_exception(&t, XM);
	}
	if (!native_signal(native_alignment))
		return;
	/* Alignment, checked only when asked for. */
	world_map(&w, w.s, AT_DATA, 1, RW, page);
	thread_jump(&t, g_read, AT_DATA + 1, 0);
	r = thread_regs(&t);
	r.rflags |= FLAG_AC;
	thread_regs_set(&t, &r);
	thread_exception(&t, AC);
	r = thread_regs(&t);
	CHECK_EQ(r.rip, AT(g_read));
	r.rflags &= ~FLAG_AC;
	thread_regs_set(&t, &r);
	thread_run(&t, EVENT_SYSCALL);
	thread_end(&t);
	world_end(&w);
}

static void non_canonical(void)
{
	static const uint64_t at[] = { 1UL << 47, 0x8000000000000000, 0xffff7fffffffffff };
	struct world w;
	struct thread t;

	world_start(&w);
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < 3; i++) {
		thread_jump(&t, g_read, at[i], 0);
		thread_exception(&t, GP);
		CHECK_EQ(thread_regs(&t).rip, AT(g_read));
		thread_jump(&t, g_write, at[i], 0);
		thread_exception(&t, GP);
		thread_jump(&t, g_jump, at[i], 0);
		thread_exception(&t, GP);
	}
	thread_end(&t);
	world_end(&w);
}

/* Addresses of the upper half are faults of the user's like any other. */
static void upper_half(void)
{
	static const uint64_t at[] = { 0xffff800000000000,   0xfffffffffffff000,
				       SHIM_BASE + 1,        SHIM_BASE + SHIM_STUBS,
				       SHIM_BASE + SHIM_GDT, SHIM_BASE + PAGE_SIZE,
				       SHIM_BASE + 0x200000 };
	struct world w;
	struct thread t;

	world_start(&w);
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < sizeof at / sizeof at[0]; i++) {
		thread_jump(&t, g_jump, at[i], 0);
		thread_fault(&t, at[i], GUEST_EXEC);
		CHECK_EQ(thread_regs(&t).rip, at[i]);
		thread_jump(&t, g_read, at[i], 0);
		thread_fault(&t, at[i], GUEST_READ);
		thread_jump(&t, g_write, at[i], 0);
		thread_fault(&t, at[i], GUEST_WRITE);
	}
	thread_end(&t);
	world_end(&w);
}

/* One instruction each, at the start of a page; vector 255: nothing happens. Error codes as the SDM
 * has them. */
struct forbidden {
	const char *name;
	unsigned char code[12];
	unsigned vector, other; /* other: what other CPUs say */
};

static const struct forbidden forbidden[] = {
	{ "hlt", { 0xf4 }, GP, GP },
	{ "cli", { 0xfa }, GP, GP },
	{ "sti", { 0xfb }, GP, GP },
	{ "out imm", { 0xe6, 0x80 }, GP, GP },
	{ "out dx", { 0xee }, GP, GP },
	{ "outl dx", { 0xef }, GP, GP },
	{ "in imm", { 0xe4, 0x80 }, GP, GP },
	{ "in dx", { 0xec }, GP, GP },
	{ "insb", { 0x6c }, GP, GP },
	{ "rep outsb", { 0xf3, 0x6e }, GP, GP },
	{ "out shim port", { 0xe6, SHIM_PORT_SYSCALL }, GP, GP },
	{ "in shim port", { 0xe4, SHIM_PORT_SYSCALL }, GP, GP },
	{ "outl shim port", { 0xe7, SHIM_PORT_SYSCALL }, GP, GP },
	{ "out vector port", { 0xe6, SHIM_PORT_VECTOR + 14 }, GP, GP },
	{ "rdmsr", { 0x0f, 0x32 }, GP, GP },
	{ "wrmsr", { 0x0f, 0x30 }, GP, GP },
	{ "mov cr0", { 0x0f, 0x20, 0xc0 }, GP, GP },
	{ "mov to cr3", { 0x0f, 0x22, 0xd8 }, GP, GP },
	{ "mov dr7", { 0x0f, 0x23, 0xf8 }, GP, GP },
	{ "clts", { 0x0f, 0x06 }, GP, GP },
	{ "invd", { 0x0f, 0x08 }, GP, GP },
	{ "wbinvd", { 0x0f, 0x09 }, GP, GP },
	{ "lgdt", { 0x0f, 0x01, 0x14, 0x24 }, GP, GP },
	{ "lidt", { 0x0f, 0x01, 0x1c, 0x24 }, GP, GP },
	{ "lldt", { 0x0f, 0x00, 0xd0 }, GP, GP },
	{ "ltr", { 0x0f, 0x00, 0xd8 }, GP, GP },
	{ "lmsw", { 0x0f, 0x01, 0xf0 }, GP, GP },
	{ "invlpg", { 0x0f, 0x01, 0x3c, 0x24 }, GP, GP },
	{ "swapgs", { 0x0f, 0x01, 0xf8 }, GP, GP },
	{ "sysret", { 0x48, 0x0f, 0x07 }, GP, GP },
	{ "sysexit", { 0x48, 0x0f, 0x35 }, GP, UD },
	{ "xsetbv", { 0x0f, 0x01, 0xd1 }, GP, GP },
	{ "monitor", { 0x0f, 0x01, 0xc8 }, UD, GP },
	{ "mwait", { 0x0f, 0x01, 0xc9 }, UD, GP },
	{ "rsm", { 0x0f, 0xaa }, UD, UD },
	{ "int 0x80", { 0xcd, 0x80 }, GP, GP },
	{ "int 0x20", { 0xcd, 0x20 }, GP, GP },
	{ "int 14", { 0xcd, 14 }, GP, GP },
	{ "int 2", { 0xcd, 2 }, GP, GP },
	{ "int 3", { 0xcd, 3 }, BP, BP },
	{ "push es", { 0x06 }, UD, UD },
	{ "ljmp *(rsp) 0x10", { 0xc7, 0x44, 0x24, 0x04, 0x10, 0, 0, 0, 0xff, 0x2c, 0x24 }, GP, GP },
	{ "mov 0x18, ss", { 0x6a, 0x18, 0x58, 0x8e, 0xd0 }, GP, GP },
	{ "mov 0x40, ds", { 0x6a, 0x40, 0x58, 0x8e, 0xd8 }, GP, GP },
	{ "rdpmc", { 0x0f, 0x33 }, GP, GP },
};

static bool is_own_jump(const struct forbidden *f)
{
	return f->code[0] == 0xc7 || f->code[0] == 0x6a;
}

static void privileged(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;
	uint64_t page;
	unsigned bad = 0;

	world_start(&w);
	page = world_pages(&w, 1);
	world_map(&w, w.s, AT_DATA, 1, RX, page);
	thread_start(&w, &t, g_jump);
	for (unsigned i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
		const struct forbidden *f = &forbidden[i];
		unsigned char *code = world_ptr(&w, page);
		memset(code, 0x90, 16);
		memcpy(code, f->code, sizeof f->code);
		code[14] = 0x0f;
		code[15] = 0x05;
		for (unsigned k = 11; k > 0 && !is_own_jump(f) && code[k] == 0; k--)
			code[k] = 0x90;
		thread_jump(&t, g_jump, AT_DATA, AT_STACK - 64);
		r = thread_regs(&t);
		r.rsp = AT_STACK - 64;
		r.rdx = SHIM_PORT_SYSCALL;
		r.rcx = 0xc0000080;
		thread_regs_set(&t, &r);
		CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
		r = thread_regs(&t);
		uint64_t rip = f->vector == BP  ? AT_DATA + 2
			       : is_own_jump(f) ? AT_DATA + (f->code[0] == 0xc7 ? 8 : 3)
						: AT_DATA;
		if (t.ev.kind == EVENT_EXCEPTION &&
		    (t.ev.exception.nr == f->vector || t.ev.exception.nr == f->other) &&
		    r.rip == rip)
			continue;
		printf("%s: event %d, vector %lu, rip %#lx; %s\n", f->name, t.ev.kind,
		       t.ev.exception.nr, r.rip, t.ev.kind == EVENT_DEAD ? t.ev.dead : "");
		bad++;
	}
	CHECK_EQ(bad, 0);
	thread_end(&t);
	world_end(&w);
}

/* Jumps into the vsyscall page are faults like others, with the return address still on the stack,
 * whether the host has such a page and would make a call of them or not. */
static void vsyscall(void)
{
	/* the three entries; where there is none; with pointers that the host refuses */
	static const struct {
		uint64_t at, rdi;
	} calls[] = { { 0xffffffffff600000, 8 }, { 0xffffffffff600400, 8 },
		      { 0xffffffffff600800, 8 }, { 0xffffffffff600c00, 8 },
		      { 0xffffffffff600001, 8 }, { 0xffffffffff600400, 0xffffffffff600000 } };
	struct world w;
	struct thread t;
	struct cpu_regs r;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	uint64_t page = world_pages(&w, 1);
	uint64_t *stack = world_ptr(&w, page);
	world_map(&w, w.s, AT_DATA, 1, RW, page);
	for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		r = thread_regs(&t);
		stack[7] = 4711;
		r.rip = calls[i].at;
		r.rsp = AT_DATA + 7 * sizeof *stack;
		r.rdi = calls[i].rdi;
		r.rsi = 77;
		thread_regs_set(&t, &r);
		thread_fault(&t, calls[i].at, GUEST_EXEC);
		r = thread_regs(&t);
		CHECK_EQ(r.rip, calls[i].at);
		CHECK_EQ(r.rsp, AT_DATA + 7 * sizeof *stack);
		CHECK_EQ(r.rdi, calls[i].rdi);
		CHECK_EQ(r.rsi, 77);
		CHECK_EQ(stack[7], 4711);
		thread_jump(&t, g_read, calls[i].at, 0);
		thread_fault(&t, calls[i].at, GUEST_READ);
		thread_jump(&t, g_write, calls[i].at, 0);
		thread_fault(&t, calls[i].at, GUEST_WRITE);
	}
	thread_end(&t);
	world_end(&w);
}

/* Runs `code` at AT_DATA, which must end in an exception or a fault; the thread is none the worse
 * for it. */
static void ends_badly(const char *name, const void *code, size_t size)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;
	uint64_t page;

	world_start(&w);
	page = world_pages(&w, 1);
	world_map(&w, w.s, AT_DATA, 1, RX, page);
	memset(world_ptr(&w, page), 0xcc, PAGE_SIZE);
	memcpy(world_ptr(&w, page), code, size);
	thread_start(&w, &t, g_jump);
	thread_jump(&t, g_jump, AT_DATA, 0);
	r = thread_regs(&t);
	r.rsp = AT_STACK - 64;
	thread_regs_set(&t, &r);
	CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
	if (t.ev.kind != EVENT_EXCEPTION && t.ev.kind != EVENT_FAULT)
		printf("%s: event %d\n", name, t.ev.kind);
	CHECK(t.ev.kind == EVENT_EXCEPTION || t.ev.kind == EVENT_FAULT);
	thread_jump(&t, g_syscall, 1, 2);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.args[0], 1);
	thread_end(&t);
	world_end(&w);
}

/* mov eax, 20; jmp far to 32-bit code right behind; there `call`: int 0x80, sysenter, syscall; int3
 * where it comes back. */
static void compat_mode(void)
{
	static const unsigned char calls[][2] = {
		{ 0xcd, 0x80 }, { 0x0f, 0x34 }, { 0x0f, 0x05 }, { 0x90, 0xcc }
	};
	unsigned char code[] = {
		/* mov $20, %eax: getpid there, writev here */
		0xb8, 20,   0,    0,    0,    0xc7, 0x04, 0x24,
		0x14, 0,    0,    0x10,                      /* movl $AT_DATA + 0x14, (%rsp) */
		0xc7, 0x44, 0x24, 0x04, 0x23, 0,    0,    0, /* movl $0x23, 4(%rsp) */
		0xff, 0x2c, 0x24, 0,    0,    0              /* ljmp *(%rsp) */
	};

	_Static_assert(AT_DATA == 0x10000000, "movl");
	code[8] = sizeof code - 3;
	for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		memcpy(code + sizeof code - 3, calls[i], 2);
		code[sizeof code - 1] = 0xcc;
		ends_badly("32-bit code", code, sizeof code);
	}
}

/* A guest is never given the tile registers: their use is an undefined instruction. */
static void amx(void)
{
	static const unsigned char code[] = {
		0x48, 0x83, 0xec, 0x40, /* sub $64, %rsp */
		0xc6, 0x04, 0x24, 0x01, /* movb $1, (%rsp): palette */
		/* movb $64, 16(%rsp): bytes a row of tmm0 */
		0xc6, 0x44, 0x24, 0x10, 0x40, 0xc6, 0x44, 0x24, 0x30,
		0x10,                                     /* movb $16, 48(%rsp): rows */
		0xc4, 0xe2, 0x78, 0x49, 0x04, 0x24,       /* ldtilecfg (%rsp) */
		0xc4, 0xe2, 0x7b, 0x49, 0xc0, 0x0f, 0x05, /* tilezero %tmm0; syscall */
	};
	struct world w;
	struct thread t;
	uint64_t page;
	bool refused;

	world_start(&w);
	page = world_pages(&w, 1);
	world_map(&w, w.s, AT_DATA, 1, RX, page);
	memcpy(world_ptr(&w, page), code, sizeof code);
	thread_start(&w, &t, g_xgetbv);
	thread_run(&t, EVENT_SYSCALL);
	refused = strcmp(w.p->name, "kvm") != 0 || !(t.ev.syscall.nr & 3U << 17);
	thread_jump(&t, g_read, 0, 0); /* so that the last trap was another */
	thread_fault(&t, 0, GUEST_READ);
	thread_jump(&t, g_jump, AT_DATA, 0);
	if (refused)
		thread_exception(&t, UD);
	else
		printf("# skip: this host's KVM does not load XCR0 (docs/security.md)\n");
	thread_jump(&t, g_syscall, 1, 2);
	thread_run(&t, EVENT_SYSCALL);
	thread_end(&t);
	world_end(&w);
}

/* Only the low 32 bits of a number count, and x32's are numbers like others. */
static void numbers(void)
{
	static const uint64_t nr[] = { 0x40000027, 0x400000ff, 0x80000000, 0xffffffff,
				       0x100000027 };
	struct world w;
	struct thread t;
	struct cpu_regs r;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	for (unsigned i = 0; i < sizeof nr / sizeof nr[0]; i++) {
		thread_jump(&t, g_syscall, 3, 4);
		r = thread_regs(&t);
		r.rax = nr[i];
		thread_regs_set(&t, &r);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ((uint32_t)t.ev.syscall.nr, (uint32_t)nr[i]);
		CHECK_EQ(t.ev.syscall.args[1], 4);
		w.p->syscall_result(t.c, 0);
	}
	thread_end(&t);
	world_end(&w);
}

/* What differs between CPUs and hypervisors, but must end in no harm: an exception, or nothing. */
static void odd_instructions(void)
{
	static const unsigned char odd[][8] = {
		{ 0x0f, 0x01, 0xc1 },             /* vmcall */
		{ 0x0f, 0x01, 0xd9 },             /* vmmcall */
		{ 0x0f, 0x01, 0xd4 },             /* vmfunc */
		{ 0x0f, 0x34 },                   /* sysenter */
		{ 0xf1 },                         /* icebp */
		{ 0x48, 0xcf },                   /* iretq with what is on the stack */
		{ 0x48, 0xcb },                   /* lretq */
		{ 0x0f, 0x01, 0x04, 0x24 },       /* sgdt */
		{ 0x0f, 0x01, 0x0c, 0x24 },       /* sidt */
		{ 0x0f, 0x01, 0xe0 },             /* smsw */
		{ 0x0f, 0x00, 0xc8 },             /* str */
		{ 0x0f, 0x00, 0xc0 },             /* sldt */
		{ 0x0f, 0x02, 0xc1 },             /* lar */
		{ 0x0f, 0xa2 },                   /* cpuid */
		{ 0x0f, 0xc7, 0xf0 },             /* rdrand */
		{ 0x0f, 0x01, 0xd0 },             /* xgetbv */
		{ 0x9d },                         /* popf */
		{ 0x0f, 0x0b },                   /* ud2 */
		{ 0xf3, 0x0f, 0x01, 0xe8 },       /* setssbsy */
		{ 0x0f, 0x01, 0xee },             /* rdpkru */
		{ 0x66, 0x0f, 0x38, 0x82, 0x04 }, /* invpcid */
		{ 0x0f, 0x01, 0xf9 },             /* rdtscp */
		{ 0xf3, 0x48, 0x0f, 0xae, 0xd8 }, /* wrgsbase */
		{ 0xf0, 0x0f, 0xc7, 0xc8 },       /* the f00f bug */
	};
	struct world w;
	struct thread t, good;
	struct cpu_regs r;
	uint64_t page;

	world_start(&w);
	page = world_pages(&w, 1);
	world_map(&w, w.s, AT_DATA, 1, RX, page);
	thread_start(&w, &t, g_jump);
	thread_start(&w, &good, g_syscall);
	for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		unsigned char *code = world_ptr(&w, page);
		memset(code, 0x90, 16);
		memcpy(code, odd[i], 8);
		for (unsigned k = 7; k > 0 && code[k] == 0; k--)
			code[k] = 0x90;
		code[14] = 0x0f;
		code[15] = 0x05;
		thread_jump(&t, g_jump, AT_DATA, 0);
		r = thread_regs(&t);
		r.rsp = AT_STACK - 256;
		r.rcx = 0;
		thread_regs_set(&t, &r);
		CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
		if (t.ev.kind != EVENT_SYSCALL && t.ev.kind != EVENT_EXCEPTION &&
		    t.ev.kind != EVENT_FAULT) {
			printf("odd %u: event %d %s\n", i, t.ev.kind,
			       t.ev.kind == EVENT_DEAD ? t.ev.dead : "");
			exit(1);
		}
		thread_run(&good, EVENT_SYSCALL);
	}
	thread_end(&t);
	thread_end(&good);
	world_end(&w);
}

/* To every byte of the shim, with registers that lie. What comes is an event; nobody else
 * notices. */
static void jump_into_shim(void)
{
	struct world w;
	struct thread t, good;
	struct cpu_regs r, before;

	world_start(&w);
	thread_start(&w, &t, g_jump);
	thread_start(&w, &good, g_syscall);
	for (uint64_t at = 0; at < 2 * PAGE_SIZE; at += at % PAGE_SIZE < 160 ? 1 : 509) {
		before = thread_regs(&t);
		for (unsigned i = 0; i < 16; i++)
			(&before.rax)[i] = random64() >> (random64() % 40);
		before.rip = SHIM_BASE + at;
		if (at % 3 == 0)
			before.rcx = random64(); /* mostly not canonical */
		if (at % 5 == 0)
			before.rflags |= FLAG_TF;
		thread_regs_set(&t, &before);
		CHECK_EQ(w.p->run(t.c, t.s, &t.k, &t.ev), 0);
		r = thread_regs(&t);
		CHECK(t.ev.kind == EVENT_SYSCALL || t.ev.kind == EVENT_EXCEPTION ||
		      t.ev.kind == EVENT_FAULT);
		CHECK(t.ev.kind != EVENT_SYSCALL || (at == 0 && r.rip <= GUEST_TASK_SIZE));
		/* Does it still run with a user's rights? */
		r.rflags = RFLAGS_FIXED;
		thread_regs_set(&t, &r);
		thread_jump(&t, g_read, SHIM_BASE + SHIM_GDT, 0);
		thread_fault(&t, SHIM_BASE + SHIM_GDT, GUEST_READ);
		thread_run(&good, EVENT_SYSCALL);
	}
	thread_end(&t);
	thread_end(&good);
	world_end(&w);
}

/* A stack pointer that is no address, or the shim's: no event may use it, and none may come back
 * privileged. */
static void evil_stack(void)
{
	static const uint64_t sp[] = { 0,
				       8,
				       1UL << 47,
				       0x8000000000000000,
				       0xffff800000000000,
				       SHIM_BASE + PAGE_SIZE + 256,
				       SHIM_BASE + SHIM_IDT,
				       ~0UL,
				       0xffffffffff600ff8 };
	struct world w;
	struct thread t;
	struct cpu_regs r;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	for (unsigned i = 0; i < 4 * sizeof sp / sizeof sp[0]; i++) {
		thread_jump(&t,
			    i % 4 == 3   ? g_divide
			    : i % 4 == 2 ? g_read
					 : g_syscall,
			    AT_DATA, 0);
		r = thread_regs(&t);
		r.rsp = sp[i / 4];
		thread_regs_set(&t, &r);
		thread_run(&t, i % 4 == 3   ? EVENT_EXCEPTION
			       : i % 4 == 2 ? EVENT_FAULT
					    : EVENT_SYSCALL);
		CHECK_EQ(thread_regs(&t).rsp, sp[i / 4]);
		if (i % 4 == 1) /* the cheap way back, and again */
			thread_run(&t, EVENT_SYSCALL);
		r = thread_regs(&t);
		r.rip = AT(g_read);
		r.rdi = SHIM_BASE;
		thread_regs_set(&t, &r);
		thread_fault(&t, SHIM_BASE, GUEST_READ);
		r = thread_regs(&t);
		r.rip = AT(g_read);
		r.rdi = AT_CODE;
		thread_regs_set(&t, &r);
		thread_run(&t, EVENT_SYSCALL);
	}
	thread_end(&t);
	world_end(&w);
}

/* Single steps: a #DB behind each instruction, with a system call among them. */
static void steps(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;
	uint64_t at;

	world_start(&w);
	thread_start(&w, &t, g_steps);
	r = thread_regs(&t);
	r.rflags |= FLAG_TF;
	thread_regs_set(&t, &r);
	at = AT(g_steps);
	for (unsigned i = 0; i < 3; i++) {
		thread_exception(&t, DB);
		at += i == 2 ? 5 : 1;
		CHECK_EQ(thread_regs(&t).rip, at);
	}
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 5);
	r = thread_regs(&t);
	CHECK_EQ(r.rip, at + 2);
	CHECK(r.rflags & FLAG_TF);
	thread_exception(&t, DB); /* behind the next instruction */
	CHECK_EQ(thread_regs(&t).rip, at + 3);
	r = thread_regs(&t);
	r.rflags &= ~FLAG_TF;
	thread_regs_set(&t, &r);
	thread_run(&t, EVENT_SYSCALL);
	thread_end(&t);
	world_end(&w);
}

/* Runs to a breakpoint: which. */
static unsigned next_break(struct thread *t)
{
	thread_exception(t, DB);
	return t->ev.exception.debug;
}

/* Where the host has none it says so. */
static void breakpoints(void)
{
	const struct hw_break list[HW_BREAKS] = {
		{ AT_DATA, HW_BREAK_WRITE, 8 },
		{ AT_DATA + 4, HW_BREAK_ACCESS, 4 },
		{ 0 },
		{ AT(g_jump), HW_BREAK_EXEC, 1 },
	};
	static const struct hw_break none[HW_BREAKS];
	struct world w;
	struct thread t;

	world_start(&w);
	world_map(&w, w.s, AT_DATA, 1, RW, world_pages(&w, 1));
	thread_start(&w, &t, g_syscall);
	int err = w.p->breaks_set(t.c, w.s, list);
	if (err) {
		CHECK_EQ(err, -ENOSPC);
		printf("# skip: this host gives no breakpoints\n");
		return;
	}
	thread_jump(&t, g_write, AT_DATA, 0);
	CHECK_EQ(next_break(&t), 3);
	CHECK(thread_regs(&t).rip > AT(g_write));
	thread_run(&t, EVENT_SYSCALL);
	thread_jump(&t, g_read, AT_DATA, 0);
	CHECK_EQ(next_break(&t), 2);
	thread_run(&t, EVENT_SYSCALL);
	thread_jump(&t, g_jump, AT(g_syscall), 0);
	CHECK_EQ(next_break(&t), 8);
	CHECK_EQ(thread_regs(&t).rip, AT(g_jump));
	thread_run(&t, EVENT_SYSCALL); /* goes on */
	CHECK_EQ(w.p->breaks_set(t.c, w.s, none), 0);
	thread_jump(&t, g_write, AT_DATA, 0);
	thread_run(&t, EVENT_SYSCALL);
	thread_end(&t);
	world_end(&w);
}

const struct test tests[] = {
	{ "exceptions", exceptions },
	{ "arithmetic", arithmetic },
	{ "non_canonical", non_canonical },
	{ "upper_half", upper_half },
	{ "vsyscall", vsyscall },
	{ "compat_mode", compat_mode },
	{ "amx", amx },
	{ "numbers", numbers },
	{ "privileged", privileged },
	{ "odd_instructions", odd_instructions },
	{ "jump_into_shim", jump_into_shim },
	{ "evil_stack", evil_stack },
	{ "steps", steps },
	{ "breakpoints", breakpoints },
	{ NULL, NULL },
};
