/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the first explanation of a failure, because the code that fails first knows most about
 * it. */
#include "util/errmsg.h"

#include <stdarg.h>
#include <stdio.h>

int errmsg_set(struct errmsg *m, int err, const char *fmt, ...)
{
	if (m && m->text[0] == '\0') {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(m->text, sizeof m->text, fmt, ap);
		va_end(ap);
	}
	return -err;
}
