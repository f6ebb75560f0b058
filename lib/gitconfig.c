/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at git's configuration line by line. The files may be a stranger's: nothing in them is
 * obeyed, and one that is too large or has a NUL byte counts as empty.
 */
#include "lib/gitconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"

#define CONFIG_MAX (1 << 20)

/* What of a section or a key is secret, or leads to a program that knows secrets. */
static const char *const secret_sections[] = { "credential", "sendemail", "imap" };
static const char *const secret_keys[] = { "extraheader", "password", "token", "secret",
					   "cookiefile",  "sslkey",   "apikey" };

struct line {
	const char *text, *end; /* with its newline, and the lines that continue it */
};

static bool next_line(const char **at, struct line *out)
{
	const char *s = *at;

	if (!*s)
		return false;
	for (;;) {
		s += strcspn(s, "\n");
		bool goes_on = s > *at && s[-1] == '\\' && *s;
		s += *s == '\n';
		if (!goes_on)
			break;
	}
	*out = (struct line){ *at, s };
	*at = s;
	return true;
}

static const char *skip_blank(const char *s)
{
	return s + strspn(s, " \t\r");
}

static bool begins(const char *s, const char *word)
{
	return strncasecmp(s, word, strlen(word)) == 0;
}

static bool is_secret_key(const char *key)
{
	size_t len = strcspn(key, " \t\r\n=");

	for (size_t i = 0; i < sizeof secret_keys / sizeof *secret_keys; i++) {
		size_t n = strlen(secret_keys[i]);
		for (size_t at = 0; at + n <= len; at++) {
			if (strncasecmp(key + at, secret_keys[i], n) == 0)
				return true;
		}
	}
	return false;
}

static bool is_secret_section(const char *header)
{
	const char *name = skip_blank(header + 1);

	for (size_t i = 0; i < sizeof secret_sections / sizeof *secret_sections; i++) {
		if (begins(name, secret_sections[i]))
			return true;
	}
	return false;
}

/* Copies a line without "user:password@" in what looks like a URL. */
static char *copy_line(char *to, struct line l)
{
	while (l.text < l.end) {
		bool url = l.end - l.text > 3 && memcmp(l.text, "://", 3) == 0;
		*to++ = *l.text++;
		if (!url)
			continue;
		*to++ = *l.text++;
		*to++ = *l.text++;
		size_t host = strcspn(l.text, "/ \t\r\n\"");
		for (size_t i = 0; i < host && l.text + i < l.end; i++) {
			if (l.text[i] == '@') {
				l.text += i + 1;
				host -= i + 1;
				i = (size_t)-1;
			}
		}
	}
	return to;
}

char *gitconfig_strip(const char *text, unsigned long len)
{
	char *out = malloc(len + 1), *to = out;
	bool secret = false;
	struct line l;

	if (!out)
		return NULL;
	while (next_line(&text, &l)) {
		const char *s = skip_blank(l.text);
		if (*s == '[') {
			secret = is_secret_section(s);
			/* a key may follow in the same line */
			const char *end = memchr(s, ']', (size_t)(l.end - s));
			if (end && is_secret_key(skip_blank(end + 1)))
				continue;
		}
		if (!secret && !is_secret_key(s))
			to = copy_line(to, l);
	}
	*to = '\0';
	return out;
}

/* Its text, malloc'd; one that is no text is empty. 0 or -errno. */
static int read_config(const char *file, char **out, size_t *len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = calloc(1, CONFIG_MAX + 1);
	ssize_t n = 1;

	for (*len = 0; fd >= 0 && text && n > 0 && *len<CONFIG_MAX; *len += n> 0 ? (size_t)n : 0)
		n = read(fd, text + *len, CONFIG_MAX - *len);
	int err = fd < 0 || n < 0 ? -errno : text ? 0 : -ENOMEM;
	if (fd >= 0)
		close(fd);
	if (err) {
		free(text);
		return err;
	}
	if (n > 0 || strlen(text) != *len)
		*len = 0;
	text[*len] = '\0';
	*out = text;
	return 0;
}

int gitconfig_without_secrets(const char *file, char **text)
{
	char *whole;
	size_t len;
	int err = read_config(file, &whole, &len);

	if (err)
		return err;
	*text = gitconfig_strip(whole, len);
	err = *text ? 0 : -ENOMEM;
	if (*text && len && strcmp(*text, whole) == 0) {
		free(*text);
		*text = NULL;
	}
	free(whole);
	return err;
}

/* A value as git reads it: without quotes, up to a comment. */
static void unquote(const char *s, char *value, size_t size)
{
	bool quoted = false;
	size_t n = 0;

	for (; *s && *s != '\n' && (quoted || (*s != '#' && *s != ';')); s++) {
		if (*s == '"')
			quoted = !quoted;
		else if (n + 1 < size && (unsigned char)*s >= ' ')
			value[n++] = *s == '\\' && s[1] && s[1] != '\n' ? *++s : *s;
	}
	while (n && value[n - 1] == ' ')
		n--;
	value[n] = '\0';
}

static void put_quoted(struct text *f, const char *key, const char *value)
{
	if (!*value)
		return;
	text_printf(f, "\t%s = \"", key);
	for (; *value; value++)
		text_printf(f, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	text_puts(f, "\"\n");
}

/* The value of a key of the section [user]; "" where it is not there. */
static void find_user(const char *text, const char *key, char *value, size_t size)
{
	bool user = false;
	struct line l;

	while (next_line(&text, &l)) {
		const char *s = skip_blank(l.text);
		if (*s == '[')
			user = begins(s, "[user]");
		if (!user || !begins(s, key))
			continue;
		s = skip_blank(s + strlen(key));
		if (*s == '=')
			unquote(skip_blank(s + 1), value, size);
	}
}

int gitconfig_identity(const char *home, char **out)
{
	static const char *const names[] = { ".config/git/config", ".gitconfig" };
	char path[PATH_MAX], name[256] = "", email[256] = "", *text;
	struct text made = { 0 };
	size_t len;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (snprintf(path, sizeof path, "%s/%s", home, names[i]) >= (int)sizeof path ||
		    read_config(path, &text, &len) < 0)
			continue;
		find_user(text, "name", name, sizeof name);
		find_user(text, "email", email, sizeof email);
		free(text);
	}
	text_puts(&made, "[safe]\n\tdirectory = *\n[user]\n");
	put_quoted(&made, "name", name);
	put_quoted(&made, "email", email);
	if (made.failed) {
		text_free(&made);
		return -ENOMEM;
	}
	*out = made.buf;
	return 0;
}
