/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the checks of a table one after the other, and helps each of them to phrase what it has
 * found. */
#include "util/finding.h"

#include <stdarg.h>
#include <stdio.h>

void finding_set(struct finding *f, enum found found, const char *fmt, ...)
{
	va_list ap;

	f->found = found;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
}

void finding_value(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->value, sizeof f->value, fmt, ap);
	va_end(ap);
}

void finding_advise(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->advice, sizeof f->advice, fmt, ap);
	va_end(ap);
}

void checks_make(const struct check *checks, bool thorough, finding_fn *fn, void *arg)
{
	bool broken = false;

	for (const struct check *c = checks; c->key; c++) {
		if (!thorough && !c->needed)
			continue;
		struct finding f = { .key = c->key, .needed = c->needed };
		if (broken && c->chained)
			finding_set(&f, FOUND_UNKNOWN, "not looked for");
		else
			c->look(&f, thorough);
		broken = broken || (c->needed && f.found != FOUND_YES);
		fn(arg, &f);
	}
}
