/* SPDX-License-Identifier: Apache-2.0 */
/* Units of time, and conversions between nanoseconds and what system calls have. */
#ifndef HL_UTIL_TIME_H
#define HL_UTIL_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#define NSEC_PER_SEC  1000000000UL
#define NSEC_PER_MSEC 1000000UL
#define NSEC_PER_USEC 1000UL
#define USEC_PER_SEC  1000000UL
/* What times(2) and procfs count in: Linux's USER_HZ is 100. */
#define NSEC_PER_TICK (NSEC_PER_SEC / 100)

static inline struct timespec ns_to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NSEC_PER_SEC),
				  .tv_nsec = (long)(ns % NSEC_PER_SEC) };
}

static inline struct timeval ns_to_timeval(uint64_t ns)
{
	return (struct timeval){ .tv_sec = (time_t)(ns / NSEC_PER_SEC),
				 .tv_usec = (suseconds_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

/* Times that are not negative; they saturate to UINT64_MAX. */
static inline uint64_t timespec_to_ns(const struct timespec *ts)
{
	if ((uint64_t)ts->tv_sec >= UINT64_MAX / NSEC_PER_SEC)
		return UINT64_MAX;
	return (uint64_t)ts->tv_sec * NSEC_PER_SEC + (uint64_t)ts->tv_nsec;
}

static inline uint64_t timeval_to_ns(const struct timeval *tv)
{
	struct timespec ts = { tv->tv_sec, tv->tv_usec * (long)NSEC_PER_USEC };

	return timespec_to_ns(&ts);
}

/* Neither negative nor with more nanoseconds than a second has. */
static inline bool timespec_valid(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < (long)NSEC_PER_SEC;
}

static inline bool timeval_valid(const struct timeval *tv)
{
	return tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < (long)USEC_PER_SEC;
}

#endif
