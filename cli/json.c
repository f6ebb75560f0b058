/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects that commands print. */
#include <stdio.h>

#include "cli/json.h"

void put_json(struct object *o, const char *key, struct json_object *value, bool is_null)
{
	if (o->failed || (!value && !is_null) || json_object_object_add(o->json, key, value) < 0) {
		json_object_put(value);
		o->failed = true;
	}
}

void put_string(struct object *o, const char *key, const char *s)
{
	bool none = !s || !s[0];

	put_json(o, key, none ? NULL : json_object_new_string(s), none);
}

void put_number(struct object *o, const char *key, uint64_t n)
{
	put_json(o, key, n ? json_object_new_uint64(n) : NULL, n == 0);
}

void put_bool(struct object *o, const char *key, bool b)
{
	put_json(o, key, json_object_new_boolean(b), false);
}

struct object object_new(void)
{
	struct json_object *json = json_object_new_object();

	return (struct object){ json, !json };
}

void put_object(struct object *o, const char *key, struct object value)
{
	o->failed = o->failed || value.failed;
	put_json(o, key, value.json, false);
}

int print_object(const struct output *out, struct object o)
{
	const char *text =
	    o.failed ? NULL
		     : json_object_to_json_string_ext(o.json, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		puts(text);
	else
		complain(out, "out of memory");
	json_object_put(o.json);
	return text ? 0 : STATUS_HL;
}
