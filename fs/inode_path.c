/* SPDX-License-Identifier: Apache-2.0 */
/* Paths within one file system, and which of two lies below the other. */
#include <limits.h>
#include <string.h>

#include "fs/vfs.h"

const char *path_strip(const char *path, const char *root)
{
	size_t len = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(path, root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] == '/' && !path[len + 1] ? path + len + 1 : path + len;
}

const char *path_below(const char *path, const char *root)
{
	const char *below = path[0] == '/' ? path_strip(path, root) : NULL;

	return below && !*below ? "/" : below;
}

int inode_path(struct inode *i, struct dentry *d, char buf[PATH_MAX])
{
	if (i == i->fs->root) {
		strcpy(buf, "/");
		return 1;
	}
	return i->ops->path(i, d, buf, PATH_MAX);
}

bool inode_is_below(struct inode *i, struct inode *top)
{
	char path[PATH_MAX], above[PATH_MAX];

	if (i->fs != top->fs)
		return false;
	if (top == top->fs->root || inode_same(i, top))
		return true;
	return inode_path(i, NULL, path) > 0 && inode_path(top, NULL, above) > 0 &&
	       path_strip(path, above);
}
