/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2): checks and errors in the order of Linux's. Pages are not copied: their backings
 * move. */
#include "mm/remap.h"

#include <errno.h>
#include <sys/mman.h>

#include "mm/map.h"
#include "mm/populate.h"
#include "util/minmax.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

struct remap {
	gva_t old, new; /* `new`: where it is asked to be, and, when all is done, where it is */
	uint64_t old_len, new_len;
	unsigned flags;
};

/* Does the caller say where it is to be, or to stay as well? */
static bool has_target(const struct remap *r)
{
	return r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
}

static int check_args(const struct mm *mm, const struct remap *r)
{
	if (r->flags & ~(unsigned)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if (!gva_page_aligned(r->old) || r->new_len == 0 || r->new_len > mm_end(mm).v)
		return -EINVAL;
	if (!has_target(r))
		return 0;
	if (!gva_page_aligned(r->new) || gva_lt(gva_sub(mm_end(mm), r->new_len), r->new))
		return -EINVAL;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
		return -EINVAL;
	if (gva_lt(r->new, gva_add(r->old, r->old_len)) &&
	    gva_lt(r->old, gva_add(r->new, r->new_len)))
		return -EINVAL;
	return 0;
}

/* May the part of `v` (NULL: none) from r->old on move, or become r->new_len long? (Linux's
 * check_prep_vma) */
static int check_vma(struct mm *mm, const struct remap *r, const struct vma *v)
{
	bool grows = r->new_len > r->old_len;
	int err = 0;

	if (!v)
		return -EFAULT;
	if (v->flags & VMA_SEALED)
		return -EPERM;
	if (!grows && !has_target(r))
		return 0;
	if (r->old_len == 0 && !(v->flags & VMA_SHARED))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && (v->flags & VMA_SPECIAL))
		return -EINVAL;
	if (min64(r->old_len, r->new_len) > gva_diff(v->end, r->old))
		return -EFAULT;
	if (!grows)
		return 0;
	if (v->flags & VMA_SPECIAL)
		return -EFAULT;
	if (v->flags & VMA_LOCKED)
		err = mm_may_lock(mm, r->new_len - r->old_len);
	return err ? -EAGAIN : mm_may_expand(mm, r->new_len - r->old_len, v->prot, v->flags);
}

/* Backings of the old range get their new addresses; both trees hold whole backings only. */
static void move_backings(struct mm *mm, gva_t old, uint64_t len, gva_t new)
{
	struct backing *b = backing_find(mm, old), *next;

	for (; b && gva_lt(b->start, gva_add(old, len)); b = next) {
		next = backing_next(b);
		backing_move(mm, b, gva_add(new, gva_diff(b->start, old)));
	}
}

/* Moves the old range, which lies in one vma, to the free range at r->new. */
static int move(struct mm *mm, const struct remap *r)
{
	uint64_t len = min64(r->old_len, r->new_len);
	gva_t old_end = gva_add(r->old, r->old_len), moved_end = gva_add(r->new, len);
	struct vma *v, *n;
	int err = mm->nr_vmas + 2 >= VMA_MAX_COUNT - 3 ? -ENOMEM : 0;

	if (!err && r->old_len)
		err = vma_isolate(mm, r->old, old_end);
	if (!err && r->old_len)
		err = backing_isolate(mm, r->old, old_end);
	if (err)
		return err;
	v = vma_at(mm, r->old);
	n = vma_new(mm, v);
	if (!n)
		return -ENOMEM;
	n->offset = vma_offset(v, r->old);
	n->start = r->new;
	n->end = gva_add(r->new, r->new_len);
	if (len && backing_find(mm, r->old)) {
		mm_unmap_range(mm, r->old, gva_add(r->old, len));
		move_backings(mm, r->old, len, r->new);
	}
	if (r->old_len && !(r->flags & MREMAP_DONTUNMAP))
		vma_delete(mm, v);
	else if (r->old_len)
		vma_change(mm, v, v->prot, v->flags & ~(unsigned)VMA_LOCKED);
	vma_insert(mm, n);
	backing_merge(mm, r->new, moved_end);
	if (mm_map_range(mm, r->new, moved_end) < 0)
		return -ENOMEM;
	if (r->new_len > len)
		mm_populate_eagerly(mm, n, moved_end, n->end);
	vma_merge(mm, r->new, gva_add(r->new, r->new_len));
	vma_merge(mm, r->old, old_end);
	return 0;
}

/* Gives back what r->new_len leaves of the old range. */
static int shrink(struct mm *mm, struct remap *r)
{
	gva_t from = gva_add(r->old, r->new_len);

	if (r->old_len <= r->new_len)
		return 0;
	if (!gva_range_ok(from, r->old_len - r->new_len))
		return -EINVAL;
	int err = mm_clear_range(mm, from, gva_add(r->old, r->old_len));
	r->old_len = r->new_len;
	return err;
}

/* MREMAP_FIXED and MREMAP_DONTUNMAP. A source of length 0 may lie where the target is cleared. */
static int remap_to(struct mm *mm, struct remap *r)
{
	unsigned how = r->flags & MREMAP_FIXED ? MAP_FIXED : 0;
	const struct vma *v;
	int err = 0;

	if (how)
		err = mm_clear_range(mm, r->new, gva_add(r->new, r->new_len));
	if (!err && !vma_at(mm, r->old))
		err = -EFAULT;
	if (!err)
		err = shrink(mm, r);
	if (err)
		return err;
	v = vma_at(mm, r->old);
	if ((r->flags & MREMAP_DONTUNMAP) && mm_may_expand(mm, r->old_len, v->prot, v->flags) < 0)
		return -ENOMEM;
	err = mm_place(mm, r->new, r->new_len, how, &r->new);
	return err ? err : move(mm, r);
}

/* A range that only moves may hold several vmas, and holes between them. Each vma is a move of its
 * own: where one fails, those below it have moved. (Linux's remap_move) */
static int remap_range(struct mm *mm, const struct remap *r)
{
	gva_t end = gva_add(r->old, r->old_len), at = r->old;
	struct vma *v = vma_at(mm, at);
	int err = v ? 0 : -EFAULT;

	for (; !err && gva_lt(at, end) && v && gva_lt(v->start, end); v = vma_find(mm, at)) {
		struct remap part = *r;

		part.old = gva_max(v->start, at);
		part.old_len = part.new_len = gva_diff(gva_min(v->end, end), part.old);
		part.new = gva_add(r->new, gva_diff(part.old, r->old));
		at = gva_add(part.old, part.old_len);
		err = check_vma(mm, &part, v);
		if (!err)
			err = remap_to(mm, &part);
	}
	return err;
}

/* In place where there is room above, else elsewhere. */
static int grow(struct mm *mm, struct remap *r, struct vma *v)
{
	gva_t from = v->end, to = gva_add(r->old, r->new_len);
	int err;

	if (r->old_len && gva_eq(gva_add(r->old, r->old_len), from) && gva_le(to, mm_end(mm)) &&
	    vma_range_free(mm, from, to)) {
		vma_resize(mm, v, v->start, to);
		mm_populate_eagerly(mm, v, from, to);
		vma_merge(mm, from, to);
		r->new = r->old;
		return 0;
	}
	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	err = mm_place(mm, GVA_NULL, r->new_len, 0, &r->new);
	return err ? err : move(mm, r);
}

static int remap_locked(struct mm *mm, struct remap *r)
{
	struct vma *v = vma_at(mm, r->old);
	int err;

	if ((r->flags & MREMAP_FIXED) && r->old_len == r->new_len)
		return remap_range(mm, r);
	err = check_vma(mm, r, v);
	if (err)
		return err;
	if (has_target(r))
		return remap_to(mm, r);
	if (r->new_len > r->old_len)
		return grow(mm, r, v);
	r->new = r->old;
	return shrink(mm, r);
}

int64_t mm_mremap(struct mm *mm, gva_t old, uint64_t old_len, uint64_t new_len, unsigned flags,
		  gva_t new_addr)
{
	struct remap r = { old, new_addr, PAGE_UP(old_len), PAGE_UP(new_len), flags };
	int err = check_args(mm, &r);
	const struct vma *v;
	bool locked;

	if (err)
		return err;
	rwlock_wrlock(&mm->lock);
	err = remap_locked(mm, &r);
	v = err ? NULL : vma_at(mm, r.new);
	locked = v && (v->flags & VMA_LOCKED);
	rwlock_unlock(&mm->lock);
	if (err)
		return err;
	if (locked && r.new_len > r.old_len)
		mm_populate_now(mm, gva_add(r.new, r.old_len), gva_add(r.new, r.new_len), true);
	return (int64_t)r.new.v;
}
