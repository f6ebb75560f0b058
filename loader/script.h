/* SPDX-License-Identifier: Apache-2.0 */
/* The first line of a script: "#! interpreter argument" (execve(2), "Interpreter scripts"). */
#ifndef HL_LOADER_SCRIPT_H
#define HL_LOADER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* How much of a file Linux looks at (BINPRM_BUF_SIZE). */
#define SCRIPT_LINE_MAX 256

struct script {
	char line[SCRIPT_LINE_MAX + 1];
	const char *interp; /* in line */
	const char *arg;    /* in line; NULL: none */
};

static inline bool script_is(const char *head, size_t n)
{
	return n >= 2 && head[0] == '#' && head[1] == '!';
}

/* Takes the first `n` (at most SCRIPT_LINE_MAX) bytes of a file apart. 0, or -ENOEXEC: no
 * interpreter named, or its name is cut off by the limit. In a line without an end the name may be
 * empty, as with Linux. */
int script_parse(struct script *s, const char *head, size_t n);

#endif
