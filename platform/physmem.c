/* SPDX-License-Identifier: Apache-2.0 */
/* Reserves the range of host addresses that a sandbox's memory lies in, and maps pieces of host
 * files into its window. See the header. */
#include "platform/physmem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/aside.h"
#include "host/fixup.h"
#include "host/memfd.h"
#include "util/gva.h"
#include "util/list.h"
#include "util/lock.h"

#define GIB (1UL << 30)

/* So much memory takes longer to be given back than a process to be made. */
#define HURRY_BYTES (64UL << 20)

/* Host files are mapped in pieces of whole units, a power of two bytes: at least MIN, so that
 * neighbouring requests share a piece; at most MAX, because kvm pays for address space by the
 * page. */
#define PIECE_MIN (2UL << 20)
#define PIECE_MAX (64UL << 20)

/* A mapped part of a host file. The list of a memory file grows at its head and is freed with it:
 * readers take no lock. */
struct piece {
	struct piece *next;
	uint64_t off, len;
	char *addr;
};

struct memfile_pieces {
	_Atomic(struct piece *) head;
};

/* Unused window space, ordered by address, never touching. */
struct extent {
	struct list link;
	uint64_t start, len; /* bytes from base */
};

struct physmem {
	char *base;
	uint64_t arena_size, window_size;
	struct memfile arena;
	int held; /* physmem_hurry: who unmaps all of it when this is closed; -1: there is nobody */

	struct mutex lock; /* guards what follows, and additions to every list of pieces */
	struct list free;
};

static int extent_add(struct list *before, uint64_t start, uint64_t len)
{
	struct extent *x = malloc(sizeof *x);

	if (!x)
		return -ENOMEM;
	x->start = start;
	x->len = len;
	list_add_tail(before, &x->link);
	return 0;
}

/* First fit of `len` bytes, a multiple of PIECE_MIN. -ENOMEM: none. */
static int64_t window_take(struct physmem *pm, uint64_t len)
{
	struct extent *x;

	list_for_each (x, &pm->free, link) {
		uint64_t start = x->start;
		if (x->len < len)
			continue;
		x->start += len;
		x->len -= len;
		if (x->len == 0) {
			list_del(&x->link);
			free(x);
		}
		return (int64_t)start;
	}
	return -ENOMEM;
}

static void extent_merge(struct extent *x, struct extent *next)
{
	if (x->start + x->len != next->start)
		return;
	x->len += next->len;
	list_del(&next->link);
	free(next);
}

/* Gives [start, start+len) back. Without memory for the note the range stays unused. */
static void window_give(struct physmem *pm, uint64_t start, uint64_t len)
{
	struct extent *next, *x;

	list_for_each (next, &pm->free, link)
		if (next->start > start)
			break;
	if (extent_add(&next->link, start, len) < 0)
		return;
	x = container_of(next->link.prev, struct extent, link);
	if (x->link.next != &pm->free)
		extent_merge(x, container_of(x->link.next, struct extent, link));
	if (x->link.prev != &pm->free)
		extent_merge(container_of(x->link.prev, struct extent, link), x);
}

static void *range_reserve(void *addr, uint64_t size)
{
	int fixed = addr ? MAP_FIXED : 0;
	return mmap(addr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1,
		    0);
}

/* Reserves `size` bytes at a multiple of 1 GiB, so that a guest mapping can be as aligned as its
 * offset. */
static char *aligned_reserve(uint64_t size)
{
	char *raw = range_reserve(NULL, size + GIB);
	char *base;

	if (raw == MAP_FAILED)
		return NULL;
	base = (char *)(((uintptr_t)raw + GIB - 1) & ~(GIB - 1));
	if (base > raw)
		munmap(raw, (size_t)(base - raw));
	munmap(base + size, (size_t)(raw + GIB - base));
	return base;
}

static uint64_t reserved(const struct physmem *pm)
{
	return pm->arena_size + pm->window_size + ASIDE_STACK;
}

static int arena_map(struct physmem *pm)
{
	int fd = memfd_sized("hl-arena", pm->arena_size);

	if (fd < 0)
		return fd;
	pm->arena.fd = fd;
	if (mmap(pm->base, pm->arena_size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return -errno;
	/* Core dumps and forks of the embedding program have no use for guest memory. */
	madvise(pm->base, pm->arena_size, MADV_DONTDUMP);
	return 0;
}

static _Atomic unsigned alive;

unsigned physmem_count(void)
{
	return alive;
}

void physmem_destroy(struct physmem *pm)
{
	struct extent *x, *tmp;

	if (pm->base && pm->held < 0)
		munmap(pm->base, reserved(pm));
	if (pm->arena.fd >= 0)
		close(pm->arena.fd);
	if (pm->held >= 0)
		close(pm->held);
	list_for_each_safe (x, tmp, &pm->free, link)
		free(x);
	mutex_destroy(&pm->lock);
	alive--;
	free(pm);
}

void physmem_hurry(struct physmem *pm)
{
	struct stat st;

	if (pm->held < 0 && fstat(pm->arena.fd, &st) == 0 &&
	    (uint64_t)st.st_blocks * 512 >= HURRY_BYTES)
		pm->held = aside_hold_memory(pm->arena.fd, pm->base, reserved(pm));
}

int physmem_create(uint64_t arena_size, uint64_t window_size, struct physmem **out,
		   struct errmsg *errmsg)
{
	struct physmem *pm;
	int err = fixup_init();

	if (err)
		return errmsg_set(errmsg, -err, "cannot catch faults: %s", strerror(-err));
	pm = calloc(1, sizeof *pm);
	if (!pm)
		return errmsg_set(errmsg, ENOMEM, "out of memory");
	alive++;
	pm->arena_size = arena_size;
	pm->window_size = window_size;
	pm->held = -1;
	pm->arena = (struct memfile){ .refs = REF_INIT(1), .writable = true, .fd = -1, .pm = pm };
	mutex_init(&pm->lock, LOCK_PHYSMEM);
	list_init(&pm->free);
	pm->base = aligned_reserve(reserved(pm));
	err = pm->base ? arena_map(pm) : -ENOMEM;
	if (!err && window_size)
		err = extent_add(&pm->free, arena_size, window_size);
	if (err) {
		physmem_destroy(pm);
		return errmsg_set(
		    errmsg, -err, "no room for %lu GiB of guest memory (is %s limited?): %s",
		    (unsigned long)((arena_size + window_size) / GIB),
		    err == -EFBIG ? "file size, `ulimit -f`," : "address space, `ulimit -v`,",
		    strerror(-err));
	}
	*out = pm;
	return 0;
}

struct memfile *physmem_arena(struct physmem *pm)
{
	return &pm->arena;
}

uint64_t physmem_arena_size(const struct physmem *pm)
{
	return pm->arena_size;
}

void *physmem_base(const struct physmem *pm)
{
	return pm->base;
}

uint64_t physmem_size(const struct physmem *pm)
{
	return pm->arena_size + pm->window_size;
}

static int memfile_new(const struct memfile *like, struct memfile **out)
{
	struct memfile *mf = malloc(sizeof *mf);
	struct memfile_pieces *pieces = calloc(1, sizeof *pieces);

	if (!mf || !pieces) {
		free(mf);
		free(pieces);
		return -ENOMEM;
	}
	*mf = *like;
	ref_set(&mf->refs, 1);
	mf->pieces = pieces;
	*out = mf;
	return 0;
}

int memfile_open(struct physmem *pm, int fd, bool writable, struct memfile **out)
{
	int err = memfile_new(&(struct memfile){ .writable = writable, .fd = fd, .pm = pm }, out);

	if (err)
		close(fd);
	return err;
}

int memfile_borrow(struct physmem *pm, int fd, const struct memfile_view *view,
		   struct memfile **out)
{
	const struct memfile_view none = { .base = NULL };

	return memfile_new(
	    &(struct memfile){ .fd = fd, .borrowed = true, .pm = pm, .view = view ? *view : none },
	    out);
}

const void *memfile_viewed(const struct memfile *mf, uint64_t off, uint64_t len)
{
	bool inside = mf->view.base && off <= mf->view.len && len <= mf->view.len - off;

	return inside ? mf->view.base + off : NULL;
}

void memfile_view_open(int fd, uint64_t len, struct memfile_view *out)
{
	void *p = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);

	*out = (struct memfile_view){ .base = NULL };
	if (p == MAP_FAILED)
		return;
	madvise(p, len, MADV_DONTDUMP);
	*out = (struct memfile_view){ p, len };
}

void memfile_view_close(const struct memfile_view *view)
{
	if (view->base)
		munmap((void *)(uintptr_t)view->base, view->len);
}

struct memfile *memfile_get(struct memfile *mf)
{
	ref_get(&mf->refs);
	return mf;
}

static void piece_unmap(struct physmem *pm, struct piece *p)
{
	/* Replaced, not unmapped: the range stays reserved. When even that fails, it must not be
	 * given out again. */
	if (range_reserve(p->addr, p->len) != MAP_FAILED) {
		mutex_lock(&pm->lock);
		window_give(pm, (uint64_t)(p->addr - pm->base), p->len);
		mutex_unlock(&pm->lock);
	}
	free(p);
}

void memfile_put(struct memfile *mf)
{
	struct piece *p, *next;

	if (!ref_put(&mf->refs))
		return;
	for (p = mf->pieces->head; p; p = next) {
		next = p->next;
		piece_unmap(mf->pm, p);
	}
	if (!mf->borrowed)
		close(mf->fd);
	free(mf->pieces);
	free(mf);
}

static void *piece_find(struct memfile *mf, uint64_t off, uint64_t len)
{
	for (struct piece *p = atomic_load(&mf->pieces->head); p; p = p->next)
		if (off >= p->off && off - p->off <= p->len && len <= p->len - (off - p->off))
			return p->addr + (off - p->off);
	return NULL;
}

/* Rounding of the pieces of this file: its size, within limits. */
static uint64_t piece_unit(const struct memfile *mf)
{
	struct stat st;
	uint64_t unit = PIECE_MIN;

	if (fstat(mf->fd, &st) < 0)
		return unit;
	while (unit < PIECE_MAX && unit < (uint64_t)st.st_size)
		unit *= 2;
	return unit;
}

static void *piece_map(struct memfile *mf, uint64_t off, uint64_t len)
{
	struct physmem *pm = mf->pm;
	uint64_t unit = piece_unit(mf);
	int prot = PROT_READ | (mf->writable ? PROT_WRITE : 0);
	struct piece *p = malloc(sizeof *p);
	int64_t at;

	if (!p)
		return NULL;
	p->off = off & ~(unit - 1);
	p->len = ((off + len + unit - 1) & ~(unit - 1)) - p->off;
	at = window_take(pm, p->len);
	if (at < 0)
		goto fail;
	p->addr = mmap(pm->base + at, p->len, prot, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, mf->fd,
		       (off_t)p->off);
	if (p->addr == MAP_FAILED) {
		window_give(pm, (uint64_t)at, p->len);
		goto fail;
	}
	madvise(p->addr, p->len, MADV_DONTDUMP);
	p->next = mf->pieces->head;
	atomic_store(&mf->pieces->head, p);
	return p->addr + (off - p->off);
fail:
	free(p);
	return NULL;
}

void *memfile_ptr(struct memfile *mf, uint64_t off, uint64_t len)
{
	void *ptr;

	if (!mf->pieces)
		return off <= mf->pm->arena_size && len <= mf->pm->arena_size - off
			   ? mf->pm->base + off
			   : NULL;
	ptr = piece_find(mf, off, len);
	if (ptr)
		return ptr;
	if (len > mf->pm->window_size || off > INT64_MAX / 2)
		return NULL;
	mutex_lock(&mf->pm->lock);
	ptr = piece_find(mf, off, len);
	if (!ptr)
		ptr = piece_map(mf, off, len);
	mutex_unlock(&mf->pm->lock);
	return ptr;
}
