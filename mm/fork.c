/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's address space at fork(2): the same vmas and backings; what is private becomes
 * copy-on-write on both sides. Costs are per run of pages, not per page, but for the arena's
 * counts.
 *
 * Pages that are known to be written at once by either side, the stack above all, are copied for
 * the child right away: the parent keeps its own as it is.
 */
#include "mm/fork.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/map.h"
#include "mm/populate.h"
#include "util/minmax.h"

/* ---- pages written soon after a fork ---- */

/* What is in the list is copied, so that nobody sees whether it is still written: the one that has
 * been there for longest gives way, and comes back if it is. */
static void pages_note(struct fork_pages *p, gva_t unit)
{
	for (uint32_t i = 0; p && i < FORK_PAGES; i++) {
		if (gva_eq(p->units[i], unit))
			return;
	}
	if (p)
		p->units[atomic_fetch_add(&p->next, 1) % FORK_PAGES] = unit;
}

void fork_note_write(struct mm *mm, gva_t page)
{
	lock_assert_held_write(&mm->lock);
	gva_t unit = gva_align_down(page, FORK_UNIT);

	if (mm->fork_writes == FORK_SOON)
		return;
	mm->fork_writes++;
	pages_note(mm->fork_pages, unit);
	pages_note(mm->parent_fork_pages, unit);
}

void fork_pages_put(struct fork_pages *p)
{
	if (p && ref_put(&p->refs))
		free(p);
}

struct fork {
	struct mm *parent, *child;
	gva_t hot[FORK_PAGES + FORK_HINTS];
	unsigned nr_hot;
};

static bool is_hot(const struct fork *f, gva_t addr)
{
	for (unsigned i = 0; i < f->nr_hot; i++) {
		if (gva_eq(gva_align_down(addr, FORK_UNIT), f->hot[i]))
			return true;
	}
	return false;
}

/* A unit counts as far as private memory that may be written lies in it; there whole backings are
 * in it or out of it. */
static void hot_add(struct fork *f, gva_t unit)
{
	gva_t end = gva_add(unit, FORK_UNIT);
	bool counts = false;

	if (!unit.v || is_hot(f, unit))
		return;
	vma_for_range (v, f->parent, unit, end) {
		if (!(v->flags & VMA_SHARED) && v->prot & GUEST_WRITE)
			counts = backing_isolate(f->parent, gva_max(v->start, unit),
						 gva_min(v->end, end)) == 0;
	}
	if (counts)
		f->hot[f->nr_hot++] = unit;
}

static void hot_collect(struct fork *f, const gva_t *hints)
{
	struct fork_pages *p = f->parent->fork_pages;

	for (unsigned i = 0; i < FORK_HINTS; i++)
		hot_add(f, gva_align_down(hints[i], FORK_UNIT));
	for (unsigned i = 0; p && i < FORK_PAGES; i++)
		hot_add(f, p->units[i]);
}

/* The child will add to what its parent knows. */
static void pages_share(struct mm *parent, struct mm *child)
{
	if (!parent->fork_pages) {
		parent->fork_pages = calloc(1, sizeof *parent->fork_pages);
		if (!parent->fork_pages)
			return;
		ref_set(&parent->fork_pages->refs, 1);
	}
	ref_get(&parent->fork_pages->refs);
	child->parent_fork_pages = parent->fork_pages;
}

/* Is `b` of `v` to be copied for the child now? */
static bool copied_now(const struct fork *f, const struct vma *v, const struct backing *b)
{
	return b->owned && (v->prot & GUEST_WRITE) && !(v->flags & VMA_SHARED) &&
	       is_hot(f, b->start) && gva_le(v->start, b->start) && gva_le(b->end, v->end);
}

/* ---- the copy ---- */

static void copy_fields(struct mm *child, const struct mm *mm)
{
	child->brk_start = mm->brk_start;
	child->brk = mm->brk;
	child->pieces = mm->pieces;
	child->mmap_base = mm->mmap_base;
	child->start_code = mm->start_code;
	child->end_code = mm->end_code;
	child->start_data = mm->start_data;
	child->end_data = mm->end_data;
	child->start_stack = mm->start_stack;
	child->arg_start = mm->arg_start;
	child->arg_end = mm->arg_end;
	child->env_start = mm->env_start;
	child->env_end = mm->env_end;
	child->vdso_base = mm->vdso_base;
	memcpy(child->auxv, mm->auxv, sizeof child->auxv);
	child->auxv_len = mm->auxv_len;
	child->limit_as = mm->limit_as;
	child->limit_data = mm->limit_data;
	child->limit_stack = mm->limit_stack;
	child->limit_memlock = mm->limit_memlock;
}

static int revoke_run(struct mm *mm, const struct vma *v, gva_t start, gva_t end)
{
	unsigned rights = (v->prot | GUEST_READ) & ~(unsigned)GUEST_WRITE;

	return gva_lt(start, end) ? mm->host->platform->space_protect(mm->space, start,
								      gva_diff(end, start), rights)
				  : 0;
}

/* Takes the right to write from the pages of `v` that will be copy-on-write, before their backings
 * say so: one backing may lie in several vmas. One call for each run without a hole; what else is
 * in a run may not be written anyway. */
static int revoke_write(const struct fork *f, const struct vma *v)
{
	/* the run so far, and what goes on behind it */
	gva_t start = GVA_NULL, end = GVA_NULL, backed = GVA_NULL;
	int err = 0;

	if ((v->flags & (VMA_SHARED | VMA_DONTFORK | VMA_WIPEONFORK)) || !(v->prot & GUEST_WRITE))
		return 0;
	backing_for_range (b, f->parent, v->start, v->end) {
		bool keeps = copied_now(f, v, b);

		if (gva_lt(backed, b->start) || keeps || b->left) {
			err = err ? err : revoke_run(f->parent, v, start, end);
			start = end = GVA_NULL;
		}
		backed = b->end;
		if (!b->owned || b->cow || keeps)
			continue;
		if (gva_eq(start, end))
			start = gva_max(b->start, v->start);
		end = gva_min(b->end, v->end);
	}
	return err ? err : revoke_run(f->parent, v, start, end);
}

static int copy_now(const struct fork *f, const struct backing *b)
{
	struct arena *arena = f->parent->host->arena;
	struct backing copy = *b;
	int err = arena_alloc_copy(arena, b->mf, b->off, backing_len(b), &copy.off);

	if (err)
		return err;
	copy.cow = false;
	return backing_add(f->child, &copy);
}

/* Gives the child what stands behind `v`. */
static int share_backings(const struct fork *f, const struct vma *v)
{
	struct mm *mm = f->parent;

	backing_for_range (b, mm, v->start, v->end) {
		struct backing copy = *b;
		int err;

		if (copied_now(f, v, b)) {
			err = copy_now(f, b);
			if (err)
				return err;
			continue;
		}
		copy.start = gva_max(b->start, v->start);
		copy.end = gva_min(b->end, v->end);
		copy.off = backing_off(b, copy.start);
		if (b->owned) {
			copy.cow = b->cow = true;
			arena_ref(mm->host->arena, copy.off, backing_len(&copy));
		}
		err = backing_add(f->child, &copy);
		if (err)
			return err;
	}
	return 0;
}

static int fork_vma(const struct fork *f, const struct vma *v)
{
	struct vma *c;
	int err;

	if (v->flags & VMA_DONTFORK)
		return 0;
	if (vma_is_accountable(v->prot, v->flags) && mm_may_commit(f->parent->host, vma_len(v)) < 0)
		return -ENOMEM;
	c = vma_new(f->child, v);
	if (!c)
		return -ENOMEM;
	c->flags &= ~(unsigned)VMA_LOCKED;
	vma_insert(f->child, c);
	if (v->flags & VMA_WIPEONFORK)
		return 0;
	err = share_backings(f, v);
	return err ? err : mm_map_range(f->child, c->start, c->end);
}

static int fork_vmas(const struct fork *f)
{
	int err = 0;

	/* What stays with the parent has backings of its own. */
	for (struct vma *v = vma_first(f->parent); v && !err; v = vma_next(v)) {
		if (v->flags & (VMA_DONTFORK | VMA_WIPEONFORK))
			err = backing_isolate(f->parent, v->start, v->end);
	}
	for (struct vma *v = vma_first(f->parent); v && !err; v = vma_next(v))
		err = mm_killed(f->parent) ? -EINTR : revoke_write(f, v);
	for (struct vma *v = vma_first(f->parent); v && !err; v = vma_next(v))
		err = mm_killed(f->parent) ? -EINTR : fork_vma(f, v);
	return err;
}

int mm_fork(struct mm *parent, const gva_t hints[FORK_HINTS], struct mm **out)
{
	struct fork f = { .parent = parent };
	int err = mm_create(parent->host, &f.child);

	if (err)
		return err;
	rwlock_wrlock(&parent->lock);
	rwlock_wrlock(&f.child->lock);
	copy_fields(f.child, parent);
	parent->fork_writes = 0;
	hot_collect(&f, hints);
	pages_share(parent, f.child);
	err = fork_vmas(&f);
	backing_merge(parent, GVA_NULL, GVA_MAX);
	rwlock_unlock(&f.child->lock);
	rwlock_unlock(&parent->lock);
	if (err) {
		mm_put(f.child);
		return err;
	}
	*out = f.child;
	return 0;
}
