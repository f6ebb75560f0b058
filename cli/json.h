/* SPDX-License-Identifier: Apache-2.0 */
/* JSON objects that commands print. */
#ifndef HL_CLI_JSON_H
#define HL_CLI_JSON_H

#include <json-c/json.h>
#include <stdint.h>

#include "cli/cli.h"

/* An object to put things in. Once memory ran out it says so, and puts away whatever else it is
 * given. */
struct object {
	struct json_object *json;
	bool failed;
};

struct object object_new(void);
/* Takes the value over; NULL is want of memory, unless is_null says that it is null. */
void put_json(struct object *o, const char *key, struct json_object *value, bool is_null);
/* An empty string is null. */
void put_string(struct object *o, const char *key, const char *s);
/* 0 is null. */
void put_number(struct object *o, const char *key, uint64_t n);
void put_bool(struct object *o, const char *key, bool b);
void put_object(struct object *o, const char *key, struct object value);
/* On stdout, and frees it: 0 or hl's exit status. */
int print_object(const struct output *out, struct object o);

#endif
