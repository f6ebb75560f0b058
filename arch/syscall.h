/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How programs make system calls:
 *
 *   ARCH_SYSCALLS_GENERIC       0: the numbers are those of sys/syscalls.def, x86-64's;
 *                               1: those of the generic table
 *   CLONE_ARG_CHILD_TID, _TLS   which arguments of clone(2) these are (CONFIG_CLONE_BACKWARDS)
 */
#ifndef HL_ARCH_SYSCALL_H
#define HL_ARCH_SYSCALL_H

#include "arch/arch.h"

#include ARCH_FILE(syscall.h)

#endif
