/* SPDX-License-Identifier: Apache-2.0 */
/* What mappings of a file keep in use besides its pages: where it lies. Who gives it knows more. */
#ifndef HL_MM_MAPPED_PLACE_H
#define HL_MM_MAPPED_PLACE_H

#include "util/ref.h"

struct mapped_place {
	struct ref refs;
	void (*release)(struct mapped_place *p); /* may be called with mm locks held */
	/* A vma comes (1) or goes (-1); with mm locks held. Such vmas are not joined. NULL: nobody
	 * counts them. */
	void (*count)(struct mapped_place *p, int sign);
};

static inline void mapped_place_put(struct mapped_place *p)
{
	if (p && ref_put(&p->refs))
		p->release(p);
}

/* The same by a vma. NULL: no effect. */
static inline void mapped_place_enter(struct mapped_place *p)
{
	if (!p)
		return;
	ref_get(&p->refs);
	if (p->count)
		p->count(p, 1);
}
static inline void mapped_place_leave(struct mapped_place *p)
{
	if (p && p->count)
		p->count(p, -1);
	mapped_place_put(p);
}

#endif
