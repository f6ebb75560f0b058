/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides about core dumps as Linux's fs/coredump.c does, and opens the file. What a guest must not
 * be able to do with one: write through a symlink or to a file that somebody else has, or read by
 * it what a set-id program had in memory (which is not dumpable).
 */
#include "kernel/coredump.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cred/cred.h"
#include "fs/file.h"
#include "fs/names.h"
#include "kernel/elfcore.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/text.h"
#include "util/time.h"

/* Less than a page is no core file (Linux: min_coredump). */
#define LIMIT_MIN PAGE_SIZE

/* ---- settings ---- */

int core_set_pattern(struct sandbox *sb, const char *pattern)
{
	if (pattern[0] == '|' || pattern[0] == '@')
		return -EINVAL;
	sandbox_lock(sb);
	snprintf(sb->core.pattern, sizeof sb->core.pattern, "%s", pattern);
	sandbox_unlock(sb);
	return 0;
}

/* ---- the name ---- */

/* A part of a name that is somebody's: it leads to no other directory. */
static void put_part(struct text *out, const char *s)
{
	if (!s[0] || !strcmp(s, ".") || !strcmp(s, "..")) {
		text_putc(out, '!');
		s += s[0] != 0;
	}
	for (; *s; s++)
		text_putc(out, *s == '/' ? '!' : *s);
}

/* `whole`: with all its directories. */
static void put_exe(struct text *out, struct task *t, bool whole)
{
	char path[PATH_MAX];
	struct path root = fs_struct_root(t->fs);
	struct file *exe = t->process->exe;
	int n = exe ? file_name(exe, &root, path, sizeof path) : -ENOENT;

	path_put(&root);
	if (n < 0)
		snprintf(path, sizeof path, "%s (path unknown)", t->comm);
	const char *last = strrchr(path, '/');
	put_part(out, whole || !last ? path : last + 1);
}

static void put_host_name(struct text *out, struct task *t)
{
	char name[UTS_NAME_MAX + 1];

	uts_get(nsproxy_uts(t->nsproxy), UTS_HOST, name);
	put_part(out, name);
}

static void put_specifier(struct text *out, struct task *t, const siginfo_t *info, char c)
{
	const struct cred *cred = t->cred;

	switch (c) {
	case '%': text_putc(out, '%'); break;
	case 'p':
	case 'P': text_printf(out, "%d", t->process->pid->nr); break;
	case 'i':
	case 'I': text_printf(out, "%d", t->tid); break;
	case 'u': text_printf(out, "%u", cred->uid); break;
	case 'g': text_printf(out, "%u", cred->gid); break;
	case 'd': text_printf(out, "%u", t->process->dumpable); break;
	case 's': text_printf(out, "%d", info->si_signo); break;
	case 't':
		text_printf(out, "%lu",
			    guest_clock_ns(&t->sb->clock, CLOCK_REALTIME) / NSEC_PER_SEC);
		break;
	case 'h': put_host_name(out, t); break;
	case 'e': put_part(out, t->comm); break;
	case 'f': put_exe(out, t, false); break;
	case 'E': put_exe(out, t, true); break;
	case 'c': text_printf(out, "%lu", process_rlimit(t->process, RLIMIT_CORE)); break;
	case 'C': text_printf(out, "%d", sched_getcpu()); break;
	default: break; /* an unknown one, or a single % at the end, is dropped */
	}
}

/* core(5), "Naming of core dump files". */
static bool expand(struct text *out, struct task *t, const siginfo_t *info, const char *pattern)
{
	bool pid_in_name = false;

	for (const char *p = pattern; *p; p++) {
		if (*p != '%') {
			text_putc(out, *p);
			continue;
		}
		pid_in_name |= p[1] == 'p';
		put_specifier(out, t, info, p[1]);
		p += p[1] != 0;
	}
	return pid_in_name;
}

static void make_name(struct text *out, struct task *t, const siginfo_t *info)
{
	struct core_settings s;

	sandbox_lock(t->sb);
	s = t->sb->core;
	sandbox_unlock(t->sb);
	if (!expand(out, t, info, s.pattern) && s.uses_pid)
		text_printf(out, ".%d", task_pid_nr(t, t->process->pid));
}

/* ---- the file ---- */

/* Nobody else may have it, now or by another name; a file system that gives it another owner or
 * mode gets no core. */
static bool is_ours_alone(struct file *f, struct caller *c)
{
	struct statx st;

	return file_getattr(f, c, STATX_BASIC_STATS, &st) == 0 && S_ISREG(st.stx_mode) &&
	       st.stx_nlink == 1 && st.stx_uid == c->cred->fsuid && (st.stx_mode & 0677) == 0600;
}

/* NULL: there is none. One that is there already goes; if another process makes it anew at once,
 * that one has won. */
static struct file *open_core(struct task *t, struct caller *c, const siginfo_t *info)
{
	struct text name = { 0 };
	struct file *f = NULL;

	make_name(&name, t, info);
	if (!name.failed && name.len) {
		(void)vfs_unlink(c, NULL, name.buf);
		if (vfs_open(c, NULL, name.buf, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600, 0,
			     &f))
			f = NULL;
	}
	text_free(&name);
	if (f && !is_ours_alone(f, c)) {
		file_put(f);
		f = NULL;
	}
	return f;
}

static bool write_core(struct task *t, const siginfo_t *info)
{
	struct caller c = task_caller(t);
	uint64_t limit = process_rlimit(t->process, RLIMIT_CORE);
	struct file *f = limit < LIMIT_MIN ? NULL : open_core(t, &c, info);
	const struct core_sink to = { .file = f, .caller = &c, .limit = limit };
	bool written = f && elfcore_write(t, info, &to) != -ENOMEM;

	if (f)
		file_put(f);
	return written;
}

/* What is written is the host's, and so are the rights that count. */
static void keep_core(struct task *t, const siginfo_t *info, struct core_store *store)
{
	struct text name = { 0 };

	expand(&name, t, info, store->pattern);
	if (cred_assume(t->sb->vfs->monitor) == 0) {
		struct core_out *out = store->begin(store);
		const struct core_sink to = { .store = store, .out = out, .limit = UINT64_MAX };
		int err = name.failed || !name.len ? -ENOMEM : 0;
		if (out && !err)
			err = elfcore_write(t, info, &to);
		if (out)
			store->end(store, out, text_str(&name), err);
	}
	(void)cred_assume(t->cred);
	text_free(&name);
}

/* ---- standing still ---- */

void coredump_wait(struct task *t)
{
	struct process *p = t->process;

	lock_assert_held(&t->sb->lock);
	if (!p->core)
		return;
	t->in_core = true;
	p->core->waiting++;
	sleeper_wake(&p->core->dumper->sleeper);
	while (p->core) {
		sandbox_unlock(t->sb);
		sleeper_pause(&t->sleeper);
		sandbox_lock(t->sb);
	}
	t->in_core = false;
}

/* False: the process is ending already, or killed before all stand still. */
static bool begin(struct task *t, struct core_dump *core, int sig)
{
	struct process *p = t->process;

	sandbox_lock(t->sb);
	bool first = !p->group_exiting && !t->group_exiting;
	if (first) {
		p->core = core;
		p->group_exiting = true;
		p->exit_code = sig;
		process_kill_threads_locked(p, t);
	}
	while (first && core->waiting < p->nr_live - 1 && !t->group_exiting) {
		sandbox_unlock(t->sb);
		sleeper_pause(&t->sleeper);
		sandbox_lock(t->sb);
	}
	bool still = first && !t->group_exiting;
	sandbox_unlock(t->sb);
	return still;
}

static void end(struct task *t, struct core_dump *core, bool written)
{
	struct process *p = t->process;
	struct task *o;

	sandbox_lock(t->sb);
	if (written)
		p->exit_code |= WCOREFLAG;
	if (p->core == core) {
		p->core = NULL;
		list_for_each (o, &p->tasks, process_node)
			sleeper_wake(&o->sleeper);
	}
	int code = p->exit_code;
	sandbox_unlock(t->sb);
	task_exit_self(t, code);
}

void coredump(struct task *t, const siginfo_t *info)
{
	struct core_dump core = { .dumper = t };
	/* asked before the others are told to end, as on Linux */
	bool dumpable = t->process->dumpable == 1;
	struct core_store *store = t->sb->core_store;

	if (!dumpable && !store) {
		process_exit_group(t, info->si_signo);
		return;
	}
	bool still = begin(t, &core, info->si_signo);
	if (still && store)
		keep_core(t, info, store);
	end(t, &core, still && dumpable && write_core(t, info));
}
