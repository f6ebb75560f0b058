/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a core file (core(5)) keeps of the CPU's state of a thread: the registers in the order that
 * the ABI gives them there (struct user_regs_struct), and the notes with the extended state.
 */
#ifndef HL_ARCH_COREFILE_H
#define HL_ARCH_COREFILE_H

#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "arch/regs.h"

/* A note about the extended state: its first `size` bytes, as corefile_fp leaves them. */
struct corefile_note {
	uint32_t type; /* NT_* of elf.h */
	const char *name;
	size_t size;
};

/* Linux's struct x86_xfeat_component: where a part of the extended state lies in its note. */
struct corefile_part {
	uint32_t type, size, offset, flags;
};
enum { COREFILE_PARTS = 61 };
#define COREFILE_LAYOUT_NOTE 0x205 /* NT_X86_XSAVE_LAYOUT; elf.h may not have it yet */

#include ARCH_FILE(corefile.h)

/* `call`: the number of the system call that the thread has made or is in; NULL: it came into the
 * kernel by another door. */
static inline void corefile_regs(const struct cpu_regs *r, const uint64_t *call,
				 uint64_t out[COREFILE_REGS]);
/* Makes extended state of `size` bytes, as the platform gives it, what the notes have; returns how
 * many notes there are. */
static inline unsigned corefile_fp(void *fp, size_t size, uint64_t features,
				   struct corefile_note out[COREFILE_FP_NOTES]);
/* Where debuggers find the parts of `features`; returns how many there are. 0: they know. */
static inline unsigned corefile_layout(uint64_t features, struct corefile_part out[COREFILE_PARTS]);

#endif
