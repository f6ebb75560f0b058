/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUs of a sandbox that is limited to some (sandbox_limits.cpus).
 *
 * They are as many of the host's as the limit takes, whole ones, and keep the host's numbers, so
 * that what the CPU itself tells a guest (getcpu(2), rseq(2), RDPID) agrees with what /proc and
 * /sys list. The first of them is the one on which the caller runs when the sandbox is made: the
 * host's scheduler has put it there because it is less busy than others, and so sandboxes that
 * start together do not all share CPU 0.
 *
 * Threads that run guest code and answer its calls are bound to them by their affinity; a guest
 * can narrow that, not widen it.
 */
#ifndef HL_KERNEL_CPUS_H
#define HL_KERNEL_CPUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CPUS_MAX 8192 /* Linux's largest CONFIG_NR_CPUS */

struct cpus {
	bool limited;   /* else all that the caller may use, whatever they are */
	unsigned count; /* 0 where it is not limited */
	uint64_t bits[CPUS_MAX / 64];
};

/* As many of the calling thread's CPUs as `limit` (CPU_UNIT each) takes, all where there are no
 * more. 0: it is not limited. -errno. */
int cpus_choose(struct cpus *c, uint64_t limit);
/* May the sandbox use this CPU, as far as its limit goes? */
bool cpus_has(const struct cpus *c, unsigned cpu);
/* Takes from `mask` (`len` bytes) the CPUs that the sandbox has not. */
void cpus_restrict(const struct cpus *c, void *mask, size_t len);
/* Binds a thread of the host's to them. */
int cpus_bind(const struct cpus *c, pid_t host_tid);

#endif
