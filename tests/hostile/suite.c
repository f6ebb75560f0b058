/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that attack the stub they run in, one sandbox after the other, beside a sandbox in the
 * same process that is left in peace: suite GUEST. Each attack ends as it should, in time; the
 * other sandbox answers after each; nothing is left.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hl.h"

/* Only what hangs takes so long, on however busy a machine. */
enum { PATIENCE_S = 300 };

static const struct {
	const char *name;
	enum hl_end end;
	int status; /* -1: any */
} attacks[] = {
	{ "jumps", HL_EXITED, 0 },     { "maps", HL_EXITED, 0 }, { "writes", HL_EXITED, 0 },
	{ "suicides", HL_EXITED, 0 },  { "deaf", HL_EXITED, 0 }, { "last_words", HL_SIGNALED, 9 },
	{ "scribbles", HL_EXITED, 0 },
};

static void die(const char *what)
{
	printf("not ok - hostile %s\n", what);
	exit(1);
}

static unsigned count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	if (!d)
		die(dir);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static unsigned count_children(void)
{
	char buf[4096];
	unsigned n = 0;
	FILE *f = fopen("/proc/thread-self/children", "r");

	for (size_t i = 0, len = f ? fread(buf, 1, sizeof buf, f) : 0; i < len; i++)
		n += buf[i] == ' ';
	if (f)
		fclose(f);
	return n;
}

struct left {
	unsigned fds, threads, children;
};

static struct left count_left(void)
{
	return (struct left){ count_entries("/proc/self/fd"), count_entries("/proc/self/task"),
			      count_children() };
}

/* A thread that was joined is counted until the kernel has taken it off its lists. */
static bool comes_to(struct left want)
{
	struct left is;

	for (unsigned i = 0; i < PATIENCE_S * 100; i++) {
		is = count_left();
		if (is.fds <= want.fds && is.threads <= want.threads &&
		    is.children <= want.children)
			return true;
		usleep(10000);
	}
	printf("# %u descriptors, not %u; %u threads, not %u; %u children, not %u\n", is.fds,
	       want.fds, is.threads, want.threads, is.children, want.children);
	return false;
}

static struct hl_sandbox *start(const char *guest, const char *attack, int in, int out)
{
	struct hl_config *cfg = hl_config_new();
	struct hl_sandbox *sb = NULL;
	struct hl_error *err = NULL;

	hl_config_set_args(cfg, 2, (const char *[]){ guest, attack });
	hl_config_set_platform(cfg, "process");
	hl_config_set_stdio(cfg, in, out, 2);
	if (hl_sandbox_start(cfg, &sb, &err)) {
		printf("# %s\n", hl_error_text(err));
		die(attack);
	}
	hl_config_free(cfg);
	return sb;
}

static bool answers(int in, int out)
{
	static char c;
	char back = 0;
	struct pollfd p = { out, POLLIN, 0 };

	c++;
	return write(in, &c, 1) == 1 && poll(&p, 1, PATIENCE_S * 1000) == 1 &&
	       read(out, &back, 1) == 1 && back == c;
}

/* One that its guest made unable to go on is "broken": the text says that it is the guest's
 * doing. */
static bool ends(struct hl_sandbox *sb, enum hl_end end, int status)
{
	struct hl_result res = { 0 };
	struct hl_error *err = NULL;

	int r = hl_sandbox_wait(sb, PATIENCE_S * 1000, &res, &err);
	bool as_meant = (!r && res.end == end && res.status == status) ||
			(end == HL_SIGNALED && res.end == HL_BROKEN);
	if (!as_meant)
		printf("# end %d, status %d, %s\n", res.end, res.status, hl_error_text(err));
	hl_error_free(err);
	return as_meant;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int in[2], out[2];
	unsigned failed = 0;
	char guest[4096];

	snprintf(guest, sizeof guest, "%.*sguest", (int)(strlen(argv[0]) - strlen("suite")),
		 argv[0]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* What the first sandbox of a process leaves for good is not a leak. */
	hl_sandbox_free(start(guest, "maps", 0, 1));
	struct left before = count_left();
	if (pipe(in) || pipe(out))
		die("pipe");
	struct hl_sandbox *good = start(guest, "echo", in[0], out[1]);

	for (unsigned i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
		double began = now();
		struct hl_sandbox *evil = start(guest, attacks[i].name, 0, 1);
		bool ok = answers(in[1], out[0]) && ends(evil, attacks[i].end, attacks[i].status);
		hl_sandbox_free(evil);
		ok = answers(in[1], out[0]) && ok;
		printf("# %.1f s\n%s - hostile %s\n", now() - began, ok ? "ok" : "not ok",
		       attacks[i].name);
		failed += !ok;
	}
	close(in[1]);
	bool ok = ends(good, HL_EXITED, 0);
	hl_sandbox_free(good);
	close(in[0]), close(out[0]), close(out[1]);
	before.children = 0;
	ok = comes_to(before) && ok;
	printf("%s - hostile nothing is left\n", ok ? "ok" : "not ok");
	return failed || !ok;
}
