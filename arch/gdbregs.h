/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers as GDB's remote protocol numbers them (GDB manual, "Standard Target Features"), and
 * where each lies in the CPU state that ptrace(2) shows (corefile.h).
 */
#ifndef HL_ARCH_GDBREGS_H
#define HL_ARCH_GDBREGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/corefile.h"

enum gdb_place { GDB_GENERAL, GDB_EXTENDED, GDB_SPECIAL };

/* A run of registers of one kind. */
struct gdb_run {
	const char *feature; /* in which it is; runs of one feature follow each other */
	const char *name;    /* with %d for a number, if there are several */
	const char *type;
	uint8_t place; /* enum gdb_place */
	uint8_t first, count;
	uint8_t part; /* of the extended state, which may be in its initial state */
	/* a general register: its number; else the offset of the first in the extended state, and
	 * the distance of the next */
	uint16_t at, stride, bits;
};
enum { GDB_RUNS_MAX = 48 };

/* What a thread with these features (platform.h, fp_size) has; in the order of the protocol. */
static inline unsigned gdb_runs(uint64_t features, struct gdb_run out[GDB_RUNS_MAX]);
/* Of the extended state: is that part of it in use? Otherwise its registers are as they begin. */
static inline bool gdb_part_used(const unsigned char *fp, unsigned part);
/* The part is in use from now on; it was not, and is zeroes but for what is not as it begins. */
static inline void gdb_use_part(unsigned char *fp, uint64_t features, unsigned part);
/* A GDB_SPECIAL: what is in the extended state in another form. */
static inline uint64_t gdb_special(const unsigned char *fp, unsigned at);
static inline void gdb_set_special(unsigned char *fp, unsigned at, uint64_t value);

/* Software breakpoints: the instruction, and how far behind it a thread stops. */
static inline const unsigned char *gdb_breakpoint(size_t *size, unsigned *behind);
/* GDB_THREAD_AT_POINTER: the C library's structure of a thread is where its thread pointer points,
 * and the variables of the thread are below. */
/* What the description of a feature begins with: types of its own. */
static inline const char *gdb_feature_types(const char *feature);

#include ARCH_FILE(gdbregs.h)

#endif
