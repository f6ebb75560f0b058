/* SPDX-License-Identifier: Apache-2.0 */
/* Takes pending signals off the queues: for delivery, for a signalfd, and for a thread that waits
 * for them itself (sigwaitinfo(2)). */
#include <errno.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/sigqueue.h"
#include "kernel/task.h"
#include "kernel/timer.h"

int signal_dequeue(struct task *t, ksigset_t set, siginfo_t *si)
{
	lock_assert_held(&t->sb->lock);
	struct posix_timer *timer;
	int sig = sigpending_take(&t->pending, set, si, &timer);

	if (!sig) {
		sig = sigpending_take(&t->process->pending, set, si, &timer);
		if (sig == SIGALRM)
			itimer_signal_taken(t->process);
	}
	if (timer)
		posix_timer_signal_taken(timer, si);
	return sig;
}

int signal_wait(struct task *t, ksigset_t set, uint64_t deadline, siginfo_t *si)
{
	int err = -ETIMEDOUT;

	set &= ~SIGSET_UNBLOCKABLE;
	sandbox_lock(t->sb);
	int sig = signal_dequeue(t, set, si);
	if (!sig && deadline) {
		t->real_blocked = t->blocked;
		signal_set_mask_locked(t, t->blocked & ~set);
		sandbox_unlock(t->sb);
		do
			err = sleeper_wait(&t->sleeper, deadline);
		while (err == 0);
		sandbox_lock(t->sb);
		signal_set_mask_locked(t, t->real_blocked);
		t->real_blocked = 0;
		sig = signal_dequeue(t, set, si);
	}
	signal_recalc(t);
	sandbox_unlock(t->sb);
	if (sig)
		return sig;
	return err == -EINTR ? -EINTR : -EAGAIN;
}
