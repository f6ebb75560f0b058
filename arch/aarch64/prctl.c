/* SPDX-License-Identifier: Apache-2.0 */
/* arm64 has no arch_prctl(2), so every request gets ENOSYS as from its kernel. */
#include "arch/prctl.h"

#include <errno.h>

int64_t arch_prctl(struct cpu_regs *r, int op, uint64_t arg, uint64_t fp_features,
		   struct arch_prctl_effect *out)
{
	*out = (struct arch_prctl_effect){ 0 };
	return -ENOSYS;
}

bool arch_prctl_puts(int op)
{
	return false;
}
