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
#include <time.h>
#include <unistd.h>

#include "cli/image.h"
#include "cli/run.h"

static void put_log(void *arg, const char *line, size_t len)
{
	const struct run *r = arg;

	complain(&r->out, "%.*s", (int)len, line);
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

/* It is time to save it. What cannot be saved is said, and the program goes on where another signal
 * may come. */
static bool save(void *arg);

/* A program is idle when it was so at several looks, and nothing of it ran in between. */
#define IDLE_LOOKS 5
#define LOOK_MS    10

static bool is_idle(struct run *r)
{
	struct hl_stats stats;

	hl_sandbox_stats(r->sb, &stats);
	bool same = hl_sandbox_idle(r->sb) && stats.entries == r->entries;
	r->entries = stats.entries;
	r->idle = same ? r->idle + 1 : 0;
	return r->idle >= IDLE_LOOKS;
}

static bool save(void *arg)
{
	struct run *r = arg;
	struct hl_error *err = NULL;

	bool due = hl_sandbox_save_due(r->sb);
	if (!due && r->when_idle && !is_idle(r)) {
		relay_on(r->relay, SIGUSR1, LOOK_MS, save, r);
		return false;
	}
	/* what is saved ends there: not one instruction of it runs any more */
	bool paused = !hl_sandbox_pause(r->sb, &err);
	r->saved = paused && !hl_sandbox_save(r->sb, r->file, &err);
	r->save_status = r->saved ? 0 : report_error(&r->out, err);
	if (r->saved)
		hl_sandbox_kill(r->sb);
	if (paused)
		hl_sandbox_resume(r->sb, NULL);
	return r->saved || due || r->after_ms != UINT64_MAX;
}

static int start(struct run *r, struct hl_sandbox **sb, struct hl_error **err)
{
	/* Another sandbox cannot be made in a process that is confined. */
	hl_config_set_jail(r->cfg, r->repeat ? HL_JAIL_THREADS : HL_JAIL_PROCESS);
	hl_config_set_save_file(r->cfg, r->verb == RUN_SAVE ? r->file : NULL);
	*sb = r->again;
	r->again = NULL;
	if (*sb && hl_sandbox_reset(*sb, NULL) == 0)
		return 0;
	/* it cannot be put back in place */
	hl_sandbox_free(*sb);
	hl_config_set_resettable(r->cfg, r->repeat);
	return r->snapshot ? hl_sandbox_restore(r->cfg, r->snapshot, sb, err)
			   : hl_sandbox_start(r->cfg, sb, err);
}

/* The status of a command whose program was to be saved. */
static int status_of_save(const struct run *r)
{
	if (!r->saved && !r->save_status)
		complain(&r->out, "the program ended before it was saved");
	return r->saved ? 0 : STATUS_HL;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void tell_times(const struct run *r, uint64_t start_ns, uint64_t run_ns)
{
	if (r->times && r->verbose)
		complain(&r->out, "opened in %.2f ms, copy made in %.2f ms, ran for %.2f ms",
			 (double)r->open_ns / 1e6, (double)start_ns / 1e6, (double)run_ns / 1e6);
}

static int run_sandbox(struct run *r, struct relay *relay)
{
	struct hl_sandbox *sb;
	struct hl_result res;
	struct hl_error *err = NULL;
	uint64_t began = now_ns();

	relay_starting(relay, r->limit_ms);
	int not_started = start(r, &sb, &err);
	relay_ready(relay);
	if (not_started)
		return report_error(&r->out, err);
	uint64_t started = now_ns();
	r->sb = sb;
	r->relay = relay;
	if (r->verb == RUN_SAVE)
		relay_on(relay, SIGUSR1, r->after_ms, save, r);
	int failed = relay_wait(relay, sb, &res, &err);
	tell_times(r, started - began, now_ns() - started);
	if (failed == RELAY_LEFT_BEHIND)
		leave_behind(r, sb, &res);
	int status = failed && failed != RELAY_DONE ? report_error(&r->out, err)
		     : r->verb == RUN_SAVE          ? status_of_save(r)
						    : status_of_result(r, &res);
	if (r->stats && !r->out.quiet)
		print_stats(sb, &res);
	if (r->learn)
		hl_sandbox_stats(sb, &r->learn_stats);
	if (r->snapshot && r->repeat && !status)
		r->again = sb;
	else
		hl_sandbox_free(sb);
	return status;
}

static void print_plan(void *arg, const char *kind, const char *text)
{
	printf("%-10s%s\n", kind, text);
}

static int run_dry(struct run *r)
{
	struct hl_error *err = NULL;

	hl_config_set_jail(r->cfg, HL_JAIL_PROCESS);
	if (hl_config_plan(r->cfg, print_plan, NULL, &err))
		return report_error(&r->out, err);
	return fflush(stdout) || ferror(stdout) ? STATUS_HL : 0;
}

static int begin_learning(struct run *r, const char *const *args)
{
	r->learn_world = (struct learn_world){ &r->given, args, r->learn_file, time(NULL) };
	r->learn = learn_begin(&r->out, &r->learn_world);
	hl_config_set_audit(r->cfg, HL_AUDIT_ALL, r->learn ? learn_put : NULL, r->learn);
	return r->learn ? 0 : STATUS_HL;
}

/* --exec: an interpreter's option and the code; for a driver, with the arguments behind it. */
static int set_args(struct run *r, int count, char **words)
{
	size_t head = 0, n = (size_t)count;
	const char **args = calloc(n + 3, sizeof *args);

	if (!args)
		return -1;
	if (r->code && !r->snapshot)
		args[head++] = *words++, n--;
	if (r->code) {
		args[head++] = exec_option(r->snapshot ? r->driver : args[0]);
		args[head++] = r->code;
	}
	memcpy(args + head, words, n * sizeof *args);
	hl_config_set_args(r->cfg, head + n, args);
	free(args);
	return 0;
}

/* The words of an image's program, ended by NULL: its entry point, and what was given, or else its
 * command; that belongs to the image's own entry point. NULL: no memory. */
static char **image_words(const struct run *r, int count, char **given)
{
	const struct image_run *img = r->image;
	const char *own[] = { r->entrypoint, NULL };
	const char **entry = r->entrypoint ? own : img->entry;
	size_t nr_entry = r->entrypoint ? 1 : img->nr_entry;
	size_t nr_rest = count ? (size_t)count : r->entrypoint ? 0 : img->nr_cmd;
	char **words = calloc(nr_entry + nr_rest + 1, sizeof *words);

	if (!words)
		return NULL;
	memcpy(words, entry, nr_entry * sizeof *words);
	memcpy(words + nr_entry, count ? (void *)given : (void *)img->cmd, nr_rest * sizeof *words);
	return words;
}

static int run_words(struct run *r, int count, char **words);

static int run(struct run *r, int argc, char **argv)
{
	int status = parse_options(r, argc, argv), count = argc - optind;

	if (status >= 0)
		return status;
	char **given = argv + optind, **words = given;
	if (r->image && !r->code)
		words = image_words(r, count, given);
	if (!words)
		return report_no_memory(&r->out);
	for (count = 0; words[count];)
		count++;
	status = run_words(r, count, words);
	if (words != given)
		free(words);
	return status;
}

static int run_words(struct run *r, int count, char **words)
{
	int status;

	if (set_args(r, count, words))
		return report_no_memory(&r->out);
	const char *const *args = (const char *const *)words;
	if (r->verb == RUN_SAVE)
		hl_config_add_moment(r->cfg, HL_MOMENT_ASKS, NULL);
	if (r->told)
		hl_config_add_function(r->cfg, "loaded", r->told, r->told_arg);
	if (r->verbose)
		hl_config_set_log(r->cfg, r->verbose, put_log, r);
	if (r->dry)
		return run_dry(r);
	if (r->learn_file && begin_learning(r, args))
		return STATUS_HL;
	struct relay *relay = relay_open(&r->out);
	if (!relay) {
		complain(&r->out, "cannot take signals: %s", strerror(errno));
		return STATUS_HL;
	}
	if (r->image)
		relay_stop_by(relay, r->image->stop_signal);
	hl_config_set_ready(r->cfg, relay_ready, relay);
	/* The first run that fails is the last. */
	do
		status = run_sandbox(r, relay);
	while (!status && r->repeat-- > 0);
	relay_close(relay);
	int not_learned = r->learn ? learn_end(&r->out, r->learn, &r->learn_stats) : 0;
	return not_learned ? not_learned : status;
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

/* Where a process has several threads, the host's kernel waits for all CPUs before it replaces the
 * process's table of descriptors by a larger one (expand_fdtable(), which calls synchronize_rcu()):
 * many milliseconds. One thread alone does not wait, so the table becomes large before there are
 * more. Where the host does not allow so many descriptors, it will not have to grow much either. */
static void grow_descriptor_table(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 1023);

	if (fd >= 0)
		close(fd);
}

int run_whole(struct run *r, int argc, char **argv)
{
	r->trace_fd = r->audit_fd = -1;
	/* The user's other programs have no business in the memory of a guest and its monitor. */
	prctl(PR_SET_DUMPABLE, 0);
	/* looks at descriptors and signals: before anything changes them */
	r->cfg = hl_config_new();
	fill_closed_stdio();
	grow_descriptor_table();
	/* a message or a trace that meets RLIMIT_FSIZE is lost, and nothing else */
	signal(SIGXFSZ, SIG_IGN);
	violation_watch();
	int status = run(r, argc, argv);
	if (r->trace_fd >= 0)
		close(r->trace_fd);
	if (r->audit_fd >= 0)
		close(r->audit_fd);
	policy_free(&r->given);
	if (r->image)
		image_run_free(r->image);
	free(r->image);
	hl_config_free(r->cfg);
	return status;
}

int run_main(int argc, char **argv)
{
	struct run r = { .verb = RUN_PROGRAM };

	return run_whole(&r, argc, argv);
}
