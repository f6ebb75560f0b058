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

	NEED(sched_getaffinity(0, sizeof all, &all));
	int n = CPU_COUNT(&all), cpu = 0;
	V(n > 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	R(sched_setaffinity(0, sizeof one, &one));
	NEED(sched_getaffinity(0, sizeof one, &one));
	V(CPU_COUNT(&one));
	V(sched_getcpu() == cpu);
	pid_t pid = fork();
	if (pid == 0) {
		NEED(sched_getaffinity(0, sizeof one, &one));
		_exit(CPU_COUNT(&one));
	}
	reap("inherited", pid);
	CPU_ZERO(&one);
	R(sched_setaffinity(0, sizeof one, &one));
	R(sched_setaffinity(0x3ffffff, sizeof all, &all));
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
	memset(&a, 0, sizeof a);
	R(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0));
	say("policy %u nice %d size %u\n", a.policy, a.nice, a.size);
	R(syscall(SYS_sched_getattr, 0, &a, 4, 0));
	R(syscall(SYS_sched_getattr, 0, &a, sizeof a, 1));
	R(syscall(SYS_sched_setattr, 0, NULL, 0));
}

CASE(rlimits)
{
	static const int which[] = { RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_DATA,
				     RLIMIT_AS,   RLIMIT_CPU,    RLIMIT_FSIZE };
	struct rlimit r;

	need_root();
	for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
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

	NEED(sched_getaffinity(0, sizeof all, &all));
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			pthread_t t;
			unsigned other;
			int st = 0;

			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			NEED(sched_setaffinity(0, sizeof one, &one));
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

/* A thread or child can be scheduled as soon as its maker knows its number. */
static void *nothing(void *arg)
{
	return arg;
}

CASE(fresh_threads)
{
	int attr = 0, child = 0;
	pthread_attr_t a;
	cpu_set_t cpus;

	NEED(sched_getaffinity(0, sizeof cpus, &cpus));
	pthread_attr_init(&a);
	pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setaffinity_np(&a, sizeof cpus, &cpus);
	for (int i = 0; i < 60; i++) {
		pthread_t t;

		if (pthread_create(&t, &a, nothing, NULL))
			attr++;
		else
			pthread_join(t, NULL);
		pid_t p = (pid_t)NEED(fork());
		if (!p)
			_exit(0);
		child += sched_setaffinity(p, sizeof cpus, &cpus) != 0;
		child += sched_getscheduler(p) != 0;
		waitpid(p, NULL, 0);
	}
	say("failed: threads with attributes %d, children %d\n", attr, child);
}

/* A zombie still has its record; nobody has that of a number nobody carries. */
CASE(zombies)
{
	struct sched_param p;
	cpu_set_t cpus;
	struct timespec ts;
	siginfo_t si;

	need_root();
	pid_t pid = fork();
	if (pid == 0) {
		setpriority(PRIO_PROCESS, 0, 7);
		NEED(setresuid(1234, 1234, 1234));
		_exit(0);
	}
	NEED(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	R(sched_getscheduler(pid));
	R(sched_getparam(pid, &p));
	R(sched_rr_get_interval(pid, &ts));
	OK(sched_getaffinity(pid, sizeof cpus, &cpus));
	R(sched_setaffinity(pid, sizeof cpus, &cpus));
	R(getpriority(PRIO_PROCESS, pid));
	R(setpriority(PRIO_PROCESS, pid, 9));
	R(getpriority(PRIO_PROCESS, pid));
	NEED(setresuid(1235, 1235, 1235));
	R(kill(pid, 0));
	R(kill(pid, SIGTERM));
	R(setpriority(PRIO_PROCESS, pid, 10));
	R(sched_setaffinity(pid, sizeof cpus, &cpus));
}

/* pid 1 is there for all, and root's. */
CASE(first_process)
{
	cpu_set_t cpus;
	struct timespec ts;
	struct rlimit rl;

	need_root();
	OK(sched_getscheduler(1));
	OK(sched_rr_get_interval(1, &ts));
	OK(sched_getaffinity(1, sizeof cpus, &cpus));
	OK(getpriority(PRIO_PROCESS, 1));
	NEED(setresgid(1234, 1234, 1234));
	NEED(setresuid(1234, 1234, 1234));
	R(sched_setaffinity(1, sizeof cpus, &cpus));
	R(setpriority(PRIO_PROCESS, 1, 19));
	R(kill(1, 0));
	R(kill(1, SIGUSR1));
	R(syscall(SYS_tgkill, 1, 1, SIGUSR1));
	int fd = open("/proc/1", O_RDONLY | O_DIRECTORY);
	R(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
	fd = (int)syscall(SYS_pidfd_open, 1, 0);
	R(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
	R(prlimit(1, RLIMIT_CORE, NULL, &rl));
	R(syscall(SYS_ioprio_set, 1, 1, 2 << 13 | 5));
}

CASE(numbers_below_zero)
{
	struct sched_param p = { 0 };
	cpu_set_t cpus;
	struct timespec ts;
	struct {
		uint32_t size, rest[13];
	} a = { 48, { 0 } };

	CPU_ZERO(&cpus);
	R(sched_getaffinity(-1, sizeof cpus, &cpus));
	R(sched_setaffinity(-1, sizeof cpus, &cpus));
	R(sched_getscheduler(-1));
	R(sched_setscheduler(-1, SCHED_OTHER, &p));
	R(sched_getparam(-1, &p));
	R(sched_setparam(-1, &p));
	R(sched_rr_get_interval(-1, &ts));
	R(syscall(SYS_sched_getattr, -1, &a, sizeof a, 0));
	R(syscall(SYS_sched_setattr, -1, &a, 0));
	R(syscall(SYS_ioprio_get, 1, -1));
	R(syscall(SYS_ioprio_set, 1, -1, 0));
	R(syscall(SYS_getpriority, PRIO_PROCESS, -1));
	R(syscall(SYS_getpriority, PRIO_PGRP, -1));
	R(syscall(SYS_setpriority, PRIO_PROCESS, -1, 0));
}

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max, newer[2];
};

static void say_scheduling(void)
{
	struct attributes a = { 0 };
	struct sched_param p;

	R(sched_getscheduler(0));
	NEED(sched_getparam(0, &p));
	NEED(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0));
	say("priority %d; policy %u flags %lu nice %d priority %u; nice %ld\n", p.sched_priority,
	    a.policy, (unsigned long)a.flags, a.nice, a.priority,
	    20 - syscall(SYS_getpriority, PRIO_PROCESS, 0));
}

static int say_scheduling_of_child(void *arg)
{
	say_scheduling();
	return 0;
}

CASE(realtime)
{
	struct sched_param p = { 99 };
	struct timespec ts;

	need_root();
	R(setpriority(PRIO_PROCESS, 0, -15));
	R(sched_setscheduler(0, SCHED_FIFO, &p));
	say_scheduling();
	R(sched_rr_get_interval(0, &ts));
	say("%ld %ld\n", (long)ts.tv_sec, ts.tv_nsec);
	p.sched_priority = 7;
	R(sched_setparam(0, &p));
	in_child("child", say_scheduling_of_child, NULL);
	R(sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &p));
	R(sched_rr_get_interval(0, &ts));
	say("%ld %ld\n", (long)ts.tv_sec, ts.tv_nsec);
	say_scheduling();
	in_child("child", say_scheduling_of_child, NULL);
	p.sched_priority = 0;
	R(sched_setparam(0, &p));
	R(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p));
	say_scheduling();
	in_child("child", say_scheduling_of_child, NULL);
	NEED(setresuid(1234, 1234, 1234));
	R(sched_setscheduler(0, SCHED_OTHER, &p));
	R(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &p));
}

/* What a thread without CAP_SYS_NICE may do, with limits that allow nothing and some. */
CASE(unprivileged)
{
	struct attributes a = { .size = 48, .nice = -20 };
	struct sched_param p = { 0 };
	struct rlimit rl = { 5, 5 };

	need_root();
	R(setrlimit(RLIMIT_RTPRIO, &rl)); /* root does not have CAP_SYS_RESOURCE everywhere */
	rl.rlim_cur = rl.rlim_max = 23;
	R(setrlimit(RLIMIT_NICE, &rl));
	NEED(setresuid(1234, 1234, 1234));
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	a.nice = -3;
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	R(setpriority(PRIO_PROCESS, 0, -4));
	R(setpriority(PRIO_PROCESS, 0, 5));
	R(setpriority(PRIO_PROCESS, 0, -2));
	R(syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4));
	R(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
	p.sched_priority = 50;
	R(sched_setscheduler(0, SCHED_FIFO, &p));
	p.sched_priority = 3;
	R(sched_setscheduler(0, SCHED_RR, &p));
	p.sched_priority = 6;
	R(sched_setparam(0, &p));
	p.sched_priority = 5;
	R(sched_setparam(0, &p));
	rl.rlim_cur = rl.rlim_max = 0;
	NEED(setrlimit(RLIMIT_RTPRIO, &rl));
	NEED(setrlimit(RLIMIT_NICE, &rl));
	R(sched_setscheduler(0, SCHED_FIFO, &p));
	p.sched_priority = 4;
	R(sched_setparam(0, &p));
	p.sched_priority = 0;
	R(sched_setscheduler(0, SCHED_OTHER, &p));
	R(sched_setscheduler(0, SCHED_IDLE, &p));
	R(sched_setscheduler(0, SCHED_OTHER, &p));
	say_scheduling();
	R(sched_setscheduler(0, SCHED_DEADLINE, &p));
	a = (struct attributes){ 48, SCHED_DEADLINE, .runtime = 1000000, .deadline = 2000000,
				 .period = 3000000 };
	R(syscall(SYS_sched_setattr, 0, &a, 0));
}

/* The last failure of a group's is the call's. */
CASE(priority_of_many)
{
	need_root();
	NEED(setsid() == -1 && errno != EPERM ? -1 : 0);
	NEED(setresuid(4321, 4321, 4321));
	for (int which = PRIO_PROCESS; which <= PRIO_USER; which++)
		R(setpriority(which, 0, -1));
	R(setpriority(PRIO_USER, 4322, 1));
	R(setpriority(PRIO_USER, 0, 3));
	R(getpriority(PRIO_USER, 4321));
	R(setpriority(PRIO_PGRP, 0x3ffffff, 3));
	R(syscall(SYS_ioprio_set, 3, 4321, 2 << 13 | 6));
	X(syscall(SYS_ioprio_get, 1, 0));
	X(syscall(SYS_ioprio_get, 3, 0));
	R(syscall(SYS_ioprio_set, 1, 0, 0));
	X(syscall(SYS_ioprio_get, 1, 0));
	X(syscall(SYS_ioprio_get, 3, 0));
	R(syscall(SYS_ioprio_set, 1, 0, 2));
	R(syscall(SYS_ioprio_set, 4, 0, 0));
}

/* Of the failures in a group the last one is told; who joined last is asked first. */
static int newest_of_nobody(void *arg)
{
	NEED(setresuid(65534, 65534, 65534));
	R(setpriority(PRIO_PGRP, 0, -2));
	R(setpriority(PRIO_PGRP, 0, 3));
	return 0;
}

static int wait_in_group(void *arg)
{
	struct baton *b = arg;

	NEED(setpgid(0, getppid()));
	give(&b[0]);
	take(&b[1]);
	return 0;
}

static int group_of_two_users(void *arg)
{
	struct baton b[2] = { baton_new(), baton_new() };

	NEED(setpgid(0, 0));
	in_child("newest", newest_of_nobody, NULL);
	pid_t pid = child(wait_in_group, b);
	take(&b[0]);
	NEED(setresuid(65534, 65534, 65534));
	R(setpriority(PRIO_PGRP, 0, -2));
	R(setpriority(PRIO_PGRP, 0, 3));
	give(&b[1]);
	reap("member", pid);
	return 0;
}

CASE(priority_of_two_users)
{
	need_root();
	NEED(setrlimit(RLIMIT_NICE, &(struct rlimit){ 0, 0 }));
	in_child("leader", group_of_two_users, NULL);
}

CASE(attribute_sizes)
{
	struct attributes a = { .size = 47 };

	R(syscall(SYS_sched_setattr, 0, &a, 0));
	V(a.size);
	a.size = sizeof a;
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	a.newer[1] = 1;
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	V(a.size);
	a.size = 4097;
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	V(a.size);
	a = (struct attributes){ .size = 48, .policy = 0x80000000 };
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attributes){ .size = 48, .policy = 77 };
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attributes){ .size = 48, .priority = 1 };
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attributes){ .size = 48, .flags = 1 << 7 };
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attributes){ .size = 48, .flags = 0x18, .nice = 5 };
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	a = (struct attributes){ .size = 48, .flags = 1, .nice = 5 };
	R(syscall(SYS_sched_setattr, 0, &a, 0));
	memset(&a, 0xff, sizeof a);
	R(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0));
	say("size %u flags %lu nice %d\n", a.size, (unsigned long)a.flags, a.nice);
	R(syscall(SYS_sched_getattr, 0, &a, 48, 0));
	V(a.size);
}
