/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2), execveat(2): fetching the strings. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/exec.h"
#include "loader/loader.h"
#include "sys/at.h"

/* A copied argument vector: pointers into one growing buffer would move, so each string is its own
 * allocation. */
struct strings {
	char **v; /* NULL-terminated */
	size_t n, room;
	size_t bytes;
	/* counted as the sandbox's memory: the copy here, and the one on the new stack to come */
	size_t charged;
};

static void strings_free(struct task *t, struct strings *s)
{
	mm_host_uncharge(&t->sb->mem, s->charged);
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
}

static int strings_add(struct strings *s, char *str)
{
	if (s->n + 1 >= s->room) {
		size_t room = s->room ? s->room * 2 : 32;
		char **v = realloc(s->v, room * sizeof *v);
		if (!v)
			return -ENOMEM;
		s->v = v;
		s->room = room;
	}
	s->v[s->n++] = str;
	s->v[s->n] = NULL;
	return 0;
}

/* execve(2), "Limits on size of arguments and environment"; the loader checks the exact sum, this
 * bounds the copy. */
static int strings_fetch(struct task *t, gva_t addr, uint64_t max_bytes, struct strings *s)
{
	int err = strings_add(s, NULL);
	s->n = 0;
	for (; addr.v && !err; addr = gva_add(addr, sizeof(uint64_t))) {
		uint64_t p;
		char *str;
		if (get_user(t, &p, addr))
			return -EFAULT;
		if (!p)
			return 0;
		long len = dup_string_from_guest(t->mm, &str, GVA(p), EXEC_MAX_ARG_STRLEN);
		if (len < 0)
			return len == -ENAMETOOLONG ? -E2BIG : (int)len;
		s->bytes += (size_t)len + 1 + sizeof(uint64_t);
		err = s->bytes > max_bytes ? -E2BIG : 0;
		if (!err && !mm_host_charge(&t->sb->mem, 2 * s->bytes - s->charged))
			err = -ENOMEM;
		if (!err)
			s->charged = 2 * s->bytes;
		if (!err)
			err = strings_add(s, str);
		if (err)
			free(str);
	}
	return err;
}

static uint64_t argument_limit(struct task *t)
{
	uint64_t quarter = process_rlimit(t->process, RLIMIT_STACK) / 4;
	uint64_t most = 6UL << 20; /* three quarters of _STK_LIM, 8 MiB */
	if (quarter > most)
		quarter = most;
	return quarter < 128 << 10 ? 128 << 10 : quarter;
}

/* Scripts run by descriptor are opened again by the interpreter under this name (execveat(2)). */
static void exec_name(char *buf, size_t size, int dfd, const char *path)
{
	if (path[0] == '/' || dfd == AT_FDCWD)
		snprintf(buf, size, "%s", path);
	else if (path[0] == '\0')
		snprintf(buf, size, "/dev/fd/%d", dfd);
	else
		snprintf(buf, size, "/dev/fd/%d/%s", dfd, path);
}

static int open_exe(struct task *t, int dfd, const char *path, int flags, struct file **out)
{
	char *name = strdup(path);
	struct at at;
	int err = name ? at_begin(t, dfd, name, &at) : -ENOMEM;

	if (err)
		return err;
	err = exec_open(&at.c, at.start, path, at_walk_flags(flags), out);
	at_put(&at);
	return err;
}

static int64_t exec_file(struct task *t, int dfd, const char *path, int flags, struct strings *argv,
			 struct strings *envp)
{
	char name[PATH_MAX + 32];
	struct file *exe;
	int err = open_exe(t, dfd, path, flags, &exe);

	if (err)
		return err;
	exec_name(name, sizeof name, dfd, path);
	bool closes = path[0] != '/' && dfd != AT_FDCWD && fd_get_cloexec(t->files, dfd) == 1;
	err = task_exec(t, exe, name, argv->v, envp->v, closes, NULL);
	file_put(exe);
	return err;
}

static int64_t do_execveat(struct task *t, int dfd, gva_t path_addr, gva_t argv_addr,
			   gva_t envp_addr, int flags)
{
	struct strings argv = { 0 }, envp = { 0 };
	char *path;
	uint64_t max = argument_limit(t);

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	int64_t err = get_path(t, path_addr, flags & AT_EMPTY_PATH, &path);
	if (err)
		return err;
	err = strings_fetch(t, argv_addr, max, &argv);
	if (!err)
		err = strings_fetch(t, envp_addr, max, &envp);
	budget_tick(t->sb->mem.budget);
	if (!err)
		err = exec_file(t, dfd, path, flags, &argv, &envp);
	strings_free(t, &argv);
	strings_free(t, &envp);
	free(path);
	return err;
}

SYSCALL_DEFINE(execve)
{
	return do_execveat(t, AT_FDCWD, GVA(a[0]), GVA(a[1]), GVA(a[2]), 0);
}

SYSCALL_DEFINE(execveat)
{
	return do_execveat(t, (int)a[0], GVA(a[1]), GVA(a[2]), GVA(a[3]), (int)a[4]);
}
