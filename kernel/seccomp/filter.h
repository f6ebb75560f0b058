/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters of system calls (seccomp(2)), as a tree: each was added to the one before it, which may
 * have others added to it in other threads. A thread has a leaf; all filters from there to the root
 * say what they think of a call, and the strictest counts.
 */
#ifndef HL_KERNEL_SECCOMP_FILTER_H
#define HL_KERNEL_SECCOMP_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/wait.h"
#include "util/list.h"
#include "util/lock.h"
#include "util/ref.h"
#include "util/saved.h"

struct mm_host;

/* Numbers of calls for which it is kept whether all filters always allow them. */
#define SECCOMP_KEPT_CALLS 512

/* Of a filter: what its listener hears of, kernel/seccomp/notify.h. */
struct seccomp_notices {
	struct mutex lock;
	struct list list;  /* struct notification, in order of arrival */
	_Atomic bool open; /* there is a listener; read without the lock, too */
	uint64_t next_id;
	unsigned requests;     /* that nobody has come to receive yet */
	struct waitqueue wait; /* for one more, or for the end of all threads */
};

struct seccomp_filter {
	struct ref refs;        /* threads, filters added to it, its listener, notifications */
	_Atomic uint32_t users; /* threads, filters added to it that have users */
	struct mm_host *mem;
	struct seccomp_filter *prev; /* reference; NULL: it is the first */
	unsigned depth;              /* it and those before it */
	unsigned total;              /* their lengths, as Linux counts them */
	bool log, wait_killable;
	struct seccomp_notices notices;
	_Atomic uint8_t kept[SECCOMP_KEPT_CALLS]; /* enum in filter.c */
	unsigned len;
	struct sock_filter prog[];
};

/* A checked copy of the program, charged to `mem`, with one reference and one user. -EINVAL,
 * -ENOMEM. */
int filter_new(struct mm_host *mem, const struct sock_filter *prog, unsigned len,
	       struct seccomp_filter **out);
/* Adds it to `prev` (NULL: it is the first), whose reference and user are its own from then on.
 * -ENOMEM: together they are too long. */
int filter_add_to(struct seccomp_filter *f, struct seccomp_filter *prev);
struct seccomp_filter *filter_get(struct seccomp_filter *f);
/* NULL: no effect. */
void filter_put(struct seccomp_filter *f);
/* The same for a thread's. Without threads a listener hears of the end. */
struct seccomp_filter *filter_use(struct seccomp_filter *f);
void filter_unuse(struct seccomp_filter *f);
/* Is `parent` (NULL: of all) `f` or before it? */
bool filter_is_ancestor(const struct seccomp_filter *parent, const struct seccomp_filter *f);
/* What they say of the call; *match: the filter that did, NULL: all allow it. */
uint32_t filter_verdict(struct seccomp_filter *f, const struct seccomp_data *data,
			struct seccomp_filter **match);

extern const struct saved_kind seccomp_saved;

#endif
