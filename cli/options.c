/* SPDX-License-Identifier: Apache-2.0 */
/* The options of hl run: a function each, and the table of them. See the headers. */
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
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
	r->limit_ms = ms ? ms : 1;
	hl_config_set_timeout(r->cfg, r->limit_ms);
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

/* ---- limits ---- */

static int set_size(struct run *r, enum hl_limit which, const char *option, const char *arg)
{
	uint64_t bytes;

	if (!parse_size(arg, &bytes))
		return usage_error(&r->out, "--%s takes a size, as 512Mi or 1G, not '%s'", option,
				   arg);
	hl_config_set_limit(r->cfg, which, bytes);
	return 0;
}

static int set_count(struct run *r, enum hl_limit which, const char *option, const char *arg)
{
	char *end;

	errno = 0;
	unsigned long n = strtoul(arg, &end, 10);
	if (errno || *arg < '0' || *arg > '9' || *end || !n)
		return usage_error(&r->out, "--%s takes a number above 0, not '%s'", option, arg);
	hl_config_set_limit(r->cfg, which, n);
	return 0;
}

static int opt_memory(struct run *r, const char *arg)
{
	return set_size(r, HL_LIMIT_MEMORY, "memory", arg);
}

static int opt_stack(struct run *r, const char *arg)
{
	return set_size(r, HL_LIMIT_STACK, "stack", arg);
}

static int opt_pids(struct run *r, const char *arg)
{
	return set_count(r, HL_LIMIT_PIDS, "pids", arg);
}

static int opt_files(struct run *r, const char *arg)
{
	return set_count(r, HL_LIMIT_FILES, "files", arg);
}

static int opt_disk(struct run *r, const char *arg)
{
	return set_size(r, HL_LIMIT_DISK, "disk", arg);
}

/* Thousandths of a number with up to three decimals; 0: it is none. */
static unsigned long thousandths(const char *arg)
{
	size_t whole = strspn(arg, "0123456789"), part = 0;
	unsigned long n = strtoul(arg, NULL, 10);

	if (!whole || whole > 6)
		return 0;
	if (arg[whole] == '.')
		part = strspn(arg + whole + 1, "0123456789");
	if (arg[whole] && (!part || part > 3 || arg[whole + 1 + part]))
		return 0;
	for (size_t i = 1; i <= 3; i++)
		n = n * 10 + (i <= part ? (unsigned long)(arg[whole + i] - '0') : 0);
	return n;
}

static int opt_cpus(struct run *r, const char *arg)
{
	unsigned long n = thousandths(arg);

	if (n < 10 || n > 8192000)
		return usage_error(&r->out, "--cpus takes a number of CPUs, 0.01 to 8192, not '%s'",
				   arg);
	hl_config_set_limit(r->cfg, HL_LIMIT_CPUS, n);
	return 0;
}

static int opt_after(struct run *r, const char *arg)
{
	char *end;

	if (r->verb != RUN_SAVE)
		return usage_error(&r->out, "--after is for hl snapshot save");
	errno = 0;
	double s = strtod(arg, &end);
	if (errno || end == arg || *end || !(s >= 0) || s > 1e9)
		return usage_error(&r->out, "--after takes a number of seconds, not '%s'", arg);
	r->after_ms = (uint64_t)(s * 1000);
	return 0;
}

static int opt_driver(struct run *r, const char *arg)
{
	if (r->verb != RUN_SAVE)
		return usage_error(&r->out, "--driver is for hl snapshot save");
	if (r->driver)
		return usage_error(&r->out, "--driver is given twice");
	r->driver = arg;
	hl_config_set_driver(r->cfg, arg);
	return 0;
}

static int opt_when(struct run *r, const char *arg)
{
	if (r->verb != RUN_SAVE)
		return usage_error(&r->out, "--when is for hl snapshot save");
	if (strcmp(arg, "listen") == 0 || strncmp(arg, "listen:", 7) == 0) {
		hl_config_add_moment(r->cfg, HL_MOMENT_LISTENS, arg[6] ? arg + 7 : NULL);
		return 0;
	}
	if (strncmp(arg, "output:", 7) == 0) {
		hl_config_add_moment(r->cfg, HL_MOMENT_PRINTS, arg + 7);
		return 0;
	}
	if (strcmp(arg, "idle") != 0)
		return usage_error(
		    &r->out, "--when takes idle, listen[:PORT] or output:TEXT, not '%s'", arg);
	r->when_idle = true;
	if (r->after_ms == UINT64_MAX)
		r->after_ms = 0;
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

/* A reader of a pipe that is too slow, or a full disk, loses lines; the guest does not wait. */
static void put_audit(void *arg, const char *line, size_t len)
{
	struct run *r = arg;
	struct iovec iov[2] = { { (char[]){ '\n' }, r->audit_cut },
				{ (char *)(uintptr_t)line, len } };
	ssize_t n = writev(r->audit_fd, iov, 2);

	if (n > 0)
		r->audit_cut = (size_t)n < len + iov[0].iov_len;
}

static int opt_audit(struct run *r, const char *arg)
{
	if (r->audit_fd >= 0)
		return usage_error(&r->out, "--audit is given twice");
	r->audit_fd =
	    open(arg, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (r->audit_fd < 0) {
		complain(&r->out, "cannot write the audit to %s: %s", arg, strerror(errno));
		return STATUS_HL;
	}
	hl_config_set_audit(r->cfg, HL_AUDIT_REFUSED, put_audit, r);
	return 0;
}

static int opt_stats(struct run *r, const char *arg)
{
	r->stats = true;
	hl_config_set_stats(r->cfg, true);
	return 0;
}

static int opt_gdb(struct run *r, const char *arg)
{
	hl_config_set_debugger(r->cfg, arg);
	return 0;
}

static int opt_core(struct run *r, const char *arg)
{
	hl_config_set_core(r->cfg, arg);
	return 0;
}

static int opt_platform(struct run *r, const char *arg)
{
	hl_config_set_platform(r->cfg, arg);
	return 0;
}

static int opt_strict_jail(struct run *r, const char *arg)
{
	hl_config_set_strict_jail(r->cfg, true);
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

static int opt_translator(struct run *r, const char *arg)
{
	hl_config_set_translator(r->cfg, arg);
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
	if (r->image)
		return usage_error(&r->out, "--initrd and --image exclude each other");
	hl_config_set_initrd(r->cfg, arg);
	return 0;
}

/* The image was made the world before other options, which come on top of what it says. */
static int opt_image(struct run *r, const char *arg)
{
	return 0;
}

static int opt_entrypoint(struct run *r, const char *arg)
{
	if (r->entrypoint)
		return usage_error(&r->out, "--entrypoint is given twice");
	r->entrypoint = arg;
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

static int opt_policy(struct run *r, const char *arg)
{
	if (r->policy)
		return usage_error(&r->out, "--policy is given twice");
	r->policy = arg;
	return 0;
}

static int opt_workspace(struct run *r, const char *arg)
{
	hl_config_set_workspace(r->cfg, arg ? arg : ".");
	return 0;
}

static int opt_hide(struct run *r, const char *arg)
{
	hl_config_add_hidden(r->cfg, arg);
	return 0;
}

static int opt_learn(struct run *r, const char *arg)
{
	if (r->learn_file)
		return usage_error(&r->out, "--learn is given twice");
	r->learn_file = arg;
	return 0;
}

static int opt_dry_run(struct run *r, const char *arg)
{
	r->dry = true;
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

static int opt_self_contained(struct run *r, const char *arg)
{
	if (r->verb != RUN_SAVE)
		return usage_error(&r->out, "--self-contained is for hl snapshot save");
	hl_config_set_self_contained(r->cfg, true);
	return 0;
}

static int opt_deterministic(struct run *r, const char *arg)
{
	if (r->verb != RUN_COPY)
		return usage_error(&r->out, "--deterministic is for hl snapshot run");
	hl_config_set_deterministic(r->cfg, true);
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

static int opt_net(struct run *r, const char *arg)
{
	static const struct {
		const char *name;
		enum hl_network network;
	} kinds[] = {
		{ "none", HL_NETWORK_NONE },
		{ "host", HL_NETWORK_HOST },
		{ "namespace", HL_NETWORK_NAMESPACE },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(arg, kinds[i].name) != 0)
			continue;
		hl_config_set_network(r->cfg, kinds[i].network);
		return 0;
	}
	return usage_error(&r->out, "--net takes none, host or namespace, not '%s'", arg);
}

static int opt_net_allow(struct run *r, const char *arg)
{
	hl_config_allow_network(r->cfg, arg);
	return 0;
}

static int opt_publish(struct run *r, const char *arg)
{
	hl_config_publish(r->cfg, arg);
	return 0;
}

static int opt_net_block(struct run *r, const char *arg)
{
	hl_config_block_network(r->cfg, arg);
	return 0;
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

/* A row an option: on the command line, and as a key of a policy (cli/options.h). */
const struct option_def options[] = {
	{ "help", 'h', no_argument, opt_help, RUN, NULL },
	{ "version", 'V', no_argument, opt_version, RUN, NULL },
	{ "verbose", 'v', no_argument, opt_verbose, RUN, NULL },
	{ "quiet", 'q', no_argument, opt_quiet, RUN, NULL },
	{ "policy", 0, required_argument, opt_policy, RUN, NULL },
	{ "learn", 0, required_argument, opt_learn, RUN, NULL },
	{ "dry-run", 0, no_argument, opt_dry_run, RUN, NULL },
	{ "exec", 'e', required_argument, opt_exec, RUN, NULL },
	{ "entrypoint", 0, required_argument, opt_entrypoint, RUN, NULL },
	{ "after", 0, required_argument, opt_after, RUN, NULL },
	{ "when", 0, required_argument, opt_when, RUN, NULL },
	{ "self-contained", 0, no_argument, opt_self_contained, RUN, NULL },
	{ "deterministic", 0, no_argument, opt_deterministic, RUN, NULL },
	{ "driver", 0, required_argument, opt_driver, RUN, NULL },
	{ "repeat", 0, required_argument, opt_repeat, RUN, NULL },
	{ "strace", 0, optional_argument, opt_strace, RUN, NULL },
	{ "audit", 0, required_argument, opt_audit, RUN, NULL },
	{ "stats", 0, no_argument, opt_stats, RUN, NULL },
	{ "core", 0, required_argument, opt_core, RUN, NULL },
	{ "gdb", 0, required_argument, opt_gdb, RUN, NULL },
	{ "root", 0, required_argument, opt_root, CONFINES,
	  "its / is the directory * of the host, where it changes files; nothing else is visible" },
	{ "initrd", 0, required_argument, opt_initrd, CONFINES,
	  "its / is the archive *, which stays as it is" },
	{ "image", 0, required_argument, opt_image, CONFINES,
	  "its / is the image *, which stays as it is" },
	{ "isolate", 0, no_argument, opt_isolate, CONFINES,
	  "it sees the host's programs, read-only, and nothing else of the host" },
	{ "overlay", 0, optional_argument, opt_overlay, CONFINES,
	  "what it changes of its / goes to *, and / stays as it is" },
	{ "workspace", 0, optional_argument, opt_workspace, CONFINES,
	  "it sees the host's programs, read-only, and changes files in *; home and /tmp are its "
	  "own" },
	{ "hide", 0, required_argument, opt_hide, CONFINES | REPEATS, "at * it finds nothing" },
	{ "clear-env", 0, no_argument, opt_clear_env, CONFINES,
	  "it starts from an empty environment" },
	{ "strict-jail", 0, no_argument, opt_strict_jail, CONFINES,
	  "it does not start where the host lets hl not confine itself" },
	{ "user", 0, required_argument, opt_user, CONFINES, "it runs as user *" },
	{ "sysroot", 0, required_argument, opt_sysroot, GRANTS,
	  "it finds absolute paths below * of the host first" },
	{ "translator", 0, required_argument, opt_translator, GRANTS,
	  "programs for other CPUs are run by the host's *" },
	{ "mount", 0, required_argument, opt_mount, GRANTS | REPEATS, "it is given the host's *" },
	{ "env", 0, required_argument, opt_env, GRANTS | REPEATS,
	  "its environment has * whatever the caller's has" },
	{ "host-priority", 0, no_argument, opt_host_priority, GRANTS,
	  "its priorities reach the host's scheduler: it can starve all else" },
	{ "net", 0, required_argument, opt_net, GRANTS, "its network is *" },
	{ "net-allow", 0, required_argument, opt_net_allow, GRANTS | REPEATS,
	  "of the host's network it reaches *" },
	{ "publish", 0, required_argument, opt_publish, GRANTS | REPEATS,
	  "a port of the host reaches one of its own: *" },
	{ "net-block", 0, required_argument, opt_net_block, CONFINES | REPEATS,
	  "of the host's network it does not reach *" },
	{ "tmpfs", 0, required_argument, opt_tmpfs, DETAIL | REPEATS,
	  "it has an empty directory in memory at *" },
	{ "workdir", 0, required_argument, opt_workdir, DETAIL, "it starts in *" },
	{ "hostname", 0, required_argument, opt_hostname, DETAIL, "its machine is named *" },
	{ "platform", 0, required_argument, opt_platform, DETAIL, "its code is run by *" },
	{ "timeout", 't', required_argument, opt_timeout, LIMIT, "it ends after * seconds" },
	{ "memory", 'm', required_argument, opt_memory, LIMIT,
	  "all its processes together have * of memory" },
	{ "stack", 0, required_argument, opt_stack, LIMIT, "it starts with a stack of *" },
	{ "pids", 0, required_argument, opt_pids, LIMIT, "it has * processes and threads" },
	{ "files", 0, required_argument, opt_files, LIMIT, "it has * open files" },
	{ "disk", 0, required_argument, opt_disk, LIMIT, "it writes * to files" },
	{ "cpus", 0, required_argument, opt_cpus, LIMIT, "it has * CPUs" },
};

const size_t nr_options = sizeof options / sizeof *options;

const struct option_def *policy_option(const char *name)
{
	for (size_t i = 0; i < nr_options; i++) {
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

bool limit_value(const char *text, double *out)
{
	uint64_t bytes;
	char *end;

	*out = strtod(text, &end);
	if (end != text && !*end)
		return true;
	if (!parse_size(text, &bytes))
		return false;
	*out = (double)bytes;
	return true;
}
