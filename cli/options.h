/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of hl run, one table for both places where they are given: the command line, and the
 * file of --policy, where a long name is a key.
 *
 * A policy is the most that a run gets. The command line beside it can take away from that and say
 * what is no matter of confinement, but never give more.
 */
#ifndef HL_CLI_OPTIONS_H
#define HL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct run;

enum option_rule {
	RUN,      /* concerns this run and not its world: no key of a policy */
	DETAIL,   /* confines nobody: the command line's counts where both have it */
	GRANTS,   /* gives the program something: where there is a policy, only that may have it */
	CONFINES, /* takes something away: both may have it, and must not contradict each other */
	LIMIT,    /* a number or a size: the smaller one counts */
	RULE = 7,
	REPEATS = 8, /* may be given several times; in a policy it may be an array */
};

struct option_def {
	const char *name;
	char letter;                               /* 0: none */
	int has_arg;                               /* as getopt_long(3) */
	int (*fn)(struct run *r, const char *arg); /* 0, or hl's exit status */
	int rule;                                  /* enum option_rule */
	const char *words; /* what it means to the program; "*": the value. NULL: no key */
};

extern const struct option_def options[];
extern const size_t nr_options;

/* A key of a policy; NULL: there is none of this name. */
const struct option_def *policy_option(const char *name);
/* How much `text`, the value of a LIMIT, allows. false: that is no number and no size. */
bool limit_value(const char *text, double *out);

#endif
