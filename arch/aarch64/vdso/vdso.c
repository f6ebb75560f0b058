/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO: code that the guest runs, linked into an image of its own (vdso.lds). Names and results
 * as vdso(7) has them; __kernel_rt_sigreturn is in sigreturn.S. */
#include "arch/vdso_clock.h"

int __kernel_clock_gettime(clockid_t clock, struct timespec *ts);
int __kernel_clock_getres(clockid_t clock, struct timespec *res);
int __kernel_gettimeofday(struct timeval *tv, void *tz);

static inline long vdso_syscall(long nr, long a, long b, long c)
{
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x8 __asm__("x8") = nr;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
	return x0;
}

int __kernel_clock_gettime(clockid_t clock, struct timespec *ts)
{
	return vdso_gettime(clock, ts);
}

int __kernel_clock_getres(clockid_t clock, struct timespec *res)
{
	return vdso_getres(clock, res);
}

int __kernel_gettimeofday(struct timeval *tv, void *tz)
{
	return vdso_timeofday(tv, tz);
}
