/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "kernel/ptrace/debugger.h"

#include <errno.h>
#include <sys/ptrace.h>

#include "kernel/process.h"
#include "kernel/ptrace/request.h"
#include "kernel/ptrace/stop.h"
#include "kernel/sandbox.h"

#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |  \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE)

int debugger_attach(struct debugger *d, struct task *t)
{
	lock_assert_held(&d->sb->lock);
	if (task_traced(t) || t->exiting)
		return -EPERM;
	int err = tracee_ready(t);
	if (err)
		return err;
	tracee_link_debugger(t, d);
	t->tracee->seized = true;
	t->tracee->options = OPTIONS;
	t->park &= ~(unsigned)PARK_STOP;
	ptrace_request_stop(t);
	return 0;
}

void debugger_interrupt(struct tracee *tr)
{
	(tr->listens ? ptrace_notice : ptrace_request_stop)(tr->task);
}

bool debugger_hold(struct tracee *tr)
{
	bool stopped = tracee_stopped(tr) && !tr->listens;

	tr->held |= stopped;
	return stopped;
}
