/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system call that gave up its sleep, or the rest of a long loop, for a freeze
 * (kernel/freeze.h), and will be made again.
 *
 * The call is recognised by its result: -EINTR or one of kernel/restart.h, after a sleep or a loop
 * gave up (sleeper.gave_up). Any other result stands: what the call waited for came after all. The
 * task parks with task->unwound set, and its loop then makes the call in task->event again. Most
 * handlers need nothing for that: they test and sleep again. What they have to see to:
 *
 * - Deadlines come from sleeper_deadline(), which gives a call made again the one it had.
 * - A transfer that has moved something says how much, and goes on behind it: transfer_begin() and
 *   transfer_end() (sys/sys.h). File operations find the amount in caller.done.
 * - A call looks its files up with task_fd() and puts them with task_fd_put(), so that the second
 *   time it gets the same ones. The descriptors that a message carries are kept with the message
 *   (send_header() in sys/sockmsg.c).
 * - An open keeps the file that it has made, and goes on waiting for the other end of it; a close
 *   that lingers (SO_LINGER) keeps the file whose descriptor is gone (sys/open.c).
 * - A temporary signal mask stays in force (signal_set_temporary_mask()).
 * - What others may do to the sleeper must not get lost: a futex waiter stays queued
 *   (kernel/futex.c), a parent that waits for its vfork child keeps it (kernel/fork.c).
 * - Nothing is written to the guest that a call that goes on would not write.
 */
#ifndef HL_KERNEL_RESUME_H
#define HL_KERNEL_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;
struct socket_msg;
struct task;

/* Empty but for a call that gave up. Owner only. */
struct resume {
	size_t done;         /* bytes it has moved */
	uint64_t place;      /* in the queue where it slept (ipc/ipc.h); 0: it comes last */
	unsigned messages;   /* sendmmsg, recvmmsg: messages that are done with */
	uint64_t deadline;   /* recvmmsg: of all of them together; or in CPU time (sys/sleep.c) */
	struct file **files; /* those it has looked up, in that order; references */
	unsigned nr_files, next_file;
	/* of the message it is at: what goes with it, or came with its first part (sys/sockmsg.c);
	 * owned, NULL: not read yet */
	struct socket_msg *message;
	struct file *file; /* open, close: what it waits with, a reference; NULL: not found yet */
};

/* An open file for as long as the call lasts; as fd_get() and fd_get_path(). */
struct file *task_fd(struct task *t, int fd);
struct file *task_fd_path(struct task *t, int fd);
/* Puts a file of task_fd, or keeps it for the call made again. In the order of task_fd. NULL: no
 * effect. */
void task_fd_put(struct task *t, struct file *f);

/* Has the call with the result `r` given up, and is to be made again? */
bool resume_wanted(const struct task *t, int64_t r);
/* The call is over: nothing is kept any more. */
void resume_end(struct task *t);

#endif
