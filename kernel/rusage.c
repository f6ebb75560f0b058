/* SPDX-License-Identifier: Apache-2.0 */
/* Sums up what a thread or a process has used, from the host's accounts of the threads that serve
 * it and from the tasks' own counters. */
#include "kernel/rusage.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernel/cputime.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/maps.h"
#include "util/time.h"

/* The host can tell user from system time only for the calling thread; for another one the sum is
 * given as user time. */
void task_rusage(struct task *t, struct rusage_sum *out)
{
	struct rusage ru;
	struct cpu_time guest;

	memset(out, 0, sizeof *out);
	out->minflt = t->faults;
	out->rchar = t->rchar;
	out->wchar = t->wchar;
	out->syscr = t->syscr;
	out->syscw = t->syscw;
	if (t->host_tid == gettid()) {
		getrusage(RUSAGE_THREAD, &ru);
		out->utime_ns = timeval_to_ns(&ru.ru_utime);
		out->stime_ns = timeval_to_ns(&ru.ru_stime);
		out->nvcsw = (uint64_t)ru.ru_nvcsw;
		out->nivcsw = (uint64_t)ru.ru_nivcsw;
		out->inblock = (uint64_t)ru.ru_inblock;
		out->oublock = (uint64_t)ru.ru_oublock;
	} else if (t->host_tid) {
		out->utime_ns = cputime_clock_ns(cputime_clock(t));
	}
	/* Where guest code has threads of its own, all that the serving thread uses is system
	 * time. */
	if (t->sb->platform->cpu_time(t->context, &guest)) {
		out->stime_ns += out->utime_ns + guest.system_ns;
		out->utime_ns = guest.user_ns;
	}
	if (t->mm)
		out->maxrss_kb = mm_resident(t->mm) / 1024;
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

void process_rusage(struct process *p, struct rusage_sum *out)
{
	lock_assert_held(&p->sb->lock);
	*out = p->dead_threads;
	struct task *t;
	list_for_each (t, &p->tasks, process_node) {
		struct rusage_sum ru;
		task_rusage(t, &ru);
		rusage_add(out, &ru);
	}
}
