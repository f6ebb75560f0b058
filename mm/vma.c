/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maintains the red-black tree of vmas: it finds, splits and joins them, and finds free address
 * ranges between them. Each node knows the largest gap of its subtree, so that a search for space
 * takes logarithmic time.
 */
#include "mm/vma.h"
#include "util/minmax.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct vma *vma_of(const struct rb_node *n)
{
	return n ? container_of((struct rb_node *)(uintptr_t)n, struct vma, node) : NULL;
}

struct vma *vma_find(struct mm *mm, gva_t addr)
{
	lock_assert_held(&mm->lock);
	struct rb_node *n = mm->vmas.root;
	struct vma *found = NULL;

	while (n) {
		struct vma *v = vma_of(n);
		if (gva_lt(addr, v->end)) {
			found = v;
			n = gva_le(v->start, addr) ? NULL : n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

struct vma *vma_at(struct mm *mm, gva_t addr)
{
	struct vma *v = vma_find(mm, addr);

	return v && gva_le(v->start, addr) ? v : NULL;
}

struct vma *vma_first(struct mm *mm)
{
	return vma_of(rb_first(&mm->vmas));
}

struct vma *vma_next(const struct vma *v)
{
	return vma_of(rb_next(&v->node));
}

struct vma *vma_prev(const struct vma *v)
{
	return vma_of(rb_prev(&v->node));
}

gva_t vma_low(const struct vma *v)
{
	if (!(v->flags & VMA_GROWSDOWN))
		return v->start;
	return GVA(v->start.v > STACK_GUARD_GAP ? v->start.v - STACK_GUARD_GAP : 0);
}

static void vma_augment(struct rb_node *n)
{
	struct vma *v = vma_of(n), *l = vma_of(n->left), *r = vma_of(n->right);

	v->max_gap = v->gap;
	if (l && l->max_gap > v->max_gap)
		v->max_gap = l->max_gap;
	if (r && r->max_gap > v->max_gap)
		v->max_gap = r->max_gap;
}

void vma_tree_init(struct mm *mm)
{
	mm->vmas = (struct rb_tree){ .augment = vma_augment };
}

/* What lies below `v` has changed. */
static void gap_update(struct mm *mm, struct vma *v)
{
	struct vma *prev;
	gva_t floor;

	if (!v)
		return;
	prev = vma_prev(v);
	floor = prev ? prev->end : GVA_NULL;
	v->gap = gva_lt(floor, vma_low(v)) ? gva_diff(vma_low(v), floor) : 0;
	rb_update(&mm->vmas, &v->node);
}

/* Adds (sign 1) or takes away (-1) what `v` stands for in the counters. */
static void account(struct mm *mm, const struct vma *v, int sign)
{
	uint64_t n = vma_len(v) * (uint64_t)(int64_t)sign;

	mm->total_bytes += n;
	mm->peak_bytes = max64(mm->peak_bytes, mm->total_bytes);
	if (v->flags & VMA_LOCKED)
		mm->locked_bytes += n;
	if (v->flags & VMA_GROWSDOWN)
		mm->stack_bytes += n;
	if (vma_is_data(v->prot, v->flags))
		mm->data_bytes += n;
	if (vma_is_accountable(v->prot, v->flags))
		atomic_fetch_add(&mm->host->committed, n);
}

static void source_link(struct vma *v, int sign)
{
	struct pagesource *ps = v->source;

	if (!ps)
		return;
	mutex_lock(&ps->lock);
	if (sign > 0)
		list_add_tail(&ps->vmas, &v->source_node);
	else
		list_del(&v->source_node);
	if ((v->flags & VMA_SHARED) && (v->flags & VMA_MAYWRITE))
		ps->writable_shared += (uint32_t)sign;
	mutex_unlock(&ps->lock);
}

/* ---- names: vmas of one mapping share one, in a child as well ---- */

struct shared_name {
	struct ref refs;
	char text[];
};

static struct shared_name *name_of(char *text)
{
	return container_of(text, struct shared_name, text);
}

static char *name_new(const char *text, size_t len)
{
	struct shared_name *n = malloc(sizeof *n + len + 1);

	if (!n)
		return NULL;
	ref_set(&n->refs, 1);
	memcpy(n->text, text, len);
	n->text[len] = '\0';
	return n->text;
}

static char *name_get(char *text)
{
	if (text)
		ref_get(&name_of(text)->refs);
	return text;
}

bool vma_set_name(struct vma *v, const char *text, size_t len, const struct vma *like)
{
	bool same =
	    like && like->name && strlen(like->name) == len && memcmp(like->name, text, len) == 0;

	v->name = same ? name_get(like->name) : name_new(text, len);
	return v->name;
}

struct vma *vma_new(struct mm *mm, const struct vma *like)
{
	struct vma *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	list_init(&v->source_node);
	v->mm = mm;
	if (!like)
		return v;
	/* What it is made of; not where it is linked, which others may be changing. */
	v->start = like->start;
	v->end = like->end;
	v->prot = like->prot;
	v->flags = like->flags;
	v->source = like->source;
	v->offset = like->offset;
	v->place = like->place;
	v->policy = like->policy;
	if (like->mm)
		v->name = name_get(like->name);
	else if (like->name && !vma_set_name(v, like->name, strlen(like->name), NULL)) {
		free(v);
		return NULL;
	}
	if (v->source)
		v->source->ops->ref(v->source);
	mapped_place_enter(v->place);
	return v;
}

void vma_free(struct vma *v)
{
	if (v->source)
		v->source->ops->unref(v->source);
	mapped_place_leave(v->place); /* after the pages, which may be of its file system */
	if (v->name && ref_put(&name_of(v->name)->refs))
		free(name_of(v->name));
	free(v);
}

void vma_insert(struct mm *mm, struct vma *v)
{
	lock_assert_held_write(&mm->lock);
	struct rb_node **link = &mm->vmas.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = gva_lt(v->start, vma_of(parent)->start) ? &parent->left : &parent->right;
	}
	v->gap = v->max_gap = 0;
	rb_insert(&mm->vmas, &v->node, parent, link);
	gap_update(mm, v);
	gap_update(mm, vma_next(v));
	mm->nr_vmas++;
	if (v->place && v->place->count)
		mm->counted = true;
	account(mm, v, 1);
	source_link(v, 1);
}

void vma_delete(struct mm *mm, struct vma *v)
{
	struct vma *next = vma_next(v);

	source_link(v, -1);
	account(mm, v, -1);
	mm->nr_vmas--;
	rb_erase(&mm->vmas, &v->node);
	gap_update(mm, next);
	vma_free(v);
}

void vma_resize(struct mm *mm, struct vma *v, gva_t start, gva_t end)
{
	struct pagesource *ps = v->source;

	account(mm, v, -1);
	/* Whoever looks through a source's vmas does so under its lock, from any address space. */
	if (ps)
		mutex_lock(&ps->lock);
	v->offset = vma_offset(v, start);
	v->start = start;
	v->end = end;
	if (ps)
		mutex_unlock(&ps->lock);
	account(mm, v, 1);
	gap_update(mm, v);
	gap_update(mm, vma_next(v));
}

void vma_change(struct mm *mm, struct vma *v, unsigned prot, unsigned flags)
{
	lock_assert_held_write(&mm->lock);
	account(mm, v, -1);
	v->prot = prot;
	v->flags = flags;
	account(mm, v, 1);
}

/* Makes `addr`, if it is inside a vma, a border. -ENOMEM; -EINVAL: of pages that stay together
 * (VMA_SPECIAL). */
static int vma_split(struct mm *mm, gva_t addr)
{
	lock_assert_held_write(&mm->lock);
	struct vma *v = vma_at(mm, addr), *high;

	if (!v || gva_eq(v->start, addr))
		return 0;
	if (v->flags & VMA_SPECIAL)
		return -EINVAL;
	if (mm->nr_vmas >= VMA_MAX_COUNT)
		return -ENOMEM;
	high = vma_new(mm, v);
	if (!high)
		return -ENOMEM;
	high->offset = vma_offset(v, addr);
	high->start = addr;
	vma_resize(mm, v, v->start, addr);
	vma_insert(mm, high);
	return 0;
}

int vma_isolate(struct mm *mm, gva_t start, gva_t end)
{
	int err = vma_split(mm, start);

	if (err)
		return err;
	err = vma_split(mm, end);
	if (err)
		vma_merge(mm, start, start);
	return err;
}

static bool vma_continues(const struct vma *a, const struct vma *b)
{
	if (!gva_eq(a->end, b->start) || a->prot != b->prot || a->flags != b->flags ||
	    (a->flags & VMA_SPECIAL) || a->source != b->source || (a->place && a->place->count) ||
	    !mempolicy_same(&a->policy, &b->policy))
		return false;
	if (a->source && vma_offset(a, a->end) != b->offset)
		return false;
	return a->name == b->name || (a->name && b->name && strcmp(a->name, b->name) == 0);
}

void vma_merge(struct mm *mm, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	struct vma *v = vma_find(mm, start.v ? gva_sub(start, 1) : start), *next;
	gva_t joined;

	for (; v && gva_le(v->start, end); v = next) {
		next = vma_next(v);
		if (!next || !vma_continues(v, next))
			continue;
		/* A sweep (rmap.c) that has not reached both of them has not reached what
		 * they become. */
		if (v->source) {
			mutex_lock(&v->source->lock);
			v->source_sweep = min64(v->source_sweep, next->source_sweep);
			mutex_unlock(&v->source->lock);
		}
		joined = next->end;
		vma_delete(mm, next);
		vma_resize(mm, v, v->start, joined);
		next = v;
	}
}

int vma_change_range(struct mm *mm, gva_t start, gva_t end, vma_change_fn *change, unsigned arg)
{
	gva_t at = start;
	int err = 0;

	while (!err && gva_lt(at, end)) {
		struct vma *v = vma_at(mm, at);
		if (!v) {
			err = -ENOMEM;
			break;
		}
		gva_t high = gva_min(v->end, end);
		err = change(mm, v, at, high, arg);
		at = high;
	}
	vma_merge(mm, start, at);
	return err;
}

bool vma_range_free(struct mm *mm, gva_t start, gva_t end)
{
	struct vma *v = vma_find(mm, start);

	return !v || gva_le(end, vma_low(v));
}

/* The part of the gap below `v` that lies in [*low, *high): does it hold `len` bytes? */
static bool gap_fits(const struct vma *v, uint64_t len, gva_t *low, gva_t *high)
{
	*high = gva_min(*high, vma_low(v));
	*low = gva_max(*low, gva_sub(vma_low(v), v->gap));
	return gva_lt(*low, *high) && gva_diff(*high, *low) >= len;
}

/* The subtree's highest gap that fits; GVA_NULL: none. */
static gva_t subtree_highest(const struct rb_node *n, uint64_t len, gva_t low, gva_t high)
{
	const struct vma *v = vma_of(n);
	gva_t found = GVA_NULL, gap_low = low, gap_high = high;

	if (!v || v->max_gap < len)
		return GVA_NULL;
	if (gva_lt(v->end, high))
		found = subtree_highest(n->right, len, low, high);
	if (found.v)
		return found;
	if (gap_fits(v, len, &gap_low, &gap_high))
		return gva_sub(gap_high, len);
	return gva_lt(low, v->start) ? subtree_highest(n->left, len, low, high) : GVA_NULL;
}

static gva_t subtree_lowest(const struct rb_node *n, uint64_t len, gva_t low, gva_t high)
{
	const struct vma *v = vma_of(n);
	gva_t found = GVA_NULL, gap_low = low, gap_high = high;

	if (!v || v->max_gap < len)
		return GVA_NULL;
	if (gva_lt(low, v->start))
		found = subtree_lowest(n->left, len, low, high);
	if (found.v)
		return found;
	if (gap_fits(v, len, &gap_low, &gap_high))
		return gap_low;
	return gva_lt(v->end, high) ? subtree_lowest(n->right, len, low, high) : GVA_NULL;
}

/* Where free space without an end begins. */
static gva_t last_end(struct mm *mm)
{
	struct vma *v = vma_of(rb_last(&mm->vmas));

	return v ? v->end : GVA_NULL;
}

gva_t vma_gap_highest(struct mm *mm, uint64_t len, gva_t low, gva_t high)
{
	gva_t top = gva_max(last_end(mm), low);

	if (gva_lt(top, high) && gva_diff(high, top) >= len)
		return gva_sub(high, len);
	return subtree_highest(mm->vmas.root, len, low, high);
}

gva_t vma_gap_lowest(struct mm *mm, uint64_t len, gva_t low, gva_t high)
{
	gva_t found = subtree_lowest(mm->vmas.root, len, low, high);
	gva_t top = gva_max(last_end(mm), low);

	if (found.v)
		return found;
	return gva_lt(top, high) && gva_diff(high, top) >= len ? top : GVA_NULL;
}

uint64_t vma_bytes(struct mm *mm, gva_t start, gva_t end)
{
	uint64_t n = 0;

	vma_for_range (v, mm, start, end)
		n += gva_diff(gva_min(v->end, end), gva_max(v->start, start));
	return n;
}
