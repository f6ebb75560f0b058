/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the checks of a table one after the other, and helps each of them to phrase what it has
 * found. */
#include "util/check.h"

#include <stdarg.h>
#include <stdio.h>

void check_found(struct check_result *r, enum found found, const char *fmt, ...)
{
	va_list ap;

	r->found = found;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
}

void check_value(struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->value, sizeof r->value, fmt, ap);
	va_end(ap);
}

void check_advise(struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->advice, sizeof r->advice, fmt, ap);
	va_end(ap);
}

void checks_make(const struct check *checks, bool thorough, check_fn *fn, void *arg)
{
	bool broken = false;

	for (const struct check *c = checks; c->key; c++) {
		if (!thorough && !c->needed)
			continue;
		struct check_result r = { .key = c->key, .needed = c->needed };
		if (broken && c->chained)
			check_found(&r, FOUND_UNKNOWN, "not looked for");
		else
			c->look(&r, thorough);
		broken = broken || (c->needed && r.found != FOUND_YES);
		fn(arg, &r);
	}
}
