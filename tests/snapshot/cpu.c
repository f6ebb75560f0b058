/* SPDX-License-Identifier: Apache-2.0 */
/* Registers, vector registers, memory of all kinds, and what a thread keeps in the kernel. */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "mark.h"

static char bss[1 << 20], data[8192] = "data";
static _Thread_local int tls = 17;
static volatile sig_atomic_t got;

static void on_signal(int sig)
{
	got = sig;
}

/* What is in all the vector registers survives: the compiler keeps none across a call, so the
 * system call is made here. */
static int vectors_across_read(void)
{
	char c;
	long r;
	unsigned char in[16][16], out[16][16];

	for (int i = 0; i < 16; i++)
		memset(in[i], 0x11 * i + 3, 16);
	say_mark();
	__asm__ volatile(
	    "movups (%[in]), %%xmm0; movups 16(%[in]), %%xmm1; movups 32(%[in]), %%xmm2;"
	    "movups 240(%[in]), %%xmm15;"
	    "1: xor %%eax, %%eax; xor %%edi, %%edi; mov %[buf], %%rsi; mov $1, %%edx; syscall;"
	    "cmp $1, %%rax; jne 2f; cmpb $10, (%[buf]); jne 1b;"
	    "2: movups %%xmm0, (%[out]); movups %%xmm1, 16(%[out]); movups %%xmm2, 32(%[out]);"
	    "movups %%xmm15, 240(%[out])"
	    : "=&a"(r)
	    : [in] "r"(in), [out] "r"(out), [buf] "r"(&c)
	    : "rdi", "rsi", "rdx", "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm15");
	return r == 1 && !memcmp(in[0], out[0], 16) && !memcmp(in[1], out[1], 16) &&
	       !memcmp(in[2], out[2], 16) && !memcmp(in[15], out[15], 16);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
	struct rlimit rl = { 123, 456 };
	struct itimerval it = { { 0, 0 }, { 3600, 0 } };
	sigset_t set;
	char *heap = malloc(300000), *map, *gap;

	memset(bss, 'b', sizeof bss / 2);
	memset(heap, 'h', 300000);
	map = mmap(NULL, 1 << 22, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	gap = mmap(NULL, 1UL << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (int i = 0; i < 1 << 22; i += 4096 * 7)
		map[i] = (char)(i >> 12);
	mprotect(map + (1 << 20), 4096, PROT_READ);
	mprotect(gap + 4096, 8192, PROT_READ | PROT_WRITE);
	gap[5000] = 'g';
	tls = 18;
	sigaction(SIGUSR2, &sa, NULL);
	sigaltstack(&ss, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR2);
	setrlimit(RLIMIT_CORE, &rl);
	setitimer(ITIMER_REAL, &it, NULL);
	umask(027);
	setpriority(PRIO_PROCESS, 0, 5);
	puts("A");

	printf("vectors %d\n", vectors_across_read());

	long sum = 0;
	for (size_t i = 0; i < sizeof bss; i++)
		sum += bss[i];
	for (int i = 0; i < 300000; i++)
		sum += heap[i];
	for (int i = 0; i < 1 << 22; i++)
		sum += map[i];
	map[0] = bss[0] = heap[0] = 'x';
	printf("sum %ld gap %c data %s tls %d\n", sum, gap[5000], data, tls);
	printf("a leader %d\n", getpid() == getpgrp());
	sigpending(&set);
	printf("pending %d\n", sigismember(&set, SIGUSR2));
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	printf("got %d\n", got);
	sigaltstack(NULL, &ss);
	printf("altstack %d\n", ss.ss_sp == stack && ss.ss_size == sizeof stack);
	getrlimit(RLIMIT_CORE, &rl);
	printf("limit %lu %lu\n", rl.rlim_cur, rl.rlim_max);
	getitimer(ITIMER_REAL, &it);
	printf("timer %d\n", it.it_value.tv_sec > 3000);
	printf("umask %o nice %d\n", umask(0), getpriority(PRIO_PROCESS, 0));
	munmap(map, 1 << 22);
	free(heap);
	return 42;
}
