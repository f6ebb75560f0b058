/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread's CPU holds, over events. */
#include "tests/platform/world.h"

#include <cpuid.h>
#include <errno.h>
#include <immintrin.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

extern const char g_syscall[], g_spin[], g_wait[], g_read[], g_count[], g_red_zone[],
    g_fp_syscall[], g_fp_fault[], g_fp_spin[], g_fp_new[], g_bases[], g_cpu[], g_xgetbv[], g_tsc[],
    g_rdtscp[];

#define FLAGS_SOME                                                                                 \
	(RFLAGS_FIXED | 0xcd5 | 0x40000) /* CF PF AF ZF SF DF OF AC: what a sigreturn restores */

static void regs_random(struct cpu_regs *r)
{
	uint64_t *p = &r->rax;

	for (unsigned i = 0; i < 16; i++)
		p[i] = random64();
	r->rflags = FLAGS_SOME;
	r->fs_base = random64() >> 18;
	r->gs_base = random64() >> 18;
}

static void regs_equal(const struct cpu_regs *a, const struct cpu_regs *b)
{
	static const char *const names[] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp",
					     "rbp", "r8",  "r9",  "r10", "r11", "r12", "r13",
					     "r14", "r15", "rip", "rfl", "fsb", "gsb" };
	const uint64_t *p = &a->rax, *q = &b->rax;

	for (unsigned i = 0; i < sizeof *a / 8; i++) {
		if (p[i] == q[i])
			continue;
		printf("%s: %#lx and %#lx\n", names[i], (unsigned long)p[i], (unsigned long)q[i]);
		exit(1);
	}
}

static void syscalls_arrive(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	for (unsigned i = 0; i < 100; i++) {
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i);
		CHECK_EQ(t.ev.syscall.ip, AT(g_syscall) + 2);
		w.p->syscall_result(t.c, i + 1);
	}
	r = thread_regs(&t);
	CHECK_EQ(r.rip, r.rcx);
	CHECK_EQ(r.rflags, r.r11);
	CHECK_EQ(w.p->runs(t.c), 100);
	thread_end(&t);
	world_end(&w);
}

static void regs_over_syscall(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs want, got;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	for (unsigned i = 0; i < 50; i++) {
		regs_random(&want);
		want.rip = AT(g_syscall);
		want.rax &= 0xffffffff;
		thread_regs_set(&t, &want);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, want.rax);
		CHECK_EQ(t.ev.syscall.args[0], want.rdi);
		CHECK_EQ(t.ev.syscall.args[1], want.rsi);
		CHECK_EQ(t.ev.syscall.args[2], want.rdx);
		CHECK_EQ(t.ev.syscall.args[3], want.r10);
		CHECK_EQ(t.ev.syscall.args[4], want.r8);
		CHECK_EQ(t.ev.syscall.args[5], want.r9);
		/* The cheap way back, to the next system call. */
		w.p->syscall_result(t.c, ~want.rax & 0xffffffff);
		thread_run(&t, EVENT_SYSCALL);
		got = thread_regs(&t);
		want.rax = ~want.rax & 0xffffffff;
		want.rip = want.rcx = AT(g_syscall) + 2;
		want.r11 = want.rflags;
		regs_equal(&want, &got);
	}
	thread_end(&t);
	world_end(&w);
}

static void regs_over_fault(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs want, got;
	uint64_t page;

	world_start(&w);
	page = world_pages(&w, 1);
	*(uint64_t *)world_ptr(&w, page) = 42;
	thread_start(&w, &t, g_read);
	for (unsigned i = 0; i < 50; i++) {
		regs_random(&want);
		want.rip = AT(g_read);
		want.rdi = AT_DATA;
		want.rflags &= ~0x40000UL;
		thread_regs_set(&t, &want);
		thread_fault(&t, AT_DATA, GUEST_READ);
		got = thread_regs(&t);
		got.rflags &= ~0x10000UL; /* RF: the CPU sets it for the retry */
		regs_equal(&want, &got);
		/* Cured, it goes on as if nothing had been. */
		world_map(&w, w.s, AT_DATA, 1, GUEST_READ, page);
		thread_run(&t, EVENT_SYSCALL);
		got = thread_regs(&t);
		want.rax = 42;
		want.rip = want.rcx = AT(g_read) + 5;
		want.r11 = want.rflags;
		regs_equal(&want, &got);
		CHECK_EQ(w.p->space_unmap(w.s, GVA(AT_DATA), PAGE_SIZE), 0);
	}
	thread_end(&t);
	world_end(&w);
}

static void *kick_soon(void *arg)
{
	sleep_us((unsigned)random64() % 300);
	kick_send(arg);
	return NULL;
}

static void regs_over_interrupt(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs want, got;
	pthread_t host;

	world_start(&w);
	thread_start(&w, &t, g_spin);
	for (unsigned i = 0; i < 50; i++) {
		regs_random(&want);
		want.rip = AT(g_spin);
		thread_regs_set(&t, &want);
		CHECK_EQ(pthread_create(&host, NULL, kick_soon, &t.k), 0);
		thread_run(&t, EVENT_INTERRUPTED);
		CHECK(kick_take(&t.k));
		pthread_join(host, NULL);
		got = thread_regs(&t);
		regs_equal(&want, &got);
	}
	thread_end(&t);
	world_end(&w);
}

/* Registers set after any event are what the program finds. */
static void regs_set_anywhere(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs want, got;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	for (unsigned i = 0; i < 100; i++) {
		if (i % 3 == 1) {
			thread_jump(&t, g_read, AT_DATA, 0);
			thread_fault(&t, AT_DATA, GUEST_READ);
		} else if (i % 3 == 2) {
			kick_send(&t.k);
			thread_run(&t, EVENT_INTERRUPTED);
			CHECK(kick_take(&t.k));
		}
		regs_random(&want);
		want.rip = AT(g_syscall);
		want.rax &= 0xffffffff; /* the number of the call that follows */
		thread_regs_set(&t, &want);
		got = thread_regs(&t);
		regs_equal(&want, &got);
		thread_run(&t, EVENT_SYSCALL);
		got = thread_regs(&t);
		want.rip = want.rcx = AT(g_syscall) + 2;
		want.r11 = want.rflags;
		regs_equal(&want, &got);
	}
	thread_end(&t);
	world_end(&w);
}

static void regs_checked(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	r = thread_regs(&t);
	CHECK_EQ(r.rflags, RFLAGS_FIXED);
	r.rflags = ~0UL;
	thread_regs_set(&t, &r);
	r = thread_regs(&t);
	CHECK_EQ(r.rflags, RFLAGS_USER | RFLAGS_FIXED);
	for (unsigned i = 0; i < 3; i++) {
		struct cpu_regs bad = r;
		*(i == 0 ? &bad.rip : i == 1 ? &bad.fs_base : &bad.gs_base) = 1UL << 47;
		CHECK_EQ(-w.p->regs_set(t.c, &bad), EINVAL);
	}
	thread_end(&t);
	world_end(&w);
}

static void bases(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;

	world_start(&w);
	thread_start(&w, &t, g_bases);
	thread_jump(&t, g_bases, 0x123456789000, 0x7fffdeadb000);
	thread_run(&t, EVENT_SYSCALL);
	r = thread_regs(&t);
	CHECK_EQ(r.fs_base, 0x123456789000);
	CHECK_EQ(r.gs_base, 0x7fffdeadb000);
	r.fs_base = 0x55550000;
	thread_regs_set(&t, &r);
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 0x55550000);
	r = thread_regs(&t);
	CHECK_EQ(r.rbx, 0x7fffdeadb000);
	thread_end(&t);
	world_end(&w);
}

static void red_zone(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;
	pthread_t host;
	uint64_t page;

	world_start(&w);
	page = world_pages(&w, 1);
	thread_start(&w, &t, g_red_zone);
	world_map(&w, w.s, AT_DATA, 1, RW, page);
	r = thread_regs(&t);
	r.rsi = AT_DATA + PAGE_SIZE;
	r.rdx = AT_DATA;
	thread_regs_set(&t, &r);
	thread_run(&t, EVENT_SYSCALL);
	thread_fault(&t, AT_DATA + PAGE_SIZE, GUEST_READ);
	world_map(&w, w.s, AT_DATA + PAGE_SIZE, 1, GUEST_READ, world_pages(&w, 1));
	CHECK_EQ(pthread_create(&host, NULL, kick_soon, &t.k), 0);
	thread_run(&t, EVENT_INTERRUPTED);
	CHECK(kick_take(&t.k));
	pthread_join(host, NULL);
	*(uint32_t *)world_ptr(&w, page) = 1;
	thread_run(&t, EVENT_SYSCALL);
	CHECK_EQ(t.ev.syscall.nr, 2);
	thread_end(&t);
	world_end(&w);
}

/* Extended state, in a page the guest restores it from and one it saves it to. */
struct fp_test {
	struct world w;
	struct thread t;
	unsigned char *in, *out;
	uint64_t xcr0, mask;
	size_t size;
};

#define AT_IN  AT_DATA
#define AT_OUT (AT_DATA + PAGE_SIZE)
#define AT_GO  (AT_DATA + 2 * PAGE_SIZE)
#define AT_BAD (AT_DATA + 9 * PAGE_SIZE)

/* Parts that hold plain numbers: x87, SSE, AVX, AVX-512. Others have rules for their contents. */
#define FP_PLAIN 0xe7UL

/* x87 registers are 80 bits in 16 bytes, and only normal numbers compare. */
static void fp_random(struct fp_test *f)
{
	for (size_t i = 0; i < f->size; i++)
		f->in[i] = (unsigned char)random64();
	memset(f->in, 0, 32);
	memcpy(f->in, &(uint16_t){ 0x27f }, 2);
	memcpy(f->in + 24, &(uint32_t){ 0x7f80 }, 4);
	for (unsigned i = 0; i < 8; i++) {
		unsigned char *st = f->in + 32 + 16 * i;
		memcpy(st + 8, (unsigned char[8]){ 0x3f, 0x40 + i }, 8);
	}
	f->in[4] = 0xff; /* all in use */
	memset(f->in + 416, 0, 96 + 64);
	memcpy(f->in + 512, &f->mask, 8);
}

static void fp_start(struct fp_test *f, const char *entry)
{
	struct cpu_regs r;
	uint64_t pages;

	world_start(&f->w);
	pages = world_pages(&f->w, 3);
	f->in = world_ptr(&f->w, pages);
	f->out = f->in + PAGE_SIZE;
	f->size = f->w.p->fp_size(f->w.m, &f->xcr0);
	f->mask = f->xcr0 & FP_PLAIN;
	CHECK(f->size >= 576 && f->size <= PAGE_SIZE && (f->xcr0 & 3) == 3);
	world_map(&f->w, f->w.s, AT_IN, 3, RW, pages);
	thread_start(&f->w, &f->t, entry);
	r = thread_regs(&f->t);
	r.rdi = AT_IN;
	r.rsi = AT_OUT;
	r.r12 = f->mask;
	r.r8 = entry == g_fp_spin ? AT_GO : AT_BAD;
	r.r9 = AT_GO + 8;
	thread_regs_set(&f->t, &r);
	fp_random(f);
}

static void bytes_equal(const unsigned char *a, const unsigned char *b, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (a[i] == b[i])
			continue;
		printf("byte %zu of the extended state: %#x and %#x\n", i, a[i], b[i]);
		exit(1);
	}
}

/* What programs own: x87 and SSE registers, and the other parts in the mask. */
static void fp_equal(const struct fp_test *f, const unsigned char *a, const unsigned char *b)
{
	unsigned size, off, c, d;

	bytes_equal(a, b, 0, 5);
	bytes_equal(a, b, 24, 28);
	for (unsigned i = 0; i < 8; i++)
		bytes_equal(a, b, 32 + i * 16, 32 + i * 16 + 10);
	bytes_equal(a, b, 160, 416);
	for (unsigned i = 2; i < 63; i++) {
		if (!(f->mask >> i & 1))
			continue;
		__cpuid_count(0xd, i, size, off, c, d);
		bytes_equal(a, b, off, off + size);
	}
}

/* What the monitor's own code does to the registers. */
static void fp_clobber(void)
{
	__asm__ volatile("xorps %%xmm0, %%xmm0; xorps %%xmm15, %%xmm15; fninit" ::
			     : "xmm0", "xmm15");
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile(
		    "vpternlogd $0xff, %%zmm31, %%zmm31, %%zmm31; kxorw %%k1, %%k1, %%k1;"
		    "vpternlogd $0xff, %%zmm1, %%zmm1, %%zmm1" ::
			: "xmm1", "memory");
}

static void fp_over(const char *entry)
{
	struct fp_test f;
	unsigned char buf[PAGE_SIZE];
	pthread_t host;

	fp_start(&f, entry);
	if (entry == g_fp_spin) {
		do {
			CHECK_EQ(pthread_create(&host, NULL, kick_soon, &f.t.k), 0);
			thread_run(&f.t, EVENT_INTERRUPTED);
			pthread_join(host, NULL);
			CHECK(kick_take(&f.t.k));
		} while (*(volatile uint32_t *)(f.out + PAGE_SIZE) == 0);
		*(volatile uint32_t *)(f.out + PAGE_SIZE + 8) = 1;
	} else {
		thread_run(&f.t, entry == g_fp_fault ? EVENT_FAULT : EVENT_SYSCALL);
	}
	fp_clobber();
	/* What fp_get sees is what the guest restored. */
	CHECK_EQ(f.w.p->fp_get(f.t.c, buf, sizeof buf), 0);
	fp_equal(&f, f.in, buf);
	if (entry == g_fp_fault)
		world_map(&f.w, f.w.s, AT_BAD, 1, GUEST_READ, world_pages(&f.w, 1));
	thread_run(&f.t, EVENT_SYSCALL);
	fp_equal(&f, f.in, f.out);
	thread_end(&f.t);
	world_end(&f.w);
}

static void fp_over_syscall(void)
{
	fp_over(g_fp_syscall);
}

static void fp_over_fault(void)
{
	fp_over(g_fp_fault);
}

static void fp_over_interrupt(void)
{
	fp_over(g_fp_spin);
}

static void fp_set_seen(void)
{
	struct fp_test f;
	unsigned char buf[PAGE_SIZE];

	fp_start(&f, g_fp_new);
	CHECK_EQ(f.w.p->fp_set(f.t.c, f.in, f.size), 0); /* before the first run */
	CHECK_EQ(f.w.p->fp_get(f.t.c, buf, sizeof buf), 0);
	fp_equal(&f, f.in, buf);
	thread_run(&f.t, EVENT_SYSCALL);
	fp_equal(&f, f.in, f.out);
	fp_random(&f);
	CHECK_EQ(f.w.p->fp_set(f.t.c, f.in, f.size), 0); /* after it */
	thread_jump(&f.t, g_fp_new, AT_IN, AT_OUT);
	thread_run(&f.t, EVENT_SYSCALL);
	fp_equal(&f, f.in, f.out);
	thread_end(&f.t);
	world_end(&f.w);
}

static void fp_checked(void)
{
	struct fp_test f;
	uint64_t bad_bv;

	fp_start(&f, g_fp_new);
	bad_bv = ~f.xcr0;
	CHECK_EQ(-f.w.p->fp_set(f.t.c, f.in, f.size - 1), EINVAL);
	memcpy(f.in + 512, &bad_bv, 8);
	CHECK_EQ(-f.w.p->fp_set(f.t.c, f.in, f.size), EINVAL);
	fp_random(&f);
	f.in[520] = 1; /* XCOMP_BV */
	CHECK_EQ(-f.w.p->fp_set(f.t.c, f.in, f.size), EINVAL);
	fp_random(&f);
	f.in[27] = 0xff; /* MXCSR */
	CHECK_EQ(-f.w.p->fp_set(f.t.c, f.in, f.size), EINVAL);
	CHECK_EQ(-f.w.p->fp_get(f.t.c, f.out, f.size - 1), EINVAL);
	thread_end(&f.t);
	world_end(&f.w);
}

/* The state of a fresh process, also in a vCPU that somebody else has used. */
static void fp_fresh(void)
{
	struct fp_test f;
	struct thread t;
	uint16_t fcw;
	uint32_t mxcsr;

	fp_start(&f, g_fp_syscall);
	thread_run(&f.t, EVENT_SYSCALL);
	thread_end(&f.t);
	thread_start(&f.w, &t, g_fp_new);
	thread_jump(&t, g_fp_new, AT_IN, AT_OUT);
	CHECK_EQ(thread_regs(&t).r12, 0);
	struct cpu_regs r = thread_regs(&t);
	r.r12 = f.mask;
	thread_regs_set(&t, &r);
	memset(f.out, 0, PAGE_SIZE); /* XSAVE leaves what is in its initial state as it was */
	thread_run(&t, EVENT_SYSCALL);
	memcpy(&fcw, f.out, 2);
	memcpy(&mxcsr, f.out + 24, 4);
	CHECK_EQ(fcw, 0x37f);
	CHECK_EQ(mxcsr, 0x1f80);
	for (unsigned i = 160; i < f.size; i++)
		CHECK_EQ(i >= 416 && i < 576 ? 0 : f.out[i], 0);
	CHECK_EQ(thread_regs(&t).fs_base, 0);
	thread_end(&t);
	world_end(&f.w);
}

#define XCR0_AMX (3UL << 17)

static unsigned host_has_lzcnt(void)
{
	unsigned a, b, c, d;

	__cpuid(0x80000001, a, b, c, d);
	return c >> 5 & 1;
}

static void cpuid_agrees(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;
	uint64_t xcr0;
	size_t size;
	bool amx;

	world_start(&w);
	size = w.p->fp_size(w.m, &xcr0);
	thread_start(&w, &t, g_xgetbv);
	thread_run(&t, EVENT_SYSCALL);
	r = thread_regs(&t);
	/* The processes of a stub have the host's register, and so has the guest of a KVM that runs
	 * in a paravirtualised machine. */
	CHECK_EQ((t.ev.syscall.nr | r.rdx << 32) & ~XCR0_AMX, xcr0);
	thread_jump(&t, g_cpu, 0xd, 0);
	thread_run(&t, EVENT_SYSCALL);
	/* The processes of a stub also have the host's CPUID. Linux refuses them AMX
	 * (ARCH_REQ_XCOMP_PERM of arch_prctl(2)). */
	amx = strcmp(w.p->name, "process") == 0 && t.ev.syscall.nr & XCR0_AMX;
	CHECK_EQ(t.ev.syscall.nr, (uint32_t)(amx ? xcr0 | XCR0_AMX : xcr0));
	r = thread_regs(&t);
	CHECK(amx ? r.rbx > size : r.rbx == size);
	thread_jump(&t, g_cpu, 1, 0);
	thread_run(&t, EVENT_SYSCALL);
	r = thread_regs(&t);
	CHECK(r.rdx & 1 << 26); /* SSE2 */
	thread_jump(&t, g_cpu, 7, 0);
	thread_run(&t, EVENT_SYSCALL);
	r = thread_regs(&t);
	CHECK_EQ(r.rbx >> 16 & 1, (xcr0 & 0xe0) == 0xe0); /* AVX512F, if its state is there */
	CHECK(amx || (r.rdx >> 22 & 7 & 5) == 0);
	/* what executes whatever CPUID says is what it says */
	thread_jump(&t, g_cpu, 0x80000001, 0);
	thread_run(&t, EVENT_SYSCALL);
	r = thread_regs(&t);
	CHECK_EQ(r.r8 >> 5 & 1, host_has_lzcnt());
	thread_end(&t);
	world_end(&w);
}

/* A kernel that has found the TSC unreliable no longer offers it as a clock, and KVM changes
 * offsets at will. */
static bool tsc_stable(void)
{
	char buf[256] = "";
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/available_clocksource", "r");
	bool stable = f && fgets(buf, sizeof buf, f) && strstr(buf, "tsc");

	if (f)
		fclose(f);
	return stable;
}

/* The vDSO computes with it. */
static void tsc_is_host(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;
	uint64_t before, guest, after;

	world_start(&w);
	thread_start(&w, &t, g_tsc);
	for (unsigned i = 0; i < 200; i++) {
		before = __rdtsc();
		thread_run(&t, EVENT_SYSCALL);
		after = __rdtsc();
		r = thread_regs(&t);
		guest = r.rax | r.rdx << 32;
		if (guest >= before && guest <= after)
			continue;
		printf("host %lu, guest %lu, host %lu\n", before, guest, after);
		CHECK(!tsc_stable());
		printf("# skip: the host kernel takes this machine's TSC to be unstable\n");
		break;
	}
	thread_end(&t);
	world_end(&w);
}

/* After a system call from the CPU it is on. */
static void cpu_number(void)
{
	struct world w;
	struct thread t;
	cpu_set_t set;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	thread_run(&t, EVENT_SYSCALL);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof set, &set) < 0)
			break;
		w.p->schedule_as(t.c, gettid());
		thread_jump(&t, g_rdtscp, 0, 0);
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(thread_regs(&t).rbx & 0xfff, cpu);
	}
	thread_end(&t);
	world_end(&w);
}

const struct test tests[] = {
	{ "syscalls_arrive", syscalls_arrive },
	{ "regs_over_syscall", regs_over_syscall },
	{ "regs_over_fault", regs_over_fault },
	{ "regs_over_interrupt", regs_over_interrupt },
	{ "regs_set_anywhere", regs_set_anywhere },
	{ "regs_checked", regs_checked },
	{ "bases", bases },
	{ "red_zone", red_zone },
	{ "fp_over_syscall", fp_over_syscall },
	{ "fp_over_fault", fp_over_fault },
	{ "fp_over_interrupt", fp_over_interrupt },
	{ "fp_set_seen", fp_set_seen },
	{ "fp_checked", fp_checked },
	{ "fp_fresh", fp_fresh },
	{ "cpuid_agrees", cpuid_agrees },
	{ "tsc_is_host", tsc_is_host },
	{ "cpu_number", cpu_number },
	{ NULL, NULL },
};
