/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the host's: see the header. A child of ours spawns it and ends, so that the
 * program is nobody's child: only a process that was never anybody's sends no SIGCHLD, because
 * execve(2) makes that the signal of each child's end. */
#include "host/command.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <unistd.h>

#include "host/child.h"

struct command {
	char *const *argv;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
};

/* Output goes to `output` first, which may be the number of one of the others. */
static int prepare(struct command *c, int output)
{
	sigset_t mask; /* which is not what the child has that spawns */
	int e = posix_spawn_file_actions_init(&c->files);

	if (e)
		return -e;
	posix_spawnattr_init(&c->attr);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	posix_spawnattr_setsigmask(&c->attr, &mask);
	posix_spawnattr_setflags(&c->attr, POSIX_SPAWN_SETSIGMASK);
	e = posix_spawn_file_actions_adddup2(&c->files, output, STDOUT_FILENO);
	if (!e)
		e = posix_spawn_file_actions_addopen(&c->files, STDIN_FILENO, "/dev/null", O_RDONLY,
						     0);
	if (!e)
		e = posix_spawn_file_actions_addopen(&c->files, STDERR_FILENO, "/dev/null",
						     O_WRONLY, 0);
	return -e;
}

static int spawn(void *arg)
{
	struct command *c = arg;
	pid_t pid;

	return -posix_spawnp(&pid, c->argv[0], &c->files, &c->attr, c->argv, environ);
}

static void read_all(int fd, struct text *out)
{
	size_t room = COMMAND_OUTPUT_MAX;
	char buf[4096];
	ssize_t n;

	while (room && ((n = read(fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		n = (size_t)n < room ? n : (ssize_t)room;
		text_put(out, buf, (size_t)n);
		room -= (size_t)n;
	}
}

int host_command(const char *const *argv, struct text *out)
{
	struct command c = { .argv = (char *const *)(uintptr_t)argv };
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	int err = prepare(&c, pair[1]);
	if (!err)
		err = host_child(0, spawn, &c);
	posix_spawnattr_destroy(&c.attr);
	posix_spawn_file_actions_destroy(&c.files);
	close(pair[1]);
	if (!err)
		read_all(pair[0], out);
	close(pair[0]);
	return err;
}
