/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing the arguments of one system call as strace does. Guest memory is only looked at: what
 * cannot be read is printed as its address.
 */
#ifndef HL_TRACE_PRINT_H
#define HL_TRACE_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/task.h"
#include "trace/names.h"
#include "util/text.h"

/* strace's -s and the number of elements it shows of an array. */
#define TRACE_STRING_MAX 32
#define TRACE_ARRAY_MAX  32

struct print {
	struct text *out;
	struct task *t;
	const uint64_t *a; /* the six raw arguments */
	int64_t result;    /* valid when done */
	bool done;         /* printing what the call filled in */
	uint32_t socklen;  /* what a length the call changes was before it */
};

typedef void print_fn(struct print *p, int i, const struct names *names);

#define TYPE(name, when, fn, table) void fn(struct print *, int, const struct names *);
#include "sys/arg_types.def"
#undef TYPE

/* Copies an object of the guest's; prints NULL or the address and gives false where that cannot
 * be. */
bool fetch(struct print *p, gva_t addr, void *dst, size_t size);
#define FETCH(p, i, dst) (fetch_for((p), (i), (dst), sizeof *(dst)))
/* The same, and false where the call that should fill it in failed. */
bool fetch_for(struct print *p, int i, void *dst, size_t size);

void print_address(struct print *p, gva_t addr);
void print_quoted(struct text *out, const char *s, size_t len, bool truncated);
void print_guest_string(struct print *p, gva_t addr, size_t max);
void print_guest_buffer(struct print *p, gva_t addr, uint64_t len);
void print_mode_bits(struct text *out, unsigned mode);
void print_siginfo_value(struct text *out, const siginfo_t *si);
void print_iovec_at(struct print *p, gva_t addr, uint64_t count, uint64_t bytes);
const char *trace_signal_name(int sig); /* "SIGINT"; a buffer of the calling thread */

#endif
