/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host knows which pages of the arena it has given. A run that it has not is unmapped first and
 * looked at again: a thread of the guest may have touched it between the two, and after that it
 * cannot. Who shares the pages since a fork may still read them, which leaves zeroes there, and
 * does not write them in place.
 */
#include "mm/reclaim.h"

#include <sys/mman.h>

#include "mm/populate.h"
#include "util/minmax.h"

/* The shortest run that is taken back. */
#define RUN_MIN (16 * PAGE_SIZE)
/* How many pages the host is asked about at once. */
#define PIECE_MAX 1024UL

/* Where the data that begins at `at` ends, `stop` at most; `at`: there is none. Asked page by page,
 * in pieces that grow: SEEK_HOLE would look far behind the range. */
static uint64_t data_end(struct arena *a, uint64_t at, uint64_t stop)
{
	unsigned char there[PIECE_MAX];
	uint64_t pages = 1, n = 0;

	for (; at < stop; at += n * PAGE_SIZE) {
		pages = min64(pages, (stop - at) / PAGE_SIZE);
		if (mincore(arena_ptr(a, at), pages * PAGE_SIZE, there) < 0)
			return stop;
		for (n = 0; n < pages && there[n] & 1;)
			n++;
		if (n < pages)
			return at + n * PAGE_SIZE;
		pages = min64(2 * pages, PIECE_MAX);
	}
	return stop;
}

/* The first run in [*start, end) of `b` that nobody has touched: its bounds are in *start and
 * *run_end. False: there is none. */
static bool next_run(struct arena *a, const struct backing *b, gva_t *start, gva_t end,
		     gva_t *run_end)
{
	uint64_t at = backing_off(b, *start), stop = backing_off(b, end);

	while (at < stop) {
		uint64_t hole = data_end(a, at, stop);

		at = arena_seek(a, hole, stop, false);
		if (at - hole < RUN_MIN)
			continue;
		*start = gva_add(b->start, hole - b->off);
		*run_end = gva_add(b->start, at - b->off);
		return true;
	}
	return false;
}

static int take_back(struct mm *mm, const struct backing *b, gva_t start, gva_t end)
{
	uint64_t off = backing_off(b, start), stop = backing_off(b, end);
	int err = mm_unmap_range(mm, start, end);

	if (err)
		return err;
	if (arena_seek(mm->host->arena, off, stop, false) < stop ||
	    backing_isolate(mm, start, end) < 0)
		return mm_map_range(mm, start, end);
	backing_drop_cold(mm, start, end);
	mm->pieces++;
	return 0;
}

static int reclaim_vma(struct mm *mm, const struct vma *v)
{
	struct arena *arena = mm->host->arena;
	struct backing *b;
	gva_t at = v->start;
	int err = 0;

	while (!err && mm->pieces < MM_PIECES_MAX && gva_lt(at, v->end) &&
	       (b = backing_find(mm, at)) && gva_lt(b->start, v->end)) {
		gva_t start = gva_max(b->start, at), end = gva_min(b->end, v->end), run_end;
		bool ours = b->owned && b->mf == arena_memfile(arena);

		at = end;
		if (!ours || !next_run(arena, b, &start, end, &run_end))
			continue;
		at = run_end;
		err = take_back(mm, b, start, run_end);
	}
	return err;
}

void mm_reclaim(struct mm *mm)
{
	int err = 0;

	rwlock_wrlock(&mm->lock);
	for (struct vma *v = vma_first(mm); v && !err; v = vma_next(v))
		if (!v->source && !(v->flags & (VMA_SHARED | VMA_SPECIAL)))
			err = reclaim_vma(mm, v);
	rwlock_unlock(&mm->lock);
}
