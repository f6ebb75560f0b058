/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modes of hl bench that look how something grows: what copies take while many are alive, and
 * what a copy costs by the size of the image and by the pages that it writes.
 *
 * For the latter the program inside is hl's own: it has so much memory, is saved, and in each copy
 * writes to as many pages as its argument says.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/run.h"

#define PAGE 4096

/* ---- the program inside ---- */

/* The number that this copy was given. */
static size_t argument(int fd)
{
	char text[32] = "";

	if (write(fd, "args", 4) != 4 || read(fd, text, sizeof text - 1) <= 0)
		return 0;
	return strtoul(text, NULL, 10);
}

int bench_guest(const char *mib)
{
	size_t len = strtoul(mib, NULL, 10) << 20;
	char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/dev/hl", O_RDWR | O_CLOEXEC);

	if (memory == MAP_FAILED || fd < 0)
		return STATUS_HL;
	/* no page is as another one */
	for (size_t at = 0; at < len; at += PAGE)
		memcpy(memory + at, &(size_t){ at + 1 }, sizeof at);
	if (write(fd, "save", 4) != 4)
		return STATUS_HL;
	for (size_t i = 0, pages = argument(fd); i < pages && i < len / PAGE; i++)
		memory[i * PAGE + 8] = 1;
	return write(STDOUT_FILENO, "1\n", 2) == 2 ? 0 : STATUS_HL;
}

/* ---- images of it ---- */

/* Starts it, with so much memory, and makes a snapshot of it. */
static int make_image(const struct bench *b, const char *program, unsigned mib,
		      struct hl_snapshot **out)
{
	char size[16];
	const char *const args[] = { program, "bench", "--guest", size };
	struct hl_config *cfg = hl_config_new();
	struct hl_sandbox *sb = NULL;
	struct hl_error *err = NULL;

	snprintf(size, sizeof size, "%u", mib);
	hl_config_set_args(cfg, 4, args);
	hl_config_set_platform(cfg, b->platform);
	hl_config_add_moment(cfg, HL_MOMENT_ASKS, NULL);
	hl_config_set_stdio(cfg, -1, -1, -1);
	hl_config_set_input(cfg, "", 0);
	hl_config_keep_output(cfg, 1, 16);
	hl_config_keep_output(cfg, 2, 4096);
	hl_config_set_timeout(cfg, BENCH_LIMIT_MS + (uint64_t)mib * BENCH_LIMIT_MS_MIB);
	int status = hl_sandbox_start(cfg, &sb, &err) ? report_error(&b->out, err) : 0;
	if (!status)
		status = bench_await_due(b, sb);
	if (!status && hl_sandbox_clone(sb, NULL, out, &err))
		status = report_error(&b->out, err);
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	return status;
}

/* Medians, in milliseconds, of the start of a copy and of its whole run. */
static int run_copies(struct bench *b, const struct hl_snapshot *image, unsigned pages,
		      double *start_ms, double *run_ms)
{
	char count[16];
	const char *arg = count;
	struct hl_config *cfg = hl_config_new();
	uint64_t *ns = calloc(b->rounds, 2 * sizeof *ns);
	struct series start = { .ns = ns, .count = b->rounds };
	struct series run = { .ns = ns ? ns + b->rounds : NULL, .count = b->rounds };
	int status = ns ? 0 : report_no_memory(&b->out);

	snprintf(count, sizeof count, "%u", pages);
	hl_config_set_platform(cfg, b->platform);
	hl_config_set_args(cfg, 1, &arg);
	hl_config_set_stdio(cfg, -1, -1, -1);
	hl_config_keep_output(cfg, 1, 16);
	hl_config_set_timeout(cfg, BENCH_LIMIT_MS);
	for (size_t i = 0; !status && i < b->rounds; i++) {
		struct hl_sandbox *sb;
		struct hl_error *err = NULL;
		uint64_t began = now_ns();
		if (hl_sandbox_restore(cfg, image, &sb, &err)) {
			status = report_error(&b->out, err);
			break;
		}
		start.ns[i] = now_ns() - began;
		status = bench_await(b, sb);
		run.ns[i] = now_ns() - began;
		hl_sandbox_free(sb);
	}
	if (!status) {
		*start_ms = bench_median_ms(&start);
		*run_ms = bench_median_ms(&run);
	}
	free(ns);
	hl_config_free(cfg);
	return status;
}

static int grow_size(struct bench *b, const char *program)
{
	struct curve *c = bench_curve(b, &(struct curve){ "image",
							  "A copy, by the size of its image",
							  "MiB of memory",
							  "ms",
							  { "to its start", "to its end" },
							  { { 0 } } });
	int status = 0;

	for (size_t i = 0; !status && i < b->sizes.count; i++) {
		struct hl_snapshot *image = NULL;
		double start = 0, run = 0;
		status = make_image(b, program, b->sizes.mib[i], &image);
		if (!status)
			status = run_copies(b, image, 0, &start, &run);
		hl_snapshot_close(image);
		bench_point(&c->line[0], b->sizes.mib[i], start);
		bench_point(&c->line[1], b->sizes.mib[i], run);
	}
	return status;
}

static int grow_pages(struct bench *b, const char *program)
{
	struct curve *c = bench_curve(b, &(struct curve){ "pages",
							  "A copy, by the pages that it writes",
							  "pages written",
							  "ms",
							  { "to its end" },
							  { { 0 } } });
	struct hl_snapshot *image = NULL;
	int status = make_image(b, program, BENCH_PAGES_MIB, &image);

	for (unsigned pages = 1; !status && pages <= BENCH_PAGES_COUNT; pages *= 10) {
		double start = 0, run = 0;
		status = run_copies(b, image, pages, &start, &run);
		bench_point(&c->line[0], pages, run);
	}
	hl_snapshot_close(image);
	return status;
}

int bench_growth(struct bench *b)
{
	char program[4096];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	if (n < 0) {
		complain(&b->out, "bench: /proc/self/exe cannot be read");
		return STATUS_HL;
	}
	program[n] = '\0';
	int status = grow_size(b, program);
	return status ? status : grow_pages(b, program);
}

/* ---- many copies alive ---- */

#define NO_MORE "bench: %u copies are alive, and more cannot be"

struct crowd {
	const struct bench *b;
	struct hl_sandbox **sb;
	unsigned count;
	bool works; /* each runs the job, and goes on */
	struct line *memory, *times;
};

/* 10, 100, 1000 ..., and the last one. */
static bool is_point(const struct bench *b, unsigned count)
{
	unsigned n = count;

	while (n >= 10 && n % 10 == 0)
		n /= 10;
	return (n == 1 && count >= 10) || count == b->copies;
}

/* Where the rest of the machine gave back more than the copies took, nothing is known. */
static void put_memory(struct line *l, int64_t before, unsigned count)
{
	int64_t bytes = bench_in_use() - before;

	if (bytes > 0)
		bench_point(l, count, (double)bytes / 1024 / count);
}

static int run_job(const struct bench *b, struct hl_sandbox *sb)
{
	struct hl_bytes answer = { 0 };
	struct hl_error *err = NULL;

	int failed =
	    hl_sandbox_call(sb, ":exec", b->code, strlen(b->code), BENCH_LIMIT_MS, &answer, &err);
	hl_bytes_free(&answer);
	return failed ? report_error(&b->out, err) : 0;
}

/* Where the host has no room for more that is said, and those that are there count. */
static int start_crowd(struct crowd *c)
{
	struct hl_config *cfg = bench_copy_config(c->b, false);
	int64_t before = bench_in_use();
	uint64_t began = now_ns(), looked = 0;
	struct hl_error *err = NULL;
	int status = 0;

	while (!status && !err && c->count < c->b->copies) {
		struct hl_sandbox **sb = &c->sb[c->count];
		if (hl_sandbox_restore(cfg, c->b->snapshot, sb, &err) == 0) {
			c->count++;
			status = c->works ? run_job(c->b, *sb) : 0;
		}
		if (status || !c->count || !(err || is_point(c->b, c->count)))
			continue;
		uint64_t now = now_ns();
		bench_point(c->times, c->count, (double)(now - began - looked) / 1e6);
		put_memory(c->memory, before, c->count);
		looked += now_ns() - now;
	}
	if (err)
		report_error(&c->b->out, hl_error_wrap(err, NO_MORE, c->count));
	hl_config_free(cfg);
	return status;
}

/* Copies that wait for calls, or that have run the job. */
static int crowd(const struct bench *b, bool works, struct line *memory, struct line *times)
{
	struct crowd c = { .b = b, .works = works, .memory = memory, .times = times };

	c.sb = calloc(b->copies, sizeof(struct hl_sandbox *));
	int status = c.sb ? start_crowd(&c) : report_no_memory(&b->out);
	for (unsigned i = 0; i < c.count; i++)
		hl_sandbox_free(c.sb[i]);
	free(c.sb);
	return status;
}

/* Copies that a pool has ready: none has run an instruction. */
static void pools(const struct bench *b, struct line *memory, struct line *times)
{
	struct hl_config *cfg = bench_copy_config(b, true);
	struct hl_error *err = NULL;
	unsigned most = 0;

	for (unsigned n = 1; !err && n <= b->copies; n++) {
		struct hl_pool *pool;
		if (!is_point(b, n))
			continue;
		int64_t before = bench_in_use();
		uint64_t began = now_ns();
		if (hl_pool_new(cfg, b->snapshot, n, &pool, &err))
			break;
		bench_point(times, n, (double)(now_ns() - began) / 1e6);
		put_memory(memory, before, n);
		hl_pool_free(pool);
		most = n;
	}
	if (err)
		report_error(&b->out, hl_error_wrap(err, NO_MORE, most));
	hl_config_free(cfg);
}

int bench_memory(struct bench *b)
{
	static const struct curve curves[] = {
		{ "memory",
		  "Memory of a copy",
		  "copies alive",
		  "KiB each",
		  { "ready in a pool", "waiting for a call", "after the job" },
		  { { 0 } } },
		{ "alive",
		  "Until so many are alive",
		  "copies alive",
		  "ms",
		  { "ready in a pool", "waiting for a call", "after the job" },
		  { { 0 } } },
	};
	struct line *memory = bench_curve(b, &curves[0])->line;
	struct line *times = bench_curve(b, &curves[1])->line;
	int status = 0;

	pools(b, &memory[0], &times[0]);
	for (int works = 0; b->runtime->takes_calls && !status && works < 2; works++)
		status = crowd(b, works, &memory[1 + works], &times[1 + works]);
	return status;
}
