/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the machine, and sizes of its ABI: see arch/machine.h. */
#ifndef HL_ARCH_AARCH64_MACHINE_H
#define HL_ARCH_AARCH64_MACHINE_H

#define ARCH_NAME        "aarch64"
#define ARCH_NAME_32     "armv8l"
#define ARCH_ELF_MACHINE EM_AARCH64
#define ARCH_STAT_SIZE   128

#endif
