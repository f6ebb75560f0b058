/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What snapshots cost a program that embeds the library: make bench-snapshot [PLATFORM=kvm]
 *
 *	snapshot PLATFORM FILE ROUNDS save PROGRAM [ARGS...]
 *	snapshot PLATFORM FILE ROUNDS copy|reset|pool|memory LINE
 *	snapshot PLATFORM FILE ROUNDS run LINE HL
 *
 * The image is of a program that has warmed up, says so by a line, and waits for a line on its
 * standard input, which tells it what to do.
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "hl.h"

static const char *platform, *file;

static void must(int failed, struct hl_error *const *err)
{
	if (failed) {
		fprintf(stderr, "snapshot: %s\n", hl_error_text(*err));
		exit(1);
	}
}

/* ---- a sandbox with pipes ---- */

struct run {
	struct hl_sandbox *sb;
	int in, out; /* our ends */
};

static struct hl_config *config_of(struct run *r, int ends[2])
{
	struct hl_config *cfg = hl_config_new();
	int in[2], out[2];

	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	ends[0] = in[0], ends[1] = out[1];
	r->in = in[1], r->out = out[0];
	hl_config_set_stdio(cfg, in[0], out[1], 2);
	hl_config_set_platform(cfg, platform);
	return cfg;
}

static void await_line(const struct run *r)
{
	char c = 0;

	while (c != '\n')
		CHECK(read(r->out, &c, 1) == 1);
}

static void end(struct run *r)
{
	struct hl_error *err = NULL;

	must(hl_sandbox_wait(r->sb, 60000, NULL, &err), &err);
	hl_sandbox_free(r->sb);
	close(r->in);
	close(r->out);
}

/* ---- what is measured ---- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *what, uint64_t *ns, unsigned n)
{
	qsort(ns, n, sizeof *ns, by_value);
	printf("%-22s %8.1f us  [%.1f .. %.1f]\n", what, (double)ns[n / 2] / 1e3,
	       (double)ns[0] / 1e3, (double)ns[n - 1] / 1e3);
}

static void save(int argc, char **argv)
{
	struct run r;
	int ends[2];
	struct hl_config *cfg = config_of(&r, ends);
	struct hl_error *err = NULL;

	hl_config_set_args(cfg, (size_t)argc, (const char *const *)argv);
	must(hl_sandbox_start(cfg, &r.sb, &err), &err);
	close(ends[0]);
	close(ends[1]);
	await_line(&r);
	while (!hl_sandbox_idle(r.sb))
		usleep(1000);
	uint64_t start = now();
	must(hl_sandbox_save(r.sb, file, &err), &err);
	printf("save                   %8.1f ms\n", (double)(now() - start) / 1e6);
	hl_sandbox_kill(r.sb);
	end(&r);
	hl_config_free(cfg);
}

/* Its program has been let go, and nothing is left to do before its first instruction. Whoever
 * looks leaves it the CPU and its locks between two looks. */
static void await_entry(struct hl_sandbox *sb)
{
	const struct timespec pause = { .tv_nsec = 2000 };
	struct hl_stats stats;

	for (hl_sandbox_stats(sb, &stats); !stats.entries; hl_sandbox_stats(sb, &stats))
		nanosleep(&pause, NULL);
}

/* t: ns until it is started, to its result, until it is taken apart; then counters, when the result
 * is there; and to its first instruction, if somebody looks: that takes a CPU and the copy's locks,
 * and so puts off the result. */
static void copy(const struct hl_snapshot *snap, const char *line, bool look, uint64_t *t)
{
	struct run r;
	int ends[2];
	struct hl_config *cfg = config_of(&r, ends);
	struct hl_error *err = NULL;
	struct hl_stats stats;

	CHECK(write(r.in, line, strlen(line)) == (ssize_t)strlen(line));
	t[0] = now();
	must(hl_sandbox_restore(cfg, snap, &r.sb, &err), &err);
	t[1] = now();
	if (look)
		await_entry(r.sb);
	t[8] = now();
	close(ends[0]);
	close(ends[1]);
	await_line(&r);
	t[2] = now();
	hl_sandbox_stats(r.sb, &stats);
	t[3] = now();
	hl_sandbox_free(r.sb);
	t[4] = now();
	t[5] = stats.faults, t[6] = stats.syscalls, t[7] = stats.guest_memory;
	close(r.in);
	close(r.out);
	hl_config_free(cfg);
}

static void copies(const struct hl_snapshot *snap, unsigned rounds, const char *line)
{
	uint64_t *started = calloc(rounds, sizeof *started), *result = calloc(rounds, 8);
	uint64_t *freed = calloc(rounds, 8), *first = calloc(rounds, 8), t[9] = { 0 };

	for (unsigned i = 0; i < rounds; i++) {
		copy(snap, line, true, t);
		first[i] = t[8] - t[0];
	}
	for (unsigned i = 0; i < rounds; i++) {
		copy(snap, line, false, t);
		started[i] = t[1] - t[0];
		result[i] = t[2] - t[0];
		freed[i] = t[4] - t[3];
	}
	print("start of a copy", started, rounds);
	print("to its first entry", first, rounds);
	print("to its result", result, rounds);
	print("taking it apart", freed, rounds);
	printf("faults %lu, system calls %lu, memory %lu KiB\n", t[5], t[6], t[7] >> 10);
}

/* The copy runs the line, is put back, and runs it again. */
static void resets(const struct hl_snapshot *snap, unsigned rounds, const char *line)
{
	uint64_t *reset = calloc(rounds, sizeof *reset), *result = calloc(rounds, sizeof *result);
	struct run r;
	int ends[2];
	struct hl_config *cfg = config_of(&r, ends);
	struct hl_error *err = NULL;
	struct hl_stats stats;

	hl_config_set_resettable(cfg, true);
	must(hl_sandbox_restore(cfg, snap, &r.sb, &err), &err);
	for (unsigned i = 0; i < rounds; i++) {
		CHECK(write(r.in, line, strlen(line)) == (ssize_t)strlen(line));
		await_line(&r);
		uint64_t start = now();
		must(hl_sandbox_reset(r.sb, &err), &err);
		reset[i] = now() - start;
		CHECK(write(r.in, line, strlen(line)) == (ssize_t)strlen(line));
		await_line(&r);
		result[i] = now() - start;
		hl_sandbox_stats(r.sb, &stats);
	}
	print("reset", reset, rounds);
	print("reset to result", result, rounds);
	printf("faults %lu, system calls %lu, memory %lu KiB\n", stats.faults, stats.syscalls,
	       stats.guest_memory >> 10);
	hl_sandbox_free(r.sb);
	hl_config_free(cfg);
}

/* A copy is taken, runs the line and is given back. */
static void pools(const struct hl_snapshot *snap, unsigned rounds, const char *line)
{
	uint64_t *taken = calloc(rounds, sizeof *taken), *result = calloc(rounds, sizeof *result);
	uint64_t *given = calloc(rounds, sizeof *given);
	struct run r;
	int ends[2];
	struct hl_config *cfg = config_of(&r, ends);
	struct hl_error *err = NULL;
	struct hl_pool *pool;

	must(hl_pool_new(cfg, snap, 1, &pool, &err), &err);
	for (unsigned i = 0; i < rounds; i++) {
		CHECK(write(r.in, line, strlen(line)) == (ssize_t)strlen(line));
		uint64_t start = now();
		must(hl_pool_take(pool, NULL, &r.sb, &err), &err);
		taken[i] = now() - start;
		await_line(&r);
		result[i] = now() - start;
		start = now();
		hl_pool_give(pool, r.sb);
		given[i] = now() - start;
	}
	print("taking a ready copy", taken, rounds);
	print("to its result", result, rounds);
	print("giving it back", given, rounds);
	hl_pool_free(pool);
	hl_config_free(cfg);
}

/* KiB that the whole machine has in use. */
static int64_t in_use(void)
{
	static const char *const kinds[] = { "AnonPages:",   "Shmem:",      "Slab:",
					     "KernelStack:", "PageTables:", "Percpu:" };
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	int64_t sum = 0;

	CHECK(f);
	while (fgets(line, sizeof line, f))
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
			if (strncmp(line, kinds[i], strlen(kinds[i])) == 0)
				sum += strtol(line + strlen(kinds[i]), NULL, 10);
	fclose(f);
	return sum;
}

static void memory(const struct hl_snapshot *snap, unsigned count, const char *line)
{
	struct run *all = calloc(count, sizeof *all);
	struct hl_error *err = NULL;
	int64_t before = in_use();
	uint64_t start = now();

	for (unsigned i = 0; i < count; i++) {
		int ends[2];
		struct hl_config *cfg = config_of(&all[i], ends);

		must(hl_sandbox_restore(cfg, snap, &all[i].sb, &err), &err);
		close(ends[0]);
		close(ends[1]);
		hl_config_free(cfg);
	}
	uint64_t started = now();
	int64_t idle = in_use();
	struct hl_stats stats;
	hl_sandbox_stats(all[0].sb, &stats);
	printf("of a guest's           %8s     %lu KiB, %lu faults\n", "", stats.guest_memory >> 10,
	       stats.faults);
	printf("%u copies alive        %8.1f ms, %ld KiB each\n", count,
	       (double)(started - start) / 1e6, (idle - before) / (int64_t)count);
	for (unsigned i = 0; i < count; i++) {
		CHECK(write(all[i].in, line, strlen(line)) == (ssize_t)strlen(line));
		await_line(&all[i]);
	}
	printf("after their results    %8s     %ld KiB each\n", "",
	       (in_use() - before) / (int64_t)count);
	for (unsigned i = 0; i < count; i++) {
		hl_sandbox_kill(all[i].sb);
		end(&all[i]);
	}
}

/* A process of its own each time: hl snapshot run. */
static pid_t spawn(const char *hl, int in, int out)
{
	const char *const argv[] = { hl, "snapshot", "run", file, "--platform", platform, NULL };
	posix_spawn_file_actions_t fds;
	pid_t pid;

	posix_spawn_file_actions_init(&fds);
	posix_spawn_file_actions_adddup2(&fds, in, 0);
	posix_spawn_file_actions_adddup2(&fds, out, 1);
	CHECK(posix_spawn(&pid, hl, &fds, NULL, (char *const *)(uintptr_t)argv, environ) == 0);
	posix_spawn_file_actions_destroy(&fds);
	return pid;
}

static void processes(unsigned rounds, const char *line, const char *hl)
{
	uint64_t *result = calloc(rounds, sizeof *result);

	for (unsigned i = 0; i < rounds; i++) {
		struct run r;
		int in[2], out[2];

		CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
		r.in = in[1], r.out = out[0];
		CHECK(write(r.in, line, strlen(line)) == (ssize_t)strlen(line));
		uint64_t start = now();
		pid_t pid = spawn(hl, in[0], out[1]);
		await_line(&r);
		result[i] = now() - start;
		close(in[0]), close(in[1]), close(out[1]);
		CHECK(waitpid(pid, NULL, 0) == pid);
		close(out[0]);
	}
	print("hl snapshot run", result, rounds);
}

int main(int argc, char **argv)
{
	struct hl_snapshot *snap;
	struct hl_error *err = NULL;

	if (argc < 6) {
		fprintf(stderr,
			"snapshot PLATFORM FILE ROUNDS save|copy|reset|pool|memory|run ARGS...\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1);
	platform = argv[1];
	file = argv[2];
	unsigned rounds = (unsigned)atoi(argv[3]);
	if (strcmp(argv[4], "save") == 0) {
		save(argc - 5, argv + 5);
		return 0;
	}
	if (strcmp(argv[4], "run") == 0) {
		CHECK(argc == 7);
		processes(rounds, argv[5], argv[6]);
		return 0;
	}
	must(hl_snapshot_open(file, &snap, &err), &err);
	if (strcmp(argv[4], "copy") == 0)
		copies(snap, rounds, argv[5]);
	else if (strcmp(argv[4], "reset") == 0)
		resets(snap, rounds, argv[5]);
	else if (strcmp(argv[4], "pool") == 0)
		pools(snap, rounds, argv[5]);
	else
		memory(snap, rounds, argv[5]);
	hl_snapshot_close(snap);
	return 0;
}
