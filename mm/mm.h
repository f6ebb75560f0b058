/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest address space.
 *
 *   vmas       what the guest asked for: [start, end), rights, flags, where the pages come from
 *   backings   what stands there now: [start, end) -> memory file range, and whether it must be
 *              copied before it is written (mm/backing.h)
 *   space      the platform's mapping; always equal to what vmas and backings together say, for any
 *              platform: rights = the vma's, without WRITE where the backing is copy-on-write
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
#include <sys/uio.h>

#include "mm/arena.h"
#include "mm/budget.h"
#include "mm/pagesource.h"
#include "platform/platform.h"
#include "util/gva.h"
#include "util/list.h"
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
	uint64_t overcommit_max;         /* one request for more is refused (mm_overcommit_max) */
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

struct vma {
	struct rb_node node;
	gva_t start, end;
	unsigned prot;             /* PROT_* */
	unsigned flags;            /* VMA_* */
	struct pagesource *source; /* NULL: anonymous private */
	uint64_t offset;           /* in source, of `start` */
	struct list source_node;   /* on source->vmas */
	uint64_t source_sweep;     /* see pagesource.c; guarded by source->lock */
	uint64_t gap, max_gap;     /* free bytes below `start`; the largest gap of this subtree */
	struct mm *mm;
	char *name; /* for /proc/PID/maps: path of the file, "[heap]"...; owned; may be NULL */
};

enum {
	VMA_SHARED = 1 << 0,
	VMA_GROWSDOWN = 1 << 1,
	VMA_LOCKED = 1 << 2,
	VMA_DONTFORK = 1 << 3,
	VMA_WIPEONFORK = 1 << 4,
	VMA_DONTDUMP = 1 << 5,
	VMA_NORESERVE = 1 << 6,
	/* mprotect may add PROT_WRITE (not for MAP_SHARED of a read-only descriptor) */
	VMA_MAYWRITE = 1 << 8,
	VMA_MAYEXEC = 1 << 9,  /* likewise PROT_EXEC (noexec mounts) */
	VMA_SPECIAL = 1 << 10, /* vDSO and its data: not in core files, no mremap of parts */
};

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
	unsigned lock_future; /* mlockall(MCL_FUTURE) */
	uint64_t auxv[64];
	unsigned auxv_len; /* in words */

	_Atomic uint64_t resident; /* bytes of arena pages held; written under lock */
	bool dying;                /* its process was ended for its memory; sandbox->lock */

	/* limits of the owner, copied in by the kernel: RLIMIT_AS, DATA, STACK, MEMLOCK; bytes */
	_Atomic uint64_t limit_as, limit_data, limit_stack, limit_memlock;
	_Atomic uint64_t faults_minor, faults_cow;

	/* mm/fork.h: what this process and its children write after a fork; what the parent of this
	 * one keeps */
	struct fork_pages *fork_pages, *parent_fork_pages;
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
/* The child's copy of `parent` at this moment. `hints`: addresses that both will write to at once
 * (0: none), the stack pointer and the thread pointer. */
#define FORK_HINTS 2
int mm_fork(struct mm *parent, const gva_t hints[FORK_HINTS], struct mm **out);
struct mm *mm_get(struct mm *mm);
/* False when the last reference is gone already. */
bool mm_tryget(struct mm *mm);
/* Keeps the struct alone, so that no other has its address: the space ends with its last
 * reference. */
struct mm *mm_pin(struct mm *mm);
void mm_unpin(struct mm *mm);
void mm_put(struct mm *mm);

/* mm/map.c: the system calls' work; addresses and lengths as the guest gave them, checked here.
 * Return an address or
 * -errno as the system call does. */
struct mmap_args {
	gva_t addr;
	uint64_t len;
	unsigned prot, flags;      /* PROT_*, MAP_* */
	struct pagesource *source; /* NULL: anonymous memory, /dev/zero. A reference is taken */
	uint64_t offset;
	/* -errno: the file cannot be mapped like that, which is told when all else is right */
	int refused;
	unsigned vma_flags; /* VMA_MAYWRITE, VMA_MAYEXEC... of the file */
	const char *name;   /* copied; may be NULL */
};
int64_t mm_mmap(struct mm *mm, const struct mmap_args *a);
int mm_munmap(struct mm *mm, gva_t addr, uint64_t len);
int mm_mprotect(struct mm *mm, gva_t addr, uint64_t len, unsigned prot);
int64_t mm_mremap(struct mm *mm, gva_t old, uint64_t old_len, uint64_t new_len, unsigned flags,
		  gva_t new_addr);
int mm_madvise(struct mm *mm, gva_t addr, uint64_t len, int advice);
int mm_mincore(struct mm *mm, gva_t addr, uint64_t len, gva_t vec);
int mm_msync(struct mm *mm, gva_t addr, uint64_t len, int flags);
int mm_mlock(struct mm *mm, gva_t addr, uint64_t len, unsigned flags); /* MLOCK_ONFAULT */
int mm_munlock(struct mm *mm, gva_t addr, uint64_t len);
int mm_mlockall(struct mm *mm, int flags); /* MCL_*; 0: munlockall */
gva_t mm_brk(struct mm *mm, gva_t addr);

/* mm/fault.c: the guest touched `addr`. 0: run on. Else -SIGSEGV or -SIGBUS with *si_code
 * (SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR), or -SIGKILL when memory is exhausted. `sp` (0: unknown)
 * does not matter: a GROWSDOWN vma grows for any access between its guard gap and its limit, as
 * Linux's does. */
int mm_fault(struct mm *mm, gva_t addr, unsigned access, int *si_code);
/* After EVENT_LOST_PAGE: unmaps every page of a file that is behind the file's end by now. True:
 * some were, run on. */
bool mm_drop_lost_pages(struct mm *mm);

/* mm/access.c: the one door. Number of bytes NOT copied (0: all), as in Linux; what could be copied
 * has been, up to the exact byte. Pages are faulted in as if the guest had touched them
 * (copy-on-write included). */
size_t copy_from_guest(struct mm *mm, void *dst, gva_t src, size_t n);
size_t copy_to_guest(struct mm *mm, gva_t dst, const void *src, size_t n);
size_t zero_guest(struct mm *mm, gva_t dst, size_t n);
/* As copy_to_guest, but PROT_WRITE is not asked for (the loader, ptrace). */
size_t poke_guest(struct mm *mm, gva_t dst, const void *src, size_t n);
/* Copies a NUL-terminated string; its length without the NUL, -EFAULT, or -ENAMETOOLONG if `max`
 * bytes hold no NUL. */
long copy_string_from_guest(struct mm *mm, char *dst, gva_t src, size_t max);
/* As above; allocates (free with free()). */
long dup_string_from_guest(struct mm *mm, char **out, gva_t src, size_t max);
/* A guest's struct iovec (readv(2)). */
struct guest_iovec {
	gva_t base;
	uint64_t len;
};
/* The host memory behind `n` bytes from `skip` bytes into the guest segments `segs`, for direct
 * host input/output, faulted in: up to `max` pieces; returns how many, with the bytes covered in
 * *covered (less than asked for: the rest is bad, or `max` is reached). Only between
 * mm_access_begin and _end, which hold mm->lock for reading: do not block meanwhile, and use none
 * of the functions above. To fault, the lock is let go for a moment: one gather a section, earlier
 * pieces would be void. */
void mm_access_begin(struct mm *mm);
void mm_access_end(struct mm *mm);
int mm_access_segs(struct mm *mm, const struct guest_iovec *segs, size_t skip, size_t n, bool write,
		   struct iovec *iov, int max, size_t *covered);
/* Futex words: where a 4-byte-aligned word lives. The key is the same for every mapping of the same
 * shared page. */
struct futex_key {
	uint64_t a, b; /* private: mm, address; shared: memory file, offset */
};
int mm_futex_key(struct mm *mm, gva_t addr, bool shared, struct futex_key *out);
/* 32-bit atomics on aligned guest words: 0 or -EFAULT. Ops as in host/fixup.h. */
int guest_load32(struct mm *mm, gva_t addr, uint32_t *val);
int guest_cmpxchg32(struct mm *mm, gva_t addr, uint32_t expect, uint32_t val, uint32_t *old);
enum guest_atomic { GUEST_XCHG, GUEST_ADD, GUEST_OR, GUEST_AND, GUEST_XOR };
int guest_atomic32(struct mm *mm, gva_t addr, enum guest_atomic op, uint32_t val, uint32_t *old);

/* mm/maps.c: walks the vmas under the read lock (for /proc/PID/maps, core files). Stops when fn
 * returns non-zero. */
int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, void *arg), void *arg);
/* Bytes backed by arena pages that this mm holds: an estimate of VmRSS. */
uint64_t mm_resident(struct mm *mm);
/* How many of them the host has given pages for, about; all, when somebody else works on the mm
 * now. Does not wait. */
uint64_t mm_touched(struct mm *mm);

#endif
