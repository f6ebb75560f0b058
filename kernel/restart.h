/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a system call that a signal interrupted. Handlers return one of these instead of
 * -EINTR; signal_deliver turns it into a restart or -EINTR when it knows which signal, if any, runs
 * a handler. Values are Linux's.
 */
#ifndef HL_KERNEL_RESTART_H
#define HL_KERNEL_RESTART_H

#include <stdint.h>

#define ERESTARTSYS    512 /* restart if no handler, or the handler has SA_RESTART */
#define ERESTARTNOINTR 513 /* always restart */
#define ERESTARTNOHAND 514 /* restart if no handler ran, else EINTR */
#define ERESTART_RESTARTBLOCK                                                                      \
	516 /* as NOHAND, but through restart_syscall with the time that is left */

struct task;

/* Set by a handler that returns -ERESTART_RESTARTBLOCK: what restart_syscall(2) will run. */
struct restart {
	int64_t (*fn)(struct task *t, struct restart *r);
	uint64_t deadline; /* ns of the guest's CLOCK_MONOTONIC, or of the CPU clock in question */
	uint64_t a[6];
};

#endif
