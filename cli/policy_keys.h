/* SPDX-License-Identifier: Apache-2.0 */
/* A policy as values of options: which keys there are, and which type each of them has. */
#ifndef HL_CLI_POLICY_KEYS_H
#define HL_CLI_POLICY_KEYS_H

#include "cli/cli.h"

struct option_def;

struct policy_value {
	const struct option_def *option;
	char *text; /* NULL: the option stands without a value */
	unsigned line;
};

/* In the order of the table of options, whatever the order in the file: an object has none. */
struct policy {
	struct policy_value *value;
	size_t count, room;
};

/* Adds a value. 0 or hl's exit status. */
int policy_add(struct output *out, struct policy *p, const struct option_def *option,
	       const char *text);
/* 0 or hl's exit status; on a failure there is nothing to free. */
int policy_load(struct output *out, const char *file, struct policy *to);
void policy_free(struct policy *p);
/* The first value of the option; NULL: the policy does not have it. */
const struct policy_value *policy_find(const struct policy *p, const struct option_def *option);

#endif
