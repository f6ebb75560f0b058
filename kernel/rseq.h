/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restartable sequences (rseq(2), include/uapi/linux/rseq.h): an area of the guest thread's that
 * the kernel keeps the current CPU number in, and critical sections that it leaves through their
 * abort handlers when the thread was preempted, moved or got a signal.
 */
#ifndef HL_KERNEL_RSEQ_H
#define HL_KERNEL_RSEQ_H

#include <stdbool.h>
#include <stdint.h>

#include "util/gva.h"

struct cpu_regs;
struct task;

int rseq_register(struct task *t, gva_t addr, uint32_t len, uint32_t sig);
int rseq_unregister(struct task *t, gva_t addr, uint32_t len, uint32_t sig);
/* Before each entry into the guest: brings the registered area's CPU numbers up to date, and aborts
 * a critical section that the guest was taken out of. `fenced`: membarrier(2) wants it aborted in
 * any case. */
void rseq_resume(struct task *t, bool fenced);
/* `t` makes a thread: from now on its sections, if it has any, may meet those of others. */
void rseq_thread_created(struct task *t);
/* A handler is about to run: a critical section that `regs` stand in is left through its abort
 * handler. -errno: the guest's description of it is bad. */
int rseq_signal(struct task *t, struct cpu_regs *regs);

#endif
