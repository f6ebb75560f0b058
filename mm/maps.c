/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at an address space: its vmas, what is resident. */
#include "mm/maps.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mm/access.h"
#include "mm/backing.h"
#include "mm/vma.h"
#include "util/minmax.h"

/* Pages looked at under the lock at a time. */
#define MINCORE_CHUNK 1024UL

int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, void *arg), void *arg)
{
	int r = 0;

	rwlock_rdlock(&mm->lock);
	for (struct vma *v = vma_first(mm); v && !r; v = vma_next(v))
		r = fn(v, arg);
	rwlock_unlock(&mm->lock);
	return r;
}

uint64_t mm_resident(struct mm *mm)
{
	return mm->resident;
}

uint64_t mm_mapped_memory(const struct mm *mm)
{
	return mm->resident + mm->resident_shared;
}

/* How many of at most MINCORE_CHUNK pages the host has given. */
static uint64_t pages_in(char *p, uint64_t pages)
{
	unsigned char vec[MINCORE_CHUNK];
	uint64_t n = 0;

	if (mincore(p, pages * PAGE_SIZE, vec) < 0)
		return pages;
	for (uint64_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

/* Holes are skipped by SEEK_DATA. The end of what follows is not asked for by SEEK_HOLE, which
 * would look far behind the range, but page by page, in pieces that grow while there is no hole in
 * them. */
uint64_t usage_data_bytes(struct memfile *mf, uint64_t off, uint64_t len, unsigned *steps)
{
	uint64_t end = off + len, total = 0, piece = PAGE_SIZE;

	while (off < end && *steps) {
		--*steps;
		off_t data = lseek(mf->fd, (off_t)off, SEEK_DATA);
		if (data < 0 || (uint64_t)data >= end)
			return total;
		uint64_t n = min64(end - (uint64_t)data, piece);
		char *host = memfile_ptr(mf, (uint64_t)data, n);
		uint64_t found = host ? pages_in(host, n / PAGE_SIZE) * PAGE_SIZE : n;
		piece = found == n ? min64(2 * piece, MINCORE_CHUNK << PAGE_SHIFT) : PAGE_SIZE;
		total += found;
		off = (uint64_t)data + n;
	}
	return total + (end - off);
}

/* Up to this much is looked at page by page; of a longer range, so many pages are taken for all. */
#define TOUCHED_EXACT  (MINCORE_CHUNK << PAGE_SHIFT)
#define TOUCHED_PROBES 1024

/* Not by SEEK_HOLE: it looks for the end of the data far behind the range. */
static uint64_t touched_bytes(char *p, uint64_t len)
{
	uint64_t step = PAGE_DOWN(len / TOUCHED_PROBES), n = 0;

	if (len <= TOUCHED_EXACT)
		return pages_in(p, len / PAGE_SIZE) * PAGE_SIZE;
	for (uint64_t i = 0; i < TOUCHED_PROBES; i++)
		n += pages_in(p + i * step, 1);
	return len / TOUCHED_PROBES * n;
}

uint64_t mm_touched(struct mm *mm)
{
	uint64_t total = 0;

	if (!rwlock_tryrdlock(&mm->lock))
		return mm_mapped_memory(mm);
	backing_for_range (b, mm, GVA_NULL, GVA_MAX) {
		if (b->mf == arena_memfile(mm->host->arena))
			total += touched_bytes(arena_ptr(mm->host->arena, b->off), backing_len(b));
	}
	rwlock_unlock(&mm->lock);
	return total;
}

/* The host knows which pages of a memory file have been touched. At most to *end, which becomes the
 * end of the vma at `start` if that is lower. */
static int mincore_locked(struct mm *mm, gva_t start, gva_t *end, unsigned char *vec)
{
	const struct vma *v = vma_at(mm, start);

	if (!v)
		return -ENOMEM;
	*end = gva_min(*end, v->end);
	memset(vec, 0, gva_diff(*end, start) >> PAGE_SHIFT);
	backing_for_range (b, mm, start, *end) {
		gva_t low = gva_max(b->start, start), high = gva_min(b->end, *end);
		void *host = memfile_ptr(b->mf, backing_off(b, low), gva_diff(high, low));

		if (!host || mincore(host, gva_diff(high, low),
				     vec + (gva_diff(low, start) >> PAGE_SHIFT)) < 0)
			return -EAGAIN;
	}
	return 0;
}

int mm_page_present(struct mm *mm, gva_t addr)
{
	unsigned char there = 0;
	gva_t page = gva_page_down(addr), end = gva_add(page, PAGE_SIZE);

	rwlock_rdlock(&mm->lock);
	int err = mincore_locked(mm, page, &end, &there);
	rwlock_unlock(&mm->lock);
	if (err)
		return err == -ENOMEM ? -EFAULT : err;
	return there & 1 ? 0 : -ENOENT;
}

int mm_mincore(struct mm *mm, gva_t addr, uint64_t len, gva_t vec)
{
	unsigned char buf[MINCORE_CHUNK];
	gva_t at = addr, end = gva_add(at, PAGE_UP(len));

	if (!gva_page_aligned(at))
		return -EINVAL;
	if (!gva_range_ok(addr, len))
		return -ENOMEM;
	if (!gva_range_ok(vec, PAGE_UP(len) >> PAGE_SHIFT))
		return -EFAULT;
	while (gva_lt(at, end)) {
		gva_t stop = gva_min(end, gva_add(at, MINCORE_CHUNK << PAGE_SHIFT));
		uint64_t n;
		int err;

		if (mm_killed(mm))
			return -EINTR;
		rwlock_rdlock(&mm->lock);
		err = mincore_locked(mm, at, &stop, buf);
		rwlock_unlock(&mm->lock);
		if (err)
			return err;
		n = gva_diff(stop, at) >> PAGE_SHIFT;
		for (uint64_t i = 0; i < n; i++)
			buf[i] &= 1;
		if (copy_to_guest(mm, vec, buf, n) > 0)
			return -EFAULT;
		at = stop;
		vec = gva_add(vec, n);
	}
	return 0;
}
