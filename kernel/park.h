/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parking: where a task rests.
 *
 * A task that is to stand still parks: it comes to one place, task_park(), and stays there until no
 * reason to park is left. Each reason is a bit in task->park, which others set and clear under
 * sandbox->lock; a task may have several at once. To park a task is to set its bit and to interrupt
 * its sleeper; to let it go is to clear the bit and to wake it. Only its own end overrules them.
 *
 * The rule of this place: a task at rest has nothing on its C stack that matters. All that the task
 * still has to do is in struct task and what hangs from it:
 *
 * - the guest's registers are in the platform's context;
 * - the result of its last system call, and how far the delivery of signals has come, are in
 *   task->delivery (kernel/signal.h);
 * - what a restarted system call needs is in task->restart (kernel/restart.h);
 * - a system call that is to be made again is in task->event and task->resume (kernel/resume.h).
 *
 * So task_park() is called from the task's loop alone (task_work() in kernel/task.c), never from
 * inside a system call or a delivery: these return, and say in the task what is left to do. Whoever
 * looks at a parked task from outside, with the lock held, sees all there is of it.
 */
#ifndef HL_KERNEL_PARK_H
#define HL_KERNEL_PARK_H

struct task;

enum park_reason {
	PARK_STOP = 1, /* job control has stopped the process: kernel/sigdeliver.c */
	PARK_FREEZE =
	    2,         /* the sandbox is frozen: kernel/freeze.c, which does not interrupt sleeps */
	PARK_SAVE = 4, /* until the sandbox is saved: kernel/savepoint.c */
	PARK_THROTTLE =
	    8, /* it has used its CPU time: kernel/bandwidth.c, which does not interrupt sleeps */
	PARK_TRACE = 16, /* its tracer is to look: kernel/ptrace/stop.h */
};

/* Owner, sandbox->lock held: rests while there is a reason to and the task is not told to end. The
 * lock is given up meanwhile. */
void task_park(struct task *t);

/* sandbox->lock held: gives the task a reason to park, or takes one away. */
void park_request(struct task *t, enum park_reason reason);
void park_release(struct task *t, enum park_reason reason);

#endif
