/* SPDX-License-Identifier: Apache-2.0 */
/*
 * again DIR PLATFORM...: a program that counts the lines it gets is saved, a copy of it runs and is
 * saved in turn, and so on over generations and platforms. Who was saved goes on unharmed, and so
 * do two copies of one file.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl.h"

#define GENERATIONS 6
#define PATIENCE_MS 60000

struct counter {
	struct hl_sandbox *sb;
	int in, out;
};

static void fail(const char *what, struct hl_error *err)
{
	fprintf(stderr, "FAIL %s: %s\n", what, err ? hl_error_text(err) : "");
	exit(1);
}

/* `from` NULL: the program itself. */
static void start(struct counter *c, const char *from, const char *platform)
{
	static const char *const args[] = {
		"sh", "-c",
		"n=0; keep=$(seq 1 20000); while read x; do n=$((n+1)); echo $n ${#keep}; done"
	};
	struct hl_config *cfg = hl_config_new();
	struct hl_snapshot *snap = NULL;
	struct hl_error *err = NULL;
	int in[2], out[2];

	if (!cfg || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		fail("set up", NULL);
	hl_config_set_platform(cfg, platform);
	hl_config_set_stdio(cfg, in[0], out[1], 2);
	hl_config_set_jail(cfg, HL_JAIL_THREADS);
	if (from && hl_snapshot_open(from, &snap, &err))
		fail("open", err);
	if (!from)
		hl_config_set_args(cfg, 3, args);
	if (from ? hl_sandbox_restore(cfg, snap, &c->sb, &err)
		 : hl_sandbox_start(cfg, &c->sb, &err))
		fail("start", err);
	hl_snapshot_close(snap);
	hl_config_free(cfg);
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
}

static void count(struct counter *c, int wanted)
{
	char line[64], want[64];
	size_t n = 0;

	snprintf(want, sizeof want, "%d 108893\n", wanted);
	if (write(c->in, "x\n", 2) != 2)
		fail("write", NULL);
	while (n < sizeof line - 1) {
		ssize_t got = read(c->out, line + n, 1);
		if (got <= 0)
			break;
		n += (size_t)got;
		if (line[n - 1] == '\n')
			break;
	}
	line[n] = '\0';
	if (strcmp(line, want) != 0)
		fail(line, NULL);
}

static void end(struct counter *c)
{
	struct hl_result res;
	struct hl_error *err = NULL;

	close(c->in);
	if (hl_sandbox_wait(c->sb, PATIENCE_MS, &res, &err))
		fail("wait", err);
	if (res.end != HL_EXITED || res.status != 0)
		fail("how it ended", NULL);
	hl_sandbox_free(c->sb);
	close(c->out);
}

int main(int argc, char **argv)
{
	struct counter now, other;
	struct hl_error *err = NULL;
	char file[PATH_MAX];

	start(&now, NULL, argv[2]);
	for (int g = 1; g <= GENERATIONS; g++) {
		const char *platform = argv[2 + g % (argc - 2)];

		count(&now, g);
		snprintf(file, sizeof file, "%s/generation-%d", argv[1], g);
		if (hl_sandbox_save(now.sb, file, &err))
			fail("save", err);
		count(&now, g + 1); /* unharmed */
		end(&now);
		start(&now, file, platform);
		start(&other, file, platform);
		count(&other, g + 1);
		count(&other, g + 2);
		end(&other);
	}
	count(&now, GENERATIONS + 1);
	end(&now);
	printf("%d generations\n", GENERATIONS);
	return 0;
}
