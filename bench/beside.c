// SPDX-License-Identifier: Apache-2.0
// How long one process waits because of what another does: natively, or as a guest.
//
//	beside NAME          the longest getppid (ns) of a second in which another does NAME
//	beside --kill NAME   how long it takes to end once it is sent SIGKILL, a median
//	beside --list        the names and what the other process does
//
// On a busy machine the longest of a second is the host's scheduling: compare with the row that
// computes.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { KILLS = 5 };

static const char *self;

static const size_t large = 1536UL << 20;

static void *memory(int flags)
{
	void *p =
	    mmap(NULL, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void reap(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

// ---- what the other process does, for ever; `ready` is called when it is in the middle ----

static void (*ready)(void);

static void do_compute(void)
{
	ready();
	for (volatile unsigned long n = 0;; n++)
		;
}

static void do_populate(void)
{
	for (ready();;)
		CHECK(munmap(memory(MAP_POPULATE), large) == 0);
}

static void do_touch(void)
{
	for (ready();;) {
		char *p = memory(0);
		for (size_t i = 0; i < large; i += 4096)
			p[i] = 1;
		CHECK(munmap(p, large) == 0);
	}
}

static void do_fork(void)
{
	memory(MAP_POPULATE);
	for (ready();;) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		reap(pid);
	}
}

static void do_exec(void)
{
	memory(MAP_POPULATE);
	for (ready();;) {
		pid_t pid = fork();
		if (pid == 0) {
			execl(self, self, "--exit", NULL);
			_exit(127);
		}
		reap(pid);
	}
}

static void do_exit(void)
{
	for (ready();;) {
		pid_t pid = fork();
		if (pid == 0) {
			memory(MAP_POPULATE);
			_exit(0);
		}
		reap(pid);
	}
}

static void do_mprotect(void)
{
	char *p = memory(MAP_POPULATE);

	for (ready();;) {
		CHECK(mprotect(p, large, PROT_READ) == 0);
		CHECK(mprotect(p, large, PROT_READ | PROT_WRITE) == 0);
	}
}

static void do_fsync(void)
{
	static char buf[4 << 20];
	char name[] = "beside-XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0 && unlink(name) == 0);
	for (ready();;) {
		for (int i = 0; i < 32; i++)
			CHECK(pwrite(fd, buf, sizeof buf, (off_t)i * (off_t)sizeof buf) ==
			      sizeof buf);
		CHECK(fsync(fd) == 0);
	}
}

static const struct {
	const char *name, *what;
	void (*run)(void);
} works[] = {
	{ "compute", "computes", do_compute },
	{ "populate", "maps 1.5 GiB with MAP_POPULATE and unmaps it", do_populate },
	{ "touch", "touches 1.5 GiB and unmaps it", do_touch },
	{ "fork", "forks, with 1.5 GiB", do_fork },
	{ "exec", "forks, with 1.5 GiB, and executes", do_exec },
	{ "exit", "forks a child that populates 1.5 GiB and ends", do_exit },
	{ "mprotect", "changes the rights of 1.5 GiB", do_mprotect },
	{ "fsync", "writes 128 MiB of a file and syncs it", do_fsync },
};

// ---- the process that measures ----

static int ready_fd;

static void tell(void)
{
	CHECK(write(ready_fd, "", 1) == 1);
}

static pid_t start(void (*run)(void))
{
	int pipe_fd[2];
	char byte;

	CHECK(pipe(pipe_fd) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		ready_fd = pipe_fd[1];
		ready = tell;
		run();
	}
	close(pipe_fd[1]);
	CHECK(read(pipe_fd[0], &byte, 1) == 1);
	close(pipe_fd[0]);
	return pid;
}

static uint64_t end(pid_t pid)
{
	int status;
	uint64_t from = now();

	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return now() - from;
}

static uint64_t longest_getppid(void (*run)(void))
{
	pid_t pid = start(run);
	uint64_t longest = 0, at = now(), stop = at + 1000000000;

	while (at < stop) {
		syscall(SYS_getppid);
		uint64_t after = now();
		longest = after - at > longest ? after - at : longest;
		at = after;
	}
	end(pid);
	return longest;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

// Each time a little later in what it does.
static uint64_t time_to_end(void (*run)(void))
{
	uint64_t took[KILLS];

	for (int i = 0; i < KILLS; i++) {
		pid_t pid = start(run);
		nanosleep(&(struct timespec){ .tv_nsec = 30000000L * (i + 1) }, NULL);
		took[i] = end(pid);
	}
	qsort(took, KILLS, sizeof took[0], compare);
	return took[KILLS / 2];
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
	bool kills = argc == 3 && strcmp(argv[1], "--kill") == 0;

	self = argv[0];
	if (argc == 2 && strcmp(argv[1], "--exit") == 0)
		return 0;
	for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
		if (list) {
			printf("%s\t%s\n", works[i].name, works[i].what);
		} else if (argc > 1 && strcmp(argv[argc - 1], works[i].name) == 0) {
			uint64_t ns =
			    kills ? time_to_end(works[i].run) : longest_getppid(works[i].run);
			printf("%llu\n", (unsigned long long)ns);
			return 0;
		}
	}
	return list ? 0 : 2;
}
