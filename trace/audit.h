/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit: one JSON object a line for each thing that a guest was refused, or, for learning, for
 * each thing that it used as well.
 *
 * 	{"time":T,"refused":KIND,"call":NAME,"path":P,"errno":E,"pid":N,"comm":C}
 *
 * KIND		by what it is known
 * read-only	EROFS
 * permission	EPERM, EACCES
 * hidden	the path lies in what the world hides, whatever came of the call
 * absent	ENOENT, and the host has the path, or what is above it, where the world has nothing
 * network	ENETUNREACH, EADDRNOTAVAIL and EACCES of an address
 * limit	EMFILE, ENFILE, ENOSPC, EDQUOT, ENOMEM; EAGAIN of a new thread; a process was killed
 * unknown	ENOSYS
 *
 * Bytes of a guest that are no printable ASCII are \u00XX, one each. A guest cannot fill a disk
 * or hold the monitor up: the same thing refused to the same process is told once, as far as
 * AUDIT_REMEMBERED things are remembered; after AUDIT_BURST lines, AUDIT_RATE come in a second;
 * AUDIT_BYTES in all. How many lines were left out says the next one ("left_out").
 */
#ifndef HL_TRACE_AUDIT_H
#define HL_TRACE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/lock.h"
#include "util/text.h"

#define AUDIT_REMEMBERED 1024
#define AUDIT_BURST      2000
#define AUDIT_RATE       200
#define AUDIT_BYTES      (64UL << 20)

struct dns_name;
struct net_refusal;
struct syscall_entry;
struct task;

/* Where lines go, newline included. Called by one thread at a time. */
typedef void audit_put(void *arg, const char *data, size_t len);

struct audit_config {
	audit_put *put; /* NULL: none */
	void *arg;
	bool all; /* what is used, too, and as often as it comes */
	/* Paths of the guest's: what the world hides, and what only the host has. Sorted by
	 * strcmp, owned by the caller, constant. */
	const char *const *hidden, *const *absent;
	size_t nr_hidden, nr_absent;
};

struct audit {
	struct audit_config cfg;
	struct mutex lock; /* class OBSERVER; all below */
	char *told[AUDIT_REMEMBERED];
	uint64_t allowance, filled_ns; /* lines that may be written; when that was counted */
	uint64_t bytes, left_out;
	uint64_t memory_max, threads, threads_max;
};

void audit_init(struct audit *a, const struct audit_config *cfg);
void audit_destroy(struct audit *a);
/* The caller of these is the task; no lock held. */
void audit_enter(struct audit *a, struct task *t, const struct syscall_entry *e);
void audit_program(struct audit *a, struct task *t, const char *path);
void audit_leave(struct audit *a, struct task *t, const struct syscall_entry *e, int64_t result);
void audit_net_refused(struct audit *a, struct task *t, const struct net_refusal *r);
/* Where what is used is told, too: {"used":"name","name":N,"address":A,"to":SERVER}. */
void audit_net_named(struct audit *a, struct task *t, const struct dns_name *n);
void audit_began(struct audit *a);
void audit_ended(struct audit *a);
/* Any thread. */
void audit_killed(struct audit *a, int pid, const char *comm, const char *reason);

#endif
