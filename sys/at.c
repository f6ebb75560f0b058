/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file fetches the directory and the name that most file system calls take, and walks there
 * from them (path_resolution(7), openat(2)).
 */
#include "sys/at.h"

#include <stdlib.h>
#include <sys/stat.h>

/* A name is looked up in directories only; the descriptor itself may be anything. */
static int start_at(struct task *t, int dfd, struct at *at)
{
	at->file = task_fd_path(t, dfd);
	if (!at->file)
		return -EBADF;
	struct inode *i = file_inode(at->file);
	if (at->name[0] != '\0' && !(i && S_ISDIR(i->type)))
		return -ENOTDIR;
	at->start = &at->file->path;
	if (i)
		return 0;
	at->start = &at->place;
	return file_path(at->file, &at->c, &at->place);
}

int at_begin(struct task *t, int dfd, char *name, struct at *out)
{
	*out = (struct at){ .c = task_caller(t), .name = name };
	int err = dfd == AT_FDCWD || name[0] == '/' ? 0 : start_at(t, dfd, out);

	if (err)
		at_put(out);
	return err;
}

int at_get(struct task *t, int dfd, gva_t name, bool empty_ok, struct at *out)
{
	char *copy;
	int err = get_path(t, name, empty_ok, &copy);

	return err ? err : at_begin(t, dfd, copy, out);
}

int at_scope(struct task *t, int dfd, struct at *at)
{
	return at->file || dfd == AT_FDCWD ? 0 : start_at(t, dfd, at);
}

void at_put(struct at *at)
{
	free(at->name);
	if (at->place.dentry)
		path_put(&at->place);
	task_fd_put(at->c.task, at->file);
}

unsigned at_walk_flags(int at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0U) |
	       (at_flags & AT_EMPTY_PATH ? WALK_EMPTY_OK : 0U);
}

int at_walk(struct at *at, int at_flags, struct path *out)
{
	return path_walk(&at->c, at->start, at->name, at_walk_flags(at_flags), out);
}
