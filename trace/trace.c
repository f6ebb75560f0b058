/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace: what strace -f -T would print, or one JSON object a call.
 *
 * 	[pid     3] read(4, "x", 1)                = 1 <0.000021>
 *
 * As in strace, a line is begun when the call is made, and another thread that has something to say
 * meanwhile cuts it short: " <unfinished ...>"; the rest comes as "<... read resumed>". Who the
 * open line belongs to is tracer.open.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "kernel/process.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "sys/table.h"
#include "trace/tracer.h"
#include "trace/print.h"
#include "util/time.h"

#define RESULT_COLUMN 40 /* strace's */

enum when { BEFORE, AFTER };

#define TYPE(name, when, fn, names) [ARG_##name] = { fn, names, when },
static const struct {
	print_fn *print;
	const struct names *names;
	enum when when;
} types[] = {
#include "mm/access.h"
#include "sys/arg_types.def"
};
#undef TYPE

/* ---- arguments ---- */

static const uint8_t raw_args[6] = { ARG_HEX, ARG_HEX, ARG_HEX, ARG_HEX, ARG_HEX, ARG_HEX };

/* One argument as text, with the separator that is due before it; an argument may print nothing. */
static void print_arg(struct task_trace *tt, struct print *p, int i, unsigned type)
{
	struct text *out = p->out;
	size_t start = out->len;

	if (tt->args_any)
		text_puts(out, ", ");
	size_t body = out->len;
	types[type].print(p, i, types[type].names);
	if (out->len == body)
		text_cut(out, start);
	else
		tt->args_any = true;
}

static void print_json_arg(struct task_trace *tt, struct print *p, int i, unsigned type)
{
	struct text one = { 0 };

	p->out = &one;
	types[type].print(p, i, types[type].names);
	if (one.len) {
		text_puts(&tt->args, tt->args_any ? "," : "");
		text_put_json(&tt->args, text_str(&one), one.len);
		tt->args_any = true;
	}
	text_free(&one);
}

/* Prints arguments from tt->args_done on; before the call up to the first that the call fills
 * in. */
static void print_args(struct tracer *o, struct task *t, const struct syscall_entry *e, bool done,
		       int64_t result)
{
	struct task_trace *tt = t->trace;
	const uint8_t *args = e ? e->args : raw_args;
	struct print p = { &tt->line, t, t->event.syscall.args, result, false, tt->socklen };
	unsigned i = tt->args_done;

	for (; i < 6 && args[i] != ARG_END && (done || types[args[i]].when == BEFORE); i++) {
		p.done = types[args[i]].when == AFTER;
		if (o->cfg.format == TRACE_JSON)
			print_json_arg(tt, &p, (int)i, args[i]);
		else
			print_arg(tt, &p, (int)i, args[i]);
	}
	tt->args_done = i;
}

/* ---- results ---- */

static const struct {
	int err;
	const char *text;
} restarts[] = {
	{ ERESTARTSYS, "? ERESTARTSYS (To be restarted if SA_RESTART is set)" },
	{ ERESTARTNOINTR, "? ERESTARTNOINTR (To be restarted)" },
	{ ERESTARTNOHAND, "? ERESTARTNOHAND (To be restarted if no handler)" },
	{ ERESTART_RESTARTBLOCK, "? ERESTART_RESTARTBLOCK (Interrupted by signal)" },
};

static void print_error(struct text *out, int err)
{
	for (size_t i = 0; i < sizeof restarts / sizeof *restarts; i++) {
		if (restarts[i].err == err) {
			text_puts(out, restarts[i].text);
			return;
		}
	}
	const char *name = strerrorname_np(err);
	if (name)
		text_printf(out, "-1 %s (%s)", name, strerrordesc_np(err));
	else
		text_printf(out, "-1 (errno %d)", err);
}

static void print_poll_result(struct print *p)
{
	struct pollfd fds[TRACE_ARRAY_MAX];
	unsigned n = p->a[1] < TRACE_ARRAY_MAX ? (unsigned)p->a[1] : TRACE_ARRAY_MAX, shown = 0;

	text_printf(p->out, "%ld", p->result);
	if (p->result == 0) {
		text_puts(p->out, " (Timeout)");
		return;
	}
	if (copy_from_guest(p->t->mm, fds, GVA(p->a[0]), n * sizeof *fds))
		return;
	text_puts(p->out, " ([");
	for (unsigned i = 0; i < n; i++) {
		if (!fds[i].revents)
			continue;
		text_printf(p->out, "%s{fd=%d, revents=", shown++ ? ", " : "", fds[i].fd);
		names_put_flags(p->out, &names_poll, (uint16_t)fds[i].revents);
		text_putc(p->out, '}');
	}
	text_puts(p->out, "])");
}

static void print_select_result(struct print *p)
{
	static const char *const set_names[] = { "in ", "out ", "except " };
	bool is_pselect = p->t->event.syscall.nr == 270;
	const char *sep = " (";

	text_printf(p->out, "%ld", p->result);
	if (p->result == 0) {
		text_puts(p->out, " (Timeout)");
		return;
	}
	for (int i = 0; i < 3; i++) {
		if (!p->a[i + 1])
			continue;
		size_t start = p->out->len;
		text_printf(p->out, "%s%s", sep, set_names[i]);
		print_fd_set(p, i + 1, NULL);
		if (p->out->buf[p->out->len - 2] == '[')
			text_cut(p->out, start);
		else
			sep = ", ";
	}
	if (p->a[4]) {
		text_printf(p->out, "%sleft ", sep);
		(is_pselect ? print_timespec : print_timeval)(p, 4, NULL);
		sep = ", ";
	}
	if (*sep == ',')
		text_putc(p->out, ')');
}

static void print_fcntl_result(struct print *p)
{
	int cmd = (int)p->a[1];
	bool fl = cmd == 3, fd = cmd == 1, seals = cmd == 1034; /* F_GETFL, F_GETFD, F_GET_SEALS */
	uint64_t arg[6] = { (uint64_t)p->result };
	struct print inner = *p;

	text_printf(p->out, fl || fd || seals ? "%#lx" : "%ld", p->result);
	if (!(fl || seals || (fd && p->result)))
		return;
	text_puts(p->out, seals ? " (seals " : " (flags ");
	inner.a = arg;
	if (fl)
		print_open_flags(&inner, 0, NULL);
	else
		print_flags(&inner, 0, fd ? &names_fd_flags : &names_file_seals);
	text_putc(p->out, ')');
}

static void print_result(struct print *p, enum ret_type ret)
{
	if (p->result < 0 && p->result >= -4095) {
		print_error(p->out, (int)-p->result);
		return;
	}
	switch (ret) {
	case RET_PTR:
	case RET_HEX: text_printf(p->out, "%#lx", p->result); break;
	case RET_OCT: print_mode_bits(p->out, (unsigned)p->result); break;
	case RET_NEVER: text_putc(p->out, '?'); break;
	case RET_POLL: print_poll_result(p); break;
	case RET_SELECT: print_select_result(p); break;
	case RET_FCNTL: print_fcntl_result(p); break;
	case RET_SCHED_POLICY:
		text_printf(p->out, "%ld (", p->result);
		names_put_value(p->out, &names_sched, (uint64_t)p->result);
		text_putc(p->out, ')');
		break;
	case RET_SIGNAL:
		text_printf(p->out, "%ld (%s)", p->result, trace_signal_name((int)p->result));
		break;
	case RET_MEMBARRIER:
		text_printf(p->out, p->a[0] ? "%ld" : "%#lx (", p->result);
		if (p->a[0])
			break;
		names_put_flags(p->out, &names_membarrier, (uint64_t)p->result);
		text_putc(p->out, ')');
		break;
	case RET_DEC: text_printf(p->out, "%ld", p->result); break;
	}
}

/* ---- lines of text: o->lock held in all that says _locked ---- */

static bool many_threads(struct task *t)
{
	sandbox_lock(t->sb);
	bool many = t->sb->nr_tasks > 1;
	sandbox_unlock(t->sb);
	return many;
}

static void print_prefix(struct text *out, struct task *t, bool many)
{
	if (many)
		text_printf(out, "[pid %5d] ", t->pid->nr);
}

static void put_locked(struct tracer *o, const char *data, size_t len)
{
	if (!o->muted)
		o->cfg.trace(o->cfg.trace_arg, data, len);
}

static void cut_open_line_locked(struct tracer *o)
{
	lock_assert_held(&o->lock);
	if (!o->open)
		return;
	put_locked(o, " <unfinished ...>\n", 18);
	o->open = NULL;
}

static void print_locked(struct tracer *o, const struct text *line)
{
	lock_assert_held(&o->lock);
	put_locked(o, text_str(line), line->len);
}

static void print_whole_line(struct tracer *o, struct text *line)
{
	text_putc(line, '\n');
	mutex_lock(&o->lock);
	cut_open_line_locked(o);
	print_locked(o, line);
	mutex_unlock(&o->lock);
	text_free(line);
}

static const char *name_of(struct task *t, const struct syscall_entry *e, char *buf, size_t size)
{
	if (e)
		return e->name;
	snprintf(buf, size, "syscall_%#x", (unsigned)t->event.syscall.nr);
	return buf;
}

static void print_opening(struct tracer *o, struct task *t, const struct syscall_entry *e)
{
	struct task_trace *tt = t->trace;
	bool many = many_threads(t);
	char buf[32];

	text_cut(&tt->line, 0);
	print_prefix(&tt->line, t, many);
	text_printf(&tt->line, "%s(", name_of(t, e, buf, sizeof buf));
	print_args(o, t, e, false, 0);
	mutex_lock(&o->lock);
	cut_open_line_locked(o);
	print_locked(o, &tt->line);
	o->open = tt;
	tt->column = tt->line.len;
	mutex_unlock(&o->lock);
}

static void print_tail(struct print *p, const struct syscall_entry *e, uint64_t ns)
{
	text_puts(p->out, "= ");
	if (p->t->exiting || sleeper_killed(&p->t->sleeper))
		text_putc(p->out, '?');
	else
		print_result(p, e ? (enum ret_type)e->ret : RET_DEC);
	text_printf(p->out, " <%lu.%06lu>\n", ns / NSEC_PER_SEC, ns / NSEC_PER_USEC % USEC_PER_SEC);
}

static void print_closing(struct tracer *o, struct task *t, const struct syscall_entry *e,
			  int64_t result, uint64_t ns)
{
	struct task_trace *tt = t->trace;
	struct text tail = { 0 }, whole = { 0 };
	struct print p = { &tail, t, t->event.syscall.args, result, true, 0 };
	bool many = many_threads(t);
	char buf[32];

	text_cut(&tt->line, 0);
	print_args(o, t, e, true, result);
	text_putc(&tt->line, ')');
	print_tail(&p, e, ns);

	mutex_lock(&o->lock);
	size_t column = o->open == tt ? tt->column : 0;
	if (o->open != tt) {
		cut_open_line_locked(o);
		print_prefix(&whole, t, many);
		text_printf(&whole, "<... %s resumed>", name_of(t, e, buf, sizeof buf));
	}
	o->open = NULL;
	text_put(&whole, text_str(&tt->line), tt->line.len);
	column += whole.len;
	text_printf(&whole, "%*s", column < RESULT_COLUMN ? (int)(RESULT_COLUMN - column) : 1, "");
	text_put(&whole, text_str(&tail), tail.len);
	print_locked(o, &whole);
	mutex_unlock(&o->lock);
	text_free(&whole);
	text_free(&tail);
}

/* ---- JSON ---- */

static void print_json_head(struct tracer *o, struct task *t, struct text *out)
{
	uint64_t ns = monotonic_ns() - o->start_ns;

	text_printf(out, "{\"time\":%lu.%06lu,\"pid\":%d,\"tid\":%d", ns / NSEC_PER_SEC,
		    ns / NSEC_PER_USEC % USEC_PER_SEC, t->process->pid->nr, t->pid->nr);
}

static void print_json_line(struct tracer *o, struct text *out)
{
	text_puts(out, "}\n");
	mutex_lock(&o->lock);
	print_locked(o, out);
	mutex_unlock(&o->lock);
	text_free(out);
}

static const char *restart_name(int err)
{
	switch (err) {
	case ERESTARTSYS: return "ERESTARTSYS";
	case ERESTARTNOINTR: return "ERESTARTNOINTR";
	case ERESTARTNOHAND: return "ERESTARTNOHAND";
	case ERESTART_RESTARTBLOCK: return "ERESTART_RESTARTBLOCK";
	default: return "?";
	}
}

static void print_json_call(struct tracer *o, struct task *t, const struct syscall_entry *e,
			    int64_t result, uint64_t ns)
{
	struct task_trace *tt = t->trace;
	struct text out = { 0 };
	char buf[32];

	print_args(o, t, e, true, result);
	print_json_head(o, t, &out);
	text_printf(&out, ",\"call\":\"%s\",\"number\":%u,\"args\":[%s]",
		    name_of(t, e, buf, sizeof buf), (unsigned)t->event.syscall.nr,
		    text_str(&tt->args));
	if (t->exiting)
		text_puts(&out, ",\"result\":null");
	else if (result < 0 && result >= -4095)
		text_printf(&out, ",\"result\":-1,\"errno\":\"%s\"",
			    strerrorname_np((int)-result) ? strerrorname_np((int)-result)
							  : restart_name((int)-result));
	else
		text_printf(&out, ",\"result\":%ld", result);
	text_printf(&out, ",\"seconds\":%lu.%06lu", ns / NSEC_PER_SEC,
		    ns / NSEC_PER_USEC % USEC_PER_SEC);
	text_cut(&tt->args, 0);
	print_json_line(o, &out);
}

static void print_json_text(struct tracer *o, struct task *t, const char *key,
			    const struct text *value)
{
	struct text out = { 0 };

	print_json_head(o, t, &out);
	text_printf(&out, ",\"%s\":", key);
	text_put_json(&out, text_str(value), value->len);
	print_json_line(o, &out);
}

/* ---- the calls of tracer.c ---- */

/* A length that the call will change: the trace shows both. */
static void note_socklen(struct task *t, const struct syscall_entry *e)
{
	for (int i = 0; e && i < 6 && e->args[i] != ARG_END; i++) {
		if (e->args[i] == ARG_OUT_SOCKLEN &&
		    copy_from_guest(t->mm, &t->trace->socklen, GVA(t->event.syscall.args[i]),
				    sizeof(uint32_t)))
			t->trace->socklen = 0;
	}
}

void trace_enter(struct tracer *o, struct task *t, const struct syscall_entry *e)
{
	note_socklen(t, e);
	t->trace->args_done = 0;
	t->trace->args_any = false;
	if (o->cfg.format == TRACE_JSON)
		print_args(o, t, e, false, 0);
	else
		print_opening(o, t, e);
}

/* rt_sigreturn and execve set all registers: what the caller sees as a result is in there. */
static int64_t visible_result(struct task *t, int64_t result)
{
	struct cpu_regs regs;

	if (!t->regs_replaced || t->exiting || t->sb->platform->regs_get(t->context, &regs))
		return result;
	return (int64_t)regs_result(&regs);
}

void trace_exit(struct tracer *o, struct task *t, const struct syscall_entry *e, int64_t result,
		uint64_t ns)
{
	result = visible_result(t, result);
	if (o->cfg.format == TRACE_JSON)
		print_json_call(o, t, e, result, ns);
	else
		print_closing(o, t, e, result, ns);
}

void trace_signal(struct tracer *o, struct task *t, const siginfo_t *si)
{
	struct text line = { 0 };

	if (o->cfg.format == TRACE_JSON) {
		print_siginfo_value(&line, si);
		print_json_text(o, t, "signal", &line);
		text_free(&line);
		return;
	}
	print_prefix(&line, t, many_threads(t));
	text_printf(&line, "--- %s ", trace_signal_name(si->si_signo));
	print_siginfo_value(&line, si);
	text_puts(&line, " ---");
	print_whole_line(o, &line);
}

void trace_stopped(struct tracer *o, struct task *t, int sig)
{
	struct text line = { 0 };

	if (o->cfg.format == TRACE_JSON) {
		text_puts(&line, trace_signal_name(sig));
		print_json_text(o, t, "stopped", &line);
		text_free(&line);
		return;
	}
	print_prefix(&line, t, many_threads(t));
	text_printf(&line, "--- stopped by %s ---", trace_signal_name(sig));
	print_whole_line(o, &line);
}

static void print_end(struct text *out, int st)
{
	if (WIFSIGNALED(st))
		text_printf(out, "killed by %s%s", trace_signal_name(WTERMSIG(st)),
			    WCOREDUMP(st) ? " (core dumped)" : "");
	else
		text_printf(out, "exited with %d", WEXITSTATUS(st));
}

void trace_ended(struct tracer *o, struct task *t)
{
	struct text line = { 0 };

	if (o->cfg.format == TRACE_JSON) {
		print_end(&line, t->exit_code);
		print_json_text(o, t, "end", &line);
		text_free(&line);
		return;
	}
	print_prefix(&line, t, many_threads(t));
	text_puts(&line, "+++ ");
	print_end(&line, t->exit_code);
	text_puts(&line, " +++");
	print_whole_line(o, &line);
}

/* What the first execve would have looked like. */
static void print_program(struct text *out, struct task *t, const char *path, char *const *argv,
			  char *const *envp)
{
	unsigned vars = 0;

	print_quoted(out, path, strlen(path), false);
	text_puts(out, ", [");
	for (unsigned i = 0; argv[i]; i++) {
		if (i == TRACE_ARRAY_MAX) {
			text_puts(out, ", ...");
			break;
		}
		size_t n = strnlen(argv[i], TRACE_STRING_MAX + 1);
		text_puts(out, i ? ", " : "");
		print_quoted(out, argv[i], n > TRACE_STRING_MAX ? TRACE_STRING_MAX : n,
			     n > TRACE_STRING_MAX);
	}
	while (envp[vars])
		vars++;
	text_printf(out, "], %#lx /* %u var%s */", t->mm->env_start.v, vars, vars == 1 ? "" : "s");
}

void trace_program(struct tracer *o, struct task *t, const char *path, char *const *argv,
		   char *const *envp)
{
	struct text args = { 0 }, line = { 0 };

	print_program(&args, t, path, argv, envp);
	if (o->cfg.format == TRACE_JSON) {
		print_json_text(o, t, "program", &args);
	} else {
		text_printf(&line, "execve(%s)", text_str(&args));
		text_printf(&line, "%*s= 0",
			    line.len < RESULT_COLUMN ? (int)(RESULT_COLUMN - line.len) : 1, "");
		print_whole_line(o, &line);
	}
	text_free(&args);
}
