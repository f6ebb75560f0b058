/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2) and munmap(2): checks and errors in the order of Linux's ksys_mmap_pgoff, do_mmap and
 * mmap_region. */
#include "mm/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/populate.h"
#include "mm/seal.h"
#include "mm/shmem.h"

#ifndef MAP_UNINITIALIZED
#define MAP_UNINITIALIZED 0x4000000
#endif

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

/* What MAP_SHARED_VALIDATE knows (LEGACY_MAP_MASK); MAP_SYNC needs a DAX file, which we never
 * have. */
#define MAP_KNOWN                                                                                  \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |   \
	 MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |           \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | ARCH_MAP_LOW | (0x3fu << 26))

/* The range ARCH_MAP_LOW looks in. */
#define LOW_BASE GVA(0x40000000)
#define LOW_END  GVA(0x80000000)

#define PROT_RIGHTS (unsigned)(PROT_READ | PROT_WRITE | PROT_EXEC)

static bool is_shared(const struct mmap_args *a)
{
	unsigned type = a->flags & MAP_TYPE;

	return type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
}

static bool is_file(const struct mmap_args *a)
{
	return !(a->flags & MAP_ANONYMOUS);
}

static int check_file(const struct mmap_args *a)
{
	if ((a->flags & MAP_TYPE) == MAP_SHARED_VALIDATE && (a->flags & ~(unsigned)MAP_KNOWN))
		return -EOPNOTSUPP;
	if (a->refused)
		return a->refused;
	return a->flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

static int check_anonymous(const struct mmap_args *a)
{
	if ((a->flags & MAP_TYPE) == MAP_DROPPABLE)
		return a->flags & (MAP_LOCKED | MAP_GROWSDOWN) ? -EINVAL : 0;
	if ((a->flags & MAP_TYPE) == MAP_SHARED_VALIDATE)
		return -EINVAL;
	return is_shared(a) && (a->flags & MAP_GROWSDOWN) ? -EINVAL : 0;
}

static int check_type(const struct mmap_args *a)
{
	if (is_file(a) && (a->offset > INT64_MAX || PAGE_UP(a->len) > INT64_MAX - a->offset))
		return -EOVERFLOW;
	switch (a->flags & MAP_TYPE) {
	case MAP_SHARED:
	case MAP_PRIVATE:
	case MAP_SHARED_VALIDATE: return is_file(a) ? check_file(a) : check_anonymous(a);
	case MAP_DROPPABLE: return is_file(a) ? -EINVAL : check_anonymous(a);
	default: return -EINVAL;
	}
}

static unsigned new_vma_flags(const struct mm *mm, const struct mmap_args *a)
{
	unsigned flags = a->vma_flags;

	if (!is_file(a))
		flags |= VMA_MAYWRITE | VMA_MAYEXEC;
	if (is_shared(a))
		flags |= VMA_SHARED;
	if (a->flags & MAP_GROWSDOWN)
		flags |= VMA_GROWSDOWN;
	if (a->flags & MAP_NORESERVE)
		flags |= VMA_NORESERVE;
	if ((a->flags & MAP_TYPE) == MAP_DROPPABLE) /* never dropped, as without memory pressure */
		flags |= VMA_NORESERVE | VMA_WIPEONFORK | VMA_DONTDUMP;
	if ((a->flags & MAP_LOCKED) || mm->lock_future)
		flags |= VMA_LOCKED;
	return flags;
}

/* Where Linux's get_unmapped_area looks without MAP_FIXED: the hint, if it is free; top-down;
 * bottom-up. `low`: all of it, the hint too, below 2 GiB. GVA_NULL: nowhere. */
static gva_t find_place(struct mm *mm, gva_t hint, uint64_t len, bool low)
{
	gva_t end = low ? LOW_END : mm_end(mm), found;

	if (len > end.v)
		return GVA_NULL;
	hint = gva_page_down(hint);
	if (hint.v) {
		hint = gva_max(hint, GVA(GUEST_MMAP_MIN));
		if (gva_le(hint, gva_sub(end, len)) && vma_range_free(mm, hint, gva_add(hint, len)))
			return hint;
	}
	if (low)
		return vma_gap_lowest(mm, len, LOW_BASE, LOW_END);
	found = vma_gap_highest(mm, len, GVA(GUEST_MMAP_MIN), mm->mmap_base);
	return found.v ? found : vma_gap_lowest(mm, len, mm->mmap_base, mm_end(mm));
}

int mm_place(struct mm *mm, gva_t addr, uint64_t len, unsigned flags, gva_t *out)
{
	if (len > mm_end(mm).v)
		return -ENOMEM;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		*out = find_place(mm, addr, len, flags & ARCH_MAP_LOW);
		return out->v ? 0 : -ENOMEM;
	}
	if (gva_lt(gva_sub(mm_end(mm), len), addr))
		return -ENOMEM;
	if (!gva_page_aligned(addr))
		return -EINVAL;
	if (addr.v < GUEST_MMAP_MIN)
		return -EPERM;
	if ((flags & MAP_FIXED_NOREPLACE) && vma_bytes(mm, addr, gva_add(addr, len)) > 0)
		return -EEXIST;
	*out = addr;
	return 0;
}

int mm_may_expand(struct mm *mm, uint64_t len, unsigned prot, unsigned flags)
{
	struct mm_host *h = mm->host;

	if (mm->total_bytes + len > mm->limit_as)
		return -ENOMEM;
	if (vma_is_data(prot, flags) && mm->data_bytes + len > mm->limit_data)
		return -ENOMEM;
	return vma_is_accountable(prot, flags) ? mm_may_commit(h, len) : 0;
}

/* No host has less memory than this. Most programs never want so much at once, and then what the
 * host says need not be known. */
#define COMMIT_FREELY (16UL << 20)

int mm_may_commit(struct mm_host *h, uint64_t len)
{
	if (len > h->commit_max)
		return -ENOMEM;
	if (len <= COMMIT_FREELY)
		return 0;
	if (!h->overcommit_max)
		h->overcommit_max = mm_overcommit_max();
	return len > h->overcommit_max ? -ENOMEM : 0;
}

int mm_may_lock(struct mm *mm, uint64_t len)
{
	if (mm->limit_memlock == 0)
		return -EPERM;
	return mm->locked_bytes + len > mm->limit_memlock ? -EAGAIN : 0;
}

int mm_clear_range(struct mm *mm, gva_t start, gva_t end)
{
	return range_sealed(mm, start, end) ? -EPERM : mm_empty_range(mm, start, end);
}

int mm_empty_range(struct mm *mm, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	struct vma *v = vma_find(mm, start), *next;
	struct backing *b;
	int err;

	if (!v || gva_le(end, v->start))
		return 0;
	err = vma_isolate(mm, start, end);
	if (!err)
		err = backing_isolate(mm, start, end);
	if (err)
		return err;
	b = backing_find(mm, start);
	if (b && gva_lt(b->start, end)) {
		err = mm_unmap_range(mm, start, end);
		if (err)
			return err;
		backing_drop(mm, start, end);
	}
	for (v = vma_find(mm, start); v && gva_lt(v->start, end); v = next) {
		next = vma_next(v);
		vma_delete(mm, v);
	}
	return 0;
}

/* Are all pages to be there when the call returns? */
static bool wants_pages(const struct mm *mm, const struct mmap_args *a)
{
	if ((a->flags & MAP_LOCKED) || (mm->lock_future && !(mm->lock_future & MCL_ONFAULT)))
		return true;
	return (a->flags & MAP_POPULATE) && !(a->flags & MAP_NONBLOCK);
}

/*
 * glibc's ld.so maps a library whole, for reading, and then its other segments over most of that,
 * all with a flag that has meant nothing for long. What is left of the first mapping is the first
 * segment: it is mapped when the second has shown where it ends.
 */
static void populate_new(struct mm *mm, const struct mmap_args *a, struct vma *v)
{
	bool library = a->source && (a->flags & MAP_DENYWRITE);
	struct vma *below = library && (a->flags & MAP_FIXED) ? vma_prev(v) : NULL;

	if (!wants_pages(mm, a) && (!library || (a->flags & MAP_FIXED)))
		mm_populate_eagerly(mm, v, v->start, v->end);
	if (below && below->source == a->source && !backing_at(mm, below->start))
		mm_populate_eagerly(mm, below, below->start, below->end);
}

/* Makes the vma and puts it where nothing is any more; past the clearing only memory for the vma
 * could fail, so it is made before. */
static int insert_mapping(struct mm *mm, const struct mmap_args *a, gva_t addr, uint64_t len,
			  unsigned flags)
{
	const struct vma like = { .start = addr,
				  .end = gva_add(addr, len),
				  .prot = a->prot & PROT_RIGHTS,
				  .flags = flags,
				  .source = a->source,
				  .offset = a->source ? a->offset : 0,
				  .place = a->place,
				  .name = (char *)(uintptr_t)a->name };
	struct vma *v;
	int err =
	    mm_may_expand(mm, len - vma_bytes(mm, addr, gva_add(addr, len)), like.prot, flags);

	if (err)
		return err;
	v = vma_new(mm, &like);
	if (!v)
		return -ENOMEM;
	err = mm_clear_range(mm, addr, gva_add(addr, len));
	if (err) {
		vma_free(v);
		return err;
	}
	vma_insert(mm, v);
	populate_new(mm, a, v);
	vma_merge(mm, addr, gva_add(addr, len));
	return 0;
}

/* *at: where the mapping is. */
static int mmap_locked(struct mm *mm, const struct mmap_args *a, uint64_t len, gva_t *at)
{
	unsigned flags = new_vma_flags(mm, a);
	int err = mm->nr_vmas < VMA_MAX_COUNT ? 0 : -ENOMEM;

	if (!err)
		err = mm_place(mm, a->addr, len, a->flags, at);
	if (!err && (flags & VMA_LOCKED))
		err = mm_may_lock(mm, len);
	if (!err)
		err = check_type(a);
	return err ? err : insert_mapping(mm, a, *at, len, flags);
}

/* Of MAP_ANONYMOUS, or a mapping of /dev/zero, which has no pages of its own. */
static bool is_shared_anonymous(const struct mmap_args *a)
{
	if (a->source || a->refused || (a->flags & MAP_GROWSDOWN))
		return false;
	return is_file(a) ? is_shared(a) : (a->flags & MAP_TYPE) == MAP_SHARED;
}

/* Shared anonymous memory is a file of memory that has no name. */
static int mmap_shared_anonymous(struct mm *mm, const struct mmap_args *a, uint64_t len, gva_t *at)
{
	struct mmap_args with = *a;
	int err = a->flags & MAP_NORESERVE ? 0 : mm_may_commit(mm->host, len);

	if (!err)
		err = shmem_create(mm->host->arena, len, &with.source);
	if (err)
		return err;
	/* Linux makes memory that begins at 0, and maps what is behind its end. Who cannot write
	 * needs none of his own. */
	with.offset = is_file(a) && (a->vma_flags & VMA_MAYWRITE) ? a->offset : 0;
	with.name = "/dev/zero (deleted)";
	err = mmap_locked(mm, &with, len, at);
	with.source->ops->unref(with.source);
	return err;
}

int64_t mm_mmap(struct mm *mm, const struct mmap_args *a)
{
	uint64_t len = PAGE_UP(a->len);
	gva_t at;
	int err;

	if (is_file(a) && (a->offset & ~PAGE_MASK))
		return -EINVAL;
	if (a->flags & MAP_HUGETLB)
		return is_file(a) ? -EINVAL : -ENOMEM; /* as a Linux without reserved huge pages */
	if (a->len == 0)
		return -EINVAL;
	if (len == 0)
		return -ENOMEM;
	rwlock_wrlock(&mm->lock);
	bool now = wants_pages(mm, a);
	if (is_shared_anonymous(a))
		err = mmap_shared_anonymous(mm, a, len, &at);
	else
		err = mmap_locked(mm, a, len, &at);
	rwlock_unlock(&mm->lock);
	if (err)
		return err;
	if (now)
		mm_populate_now(mm, at, gva_add(at, len), true);
	return (int64_t)at.v;
}

int mm_munmap(struct mm *mm, gva_t addr, uint64_t len)
{
	int err;

	if (!gva_page_aligned(addr) || gva_lt(mm_end(mm), addr) ||
	    len > gva_diff(mm_end(mm), addr) || len == 0)
		return -EINVAL;
	rwlock_wrlock(&mm->lock);
	err = mm_clear_range(mm, addr, gva_add(addr, PAGE_UP(len)));
	rwlock_unlock(&mm->lock);
	return err;
}

/* Does the vma show what it would, had its place been mapped at `addr`? */
static bool is_rest_of(const struct vma *v, gva_t addr,
		       void (*count)(struct mapped_place *p, int sign))
{
	return v->place && v->place->count == count && gva_diff(v->start, addr) == v->offset;
}

int mm_unmap_counted(struct mm *mm, gva_t addr, void (*count)(struct mapped_place *p, int sign))
{
	int err = 0;

	rwlock_wrlock(&mm->lock);
	struct vma *v = vma_find(mm, addr), *next;
	while (v && (gva_lt(v->start, addr) || !is_rest_of(v, addr, count)))
		v = vma_next(v);
	const struct mapped_place *place = v ? v->place : NULL;
	const gva_t end = v ? gva_add(addr, PAGE_UP(v->source->ops->size(v->source))) : addr;
	for (; v && !err && gva_le(v->end, end); v = next) {
		next = vma_next(v);
		if (v->place == place && is_rest_of(v, addr, count))
			err = mm_clear_range(mm, v->start, v->end);
	}
	rwlock_unlock(&mm->lock);
	return place ? err : -EINVAL;
}

struct mapped_place *mm_counted_at(struct mm *mm, gva_t addr,
				   void (*count)(struct mapped_place *p, int sign))
{
	struct mapped_place *place = NULL;

	rwlock_rdlock(&mm->lock);
	struct vma *v = vma_find(mm, addr);
	if (v && !gva_diff(v->start, addr) && is_rest_of(v, addr, count)) {
		place = v->place;
		ref_get(&place->refs);
	}
	rwlock_unlock(&mm->lock);
	return place;
}

void mm_unmap_all_counted(struct mm *mm)
{
	rwlock_wrlock(&mm->lock);
	for (struct vma *v = vma_first(mm), *next; v; v = next) {
		next = vma_next(v);
		if (v->place && v->place->count)
			(void)mm_clear_range(mm, v->start, v->end);
	}
	rwlock_unlock(&mm->lock);
}
