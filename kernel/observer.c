/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel itself does for an observer: it adds up the counters of tasks, and tells of a
 * process that is about to be killed and of a signal that killed a thread undelivered. */
#include "kernel/observer.h"

#include <string.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/sigqueue.h"
#include "kernel/task.h"

void totals_add(struct sandbox_totals *to, struct task *t)
{
	to->syscalls += t->syscalls;
	to->entries += t->sb->platform->runs(t->context);
	to->faults += t->faults;
	to->exceptions += t->exceptions;
	to->interrupts += t->interrupts;
	to->threads++;
}

void observer_out_of_resources(struct sandbox *sb, struct process *p, const char *reason)
{
	char comm[TASK_COMM_LEN] = "?";

	if (!sb->observer)
		return;
	sandbox_lock(sb);
	if (!list_empty(&p->tasks))
		memcpy(comm, list_first(&p->tasks, struct task, process_node)->comm, sizeof comm);
	sandbox_unlock(sb);
	sb->observer->ops->out_of_resources(sb->observer, p->pid->nr, comm, reason);
}

void observer_killed(struct task *t, int wait_status)
{
	struct observer *o = t->sb->observer;
	int sig = wait_status & 0x7f;
	struct posix_timer *timer; /* ends as well */
	siginfo_t si;

	if (!o || !sig)
		return;
	/* One thread of the process finds it; the others find nothing. */
	sandbox_lock(t->sb);
	int taken = sigpending_take(&t->pending, SIGBIT(sig), &si, &timer);
	if (!taken)
		taken = sigpending_take(&t->process->pending, SIGBIT(sig), &si, &timer);
	sandbox_unlock(t->sb);
	if (taken && sig != SIGKILL) /* as strace: SIGKILL shows only in the last line */
		o->ops->signal(o, t, &si);
}
