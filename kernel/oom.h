/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when the memory of a sandbox is used up (mm/budget.h): as on Linux, its largest
 * process is killed. */
#ifndef HL_KERNEL_OOM_H
#define HL_KERNEL_OOM_H

#include <stdint.h>

struct sandbox;
struct task;

/* Bounds the sandbox's memory by what the host allows (host/memlimit.h), less a reserve, and by
 * `limit` bytes, unless that is 0: sb->limits.memory is the smaller one then, for all who ask. The
 * arena is there. 0 or -ENOMEM. */
int oom_init(struct sandbox *sb, uint64_t limit);
/* No task runs any more, no lock held. */
void oom_stop(struct sandbox *sb);
/* The calling task is between two events of the guest: waits while there is too little memory. A
 * signal ends the wait. */
void oom_pause(struct task *t);

#endif
