/* SPDX-License-Identifier: Apache-2.0 */
/* The modes of hl bench that run a job, each in another way, and look at the clock. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/run.h"

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#define LIMIT           TEXT(BENCH_LIMIT_S)

/* ---- whole processes ---- */

/* Starts hl itself with its standard output in a pipe. */
static int spawn_hl(const char *const *argv, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int e = posix_spawn_file_actions_init(&actions);

	if (e)
		return e;
	e = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!e)
		e = posix_spawnp(pid, "/proc/self/exe", &actions, NULL,
				 (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return e;
}

/* So many bytes of what it prints are looked at; all of it is taken. */
static size_t read_all(int fd, char *start, size_t room)
{
	char rest[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, len < room ? start + len : rest,
			 len < room ? room - len : sizeof rest)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		len += len < room ? (size_t)n : 0;
	}
	return len;
}

static int run_process(const struct bench *b, const char *const *argv)
{
	int fds[2], status = 0;
	char start[3];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		complain(&b->out, "bench: no pipe: %s", strerror(errno));
		return STATUS_HL;
	}
	int e = spawn_hl(argv, fds[1], &pid);
	close(fds[1]);
	if (e) {
		close(fds[0]);
		complain(&b->out, "bench: hl cannot be started: %s", strerror(e));
		return STATUS_HL;
	}
	size_t len = read_all(fds[0], start, sizeof start);
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || status) {
		complain(&b->out, "bench: a run of its own ended badly");
		return STATUS_HL;
	}
	if (!b->own_code && (len != 2 || memcmp(start, "1\n", 2) != 0)) {
		complain(&b->out, "bench: %s does not print 1", b->code);
		return STATUS_HL;
	}
	return 0;
}

static int processes(struct bench *b, const char *name, const char *what, const char *const *argv)
{
	struct series *s = bench_series(b, name, what, b->rounds);
	int status = s ? 0 : report_no_memory(&b->out);

	for (size_t i = 0; !status && i < s->count; i++) {
		uint64_t began = now_ns();
		status = run_process(b, argv);
		s->ns[i] = now_ns() - began;
	}
	return status;
}

/* The job as a cold runtime runs it: modules first. */
static char *cold_code(const struct bench *b)
{
	const char *colon = strchr(b->driver, ':');
	char *modules = strdup(colon ? colon + 1 : ""), *code = NULL, *rest = NULL;
	size_t len;
	FILE *f = open_memstream(&code, &len);

	if (!f || !modules) {
		free(modules);
		if (f)
			fclose(f);
		free(code);
		return NULL;
	}
	for (char *m = strtok_r(modules, ",", &rest); m; m = strtok_r(NULL, ",", &rest))
		fprintf(f, "%s%s%s\n", b->runtime->import, m, b->runtime->end);
	fputs(b->code, f);
	free(modules);
	if (fclose(f)) {
		free(code);
		return NULL;
	}
	return code;
}

int bench_cold(struct bench *b)
{
	char *code = cold_code(b);
	const char *const argv[] = { "hl",
				     b->plain ? "run" : "--isolate",
				     "--platform",
				     b->platform,
				     "-t",
				     LIMIT,
				     "-e",
				     code,
				     b->interpreter ? b->interpreter : b->runtime->name,
				     NULL };
	int status = code ? processes(b, "cold",
				      "a process of its own: the runtime starts, loads its "
				      "modules and runs the job",
				      argv)
			  : report_no_memory(&b->out);

	free(code);
	return status;
}

int bench_cold_snap(struct bench *b)
{
	const char *const argv[] = { "hl", "snapshot", "run", b->file, "--platform", b->platform,
				     "-t", LIMIT,      "-e",  b->code, NULL };

	return processes(b, "cold-snap", "a process of its own opens the snapshot and runs the job",
			 argv);
}

/* ---- copies in this process ---- */

int bench_copy(struct bench *b)
{
	struct series *start = bench_series(b, "copy-start", "a new copy starts", b->rounds);
	struct series *run =
	    bench_series(b, "copy", "a new copy starts and runs the job", b->rounds);
	struct series *freed = bench_series(b, "copy-free", "it is taken apart", b->rounds);
	struct hl_config *cfg = bench_copy_config(b, true);
	int status = start && run && freed ? 0 : report_no_memory(&b->out);

	for (size_t i = 0; !status && i < b->rounds; i++) {
		struct hl_sandbox *sb;
		struct hl_error *err = NULL;
		uint64_t began = now_ns();
		if (hl_sandbox_restore(cfg, b->snapshot, &sb, &err)) {
			status = report_error(&b->out, err);
			break;
		}
		start->ns[i] = now_ns() - began;
		status = bench_await(b, sb);
		uint64_t ended = now_ns();
		run->ns[i] = ended - began;
		hl_sandbox_free(sb);
		freed->ns[i] = now_ns() - ended;
	}
	hl_config_free(cfg);
	return status;
}

int bench_warm_restore(struct bench *b)
{
	struct series *reset = bench_series(b, "reset", "a copy is put back", b->rounds);
	struct series *run =
	    bench_series(b, "warm-restore", "a copy is put back and runs the job", b->rounds);
	struct hl_config *cfg = bench_copy_config(b, true);
	struct hl_sandbox *sb = NULL;
	struct hl_error *err = NULL;
	int status = reset && run ? 0 : report_no_memory(&b->out);

	hl_config_set_resettable(cfg, true);
	if (!status && hl_sandbox_restore(cfg, b->snapshot, &sb, &err))
		status = report_error(&b->out, err);
	if (!status)
		status = bench_await(b, sb);
	for (size_t i = 0; !status && i < b->rounds; i++) {
		uint64_t began = now_ns();
		if (hl_sandbox_reset(sb, &err)) {
			status = report_error(&b->out, err);
			break;
		}
		reset->ns[i] = now_ns() - began;
		status = bench_await(b, sb);
		run->ns[i] = now_ns() - began;
	}
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	return status;
}

/* A function that gives back what it got. */
static int call_once(const struct bench *b, struct hl_sandbox *sb, const char *name,
		     const char *data)
{
	struct hl_bytes answer = { 0 };
	struct hl_error *err = NULL;

	int failed = hl_sandbox_call(sb, name, data, strlen(data), BENCH_LIMIT_MS, &answer, &err);
	hl_bytes_free(&answer);
	return failed ? report_error(&b->out, err) : 0;
}

int bench_warm_stateful(struct bench *b)
{
	struct series *s = bench_series(
	    b, "warm-stateful", "a function of a program that goes on is called", b->rounds);
	struct hl_config *cfg = bench_copy_config(b, false);
	struct hl_sandbox *sb = NULL;
	struct hl_error *err = NULL;
	int status = s ? 0 : report_no_memory(&b->out);

	if (!status && hl_sandbox_restore(cfg, b->snapshot, &sb, &err))
		status = report_error(&b->out, err);
	if (!status)
		status = call_once(b, sb, ":exec", "def bench(data): return data");
	for (size_t i = 0; !status && i < s->count; i++) {
		uint64_t began = now_ns();
		status = call_once(b, sb, "bench", "x");
		s->ns[i] = now_ns() - began;
	}
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	return status;
}

/* ---- several at a time ---- */

struct worker {
	const struct bench *b;
	struct hl_pool *pool;
	uint64_t *ns;
	int status;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; !w->status && i < w->b->rounds; i++) {
		struct hl_sandbox *sb;
		struct hl_error *err = NULL;
		uint64_t began = now_ns();
		if (hl_pool_take(w->pool, NULL, &sb, &err)) {
			w->status = report_error(&w->b->out, err);
			break;
		}
		w->status = bench_await(w->b, sb);
		hl_pool_give(w->pool, sb);
		w->ns[i] = now_ns() - began;
	}
	return NULL;
}

/* Lets as many threads as b->jobs work. */
static int work_all(const struct bench *b, struct hl_pool *pool, uint64_t *ns)
{
	struct worker *workers = calloc(b->jobs, sizeof *workers);
	unsigned started = 0;
	int status = 0;

	if (!workers)
		return report_no_memory(&b->out);
	for (; started < b->jobs; started++) {
		struct worker *w = &workers[started];
		*w = (struct worker){ .b = b, .pool = pool, .ns = ns + started * b->rounds };
		if (pthread_create(&w->thread, NULL, work, w)) {
			status = report_no_memory(&b->out);
			break;
		}
	}
	for (unsigned i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		status = status ? status : workers[i].status;
	}
	free(workers);
	return status;
}

int bench_parallel(struct bench *b)
{
	struct series *s =
	    bench_series(b, "parallel", "copies of a pool run the job, several at a time",
			 (size_t)b->rounds * b->jobs);
	struct hl_config *cfg = bench_copy_config(b, true);
	struct hl_pool *pool = NULL;
	struct hl_error *err = NULL;
	int status = s ? 0 : report_no_memory(&b->out);

	if (!status && hl_pool_new(cfg, b->snapshot, b->jobs, &pool, &err))
		status = report_error(&b->out, err);
	if (!status) {
		uint64_t began = now_ns();
		status = work_all(b, pool, s->ns);
		s->per_second = (double)s->count * 1e9 / (double)(now_ns() - began);
	}
	hl_pool_free(pool);
	hl_config_free(cfg);
	return status;
}
