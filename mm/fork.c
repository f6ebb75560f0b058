/* SPDX-License-Identifier: Apache-2.0 */
/* The child's address space at fork(2): the same vmas and backings; what is private becomes copy-on-write on both
 * sides. Costs are per run of pages, not per page, but for the arena's counts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/populate.h"

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void copy_fields(struct mm *child, const struct mm *mm)
{
	child->brk_start = mm->brk_start;
	child->brk = mm->brk;
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

/* Takes the right to write from the pages of `v` that will be copy-on-write, before their backings say so: one backing
 * may lie in several vmas. */
static int revoke_write(struct mm *mm, const struct vma *v)
{
	const struct platform *pf = mm->host->platform;
	uint64_t start = v->end, end = v->end;

	if (v->flags & (VMA_DONTFORK | VMA_WIPEONFORK))
		return backing_isolate(mm, v->start, v->end);
	if ((v->flags & VMA_SHARED) || !(v->prot & GUEST_WRITE))
		return 0;
	backing_for_range(b, mm, v->start, v->end)
	{
		if (!b->owned || b->cow)
			continue;
		if (start == v->end)
			start = max64(b->start, v->start);
		end = min64(b->end, v->end);
	}
	if (start == v->end)
		return 0;
	/* What lies between may not be written directly anyway. */
	return pf->space_protect(mm->space, GVA(start), end - start, (v->prot | GUEST_READ) & ~(unsigned)GUEST_WRITE);
}

/* Gives the child what stands behind `v`. */
static int share_backings(struct mm *mm, struct mm *child, const struct vma *v)
{
	backing_for_range(b, mm, v->start, v->end)
	{
		struct backing copy = *b;
		int err;

		copy.start = max64(b->start, v->start);
		copy.end = min64(b->end, v->end);
		copy.off = backing_off(b, copy.start);
		if (b->owned) {
			copy.cow = b->cow = true;
			arena_ref(mm->host->arena, copy.off, copy.end - copy.start);
		}
		err = backing_add(child, &copy);
		if (err)
			return err;
	}
	return 0;
}

static int fork_vma(struct mm *mm, struct mm *child, const struct vma *v)
{
	struct mm_host *h = mm->host;
	struct vma *c;
	int err;

	if (v->flags & VMA_DONTFORK)
		return 0;
	if (h->memory_limit && vma_is_accountable(v->prot, v->flags) &&
	    h->committed + (v->end - v->start) > h->memory_limit)
		return -ENOMEM;
	c = vma_new(child, v);
	if (!c)
		return -ENOMEM;
	c->flags &= ~(unsigned)VMA_LOCKED;
	vma_insert(child, c);
	if (v->flags & VMA_WIPEONFORK)
		return 0;
	err = share_backings(mm, child, v);
	return err ? err : mm_map_range(child, c->start, c->end);
}

static int fork_vmas(struct mm *mm, struct mm *child)
{
	int err = 0;

	for (struct vma *v = vma_first(mm); v && !err; v = vma_next(v))
		err = revoke_write(mm, v);
	for (struct vma *v = vma_first(mm); v && !err; v = vma_next(v))
		err = fork_vma(mm, child, v);
	return err;
}

int mm_fork(struct mm *parent, struct mm **out)
{
	struct mm *child;
	int err = mm_create(parent->host, &child);

	if (err)
		return err;
	pthread_rwlock_wrlock(&parent->lock);
	pthread_rwlock_wrlock(&child->lock);
	copy_fields(child, parent);
	err = fork_vmas(parent, child);
	backing_merge(parent, 0, UINT64_MAX);
	pthread_rwlock_unlock(&child->lock);
	pthread_rwlock_unlock(&parent->lock);
	if (err) {
		mm_put(child);
		return err;
	}
	*out = child;
	return 0;
}
