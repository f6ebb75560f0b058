/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle PLATFORM: a sandbox is not idle as long as one of its tasks runs, even if each of them waits
 * for another one most of the time; and it is when none of them does.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hl.h"

#define ROUNDS      5000
#define PATIENCE_MS 60000

/* ---- in the sandbox: two processes and two threads wake each other ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static int turn;

static void *take_turns(void *arg)
{
	const int mine = arg != NULL;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < ROUNDS; i++) {
		while (turn != mine)
			pthread_cond_wait(&turned, &lock);
		turn = !mine;
		pthread_cond_signal(&turned);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void pass(int from, int to, bool begins)
{
	char c = 'x';

	for (int i = 0; i < ROUNDS; i++) {
		if ((begins && write(to, &c, 1) != 1) || read(from, &c, 1) != 1 ||
		    (!begins && write(to, &c, 1) != 1))
			exit(1);
	}
}

static int guest(void)
{
	int to[2], from[2];
	pthread_t t;
	char c;

	if (pipe(to) || pipe(from) || write(1, "b", 1) != 1)
		return 1;
	pid_t child = fork();
	if (!child) {
		pass(to[0], from[1], false);
		_exit(0);
	}
	pass(from[0], to[1], true);
	if (waitpid(child, NULL, 0) != child || pthread_create(&t, NULL, take_turns, NULL))
		return 1;
	take_turns(&c);
	pthread_join(t, NULL);
	return write(1, "e", 1) != 1 || read(0, &c, 1) != 0;
}

/* ---- outside ---- */

static void fail(const char *what, struct hl_error *err)
{
	fprintf(stderr, "FAIL %s: %s\n", what, err ? hl_error_text(err) : "");
	exit(1);
}

static void hear(int fd, char wanted)
{
	char c = 0;

	if (read(fd, &c, 1) != 1 || c != wanted)
		fail("the program", NULL);
}

static bool has_ended(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

int main(int argc, char **argv)
{
	char self[4096];
	struct hl_config *cfg = hl_config_new();
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;
	struct hl_result res;
	int in[2], out[2];

	if (argc == 2 && strcmp(argv[1], "guest") == 0)
		return guest();
	if (argc != 2 || !cfg || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return 2;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	self[n > 0 ? n : 0] = '\0';
	hl_config_set_platform(cfg, argv[1]);
	hl_config_set_stdio(cfg, in[0], out[1], 2);
	hl_config_set_args(cfg, 2, (const char *const[]){ self, "guest" });
	if (hl_sandbox_start(cfg, &sb, &err))
		fail("start", err);
	hl_config_free(cfg);
	close(in[0]);
	close(out[1]);
	hear(out[0], 'b');
	bool idle;
	do
		idle = hl_sandbox_idle(sb);
	while (!idle && !has_ended(out[0]));
	if (idle && !has_ended(out[0]))
		fail("idle though it works", NULL);
	hear(out[0], 'e');
	for (int ms = 0; !hl_sandbox_idle(sb); ms++) {
		if (ms == PATIENCE_MS)
			fail("not idle though it waits", NULL);
		usleep(1000);
	}
	close(in[1]);
	if (hl_sandbox_wait(sb, PATIENCE_MS, &res, &err))
		fail("wait", err);
	if (res.end != HL_EXITED || res.status != 0)
		fail("how it ended", NULL);
	hl_sandbox_free(sb);
	puts("idle");
	return 0;
}
