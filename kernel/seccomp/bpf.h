/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF as filters of system calls are written in: the checks of Linux's
 * bpf_check_classic() (net/core/filter.c) and seccomp_check_filter() (kernel/seccomp.c), and what
 * the instructions do (Linux's Documentation/networking/filter.rst).
 */
#ifndef HL_KERNEL_SECCOMP_BPF_H
#define HL_KERNEL_SECCOMP_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/* Is it a program that ends, stays within itself and its memory, and reads nothing but struct
 * seccomp_data? 0, -EINVAL, -ENOMEM. */
int bpf_check(const struct sock_filter *prog, unsigned len);
/* The length of a checked program in the instructions that Linux makes of it
 * (bpf_convert_filter()), by which it bounds them. */
unsigned bpf_linux_length(const struct sock_filter *prog, unsigned len);
/* What a checked program says of the call. */
uint32_t bpf_run(const struct sock_filter *prog, const struct seccomp_data *data);
/* Does a checked program allow the call, whatever its arguments are and wherever it is made? False
 * also where that is hard to tell. */
bool bpf_always_allows(const struct sock_filter *prog, uint32_t nr, uint32_t arch);

#endif
