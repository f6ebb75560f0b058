/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each update reads the host's clocks, finds the rate since an earlier reading, and draws a new
 * line. A line may not begin below where the one before has got to, or time would run backwards: a
 * line that was too fast is followed by one that begins where it ended and is slower until both
 * agree at the end of its term. A line that was too slow is left by a step forward, of nanoseconds.
 *
 * How long a line is good for follows from the readings: they are good to some tens of ns, so a
 * rate found over a time T is good for some multiple of T before it is off by a fraction of a
 * microsecond.
 *
 * CLOCK_REALTIME, BOOTTIME and TAI keep a constant distance from CLOCK_MONOTONIC, except when
 * somebody sets the clock: a distance once measured stays until a reading is off by more than
 * readings can be.
 */
#include "loader/clock.h"

#include <stdlib.h>
#include <time.h>

#include "arch/barrier.h"
#include "arch/counter.h"
#include "host/clock.h"
#include "util/time.h"

/* A line is used this many times as long as the baseline of its rate, but no longer than
 * TERM_MAX. */
#define TERM_FACTOR  10
#define TERM_MAX     (200UL * 1000 * 1000)
#define BASELINE_MIN (100UL * 1000)
/* The baseline is kept between this and twice this: long enough for precision, short enough to
 * follow NTP. */
#define BASELINE_GOOD NSEC_PER_SEC
/* A clock was set when its distance from CLOCK_MONOTONIC is off by more. */
#define STEP_MIN 1000
#define READINGS 5

static uint64_t host_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return timespec_to_ns(&ts);
}

/* The reading with the least time around it: the others were interrupted. */
static struct clock_sample sample(clockid_t clock)
{
	struct clock_sample best = { .width = UINT64_MAX };

	for (int i = 0; i < READINGS; i++) {
		uint64_t before = counter_read_ordered(), ns = host_ns(clock),
			 after = counter_read_ordered();

		if (after - before < best.width)
			best = (struct clock_sample){ before + (after - before) / 2, ns,
						      after - before };
	}
	return best;
}

static uint64_t scale(uint64_t counts, uint64_t mult)
{
	return (uint64_t)((unsigned __int128)counts * mult >> VDSO_SHIFT);
}

/* ns per count since the anchor, as vdso_clock_line.mult. 0: too early to tell. */
static uint64_t rate_find(struct clock_rate *r, const struct clock_sample *now)
{
	uint64_t ns = now->ns - r->anchor.ns, counts = now->count - r->anchor.count;

	if (now->ns < r->anchor.ns + BASELINE_MIN || counts == 0)
		return 0;
	if (now->ns - r->next_anchor.ns > BASELINE_GOOD) {
		r->anchor = r->next_anchor;
		r->next_anchor = *now;
	}
	return (uint64_t)(((unsigned __int128)ns << VDSO_SHIFT) / counts);
}

/* The host seldom thinks otherwise of the counter, and to ask takes a while: sandboxes that are
 * made one after another ask once a second. */
static bool counter_was_trusted(void)
{
	static _Atomic uint64_t known; /* second << 1 | answer; 0: it was never asked */
	uint64_t second = host_ns(CLOCK_MONOTONIC) / NSEC_PER_SEC + 1, last = known;

	if (last >> 1 == second)
		return last & 1;
	bool trusted = counter_is_trusted();
	known = second << 1 | trusted;
	return trusted;
}

void clock_page_init(struct clock_page *p, const struct guest_clock *gc, struct vdso_data *data)
{
	struct timespec res;

	*p = (struct clock_page){ .data = data,
				  .clock = gc,
				  .usable = !(gc && gc->steps) && counter_was_trusted() };
	clock_getres(CLOCK_MONOTONIC_COARSE, &res);
	data->coarse_ns = res.tv_sec == 0 && res.tv_nsec > 0 ? (uint64_t)res.tv_nsec : 1;
	data->has_cpu_number = counter_has_cpu_number();
	p->realtime = host_ns(CLOCK_REALTIME) - host_ns(CLOCK_MONOTONIC);
	p->monotonic_rate.anchor = p->monotonic_rate.next_anchor = sample(CLOCK_MONOTONIC);
	p->raw_rate.anchor = p->raw_rate.next_anchor = sample(CLOCK_MONOTONIC_RAW);
}

/* How far the guest's CLOCK_REALTIME is ahead of its CLOCK_MONOTONIC. */
static uint64_t realtime_ahead(const struct clock_page *p)
{
	return p->realtime + (uint64_t)guest_clock_ahead(p->clock, CLOCK_REALTIME) -
	       (uint64_t)guest_clock_ahead(p->clock, CLOCK_MONOTONIC);
}

bool clock_page_coarse(const struct clock_page *p, clockid_t clock, uint64_t *ns)
{
	if (!p->usable)
		return false;
	*ns = guest_clock_ns(p->clock, CLOCK_MONOTONIC);
	*ns -= *ns % p->data->coarse_ns;
	if (clock == CLOCK_REALTIME_COARSE)
		*ns += realtime_ahead(p);
	return true;
}

/* Replaces `line`, which the page has from `d->count_base` on, by one that shows what the clock
 * showed, from `count` on; `term`: counts it will be used for. */
static void line_replace(struct clock_line *line, const struct vdso_data *d,
			 const struct clock_sample *now, uint64_t mult, uint64_t count,
			 uint64_t term)
{
	uint64_t ns = now->ns + scale(count - now->count, mult), old = 0;

	if (d->count_end)
		old = line->base +
		      scale((count < d->count_end ? count : d->count_end) - d->count_base,
			    line->mult);
	if (old > ns) {
		uint64_t less = (uint64_t)(((unsigned __int128)(old - ns) << VDSO_SHIFT) / term);

		ns = old;
		mult -= less < mult / 2 ? less : mult / 2;
	}
	*line = (struct clock_line){ ns, mult };
}

/* Distance of a clock from CLOCK_MONOTONIC: `old`, unless it has changed. */
static uint64_t distance(clockid_t clock, uint64_t old, const struct clock_sample *mono,
			 uint64_t mult)
{
	struct clock_sample s = sample(clock);
	uint64_t found = s.ns - (mono->ns + scale(s.count - mono->count, mult));
	int64_t off = (int64_t)(found - old);

	return llabs(off) < (int64_t)(STEP_MIN + scale(s.width + mono->width, mult)) ? old : found;
}

/* CLOCK_TAI is whole seconds ahead of CLOCK_REALTIME. */
static uint64_t tai_seconds(void)
{
	return (host_ns(CLOCK_TAI) - host_ns(CLOCK_REALTIME) + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
}

/* Readers see what was written before it before they see it, and nothing of what comes after. */
static void seq_store(struct vdso_data *d, uint32_t seq)
{
	barrier_full();
	__atomic_store_n(&d->seq, seq, __ATOMIC_RELAXED);
	barrier_full();
}

struct readings {
	struct clock_sample mono, raw;
	uint64_t mono_mult, raw_mult, tai;
};

/* `ahead`: of the host's clock that the line shows. */
static void put(struct clock_page *p, clockid_t clock, const struct clock_line *line,
		uint64_t ahead)
{
	uint64_t ns = line->base + ahead + (uint64_t)guest_clock_ahead(p->clock, clock);

	p->data->clocks[clock] =
	    (struct vdso_clock_line){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC, line->mult };
}

static void publish(struct clock_page *p, const struct readings *r, uint64_t term)
{
	struct vdso_data *d = p->data;
	uint64_t count;

	seq_store(d, d->seq + 1);
	count = counter_read_ordered();
	line_replace(&p->monotonic, d, &r->mono, r->mono_mult, count, term);
	line_replace(&p->raw, d, &r->raw, r->raw_mult, count, term);
	put(p, CLOCK_MONOTONIC, &p->monotonic, 0);
	put(p, CLOCK_MONOTONIC_RAW, &p->raw, 0);
	put(p, CLOCK_REALTIME, &p->monotonic, p->realtime);
	put(p, CLOCK_BOOTTIME, &p->monotonic, p->boottime);
	put(p, CLOCK_TAI, &p->monotonic, p->realtime + r->tai);
	d->realtime_ahead = realtime_ahead(p);
	d->count_base = count;
	__atomic_store_n(&d->count_end, count + term, __ATOMIC_RELAXED);
	seq_store(d, d->seq + 1);
}

uint64_t clock_page_update(struct clock_page *p)
{
	struct readings r;
	uint64_t term;

	if (!p->usable)
		return 0;
	r.mono = sample(CLOCK_MONOTONIC);
	r.raw = sample(CLOCK_MONOTONIC_RAW);
	term = TERM_FACTOR * (r.mono.ns - p->monotonic_rate.anchor.ns);
	term = term < TERM_MAX ? term : TERM_MAX;
	r.mono_mult = rate_find(&p->monotonic_rate, &r.mono);
	r.raw_mult = rate_find(&p->raw_rate, &r.raw);
	if (!r.mono_mult || !r.raw_mult)
		return 0;
	p->realtime = distance(CLOCK_REALTIME, p->realtime, &r.mono, r.mono_mult);
	p->boottime = distance(CLOCK_BOOTTIME, p->boottime, &r.mono, r.mono_mult);
	r.tai = tai_seconds() * NSEC_PER_SEC;
	publish(p, &r, (uint64_t)(((unsigned __int128)term << VDSO_SHIFT) / r.mono_mult));
	return term;
}

void clock_page_expire(struct clock_page *p)
{
	__atomic_store_n(&p->data->count_end, 0, __ATOMIC_RELAXED);
}

bool clock_page_expired(const struct clock_page *p)
{
	return p->usable &&
	       counter_read_ordered() >= __atomic_load_n(&p->data->count_end, __ATOMIC_RELAXED);
}
