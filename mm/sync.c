/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches through a mapping to its file: msync(2), MADV_REMOVE. The file is called without
 * mm->lock, as it may block or come back to us. */
#include "mm/sync.h"

#include <errno.h>
#include <sys/mman.h>

#include "mm/pagesource.h"
#include "mm/seal.h"
#include "mm/vma.h"

/* The part of a shared file mapping at or above *at. */
struct file_part {
	struct pagesource *source; /* a reference */
	uint64_t off, len;
};

static void part_of(const struct vma *v, gva_t start, gva_t end, struct file_part *out)
{
	gva_t low = gva_max(v->start, start);

	out->source = v->source;
	out->off = vma_offset(v, low);
	out->len = gva_diff(gva_min(v->end, end), low);
	out->source->ops->ref(out->source);
}

/* Looks at the vma at or above *at, moves *at behind it. -ENOMEM: there was a hole before it, or
 * nothing. */
static int next_to_sync(struct mm *mm, gva_t *at, gva_t end, int flags, struct file_part *out)
{
	struct vma *v = vma_find(mm, *at);
	int err = v && gva_le(v->start, *at) ? 0 : -ENOMEM;

	out->source = NULL;
	if (!v || gva_le(end, v->start)) {
		*at = end;
		return -ENOMEM;
	}
	if ((flags & MS_INVALIDATE) && (v->flags & VMA_LOCKED))
		return -EBUSY;
	if ((flags & MS_SYNC) && (v->flags & VMA_SHARED) && v->source && v->source->ops->sync)
		part_of(v, *at, end, out);
	*at = v->end;
	return err;
}

int mm_msync(struct mm *mm, gva_t addr, uint64_t len, int flags)
{
	gva_t at = addr, end = gva_add(addr, PAGE_UP(len));
	int unmapped = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !gva_page_aligned(addr))
		return -EINVAL;
	if ((flags & MS_ASYNC) && (flags & MS_SYNC))
		return -EINVAL;
	if (gva_lt(end, addr))
		return -ENOMEM;
	while (gva_lt(at, end)) {
		struct file_part part;
		int err;

		rwlock_rdlock(&mm->lock);
		err = next_to_sync(mm, &at, end, flags, &part);
		rwlock_unlock(&mm->lock);
		if (err == -EBUSY)
			return err;
		unmapped = err ? err : unmapped;
		if (!part.source)
			continue;
		err = part.source->ops->sync(part.source, part.off, part.len);
		part.source->ops->unref(part.source);
		if (err)
			return err;
	}
	return unmapped;
}

/* Looks at the vma at or above *at, moves *at behind it. Sets *hole when there was one before
 * it. */
static int next_to_remove(struct mm *mm, gva_t *at, gva_t end, bool *hole, struct file_part *out)
{
	struct vma *v = vma_find(mm, *at);
	gva_t from = *at;

	*hole |= !v || gva_lt(from, v->start);
	*at = v && gva_lt(v->start, end) ? v->end : end;
	out->source = NULL;
	if (!v || gva_le(end, v->start))
		return 0;
	if (vma_keeps_contents(v))
		return -EPERM;
	if ((v->flags & VMA_LOCKED) || !v->source)
		return -EINVAL;
	if (!(v->flags & VMA_SHARED) || !(v->flags & VMA_MAYWRITE))
		return -EACCES;
	if (!v->source->ops->punch)
		return -EOPNOTSUPP;
	part_of(v, from, end, out);
	return 0;
}

int mm_remove(struct mm *mm, gva_t start, gva_t end)
{
	bool hole = false;

	while (gva_lt(start, end)) {
		struct file_part part;
		int err;

		rwlock_rdlock(&mm->lock);
		err = next_to_remove(mm, &start, end, &hole, &part);
		rwlock_unlock(&mm->lock);
		if (err)
			return err;
		if (!part.source)
			continue;
		err = part.source->ops->punch(part.source, part.off, part.len);
		part.source->ops->unref(part.source);
		if (err)
			return err;
	}
	return hole ? -ENOMEM : 0;
}
