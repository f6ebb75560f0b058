/* SPDX-License-Identifier: Apache-2.0 */
/* hl bench --json. The keys are documented in docs/hl.1 and do not change. */
#include <stdio.h>

#include "cli/bench.h"
#include "cli/json.h"

static void put_double(struct object *o, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof text, "%.4f", value);
	put_json(o, key, json_object_new_double_s(value, text), false);
}

static void append(struct object *o, struct json_object *array, struct json_object *value)
{
	if (!value || json_object_array_add(array, value) < 0) {
		json_object_put(value);
		o->failed = true;
	}
}

static struct object series(const struct series *s)
{
	static const struct {
		const char *key;
		unsigned percent;
	} marks[] = {
		{ "min", 0 }, { "median", 50 }, { "p95", 95 }, { "p99", 99 }, { "max", 100 }
	};
	struct json_object *all = json_object_new_array();
	struct object o = object_new();

	put_string(&o, "what", s->what);
	put_number(&o, "count", s->count);
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		put_number(&o, marks[i].key, (uint64_t)bench_percentile(s, marks[i].percent));
	if (s->per_second > 0)
		put_double(&o, "per_second", s->per_second);
	for (size_t i = 0; all && i < s->count; i++)
		append(&o, all, json_object_new_uint64(s->ns[i]));
	put_json(&o, "ns", all, false);
	return o;
}

static struct json_object *numbers(struct object *o, const double *value, size_t count)
{
	struct json_object *all = json_object_new_array();
	char text[32];

	for (size_t i = 0; all && i < count; i++) {
		snprintf(text, sizeof text, "%.4f", value[i]);
		append(o, all, json_object_new_double_s(value[i], text));
	}
	return all;
}

static struct object curve(const struct curve *c)
{
	struct object o = object_new(), lines = object_new();

	put_string(&o, "title", c->title);
	put_string(&o, "x", c->x);
	put_string(&o, "y", c->y);
	for (size_t k = 0; k < BENCH_LINES && c->line_name[k]; k++) {
		const struct line *l = &c->line[k];
		struct object one = object_new();
		put_json(&one, "x", numbers(&one, l->x, l->count), false);
		put_json(&one, "y", numbers(&one, l->y, l->count), false);
		put_object(&lines, c->line_name[k], one);
	}
	put_object(&o, "lines", lines);
	return o;
}

int bench_print_json(const struct bench *b)
{
	struct object o = object_new(), machine = object_new(), image = object_new();
	struct object times = object_new(), curves = object_new();

	put_string(&o, "hl", hl_version());
	put_number(&o, "when", b->when);
	put_string(&o, "platform", b->platform);
	put_string(&o, "driver", b->driver);
	put_string(&o, "code", b->code);
	put_string(&machine, "cpu", b->machine.cpu);
	put_number(&machine, "cpus", b->machine.cpus);
	put_number(&machine, "memory", b->machine.memory);
	put_string(&machine, "kernel", b->machine.kernel);
	put_number(&machine, "round_trip_ns", b->machine.round_trip_ns);
	put_object(&o, "machine", machine);
	put_number(&image, "memory", b->image.pages);
	put_number(&image, "size", b->image.size);
	put_object(&o, "image", image);
	for (size_t i = 0; i < b->nr_series; i++)
		put_object(&times, b->series[i].name, series(&b->series[i]));
	put_object(&o, "times", times);
	for (size_t i = 0; i < b->nr_curves; i++)
		put_object(&curves, b->curve[i].name, curve(&b->curve[i]));
	put_object(&o, "growth", curves);
	return print_object(&b->out, o);
}
