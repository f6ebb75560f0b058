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

/* Where `page` is in `set`, or belongs. */
static unsigned place_of(const uint64_t *set, unsigned nr, uint64_t page)
{
	unsigned low = 0, high = nr;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (set[middle] < page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool add(struct forecast *f, uint64_t *set, unsigned *nr, unsigned max, uint64_t page)
{
	mutex_lock(&f->lock);
	unsigned at = place_of(set, *nr, page);
	bool known = at < *nr && set[at] == page, room = *nr < max;

	if (!known && room) {
		memmove(set + at + 1, set + at, (*nr - at) * sizeof *set);
		set[at] = page;
		++*nr;
		f->learned++;
	}
	mutex_unlock(&f->lock);
	return known || room;
}

bool forecast_add(struct forecast *f, uint64_t page)
{
	return add(f, f->page, &f->nr, FORECAST_MAX, page);
}

bool forecast_add_touch(struct forecast *f, uint64_t page)
{
	return add(f, f->touch, &f->nr_touch, FORECAST_TOUCH, page);
}

static unsigned copy(struct forecast *f, const uint64_t *set, const unsigned *nr, uint64_t *out)
{
	mutex_lock(&f->lock);
	unsigned n = *nr;
	memcpy(out, set, n * sizeof *out);
	mutex_unlock(&f->lock);
	return n;
}

unsigned forecast_pages(struct forecast *f, uint64_t out[FORECAST_MAX])
{
	return copy(f, f->page, &f->nr, out);
}

unsigned forecast_touched(struct forecast *f, uint64_t out[FORECAST_TOUCH])
{
	return copy(f, f->touch, &f->nr_touch, out);
}

bool forecast_leaves(struct forecast *f, gva_t start, gva_t end)
{
	mutex_lock(&f->lock);
	unsigned at = place_of(f->touch, f->nr_touch, start.v >> PAGE_SHIFT);
	bool touched = at < f->nr_touch && f->touch[at] < end.v >> PAGE_SHIFT;
	bool full = f->nr_touch == FORECAST_TOUCH;
	mutex_unlock(&f->lock);
	return !touched && !full;
}

void mm_forecast_start(struct mm *mm, struct forecast *f)
{
	forecast_put(mm->forecast);
	mm->forecast = f;
	if (f)
		ref_get(&f->refs);
	mm->forecast_used = false;
	mm->forecast_over = false;
}

bool mm_forecast_write(struct mm *mm, gva_t page)
{
	lock_assert_held_write(&mm->lock);
	return mm->forecast && !atomic_load_explicit(&mm->forecast_over, memory_order_relaxed) &&
	       forecast_add(mm->forecast, page.v >> PAGE_SHIFT);
}

void mm_forecast_touch(struct mm *mm, gva_t page)
{
	lock_assert_held_write(&mm->lock);
	if (mm->forecast && !atomic_load_explicit(&mm->forecast_over, memory_order_relaxed))
		(void)forecast_add_touch(mm->forecast, page.v >> PAGE_SHIFT);
}
