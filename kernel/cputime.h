/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of guest threads: that of the host threads that run them. */
#ifndef HL_KERNEL_CPUTIME_H
#define HL_KERNEL_CPUTIME_H

#include <stdint.h>

struct process;
struct task;

/* ns so far. sandbox->lock held, unless `t` is the caller's own. */
uint64_t task_cpu_ns(struct task *t);
/* Of all its threads, ended ones too. sandbox->lock held. */
uint64_t process_cpu_ns(struct process *p);

#endif
