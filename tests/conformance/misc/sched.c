/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling, priorities, limits, usage, prctl. */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#include "case.h"

CASE(yield_and_policy)
{
	struct sched_param p = { 5 };

	R(sched_yield());
	R(sched_getscheduler(0));
	R(sched_getparam(0, &p));
	V(p.sched_priority);
	R(sched_getscheduler(-1));
	R(sched_getscheduler(0x3ffffff));
	R(sched_getparam(0, NULL));
	R(sched_get_priority_max(SCHED_FIFO));
	R(sched_get_priority_min(SCHED_RR));
	R(sched_get_priority_max(SCHED_OTHER));
	R(sched_get_priority_max(77));
	p.sched_priority = 5;
	R(sched_setscheduler(0, SCHED_OTHER, &p));
	p.sched_priority = 0;
	R(sched_setscheduler(0, SCHED_BATCH, &p));
	R(sched_getscheduler(0));
	R(sched_setscheduler(0, SCHED_IDLE, &p));
	R(sched_getscheduler(0));
	R(sched_setscheduler(0, 77, &p));
	R(sched_setscheduler(0, SCHED_FIFO, &p));
}

CASE(rr_interval)
{
	struct timespec ts;

	R(sched_rr_get_interval(0, &ts));
	V(ts.tv_sec);
	R(sched_rr_get_interval(0x3ffffff, &ts));
	R(sched_rr_get_interval(-1, &ts));
}

CASE(affinity)
{
	cpu_set_t all, one;
	unsigned long word = 0;

	NEED(sched_getaffinity(0, sizeof(all), &all));
	int n = CPU_COUNT(&all), cpu = 0;
	V(n > 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	R(sched_setaffinity(0, sizeof(one), &one));
	NEED(sched_getaffinity(0, sizeof(one), &one));
	V(CPU_COUNT(&one));
	V(sched_getcpu() == cpu);
	pid_t pid = fork();
	if (pid == 0) {
		NEED(sched_getaffinity(0, sizeof(one), &one));
		_exit(CPU_COUNT(&one));
	}
	reap("inherited", pid);
	CPU_ZERO(&one);
	R(sched_setaffinity(0, sizeof(one), &one));
	R(sched_setaffinity(0x3ffffff, sizeof(all), &all));
	R(syscall(SYS_sched_getaffinity, 0, 8, &word));
	R(syscall(SYS_sched_getaffinity, 0, 7, &word));
	R(syscall(SYS_sched_getaffinity, 0, 8, 8L));
	R(syscall(SYS_sched_getaffinity, 0x3ffffff, 8, &word));
}

CASE(priority)
{
	need_root();
	R(getpriority(PRIO_PROCESS, 0));
	R(setpriority(PRIO_PROCESS, 0, 5));
	R(getpriority(PRIO_PROCESS, 0));
	R(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	R(setpriority(PRIO_PROCESS, 0, 100));
	R(getpriority(PRIO_PROCESS, 0));
	errno = 0;
	R(nice(-3));
	R(setpriority(77, 0, 0));
	R(getpriority(PRIO_PROCESS, 0x3ffffff));
	R(getpriority(PRIO_PGRP, 0));
	NEED(setresuid(1000, 1000, 1000));
	R(setpriority(PRIO_PROCESS, 0, 0));
	R(setpriority(PRIO_PROCESS, 0, 19));
}

CASE(sched_attr)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = 48, .nice = 7 };

	R(syscall(SYS_sched_setattr, 0, &a, 0));
	memset(&a, 0, sizeof(a));
	R(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0));
	say("policy %u nice %d size %u\n", a.policy, a.nice, a.size);
	R(syscall(SYS_sched_getattr, 0, &a, 4, 0));
	R(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 1));
	R(syscall(SYS_sched_setattr, 0, NULL, 0));
}

CASE(rlimits)
{
	static const int which[] = { RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_DATA,
				     RLIMIT_AS,   RLIMIT_CPU,    RLIMIT_FSIZE };
	struct rlimit r;

	need_root();
	for (size_t i = 0; i < sizeof(which) / sizeof(*which); i++) {
		NEED(getrlimit(which[i], &r));
		say("limit %d: %ld %ld\n", which[i], (long)r.rlim_cur, (long)r.rlim_max);
	}
	R(getrlimit(77, &r));
	r = (struct rlimit){ 10, 5 };
	R(setrlimit(RLIMIT_NOFILE, &r));
	r = (struct rlimit){ 100, 200 };
	R(setrlimit(RLIMIT_NOFILE, &r));
	NEED(setresuid(1000, 1000, 1000));
	r = (struct rlimit){ 100, 300 };
	R(setrlimit(RLIMIT_NOFILE, &r));
	r = (struct rlimit){ 50, 200 };
	R(setrlimit(RLIMIT_NOFILE, &r));
	NEED(getrlimit(RLIMIT_NOFILE, &r));
	say("%ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
}

CASE(prlimit)
{
	struct rlimit r = { 30, 40 }, old;
	struct baton b = baton_new();
	pid_t pid = fork();

	if (pid == 0) {
		take(&b);
		getrlimit(RLIMIT_NOFILE, &r);
		_exit((int)r.rlim_cur);
	}
	R(prlimit(pid, RLIMIT_NOFILE, &r, &old));
	say("%ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max);
	give(&b);
	reap("child", pid);
	R(prlimit(0x3ffffff, RLIMIT_NOFILE, NULL, &old));
	R(prlimit(0, 77, NULL, &old));
	R(prlimit(0, RLIMIT_NOFILE, NULL, NULL));
	R(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, 8L, NULL));
}

CASE(rlimit_cpu)
{
	struct rlimit r = { 1, 2 };
	pid_t pid = fork();

	if (pid == 0) {
		NEED(setrlimit(RLIMIT_CPU, &r));
		for (volatile int i = 0; i >= 0; i = !i)
			;
	}
	reap("soft limit", pid);
}

CASE(getrusage)
{
	struct rusage a, b;
	char *p;

	NEED(getrusage(RUSAGE_SELF, &a));
	p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 4 << 20);
	NEED(getrusage(RUSAGE_SELF, &b));
	V(b.ru_maxrss >= a.ru_maxrss && b.ru_maxrss > 1000);
	V(b.ru_minflt >= a.ru_minflt);
	NEED(getrusage(RUSAGE_THREAD, &b));
	NEED(getrusage(RUSAGE_CHILDREN, &b));
	V(b.ru_utime.tv_sec);
	R(getrusage(77, &b));
}

CASE(prctl_flags)
{
	int v = -1;

	R(prctl(PR_GET_DUMPABLE));
	R(prctl(PR_SET_DUMPABLE, 0));
	R(prctl(PR_GET_DUMPABLE));
	R(prctl(PR_SET_DUMPABLE, 2));
	R(prctl(PR_SET_DUMPABLE, 1));
	R(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	R(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	R(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	R(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	R(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
	R(prctl(PR_GET_TIMERSLACK));
	R(prctl(PR_SET_TIMERSLACK, 100000));
	R(prctl(PR_GET_TIMERSLACK));
	R(prctl(PR_GET_TID_ADDRESS, &v));
	R(prctl(PR_GET_SECCOMP));
	R(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	R(prctl(9999));
	R(prctl(PR_SET_PDEATHSIG, -1));
	R(prctl(PR_GET_SECUREBITS));
}

CASE(prctl_name)
{
	char b[16] = "";

	R(prctl(PR_SET_NAME, "a name longer than fifteen"));
	R(prctl(PR_GET_NAME, b));
	say("%s\n", b);
	R(prctl(PR_SET_NAME, ""));
	R(prctl(PR_GET_NAME, b));
	say("[%s]\n", b);
	R(prctl(PR_SET_NAME, 8L));
	R(prctl(PR_GET_NAME, 8L));
}

CASE(ioprio)
{
	R(syscall(SYS_ioprio_get, 1, 0));
	R(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 5));
	R(syscall(SYS_ioprio_get, 1, 0));
	R(syscall(SYS_ioprio_set, 1, 0, 7 << 13));
	R(syscall(SYS_ioprio_get, 9, 0));
}

/* The CPU that the CPU itself says it is (rdtscp), after a while on it. */
static unsigned cpu_now(void)
{
	unsigned cpu;

	for (volatile int i = 0; i < 100000; i++)
		;
	__asm__ volatile("rdtscp" : "=c"(cpu)::"rax", "rdx");
	return cpu & 0xfff;
}

static void *cpu_of_thread(void *arg)
{
	*(unsigned *)arg = cpu_now();
	return NULL;
}

/* Affinity holds for the thread's own code, for its threads and for its children. */
CASE(affinity_holds)
{
	int wrong = 0;
	cpu_set_t all, one;

	NEED(sched_getaffinity(0, sizeof(all), &all));
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			pthread_t t;
			unsigned other;
			int st = 0;

			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			NEED(sched_setaffinity(0, sizeof(one), &one));
			wrong += cpu_now() != cpu;
			MUST(pthread_create(&t, NULL, cpu_of_thread, &other));
			MUST(pthread_join(t, NULL));
			wrong += other != cpu;
			pid_t pid = NEED(fork());
			if (pid == 0)
				_exit(cpu_now() != cpu);
			NEED(waitpid(pid, &st, 0));
			wrong += st != 0;
		}
	}
	V(wrong);
}
