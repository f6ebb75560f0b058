/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's clocks: the host's, each ahead of it by a constant.
 *
 * A sandbox has one clock (sandbox->clock). Whatever a guest is told of the time, and every point
 * in time that it names, is of this clock: the time system calls and the vDSO's page, timers, the
 * deadlines of waits, the times of files in memory, the start times of processes. A deadline is
 * kept as the guest's time all the way down, and is turned into the host's where a host call waits
 * for it: in sleepers (host/wait.h), in the thread of the timers (kernel/ktimer.h), and in
 * clock_nanosleep(2). So what a blocked task has left to wait does not depend on the host it waits
 * on.
 *
 * Three distances serve all clocks, as in Linux's time namespaces: CLOCK_MONOTONIC_RAW and
 * _COARSE go with CLOCK_MONOTONIC, CLOCK_TAI and CLOCK_REALTIME_COARSE with CLOCK_REALTIME. CPU
 * clocks count from the start of a task and are not moved.
 *
 * The guest's realtime follows the host's: when somebody sets the host's clock, the guest's moves
 * by as much at once. Absolute timers and sleeps of CLOCK_REALTIME follow, relative ones do not,
 * and a timerfd with TFD_TIMER_CANCEL_ON_SET says ECANCELED, all as on Linux.
 *
 * Times that the host keeps remain the host's: those of files on a host's file system, which
 * programs outside see as well (utimensat(2)'s UTIME_NOW is the host's now there).
 *
 * The distances are set before the first task runs and never change after that.
 *
 * A clock that stands (`steps`) does not go with the host's. It begins where its three fields say,
 * and moves a step each time that a guest looks at it and to the end of each wait that runs out. So
 * a program that is run again, alone and with the same input, reads the same times. A wait takes
 * the host as long as ever: the host's time for a deadline is as far off as the deadline is.
 *
 * A NULL clock stands for the host's own, without a distance.
 */
#ifndef HL_HOST_CLOCK_H
#define HL_HOST_CLOCK_H

#include <stdint.h>
#include <time.h>

/* How far a clock that stands has got. */
struct clock_steps {
	_Atomic uint64_t passed; /* ns */
};

/* By how much a look moves a clock that stands, ns: about what a system call takes. */
#define CLOCK_STEP 1000

/* ns by which the guest's clocks are ahead of the host's; negative: behind. */
struct guest_clock {
	/* of a clock that stands: where it begins */
	int64_t realtime, monotonic, boottime;
	struct clock_steps *steps; /* NULL: it goes with the host's */
};

/* The largest point in time that a clock may show or a timer may have: Linux's KTIME_MAX. */
#define CLOCK_NS_MAX ((uint64_t)INT64_MAX)

/* -ERANGE: a clock of the guest would be negative now, or within a century of CLOCK_NS_MAX. */
int guest_clock_check(const struct guest_clock *gc);
/* The distance of one of the CLOCK_*, at this moment where it stands; 0 for clocks of CPU time. */
int64_t guest_clock_ahead(const struct guest_clock *gc, clockid_t clock);
/* What `clock` shows, in ns; it is one that the host has. */
uint64_t guest_clock_ns(const struct guest_clock *gc, clockid_t clock);
/* The same for any clock a guest may name: 0, or -EINVAL when the host knows no such clock. */
int guest_clock_gettime(const struct guest_clock *gc, clockid_t clock, struct timespec *ts);
/* CLOCK_REALTIME, for the times of files. */
struct timespec guest_clock_realtime(const struct guest_clock *gc);
/* The host's reading of `clock` when the guest's reads `at`: never before 1 ns, saturates to
 * CLOCK_NS_MAX. */
uint64_t guest_clock_to_host(const struct guest_clock *gc, clockid_t clock, uint64_t at);

/* A guest looks at it, which moves one that stands. */
void guest_clock_look(const struct guest_clock *gc);
/* A wait until `clock` shows `at` has run out: one that stands shows it from now on. */
void guest_clock_reached(const struct guest_clock *gc, clockid_t clock, uint64_t at);

/* A time of the host's CLOCK_REALTIME, as the guest would have read it; of a clock that stands:
 * what it shows now. */
struct timespec guest_clock_of_host_time(const struct guest_clock *gc, struct timespec when);

#endif
