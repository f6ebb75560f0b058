/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zeroed memory that costs nothing until it is touched, page by page: for large tables of which
 * most sandboxes use little. calloc(3) touches what it gives where that was in use before.
 */
#ifndef HL_HOST_LAZYMEM_H
#define HL_HOST_LAZYMEM_H

#include <stddef.h>

/* NULL: no memory. */
void *lazymem_new(size_t size);
void lazymem_free(void *p, size_t size); /* NULL: no effect */

#endif
