/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of strings that grow. See the header. */
#include "lib/strings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strings_clear(struct strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->item[i]);
	free(s->item);
	*s = (struct strings){ .item = NULL };
}

/* Room for `n` more and the NULL. */
static bool strings_reserve(struct strings *s, size_t n)
{
	size_t need = s->count + n + 1, room = need * 2;

	if (need <= s->room)
		return true;
	char **item = reallocarray(s->item, room, sizeof *item);
	if (!item)
		return false;
	s->item = item;
	s->room = room;
	return true;
}

/* Takes `owned` over, also on failure; NULL stands for a copy that could not be made. */
static bool strings_add(struct strings *s, char *owned)
{
	if (!owned || !strings_reserve(s, 1)) {
		free(owned);
		return false;
	}
	s->item[s->count++] = owned;
	s->item[s->count] = NULL;
	return true;
}

bool strings_copy(struct strings *s, size_t count, const char *const *items)
{
	if (!strings_reserve(s, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!strings_add(s, strdup(items[i])))
			return false;
	}
	s->item[s->count] = NULL;
	return true;
}

static char **env_find(const struct strings *env, const char *name, size_t len)
{
	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->item[i], name, len) == 0 && env->item[i][len] == '=')
			return &env->item[i];
	}
	return NULL;
}

const char *env_value(const struct strings *env, const char *name)
{
	size_t len = strlen(name);
	char **slot = env_find(env, name, len);

	return slot ? *slot + len + 1 : NULL;
}

bool env_put(struct strings *env, const char *name, size_t len, const char *value)
{
	char **slot = env_find(env, name, len), *text;

	if (asprintf(&text, "%.*s=%s", (int)len, name, value) < 0)
		return false;
	if (!slot)
		return strings_add(env, text);
	free(*slot);
	*slot = text;
	return true;
}
