/* SPDX-License-Identifier: Apache-2.0 */
/* arch/x86/kernel/ptrace.c of Linux. */
#ifndef HL_ARCH_X86_64_PTRACE_H
#define HL_ARCH_X86_64_PTRACE_H

#include <string.h>

/* Requests that are this CPU's own. */
#define ARCH_PTRACE_REGS 1 /* PEEKUSER, GETREGS and their kin, ARCH_PRCTL */
#define ARCH_PTRACE_STEP 1

/* The flags that a tracer may set: FLAG_MASK. */
#define RFLAGS_TRACER 0x54dd5UL /* CF PF AF ZF SF TF DF OF NT RF AC */

/* struct user_regs_struct, in words, and where the debug registers lie in struct user
 * (<sys/user.h>, whose other names are in the way; the kernel's has two words more). */
enum { REG_INDEX_ORIG_RAX = 15, REG_INDEX_RIP, REG_INDEX_CS, REG_INDEX_EFLAGS, REG_INDEX_RSP };
enum { REG_INDEX_SS = 20, REG_INDEX_FS_BASE, REG_INDEX_GS_BASE };
enum { USER_AREA_SIZE = 928, USER_AREA_DEBUG = 848, NR_DEBUG = 8 };

static inline enum user_slot user_slot(uint64_t offset, unsigned *i)
{
	if (offset % sizeof(uint64_t) || offset >= USER_AREA_SIZE)
		return USER_NOTHING;
	*i = (unsigned)(offset / sizeof(uint64_t));
	if (*i < COREFILE_REGS)
		return USER_REGISTER;
	if (offset < USER_AREA_DEBUG || offset >= USER_AREA_DEBUG + NR_DEBUG * sizeof(uint64_t))
		return USER_REST;
	*i -= USER_AREA_DEBUG / sizeof(uint64_t);
	return USER_DEBUG;
}

static inline uint64_t *ptrace_plain_reg(struct cpu_regs *r, unsigned i)
{
	uint64_t *const regs[] = {
		&r->r15, &r->r14, &r->r13, &r->r12, &r->rbp, &r->rbx, &r->r11, &r->r10,
		&r->r9,  &r->r8,  &r->rax, &r->rcx, &r->rdx, &r->rsi, &r->rdi,
	};

	if (i < sizeof regs / sizeof regs[0])
		return regs[i];
	return i == REG_INDEX_RIP ? &r->rip : i == REG_INDEX_RSP ? &r->rsp : NULL;
}

/* Segments are those of a 64-bit thread, and stay. */
static inline int ptrace_set_reg(struct cpu_regs *r, int64_t *call, unsigned i, uint64_t value)
{
	uint64_t *plain = ptrace_plain_reg(r, i);

	if (plain) {
		*plain = value;
		return 0;
	}
	switch (i) {
	case REG_INDEX_ORIG_RAX: *call = (int64_t)value; return 0;
	case REG_INDEX_EFLAGS:
		r->rflags = (r->rflags & ~RFLAGS_TRACER) | (value & RFLAGS_TRACER);
		return 0;
	case REG_INDEX_FS_BASE:
	case REG_INDEX_GS_BASE:
		if (value >= 0x7ffffffff000)
			return -EIO;
		*(i == REG_INDEX_FS_BASE ? &r->fs_base : &r->gs_base) = value;
		return 0;
	case REG_INDEX_CS: return value == USER_CS ? 0 : -EIO;
	case REG_INDEX_SS: return value == USER_SS ? 0 : -EIO;
	default: return value ? -EIO : 0;
	}
}

/* ---- debug registers (Intel SDM vol. 3, 17.2) ---- */

enum { DEBUG_STATUS = 6, DEBUG_CONTROL };
#define DEBUG_STATUS_NOTHING 0xffff0ff0UL /* the status register shows its bits beside these */
/* Of the control register: nobody looks at these. */
#define DEBUG_CONTROL_REST 0xffffffff0000fc00UL

static inline int debug_decode(uint64_t control, unsigned i, struct hw_break *b, bool *on)
{
	static const uint8_t lens[] = { 1, 2, 8, 4 };
	static const uint8_t kinds[] = { HW_BREAK_EXEC, HW_BREAK_WRITE, HW_BREAK_NONE,
					 HW_BREAK_ACCESS };
	unsigned bits = (unsigned)(control >> (16 + 4 * i));

	b->kind = kinds[bits & 3];
	b->len = lens[bits >> 2 & 3];
	*on = control >> 2 * i & 3;
	return b->kind == HW_BREAK_NONE || (b->kind == HW_BREAK_EXEC && b->len != 1) ? -EINVAL : 0;
}

static inline int debug_check(const struct hw_break *b)
{
	bool user = b->addr < ARCH_TASK_SIZE && b->addr + b->len <= ARCH_TASK_SIZE;

	return user && b->addr % b->len == 0 ? 0 : -EINVAL;
}

static inline void ptrace_call_args(const struct cpu_regs *r, uint64_t args[6])
{
	memcpy(args, (uint64_t[]){ r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 },
	       6 * sizeof args[0]);
}

static inline bool ptrace_loads_step(const uint8_t *code, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (code[i]) {
		case 0x9d:              /* popf */
		case 0xcf: return true; /* iret */
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x40 ... 0x4f:
		case 0x64 ... 0x67:
		case 0xf0:
		case 0xf2:
		case 0xf3: break; /* prefixes */
		default: return false;
		}
	}
	return false;
}

#define XSAVE_BV_OFFSET 512

static inline int ptrace_set_fp(uint32_t type, void *fp, const void *in, size_t n)
{
	uint64_t parts;

	memcpy(fp, in, COREFILE_FEATURES_OFFSET);
	if (type == NT_X86_XSTATE) {
		memcpy((char *)fp + COREFILE_LEGACY_SIZE, (const char *)in + COREFILE_LEGACY_SIZE,
		       n - COREFILE_LEGACY_SIZE);
		return 0;
	}
	memcpy(&parts, (char *)fp + XSAVE_BV_OFFSET, sizeof parts);
	parts |= 3; /* x87 and SSE are in use */
	memcpy((char *)fp + XSAVE_BV_OFFSET, &parts, sizeof parts);
	return 0;
}

#endif
