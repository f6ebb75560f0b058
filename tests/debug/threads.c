// SPDX-License-Identifier: Apache-2.0
/* A program to be debugged: a call, a store, threads, registers, a child, a program executed, a
 * wait that a debugger ends. */
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int calls, watched, goes_on, signals;
static pthread_barrier_t both;
static __thread int own;

int add(int a, int b)
{
	calls++;
	return a + b;
}

static void *thread(void *arg)
{
	own = *(int *)arg;
	pthread_barrier_wait(&both);
	add(10, own);
	pthread_barrier_wait(&both);
	return NULL;
}

void in_threads(void)
{
	int one = 1, two = 2;
	pthread_t a, b;

	pthread_barrier_init(&both, NULL, 2);
	if (pthread_create(&a, NULL, thread, &one) || pthread_create(&b, NULL, thread, &two))
		abort();
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}

#define STORM_THREADS 4
#define STORM_CALLS   40
static atomic_int sum;

static void *storm_thread(void *arg)
{
	pthread_barrier_wait(&both);
	for (int i = 1; i <= STORM_CALLS; i++)
		sum += add(i, 1);
	return NULL;
}

/* Threads that run into the same breakpoint at one time. */
static int storm(void)
{
	pthread_t t[STORM_THREADS];

	pthread_barrier_init(&both, NULL, STORM_THREADS);
	for (int i = 0; i < STORM_THREADS; i++) {
		if (pthread_create(&t[i], NULL, storm_thread, NULL))
			abort();
	}
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_join(t[i], NULL);
	printf("sum %d\n", sum);
	return 0;
}

void registers_set(void)
{
	static const double values[4] = { 1.5, 2.5, 3.5, 4.5 };

	__asm__ volatile("vmovupd %0, %%ymm7\n\tfld1\n\tnop\n.globl registers_are_set\n"
			 "registers_are_set:\n\tnop\n\tfstp %%st(0)"
			 :
			 : "m"(values)
			 : "xmm7");
}

int in_child(void)
{
	return 7;
}

int child_gave(int status)
{
	return status;
}

static void on_signal(int sig)
{
	signals++;
}

static int wait_for(pid_t p)
{
	int status;

	return waitpid(p, &status, 0) == p && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *wait_here(void *arg)
{
	pthread_barrier_wait(&both);
	for (;;)
		pause();
	return arg;
}

int crash(int depth)
{
	if (depth)
		return crash(depth - 1) + 1;
	return *(volatile int *)(long)watched;
}

static void crash_beside_a_thread(void)
{
	pthread_t a;

	pthread_barrier_init(&both, NULL, 2);
	if (pthread_create(&a, NULL, wait_here, NULL))
		abort();
	pthread_barrier_wait(&both);
	watched = 16;
	crash(3);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "storm"))
		return storm();
	signal(SIGUSR1, on_signal);
	if (argc > 2)
		crash_beside_a_thread();
	add(1, 2);
	watched = 42;
	in_threads();
	if (__builtin_cpu_supports("avx"))
		registers_set();
	raise(SIGUSR1);
	pid_t p = fork();
	if (!p)
		_exit(in_child());
	child_gave(wait_for(p));
	p = vfork();
	if (!p) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	wait_for(p);
	printf("calls %d signals %d\n", calls, signals);
	fflush(stdout);
	if (argc > 1) {
		while (!goes_on)
			usleep(1000);
	}
	return 3;
}
