/* SPDX-License-Identifier: Apache-2.0 */
/* What each architecture owes the rest (arch/). The kernel that runs the test is the oracle for
 * signal frames: what it pushes is read by the functions that read a guest's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "arch/host.h"
#include "arch/memory.h"
#include "arch/regs.h"
#include "arch/sigframe.h"
#include "arch/trap.h"
#include "arch/vsyscall.h"
#include "host/fixup.h"
#include "host/kick.h"

#define PAGE (1UL << ARCH_PAGE_SHIFT)

/* ---- registers ---- */

static void a_call_is_made_again(void **state)
{
	struct cpu_regs r = regs_start(0x400000, 0x7000), before;

	assert_int_equal(regs_ip(&r), 0x400000);
	assert_int_equal(regs_sp(&r), 0x7000);
	regs_set_result(&r, 77);
	before = r;
	/* as the kernel leaves it behind the instruction, with a result of its own */
	regs_set_ip(&r, 0x400000 + SYSCALL_INSN_SIZE);
	regs_set_result(&r, (uint64_t)-EINTR);
	regs_rewind(&r, 77, 77);
	assert_int_equal(regs_ip(&r), 0x400000);
	assert_int_equal(regs_result(&r), 77);
	assert_int_equal(regs_sp(&r), regs_sp(&before));
	regs_set_tls(&r, 0x1000);
	assert_int_equal(regs_tls(&r), 0x1000);
}

/* The number in the dump is that of the register. */
static void all_registers_are_described(void **state)
{
	struct cpu_regs r;
	char line[128], all[2048] = "", hex[32];
	unsigned n = 0;

	for (size_t i = 0; i < sizeof r / sizeof(uint64_t); i++)
		((uint64_t *)&r)[i] = 0xa000 + i;
	for (; regs_describe(&r, n, line, sizeof line); n++) {
		assert_true(strlen(line) < sizeof line - 1);
		strcat(strcat(all, line), " ");
	}
	for (size_t i = 0; i < sizeof r / sizeof(uint64_t); i++) {
		snprintf(hex, sizeof hex, "%08lx ", 0xa000 + i);
		assert_non_null(strstr(all, hex));
	}
}

static void the_loop_is_a_system_call(void **state)
{
	assert_true(syscall_loop.size > SYSCALL_INSN_SIZE);
	assert_int_equal(syscall_loop.size % SYSCALL_INSN_SIZE, 0);
}

/* ---- signal frames ---- */

/* A stack, at a guest address that is not its own. */
#define STACK_SIZE 65536UL
#define STACK_BASE 0x7f0000000000UL
static char stack[STACK_SIZE];

static bool read_stack(const struct sigframe_reader *r, void *dst, uint64_t addr, size_t n)
{
	uint64_t off = addr - STACK_BASE;

	if (off > STACK_SIZE || n > STACK_SIZE - off)
		return false;
	memcpy(dst, stack + off, n);
	return true;
}

static const struct sigframe_reader stack_reader = { read_stack, NULL };

#ifdef __aarch64__
#define FP_SIZE     sizeof(struct fpsimd_state)
#define FP_FEATURES 0UL
#else
#define FP_SIZE     832UL /* legacy, header, AVX */
#define FP_FEATURES 7UL
#endif

static struct sigframe_info info_of(int sig)
{
	struct sigframe_info info = {
		.sig = sig,
		.flags = SA_SIGINFO | SA_RESTORER,
		.mask = 0x1234,
		.altstack = { .sp = 0x5000, .flags = SS_DISABLE, .size = 0 },
		.trap = trap_page_fault(0xabc000, true, false, false),
		.handler = 0x400100,
		.restorer = 0x400200,
	};

	info.siginfo.si_signo = sig;
	return info;
}

/* Pushes a frame and gives the registers of the handler when it calls sigreturn. */
static struct cpu_regs push(const struct cpu_regs *interrupted, const unsigned char *fp)
{
	struct sigframe_info info = info_of(SIGUSR1);
	struct sigframe_place pl =
	    sigframe_place(regs_sp(interrupted) - SIGFRAME_RED_ZONE, FP_SIZE);
	struct cpu_regs handler = *interrupted;

	assert_true(pl.sp + pl.size <= regs_sp(interrupted) - SIGFRAME_RED_ZONE);
	assert_true(pl.sp >= STACK_BASE && pl.fp + FP_SIZE <= pl.size);
	char *image = stack + (pl.sp - STACK_BASE);
	memset(image, 0, pl.size);
	sigframe_fill(image, &pl, interrupted, &info);
	memcpy(sigframe_fp(image, &pl), fp, FP_SIZE);
	sigframe_fp_fill(image, &pl, FP_SIZE, FP_FEATURES);
	sigframe_enter(&handler, &pl, &info);
	assert_int_equal(regs_ip(&handler), info.handler);
	assert_int_equal(regs_sp(&handler), pl.sp);
	/* the handler returns to the restorer, which it finds on the stack or in a register */
	regs_set_ip(&handler, info.restorer);
#ifndef __aarch64__
	assert_memory_equal(image, &info.restorer, sizeof info.restorer);
	regs_set_sp(&handler, regs_sp(&handler) + sizeof info.restorer);
#endif
	return handler;
}

static struct cpu_regs some_regs(void)
{
	struct cpu_regs r = regs_start(0x400080, STACK_BASE + STACK_SIZE - 256);

	regs_set_tls(&r, 0x600000);
	regs_set_result(&r, 0x55);
	return r;
}

static void frames_come_back(void **state)
{
	unsigned char fp[FP_SIZE], back[FP_SIZE] = { 0 };
	const struct cpu_regs before = some_regs();
	struct sigframe f;
	uint64_t mask;

	memset(fp, 0x11, sizeof fp);
#ifndef __aarch64__
	memset(fp + 464, 0, 112); /* the words of the kernel, and the header */
	fp[512] = FP_FEATURES;
#endif
	struct cpu_regs r = push(&before, fp);
	assert_true(sigframe_read(&f, &r, &stack_reader));
	assert_int_equal(sigframe_mask(&f), 0x1234);
	assert_true(read_stack(&stack_reader, &mask, sigframe_mask_at(&r), sizeof mask));
	assert_int_equal(mask, 0x1234);
	assert_int_equal(sigframe_altstack(&f).sp, 0x5000);
	assert_true(sigframe_restore(&f, &r));
	assert_memory_equal(&r, &before, sizeof r);
	assert_int_equal(sigframe_fp_read(&f, &stack_reader, back, FP_SIZE, FP_FEATURES), 1);
	assert_memory_equal(back, fp, sizeof fp);
}

/* A guest's frame may hold anything: no byte of it may do more than fail. */
static void frames_of_a_hostile_guest(void **state)
{
	unsigned char fp[FP_SIZE] = { 0 }, back[FP_SIZE];
	const struct cpu_regs before = some_regs();
	const struct cpu_regs r = push(&before, fp);
	unsigned refused = 0, seed = 1;
	struct sigframe good, f;

	assert_true(sigframe_read(&good, &r, &stack_reader));
	for (size_t at = 0; at < sizeof f; at += 4) {
		for (unsigned i = 0; i < 4; i++) {
			struct cpu_regs out = before;
			uint32_t word = i == 0 ? 0 : i == 1 ? UINT32_MAX : (uint32_t)rand_r(&seed);

			f = good;
			memcpy((char *)&f + at, &word, sizeof word);
			memset(back, 0, sizeof back);
			refused += !sigframe_restore(&f, &out);
			refused +=
			    sigframe_fp_read(&f, &stack_reader, back, FP_SIZE, FP_FEATURES) < 0;
		}
	}
	assert_true(refused > 0);
	struct cpu_regs lost = r;
	regs_set_sp(&lost, 16);
	assert_false(sigframe_read(&f, &lost, &stack_reader));
}

static bool read_own(const struct sigframe_reader *r, void *dst, uint64_t addr, size_t n)
{
	memcpy(dst, (const void *)(uintptr_t)addr, n);
	return true;
}

static struct cpu_regs host_regs;
static uint64_t host_mask;
static bool host_read, host_restored;

static void on_signal(int sig, siginfo_t *si, void *ucv)
{
	const struct sigframe_reader own = { read_own, NULL };
	const ucontext_t *uc = ucv;
	struct cpu_regs r = regs_start(0, 0);
	struct sigframe f;

	regs_set_sp(&r, (uintptr_t)&uc->uc_sigmask - sigframe_mask_at(&r));
	host_read = sigframe_read(&f, &r, &own);
	host_mask = sigframe_mask(&f);
	host_restored = sigframe_restore(&f, &r);
	host_regs = r;
	if (regs_ip(&r) != host_context_ip(ucv))
		host_restored = false;
}

static void the_kernel_pushes_such_frames(void **state)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	sigset_t blocked;
	char here;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
	assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
	raise(SIGUSR1);
	assert_true(host_read);
	assert_true(host_restored);
	assert_int_equal(host_mask & 1UL << (SIGUSR2 - 1), 1UL << (SIGUSR2 - 1));
	assert_true(regs_sp(&host_regs) < (uintptr_t)&here + PAGE &&
		    regs_sp(&host_regs) > (uintptr_t)&here - PAGE);
}

/* ---- traps ---- */

static void traps_become_signals(void **state)
{
	struct trap t = trap_page_fault(0x1000, true, false, true), last = { 0 };

	trap_remember(&last, &t);
	assert_memory_equal(&last, &t, sizeof t);
	/* whatever a platform reports, it is a signal that kills */
	for (uint64_t nr = 0; nr < 70; nr++) {
		t = (struct trap){ .nr = nr };
		struct trap_signal s = trap_signal(&t, 0x400000);

		assert_true(s.sig == SIGSEGV || s.sig == SIGBUS || s.sig == SIGILL ||
			    s.sig == SIGFPE || s.sig == SIGTRAP);
		assert_true(s.code > 0);
	}
#ifdef __aarch64__
	t = (struct trap){ .nr = 0x3c, .error = 0xf2000000 };
	assert_int_equal(trap_signal(&t, 0x400000).sig, SIGTRAP);
	assert_int_equal(trap_page_fault(0, false, false, false).error, 0x92000007);
	assert_int_equal(trap_page_fault(0, true, false, true).error, 0x9200004f);
	assert_int_equal(trap_page_fault(0, false, true, true).error, 0x8200000f);
#else
	t = (struct trap){ .nr = 3 };
	assert_int_equal(trap_signal(&t, 0x400000).sig, SIGTRAP);
	assert_int_equal(trap_page_fault(0, false, false, false).error, 4);
	assert_int_equal(trap_page_fault(0, true, false, true).error, 7);
	assert_int_equal(trap_page_fault(0, false, true, true).error, 21);
	/* the address of the last page fault stays */
	trap_remember(&last, &t);
	assert_int_equal(last.addr, 0x1000);
#endif
}

static void no_other_page_of_calls(void **state)
{
	assert_false(vsyscall_contains(0));
	assert_false(vsyscall_contains(ARCH_TASK_SIZE));
	if (VSYSCALL_PAGE) {
		assert_true(vsyscall_contains(VSYSCALL_PAGE));
		assert_false(vsyscall_contains(VSYSCALL_PAGE - 1));
		assert_false(vsyscall_contains(VSYSCALL_PAGE + VSYSCALL_SIZE));
	}
}

/* ---- the host's part ---- */

/* Two pages of which the second is missing: copies end at the exact byte. */
static void copies(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = p + PAGE, src[64], dst[64];

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(munmap(edge, PAGE), 0);
	memset(src, 'x', sizeof src);
	for (size_t n = 0; n <= 40; n++) {
		for (size_t there = 0; there <= 40; there++) {
			size_t lost = n > there ? n - there : 0;

			memset(edge - 48, 'a', 48);
			assert_int_equal(fixup_copy(edge - there, src, n), lost);
			assert_int_equal(edge[-(long)there - 1], 'a');
			if (there > n)
				assert_int_equal(edge[-(long)there + (long)n], 'a');
			for (size_t i = 0; i < n - lost; i++)
				assert_int_equal(edge[-(long)there + (long)i], 'x');
			assert_int_equal(fixup_copy(dst, edge - there, n), lost);
			assert_int_equal(fixup_zero(edge - there, n), lost);
			for (size_t i = 0; i < n - lost; i++)
				assert_int_equal(edge[-(long)there + (long)i], 0);
		}
	}
	memset(edge - 8, 'a', 8);
	assert_int_equal(fixup_strnlen(edge - 8, 8), 8);
	assert_int_equal(fixup_strnlen(edge - 8, 9), -1);
	edge[-1] = 0;
	assert_int_equal(fixup_strnlen(edge - 8, 9), 7);
	munmap(p, PAGE);
}

static void atomics(void)
{
	uint32_t word = 6, old = 0, *gone = (uint32_t *)PAGE;

	assert_int_equal(fixup_add32(&word, 3, &old), 0);
	assert_int_equal(old, 6);
	assert_int_equal(fixup_or32(&word, 0x10, &old), 0);
	assert_int_equal(word, 0x19);
	assert_int_equal(fixup_and32(&word, 0x18, &old), 0);
	assert_int_equal(old, 0x19);
	assert_int_equal(fixup_xor32(&word, 1, &old), 0);
	assert_int_equal(word, 0x19);
	assert_int_equal(fixup_xchg32(&word, 5, &old), 0);
	assert_int_equal(old, 0x19);
	assert_int_equal(fixup_cmpxchg32(&word, 4, 9, &old), 0);
	assert_int_equal(old, 5);
	assert_int_equal(word, 5);
	assert_int_equal(fixup_cmpxchg32(&word, 5, 9, &old), 0);
	assert_int_equal(word, 9);
	assert_int_equal(fixup_store32(&word, 10), 0);
	assert_int_equal(fixup_load32(&word, &old), 0);
	assert_int_equal(old, 10);
	assert_int_equal(fixup_load32(gone, &old), -EFAULT);
	assert_int_equal(fixup_store32(gone, 1), -EFAULT);
	assert_int_equal(fixup_cmpxchg32(gone, 1, 2, &old), -EFAULT);
	assert_int_equal(fixup_xchg32(gone, 1, &old), -EFAULT);
	assert_int_equal(fixup_add32(gone, 1, &old), -EFAULT);
	assert_int_equal(fixup_or32(gone, 1, &old), -EFAULT);
	assert_int_equal(fixup_and32(gone, 1, &old), -EFAULT);
	assert_int_equal(fixup_xor32(gone, 1, &old), -EFAULT);
}

/* In one test: the handler of faults is installed once, and cmocka puts its own in its place. */
static void accesses_that_fault(void **state)
{
	assert_int_equal(fixup_init(), 0);
	copies();
	atomics();
}

static void a_pending_kick_ends_a_call(void **state)
{
	struct kick k = { 0 };
	char byte;
	int fd[2];

	assert_int_equal(kick_init(), 0);
	assert_int_equal(pipe(fd), 0);
	kick_attach(&k);
	/* all six arguments arrive */
	char *p = (char *)host_call_intr(&k, SYS_mmap, 0, (long)PAGE, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true((long)p > 0);
	*p = 'x';
	assert_int_equal(host_call_intr(&k, SYS_write, fd[1], (long)p, 1, 0, 0, 0), 1);
	assert_int_equal(host_call_intr(&k, SYS_read, fd[0], (long)&byte, 1, 0, 0, 0), 1);
	assert_int_equal(byte, 'x');
	kick_send(&k);
	assert_int_equal(host_call_intr(&k, SYS_read, fd[0], (long)&byte, 1, 0, 0, 0), -EINTR);
	assert_true(kick_take(&k));
	assert_int_equal(host_call_intr(&k, SYS_close, fd[0], 0, 0, 0, 0, 0), 0);
	assert_int_equal(host_call_intr(&k, SYS_close, fd[0], 0, 0, 0, 0, 0), -EBADF);
	kick_detach(&k);
	close(fd[1]);
	munmap(p, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_made_again),
		cmocka_unit_test(all_registers_are_described),
		cmocka_unit_test(the_loop_is_a_system_call),
		cmocka_unit_test(frames_come_back),
		cmocka_unit_test(frames_of_a_hostile_guest),
		cmocka_unit_test(the_kernel_pushes_such_frames),
		cmocka_unit_test(traps_become_signals),
		cmocka_unit_test(no_other_page_of_calls),
		cmocka_unit_test(accesses_that_fault),
		cmocka_unit_test(a_pending_kick_ends_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
