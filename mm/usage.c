/* SPDX-License-Identifier: Apache-2.0 */
/* Computes the numbers of /proc/PID/smaps, statm and pagemap from vmas and backings. See the header
 * for what they can know. */
#include "mm/usage.h"

#include <string.h>
#include <sys/mman.h>

#include "mm/backing.h"
#include "mm/vma.h"
#include "util/minmax.h"

/* How many vmas, of this or other address spaces, show file bytes of [off, off + len). */
static unsigned holders_of_file(struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct vma *v;
	unsigned n = 0;

	mutex_lock(&ps->lock);
	list_for_each (v, &ps->vmas, source_node)
		n += v->offset < off + len && off < v->offset + (v->end - v->start);
	mutex_unlock(&ps->lock);
	return n ? n : 1;
}

static unsigned holders_of(const struct vma *v, const struct backing *b, uint64_t at, uint64_t len)
{
	if (b->owned)
		return b->cow ? arena_page_holders(v->mm->host->arena, backing_off(b, at)) : 1;
	return v->source ? holders_of_file(v->source, v->offset + (at - v->start), len) : 1;
}

static void add_dirty(struct mm_usage *u, uint64_t bytes, unsigned holders, uint64_t *pss)
{
	*(holders > 1 ? &u->shared_dirty : &u->private_dirty) += bytes;
	*pss += bytes / holders;
	u->pss_dirty += bytes / holders;
}

static void add_clean(struct mm_usage *u, uint64_t bytes, unsigned holders)
{
	*(holders > 1 ? &u->shared_clean : &u->private_clean) += bytes;
	u->pss_file += bytes / holders;
}

/* Private memory that nobody else has: what the host has given of it. */
static uint64_t touched(const struct backing *b, uint64_t from, uint64_t to, unsigned *steps)
{
	unsigned left = USAGE_STEPS - *steps;
	uint64_t bytes = usage_data_bytes(b->mf, backing_off(b, from), to - from, &left);

	*steps = USAGE_STEPS - left;
	return bytes;
}

static void add_file(struct mm_usage *u, const struct vma *v, const struct backing *b,
		     uint64_t from, uint64_t to)
{
	u->file += to - from;
	add_clean(u, to - from, holders_of(v, b, from, to - from));
}

static void add_shmem(struct mm_usage *u, const struct vma *v, const struct backing *b,
		      uint64_t from, uint64_t to)
{
	u->shmem += to - from;
	add_dirty(u, to - from, holders_of(v, b, from, to - from), &u->pss_shmem);
}

/* Those who shared pages since a fork may have given them up one by one. */
static void add_anon(struct mm_usage *u, const struct vma *v, const struct backing *b,
		     uint64_t from, uint64_t to)
{
	uint64_t bytes = b->cow ? to - from : touched(b, from, to, &u->steps),
		 step = b->cow ? PAGE_SIZE : bytes;

	u->anon += bytes;
	for (uint64_t done = 0; done < bytes; done += step)
		add_dirty(u, step, holders_of(v, b, from + done, step), &u->pss_anon);
}

static void add_piece(struct mm_usage *u, const struct vma *v, const struct backing *b,
		      uint64_t from, uint64_t to)
{
	if (b->mf != arena_memfile(v->mm->host->arena))
		add_file(u, v, b, from, to);
	else if (b->owned)
		add_anon(u, v, b, from, to);
	else
		add_shmem(u, v, b, from, to);
}

void mm_usage_add(const struct vma *v, struct mm_usage *u)
{
	backing_for_range (b, v->mm, v->start, v->end)
		add_piece(u, v, b, max64(b->start, v->start), min64(b->end, v->end));
}

/* Tables that have an entry in [start, end), of a level where one table covers `span` bytes, beyond
 * the last one that was counted, which *next is behind. */
static uint64_t tables_at(uint64_t start, uint64_t end, uint64_t span, uint64_t *next)
{
	uint64_t first = max64(start / span, *next), last = (end - 1) / span;

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
	backing_for_range (b, mm, 0, UINT64_MAX) {
		bool in_memory = b->mf == arena_memfile(mm->host->arena);
		uint64_t bytes =
		    b->owned && !b->cow ? touched(b, b->start, b->end, &steps) : b->end - b->start;
		*(b->owned ? &out->anon : in_memory ? &out->shmem : &out->file) += bytes;
		for (unsigned level = 0; level < 3; level++)
			tables +=
			    tables_at(b->start, b->end, PAGE_SIZE << 9 * (level + 1), &next[level]);
	}
	for (struct vma *v = vma_first(mm); v; v = vma_next(v))
		out->exec +=
		    (v->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC ? v->end - v->start : 0;
	rwlock_unlock(&mm->lock);
	out->tables = tables * PAGE_SIZE;
}

static uint64_t pagemap_entry(struct mm *mm, const struct backing *b, uint64_t at)
{
	const struct vma *v = vma_at(mm, at);
	uint64_t entry = PAGEMAP_PRESENT;

	if (!b->owned)
		entry |= PAGEMAP_FILE;
	if (v && holders_of(v, b, at, PAGE_SIZE) == 1)
		entry |= PAGEMAP_EXCLUSIVE;
	return entry;
}

void mm_pagemap(struct mm *mm, uint64_t start, size_t n, uint64_t *out)
{
	uint64_t end = start + n * PAGE_SIZE;

	memset(out, 0, n * sizeof *out);
	rwlock_rdlock(&mm->lock);
	backing_for_range (b, mm, start, end) {
		uint64_t to = min64(b->end, end);
		for (uint64_t at = max64(b->start, start); at < to; at += PAGE_SIZE)
			out[(at - start) / PAGE_SIZE] = pagemap_entry(mm, b, at);
	}
	rwlock_unlock(&mm->lock);
}
