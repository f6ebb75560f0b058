/* SPDX-License-Identifier: Apache-2.0 */
/* Maintains the red-black tree of backings: it finds, splits, joins and drops them, and counts what
 * they hold as resident. See the header. */
#include "mm/backing.h"

#include <errno.h>
#include <stdlib.h>

static struct backing *backing_of(const struct rb_node *n)
{
	return n ? container_of((struct rb_node *)(uintptr_t)n, struct backing, node) : NULL;
}

struct backing *backing_find(struct mm *mm, gva_t addr)
{
	lock_assert_held(&mm->lock);
	struct rb_node *n = mm->backings.root;
	struct backing *found = NULL;

	while (n) {
		struct backing *b = backing_of(n);
		if (gva_lt(addr, b->end)) {
			found = b;
			n = gva_le(b->start, addr) ? NULL : n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

struct backing *backing_at(struct mm *mm, gva_t addr)
{
	struct backing *b = backing_find(mm, addr);

	return b && gva_le(b->start, addr) ? b : NULL;
}

struct backing *backing_next(const struct backing *b)
{
	return backing_of(rb_next(&b->node));
}

struct backing *backing_prev(struct mm *mm, const struct backing *b)
{
	return backing_of(b ? rb_prev(&b->node) : rb_last(&mm->backings));
}

static void backing_link(struct mm *mm, struct backing *b)
{
	struct rb_node **link = &mm->backings.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = gva_lt(b->start, backing_of(parent)->start) ? &parent->left : &parent->right;
	}
	rb_insert(&mm->backings, &b->node, parent, link);
}

static void backing_delete(struct mm *mm, struct backing *b)
{
	rb_erase(&mm->backings, &b->node);
	free(b);
}

void backing_account(struct mm *mm, const struct backing *b, bool comes)
{
	uint64_t bytes = comes ? backing_len(b) : -backing_len(b);

	if (b->owned) {
		mm->resident += bytes;
		if (mm->resident > mm->peak_resident)
			mm->peak_resident = (uint64_t)mm->resident;
	} else if (b->mf == arena_memfile(mm->host->arena)) {
		mm->resident_shared += bytes;
	} else {
		return;
	}
	mm->host->counts.mapped += bytes;
}

int backing_add(struct mm *mm, const struct backing *like)
{
	lock_assert_held_write(&mm->lock);
	struct backing *b = malloc(sizeof *b);

	if (!b) {
		if (like->owned)
			arena_unref(mm->host->arena, like->off, backing_len(like));
		return -ENOMEM;
	}
	*b = *like;
	backing_link(mm, b);
	backing_account(mm, b, true);
	backing_merge(mm, b->start, b->end);
	return 0;
}

static int backing_split(struct mm *mm, gva_t addr)
{
	struct backing *b = backing_at(mm, addr), *high;

	if (!b || gva_eq(b->start, addr))
		return 0;
	high = malloc(sizeof *high);
	if (!high)
		return -ENOMEM;
	*high = *b;
	high->off = backing_off(b, addr);
	high->start = addr;
	b->end = addr;
	backing_link(mm, high);
	return 0;
}

int backing_isolate(struct mm *mm, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	if (backing_split(mm, start) < 0)
		return -ENOMEM;
	if (backing_split(mm, end) == 0)
		return 0;
	backing_merge(mm, start, start);
	return -ENOMEM;
}

static void drop(struct mm *mm, gva_t start, gva_t end,
		 void (*release)(struct arena *a, uint64_t off, uint64_t len))
{
	struct backing *b = backing_find(mm, start), *next;

	for (; b && gva_lt(b->start, end); b = next) {
		next = backing_next(b);
		backing_account(mm, b, false);
		if (b->owned)
			release(mm->host->arena, b->off, backing_len(b));
		backing_delete(mm, b);
	}
}

void backing_drop(struct mm *mm, gva_t start, gva_t end)
{
	drop(mm, start, end, arena_unref);
}

void backing_drop_cold(struct mm *mm, gva_t start, gva_t end)
{
	drop(mm, start, end, arena_unref_cold);
}

void backing_move(struct mm *mm, struct backing *b, gva_t start)
{
	lock_assert_held_write(&mm->lock);
	rb_erase(&mm->backings, &b->node);
	b->end = gva_add(start, backing_len(b));
	b->start = start;
	backing_link(mm, b);
}

static bool backing_continues(const struct backing *a, const struct backing *b)
{
	return gva_eq(a->end, b->start) && a->mf == b->mf && a->owned == b->owned &&
	       a->cow == b->cow && a->left == b->left && backing_off(a, a->end) == b->off;
}

void backing_merge(struct mm *mm, gva_t start, gva_t end)
{
	lock_assert_held_write(&mm->lock);
	struct backing *b = backing_find(mm, start.v ? gva_sub(start, 1) : start), *next;

	for (; b && gva_le(b->start, end); b = next) {
		next = backing_next(b);
		if (!next || !backing_continues(b, next))
			continue;
		b->end = next->end;
		backing_delete(mm, next);
		next = b;
	}
}
