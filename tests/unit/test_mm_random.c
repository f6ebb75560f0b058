/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host kernel as oracle: the same random calls are made on a range of this very process and on
 * an mm, and results, contents and rights must be the same after each. The platform's space is
 * checked against vmas and backings all the while.
 */
#include "tests/unit/fake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mm/access.h"
#include "mm/advise.h"
#include "mm/fork.h"
#include "mm/lock.h"
#include "mm/map.h"
#include "mm/protect.h"
#include "mm/reclaim.h"
#include "mm/remap.h"
#include "mm/vma.h"

/* The host maps nothing here by itself, and every sanitizer leaves these addresses to programs. */
#define BASE       0x7e9000000000UL
#define PAGES      48
#define FILE_PAGES 12
#define STEPS      6000

struct run_state {
	struct world w;
	struct mm *mm;
	/* Private mappings are of file 0, shared ones of file 1: when a private page is copied is
	 * nobody's business. */
	struct pagesource *file[2];
	int fd[2];
	char *log;
};

static uint64_t page_addr(unsigned page)
{
	return BASE + page * PAGE_SIZE;
}

static unsigned pick(unsigned n)
{
	return (unsigned)rand() % n;
}

static unsigned pick_prot(void)
{
	static const unsigned prots[] = { 0, 1, 3, 3, 3, 5, 2, 7 };
	return prots[pick(8)];
}

static int64_t result(long r)
{
	return r == -1 ? -errno : r;
}

static int64_t native_ptr(void *p)
{
	return p == MAP_FAILED ? -errno : (int64_t)(uintptr_t)p;
}

static void *host_addr(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

/* ---- one operation, on both sides; both results must be the same ---- */

static void op_mmap(struct run_state *s, int64_t *native, int64_t *ours)
{
	unsigned page = pick(PAGES), len = 1 + pick(PAGES - page < 10 ? PAGES - page : 10),
		 prot = pick_prot();
	unsigned kind = pick(6), flags = MAP_FIXED;
	uint64_t off = pick(FILE_PAGES) * PAGE_SIZE;
	bool file = kind >= 3, shared = kind % 3 == 2;

	flags |= shared ? MAP_SHARED : MAP_PRIVATE;
	flags |= file ? 0 : MAP_ANONYMOUS;
	if (pick(8) == 0)
		flags |= MAP_FIXED_NOREPLACE;
	const struct mmap_args a = {
		.addr = GVA(page_addr(page)),
		.len = len * PAGE_SIZE,
		.prot = prot,
		.flags = flags,
		.source = file ? s->file[shared] : NULL,
		.offset = file ? off : 0,
		.vma_flags = VMA_MAYWRITE | VMA_MAYEXEC,
	};
	sprintf(s->log, "mmap(%u, %u, prot %u, flags %#x, off %" PRIu64 ")", page, len, prot, flags,
		off / PAGE_SIZE);
	*native = native_ptr(mmap(host_addr(a.addr.v), a.len, (int)prot, (int)flags,
				  file ? s->fd[shared] : -1, file ? (off_t)off : 0));
	*ours = mm_mmap(s->mm, &a);
}

static void op_munmap(struct run_state *s, int64_t *native, int64_t *ours)
{
	unsigned page = pick(PAGES), len = 1 + pick(PAGES - page < 6 ? PAGES - page : 6);

	sprintf(s->log, "munmap(%u, %u)", page, len);
	*native = result(munmap(host_addr(page_addr(page)), len * PAGE_SIZE));
	*ours = mm_munmap(s->mm, GVA(page_addr(page)), len * PAGE_SIZE);
}

static void op_mprotect(struct run_state *s, int64_t *native, int64_t *ours)
{
	unsigned page = pick(PAGES), len = 1 + pick(PAGES - page < 10 ? PAGES - page : 10),
		 prot = pick_prot();

	sprintf(s->log, "mprotect(%u, %u, %u)", page, len, prot);
	*native = result(mprotect(host_addr(page_addr(page)), len * PAGE_SIZE, (int)prot));
	*ours = mm_mprotect(s->mm, GVA(page_addr(page)), len * PAGE_SIZE, prot);
}

static bool in_one_native_vma(uint64_t start, uint64_t end)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;

	while (!found && fgets(line, sizeof line, f)) {
		uint64_t low, high;

		sscanf(line, "%" SCNx64 "-%" SCNx64, &low, &high);
		found = low <= start && end <= high;
	}
	fclose(f);
	return found;
}

static void op_mremap(struct run_state *s, int64_t *native, int64_t *ours)
{
	unsigned old = pick(PAGES), old_len = 1 + pick(PAGES - old < 8 ? PAGES - old : 8);
	unsigned new_len = 1 + pick(8), to = pick(PAGES), flags = 0;

	if (pick(3))
		flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	if (flags && pick(4) == 0) {
		flags |= MREMAP_DONTUNMAP;
		new_len = old_len;
	}
	if (to + new_len > PAGES)
		new_len = PAGES - to;
	if (!flags && old + new_len > PAGES)
		new_len = PAGES - old;
	/* Linux may keep vmas apart that we join (it looks at where their pages came from). */
	struct vma *v = mm_vma_at(s->mm, page_addr(old));
	bool one = in_one_native_vma(page_addr(old), page_addr(old + old_len));
	if (!one)
		flags = 0;
	/* Linux loses count of what was locked then. */
	if (v && (v->flags & VMA_LOCKED))
		flags &= ~(unsigned)MREMAP_DONTUNMAP;
	if (flags & MREMAP_DONTUNMAP)
		new_len = old_len;
	if (to + new_len > PAGES || old + new_len > PAGES || !one)
		flags = 0, new_len = old_len < new_len ? old_len : new_len;
	sprintf(s->log, "mremap(%u, %u, %u, flags %u, %u)", old, old_len, new_len, flags, to);
	*native = native_ptr(mremap(host_addr(page_addr(old)), old_len * PAGE_SIZE,
				    new_len * PAGE_SIZE, (int)flags, host_addr(page_addr(to))));
	*ours = mm_mremap(s->mm, GVA(page_addr(old)), old_len * PAGE_SIZE, new_len * PAGE_SIZE,
			  flags, GVA(page_addr(to)));
}

static void op_madvise(struct run_state *s, int64_t *native, int64_t *ours)
{
	static const int advices[] = { MADV_DONTNEED,      MADV_DONTNEED,       MADV_WILLNEED,
				       MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_COLD,
				       MADV_DONTFORK,      MADV_DOFORK,         MADV_WIPEONFORK,
				       MADV_KEEPONFORK };
	unsigned page = pick(PAGES), len = pick(PAGES - page < 8 ? PAGES - page : 8);
	int advice = advices[pick(sizeof advices / sizeof *advices)];

	sprintf(s->log, "madvise(%u, %u, %d)", page, len, advice);
	*native = result(madvise(host_addr(page_addr(page)), len * PAGE_SIZE, advice));
	*ours = mm_madvise(s->mm, GVA(page_addr(page)), len * PAGE_SIZE, advice);
}

/* Changes nothing that a guest sees. */
static void op_reclaim(struct run_state *s, int64_t *native, int64_t *ours)
{
	sprintf(s->log, "reclaim()");
	mm_reclaim(s->mm);
	*native = *ours = 0;
}

static void op_mlock(struct run_state *s, int64_t *native, int64_t *ours)
{
	unsigned page = pick(PAGES), len = 1 + pick(PAGES - page < 6 ? PAGES - page : 6);
	bool lock = pick(3) == 0;

	sprintf(s->log, "%s(%u, %u)", lock ? "mlock" : "munlock", page, len);
	/* The sanitizers make the library's functions do nothing. */
	*native = result(syscall(lock ? SYS_mlock : SYS_munlock, page_addr(page), len * PAGE_SIZE));
	*ours = lock ? mm_mlock(s->mm, GVA(page_addr(page)), len * PAGE_SIZE, 0)
		     : mm_munlock(s->mm, GVA(page_addr(page)), len * PAGE_SIZE);
}

/* Copies that may straddle anything; the count of bytes moved must agree. */
static void op_write(struct run_state *s, int64_t *native, int64_t *ours)
{
	unsigned page = pick(PAGES - 3);
	uint64_t addr = page_addr(page) + pick(PAGE_SIZE), n = 1 + pick(2 * PAGE_SIZE);
	char *buf = malloc(n);
	struct iovec local = { buf, n }, remote = { host_addr(addr), n };
	ssize_t r;

	for (uint64_t i = 0; i < n; i++)
		buf[i] = (char)rand();
	sprintf(s->log, "write(%u + %" PRIu64 ", %" PRIu64 ")", page, addr & ~PAGE_MASK, n);
	/* read(2) from a pipe stops at the exact byte; process_vm_writev forces its way past
	 * rights. */
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], buf, n), n);
	r = read(fds[0], host_addr(addr), n);
	close(fds[0]);
	close(fds[1]);
	(void)local;
	(void)remote;
	*native = r < 0 ? 0 : r;
	*ours = (int64_t)(n - copy_to_guest(s->mm, GVA(addr), buf, n));
	/* A pipe copies by the page: where it stops inside one is not defined. The contents are
	 * compared below. */
	if (*native / (int64_t)PAGE_SIZE == *ours / (int64_t)PAGE_SIZE)
		*ours = *native;
	free(buf);
}

static void op_touch(struct run_state *s, int64_t *native, int64_t *ours)
{
	unsigned page = pick(PAGES);
	uint8_t val = (uint8_t)rand();
	int fds[2];

	sprintf(s->log, "touch(%u)", page);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], &val, 1), 1);
	*native = read(fds[0], host_addr(page_addr(page) + 100), 1) == 1 ? 0 : -1;
	close(fds[0]);
	close(fds[1]);
	*ours = guest_poke(s->mm, page_addr(page) + 100, val);
}

/* A child that only looks on; the parent must be as before, though all of it is copy-on-write. */
static void op_fork(struct run_state *s, int64_t *native, int64_t *ours)
{
	const gva_t hints[FORK_HINTS] = { GVA(page_addr(pick(PAGES))),
					  GVA(page_addr(pick(PAGES))) };
	struct mm *child;

	sprintf(s->log, "fork");
	assert_int_equal(mm_fork(s->mm, hints, &child), 0);
	mm_check(child);
	mm_check(s->mm);
	for (int i = 0; i < 8; i++) {
		uint64_t addr = page_addr(pick(PAGES)) + 200;
		struct vma *v = mm_vma_at(s->mm, addr);

		if (v && !(v->flags & VMA_SHARED))
			guest_poke(child, addr, 99);
	}
	mm_check(child);
	mm_put(child);
	*native = *ours = 0;
}

typedef void op_fn(struct run_state *s, int64_t *native, int64_t *ours);
static op_fn *const ops[] = { op_mmap,     op_mmap,   op_mmap,    op_munmap, op_mprotect,
			      op_mprotect, op_mremap, op_madvise, op_mlock,  op_reclaim,
			      op_write,    op_write,  op_touch,   op_touch,  op_fork };

/* ---- comparing ---- */

/* Rights of every page, from /proc/self/maps; '-' where nothing is mapped. */
static void native_rights(char (*out)[5])
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	for (int i = 0; i < PAGES; i++)
		strcpy(out[i], "none");
	while (fgets(line, sizeof line, f)) {
		uint64_t start, end;
		char perms[8];

		sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, perms);
		for (uint64_t at = start; at < end; at += PAGE_SIZE) {
			if (at < BASE)
				at = BASE;
			if (at >= end || at >= page_addr(PAGES))
				break;
			memcpy(out[(at - BASE) / PAGE_SIZE], perms, 4);
		}
	}
	fclose(f);
}

static void compare_rights(struct run_state *s)
{
	char rights[PAGES][5];

	native_rights(rights);
	for (unsigned i = 0; i < PAGES; i++) {
		struct vma *v = mm_vma_at(s->mm, page_addr(i));
		char ours[5] = "none";

		if (v)
			snprintf(ours, sizeof ours, "%c%c%c%c", v->prot & 1 ? 'r' : '-',
				 v->prot & 2 ? 'w' : '-', v->prot & 4 ? 'x' : '-',
				 v->flags & VMA_SHARED ? 's' : 'p');
		if (strcmp(ours, rights[i]) != 0)
			fail_msg("after %s: page %u is %s here, %s natively", s->log, i, ours,
				 rights[i]);
	}
}

static void compare_locked(struct run_state *s)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	uint64_t kib = 0;

	while (fgets(line, sizeof line, f))
		sscanf(line, "VmLck: %" SCNu64, &kib);
	fclose(f);
	if (kib != s->mm->locked_bytes / 1024)
		fail_msg("after %s: locked %" PRIu64 " KiB natively, %" PRIu64 " here", s->log, kib,
			 s->mm->locked_bytes / 1024);
}

/* What a system call could read of each page. */
static void compare_contents(struct run_state *s)
{
	char native[PAGE_SIZE], ours[PAGE_SIZE];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	for (unsigned i = 0; i < PAGES; i++) {
		size_t left = copy_from_guest(s->mm, ours, GVA(page_addr(i)), PAGE_SIZE);
		ssize_t r = write(fds[1], host_addr(page_addr(i)), PAGE_SIZE);

		if ((r == (ssize_t)PAGE_SIZE) != (left == 0))
			fail_msg("after %s: page %u: read %zd natively, %zu left here", s->log, i,
				 r, left);
		if (r > 0) {
			assert_int_equal(read(fds[0], native, sizeof native), r);
			for (ssize_t j = 0; j < r; j++) {
				if (native[j] != ours[j])
					fail_msg("after %s: page %u byte %zd: %d natively, %d here",
						 s->log, i, j, native[j], ours[j]);
			}
		}
	}
	close(fds[0]);
	close(fds[1]);
}

static void init_state(struct run_state *s, bool keep_copies)
{
	static char log[256];

	world_create(&s->w);
	if (keep_copies)
		world_keep_copies(&s->w);
	s->log = log;
	assert_int_equal(mm_create(&s->w.host, &s->mm), 0);
	for (int f = 0; f < 2; f++) {
		uint8_t bytes[FILE_PAGES * PAGE_SIZE - 100];

		s->file[f] = file_create(&s->w, sizeof bytes);
		file_set_version(s->file[f], keep_copies);
		s->fd[f] = memfd_create("oracle", 0);
		for (uint64_t i = 0; i < sizeof bytes; i++)
			bytes[i] = file_byte(i);
		assert_int_equal(write(s->fd[f], bytes, sizeof bytes), sizeof bytes);
	}
}

static void run_seed(unsigned seed)
{
	struct run_state s;

	srand(seed);
	init_state(&s, seed % 2);
	for (int step = 0; step < STEPS; step++) {
		int64_t native = 0, ours = 0;

		ops[pick(sizeof ops / sizeof *ops)](&s, &native, &ours);
		if (getenv("TRACE"))
			fprintf(stderr, "%d: %s = %" PRId64 "\n", step, s.log, native);
		if (native != ours)
			fail_msg("seed %u step %d: %s: %" PRId64 " natively, %" PRId64 " here",
				 seed, step, s.log, native, ours);
		mm_check(s.mm);
		compare_rights(&s);
		compare_locked(&s);
		if (step % 8 == 0)
			compare_contents(&s);
	}
	munmap(host_addr(BASE), PAGES * PAGE_SIZE);
	mm_put(s.mm);
	for (int f = 0; f < 2; f++) {
		close(s.fd[f]);
		s.file[f]->ops->unref(s.file[f]);
	}
	world_destroy(&s.w);
}

static void like_the_host(void **state)
{
	const char *more = getenv("SEEDS");
	unsigned seeds = more ? (unsigned)atoi(more) : 6;

	for (unsigned seed = getenv("FIRST") ? (unsigned)atoi(getenv("FIRST")) : 1; seed <= seeds;
	     seed++)
		run_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(like_the_host) };

	return cmocka_run_group_tests_name("mm_random", tests, NULL, NULL);
}
