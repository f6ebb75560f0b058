/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a policy. json-c reads its strings and numbers; objects and arrays are taken apart here,
 * because json-c tells neither the line that a member stands in nor that a key is there twice.
 */
#include "cli/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLICY_MAX (1 << 20) /* bytes; far more than anybody writes by hand */

struct parser {
	struct output *out;
	const char *at, *end;
	json_tokener *tokener;
	policy_fn *fn;
	void *arg;
};

static int wrong(struct parser *p, const char *what)
{
	complain(p->out, "%s", what);
	return STATUS_USAGE;
}

/* To the next character that is neither white space nor in a comment. */
static char peek(struct parser *p)
{
	for (; p->at < p->end; p->at++) {
		if (*p->at == '\n')
			p->out->line++;
		else if (*p->at == '/' && p->at + 1 < p->end && p->at[1] == '/')
			p->at += strcspn(p->at, "\n") - 1;
		else if (!strchr(" \t\r", *p->at) || !*p->at)
			return *p->at;
	}
	return '\0';
}

static bool take(struct parser *p, char c)
{
	if (peek(p) != c || p->at == p->end)
		return false;
	p->at++;
	return true;
}

/* A string, a number, or a word. NULL: complained. */
static json_object *read_scalar(struct parser *p)
{
	json_tokener_reset(p->tokener);
	/* with the NUL behind the text, so that a number at its end is one */
	json_object *o = json_tokener_parse_ex(p->tokener, p->at, (int)(p->end - p->at + 1));
	enum json_tokener_error err = json_tokener_get_error(p->tokener);

	if (err != json_tokener_success) {
		wrong(p, err == json_tokener_continue ? "the file ends in the middle of a value"
						      : json_tokener_error_desc(err));
		return NULL;
	}
	size_t used = json_tokener_get_parse_end(p->tokener);
	p->at += used < (size_t)(p->end - p->at) ? used : (size_t)(p->end - p->at);
	if (!o)
		wrong(p, "null is no value here");
	return o;
}

/* NULL: complained. */
static json_object *read_string(struct parser *p, const char *what)
{
	json_object *o = NULL;

	if (peek(p) != '"') {
		wrong(p, what);
		return NULL;
	}
	o = read_scalar(p);
	if (o && strlen(json_object_get_string(o)) != (size_t)json_object_get_string_len(o)) {
		wrong(p, "a string has a NUL byte");
		json_object_put(o);
		return NULL;
	}
	return o;
}

static int read_array(struct parser *p, struct policy_item *item)
{
	item->type = POLICY_ARRAY;
	if (take(p, ']'))
		return p->fn(p->arg, item);
	do {
		json_object *o = read_string(p, "an array here has strings, and nothing else");
		if (!o)
			return STATUS_USAGE;
		item->text = json_object_get_string(o);
		int status = p->fn(p->arg, item);
		json_object_put(o);
		if (status)
			return status;
	} while (take(p, ','));
	return take(p, ']') ? 0 : wrong(p, "a comma or ']' is missing behind a string");
}

static int read_value(struct parser *p, struct policy_item *item)
{
	char c = peek(p);

	if (c == '{')
		return wrong(p, "an object within the policy has no meaning");
	if (take(p, '['))
		return read_array(p, item);
	json_object *o = c == '"' ? read_string(p, "") : read_scalar(p);
	if (!o)
		return STATUS_USAGE;
	json_type type = json_object_get_type(o);
	item->type = type == json_type_boolean  ? POLICY_BOOLEAN
		     : type == json_type_string ? POLICY_STRING
						: POLICY_NUMBER;
	item->on = type == json_type_boolean && json_object_get_boolean(o);
	item->text = json_object_get_string(o);
	int status = p->fn(p->arg, item);
	json_object_put(o);
	return status;
}

static int read_member(struct parser *p, json_object *keys)
{
	json_object *key = read_string(p, "a key in double quotes is missing");

	if (!key)
		return STATUS_USAGE;
	struct policy_item item = { .key = json_object_get_string(key) };
	int status = 0;
	if (json_object_object_get_ex(keys, item.key, NULL)) {
		complain(p->out, "'%s' is there twice", item.key);
		status = STATUS_USAGE;
	} else if (!take(p, ':')) {
		complain(p->out, "a colon is missing behind '%s'", item.key);
		status = STATUS_USAGE;
	} else if (json_object_object_add(keys, item.key, NULL) < 0) {
		status = report_no_memory(p->out);
	}
	if (!status)
		status = read_value(p, &item);
	json_object_put(key);
	return status;
}

static int read_object(struct parser *p, json_object *keys)
{
	int status = 0;

	if (!take(p, '{'))
		return wrong(p, "a policy is a JSON object: it begins with '{'");
	if (!take(p, '}')) {
		do
			status = read_member(p, keys);
		while (!status && take(p, ','));
		if (status)
			return status;
		if (!take(p, '}'))
			return wrong(p, "a comma or '}' is missing behind a value");
	}
	peek(p);
	return p->at == p->end ? 0 : wrong(p, "there is something behind the policy's last '}'");
}

/* `text` has `len` bytes and a NUL behind them. While `fn` runs, `out` says at which line a
 * complaint is. */
static int parse(struct output *out, const char *text, size_t len, policy_fn *fn, void *arg)
{
	struct parser p = { out, text, text + len, json_tokener_new_ex(2), fn, arg };
	json_object *keys = json_object_new_object();
	int status;

	out->line = 1;
	if (p.tokener && keys) {
		json_tokener_set_flags(p.tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
						      JSON_TOKENER_ALLOW_TRAILING_CHARS);
		status = read_object(&p, keys);
	} else {
		status = report_no_memory(out);
	}
	out->line = 0;
	json_object_put(keys);
	if (p.tokener)
		json_tokener_free(p.tokener);
	return status;
}

/* All of it, and a NUL. NULL: complained, with *status. */
static char *read_file(struct output *out, const char *file, size_t *len, int *status)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *text = malloc(POLICY_MAX + 1);
	ssize_t n = 1;

	*status = STATUS_HL;
	for (*len = 0; fd >= 0 && text && n > 0 && *len<POLICY_MAX; *len += n> 0 ? (size_t)n : 0)
		n = read(fd, text + *len, POLICY_MAX - *len);
	if (fd < 0 || n < 0)
		complain(out, "cannot read the policy %s: %s", file, strerror(errno));
	else if (!text)
		report_no_memory(out);
	else if (n > 0)
		complain(out, "the policy %s has more than a megabyte", file);
	else
		*status = 0;
	if (fd >= 0)
		close(fd);
	if (*status) {
		free(text);
		return NULL;
	}
	text[*len] = '\0';
	return text;
}

int policy_read(struct output *out, const char *file, policy_fn *fn, void *arg)
{
	size_t len;
	int status;
	char *text = read_file(out, file, &len, &status);

	if (!text)
		return status;
	out->file = file;
	status = parse(out, text, len, fn, arg);
	out->file = NULL;
	free(text);
	return status;
}
