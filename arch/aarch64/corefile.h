/* SPDX-License-Identifier: Apache-2.0 */
/* The order is that of struct user_pt_regs, which says nothing of the system call; the SIMD state
 * is struct user_fpsimd_state, which has the vectors first. */
#ifndef HL_ARCH_AARCH64_COREFILE_H
#define HL_ARCH_AARCH64_COREFILE_H

#include <elf.h>
#include <string.h>

#include "arch/sigframe.h"

enum { COREFILE_REGS = NR_REGS + 3, COREFILE_FP_NOTES = 1 };

static inline void corefile_regs(const struct cpu_regs *r, const uint64_t *call,
				 uint64_t out[COREFILE_REGS])
{
	memcpy(out, r, COREFILE_REGS * sizeof out[0]);
}

static inline unsigned corefile_fp(void *fp, size_t size, uint64_t features,
				   struct corefile_note out[COREFILE_FP_NOTES])
{
	struct fpsimd_state s;
	struct {
		unsigned char v[32][16];
		uint32_t fpsr, fpcr;
	} user;

	memcpy(&s, fp, sizeof s);
	memcpy(user.v, s.v, sizeof user.v);
	user.fpsr = s.fpsr;
	user.fpcr = s.fpcr;
	memcpy(fp, &user, sizeof user);
	out[0] = (struct corefile_note){ NT_PRFPREG, "CORE", size };
	return 1;
}

static inline unsigned corefile_layout(uint64_t features, struct corefile_part out[COREFILE_PARTS])
{
	return 0; /* there are no parts that move */
}

#endif
