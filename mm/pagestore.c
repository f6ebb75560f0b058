/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory is copied without the store's lock, because the copy takes mm->lock and a fault
 * takes the two the other way round. The pages are held by a count of the arena meanwhile: a
 * truncation may take them out of the file, but they can not become somebody else's.
 */
#include "mm/pagestore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/fixup.h"
#include "mm/rmap.h"
#include "util/gva.h"
#include "util/minmax.h"

/* Appending takes memory ahead of need, as much again as the file has, up to this much. */
#define AHEAD_MAX (256 * 1024UL)

struct store_extent {
	struct rb_node node;
	uint64_t start, end; /* in the file */
	uint64_t off;        /* in the arena, of `start` */
	/* not written yet when it was made: the host knows which pages have been since */
	bool lazy;
};

static struct store_extent *extent_of(const struct rb_node *n)
{
	return n ? container_of((struct rb_node *)(uintptr_t)n, struct store_extent, node) : NULL;
}

/* The first extent that ends above `off`. */
static struct store_extent *extent_find(const struct pagestore *s, uint64_t off)
{
	struct rb_node *n = s->extents.root;
	struct store_extent *found = NULL;

	while (n) {
		struct store_extent *e = extent_of(n);
		if (e->end > off) {
			found = e;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

static struct store_extent *extent_next(const struct store_extent *e)
{
	return extent_of(rb_next(&e->node));
}

static void extent_link(struct pagestore *s, struct store_extent *e)
{
	struct rb_node **link = &s->extents.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = e->start < extent_of(parent)->start ? &parent->left : &parent->right;
	}
	rb_insert(&s->extents, &e->node, parent, link);
}

void pagestore_init(struct pagestore *s, struct arena *a, struct page_quota *quota)
{
	*s = (struct pagestore){ .arena = a, .quota = quota };
	rwlock_init(&s->lock, LOCK_PAGESTORE);
}

/* Puts memory of the arena, whose count it takes over, into the hole [start, end); the quota knows.
 * -ENOMEM: it is still the caller's. */
static int extent_put(struct pagestore *s, uint64_t start, uint64_t end, uint64_t off, bool lazy)
{
	lock_assert_held_write(&s->lock);
	struct store_extent *e, *below;

	below = start ? extent_find(s, start - 1) : NULL;
	if (below && below->lazy == lazy && below->end == start &&
	    below->off + (start - below->start) == off) {
		below->end = end;
		s->held += end - start;
		return 0;
	}
	e = malloc(sizeof *e);
	if (!e)
		return -ENOMEM;
	*e = (struct store_extent){ .start = start, .end = end, .off = off, .lazy = lazy };
	extent_link(s, e);
	s->held += end - start;
	s->lazy |= lazy;
	return 0;
}

/* [start, end) is a hole. */
static int hole_fill(struct pagestore *s, uint64_t start, uint64_t end, bool lazy)
{
	lock_assert_held_write(&s->lock);
	uint64_t off;

	if (!quota_take(s->quota, end - start))
		return -ENOSPC;
	int err = (lazy ? arena_alloc_cold : arena_alloc)(s->arena, end - start, &off);
	if (err)
		goto fail;
	err = extent_put(s, start, end, off, lazy);
	if (!err)
		return 0;
	arena_unref(s->arena, off, end - start);
fail:
	quota_return(s->quota, end - start);
	return err;
}

static void ahead_drop(struct pagestore *s)
{
	if (s->ahead_len)
		arena_unref(s->arena, s->ahead_off, s->ahead_len);
	s->ahead_len = 0;
}

/* Memory for the hole [start, end) and, if there is, so many bytes more. */
static int ahead_take(struct pagestore *s, uint64_t start, uint64_t end, uint64_t more)
{
	uint64_t off, len = end - start + more;
	int err = arena_alloc(s->arena, len, &off);

	if (err && more) {
		len = end - start;
		err = arena_alloc(s->arena, len, &off);
	}
	if (err)
		return err;
	ahead_drop(s);
	s->ahead = start;
	s->ahead_off = off;
	s->ahead_len = len;
	return 0;
}

/* Fills the hole [start, end), which begins where memory was taken ahead, as far as that goes. */
static int ahead_use(struct pagestore *s, uint64_t start, uint64_t end)
{
	uint64_t len = min64(end - start, s->ahead_len);

	if (!quota_take(s->quota, len))
		return -ENOSPC;
	int err = extent_put(s, start, start + len, s->ahead_off, false);
	if (err) {
		quota_return(s->quota, len);
		return err;
	}
	s->ahead += len;
	s->ahead_off += len;
	s->ahead_len -= len;
	return 0;
}

/* A stretch of the file in one extent, or in a hole (memory false). */
struct piece {
	bool memory;
	uint64_t off, len;
};

static struct piece piece_at(const struct pagestore *s, uint64_t pos, uint64_t len)
{
	struct store_extent *e = extent_find(s, pos);

	if (!e || e->start >= pos + len)
		return (struct piece){ .len = len };
	if (e->start > pos)
		return (struct piece){ .len = e->start - pos };
	return (struct piece){ true, e->off + (pos - e->start), min64(e->end - pos, len) };
}

/* Whole pages around a piece, held while it is copied without the lock. */
static void piece_hold(struct pagestore *s, const struct piece *p)
{
	uint64_t start = PAGE_DOWN(p->off);

	arena_ref(s->arena, start, PAGE_UP(p->off + p->len) - start);
}

static void piece_drop(struct pagestore *s, const struct piece *p)
{
	uint64_t start = PAGE_DOWN(p->off);

	arena_unref(s->arena, start, PAGE_UP(p->off + p->len) - start);
}

uint64_t pagestore_size(struct pagestore *s)
{
	uint64_t n;

	rwlock_rdlock(&s->lock);
	n = s->size;
	rwlock_unlock(&s->lock);
	return n;
}

/* The first byte of `e` from `off` on that is data, or (`hole`) not; e->end: there is none. */
static uint64_t extent_seek(const struct pagestore *s, const struct store_extent *e, uint64_t off,
			    bool hole)
{
	if (!e->lazy)
		return hole ? e->end : off;
	return e->start + (arena_seek(s->arena, e->off + (off - e->start),
				      e->off + (e->end - e->start), hole) -
			   e->off);
}

static uint64_t extent_data(const struct pagestore *s, const struct store_extent *e, uint64_t end)
{
	uint64_t at = e->start, n = 0;

	while ((at = extent_seek(s, e, at, false)) < min64(e->end, end)) {
		uint64_t hole = extent_seek(s, e, at, true);

		n += min64(hole, end) - at;
		at = hole;
	}
	return n;
}

uint64_t pagestore_blocks(struct pagestore *s)
{
	uint64_t n, end;

	rwlock_rdlock(&s->lock);
	end = PAGE_UP(s->size);
	n = s->lazy ? 0 : s->held;
	for (struct store_extent *e = s->lazy ? extent_find(s, 0) : NULL; e; e = extent_next(e))
		n += extent_data(s, e, end);
	for (struct store_extent *e = extent_of(rb_last(&s->extents));
	     !s->lazy && e && e->end > end; e = extent_of(rb_prev(&e->node)))
		n -= e->end - max64(e->start, end);
	rwlock_unlock(&s->lock);
	return n / 512;
}

static struct piece piece_to_read(struct pagestore *s, uint64_t pos, uint64_t len)
{
	struct piece p = { 0 };

	rwlock_rdlock(&s->lock);
	if (pos < s->size) {
		p = piece_at(s, pos, min64(len, s->size - pos));
		if (p.memory)
			piece_hold(s, &p);
	}
	rwlock_unlock(&s->lock);
	return p;
}

ssize_t pagestore_read(struct pagestore *s, struct uio *u, uint64_t pos)
{
	size_t done = 0;

	while (u->resid > 0) {
		struct piece p = piece_to_read(s, pos + done, u->resid);
		size_t n;

		if (p.len == 0)
			break;
		n = p.memory ? uio_put(u, arena_ptr(s->arena, p.off), p.len) : uio_zero(u, p.len);
		if (p.memory)
			piece_drop(s, &p);
		done += n;
		if (n < p.len)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

/* Fills the hole at `pos`: what is needed for `len` bytes, or a part of that. Takes more where the
 * file grows. */
static int hole_fill_for_write(struct pagestore *s, uint64_t pos, uint64_t len)
{
	uint64_t start = PAGE_DOWN(pos), end = PAGE_UP(pos + len), more = 0;
	uint64_t left = PAGE_DOWN(quota_left(s->quota));
	struct store_extent *above = extent_find(s, pos);

	if (end >= PAGE_UP(s->size))
		more = PAGE_DOWN(min64(s->size, AHEAD_MAX));
	if (above) {
		end = min64(end, above->start);
		more = min64(more, above->start - end);
	}
	/* As much as there is room for: a write that ends at a full file system is a short one. */
	if (!left)
		return -ENOSPC;
	end = min64(end, start + min64(left, end - start));
	if (s->ahead_len && s->ahead == start)
		return ahead_use(s, start, end);
	if (!arena_room(s->arena, end - start))
		return -ENOMEM;
	if (!more)
		return hole_fill(s, start, end, false);
	int err = ahead_take(s, start, end, more);
	return err ? err : ahead_use(s, start, end);
}

static int piece_to_write(struct pagestore *s, uint64_t pos, uint64_t len, struct piece *p)
{
	int err = 0;

	rwlock_wrlock(&s->lock);
	*p = piece_at(s, pos, len);
	if (!p->memory) {
		err = hole_fill_for_write(s, pos, p->len);
		*p = piece_at(s, pos, len);
	}
	if (!err)
		piece_hold(s, p);
	rwlock_unlock(&s->lock);
	return err;
}

ssize_t pagestore_write(struct pagestore *s, struct uio *u, uint64_t pos)
{
	size_t done = 0;

	while (u->resid > 0) {
		struct piece p;
		size_t n;
		int err = piece_to_write(s, pos + done, u->resid, &p);

		if (err)
			return done ? (ssize_t)done : err;
		n = uio_take(u, arena_ptr(s->arena, p.off), p.len);
		done += n;
		if (n > 0) {
			rwlock_wrlock(&s->lock);
			s->size = max64(s->size, pos + done);
			rwlock_unlock(&s->lock);
		}
		piece_drop(s, &p);
		if (n < p.len)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

int pagestore_get_run(struct pagestore *s, uint64_t off, uint64_t len, bool sparse,
		      struct page_run *out)
{
	struct piece p;
	int err = 0;

	rwlock_wrlock(&s->lock);
	if (off >= PAGE_UP(s->size)) {
		rwlock_unlock(&s->lock);
		return -EFAULT;
	}
	len = min64(len, PAGE_UP(s->size) - off);
	p = piece_at(s, off, len);
	if (!p.memory) {
		err = hole_fill(s, off, off + p.len, sparse);
		p = piece_at(s, off, len);
	}
	rwlock_unlock(&s->lock);
	*out = (struct page_run){ arena_memfile(s->arena), p.off, p.len };
	return err;
}

/* Makes `at` a border of extents. */
static int extent_split(struct pagestore *s, uint64_t at)
{
	lock_assert_held_write(&s->lock);
	struct store_extent *e = extent_find(s, at), *high;

	if (!e || e->start >= at)
		return 0;
	high = malloc(sizeof *high);
	if (!high)
		return -ENOMEM;
	*high = *e;
	high->start = at;
	high->off += at - e->start;
	e->end = at;
	extent_link(s, high);
	return 0;
}

/* What stands in [start, end) counts as written from now on, or (`lazy`) as far as it has been. */
static int extents_mark(struct pagestore *s, uint64_t start, uint64_t end, bool lazy)
{
	lock_assert_held_write(&s->lock);
	struct store_extent *e = extent_find(s, start);

	if (!e || e->start >= end)
		return 0;
	if (extent_split(s, start) < 0 || extent_split(s, end) < 0)
		return -ENOMEM;
	for (e = extent_find(s, start); e && e->start < end; e = extent_next(e))
		e->lazy = lazy;
	s->lazy |= lazy;
	return 0;
}

/* Moves the whole pages of [start, end) out of the file, into `gone`. */
static int detach(struct pagestore *s, uint64_t start, uint64_t end, struct pagestore *gone)
{
	struct store_extent *e, *next;

	if (extent_split(s, start) < 0 || extent_split(s, end) < 0)
		return -ENOMEM;
	for (e = extent_find(s, start); e && e->start < end; e = next) {
		next = extent_next(e);
		rb_erase(&s->extents, &e->node);
		extent_link(gone, e);
		s->held -= e->end - e->start;
	}
	return 0;
}

static void extents_free(struct pagestore *s)
{
	struct rb_node *n;

	while ((n = s->extents.root)) {
		struct store_extent *e = extent_of(n);

		rb_erase(&s->extents, n);
		arena_unref(s->arena, e->off, e->end - e->start);
		quota_return(s->quota, e->end - e->start);
		free(e);
	}
}

void pagestore_destroy(struct pagestore *s)
{
	ahead_drop(s);
	extents_free(s);
	rwlock_destroy(&s->lock);
}

void pagestore_written(struct pagestore *s)
{
	rwlock_wrlock(&s->lock);
	ahead_drop(s);
	rwlock_unlock(&s->lock);
}

/* Zeroes bytes in place. */
static void zero_in_place(struct pagestore *s, uint64_t start, uint64_t end)
{
	lock_assert_held(&s->lock);
	while (start < end) {
		struct piece p = piece_at(s, start, end - start);

		if (p.memory)
			fixup_zero(arena_ptr(s->arena, p.off), p.len);
		start += p.len;
	}
}

void pagestore_truncate(struct pagestore *s, struct pagesource *ps, uint64_t size)
{
	struct pagestore gone = { .arena = s->arena, .quota = s->quota };
	bool shrinks;

	rwlock_wrlock(&s->lock);
	shrinks = size < s->size;
	ahead_drop(s);
	/* What was reserved behind the end is a part of the file now, and still a hole. */
	if (size > s->size)
		extents_mark(s, PAGE_UP(s->size), UINT64_MAX & PAGE_MASK, true);
	s->size = size;
	if (shrinks)
		zero_in_place(s, size, PAGE_UP(size));
	rwlock_unlock(&s->lock);
	if (!shrinks)
		return;
	if (ps)
		pagesource_truncated(ps, size);
	rwlock_wrlock(&s->lock);
	if (detach(s, PAGE_UP(size), UINT64_MAX & PAGE_MASK, &gone) < 0)
		zero_in_place(s, PAGE_UP(size), UINT64_MAX & PAGE_MASK);
	rwlock_unlock(&s->lock);
	extents_free(&gone);
}

void pagestore_punch(struct pagestore *s, struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct pagestore gone = { .arena = s->arena, .quota = s->quota };
	uint64_t end = off + len, first = PAGE_UP(off), last = PAGE_DOWN(end);

	rwlock_wrlock(&s->lock);
	if (first >= last) {
		zero_in_place(s, off, end);
	} else {
		zero_in_place(s, off, first);
		zero_in_place(s, last, end);
		if (detach(s, first, last, &gone) < 0)
			zero_in_place(s, first, last);
	}
	rwlock_unlock(&s->lock);
	if (ps && gone.extents.root)
		pagesource_invalidate(ps, first, last - first);
	extents_free(&gone);
}

int pagestore_allocate(struct pagestore *s, uint64_t off, uint64_t len)
{
	uint64_t end = PAGE_UP(off + len);
	int err = 0;

	off = PAGE_DOWN(off);
	rwlock_wrlock(&s->lock);
	while (!err && off < end) {
		struct piece p = piece_at(s, off, end - off);

		if (!p.memory)
			err = arena_room(s->arena, p.len) ? hole_fill(s, off, off + p.len, false)
							  : -ENOMEM;
		else
			err = extents_mark(s, off, off + p.len, false);
		off += p.len;
	}
	rwlock_unlock(&s->lock);
	return err;
}

static int64_t seek_locked(const struct pagestore *s, uint64_t off, bool hole)
{
	struct store_extent *e = extent_find(s, off);

	if (off >= s->size)
		return -ENXIO;
	for (; !hole && e && e->start < s->size; e = extent_next(e)) {
		uint64_t at = extent_seek(s, e, max64(e->start, off), false);

		if (at < e->end)
			return at < s->size ? (int64_t)at : -ENXIO;
	}
	if (!hole)
		return -ENXIO;
	for (; e && e->start <= off; e = extent_next(e)) {
		off = extent_seek(s, e, off, true);
		if (off < e->end)
			break;
	}
	return (int64_t)min64(off, s->size);
}

int64_t pagestore_seek(struct pagestore *s, uint64_t off, bool hole)
{
	int64_t r;

	rwlock_rdlock(&s->lock);
	r = seek_locked(s, off, hole);
	rwlock_unlock(&s->lock);
	return r;
}
