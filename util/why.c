/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the first explanation of a failure, because the code that fails first knows most about
 * it. */
#include "util/why.h"

#include <stdarg.h>
#include <stdio.h>

int why_set(struct why *w, int err, const char *fmt, ...)
{
	if (w && w->text[0] == '\0') {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(w->text, sizeof w->text, fmt, ap);
		va_end(ap);
	}
	return -err;
}
