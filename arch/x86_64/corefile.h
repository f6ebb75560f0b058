/* SPDX-License-Identifier: Apache-2.0 */
/* The order is that of struct user_regs_struct. Of the extended state there is the legacy part
 * alone, as old debuggers know it, and the whole XSAVE area, in which Linux leaves word of the
 * features where a signal frame has words of its own (USER_XSTATE_XCR0_WORD). */
#ifndef HL_ARCH_X86_64_COREFILE_H
#define HL_ARCH_X86_64_COREFILE_H

#include <cpuid.h>
#include <elf.h>
#include <string.h>

enum { COREFILE_REGS = 27, COREFILE_FP_NOTES = 2 };

static inline void corefile_regs(const struct cpu_regs *r, const uint64_t *call,
				 uint64_t out[COREFILE_REGS])
{
	const uint64_t regs[COREFILE_REGS] = {
		r->r15,  r->r14,     r->r13,     r->r12,
		r->rbp,  r->rbx,     r->r11,     r->r10,
		r->r9,   r->r8,      r->rax,     r->rcx,
		r->rdx,  r->rsi,     r->rdi,     call ? *call : UINT64_MAX,
		r->rip,  USER_CS,    r->rflags,  r->rsp,
		USER_SS, r->fs_base, r->gs_base, 0,
		0,       0,          0,
	};

	memcpy(out, regs, sizeof regs);
}

#define COREFILE_LEGACY_SIZE     512
#define COREFILE_FEATURES_OFFSET 464
#define COREFILE_FEATURES_SIZE   48

static inline unsigned corefile_fp(void *fp, size_t size, uint64_t features,
				   struct corefile_note out[COREFILE_FP_NOTES])
{
	char *words = (char *)fp + COREFILE_FEATURES_OFFSET;

	memset(words, 0, COREFILE_FEATURES_SIZE);
	memcpy(words, &features, sizeof features);
	out[0] = (struct corefile_note){ NT_PRFPREG, "CORE", COREFILE_LEGACY_SIZE };
	out[1] = (struct corefile_note){ NT_X86_XSTATE, "LINUX", size };
	return 2;
}

/* What CPUID says of each part of the extended state behind the legacy ones. */
static inline unsigned corefile_layout(uint64_t features, struct corefile_part out[COREFILE_PARTS])
{
	unsigned n = 0;

	for (unsigned i = 2; i < 63; i++) {
		struct corefile_part *p = &out[n];
		unsigned edx;
		if (features >> i & 1 && n < COREFILE_PARTS) {
			p->type = i;
			__cpuid_count(0xd, i, p->size, p->offset, p->flags, edx);
			n++;
		}
	}
	return n;
}

#endif
