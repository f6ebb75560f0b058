/* SPDX-License-Identifier: Apache-2.0 */
/* hl doctor --json. The keys are documented in docs/hl.1 and do not change. */
#include "cli/cli.h"
#include "cli/json.h"

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

	return print_object(&out, report(r));
}
