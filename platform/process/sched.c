/* SPDX-License-Identifier: Apache-2.0 */
/* Gives stub threads the CPUs and the priority of the monitor's threads that serve them, because
 * only those have what the guest asked for. */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/cgroup.h"
#include "host/cpuquota.h"
#include "host/hostfile.h"
#include "platform/process/process.h"
#include "util/words.h"

#define CPU_MASK_SIZE 8192 /* bytes: 65,536 CPUs */
#define ATTR_SIZE     48   /* SCHED_ATTR_SIZE_VER0; what it begins with */

/* `from` 0 is the caller. Where the host refuses, the stub thread stays as it is: what the guest
 * reads is that of the thread that serves it. */
static void copy_to(pid_t to, pid_t from)
{
	unsigned long mask[CPU_MASK_SIZE / sizeof(unsigned long)];
	uint32_t attr[ATTR_SIZE / 4] = { ATTR_SIZE };
	long n = syscall(SYS_sched_getaffinity, from, sizeof mask, mask);

	if (n > 0)
		(void)syscall(SYS_sched_setaffinity, to, n, mask);
	if (syscall(SYS_sched_getattr, from, attr, sizeof attr, 0) == 0)
		(void)syscall(SYS_sched_setattr, to, attr, 0);
}

bool stub_thread_part(struct process_context *c)
{
	unsigned long mask[CPU_MASK_SIZE / sizeof(unsigned long)];
	const unsigned bits = 8 * sizeof *mask;
	long n = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
	int cpu = sched_getcpu();

	if (n <= 0 || cpu < 0 || cpu >= n * 8)
		return false;
	mask[(unsigned)cpu / bits] &= ~(1UL << (unsigned)cpu % bits);
	return syscall(SYS_sched_setaffinity, c->tid, n, mask) == 0; /* not with an empty mask */
}

void stub_thread_join(struct process_context *c)
{
	unsigned long mask[CPU_MASK_SIZE / sizeof(unsigned long)];
	long n = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);

	if (n > 0)
		(void)syscall(SYS_sched_setaffinity, c->tid, n, mask);
}

int cpus_look(void)
{
	int fd = host_cpu_quota(HOST_GROUP_FILES) ? -1 : hostfile_open("/proc/loadavg");

	return fd < 0 ? -1 : fd;
}

/* The fourth number is that of the threads that run, or would (proc_loadavg(5)). The others count
 * as if they all wanted the CPUs that we may use. */
bool cpus_have_room(int look, unsigned more)
{
	unsigned long mask[CPU_MASK_SIZE / sizeof(unsigned long)];
	char text[64];
	uint64_t running;
	unsigned cpus = 0;

	ssize_t n = look < 0 ? -1 : pread(look, text, sizeof text - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
	for (size_t i = 0; bytes > 0 && i < (size_t)bytes / sizeof *mask; i++)
		cpus += (unsigned)__builtin_popcountl(mask[i]);
	return word_number(text, 3, 10, &running) && running + more <= cpus;
}

void process_schedule_as(struct context *context, pid_t host_tid)
{
	struct process_context *c = to_process_context(context);
	atomic_store(&c->m->scheduled, true);
	mutex_lock(&c->clock.lock); /* the thread does not end meanwhile */
	if (c->clock.tid)
		copy_to(c->clock.tid, host_tid);
	mutex_unlock(&c->clock.lock);
}

/* A new thread comes with the scheduling of the one that made it. */
void stub_thread_inherit(struct process_context *c)
{
	if (atomic_load(&c->m->scheduled))
		copy_to(c->tid, 0);
}
