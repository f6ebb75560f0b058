/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the "#!" line of a script, after load_script() of Linux's fs/binfmt_script.c. */
#include "loader/script.h"

#include <errno.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

static char *skip_word(char *p)
{
	while (*p && !is_blank(*p))
		p++;
	return p;
}

static void trim(char *start, char *end)
{
	while (end > start && is_blank(end[-1]))
		*--end = '\0';
}

/* After Linux's load_script: a line longer than the buffer is cut, as long as the interpreter's
 * name is whole. */
int script_parse(struct script *s, const char *head, size_t n)
{
	char *newline, *word, *rest;

	memset(s, 0, sizeof *s);
	memcpy(s->line, head, n < SCRIPT_LINE_MAX ? n : SCRIPT_LINE_MAX);
	newline = memchr(s->line, '\n', SCRIPT_LINE_MAX);
	if (newline)
		*newline = '\0';
	else
		s->line[SCRIPT_LINE_MAX - 1] = '\0';
	word = skip_blanks(s->line + 2);
	rest = skip_word(word);
	if (!newline && rest >= s->line + SCRIPT_LINE_MAX - 1)
		return -ENOEXEC;
	trim(rest, rest + strlen(rest));
	if (newline && word == rest)
		return -ENOEXEC;
	if (*rest) {
		*rest = '\0';
		s->arg = skip_blanks(rest + 1);
	}
	s->interp = word;
	return 0;
}
