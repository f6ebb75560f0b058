/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes what a limit bounds until it is refused, and prints how much there was and the error:
 * `limits WHAT...`, for each WHAT one line. A child that is killed is a line, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1UL << 20)

static void refused(const char *what, long n)
{
	printf("%s %ld %s\n", what, n, strerrorname_np(errno));
	fflush(stdout);
}

/* Descriptors of one process. */
static void descriptors(void)
{
	long n = 0;

	while (open("/dev/null", O_RDONLY) >= 0)
		n++;
	refused("descriptors", n);
	closefrom(3);
}

/* Open files of several processes, each of which has descriptors left. */
static void files(void)
{
	int go[2], status;
	long n = 0;
	char c;

	if (pipe(go) < 0)
		exit(1);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 8 && open("/dev/null", O_RDONLY) >= 0; i++)
			;
		(void)!write(go[1], "x", 1);
		pause();
	}
	if (read(go[0], &c, 1) != 1)
		exit(1);
	while (open("/dev/null", O_RDONLY) >= 0)
		n++;
	refused("files", n);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	/* what it had is free again */
	printf("then %d\n", open("/dev/null", O_RDONLY) >= 0);
	closefrom(3);
}

/* The hard limit of descriptors is where nobody can lift it. */
static void nofile(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	printf("nofile %lu %lu", r.rlim_cur, r.rlim_max);
	r.rlim_max++;
	printf(" %s\n", setrlimit(RLIMIT_NOFILE, &r) ? strerrorname_np(errno) : "raised");
}

static void forks(void)
{
	long n = 0;
	pid_t pid, group = 0;

	for (; (pid = fork()) > 0; n++) {
		setpgid(pid, group);
		group = group ? group : pid;
	}
	if (pid == 0)
		for (;;)
			pause();
	refused("forks", n);
	if (group)
		kill(-group, SIGKILL);
	while (wait(NULL) > 0)
		;
}

/* Children that ended and were not waited for. */
static void zombies(void)
{
	long n = 0;
	pid_t pid;
	siginfo_t si;

	while ((pid = fork()) > 0 && waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0)
		n++;
	if (pid == 0)
		_exit(0);
	refused("zombies", n);
	while (wait(NULL) > 0)
		;
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void threads(void)
{
	pthread_attr_t attr;
	pthread_t t;
	long n = 0;
	int status;

	fflush(stdout);
	if (fork() == 0) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 65536);
		while (!(errno = pthread_create(&t, &attr, sleep_for_ever, NULL)))
			n++;
		refused("threads", n);
		_exit(0);
	}
	wait(&status);
}

static void stack(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_STACK, &r);
	printf("stack %lu %lu\n", r.rlim_cur, r.rlim_max);
}

static void take_private(void)
{
	for (;;) {
		char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED)
			memset(p, 1, MIB);
	}
}

static void take_shared(void)
{
	const size_t len = 1024 * MIB;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p != MAP_FAILED)
		memset(p, 1, len);
	_exit(1);
}

/* A small child sleeps while a large one takes all; it is the large one that ends. */
static void take_all(void (*take)(void))
{
	int status;
	pid_t small = fork();

	if (small == 0)
		for (;;)
			pause();
	pid_t large = fork();
	if (large == 0)
		take();
	if (wait(&status) == large && WIFSIGNALED(status))
		printf("memory: the large one got signal %d", WTERMSIG(status));
	printf(", the small one is %s\n", waitpid(small, &status, WNOHANG) == 0 ? "there" : "gone");
	kill(small, SIGKILL);
}

static void memory(void)
{
	take_all(take_private);
}

static void memory_shared(void)
{
	take_all(take_shared);
}

/* Pages so many KiB apart, all over a large reservation. */
static void sparse(size_t step)
{
	const size_t pages = 8000, len = step * pages;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool kept = p != MAP_FAILED;

	for (size_t i = 0; kept && i < len; i += step)
		p[i] = (char)(i / step % 100 + 1);
	for (size_t i = 0; kept && i < len; i += step)
		kept = p[i] == (char)(i / step % 100 + 1);
	puts(kept ? "as it was" : "lost");
}

static void sparse_32k(void)
{
	sparse(32 << 10);
}

static void sparse_128k(void)
{
	sparse(128 << 10);
}

static void sparse_1g(void)
{
	sparse(1 << 30);
}

/* How many MiB one process can have. */
static void room(void)
{
	int status, told[2];
	long n = 0, got;

	if (pipe(told) < 0)
		exit(1);
	if (fork() == 0) {
		for (;;) {
			char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
			if (p == MAP_FAILED)
				continue;
			memset(p, 1, MIB);
			n++;
			(void)!write(told[1], &n, sizeof n);
		}
	}
	close(told[1]);
	while (read(told[0], &got, sizeof got) == sizeof got)
		n = got;
	wait(&status);
	printf("room %ld\n", n);
}

static bool ask_cpu; /* Linux keeps the number of the CPU where RDTSCP finds it, a VM need not */

/* Does the calling thread stay on the CPUs that it is told it has? */
static void *stay(void *arg)
{
	static char strays[] = "it strays";
	struct timespec from, now;
	cpu_set_t mine;

	sched_getaffinity(0, sizeof mine, &mine);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		unsigned cpu = 0;
		if (ask_cpu)
			__builtin_ia32_rdtscp(&cpu);
		else
			syscall(SYS_getcpu, &cpu, NULL, NULL);
		if (!CPU_ISSET(cpu & 0xfff, &mine))
			return strays;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec * 1000000000L + now.tv_nsec <
		 from.tv_sec * 1000000000L + from.tv_nsec + 200000000);
	return NULL;
}

/* More threads and processes than there are CPUs, and one that asks for all of them. */
static void cpus(void)
{
	cpu_set_t all, got;
	pthread_t t[3];
	void *told = NULL;
	int status, strayed = 0;

	memset(&all, 0xff, sizeof all);
	printf("set %d", sched_setaffinity(0, sizeof all, &all));
	sched_getaffinity(0, sizeof got, &got);
	printf(" count %d online %ld", CPU_COUNT(&got), sysconf(_SC_NPROCESSORS_ONLN));
	fflush(stdout);
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			_exit(stay(NULL) != NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, stay, NULL);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &told);
		strayed += told != NULL;
	}
	while (wait(&status) > 0)
		strayed += status != 0;
	CPU_ZERO(&all);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (!CPU_ISSET(i, &got))
			CPU_SET(i, &all);
	printf(" strayed %d others %s\n", strayed,
	       sched_setaffinity(0, sizeof all, &all) ? strerrorname_np(errno) : "had");
}

static void cpus_by_themselves(void)
{
	ask_cpu = true;
	cpus();
}

static unsigned long cpu_stat(const char *key)
{
	FILE *f = fopen("/sys/fs/cgroup/cpu.stat", "r");
	unsigned long value = 0;
	char line[64];

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ' ')
			value = strtoul(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Runs until it has been made to wait in the middle of its own code, and is told so. */
static void throttled(void)
{
	bool waited = false;

	while (!waited || cpu_stat("nr_throttled") < 2 || !cpu_stat("throttled_usec") ||
	       cpu_stat("nr_periods") < 2 || !cpu_stat("usage_usec")) {
		uint64_t from = now_ns(), last = from, now;
		do {
			now = now_ns();
			waited |= now - last > 20000000;
			last = now;
		} while (now - from < 50000000);
	}
	printf("throttled\n");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} all[] = {
		{ "descriptors", descriptors },
		{ "files", files },
		{ "nofile", nofile },
		{ "forks", forks },
		{ "zombies", zombies },
		{ "threads", threads },
		{ "stack", stack },
		{ "memory", memory },
		{ "memory-shared", memory_shared },
		{ "room", room },
		{ "sparse-32k", sparse_32k },
		{ "sparse-128k", sparse_128k },
		{ "sparse-1g", sparse_1g },
		{ "cpus", cpus },
		{ "cpus-rdtscp", cpus_by_themselves },
		{ "throttled", throttled },
	};

	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			if (strcmp(argv[i], all[k].name) == 0)
				all[k].fn();
	return 0;
}
