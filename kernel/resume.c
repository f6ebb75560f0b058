/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file keeps what a system call that gave up its sleep for a freeze has looked up, until the
 * call is made again; see header. Files are kept in the order in which the call looks them up,
 * because a number may name another file by then.
 */
#include "kernel/resume.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/file.h"
#include "kernel/fdtable.h"
#include "kernel/fork.h"
#include "kernel/futex.h"
#include "kernel/task.h"
#include "net/socket.h"

/* The file that was kept for the next look-up of the call; NULL: it has to be looked up. */
static struct file *take_kept(struct task *t)
{
	struct resume *r = &t->resume;

	if (r->next_file >= r->nr_files)
		return NULL;
	struct file *f = r->files[r->next_file];
	r->files[r->next_file++] = NULL;
	return f;
}

struct file *task_fd(struct task *t, int fd)
{
	struct file *f = t->resume.files ? take_kept(t) : NULL;

	return f ? f : fd_get(t->files, fd);
}

struct file *task_fd_path(struct task *t, int fd)
{
	struct file *f = t->resume.files ? take_kept(t) : NULL;

	return f ? f : fd_get_path(t->files, fd);
}

/* A call that was made again has taken the files kept before it puts the first. False: no memory,
 * and the descriptor is looked up again. */
static bool keep(struct resume *r, struct file *f)
{
	if (r->next_file) {
		for (unsigned i = r->next_file; i < r->nr_files; i++)
			file_put(r->files[i]);
		r->next_file = r->nr_files = 0;
	}
	if (!(r->nr_files & (r->nr_files - 1))) { /* full at each power of two */
		unsigned max = r->nr_files ? 2 * r->nr_files : 1;
		struct file **files = realloc(r->files, max * sizeof *files);
		if (!files)
			return false;
		r->files = files;
	}
	r->files[r->nr_files++] = f;
	return true;
}

void task_fd_put(struct task *t, struct file *f)
{
	if (f && t->sleeper.gave_up && keep(&t->resume, f))
		return;
	file_put(f);
}

bool resume_wanted(const struct task *t, int64_t r)
{
	return t->sleeper.gave_up && (r == -EINTR || is_restart(r));
}

void resume_end(struct task *t)
{
	struct resume *r = &t->resume;

	sleeper_call_over(&t->sleeper);
	futex_resume_end(t);
	vfork_resume_end(t);
	if (r->message)
		scm_release(&r->message->scm);
	free(r->message);
	if (r->file)
		file_put(r->file);
	if (r->files) {
		for (unsigned i = 0; i < r->nr_files; i++)
			file_put(r->files[i]);
		free(r->files);
	}
	*r = (struct resume){ 0 };
}
