/* SPDX-License-Identifier: Apache-2.0 */
/* Linux's arch/x86/kernel/ptrace.c and hw_breakpoint.c. See the header. */
#include "kernel/ptrace/breaks.h"

#include <errno.h>
#include <string.h>

#include "arch/ptrace.h"
#include "kernel/ptrace/tracee.h"
#include "kernel/sandbox.h"
#include "util/gva.h"

/* `trial`: those that were set for the first time as well, which take a place of the CPU's even
 * while they are off. */
static int install(struct task *o, const struct breaks *b, bool trial)
{
	const struct breaks *old = &o->tracee->breaks;
	struct hw_break list[HW_BREAKS] = { 0 };

	for (unsigned i = 0; i < HW_BREAKS; i++) {
		if (b->on[i] || (trial && !old->known[i] && b->known[i]))
			list[i] = b->at[i];
	}
	return o->sb->platform->breaks_set(o->context, o->mm->space, list);
}

static void keep(struct task *o, const struct breaks *b)
{
	sandbox_lock(o->sb);
	o->tracee->breaks = *b;
	sandbox_unlock(o->sb);
}

/* These become the thread's, or nothing changes. */
static int change(struct task *o, const struct breaks *b)
{
	const struct breaks *old = &o->tracee->breaks;
	int err = memcmp(old->known, b->known, sizeof b->known) ? install(o, b, true) : 0;

	if (!err)
		err = install(o, b, false);
	if (err)
		(void)install(o, old, false);
	else
		keep(o, b);
	return err;
}

#if ARCH_PTRACE_REGS
/* One that is set before its kind is known is to watch a byte, and is off. */
static int set_addr(struct breaks *b, unsigned i, uint64_t addr)
{
	struct hw_break at = b->at[i];

	if (!b->known[i])
		at = (struct hw_break){ .kind = HW_BREAK_WRITE, .len = 1 };
	at.addr = addr;
	int err = debug_check(&at);
	if (err)
		return err;
	b->at[i] = at;
	b->known[i] = true;
	return 0;
}

/* One that is off and was never set stays so. */
static int set_control(struct breaks *b, uint64_t control)
{
	b->control = control;
	control &= ~DEBUG_CONTROL_REST;
	for (unsigned i = 0; i < HW_BREAKS; i++) {
		struct hw_break at = b->at[i];
		bool on;
		int err = debug_decode(control, i, &at, &on);

		if (!on && !b->known[i])
			continue;
		if (!err)
			err = debug_check(&at);
		if (err)
			return err;
		b->at[i] = at;
		b->on[i] = on;
		b->known[i] = true;
	}
	return 0;
}

uint64_t breaks_get_reg(const struct task *o, unsigned n)
{
	const struct breaks *b = &o->tracee->breaks;

	return n < HW_BREAKS        ? b->at[n].addr
	       : n == DEBUG_STATUS  ? b->status ^ DEBUG_STATUS_NOTHING
	       : n == DEBUG_CONTROL ? b->control
				    : 0;
}

int breaks_set_reg(struct task *o, unsigned n, uint64_t value)
{
	struct breaks b = o->tracee->breaks;

	if (n == DEBUG_STATUS) {
		b.status = value ^ DEBUG_STATUS_NOTHING;
		keep(o, &b);
		return 0;
	}
	int err = n < HW_BREAKS        ? set_addr(&b, n, value)
		  : n == DEBUG_CONTROL ? set_control(&b, value)
				       : -EIO;
	return err ? err : change(o, &b);
}
#endif

int breaks_set_all(struct task *o, const struct hw_break list[HW_BREAKS])
{
	struct breaks b = { .status = o->tracee->breaks.status };

	for (unsigned i = 0; i < HW_BREAKS; i++) {
		if (!gva_range_ok(GVA(list[i].addr), list[i].len))
			return -EINVAL;
		b.at[i] = list[i];
		b.known[i] = b.on[i] = list[i].kind != HW_BREAK_NONE;
	}
	return change(o, &b);
}

void breaks_note(struct task *t, const struct trap *trap)
{
	if (!trap_is_debug(trap))
		return;
	sandbox_lock(t->sb);
	t->tracee->breaks.status = trap->debug;
	sandbox_unlock(t->sb);
}

void breaks_exec(struct task *t)
{
	static const struct breaks none;

	if (breaks_any(t->tracee))
		(void)install(t, &none, false);
	keep(t, &none);
}

bool breaks_any(const struct tracee *tr)
{
	static const bool none[HW_BREAKS];

	return memcmp(tr->breaks.on, none, sizeof none) != 0;
}

void breaks_fork(const struct tracee *tr, struct tracee *child)
{
	child->breaks.status = tr->breaks.status;
	child->breaks.control = tr->breaks.control;
}
