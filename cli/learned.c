/* SPDX-License-Identifier: Apache-2.0 */
/* The set of what a learning run used, read from the lines of its audit. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/learn.h"

#define USES_MAX 200000 /* what a program cannot make more of: it would be no policy any more */

static int by_name(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void learned_settle(struct learned *l)
{
	size_t kept = 0;

	if (l->count)
		qsort(l->use, l->count, sizeof *l->use, by_name);
	for (size_t i = 0; i < l->count; i++) {
		if (kept && strcmp(l->use[kept - 1].name, l->use[i].name) == 0) {
			l->use[kept - 1].how |= l->use[i].how;
			free(l->use[i].name);
		} else {
			l->use[kept++] = l->use[i];
		}
	}
	l->count = kept;
}

/* Makes room for one more: what is there twice goes first. */
static bool reserve(struct learned *l)
{
	if (l->count < l->room)
		return true;
	learned_settle(l);
	if (l->count < l->room / 2)
		return true;
	size_t room = l->room ? l->room * 2 : 1024;
	struct use *use = room > USES_MAX ? NULL : reallocarray(l->use, room, sizeof *use);
	if (!use)
		return l->count < l->room;
	l->use = use;
	l->room = room;
	return true;
}

void learned_add(struct learned *l, const char *name, unsigned how)
{
	char *copy = reserve(l) ? strdup(name) : NULL;

	if (copy)
		l->use[l->count++] = (struct use){ copy, how };
	else
		l->overflow = true;
}

/* The audit has a byte as \u00XX, which json-c makes UTF-8 of. In place. */
static void bytes_of(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (((unsigned char)*s & 0xfc) == 0xc0 && s[1]) {
			*to++ = (char)(((unsigned char)*s << 6) | ((unsigned char)s[1] & 0x3f));
			s++;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static const char *text_of(json_object *o, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

static unsigned how_of(json_object *o)
{
	const char *used = text_of(o, "used"), *call = text_of(o, "call");
	bool opened = strncmp(call, "open", 4) == 0 || strncmp(call, "inotify", 7) == 0;

	if (!*used)
		return REFUSED;
	return (strcmp(used, "write") == 0     ? USED_WRITE
		: strcmp(used, "execute") == 0 ? USED_EXEC
					       : USED_READ) |
	       (opened ? USED_OPEN : 0);
}

/* Could a rule of a policy have such a name? It comes from strangers. */
static bool is_host_name(const char *name)
{
	size_t len = strlen(name);
	const char *last = strrchr(name, '.');

	return len && len <= 253 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len &&
	       *name != '.' && *name != '-' && !strstr(name, "..") &&
	       strspn(last ? last + 1 : name, "0123456789") != strlen(last ? last + 1 : name);
}

static void take_name(struct learned *l, json_object *o)
{
	char *address = strdup(text_of(o, "address")), *name = strdup(text_of(o, "name"));
	size_t at = l->next_name % LEARNED_NAMES;

	learned_add(l, text_of(o, "to"), NAME_SERVER);
	if (!address || !name || !is_host_name(name)) {
		l->overflow |= !address || !name;
		free(address);
		free(name);
		return;
	}
	free(l->named[at].address);
	free(l->named[at].name);
	l->named[at].address = address;
	l->named[at].name = name;
	l->next_name++;
}

/* The name that was last said to have the address, without its port: the program asked for it. */
static const char *name_of(const struct learned *l, const char *address, size_t len)
{
	if (*address == '[' && len > 2) {
		address++;
		len -= 2;
	}
	for (size_t i = l->next_name; i-- > 0 && l->next_name - i <= LEARNED_NAMES;) {
		const char *known = l->named[i % LEARNED_NAMES].address;
		if (strncmp(known, address, len) == 0 && !known[len])
			return l->named[i % LEARNED_NAMES].name;
	}
	return NULL;
}

/* NAME:PORT in place of ADDRESS:PORT. */
static void take_address(struct learned *l, const char *address, unsigned how)
{
	const char *port = strrchr(address, ':');
	const char *name =
	    port && !(how & REFUSED) ? name_of(l, address, (size_t)(port - address)) : NULL;
	char text[512];

	if (name)
		snprintf(text, sizeof text, "%s%s", name, port);
	learned_add(l, name ? text : address, how);
}

void learned_take(struct learned *l, const char *line)
{
	static const char *const keys[] = { "path", "to" };
	json_object *o = json_tokener_parse(line);

	if (o && strcmp(text_of(o, "used"), "name") == 0) {
		take_name(l, o);
		json_object_put(o);
		return;
	}
	if (o && *text_of(o, "address"))
		take_address(l, text_of(o, "address"), how_of(o));

	for (size_t i = 0; o && i < sizeof keys / sizeof *keys; i++) {
		char *name = strdup(text_of(o, keys[i]));
		if (name && *name) {
			bytes_of(name);
			learned_add(l, name, how_of(o));
		}
		l->overflow |= !name;
		free(name);
	}
	if (o && json_object_object_get_ex(o, "memory", NULL)) {
		l->memory = strtoull(text_of(o, "memory"), NULL, 10);
		l->threads = strtoull(text_of(o, "threads"), NULL, 10);
	}
	json_object_put(o);
}

void learned_free(struct learned *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->use[i].name);
	free(l->use);
	for (size_t i = 0; i < LEARNED_NAMES; i++) {
		free(l->named[i].address);
		free(l->named[i].name);
	}
}
