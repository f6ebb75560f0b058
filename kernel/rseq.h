/* SPDX-License-Identifier: Apache-2.0 */
/* Restartable sequences (rseq(2)). */
#ifndef HL_KERNEL_RSEQ_H
#define HL_KERNEL_RSEQ_H

struct cpu_regs;
struct task;

/* Before each entry into the guest: brings the registered area's CPU numbers up to date when the host thread moved. */
void rseq_resume(struct task *t);
/* A handler is about to run: a critical section that `regs` stand in is left through its abort handler. */
void rseq_signal(struct task *t, struct cpu_regs *regs);

#endif
