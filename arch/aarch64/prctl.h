/* SPDX-License-Identifier: Apache-2.0 */
/* There is no such call here: nothing can be asked, and the list is only its end. */
#ifndef HL_ARCH_AARCH64_PRCTL_H
#define HL_ARCH_AARCH64_PRCTL_H

#define ARCH_PRCTL_OPS(N)                                                                          \
	{                                                                                          \
		0, NULL                                                                            \
	}

#endif
