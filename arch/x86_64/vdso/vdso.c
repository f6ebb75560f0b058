/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO: code that the guest runs, linked into an image of its own (vdso.lds). No libc, no data
 * but the page in front of it. Names and results as vdso(7) has them. */
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

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return r;
}

/* Not before earlier loads, nor after later ones. */
static inline uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

struct reading {
	uint64_t sec, ns;
};

/* A clock of the page. False: it is not there, or the page could not be had, or has ended. */
static inline bool clock_read(clockid_t clock, struct reading *out)
{
	const volatile struct vdso_clock_line *line = &vvar.clocks[clock];

	for (int i = 0; i < TRIES; i++) {
		uint32_t seq = vvar.seq;
		uint64_t sec = line->sec, ns = line->ns, mult = line->mult, base = vvar.tsc_base,
			 end = vvar.tsc_end;
		uint64_t tsc = read_tsc(), count = tsc > base ? tsc - base : 0;

		if (__builtin_expect(vvar.seq != seq || (seq & 1), 0)) {
			__asm__ volatile("pause");
			continue;
		}
		if (__builtin_expect(tsc >= end || !mult, 0))
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

int __vdso_clock_gettime(clockid_t clock, struct timespec *ts)
{
	struct reading r;

	if ((unsigned)clock >= VDSO_CLOCKS || (!clock_read(clock, &r) && !coarse_read(clock, &r)))
		return (int)syscall3(SYS_clock_gettime, clock, (long)ts, 0);
	ts->tv_sec = (time_t)r.sec;
	ts->tv_nsec = (long)r.ns;
	return 0;
}

int __vdso_clock_getres(clockid_t clock, struct timespec *res)
{
	bool coarse = is_coarse(clock);

	if ((unsigned)clock >= VDSO_CLOCKS || (!coarse && !vvar.clocks[clock].mult))
		return (int)syscall3(SYS_clock_getres, clock, (long)res, 0);
	if (res) {
		res->tv_sec = 0;
		res->tv_nsec = coarse ? (long)vvar.coarse_ns : 1;
	}
	return 0;
}

int __vdso_gettimeofday(struct timeval *tv, void *tz)
{
	struct reading r;

	if (tz || !clock_read(CLOCK_REALTIME, &r))
		return (int)syscall3(SYS_gettimeofday, (long)tv, (long)tz, 0);
	if (tv) {
		tv->tv_sec = (time_t)r.sec;
		tv->tv_usec = (suseconds_t)(r.ns / 1000);
	}
	return 0;
}

time_t __vdso_time(time_t *t)
{
	struct reading r;

	if (!clock_read(CLOCK_REALTIME, &r))
		return syscall3(SYS_time, (long)t, 0, 0);
	if (t)
		*t = (time_t)r.sec;
	return (time_t)r.sec;
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

#define WEAK_NAME(name)                                                                            \
	extern __typeof__(__vdso_##name) name __attribute__((weak, alias("__vdso_" #name)))
WEAK_NAME(clock_gettime);
WEAK_NAME(clock_getres);
WEAK_NAME(gettimeofday);
WEAK_NAME(time);
WEAK_NAME(getcpu);
