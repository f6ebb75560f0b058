/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of strings: argument vectors and environments. */
#ifndef HL_LIB_STRINGS_H
#define HL_LIB_STRINGS_H

#include <stdbool.h>
#include <stddef.h>

/* A NULL-terminated list of strings it owns. */
struct strings {
	char **item;
	size_t count, room;
};

void strings_clear(struct strings *s);
/* Adds copies. false: no memory. */
bool strings_copy(struct strings *s, size_t count, const char *const *items);

/* Environments. The value of a variable; NULL: it is not there. */
const char *env_value(const struct strings *env, const char *name);
/* Sets a variable; `name` has `len` bytes. false: no memory. */
bool env_put(struct strings *env, const char *name, size_t len, const char *value);

#endif
