/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the CPUs of a sandbox and binds its threads to them. See the header. */
#include "kernel/cpus.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/limits.h"

static bool has_bit(const uint64_t *bits, unsigned cpu)
{
	return cpu < CPUS_MAX && bits[cpu / 64] >> cpu % 64 & 1;
}

int cpus_choose(struct cpus *c, uint64_t limit)
{
	uint64_t may[CPUS_MAX / 64] = { 0 }, wanted = limit / CPU_UNIT + (limit % CPU_UNIT != 0);
	int first = sched_getcpu();

	*c = (struct cpus){ .limited = limit };
	if (!limit)
		return 0;
	if (syscall(SYS_sched_getaffinity, 0, sizeof may, may) < 0)
		return -errno;
	for (unsigned i = 0; i < CPUS_MAX && c->count < wanted; i++) {
		unsigned cpu = (i + (first < 0 ? 0 : (unsigned)first)) % CPUS_MAX;
		if (!has_bit(may, cpu))
			continue;
		c->bits[cpu / 64] |= 1UL << cpu % 64;
		c->count++;
	}
	return 0;
}

bool cpus_has(const struct cpus *c, unsigned cpu)
{
	return !c->limited || has_bit(c->bits, cpu);
}

void cpus_restrict(const struct cpus *c, void *mask, size_t len)
{
	uint8_t *to = mask;

	if (!c->limited)
		return;
	for (size_t i = 0; i < len; i++)
		to[i] &= i < CPUS_MAX / 8 ? (uint8_t)(c->bits[i / 8] >> i % 8 * 8) : 0;
}

int cpus_bind(const struct cpus *c, pid_t host_tid)
{
	if (!c->limited)
		return 0;
	return syscall(SYS_sched_setaffinity, host_tid, sizeof c->bits, c->bits) < 0 ? -errno : 0;
}
