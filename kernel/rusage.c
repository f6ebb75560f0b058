/* SPDX-License-Identifier: Apache-2.0 */
/* Sums up what a thread or a process has used, from the host's accounts of the threads that serve
 * it and from the tasks' own counters. */
#include "kernel/rusage.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "kernel/cputime.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/maps.h"
#include "util/minmax.h"
#include "util/time.h"

/* In this sandbox, all but the resident memory. The host can tell user from system time only for
 * the calling thread; for another one the sum is given as user time. */
static void usage_here(struct task *t, struct rusage_sum *out)
{
	struct rusage ru;
	struct cpu_time guest;

	memset(out, 0, sizeof *out);
	out->minflt = t->faults;
	out->rchar = t->rchar;
	out->wchar = t->wchar;
	out->syscr = t->syscr;
	out->syscw = t->syscw;
	if (t->host_tid)
		out->utime_ns = cputime_clock_ns(cputime_clock(t));
	if (t->sb->clock.steps) {
		out->utime_ns = t->clock_looks * CLOCK_STEP;
		return;
	}
	/* In microseconds, of which a process whose threads end would lose some each time: the sum
	 * is the clock's. */
	if (pthread_equal(t->thread, pthread_self())) {
		getrusage(RUSAGE_THREAD, &ru);
		out->stime_ns = min64(timeval_to_ns(&ru.ru_stime), out->utime_ns);
		out->utime_ns -= out->stime_ns;
		out->nvcsw = (uint64_t)ru.ru_nvcsw;
		out->nivcsw = (uint64_t)ru.ru_nivcsw;
		out->inblock = (uint64_t)ru.ru_inblock;
		out->oublock = (uint64_t)ru.ru_oublock;
	}
	/* Where guest code has threads of its own, all that the serving thread uses is system
	 * time. */
	if (t->sb->platform->cpu_time(t->context, &guest)) {
		out->stime_ns += out->utime_ns + guest.system_ns;
		out->utime_ns = guest.user_ns;
	}
}

static void thread_usage(struct task *t, struct rusage_sum *out)
{
	usage_here(t, out);
	rusage_add(out, &t->before);
}

void task_rusage(struct task *t, struct rusage_sum *out)
{
	thread_usage(t, out);
	if (t->mm)
		out->maxrss_kb = max64(out->maxrss_kb, mm_resident(t->mm) / 1024);
}

void rusage_add(struct rusage_sum *to, const struct rusage_sum *from)
{
	to->utime_ns += from->utime_ns;
	to->stime_ns += from->stime_ns;
	to->minflt += from->minflt;
	to->majflt += from->majflt;
	to->nvcsw += from->nvcsw;
	to->nivcsw += from->nivcsw;
	to->inblock += from->inblock;
	to->oublock += from->oublock;
	to->rchar += from->rchar;
	to->wchar += from->wchar;
	to->syscr += from->syscr;
	to->syscw += from->syscw;
	if (from->maxrss_kb > to->maxrss_kb)
		to->maxrss_kb = from->maxrss_kb;
}

/* All threads of a process share its memory. */
static uint64_t process_resident_kb(struct process *p)
{
	uint64_t bytes = 0;

	sandbox_lock(p->sb);
	if (!list_empty(&p->tasks)) {
		struct mm *mm = list_first(&p->tasks, struct task, process_node)->mm;
		bytes = mm ? mm_resident(mm) : 0;
	}
	sandbox_unlock(p->sb);
	return bytes / 1024;
}

/* The host is asked about each of what may be thousands of threads, so sandbox->lock is not held:
 * whoever waits here wants to know the same, or is a thread of this process that starts or ends. */
void process_rusage(struct process *p, struct rusage_sum *out)
{
	struct rusage_sum one;
	struct task *t;

	mutex_lock(&p->threads_lock);
	*out = p->dead_threads;
	list_for_each (t, &p->tasks, process_node) {
		thread_usage(t, &one);
		rusage_add(out, &one);
	}
	mutex_unlock(&p->threads_lock);
	uint64_t resident = process_resident_kb(p);
	if (resident > out->maxrss_kb)
		out->maxrss_kb = resident;
}
