/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU numbers for programs that have critical sections (rseq(2)). Such a section relies on two
 * things: no two threads run with the same CPU number at once, and a thread that made room for
 * another on its CPU aborts its section. The host promises neither for us: it moves and preempts
 * our threads without a word while they run guest code.
 *
 * So these processes get CPUs of our own making: a thread takes one before it enters the guest and
 * gives it back when it leaves. If all are taken it waits its turn, and whoever has had one for a
 * time slice is kicked out of the guest. Other programs (all of glibc's registers areas, next to
 * none has sections) never notice.
 */
#ifndef HL_KERNEL_RSEQ_CPU_H
#define HL_KERNEL_RSEQ_CPU_H

#include <stdbool.h>

struct process;
struct task;

/* The process of `t`, which has sections, has several threads, or will: from now on it needs
 * CPUs. */
void rseq_cpu_need(struct task *t);
/* Before entering the guest. False: the task is wanted elsewhere (interrupted). */
bool rseq_cpu_acquire(struct task *t);
void rseq_cpu_release(struct task *t);
/* The CPU that is taken, -1: none is needed. *fresh: somebody else had it since `t` had it last. */
int rseq_cpu_mine(struct task *t, bool *fresh);
/* execve, and the end. */
void rseq_cpu_free(struct process *p);

#endif
