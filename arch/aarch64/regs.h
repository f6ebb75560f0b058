/* SPDX-License-Identifier: Apache-2.0 */
/* Field order up to `pstate` is that of struct user_pt_regs. */
#ifndef HL_ARCH_AARCH64_REGS_H
#define HL_ARCH_AARCH64_REGS_H

enum { REG_FP = 29, REG_LR = 30, REG_SYSCALL_NR = 8, NR_REGS = 31 };

struct cpu_regs {
	uint64_t x[NR_REGS];
	uint64_t sp, pc, pstate;
	uint64_t tpidr; /* TPIDR_EL0 */
};

/* PSTATE bits that user code may own (arch/arm64/kernel/ptrace.c, valid_user_regs): everything else
 * is zero in AArch64 state at EL0. */
#define PSTATE_N     (1UL << 31)
#define PSTATE_Z     (1UL << 30)
#define PSTATE_C     (1UL << 29)
#define PSTATE_V     (1UL << 28)
#define PSTATE_TCO   (1UL << 25)
#define PSTATE_DIT   (1UL << 24)
#define PSTATE_SSBS  (1UL << 12)
#define PSTATE_BTYPE (3UL << 10)
#define PSTATE_USER                                                                                \
	(PSTATE_N | PSTATE_Z | PSTATE_C | PSTATE_V | PSTATE_TCO | PSTATE_DIT | PSTATE_SSBS |       \
	 PSTATE_BTYPE)

#define SYSCALL_INSN_SIZE 4 /* svc #0 */

static inline struct cpu_regs regs_start(uint64_t entry, uint64_t sp)
{
	return (struct cpu_regs){ .pc = entry, .sp = sp };
}

static inline uint64_t regs_ip(const struct cpu_regs *r)
{
	return r->pc;
}

static inline void regs_set_ip(struct cpu_regs *r, uint64_t ip)
{
	r->pc = ip;
}

static inline uint64_t regs_sp(const struct cpu_regs *r)
{
	return r->sp;
}

static inline void regs_set_sp(struct cpu_regs *r, uint64_t sp)
{
	r->sp = sp;
}

static inline uint64_t regs_tls(const struct cpu_regs *r)
{
	return r->tpidr;
}

static inline void regs_set_tls(struct cpu_regs *r, uint64_t base)
{
	r->tpidr = base;
}

static inline uint64_t regs_result(const struct cpu_regs *r)
{
	return r->x[0];
}

static inline void regs_set_result(struct cpu_regs *r, uint64_t result)
{
	r->x[0] = result;
}

/* The result has taken the place of the first argument. */
static inline void regs_rewind(struct cpu_regs *r, uint64_t nr, uint64_t arg0)
{
	r->pc -= SYSCALL_INSN_SIZE;
	r->x[0] = arg0;
	r->x[REG_SYSCALL_NR] = nr;
}

/* Steps are not among what user code can set (PSTATE.SS is the kernel's). */
static inline bool regs_step(const struct cpu_regs *r)
{
	return false;
}

static inline void regs_set_step(struct cpu_regs *r, bool on)
{
}

#endif
