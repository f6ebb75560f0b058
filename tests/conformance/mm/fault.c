/* SPDX-License-Identifier: Apache-2.0 */
/* CPU exceptions as signals: si_code, si_addr, the trap number, the end of a program that does not
 * handle them. */
#include <pthread.h>
#include <sys/resource.h>
#include <ucontext.h>

#include "map.h"

static sigjmp_buf env;
static void *expected_addr;

static void told(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	say("%s code %d addr %s trap %lld err %lld\n", signal_name(sig), info->si_code,
	    info->si_addr == expected_addr ? "right" : "wrong", uc->uc_mcontext.gregs[REG_TRAPNO],
	    uc->uc_mcontext.gregs[REG_ERR]);
	siglongjmp(env, 1);
}

static void tell(void *addr)
{
	expected_addr = addr;
	for (int sig = 1; sig < 32; sig++)
		if (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE ||
		    sig == SIGTRAP)
			handle_info(sig, told, SA_ONSTACK);
}

#define FAULTS(addr, code)                                                                         \
	do {                                                                                       \
		tell(addr);                                                                        \
		if (sigsetjmp(env, 1) == 0) {                                                      \
			code;                                                                      \
			say("no fault\n");                                                         \
		}                                                                                  \
	} while (0)

CASE(null_read)
{
	FAULTS(NULL, *(volatile char *)0);
	FAULTS((void *)0x123, *(volatile char *)0x123);
}

CASE(null_write)
{
	FAULTS((void *)8, *(volatile long *)8 = 1);
}

CASE(null_call)
{
	FAULTS(NULL, ((void (*)(void))(uintptr_t)expected_addr)());
}

CASE(unmapped)
{
	char *p = map_anon(3, PROT_READ);

	NEED(munmap(p + PAGE, PAGE));
	FAULTS(p + PAGE + 77, (void)*(volatile char *)(p + PAGE + 77));
	FAULTS(p + PAGE, *(volatile char *)(p + PAGE) = 1);
}

CASE(protected)
{
	char *p = map_anon(1, PROT_READ), *q = map_anon(1, PROT_NONE);

	(void)*(volatile char *)p;
	FAULTS(p + 5, *(volatile char *)(p + 5) = 1);
	FAULTS(q, (void)*(volatile char *)q);
	FAULTS(q + 9, *(volatile char *)(q + 9) = 1);
}

CASE(not_canonical)
{
	/* #GP: the kernel cannot know the address, and says 0. */
	FAULTS(NULL, (void)*(volatile char *)0x8000000000000000UL);
	FAULTS(NULL, *(volatile char *)0x00dead0000000000UL = 1);
}

CASE(kernel_half)
{
	void *k = (void *)0xffffffff81000000UL;

	FAULTS(k, (void)*(volatile char *)k);
	FAULTS(k, *(volatile char *)k = 1);
	FAULTS(k, ((void (*)(void))(uintptr_t)k)());
}

CASE(straddling_word)
{
	char *p = map_anon(2, PROT_READ | PROT_WRITE);

	NEED(munmap(p + PAGE, PAGE));
	memset(p, 1, PAGE);
	FAULTS(p + PAGE, (void)*(volatile long *)(p + PAGE - 3));
	FAULTS(p + PAGE, *(volatile long *)(p + PAGE - 3) = -1);
	say_bytes("nothing was written", p + PAGE - 3, 3);
}

CASE(divide)
{
	volatile int zero = 0, one = 1;
	unsigned long rip = 0;

	tell(NULL);
	if (sigsetjmp(env, 1) == 0) {
		__asm__ volatile(
		    "lea 1f(%%rip), %0; mov %0, %1; xor %%edx, %%edx; mov $5, %%eax; 1: divl %2"
		    : "=&r"(rip), "=m"(expected_addr)
		    : "m"(zero)
		    : "rax", "rdx");
		say("no fault\n");
	}
	V(one);
}

CASE(divide_overflow)
{
	tell(NULL);
	if (sigsetjmp(env, 1) == 0) {
		unsigned long rip;
		__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; mov $-1, %%ecx; mov $0x80000000, "
				 "%%eax; cltd; 1: idivl %%ecx"
				 : "=&r"(rip), "=m"(expected_addr)
				 :
				 : "rax", "rcx", "rdx");
		say("no fault %lu\n", rip);
	}
}

CASE(illegal_instruction)
{
	tell(NULL);
	if (sigsetjmp(env, 1) == 0) {
		unsigned long rip;
		__asm__ volatile("lea 1f(%%rip), %0; mov %0, %1; 1: ud2"
				 : "=&r"(rip), "=m"(expected_addr));
		say("no fault %lu\n", rip);
	}
}

CASE(privileged_instruction)
{
	FAULTS(NULL, __asm__ volatile("hlt"));
	FAULTS(NULL, __asm__ volatile("cli"));
	FAULTS(NULL, __asm__ volatile("out %%al, $0x80" ::"a"(0)));
	FAULTS(NULL, __asm__ volatile("mov %%cr0, %%rax" ::: "rax"));
	FAULTS(NULL, __asm__ volatile("wrmsr" ::"a"(0), "c"(0), "d"(0)));
	FAULTS(NULL, __asm__ volatile("lgdt (%0)" ::"r"(&env)));
}

CASE(breakpoint)
{
	FAULTS(NULL, __asm__ volatile("int3"));
}

CASE(interrupt_vectors)
{
	FAULTS(NULL, __asm__ volatile("int $0x20"));
	FAULTS(NULL, __asm__ volatile("int $14"));
}

CASE(single_step)
{
	static volatile int hits;

	tell(NULL);
	if (sigsetjmp(env, 1) == 0) {
		__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; pushf; orl $0x100, (%%rsp); "
				 "popf; nop; 1: nop; nop"
				 : "=m"(expected_addr)
				 :
				 : "rax", "cc", "memory");
		say("no trap %d\n", hits);
	}
}

CASE(float_divide)
{
	volatile double zero = 0, one = 1;
	unsigned mxcsr = 0x1f80 & ~0x200u; /* divide-by-zero unmasked */

	tell(NULL);
	if (sigsetjmp(env, 1) == 0) {
		__asm__ volatile("ldmxcsr %1; lea 1f(%%rip), %%rax; mov %%rax, %0; movsd %2, "
				 "%%xmm0; 1: divsd %3, %%xmm0"
				 : "=m"(expected_addr)
				 : "m"(mxcsr), "m"(one), "m"(zero)
				 : "rax", "xmm0");
		say("no fault\n");
	}
}

CASE(x87_invalid)
{
	unsigned short cw = 0x37e; /* invalid operation unmasked */

	FAULTS(expected_addr,
	       __asm__ volatile("fninit; fldcw %0; fldz; fldz; fdivp; fwait" ::"m"(cw)));
}

CASE(alignment_check)
{
	static char buf[16];

	FAULTS(NULL, __asm__ volatile(
			 "pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax; pushf; andl "
			 "$~0x40000, (%%rsp); popf" ::"r"(buf)
			 : "rax", "memory", "cc"));
	__asm__ volatile("pushf; andl $~0x40000, (%%rsp); popf" ::: "memory", "cc");
}

CASE(stack_grows)
{
	/* 4 MiB below the first frame, touched page by page and all at once. */
	volatile char *here = (volatile char *)__builtin_frame_address(0);

	here[-(4L << 20)] = 1;
	V(here[-(4L << 20)]);
	for (long at = 0; at < 4L << 20; at += PAGE)
		here[-at - (long)PAGE] = 0;
	V(here[-(2L << 20)]);
}

static volatile int depth;

static __attribute__((noinline)) int recurse(volatile char *outer)
{
	volatile char frame[4096];

	frame[0] = *outer;
	return ++depth < 100000 ? recurse(frame) + frame[0] : 0;
}

static void overflowed(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;
	long below = (char *)info->si_addr - (char *)uc->uc_mcontext.gregs[REG_RSP];

	say("%s code %d, address near the stack pointer: %d, deep: %d\n", signal_name(sig),
	    info->si_code, below > -8192 && below<8192, depth> 1000 && depth < 2100);
	_exit(0);
}

CASE(stack_overflow)
{
	static char alt[65536];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof alt };
	volatile char first = 0;

	NEED(sigaltstack(&ss, NULL));
	handle_info(SIGSEGV, overflowed, SA_ONSTACK);
	recurse(&first);
}

static int overflow_unhandled(void *arg)
{
	volatile char first = 0;

	return recurse(&first);
}

CASE(stack_overflow_kills)
{
	in_child("child", overflow_unhandled, NULL);
}

static int limited_stack(void *arg)
{
	struct rlimit r = { 1 << 20, RLIM_INFINITY };

	NEED(setrlimit(RLIMIT_STACK, &r));
	volatile char *here = (volatile char *)__builtin_frame_address(0);
	here[-(512L << 10)] = 1;
	say("half of the limit: ok\n");
	here[-(2L << 20)] = 1;
	say("twice the limit: ok\n");
	return 0;
}

CASE(stack_limit)
{
	in_child("child", limited_stack, NULL);
}

CASE(growsdown_map)
{
	char *p = map_anon(600, PROT_NONE);

	NEED(munmap(p, 600 * PAGE));
	char *top =
	    OK((char *)mmap(p + 599 * PAGE, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0));
	top[0] = 1;
	poke("just below", top - 8, 2);
	poke("ten pages below", top - 10 * PAGE, 3);
	peek("between", top - 5 * PAGE);
}

CASE(thread_guard_page)
{
	pthread_attr_t attr;
	size_t guard = 0;

	NEED(pthread_attr_init(&attr));
	NEED(pthread_attr_getguardsize(&attr, &guard));
	V(guard);
}

static int dies_of(void *arg)
{
	switch ((long)arg) {
	case SIGSEGV: *(volatile char *)0 = 1; break;
	case SIGILL: __asm__ volatile("ud2"); break;
	case SIGFPE:
		__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; divl %%ecx" ::
				     : "rdx", "rcx", "rax");
		break;
	case SIGTRAP: __asm__ volatile("int3"); break;
	case SIGBUS: {
		int fd = make_file("empty", 0, 0);
		char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		return *(volatile char *)p;
	}
	}
	return 0;
}

CASE(deaths)
{
	static const long sigs[] = { SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS };

	for (int i = 0; i < 5; i++)
		in_child(signal_name((int)sigs[i]), dies_of, (void *)sigs[i]);
}

static int blocked_fault(void *arg)
{
	block(SET(SIGSEGV));
	handle(SIGSEGV, _exit, 0);
	*(volatile char *)0 = 1;
	return 0;
}

static int ignored_fault(void *arg)
{
	handle(SIGSEGV, SIG_IGN, 0);
	*(volatile char *)0 = 1;
	return 0;
}

static void faults_again(int sig)
{
	*(volatile char *)1 = 1;
}

static int fault_in_handler(void *arg)
{
	handle(SIGSEGV, faults_again, 0);
	*(volatile char *)0 = 1;
	return 0;
}

static int handler_without_stack(void *arg)
{
	handle(SIGSEGV, _exit, 0);
	__asm__ volatile("mov $0x1000, %rsp; push %rax");
	return 0;
}

/* A synchronous fault that cannot be delivered kills. */
CASE(undeliverable)
{
	in_child("blocked", blocked_fault, NULL);
	in_child("ignored", ignored_fault, NULL);
	in_child("in its own handler", fault_in_handler, NULL);
	in_child("no stack for the frame", handler_without_stack, NULL);
}

static void skip_two_bytes(int sig, siginfo_t *info, void *ctx)
{
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP] += 2;
}

CASE(skipped_instruction)
{
	volatile int after = 0;

	handle_info(SIGILL, skip_two_bytes, 0);
	__asm__ volatile("ud2");
	after = 1;
	V(after);
}

static void fix_register(int sig, siginfo_t *info, void *ctx)
{
	static char target = 'T';
	ucontext_t *uc = ctx;

	say("rbx was %llx\n", uc->uc_mcontext.gregs[REG_RBX]);
	uc->uc_mcontext.gregs[REG_RBX] = (greg_t)(uintptr_t)&target;
}

CASE(restarted_instruction)
{
	unsigned long out = 0;

	handle_info(SIGSEGV, fix_register, 0);
	__asm__ volatile("mov $0x40, %%ebx; movzbl (%%rbx), %%eax" : "=a"(out)::"rbx");
	V(out);
}
