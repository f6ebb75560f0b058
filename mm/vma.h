/* SPDX-License-Identifier: Apache-2.0 */
/* A vma: a range of an address space as the guest asked for it. The tree of them is mm->vmas.
 * Callers hold mm->lock: for writing where anything changes. */
#ifndef HL_MM_VMA_H
#define HL_MM_VMA_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/mapped_place.h"
#include "mm/mm.h"
#include "mm/policy.h"
#include "util/gva.h"
#include "util/list.h"
#include "util/rbtree.h"

struct vma {
	struct rb_node node;
	gva_t start, end;
	unsigned prot;             /* PROT_* */
	unsigned flags;            /* VMA_* */
	struct pagesource *source; /* NULL: anonymous private */
	uint64_t offset;           /* in source, of `start` */
	struct list source_node;   /* on source->vmas */
	uint64_t source_sweep;     /* see rmap.c; guarded by source->lock */
	uint64_t gap, max_gap;     /* free bytes below `start`; the largest gap of this subtree */
	struct mm *mm;
	char *name; /* for /proc/PID/maps: path of the file, "[heap]"...; shared; may be NULL */
	struct mapped_place *place; /* reference; NULL: of nothing that could go away */
	struct mempolicy policy;    /* mbind(2) */
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
	VMA_SEALED = 1 << 11,  /* mseal(2): stays as it is (mm/seal.h) */
};

/* Linux's defaults of vm.max_map_count and stack_guard_gap. */
#define VMA_MAX_COUNT   65530u
#define STACK_GUARD_GAP (256 * PAGE_SIZE)

void vma_tree_init(struct mm *mm);
/* The first vma that ends above `addr`; NULL: none. */
struct vma *vma_find(struct mm *mm, gva_t addr);
/* The vma that holds `addr`; NULL: none. */
struct vma *vma_at(struct mm *mm, gva_t addr);
struct vma *vma_first(struct mm *mm);
struct vma *vma_next(const struct vma *v);
struct vma *vma_prev(const struct vma *v);

/* A vma not yet in the tree, like `like` (NULL: empty) with its own reference to the source. `like`
 * may be none, without an mm: then its name is any text. NULL: no memory. */
struct vma *vma_new(struct mm *mm, const struct vma *like);
/* The name of one that has none: that of `like` (NULL: nobody's), if it is the same. False: no
 * memory. */
bool vma_set_name(struct vma *v, const char *text, size_t len, const struct vma *like);
void vma_free(struct vma *v);
/* Links `v`, whose range must be free, and counts it. */
void vma_insert(struct mm *mm, struct vma *v);
/* Takes `v` out and frees it. */
void vma_delete(struct mm *mm, struct vma *v);
/* Moves the borders of a linked vma (its offset follows `start`). */
void vma_resize(struct mm *mm, struct vma *v, gva_t start, gva_t end);
/* Changes rights and flags of a linked vma. */
void vma_change(struct mm *mm, struct vma *v, unsigned prot, unsigned flags);
/* Makes both ends of the range borders. Errors as above: nothing visible changed. */
int vma_isolate(struct mm *mm, gva_t start, gva_t end);
/* Joins neighbours that fit together in and at the ends of the range. */
void vma_merge(struct mm *mm, gva_t start, gva_t end);
/* Changes [start, end), which lies in `v`: 0 or -errno. */
typedef int vma_change_fn(struct mm *mm, struct vma *v, gva_t start, gva_t end, unsigned arg);
/* Changes what the vmas have of a range, one after the other, until a change fails or there is a
 * hole (-ENOMEM); what has been changed by then stays. Joins neighbours at the end. */
int vma_change_range(struct mm *mm, gva_t start, gva_t end, vma_change_fn *change, unsigned arg);

static inline uint64_t vma_len(const struct vma *v)
{
	return gva_diff(v->end, v->start);
}
/* Where the byte at `addr` lies in the source. */
static inline uint64_t vma_offset(const struct vma *v, gva_t addr)
{
	return v->offset + gva_diff(addr, v->start);
}

/* Lowest address the vma keeps others away from: a growing stack has a guard gap. */
gva_t vma_low(const struct vma *v);
/* Is [start, end) free of vmas and of guard gaps? */
bool vma_range_free(struct mm *mm, gva_t start, gva_t end);
/* Highest, or lowest, free place for `len` bytes in [low, high). GVA_NULL: none. */
gva_t vma_gap_highest(struct mm *mm, uint64_t len, gva_t low, gva_t high);
gva_t vma_gap_lowest(struct mm *mm, uint64_t len, gva_t low, gva_t high);
/* Bytes of vmas in the range. */
uint64_t vma_bytes(struct mm *mm, gva_t start, gva_t end);

/* Private, writable, not a stack: what RLIMIT_DATA counts. */
static inline bool vma_is_data(unsigned prot, unsigned flags)
{
	return (prot & 2) && !(flags & (VMA_SHARED | VMA_GROWSDOWN));
}

/* Counts towards the memory limit: private and writable, and not excused. */
static inline bool vma_is_accountable(unsigned prot, unsigned flags)
{
	return (prot & 2) && !(flags & (VMA_SHARED | VMA_NORESERVE));
}
/* May a user access of this kind (GUEST_*) be made at all? Any right implies reading, as on x86. */
static inline bool vma_allows(const struct vma *v, unsigned access)
{
	return access == GUEST_READ ? v->prot != 0 : (v->prot & access) == access;
}

/* For a debugger: all may be read, and what its owner could make writable, and would then write to
 * a copy of, written (Linux's is_cow_mapping). */
static inline bool vma_allows_force(const struct vma *v, unsigned access)
{
	return vma_allows(v, access) || access != GUEST_WRITE ||
	       (v->flags & (VMA_SHARED | VMA_MAYWRITE)) == VMA_MAYWRITE;
}

#define vma_for_range(v, mm, from, to)                                                             \
	for (struct vma *v = vma_find(mm, from); v && gva_lt(v->start, to); v = vma_next(v))

#endif
