/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool FILE PLATFORM: copies of a snapshot of tests/snapshot/helpers/secrets.c, taken from a pool
 * of two by turns and given back, so that each takes the place of one that has ended. No copy finds
 * in its memory what another one has written.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl.h"

#define COPIES      6
#define PATIENCE_MS 120000

static int fail(const char *what, struct hl_error *err)
{
	fprintf(stderr, "FAIL %s: %s\n", what, err ? hl_error_text(err) : "");
	return 1;
}

static struct hl_config *config(const struct hl_snapshot *snap, const char *platform)
{
	struct hl_config *cfg = hl_config_new();

	hl_config_set_platform(cfg, platform);
	hl_config_set_jail(cfg, HL_JAIL_THREADS);
	hl_config_take_world(cfg, snap);
	return cfg;
}

/* What the copy says comes to `fd`. */
static int run_one(struct hl_pool *pool, int fd)
{
	struct hl_config *cfg = hl_config_new();
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;
	struct hl_result res;

	hl_config_set_stdio(cfg, -1, fd, fd);
	int failed = hl_pool_take(pool, cfg, &sb, &err);
	hl_config_free(cfg);
	if (failed)
		return fail("take", err);
	if (hl_sandbox_wait(sb, PATIENCE_MS, &res, &err) || res.end != HL_EXITED || res.status)
		return fail("a copy", err);
	hl_pool_give(pool, sb);
	return 0;
}

static int check(int fd)
{
	char said[8192] = "", *line = said, *rest;
	int copies = 0, number, found, all, own;

	if (pread(fd, said, sizeof said - 1, 0) < 0)
		return fail("read", NULL);
	for (; (rest = strchr(line, '\n')); line = rest + 1) {
		if (sscanf(line, "copy %d found %d in %d", &number, &found, &all) == 3)
			copies += found == 0 && all == 1;
		else if (sscanf(line, "own %d", &own) != 1 || own != 1)
			break;
	}
	return copies == COPIES && !*line ? 0 : fail(said, NULL);
}

int main(int argc, char **argv)
{
	struct hl_snapshot *snap;
	struct hl_error *err = NULL;
	struct hl_pool *pool;
	FILE *out = tmpfile();
	int failed = 0;

	if (argc != 3 || !out)
		return 2;
	if (hl_snapshot_open(argv[1], &snap, &err))
		return fail("open", err);
	struct hl_config *cfg = config(snap, argv[2]);
	if (hl_pool_new(cfg, snap, 2, &pool, &err))
		return fail("pool", err);
	for (int i = 0; i < COPIES && !failed; i++)
		failed = run_one(pool, fileno(out));
	hl_pool_free(pool);
	hl_config_free(cfg);
	hl_snapshot_close(snap);
	return failed ? failed : check(fileno(out));
}
