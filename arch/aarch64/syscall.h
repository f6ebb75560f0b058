/* SPDX-License-Identifier: Apache-2.0 */
/* How arm64 numbers its system calls and passes arguments of clone(2): see arch/syscall.h. */
#ifndef HL_ARCH_AARCH64_SYSCALL_H
#define HL_ARCH_AARCH64_SYSCALL_H

#define ARCH_SYSCALLS_GENERIC 1

/* clone(flags, stack, parent_tid, tls, child_tid) */
#define CLONE_ARG_TLS       3
#define CLONE_ARG_CHILD_TID 4

#endif
