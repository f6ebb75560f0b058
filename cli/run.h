/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a program: what its options say. */
#ifndef HL_CLI_RUN_H
#define HL_CLI_RUN_H

#include <stdint.h>

#include "cli/cli.h"
#include "cli/learn.h"
#include "cli/policy_keys.h"

/* What hl run and its kin do with the options. */
enum run_verb {
	RUN_PROGRAM,
	RUN_SAVE, /* a program, until it is saved */
	RUN_COPY, /* what was saved */
};

struct run {
	enum run_verb verb;
	struct output out;
	struct hl_config *cfg;
	int verbose;
	bool stats;
	int trace_fd;     /* -1: none */
	int audit_fd;     /* -1: none */
	bool audit_cut;   /* its last line has no end */
	bool done;        /* an option did all there is to do */
	const char *code; /* --exec; NULL: none */
	unsigned long repeat;
	uint64_t limit_ms;       /* of time; 0: none */
	const char *policy;      /* a file; NULL: none */
	struct image_run *image; /* --image; NULL: none */
	const char *entrypoint;  /* in place of the image's; NULL: none */
	const char *learn_file;  /* NULL: nothing is learned */
	struct policy given;     /* the options of the world, where something is learned */
	struct learn *learn;
	struct learn_world learn_world;
	struct hl_stats learn_stats;
	bool dry; /* say what there would be, and run nothing */
	/* RUN_SAVE, RUN_COPY */
	const char *file;
	const char *driver; /* that is to get the program ready, or that takes jobs; NULL: none */
	uint64_t after_ms;  /* save then; UINT64_MAX: never */
	bool when_idle;     /* and then only when nothing of it runs */
	unsigned idle;      /* looks so far that found it so, one behind the other */
	uint64_t entries;   /* into the guest, at the last of them */
	struct relay *relay;
	struct hl_snapshot *snapshot; /* RUN_COPY: the open file */
	uint64_t open_ns;             /* that this took */
	bool times;                   /* -v tells them */
	hl_function *told;            /* by a driver, of the modules it loads; NULL: nobody */
	void *told_arg;
	struct hl_sandbox *again; /* the copy of the run before, to be reset; NULL: none */
	bool saved;
	int save_status; /* hl's exit status where it was to be saved and could not */
	struct hl_sandbox *sb;
};

/* cli/run.c: CLOCK_MONOTONIC. */
uint64_t now_ns(void);
/* cli/run.c: all of it, with r->verb and r->file set; hl's exit status. */
int run_whole(struct run *r, int argc, char **argv);

/* cli/parse.c: fills *r in, up to the program, which is argv[optind]. -1: go on and run; else
 * hl's exit status. */
int parse_options(struct run *r, int argc, char **argv);

/* How many words the option at argv[0] takes, with its value; 1 where it is none. */
int parse_option_words(int argc, char **argv);
/* The index of the first word that is neither an option nor the value of one; argc: there is
 * none. */
int parse_first_word(int argc, char **argv);

/* cli/snapshot.c: hl snapshot run, with r->file set, which is argv[0]. */
int snapshot_run(struct run *r, int argc, char **argv);

/* cli/exec.c: the option by which an interpreter takes a program from its command line. */
const char *exec_option(const char *program);

#endif
