/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO: code that the guest runs, linked into an image of its own (vdso.lds). No libc, no data but the page in
 * front of it. Names and results as vdso(7) has them. */
#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "arch/x86_64/vdso_data.h"

/* How often to look at a page that is being written before asking the monitor. */
#define TRIES 64

#define NS_PER_SEC 1000000000UL

extern const volatile struct vdso_data vvar __attribute__((visibility("hidden")));

int __vdso_clock_gettime(clockid_t clock, struct timespec *ts);
int __vdso_clock_getres(clockid_t clock, struct timespec *res);
int __vdso_gettimeofday(struct timeval *tv, void *tz);
time_t __vdso_time(time_t *t);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

static long syscall3(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

static inline uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static inline void compiler_barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

enum kind { KIND_NONE, KIND_FINE, KIND_COARSE };

static enum kind kind_of(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI: return KIND_FINE;
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: return KIND_COARSE;
	default: return KIND_NONE;
	}
}

static inline uint64_t offset_of(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE: return vvar.realtime;
	case CLOCK_BOOTTIME: return vvar.boottime;
	case CLOCK_TAI: return vvar.tai;
	default: return 0;
	}
}

/* The clock in ns, from a page that may change meanwhile. False: the page has ended. */
static inline bool line_read(clockid_t clock, enum kind kind, uint64_t *ns)
{
	const volatile struct vdso_line *line = clock == CLOCK_MONOTONIC_RAW ? &vvar.raw : &vvar.monotonic;
	uint64_t tsc = read_tsc(), count = tsc > vvar.tsc_base ? tsc - vvar.tsc_base : 0;

	*ns = line->base + (uint64_t)((unsigned __int128)count * line->mult >> VDSO_SHIFT);
	if (kind == KIND_COARSE)
		*ns -= *ns % vvar.coarse_ns;
	*ns += offset_of(clock);
	return tsc < vvar.tsc_end;
}

/* False: the page could not be had, or has ended. */
static bool clock_read(clockid_t clock, enum kind kind, uint64_t *ns)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t seq = vvar.seq;
		bool valid;

		if (seq & 1) {
			__asm__ volatile("pause");
			continue;
		}
		compiler_barrier();
		valid = line_read(clock, kind, ns);
		compiler_barrier();
		if (vvar.seq == seq)
			return valid;
	}
	return false;
}

int __vdso_clock_gettime(clockid_t clock, struct timespec *ts)
{
	enum kind kind = kind_of(clock);
	uint64_t ns;

	if (kind == KIND_NONE || !clock_read(clock, kind, &ns))
		return (int)syscall3(SYS_clock_gettime, clock, (long)ts, 0);
	ts->tv_sec = (time_t)(ns / NS_PER_SEC);
	ts->tv_nsec = (long)(ns % NS_PER_SEC);
	return 0;
}

int __vdso_clock_getres(clockid_t clock, struct timespec *res)
{
	enum kind kind = kind_of(clock);

	if (kind == KIND_NONE || !vvar.tsc_end)
		return (int)syscall3(SYS_clock_getres, clock, (long)res, 0);
	if (res) {
		res->tv_sec = 0;
		res->tv_nsec = kind == KIND_COARSE ? vvar.coarse_ns : 1;
	}
	return 0;
}

int __vdso_gettimeofday(struct timeval *tv, void *tz)
{
	uint64_t ns;

	if (tz || !clock_read(CLOCK_REALTIME, KIND_FINE, &ns))
		return (int)syscall3(SYS_gettimeofday, (long)tv, (long)tz, 0);
	if (tv) {
		tv->tv_sec = (time_t)(ns / NS_PER_SEC);
		tv->tv_usec = (suseconds_t)(ns % NS_PER_SEC / 1000);
	}
	return 0;
}

time_t __vdso_time(time_t *t)
{
	uint64_t ns;
	time_t now;

	if (!clock_read(CLOCK_REALTIME, KIND_FINE, &ns))
		return syscall3(SYS_time, (long)t, 0, 0);
	now = (time_t)(ns / NS_PER_SEC);
	if (t)
		*t = now;
	return now;
}

/* Linux keeps node << 12 | cpu in TSC_AUX. */
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	uint32_t low, high, aux;

	if (!vvar.has_cpu_number)
		return syscall3(SYS_getcpu, (long)cpu, (long)node, 0);
	__asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
	if (cpu)
		*cpu = aux & 0xfff;
	if (node)
		*node = aux >> 12;
	return 0;
}

#define WEAK_NAME(name) extern __typeof__(__vdso_##name) name __attribute__((weak, alias("__vdso_" #name)))
WEAK_NAME(clock_gettime);
WEAK_NAME(clock_getres);
WEAK_NAME(gettimeofday);
WEAK_NAME(time);
WEAK_NAME(getcpu);
