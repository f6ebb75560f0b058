/* SPDX-License-Identifier: Apache-2.0 */
/* The process that learns, and the pipe to it. See the header. */
#include "cli/learn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct learn {
	int pipe; /* the end to write to */
	pid_t process;
};

/* Signals of the terminal are for the run. The end of the run is the end of the pipe. */
static _Noreturn void learn_main(const struct output *out, const struct learn_world *w, int from,
				 int to)
{
	struct learned l = { .use = NULL };
	char *line = NULL;
	size_t room = 0;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	FILE *f = fdopen(from, "r");
	while (f && getline(&line, &room, f) > 0)
		learned_take(&l, line);
	learned_settle(&l);
	/* what was in the file stays until now; a pipe or a device is not cut */
	(void)!ftruncate(to, 0);
	int status = f ? learn_write(out, w, &l, to) : report_no_memory(out);
	_exit(status);
}

struct learn *learn_begin(const struct output *out, const struct learn_world *w)
{
	int ends[2] = { -1, -1 };
	int to = open(w->file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	struct learn *l = malloc(sizeof *l);

	if (l)
		l->process = -1;
	if (to < 0)
		complain(out, "cannot write a policy to %s: %s", w->file, strerror(errno));
	else if (!l || pipe2(ends, O_CLOEXEC) < 0 || (l->process = fork()) < 0)
		complain(out, "no process that learns: %s", strerror(errno));
	if (l && l->process == 0) {
		close(ends[1]);
		learn_main(out, w, ends[0], to);
	}
	if (ends[0] >= 0)
		close(ends[0]);
	if (to >= 0)
		close(to);
	if (l && l->process > 0) {
		l->pipe = ends[1];
		return l;
	}
	if (ends[1] >= 0)
		close(ends[1]);
	free(l);
	return NULL;
}

void learn_put(void *learn, const char *line, size_t len)
{
	const struct learn *l = learn;

	while (len) {
		ssize_t n = write(l->pipe, line, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

int learn_end(const struct output *out, struct learn *l, const struct hl_stats *stats)
{
	char line[96];
	int st;

	int n = snprintf(line, sizeof line, "{\"memory\":%" PRIu64 ",\"threads\":%" PRIu64 "}\n",
			 stats->guest_memory_max, stats->threads_max);
	learn_put(l, line, (size_t)n);
	close(l->pipe);
	pid_t got;
	do
		got = waitpid(l->process, &st, 0);
	while (got < 0 && errno == EINTR);
	bool said = got > 0 && WIFEXITED(st);
	free(l);
	if (!said)
		complain(out, "the process that learns was killed: there is no policy");
	return said ? WEXITSTATUS(st) : STATUS_HL;
}
