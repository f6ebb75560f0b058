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
 * That thread may get no CPU for seconds, while guests fill what is mapped. So what is given out is
 * bounded, too: somewhat above the limit, but below what the host gives. The nearer that bound is,
 * the less is mapped ahead of a touch (budget_ahead); where it is passed, threads wait as above
 * while `reclaim` takes back what was mapped and not touched. What it cannot take back is let pass,
 * up to what the host gives.
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

/* What the budget's thread has done by others, no lock held. */
struct budget_ops {
	/* Ends a process, the largest. */
	void (*exceeded)(void *arg, uint64_t used, uint64_t limit);
	/* Takes back pages of the arena that are mapped and that nobody has touched. */
	void (*reclaim)(void *arg);
};

/* What the host gives at most, in bytes. Asked once: for a limit that somebody chose at the start,
 * else from any thread, when the sandbox holds more than a small program does. */
typedef uint64_t budget_available_fn(void);

/* The limit is `limit` bytes (0: as many as there are), but no more than the part that
 * budget_default() says of what `available` does; NULL: it is not asked. UINT64_MAX and NULL: there
 * is no limit, and no thread ever. Borrows `a`, `counts` and `ops`. */
int budget_create(uint64_t limit, budget_available_fn *available, struct arena *a,
		  struct budget_counts *counts, const struct budget_ops *ops, void *arg,
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
/* How much of `want` bytes may be given out before it is touched: less where little is left, though
 * not nothing. NULL: all. */
uint64_t budget_ahead(struct budget *b, uint64_t want);
/* Now and then, for what nobody counts: measures. */
void budget_tick(struct budget *b);
/* Is the limit or the bound passed? Then who takes more by page faults is to wait. */
bool budget_over(const struct budget *b);
/* Could the limit be near? Then a process that the host ends has met the host's want of memory. */
bool budget_tight(const struct budget *b);
/* Until it is not. 0 or -EINTR. */
int budget_wait(struct budget *b, struct sleeper *s);
/* What it is, where it was chosen. */
uint64_t budget_limit(const struct budget *b);
/* So much of it may be memory that nobody holds and the host has not back yet. Whoever needs it has
 * it given back first (mm/arena.h). */
uint64_t budget_spare(const struct budget *b);
/* Bytes held now. */
uint64_t budget_measure(struct budget *b);

#endif
