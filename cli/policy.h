/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The syntax of a policy: one JSON object, whose members are a boolean, a number, a string or an
 * array of strings. Comments may stand where white space may: from "//" to the end of the line. The
 * same key twice is an error.
 */
#ifndef HL_CLI_POLICY_H
#define HL_CLI_POLICY_H

#include "cli/cli.h"

enum policy_type { POLICY_BOOLEAN, POLICY_NUMBER, POLICY_STRING, POLICY_ARRAY };

/* A member. An array is told as its strings are, one a call. */
struct policy_item {
	const char *key;
	enum policy_type type;
	bool on;          /* of a boolean */
	const char *text; /* of a number: as it stands in the file. NULL: of an empty array */
};

/* 0, or the exit status of hl, after one line that says what is wrong. */
typedef int policy_fn(void *arg, const struct policy_item *item);

/* Calls `fn` for each member of the policy in `file`; while it runs, `out` says at which line a
 * complaint is. 0 or hl's exit status. */
int policy_read(struct output *out, const char *file, policy_fn *fn, void *arg);

#endif
