/* SPDX-License-Identifier: Apache-2.0 */
/* A child that shares our memory forks the process and ends; so that one is an orphan from the
 * start. Where it has a copy of our memory, there is nothing to be freed behind it. */
#include "host/orphan.h"

#include "host/child.h"
#include "host/clone.h"
#include "host/hostcall.h"

struct orphan {
	unsigned long flags;
	void (*main)(void *arg);
	void *arg;
};

void orphan_keep(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > 0)
		syscall(SYS_close_range, 0, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0U, 0);
}

static int fork_orphan(void *arg)
{
	struct orphan *o = arg;
	long pid = host_call(SYS_clone, o->flags, 0, 0, 0, 0);

	if (pid == 0) {
		syscall(SYS_setsid);
		o->main(o->arg);
		syscall(SYS_exit_group, 0);
	}
	return pid < 0 ? (int)pid : 0;
}

int orphan_start(unsigned long flags, void (*main)(void *arg), void *arg)
{
	struct orphan o = { .flags = flags, .main = main, .arg = arg };

	return host_child(0, fork_orphan, &o);
}

struct sharing {
	void *stack_end;
	int (*main)(void *arg);
	void *arg;
};

static int start_sharing(void *arg)
{
	struct sharing *o = arg;

	return clone(o->main, o->stack_end, CLONE_VM, o->arg) < 0 ? -errno : 0;
}

int orphan_start_sharing(void *stack_end, int (*main)(void *arg), void *arg)
{
	struct sharing o = { .stack_end = stack_end, .main = main, .arg = arg };

	return host_child(0, start_sharing, &o);
}
