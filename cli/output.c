/* SPDX-License-Identifier: Apache-2.0 */
/* How the commands report errors, and the exit status that each kind of error has. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

void complain(const struct output *out, const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	int n;

	if (out->quiet)
		return;
	n = snprintf(line, sizeof line, "%s: ", out->command ? out->command : "hl");
	if (out->file && out->line)
		n += snprintf(line + n, 2048, "%.1900s:%u: ", out->file, out->line);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = (int)sizeof line - 2;
	line[n++] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

int usage_error(const struct output *out, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	complain(out, "%s (%s --help shows the usage)", text, out->command ? out->command : "hl");
	return STATUS_USAGE;
}

static int status_of(enum hl_code code)
{
	switch (code) {
	case HL_INVALID: return STATUS_USAGE;
	case HL_NOT_FOUND: return STATUS_NOT_FOUND;
	case HL_NOT_EXEC: return STATUS_NOT_EXEC;
	case HL_TIMED_OUT: return STATUS_TIMEOUT;
	default: return STATUS_HL;
	}
}

int report_error(const struct output *out, struct hl_error *err)
{
	int status = status_of(hl_error_code(err));

	complain(out, "%s", hl_error_text(err));
	hl_error_free(err);
	return status;
}

int report_no_memory(const struct output *out)
{
	complain(out, "out of memory");
	return STATUS_HL;
}

/* gmtime(3) would bring time zones with it, and 90 KB. Years are counted here from March on, so
 * that a leap day is the last of its year, and in ages of 400 years, which repeat. */
void write_utc(char text[UTC_MAX], uint64_t seconds)
{
	uint64_t days = seconds / 86400 + 719468; /* from 0000-03-01 */
	uint64_t age = days / 146097, day = days % 146097, s = seconds % 86400;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;

	day -= 365 * year + year / 4 - year / 100;
	uint64_t month = (5 * day + 2) / 153; /* 0: March */
	day -= (153 * month + 2) / 5;
	snprintf(text, UTC_MAX, "%04lu-%02lu-%02lu %02lu:%02lu:%02lu UTC",
		 age * 400 + year + (month >= 10), month < 10 ? month + 3 : month - 9, day + 1,
		 s / 3600, s / 60 % 60, s % 60);
}
