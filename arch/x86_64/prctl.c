/* SPDX-License-Identifier: Apache-2.0 */
/* Implements arch_prctl(2): the bases of FS and GS, faulting of CPUID, and the extended state that
 * a program may ask for. */
#include "arch/prctl.h"

#include <errno.h>

#include "arch/memory.h"

/* The last part of the extended state that Linux can be asked for. */
#define XFEATURE_XTILE_DATA 18

static int64_t set_base(uint64_t *base, uint64_t value, struct arch_prctl_effect *out)
{
	if (value >= ARCH_TASK_SIZE)
		return -EPERM;
	*base = value;
	out->set_regs = true;
	return 0;
}

static int64_t put(uint64_t value, struct arch_prctl_effect *out)
{
	out->put = true;
	out->value = value;
	return 0;
}

/* Documentation/arch/x86/xstate.rst. Parts that need permission (AMX) are never there. */
int64_t arch_prctl(struct cpu_regs *r, int op, uint64_t arg, uint64_t fp_features,
		   struct arch_prctl_effect *out)
{
	*out = (struct arch_prctl_effect){ 0 };
	switch (op) {
	case ARCH_SET_FS: return set_base(&r->fs_base, arg, out);
	case ARCH_SET_GS: return set_base(&r->gs_base, arg, out);
	case ARCH_GET_FS: return put(r->fs_base, out);
	case ARCH_GET_GS: return put(r->gs_base, out);
	case ARCH_GET_CPUID: return 1;
	case ARCH_SET_CPUID: return -ENODEV; /* as a CPU that cannot fault on CPUID */
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM: return put(fp_features, out);
	case ARCH_REQ_XCOMP_PERM: return arg <= XFEATURE_XTILE_DATA ? -EOPNOTSUPP : -EINVAL;
	default: return -EINVAL;
	}
}

bool arch_prctl_puts(int op)
{
	return op == ARCH_GET_FS || op == ARCH_GET_GS;
}
