/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warm runtime that hl bench makes copies of.
 *
 * Its file has no name: it is removed as soon as it is there, so that nothing stays behind however
 * the bench ends, and processes of their own find it by our descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/run.h"

#define SAVES 5

static const struct runtime runtimes[] = {
	{ "python3", "print(1)", "import ", "", true },
	{ "node", "console.log(1)", "require('", "');", false },
	{ "perl", "print qq(1\\n)", "require ", ";", false },
	{ "ruby", "puts 1", "require '", "'", false },
	{ "bash", "echo 1", ". ", "", false },
};

const struct runtime *bench_runtime(const char *driver)
{
	for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++) {
		size_t len = strlen(runtimes[i].name);
		if (strncmp(driver, runtimes[i].name, len) == 0 && strchr(":", driver[len]))
			return &runtimes[i];
	}
	return NULL;
}

/* What it said on stderr is why. */
static int report_end(const struct bench *b, struct hl_sandbox *sb, const struct hl_result *res)
{
	struct hl_bytes said = { 0 };

	hl_sandbox_take_output(sb, 2, &said, NULL, NULL);
	while (said.len && said.data[said.len - 1] == '\n')
		said.len--;
	const char *last = said.len ? memrchr(said.data, '\n', said.len) : NULL;
	last = last ? last + 1 : said.data;
	complain(&b->out, "bench: %s ended with %s %d%s%.*s", b->driver,
		 res->end == HL_EXITED ? "status" : "signal", res->status, said.len ? ": " : "",
		 said.len ? (int)(said.data + said.len - last) : 0, said.len ? last : "");
	hl_bytes_free(&said);
	return STATUS_HL;
}

int bench_await_due(const struct bench *b, struct hl_sandbox *sb)
{
	struct pollfd event = { hl_sandbox_event_fd(sb), POLLIN, 0 };
	struct hl_error *err = NULL;
	struct hl_result res;

	while (!hl_sandbox_save_due(sb)) {
		if (hl_sandbox_wait(sb, 0, &res, &err) == 0)
			return report_end(b, sb, &res);
		enum hl_code code = hl_error_code(err);
		if (code != HL_TIMED_OUT)
			return report_error(&b->out, err);
		hl_error_free(err);
		if (!hl_sandbox_save_due(sb))
			poll(&event, 1, -1);
	}
	return 0;
}

/* Saves it to a file that loses its name at once. */
static int save(struct bench *b, struct hl_sandbox *sb, uint64_t *ns)
{
	const char *dir = getenv("TMPDIR");
	struct hl_error *err = NULL;
	sigset_t all, old;
	char *name;
	int status = 0;

	if (asprintf(&name, "%s/hl-bench-XXXXXX", dir && *dir ? dir : "/tmp") < 0)
		return report_no_memory(&b->out);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	int fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		complain(&b->out, "bench: %s: %s", name, strerror(errno));
		status = STATUS_HL;
	} else {
		uint64_t began = now_ns();
		if (hl_sandbox_save(sb, name, &err))
			status = report_error(&b->out, err);
		*ns = now_ns() - began;
		close(fd); /* of the file that was there before */
	}
	if (b->fd >= 0)
		close(b->fd);
	b->fd = status ? -1 : open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	sigprocmask(SIG_SETMASK, &old, NULL);
	free(name);
	return status;
}

/* One start of the runtime, up to where it is ready, and one save. */
static int make_once(struct bench *b, struct series *ready, struct series *saved, size_t i)
{
	struct hl_config *cfg = hl_config_new();
	struct hl_sandbox *sb = NULL;
	struct hl_error *err = NULL;
	uint64_t began = now_ns();

	hl_config_set_platform(cfg, b->platform);
	hl_config_set_isolate(cfg, !b->plain);
	hl_config_set_driver(cfg, b->driver);
	if (b->interpreter)
		hl_config_set_args(cfg, 1, &b->interpreter);
	hl_config_add_moment(cfg, HL_MOMENT_ASKS, NULL);
	hl_config_set_stdio(cfg, -1, -1, -1);
	hl_config_set_input(cfg, "", 0);
	hl_config_keep_output(cfg, 1, 4096);
	hl_config_keep_output(cfg, 2, 1 << 20);
	hl_config_set_timeout(cfg, BENCH_LIMIT_MS);
	int status = hl_sandbox_start(cfg, &sb, &err) ? report_error(&b->out, err) : 0;
	if (!status)
		status = bench_await_due(b, sb);
	ready->ns[i] = now_ns() - began;
	if (!status)
		status = save(b, sb, &saved->ns[i]);
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	return status;
}

int bench_image_make(struct bench *b)
{
	size_t count = b->rounds < SAVES ? b->rounds : SAVES;
	struct series *ready =
	    bench_series(b, "ready", "a runtime starts and loads its modules", count);
	struct series *saved = bench_series(b, "save", "it is saved", count);
	struct hl_error *err = NULL;
	int status = 0;

	if (!ready || !saved)
		return report_no_memory(&b->out);
	for (size_t i = 0; i < count && !status; i++)
		status = make_once(b, ready, saved, i);
	if (status)
		return status;
	if (asprintf(&b->file, "/proc/%d/fd/%d", (int)getpid(), b->fd) < 0) {
		b->file = NULL;
		return report_no_memory(&b->out);
	}
	if (hl_snapshot_open(b->file, &b->snapshot, &err))
		return report_error(&b->out, err);
	hl_snapshot_inspect(b->snapshot, &b->image);
	return 0;
}

void bench_image_free(struct bench *b)
{
	hl_snapshot_close(b->snapshot);
	free(b->file);
	if (b->fd >= 0)
		close(b->fd);
}

struct hl_config *bench_copy_config(const struct bench *b, bool job)
{
	const char *const args[] = { exec_option(b->runtime->name), b->code };
	struct hl_config *cfg = hl_config_new();

	hl_config_take_world(cfg, b->snapshot);
	hl_config_set_platform(cfg, b->platform);
	if (job)
		hl_config_set_args(cfg, 2, args);
	hl_config_set_stdio(cfg, -1, -1, -1);
	hl_config_set_input(cfg, "", 0);
	hl_config_keep_output(cfg, 1, 1 << 20);
	hl_config_keep_output(cfg, 2, 1 << 20);
	hl_config_set_timeout(cfg, job ? BENCH_LIMIT_MS : 0);
	return cfg;
}

int bench_await(const struct bench *b, struct hl_sandbox *sb)
{
	struct hl_bytes printed = { 0 };
	struct hl_error *err = NULL;
	struct hl_result res;

	if (hl_sandbox_wait(sb, HL_FOREVER, &res, &err))
		return report_error(&b->out, err);
	if (res.end != HL_EXITED || res.status)
		return report_end(b, sb, &res);
	if (hl_sandbox_take_output(sb, 1, &printed, NULL, &err))
		return report_error(&b->out, err);
	bool good = b->own_code || (printed.len == 2 && memcmp(printed.data, "1\n", 2) == 0);
	hl_bytes_free(&printed);
	if (!good)
		complain(&b->out, "bench: %s does not print 1", b->code);
	return good ? 0 : STATUS_HL;
}
