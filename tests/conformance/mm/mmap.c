/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2), munmap(2): placement, flags, file mappings, errors. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "map.h"

static int in_order(const char *a, const char *b)
{
	return a < b;
}

CASE(anonymous_zero)
{
	char *p = map_anon(16, PROT_READ | PROT_WRITE);

	say_bytes("fresh", p, 16 * PAGE);
	memset(p + PAGE, 1, PAGE);
	say_bytes("written", p, 16 * PAGE);
	V(munmap(p, 16 * PAGE));
	peek("unmapped", p + PAGE);
}

CASE(errors)
{
	int fd = make_file("f", 1, 0), ro, wo;

	ro = (int)NEED(open("f", O_RDONLY));
	wo = (int)NEED(open("f", O_WRONLY));
	OK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 500, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100));
	OK(mmap((void *)1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	OK(mmap((void *)-PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	OK(mmap((void *)0x7ffffffff000, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		-1, 0));
	OK(mmap(NULL, (size_t)-1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, (size_t)1 << 47, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		0));
	OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0));
	OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x2000000, fd, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE, fd, 0));
	OK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, (off_t)0x7ffffffffffff000));
	OK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, (off_t)0xfffffffffffff000));
}

/* What is asked for is looked at first, then the place, then the file. */
CASE(errors_in_order)
{
	int wo, ro;

	put_file("f", "x");
	wo = (int)NEED(open("f", O_WRONLY));
	ro = (int)NEED(open("f", O_RDONLY));
	OK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, 0, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 1));
	OK(mmap(NULL, 0, PROT_WRITE, MAP_SHARED, ro, 0));
	OK(mmap(NULL, (size_t)-PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
	OK(mmap((void *)1, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, wo, 0));
	OK(mmap((void *)-PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, (off_t)0x7ffffffffffff000));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x2000000, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, wo, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 500, 1));
}

CASE(errors_by_file_kind)
{
	int p[2], dir = (int)NEED(open(".", O_RDONLY)), path;

	put_file("f", "x");
	NEED(pipe(p));
	path = (int)NEED(open("f", O_PATH));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, p[0], 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, (int)NEED(open("/dev/null", O_RDWR)), 0));
	char *zero = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			     (int)NEED(open("/dev/zero", O_RDWR)), 0));
	say_bytes("zero", zero, PAGE);
}

CASE(munmap_errors)
{
	char *p = map_anon(4, PROT_READ);

	R(munmap(p + 1, PAGE));
	R(munmap(p, 0));
	R(munmap(p, 1));
	peek("first page after munmap(p, 1)", p);
	peek("second page", p + PAGE);
	R(munmap(p, 4 * PAGE));
	R(munmap(p, 4 * PAGE));
	R(munmap((void *)0x7ffffffff000, 2 * PAGE));
	R(munmap(p, (size_t)-PAGE));
}

CASE(munmap_middle)
{
	char *p = map_anon(5, PROT_READ | PROT_WRITE);

	memset(p, 7, 5 * PAGE);
	R(munmap(p + 2 * PAGE, PAGE));
	for (int i = 0; i < 5; i++)
		peek("page", p + i * PAGE);
	char *q = mmap(p + 2 * PAGE, PAGE, PROT_READ,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	V(q == p + 2 * PAGE);
	peek("filled hole", p + 2 * PAGE);
}

CASE(fixed_replaces)
{
	char *p = map_anon(3, PROT_READ | PROT_WRITE);
	int fd = make_file("f", 2, 0);

	memset(p, 'z', 3 * PAGE);
	V(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, PAGE) == p + PAGE);
	peek("before", p + PAGE - 1);
	peek("replaced", p + PAGE);
	peek("after", p + 2 * PAGE);
	poke("replaced", p + PAGE, 1);
	V(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	  p + PAGE);
	peek("replaced again", p + PAGE);
}

CASE(fixed_noreplace)
{
	char *p = map_anon(3, PROT_READ);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	OK(mmap(p + PAGE, PAGE, PROT_READ, flags, -1, 0));
	OK(mmap(p - PAGE, 2 * PAGE, PROT_READ, flags, -1, 0));
	NEED(munmap(p + PAGE, PAGE));
	OK(mmap(p + PAGE, 2 * PAGE, PROT_READ, flags, -1, 0));
	V(mmap(p + PAGE, PAGE, PROT_READ, flags, -1, 0) == p + PAGE);
}

CASE(fixed_unaligned)
{
	char *p = map_anon(2, PROT_READ);

	OK(mmap(p + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

CASE(hint)
{
	char *p = map_anon(4, PROT_READ), *q;

	NEED(munmap(p, 4 * PAGE));
	q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	V(q == p);
	q = mmap(p + 5, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	V(q == p);
	V(q == p + PAGE);
	V(((uintptr_t)q & (PAGE - 1)) == 0);
	q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	V(q != p && q != MAP_FAILED);
}

CASE(low_addresses)
{
	need_root();
	/* Only a privileged process may map below vm.mmap_min_addr. */
	peek("page 0", (void *)8);
	NEED(setresuid(1000, 1000, 1000));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	V((uintptr_t)mmap((void *)0x10000, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0));
	char *p = mmap((void *)PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	V((uintptr_t)p >= 0x10000);
}

CASE(map_32bit)
{
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));

	V((uintptr_t)p < 0x80000000u);
	poke("it", p, 3);
}

/* A free hint is taken, wherever below 2 GiB it is; else the place is in the second GiB. */
static void map_low(uintptr_t hint, size_t len)
{
	char *p =
	    mmap((void *)hint, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (p == MAP_FAILED)
		say("%#lx, %#zx: %s\n", hint, len, strerrorname_np(errno));
	else
		say("%#lx, %#zx: %s\n", hint, len,
		    p == (char *)(hint & ~(PAGE - 1))                           ? "the hint"
		    : (uintptr_t)p < 0x80000000u && (uintptr_t)p >= 0x40000000u ? "another place"
										: "elsewhere");
}

CASE(map_32bit_hint)
{
	map_low(0x50000000, PAGE);
	map_low(0x50000000, PAGE);
	map_low(0x60000123, 100 * PAGE);
	map_low(0x1000000, PAGE);
	map_low(0x7ffff000, PAGE);
	map_low(0x7ffff000, 2 * PAGE);
	map_low(0x80000000, PAGE);
	map_low(0x10000000000, PAGE);
	map_low(0, 0x80001000);
	map_low(0x50000000, 0x80000000);
}

CASE(top_down)
{
	char *a = map_anon(1, PROT_READ), *b = map_anon(1, PROT_WRITE),
	     *c = map_anon(1, PROT_READ | PROT_EXEC);

	V(in_order(b, a));
	V(in_order(c, b));
	V(a - b == PAGE);
	V(b - c == PAGE);
}

CASE(reserve_terabytes)
{
	char *p = OK(mmap(NULL, (size_t)16 << 40, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	size_t middle = (size_t)7 << 40;

	peek("reserved", p + middle);
	R(mprotect(p + middle, PAGE, PROT_READ | PROT_WRITE));
	poke("opened", p + middle, 9);
	peek("opened", p + middle);
	peek("beside", p + middle + PAGE);
	V(mmap(p + middle, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	  p + middle);
	peek("closed", p + middle);
	R(munmap(p, (size_t)16 << 40));
}

CASE(reserve_readwrite_noreserve)
{
	char *p = OK(mmap(NULL, (size_t)64 << 30, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));

	for (size_t at = 0; at < (size_t)64 << 30; at += (size_t)8 << 30)
		p[at] = 1;
	for (size_t at = 0; at < (size_t)64 << 30; at += (size_t)8 << 30)
		say("%d%d", p[at], p[at + PAGE]);
	say("\n");
	R(munmap(p, (size_t)64 << 30));
}

CASE(many_small_maps)
{
	enum { N = 3000 };
	static char *at[N];
	int good = 0;

	for (int i = 0; i < N; i++) {
		at[i] = map_anon(1, i % 2 ? PROT_READ | PROT_WRITE : PROT_READ);
		if (i % 2)
			*at[i] = (char)i;
	}
	for (int i = 0; i < N; i++)
		good += *at[i] == (i % 2 ? (char)i : 0);
	V(good);
	for (int i = 0; i < N; i += 3)
		good -= munmap(at[i], PAGE) == 0;
	V(good);
}

CASE(populate)
{
	unsigned char vec[8];
	char *p = OK(mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));

	NEED(mincore(p, 8 * PAGE, vec));
	for (int i = 0; i < 8; i++)
		say("%d", vec[i] & 1);
	say("\n");
}

CASE(ignored_flags)
{
	int base = MAP_PRIVATE | MAP_ANONYMOUS;

	OK(mmap(NULL, PAGE, PROT_READ, base | MAP_STACK, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, base | MAP_DENYWRITE | MAP_EXECUTABLE, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, base | MAP_NONBLOCK | MAP_NORESERVE, -1, 0));
	OK(mmap(NULL, PAGE, PROT_READ, base, 12345, 0));
	OK(mmap(NULL, PAGE, PROT_READ, base, -1, 8 * PAGE));
	OK(mmap(NULL, PAGE, PROT_READ, base | MAP_LOCKED, -1, 0));
}

CASE(private_file)
{
	int fd = make_file("f", 3, 0);
	char *p = OK(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0)), b[3];

	p[PAGE] = 'X';
	NEED(pread(fd, b, 3, PAGE));
	say_bytes("file", b, 3);
	NEED(pwrite(fd, "ZZZ", 3, PAGE));
	say("copied page does not: %.3s\n", p + PAGE);
	close(fd);
	say("after close: %c\n", p[0]);
}

/* What POSIX leaves open. */
CASE(private_file_untouched_page)
{
	int fd = make_file("f", 2, 0);
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));

	p[0] = 'X';
	NEED(pwrite(fd, "YYY", 3, PAGE));
	say("follows the file: %c\n", p[PAGE]);
}

CASE(shared_file)
{
	int fd = make_file("f", 2, 0);
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), b[4] = "";
	char *q = OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE));

	memcpy(p + PAGE, "new", 3);
	say("other map: %.3s\n", q);
	NEED(pread(fd, b, 3, PAGE));
	say("read: %s\n", b);
	NEED(pwrite(fd, "old", 3, PAGE));
	say("both maps: %.3s %.3s\n", p + PAGE, q);
}

CASE(shared_file_left_behind)
{
	int fd = make_file("kept", 1, 100);
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));

	strcpy(p + 10, "in the first page");
	strcpy(p + PAGE + 90, "across the end of the file");
	R(munmap(p, 2 * PAGE));
	R(lseek(fd, 0, SEEK_END));
}

CASE(last_page_tail)
{
	int fd = make_file("f", 0, 100);
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	char *s = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));

	say_bytes("private", p, PAGE);
	say_bytes("shared", s, PAGE);
	s[200] = 'x';
	V(lseek(fd, 0, SEEK_END));
	NEED(ftruncate(fd, 300));
	char b[300];
	NEED(pread(fd, b, 300, 0));
	say_bytes("grown file", b + 100, 100);
	say_bytes("grown file, the rest", b + 201, 99);
}

CASE(past_end_of_file)
{
	int fd = make_file("f", 1, 10);
	char *p = OK(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	char *q = OK(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));

	peek("shared inside", p + PAGE + 5);
	peek("shared in the tail", p + PAGE + 100);
	peek("shared beyond", p + 2 * PAGE);
	poke("shared beyond", p + 3 * PAGE + 7, 1);
	peek("private beyond", q + 2 * PAGE + 1);
	poke("private beyond", q + 2 * PAGE, 1);
	NEED(ftruncate(fd, 3 * PAGE));
	peek("shared, grown", p + 2 * PAGE);
	poke("private, grown", q + 2 * PAGE, 1);
	peek("still beyond", p + 3 * PAGE);
}

CASE(truncate_under_map)
{
	int fd = make_file("f", 3, 0);
	char *p = OK(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	char *q = OK(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));

	q[2 * PAGE] = 'Q';
	peek("shared", p + PAGE);
	peek("private", q + PAGE);
	NEED(ftruncate(fd, PAGE));
	peek("shared kept", p);
	peek("shared cut", p + PAGE);
	peek("private cut", q + PAGE);
	peek("private copied, cut", q + 2 * PAGE);
	R(write(1, p + PAGE, 1));
	R(read((int)NEED(open("/dev/zero", O_RDONLY)), p + 2 * PAGE, 5));
	NEED(ftruncate(fd, 3 * PAGE));
	peek("shared regrown", p + PAGE);
	poke("shared regrown", p + 2 * PAGE, 5);
}

CASE(truncate_zeroes_partial_page)
{
	int fd = make_file("f", 1, 0);
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));

	NEED(ftruncate(fd, 100));
	say_bytes("cut", p, PAGE);
	NEED(ftruncate(fd, PAGE));
	say_bytes("regrown", p, PAGE);
}

CASE(file_offset)
{
	int fd = make_file("f", 6, 0);
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 3 * PAGE));

	say("%c%c\n", p[0], p[PAGE]);
	char *q = OK(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 5 * PAGE));
	say("%c%c\n", q[0], q[PAGE]);
}

CASE(unlinked_file)
{
	int fd = make_file("f", 1, 0);
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));

	R(unlink("f"));
	close(fd);
	p[1] = 'b';
	say("%.3s\n", p);
}

CASE(rename_over_mapped_file)
{
	int fd = make_file("f", 1, 0);
	char *p = OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));

	put_file("g", "new content");
	R(rename("g", "f"));
	say("%.3s\n", p);
	say_file("f");
}

CASE(append_fd_shared)
{
	make_file("f", 1, 0);
	int fd = (int)NEED(open("f", O_RDWR | O_APPEND));
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)), b[2];

	p[0] = 'W';
	NEED(pread(fd, b, 2, 0));
	say("%.2s\n", b);
}

CASE(write_seen_through_fork)
{
	char *p = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t pid = fork();

	if (pid == 0) {
		p[0] = 'c';
		_exit(0);
	}
	reap("child", pid);
	say("%c\n", p[0]);
}

CASE(self_copy_by_read)
{
	int fd = make_file("f", 2, 0);
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));

	R(pread(fd, p, PAGE, PAGE));
	say("%c%c\n", p[0], p[PAGE]);
	R(pwrite(fd, p + PAGE - 1, 2, 0));
	say("%.3s\n", p);
}

CASE(jit)
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 }; /* mov eax, 42; ret */
	unsigned char *p = (unsigned char *)map_anon(1, PROT_READ | PROT_WRITE);
	int (*fn)(void) = (int (*)(void))(uintptr_t)p;

	memcpy(p, code, sizeof code);
	NEED(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	V(fn());
	NEED(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	p[1] = 43;
	NEED(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	V(fn());
	NEED(mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	for (int i = 1; i < 4; i++) {
		p[1] = (unsigned char)i;
		V(fn());
	}
}

CASE(jit_two_views)
{
	static const unsigned char code[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
	int fd = (int)NEED(memfd_create("jit", 0));

	NEED(ftruncate(fd, PAGE));
	unsigned char *w =
	    OK((unsigned char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	unsigned char *x =
	    OK((unsigned char *)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	memcpy(w, code, sizeof code);
	V(((int (*)(void))(uintptr_t)x)());
	w[1] = 8;
	V(((int (*)(void))(uintptr_t)x)());
}

CASE(execute_no_exec)
{
	unsigned char *p = (unsigned char *)map_anon(1, PROT_READ | PROT_WRITE);

	p[0] = 0xc3;
	probe_begin();
	if (sigsetjmp(probe_env, 1) == 0)
		((void (*)(void))(uintptr_t)p)();
	else
		say("%s at it: %d\n", fault_name(&probe_info), probe_info.si_addr == p);
}

CASE(write_only_is_readable)
{
	char *p = map_anon(1, PROT_WRITE);

	poke("PROT_WRITE", p, 5);
	peek("PROT_WRITE", p);
	char *x = map_anon(1, PROT_EXEC | PROT_READ);
	poke("PROT_EXEC", x, 1);
	peek("PROT_EXEC", x);
}

CASE(rlimit_as)
{
	struct rlimit r = { 1UL << 30, 1UL << 30 };

	NEED(setrlimit(RLIMIT_AS, &r));
	OK(mmap(NULL, 2UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	OK(mmap(NULL, 1UL << 28, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

CASE(rlimit_data)
{
	struct rlimit r = { 16UL << 20, 16UL << 20 };

	NEED(setrlimit(RLIMIT_DATA, &r));
	OK(mmap(NULL, 32UL << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, 32UL << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mmap(NULL, 8UL << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(sbrk(64L << 20));
}

CASE(brk)
{
	char *start = (char *)syscall(SYS_brk, 0);

	V(syscall(SYS_brk, start + 10) == (long)(start + 10));
	V(syscall(SYS_brk, start + 3 * PAGE) == (long)(start + 3 * PAGE));
	say_bytes("fresh", start + 10, 2 * PAGE);
	memset(start, 'b', 3 * PAGE);
	V(syscall(SYS_brk, start + PAGE) == (long)(start + PAGE));
	V(syscall(SYS_brk, start + 2 * PAGE) == (long)(start + 2 * PAGE));
	say_bytes("shrunk and grown", start + PAGE - 8, 16);
	V(syscall(SYS_brk, 1) == (long)(start + 2 * PAGE));
	V(syscall(SYS_brk, -1L) == (long)(start + 2 * PAGE));
	V(syscall(SYS_brk, start) == (long)start);
}

CASE(brk_runs_into_map)
{
	char *start = (char *)syscall(SYS_brk, 0);
	char *page = (char *)(((uintptr_t)start + 4 * PAGE) & -PAGE);

	V(mmap(page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	  page);
	V(syscall(SYS_brk, page + 5 * PAGE) == (long)start);
	NEED(munmap(page, PAGE));
	V(syscall(SYS_brk, page + 5 * PAGE) == (long)(page + 5 * PAGE));
}

CASE(proc_self_maps)
{
	char *p = map_anon(3, PROT_READ), line[512], want[64];
	FILE *f = fopen("/proc/self/maps", "r");
	int hits = 0, stacks = 0, sorted = 1;
	unsigned long from, to, last = 0;

	NEED(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	snprintf(want, sizeof want, "%lx-%lx rwxp 00000000 00:00 0", (long)(p + PAGE),
		 (long)(p + 2 * PAGE));
	while (f && fgets(line, sizeof line, f)) {
		hits += strstr(line, want) != NULL;
		stacks += strstr(line, "[stack]") != NULL;
		sorted &= sscanf(line, "%lx-%lx", &from, &to) == 2 && from >= last && from < to;
		last = to;
	}
	V(hits);
	V(stacks);
	V(sorted);
}
