/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A count per page in one flat, sparse array, and two trees of the free extents: clean ones, which
 * the host holds no memory for, and warm ones, whose pages are there with whatever was last in
 * them. A tree is ordered by offset and every node knows the largest extent below it, so that the
 * lowest extent that is large enough is found in one descent.
 *
 * Runs become warm when they are freed, because the host takes long to take a page back, and longer
 * to bring one. Small ones are given out again, cleared. A thread of its own gives back, in large
 * pieces, what nobody has asked for in a while: from its first work on until the end. It keeps a
 * little. How much is warm is bounded by a part of what the sandbox may have, and whoever measures
 * that can have all of it back at once (arena_give_back).
 */
#include "mm/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/stat.h>

#include "host/fixup.h"
#include "host/thread.h"
#include "mm/budget.h"
#include "util/gva.h"
#include "util/lock.h"
#include "util/minmax.h"
#include "util/rbtree.h"
#include "util/time.h"

/* Longest run that is given out warm, pages: all of it is cleared, touched or not. */
#define WARM_RUN 64
/* How much is kept warm, and how much may be at all, where the budget spares it; pages. */
#define WARM_KEPT 2048
#define WARM_MAX  (512UL << 20 >> PAGE_SHIFT)
/* What has been warm for so long is not wanted. */
#define WARM_NS 100000000UL
/* A long run is taken apart into what the host holds and what it does not, in so many pieces. */
#define WARM_PIECES 16

/* One host call gives back so many bytes at most: no signal ends it. And so many where somebody
 * may wait for the thread that does it. */
#define PUNCH_UNIT (8UL << 20)
#define GIVE_PAGES (2UL << 20 >> PAGE_SHIFT)

#define GIVER_STACK (128UL << 10)

struct extent {
	struct rb_node node;
	uint64_t start, end; /* page numbers */
	uint64_t max;        /* pages of the largest extent of this subtree */
};

struct arena {
	struct memfile *mf;
	char *base;
	uint64_t nr_pages;
	struct budget *budget;
	_Atomic uint32_t *refs; /* by page; written under lock */

	_Atomic bool retired;

	struct mutex lock;
	struct rb_tree clean, warm;
	_Atomic uint64_t used;    /* pages; written under lock */
	_Atomic uint64_t nr_warm; /* the same, of the tree and on their way back */
	uint64_t least_warm;      /* that there were since the giver looked last */
	/* the thread that gives back */
	pthread_t giver;
	struct cond given;
	bool giver_runs, giver_waits, ends;
};

static struct extent *extent_of(struct rb_node *n)
{
	return rb_entry(n, struct extent, node);
}

static void extent_augment(struct rb_node *n)
{
	struct extent *e = extent_of(n);

	e->max = e->end - e->start;
	if (n->left && extent_of(n->left)->max > e->max)
		e->max = extent_of(n->left)->max;
	if (n->right && extent_of(n->right)->max > e->max)
		e->max = extent_of(n->right)->max;
}

/* Links a new extent; it must not touch another. Without memory for the node the offsets are lost:
 * they cost nothing. */
static void extent_insert(struct rb_tree *t, uint64_t start, uint64_t end)
{
	struct rb_node **link = &t->root, *parent = NULL;
	struct extent *e = malloc(sizeof *e);

	if (!e)
		return;
	*e = (struct extent){ .start = start, .end = end };
	while (*link) {
		parent = *link;
		link = start < extent_of(parent)->start ? &parent->left : &parent->right;
	}
	rb_insert(t, &e->node, parent, link);
}

static void extent_delete(struct rb_tree *t, struct extent *e)
{
	rb_erase(t, &e->node);
	free(e);
}

/* Gives [start, end), which is in no extent, back to the tree. */
static void extent_add(struct rb_tree *t, uint64_t start, uint64_t end)
{
	struct extent *below = NULL, *above = NULL;

	for (struct rb_node *p = t->root; p;) {
		struct extent *e = extent_of(p);
		if (e->start < start) {
			below = e;
			p = p->right;
		} else {
			above = e;
			p = p->left;
		}
	}
	if (above && above->start == end) {
		end = above->end;
		extent_delete(t, above);
	}
	if (below && below->end == start) {
		below->end = end;
		rb_update(t, &below->node);
		return;
	}
	extent_insert(t, start, end);
}

/* Takes at most so many pages in a row from the end of the tree; how many. */
static uint64_t extent_take_last(struct rb_tree *t, uint64_t most, uint64_t *start)
{
	struct rb_node *last = rb_last(t);

	if (!last)
		return 0;
	struct extent *e = extent_of(last);
	uint64_t n = min64(most, e->end - e->start);
	e->end -= n;
	*start = e->end;
	if (e->start == e->end)
		extent_delete(t, e);
	else
		rb_update(t, &e->node);
	return n;
}

/* Takes the lowest `n` pages in a row out of the tree. False: there are none. */
static bool extent_take(struct rb_tree *t, uint64_t n, uint64_t *start)
{
	struct rb_node *p = t->root;
	struct extent *e;

	if (!p || extent_of(p)->max < n)
		return false;
	for (;;) {
		e = extent_of(p);
		if (p->left && extent_of(p->left)->max >= n)
			p = p->left;
		else if (e->end - e->start >= n)
			break;
		else
			p = p->right;
	}
	*start = e->start;
	e->start += n;
	if (e->start == e->end)
		extent_delete(t, e);
	else
		rb_update(t, &e->node);
	return true;
}

static void tree_free(struct rb_tree *t)
{
	while (t->root)
		extent_delete(t, extent_of(t->root));
}

int arena_create(struct physmem *pm, struct arena **out)
{
	struct arena *a = calloc(1, sizeof *a);
	void *refs;

	if (!a)
		return -ENOMEM;
	a->mf = physmem_arena(pm);
	a->nr_pages = physmem_arena_size(pm) >> PAGE_SHIFT;
	a->base = memfile_ptr(a->mf, 0, physmem_arena_size(pm));
	a->clean.augment = a->warm.augment = extent_augment;
	refs = mmap(NULL, a->nr_pages * sizeof *a->refs, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (refs == MAP_FAILED || !a->base) {
		free(a);
		return -ENOMEM;
	}
	a->refs = refs;
	mutex_init(&a->lock, LOCK_ARENA);
	cond_init(&a->given);
	extent_insert(&a->clean, 0, a->nr_pages);
	*out = a;
	return 0;
}

/* A thread that finds, without the lock, a page held once sees what its other holders did with it.
 * The thread sanitizer keeps a clock for each word that is released: for millions of pages that is
 * more memory than it may have, and it does not watch their contents. */
#ifdef __SANITIZE_THREAD__
#define REFS_ACQUIRE memory_order_relaxed
#define REFS_RELEASE memory_order_relaxed
#else
#define REFS_ACQUIRE memory_order_acquire
#define REFS_RELEASE memory_order_release
#endif

static uint32_t page_refs(struct arena *a, uint64_t page)
{
	return atomic_load_explicit(&a->refs[page], REFS_ACQUIRE);
}

static void page_set_refs(struct arena *a, uint64_t page, uint32_t n)
{
	atomic_store_explicit(&a->refs[page], n, REFS_RELEASE);
}

/* Pages that were discarded, if the arena did not retire meanwhile. */
static void clean_add(struct arena *a, uint64_t start, uint64_t end)
{
	lock_assert_held(&a->lock);
	if (!a->retired)
		extent_add(&a->clean, start, end);
}

/* ---- what is warm goes back to the host ---- */

static void warm_count(struct arena *a, int64_t n)
{
	lock_assert_held(&a->lock);
	a->nr_warm += (uint64_t)n;
	a->least_warm = min64(a->least_warm, a->nr_warm);
}

/* Of the last warm pages so many at most; how many. The lock is let go while the host takes them:
 * they belong to nobody meanwhile. */
static uint64_t give_some(struct arena *a, uint64_t most)
{
	lock_assert_held(&a->lock);
	uint64_t start, n = extent_take_last(&a->warm, most, &start);

	if (!n)
		return 0;
	mutex_unlock(&a->lock);
	arena_discard(a, start << PAGE_SHIFT, n << PAGE_SHIFT);
	mutex_lock(&a->lock);
	warm_count(a, -(int64_t)n);
	clean_add(a, start, start + n);
	return n;
}

bool arena_give_back(struct arena *a)
{
	bool any = false;

	mutex_lock(&a->lock);
	/* As many as there are now, though others may free more meanwhile. */
	for (uint64_t left = a->nr_warm, n; left; left -= n, any = true) {
		n = give_some(a, min64(left, GIVE_PAGES));
		if (!n)
			break;
	}
	mutex_unlock(&a->lock);
	return any;
}

/* What nobody has asked for since it looked last. */
static void give_unwanted(struct arena *a)
{
	lock_assert_held(&a->lock);
	uint64_t left = a->nr_warm > WARM_KEPT ? min64(a->least_warm, a->nr_warm - WARM_KEPT) : 0;

	while (left && !a->ends && !a->retired) {
		uint64_t n = give_some(a, min64(left, GIVE_PAGES));
		if (!n)
			break;
		left -= n;
	}
	a->least_warm = a->nr_warm;
}

static void *giver_main(void *arg)
{
	struct arena *a = arg;

	mutex_lock(&a->lock);
	while (!a->ends) {
		a->giver_waits = a->nr_warm <= WARM_KEPT;
		if (a->giver_waits)
			cond_wait(&a->given, &a->lock);
		else
			cond_wait_until(&a->given, &a->lock, monotonic_ns() + WARM_NS);
		if (!a->giver_waits)
			give_unwanted(a);
	}
	mutex_unlock(&a->lock);
	return NULL;
}

/* Without it what is warm stays so, up to its bound. */
static void giver_wanted(struct arena *a)
{
	lock_assert_held(&a->lock);
	if (!a->giver_runs && !a->ends) {
		a->least_warm = 0;
		a->giver_runs = !host_thread_start(&a->giver, GIVER_STACK, 0, giver_main, a);
	} else if (a->giver_waits) {
		a->giver_waits = false;
		a->least_warm = 0;
		cond_signal(&a->given);
	}
}

static void giver_end(struct arena *a)
{
	mutex_lock(&a->lock);
	a->ends = true;
	cond_signal(&a->given);
	mutex_unlock(&a->lock);
	if (a->giver_runs)
		pthread_join(a->giver, NULL);
}

void arena_destroy(struct arena *a)
{
	if (!a)
		return;
	giver_end(a);
	tree_free(&a->clean);
	tree_free(&a->warm);
	munmap(a->refs, a->nr_pages * sizeof *a->refs);
	cond_destroy(&a->given);
	mutex_destroy(&a->lock);
	free(a);
}

/* ---- taking and giving out ---- */

/* *warm: the pages have old contents. */
static bool take(struct arena *a, uint64_t n, uint64_t *start, bool *warm, bool cold)
{
	lock_assert_held(&a->lock);
	*warm = !cold && n <= WARM_RUN && extent_take(&a->warm, n, start);
	if (*warm)
		warm_count(a, -(int64_t)n);
	else if (!extent_take(&a->clean, n, start))
		return false;
	for (uint64_t i = 0; i < n; i++)
		page_set_refs(a, *start + i, 1);
	a->used += n;
	return true;
}

static int alloc(struct arena *a, uint64_t len, uint64_t *off, bool *warm, bool cold)
{
	uint64_t n = len >> PAGE_SHIFT, start;
	bool ok;

	if (n == 0)
		return -EINVAL;
	mutex_lock(&a->lock);
	ok = take(a, n, &start, warm, cold);
	mutex_unlock(&a->lock);
	if (!ok && arena_give_back(a)) {
		mutex_lock(&a->lock);
		ok = take(a, n, &start, warm, cold);
		mutex_unlock(&a->lock);
	}
	if (!ok)
		return -ENOMEM;
	budget_note(a->budget);
	*off = start << PAGE_SHIFT;
	return 0;
}

int arena_alloc_dirty(struct arena *a, uint64_t len, uint64_t *off)
{
	bool warm;

	return alloc(a, len, off, &warm, false);
}

/* Pages that the host has to bring are written by a host call: through the mapping each would take
 * a fault, and be cleared first. Nor is a file of the host's read through a mapping, which other
 * sandboxes have made before, but this one has not. */
#define COPY_UNIT (16UL << 10)

/* As a mapping shows it: zeroes behind the end of the file, to the end of its last page. */
static bool read_pages(int fd, void *to, uint64_t len, uint64_t from)
{
	ssize_t n = pread(fd, to, len, (off_t)from);

	if (n == (ssize_t)len)
		return true;
	if (n <= 0 || PAGE_UP((uint64_t)n) < len)
		return false;
	memset((char *)to + n, 0, len - (uint64_t)n);
	return true;
}

static int copy_file(struct arena *a, uint64_t off, int fd, uint64_t from, uint64_t len, bool warm)
{
	char buf[COPY_UNIT];

	for (uint64_t n; len; from += n, off += n, len -= n) {
		n = min64(len, warm ? len : sizeof buf);
		if (!read_pages(fd, warm ? a->base + off : buf, n, from))
			return -EFAULT;
		if (!warm && pwrite(a->mf->fd, buf, n, (off_t)off) != (ssize_t)n)
			return -EFAULT;
	}
	return 0;
}

static int copy_own(struct arena *a, uint64_t off, const void *src, uint64_t len, bool warm)
{
	if (!warm && pwrite(a->mf->fd, src, len, (off_t)off) == (ssize_t)len)
		return 0;
	return fixup_copy(a->base + off, src, len) ? -EFAULT : 0;
}

int arena_alloc_copy(struct arena *a, struct memfile *mf, uint64_t from, uint64_t len,
		     uint64_t *off)
{
	bool warm;
	int err = alloc(a, len, off, &warm, false);

	if (err)
		return err;
	err = mf == a->mf ? copy_own(a, *off, a->base + from, len, warm)
			  : copy_file(a, *off, mf->fd, from, len, warm);
	if (err)
		arena_unref(a, *off, len);
	return err;
}

int arena_alloc_gather(struct arena *a, const struct iovec *from, unsigned nr, uint64_t *off)
{
	uint64_t len = 0;
	bool warm;

	for (unsigned i = 0; i < nr; i++)
		len += from[i].iov_len;
	int err = alloc(a, len, off, &warm, true);
	if (err)
		return err;
	if (pwritev(a->mf->fd, from, (int)nr, (off_t)*off) == (ssize_t)len)
		return 0;
	arena_unref(a, *off, len);
	return -EFAULT;
}

int arena_alloc_cold(struct arena *a, uint64_t len, uint64_t *off)
{
	bool warm;

	return alloc(a, len, off, &warm, true);
}

uint64_t arena_seek(struct arena *a, uint64_t off, uint64_t end, bool hole)
{
	off_t at = lseek(a->mf->fd, (off_t)off, hole ? SEEK_HOLE : SEEK_DATA);

	return at < 0 || (uint64_t)at > end ? end : (uint64_t)at;
}

int arena_alloc(struct arena *a, uint64_t len, uint64_t *off)
{
	bool warm;
	int err = alloc(a, len, off, &warm, false);

	if (!err && warm)
		memset(a->base + *off, 0, len);
	return err;
}

void arena_ref(struct arena *a, uint64_t off, uint64_t len)
{
	uint64_t page = off >> PAGE_SHIFT, end = (off + len) >> PAGE_SHIFT;

	mutex_lock(&a->lock);
	for (; page < end; page++)
		page_set_refs(a, page, page_refs(a, page) + 1);
	mutex_unlock(&a->lock);
}

/* Drops one count each from *page on; returns the length of the first run of pages that nobody
 * holds any more, with *page at its start. */
static uint64_t unref_run(struct arena *a, uint64_t *page, uint64_t end)
{
	lock_assert_held(&a->lock);
	uint64_t n = 0;

	while (*page + n < end) {
		uint32_t refs = page_refs(a, *page + n);
		if (refs > 1 && n > 0)
			break;
		page_set_refs(a, *page + n, refs - 1);
		if (refs > 1)
			++*page;
		else
			n++;
	}
	return n;
}

/* How many more pages may be warm. */
static uint64_t warm_room(const struct arena *a)
{
	uint64_t spare = a->budget ? budget_spare(a->budget) >> PAGE_SHIFT : 0;
	uint64_t max = min64(max64(spare, WARM_KEPT), WARM_MAX);

	return max > a->nr_warm ? max - a->nr_warm : 0;
}

/* What there is no room for goes back at once; the lock is let go meanwhile, and the pages belong
 * to nobody. */
static void keep_warm(struct arena *a, uint64_t start, uint64_t end)
{
	lock_assert_held(&a->lock);
	uint64_t keep = min64(end - start, warm_room(a));

	if (keep) {
		extent_add(&a->warm, start, start + keep);
		warm_count(a, (int64_t)keep);
		if (a->nr_warm > WARM_KEPT)
			giver_wanted(a);
	}
	start += keep;
	if (start == end)
		return;
	mutex_unlock(&a->lock);
	arena_discard(a, start << PAGE_SHIFT, (end - start) << PAGE_SHIFT);
	mutex_lock(&a->lock);
	clean_add(a, start, end);
}

/* Where the pages end, from `start` on, that the host holds memory for, or (`hole`) none. */
static uint64_t piece_end(struct arena *a, uint64_t start, uint64_t end, bool hole)
{
	uint64_t at = arena_seek(a, start << PAGE_SHIFT, end << PAGE_SHIFT, !hole);

	return PAGE_UP(at) >> PAGE_SHIFT;
}

/* Much of a long run was perhaps never touched. */
static void keep_what_is_there(struct arena *a, uint64_t start, uint64_t end)
{
	lock_assert_held(&a->lock);
	bool hole = true;

	for (unsigned i = 0; i < WARM_PIECES && start < end; i++, hole = !hole) {
		mutex_unlock(&a->lock);
		uint64_t to = piece_end(a, start, end, hole);
		mutex_lock(&a->lock);
		if (start == to)
			continue;
		if (hole)
			clean_add(a, start, to);
		else
			keep_warm(a, start, to);
		start = to;
	}
	if (start < end)
		keep_warm(a, start, end);
}

/* `cold`: the host has nothing to take back. */
static void run_release(struct arena *a, uint64_t start, uint64_t n, bool cold)
{
	lock_assert_held(&a->lock);
	if (a->retired) {
		/* Nobody will ask for these pages: they go when the whole arena does, in one. */
	} else if (cold) {
		clean_add(a, start, start + n);
	} else if (n <= WARM_RUN) {
		keep_warm(a, start, start + n);
	} else {
		keep_what_is_there(a, start, start + n);
	}
	a->used -= n;
}

void arena_retire(struct arena *a)
{
	a->retired = true;
}

static void unref(struct arena *a, uint64_t off, uint64_t len, bool cold)
{
	uint64_t page = off >> PAGE_SHIFT, end = (off + len) >> PAGE_SHIFT, n;

	mutex_lock(&a->lock);
	while ((n = unref_run(a, &page, end)) > 0) {
		run_release(a, page, n, cold);
		page += n;
	}
	mutex_unlock(&a->lock);
}

void arena_unref(struct arena *a, uint64_t off, uint64_t len)
{
	unref(a, off, len, false);
}

void arena_unref_cold(struct arena *a, uint64_t off, uint64_t len)
{
	unref(a, off, len, true);
}

bool arena_page_exclusive(struct arena *a, uint64_t off)
{
	return page_refs(a, off >> PAGE_SHIFT) == 1;
}

unsigned arena_page_holders(struct arena *a, uint64_t off)
{
	return page_refs(a, off >> PAGE_SHIFT) ?: 1;
}

void *arena_ptr(struct arena *a, uint64_t off)
{
	return a->base + off;
}

struct memfile *arena_memfile(struct arena *a)
{
	return a->mf;
}

uint64_t arena_used(struct arena *a)
{
	return a->used << PAGE_SHIFT;
}

uint64_t arena_warm(const struct arena *a)
{
	return a->nr_warm << PAGE_SHIFT;
}

uint64_t arena_resident(struct arena *a)
{
	struct stat st;

	return fstat(a->mf->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

void arena_set_budget(struct arena *a, struct budget *b)
{
	a->budget = b;
}

bool arena_room(struct arena *a, uint64_t len)
{
	return budget_room(a->budget, len);
}

void arena_discard(struct arena *a, uint64_t off, uint64_t len)
{
	for (uint64_t end = off + len, n; off < end && !a->retired; off += n) {
		n = min64(end - off, PUNCH_UNIT);
		if (fallocate(a->mf->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
			      (off_t)n) != 0)
			memset(a->base + off, 0, n);
	}
}
