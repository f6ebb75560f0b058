/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program in a sandbox and keeps what it prints: cc embed.c $(pkg-config --cflags --libs hl)
 *
 *	embed PROGRAM [ARGS...]
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <hl.h>

int main(int argc, char **argv)
{
	struct hl_config *cfg = hl_config_new();
	struct hl_sandbox *sb = NULL;
	struct hl_error *err = NULL;
	struct hl_result res;
	char buf[4096];
	size_t total = 0;
	ssize_t n;
	int out[2];

	if (pipe(out))
		return 1;
	hl_config_set_args(cfg, (size_t)argc - 1, (const char *const *)argv + 1);
	hl_config_set_stdio(cfg, -1, out[1], STDERR_FILENO);
	hl_config_set_timeout(cfg, 5000);
	if (hl_sandbox_start(cfg, &sb, &err)) {
		fprintf(stderr, "embed: %s\n", hl_error_text(err));
		return 1;
	}
	/* The sandbox has its own copy: when it ends, so does what we read. */
	close(out[1]);
	while ((n = read(out[0], buf, sizeof buf)) > 0)
		total += (size_t)n;
	if (hl_sandbox_wait(sb, HL_FOREVER, &res, &err)) {
		fprintf(stderr, "embed: %s\n", hl_error_text(err));
		return 1;
	}
	printf("%zu bytes, %s %d\n", total, res.end == HL_EXITED ? "exit status" : "signal",
	       res.status);
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	return 0;
}
