/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweeps: a truncation must reach every address space that maps the source, but mm->lock comes
 * before the source's lock, and vmas come and go meanwhile. Each sweep has a number. Under the
 * source's lock it looks for a vma that it has not reached, holds on to its mm, lets go, takes the
 * locks in order, and deals with all vmas of that mm; then it looks again. A fork in between copies
 * the vma with its number, so the copy is found too. Vmas made later find the new size.
 */
#include "mm/rmap.h"

#include "mm/backing.h"
#include "mm/pagesource.h"
#include "mm/populate.h"
#include "mm/vma.h"
#include "util/minmax.h"

struct sweep {
	struct pagesource *ps;
	uint64_t number;
	uint64_t start, end; /* in the file */
	bool copies;         /* private copies go too */
};

/* Where `v` has the file's byte at `off`, or the end of `v` that is nearer to it. */
static gva_t address_of(const struct vma *v, uint64_t off)
{
	off = min64(max64(off, v->offset), vma_offset(v, v->end));
	return gva_add(v->start, off - v->offset);
}

/* Unmaps and drops the backings that touch [start, end) and are not owned: what is gone comes back
 * with a fault. */
static bool drop_uncopied(struct mm *mm, gva_t start, gva_t end)
{
	struct backing *b, *next;
	bool any = false;

	for (b = backing_find(mm, start); b && gva_lt(b->start, end); b = next) {
		gva_t from = b->start, to = b->end;

		next = backing_next(b);
		if (b->owned)
			continue;
		mm_unmap_range(mm, from, to);
		backing_drop(mm, from, to);
		any = true;
	}
	return any;
}

static void sweep_vma(const struct sweep *s, struct vma *v)
{
	gva_t start = address_of(v, s->start), end = address_of(v, s->end);
	struct backing *b = backing_find(v->mm, start);

	if (gva_eq(start, end) || !b || gva_le(end, b->start))
		return;
	if (backing_isolate(v->mm, start, end) == 0 && s->copies) {
		mm_unmap_range(v->mm, start, end);
		backing_drop(v->mm, start, end);
	} else {
		drop_uncopied(v->mm, start, end);
	}
}

static void sweep_mm(const struct sweep *s, struct mm *mm)
{
	lock_assert_held_write(&mm->lock);
	struct vma *v;

	mutex_lock(&s->ps->lock);
	list_for_each (v, &s->ps->vmas, source_node) {
		if (v->mm != mm || v->source_sweep >= s->number)
			continue;
		sweep_vma(s, v);
		v->source_sweep = s->number;
	}
	mutex_unlock(&s->ps->lock);
}

/* The mm of a vma not reached yet, with a reference; NULL: none is left. A dying mm runs no guest
 * any more. */
static struct mm *sweep_next(const struct sweep *s)
{
	struct mm *found = NULL;
	struct vma *v;

	mutex_lock(&s->ps->lock);
	list_for_each (v, &s->ps->vmas, source_node) {
		if (v->source_sweep < s->number && mm_tryget(v->mm)) {
			found = v->mm;
			break;
		}
	}
	mutex_unlock(&s->ps->lock);
	return found;
}

static void sweep_run(struct sweep *s)
{
	struct mm *mm;

	mutex_lock(&s->ps->lock);
	s->number = ++s->ps->sweeps;
	mutex_unlock(&s->ps->lock);
	while ((mm = sweep_next(s))) {
		rwlock_wrlock(&mm->lock);
		sweep_mm(s, mm);
		rwlock_unlock(&mm->lock);
		mm_put(mm);
	}
}

void pagesource_truncated(struct pagesource *ps, uint64_t size)
{
	struct sweep s = { .ps = ps, .start = PAGE_UP(size), .end = UINT64_MAX, .copies = true };

	sweep_run(&s);
}

void pagesource_invalidate(struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct sweep s = { .ps = ps, .start = PAGE_DOWN(off), .end = PAGE_UP(off + len) };

	sweep_run(&s);
}

bool mm_drop_lost_pages(struct mm *mm)
{
	bool any = false;

	rwlock_wrlock(&mm->lock);
	for (struct vma *v = vma_first(mm); v; v = vma_next(v)) {
		uint64_t size = v->source ? PAGE_UP(v->source->ops->size(v->source)) : UINT64_MAX;
		gva_t end = address_of(v, size);

		if (gva_lt(end, v->end))
			any |= drop_uncopied(mm, end, v->end);
	}
	rwlock_unlock(&mm->lock);
	return any;
}
