/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2): checks and errors in the order of Linux's. Pages are not copied: their backings
 * move. */
#include <errno.h>
#include <sys/mman.h>

#include "mm/map.h"
#include "mm/populate.h"
#include "util/minmax.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

struct remap {
	uint64_t old, old_len, new_len, new_addr;
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
	if ((r->old & ~PAGE_MASK) || r->new_len == 0 || r->new_len > mm_end(mm))
		return -EINVAL;
	if (!has_target(r))
		return 0;
	if ((r->new_addr & ~PAGE_MASK) || r->new_addr > mm_end(mm) - r->new_len)
		return -EINVAL;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
		return -EINVAL;
	return r->old + r->old_len > r->new_addr && r->new_addr + r->new_len > r->old ? -EINVAL : 0;
}

/* May the part of `v` (NULL: none) from r->old on move, or become r->new_len long? (Linux's
 * check_prep_vma) */
static int check_vma(struct mm *mm, const struct remap *r, const struct vma *v)
{
	bool grows = r->new_len > r->old_len;
	int err = 0;

	if (!v)
		return -EFAULT;
	if (!grows && !has_target(r))
		return 0;
	if (r->old_len == 0 && !(v->flags & VMA_SHARED))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && (v->flags & VMA_SPECIAL))
		return -EINVAL;
	if (min64(r->old_len, r->new_len) > v->end - r->old)
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
static void move_backings(struct mm *mm, uint64_t old, uint64_t len, uint64_t new)
{
	struct backing *b = backing_find(mm, old), *next;

	for (; b && b->start < old + len; b = next) {
		next = backing_next(b);
		backing_move(mm, b, b->start - old + new);
	}
}

/* Moves the cut-out vma at r->old to the free range at `new`. */
static int64_t move_vma(struct mm *mm, const struct remap *r, uint64_t new)
{
	struct vma *v = vma_at(mm, r->old), *n = vma_new(mm, v);
	bool keep = r->old_len == 0 || (r->flags & MREMAP_DONTUNMAP);
	uint64_t len = min64(r->old_len, r->new_len);

	if (!n)
		return -ENOMEM;
	n->offset += r->old - v->start;
	n->start = new;
	n->end = new + r->new_len;
	if (len && backing_find(mm, r->old)) {
		mm_unmap_range(mm, r->old, r->old + len);
		move_backings(mm, r->old, len, new);
	}
	if (!keep)
		vma_delete(mm, v);
	else if (r->old_len)
		vma_change(mm, v, v->prot, v->flags & ~(unsigned)VMA_LOCKED);
	vma_insert(mm, n);
	backing_merge(mm, new, new + len);
	if (mm_map_range(mm, new, new + len) < 0)
		return -ENOMEM;
	if (r->new_len > len)
		mm_populate_eagerly(mm, n, new + len, n->end);
	vma_merge(mm, new, new + r->new_len);
	vma_merge(mm, r->old, r->old + r->old_len);
	return (int64_t) new;
}

static int64_t isolate_and_move(struct mm *mm, const struct remap *r, uint64_t new)
{
	uint64_t end = r->old + r->old_len;
	int err = mm->nr_vmas + 2 >= VMA_MAX_COUNT - 3 ? -ENOMEM : 0;

	if (!err && r->old_len)
		err = vma_isolate(mm, r->old, end);
	if (!err && r->old_len)
		err = backing_isolate(mm, r->old, end);
	return err ? err : move_vma(mm, r, new);
}

/* Gives back what r->new_len leaves of the old range. */
static int shrink(struct mm *mm, struct remap *r)
{
	uint64_t from = r->old + r->new_len;

	if (r->old_len <= r->new_len)
		return 0;
	if (!gva_range_ok(GVA(from), r->old_len - r->new_len))
		return -EINVAL;
	int err = mm_clear_range(mm, from, r->old + r->old_len);
	r->old_len = r->new_len;
	return err;
}

/* MREMAP_FIXED and MREMAP_DONTUNMAP. A source of length 0 may lie where the target is cleared. */
static int64_t remap_to(struct mm *mm, struct remap *r)
{
	unsigned how = r->flags & MREMAP_FIXED ? MAP_FIXED : 0;
	const struct vma *v;
	int64_t new;
	int err = 0;

	if (how)
		err = mm_clear_range(mm, r->new_addr, r->new_addr + r->new_len);
	if (!err && !vma_at(mm, r->old))
		err = -EFAULT;
	if (!err)
		err = shrink(mm, r);
	if (err)
		return err;
	v = vma_at(mm, r->old);
	if ((r->flags & MREMAP_DONTUNMAP) && mm_may_expand(mm, r->old_len, v->prot, v->flags) < 0)
		return -ENOMEM;
	new = mm_place(mm, r->new_addr, r->new_len, how);
	return new < 0 ? new : isolate_and_move(mm, r, (uint64_t) new);
}

/* A range that only moves may hold several vmas, and holes between them. Each vma is a move of its
 * own: where one fails, those below it have moved. (Linux's remap_move) */
static int64_t remap_range(struct mm *mm, const struct remap *r)
{
	uint64_t end = r->old + r->old_len, at = r->old;
	struct vma *v = vma_at(mm, at);
	int64_t ret = v ? (int64_t)r->new_addr : -EFAULT;

	for (; ret >= 0 && at < end && v && v->start < end; v = vma_find(mm, at)) {
		struct remap part = *r;

		part.old = max64(v->start, at);
		part.old_len = part.new_len = min64(v->end, end) - part.old;
		part.new_addr = r->new_addr + (part.old - r->old);
		at = part.old + part.old_len;
		ret = check_vma(mm, &part, v);
		if (!ret)
			ret = remap_to(mm, &part);
	}
	return ret < 0 ? ret : (int64_t)r->new_addr;
}

static bool can_grow_in_place(struct mm *mm, const struct remap *r, const struct vma *v)
{
	uint64_t end = r->old + r->new_len;

	return r->old_len && r->old + r->old_len == v->end && end <= mm_end(mm) &&
	       vma_range_free(mm, v->end, end);
}

static int64_t grow_in_place(struct mm *mm, const struct remap *r, struct vma *v)
{
	uint64_t from = v->end, to = r->old + r->new_len;

	vma_resize(mm, v, v->start, to);
	mm_populate_eagerly(mm, v, from, to);
	vma_merge(mm, from, to);
	return (int64_t)r->old;
}

static int64_t grow(struct mm *mm, const struct remap *r, struct vma *v)
{
	int64_t new;

	if (can_grow_in_place(mm, r, v))
		return grow_in_place(mm, r, v);
	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	new = mm_place(mm, 0, r->new_len, 0);
	return new < 0 ? new : isolate_and_move(mm, r, (uint64_t) new);
}

static int64_t remap_locked(struct mm *mm, struct remap *r)
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
	err = shrink(mm, r);
	return err ? err : (int64_t)r->old;
}

int64_t mm_mremap(struct mm *mm, gva_t old, uint64_t old_len, uint64_t new_len, unsigned flags,
		  gva_t new_addr)
{
	struct remap r = { old.v, PAGE_UP(old_len), PAGE_UP(new_len), new_addr.v, flags };
	int64_t ret = check_args(mm, &r);
	const struct vma *v;
	bool locked;

	if (ret)
		return ret;
	rwlock_wrlock(&mm->lock);
	ret = remap_locked(mm, &r);
	v = ret >= 0 ? vma_at(mm, (uint64_t)ret) : NULL;
	locked = v && (v->flags & VMA_LOCKED);
	rwlock_unlock(&mm->lock);
	if (locked && r.new_len > r.old_len)
		mm_populate_now(mm, (uint64_t)ret + r.old_len, (uint64_t)ret + r.new_len, true);
	return ret;
}
