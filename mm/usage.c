/* SPDX-License-Identifier: Apache-2.0 */
/* Computes the numbers of /proc/PID/smaps, statm and pagemap from vmas and backings. See the header
 * for what they can know. */
#include "mm/usage.h"

#include <string.h>
#include <sys/mman.h>

#include "mm/backing.h"
#include "mm/maps.h"
#include "mm/vma.h"
#include "util/minmax.h"

/* How many vmas, of this or other address spaces, show file bytes of [off, off + len). */
static unsigned holders_of_file(struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct vma *v;
	unsigned n = 0;

	mutex_lock(&ps->lock);
	list_for_each (v, &ps->vmas, source_node)
		n += v->offset < off + len && off < vma_offset(v, v->end);
	mutex_unlock(&ps->lock);
	return n ? n : 1;
}

static unsigned holders_of(const struct vma *v, const struct backing *b, gva_t at, uint64_t len)
{
	if (b->owned)
		return b->cow ? arena_page_holders(v->mm->host->arena, backing_off(b, at)) : 1;
	return v->source ? holders_of_file(v->source, vma_offset(v, at), len) : 1;
}

static void add_dirty(struct mm_usage *u, uint64_t bytes, unsigned holders, uint64_t *pss)
{
	*(holders > 1 ? &u->shared_dirty : &u->private_dirty) += bytes;
	*pss += bytes / holders;
	u->pss_dirty += bytes / holders;
}

/* Private memory that nobody else has: what the host has given of it. */
static uint64_t touched(const struct backing *b, gva_t from, gva_t to, unsigned *steps)
{
	unsigned left = USAGE_STEPS - *steps;
	uint64_t bytes = usage_data_bytes(b->mf, backing_off(b, from), gva_diff(to, from), &left);

	*steps = USAGE_STEPS - left;
	return bytes;
}

/* Those who shared pages since a fork may have given them up one by one. */
static void add_anon(struct mm_usage *u, const struct vma *v, const struct backing *b, gva_t from,
		     gva_t to)
{
	uint64_t bytes = b->cow ? gva_diff(to, from) : touched(b, from, to, &u->steps),
		 step = b->cow ? PAGE_SIZE : bytes;

	u->anon += bytes;
	for (uint64_t done = 0; done < bytes; done += step)
		add_dirty(u, step, holders_of(v, b, gva_add(from, done), step), &u->pss_anon);
}

/* The part [from, to) of `b` that is in `v`. */
static void add_piece(struct mm_usage *u, const struct vma *v, const struct backing *b, gva_t from,
		      gva_t to)
{
	uint64_t bytes = gva_diff(to, from);

	if (b->owned && b->mf == arena_memfile(v->mm->host->arena)) {
		add_anon(u, v, b, from, to);
		return;
	}
	unsigned holders = holders_of(v, b, from, bytes);
	if (b->mf == arena_memfile(v->mm->host->arena)) {
		u->shmem += bytes;
		add_dirty(u, bytes, holders, &u->pss_shmem);
	} else {
		u->file += bytes;
		*(holders > 1 ? &u->shared_clean : &u->private_clean) += bytes;
		u->pss_file += bytes / holders;
	}
}

void mm_usage_add(const struct vma *v, struct mm_usage *u)
{
	backing_for_range (b, v->mm, v->start, v->end)
		add_piece(u, v, b, gva_max(b->start, v->start), gva_min(b->end, v->end));
}

/* Tables that have an entry for `b`, of a level where one table covers `span` bytes, beyond
 * the last one that was counted, which *next is behind. */
static uint64_t tables_at(const struct backing *b, uint64_t span, uint64_t *next)
{
	uint64_t first = max64(b->start.v / span, *next), last = (b->end.v - 1) / span;

	if (first > last)
		return 0;
	*next = last + 1;
	return last + 1 - first;
}

void mm_totals(struct mm *mm, struct mm_totals *out)
{
	uint64_t next[3] = { 0 }, tables = 1;
	unsigned steps = 0;

	rwlock_rdlock(&mm->lock);
	*out = (struct mm_totals){
		.size = mm->total_bytes,
		.peak = mm->peak_bytes,
		.locked = mm->locked_bytes,
		.data = mm->data_bytes,
		.stack = mm->stack_bytes,
	};
	backing_for_range (b, mm, GVA_NULL, GVA_MAX) {
		bool in_memory = b->mf == arena_memfile(mm->host->arena);
		uint64_t bytes =
		    b->owned && !b->cow ? touched(b, b->start, b->end, &steps) : backing_len(b);
		*(b->owned ? &out->anon : in_memory ? &out->shmem : &out->file) += bytes;
		for (unsigned level = 0; level < 3; level++)
			tables += tables_at(b, PAGE_SIZE << 9 * (level + 1), &next[level]);
	}
	for (struct vma *v = vma_first(mm); v; v = vma_next(v))
		out->exec += (v->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC ? vma_len(v) : 0;
	rwlock_unlock(&mm->lock);
	out->tables = tables * PAGE_SIZE;
}

static uint64_t pagemap_entry(struct mm *mm, const struct backing *b, gva_t at)
{
	const struct vma *v = vma_at(mm, at);
	uint64_t entry = PAGEMAP_PRESENT;

	if (!b->owned)
		entry |= PAGEMAP_FILE;
	if (v && holders_of(v, b, at, PAGE_SIZE) == 1)
		entry |= PAGEMAP_EXCLUSIVE;
	return entry;
}

void mm_pagemap(struct mm *mm, gva_t start, size_t n, uint64_t *out)
{
	gva_t end = gva_add(start, n * PAGE_SIZE);

	memset(out, 0, n * sizeof *out);
	rwlock_rdlock(&mm->lock);
	backing_for_range (b, mm, start, end) {
		gva_t to = gva_min(b->end, end);
		for (gva_t at = gva_max(b->start, start); gva_lt(at, to);
		     at = gva_add(at, PAGE_SIZE))
			out[gva_diff(at, start) / PAGE_SIZE] = pagemap_entry(mm, b, at);
	}
	rwlock_unlock(&mm->lock);
}
