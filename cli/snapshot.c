/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hl snapshot: saves a running program, runs copies of it, says what a file holds.
 *
 * Saving and running take the options of hl run. What is saved ends then: the file goes on from
 * there as often as one likes.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

static int save(int argc, char **argv)
{
	struct run r = { .verb = RUN_SAVE, .file = argv[0], .after_ms = UINT64_MAX };

	return run_whole(&r, argc, argv);
}

int snapshot_run(struct run *r, int argc, char **argv)
{
	struct hl_error *err = NULL;
	struct hl_snapshot_info i;
	uint64_t began = now_ns();

	if (hl_snapshot_open(r->file, &r->snapshot, &err))
		return report_error(&r->out, err);
	r->open_ns = now_ns() - began;
	hl_snapshot_inspect(r->snapshot, &i);
	r->driver = *i.driver ? i.driver : NULL;
	int status = run_whole(r, argc, argv);
	hl_snapshot_close(r->snapshot);
	return status;
}

static int run(int argc, char **argv)
{
	struct run r = { .verb = RUN_COPY, .file = argv[0] };

	return snapshot_run(&r, argc, argv);
}

/* ---- info ---- */

static void print_text(const char *file, const struct hl_snapshot_info *i)
{
	char when[UTC_MAX];

	write_utc(when, i->saved_at);
	printf("%s: %s, saved %s\n", file, i->program, when);
	if (*i->driver)
		printf("  driver %s\n", i->driver);
	printf("  processes %lu, threads %lu\n", i->processes, i->threads);
	printf("  memory %lu KiB, file %lu KiB\n", i->pages >> 10, i->size >> 10);
}

static int print_json(const struct hl_snapshot_info *i)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return STATUS_HL;
	json_object_object_add(o, "program", json_object_new_string(i->program));
	json_object_object_add(o, "driver", *i->driver ? json_object_new_string(i->driver) : NULL);
	json_object_object_add(o, "saved_at", json_object_new_uint64(i->saved_at));
	json_object_object_add(o, "processes", json_object_new_uint64(i->processes));
	json_object_object_add(o, "threads", json_object_new_uint64(i->threads));
	json_object_object_add(o, "memory", json_object_new_uint64(i->pages));
	json_object_object_add(o, "size", json_object_new_uint64(i->size));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return 0;
}

static int info(int argc, char **argv)
{
	const struct output out = { 0 };
	struct hl_error *err = NULL;
	struct hl_snapshot *s;
	struct hl_snapshot_info i;
	bool json = false, verify = false;

	for (int k = 1; k < argc; k++) {
		if (strcmp(argv[k], "--json") == 0)
			json = true;
		else if (strcmp(argv[k], "--verify") == 0)
			verify = true;
		else
			return usage_error(&out,
					   "hl snapshot info takes --json and --verify, "
					   "not '%s'",
					   argv[k]);
	}
	if (hl_snapshot_open(argv[0], &s, &err))
		return report_error(&out, err);
	int failed = verify ? hl_snapshot_verify(s, &err) : 0;
	int status = failed ? report_error(&out, hl_error_wrap(err, "%s", argv[0])) : 0;
	hl_snapshot_inspect(s, &i);
	if (!failed && json)
		status = print_json(&i);
	else if (!failed)
		print_text(argv[0], &i);
	hl_snapshot_close(s);
	return status ? status : fflush(stdout) ? STATUS_HL : 0;
}

static const struct verb {
	const char *name;
	/* argv[0] is the file */
	int (*fn)(int argc, char **argv);
} verbs[] = { { "save", save }, { "run", run }, { "info", info } };

/* FILE may stand behind options; it becomes the first word. */
static void file_first(int argc, char **argv)
{
	int at = parse_first_word(argc, argv);
	char *file = at < argc ? argv[at] : NULL;

	if (!file || strcmp(argv[at - 1], "--") == 0)
		return;
	memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
	argv[1] = file;
}

int snapshot_main(int argc, char **argv)
{
	const struct output out = { 0 };

	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (argc > 2 && argv[2][0] == '-')
			file_first(argc - 1, argv + 1);
		if (argc < 3 || argv[2][0] == '-')
			return usage_error(&out, "hl snapshot %s needs the name of a file",
					   argv[1]);
		return verbs[i].fn(argc - 2, argv + 2);
	}
	return usage_error(&out, "hl snapshot takes save, run or info%s%s%s",
			   argc > 1 ? ", not '" : "", argc > 1 ? argv[1] : "", argc > 1 ? "'" : "");
}
