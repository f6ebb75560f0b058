/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO: code that the guest runs, linked into an image of its own (vdso.lds). Names and results
 * as vdso(7) has them. */
#include "arch/vdso_clock.h"

int __vdso_clock_gettime(clockid_t clock, struct timespec *ts);
int __vdso_clock_getres(clockid_t clock, struct timespec *res);
int __vdso_gettimeofday(struct timeval *tv, void *tz);
time_t __vdso_time(time_t *t);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

static inline long vdso_syscall(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return r;
}

int __vdso_clock_gettime(clockid_t clock, struct timespec *ts)
{
	return vdso_gettime(clock, ts);
}

int __vdso_clock_getres(clockid_t clock, struct timespec *res)
{
	return vdso_getres(clock, res);
}

int __vdso_gettimeofday(struct timeval *tv, void *tz)
{
	return vdso_timeofday(tv, tz);
}

time_t __vdso_time(time_t *t)
{
	struct reading r;

	if (!clock_read(CLOCK_REALTIME, &r))
		return vdso_syscall(SYS_time, (long)t, 0, 0);
	if (t)
		*t = (time_t)r.sec;
	return (time_t)r.sec;
}

/* Linux keeps node << 12 | cpu in TSC_AUX. */
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	uint32_t low, high, aux;

	if (!vvar.has_cpu_number)
		return vdso_syscall(SYS_getcpu, (long)cpu, (long)node, 0);
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
