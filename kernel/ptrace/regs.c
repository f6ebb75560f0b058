/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "kernel/ptrace/regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/ptrace/step.h"
#include "kernel/sandbox.h"

static bool in_call(const struct task *o)
{
	return o->event.kind == EVENT_SYSCALL;
}

int ptrace_regs_get(struct task *o, uint64_t out[COREFILE_REGS])
{
	struct cpu_regs regs;
	int err = o->sb->platform->regs_get(o->context, &regs);

	step_hide(o, &regs);
	corefile_regs(&regs, in_call(o) ? &o->event.syscall.nr : NULL, out);
	return err;
}

/* Without a number the thread is in no call, and none is made again; with one there may be, if the
 * result says so. */
static void set_call(struct task *o, int64_t nr, const struct cpu_regs *regs)
{
	struct delivery *d = &o->delivery;
	bool was = in_call(o);

	if (nr == -1 && !tracee_before_call(o->tracee)) {
		o->event.kind = EVENT_INTERRUPTED;
		d->in_syscall = false;
		return;
	}
	if (!was) {
		if (nr < 0)
			return;
		o->event = (struct event){ .kind = EVENT_SYSCALL };
		d->in_syscall = true;
	}
	o->event.syscall.nr = (uint64_t)nr;
	if (tracee_before_call(o->tracee))
		ptrace_call_args(regs, o->event.syscall.args);
	d->result = (int64_t)regs_result(regs);
}

int ptrace_regs_set(struct task *o, unsigned first, const uint64_t *in, unsigned n)
{
	const struct platform *pf = o->sb->platform;
	int64_t call = in_call(o) ? (int64_t)o->event.syscall.nr : -1;
	struct cpu_regs regs;
	int err = pf->regs_get(o->context, &regs), bad = 0;

	if (err)
		return err;
	bool forced = o->tracee->step_forced;
	step_hide(o, &regs);
	for (unsigned i = 0; i < n && !bad; i++)
		bad = ptrace_set_reg(&regs, &call, first + i, in[i]);
	if (regs_step(&regs)) /* the program's own from now on */
		o->tracee->step_forced = false;
	else if (forced)
		regs_set_step(&regs, true);
	err = pf->regs_set(o->context, &regs);
	if (!err)
		set_call(o, call, &regs);
	return err ? -EIO : bad;
}

/* What the platform has, in the order of corefile.h; to be freed. `note`: that of `type`. NULL: no
 * memory, or no such state. */
static void *fp_read(struct task *o, uint32_t type, struct corefile_note *note, int *err)
{
	const struct platform *pf = o->sb->platform;
	struct corefile_note notes[COREFILE_FP_NOTES];
	uint64_t features;
	size_t size = pf->fp_size(o->sb->machine, &features);
	char *fp = malloc(size);

	*err = fp ? pf->fp_get(o->context, fp, size) : -ENOMEM;
	if (!*err) {
		unsigned n = corefile_fp(fp, size, features, notes);
		*err = -EINVAL;
		for (unsigned i = 0; i < n; i++) {
			if (notes[i].type == type) {
				*note = notes[i];
				*err = 0;
			}
		}
	}
	if (*err) {
		free(fp);
		fp = NULL;
	}
	return fp;
}

size_t ptrace_fp_size(struct task *o, uint32_t type)
{
	struct corefile_note note;
	int err;
	void *fp = fp_read(o, type, &note, &err);

	free(fp);
	return fp ? note.size : 0;
}

int ptrace_fp_get(struct task *o, uint32_t type, void *out)
{
	struct corefile_note note;
	int err;
	void *fp = fp_read(o, type, &note, &err);

	if (fp)
		memcpy(out, fp, note.size);
	free(fp);
	return err;
}

int ptrace_fp_set(struct task *o, uint32_t type, const void *in)
{
	const struct platform *pf = o->sb->platform;
	uint64_t features;
	size_t size = pf->fp_size(o->sb->machine, &features), n = ptrace_fp_size(o, type);
	void *fp = malloc(size);
	int err = fp ? pf->fp_get(o->context, fp, size) : -ENOMEM;

	if (!err)
		err = ptrace_set_fp(type, fp, in, n);
	if (!err)
		err = pf->fp_set(o->context, fp, size);
	free(fp);
	return err;
}
