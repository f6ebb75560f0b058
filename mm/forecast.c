/* SPDX-License-Identifier: Apache-2.0 */
/* Learns which pages are written first. See the header. */
#include "mm/forecast.h"

#include <stdlib.h>
#include <string.h>

struct forecast *forecast_new(void)
{
	struct forecast *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	ref_set(&f->refs, 1);
	mutex_init(&f->lock, LOCK_FORECAST);
	return f;
}

void forecast_put(struct forecast *f)
{
	if (!f || !ref_put(&f->refs))
		return;
	mutex_destroy(&f->lock);
	free(f);
}

/* Where `page` is, or belongs. */
static unsigned place_of(const struct forecast *f, uint64_t page)
{
	unsigned low = 0, high = f->nr;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (f->page[middle] < page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool forecast_add(struct forecast *f, uint64_t page)
{
	mutex_lock(&f->lock);
	unsigned at = place_of(f, page);
	bool known = at < f->nr && f->page[at] == page, room = f->nr < FORECAST_MAX;

	if (!known && room) {
		memmove(f->page + at + 1, f->page + at, (f->nr - at) * sizeof *f->page);
		f->page[at] = page;
		f->nr++;
		f->learned++;
	}
	mutex_unlock(&f->lock);
	return known || room;
}

unsigned forecast_pages(struct forecast *f, uint64_t out[FORECAST_MAX])
{
	mutex_lock(&f->lock);
	unsigned nr = f->nr;
	memcpy(out, f->page, nr * sizeof *out);
	mutex_unlock(&f->lock);
	return nr;
}

void mm_forecast_start(struct mm *mm, struct forecast *f)
{
	forecast_put(mm->forecast);
	mm->forecast = f;
	if (f)
		ref_get(&f->refs);
	mm->forecast_faults = 0;
	mm->forecast_over = false;
}

bool mm_forecast_fault(struct mm *mm, gva_t page, bool *learns)
{
	lock_assert_held_write(&mm->lock);
	*learns = false;
	if (!mm->forecast)
		return false;
	if (!atomic_load_explicit(&mm->forecast_over, memory_order_relaxed))
		*learns = forecast_add(mm->forecast, page.v >> PAGE_SHIFT);
	return ++mm->forecast_faults == 2;
}
