/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/access.h"
#include "mm/advise.h"
#include "mm/backing.h"
#include "mm/brk.h"
#include "mm/fault.h"
#include "mm/forecast.h"
#include "mm/fork.h"
#include "mm/map.h"
#include "mm/maps.h"
#include "mm/pagestore.h"
#include "mm/protect.h"
#include "mm/reclaim.h"
#include "mm/remap.h"
#include "mm/rmap.h"
#include "mm/uio.h"
#include "mm/vma.h"

#define RW (PROT_READ | PROT_WRITE)

static struct world w;
static struct mm *mm;
static const gva_t no_hints[FORK_HINTS];

static int setup(void **state)
{
	world_create(&w);
	assert_int_equal(mm_create(&w.host, &mm), 0);
	return 0;
}

static int teardown(void **state)
{
	mm_check(mm);
	mm_put(mm);
	world_destroy(&w);
	return 0;
}

static int64_t map_file(struct pagesource *ps, uint64_t addr, uint64_t len, unsigned prot,
			unsigned flags, uint64_t off)
{
	const struct mmap_args a = {
		.addr = GVA(addr),
		.len = len,
		.prot = prot,
		.flags = flags,
		.source = ps,
		.offset = off,
		.vma_flags = VMA_MAYWRITE | VMA_MAYEXEC,
		.name = "/file",
	};
	return mm_mmap(mm, &a);
}

static void assert_fault(uint64_t addr, unsigned access, int sig, int code)
{
	int got_code = 0;

	assert_int_equal(mm_fault(mm, GVA(addr), access, &got_code), -sig);
	assert_int_equal(got_code, code);
}

static unsigned nr_vmas(void)
{
	return mm->nr_vmas;
}

/* ---- mapping ---- */

static void eager_memory_takes_no_fault(void **state)
{
	uint64_t at = map_anon(mm, 0, 100 * PAGE_SIZE, RW, 0);

	assert_int_equal(w.maps, 1);
	assert_int_equal(guest_poke(mm, at + 50 * PAGE_SIZE, 1), 0);
	assert_int_equal(w.faults, 0);
	assert_int_equal(mm_munmap(mm, GVA(at), 100 * PAGE_SIZE), 0);
	assert_int_equal(w.unmaps, 1);
	assert_int_equal(arena_used(w.host.arena), 0);
}

static void reservations_cost_nothing(void **state)
{
	uint64_t at = map_anon(mm, 0, 16UL << 40, PROT_NONE, MAP_NORESERVE);

	assert_int_equal(w.maps, 0);
	assert_int_equal(arena_used(w.host.arena), 0);
	assert_int_equal(mm_mprotect(mm, GVA(at + (1UL << 40)), PAGE_SIZE, RW), 0);
	assert_int_equal(arena_used(w.host.arena), PAGE_SIZE);
	assert_int_equal(mm_munmap(mm, GVA(at), 16UL << 40), 0);
	assert_int_equal(arena_used(w.host.arena), 0);
}

static void large_memory_comes_in_units(void **state)
{
	uint64_t at = map_anon(mm, 0, 1UL << 30, RW, 0);

	assert_int_equal(arena_used(w.host.arena), 0);
	guest_poke(mm, at + 5000, 1);
	guest_poke(mm, at + (1 << 16) - 1, 1);
	assert_int_equal(w.faults, 1);
	assert_true(arena_used(w.host.arena) <= 1 << 16);
}

static void bad_arguments(void **state)
{
	const struct {
		uint64_t addr, len;
		unsigned prot, flags;
		int64_t want;
	} cases[] = {
		{ 0, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -EINVAL },
		{ 0, UINT64_MAX, RW, MAP_PRIVATE | MAP_ANONYMOUS, -ENOMEM },
		{ 0, GUEST_TASK_SIZE + PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -ENOMEM },
		{ 0x100001, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -EINVAL },
		{ 0, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -EPERM },
		{ GUEST_TASK_SIZE - 4096, 8192, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		  -ENOMEM },
		{ 0, 4096, RW, MAP_ANONYMOUS, -EINVAL },
		{ 0, 4096, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, -EINVAL },
		{ 0, 4096, RW, MAP_ANONYMOUS | MAP_SHARED | MAP_GROWSDOWN, -EINVAL },
		{ 0, 2 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -ENOMEM },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct mmap_args a = { .addr = GVA(cases[i].addr),
					     .len = cases[i].len,
					     .prot = cases[i].prot,
					     .flags = cases[i].flags };
		assert_int_equal(mm_mmap(mm, &a), cases[i].want);
	}
	assert_int_equal(mm_munmap(mm, GVA(1), 4096), -EINVAL);
	assert_int_equal(mm_munmap(mm, GVA(4096), 0), -EINVAL);
	assert_int_equal(mm_munmap(mm, GVA(GUEST_TASK_SIZE), 4096), -EINVAL);
	assert_int_equal(mm_munmap(mm, GVA(4096), UINT64_MAX), -EINVAL);
	assert_int_equal(mm_munmap(mm, GVA(1 << 20), 4096), 0);
	assert_int_equal(mm_mprotect(mm, GVA(1 << 20), 4096, RW), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, GVA(UINT64_MAX & PAGE_MASK), 8192, RW), -ENOMEM);
	assert_int_equal(mm_mprotect(mm, GVA(4096), 4096, 0x10), -EINVAL);
}

static void hints_and_places(void **state)
{
	uint64_t a = map_anon(mm, 0x12345000, PAGE_SIZE, RW, 0), b, c;

	assert_int_equal(a, 0x12345000);
	b = map_anon(mm, 0x12345000, PAGE_SIZE, RW, 0);
	assert_true(b > 0x7f0000000000);
	c = map_anon(mm, 0, PAGE_SIZE, RW, 0);
	assert_int_equal(c, b - PAGE_SIZE);
	if (ARCH_MAP_LOW)
		assert_int_equal(map_anon(mm, 0, PAGE_SIZE, RW, ARCH_MAP_LOW), 0x40000000);
	const struct mmap_args fixed = { .addr = GVA(a),
					 .len = PAGE_SIZE,
					 .flags =
					     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE };
	assert_int_equal(mm_mmap(mm, &fixed), -EEXIST);
}

static void neighbours_join(void **state)
{
	uint64_t at = map_anon(mm, 0, 6 * PAGE_SIZE, RW, 0);

	assert_int_equal(nr_vmas(), 1);
	mm_mprotect(mm, GVA(at + 2 * PAGE_SIZE), PAGE_SIZE, PROT_READ);
	assert_int_equal(nr_vmas(), 3);
	mm_mprotect(mm, GVA(at + 2 * PAGE_SIZE), PAGE_SIZE, RW);
	assert_int_equal(nr_vmas(), 1);
	mm_munmap(mm, GVA(at + PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(nr_vmas(), 2);
	map_anon(mm, at + PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED);
	assert_int_equal(nr_vmas(), 1);
}

static void too_many_maps(void **state)
{
	uint64_t at = map_anon(mm, 0, 2 * VMA_MAX_COUNT * PAGE_SIZE, PROT_NONE, MAP_NORESERVE);
	int err = 0;
	unsigned i;

	for (i = 0; !err && i < VMA_MAX_COUNT; i++)
		err = mm_mprotect(mm, GVA(at + 2 * i * PAGE_SIZE), PAGE_SIZE,
				  i & 1 ? PROT_READ : PROT_EXEC);
	assert_int_equal(err, -ENOMEM);
	assert_in_range(i, VMA_MAX_COUNT / 2 - 2, VMA_MAX_COUNT / 2 + 2);
	assert_true(nr_vmas() <= VMA_MAX_COUNT);
}

static void limits(void **state)
{
	const struct mmap_args a = { .len = 64 * PAGE_SIZE,
				     .prot = RW,
				     .flags = MAP_PRIVATE | MAP_ANONYMOUS };

	mm->limit_as = 100 * PAGE_SIZE;
	assert_true(mm_mmap(mm, &a) > 0);
	assert_int_equal(mm_mmap(mm, &a), -ENOMEM);
	mm->limit_as = UINT64_MAX;
	mm->limit_data = 100 * PAGE_SIZE;
	assert_int_equal(mm_mmap(mm, &a), -ENOMEM);
	mm->limit_data = UINT64_MAX;
	mm->limit_memlock = 0;
	struct mmap_args locked = a;
	locked.flags |= MAP_LOCKED;
	assert_int_equal(mm_mmap(mm, &locked), -EPERM);
	mm->limit_memlock = 63 * PAGE_SIZE;
	assert_int_equal(mm_mmap(mm, &locked), -EAGAIN);
}

/* ---- faults ---- */

static void signals_are_exact(void **state)
{
	struct pagesource *ps = file_create(&w, 2 * PAGE_SIZE + 10);
	uint64_t ro = map_anon(mm, 0, PAGE_SIZE, PROT_READ, 0),
		 none = map_anon(mm, 0, PAGE_SIZE, PROT_NONE, 0);
	uint64_t f = (uint64_t)map_file(ps, 0, 8 * PAGE_SIZE, RW, MAP_SHARED, 0);

	assert_fault(0, GUEST_READ, SIGSEGV, SEGV_MAPERR);
	assert_fault(UINT64_MAX, GUEST_READ, SIGSEGV, SEGV_MAPERR);
	assert_fault(ro, GUEST_WRITE, SIGSEGV, SEGV_ACCERR);
	assert_fault(ro, GUEST_EXEC, SIGSEGV, SEGV_ACCERR);
	assert_fault(none, GUEST_READ, SIGSEGV, SEGV_ACCERR);
	assert_int_equal(guest_peek(mm, f + 2 * PAGE_SIZE + 9), file_byte(2 * PAGE_SIZE + 9));
	assert_int_equal(guest_peek(mm, f + 2 * PAGE_SIZE + 10), 0);
	assert_fault(f + 3 * PAGE_SIZE, GUEST_READ, SIGBUS, BUS_ADRERR);
	ps->ops->unref(ps);
}

static void truncation_reaches_mappings(void **state)
{
	struct pagesource *ps = file_create(&w, 8 * PAGE_SIZE);
	uint64_t s = (uint64_t)map_file(ps, 0, 8 * PAGE_SIZE, RW, MAP_SHARED, 0);
	uint64_t p = (uint64_t)map_file(ps, 0, 8 * PAGE_SIZE, RW, MAP_PRIVATE, 0);
	struct mm *child;

	guest_poke(mm, p + 5 * PAGE_SIZE, 1);
	assert_int_equal(mm_fork(mm, no_hints, &child), 0);
	file_truncate(ps, 3 * PAGE_SIZE + 1);
	mm_check(mm);
	mm_check(child);
	assert_int_equal(guest_peek(mm, s + 3 * PAGE_SIZE), file_byte(3 * PAGE_SIZE));
	assert_fault(s + 4 * PAGE_SIZE, GUEST_READ, SIGBUS, BUS_ADRERR);
	assert_fault(p + 5 * PAGE_SIZE, GUEST_READ, SIGBUS, BUS_ADRERR);
	assert_int_equal(guest_peek(child, s + 4 * PAGE_SIZE), -1);
	file_truncate(ps, 8 * PAGE_SIZE);
	assert_int_equal(guest_peek(mm, s + 4 * PAGE_SIZE), 0);
	assert_int_equal(guest_peek(child, p + 5 * PAGE_SIZE), 0);
	mm_put(child);
	ps->ops->unref(ps);
}

/* A move of several vmas keeps the hole between them. */
static void remap_of_several(void **state)
{
	uint64_t at = map_anon(mm, 0, 5 * PAGE_SIZE, RW, 0),
		 to = map_anon(mm, 0, 6 * PAGE_SIZE, RW, 0) + PAGE_SIZE;
	const unsigned flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	for (unsigned i = 0; i < 5; i++)
		guest_poke(mm, at + i * PAGE_SIZE, (unsigned char)(i + 1));
	mm_mprotect(mm, GVA(at + PAGE_SIZE), PAGE_SIZE, PROT_READ);
	mm_munmap(mm, GVA(at + 2 * PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(mm_mremap(mm, GVA(at), 4 * PAGE_SIZE, 4 * PAGE_SIZE, flags, GVA(to)), to);
	mm_check(mm);
	assert_int_equal(guest_peek(mm, to), 1);
	assert_int_equal(guest_peek(mm, to + PAGE_SIZE), 2);
	assert_int_equal(guest_poke(mm, to + PAGE_SIZE, 9), -1);
	assert_int_equal(guest_peek(mm, to + 3 * PAGE_SIZE), 4);
	assert_int_equal(guest_peek(mm, at + 4 * PAGE_SIZE), 5);
	assert_fault(at + 3 * PAGE_SIZE, GUEST_READ, SIGSEGV, SEGV_MAPERR);
	assert_int_equal(guest_peek(mm, to + 4 * PAGE_SIZE), 0);
	/* It may not begin in the hole. */
	mm_munmap(mm, GVA(to + 2 * PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(
	    mm_mremap(mm, GVA(to + 2 * PAGE_SIZE), 2 * PAGE_SIZE, 2 * PAGE_SIZE, flags, GVA(at)),
	    -EFAULT);
}

/* A source of length 0 may lie where the target is cleared, and its pages stay where they are. */
static void remap_of_nothing(void **state)
{
	struct pagesource *ps = file_create(&w, 8 * PAGE_SIZE);
	uint64_t s = (uint64_t)map_file(ps, 0, 8 * PAGE_SIZE, RW, MAP_SHARED, 0),
		 to = map_anon(mm, 0, 1 << 20, RW, 0);
	const unsigned flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	assert_int_equal(
	    mm_mremap(mm, GVA(s + 3 * PAGE_SIZE), 0, PAGE_SIZE, flags, GVA(to + 3 * PAGE_SIZE)),
	    to + 3 * PAGE_SIZE);
	mm_check(mm);
	assert_int_equal(guest_peek(mm, s + 5 * PAGE_SIZE + 1), file_byte(5 * PAGE_SIZE + 1));
	assert_int_equal(mm_mremap(mm, GVA(s + PAGE_SIZE), 0, PAGE_SIZE, flags, GVA(s + PAGE_SIZE)),
			 -EFAULT);
	mm_check(mm);
	assert_int_equal(
	    mm_mremap(mm, GVA(s + 3 * PAGE_SIZE), 0, 4 * PAGE_SIZE, flags, GVA(s + 2 * PAGE_SIZE)),
	    -EINVAL);
	assert_int_equal(
	    mm_mremap(mm, GVA(s + 3 * PAGE_SIZE), 0, 4 * PAGE_SIZE, flags, GVA(s + 3 * PAGE_SIZE)),
	    -EFAULT);
	mm_check(mm);
	assert_fault(s + 4 * PAGE_SIZE, GUEST_READ, SIGSEGV, SEGV_MAPERR);
	ps->ops->unref(ps);
}

static void lost_pages_are_dropped(void **state)
{
	struct pagesource *ps = file_create(&w, 4 * PAGE_SIZE);

	map_file(ps, 0, 4 * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	assert_false(mm_drop_lost_pages(mm));
	file_truncate(ps, 0);
	assert_false(mm_drop_lost_pages(mm));
	ps->ops->unref(ps);
}

static void stacks_grow(void **state)
{
	uint64_t top = 0x7ffff0000000, start = top - 4 * PAGE_SIZE;

	mm->limit_stack = 1 << 20;
	map_anon(mm, start, 4 * PAGE_SIZE, RW, MAP_FIXED | MAP_GROWSDOWN);
	assert_int_equal(guest_poke(mm, start - 10, 1), 0);
	assert_int_equal(guest_poke(mm, top - (1 << 20), 1), 0);
	assert_fault(top - (1 << 20) - 1, GUEST_WRITE, SIGSEGV, SEGV_MAPERR);
	assert_int_equal(mm->stack_bytes, 1 << 20);
	mm->limit_stack = UINT64_MAX;
	uint64_t below = map_anon(mm, top - (4 << 20), PAGE_SIZE, RW, MAP_FIXED);
	assert_int_equal(guest_poke(mm, below + PAGE_SIZE + STACK_GUARD_GAP, 1), 0);
	assert_fault(below + STACK_GUARD_GAP, GUEST_WRITE, SIGSEGV, SEGV_MAPERR);
	/* Nothing is placed in the guard gap. */
	mm->mmap_base = GVA(top);
	assert_true(map_anon(mm, 0, PAGE_SIZE, RW, 0) < below);
}

/* Without memory for its tables the platform maps nothing; the next fault tries again. */
static void platform_out_of_memory(void **state)
{
	uint64_t at;
	int code;

	w.fail_maps = 1;
	at = map_anon(mm, 0, 4 * PAGE_SIZE, RW, 0);
	mm_check(mm);
	w.fail_maps = 2;
	assert_int_equal(mm_fault(mm, GVA(at), GUEST_WRITE, &code), -SIGKILL);
	mm_check(mm);
	assert_int_equal(guest_poke(mm, at, 1), 0);
}

/* Whoever killed the host process that the guest runs in: the guest gets no signal for it. */
static void platform_gone(void **state)
{
	uint64_t at;
	int code;

	at = map_anon(mm, 0, 4 * PAGE_SIZE, RW, 0);
	w.fail_maps_gone = true;
	for (int i = 0; i < 2; i++) {
		w.fail_maps = 1;
		assert_int_equal(mm_fault(mm, GVA(at), GUEST_WRITE, &code), 0);
		assert_int_equal(w.fail_maps, 0);
	}
	w.fail_maps_gone = false;
	assert_int_equal(guest_poke(mm, at, 1), 0);
}

/* ---- copy-on-write ---- */

static void fork_separates(void **state)
{
	uint64_t priv = map_anon(mm, 0, 16 * PAGE_SIZE, RW, 0),
		 shared = map_anon(mm, 0, PAGE_SIZE, RW, MAP_SHARED);
	struct mm *child;

	for (unsigned i = 0; i < 16; i++)
		guest_poke(mm, priv + i * PAGE_SIZE, 1);
	world_count_reset(&w);
	assert_int_equal(mm_fork(mm, no_hints, &child), 0);
	assert_int_equal(w.protects, 1);
	assert_int_equal(guest_poke(mm, priv, 2), 0);
	assert_int_equal(guest_poke(child, priv + 8 * PAGE_SIZE, 3), 0);
	assert_int_equal(w.faults, 2);
	assert_int_equal(guest_peek(child, priv), 1);
	assert_int_equal(guest_peek(mm, priv + 8 * PAGE_SIZE), 1);
	guest_poke(child, shared, 9);
	assert_int_equal(guest_peek(mm, shared), 9);
	mm_check(mm);
	mm_check(child);
	mm_put(child);
	/* All ours again: one fault opens everything that was not copied. */
	world_count_reset(&w);
	for (unsigned i = 0; i < 16; i++)
		guest_poke(mm, priv + i * PAGE_SIZE, 4);
	assert_int_equal(w.faults, 1);
}

/* What is written after each fork is learnt, and costs no fault in the end. */
static void fork_learns(void **state)
{
	uint64_t heap = map_anon(mm, 0, 64 * PAGE_SIZE, RW, 0),
		 stack = map_anon(mm, 0, 16 * PAGE_SIZE, RW, 0);
	const gva_t hints[FORK_HINTS] = { GVA(stack + 10 * PAGE_SIZE) };
	unsigned faults[4];

	for (unsigned i = 0; i < 4; i++) {
		struct mm *child;

		guest_poke(mm, heap + 30 * PAGE_SIZE, 10);
		assert_int_equal(mm_fork(mm, hints, &child), 0);
		world_count_reset(&w);
		guest_poke(mm, stack + 10 * PAGE_SIZE, (uint8_t)i);
		guest_poke(child, stack + 10 * PAGE_SIZE, 99);
		guest_poke(child, heap + 30 * PAGE_SIZE, 77);
		guest_poke(child, heap + 50 * PAGE_SIZE, 77);
		assert_int_equal(guest_peek(mm, stack + 10 * PAGE_SIZE), i);
		assert_int_equal(guest_peek(mm, heap + 30 * PAGE_SIZE), 10);
		assert_int_equal(guest_peek(mm, heap + 50 * PAGE_SIZE), 0);
		faults[i] = w.faults;
		mm_check(mm);
		mm_check(child);
		mm_put(child);
	}
	assert_int_equal(faults[0], 2);
	assert_int_equal(faults[3], 0);
}

/* What was written once does not stand in the way of what is written each time, nor does it matter
 * where a mapping begins. */
static void fork_learns_anew(void **state)
{
	uint64_t room = map_anon(mm, 0, 256 * PAGE_SIZE, PROT_NONE, 0);
	uint64_t odd = (room / FORK_UNIT + 2) * FORK_UNIT + PAGE_SIZE;
	uint64_t heap = map_anon(mm, odd, 200 * PAGE_SIZE, RW, MAP_FIXED);
	unsigned faults = 0;

	for (unsigned i = 0; i < 200; i++)
		guest_poke(mm, heap + i * PAGE_SIZE, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct mm *child;

		assert_int_equal(mm_fork(mm, no_hints, &child), 0);
		world_count_reset(&w);
		for (unsigned k = 0; !i && k < 2 * FORK_PAGES; k++)
			guest_poke(mm, heap + (100 + 4 * k) * PAGE_SIZE, 2);
		for (unsigned k = 0; k < 4; k++) {
			assert_int_equal(guest_poke(child, heap + 20 * k * PAGE_SIZE, 3), 0);
			assert_int_equal(guest_poke(mm, heap + 20 * k * PAGE_SIZE, 4), 0);
			assert_int_equal(guest_peek(child, heap + 20 * k * PAGE_SIZE), 3);
		}
		faults = w.faults;
		mm_check(mm);
		mm_check(child);
		mm_put(child);
	}
	assert_int_equal(faults, 0);
}

static void private_files_are_copied(void **state)
{
	struct pagesource *ps = file_create(&w, 512 * PAGE_SIZE);
	uint64_t large = (uint64_t)map_file(ps, 0, 512 * PAGE_SIZE, RW, MAP_PRIVATE, 0);
	uint64_t ro = (uint64_t)map_file(ps, 0, 8 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);

	assert_int_equal(guest_poke(mm, large + 100, 77), 0);
	assert_int_equal(guest_peek(mm, large + 100), 77);
	assert_int_equal(guest_peek(mm, large + 101), file_byte(101));
	assert_int_equal(guest_peek(mm, ro + 100), file_byte(100));
	assert_int_equal(mm_madvise(mm, GVA(large), PAGE_SIZE, MADV_DONTNEED), 0);
	assert_int_equal(guest_peek(mm, large + 100), file_byte(100));
	/* Rights are not asked of the loader and of debuggers. */
	assert_int_equal(copy_to_guest(mm, GVA(ro), "x", 1), 1);
	assert_int_equal(poke_guest(mm, GVA(ro), "x", 1), 0);
	assert_int_equal(guest_peek(mm, ro), 'x');
	assert_int_equal(guest_peek(mm, large), file_byte(0));
	ps->ops->unref(ps);
}

/* ---- forecasts ---- */

#define FORECAST_AT    0x10000000UL
#define FORECAST_PAGES 64U

/* An address space that begins as all others with this forecast. */
static struct mm *begin_alike(struct forecast *f, struct pagesource *ps)
{
	struct mm *own;

	assert_int_equal(mm_create(&w.host, &own), 0);
	const struct mmap_args a = { .addr = GVA(FORECAST_AT),
				     .len = FORECAST_PAGES * PAGE_SIZE,
				     .prot = PROT_READ,
				     .flags = MAP_PRIVATE | MAP_FIXED,
				     .source = ps,
				     .vma_flags = VMA_MAYWRITE };
	assert_int_equal(mm_mmap(own, &a), (int64_t)FORECAST_AT);
	assert_int_equal(mm_mprotect(own, a.addr, a.len, RW), 0);
	mm_forecast_start(own, f);
	world_count_reset(&w);
	return own;
}

static void write_pages(struct mm *own, const unsigned *page)
{
	for (; *page; page++) {
		uint64_t at = FORECAST_AT + *page * PAGE_SIZE;
		assert_int_equal(guest_poke(own, at + 1, 0x5a), 0);
		assert_int_equal(guest_peek(own, at), file_byte(*page * PAGE_SIZE));
		assert_int_equal(guest_peek(own, at + 1), 0x5a);
	}
	mm_check(own);
}

static void what_was_written_is_expected(void **state)
{
	static const unsigned first[] = { 40, 3, 4, 6, 20, 60, 0 }, second[] = { 3, 4, 50, 0 };
	struct pagesource *ps = file_create(&w, FORECAST_PAGES * PAGE_SIZE);
	struct forecast *f = forecast_new();
	uint64_t page[FORECAST_MAX];

	/* The first one learns: each page alone, and apart what comes behind its result. */
	struct mm *own = begin_alike(f, ps);
	write_pages(own, first);
	assert_int_equal(w.faults, 6);
	mm_forecast_over(own);
	write_pages(own, (const unsigned[]){ 30, 0 });
	mm_put(own);
	assert_int_equal(forecast_pages(f, 0, page), 6);
	assert_int_equal(page[0], (FORECAST_AT >> PAGE_SHIFT) + 3);
	assert_int_equal(page[5], (FORECAST_AT >> PAGE_SHIFT) + 60);
	assert_int_equal(forecast_pages(f, 1, page), 1);
	assert_int_equal(page[0], (FORECAST_AT >> PAGE_SHIFT) + 30);
	assert_int_equal(f->learned, 7);

	/* The next has one fault, whatever it writes first, unless the monitor does. */
	own = begin_alike(f, ps);
	uint64_t before = arena_used(w.host.arena);
	assert_int_equal(copy_to_guest(own, GVA(FORECAST_AT + 60 * PAGE_SIZE), "", 1), 0);
	assert_int_equal(arena_used(w.host.arena) - before, PAGE_SIZE);
	assert_int_equal(copy_to_guest(own, GVA(FORECAST_AT + 60 * PAGE_SIZE),
				       &(char){ (char)file_byte(60 * PAGE_SIZE) }, 1),
			 0);
	write_pages(own, first);
	assert_int_equal(w.faults, 1);
	/* with what lies between 4 and 6 */
	assert_int_equal(arena_used(w.host.arena) - before, 7 * PAGE_SIZE);
	mm_put(own);

	/* What was not expected is added. */
	own = begin_alike(f, ps);
	write_pages(own, second);
	assert_int_equal(w.faults, 2);
	mm_put(own);
	assert_int_equal(forecast_pages(f, 0, page), 7);
	forecast_put(f);
	ps->ops->unref(ps);
}

/* Programs that begin alike and go on with other things. */
static void each_kind_has_a_wave(void **state)
{
	static const unsigned kind[] = { 10, 20, 30, 40, 0 };
	struct pagesource *ps = file_create(&w, FORECAST_PAGES * PAGE_SIZE);
	struct forecast *f = forecast_new();
	uint64_t page[FORECAST_MAX];

	for (unsigned i = 0; i < 64; i++)
		assert_true(forecast_add(f, 0, 1000000 + i));
	struct mm *own = begin_alike(f, ps);
	write_pages(own, kind);
	assert_int_equal(w.faults, 4);
	mm_put(own);
	assert_int_equal(forecast_pages(f, 1, page), 4);
	assert_int_equal(page[3], (FORECAST_AT >> PAGE_SHIFT) + 40);

	/* The second fault in the wave brings all of it. */
	own = begin_alike(f, ps);
	write_pages(own, kind);
	assert_int_equal(w.faults, 2);
	mm_put(own);

	/* Who has one page in common with it has no more of it. */
	own = begin_alike(f, ps);
	uint64_t before = arena_used(w.host.arena);
	write_pages(own, (const unsigned[]){ 10, 50, 0 });
	assert_int_equal(arena_used(w.host.arena) - before, 2 * PAGE_SIZE);
	mm_put(own);

	/* What is too little for a wave joins the last, and is no wave of its own afterwards. */
	assert_int_equal(forecast_pages(f, 1, page), 5);
	assert_int_equal(f->nr_waves, 2);
	/* A page is in one wave, of which there are so many. */
	assert_true(forecast_add(f, 2, 1000000));
	assert_int_equal(f->nr_waves, 2);
	assert_false(forecast_add(f, FORECAST_WAVES, 7));
	forecast_put(f);
	ps->ops->unref(ps);
}

/* Whatever is said of them, pages that cannot be written, or are not there, are left alone. */
static void wrong_forecasts_do_nothing(void **state)
{
	static const uint64_t nonsense[] = { 0, 1, UINT64_MAX >> PAGE_SHIFT, 1UL << 36,
					     FORECAST_AT >> PAGE_SHIFT };
	struct pagesource *ps = file_create(&w, FORECAST_PAGES * PAGE_SIZE);
	struct forecast *f = forecast_new();

	for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
		assert_true(forecast_add(f, 0, nonsense[i]));
	for (unsigned i = 0; i < 8; i++)
		assert_true(forecast_add(f, 0, (FORECAST_AT >> PAGE_SHIFT) + 56 + 2 * i));
	struct mm *own = begin_alike(f, ps);
	assert_int_equal(
	    mm_mprotect(own, GVA(FORECAST_AT + 58 * PAGE_SIZE), 2 * PAGE_SIZE, PROT_READ), 0);
	file_truncate(ps, 62 * PAGE_SIZE);
	write_pages(own, (const unsigned[]){ 2, 5, 57, 60, 61, 0 });
	assert_int_equal(guest_peek(own, FORECAST_AT + 58 * PAGE_SIZE), file_byte(58 * PAGE_SIZE));
	mm_put(own);
	for (uint64_t i = 0; i < FORECAST_MAX; i++)
		forecast_add(f, 0, 1000000 + i);
	assert_false(forecast_add(f, 0, 2));
	assert_true(forecast_add(f, 0, 1000000));
	forecast_put(f);
	ps->ops->unref(ps);
}

static void copies_are_shared_and_kept(void **state)
{
	struct pagesource *ps = file_create(&w, 100 * PAGE_SIZE + 7);
	uint64_t file = arena_used(w.host.arena), a, b, copies;

	world_keep_copies(&w);
	file_set_version(ps, 1);
	a = (uint64_t)map_file(ps, 0, 101 * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0);
	copies = arena_used(w.host.arena) - file;
	assert_int_equal(copies, 101 * PAGE_SIZE);
	b = (uint64_t)map_file(ps, 0, 100 * PAGE_SIZE, RW, MAP_PRIVATE, PAGE_SIZE);
	assert_int_equal(w.faults, 0);
	assert_int_equal(guest_peek(mm, a + 99 * PAGE_SIZE + 5), file_byte(99 * PAGE_SIZE + 5));
	assert_int_equal(guest_peek(mm, a + 100 * PAGE_SIZE + 100), 0);
	guest_poke(mm, b, 1);
	assert_int_equal(guest_peek(mm, a + PAGE_SIZE), file_byte(PAGE_SIZE));
	/* They outlive the mapping, and serve the next. */
	assert_int_equal(mm_munmap(mm, GVA(a), 101 * PAGE_SIZE), 0);
	assert_int_equal(mm_munmap(mm, GVA(b), 100 * PAGE_SIZE), 0);
	assert_int_equal(arena_used(w.host.arena), file + copies);
	/* A file that has changed is copied again; one that may change any time is not kept. */
	file_put_byte(ps, 5, 222);
	a = (uint64_t)map_file(ps, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
	assert_int_equal(guest_peek(mm, a + 5), file_byte(5));
	file_set_version(ps, 2);
	b = (uint64_t)map_file(ps, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
	assert_int_equal(guest_peek(mm, b + 5), 222);
	file_set_version(ps, 0);
	file_put_byte(ps, 5, 223);
	b = (uint64_t)map_file(ps, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
	assert_int_equal(guest_peek(mm, b + 5), 223);
	ps->ops->unref(ps);
}

static void copies_make_room(void **state)
{
	struct pagesource *ps[40];

	world_keep_copies(&w);
	for (int i = 0; i < 40; i++) {
		ps[i] = file_create(&w, PAGE_SIZE);
		file_set_version(ps[i], 1);
		assert_true(map_file(ps[i], 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0) > 0);
		ps[i]->ops->unref(ps[i]);
	}
	assert_int_equal(mm_munmap(mm, GVA(0), GUEST_TASK_SIZE), 0);
	/* Each of those kept: the file, and its copy. */
	assert_int_equal(arena_used(w.host.arena), 2 * 32 * PAGE_SIZE);
}

static void wipe_and_dont_fork(void **state)
{
	uint64_t a = map_anon(mm, 0, 3 * PAGE_SIZE, RW, 0);
	struct mm *child;

	for (unsigned i = 0; i < 3; i++)
		guest_poke(mm, a + i * PAGE_SIZE, 5);
	assert_int_equal(mm_madvise(mm, GVA(a), PAGE_SIZE, MADV_WIPEONFORK), 0);
	assert_int_equal(mm_madvise(mm, GVA(a + PAGE_SIZE), PAGE_SIZE, MADV_DONTFORK), 0);
	assert_int_equal(mm_fork(mm, no_hints, &child), 0);
	assert_int_equal(guest_peek(child, a), 0);
	assert_int_equal(guest_peek(child, a + PAGE_SIZE), -1);
	assert_int_equal(guest_peek(child, a + 2 * PAGE_SIZE), 5);
	assert_int_equal(guest_peek(mm, a), 5);
	mm_put(child);
}

/* ---- access ---- */

static void copies_stop_at_the_byte(void **state)
{
	uint64_t at = map_anon(mm, 0, 3 * PAGE_SIZE, RW, 0);
	char buf[3 * PAGE_SIZE];

	mm_mprotect(mm, GVA(at + 2 * PAGE_SIZE), PAGE_SIZE, PROT_READ);
	memset(buf, 3, sizeof buf);
	assert_int_equal(copy_to_guest(mm, GVA(at + PAGE_SIZE - 5), buf, 2 * PAGE_SIZE),
			 PAGE_SIZE - 5);
	assert_int_equal(copy_from_guest(mm, buf, GVA(at + 2 * PAGE_SIZE), 2 * PAGE_SIZE),
			 PAGE_SIZE);
	assert_int_equal(zero_guest(mm, GVA(at), 2 * PAGE_SIZE + 1), 1);
	assert_int_equal(copy_from_guest(mm, buf, GVA(UINT64_MAX - 4), 10), 10);
	assert_int_equal(copy_from_guest(mm, buf, GVA(at), UINT64_MAX), UINT64_MAX);
	assert_int_equal(copy_from_guest(mm, buf, GVA_NULL, 0), 0);
}

static void strings(void **state)
{
	uint64_t at = map_anon(mm, 0, 2 * PAGE_SIZE, RW, 0);
	char buf[64], *dup;

	copy_to_guest(mm, GVA(at + 2 * PAGE_SIZE - 6), "hello", 6);
	assert_int_equal(copy_string_from_guest(mm, buf, GVA(at + 2 * PAGE_SIZE - 6), 64), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(copy_string_from_guest(mm, buf, GVA(at + 2 * PAGE_SIZE - 6), 5),
			 -ENAMETOOLONG);
	copy_to_guest(mm, GVA(at + 2 * PAGE_SIZE - 1), "x", 1);
	assert_int_equal(copy_string_from_guest(mm, buf, GVA(at + 2 * PAGE_SIZE - 6), 64), -EFAULT);
	memset(buf, 'a', 63);
	for (unsigned i = 0; i < PAGE_SIZE; i += 63)
		copy_to_guest(mm, GVA(at + i), buf, 63);
	assert_int_equal(zero_guest(mm, GVA(at + 4000), 1), 0);
	assert_int_equal(dup_string_from_guest(mm, &dup, GVA(at), 1 << 20), 4000);
	assert_int_equal(strlen(dup), 4000);
	free(dup);
	assert_int_equal(dup_string_from_guest(mm, &dup, GVA(at), 100), -ENAMETOOLONG);
}

static void segments_are_gathered(void **state)
{
	uint64_t a = map_anon(mm, 0, 4 * PAGE_SIZE, RW, 0), b = map_anon(mm, 0, 1UL << 30, RW, 0);
	struct guest_iovec segs[] = { { GVA(a + 10), 100 },
				      { GVA_NULL, 0 },
				      { GVA(b + 60000), 20000 },
				      { GVA(0x1000), 10 } };
	struct iovec iov[16];
	struct uio u;
	size_t len;
	int n;

	uio_init_guestv(&u, mm, segs, 4);
	assert_int_equal(u.resid, 20110);
	n = uio_pin(&u, true, iov, 16, &len);
	assert_true(n >= 2);
	assert_int_equal(len, 20100);
	memset(iov[0].iov_base, 'z', iov[0].iov_len);
	uio_unpin(&u);
	assert_int_equal(guest_peek(mm, a + 109), 'z');
	uio_advance(&u, 150);
	n = uio_pin(&u, true, iov, 1, &len);
	assert_int_equal(n, 1);
	assert_int_equal(len, iov[0].iov_len);
	uio_unpin(&u);
	char buf[20110] = { 0 };
	assert_int_equal(uio_put(&u, buf, sizeof buf), 20110 - 150 - 10);
	assert_int_equal(u.resid, 10);
}

static void futex_keys(void **state)
{
	uint64_t s = map_anon(mm, 0, PAGE_SIZE, RW, MAP_SHARED),
		 p = map_anon(mm, 0, PAGE_SIZE, RW, 0);
	struct futex_key a, b;
	struct mm *child;
	uint32_t old;

	assert_int_equal(mm_fork(mm, no_hints, &child), 0);
	assert_int_equal(mm_futex_key(mm, GVA(s + 8), true, &a), 0);
	assert_int_equal(mm_futex_key(child, GVA(s + 8), true, &b), 0);
	assert_memory_equal(&a, &b, sizeof a);
	mm_futex_key(mm, GVA(p), false, &a);
	mm_futex_key(child, GVA(p), false, &b);
	assert_memory_not_equal(&a, &b, sizeof a);
	assert_int_equal(mm_futex_key(mm, GVA(0x1000), true, &a), -EFAULT);
	mm_access_begin(mm);
	assert_int_equal(guest_try_atomic32(mm, GVA(p), GUEST_ADD, 5, &old), -EFAULT);
	mm_access_end(mm);
	assert_int_equal(guest_fault32(mm, GVA(p), true), 0);
	mm_access_begin(mm);
	assert_int_equal(guest_try_atomic32(mm, GVA(p), GUEST_ADD, 5, &old), 0);
	assert_int_equal(guest_try_load32(mm, GVA(p + 1), &old), -EFAULT);
	mm_access_end(mm);
	assert_int_equal(guest_fault32(mm, GVA(p + 1), false), -EFAULT);
	assert_int_equal(guest_cmpxchg32(mm, GVA(p), 5, 9, &old), 0);
	assert_int_equal(old, 5);
	assert_int_equal(guest_load32(mm, GVA(p), &old), 0);
	assert_int_equal(old, 9);
	assert_int_equal(guest_load32(child, GVA(p), &old), 0);
	assert_int_equal(old, 0);
	assert_int_equal(guest_load32(mm, GVA(p + 1), &old), -EFAULT);
	mm_put(child);
}

/* ---- the heap ---- */

static void heap(void **state)
{
	mm->brk_start = mm->brk = GVA(0x600000);
	assert_int_equal(mm_brk(mm, GVA(0)).v, 0x600000);
	assert_int_equal(mm_brk(mm, GVA(0x600000 + 100)).v, 0x600000 + 100);
	assert_int_equal(guest_poke(mm, 0x600000 + 4000, 1), 0);
	assert_int_equal(mm_brk(mm, GVA(0x621000)).v, 0x621000);
	assert_int_equal(nr_vmas(), 1);
	assert_int_equal(mm_brk(mm, GVA(0x5ff000)).v, 0x621000);
	map_anon(mm, 0x700000, PAGE_SIZE, RW, MAP_FIXED);
	assert_int_equal(mm_brk(mm, GVA(0x700000)).v, 0x621000);
	assert_int_equal(mm_brk(mm, GVA(0x6ff000)).v, 0x6ff000);
	assert_int_equal(mm_brk(mm, GVA(0x600000)).v, 0x600000);
	assert_fault(0x600000, GUEST_READ, SIGSEGV, SEGV_MAPERR);
	mm->limit_data = 0x1000;
	assert_int_equal(mm_brk(mm, GVA(0x602000)).v, 0x600000);
}

static void resident_pages_are_told(void **state)
{
	uint64_t at = map_anon(mm, 0, 8 * PAGE_SIZE, RW, 0),
		 vec = map_anon(mm, 0, PAGE_SIZE, RW, 0);
	unsigned char got[8];

	guest_poke(mm, at + 2 * PAGE_SIZE, 1);
	assert_int_equal(mm_mincore(mm, GVA(at), 8 * PAGE_SIZE, GVA(vec)), 0);
	copy_from_guest(mm, got, GVA(vec), 8);
	assert_memory_equal(got, "\0\0\1\0\0\0\0\0", 8);
	assert_int_equal(mm_mincore(mm, GVA(at + 1), PAGE_SIZE, GVA(vec)), -EINVAL);
	assert_int_equal(mm_mincore(mm, GVA(0x10000), PAGE_SIZE, GVA(vec)), -ENOMEM);
	assert_int_equal(mm_mincore(mm, GVA(at), PAGE_SIZE, GVA(0x10000)), -EFAULT);
}

/* ---- two threads ---- */

struct hammer {
	uint64_t at;
	_Atomic bool stop;
};

static void *copy_and_copy(void *arg)
{
	struct hammer *h = arg;
	char buf[3 * PAGE_SIZE];

	while (!h->stop) {
		copy_to_guest(mm, GVA(h->at), buf, sizeof buf);
		copy_from_guest(mm, buf, GVA(h->at + PAGE_SIZE), sizeof buf);
	}
	return NULL;
}

/* What nobody has touched is given back and comes anew, what somebody has stays. */
static void untouched_memory_comes_back(void **state)
{
	uint64_t at = map_anon(mm, 0, 256 * PAGE_SIZE, RW, 0);
	uint64_t shared = map_anon(mm, 0, 64 * PAGE_SIZE, RW, MAP_SHARED);
	uint64_t before = arena_used(w.host.arena);
	struct mm *child;

	guest_poke(mm, at + 3 * PAGE_SIZE, 3);
	guest_poke(mm, at + 100 * PAGE_SIZE, 100);
	mm_reclaim(mm);
	mm_check(mm);
	/* The run before page 3 is too short. */
	assert_int_equal(arena_used(w.host.arena), before - (256 - 5) * PAGE_SIZE);
	assert_int_equal(guest_peek(mm, at + 3 * PAGE_SIZE), 3);
	assert_int_equal(guest_peek(mm, at + 100 * PAGE_SIZE), 100);
	assert_int_equal(guest_peek(mm, at + 200 * PAGE_SIZE), 0);
	guest_poke(mm, shared, 1);

	/* Shared since a fork: the pages are the arena's again when both have given them back. */
	mm_madvise(mm, GVA(at), 256 * PAGE_SIZE, MADV_DONTNEED);
	mm_munmap(mm, GVA(at), 256 * PAGE_SIZE);
	assert_int_equal(map_anon(mm, at, 256 * PAGE_SIZE, RW, MAP_FIXED), at);
	guest_poke(mm, at, 1);
	assert_int_equal(mm_fork(mm, no_hints, &child), 0);
	before = arena_used(w.host.arena);
	mm_reclaim(mm);
	assert_int_equal(arena_used(w.host.arena), before);
	mm_reclaim(child);
	mm_check(mm);
	mm_check(child);
	assert_int_equal(arena_used(w.host.arena), before - 255 * PAGE_SIZE);
	guest_poke(child, at + PAGE_SIZE, 2);
	guest_poke(child, at, 2);
	assert_int_equal(guest_peek(mm, at), 1);
	assert_int_equal(guest_peek(mm, at + PAGE_SIZE), 0);
	mm_put(child);
}

static void copies_race_with_changes(void **state)
{
	struct hammer h = { .at = map_anon(mm, 0, 4 * PAGE_SIZE, RW, 0) };
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, copy_and_copy, &h);
	for (int i = 0; i < 3000; i++) {
		struct mm *child;

		mm_munmap(mm, GVA(h.at + PAGE_SIZE), PAGE_SIZE);
		map_anon(mm, h.at + PAGE_SIZE, PAGE_SIZE, RW, MAP_FIXED);
		mm_mprotect(mm, GVA(h.at), 2 * PAGE_SIZE, i & 1 ? RW : PROT_READ);
		assert_int_equal(mm_fork(mm, no_hints, &child), 0);
		mm_put(child);
	}
	h.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(eager_memory_takes_no_fault),
		TEST(reservations_cost_nothing),
		TEST(large_memory_comes_in_units),
		TEST(bad_arguments),
		TEST(hints_and_places),
		TEST(neighbours_join),
		TEST(too_many_maps),
		TEST(limits),
		TEST(signals_are_exact),
		TEST(truncation_reaches_mappings),
		TEST(untouched_memory_comes_back),
		TEST(remap_of_several),
		TEST(remap_of_nothing),
		TEST(lost_pages_are_dropped),
		TEST(stacks_grow),
		TEST(platform_out_of_memory),
		TEST(platform_gone),
		TEST(fork_separates),
		TEST(fork_learns),
		TEST(fork_learns_anew),
		TEST(private_files_are_copied),
		TEST(what_was_written_is_expected),
		TEST(wrong_forecasts_do_nothing),
		TEST(each_kind_has_a_wave),
		TEST(copies_are_shared_and_kept),
		TEST(copies_make_room),
		TEST(wipe_and_dont_fork),
		TEST(copies_stop_at_the_byte),
		TEST(strings),
		TEST(segments_are_gathered),
		TEST(futex_keys),
		TEST(heap),
		TEST(resident_pages_are_told),
		TEST(copies_race_with_changes),
	};

	return cmocka_run_group_tests_name("mm", tests, NULL, NULL);
}
