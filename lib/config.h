/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HL_LIB_CONFIG_H
#define HL_LIB_CONFIG_H

#include "hl.h"
#include "lib/mounts.h"
#include "host/clock.h"

/* A NULL-terminated list of strings it owns. */
struct strings {
	char **item;
	size_t count, room;
};

struct hl_config {
	struct strings args, env;
	char *program; /* NULL: args[0] */
	char *workdir; /* NULL: the caller's */
	char *sysroot; /* NULL: none */
	struct mount_list mounts;
	char *platform;
	uint64_t timeout_ms;       /* 0: none */
	int stdio[3];              /* host descriptors; -1: closed */
	uint64_t ignored, blocked; /* signals; bit n-1 for signal n */
	int log_level;
	hl_output_fn *log;
	void *log_arg;
	hl_output_fn *trace; /* NULL: none */
	void *trace_arg;
	enum hl_trace_format trace_format;
	bool stats;
	bool host_priority;
	uint64_t memory_limit; /* bytes; 0: from the host */
	/* How far the guest's clocks are from the host's. No public call sets it: it is for what
	 * brings a guest's time along, and for tests (tests/clock). */
	struct guest_clock clock;
	/* What a setter could not say; the first one stays. */
	bool no_memory;
	char *invalid;
};

#endif
