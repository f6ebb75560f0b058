/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --learn: what a run uses becomes a policy. The lines of the audit go through a pipe to a process
 * of hl's own, which was made before the monitor confined itself: it alone looks at the host's
 * files and writes the policy, when the run is over.
 */
#ifndef HL_CLI_LEARN_H
#define HL_CLI_LEARN_H

#include <stdint.h>

#include "cli/cli.h"
#include "cli/policy_keys.h"

/* What the policy is made from besides. */
struct learn_world {
	const struct policy *given; /* the options of the run's world, wherever they were given */
	const char *const *args;    /* of the program */
	const char *file;           /* where the policy goes */
	int64_t began;              /* when the run began: seconds since 1970 */
};

struct learn;
/* Before threads and sandboxes. NULL: complained. */
struct learn *learn_begin(const struct output *out, const struct learn_world *w);
/* hl_output_fn: a line of the audit. */
void learn_put(void *learn, const char *line, size_t len);
/* The run is over; 0, or the status of hl where there is no policy. */
int learn_end(const struct output *out, struct learn *l, const struct hl_stats *stats);

/* cli/learned.c: the set of what was used. */
enum {
	USED_READ = 1,
	USED_WRITE = 2,
	USED_EXEC = 4,
	USED_OPEN = 8, /* a directory was opened, not only asked about */
	REFUSED = 16,
	NAME_SERVER = 32, /* it has answered */
};

struct use {
	char *name; /* a path, or an address */
	unsigned how;
};

#define LEARNED_NAMES 1024

struct learned {
	struct use *use;
	/* what name servers have said, the latest ones: the next one goes to next_name */
	struct {
		char *address, *name;
	} named[LEARNED_NAMES];
	size_t next_name;
	size_t count, room;
	bool overflow; /* there was more, or no memory for it */
	uint64_t memory, threads;
};

void learned_add(struct learned *l, const char *name, unsigned how);
/* A line of the audit. */
void learned_take(struct learned *l, const char *line);
/* Sorted by name, each once. */
void learned_settle(struct learned *l);
void learned_free(struct learned *l);

/* cli/learn_policy.c: makes the policy of it; 0 or hl's exit status. */
int learn_write(const struct output *out, const struct learn_world *w, struct learned *l, int fd);

#endif
