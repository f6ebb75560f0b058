/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of a thread that its tracer holds, as ptrace(2) has them. They are the platform's
 * (kernel/park.h); the number of the system call that the thread is in, which is the kernel's to
 * keep, is one of them on some CPUs. Errors are -errno.
 */
#ifndef HL_KERNEL_PTRACE_REGS_H
#define HL_KERNEL_PTRACE_REGS_H

#include <stddef.h>
#include <stdint.h>

#include "arch/ptrace.h"

struct task;

int ptrace_regs_get(struct task *o, uint64_t out[COREFILE_REGS]);
/* Sets `n` of them from `first` on, up to one that cannot be: -EIO. */
int ptrace_regs_set(struct task *o, unsigned first, const uint64_t *in, unsigned n);
/* Extended state of `type` (NT_*): its size, 0: there is no such. */
size_t ptrace_fp_size(struct task *o, uint32_t type);
/* The whole of it. */
int ptrace_fp_get(struct task *o, uint32_t type, void *out);
int ptrace_fp_set(struct task *o, uint32_t type, const void *in);

#endif
