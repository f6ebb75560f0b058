/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file is the observer of a sandbox: it receives what the kernel tells, counts system calls,
 * writes the log, and hands the rest to the tracer and the crash report; see header.
 */
#include "trace/tracer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "sys/table.h"
#include "trace/print.h"

static struct tracer *tracer_of(struct observer *o)
{
	return (struct tracer *)(void *)o;
}

/* ---- system calls ---- */

static unsigned slot_of(uint64_t nr, const struct syscall_entry *e)
{
	return e ? (uint32_t)nr : sys_table_size();
}

static void tell_missing(struct tracer *o, struct task *t, const struct syscall_entry *e,
			 int64_t result)
{
	uint64_t nr = t->event.syscall.nr;

	if ((e && e->fn) || o->cfg.log_level < 1 ||
	    atomic_exchange(&o->missing_told[slot_of(nr, e)], 1))
		return;
	tracer_log(o, 1,
		   "%s (process %d) made system call %d (%s), which hl does not have: it got %s",
		   t->comm, t->process->pid->nr, (int)nr, e ? e->name : "unknown",
		   strerrorname_np((int)-result));
}

static void count(struct call_count *c, int64_t result, uint64_t ns)
{
	uint64_t max = c->max_ns;

	c->calls++;
	c->errors += result < 0 && result >= -4095;
	c->total_ns += ns;
	while (ns > max && !atomic_compare_exchange_weak(&c->max_ns, &max, ns))
		;
}

static struct call_record *remember(struct task_trace *tt, const struct event *ev)
{
	struct call_record *s = &tt->last[tt->nr_calls++ % CALLS_REMEMBERED];

	s->nr = ev->syscall.nr;
	memcpy(s->args, ev->syscall.args, sizeof s->args);
	s->done = false;
	return s;
}

/* A sandbox that is left behind is told of no more. */
static bool audits(const struct tracer *o)
{
	return o->cfg.audit.put && !o->muted;
}

static void on_enter(struct observer *base, struct task *t)
{
	struct tracer *o = tracer_of(base);

	if (!t->trace) {
		t->trace = calloc(1, sizeof *t->trace);
		if (t->trace && o->cfg.audit.put)
			audit_began(&o->audit);
	}
	if (!t->trace)
		return;
	remember(t->trace, &t->event);
	if (o->cfg.format)
		trace_enter(o, t, sys_entry(t->event.syscall.nr));
	if (audits(o))
		audit_enter(&o->audit, t, sys_entry(t->event.syscall.nr));
	t->trace->entered_ns = monotonic_ns();
}

static void on_leave(struct observer *base, struct task *t, int64_t result)
{
	struct tracer *o = tracer_of(base);
	const struct syscall_entry *e = sys_entry(t->event.syscall.nr);
	struct task_trace *tt = t->trace;

	if (!tt)
		return;
	uint64_t ns = monotonic_ns() - tt->entered_ns;
	struct call_record *s = &tt->last[(tt->nr_calls - 1) % CALLS_REMEMBERED];
	s->result = result;
	s->done = true;
	if (o->counts)
		count(&o->counts[slot_of(t->event.syscall.nr, e)], result, ns);
	if (o->cfg.format)
		trace_exit(o, t, e, result, ns);
	if (audits(o))
		audit_leave(&o->audit, t, e, result);
	tell_missing(o, t, e, result);
}

/* ---- what the kernel tells ---- */

static void on_program(struct observer *base, struct task *t, const char *path, char *const *argv,
		       char *const *envp)
{
	struct tracer *o = tracer_of(base);

	if (audits(o))
		audit_program(&o->audit, t, path);
	tracer_log(o, 2, "process %d starts %s", t->process->pid->nr, path);
	if (o->cfg.format)
		trace_program(o, t, path, argv, envp);
}

static void on_signal(struct observer *base, struct task *t, const siginfo_t *si)
{
	struct tracer *o = tracer_of(base);
	struct text info = { 0 };

	if (o->cfg.format)
		trace_signal(o, t, si);
	if (o->cfg.log_level < 2)
		return;
	print_siginfo_value(&info, si);
	tracer_log(o, 2, "thread %d (%s) takes %s", t->pid->nr, t->comm, text_str(&info));
	text_free(&info);
}

static void on_stopped(struct observer *base, struct task *t, int sig)
{
	struct tracer *o = tracer_of(base);

	if (o->cfg.format)
		trace_stopped(o, t, sig);
	tracer_log(o, 2, "process %d (%s) stopped by %s", t->process->pid->nr, t->comm,
		   trace_signal_name(sig));
}

static void on_out_of_resources(struct observer *base, int pid, const char *comm,
				const char *reason)
{
	struct tracer *o = tracer_of(base);

	if (audits(o))
		audit_killed(&o->audit, pid, comm, reason);
	tracer_log(o, 1, "%s: killed process %d (%s)", reason, pid, comm);
}

static void on_net_refused(struct observer *base, struct task *t, const struct net_refusal *r)
{
	struct tracer *o = tracer_of(base);

	if (audits(o))
		audit_net_refused(&o->audit, t, r);
}

static void on_net_named(struct observer *base, struct task *t, const struct dns_name *n)
{
	audit_net_named(&tracer_of(base)->audit, t, n);
}

static void on_crashed(struct observer *base, struct task *t, const siginfo_t *si)
{
	struct tracer *o = tracer_of(base);

	if (o->cfg.log_level >= 1)
		crash_report(o, t, si);
}

static void log_end(struct tracer *o, struct task *t)
{
	int st = t->exit_code;

	if (WIFSIGNALED(st))
		tracer_log(o, 2, "thread %d (%s) killed by %s", t->pid->nr, t->comm,
			   trace_signal_name(WTERMSIG(st)));
	else
		tracer_log(o, 2, "thread %d (%s) exited with %d", t->pid->nr, t->comm,
			   WEXITSTATUS(st));
}

static void on_ended(struct observer *base, struct task *t)
{
	struct tracer *o = tracer_of(base);

	if (o->cfg.format)
		trace_ended(o, t);
	log_end(o, t);
	if (!t->trace)
		return;
	if (o->cfg.audit.put)
		audit_ended(&o->audit);
	text_free(&t->trace->line);
	text_free(&t->trace->args);
	free(t->trace);
	t->trace = NULL;
}

static const struct observer_ops ops = {
	.enter = on_enter,
	.leave = on_leave,
	.program = on_program,
	.signal = on_signal,
	.stopped = on_stopped,
	.out_of_resources = on_out_of_resources,
	.net_refused = on_net_refused,
	.crashed = on_crashed,
	.ended = on_ended,
};

int tracer_create(const struct tracer_config *cfg, struct observer **out)
{
	struct tracer *o = calloc(1, sizeof *o);

	if (!o)
		return -ENOMEM;
	o->ops = ops;
	if (cfg->audit.put && cfg->audit.all)
		o->ops.net_named = on_net_named;
	o->base.ops = &o->ops;
	o->cfg = *cfg;
	o->start_ns = monotonic_ns();
	mutex_init(&o->lock, LOCK_OBSERVER);
	if (cfg->audit.put)
		audit_init(&o->audit, &cfg->audit);
	o->missing_told = calloc(sys_table_size() + 1, sizeof *o->missing_told);
	if (cfg->stats)
		o->counts = calloc(sys_table_size() + 1, sizeof *o->counts);
	if (!o->missing_told || (cfg->stats && !o->counts)) {
		tracer_destroy(&o->base);
		return -ENOMEM;
	}
	*out = &o->base;
	return 0;
}

void tracer_mute(struct observer *base)
{
	tracer_of(base)->muted = true;
}

void tracer_peaks(struct observer *base, uint64_t *memory, uint64_t *threads)
{
	struct tracer *o = tracer_of(base);

	*memory = *threads = 0;
	if (!o || !o->cfg.audit.put)
		return;
	mutex_lock(&o->audit.lock);
	*memory = o->audit.memory_max;
	*threads = o->audit.threads_max;
	mutex_unlock(&o->audit.lock);
}

void tracer_destroy(struct observer *base)
{
	struct tracer *o = tracer_of(base);

	if (!base)
		return;
	mutex_destroy(&o->lock);
	if (o->cfg.audit.put)
		audit_destroy(&o->audit);
	free(o->counts);
	free(o->missing_told);
	free(o);
}

void tracer_each_call(struct observer *base, void (*fn)(void *arg, const struct call_report *r),
		      void *arg)
{
	struct tracer *o = tracer_of(base);

	for (unsigned nr = 0; o && o->counts && nr <= sys_table_size(); nr++) {
		const struct syscall_entry *e = sys_entry(nr);
		struct call_count *c = &o->counts[nr];
		struct call_report r = {
			e ? e->name : "(unknown)", nr, c->calls, c->errors, c->total_ns, c->max_ns
		};
		if (r.calls)
			fn(arg, &r);
	}
}
