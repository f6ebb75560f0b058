/* SPDX-License-Identifier: Apache-2.0 */
/* What lies below the platform: accesses that may fault, physical memory, the probe. */
#include "tests/platform/world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/fixup.h"

#define GIB (1UL << 30)

/* Faults are caught as soon as there is guest memory: physmem_create is what a sandbox's start
 * calls. */
static void catch_faults(void)
{
	struct errmsg errmsg = { "" };
	struct physmem *pm;

	CHECK_EQ(physmem_create(GIB, 0, &pm, &errmsg), 0);
	physmem_destroy(pm);
}

/* Two pages, then nothing: SIGSEGV, or SIGBUS behind the end of a file. */
static char *cliff(bool bus)
{
	char *p;

	if (bus) {
		int fd = memfd_create("cliff", 0);
		CHECK_EQ(ftruncate(fd, 2 * PAGE_SIZE), 0);
		p = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	} else {
		p = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
		CHECK_EQ(mprotect(p + 2 * PAGE_SIZE, 2 * PAGE_SIZE, PROT_NONE), 0);
	}
	CHECK(p != MAP_FAILED);
	return p + 2 * PAGE_SIZE;
}

/* Every length, at every distance from the edge: what lies before it is copied, not one byte
 * less. */
static void copies(bool bus)
{
	static char buf[2048], want[2048];
	char *edge = cliff(bus);

	for (size_t i = 0; i < sizeof want; i++)
		want[i] = (char)random64();
	for (size_t n = 0; n < 1100; n += n < 70 ? 1 : 37) {
		for (size_t left = 0; left <= n; left += left < 70 ? 1 : 41) {
			size_t there = n - left;
			memcpy(edge - there, want, there);
			memset(buf, 0x55, sizeof buf);
			CHECK_EQ(fixup_copy(buf, edge - there, n), left);
			CHECK(memcmp(buf, want, there) == 0);
			CHECK_EQ(buf[there], 0x55);
			memset(edge - there, 0, there);
			CHECK_EQ(fixup_copy(edge - there, want, n), left);
			CHECK(memcmp(edge - there, want, there) == 0);
			CHECK_EQ(fixup_zero(edge - there, n), left);
			CHECK(there == 0 || (edge[-1] == 0 && edge[-(long)there] == 0));
		}
	}
}

static void fixup_copies(void)
{
	catch_faults();
	copies(false);
	copies(true);
}

static void fixup_strings(void)
{
	char *edge = cliff(true);

	catch_faults();
	memset(edge - 64, 'x', 64);
	CHECK_EQ(fixup_strnlen(edge - 64, 64), 64);
	CHECK_EQ(fixup_strnlen(edge - 64, 65), -1);
	CHECK_EQ(fixup_strnlen(edge - 64, 10), 10);
	CHECK_EQ(fixup_strnlen(edge, 0), 0);
	edge[-1] = 0;
	CHECK_EQ(fixup_strnlen(edge - 64, 100), 63);
	CHECK_EQ(fixup_strnlen(edge - 1, 100), 0);
}

static void fixup_atomics(void)
{
	uint32_t *bad, v = 0, old = 0, word = 5;

	catch_faults();
	bad = (uint32_t *)(void *)cliff(true);
	CHECK_EQ(-fixup_load32(bad, &v), EFAULT);
	CHECK_EQ(-fixup_store32(bad, 1), EFAULT);
	CHECK_EQ(-fixup_cmpxchg32(bad, 0, 1, &old), EFAULT);
	CHECK_EQ(-fixup_xchg32(bad, 1, &old), EFAULT);
	CHECK_EQ(-fixup_add32(bad, 1, &old), EFAULT);
	CHECK_EQ(-fixup_or32(bad, 1, &old), EFAULT);
	CHECK_EQ(-fixup_and32(bad, 1, &old), EFAULT);
	CHECK_EQ(-fixup_xor32(bad, 1, &old), EFAULT);
	CHECK_EQ(fixup_load32(&word, &v), 0);
	CHECK_EQ(v, 5);
	CHECK_EQ(fixup_cmpxchg32(&word, 4, 9, &old), 0);
	CHECK_EQ(old, 5);
	CHECK_EQ(word, 5);
	CHECK_EQ(fixup_cmpxchg32(&word, 5, 9, &old), 0);
	CHECK_EQ(word, 9);
	CHECK_EQ(fixup_add32(&word, 3, &old), 0);
	CHECK_EQ(old, 9);
	CHECK_EQ(fixup_or32(&word, 3, &old), 0);
	CHECK_EQ(old, 12);
	CHECK_EQ(fixup_and32(&word, 6, &old), 0);
	CHECK_EQ(old, 15);
	CHECK_EQ(fixup_xor32(&word, 5, &old), 0);
	CHECK_EQ(old, 6);
	CHECK_EQ(fixup_xchg32(&word, 77, &old), 0);
	CHECK_EQ(old, 3);
	CHECK_EQ(fixup_store32(&word, 78), 0);
	CHECK_EQ(word, 78);
}

static void mine(int sig)
{
	_exit(sig == SIGSEGV ? 42 : 1);
}

static int child_status(void (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		f();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void crash(void)
{
	volatile char *nowhere =
	    mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	catch_faults();
	*nowhere = 1;
}

static void crash_with_handler(void)
{
	signal(SIGSEGV, mine);
	crash();
}

static void crash_without(void)
{
	signal(SIGSEGV, SIG_DFL); /* a sanitizer has its own */
	crash();
}

/* A fault of the embedding program's own goes where it would have gone. */
static void fixup_passes_on(void)
{
	int status = child_status(crash_with_handler);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	status = child_status(crash_without);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void physmem_pieces(void)
{
	struct errmsg errmsg = { "" };
	struct physmem *pm;
	struct memfile *mf[40];
	char *p, *q;

	CHECK_EQ(physmem_create(GIB, GIB, &pm, &errmsg), 0);
	CHECK_EQ(physmem_size(pm), 2 * GIB);
	CHECK_EQ(physmem_arena_size(pm), GIB);
	CHECK(memfile_ptr(physmem_arena(pm), GIB - 1, 1) != NULL);
	CHECK(memfile_ptr(physmem_arena(pm), GIB - 1, 2) == NULL);
	CHECK(memfile_ptr(physmem_arena(pm), ~0UL, 2) == NULL);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 40; i++) {
			int fd = memfd_create("file", 0);
			CHECK_EQ(ftruncate(fd, 5 << 20), 0);
			CHECK_EQ(pwrite(fd, &i, sizeof i, (4 << 20) + 8), sizeof i);
			CHECK_EQ(memfile_open(pm, fd, true, &mf[i]), 0);
			p = memfile_ptr(mf[i], 0, 16);
			q = memfile_ptr(mf[i], 4 << 20, 1 << 20);
			CHECK(p && q == p + (4 << 20)); /* one piece */
			CHECK_EQ(*(unsigned *)(void *)(q + 8), i);
			CHECK(memfile_ptr(mf[i], 0, 1 << 20) == p);
			CHECK(p >= (char *)physmem_base(pm) + GIB &&
			      q < (char *)physmem_base(pm) + 2 * GIB);
		}
		/* The gaps join: what is left takes a large piece again. */
		for (unsigned i = 0; i < 40; i += 2)
			memfile_put(mf[i]);
		for (unsigned i = 1; i < 40; i += 2)
			memfile_put(mf[i]);
	}
	int fd = memfd_create("file", 0);
	CHECK_EQ(memfile_open(pm, fd, true, &mf[0]), 0);
	CHECK(memfile_ptr(mf[0], 1UL << 40, GIB - (64 << 20)) != NULL);
	CHECK(memfile_ptr(mf[0], 0, GIB) == NULL);       /* full */
	CHECK(memfile_ptr(mf[0], ~0UL - 5, 16) == NULL); /* nonsense */
	memfile_put(mf[0]);
	physmem_destroy(pm);
}

static void machines_leave_nothing(void)
{
	struct world w;
	struct thread t;
	extern const char g_syscall[];
	int before = -1, after = -1;

	for (unsigned i = 0; i < 20; i++) {
		int fd = open("/dev/null", O_RDONLY);
		if (i == 1)
			before = fd;
		after = fd;
		close(fd);
		world_start(&w);
		thread_start(&w, &t, g_syscall);
		thread_run(&t, EVENT_SYSCALL);
		thread_end(&t);
		world_end(&w);
	}
	CHECK_EQ(before, after);
}

static void probe_works(void)
{
	static const struct platform *const each[] = { &platform_kvm, &platform_process };
	struct platform_report r;

	for (unsigned i = 0; i < 2; i++) {
		platform_probe(each[i], &r, true);
		printf("# %s: %lu ns %s\n", each[i]->name, (unsigned long)r.round_trip_ns, r.text);
		CHECK(r.usable && r.round_trip_ns > 0);
	}
}

static void expect_unusable(const char *word)
{
	struct platform_report r;
	struct errmsg errmsg = { "" };
	struct machine *m;

	platform_probe(&platform_kvm, &r, true);
	if (r.usable || !strstr(r.text, word) || !strstr(r.text, "/dev/kvm")) {
		printf("%s\n", r.text);
		_exit(1);
	}
	if (platform_kvm.machine_create(&m, &errmsg) >= 0 || !strstr(errmsg.text, word))
		_exit(2);
}

static void without_device(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) < 0)
		_exit(77);
	expect_unusable("does not exist");
}

static void without_permission(void)
{
	struct stat st;

	if (stat("/dev/kvm", &st) < 0 || st.st_mode & 0006 || setgid(65534) < 0 ||
	    setuid(65534) < 0)
		_exit(77);
	expect_unusable("permission");
}

/* 77: cannot be arranged without root. */
static void probe_explains(void)
{
	static void (*const cases[])(void) = { without_device, without_permission };

	for (unsigned i = 0; i < 2; i++) {
		int status = child_status(cases[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			printf("# skip: case %u needs root\n", i);
		else
			CHECK_EQ(status, 0);
	}
}

const struct test tests[] = {
	{ "fixup_copies", fixup_copies },
	{ "fixup_strings", fixup_strings },
	{ "fixup_atomics", fixup_atomics },
	{ "fixup_passes_on", fixup_passes_on },
	{ "physmem_pieces", physmem_pieces },
	{ "machines_leave_nothing", machines_leave_nothing },
	{ "probe_works", probe_works },
	{ "probe_explains", probe_explains },
	{ NULL, NULL },
};
