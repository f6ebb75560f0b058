/* SPDX-License-Identifier: Apache-2.0 */
/*
 * killer PLATFORM OPS OP: a program that embeds libhl, runs an operation of ops.c in a sandbox, and
 * ends it in its middle by hl_sandbox_kill. Prints the CPU time that it takes from there until
 * hl_sandbox_free is done, and the time on the clock, in microseconds; or what was wrong.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hl.h"

#define UNDER_WAY_NS 150000000 /* from "begin" on: the operation is in its middle */

static uint64_t us_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int fail(const char *what)
{
	printf("%s\n", what);
	return 1;
}

int main(int argc, char **argv)
{
	struct hl_sandbox *sb;
	struct hl_error *err = NULL;
	struct hl_result res;
	char said[256] = "";
	int out[2];

	if (argc != 4 || pipe2(out, O_CLOEXEC) != 0)
		return fail("usage: killer PLATFORM OPS OP");
	struct hl_config *cfg = hl_config_new();
	hl_config_set_platform(cfg, argv[1]);
	hl_config_set_args(cfg, 2, (const char *const *)argv + 2);
	hl_config_set_stdio(cfg, -1, out[1], STDERR_FILENO);
	if (hl_sandbox_start(cfg, &sb, &err) != 0)
		return fail(hl_error_text(err));
	hl_config_free(cfg);
	close(out[1]);
	if (read(out[0], said, sizeof said - 1) <= 0 || strcmp(said, "begin\n") != 0)
		return fail(said);
	nanosleep(&(struct timespec){ 0, UNDER_WAY_NS }, NULL);
	uint64_t cpu = us_of(CLOCK_PROCESS_CPUTIME_ID), wall = us_of(CLOCK_MONOTONIC);
	hl_sandbox_kill(sb);
	if (hl_sandbox_wait(sb, HL_FOREVER, &res, &err) != 0)
		return fail(hl_error_text(err));
	hl_sandbox_free(sb);
	cpu = us_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = us_of(CLOCK_MONOTONIC) - wall;
	if (res.end != HL_KILLED)
		return fail("it ended by itself");
	printf("%lu %lu\n", cpu, wall);
	return 0;
}
