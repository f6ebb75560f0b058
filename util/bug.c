// SPDX-License-Identifier: Apache-2.0
/* Nothing is allocated and no lock is taken: whoever comes here may hold any. */
#include "util/bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void bug_report(const char *file, int line, const char *condition)
{
	char text[256];
	int n = snprintf(text, sizeof text, "hl: a mistake of hl's own, at %s:%d: %s\n", file, line,
			 condition);

	if (n > 0)
		(void)!write(STDERR_FILENO, text,
			     (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
	abort();
}
