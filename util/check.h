/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the host: what each looked for, what it found, and what the user can do about it. A
 * list of checks is a table that ends with a NULL key. A check leaves nothing behind and may be
 * made at any time.
 */
#ifndef HL_UTIL_CHECK_H
#define HL_UTIL_CHECK_H

#include <stdbool.h>

enum found {
	FOUND_YES,
	FOUND_NO,      /* not there */
	FOUND_DENIED,  /* there, but not for this process */
	FOUND_UNKNOWN, /* not looked for: what it depends on is missing */
};

/* Sentences have no trailing stop; "" for none. */
struct check_result {
	const char *key;
	bool needed;
	enum found found;
	char value[80]; /* for programs: a number, a name */
	char text[256];
	char advice[256];
};

struct check {
	const char *key; /* programs know it: never renamed */
	bool needed;     /* nothing works without it */
	bool chained;    /* pointless when a needed check before it has failed */
	/* The result begins as FOUND_YES without text. A check that is not thorough is made at
	 * every start, so it does only what costs next to nothing. */
	void (*look)(struct check_result *r, bool thorough);
};

void check_found(struct check_result *r, enum found found, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void check_value(struct check_result *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void check_advise(struct check_result *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes the checks in order, or, if not thorough, only those that are needed; `fn` gets each
 * result. */
typedef void check_fn(void *arg, const struct check_result *r);
void checks_make(const struct check *checks, bool thorough, check_fn *fn, void *arg);

#endif
