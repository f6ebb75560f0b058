/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of backings of an address space: which memory-file range stands behind which pages now.
 *
 *   what                                      owned   cow
 *   anonymous memory, copies of file pages    yes     when shared since a fork and not yet written
 *   private mapping of a file, not written    no      yes
 *   shared mapping (file or memory)           no      no
 *
 * `owned`: each page holds a count of the arena. Otherwise the vma's source keeps the memory. A
 * backing lies in vmas, though not always in one: neighbours that continue each other are joined.
 * Callers hold mm->lock: for writing where anything changes. The platform is told separately
 * (mm/populate.h), before memory is given away. What is `left` it is told of at a touch alone: that
 * is how a snapshot's pages are that no copy has touched yet (mm/forecast.h).
 */
#ifndef HL_MM_BACKING_H
#define HL_MM_BACKING_H

#include "mm/mm.h"

struct backing {
	struct rb_node node;
	gva_t start, end;
	struct memfile *mf;
	uint64_t off; /* in mf, of `start` */
	bool owned, cow;
	bool left; /* the platform has not been told of it: mapped when it is touched */
};

/* The first backing that ends above `addr`; NULL: none. */
struct backing *backing_find(struct mm *mm, gva_t addr);
/* The backing that holds `addr`; NULL: none. */
struct backing *backing_at(struct mm *mm, gva_t addr);
struct backing *backing_next(const struct backing *b);
/* The one before `b`; the last one when `b` is NULL. */
struct backing *backing_prev(struct mm *mm, const struct backing *b);
/* Takes over the arena counts of an owned backing, also on failure. The range must be free.
 * -ENOMEM. */
int backing_add(struct mm *mm, const struct backing *like);
/* `b` comes into this address space, or goes. */
void backing_account(struct mm *mm, const struct backing *b, bool comes);
/* Makes both ends of the range borders. -ENOMEM: nothing lost. */
int backing_isolate(struct mm *mm, gva_t start, gva_t end);
/* Drops what lies in the range, whose ends must be borders or holes; arena pages are released. */
void backing_drop(struct mm *mm, gva_t start, gva_t end);
/* The same for pages that the host holds no memory for. */
void backing_drop_cold(struct mm *mm, gva_t start, gva_t end);
/* Gives `b` another address, which must be free. */
void backing_move(struct mm *mm, struct backing *b, gva_t start);
/* Joins neighbours that continue each other in and at the ends of the range. */
void backing_merge(struct mm *mm, gva_t start, gva_t end);

static inline uint64_t backing_len(const struct backing *b)
{
	return gva_diff(b->end, b->start);
}
static inline uint64_t backing_off(const struct backing *b, gva_t addr)
{
	return b->off + gva_diff(addr, b->start);
}

#define backing_for_range(b, mm, from, to)                                                         \
	for (struct backing *b = backing_find(mm, from); b && gva_lt(b->start, to);                \
	     b = backing_next(b))

#endif
