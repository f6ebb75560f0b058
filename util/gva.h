/* SPDX-License-Identifier: Apache-2.0 */
/* Guest virtual addresses: a type of their own, so that the compiler catches a mix-up with a host
 * pointer or an offset. */
#ifndef HL_UTIL_GVA_H
#define HL_UTIL_GVA_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/memory.h"

typedef struct gva {
	uint64_t v;
} gva_t;

#define GVA(x)   ((gva_t){ (uint64_t)(x) })
#define GVA_NULL GVA(0)
#define GVA_MAX  GVA(UINT64_MAX)

#define PAGE_SHIFT   ARCH_PAGE_SHIFT
#define PAGE_SIZE    (1UL << PAGE_SHIFT)
#define PAGE_MASK    (~(PAGE_SIZE - 1))
#define PAGE_DOWN(x) ((uint64_t)(x)&PAGE_MASK)
#define PAGE_UP(x)   (((uint64_t)(x) + PAGE_SIZE - 1) & PAGE_MASK)

/* First address past what a guest may map. */
#define GUEST_TASK_SIZE ARCH_TASK_SIZE
/* Linux's default vm.mmap_min_addr. */
#define GUEST_MMAP_MIN 0x10000UL

static inline gva_t gva_add(gva_t addr, uint64_t n)
{
	return GVA(addr.v + n);
}

static inline gva_t gva_sub(gva_t addr, uint64_t n)
{
	return GVA(addr.v - n);
}

/* Bytes from `low` up to `high`. */
static inline uint64_t gva_diff(gva_t high, gva_t low)
{
	return high.v - low.v;
}

static inline bool gva_eq(gva_t a, gva_t b)
{
	return a.v == b.v;
}

static inline bool gva_lt(gva_t a, gva_t b)
{
	return a.v < b.v;
}

static inline bool gva_le(gva_t a, gva_t b)
{
	return a.v <= b.v;
}

static inline gva_t gva_min(gva_t a, gva_t b)
{
	return gva_lt(a, b) ? a : b;
}

static inline gva_t gva_max(gva_t a, gva_t b)
{
	return gva_lt(a, b) ? b : a;
}

/* `unit` is a power of two. */
static inline gva_t gva_align_down(gva_t addr, uint64_t unit)
{
	return GVA(addr.v & ~(unit - 1));
}

/* The next border of units above `addr`. */
static inline gva_t gva_next_unit(gva_t addr, uint64_t unit)
{
	return GVA((addr.v | (unit - 1)) + 1);
}

static inline gva_t gva_page_down(gva_t addr)
{
	return GVA(PAGE_DOWN(addr.v));
}

static inline gva_t gva_page_up(gva_t addr)
{
	return GVA(PAGE_UP(addr.v));
}

static inline bool gva_page_aligned(gva_t addr)
{
	return !(addr.v & ~PAGE_MASK);
}

/* Does [addr, addr+len) lie inside the user half, without wrapping? */
static inline bool gva_range_ok(gva_t addr, uint64_t len)
{
	return len <= GUEST_TASK_SIZE && addr.v <= GUEST_TASK_SIZE - len;
}

#endif
