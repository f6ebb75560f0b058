/* SPDX-License-Identifier: Apache-2.0 */
/* Files to be executed, and their names. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mount.h"
#include "fs/writers.h"
#include "loader/elf.h"
#include "loader/loader.h"

char *exec_file_path(struct file *f)
{
	const struct path none = { NULL, NULL };
	char *buf, *fit;

	if (f->anon_name)
		return strdup(f->anon_name);
	buf = f->path.dentry ? malloc(PATH_MAX) : NULL;
	if (!buf)
		return NULL;
	if (path_string(&f->path, &none, buf, PATH_MAX) < 0) {
		free(buf);
		return NULL;
	}
	fit = strdup(buf);
	free(buf);
	return fit;
}

int exec_open(struct caller *c, const struct path *start, const char *name, unsigned walk_flags,
	      struct file **out)
{
	int flags = O_RDONLY | O_NONBLOCK | (walk_flags & WALK_NOFOLLOW ? O_NOFOLLOW : 0);
	struct inode *inode;
	struct file *f;
	int err = vfs_open(c, start, name, flags, 0, walk_flags, &f);

	if (err == -EACCES)
		err = vfs_open_unreadable(c, start, name, walk_flags, &f);
	if (err) /* a socket, an eventfd: no regular file, which is all that matters here */
		return err == -ENXIO ? -EACCES : err;
	inode = file_inode(f);
	if (!inode || inode->type != S_IFREG || f->path.mnt->flags & MOUNT_NOEXEC)
		err = -EACCES;
	else if (inode->ops->permission)
		err = inode->ops->permission(inode, c, X_OK);
	if (!err)
		err = file_deny_write_access(f, c->fs->vfs->writers);
	if (err)
		file_put(f);
	else
		*out = f;
	return err;
}
