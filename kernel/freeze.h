/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The freezer: all tasks of a sandbox come to rest, and go on later, without any of them noticing.
 *
 * A frozen task is parked (kernel/park.h): nothing of it is on a host stack or in a host call.
 * Guest code that runs is interrupted, which is easy. A system call that sleeps is the hard part.
 * It gives up its sleep, cleans up as if a signal had come, and leaves in the task what it has done
 * so far (kernel/resume.h); after the thaw the task's loop makes the same call again, which finds
 * that and sleeps on to the same deadline. The guest's registers are not touched: for the guest it
 * is one call all along. A signal that comes meanwhile is seen by the call made again, as by one
 * that had slept through.
 *
 * While a call is given up, nobody may be able to tell. A sleeper is known to others in many ways:
 * a futex wake-up counts it, a FIFO opens because it waits at the other end, /proc shows it, it is
 * the next in a queue. So sleeps end only when no task runs that could look, and no task runs
 * before all sleep again. A freeze has two steps, and a thaw takes them back:
 *
 *	RUNNING ──▶ STILLING ──────────────▶ UNWINDING ───────────────▶ FROZEN
 *	            tasks that run park;     sleeps end, too: each
 *	            those that sleep stay    task parks
 *	            asleep
 *
 *	FROZEN  ──▶ STILLING ──────────────▶ RUNNING
 *	            calls that gave up are   all go on
 *	            made again, and sleep
 *
 * A task that is the only one goes on at once: there is nobody who could look.
 *
 * STILLING is over when each task is parked, or asleep with no wake-up on its way to it. To know
 * that, sleepers say how they rest (host/freezer.h). A task that ends in the middle ends as always,
 * and is waited for. One that is woken from outside (by a clock, or the host's end of a pipe) while
 * it sleeps in STILLING finishes its call and parks; it runs no guest code, so it sees nothing.
 *
 * What takes long without sleeping (a copy of gigabytes) goes in pieces, and asks between them
 * whether to leave the rest for later (sleeper_stops()). Such a call is made again only by RUNNING,
 * since nobody waits for it to sleep. A host call that no signal ends holds the freeze up until it
 * ends. So does an execve that waits for the other threads of its process to end: they have been
 * told to, and do not park.
 *
 * Time goes on for a frozen sandbox: clocks run, timers go off and their signals wait. What a task
 * does to come to rest and to go on counts as its CPU time, as it does on Linux for a task of a
 * frozen control group; while it rests it uses none.
 *
 * Arguments in guest memory are read again when a call is made again. So a program sees a
 * difference that changes them while the call sleeps, where Linux has copied them: the array of an
 * iovec or of poll's descriptors, a path. The open files that the call works on are kept, so that
 * descriptors may be closed and used for others.
 */
#ifndef HL_KERNEL_FREEZE_H
#define HL_KERNEL_FREEZE_H

struct sandbox;
struct task;

enum freeze_state { FREEZE_RUNNING, FREEZE_STILLING, FREEZE_UNWINDING, FREEZE_FROZEN };

/* Freezes the sandbox, or makes a frozen one stay so for one more thaw. Returns when all tasks are
 * parked, or have ended. Any thread but a task's, without locks. -EOVERFLOW: too many. */
int sandbox_freeze(struct sandbox *sb);
/* Undoes one sandbox_freeze; the last one lets the tasks go on, and returns when they may. -EINVAL:
 * it is not frozen. */
int sandbox_thaw(struct sandbox *sb);

/* While a frozen sandbox is held, its tasks stay as they are whoever kills them, so that they can
 * be looked at without locks. What ends them waits for the release. The caller has frozen it. */
void sandbox_hold(struct sandbox *sb);
void sandbox_release(struct sandbox *sb);

/* sandbox->lock held: a task was linked, or is about to be unlinked. */
void freeze_task_linked(struct task *t);
void freeze_task_unlinked(struct task *t);

#endif
