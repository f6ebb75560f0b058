/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies that survive SIGBUS and SIGSEGV: a mapped host file may be truncated by anyone at any
 * time, and the monitor reads guest memory through its own mapping of it. The routines below are
 * assembly with known bounds; the fault handler moves an instruction pointer inside them to their
 * error exit. A fault anywhere else goes to the handler that was there before.
 */
#ifndef HL_HOST_FIXUP_H
#define HL_HOST_FIXUP_H

#include <stddef.h>
#include <stdint.h>

/* Installs the fault handlers once per process; physmem_create calls it. 0 or -errno. */
int fixup_init(void);

/* Copies `n` bytes; returns how many were NOT copied (0: all). Copies up to the exact byte that
 * faults. */
size_t fixup_copy(void *dst, const void *src, size_t n);
/* Zeroes `n` bytes; returns how many were not. */
size_t fixup_zero(void *dst, size_t n);
/* Length of the string at `s`, at most `max`; -1 when a fault came before its end. */
long fixup_strnlen(const char *s, size_t max);
/* Aligned 32-bit atomics on guest memory, sequentially consistent. 0 or -EFAULT; *old gets the
 * value before. cmpxchg: *old == expect tells success. */
int fixup_load32(const uint32_t *p, uint32_t *val);
int fixup_store32(uint32_t *p, uint32_t val);
int fixup_cmpxchg32(uint32_t *p, uint32_t expect, uint32_t val, uint32_t *old);
int fixup_xchg32(uint32_t *p, uint32_t val, uint32_t *old);
int fixup_add32(uint32_t *p, uint32_t val, uint32_t *old);
int fixup_or32(uint32_t *p, uint32_t val, uint32_t *old);
int fixup_and32(uint32_t *p, uint32_t val, uint32_t *old);
int fixup_xor32(uint32_t *p, uint32_t val, uint32_t *old);

#endif
