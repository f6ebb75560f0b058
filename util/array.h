/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that grow as things are added. */
#ifndef HL_UTIL_ARRAY_H
#define HL_UTIL_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* Makes room for one more of `size` bytes in an array of malloc's that has `nr`, and room for
 * *room. -ENOMEM: it is as it was. */
static inline int array_grow(void **array, size_t nr, size_t *room, size_t size)
{
	if (nr < *room)
		return 0;
	size_t more = *room ? 2 * *room : 16;
	void *p = reallocarray(*array, more, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*room = more;
	return 0;
}

#endif
