/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads who traces whom (kernel/ptrace/tracee.h).
 *
 * A traced thread that rests in a stop has all that is left to do in its struct tracee and in the
 * call of its event, so it goes on in a copy as it would here. Each thread says what it traces,
 * with those that have ended and that it has not waited for; one that nobody traces any more says
 * what it has left to do itself. All threads are there before any of this is loaded.
 */
#include <errno.h>
#include <limits.h>

#include "kernel/fork.h"
#include "kernel/process.h"
#include "kernel/ptrace/tracee.h"
#include "snapshot/process.h"

/* PTRACE_O_MASK of Linux. */
#define OPTIONS 0x3000ffU
/* Least bytes of one. */
#define TRACEE_SIZE (20 * sizeof(uint64_t))

/* ---- saving ---- */

/* The call that it is in, or was in last, as its tracer sees it. */
static void save_event(struct encoder *out, const struct task *t)
{
	bool call = t->event.kind == EVENT_SYSCALL;

	encode(out, call);
	encode(out, call ? t->event.syscall.nr : 0);
	for (int i = 0; i < 6; i++)
		encode(out, call ? t->event.syscall.args[i] : 0);
	encode(out, call ? t->event.syscall.ip : 0);
	encode(out, t->regs_replaced);
}

static void save_fields(struct encoder *out, const struct tracee *tr)
{
	encode(out, tr->seized);
	encode(out, tr->options);
	encode(out, tr->stops_at_calls);
	encode(out, tr->emulates);
	encode(out, tr->steps);
	encode(out, tr->step_forced);
	encode(out, tr->stop_due);
	encode(out, tr->notice_due);
	encode(out, tr->stage);
	encode(out, tr->group_stop);
	encode(out, tr->skips);
	encode(out, tracee_stopped(tr)); /* not one that was let go, and has not moved yet */
	encode(out, tr->listens);
	encode_signed(out, tr->code);
	encode(out, tr->has_info);
	encode_bytes(out, &tr->info, sizeof tr->info);
	encode(out, tr->message);
	encode_signed(out, tr->event);
	encode(out, tr->event_message);
	encode(out, tr->call_waits);
	encode_signed(out, tr->result);
	encode_signed(out, tr->exit_code);
	encode_bytes(out, &tr->used, sizeof tr->used);
}

static void save_tracee(struct saver *s, const struct tracee *tr)
{
	save_fields(&s->out, tr);
	if (tr->task)
		save_event(&s->out, tr->task);
}

void traced_save(struct saver *s, struct task *t)
{
	const struct tracee *tr;
	size_t place;
	uint64_t nr = 0;

	encode(&s->out, t->tracee && !t->tracee->tracer);
	if (t->tracee && !t->tracee->tracer)
		save_tracee(s, t->tracee);
	place = encode_place(&s->out);
	list_for_each_reverse(tr, &t->tracees, node)
	{
		encode(&s->out, saved_object(s, &pid_saved, tr->pid));
		encode(&s->out, (uint64_t)tr->process->pid->nr);
		encode(&s->out, tr->task != NULL);
		encode(&s->out, saved_object(s, &cred_kind, tr->cred));
		save_tracee(s, tr);
		nr++;
	}
	encode_at(&s->out, place, nr);
}

/* ---- loading ---- */

static void load_event(struct decoder *in, struct task *t)
{
	t->event.kind = decode_bool(in) ? EVENT_SYSCALL : EVENT_INTERRUPTED;
	t->event.syscall.nr = decode(in);
	for (int i = 0; i < 6; i++)
		t->event.syscall.args[i] = decode(in);
	t->event.syscall.ip = decode(in);
	t->regs_replaced = decode_bool(in);
}

static void load_fields(struct decoder *in, struct tracee *tr)
{
	tr->seized = decode_bool(in);
	tr->options = (unsigned)decode_max(in, OPTIONS) & OPTIONS;
	tr->stops_at_calls = decode_bool(in);
	tr->emulates = decode_bool(in);
	tr->steps = decode_bool(in);
	tr->step_forced = decode_bool(in);
	tr->stop_due = decode_bool(in);
	tr->notice_due = decode_bool(in);
	tr->stage = (enum ptrace_stage)decode_max(in, TRACE_LEFT);
	tr->group_stop = decode_bool(in);
	tr->skips = decode_bool(in);
	tr->stopped = decode_bool(in);
	tr->listens = decode_bool(in);
	tr->code = (int)decode_between(in, 0, INT_MAX);
	tr->has_info = decode_bool(in);
	decode_into(in, &tr->info, sizeof tr->info);
	tr->message = decode(in);
	tr->event = (int)decode_between(in, 0, UINT8_MAX);
	tr->event_message = decode(in);
	tr->call_waits = decode_bool(in);
	tr->result = (int64_t)decode(in);
	tr->exit_code = (int)decode_between(in, 0, 0xffff);
	decode_into(in, &tr->used, sizeof tr->used);
}

static int load_tracee(struct loader *l, struct tracee *tr)
{
	struct task *t = tr->task;

	load_fields(&l->in, tr);
	if (t)
		load_event(&l->in, t);
	bool call = !t || t->event.kind == EVENT_SYSCALL;
	if (l->in.failed || (!call && tracee_in_call(tr)) || (tr->stopped && !tr->tracer))
		return loader_damaged(l, "a traced thread");
	if (t && tr->stopped)
		t->park |= PARK_TRACE;
	return 0;
}

/* Of one that lives; and of one that has ended, which its tracer has not waited for. */
static int link_one(struct task *tracer, struct pid *pid, struct process *p, bool lives,
		    const struct cred *cred, struct tracee **out)
{
	struct task *t = pid->task;
	int err;

	lock_assert_held(&tracer->sb->lock);
	if (pid->tracee || lives != (t != NULL) || (t && t->tracee) || !p ||
	    (t ? t->process != p : pid->process && pid->process != p))
		return -EBADMSG;
	if (!lives)
		return tracee_link_ended(p, pid, tracer, cred, out);
	err = tracee_ready(t);
	if (!err) {
		tracee_link(t, tracer, cred);
		*out = t->tracee;
	}
	return err;
}

static int load_one(struct loader *l, struct task *tracer)
{
	struct sandbox *sb = l->sandbox;
	struct tracee *tr;
	void *pid, *cred = NULL;
	int err = loaded_object(l, decode(&l->in), &pid_saved, &pid);
	pid_t of = (pid_t)decode_between(&l->in, 1, INT_MAX);
	bool lives = decode_bool(&l->in);

	if (!err)
		err = loaded_object(l, decode(&l->in), &cred_kind, &cred);
	if (!err && (l->in.failed || !pid || !cred))
		err = -EBADMSG;
	if (!err) {
		sandbox_lock(sb);
		err = link_one(tracer, pid, process_find(sb, of), lives, cred, &tr);
		sandbox_unlock(sb);
	}
	if (err == -EBADMSG || err == -EEXIST)
		return loader_damaged(l, "a traced thread");
	return err ? err : load_tracee(l, tr);
}

static int load_own(struct loader *l, struct task *t)
{
	sandbox_lock(t->sb);
	int err = t->tracee ? -EBADMSG : tracee_ready(t);
	sandbox_unlock(t->sb);
	if (err == -EBADMSG)
		return loader_damaged(l, "a thread that was traced");
	return err ? err : load_tracee(l, t->tracee);
}

int traced_load(struct loader *l, struct task *t)
{
	int err = decode_bool(&l->in) ? load_own(l, t) : 0;
	uint64_t nr = decode_count(&l->in, TRACEE_SIZE);

	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_one(l, t);
	return !err && l->in.failed ? loader_damaged(l, "what a thread traces") : err;
}
