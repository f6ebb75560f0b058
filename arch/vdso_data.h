/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of clock data that the monitor writes (loader/clock.c) and the vDSO in the guest reads
 * (vdso/ of each architecture).
 *
 * Every clock is a line over the CPU's counter (arch/counter.h),
 * `base + (count - count_base) * mult >> VDSO_SHIFT`, valid for count_base <= count < count_end; an
 * earlier count, of a CPU slightly behind, reads as count_base. Past the end the vDSO makes a
 * system call, and so does a reader who meets a writer too often: `seq` is odd while the page
 * changes.
 */
#ifndef HL_ARCH_VDSO_DATA_H
#define HL_ARCH_VDSO_DATA_H

#include <stddef.h>
#include <stdint.h>

#define VDSO_SHIFT  40
#define VDSO_CLOCKS 12 /* clock ids below are looked up in the table */

/* One of the CLOCK_* that run. Zero: the page does not have it. */
struct vdso_clock_line {
	uint64_t sec, ns; /* at count_base; ns < 1e9 */
	uint64_t mult;    /* ns per count, times 2^VDSO_SHIFT */
};

struct vdso_data {
	uint32_t seq;
	uint32_t has_cpu_number; /* user code can read the number of its CPU */
	uint64_t count_base, count_end;
	struct vdso_clock_line clocks[VDSO_CLOCKS];
	uint64_t coarse_ns;      /* the coarse clocks move in such steps of CLOCK_MONOTONIC */
	uint64_t realtime_ahead; /* CLOCK_REALTIME - CLOCK_MONOTONIC of the guest, ns; may wrap */
};

_Static_assert(offsetof(struct vdso_data, clocks) == 24, "read by the vDSO");
_Static_assert(sizeof(struct vdso_data) <= 4096, "one page");

#endif
