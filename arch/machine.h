/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs are made for:
 *
 *   ARCH_NAME           uname(2), AT_PLATFORM
 *   ARCH_NAME_32        uname(2) of a process with the personality PER_LINUX32
 *   ARCH_ELF_MACHINE    EM_*, of executables
 *   ARCH_STAT_SIZE      of the kernel's struct stat
 */
#ifndef HL_ARCH_MACHINE_H
#define HL_ARCH_MACHINE_H

#include <elf.h>

#include "arch/arch.h"

#include ARCH_FILE(machine.h)

#endif
