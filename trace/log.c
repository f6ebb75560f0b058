/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a sandbox: lines of text about what happens in it, for people. */
#include <stdarg.h>

#include "trace/tracer.h"

void tracer_log(struct tracer *o, int level, const char *fmt, ...)
{
	struct text line = { 0 };
	va_list ap;

	if (level > o->cfg.log_level)
		return;
	va_start(ap, fmt);
	text_vprintf(&line, fmt, ap);
	va_end(ap);
	mutex_lock(&o->lock);
	if (!o->muted)
		o->cfg.log(o->cfg.log_arg, text_str(&line), line.len);
	mutex_unlock(&o->lock);
	text_free(&line);
}
