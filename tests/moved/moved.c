/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moved --platform P --net host|none -- PROGRAM ARGUMENT...: runs a program as hl does, but saves
 * it behind the first lines that it prints. Behind some of them, and behind the last of these in
 * any case, it is ended there and goes on in a copy, on the other platform where there is one;
 * behind the others the program itself goes on, unharmed. What it does and says is the same all the
 * time.
 *
 * HL_SHAKE_SEED decides which; the guest does not see it. HL_MOVED_COUNT: a file that gets a line
 * with the number of saves and of moves.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl.h"

#define LINES     4 /* so many are saves; the last is a move */
#define STATUS_HL 125

static const char *platforms[2];
static enum hl_network network;
static int nr_platforms = 1;
static unsigned seed, saves, moves;

static int give_up(const char *what, struct hl_error *err)
{
	fprintf(stderr, "moved: %s: %s\n", what, err ? hl_error_text(err) : strerror(errno));
	return STATUS_HL;
}

static struct hl_config *config(bool moments)
{
	struct hl_config *cfg = hl_config_new();

	hl_config_set_platform(cfg, platforms[moves % (unsigned)nr_platforms]);
	hl_config_set_jail(cfg, HL_JAIL_THREADS);
	hl_config_set_network(cfg, network);
	if (moments)
		hl_config_add_moment(cfg, HL_MOMENT_PRINTS, "\n");
	return cfg;
}

/* It ends here, and *sb is its copy. */
static int move(struct hl_sandbox **sb, struct hl_snapshot *snap)
{
	struct hl_error *err = NULL;

	hl_sandbox_kill(*sb);
	hl_sandbox_resume(*sb, NULL);
	hl_sandbox_free(*sb);
	*sb = NULL;
	moves++;
	struct hl_config *cfg = config(saves < LINES);
	hl_config_take_world(cfg, snap);
	int failed = hl_sandbox_restore(cfg, snap, sb, &err);
	hl_config_free(cfg);
	return failed ? give_up("no copy", err) : 0;
}

/* What is saved is where it stands: not one instruction runs behind that, where it is moved. */
static int save(struct hl_sandbox **sb)
{
	struct hl_snapshot *snap = NULL;
	struct hl_error *err = NULL;

	if (hl_sandbox_pause(*sb, &err))
		return give_up("not paused", err);
	if (hl_sandbox_clone(*sb, NULL, &snap, &err))
		return give_up("not saved", err);
	saves++;
	int status = 0;
	if (saves == LINES || seed >> saves & 1)
		status = move(sb, snap);
	else
		hl_sandbox_resume(*sb, NULL);
	hl_snapshot_close(snap);
	return status;
}

/* *ended: with which status the command ends. */
static int wait_once(struct hl_sandbox **sb, bool *ended)
{
	struct pollfd event = { hl_sandbox_event_fd(*sb), POLLIN, 0 };
	struct hl_error *err = NULL;
	struct hl_result res;

	if (poll(&event, 1, -1) < 0 && errno != EINTR)
		return give_up("poll", NULL);
	/* it may have ended where it was to be saved */
	*ended = hl_sandbox_wait(*sb, 0, &res, &err) == 0;
	hl_error_free(err);
	if (*ended)
		return res.end == HL_EXITED ? res.status : 128 + res.status;
	return hl_sandbox_save_due(*sb) ? save(sb) : 0;
}

static int run(struct hl_sandbox *sb)
{
	bool ended = false;
	int status = 0;

	while (!ended && !status)
		status = wait_once(&sb, &ended);
	hl_sandbox_free(sb);
	return status;
}

static void write_count(const char *file)
{
	int fd = file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;

	if (fd >= 0) {
		dprintf(fd, "%u %u\n", saves, moves);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	const char *word = getenv("HL_SHAKE_SEED"), *count = getenv("HL_MOVED_COUNT");
	struct hl_sandbox *sb;
	struct hl_error *err = NULL;

	if (argc < 7 || strcmp(argv[1], "--platform") || strcmp(argv[3], "--net") ||
	    strcmp(argv[5], "--"))
		return 2;
	network = strcmp(argv[4], "none") ? HL_NETWORK_HOST : HL_NETWORK_NONE;
	seed = word ? (unsigned)strtoul(word, NULL, 10) : ~0U;
	unsetenv("HL_SHAKE_SEED");
	unsetenv("HL_MOVED_COUNT");
	platforms[0] = argv[2];
	platforms[1] = strcmp(argv[2], "kvm") ? "kvm" : "process";
	nr_platforms = access("/dev/kvm", W_OK) ? 1 : 2;
	struct hl_config *cfg = config(true);
	hl_config_set_args(cfg, (size_t)argc - 6, (const char *const *)argv + 6);
	int failed = hl_sandbox_start(cfg, &sb, &err);
	hl_config_free(cfg);
	int status = failed ? give_up("no start", err) : run(sb);
	write_count(count);
	return status;
}
