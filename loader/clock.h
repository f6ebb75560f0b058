/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's clocks as lines over the CPU's counter, for the page the vDSO reads
 * (arch/vdso_data.h). Not thread-safe. */
#ifndef HL_LOADER_CLOCK_H
#define HL_LOADER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "arch/vdso_data.h"

/* A reading of a host clock: it showed `ns` at `count`, give or take half of `width` counts. */
struct clock_sample {
	uint64_t count, ns, width;
};

/* What is known of a clock's rate: readings with enough time between them. */
struct clock_rate {
	struct clock_sample anchor, next_anchor;
};

/* What is on the page for a clock, before it is split into seconds. */
struct clock_line {
	uint64_t base, mult;
};

struct guest_clock;

struct clock_page {
	struct vdso_data *data;
	const struct guest_clock *clock; /* what the page shows */
	bool usable;                     /* the host itself counts time by the counter */
	struct clock_rate monotonic_rate, raw_rate;
	struct clock_line monotonic, raw;
	/* by how much the host's clocks are ahead of its CLOCK_MONOTONIC, ns */
	uint64_t realtime, boottime;
};

/* `data`: a zeroed page. Takes the first readings: the longer ago that is at the first update, the
 * better it will be. */
void clock_page_init(struct clock_page *p, const struct guest_clock *gc, struct vdso_data *data);
/* Reads the host's clocks and renews the page. Returns how long it is good for, ns; 0: it is not
 * (yet). */
uint64_t clock_page_update(struct clock_page *p);
/* A coarse clock as the vDSO shows it, which moves at other moments than the host's own: for those
 * who ask by system call. False: the vDSO asks the host, too. */
bool clock_page_coarse(const struct clock_page *p, clockid_t clock, uint64_t *ns);
/* From now on it has run out. */
void clock_page_expire(struct clock_page *p);
/* Has the page run out, or is it about to? */
bool clock_page_expired(const struct clock_page *p);

#endif
