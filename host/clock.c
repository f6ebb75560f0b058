/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the host's clocks into the guest's and back. The distances may not bring a clock below
 * zero, nor near the end of its range within a century. See the header. */
#include "host/clock.h"

#include <errno.h>
#include <stdatomic.h>

#include "util/time.h"

#define CENTURY_NS (36525UL * 86400 * NSEC_PER_SEC)

static uint64_t host_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return timespec_to_ns(&ts);
}

static bool stands(const struct guest_clock *gc)
{
	return gc && gc->steps;
}

/* One of the three fields; 0 for clocks of CPU time. */
static int64_t field_of(const struct guest_clock *gc, clockid_t clock)
{
	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE: return gc->monotonic;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM: return gc->boottime;
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI: return gc->realtime;
	default: return 0;
	}
}

/* What one that stands shows. */
static uint64_t standing_ns(const struct guest_clock *gc, clockid_t clock)
{
	return (uint64_t)field_of(gc, clock) + atomic_load(&gc->steps->passed);
}

int64_t guest_clock_ahead(const struct guest_clock *gc, clockid_t clock)
{
	int64_t field = gc ? field_of(gc, clock) : 0;

	return field && gc->steps ? (int64_t)(standing_ns(gc, clock) - host_ns(clock)) : field;
}

int guest_clock_check(const struct guest_clock *gc)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };

	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		int64_t now, host = stands(gc) ? 0 : (int64_t)host_ns(clocks[i]);

		if (__builtin_add_overflow(host, gc ? field_of(gc, clocks[i]) : 0, &now) ||
		    now < 0 || (uint64_t)now > CLOCK_NS_MAX - CENTURY_NS)
			return -ERANGE;
	}
	return 0;
}

uint64_t guest_clock_ns(const struct guest_clock *gc, clockid_t clock)
{
	if (stands(gc))
		return standing_ns(gc, clock);
	return host_ns(clock) + (uint64_t)guest_clock_ahead(gc, clock);
}

void guest_clock_look(const struct guest_clock *gc)
{
	if (stands(gc))
		atomic_fetch_add(&gc->steps->passed, CLOCK_STEP);
}

void guest_clock_reached(const struct guest_clock *gc, clockid_t clock, uint64_t at)
{
	if (!stands(gc) || at < (uint64_t)field_of(gc, clock))
		return;
	uint64_t passed = at - (uint64_t)field_of(gc, clock);
	uint64_t now = atomic_load(&gc->steps->passed);

	while (now < passed && !atomic_compare_exchange_weak(&gc->steps->passed, &now, passed))
		;
}

int guest_clock_gettime(const struct guest_clock *gc, clockid_t clock, struct timespec *ts)
{
	if (clock_gettime(clock, ts))
		return -errno;
	int64_t ahead = guest_clock_ahead(gc, clock);
	if (stands(gc) && ahead)
		*ts = ns_to_timespec(standing_ns(gc, clock));
	else if (ahead)
		*ts = ns_to_timespec(timespec_to_ns(ts) + (uint64_t)ahead);
	return 0;
}

struct timespec guest_clock_of_host_time(const struct guest_clock *gc, struct timespec when)
{
	if (stands(gc))
		return ns_to_timespec(standing_ns(gc, CLOCK_REALTIME));
	int64_t ahead = guest_clock_ahead(gc, CLOCK_REALTIME);
	return ahead ? ns_to_timespec(timespec_to_ns(&when) + (uint64_t)ahead) : when;
}

struct timespec guest_clock_realtime(const struct guest_clock *gc)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return guest_clock_of_host_time(gc, now);
}

uint64_t guest_clock_to_host(const struct guest_clock *gc, clockid_t clock, uint64_t at)
{
	int64_t host;

	if (at > CLOCK_NS_MAX)
		return CLOCK_NS_MAX;
	if (stands(gc) && at <= standing_ns(gc, clock))
		return 1;
	if (__builtin_sub_overflow((int64_t)at, guest_clock_ahead(gc, clock), &host))
		return CLOCK_NS_MAX; /* at is not negative: too large */
	return host > 0 ? (uint64_t)host : 1;
}
