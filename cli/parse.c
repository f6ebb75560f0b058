/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of hl run, and the policy that it names. What the policy says is set first, then
 * what the command line says, as far as the policy leaves it the right to (cli/options.h).
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/image.h"
#include "cli/options.h"
#include "cli/policy_keys.h"
#include "cli/run.h"

#define OPT_BASE 1000 /* getopt's value of options[i] is OPT_BASE + i */

static void fill_getopt(struct option *longs, char *shorts)
{
	*shorts++ = '+'; /* stop at the program */
	*shorts++ = ':'; /* tell a missing argument apart, and print nothing */
	for (size_t i = 0; i < nr_options; i++) {
		longs[i] =
		    (struct option){ options[i].name, options[i].has_arg, NULL, OPT_BASE + (int)i };
		if (!options[i].letter)
			continue;
		*shorts++ = options[i].letter;
		if (options[i].has_arg == required_argument)
			*shorts++ = ':';
	}
	longs[nr_options] = (struct option){ 0 };
	*shorts = '\0';
}

/* Where getopt stands behind the first option, or behind all of them. */
static int skip_options(int argc, char **argv, bool all)
{
	struct option *longs = calloc(nr_options + 1, sizeof *longs);
	char *shorts = calloc(nr_options * 2 + 3, 1);
	int at = argc;

	optind = 0; /* begin anew */
	if (longs && shorts) {
		fill_getopt(longs, shorts);
		while (getopt_long(argc, argv, shorts, longs, NULL) > 0 && all)
			;
		at = optind;
	}
	optind = 0;
	free(longs);
	free(shorts);
	return at;
}

int parse_first_word(int argc, char **argv)
{
	return skip_options(argc, argv, true);
}

int parse_option_words(int argc, char **argv)
{
	char *option[] = { argv[0], argv[0], argc > 1 ? argv[1] : NULL, NULL };

	return skip_options(argc > 1 ? 3 : 2, option, false) > 2 ? 2 : 1;
}

static const struct option_def *option_of(int c)
{
	if (c >= OPT_BASE && c < OPT_BASE + (int)nr_options)
		return &options[c - OPT_BASE];
	for (size_t i = 0; i < nr_options; i++) {
		if (options[i].letter && options[i].letter == c)
			return &options[i];
	}
	return NULL;
}

/* getopt returned '?' or ':': what was wrong with which option? */
static int bad_option(struct run *r, int c, char **argv)
{
	const char *word = argv[optind - 1];
	const struct option_def *known = optopt ? option_of(optopt) : NULL;

	if (c == ':')
		return usage_error(&r->out, "%s%s needs a value", known ? "--" : "",
				   known ? known->name : word);
	if (known)
		return usage_error(&r->out, "--%s takes no value", known->name);
	if (optopt)
		return usage_error(&r->out, "unknown option '-%c'", optopt);
	return usage_error(&r->out, "unknown option '%s'", word);
}

/* What the command line says of the world, in its order. */
struct said {
	const struct option_def *option;
	const char *arg; /* NULL: none */
};

/* The policy has the option, too: does the command line's count? -1: it does; else a status. */
static int weigh(struct run *r, const struct said *s, const struct policy_value *has)
{
	double ours, policys;

	switch (s->option->rule & RULE) {
	case LIMIT:
		return limit_value(s->arg, &ours) && limit_value(has->text, &policys) &&
			       ours >= policys
			   ? 0
			   : -1;
	case CONFINES:
		if (s->option->rule & REPEATS)
			return -1;
		if (s->arg ? has->text && strcmp(s->arg, has->text) == 0 : !has->text)
			return 0;
		return usage_error(&r->out, "--%s: the policy %s has it already, as %s",
				   s->option->name, r->policy, has->text ? has->text : "true");
	default: return -1;
	}
}

static int set_said(struct run *r, const struct said *s, const struct policy *policy)
{
	const struct policy_value *has = policy_find(policy, s->option);

	if (r->policy && (s->option->rule & RULE) == GRANTS)
		return usage_error(&r->out,
				   "--%s: with a policy, nothing but the policy gives something",
				   s->option->name);
	int status = has ? weigh(r, s, has) : -1;
	if (status >= 0)
		return status;
	status = r->learn_file ? policy_add(&r->out, &r->given, s->option, s->arg) : 0;
	return status ? status : s->option->fn(r, s->arg);
}

/* Options about the run are set where they stand; -1: the command line is read. */
static int collect(struct run *r, int argc, char **argv, struct said *said, size_t *count)
{
	struct option *longs = calloc(nr_options + 1, sizeof *longs);
	char *shorts = calloc(nr_options * 2 + 3, 1);
	int c, status = longs && shorts ? -1 : report_no_memory(&r->out);

	if (status < 0)
		fill_getopt(longs, shorts);
	while (status < 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_def *o = option_of(c);
		if (!o) {
			status = bad_option(r, c, argv);
		} else if ((o->rule & RULE) != RUN) {
			said[(*count)++] = (struct said){ o, optarg };
		} else {
			int failed = o->fn(r, optarg);
			if (failed || r->done)
				status = failed;
		}
	}
	free(longs);
	free(shorts);
	return status;
}

/* What a copy is to do: a driver takes a job, any other program reads arguments. */
static int check_job(const struct run *r, int argc, char **argv)
{
	if (r->driver && !r->code && optind >= argc)
		return usage_error(&r->out, "%s takes a job for %s: -e CODE, SCRIPT or -", r->file,
				   r->driver);
	if (!r->driver && r->code)
		return usage_error(&r->out, "--exec is for snapshots of a driver, which %s is not",
				   r->file);
	if (!r->driver && optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return usage_error(&r->out,
				   "'%s' is no option: arguments, which a copy reads from /dev/hl, "
				   "stand behind --",
				   argv[optind]);
	return 0;
}

/* What the options say together; 0, or hl's exit status. */
static int check_together(const struct run *r, int argc, char **argv)
{
	if (r->learn_file && (r->audit_fd >= 0 || r->dry || r->repeat || r->verb != RUN_PROGRAM))
		return usage_error(&r->out, "--learn is for one run, without --audit, --dry-run "
					    "and --repeat");
	if (r->out.quiet && r->verbose)
		return usage_error(&r->out, "--quiet and --verbose exclude each other");
	if (r->verb == RUN_COPY)
		return check_job(r, argc, argv);
	if (r->driver && r->code)
		return usage_error(&r->out, "--driver and --exec exclude each other");
	bool has_program =
	    r->image && !r->code && (r->entrypoint || r->image->nr_entry || r->image->nr_cmd);
	if (!r->driver && optind >= argc && !has_program && (!r->dry || r->code))
		return usage_error(&r->out, "no program to run");
	if (r->code && optind + 1 < argc)
		return usage_error(&r->out,
				   "--exec takes an interpreter without arguments, not '%s'",
				   argv[optind + 1]);
	return 0;
}

/* What a setter could not say is said at the line that asked for it. */
static int check_config(const struct run *r)
{
	struct hl_error *err;

	return hl_config_check(r->cfg, &err) ? report_error(&r->out, err) : 0;
}

static int set_policy(struct run *r, const struct policy *policy)
{
	int status = 0;

	r->out.file = r->policy;
	for (size_t i = 0; !status && i < policy->count; i++) {
		const struct policy_value *v = &policy->value[i];
		r->out.line = v->line;
		status = v->option->fn(r, v->text);
		if (!status)
			status = check_config(r);
		if (!status && r->learn_file)
			status = policy_add(&r->out, &r->given, v->option, v->text);
	}
	r->out.file = NULL;
	r->out.line = 0;
	return status;
}

/* Does the command line say what / is? */
static bool says_root(const struct said *said, size_t count)
{
	static const char *const roots[] = { "root", "initrd", "image", "isolate", "workspace" };

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof roots / sizeof *roots; k++)
			if (strcmp(said[i].option->name, roots[k]) == 0)
				return true;
	return false;
}

/* A copy has the world that its program was saved in, unless the command line makes another: then
 * the file, which may be a stranger's, has no say in what of the host it reaches. */
static void take_world(const struct run *r, const struct said *said, size_t count)
{
	if (r->snapshot && !r->policy && !says_root(said, count))
		hl_config_take_world(r->cfg, r->snapshot);
}

/* What an image says comes before all else, which may change it. */
static int take_image(struct run *r, const struct policy *policy, const struct said *said,
		      size_t count)
{
	static const char name[] = "image";
	const char *image = NULL;

	for (size_t i = 0; i < policy->count; i++)
		if (strcmp(policy->value[i].option->name, name) == 0)
			image = policy->value[i].text;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(said[i].option->name, name) != 0)
			continue;
		if (image && strcmp(image, said[i].arg) != 0)
			return usage_error(&r->out, "--image is given twice");
		image = said[i].arg;
	}
	if (!image && r->entrypoint)
		return usage_error(&r->out, "--entrypoint is for --image");
	if (!image)
		return 0;
	r->image = calloc(1, sizeof *r->image);
	return r->image ? image_apply(r, image, r->image) : report_no_memory(&r->out);
}

int parse_options(struct run *r, int argc, char **argv)
{
	struct said *said = calloc((size_t)argc + 1, sizeof *said);
	struct policy policy = { NULL, 0, 0 };
	size_t count = 0;
	int status = said ? collect(r, argc, argv, said, &count) : report_no_memory(&r->out);

	if (status < 0) {
		take_world(r, said, count);
		status = r->policy ? policy_load(&r->out, r->policy, &policy) : 0;
		if (!status)
			status = take_image(r, &policy, said, count);
		if (!status)
			status = set_policy(r, &policy);
		for (size_t i = 0; !status && i < count; i++)
			status = set_said(r, &said[i], &policy);
		if (!status)
			status = check_together(r, argc, argv);
		if (!status)
			status = -1;
	}
	policy_free(&policy);
	free(said);
	return status;
}
