/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a signalfd takes pending signals of the reader off their queues (signalfd(2)). All
 * readers of a sandbox wait on one queue, which each sent signal wakes, because a signalfd shows
 * the signals of the thread that reads it and not of the one that made it.
 */
#include "kernel/signalfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "fs/saved.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

struct signalfd {
	struct file file;
	_Atomic ksigset_t mask;
};

static int signalfd_new(struct caller *c, ksigset_t mask, int flags, struct file **out);

static struct signalfd *signalfd_of(struct file *f)
{
	return container_of(f, struct signalfd, file);
}

/* ---- struct signalfd_siginfo ---- */

/* Which members of a siginfo mean something, by signal and code, as the kernel's
 * siginfo_layout(). */
enum layout {
	LAYOUT_KILL,
	LAYOUT_TIMER,
	LAYOUT_POLL,
	LAYOUT_FAULT,
	LAYOUT_CHLD,
	LAYOUT_RT,
	LAYOUT_SYS
};

static enum layout layout_of(const siginfo_t *si)
{
	switch (si->si_code) {
	case SI_TIMER: return LAYOUT_TIMER;
	case SI_SIGIO: return LAYOUT_POLL;
	case SI_USER:
	case SI_KERNEL: return LAYOUT_KILL;
	default: break;
	}
	if (si->si_code < 0)
		return LAYOUT_RT;
	switch (si->si_signo) {
	case SIGILL:
	case SIGFPE:
	case SIGSEGV:
	case SIGBUS:
	case SIGTRAP: return LAYOUT_FAULT;
	case SIGCHLD: return LAYOUT_CHLD;
	case SIGSYS: return LAYOUT_SYS;
	default: return si->si_code <= POLL_HUP ? LAYOUT_POLL : LAYOUT_KILL;
	}
}

static void fill_sender(const siginfo_t *si, struct signalfd_siginfo *out)
{
	out->ssi_pid = (uint32_t)si->si_pid;
	out->ssi_uid = si->si_uid;
}

static void fill_value(const siginfo_t *si, struct signalfd_siginfo *out)
{
	out->ssi_ptr = (uint64_t)(uintptr_t)si->si_ptr;
	out->ssi_int = si->si_int;
}

static void fill(const siginfo_t *si, struct signalfd_siginfo *out)
{
	memset(out, 0, sizeof *out);
	out->ssi_signo = (uint32_t)si->si_signo;
	out->ssi_errno = si->si_errno;
	out->ssi_code = si->si_code;
	switch (layout_of(si)) {
	case LAYOUT_KILL: fill_sender(si, out); break;
	case LAYOUT_TIMER:
		out->ssi_tid = (uint32_t)si->si_timerid;
		out->ssi_overrun = (uint32_t)si->si_overrun;
		fill_value(si, out);
		break;
	case LAYOUT_POLL:
		out->ssi_band = (uint32_t)si->si_band;
		out->ssi_fd = si->si_fd;
		break;
	case LAYOUT_FAULT: out->ssi_addr = (uint64_t)(uintptr_t)si->si_addr; break;
	case LAYOUT_CHLD:
		fill_sender(si, out);
		out->ssi_status = si->si_status;
		out->ssi_utime = (uint64_t)si->si_utime;
		out->ssi_stime = (uint64_t)si->si_stime;
		break;
	case LAYOUT_RT:
		fill_sender(si, out);
		fill_value(si, out);
		break;
	case LAYOUT_SYS:
		out->ssi_call_addr = (uint64_t)(uintptr_t)si->si_call_addr;
		out->ssi_syscall = si->si_syscall;
		out->ssi_arch = si->si_arch;
		break;
	}
}

/* ---- reading ---- */

static int take(struct task *t, struct signalfd *s, siginfo_t *si)
{
	sandbox_lock(t->sb);
	int sig = signal_dequeue(t, s->mask, si);
	if (sig)
		signal_recalc(t);
	sandbox_unlock(t->sb);
	return sig;
}

/* The next signal: its number, -EAGAIN, -EINTR. */
static int wait_take(struct task *t, struct signalfd *s, bool block, siginfo_t *si)
{
	struct waiter w;
	int sig = take(t, s, si), err = 0;

	if (sig || !block)
		return sig ? sig : -EAGAIN;
	waiter_init(&w, &t->sleeper);
	waitqueue_add(&t->sb->signal_sent, &w);
	while (!(sig = take(t, s, si)) && !err)
		err = sleeper_wait(&t->sleeper, DEADLINE_NONE);
	waitqueue_remove(&w);
	return sig ? sig : err;
}

static ssize_t signalfd_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct signalfd *s = signalfd_of(f);
	struct signalfd_siginfo out;
	ssize_t done = 0;
	siginfo_t si;

	if (pos)
		return -ESPIPE;
	if (u->resid < sizeof out)
		return -EINVAL;
	bool block = !(f->flags & O_NONBLOCK);
	while (u->resid >= sizeof out) {
		int sig = wait_take(c->task, s, block && !done, &si);
		if (sig < 0)
			return done ? done : sig;
		fill(&si, &out);
		if (uio_put(u, &out, sizeof out) < sizeof out)
			return done ? done : -EFAULT;
		done += sizeof out;
	}
	return done;
}

/* Without a lock: this is called with those of others held. */
static unsigned signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = signalfd_of(f);
	struct task *t = task_current();

	if (!t)
		return 0;
	poll_wait(pt, &t->sb->signal_sent);
	return (t->pending.set | t->process->pending.set) & s->mask ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	free(signalfd_of(f));
}

static void signalfd_show_fdinfo(struct file *f, struct text *out)
{
	text_printf(out, "sigmask:\t%016lx\n", (unsigned long)signalfd_of(f)->mask);
}

static int signalfd_save(struct saver *s, void *object)
{
	struct signalfd *sf = signalfd_of(object);

	file_save_state(s, &sf->file);
	encode(&s->out, sf->mask);
	return 0;
}

static int signalfd_load(struct loader *l, void **out)
{
	struct file *f;
	int err = signalfd_new(l->caller, 0, 0, &f);

	if (err)
		return err;
	err = file_load_state(l, f);
	signalfd_of(f)->mask = decode(&l->in) & ~SIGSET_UNBLOCKABLE;
	*out = f;
	if (err)
		file_put(f);
	return err;
}

const struct saved_kind signalfd_saved = {
	.name = "signalfd",
	.save = signalfd_save,
	.load = signalfd_load,
	.put = file_saved_put,
};

static const struct file_ops signalfd_ops = {
	.saved = &signalfd_saved,
	.no_splice_read = true,
	.show_fdinfo = signalfd_show_fdinfo,
	.read = signalfd_read,
	.lseek_ignored = true,
	.poll = signalfd_poll,
	.release = signalfd_release,
};

static int signalfd_new(struct caller *c, ksigset_t mask, int flags, struct file **out)
{
	struct signalfd *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	file_init(&s->file, &signalfd_ops, O_RDWR | (unsigned)(flags & O_NONBLOCK));
	file_set_anon(&s->file, c, "anon_inode:[signalfd]");
	s->mask = mask & ~SIGSET_UNBLOCKABLE;
	*out = &s->file;
	return 0;
}

int signalfd_create(struct task *t, ksigset_t mask, int flags, struct file **out)
{
	struct caller c = task_caller(t);

	return signalfd_new(&c, mask, flags, out);
}

int signalfd_set_mask(struct task *t, struct file *f, ksigset_t mask)
{
	if (f->ops != &signalfd_ops)
		return -EINVAL;
	signalfd_of(f)->mask = mask & ~SIGSET_UNBLOCKABLE;
	waitqueue_wake_all(&t->sb->signal_sent, 0);
	return 0;
}
