/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the host's clocks into the guest's and back. The distances may not bring a clock below
 * zero, nor near the end of its range within a century. See the header. */
#include "host/clock.h"

#include <errno.h>

#include "util/time.h"

#define CENTURY_NS (36525UL * 86400 * NSEC_PER_SEC)

static uint64_t host_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return timespec_to_ns(&ts);
}

int64_t guest_clock_ahead(const struct guest_clock *gc, clockid_t clock)
{
	if (!gc)
		return 0;
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

int guest_clock_check(const struct guest_clock *gc)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME };

	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		int64_t now;

		if (__builtin_add_overflow((int64_t)host_ns(clocks[i]),
					   guest_clock_ahead(gc, clocks[i]), &now) ||
		    now < 0 || (uint64_t)now > CLOCK_NS_MAX - CENTURY_NS)
			return -ERANGE;
	}
	return 0;
}

uint64_t guest_clock_ns(const struct guest_clock *gc, clockid_t clock)
{
	return host_ns(clock) + (uint64_t)guest_clock_ahead(gc, clock);
}

int guest_clock_gettime(const struct guest_clock *gc, clockid_t clock, struct timespec *ts)
{
	int64_t ahead = guest_clock_ahead(gc, clock);

	if (clock_gettime(clock, ts))
		return -errno;
	if (ahead)
		*ts = ns_to_timespec(timespec_to_ns(ts) + (uint64_t)ahead);
	return 0;
}

struct timespec guest_clock_of_host_time(const struct guest_clock *gc, struct timespec when)
{
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
	if (__builtin_sub_overflow((int64_t)at, guest_clock_ahead(gc, clock), &host))
		return CLOCK_NS_MAX; /* at is not negative: too large */
	return host > 0 ? (uint64_t)host : 1;
}
