/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF: the checks of Linux's bpf_check_classic() (net/core/filter.c), and what the
 * instructions do (Linux's Documentation/networking/filter.rst). What a program may load, and which
 * instructions it has besides those that all have, is said by its kind.
 */
#ifndef HL_UTIL_BPF_H
#define HL_UTIL_BPF_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct bpf_kind {
	/* Have programs of the kind this instruction, which not all have? */
	bool (*allows)(const struct sock_filter *f);
	/* What a load gets from the data (*to is what the register holds). False: there is nothing,
	 * and the program ends with 0. */
	bool (*load)(const void *data, const struct sock_filter *f, uint32_t x, uint32_t *to);
};

/* Is it a program of the kind that ends, and stays within itself and its memory? 0, -EINVAL,
 * -ENOMEM. */
int bpf_check(const struct bpf_kind *kind, const struct sock_filter *prog, unsigned len);
/* What a checked program says of the data. */
uint32_t bpf_run(const struct bpf_kind *kind, const struct sock_filter *prog, const void *data);
/* How many instructions a jump leaves out. */
uint32_t bpf_jump(const struct sock_filter *f, uint32_t a, uint32_t x);

#endif
