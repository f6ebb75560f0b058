/* SPDX-License-Identifier: Apache-2.0 */
/* Critical sections of restartable sequences, in the area that libc has registered. */
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/time.h>

#include "case.h"

#define THREADS 6
#define ROUNDS  100000

struct section {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
} __attribute__((aligned(32)));

static struct rseq *own_area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

/* One counter a CPU number, each in a cache line of its own. */
static struct counter {
	long n;
	char pad[56];
} counters[1024] __attribute__((aligned(64)));

/* Adds 1 to the counter of the current CPU; slowly, so that an interruption is likely to fall in
 * between. */
static void count(void)
{
	static __thread struct section s;
	long aborted;

	do {
		aborted = 0;
		__asm__ volatile("lea 1f(%%rip), %%rax\n\t"
				 "mov %%rax, 8(%2)\n\t"
				 "lea 2f(%%rip), %%rcx\n\t"
				 "sub %%rax, %%rcx\n\t"
				 "mov %%rcx, 16(%2)\n\t"
				 "lea 4f(%%rip), %%rax\n\t"
				 "mov %%rax, 24(%2)\n\t"
				 "mov %2, 8(%1)\n"
				 "1:\tmov 4(%1), %%eax\n\t"
				 "shl $6, %%rax\n\t"
				 "mov (%3,%%rax), %%rcx\n\t"
				 "mov $200, %%edx\n"
				 "6:\tdec %%edx\n\t"
				 "jnz 6b\n\t"
				 "inc %%rcx\n\t"
				 "mov %%rcx, (%3,%%rax)\n"
				 "2:\tjmp 5f\n"
				 ".byte 0x0f, 0xb9, 0x3d\n"
				 ".long 0x53053053\n"
				 "4:\tmovl $1, %k0\n"
				 "5:\n"
				 : "+r"(aborted)
				 : "r"(own_area()), "r"(&s), "r"(counters)
				 : "rax", "rcx", "rdx", "memory");
	} while (aborted);
}

static void *counts(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		count();
	return arg;
}

CASE(counters)
{
	pthread_t t[THREADS];
	long sum = 0;

	count();
	for (int i = 0; i < THREADS; i++)
		NEED(-pthread_create(&t[i], NULL, counts, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 1024; i++)
		sum += counters[i].n;
	V(sum);
}

/* Stays in a section until it is thrown out of it. */
static void spin(volatile int *entered, uint32_t version)
{
	static __thread struct section s;

	s.version = version;
	__asm__ volatile("lea 1f(%%rip), %%rax\n\t"
			 "mov %%rax, 8(%1)\n\t"
			 "lea 2f(%%rip), %%rcx\n\t"
			 "sub %%rax, %%rcx\n\t"
			 "mov %%rcx, 16(%1)\n\t"
			 "lea 4f(%%rip), %%rax\n\t"
			 "mov %%rax, 24(%1)\n\t"
			 "mov %1, 8(%0)\n"
			 "1:\tmovl $1, (%2)\n\t"
			 "jmp 1b\n"
			 "2:\tud2\n\t"
			 ".byte 0x0f, 0xb9, 0x3d\n"
			 ".long 0x53053053\n"
			 "4:\n" ::"r"(own_area()),
			 "r"(&s), "r"(entered)
			 : "rax", "rcx", "memory");
}

static void on_alarm(int sig)
{
}

CASE(left_by_signal)
{
	/* again, if it came before the section */
	struct itimerval it = { { 0, 20000 }, { 0, 20000 } };
	int entered = 0;

	handle(SIGALRM, on_alarm, 0);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	spin(&entered, 0);
	V(entered);
	V(own_area()->rseq_cs == 0);
}

static volatile int entered_by_thread;

static void *spins(void *arg)
{
	spin(&entered_by_thread, 0);
	return arg;
}

CASE(left_by_fence)
{
	pthread_t t;

	R(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	R(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	NEED(-pthread_create(&t, NULL, spins, NULL));
	while (!entered_by_thread)
		;
	R(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	pthread_join(t, NULL);
}

static int bad_version(void *arg)
{
	/* again, if it came before the section */
	struct itimerval it = { { 0, 20000 }, { 0, 20000 } };
	int entered;

	handle(SIGALRM, on_alarm, 0);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	spin(&entered, 1);
	return 0;
}

static int bad_pointer(void *arg)
{
	own_area()->rseq_cs = (uintptr_t)1 << 46;
	handle(SIGALRM, on_alarm, 0);
	raise(SIGALRM);
	return 0;
}

CASE(mess)
{
	in_child("version", bad_version, NULL);
	in_child("pointer", bad_pointer, NULL);
}
