/* SPDX-License-Identifier: Apache-2.0 */
/* Counts bytes of files. See the header. */
#include "mm/quota.h"

#include "util/minmax.h"

bool quota_take(struct page_quota *q, uint64_t n)
{
	if (!q)
		return true;
	if (atomic_fetch_add(&q->used, n) + n <= q->max && quota_take(q->within, n))
		return true;
	atomic_fetch_sub(&q->used, n);
	return false;
}

void quota_return(struct page_quota *q, uint64_t n)
{
	for (; q; q = q->within)
		atomic_fetch_sub(&q->used, n);
}

uint64_t quota_left(const struct page_quota *q)
{
	uint64_t left = UINT64_MAX;

	for (; q; q = q->within) {
		uint64_t used = q->used, max = q->max;
		left = min64(left, used < max ? max - used : 0);
	}
	return left;
}
