/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/file.h"
#include "kernel/signal.h"
#include "sys/sys.h"

/* As Linux's send_sig(sig, current, 0). */
static void raise_self(struct task *t, int sig)
{
	siginfo_t si;

	siginfo_kernel(&si, sig, SI_USER);
	si.si_pid = t->process->pid->nr;
	si.si_uid = t->cred->uid;
	sandbox_lock(t->sb);
	signal_send_task(t, sig, &si);
	sandbox_unlock(t->sb);
}

int64_t io_result(struct task *t, int64_t r)
{
	switch (r) {
	case -EINTR: return -ERESTARTSYS;
	case -EPIPE: raise_self(t, SIGPIPE); break;
	case -EFSIZE: raise_self(t, SIGXFSZ); return -EFBIG;
	}
	return r;
}

int64_t transfer_result(struct task *t, const struct caller *c, int64_t r)
{
	if (c->signal && r > 0)
		raise_self(t, c->signal);
	return io_result(t, r);
}
