/* SPDX-License-Identifier: Apache-2.0 */
/* Field order up to `rflags` is that of struct kvm_regs. */
#ifndef HL_ARCH_X86_64_REGS_H
#define HL_ARCH_X86_64_REGS_H

struct cpu_regs {
	uint64_t rax, rbx, rcx, rdx;
	uint64_t rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11;
	uint64_t r12, r13, r14, r15;
	uint64_t rip, rflags;
	uint64_t fs_base, gs_base;
};

/* RFLAGS bits user code may own (popf at CPL 3, plus RF): everything else is forced when registers
 * are set. */
#define RFLAGS_USER  0x254dd5UL /* CF PF AF ZF SF TF DF OF NT RF AC ID */
#define RFLAGS_FIXED 0x202UL    /* bit 1, IF */
#define RFLAGS_TF    0x100UL

/* Segment selectors of a 64-bit Linux user thread. */
#define USER_CS 0x33
#define USER_SS 0x2b

#define SYSCALL_INSN_SIZE 2

static inline struct cpu_regs regs_start(uint64_t entry, uint64_t sp)
{
	return (struct cpu_regs){ .rip = entry, .rsp = sp, .rflags = RFLAGS_FIXED };
}

static inline uint64_t regs_ip(const struct cpu_regs *r)
{
	return r->rip;
}

static inline void regs_set_ip(struct cpu_regs *r, uint64_t ip)
{
	r->rip = ip;
}

static inline uint64_t regs_sp(const struct cpu_regs *r)
{
	return r->rsp;
}

static inline void regs_set_sp(struct cpu_regs *r, uint64_t sp)
{
	r->rsp = sp;
}

static inline uint64_t regs_tls(const struct cpu_regs *r)
{
	return r->fs_base;
}

static inline void regs_set_tls(struct cpu_regs *r, uint64_t base)
{
	r->fs_base = base;
}

static inline uint64_t regs_result(const struct cpu_regs *r)
{
	return r->rax;
}

static inline void regs_set_result(struct cpu_regs *r, uint64_t result)
{
	r->rax = result;
}

static inline void regs_rewind(struct cpu_regs *r, uint64_t nr, uint64_t arg0)
{
	r->rip -= SYSCALL_INSN_SIZE;
	r->rax = nr;
}

static inline bool regs_step(const struct cpu_regs *r)
{
	return r->rflags & RFLAGS_TF;
}

static inline void regs_set_step(struct cpu_regs *r, bool on)
{
	r->rflags = on ? r->rflags | RFLAGS_TF : r->rflags & ~RFLAGS_TF;
}

#endif
