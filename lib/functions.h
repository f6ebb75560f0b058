/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of the host that a program may call (hl_config_add_function), and the threads that
 * run them. These are not confined, so they are there before the sandbox is.
 *
 * One thread always waits for a call. When it gets one, and no other waits, it starts another
 * before it runs the function, so that a function that takes long keeps nobody else waiting.
 */
#ifndef HL_LIB_FUNCTIONS_H
#define HL_LIB_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hl.h"
#include "kernel/calls.h"

struct function {
	char *name;
	hl_function *fn;
	void *arg;
};

/* Lists of them. false: no memory. */
bool function_list_add(struct function **list, size_t *count, const char *name, hl_function *fn,
		       void *arg);
void function_list_free(struct function *list, size_t count);

struct functions;

/* A thread that waits for calls at `cs`, which outlives them. Copies the list. 0, -ENOMEM or the
 * error of a thread. */
int functions_start(const struct function *list, size_t count, struct calls *cs,
		    struct functions **out);
/* No function is called any more. False: at `deadline` (monotonic_ns()) one still runs. NULL:
 * true. */
bool functions_stop(struct functions *fs, uint64_t deadline);
/* When they have stopped. */
void functions_free(struct functions *fs);

#endif
