/* SPDX-License-Identifier: Apache-2.0 */
/* Makes directories, symlinks and files in a root that is in memory, before anybody lives there: by
 * root's hand, with the modes that are asked for. */
#include "lib/root_entry.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/file.h"
#include "fs/names.h"
#include "lib/mounts.h"
#include "mm/uio.h"

static int make_directory(struct caller *c, const struct mount_spec *m)
{
	struct iattr owner = { .valid = ATTR_CHOWN | ATTR_UID | ATTR_GID };
	struct path p;
	char *end;
	int err = vfs_mkdir(c, NULL, m->target, m->flags);

	if (err || !m->source[0])
		return err;
	owner.uid = (uid_t)strtoul(m->source, &end, 10);
	owner.gid = (gid_t)strtoul(end + 1, NULL, 10);
	err = path_walk(c, NULL, m->target, 0, &p);
	if (!err) {
		err = vfs_setattr(c, &p, &owner);
		path_put(&p);
	}
	return err;
}

static int make_symlink(struct caller *c, const struct mount_spec *m)
{
	return vfs_symlink(c, m->source, NULL, m->target);
}

static int make_file(struct caller *c, const struct mount_spec *m)
{
	char *text = (char *)(uintptr_t)m->source;
	struct file *f;
	struct uio u;
	int err = vfs_open(c, NULL, m->target, O_CREAT | O_EXCL | O_WRONLY, m->flags, 0, &f);

	if (err)
		return err;
	uio_init_kernel(&u, text, strlen(text));
	ssize_t n = file_write(f, c, &u, NULL);
	file_put(f);
	return n < 0 ? (int)n : 0;
}

static const struct kind {
	const char *type;
	int (*make)(struct caller *c, const struct mount_spec *m);
} kinds[] = {
	{ "directory", make_directory },
	{ "symlink", make_symlink },
	{ "file", make_file },
};

static const struct kind *find(const char *type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	}
	return NULL;
}

bool root_entry_knows(const char *type)
{
	return find(type);
}

int root_entry_make(struct caller *c, const struct mount_spec *m, struct errmsg *errmsg)
{
	c->fsize_limit = UINT64_MAX;
	c->fs->umask = 0;
	int err = find(m->type)->make(c, m);

	return err ? errmsg_set(errmsg, -err, "cannot make %s: %s", m->target, strerror(-err)) : 0;
}
