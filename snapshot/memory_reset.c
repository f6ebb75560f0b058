/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts an address space back to what it was when it was loaded.
 *
 * First the vmas: what the run has mapped or changed goes, what it has unmapped comes back. Then
 * the contents: a page that the run has written is the program's own (`owned`), so all such pages
 * are known without a search. They are overwritten by what was there, and stay where they are: the
 * next run most likely writes to the same ones, and then has no fault. Where the run has put
 * something else in a page's place, that goes and the page of the image comes back.
 *
 * No task is left that has the address space, so nobody sees the middle of it.
 */
#include <errno.h>
#include <string.h>

#include "host/fixup.h"
#include "kernel/sandbox.h"
#include "mm/backing.h"
#include "mm/forecast.h"
#include "mm/fork.h"
#include "mm/map.h"
#include "mm/populate.h"
#include "mm/vma.h"
#include "snapshot/kept.h"
#include "snapshot/memory.h"

/* More than this in one piece is given back, not cleared: it would hold its memory for a run that
 * may not want it. */
#define CLEAR_MAX (256UL << 10)

/* ---- vmas ---- */

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Does `v` show at `addr` what the kept one shows there? */
static bool fits(const struct vma *v, const struct kept_vma *k, gva_t addr)
{
	return !k->object && v->prot == k->v->prot && v->flags == k->v->flags &&
	       mempolicy_same(&v->policy, &k->v->policy) && v->source == k->v->source &&
	       same_name(v->name, k->v->name) &&
	       (!v->source || vma_offset(v, addr) == vma_offset(k->v, addr)) &&
	       (!(v->flags & VMA_SPECIAL) ||
		(gva_eq(v->start, k->v->start) && gva_eq(v->end, k->v->end)));
}

/* How far the vma `v` is all of one kind from `addr` on. *wrong: it has to go. */
static gva_t piece_of(const struct vma *v, const struct kept_vma *k, gva_t addr, bool *wrong)
{
	*wrong = true;
	if (v->flags & VMA_SPECIAL || !k || gva_le(v->end, k->v->start)) {
		*wrong = !k || !gva_eq(k->v->start, v->start) || !fits(v, k, addr);
		return v->end;
	}
	if (gva_lt(addr, k->v->start))
		return k->v->start;
	*wrong = !fits(v, k, addr);
	return gva_min(v->end, k->v->end);
}

/* What does not belong there goes. */
static int cut(struct kept_mm *km)
{
	gva_t at = GVA_NULL;
	struct vma *v;
	size_t i = 0;

	while ((v = vma_find(km->mm, at))) {
		bool wrong;

		at = gva_max(at, v->start);
		while (i < km->nr_vmas && gva_le(km->vmas[i].v->end, at))
			i++;
		gva_t end = piece_of(v, i < km->nr_vmas ? &km->vmas[i] : NULL, at, &wrong);
		int err = wrong ? mm_empty_range(km->mm, at, end) : 0;
		if (err)
			return err;
		at = end;
	}
	return 0;
}

/* The pages of the image in [start, end), where nothing is. */
static int add_runs(struct loader *l, struct kept_mm *km, gva_t start, gva_t end)
{
	struct sandbox *sb = l->sandbox;
	int err = 0;

	for (size_t i = 0; i < km->nr_runs && !err; i++) {
		const struct kept_run *r = &km->runs[i];
		struct backing b = { .start = gva_max(r->start, start),
				     .end = gva_min(r->end, end),
				     .mf = sb->image,
				     .cow = true };
		if (gva_le(b.end, b.start))
			continue;
		b.off = r->off + gva_diff(b.start, r->start);
		err = backing_add(km->mm, &b);
	}
	return err ? err : mm_map_range(km->mm, start, end);
}

/* A part of what was there and is gone. */
static int add_piece(struct loader *l, struct kept_mm *km, const struct kept_vma *k, gva_t start,
		     gva_t end)
{
	struct vma *v = vma_new(km->mm, k->v);

	if (!v)
		return -ENOMEM;
	v->offset = vma_offset(k->v, start);
	v->start = start;
	v->end = end;
	if (k->object)
		memory_count_vma(v);
	vma_insert(km->mm, v);
	int err = add_runs(l, km, start, end);
	if (!err)
		memory_populate(km->mm, v, start, end);
	vma_merge(km->mm, start, end);
	return err;
}

/* What shows an object shows the new run's. */
static int renew_source(struct loader *l, const struct kept_vma *k)
{
	struct pagesource *old = k->v->source;

	k->v->source = NULL;
	int err = memory_attach_object(l, k->v, k->object);
	if (err)
		k->v->source = old;
	else if (old)
		old->ops->unref(old);
	return err;
}

static int fill(struct loader *l, struct kept_mm *km, const struct kept_vma *k)
{
	gva_t at = k->v->start;
	int err = 0;

	while (gva_lt(at, k->v->end) && !err) {
		const struct vma *v = vma_find(km->mm, at);
		if (v && gva_le(v->start, at)) {
			at = v->end;
			continue;
		}
		gva_t end = v ? gva_min(v->start, k->v->end) : k->v->end;
		err = add_piece(l, km, k, at, end);
		at = end;
	}
	return err;
}

/* ---- contents ---- */

/* Whatever is in [start, end) goes. */
static int drop(struct mm *mm, gva_t start, gva_t end)
{
	int err = backing_isolate(mm, start, end);

	if (!err)
		err = mm_unmap_range(mm, start, end);
	if (!err)
		backing_drop(mm, start, end);
	return err;
}

/* Nobody but this address space has any of these pages. */
static bool is_exclusive(struct mm *mm, uint64_t off, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += PAGE_SIZE)
		if (!arena_page_exclusive(mm->host->arena, off + at))
			return false;
	return true;
}

/* [start, end) of the backing, where the image has pages from `off` on. */
static int restore_image(struct loader *l, struct kept_mm *km, const struct backing *b, gva_t start,
			 gva_t end, uint64_t off)
{
	struct sandbox *sb = l->sandbox;
	struct mm *mm = km->mm;
	uint64_t len = gva_diff(end, start), at = backing_off(b, start);

	if (!b->owned && b->mf == sb->image && at == off)
		return 0;
	if (b->owned && is_exclusive(mm, at, len)) {
		const void *from = memfile_viewed(sb->image, off, len);
		if (!from)
			from = memfile_ptr(sb->image, off, len);
		return from && !fixup_copy(arena_ptr(mm->host->arena, at), from, len) ? 0 : -EIO;
	}
	int err = drop(mm, start, end);
	return err ? err : add_runs(l, km, start, end);
}

/* The same where it has none: memory is zero, and a file's pages are the file's. */
static int restore_plain(struct loader *l, struct kept_mm *km, const struct vma *v,
			 const struct backing *b, gva_t start, gva_t end)
{
	struct sandbox *sb = l->sandbox;
	struct mm *mm = km->mm;
	struct arena *arena = mm->host->arena;
	uint64_t len = gva_diff(end, start), at = backing_off(b, start);

	if (!b->owned)
		return b->mf == sb->image ? drop(mm, start, end) : 0;
	bool own = is_exclusive(mm, at, len);
	if (v->source && b->cow && !own) /* pages that a cache of files has, too */
		return 0;
	if (!own || len > CLEAR_MAX)
		return drop(mm, start, end);
	if (!v->source)
		return fixup_zero(arena_ptr(arena, at), len) ? -EIO : 0;
	if (pagesource_read(v->source, vma_offset(v, start), len, arena_ptr(arena, at)) == 0)
		return 0;
	return drop(mm, start, end);
}

/* [start, end) of `v`, all of it pages of the image from `r` on, or (NULL) none. */
static int restore_piece(struct loader *l, struct kept_mm *km, const struct vma *v, gva_t start,
			 gva_t end, const struct kept_run *r)
{
	int err = 0;

	while (gva_lt(start, end) && !err) {
		const struct backing *b = backing_find(km->mm, start);
		bool hole = !b || gva_lt(start, b->start);
		gva_t to = !b ? end : gva_min(hole ? b->start : b->end, end);

		if (hole)
			err = r ? add_runs(l, km, start, to) : 0;
		else if (r)
			err =
			    restore_image(l, km, b, start, to, r->off + gva_diff(start, r->start));
		else
			err = restore_plain(l, km, v, b, start, to);
		start = to;
	}
	return err;
}

/* *i: the first run that may reach into it. */
static int restore(struct loader *l, struct kept_mm *km, const struct vma *v, size_t *i)
{
	gva_t at = v->start;
	int err = 0;

	while (gva_lt(at, v->end) && !err) {
		while (*i < km->nr_runs && gva_le(km->runs[*i].end, at))
			++*i;
		const struct kept_run *r = *i < km->nr_runs ? &km->runs[*i] : NULL;
		bool inside = r && gva_le(r->start, at);
		gva_t to = !r ? v->end : gva_min(inside ? r->end : r->start, v->end);
		err = restore_piece(l, km, v, at, to, inside ? r : NULL);
		at = to;
	}
	return err;
}

static int reset_locked(struct loader *l, struct kept_mm *km)
{
	int err = cut(km);
	size_t run = 0;

	for (size_t i = 0; i < km->nr_vmas && !err; i++) {
		const struct kept_vma *k = &km->vmas[i];
		if (k->object)
			err = renew_source(l, k);
		if (!err)
			err = fill(l, km, k);
		if (!err && !(k->v->flags & (VMA_SHARED | VMA_SPECIAL)))
			err = restore(l, km, k->v, &run);
	}
	return err;
}

static void reset_counters(struct mm *mm)
{
	fork_pages_put(mm->fork_pages);
	fork_pages_put(mm->parent_fork_pages);
	mm->fork_pages = mm->parent_fork_pages = NULL;
	mm->fork_writes = 0;
	mm->peak_bytes = mm->total_bytes;
	mm->peak_resident = (uint64_t)mm->resident;
	mm->faults_minor = mm->faults_cow = 0;
	mm_forecast_again(mm);
}

int memory_reset(struct loader *l, struct kept_mm *km)
{
	rwlock_wrlock(&km->mm->lock);
	int err = km->mm->host->platform->space_rest
		      ? km->mm->host->platform->space_rest(km->mm->space)
		      : 0;
	if (!err)
		err = reset_locked(l, km);
	reset_counters(km->mm);
	rwlock_unlock(&km->mm->lock);
	return err;
}

int memory_trim(struct kept_mm *km)
{
	struct mm *mm = km->mm;

	rwlock_wrlock(&mm->lock);
	int err = mm->host->platform->space_rest ? mm->host->platform->space_rest(mm->space) : 0;
	if (!err)
		err = cut(km);
	rwlock_unlock(&mm->lock);
	return err;
}
