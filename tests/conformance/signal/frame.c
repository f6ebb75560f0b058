/* SPDX-License-Identifier: Apache-2.0 */
/* The signal frame: registers, FP and vector state, alternate stack, changed contexts, jumps out of
 * handlers. */
#include <immintrin.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "case.h"

static volatile int count;
static char alt[65536];

static void use_altstack(int flags)
{
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt, .ss_flags = flags };

	NEED(sigaltstack(&ss, NULL));
}

static bool on_alt(const void *p)
{
	return (const char *)p >= alt && (const char *)p < alt + sizeof alt;
}

static void where(int sig)
{
	char local;
	stack_t ss;

	sigaltstack(NULL, &ss);
	say("%s on the alternate stack: %d, flags %d\n", signal_name(sig), on_alt(&local),
	    ss.ss_flags);
}

CASE(altstack)
{
	use_altstack(0);
	handle(SIGUSR1, where, SA_ONSTACK);
	handle(SIGUSR2, where, 0);
	raise(SIGUSR1);
	raise(SIGUSR2);
	where(0);
}

static void nested_on_alt(int sig)
{
	where(sig);
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	stack_t ss = { .ss_flags = SS_DISABLE };
	R(sigaltstack(&ss, NULL));
}

CASE(altstack_nested)
{
	use_altstack(0);
	handle(SIGUSR1, nested_on_alt, SA_ONSTACK);
	handle(SIGUSR2, nested_on_alt, SA_ONSTACK);
	raise(SIGUSR1);
}

CASE(altstack_errors)
{
	stack_t ss = { .ss_sp = alt, .ss_size = 100 }, old;

	R(sigaltstack(&ss, NULL));
	ss.ss_size = 2047;
	R(sigaltstack(&ss, NULL));
	ss.ss_size = sizeof alt;
	ss.ss_flags = 77;
	R(sigaltstack(&ss, NULL));
	ss.ss_flags = SS_ONSTACK;
	R(sigaltstack(&ss, NULL));
	R(sigaltstack(NULL, &old));
	say("sp %d size %zu flags %d\n", old.ss_sp == alt, old.ss_size, old.ss_flags);
	ss.ss_flags = SS_DISABLE;
	R(sigaltstack(&ss, &old));
	R(sigaltstack(NULL, &old));
	say("size %zu flags %d\n", old.ss_size, old.ss_flags);
}

static void autodisarmed(int sig)
{
	stack_t ss;

	sigaltstack(NULL, &ss);
	say("in the handler: flags %x\n", ss.ss_flags);
}

CASE(altstack_autodisarm)
{
	stack_t ss;

	use_altstack((int)(1U << 31));
	handle(SIGUSR1, autodisarmed, SA_ONSTACK);
	raise(SIGUSR1);
	sigaltstack(NULL, &ss);
	say("after it: flags %x\n", ss.ss_flags);
}

static int altstack_too_small(void *arg)
{
	static char *page;
	stack_t ss;

	/* Large enough for sigaltstack(2), but its lower part is not there. */
	page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(munmap(page, 2 * 4096));
	ss = (stack_t){ .ss_sp = page, .ss_size = 2 * 4096 + 64 };
	NEED(sigaltstack(&ss, NULL));
	handle(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
	return 0;
}

CASE(altstack_not_writable)
{
	in_child("child", altstack_too_small, NULL);
}

static void *thread_altstack(void *arg)
{
	stack_t ss;

	sigaltstack(NULL, &ss);
	say("a thread starts without: %d\n", ss.ss_flags == SS_DISABLE);
	return NULL;
}

CASE(altstack_per_thread)
{
	pthread_t t;

	use_altstack(0);
	MUST(pthread_create(&t, NULL, thread_altstack, NULL));
	Z(pthread_join(t, NULL));
}

static void checks_frame(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	say("frame aligned %lu, ", (sp + 16) % 16);
	say("arguments %d %d, ", info->si_signo, sig);
	say("cs %llx, ", uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff);
	say("mask %lx, ", uc->uc_sigmask.__val[0]);
	say("stack flags %d, fp state %d\n", uc->uc_stack.ss_flags, uc->uc_mcontext.fpregs != NULL);
}

CASE(frame_layout)
{
	handle_info(SIGUSR1, checks_frame, 0);
	block(SET(SIGHUP));
	raise(SIGUSR1);
}

static void says_flags(int sig, siginfo_t *info, void *ctx)
{
	unsigned long flags;

	/* A handler starts with the direction flag clear. */
	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	say("direction in the handler %lx, saved %llx\n", flags & 0x400,
	    ((ucontext_t *)ctx)->uc_mcontext.gregs[REG_EFL] & 0x400);
}

CASE(flags)
{
	unsigned long flags;
	long nr = SYS_tkill, tid = gettid();

	handle_info(SIGUSR1, says_flags, 0);
	__asm__ volatile("std; syscall; pushf; pop %1; cld"
			 : "+a"(nr), "=r"(flags)
			 : "D"(tid), "S"((long)SIGUSR1)
			 : "rcx", "r11", "memory", "cc");
	say("result %ld, direction kept %lx\n", nr, flags & 0x400);
}

static void changes_result(int sig, siginfo_t *info, void *ctx)
{
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RAX] = 1234;
}

CASE(changed_register)
{
	handle_info(SIGUSR1, changes_result, 0);
	R(syscall(SYS_tkill, gettid(), SIGUSR1));
}

static void landed(void)
{
	say("landed, count %d\n", count);
	_exit(0);
}

static void jumps(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)landed;
	uc->uc_mcontext.gregs[REG_RSP] = (uc->uc_mcontext.gregs[REG_RSP] & -16) - 8 - 128;
}

CASE(changed_rip)
{
	handle_info(SIGUSR1, jumps, 0);
	count = 5;
	raise(SIGUSR1);
	say("not reached\n");
}

static void changes_mask(int sig, siginfo_t *info, void *ctx)
{
	sigaddset(&((ucontext_t *)ctx)->uc_sigmask, SIGUSR2);
	sigaddset(&((ucontext_t *)ctx)->uc_sigmask, SIGKILL);
}

CASE(changed_mask)
{
	sigset_t set;

	handle_info(SIGUSR1, changes_mask, 0);
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &set);
	V(sigismember(&set, SIGUSR2));
	V(sigismember(&set, SIGKILL));
}

static sigjmp_buf env;

static void long_jumps(int sig)
{
	siglongjmp(env, ++count);
}

CASE(siglongjmp)
{
	sigset_t set;

	handle(SIGUSR1, long_jumps, 0);
	V(sigsetjmp(env, 1));
	sigprocmask(SIG_BLOCK, NULL, &set);
	V(sigismember(&set, SIGUSR1));
	if (count < 3)
		raise(SIGUSR1);
}

CASE(siglongjmp_off_altstack)
{
	stack_t ss;

	use_altstack(0);
	handle(SIGUSR1, long_jumps, SA_ONSTACK);
	if (sigsetjmp(env, 1) == 0)
		raise(SIGUSR1);
	sigaltstack(NULL, &ss);
	V(ss.ss_flags);
	if (sigsetjmp(env, 1) < 2)
		raise(SIGUSR1);
	V(count);
}

static int bad_return(void *arg)
{
	/* sigreturn of a frame that is not one. */
	__asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall" ::"r"(arg) : "memory");
	return 0;
}

CASE(sigreturn_bad_frame)
{
	static char zeros[65536] __attribute__((aligned(64)));

	in_child("unmapped", bad_return, (void *)0x10000);
	in_child("zeros", bad_return, zeros + 32768);
	in_child("not canonical", bad_return, (void *)0x8000000000000000);
}

static void spoils(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	switch (count) {
	case 0: uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000; break;
	case 1: uc->uc_mcontext.gregs[REG_RSP] = 0; break;
	case 2: uc->uc_mcontext.gregs[REG_EFL] = -1; break;
	case 3: uc->uc_mcontext.gregs[REG_CSGSFS] = 0; break;
	case 4: uc->uc_mcontext.fpregs = (void *)1; break;
	case 5: uc->uc_mcontext.fpregs->mxcsr = 0xffffffff; break;
	case 6: uc->uc_mcontext.fpregs = NULL; break;
	}
}

static int spoiled(void *arg)
{
	count = (int)(long)arg;
	handle_info(SIGUSR1, spoils, 0);
	raise(SIGUSR1);
	return 0;
}

CASE(spoiled_frames)
{
	static const char *const what[] = { "rip",        "rsp",   NULL,         NULL,
					    "fp pointer", "mxcsr", "no fp state" };

	for (long i = 0; i < 7; i++)
		if (what[i])
			in_child(what[i], spoiled, (void *)i);
}

static void uses_sse(int sig)
{
	__asm__ volatile(
	    "xorps %%xmm0, %%xmm0; xorps %%xmm7, %%xmm7; xorps %%xmm15, %%xmm15; fninit; fldz"
	    :
	    :
	    : "xmm0", "xmm7", "xmm15");
	unsigned m = 0x9fc0;
	__asm__ volatile("ldmxcsr %0" ::"m"(m));
	count++;
}

static long kill_self(void)
{
	return syscall(SYS_tkill, gettid(), SIGUSR1);
}

CASE(sse_state)
{
	double a = 1.5, b = 2.5, x, y, st = 3.25, z;
	unsigned m = 0x7f80, got = 0;
	long nr = SYS_tkill;

	handle(SIGUSR1, uses_sse, 0);
	__asm__ volatile(
	    "ldmxcsr %[m]; movsd %[a], %%xmm0; movsd %[b], %%xmm15; fldl %[st]; syscall;"
	    "movsd %%xmm0, %[x]; movsd %%xmm15, %[y]; fstpl %[z]; stmxcsr %[got]"
	    : [x] "=m"(x), [y] "=m"(y), [z] "=m"(z), [got] "=m"(got), "+a"(nr)
	    : [m] "m"(m), [a] "m"(a), [b] "m"(b), [st] "m"(st), "D"((long)gettid()),
	      "S"((long)SIGUSR1)
	    : "rcx", "r11", "xmm0", "xmm15", "memory");
	m = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(m));
	say("%d %d %d %x, handled %d\n", (int)(x * 100), (int)(y * 100), (int)(z * 100), got,
	    count);
}

__attribute__((target("avx"))) static void uses_avx(int sig)
{
	__asm__ volatile("vzeroall" ::
			     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
	count++;
}

__attribute__((target("avx"))) static void avx_case(void)
{
	char in[32], out[32];
	long nr = SYS_tkill;

	for (int i = 0; i < 32; i++)
		in[i] = (char)(i * 3);
	handle(SIGUSR1, uses_avx, 0);
	__asm__ volatile(
	    "vmovups %[in], %%ymm3; vmovups %[in], %%ymm12; syscall; vpxor %%xmm0, %%xmm0, %%xmm0;"
	    "vmovups %%ymm3, %[out]"
	    : [out] "=m"(out), "+a"(nr)
	    : [in] "m"(in), "D"((long)gettid()), "S"((long)SIGUSR1)
	    : "rcx", "r11", "xmm0", "xmm3", "xmm12", "memory");
	say("ymm kept %d, handled %d\n", memcmp(in, out, 32) == 0, count);
}

CASE(avx_state)
{
	if (__builtin_cpu_supports("avx"))
		avx_case();
	else
		say("no avx\n");
}

__attribute__((target("avx512f"))) static void uses_avx512(int sig)
{
	__asm__ volatile("vpxorq %%zmm30, %%zmm30, %%zmm30; kxorw %%k5, %%k5, %%k5; vpxorq %%zmm2, "
			 "%%zmm2, %%zmm2" ::
			     : "xmm2", "memory");
	count++;
}

__attribute__((target("avx512f"))) static void avx512_case(void)
{
	char in[64], out[64], out2[64];
	long nr = SYS_tkill;
	unsigned mask = 0;

	for (int i = 0; i < 64; i++)
		in[i] = (char)(i * 5 + 1);
	handle(SIGUSR1, uses_avx512, 0);
	__asm__ volatile("vmovups %[in], %%zmm30; vmovups %[in], %%zmm2; mov $0x5a5a, %%edx; kmovw "
			 "%%edx, %%k5; syscall;"
			 "vmovups %%zmm30, %[out]; vmovups %%zmm2, %[out2]; kmovw %%k5, %[mask]"
			 : [out] "=m"(out), [out2] "=m"(out2), [mask] "=&r"(mask), "+a"(nr)
			 : [in] "m"(in), "D"((long)gettid()), "S"((long)SIGUSR1)
			 : "rcx", "rdx", "r11", "xmm2", "memory");
	say("zmm kept %d %d, mask register %x, handled %d\n", memcmp(in, out, 64) == 0,
	    memcmp(in, out2, 64) == 0, mask, count);
}

CASE(avx512_state)
{
	if (__builtin_cpu_supports("avx512f"))
		avx512_case();
	else
		say("no avx512\n");
}

static void changes_xmm(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	uc->uc_mcontext.fpregs->_xmm[3].element[0] = 0x11223344;
	uc->uc_mcontext.fpregs->mxcsr = 0x1fa0;
}

CASE(changed_vector_register)
{
	unsigned out = 0, mxcsr = 0;
	long nr = SYS_tkill;

	handle_info(SIGUSR1, changes_xmm, 0);
	__asm__ volatile("xorps %%xmm3, %%xmm3; syscall; movd %%xmm3, %[out]; stmxcsr %[mxcsr]"
			 : [out] "=m"(out), [mxcsr] "=m"(mxcsr), "+a"(nr)
			 : "D"((long)gettid()), "S"((long)SIGUSR1)
			 : "rcx", "r11", "xmm3", "memory");
	X(out);
	X(mxcsr);
}

static void fresh_fp(int sig)
{
	unsigned mxcsr = 0;
	unsigned short cw = 0;

	/* A handler starts with the state of a new process. */
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(cw));
	say("in the handler: %x %x\n", mxcsr, cw);
}

CASE(fresh_fp_in_handler)
{
	unsigned m = 0x9fc0, got = 0;
	unsigned short cw = 0x27f;

	handle(SIGUSR1, fresh_fp, 0);
	__asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(m), "m"(cw));
	kill_self();
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(got), "=m"(cw));
	m = 0x1f80;
	__asm__ volatile("ldmxcsr %0; fninit" ::"m"(m));
	say("after it: %x %x\n", got, cw);
}

static void says_xsave(int sig, siginfo_t *info, void *ctx)
{
	const char *fp = (const char *)((ucontext_t *)ctx)->uc_mcontext.fpregs;
	uint32_t magic, magic2, extended_size;
	uint64_t features;

	/* struct _fpx_sw_bytes at 464 (Linux: arch/x86/include/uapi/asm/sigcontext.h). */
	memcpy(&magic, fp + 464, 4);
	memcpy(&extended_size, fp + 468, 4);
	memcpy(&features, fp + 472, 8);
	memcpy(&magic2, fp + extended_size - 4, 4);
	say("magic %x, x87 and SSE among the features %d, magic at the end %x\n", magic,
	    (int)(features & 3), magic2);
}

CASE(xsave_magic)
{
	handle_info(SIGUSR1, says_xsave, 0);
	raise(SIGUSR1);
}

static void alarm_counts(int sig)
{
	uses_sse(sig);
}

/* Registers of user code hit at any instruction stay what they were. */
CASE(interrupted_computation)
{
	struct itimerval it = { { 0, 2000 }, { 0, 2000 } };
	double sum = 0;
	unsigned long hash = 1, rounds = 0;

	handle(SIGALRM, alarm_counts, 0);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	while (count < 20) {
		sum = 0;
		hash = 1;
		for (int i = 1; i < 20000; i++) {
			sum += 1.0 / i;
			hash = hash * 31 + (unsigned long)i;
		}
		rounds++;
	}
	it.it_value.tv_usec = it.it_interval.tv_usec = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	say("%ld %lx %d\n", (long)(sum * 1000000), hash, rounds > 0);
}

static void spoils_red_zone(int sig)
{
	volatile char big[2000];

	memset((char *)(uintptr_t)big, 0x77, sizeof big);
	count++;
}

/* The interrupted function keeps data below its stack pointer. */
CASE(red_zone)
{
	struct itimerval it = { { 0, 2000 }, { 0, 2000 } };
	unsigned long bad = 0;

	handle(SIGALRM, spoils_red_zone, 0);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	__asm__ volatile(
	    "1: movq $0x1234567, -8(%%rsp); movq $0x7654321, -128(%%rsp); mov $2000, %%ecx;"
	    "2: cmpq $0x1234567, -8(%%rsp); jne 3f; cmpq $0x7654321, -128(%%rsp); jne 3f; loop 2b;"
	    "cmpl $10, %[count]; jl 1b; jmp 4f;"
	    "3: inc %[bad]; 4:"
	    : [bad] "+r"(bad)
	    : [count] "m"(count)
	    : "rcx", "memory", "cc");
	it.it_value.tv_usec = it.it_interval.tv_usec = 0;
	setitimer(ITIMER_REAL, &it, NULL);
	V(bad);
}

static void forks_in_handler(int sig)
{
	pid_t pid = fork();

	if (pid == 0)
		return;
	reap("child of the handler", pid);
}

CASE(fork_in_handler)
{
	pid_t me = getpid();
	double x = 1.25;

	handle(SIGUSR1, forks_in_handler, 0);
	raise(SIGUSR1);
	say("%s went on, %d\n", getpid() == me ? "parent" : "child", (int)(x * 100));
	if (getpid() != me)
		_exit(3);
}

static void deep(int sig)
{
	if (++count < 30)
		raise(sig);
}

CASE(deeply_nested)
{
	handle(SIGUSR1, deep, SA_NODEFER);
	raise(SIGUSR1);
	V(count);
}

static ucontext_t main_context, other_context;

static void other(void)
{
	say("in the other context\n");
	swapcontext(&other_context, &main_context);
	say("again\n");
}

CASE(swapcontext)
{
	static char stack[65536];

	getcontext(&other_context);
	other_context.uc_stack = (stack_t){ .ss_sp = stack, .ss_size = sizeof stack };
	other_context.uc_link = &main_context;
	makecontext(&other_context, other, 0);
	R(swapcontext(&main_context, &other_context));
	R(swapcontext(&main_context, &other_context));
}
