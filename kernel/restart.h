/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a system call that a signal interrupted. Handlers return one of these instead of
 * -EINTR; signal_deliver turns it into a restart or -EINTR when it knows which signal, if any, runs
 * a handler. Values are Linux's.
 */
#ifndef HL_KERNEL_RESTART_H
#define HL_KERNEL_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define ERESTARTSYS    512 /* restart if no handler, or the handler has SA_RESTART */
#define ERESTARTNOINTR 513 /* always restart */
#define ERESTARTNOHAND 514 /* restart if no handler ran, else EINTR */
#define ERESTART_RESTARTBLOCK                                                                      \
	516 /* as NOHAND, but through restart_syscall with the time that is left */

static inline bool is_restart(int64_t r)
{
	return r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK;
}

/* What restart_syscall(2) goes on with. A number and not a function: it can be stored. */
enum restart_kind {
	RESTART_NONE,      /* nothing: -EINTR */
	RESTART_SLEEP,     /* a[0]: where the time that is left goes, or 0 */
	RESTART_CPU_SLEEP, /* a[0]: the same; a[1], a[2]: the clock (sys/sleep.c) */
	RESTART_POLL,      /* a[0], a[1]: the array and its length */
	RESTART_FUTEX,     /* a[0..3]: address, shared or not, value, bitset */
	NR_RESTART_KINDS
};

/* Set by a handler that returns -ERESTART_RESTARTBLOCK. It holds all that the restarted call needs:
 * the guest's registers by then are those of restart_syscall(2). */
struct restart {
	enum restart_kind kind;
	uint64_t deadline; /* ns of the guest's CLOCK_MONOTONIC, or of the CPU clock in question */
	uint64_t a[4];
};

#endif
