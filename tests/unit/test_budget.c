/* SPDX-License-Identifier: Apache-2.0 */
/* What the host gives, from made-up control groups; and what happens at the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/cgroup.h"
#include "host/cpuquota.h"
#include "host/memlimit.h"
#include "mm/budget.h"
#include "platform/physmem.h"
#include "util/gva.h"

#define MIB (1UL << 20)

static char root[] = "/tmp/hl-budget-XXXXXX";

static void put(const char *path, const char *text)
{
	char full[256], *slash = full;

	snprintf(full, sizeof full, "%s%s", root, path);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = 0;
		mkdir(full, 0755);
		*slash = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static char cgroup[256], mountinfo[256];
static const struct host_group_files files = { root, cgroup, mountinfo };

static const struct host_group_files *made_up(void)
{
	snprintf(cgroup, sizeof cgroup, "%s/self/cgroup", root);
	snprintf(mountinfo, sizeof mountinfo, "%s/self/mountinfo", root);
	return &files;
}

static uint64_t limit(void)
{
	return host_cgroup_limit(made_up());
}

static bool quota(void)
{
	return host_cpu_quota(made_up());
}

static void version_1(void **state)
{
	put("/self/cgroup", "5:devices:/a\n4:cpu,memory:/a/b\n");
	put("/self/mountinfo",
	    "35 31 0:32 / /cg/cpu rw - cgroup cgroup rw,cpu\n"
	    "36 31 0:33 / /cg/memory rw,relatime shared:1 - cgroup cgroup rw,cpu,memory\n");
	assert_true(limit() == UINT64_MAX);
	put("/cg/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("/cg/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
	assert_true(limit() == UINT64_MAX);
	put("/cg/memory/a/memory.limit_in_bytes", "1073741824\n");
	assert_int_equal(limit(), 1 << 30);
	put("/cg/memory/a/b/memory.limit_in_bytes", "2147483648\n");
	assert_int_equal(limit(), 1 << 30);
	put("/cg/memory/a/b/memory.limit_in_bytes", "1048576\n");
	assert_int_equal(limit(), 1 << 20);
	assert_false(quota());
	put("/cg/cpu/cpu.cfs_quota_us", "-1\n");
	put("/cg/cpu/a/b/cpu.cfs_quota_us", "-1\n");
	assert_false(quota());
	put("/cg/cpu/a/cpu.cfs_quota_us", "50000\n");
	assert_true(quota());
}

static void version_2(void **state)
{
	put("/self/cgroup", "0::/x/y\n");
	put("/self/mountinfo", "36 31 0:33 / /cg2 rw,relatime - cgroup2 cgroup2 rw\n");
	put("/cg2/x/y/memory.max", "max\n");
	assert_true(limit() == UINT64_MAX);
	put("/cg2/x/memory.max", "536870912\n");
	assert_int_equal(limit(), 1 << 29);
	put("/cg2/x/y/cpu.max", "max 100000\n");
	assert_false(quota());
	put("/cg2/x/cpu.max", "150000 100000\n");
	assert_true(quota());
}

/* In a container the mount shows a part of the hierarchy. */
static void part_of_a_hierarchy(void **state)
{
	put("/self/cgroup", "0::/x/y\n");
	put("/self/mountinfo", "36 31 0:33 /x/y /cg3 rw,relatime - cgroup2 cgroup2 rw\n");
	put("/cg3/memory.max", "4096\n");
	assert_int_equal(limit(), 4096);
}

static void nothing_to_see(void **state)
{
	put("/self/cgroup", "4:memory:/a/b\n");
	put("/self/mountinfo", "");
	assert_true(limit() == UINT64_MAX);
	assert_true(host_memory_limit() > 0 && host_memory_limit() < UINT64_MAX);
}

static void reserve(void **state)
{
	assert_int_equal(budget_default(1 << 30), 768 * MIB);
	assert_int_equal(budget_default(64UL << 30), (64UL << 30) - 512 * MIB);
	assert_true(budget_default(UINT64_MAX) == UINT64_MAX);
}

struct world {
	struct physmem *pm;
	struct arena *arena;
	struct budget_counts counts;
	struct budget *budget;
	_Atomic unsigned exceeded, reclaimed;
	_Atomic uint64_t untouched; /* bytes at `off` that can be taken back */
	_Atomic uint64_t off;       /* of the pages, which the budget's thread gives back */
};

/* Touches pages as a guest does, without a store of the monitor's: the thread sanitizer shadows
 * each of those in private memory, which is measured too. */
static void touch(const struct world *w, uint64_t at, uint64_t len)
{
	assert_int_equal(madvise(arena_ptr(w->arena, w->off + at), len, MADV_POPULATE_WRITE), 0);
}

/* The guest that is killed gives its memory back. */
static void on_exceeded(void *arg, uint64_t used, uint64_t max)
{
	struct world *w = arg;

	assert_true(used > max);
	if (!w->exceeded++)
		arena_discard(w->arena, w->off, 64 * MIB);
}

static void on_reclaim(void *arg)
{
	struct world *w = arg;
	uint64_t len = w->untouched;

	w->untouched = 0;
	w->reclaimed++;
	if (len)
		arena_unref_cold(w->arena, w->off, len);
	w->off += len;
}

static const struct budget_ops ops = { on_exceeded, on_reclaim };

static void touched_memory(void **state)
{
	struct world w = { 0 };
	struct sleeper s = { 0 };
	uint64_t off;

	assert_int_equal(kick_init(), 0);
	kick_attach(&s.kick);
	assert_int_equal(physmem_create(4UL << 30, 1UL << 30, &w.pm, NULL), 0);
	assert_int_equal(arena_create(w.pm, &w.arena), 0);
	assert_int_equal(budget_create(UINT64_MAX, NULL, w.arena, &w.counts, &ops, &w, &w.budget),
			 0);
	assert_true(budget_room(w.budget, 1UL << 50));
	budget_destroy(w.budget);

	/* What the process held before is none of a chosen limit's. */
	assert_int_equal(budget_create(64 * MIB, NULL, w.arena, &w.counts, &ops, &w, &w.budget), 0);
	assert_true(budget_measure(w.budget) < 4 * MIB);
	arena_set_budget(w.arena, w.budget);
	assert_true(budget_room(w.budget, 16 * MIB));
	assert_false(budget_room(w.budget, 128 * MIB));
	/* Given out, it may be touched without a word; until then it is not held. */
	assert_int_equal(arena_alloc(w.arena, 1UL << 30, &off), 0);
	w.off = off;
	assert_true(budget_room(w.budget, 16 * MIB));
	touch(&w, 0, 64 * MIB);
	touch(&w, 64 * MIB, 32 * MIB);
	while (!w.exceeded)
		usleep(1000);
	assert_int_equal(budget_wait(w.budget, &s), 0);
	assert_false(budget_over(w.budget));
	budget_destroy(w.budget);
	arena_set_budget(w.arena, NULL);
	arena_unref(w.arena, w.off, 1UL << 30);
	arena_destroy(w.arena);
	physmem_destroy(w.pm);
	kick_detach(&s.kick);
}

static void open_world(struct world *w, struct sleeper *s, uint64_t limit)
{
	assert_int_equal(kick_init(), 0);
	kick_attach(&s->kick);
	assert_int_equal(physmem_create(4UL << 30, 1UL << 30, &w->pm, NULL), 0);
	assert_int_equal(arena_create(w->pm, &w->arena), 0);
	assert_int_equal(budget_create(limit, NULL, w->arena, &w->counts, &ops, w, &w->budget), 0);
	arena_set_budget(w->arena, w->budget);
}

static void close_world(struct world *w, struct sleeper *s)
{
	budget_destroy(w->budget);
	arena_set_budget(w->arena, NULL);
	assert_int_equal(arena_used(w->arena), 0);
	arena_destroy(w->arena);
	physmem_destroy(w->pm);
	kick_detach(&s->kick);
}

/* What is given out and never touched is bounded, whether or not the budget's thread has its turn:
 * whoever passes the bound knows it when the allocation returns. */
static void untouched_memory(void **state)
{
	struct world w = { 0 };
	struct sleeper s = { 0 };
	uint64_t off, more;

	open_world(&w, &s, 256 * MIB);
	/* The more is given out, the less is mapped ahead of a touch. */
	assert_int_equal(budget_ahead(w.budget, 100 * MIB), 100 * MIB);
	uint64_t first = budget_ahead(w.budget, 1UL << 40);
	assert_true(first < 40 * MIB);
	assert_int_equal(arena_alloc(w.arena, 200 * MIB, &off), 0);
	w.off = off;
	assert_true(budget_ahead(w.budget, 1UL << 40) < first);
	assert_false(budget_over(w.budget));

	w.untouched = 200 * MIB;
	assert_int_equal(arena_alloc(w.arena, 100 * MIB, &off), 0);
	assert_true(budget_over(w.budget) || w.reclaimed);
	assert_int_equal(budget_wait(w.budget, &s), 0);
	assert_int_equal(w.reclaimed, 1);
	assert_int_equal(w.exceeded, 0);

	/* What cannot be taken back is let pass, once; what comes then is bounded anew. */
	assert_int_equal(arena_alloc(w.arena, 250 * MIB, &more), 0);
	assert_int_equal(budget_wait(w.budget, &s), 0);
	assert_int_equal(w.reclaimed, 2);
	assert_int_equal(w.exceeded, 0);
	assert_true(budget_ahead(w.budget, 1UL << 40) > 16 * MIB);
	arena_unref(w.arena, more, 250 * MIB);
	arena_unref(w.arena, off, 100 * MIB);
	close_world(&w, &s);
}

#define AHEAD  (128UL << 10)
#define PIECES 400U

/* Where little is had back each time, it is not tried for each piece that is given out. */
static void little_is_had_back(void **state)
{
	struct world w = { 0 };
	struct sleeper s = { 0 };
	uint64_t start, piece[PIECES];

	open_world(&w, &s, 256 * MIB);
	assert_int_equal(arena_alloc(w.arena, 285 * MIB, &start), 0);
	w.off = start;
	for (unsigned i = 0; i < PIECES; i++) {
		w.untouched = AHEAD;
		assert_int_equal(arena_alloc(w.arena, AHEAD, &piece[i]), 0);
		assert_int_equal(budget_wait(w.budget, &s), 0);
	}
	assert_true(w.reclaimed > 0 && w.reclaimed < 5);
	assert_int_equal(w.exceeded, 0);
	for (unsigned i = 0; i < PIECES; i++)
		arena_unref(w.arena, piece[i], AHEAD);
	arena_unref(w.arena, w.off, start + 285 * MIB - w.off);
	close_world(&w, &s);
}

static void touch_and_free(struct world *w, uint64_t len)
{
	uint64_t off;

	assert_int_equal(arena_alloc(w->arena, len, &off), 0);
	w->off = off;
	touch(w, 0, len);
	arena_unref(w->arena, off, len);
}

/* Memory that nobody holds any more and that the host has not back yet: what a sandbox may have is
 * as much as without it, and it does not stay. */
static void freed_memory(void **state)
{
	struct world w = { 0 };
	struct sleeper s = { 0 };
	uint64_t limit = 256 * MIB, spare = limit / 16, off;

	open_world(&w, &s, limit);
	assert_int_equal(budget_spare(w.budget), spare);
	touch_and_free(&w, 2 * spare);
	assert_true(arena_warm(w.arena) <= spare);
	assert_true(budget_room(w.budget, limit - limit / 16 - 4 * MIB));

	/* Nobody is ended for it. */
	touch_and_free(&w, spare);
	assert_int_equal(arena_alloc(w.arena, limit - spare / 2, &off), 0);
	w.off = off;
	touch(&w, 0, limit - spare / 2);
	assert_int_equal(budget_wait(w.budget, &s), 0);
	assert_int_equal(w.exceeded, 0);
	arena_unref(w.arena, off, limit - spare / 2);

	touch_and_free(&w, spare);
	while (arena_warm(w.arena) > spare / 2)
		usleep(1000);
	close_world(&w, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(version_2),
		cmocka_unit_test(part_of_a_hierarchy),
		cmocka_unit_test(nothing_to_see),
		cmocka_unit_test(reserve),
		cmocka_unit_test(touched_memory),
		cmocka_unit_test(untouched_memory),
		cmocka_unit_test(little_is_had_back),
		cmocka_unit_test(freed_memory),
	};
	char command[64];

	if (!mkdtemp(root))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command) || failed;
}
