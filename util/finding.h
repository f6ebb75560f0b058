/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was looked for on this host, what was found, and what to do about it. A list of checks is a
 * table that ends with a NULL key. A check leaves nothing behind and may be made at any time.
 */
#ifndef HL_UTIL_FINDING_H
#define HL_UTIL_FINDING_H

#include <stdbool.h>

enum found {
	FOUND_YES,
	FOUND_NO,      /* not there */
	FOUND_DENIED,  /* there, but not for this process */
	FOUND_UNKNOWN, /* not looked for: what it depends on is missing */
};

/* Sentences have no trailing stop; "" for none. */
struct finding {
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
	/* The finding begins as FOUND_YES without text. Not thorough: at every start, so only what
	 * costs next to nothing. */
	void (*look)(struct finding *f, bool thorough);
};

void finding_set(struct finding *f, enum found found, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void finding_value(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_advise(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes the checks in order, if not thorough those alone that are needed; `fn` gets each
 * finding. */
typedef void finding_fn(void *arg, const struct finding *f);
void checks_make(const struct check *checks, bool thorough, finding_fn *fn, void *arg);

#endif
