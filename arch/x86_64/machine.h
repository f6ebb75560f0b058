/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the machine, and sizes of its ABI: see arch/machine.h. */
#ifndef HL_ARCH_X86_64_MACHINE_H
#define HL_ARCH_X86_64_MACHINE_H

#define ARCH_NAME        "x86_64"
#define ARCH_NAME_32     "i686"
#define ARCH_ELF_MACHINE EM_X86_64
#define ARCH_STAT_SIZE   144

#endif
