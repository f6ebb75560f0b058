/* SPDX-License-Identifier: Apache-2.0 */
/* The one door to a guest's memory: copies in and out, gathers for the host's calls, atomics. */
#ifndef HL_MM_ACCESS_H
#define HL_MM_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "util/gva.h"

struct mm;

/* Number of bytes NOT copied (0: all), as in Linux; what could be copied has been, up to the exact
 * byte. Pages are faulted in as if the guest had touched them (copy-on-write included). */
size_t copy_from_guest(struct mm *mm, void *dst, gva_t src, size_t n);
size_t copy_to_guest(struct mm *mm, gva_t dst, const void *src, size_t n);
/* As copy_from_guest, but PROT_READ is not asked for. */
size_t peek_guest(struct mm *mm, void *dst, gva_t src, size_t n);
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
/* What a key says of its word: known to one address space; in private memory, but named as one that
 * others may know; in shared memory. */
enum futex_key_kind { FUTEX_KEY_PRIVATE, FUTEX_KEY_OWN, FUTEX_KEY_SHARED };
/* Where in `mm` the word of a key is. False: not there. */
bool mm_futex_place(struct mm *mm, const struct futex_key *key, enum futex_key_kind *kind,
		    gva_t *addr);
/* And back: the word need not be mapped. -EFAULT: no shared memory is there. */
int mm_futex_key_of(struct mm *mm, enum futex_key_kind kind, gva_t addr, struct futex_key *out);

/* 32-bit atomics on aligned guest words: 0 or -EFAULT. Ops as in host/fixup.h. */
int guest_load32(struct mm *mm, gva_t addr, uint32_t *val);
int guest_cmpxchg32(struct mm *mm, gva_t addr, uint32_t expect, uint32_t val, uint32_t *old);
/* The same for a caller who holds a lock that others wait for: between mm_access_begin and _end,
 * without a fault. -EFAULT: the page cannot be had as it is. Once the section has ended,
 * guest_fault32 takes the fault: 0, try again, or -EFAULT, the page cannot be had at all. */
enum guest_atomic { GUEST_XCHG, GUEST_ADD, GUEST_OR, GUEST_AND, GUEST_XOR };
int guest_try_load32(struct mm *mm, gva_t addr, uint32_t *val);
int guest_try_cmpxchg32(struct mm *mm, gva_t addr, uint32_t expect, uint32_t val, uint32_t *old);
int guest_try_atomic32(struct mm *mm, gva_t addr, enum guest_atomic op, uint32_t val,
		       uint32_t *old);
int guest_fault32(struct mm *mm, gva_t addr, bool write);

#endif
