/* SPDX-License-Identifier: Apache-2.0 */
/* arch/arm64/kernel/ptrace.c of Linux: there is no USER area. The number of a system call is a
 * register like any other. */
#ifndef HL_ARCH_AARCH64_PTRACE_H
#define HL_ARCH_AARCH64_PTRACE_H

#include <string.h>

#define ARCH_PTRACE_REGS 0
#define ARCH_PTRACE_STEP 0 /* no platform has them yet */

static inline enum user_slot user_slot(uint64_t offset, unsigned *i)
{
	return USER_NOTHING;
}

static inline int ptrace_set_reg(struct cpu_regs *r, int64_t *call, unsigned i, uint64_t value)
{
	if (i < NR_REGS)
		r->x[i] = value;
	else if (i == NR_REGS)
		r->sp = value;
	else if (i == NR_REGS + 1)
		r->pc = value;
	else if (value & ~PSTATE_USER)
		return -EIO;
	else
		r->pstate = value;
	return 0;
}

static inline void ptrace_call_args(const struct cpu_regs *r, uint64_t args[6])
{
	memcpy(args, r->x, 6 * sizeof args[0]);
}

static inline bool ptrace_loads_step(const uint8_t *code, size_t n)
{
	return false;
}

/* The USER area is where debug registers would be. */
static inline int debug_decode(uint64_t control, unsigned i, struct hw_break *b, bool *on)
{
	return -EINVAL;
}

static inline int debug_check(const struct hw_break *b)
{
	return -EINVAL;
}

/* The vectors come first in what a tracer gives (corefile.h), last in a signal frame. */
static inline int ptrace_set_fp(uint32_t type, void *fp, const void *in, size_t n)
{
	struct fpsimd_state s;
	struct {
		unsigned char v[32][16];
		uint32_t fpsr, fpcr;
	} user;

	if (n < sizeof user)
		return -EINVAL;
	memcpy(&s, fp, sizeof s);
	memcpy(&user, in, sizeof user);
	memcpy(s.v, user.v, sizeof s.v);
	s.fpsr = user.fpsr;
	s.fpcr = user.fpcr;
	memcpy(fp, &s, sizeof s);
	return 0;
}

#endif
