/* SPDX-License-Identifier: Apache-2.0 */
/* struct hl_config: what a sandbox is to be, as the caller of hl.h has said it so far. */
#ifndef HL_LIB_CONFIG_H
#define HL_LIB_CONFIG_H

#include "hl.h"
#include "kernel/limits.h"
#include "lib/driver.h"
#include "lib/functions.h"
#include "lib/mounts.h"
#include "lib/output.h"
#include "lib/strings.h"
#include "host/clock.h"

struct hl_config {
	struct strings args;
	struct strings caller_env;   /* what a plain world starts from */
	struct strings env;          /* what is set beside */
	bool clear_env;              /* `env` is all there is */
	char *program;               /* NULL: args[0] */
	char *initrd;                /* an archive that is the root; NULL: none */
	char *workdir;               /* NULL: the caller's; of a private world: "/" */
	char *sysroot;               /* NULL: none */
	char *root;                  /* a directory of the host's; NULL: the host's own */
	bool overlay;                /* what is written to the root goes elsewhere */
	char *upper;                 /* where to: a directory of the host's; NULL: memory */
	bool isolate;                /* the host's programs, over a root in memory */
	enum hl_network network;     /* HL_NETWORK_DEFAULT: by the kind of world */
	struct strings allow, block; /* rules of the network, as net/policy.h has them */
	struct strings publish;      /* ports of the host that reach the guest: lib/publish.h */
	char *hostname;              /* NULL: the host's; of a private world: "hl" */
	char *user;                  /* UID[:GID]; NULL: the caller; of a private world: root */
	char *workspace;             /* a directory of the host to work in; NULL: none */
	struct strings hidden;       /* paths of the guest's where it finds nothing */
	struct mount_list mounts;    /* beside the standard ones */
	char *platform;
	uint64_t timeout_ms;      /* 0: none */
	void (*ready)(void *arg); /* NULL: nobody is told */
	void *ready_arg;
	int stdio[3];              /* host descriptors; -1: closed */
	uint64_t ignored, blocked; /* signals; bit n-1 for signal n */
	int log_level;
	hl_output_fn *log;
	void *log_arg;
	hl_output_fn *trace; /* NULL: none */
	void *trace_arg;
	hl_output_fn *audit; /* NULL: none */
	void *audit_arg;
	enum hl_audit audit_of;
	enum hl_trace_format trace_format;
	bool stats;
	char *translator; /* of programs for other CPUs; NULL: by name */
	char *core;       /* pattern of core files; NULL: none are kept */
	char *debugger;   /* where one is waited for; NULL: nowhere */
	bool host_priority, resettable, deterministic, self_contained;
	enum hl_jail jail;
	bool jail_strict;
	uint64_t limits[HL_NR_LIMITS]; /* 0: none */
	/* How far the guest's clocks are from the host's. No public call sets it: it is for what
	 * brings a guest's time along, and for tests (tests/clock). */
	struct guest_clock clock;
	bool savable, save_listen; /* it is to be saved; when it listens, at this port (0: any) */
	unsigned save_port;
	char *save_file;   /* what hl_sandbox_save writes to; NULL: made then */
	char *save_output; /* when it prints this; NULL: no matter */
	/* It is run by one of hl's drivers (lib/driver.h), which loads these; NULL: it is not. */
	const struct driver *driver;
	struct strings modules;
	struct output_config output[2];
	bool has_input;
	char *input; /* what standard input reads then; owned */
	size_t input_len;
	struct function *functions; /* that the program may call; owned */
	size_t nr_functions;
	/* What hl_config_take_world has set and a setter replaces: so many of the first mounts, and
	 * what there is to the network. */
	size_t taken_mounts;
	bool taken_network;
	/* What a setter could not say; the first one stays. */
	bool no_memory;
	char *invalid;
};

/* Something was said that cannot be. */
void config_invalid(struct hl_config *cfg, const char *what, const char *value);
/* What the sandbox is limited to, as the kernel takes it. */
struct sandbox_limits config_limits(const struct hl_config *cfg);

#endif
