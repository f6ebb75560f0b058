/* SPDX-License-Identifier: Apache-2.0 */
/* hl doctor --json. The keys are documented in docs/hl.1 and do not change. */
#include <json-c/json.h>
#include <stdio.h>

#include "cli/cli.h"

/* An object to put things in. Once memory ran out it says so, and puts away whatever else it is
 * given. */
struct object {
	struct json_object *json;
	bool failed;
};

static void put(struct object *o, const char *key, struct json_object *value, bool is_null)
{
	if (o->failed || (!value && !is_null) || json_object_object_add(o->json, key, value) < 0) {
		json_object_put(value);
		o->failed = true;
	}
}

/* An empty string is null. */
static void put_string(struct object *o, const char *key, const char *s)
{
	bool none = !s || !s[0];

	put(o, key, none ? NULL : json_object_new_string(s), none);
}

static void put_number(struct object *o, const char *key, uint64_t n)
{
	put(o, key, n ? json_object_new_uint64(n) : NULL, n == 0);
}

static void put_bool(struct object *o, const char *key, bool b)
{
	put(o, key, json_object_new_boolean(b), false);
}

static struct object object_new(void)
{
	struct json_object *json = json_object_new_object();

	return (struct object){ json, !json };
}

static void put_object(struct object *o, const char *key, struct object value)
{
	o->failed = o->failed || value.failed;
	put(o, key, value.json, false);
}

static struct object check(const struct hl_check *c)
{
	static const char *const words[] = { [HL_FOUND] = "yes",
					     [HL_MISSING] = "no",
					     [HL_DENIED] = "denied",
					     [HL_NOT_LOOKED_FOR] = "not looked for" };
	struct object o = object_new();

	put_string(&o, "found", words[c->found]);
	put_bool(&o, "needed", c->needed);
	put_string(&o, "value", c->value);
	put_string(&o, "text", c->text);
	put_string(&o, "advice", c->advice);
	return o;
}

static struct object checks(const struct hl_check *c, size_t n)
{
	struct object o = object_new();

	for (size_t i = 0; i < n; i++)
		put_object(&o, c[i].key, check(&c[i]));
	return o;
}

static struct object platform(const struct hl_platform_report *p)
{
	struct object o = object_new();

	put_bool(&o, "usable", p->usable);
	put_string(&o, "text", p->text);
	put_number(&o, "round_trip_ns", p->round_trip_ns);
	put_object(&o, "checks", checks(p->checks, p->nr_checks));
	return o;
}

static struct object choice(const struct hl_host_report *r)
{
	struct object o = object_new();

	put_string(&o, "platform", r->picked);
	put_string(&o, "reason", r->reason);
	put_number(&o, "kvm_exit_ns", r->kvm_exit_ns);
	put_number(&o, "kvm_exit_max_ns", r->kvm_exit_max_ns);
	put_string(&o, "kvm_exit_source", r->kvm_exit_source);
	put_string(&o, "cached_in", r->cached_in);
	return o;
}

static struct object report(const struct hl_host_report *r)
{
	struct object o = object_new(), platforms = object_new();

	put_string(&o, "hl", hl_version());
	put_bool(&o, "usable", r->picked != NULL);
	put_object(&o, "auto", choice(r));
	for (size_t i = 0; i < r->nr_platforms; i++)
		put_object(&platforms, r->platforms[i].name, platform(&r->platforms[i]));
	put_object(&o, "platforms", platforms);
	put_object(&o, "host", checks(r->checks, r->nr_checks));
	return o;
}

int print_report_json(const struct hl_host_report *r)
{
	const struct output out = { 0 };
	struct object o = report(r);
	const char *text =
	    o.failed ? NULL
		     : json_object_to_json_string_ext(o.json, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		puts(text);
	else
		complain(&out, "out of memory");
	json_object_put(o.json);
	return text ? 0 : STATUS_HL;
}
