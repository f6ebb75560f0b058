/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Linux program that attacks the stub it runs in: `guest ATTACK`. 0: it met what it should; 1: it
 * says what not. Attacks that may end the process are made in children, and the parent looks how
 * they end.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "platform/process/layout.h"
#include "stub_symbols.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond,       \
				errno);                                                            \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* rax rbx rcx rdx rsi rdi rsp rbp r8 to r15 */
void jump_with(const uint64_t regs[16]);
uint64_t jump_target;
__asm__(".globl jump_with\n"
	"jump_with:\n"
	"	mov	(%rdi), %rax\n"
	"	mov	8(%rdi), %rbx\n"
	"	mov	16(%rdi), %rcx\n"
	"	mov	24(%rdi), %rdx\n"
	"	mov	32(%rdi), %rsi\n"
	"	mov	48(%rdi), %rsp\n"
	"	mov	56(%rdi), %rbp\n"
	"	mov	64(%rdi), %r8\n"
	"	mov	72(%rdi), %r9\n"
	"	mov	80(%rdi), %r10\n"
	"	mov	88(%rdi), %r11\n"
	"	mov	96(%rdi), %r12\n"
	"	mov	104(%rdi), %r13\n"
	"	mov	112(%rdi), %r14\n"
	"	mov	120(%rdi), %r15\n"
	"	mov	40(%rdi), %rdi\n"
	"	jmp	*jump_target(%rip)\n");

static uint64_t random64(void)
{
	static uint64_t x = 88172645463325252;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Runs it in a child: its status as wait(2) gives it. One that neither ends nor is ended within a
 * second is, by alarm. */
static int in_child(void (*attack)(uint64_t), uint64_t arg)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		alarm(1);
		attack(arg);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* ---- jumps ---- */

static char page[8192] __attribute__((aligned(4096)));

static void jump_to(uint64_t offset)
{
	const uint64_t tempting[] = { STUB_TEXT,
				      STUB_COMMAND,
				      STUB_SCRATCH,
				      STUB_STACKS + 0x7000,
				      (uint64_t)page,
				      0,
				      1,
				      3,
				      SYS_munmap,
				      SYS_mmap,
				      SYS_exit_group,
				      SYS_clone,
				      4096,
				      ~0UL };
	uint64_t regs[16];

	for (uint64_t i = 0; i < offset % 64; i++)
		random64();
	for (unsigned i = 0; i < 16; i++)
		regs[i] = tempting[random64() % (sizeof tempting / sizeof tempting[0])];
	regs[6] = offset % 3 ? (uint64_t)page + 4096 : regs[6];
	jump_target = STUB_TEXT + offset;
	jump_with(regs);
}

static int jumps(void)
{
	unsigned killed = 0;

	for (uint64_t offset = 0; offset < 2600; offset++) {
		int status = in_child(jump_to, offset);
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	printf("%u of 2600 killed\n", killed);
	return 0;
}

/* ---- its part of the address space ---- */

static int maps(void)
{
	static const uint64_t places[] = { STUB_TEXT,   STUB_COMMAND,    STUB_SCRATCH,
					   STUB_STACKS, STUB_END - 4096, STUB_END };
	void *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long before = *(volatile unsigned long *)STUB_TEXT;

	for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
		void *at = (void *)places[i];
		CHECK(mmap(at, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
		CHECK(mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			   -1, 0) == MAP_FAILED);
		CHECK(mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != at);
		CHECK(mmap((char *)at - 8192, 1UL << 30, PROT_READ,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
		CHECK(mprotect(at, 4096, PROT_READ | PROT_WRITE) < 0);
		CHECK(mremap(own, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED);
		CHECK(mremap(at, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED);
		CHECK(madvise(at, 4096, MADV_DONTNEED) < 0);
		munmap(at, 4096);
		CHECK(*(volatile unsigned long *)STUB_TEXT == before);
	}
	munmap((void *)(STUB_TEXT - 4096), 1UL << 29);
	CHECK(*(volatile unsigned long *)STUB_TEXT == before);
	CHECK(getppid() > 0);
	return 0;
}

static void write_to(uint64_t at)
{
	for (unsigned i = 0; i < 4096; i += 8)
		*(volatile uint64_t *)(at + i) = 0x4141414141414141;
	for (unsigned i = 0; i < 100; i++)
		getppid();
}

static int writes(void)
{
	int status;

	status = in_child(write_to, STUB_TEXT);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = in_child(write_to, STUB_COMMAND);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	CHECK(in_child(write_to, STUB_SCRATCH) == 0);
	for (unsigned i = 0; i < 64; i++)
		in_child(write_to, STUB_STACKS + i * 4096UL);
	return 0;
}

/* ---- its signals ---- */

static void forged(uint64_t mask)
{
	struct {
		ucontext_t uc;
		siginfo_t info;
	} *f = (void *)page;
	uint64_t regs[16] = { SYS_rt_sigreturn };
	static char stack[65536];

	getcontext(&f->uc);
	f->uc.uc_flags = 6;
	f->uc.uc_mcontext.fpregs = NULL;
	f->uc.uc_mcontext.gregs[REG_RIP] = (greg_t)jump_target;
	f->uc.uc_mcontext.gregs[REG_RSP] = (greg_t)(stack + sizeof stack - 8);
	f->uc.uc_mcontext.gregs[REG_EFL] = 0x202;
	f->uc.uc_mcontext.gregs[REG_CSGSFS] = 0x33 | (greg_t)0x2b << 48;
	f->uc.uc_stack = (stack_t){ .ss_flags = SS_DISABLE };
	memcpy(&f->uc.uc_sigmask, &mask, sizeof mask);
	regs[6] = (uint64_t)page;
	jump_target = STUB_SIGRETURN_IP_ADDR - 2;
	jump_with(regs);
}

static void then_trap(uint64_t mask)
{
	static const unsigned char code[] = { 0xcd, 0x80, 0x0f, 0x0b };
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	memcpy(at, code, sizeof code);
	jump_target = (uint64_t)at;
	forged(mask);
}

static void spin(void)
{
	for (;;)
		;
}

static void then_spin(uint64_t mask)
{
	jump_target = (uint64_t)spin;
	forged(mask);
}

/* The stub is killed by its own guest, again and again: each time one process ends. */
static int suicides(void)
{
	for (unsigned i = 0; i < 100; i++) {
		int status = in_child(then_trap, ~0UL);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	return 0;
}

/* No signal reaches it, that of the monitor neither: its alarm ends it all the same. */
static int deaf(void)
{
	int status = in_child(then_spin, ~0UL);

	CHECK(WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGALRM));
	return 0;
}

/* The main program itself: what waits for it must hear of its end. */
static int last_words(void)
{
	then_trap(~0UL);
	return 1;
}

static void *scribbler(void *arg)
{
	for (uint64_t v = 0;; v++)
		for (uint64_t at = STUB_STACKS; at < STUB_STACKS + 4 * STACK_SIZE; at += 8)
			*(volatile uint64_t *)(at) = v * 0x9e3779b97f4a7c15;
	return NULL;
}

static void on_signal(int sig)
{
}

static void scribble(uint64_t seed)
{
	pthread_t t;

	signal(SIGUSR1, on_signal);
	pthread_create(&t, NULL, scribbler, NULL);
	for (unsigned i = 0; i < 10000; i++) {
		raise(SIGUSR1);
		munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	}
}

static int scribbles(void)
{
	for (unsigned i = 0; i < 5; i++)
		in_child(scribble, i);
	return 0;
}

/* ---- the one that is left in peace ---- */

static int echo(void)
{
	char c;

	while (read(0, &c, 1) == 1)
		if (write(1, &c, 1) != 1)
			return 1;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} attacks[] = {
	{ "jumps", jumps },         { "maps", maps }, { "writes", writes },
	{ "suicides", suicides },   { "deaf", deaf }, { "last_words", last_words },
	{ "scribbles", scribbles }, { "echo", echo },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc == 2 && i < sizeof attacks / sizeof attacks[0]; i++)
		if (strcmp(argv[1], attacks[i].name) == 0)
			return attacks[i].run();
	return 2;
}
