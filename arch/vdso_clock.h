/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the functions of every architecture's vDSO do, under whatever names: the time from the page
 * of arch/vdso_data.h, or by a system call where the page does not have it. For code that runs in
 * the guest: no libc, and no data but the page.
 */
#ifndef HL_ARCH_VDSO_CLOCK_H
#define HL_ARCH_VDSO_CLOCK_H

#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "arch/barrier.h"
#include "arch/counter.h"
#include "arch/vdso_data.h"

/* How often to look at a page that is being written before asking the monitor. */
#define VDSO_TRIES 64

#define NS_PER_SEC 1000000000UL

extern const volatile struct vdso_data vvar __attribute__((visibility("hidden")));

/* Defined by the file that includes this. */
static inline long vdso_syscall(long nr, long a, long b, long c);

struct reading {
	uint64_t sec, ns;
};

/* A clock of the page. False: it is not there, or the page could not be had, or has ended. */
static inline bool clock_read(clockid_t clock, struct reading *out)
{
	const volatile struct vdso_clock_line *line = &vvar.clocks[clock];

	for (int i = 0; i < VDSO_TRIES; i++) {
		uint32_t seq = vvar.seq;

		barrier_load();
		uint64_t sec = line->sec, ns = line->ns, mult = line->mult, base = vvar.count_base,
			 end = vvar.count_end;
		uint64_t now = counter_read(), count = now > base ? now - base : 0;

		barrier_load();
		if (__builtin_expect(vvar.seq != seq || (seq & 1), 0)) {
			cpu_pause();
			continue;
		}
		if (__builtin_expect(now >= end || !mult, 0))
			return false;
		ns += (uint64_t)((unsigned __int128)count * mult >> VDSO_SHIFT);
		for (; ns >= NS_PER_SEC; ns -= NS_PER_SEC)
			sec++;
		*out = (struct reading){ sec, ns };
		return true;
	}
	return false;
}

static inline bool is_coarse(clockid_t clock)
{
	return clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
}

static __attribute__((noinline)) bool coarse_read(clockid_t clock, struct reading *out)
{
	struct reading mono;
	uint64_t ns;

	if (!is_coarse(clock) || !clock_read(CLOCK_MONOTONIC, &mono))
		return false;
	ns = mono.sec * NS_PER_SEC + mono.ns;
	ns -= ns % vvar.coarse_ns;
	if (clock == CLOCK_REALTIME_COARSE)
		ns += vvar.realtime_ahead;
	*out = (struct reading){ ns / NS_PER_SEC, ns % NS_PER_SEC };
	return true;
}

static inline int vdso_gettime(clockid_t clock, struct timespec *ts)
{
	struct reading r;

	if ((unsigned)clock >= VDSO_CLOCKS || (!clock_read(clock, &r) && !coarse_read(clock, &r)))
		return (int)vdso_syscall(SYS_clock_gettime, clock, (long)ts, 0);
	ts->tv_sec = (time_t)r.sec;
	ts->tv_nsec = (long)r.ns;
	return 0;
}

static inline int vdso_getres(clockid_t clock, struct timespec *res)
{
	bool coarse = is_coarse(clock);

	if ((unsigned)clock >= VDSO_CLOCKS || (!coarse && !vvar.clocks[clock].mult))
		return (int)vdso_syscall(SYS_clock_getres, clock, (long)res, 0);
	if (res) {
		res->tv_sec = 0;
		res->tv_nsec = coarse ? (long)vvar.coarse_ns : 1;
	}
	return 0;
}

static inline int vdso_timeofday(struct timeval *tv, void *tz)
{
	struct reading r;

	if (tz || !clock_read(CLOCK_REALTIME, &r))
		return (int)vdso_syscall(SYS_gettimeofday, (long)tv, (long)tz, 0);
	if (tv) {
		tv->tv_sec = (time_t)r.sec;
		tv->tv_usec = (suseconds_t)(r.ns / 1000);
	}
	return 0;
}

#endif
