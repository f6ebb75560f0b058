/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a process (timer_create(2), setitimer(2)). */
#ifndef HL_KERNEL_TIMER_H
#define HL_KERNEL_TIMER_H

struct process;

/* execve keeps interval timers and deletes POSIX timers. No lock held. */
void timers_exec(struct process *p);
/* The process ends: all its timers go. No lock held. */
void timers_exit(struct process *p);
/* A SIGALRM of the process was dequeued: a periodic ITIMER_REAL goes on only then. sandbox->lock held. */
void itimer_signal_taken(struct process *p);

#endif
