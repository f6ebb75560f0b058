/* SPDX-License-Identifier: Apache-2.0 */
/* How x86 numbers its system calls and passes arguments of clone(2): see arch/syscall.h. */
#ifndef HL_ARCH_X86_64_SYSCALL_H
#define HL_ARCH_X86_64_SYSCALL_H

#define ARCH_SYSCALLS_GENERIC 0

#define CLONE_ARG_CHILD_TID 3
#define CLONE_ARG_TLS       4

#endif
