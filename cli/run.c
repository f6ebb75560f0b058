/* SPDX-License-Identifier: Apache-2.0 */
/* hl [run]: runs a program. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/cli.h"

struct run {
	struct output out;
	struct hl_config *cfg;
	int verbose;
	bool stats;
	int trace_fd; /* -1: none */
	bool done;    /* an option did all there is to do */
	int status;   /* of hl when done */
};

static void put_log(void *arg, const char *line, size_t len)
{
	const struct run *r = arg;

	complain(&r->out, "%.*s", (int)len, line);
}

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

/* ---- options ---- */

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

static int opt_workdir(struct run *r, const char *arg)
{
	hl_config_set_workdir(r->cfg, arg);
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
	{ "workdir", 0, required_argument, opt_workdir },
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

/* -1: go on and run; else hl's exit status. */
static int parse_options(struct run *r, int argc, char **argv)
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
	return -1;
}

/* ---- running ---- */

static int status_of_result(const struct run *r, const struct hl_result *res)
{
	switch (res->end) {
	case HL_EXITED: return res->status;
	case HL_EXPIRED: return STATUS_TIMEOUT;
	default: return 128 + res->status;
	}
}

/* The last resort. What the sandbox owns ends with this process, as soon as the host lets it. The
 * call may be a write to the very stderr on which we would say so. */
static _Noreturn void leave_behind(const struct run *r, struct hl_sandbox *sb,
				   const struct hl_result *res)
{
	struct pollfd room = { STDERR_FILENO, POLLOUT, 0 };

	hl_sandbox_free_within(sb, 0, NULL);
	if (poll(&room, 1, 0) > 0)
		complain(&r->out, "a call of the host does not end in time: hl ends without it");
	_exit(status_of_result(r, res));
}

static int run_sandbox(struct run *r, struct relay *relay)
{
	struct hl_sandbox *sb;
	struct hl_result res;
	struct hl_error *err = NULL;

	if (hl_sandbox_start(r->cfg, &sb, &err))
		return report_error(&r->out, err);
	int failed = relay_wait(relay, sb, &res, &err);
	if (failed == RELAY_LEFT_BEHIND)
		leave_behind(r, sb, &res);
	int status = failed ? report_error(&r->out, err) : status_of_result(r, &res);
	if (r->stats && !r->out.quiet)
		print_stats(sb, &res);
	hl_sandbox_free(sb);
	return status;
}

static int run(struct run *r, int argc, char **argv)
{
	int status = parse_options(r, argc, argv);

	if (status >= 0)
		return status;
	hl_config_set_args(r->cfg, (size_t)(argc - optind), (const char *const *)argv + optind);
	if (r->verbose)
		hl_config_set_log(r->cfg, r->verbose, put_log, r);
	struct relay *relay = relay_open();
	if (!relay) {
		complain(&r->out, "cannot take signals: %s", strerror(errno));
		return STATUS_HL;
	}
	status = run_sandbox(r, relay);
	relay_close(relay);
	return status;
}

/* A descriptor that hl opens must not become the guest's stdin, stdout or stderr, nor get its error
 * messages. */
static void fill_closed_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < 3);
	if (fd >= 0)
		close(fd);
}

int run_main(int argc, char **argv)
{
	struct run r = { .trace_fd = -1 };

	prctl(PR_SET_DUMPABLE,
	      /* the user's other programs have no business in the memory of a guest and its
	     * monitor */
	      0);
	/* looks at descriptors and signals: before anything changes them */
	r.cfg = hl_config_new();
	fill_closed_stdio();
	/* a message or a trace that meets RLIMIT_FSIZE is lost, and nothing else */
	signal(SIGXFSZ, SIG_IGN);
	int status = run(&r, argc, argv);
	if (r.trace_fd >= 0)
		close(r.trace_fd);
	hl_config_free(r.cfg);
	return status;
}
