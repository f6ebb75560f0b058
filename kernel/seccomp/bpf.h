/* SPDX-License-Identifier: Apache-2.0 */
/* Classic BPF as filters of system calls are written in: with the checks of Linux's
 * seccomp_check_filter() (kernel/seccomp.c). */
#ifndef HL_KERNEL_SECCOMP_BPF_H
#define HL_KERNEL_SECCOMP_BPF_H

#include <linux/seccomp.h>

#include "util/bpf.h"

/* Such programs read nothing but struct seccomp_data. */
extern const struct bpf_kind bpf_of_calls;
/* The length of a checked program in the instructions that Linux makes of it
 * (bpf_convert_filter()), by which it bounds them. */
unsigned bpf_linux_length(const struct sock_filter *prog, unsigned len);
/* Does a checked program allow the call, whatever its arguments are and wherever it is made? False
 * also where that is hard to tell. */
bool bpf_always_allows(const struct sock_filter *prog, uint32_t nr, uint32_t arch);

#endif
