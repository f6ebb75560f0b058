/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference counts. A count that has reached 0 never rises again, and none goes round: either would
 * free what is still in use, and a guest may be able to bring it about where we count wrongly. Both
 * end the monitor.
 */
#ifndef HL_UTIL_REF_H
#define HL_UTIL_REF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/bug.h"

#define REF_MAX ((uint32_t)INT32_MAX)

struct ref {
	_Atomic uint32_t count;
};

/* For initializers and ref_set. */
#define REF_INIT(n)                                                                                \
	{                                                                                          \
		n                                                                                  \
	}

/* The object is new: nobody else has it yet. */
static inline void ref_set(struct ref *r, uint32_t n)
{
	atomic_store_explicit(&r->count, n, memory_order_relaxed);
}

/* For another one, by whoever has one. */
static inline void ref_get(struct ref *r)
{
	uint32_t had = atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);

	BUG_ON(had - 1 >= REF_MAX);
}

/* For one, by whoever has none but knows that the memory is still there. False: it was at 0. */
static inline bool ref_tryget(struct ref *r)
{
	uint32_t had = atomic_load_explicit(&r->count, memory_order_relaxed);

	do {
		if (had == 0)
			return false;
		BUG_ON(had >= REF_MAX);
	} while (!atomic_compare_exchange_weak(&r->count, &had, had + 1));
	return true;
}

/* True: that was the last one, and all that was done with the others is seen. */
static inline bool ref_put(struct ref *r)
{
	uint32_t had = atomic_fetch_sub(&r->count, 1);

	BUG_ON(had - 1 >= REF_MAX);
	return had == 1;
}

/* How many there are, as of now. */
static inline uint32_t ref_count(const struct ref *r)
{
	return atomic_load(&r->count);
}

#endif
