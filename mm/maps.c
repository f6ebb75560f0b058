/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at an address space: its vmas, what is resident. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/backing.h"
#include "mm/vma.h"

/* Pages looked at under the lock at a time. */
#define MINCORE_CHUNK 1024UL

int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, void *arg), void *arg)
{
	int r = 0;

	pthread_rwlock_rdlock(&mm->lock);
	for (struct vma *v = vma_first(mm); v && !r; v = vma_next(v))
		r = fn(v, arg);
	pthread_rwlock_unlock(&mm->lock);
	return r;
}

uint64_t mm_resident(struct mm *mm)
{
	uint64_t n;

	pthread_rwlock_rdlock(&mm->lock);
	n = mm->resident;
	pthread_rwlock_unlock(&mm->lock);
	return n;
}

/* The host knows which pages of a memory file have been touched. Backings that lie in holes of vmas do not exist. */
static int mincore_locked(struct mm *mm, uint64_t start, uint64_t end, unsigned char *vec)
{
	memset(vec, 0, (end - start) >> PAGE_SHIFT);
	if (vma_bytes(mm, start, end) < end - start)
		return -ENOMEM;
	backing_for_range(b, mm, start, end)
	{
		uint64_t low = b->start > start ? b->start : start, high = b->end < end ? b->end : end;
		void *host = memfile_ptr(b->mf, backing_off(b, low), high - low);

		if (!host || mincore(host, high - low, vec + ((low - start) >> PAGE_SHIFT)) < 0)
			return -EAGAIN;
	}
	return 0;
}

int mm_mincore(struct mm *mm, uint64_t addr, uint64_t len, gva_t vec)
{
	unsigned char buf[MINCORE_CHUNK];
	uint64_t pages = PAGE_UP(len) >> PAGE_SHIFT;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (!gva_range_ok(GVA(addr), len))
		return -ENOMEM;
	if (!gva_range_ok(vec, pages))
		return -EFAULT;
	while (pages > 0) {
		uint64_t n = pages < MINCORE_CHUNK ? pages : MINCORE_CHUNK;
		int err;

		pthread_rwlock_rdlock(&mm->lock);
		err = mincore_locked(mm, addr, addr + (n << PAGE_SHIFT), buf);
		pthread_rwlock_unlock(&mm->lock);
		if (err)
			return err;
		for (uint64_t i = 0; i < n; i++)
			buf[i] &= 1;
		if (copy_to_guest(mm, vec, buf, n) > 0)
			return -EFAULT;
		addr += n << PAGE_SHIFT;
		vec.v += n;
		pages -= n;
	}
	return 0;
}
