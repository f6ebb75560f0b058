/* SPDX-License-Identifier: Apache-2.0 */
/* --exec: which option of an interpreter takes a program as its value. */
#include <string.h>

#include "cli/run.h"

/* By the first bytes of a program's name, behind which a version may stand. All others take -c. */
static const struct interpreter {
	const char *name, *option;
} interpreters[] = {
	{ "node", "-e" }, { "nodejs", "-e" },  { "perl", "-e" },  { "ruby", "-e" },
	{ "lua", "-e" },  { "Rscript", "-e" }, { "julia", "-e" }, { "php", "-r" },
};

/* "python3.11" is "python". */
static bool is_version(const char *s)
{
	return s[strspn(s, "0123456789.-")] == '\0';
}

const char *exec_option(const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

	for (size_t i = 0; i < sizeof interpreters / sizeof *interpreters; i++) {
		size_t len = strlen(interpreters[i].name);
		if (strncmp(name, interpreters[i].name, len) == 0 && is_version(name + len))
			return interpreters[i].option;
	}
	return "-c";
}
