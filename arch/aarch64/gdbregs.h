/* SPDX-License-Identifier: Apache-2.0 */
/* GDB's features/aarch64-core.xml. */
#ifndef HL_ARCH_AARCH64_GDBREGS_H
#define HL_ARCH_AARCH64_GDBREGS_H

#include <string.h>

#define GDB_ARCHITECTURE "aarch64"
#define GDB_CORE         "org.gnu.gdb.aarch64.core"
#define GDB_FPU          "org.gnu.gdb.aarch64.fpu"

/* The vectors come first in the extended state (corefile.h). */
enum { FPU_STATUS = 512, FPU_CONTROL = 516 };

static inline unsigned gdb_runs(uint64_t features, struct gdb_run out[GDB_RUNS_MAX])
{
	static const struct gdb_run runs[] = {
		{ GDB_CORE, "x%d", "int", GDB_GENERAL, 0, NR_REGS, 0, 0, 1, 64 },
		{ GDB_CORE, "sp", "data_ptr", GDB_GENERAL, 0, 1, 0, NR_REGS, 0, 64 },
		{ GDB_CORE, "pc", "code_ptr", GDB_GENERAL, 0, 1, 0, NR_REGS + 1, 0, 64 },
		{ GDB_CORE, "cpsr", "int", GDB_GENERAL, 0, 1, 0, NR_REGS + 2, 0, 32 },
		{ GDB_FPU, "v%d", "uint128", GDB_EXTENDED, 0, 32, 0, 0, 16, 128 },
		{ GDB_FPU, "fpsr", "int", GDB_SPECIAL, 0, 1, 0, FPU_STATUS, 0, 32 },
		{ GDB_FPU, "fpcr", "int", GDB_SPECIAL, 0, 1, 0, FPU_CONTROL, 0, 32 },
	};

	memcpy(out, runs, sizeof runs);
	return sizeof runs / sizeof runs[0];
}

static inline const char *gdb_feature_types(const char *feature)
{
	return "";
}

static inline bool gdb_part_used(const unsigned char *fp, unsigned part)
{
	return true;
}

static inline void gdb_use_part(unsigned char *fp, uint64_t features, unsigned part)
{
}

static inline uint64_t gdb_special(const unsigned char *fp, unsigned at)
{
	uint32_t value;

	memcpy(&value, fp + at, sizeof value);
	return value;
}

static inline void gdb_set_special(unsigned char *fp, unsigned at, uint64_t value)
{
	memcpy(fp + at, &value, sizeof(uint32_t));
}

/* brk #0, at which the thread stays. */
#define GDB_THREAD_AT_POINTER 0

static inline const unsigned char *gdb_breakpoint(size_t *size, unsigned *behind)
{
	static const unsigned char brk[] = { 0x00, 0x00, 0x20, 0xd4 };

	*size = sizeof brk;
	*behind = 0;
	return brk;
}

#endif
