/* SPDX-License-Identifier: Apache-2.0 */
/* Learns which pages are written first. See the header. */
#include "mm/forecast.h"

#include <stdlib.h>
#include <string.h>

#define FEW        64
#define BEHIND_MAX 512 /* pages that one learns behind its result */

_Static_assert(sizeof((struct mm *)0)->forecast_faults == FORECAST_WAVES, "one each");

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

/* The lock is held. False: it is full. */
static bool add_locked(struct forecast *f, uint64_t *set, unsigned *nr, unsigned max, uint64_t page)
{
	unsigned at = place_of(set, *nr, page);
	bool known = at < *nr && set[at] == page, room = *nr < max;

	if (!known && room) {
		memmove(set + at + 1, set + at, (*nr - at) * sizeof *set);
		set[at] = page;
		++*nr;
		f->learned++;
	}
	return known || room;
}

/* The lock is held. -1: none. */
static int wave_with(const struct forecast *f, uint64_t page)
{
	for (unsigned i = 0; i < f->nr_waves; i++) {
		const struct forecast_wave *w = &f->wave[i];
		unsigned at = place_of(w->page, w->nr, page);
		if (at < w->nr && w->page[at] == page)
			return (int)i;
	}
	return -1;
}

/* The lock is held. */
static bool add_to_wave(struct forecast *f, unsigned wave, uint64_t page)
{
	struct forecast_wave *w = &f->wave[wave];

	if (wave >= f->nr_waves)
		f->nr_waves = wave + 1;
	return add_locked(f, w->page, &w->nr, FORECAST_MAX, page);
}

bool forecast_add(struct forecast *f, unsigned wave, uint64_t page)
{
	if (wave >= FORECAST_WAVES)
		return false;
	mutex_lock(&f->lock);
	bool good = wave_with(f, page) >= 0 || add_to_wave(f, wave, page);
	mutex_unlock(&f->lock);
	return good;
}

void forecast_set_behind(struct forecast *f, unsigned wave)
{
	mutex_lock(&f->lock);
	f->wave[wave].behind = true;
	mutex_unlock(&f->lock);
}

bool forecast_is_behind(struct forecast *f, unsigned wave)
{
	mutex_lock(&f->lock);
	bool behind = f->wave[wave].behind;
	mutex_unlock(&f->lock);
	return behind;
}

bool forecast_add_touch(struct forecast *f, uint64_t page)
{
	mutex_lock(&f->lock);
	bool good = add_locked(f, f->touch, &f->nr_touch, FORECAST_TOUCH, page);
	mutex_unlock(&f->lock);
	return good;
}

static unsigned copy(struct forecast *f, const uint64_t *set, const unsigned *nr, uint64_t *out)
{
	mutex_lock(&f->lock);
	unsigned n = *nr;
	memcpy(out, set, n * sizeof *out);
	mutex_unlock(&f->lock);
	return n;
}

unsigned forecast_pages(struct forecast *f, unsigned wave, uint64_t out[FORECAST_MAX])
{
	return copy(f, f->wave[wave].page, &f->wave[wave].nr, out);
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
	mm_forecast_again(mm);
}

void mm_forecast_again(struct mm *mm)
{
	mm->forecast_copied = 0;
	memset(mm->forecast_faults, 0, sizeof mm->forecast_faults);
	mm->forecast_own[0] = mm->forecast_own[1] = -1;
	mm->forecast_behind = 0;
	mm->forecast_over = false;
}

/* So many faults in a wave say that the rest of it comes, too: a few pages may be in common by
 * chance, and a copy of a large wave costs as much as some faults. The lock is held. */
static unsigned faults_wanted(const struct forecast *f, unsigned wave)
{
	return 2 + f->wave[wave].nr / 64;
}

int mm_forecast_wave(struct mm *mm, gva_t page)
{
	struct forecast *f = mm->forecast;
	bool expected = false;

	lock_assert_held_write(&mm->lock);
	if (!f)
		return -1;
	mutex_lock(&f->lock);
	int wave = wave_with(f, page.v >> PAGE_SHIFT);
	if (wave >= 0 && !(mm->forecast_copied & 1U << wave))
		expected = ++mm->forecast_faults[wave] >= faults_wanted(f, (unsigned)wave);
	mutex_unlock(&f->lock);
	if (!mm->forecast_copied)
		wave = 0;
	else if (!expected)
		return -1;
	mm->forecast_copied |= (uint8_t)(1U << wave);
	return wave;
}

/* Can others add to this wave? So they do where it has few pages, which are not worth a wave. The
 * few after a wave that is full are the rest of that one. */
static bool is_open(const struct forecast *f, unsigned wave, bool over)
{
	const struct forecast_wave *w = &f->wave[wave];

	return w->behind == over && w->nr < FEW && !(wave && f->wave[wave - 1].nr == FORECAST_MAX);
}

/* Where this address space adds what it learns: before its result, and behind it. The lock is
 * held. */
static unsigned own_wave(struct mm *mm, const struct forecast *f, bool over)
{
	int own = mm->forecast_own[over];
	unsigned wave = 0;

	if (own >= 0 && f->wave[own].nr < FORECAST_MAX)
		return (unsigned)own;
	while (wave < f->nr_waves && (own >= 0 || !is_open(f, wave, over)))
		wave++;
	wave -= wave == FORECAST_WAVES;
	mm->forecast_own[over] = (int)wave;
	return wave;
}

bool mm_forecast_write(struct mm *mm, gva_t page)
{
	struct forecast *f = mm->forecast;
	uint64_t number = page.v >> PAGE_SHIFT;
	bool over = atomic_load_explicit(&mm->forecast_over, memory_order_relaxed);

	lock_assert_held_write(&mm->lock);
	if (!f || (over && mm->forecast_behind == BEHIND_MAX))
		return false;
	mutex_lock(&f->lock);
	bool good = wave_with(f, number) >= 0;
	if (!good) {
		unsigned wave = own_wave(mm, f, over);
		if (!f->wave[wave].nr) {
			mm->forecast_copied |= (uint8_t)(1U << wave); /* all of it is its own */
			f->wave[wave].behind = over;
		}
		good = add_to_wave(f, wave, number);
		mm->forecast_behind += over;
	}
	mutex_unlock(&f->lock);
	return good;
}

void mm_forecast_touch(struct mm *mm, gva_t page)
{
	lock_assert_held_write(&mm->lock);
	if (mm->forecast && !atomic_load_explicit(&mm->forecast_over, memory_order_relaxed))
		(void)forecast_add_touch(mm->forecast, page.v >> PAGE_SHIFT);
}
