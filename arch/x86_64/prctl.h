/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of arch_prctl(2), which x86 alone has. */
#ifndef HL_ARCH_X86_64_PRCTL_H
#define HL_ARCH_X86_64_PRCTL_H

#include <asm/prctl.h>

#ifndef ARCH_GET_XCOMP_SUPP
#define ARCH_GET_XCOMP_SUPP 0x1021
#define ARCH_GET_XCOMP_PERM 0x1022
#define ARCH_REQ_XCOMP_PERM 0x1023
#endif

#define ARCH_PRCTL_OPS(N)                                                                          \
	N(ARCH_SET_GS), N(ARCH_SET_FS), N(ARCH_GET_FS), N(ARCH_GET_GS), N(ARCH_GET_CPUID),         \
	    N(ARCH_SET_CPUID), N(ARCH_GET_XCOMP_SUPP), N(ARCH_GET_XCOMP_PERM),                     \
	    N(ARCH_REQ_XCOMP_PERM)

#endif
