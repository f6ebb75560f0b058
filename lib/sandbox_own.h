/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a sandbox's life share: sandbox.c starts one, with its standard streams
 * (sandbox_streams.c); sandbox_copy.c loads, resets and saves one; sandbox_run.c is for while it
 * runs, and ends it.
 */
#ifndef HL_LIB_SANDBOX_OWN_H
#define HL_LIB_SANDBOX_OWN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hl.h"
#include "lib/confine.h"
#include "lib/secluded.h"
#include "lib/strings.h"
#include "snapshot/snapshot.h"
#include "util/codec.h"

struct audience;
struct core_files;
struct debug_server;
struct errmsg;
struct family;
struct found_outside;
struct functions;
struct hardware;
struct kindred;
struct netns;
struct net_policy;
struct observer;
struct output;
struct publisher;
struct spawn_request;
struct starter;

struct hl_sandbox {
	struct sandbox *kernel;
	struct family *family; /* of a copy: a reference; NULL: it is none */
	struct snapshot *snap; /* where a reset goes back to; NULL: it cannot be reset */
	char *hostname;        /* then, of its configuration; NULL: none */
	int stdio[3];          /* then ours; -1: closed */
	/* A copy in which a driver runs: what a program would start with, but for what
	 * hl_config_add_env adds, and where. dir NULL: it is another one. */
	struct strings base_env;
	char *dir;
	/* Then the thread that has started it; NULL: the caller's. */
	struct starter *starter;
	struct net_policy *net_policy; /* NULL: a constant one */
	struct netns *netns;           /* NULL: none */
	struct publisher *publisher;   /* NULL: no port is published */
	struct core_files *cores;      /* NULL: none are kept */
	struct debug_server *debug;    /* NULL: no debugger is waited for */
	struct output *output;         /* NULL: all of it goes to descriptors of the caller's */
	int input_fd;                  /* ours; -1: a descriptor of the caller's */
	struct calls *calls;
	struct functions *functions; /* NULL: none */
	struct confinement jail;
	struct observer *observer;
	struct secluded secluded; /* what the audit of the observer knows */
	struct encoder world;     /* as its snapshots keep it */
	struct snapshot_options save_options;
	char *save_file;           /* of save_options.early; NULL: none */
	struct filesystem *hostfd; /* what inherited descriptors hang on */
	int event_fd;
	uint64_t start_ns, timeout_ns; /* timeout 0: none */
	pthread_t timer;
	bool has_timer;
	bool freeing;        /* kernel->lock: ends the timer */
	_Atomic bool broken; /* a reset has failed */
	_Atomic uint64_t end_ns;
	_Atomic bool expired, killed;
};

/* What is to be done instead of a program's start; NULLs: nothing else. */
struct instead {
	const struct audience *plan;        /* it is told there would be, and nothing is left */
	struct family *family;              /* NULL: it is no copy */
	struct kindred *kindred;            /* of it; NULL: it has none */
	struct starter *starter;            /* then the thread that starts it */
	const struct found_outside *inside; /* which is inside; NULL: it is not yet */
	struct found_outside *outside;      /* then what it finds */
	struct hardware *hardware;          /* it is to run on; NULL: it is made then */
	struct snapshot *snap;              /* of the family; the program goes on that this holds */
	bool driver;                        /* which is a driver */
	bool rest;                          /* the copy does not run, but waits for sandbox_go() */
};

/* ---- sandbox_streams.c ---- */

/* The standard descriptors as files of the request. 0 or -errno; sandbox_put_stdio either way. */
int sandbox_wrap_stdio(struct hl_sandbox *sb, const int stdio[3], struct spawn_request *rq);
void sandbox_put_stdio(struct spawn_request *rq);
/* The streams of a run: the caller's descriptors, or ours in their place. 0 or -errno. */
int sandbox_make_streams(struct hl_sandbox *sb, struct hl_config *cfg);

/* ---- sandbox_copy.c ---- */

/* What a copy that can be reset needs of its configuration: each run has it. 0 or -errno. */
int sandbox_keep_config(struct hl_sandbox *sb, const struct hl_config *cfg);
/* In a sandbox whose world is made: the copy goes on, or rests. */
int sandbox_start_copy(struct hl_sandbox *sb, const struct hl_config *cfg, const struct instead *in,
		       struct hl_error **err);

/* ---- sandbox_run.c ---- */

/* Milliseconds as nanoseconds; HL_FOREVER is centuries. */
uint64_t sandbox_ns(uint64_t milliseconds);
/* The thread of the time limit; 0: there is none. */
int sandbox_start_timer(struct hl_sandbox *sb, uint64_t timeout_ms, struct hl_error **err);
void sandbox_stop_timer(struct hl_sandbox *sb);

#endif
