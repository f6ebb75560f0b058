/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/timers: the POSIX timers of a process (proc_pid_timers(5)). */
#include <errno.h>
#include <signal.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/timer.h"
#include "proc/proc.h"

/* The CPU clocks of the caller's own go by these numbers inside Linux. */
#define PROCESS_CLOCK (-6)
#define THREAD_CLOCK  (-2)

static int clock_number(clockid_t clock)
{
	switch (clock) {
	case CLOCK_PROCESS_CPUTIME_ID: return PROCESS_CLOCK;
	case CLOCK_THREAD_CPUTIME_ID: return THREAD_CLOCK;
	default: return clock;
	}
}

struct timers_of {
	struct process *process;
	struct text *out;
	const struct pid_namespace *pids;
};

static void put_timer(void *arg, int id, const struct posix_timer_request *rq)
{
	const struct timers_of *of = arg;
	uint64_t value = rq->value_is_id ? (uint64_t)id : (uint64_t)(uintptr_t)rq->value.sival_ptr;
	const struct pid *thread = rq->notify == SIGEV_THREAD_ID ? rq->thread : NULL;

	text_printf(of->out, "ID: %d\nsignal: %d/%016lx\n", id, rq->sig, value);
	text_printf(of->out, "notify: %s/%s.%d\nClockID: %d\n",
		    rq->notify == SIGEV_NONE ? "none" : "signal", thread ? "tid" : "pid",
		    pid_nr(thread ? thread : of->process->pid, of->pids), clock_number(rq->clock));
}

int proc_show_timers(struct pseudo_node *n, struct caller *c, struct text *out)
{
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	bool runs = p && !p->zombie;
	if (runs)
		posix_timers_each(p, put_timer, &(struct timers_of){ p, out, pseudo_pids(n) });
	sandbox_unlock(n->sb);
	return runs ? 0 : -ESRCH;
}
