/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages programs that begin alike write first: the copies of a snapshot write mostly the same
 * ones until they have a result, and each page that is copied when it is written costs a fault. So
 * those that ran before tell those that come (struct forecast), and at its first such fault an
 * address space gets copies of all of these pages at once (mm/fault.c). What the monitor writes
 * there does not count: a copy that sleeps on has none of them.
 *
 * Programs that begin alike may go on to do different things: copies of a warm interpreter are
 * given code of all kinds. So what is learned lies in waves. The first is what the first program
 * wrote. What another writes beside becomes a wave of its own, which is copied after a few faults
 * in it.
 *
 * What a program writes behind its first result (mm_forecast_over), most often to clean up at its
 * end, is another wave, so that no result waits for it. While an address space learns, a fault
 * copies no neighbours, because these would be learned with it.
 *
 * The same of mappings of files and of runs of the image: those that no copy has touched yet are
 * mapped when one does.
 *
 * A forecast that is wrong costs memory and time, and changes nothing else.
 */
#ifndef HL_MM_FORECAST_H
#define HL_MM_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/mm.h"
#include "util/lock.h"
#include "util/ref.h"

#define FORECAST_MAX   512 /* pages of a wave */
#define FORECAST_WAVES 8
#define FORECAST_TOUCH 512

/* Shared by all address spaces that begin alike. Thread-safe. */
struct forecast {
	struct ref refs;
	struct mutex lock;
	/* guarded by lock: */
	struct forecast_wave {
		uint64_t page[FORECAST_MAX]; /* addresses / PAGE_SIZE, ascending */
		unsigned nr;
		bool behind;    /* a result; else before one */
	} wave[FORECAST_WAVES]; /* no page is in two of them */
	unsigned nr_waves;
	/* one page of each such mapping or run that is touched, ascending */
	uint64_t touch[FORECAST_TOUCH];
	unsigned nr_touch;
	unsigned learned; /* of both, since it was made or read */
};

/* NULL: no memory. */
struct forecast *forecast_new(void);
void forecast_put(struct forecast *f); /* NULL: no effect */
/* Adds to a wave, if the page is in none. False: it is full, or there is no such wave. */
bool forecast_add(struct forecast *f, unsigned wave, uint64_t page);
/* What it has is written behind a result. */
void forecast_set_behind(struct forecast *f, unsigned wave);
bool forecast_is_behind(struct forecast *f, unsigned wave);
/* A copy of a wave's pages; how many. */
unsigned forecast_pages(struct forecast *f, unsigned wave, uint64_t out[FORECAST_MAX]);
/* The same of what is touched. */
bool forecast_add_touch(struct forecast *f, uint64_t page);
unsigned forecast_touched(struct forecast *f, uint64_t out[FORECAST_TOUCH]);
/* Is [start, end), a mapping of a file or a run of the image, best left to a fault? */
bool forecast_leaves(struct forecast *f, gva_t start, gva_t end);

/* The address space begins now. Takes a reference; NULL: there is no forecast. */
void mm_forecast_start(struct mm *mm, struct forecast *f);
/* It begins once more, with the same. */
void mm_forecast_again(struct mm *mm);
/* Its process has given a result. Any thread. */
static inline void mm_forecast_over(struct mm *mm)
{
	atomic_store_explicit(&mm->forecast_over, true, memory_order_relaxed);
}
/* A page of it is about to be copied because it is written; mm->lock held for writing. Which wave
 * is to be copied now, for the first time; -1: none. */
int mm_forecast_wave(struct mm *mm, gva_t page);
/* The same. True: it is learned, and no neighbours are to be copied with it. */
bool mm_forecast_write(struct mm *mm, gva_t page);
/* A page that was not mapped is touched; mm->lock held for writing. */
void mm_forecast_touch(struct mm *mm, gva_t page);

#endif
