/* SPDX-License-Identifier: Apache-2.0 */
/* What mappings of a file keep in use besides its pages: where it lies. Who gives it knows more. */
#ifndef HL_MM_MAPPED_PLACE_H
#define HL_MM_MAPPED_PLACE_H

#include "util/ref.h"

struct mapped_place {
	struct ref refs;
	void (*release)(struct mapped_place *p); /* may be called with mm locks held */
};

static inline void mapped_place_put(struct mapped_place *p)
{
	if (p && ref_put(&p->refs))
		p->release(p);
}

#endif
