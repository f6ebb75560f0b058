/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence that goes with a failure: filled in where the cause is known, shown to the user at
 * the library's edge. */
#ifndef HL_UTIL_ERRMSG_H
#define HL_UTIL_ERRMSG_H

struct errmsg {
	char text[512];
};

/* Sets the sentence (no newline, no trailing stop) and returns -`err`, so that `return
 * errmsg_set(m, ENOENT, ...)` reads well. `m` may be NULL. The first sentence set stays: outer
 * layers know less. */
int errmsg_set(struct errmsg *m, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
