/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file makes the result of a system call from that of a transfer: the signals that go with
 * EPIPE and EFBIG, the restart after a signal, and the sum of parts where a freeze came in between
 * (kernel/resume.h).
 */
#include "fs/file.h"
#include "kernel/signal.h"
#include "sys/sys.h"

/* As Linux's send_sig(sig, current, 0). */
static void raise_self(struct task *t, int sig)
{
	siginfo_t si;

	siginfo_kernel(&si, sig, SI_USER);
	si.si_pid = task_pid_nr(t, t->process->pid);
	si.si_uid = t->cred->uid;
	sandbox_lock(t->sb);
	signal_send_task(t, sig, &si);
	sandbox_unlock(t->sb);
}

void transfer_begin(struct task *t, struct uio *u, int64_t *pos)
{
	size_t done = t->resume.done;

	if (!done)
		return;
	uio_advance(u, done < u->resid ? done : u->resid);
	if (pos)
		*pos += (int64_t)done;
}

int64_t transfer_end(struct task *t, int64_t r)
{
	size_t done = t->resume.done;

	if (t->sleeper.gave_up && r > 0) {
		t->resume.done += (size_t)r;
		return -ERESTARTSYS;
	}
	if (!done || resume_wanted(t, r))
		return r;
	return r > 0 ? r + (int64_t)done : (int64_t)done;
}

int64_t io_result(struct task *t, int64_t r)
{
	switch (r) {
	case -EINTR: r = -ERESTARTSYS; break;
	case -EPIPE: raise_self(t, SIGPIPE); break;
	case -EFSIZE:
		raise_self(t, SIGXFSZ);
		r = -EFBIG;
		break;
	}
	return transfer_end(t, r);
}

int64_t transfer_result(struct task *t, const struct caller *c, int64_t r)
{
	if (c->signal && r > 0)
		raise_self(t, c->signal);
	return io_result(t, r);
}
