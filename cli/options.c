/* SPDX-License-Identifier: Apache-2.0 */
/* The options of hl run: a function each, and the table of them. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"

/* A trace that cannot be written is not worth the guest's life. */
static void put_trace(void *arg, const char *data, size_t len)
{
	const struct run *r = arg;

	while (len) {
		ssize_t n = write(r->trace_fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

typedef int option_fn(struct run *r, const char *arg);

static int opt_help(struct run *r, const char *arg)
{
	r->done = true;
	return print_help();
}

static int opt_version(struct run *r, const char *arg)
{
	r->done = true;
	return print_version();
}

static int opt_verbose(struct run *r, const char *arg)
{
	r->verbose++;
	return 0;
}

static int opt_quiet(struct run *r, const char *arg)
{
	r->out.quiet = true;
	return 0;
}

static int opt_timeout(struct run *r, const char *arg)
{
	char *end;

	errno = 0;
	double s = strtod(arg, &end);
	if (errno || end == arg || *end || !(s > 0) || s > 1e9)
		return usage_error(&r->out, "--timeout takes a number of seconds above 0, not '%s'",
				   arg);
	uint64_t ms = (uint64_t)(s * 1000);
	hl_config_set_timeout(r->cfg, ms ? ms : 1);
	return 0;
}

static int opt_strace(struct run *r, const char *arg)
{
	enum hl_trace_format format = HL_TRACE_TEXT;

	if (arg && strncmp(arg, "json:", 5) == 0) {
		format = HL_TRACE_JSON;
		arg += 5;
	}
	if (r->trace_fd >= 0)
		return usage_error(&r->out, "--strace is given twice");
	if (arg && !*arg)
		return usage_error(&r->out, "--strace= needs the name of a file");
	r->trace_fd = arg ? open(arg, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666)
			  : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (r->trace_fd < 0) {
		complain(&r->out, "cannot write the trace to %s: %s", arg ? arg : "stderr",
			 strerror(errno));
		return STATUS_HL;
	}
	hl_config_set_trace(r->cfg, format, put_trace, r);
	return 0;
}

static int opt_stats(struct run *r, const char *arg)
{
	r->stats = true;
	hl_config_set_stats(r->cfg, true);
	return 0;
}

static int opt_platform(struct run *r, const char *arg)
{
	hl_config_set_platform(r->cfg, arg);
	return 0;
}

static int opt_host_priority(struct run *r, const char *arg)
{
	hl_config_set_host_priority(r->cfg, true);
	return 0;
}

static int opt_sysroot(struct run *r, const char *arg)
{
	hl_config_set_sysroot(r->cfg, arg);
	return 0;
}

static int opt_env(struct run *r, const char *arg)
{
	hl_config_add_env(r->cfg, arg);
	return 0;
}

static int opt_clear_env(struct run *r, const char *arg)
{
	hl_config_clear_env(r->cfg);
	return 0;
}

static int opt_initrd(struct run *r, const char *arg)
{
	hl_config_set_initrd(r->cfg, arg);
	return 0;
}

static int opt_workdir(struct run *r, const char *arg)
{
	hl_config_set_workdir(r->cfg, arg);
	return 0;
}

static int opt_root(struct run *r, const char *arg)
{
	hl_config_set_root(r->cfg, arg);
	return 0;
}

static int opt_overlay(struct run *r, const char *arg)
{
	hl_config_set_overlay(r->cfg, arg);
	return 0;
}

static int opt_isolate(struct run *r, const char *arg)
{
	hl_config_set_isolate(r->cfg, true);
	return 0;
}

static int opt_exec(struct run *r, const char *arg)
{
	if (r->code)
		return usage_error(&r->out, "--exec is given twice");
	r->code = arg;
	return 0;
}

static int opt_repeat(struct run *r, const char *arg)
{
	char *end;

	errno = 0;
	r->repeat = strtoul(arg, &end, 10);
	if (errno || *arg < '0' || *arg > '9' || *end)
		return usage_error(&r->out, "--repeat takes a number of runs, not '%s'", arg);
	return 0;
}

static int opt_user(struct run *r, const char *arg)
{
	hl_config_set_user(r->cfg, arg);
	return 0;
}

static int opt_hostname(struct run *r, const char *arg)
{
	hl_config_set_hostname(r->cfg, arg);
	return 0;
}

/* A number of bytes with a unit: K, M, G or T, and with "i" or "iB" behind it, too. All are powers
 * of 1024. */
static bool parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KMGT";
	char *end;

	errno = 0;
	unsigned long long n = strtoull(s, &end, 10);
	if (errno || *s < '0' || *s > '9' || !n)
		return false;
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	const char *rest = unit ? end + 1 : end;
	if (unit && *rest == 'i')
		rest++;
	if (unit && *rest == 'B')
		rest++;
	*out = n << shift;
	return !*rest && *out >> shift == n && *out <= INT64_MAX;
}

static const char mount_usage[] =
    "--mount takes HOST[:GUEST][:ro], GUEST an absolute path, not '%s'";

/* Colons part the names. A host's name that has one can be given through hl.h, or by a symlink. */
static int opt_mount(struct run *r, const char *arg)
{
	char *rest = strdup(arg), *host = rest, *guest = NULL;

	if (!rest)
		return report_no_memory(&r->out);
	strsep(&rest, ":");
	if (rest && *rest == '/')
		guest = strsep(&rest, ":");
	bool good = *host && (!rest || strcmp(rest, "ro") == 0);
	if (good)
		hl_config_add_mount(r->cfg, host, guest, rest);
	free(host);
	return good ? 0 : usage_error(&r->out, mount_usage, arg);
}

static int opt_tmpfs(struct run *r, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	char *guest = colon ? strndup(arg, (size_t)(colon - arg)) : strdup(arg);
	uint64_t size = 0;

	if (colon && !parse_size(colon + 1, &size)) {
		free(guest);
		return usage_error(&r->out, "--tmpfs takes GUEST[:SIZE], as /tmp:512Mi, not '%s'",
				   arg);
	}
	if (!guest)
		return report_no_memory(&r->out);
	hl_config_add_tmpfs(r->cfg, guest, size);
	free(guest);
	return 0;
}

static const struct option_def {
	const char *name;
	char letter; /* 0: none */
	int has_arg;
	option_fn *fn;
} options[] = {
	{ "help", 'h', no_argument, opt_help },
	{ "version", 'V', no_argument, opt_version },
	{ "verbose", 'v', no_argument, opt_verbose },
	{ "quiet", 'q', no_argument, opt_quiet },
	{ "timeout", 't', required_argument, opt_timeout },
	{ "strace", 0, optional_argument, opt_strace },
	{ "stats", 0, no_argument, opt_stats },
	{ "platform", 0, required_argument, opt_platform },
	{ "sysroot", 0, required_argument, opt_sysroot },
	{ "host-priority", 0, no_argument, opt_host_priority },
	{ "env", 0, required_argument, opt_env },
	{ "clear-env", 0, no_argument, opt_clear_env },
	{ "initrd", 0, required_argument, opt_initrd },
	{ "workdir", 0, required_argument, opt_workdir },
	{ "root", 0, required_argument, opt_root },
	{ "overlay", 0, optional_argument, opt_overlay },
	{ "exec", 'e', required_argument, opt_exec },
	{ "repeat", 0, required_argument, opt_repeat },
	{ "isolate", 0, no_argument, opt_isolate },
	{ "mount", 0, required_argument, opt_mount },
	{ "tmpfs", 0, required_argument, opt_tmpfs },
	{ "user", 0, required_argument, opt_user },
	{ "hostname", 0, required_argument, opt_hostname },
};

#define NR_OPTIONS (sizeof options / sizeof *options)
#define OPT_BASE   1000 /* getopt's value of options[i] is OPT_BASE + i */

static void fill_getopt(struct option *longs, char *shorts)
{
	*shorts++ = '+'; /* stop at the program */
	*shorts++ = ':'; /* tell a missing argument apart, and print nothing */
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		longs[i] =
		    (struct option){ options[i].name, options[i].has_arg, NULL, OPT_BASE + (int)i };
		if (!options[i].letter)
			continue;
		*shorts++ = options[i].letter;
		if (options[i].has_arg == required_argument)
			*shorts++ = ':';
	}
	longs[NR_OPTIONS] = (struct option){ 0 };
	*shorts = '\0';
}

static const struct option_def *option_of(int c)
{
	if (c >= OPT_BASE && c < OPT_BASE + (int)NR_OPTIONS)
		return &options[c - OPT_BASE];
	for (size_t i = 0; i < NR_OPTIONS; i++) {
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

int parse_options(struct run *r, int argc, char **argv)
{
	struct option longs[NR_OPTIONS + 1];
	char shorts[NR_OPTIONS * 2 + 3];
	int c, status;

	fill_getopt(longs, shorts);
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_def *o = option_of(c);
		if (!o)
			return bad_option(r, c, argv);
		status = o->fn(r, optarg);
		if (status || r->done)
			return status;
	}
	if (r->out.quiet && r->verbose)
		return usage_error(&r->out, "--quiet and --verbose exclude each other");
	if (optind >= argc)
		return usage_error(&r->out, "no program to run");
	if (r->code && optind + 1 < argc)
		return usage_error(&r->out,
				   "--exec takes an interpreter without arguments, not '%s'",
				   argv[optind + 1]);
	return -1;
}
