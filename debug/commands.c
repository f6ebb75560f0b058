/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Each family of packets is a row in `commands` or `queries`. */
#include "debug/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "debug/regs.h"
#include "fs/file.h"
#include "kernel/process.h"
#include "kernel/ptrace/request.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "util/minmax.h"

#define ACTIONS_MAX 256
#define REGS_MAX    4096 /* bytes of all registers */
#define LIST_MAX    128  /* threads in an answer of qfThreadInfo */

/* ---- signals: the protocol's numbers are its own ---- */

static const unsigned char signal_numbers[32] = {
	0, 1,  2,  3,  4,  5,  6,  10, 8,  9,  30, 11, 31, 13, 14, 15,
	0, 20, 19, 17, 18, 21, 22, 16, 24, 25, 26, 27, 28, 23, 32, 12,
};
enum { GDB_SIGNAL_UNKNOWN = 143, GDB_SIGNAL_33 = 45, GDB_SIGNAL_32 = 77, GDB_SIGNAL_64 };

static unsigned signal_to_gdb(int sig)
{
	if (sig >= 33 && sig <= 63)
		return GDB_SIGNAL_33 + (unsigned)sig - 33;
	if (sig == 32 || sig == 64)
		return sig == 32 ? GDB_SIGNAL_32 : GDB_SIGNAL_64;
	return sig > 0 && sig < 32 && signal_numbers[sig] ? signal_numbers[sig]
							  : GDB_SIGNAL_UNKNOWN;
}

/* 0: there is no such. */
static int signal_from_gdb(uint64_t n)
{
	for (int sig = 1; sig <= NSIGNALS; sig++) {
		if (n != GDB_SIGNAL_UNKNOWN && signal_to_gdb(sig) == n)
			return sig;
	}
	return 0;
}

/* ---- replies ---- */

static void ok(struct text *reply)
{
	text_puts(reply, "OK");
}

static void failed(struct text *reply, int err)
{
	text_printf(reply, "E%02x", (unsigned)-err & 0xff);
}

static void done(struct text *reply, int err)
{
	if (err)
		failed(reply, err);
	else
		ok(reply);
}

static void put_id(const struct session *s, struct text *reply, pid_t pid, pid_t tid)
{
	if (s->multiprocess)
		text_printf(reply, "p%x.", (unsigned)pid);
	text_printf(reply, "%x", (unsigned)tid);
}

static void put_thread(const struct session *s, struct text *reply, const struct dbg_thread *th)
{
	put_id(s, reply, th->inferior->pid, th->tid);
}

/* A path as it is seen in the sandbox. Empty: there is none. */
static void program_path(const struct session *s, const struct inferior *inf, char path[PATH_MAX])
{
	struct path root = fs_struct_root(s->files.visitor->caller.fs);
	struct file *exe;

	sandbox_lock(s->target->sb);
	exe = inf->process->exe ? file_get(inf->process->exe) : NULL;
	sandbox_unlock(s->target->sb);
	if (!exe || file_name(exe, &root, path, PATH_MAX) < 0)
		path[0] = '\0';
	if (exe)
		file_put(exe);
	path_put(&root);
}

/* ---- stops ---- */

static void put_child(const struct session *s, struct text *reply, const char *word, uint64_t pid)
{
	const struct dbg_thread *child = target_thread(s->target, (int64_t)pid, -1);

	text_printf(reply, "%s:", word);
	put_id(s, reply, (pid_t)pid, child ? child->tid : (pid_t)pid);
	text_putc(reply, ';');
}

static void put_reason(const struct session *s, const struct halt *why, struct text *reply)
{
	char path[PATH_MAX];

	switch (why->tell) {
	case TELL_BREAKPOINT: text_puts(reply, "swbreak:;"); break;
	case TELL_HARDWARE: text_puts(reply, "hwbreak:;"); break;
	case TELL_ACCESS: text_printf(reply, "awatch:%lx;", why->value); break;
	case TELL_WATCH: text_printf(reply, "watch:%lx;", why->value); break;
	case TELL_FORK: put_child(s, reply, "fork", why->value); break;
	case TELL_VFORK: put_child(s, reply, "vfork", why->value); break;
	case TELL_VFORK_DONE: text_puts(reply, "vforkdone:;"); break;
	case TELL_CALL: text_printf(reply, "syscall_entry:%lx;", why->value); break;
	case TELL_RETURN: text_printf(reply, "syscall_return:%lx;", why->value); break;
	case TELL_EXEC:
		program_path(s, why->inferior, path);
		text_puts(reply, "exec:");
		put_hex(reply, path, strlen(path));
		text_putc(reply, ';');
		break;
	default: break;
	}
}

static void put_end(struct session *s, const struct inferior *inf, struct text *reply)
{
	int st = inf->status;

	if (WIFSIGNALED(st))
		text_printf(reply, "X%02x", signal_to_gdb(WTERMSIG(st)));
	else
		text_printf(reply, "W%02x", (unsigned)WEXITSTATUS(st));
	if (s->multiprocess)
		text_printf(reply, ";process:%x", (unsigned)inf->pid);
}

void session_stopped(struct session *s, const struct halt *why, struct text *reply)
{
	s->last = *why;
	s->waits = false;
	if (why->thread) {
		text_printf(reply, "T%02x", signal_to_gdb(why->sig));
		put_reason(s, why, reply);
		text_puts(reply, "thread:");
		put_thread(s, reply, why->thread);
		text_putc(reply, ';');
		s->general = (struct thread_name){ why->inferior->pid, why->thread->tid };
	} else if (why->inferior) {
		put_end(s, why->inferior, reply);
		target_forget(s->target, why->inferior);
	} else {
		text_puts(reply, "N");
	}
	s->last.inferior = NULL;
	s->last.thread = NULL;
}

/* Why it stands still, for who has come only now. */
static void why_stopped(struct session *s, struct scan *in, struct text *reply)
{
	const struct dbg_thread *th = target_thread(s->target, s->general.pid, s->general.tid);

	if (!th)
		th = target_thread(s->target, -1, -1);
	if (!th) {
		text_puts(reply, "W00");
		return;
	}
	int sig = s->last.sig == SIGINT || !s->last.sig ? SIGTRAP : s->last.sig;
	text_printf(reply, "T%02xthread:", signal_to_gdb(sig));
	put_thread(s, reply, th);
	text_putc(reply, ';');
	s->general = (struct thread_name){ th->inferior->pid, th->tid };
}

/* ---- which thread ---- */

static struct dbg_thread *current(struct session *s)
{
	return target_thread(s->target, s->general.pid, s->general.tid);
}

static void choose_thread(struct session *s, struct scan *in, struct text *reply)
{
	bool general = scan_word(in, "g");

	if (!general)
		scan_need(in, "c"); /* vCont says it itself */
	struct thread_name name = scan_thread(in);
	if (!scan_ends(in) || (name.tid > 0 && !target_thread(s->target, name.pid, name.tid))) {
		failed(reply, -ESRCH);
		return;
	}
	if (general)
		s->general = name;
	ok(reply);
}

static void is_alive(struct session *s, struct scan *in, struct text *reply)
{
	struct thread_name name = scan_thread(in);

	done(reply, scan_ends(in) && target_thread(s->target, name.pid, name.tid) ? 0 : -ESRCH);
}

/* ---- registers and memory ---- */

typedef int regs_fn(struct task *o, struct scan *in, struct text *bytes);

static int read_all(struct task *o, struct scan *in, struct text *bytes)
{
	return scan_ends(in) ? debug_regs_read(o, bytes) : -EINVAL;
}

static int read_one(struct task *o, struct scan *in, struct text *bytes)
{
	uint64_t n = scan_hex(in);

	return scan_ends(in) ? debug_regs_read_one(o, n, bytes) : -EINVAL;
}

static int write_all(struct task *o, struct scan *in, struct text *bytes)
{
	unsigned char from[REGS_MAX];
	size_t n = scan_bytes(in, from, sizeof from);

	return scan_ends(in) ? debug_regs_write(o, from, n) : -EINVAL;
}

static int write_one(struct task *o, struct scan *in, struct text *bytes)
{
	unsigned char from[64];
	uint64_t reg = scan_hex(in);

	scan_need(in, "=");
	size_t n = scan_bytes(in, from, sizeof from);
	return scan_ends(in) ? debug_regs_write_one(o, reg, from, n) : -EINVAL;
}

static void with_regs(struct session *s, struct scan *in, struct text *reply, regs_fn *fn,
		      bool reads)
{
	struct dbg_thread *th = current(s);
	struct task *o = th ? thread_hold(s->target, th) : NULL;
	struct text bytes = { 0 };
	int err = o ? fn(o, in, &bytes) : -ESRCH;

	if (o)
		ptrace_let_go(o);
	if (err || !reads)
		done(reply, err);
	else
		put_hex(reply, bytes.buf, bytes.len);
	text_free(&bytes);
}

static void get_regs(struct session *s, struct scan *in, struct text *reply)
{
	with_regs(s, in, reply, read_all, true);
}

static void get_reg(struct session *s, struct scan *in, struct text *reply)
{
	with_regs(s, in, reply, read_one, true);
}

static void set_regs(struct session *s, struct scan *in, struct text *reply)
{
	with_regs(s, in, reply, write_all, false);
}

static void set_reg(struct session *s, struct scan *in, struct text *reply)
{
	with_regs(s, in, reply, write_one, false);
}

static struct points *current_points(struct session *s)
{
	struct dbg_thread *th = current(s);

	return th ? th->inferior->points : NULL;
}

static void read_memory(struct session *s, struct scan *in, struct text *reply)
{
	struct points *sp = current_points(s);
	uint64_t addr = scan_hex(in);

	scan_need(in, ",");
	size_t n = min64(scan_hex(in), PACKET_MAX / 2);
	char *buf = scan_ends(in) && sp ? malloc(n ? n : 1) : NULL;
	if (!buf) {
		failed(reply, -EINVAL);
		return;
	}
	size_t got = points_read(sp, addr, buf, n);
	if (n && !got)
		failed(reply, -EFAULT);
	else
		put_hex(reply, buf, got);
	free(buf);
}

static void write_to(struct session *s, uint64_t addr, const void *from, size_t n,
		     struct text *reply)
{
	struct points *sp = current_points(s);

	done(reply, sp && points_write(sp, addr, from, n) == n ? 0 : -EFAULT);
}

static void write_memory(struct session *s, struct scan *in, struct text *reply)
{
	char bytes[PACKET_MAX / 2];
	uint64_t addr = scan_hex(in);

	scan_need(in, ",");
	uint64_t n = scan_hex(in);
	scan_need(in, ":");
	if (scan_bytes(in, bytes, sizeof bytes) == n && scan_ends(in))
		write_to(s, addr, bytes, n, reply);
	else
		failed(reply, -EINVAL);
}

static void write_binary(struct session *s, struct scan *in, struct text *reply)
{
	uint64_t addr = scan_hex(in);

	scan_need(in, ",");
	uint64_t n = scan_hex(in);
	scan_need(in, ":");
	if (!in->bad && (uint64_t)(in->end - in->p) == n)
		write_to(s, addr, in->p, n, reply);
	else
		failed(reply, -EINVAL);
}

/* ---- breakpoints ---- */

/* By the types of Z packets. Those that the CPU does not know by itself are not answered: where GDB
 * wants reads alone it takes accesses then. */
enum { POINT_SOFTWARE, POINT_TYPES = 5 };
static const uint8_t hardware_kinds[POINT_TYPES] = {
	HW_BREAK_NONE, HW_BREAK_EXEC, HW_BREAK_WRITE, HW_BREAK_NONE, HW_BREAK_ACCESS,
};

static void set_point(struct session *s, struct scan *in, struct text *reply, bool insert)
{
	struct dbg_thread *th = current(s);
	uint64_t type = scan_hex(in);

	scan_need(in, ",");
	uint64_t addr = scan_hex(in);
	scan_need(in, ",");
	uint64_t len = scan_hex(in);
	uint8_t kind = type < POINT_TYPES ? hardware_kinds[type] : HW_BREAK_NONE;
	if (!scan_ends(in) || !th)
		failed(reply, -EINVAL);
	else if (type == POINT_SOFTWARE)
		done(reply, points_break(th->inferior->points, addr, insert));
	else if (kind != HW_BREAK_NONE)
		done(reply, target_watch(s->target, th, kind, addr, kind == HW_BREAK_EXEC ? 1 : len,
					 insert));
}

static void insert_point(struct session *s, struct scan *in, struct text *reply)
{
	set_point(s, in, reply, true);
}

static void remove_point(struct session *s, struct scan *in, struct text *reply)
{
	set_point(s, in, reply, false);
}

/* ---- the way on ---- */

static void scan_action(struct scan *in, struct resume_action *a)
{
	char c = in->p < in->end ? *in->p++ : 0;

	*a = (struct resume_action){ .pid = -1, .tid = -1 };
	a->steps = c == 's' || c == 'S' || c == 'r';
	a->stops = c == 't';
	if (c == 'C' || c == 'S')
		a->sig = signal_from_gdb(scan_hex(in));
	else if (c != 'c' && c != 's' && c != 't' && c != 'r')
		in->bad = true;
	if (c == 'r') {
		a->range_start = scan_hex(in);
		scan_need(in, ",");
		a->range_end = scan_hex(in);
	}
	if (!scan_word(in, ":"))
		return;
	struct thread_name who = scan_thread(in);
	a->pid = who.pid;
	a->tid = who.tid;
}

/* The answer comes when something stops. */
static void resume(struct session *s, struct scan *in, struct text *reply)
{
	static const struct resume_action none;
	struct resume_action *a = calloc(ACTIONS_MAX, sizeof *a);
	unsigned n = 0;

	while (a && scan_word(in, ";") && n < ACTIONS_MAX) {
		a[n] = none;
		scan_action(in, &a[n++]);
	}
	if (a && n && scan_ends(in)) {
		s->waits = true;
		target_resume(s->target, a, n);
	} else {
		failed(reply, -EINVAL);
	}
	free(a);
}

static void resume_ways(struct session *s, struct scan *in, struct text *reply)
{
	text_puts(reply, "vCont;c;C;s;S;t;r");
}

/* ---- processes ---- */

static void detach(struct session *s, struct scan *in, struct text *reply)
{
	struct inferior *inf;
	bool all = !scan_word(in, ";");
	uint64_t pid = all ? 0 : scan_hex(in);

	if (!scan_ends(in) || (!all && !target_inferior(s->target, (int64_t)pid))) {
		failed(reply, -ESRCH);
		return;
	}
	while ((inf = target_inferior(s->target, (int64_t)pid)) != NULL)
		target_detach(s->target, inf);
	ok(reply);
}

static void kill_all(struct session *s, struct scan *in, struct text *reply)
{
	struct inferior *inf;

	while ((inf = target_inferior(s->target, 0)) != NULL)
		target_kill(s->target, inf);
	ok(reply);
}

static void kill_one(struct session *s, struct scan *in, struct text *reply)
{
	struct inferior *inf = target_inferior(s->target, (int64_t)scan_hex(in));

	if (!scan_ends(in) || !inf) {
		failed(reply, -ESRCH);
		return;
	}
	target_kill(s->target, inf);
	ok(reply);
}

static void attach(struct session *s, struct scan *in, struct text *reply)
{
	uint64_t pid = scan_hex(in);
	int err = !scan_ends(in) || !pid || pid > INT32_MAX ? -EINVAL
							    : target_attach(s->target, (pid_t)pid);

	if (err)
		failed(reply, err);
	else
		s->waits = true;
}

/* A sandbox has one program, which is there. */
static void run(struct session *s, struct scan *in, struct text *reply)
{
	failed(reply, -EPERM);
}

/* ---- queries ---- */

static void supported(struct session *s, struct scan *in, struct text *reply)
{
	while (in->p < in->end) {
		const char *end = memchr(in->p, ';', (size_t)(in->end - in->p));
		struct scan word = scan_of(in->p, (size_t)((end ? end : in->end) - in->p));
		s->multiprocess |= scan_word(&word, "multiprocess+");
		s->target->follows_forks |= scan_word(&word, "fork-events+");
		s->target->follows_vforks |= scan_word(&word, "vfork-events+");
		in->p = end ? end + 1 : in->end;
	}
	text_printf(reply,
		    "PacketSize=%x;QStartNoAckMode+;multiprocess+;fork-events+;vfork-events+;"
		    "exec-events+;swbreak+;hwbreak+;vContSupported+;QPassSignals+;QCatchSyscalls+;"
		    "qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;"
		    "qXfer:siginfo:read+;qXfer:siginfo:write+;qXfer:threads:read+",
		    PACKET_MAX);
}

static void no_acks(struct session *s, struct scan *in, struct text *reply)
{
	s->acks_end = true;
	ok(reply);
}

static void pass_signals(struct session *s, struct scan *in, struct text *reply)
{
	uint64_t passed = 0;

	while (in->p < in->end && !in->bad) {
		int sig = signal_from_gdb(scan_hex(in));
		if (sig && sig != SIGTRAP)
			passed |= SIGBIT(sig);
		if (in->p < in->end)
			scan_need(in, ";");
	}
	if (!in->bad)
		s->target->passed = passed;
	done(reply, in->bad ? -EINVAL : 0);
}

static void catch_calls(struct session *s, struct scan *in, struct text *reply)
{
	struct dbg_thread *th = current(s);
	bool on = scan_word(in, "1"), all = on && in->p == in->end;
	uint64_t *calls = on && !all ? calloc(CALLS_CAUGHT_MAX / 64, sizeof *calls) : NULL;

	if (!on)
		scan_need(in, "0");
	while (calls && scan_word(in, ";")) {
		uint64_t nr = scan_hex(in);
		if (nr >= CALLS_CAUGHT_MAX)
			in->bad = true;
		else
			calls[nr / 64] |= 1UL << nr % 64;
	}
	if (!scan_ends(in) || !th || (on && !all && !calls)) {
		free(calls);
		failed(reply, -EINVAL);
		return;
	}
	free(th->inferior->catches);
	th->inferior->catches = calls;
	th->inferior->catches_all = all;
	ok(reply);
}

static void current_thread(struct session *s, struct scan *in, struct text *reply)
{
	const struct dbg_thread *th = current(s);

	if (!th)
		return;
	text_puts(reply, "QC");
	put_thread(s, reply, th);
}

/* Whether it is let go or killed when the debugger ends. */
static void was_attached(struct session *s, struct scan *in, struct text *reply)
{
	uint64_t pid = scan_word(in, ":") ? scan_hex(in) : 0;
	const struct inferior *inf = target_inferior(s->target, (int64_t)pid);

	text_puts(reply, inf && inf->found ? "1" : "0");
}

static void list_threads(struct session *s, struct text *reply)
{
	struct inferior *inf;
	struct dbg_thread *th;
	unsigned i = 0, n = 0;

	list_for_each (inf, &s->target->inferiors, node) {
		if (!inferior_lives(inf))
			continue;
		list_for_each (th, &inf->threads, node) {
			if (i++ < s->listed || n == LIST_MAX)
				continue;
			text_putc(reply, n++ ? ',' : 'm');
			put_thread(s, reply, th);
		}
	}
	s->listed += n;
	if (!n)
		text_putc(reply, 'l');
}

static void first_threads(struct session *s, struct scan *in, struct text *reply)
{
	s->listed = 0;
	list_threads(s, reply);
}

static void next_threads(struct session *s, struct scan *in, struct text *reply)
{
	list_threads(s, reply);
}

static void monitor(struct session *s, struct scan *in, struct text *reply)
{
	char command[64];
	size_t n = scan_bytes(in, command, sizeof command - 1);
	struct text answer = { 0 };
	struct inferior *inf;
	struct dbg_thread *th;

	command[n] = '\0';
	if (!strcmp(command, "processes")) {
		list_for_each (inf, &s->target->inferiors, node) {
			list_for_each (th, &inf->threads, node)
				text_printf(&answer, "process %d, thread %d\n", inf->pid, th->tid);
		}
	} else {
		text_puts(&answer, "monitor help       this text\n"
				   "monitor processes  what is traced, by number\n");
	}
	put_hex(reply, answer.buf, answer.len);
	text_free(&answer);
}

/* ---- variables of threads ---- */

/* GDB offers to look symbols up, and says what it has found: of the first we ask, then of each
 * next. */
static void symbol(struct session *s, struct scan *in, struct text *reply)
{
	struct dbg_thread *th = current(s);
	char name[64] = "";
	uint64_t value = in->p < in->end && *in->p != ':' ? scan_hex(in) : 0;
	unsigned next = 0;

	scan_need(in, ":");
	name[scan_bytes(in, name, sizeof name - 1)] = '\0';
	if (!th || !scan_ends(in)) {
		failed(reply, -EINVAL);
		return;
	}
	for (unsigned i = 0; i < TLS_SYMBOLS; i++) {
		if (strcmp(name, tls_symbol_names[i]) != 0)
			continue;
		th->inferior->symbols[i] = value;
		next = i + 1;
	}
	if (next == TLS_SYMBOLS || (next && !value)) { /* without one the others are of no use */
		ok(reply);
		return;
	}
	text_puts(reply, "qSymbol:");
	put_hex(reply, tls_symbol_names[next], strlen(tls_symbol_names[next]));
}

static void thread_variable(struct session *s, struct scan *in, struct text *reply)
{
	struct thread_name name = scan_thread(in);
	struct cpu_regs regs;
	uint64_t addr;

	scan_need(in, ",");
	uint64_t offset = scan_hex(in);
	scan_need(in, ",");
	uint64_t map = scan_hex(in);
	struct dbg_thread *th = scan_ends(in) ? target_thread(s->target, name.pid, name.tid) : NULL;
	struct task *o = th ? thread_hold(s->target, th) : NULL;
	int err = o ? o->sb->platform->regs_get(o->context, &regs) : -ESRCH;
	if (o)
		ptrace_let_go(o);
	if (!err)
		err = tls_address(th->inferior->points, th->inferior->symbols, regs_tls(&regs), map,
				  offset, &addr);
	if (err)
		failed(reply, err);
	else
		text_printf(reply, "%lx", addr);
}

/* ---- objects ---- */

static void put_features(struct session *s, struct scan *annex, struct text *out)
{
	if (scan_word(annex, "target.xml") && scan_ends(annex))
		debug_regs_describe(s->target->sb, out);
	else
		annex->bad = true;
}

static void put_auxv(struct session *s, struct scan *annex, struct text *out)
{
	struct points *sp = current_points(s);

	if (sp)
		text_put(out, (const char *)sp->mm->auxv,
			 sp->mm->auxv_len * sizeof sp->mm->auxv[0]);
	annex->bad |= !sp;
}

static void put_program(struct session *s, struct scan *annex, struct text *out)
{
	uint64_t pid = annex->p < annex->end ? scan_hex(annex) : (uint64_t)s->general.pid;
	const struct inferior *inf = target_inferior(s->target, (int64_t)pid);
	char path[PATH_MAX] = "";

	if (inf)
		program_path(s, inf, path);
	annex->bad |= !path[0];
	text_puts(out, path);
}

/* A program chooses the name of its threads. */
static void put_xml(struct text *out, const char *name)
{
	for (; *name; name++) {
		if (strchr("<>&\"'", *name) || *name < ' ' || *name == 0x7f)
			text_printf(out, *name < ' ' ? "?" : "&#%d;", *name);
		else
			text_putc(out, *name);
	}
}

static void put_threads(struct session *s, struct scan *annex, struct text *out)
{
	struct inferior *inf;
	struct dbg_thread *th;
	char name[TASK_COMM_LEN];

	text_puts(out, "<?xml version=\"1.0\"?><threads>");
	list_for_each (inf, &s->target->inferiors, node) {
		if (!inferior_lives(inf))
			continue;
		list_for_each (th, &inf->threads, node) {
			name[0] = '\0';
			sandbox_lock(s->target->sb);
			if (th->tr)
				memcpy(name, th->tr->task->comm, sizeof name);
			sandbox_unlock(s->target->sb);
			text_puts(out, "<thread id=\"");
			put_thread(s, out, th);
			text_puts(out, "\" name=\"");
			put_xml(out, name);
			text_puts(out, "\"/>");
		}
	}
	text_puts(out, "</threads>");
}

static void put_siginfo(struct session *s, struct scan *annex, struct text *out)
{
	struct dbg_thread *th = current(s);
	struct task *o = th ? thread_hold(s->target, th) : NULL;

	annex->bad |= !o || !o->tracee->has_info;
	if (!annex->bad)
		text_put(out, (const char *)&o->tracee->info, sizeof o->tracee->info);
	if (o)
		ptrace_let_go(o);
}

static void write_siginfo(struct session *s, struct scan *in, struct text *reply)
{
	struct dbg_thread *th = current(s);
	struct task *o = th ? thread_hold(s->target, th) : NULL;
	uint64_t at = scan_hex(in);
	int err = !o ? -ESRCH : !o->tracee->has_info ? -EINVAL : 0;

	scan_need(in, ":");
	size_t n = (size_t)(in->end - in->p);
	if (!err && (in->bad || at > sizeof(siginfo_t) || n > sizeof(siginfo_t) - at))
		err = -EINVAL;
	if (!err)
		memcpy((char *)&o->tracee->info + at, in->p, n);
	if (o)
		ptrace_let_go(o);
	if (err)
		failed(reply, err);
	else
		text_printf(reply, "%zx", n);
}

typedef void object_fn(struct session *s, struct scan *annex, struct text *out);

static object_fn *object_named(struct scan *in)
{
	static const struct {
		const char *word;
		object_fn *fn;
	} objects[] = {
		{ "features:read:", put_features }, { "auxv:read:", put_auxv },
		{ "exec-file:read:", put_program }, { "threads:read:", put_threads },
		{ "siginfo:read:", put_siginfo },
	};

	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
		if (scan_word(in, objects[i].word))
			return objects[i].fn;
	}
	return NULL;
}

/* The part that is asked for, of what is made anew each time: all stands still. */
static void read_object(struct session *s, struct scan *in, struct text *reply)
{
	struct text whole = { 0 };

	if (scan_word(in, "siginfo:write::")) {
		write_siginfo(s, in, reply);
		return;
	}
	object_fn *fn = object_named(in);
	if (!fn)
		return;
	const char *colon = memchr(in->p, ':', (size_t)(in->end - in->p));
	struct scan annex = scan_of(in->p, colon ? (size_t)(colon - in->p) : 0);
	in->p = colon ? colon + 1 : in->end;
	uint64_t at = scan_hex(in);
	scan_need(in, ",");
	size_t n = min64(scan_hex(in), PACKET_MAX / 2);
	if (scan_ends(in))
		fn(s, &annex, &whole);
	if (!scan_ends(in) || annex.bad || whole.failed) {
		text_puts(reply, "E00");
	} else {
		size_t from = min64(at, whole.len), part = min64(n, whole.len - from);
		text_putc(reply, from + part < whole.len ? 'm' : 'l');
		text_put(reply, text_str(&whole) + from, part);
	}
	text_free(&whole);
}

static void files(struct session *s, struct scan *in, struct text *reply)
{
	hostio_packet(&s->files, s->target, in, reply);
}

static void agree(struct session *s, struct scan *in, struct text *reply)
{
	ok(reply);
}

static void nothing(struct session *s, struct scan *in, struct text *reply)
{
}

/* ---- which packet ---- */

/* The first word that a packet begins with counts; `whole`: it is all of it. */
static const struct command {
	const char *word;
	bool whole;
	void (*fn)(struct session *s, struct scan *in, struct text *reply);
} commands[] = {
	{ "?", true, why_stopped },
	{ "!", true, agree },
	{ "g", true, get_regs },
	{ "G", false, set_regs },
	{ "p", false, get_reg },
	{ "P", false, set_reg },
	{ "m", false, read_memory },
	{ "M", false, write_memory },
	{ "X", false, write_binary },
	{ "Z", false, insert_point },
	{ "z", false, remove_point },
	{ "H", false, choose_thread },
	{ "T", false, is_alive },
	{ "D", false, detach },
	{ "k", true, kill_all },
	{ "vCont?", true, resume_ways },
	{ "vCont", false, resume },
	{ "vKill;", false, kill_one },
	{ "vAttach;", false, attach },
	{ "vRun;", false, run },
	{ "vFile:", false, files },
	{ "vMustReplyEmpty", true, nothing },
	{ "qSupported:", false, supported },
	{ "qSupported", true, supported },
	{ "qXfer:", false, read_object },
	{ "qC", true, current_thread },
	{ "qAttached", false, was_attached },
	{ "qfThreadInfo", true, first_threads },
	{ "qsThreadInfo", true, next_threads },
	{ "qSymbol:", false, symbol },
	{ "qGetTLSAddr:", false, thread_variable },
	{ "qRcmd,", false, monitor },
	{ "QStartNoAckMode", true, no_acks },
	{ "QPassSignals:", false, pass_signals },
	{ "QCatchSyscalls:", false, catch_calls },
	{ "QNonStop:0", true, agree },
};

void session_begin(struct session *s)
{
	s->no_acks = s->acks_end = s->multiprocess = s->waits = false;
	s->target->follows_forks = s->target->follows_vforks = false;
	s->target->passed = 0;
	s->listed = 0;
}

bool session_packet(struct session *s, const char *packet, size_t len, struct text *reply)
{
	struct scan in = scan_of(packet, len);

	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		const struct command *c = &commands[i];
		if ((c->whole && len != strlen(c->word)) || !scan_word(&in, c->word))
			continue;
		c->fn(s, &in, reply);
		break;
	}
	return !s->waits;
}
