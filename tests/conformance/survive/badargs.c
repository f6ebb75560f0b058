/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call number with hostile arguments. Nothing is compared: the kernel under test has
 * to survive, and this program with it. For a sandbox only: natively, as root, it would do real
 * harm, so it refuses to run there.
 *
 * Call `i` of a seed depends on nothing but the two, so that a failure can be made again. A child
 * makes the calls; it notes in shared memory which one it is at. Its parent kills it when a call
 * blocks for too long, and starts another behind the call that ended the last one.
 */
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include "case.h"

enum { CALLS = 10000, BATCH = 400, PAGE = 4096, BUFFERS = 4 };

static volatile int *progress; /* shared: the call the child is at */
static pid_t parent, self;
static uint64_t rng;
static char *buffer[BUFFERS], *readonly, *closed, *hole, *truncated;

static uint64_t random64(void)
{
	/* splitmix64 */
	uint64_t z = rng += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
	return random64() % n;
}

/* What the kernel wrote in them must not become a path of the next call. */
static void refill(void)
{
	static const char *const names[] = { "file",  "dir",  ".",   "",
					     "dir/x", "link", "new", "file/x" };

	memset(buffer[0], 0, 2 * PAGE);
	for (int i = 0; i < PAGE; i += 8) {
		uint64_t r = random64();
		memcpy(buffer[1] + i, &r, 8);
	}
	for (int i = 0; i < PAGE; i++)
		if (buffer[1][i] == '/' || buffer[1][i] == '.')
			buffer[1][i] = 'a';
	strcpy(buffer[2], names[below(8)]);
	for (int i = 0; i < 64; i++)
		((uint64_t *)(void *)buffer[3])[i] =
		    below(4) ? below(64) : (uint64_t)(uintptr_t)buffer[below(2)];
}

static uint64_t pointer(void)
{
	uint64_t edge = (uintptr_t)buffer[below(BUFFERS)] + PAGE;

	switch (below(14)) {
	case 0: return 0;
	case 1: return below(4096);
	case 2: return (uint64_t)-1 - below(64);
	case 3: return 0x8000000000000000 + below(1UL << 40);
	case 4: return 0x7ffffffff000 - below(64);
	case 5: return (uintptr_t)readonly + below(PAGE);
	case 6: return (uintptr_t)closed;
	case 7: return (uintptr_t)hole - below(64);
	case 8: return (uintptr_t)truncated + below(64);
	case 9: return edge - below(128);
	default: return (uintptr_t)buffer[below(BUFFERS)];
	}
}

static uint64_t number(void)
{
	switch (below(10)) {
	case 0: return 0;
	case 1: return (uint64_t)-1;
	case 2: return below(2) ? 0x7fffffff : 0x80000000;
	case 3: return (1UL << below(64)) - below(2);
	case 4: return random64();
	case 5: return (uint32_t)random64();
	case 6: return 8UL << below(10);
	default: return below(40);
	}
}

static uint64_t argument(void)
{
	uint64_t kind = below(20);

	return kind < 9 ? pointer() : kind < 13 ? below(30) : number();
}

/* Calls that take a process: not the one that watches us, nor all. */
static const struct {
	short nr, arg;
} takes_pid[] = { { SYS_kill, 0 },
		  { SYS_tkill, 0 },
		  { SYS_tgkill, 0 },
		  { SYS_tgkill, 1 },
		  { SYS_rt_sigqueueinfo, 0 },
		  { SYS_rt_tgsigqueueinfo, 0 },
		  { SYS_rt_tgsigqueueinfo, 1 },
		  { SYS_prlimit64, 0 },
		  { SYS_ptrace, 1 },
		  { SYS_process_vm_writev, 0 },
		  { SYS_sched_setaffinity, 0 },
		  { SYS_sched_setscheduler, 0 },
		  { SYS_sched_setparam, 0 },
		  { SYS_sched_setattr, 0 },
		  { SYS_setpriority, 1 },
		  { SYS_setpgid, 0 },
		  { SYS_setpgid, 1 },
		  { SYS_pidfd_open, 0 },
		  { SYS_ioprio_set, 1 },
		  { SYS_migrate_pages, 0 },
		  { SYS_move_pages, 0 } };

static void tame(long nr, uint64_t a[6])
{
	for (size_t i = 0; i < sizeof takes_pid / sizeof *takes_pid; i++) {
		int v = (int)a[takes_pid[i].arg];
		if (takes_pid[i].nr == nr && (v == parent || v == -parent || v == -1 || v == 1))
			a[takes_pid[i].arg] = (uint64_t)self;
	}
	/* Who watches us is no debugger, and would not let us go on. */
	if (nr == SYS_ptrace && a[0] == 0)
		a[0] = 1;
	/* Not the host's disk. */
	if (nr == SYS_fallocate) {
		a[2] &= 0xfffff;
		a[3] &= 0xfffff;
	}
}

static long choose_nr(void)
{
	static const long odd[] = { -1,  335, 423,  470,        511,        512,
				    547, 548, 1000, 0x40000000, 0x40000001, 0x7fffffff };
	uint64_t r = below(100);

	if (r < 2)
		return odd[below(12)];
	return (long)(r < 80 ? below(335) : 424 + below(43));
}

static void on_alarm(int sig)
{
}

/* Descriptors 3 to 20 or so, of every kind. */
static void open_descriptors(void)
{
	int fd[2];
	sigset_t set = SET(SIGUSR1);

	NEED(open("file", O_RDWR | O_CREAT, 0644));
	NEED(open(".", O_RDONLY));
	NEED(open("file", O_PATH));
	NEED(open("file", O_WRONLY | O_APPEND));
	NEED(pipe(fd));
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd));
	NEED(epoll_create1(0));
	NEED(eventfd(3, 0));
	NEED(timerfd_create(CLOCK_MONOTONIC, 0));
	NEED(signalfd(-1, &set, 0));
	NEED(memfd_create("m", MFD_ALLOW_SEALING));
	NEED(syscall(SYS_pidfd_open, getpid(), 0));
	NEED(open("/dev/null", O_RDWR));
	NEED(open("/proc/self/maps", O_RDONLY));
	NEED(open("/proc/self/fd", O_RDONLY));
}

static void map_memory(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	for (int i = 0; i < BUFFERS; i++) {
		/* Each has nothing behind its first page, or its second. */
		buffer[i] = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
		NEED(munmap(buffer[i] + (i == 0 ? 2 : 1) * PAGE, PAGE));
	}
	readonly = mmap(NULL, PAGE, PROT_READ, flags, -1, 0);
	closed = mmap(NULL, PAGE, PROT_NONE, flags, -1, 0);
	hole = mmap(NULL, PAGE, PROT_READ, flags, -1, 0);
	NEED(munmap(hole, PAGE));
	int fd = (int)NEED(open("empty", O_RDWR | O_CREAT | O_TRUNC, 0644));
	truncated = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

static void prepare_child(void)
{
	struct itimerval it = { { 0, 5000 }, { 0, 5000 } };
	struct rlimit as = { 1UL << 30, 1UL << 30 };

	self = getpid();
	NEED(setpgid(0, 0));
	NEED(dup2((int)NEED(open("/dev/null", O_RDWR)), 1));
	close(3);
	open_descriptors();
	map_memory();
	NEED(setrlimit(RLIMIT_AS, &as));
	handle(SIGALRM, on_alarm, 0);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
}

static void make_calls(uint64_t seed, int from, int to)
{
	prepare_child();
	for (int i = from; i < to; i++) {
		uint64_t a[6];

		*progress = i;
		rng = seed * 1000003 + (uint64_t)i;
		refill();
		long nr = choose_nr();
		for (int j = 0; j < 6; j++)
			a[j] = argument();
		tame(nr, a);
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		/* A fork's other side ends here. */
		if (syscall(SYS_getpid) != self)
			syscall(SYS_exit_group, 0);
	}
	*progress = to;
	_exit(0);
}

/* Waits for the child, but for no call longer than a while. */
static void watch(pid_t pid)
{
	sigset_t set = SET(SIGCHLD);
	struct timespec patience = { 0, 150000000 };

	for (;;) {
		int before = *progress;
		if (waitpid(pid, NULL, WNOHANG | __WALL) == pid)
			return;
		if (sigtimedwait(&set, NULL, &patience) == -1 && errno == EAGAIN &&
		    *progress == before)
			kill(pid, SIGKILL);
	}
}

/* Ends all that the calls started. */
static void sweep(void)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

static void run_seed(uint64_t seed)
{
	int children = 0;
	struct stat st;

	if (getpid() > 50) {
		say("this is for a sandbox, where process numbers start at 1\n");
		exit(1);
	}
	/* A plain world's is the host's. */
	if (stat("/", &st) != 0 || chmod("/", st.st_mode & 07777) == 0) {
		say("this is for a place where / cannot be changed: contained.sh\n");
		exit(1);
	}
	parent = getpid();
	block(SET(SIGCHLD));
	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	put_file("file", "content");
	for (int next = 0; next < CALLS; children++) {
		int end = next + BATCH < CALLS ? next + BATCH : CALLS;
		*progress = next;
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0)
			make_calls(seed, next, end);
		watch(pid);
		sweep();
		next = *progress < next || *progress >= end ? end : *progress + 1;
	}
	say("%d calls, %d children\n", CALLS, children);
}

#define SEED(n)                                                                                    \
	CASE(seed_##n)                                                                             \
	{                                                                                          \
		run_seed(n);                                                                       \
	}
SEED(1)
SEED(2)
SEED(3)
SEED(4)
SEED(5)
SEED(6)
SEED(7)
SEED(8)
SEED(9)
SEED(10)
SEED(11)
SEED(12)
