/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file turns exceptions of guest code into the signals that Linux sends for them. A
 * floating-point exception needs the saved floating-point state besides, because only that says
 * which of its kinds it was.
 */
#include "kernel/event.h"

#include <stdlib.h>

#include "kernel/ptrace/tracee.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/task.h"

static int floating_point_code(struct task *t, const struct trap *trap, int unknown)
{
	uint64_t features;
	size_t size = t->sb->platform->fp_size(t->sb->machine, &features);
	void *fp = malloc(size);
	int code = unknown;

	if (fp && t->sb->platform->fp_get(t->context, fp, size) == 0)
		code = trap_floating_point_code(trap, fp);
	free(fp);
	return code;
}

void event_exception(struct task *t, const struct trap *trap)
{
	struct cpu_regs regs;

	t->sb->platform->regs_get(t->context, &regs);
	struct trap_signal s = trap_signal(trap, regs_ip(&regs));
	if (trap_is_floating_point(trap))
		s.code = floating_point_code(t, trap, s.code);
	if (t->tracee)
		breaks_note(t, trap);
	signal_force_fault(t, s.sig, s.code, GVA(s.addr), trap);
}
