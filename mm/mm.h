/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest address space.
 *
 *   vmas       what the guest asked for: [start, end), rights, flags, where the pages come from
 *   backings   what stands there now: [start, end) -> memory file range, and whether it must be
 *              copied before it is written (mm/backing.h)
 *   space      the platform's mapping; always equal to what vmas and backings together say, for any
 *              platform: rights = the vma's, without WRITE where the backing is copy-on-write.
 *              A backing may be left out (`left`) until it is touched
 *
 * Pages without a backing are mapped when touched (mm_fault), in units the platform likes.
 * Anonymous memory up to machine_props.eager_map_max is backed and mapped at once. A reservation
 * (PROT_NONE, or larger) costs its vma alone.
 *
 * fork: the child gets the same vmas and backings; private ones are marked copy-on-write on both
 * sides.
 *
 * Locking: mm->lock, a read-write lock: read for copies and look-ups, write for every change of
 * vmas or backings. Order: mm->lock, then pagesource.lock, then arena. Two mm locks are taken only
 * by fork (parent first).
 */
#ifndef HL_MM_MM_H
#define HL_MM_MM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "mm/arena.h"
#include "mm/budget.h"
#include "mm/pagesource.h"
#include "mm/quota.h"
#include "platform/platform.h"
#include "util/gva.h"
#include "util/lock.h"
#include "util/rbtree.h"
#include "util/ref.h"

/* What all address spaces of a sandbox share. */
struct mm_host {
	const struct platform *platform;
	struct machine *machine;
	struct machine_props props;
	struct arena *arena;
	struct budget_counts counts;
	struct budget *budget;           /* NULL: no limit */
	_Atomic uint64_t committed;      /* bytes of writable private memory, for /proc/meminfo */
	uint64_t commit_max;             /* one request for more is refused */
	_Atomic uint64_t overcommit_max; /* the same by the host's rule; 0: it was not asked yet */
	struct disk disk;                /* what is in files */
	struct filecache *filecache;     /* NULL: files are mapped themselves */
	const struct guest_clock *clock; /* for the times of files in memory; NULL: the host's */
	struct vdso_clock *vdso;         /* loader/vdso.h */
	/* Is the calling thread to end? Work on much memory asks between its pieces, and gives up.
	 * NULL: never. */
	bool (*killed)(void);
};

/* Memory of the monitor that holds the guest's data (pipes, sockets). False: there is no room for
 * it. */
static inline bool mm_host_charge(struct mm_host *h, uint64_t bytes)
{
	if (!budget_room(h->budget, bytes))
		return false;
	atomic_fetch_add(&h->counts.bytes, bytes);
	return true;
}
static inline void mm_host_uncharge(struct mm_host *h, uint64_t bytes)
{
	atomic_fetch_sub(&h->counts.bytes, bytes);
}

/* Such memory, not cleared, and its end. NULL: there is no room for it. */
static inline void *mm_host_alloc(struct mm_host *h, size_t bytes)
{
	if (!mm_host_charge(h, bytes))
		return NULL;
	void *p = malloc(bytes);
	if (!p)
		mm_host_uncharge(h, bytes);
	return p;
}
static inline void mm_host_free(struct mm_host *h, void *p, size_t bytes)
{
	mm_host_uncharge(h, bytes);
	free(p);
}

struct forecast;
/* The host has about 65,530 mappings for a process. So memory is mapped in pieces of this size at
 * least where there is little of it, twice as much for each so many pieces; and from so many on
 * none are taken out of what is mapped. */
#define MM_PIECE_MIN   (128UL << 10)
#define MM_PIECES_STEP 4096
#define MM_PIECES_MAX  24576

struct fork_pages;
struct guest_clock;

struct mm {
	struct ref refs;
	struct ref pins; /* of the struct; all references together hold one */
	struct mm_host *host;
	struct space *space;

	struct rwlock lock;
	/* guarded by lock */
	struct rb_tree vmas;
	struct rb_tree backings;
	gva_t brk_start, brk;
	gva_t mmap_base;                /* top-down search starts below */
	uint64_t total_bytes;           /* of vmas: VmSize */
	uint64_t peak_bytes;            /* the most that was */
	_Atomic uint64_t peak_resident; /* written under lock, reset by /proc/PID/clear_refs */
	uint64_t locked_bytes, data_bytes, stack_bytes;
	gva_t start_code, end_code, start_data, end_data, start_stack;
	gva_t arg_start, arg_end, env_start, env_end;
	gva_t vdso_base;
	unsigned nr_vmas;
	unsigned pieces;      /* how often what the host has mapped was cut for lack of memory */
	unsigned lock_future; /* mlockall(MCL_FUTURE) */
	uint64_t auxv[64];
	unsigned auxv_len; /* in words */

	/* Bytes of arena pages held, and of those of shared memory and of files in memory. Written
	 * under lock. */
	_Atomic uint64_t resident, resident_shared;
	_Atomic bool counted; /* it has had vmas that somebody counts (mm/mapped_place.h) */
	bool dying;           /* its process was ended for its memory; sandbox->lock */

	/* limits of the owner, copied in by the kernel: RLIMIT_AS, DATA, STACK, MEMLOCK; bytes */
	_Atomic uint64_t limit_as, limit_data, limit_stack, limit_memlock;
	_Atomic uint64_t faults_minor, faults_cow;

	/* mm/fork.h: what this process and its children write after a fork; what the parent of this
	 * one keeps */
	struct fork_pages *fork_pages, *parent_fork_pages;
	uint8_t fork_writes; /* since the last one, as far as they count */

	/* mm/forecast.h: what it is likely to write first; NULL: nobody knows */
	struct forecast *forecast;
	uint8_t forecast_copied;    /* which of its waves were, a bit each */
	uint8_t forecast_faults[8]; /* in each of them, as long as they count */
	int forecast_own[2];        /* the waves that it adds to; -1: none yet */
	uint16_t forecast_behind;   /* pages that it has added behind its result */
	_Atomic bool forecast_over; /* written without the lock */
};

/* What the host would not promise a program at once: memory and swap, unless it promises anything
 * (proc_sys_vm(5), overcommit_memory). */
uint64_t mm_overcommit_max(void);

static inline bool mm_killed(const struct mm *mm)
{
	return mm->host->killed && mm->host->killed();
}

/* First address behind what can be mapped: the platform may keep a part of the user half for
 * itself. */
static inline gva_t mm_end(const struct mm *mm)
{
	return GVA(mm->host->props.user_end);
}

int mm_create(struct mm_host *h, struct mm **out);
struct mm *mm_get(struct mm *mm);
/* False when the last reference is gone already. */
bool mm_tryget(struct mm *mm);
/* Keeps the struct alone, so that no other has its address: the space ends with its last
 * reference. */
struct mm *mm_pin(struct mm *mm);
void mm_unpin(struct mm *mm);
void mm_put(struct mm *mm);

#endif
