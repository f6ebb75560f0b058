/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/at.h"

#include <stdlib.h>

int at_get(struct task *t, int dfd, uint64_t name, bool empty_ok, struct at *out)
{
	int err = get_path(t, name, empty_ok, &out->name);

	if (err)
		return err;
	err = get_dirfd(t, dfd, out->name, &out->file, &out->start);
	if (err)
		free(out->name);
	out->c = task_caller(t);
	return err;
}

void at_put(struct at *at)
{
	free(at->name);
	file_put(at->file);
}

unsigned at_walk_flags(int at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0U) | (at_flags & AT_EMPTY_PATH ? WALK_EMPTY_OK : 0U);
}

int at_walk(struct at *at, int at_flags, struct path *out)
{
	if (at->start && !at->start->dentry)
		return -ENOTDIR;
	return path_walk(&at->c, at->start, at->name, at_walk_flags(at_flags), out);
}
