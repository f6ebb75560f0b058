/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence that goes with a failure: filled in where the cause is known, shown to the user at
 * the library's edge. */
#ifndef HL_UTIL_WHY_H
#define HL_UTIL_WHY_H

struct why {
	char text[512];
};

/* Sets the sentence (no newline, no trailing stop) and returns -`err`, so that `return why_set(w,
 * ENOENT, ...)` reads well. `w` may be NULL. The first sentence set stays: outer layers know
 * less. */
int why_set(struct why *w, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
