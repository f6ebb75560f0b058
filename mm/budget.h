/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory of the host a sandbox may take, all in all.
 *
 *   estimate   what it could hold at most: arena pages given out, touched or not; what the monitor
 *              counts when it keeps data of guests (pipes, sockets, terminals), or its private
 *              memory when that was last measured; what threads and address spaces cost in the
 *              host's kernel
 *   measure    what it holds: arena pages that the host has given (st_blocks), the monitor's own
 *              private memory, its descriptors, threads and address spaces as above
 *
 * While the estimate is below the limit nothing is measured, and an allocation costs a few loads
 * and an addition. A guest touches mapped memory without the monitor, though, so that from then on
 * a thread measures: the more often, the less is left; not at all once the estimate is low again.
 *
 * System calls that take memory ask budget_room first and fail (ENOMEM) a little below the limit.
 * Page faults are served in any case: when the measure is above the limit, `exceeded` is called to
 * end a process, and threads that fault wait until memory is free again (budget_wait).
 *
 * The monitor's private memory is that of the whole process it runs in. Where somebody chose the
 * limit (`limit` of budget_create), what the process held when the sandbox was made is not counted:
 * a limit bounds what a guest takes, not the monitor's fixed base. Thread-safe.
 */
#ifndef HL_MM_BUDGET_H
#define HL_MM_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/wait.h"
#include "mm/arena.h"

struct budget;

/* What a thread, an address space costs in the host's kernel: stack, task, page tables,
 * bookkeeping. Measured on Linux 6.18 and rounded up. */
#define BUDGET_TASK_BYTES  (56UL << 10)
#define BUDGET_SPACE_BYTES (96UL << 10)

/* What must be known without a call. */
struct budget_counts {
	_Atomic uint64_t bytes; /* of the monitor, that hold guests' data */
	/* arena bytes in address spaces, each time they are mapped: page tables */
	_Atomic uint64_t mapped;
	_Atomic uint32_t tasks;  /* host threads for guest threads */
	_Atomic uint32_t spaces; /* address spaces of the platform */
	_Atomic uint32_t dying;  /* address spaces of processes that were ended for their memory */
	uint64_t killed_ns;      /* when the last of them was; the budget's thread alone */
};

/* Ends a process, the largest. On the budget's thread, no lock held. */
typedef void budget_exceeded_fn(void *arg, uint64_t used, uint64_t limit);

/* The limit in bytes. Asked once, from any thread, when the sandbox holds more than a small program
 * does. */
typedef uint64_t budget_limit_fn(void);

/* The limit is what `find_limit` says or, where that is NULL, `limit` bytes; UINT64_MAX: none, and
 * no thread ever. Borrows `a` and `counts`. */
int budget_create(uint64_t limit, budget_limit_fn *find_limit, struct arena *a,
		  struct budget_counts *counts, budget_exceeded_fn *exceeded, void *arg,
		  struct budget **out);
/* Ends the thread. Nobody waits any more. NULL: no effect. */
void budget_destroy(struct budget *b);
/* What is sensible on a host that gives `available` bytes at most: it needs some for its kernel's
 * own and others. */
uint64_t budget_default(uint64_t available);

/* May `bytes` more be taken? For what a system call asks for. */
bool budget_room(struct budget *b, uint64_t bytes);
/* Arena pages were given out: sees that somebody measures when it may be too much. */
void budget_note(struct budget *b);
/* Now and then, for what nobody counts: measures. */
void budget_tick(struct budget *b);
/* Is the limit passed? Then who takes more by page faults is to wait. */
bool budget_over(const struct budget *b);
/* Until it is not. 0 or -EINTR. */
int budget_wait(struct budget *b, struct sleeper *s);
/* Bytes held now. */
uint64_t budget_measure(struct budget *b);

#endif
