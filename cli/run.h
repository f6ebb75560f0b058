/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a program: what its options say. */
#ifndef HL_CLI_RUN_H
#define HL_CLI_RUN_H

#include "cli/cli.h"

struct run {
	struct output out;
	struct hl_config *cfg;
	int verbose;
	bool stats;
	int trace_fd;     /* -1: none */
	bool done;        /* an option did all there is to do */
	const char *code; /* --exec; NULL: none */
	unsigned long repeat;
	const char *policy; /* a file; NULL: none */
	bool dry;           /* say what there would be, and run nothing */
};

/* cli/parse.c: fills *r in, up to the program, which is argv[optind]. -1: go on and run; else
 * hl's exit status. */
int parse_options(struct run *r, int argc, char **argv);

/* cli/exec.c: the option by which an interpreter takes a program from its command line. */
const char *exec_option(const char *program);

#endif
