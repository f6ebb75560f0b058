/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor mounts at names that need not exist (fs/mount.h), and a listing shows them all the
 * same. Their entries have no place among those of the file system, whose positions mean something
 * to it alone. So they follow when it has given its last one: file.mounts_read counts how many of
 * them were given, and anything that the file system gives after that, because somebody has moved
 * the position, begins them anew.
 */
#include "fs/readdir.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mount.h"

/* Passes entries on, and remembers that there was one. */
struct watched_emit {
	struct dir_emit emit, *to;
	bool asked;
};

static bool emit_watched(struct dir_emit *e, const char *name, size_t len, uint64_t ino,
			 int64_t next, unsigned char type)
{
	struct watched_emit *w = container_of(e, struct watched_emit, emit);
	bool taken = w->to->emit(w->to, name, len, ino, next, type);

	w->asked = true;
	w->emit.room = w->to->room;
	return taken;
}

/* What is mounted at names of the directory, through the mount that `dir` is on: references,
 * malloc'd; *n of them. NULL: nothing, or no memory. */
static struct mount **mounts_in(const struct path *dir, size_t *n)
{
	struct mount *at = dir->mnt, *m, **list = NULL;
	struct mount_place p;
	size_t room = 0;

	*n = 0;
	rwlock_rdlock(&at->vfs->mount_lock);
	list_for_each (m, &at->children, child_node)
		room++;
	rwlock_unlock(&at->vfs->mount_lock);
	if (!room || mount_place_init(&p, dir, "", 0) || !(list = calloc(room, sizeof *list)))
		return NULL;
	rwlock_rdlock(&at->vfs->mount_lock);
	list_for_each (m, &at->children, child_node) {
		bool here =
		    m->over && m->place.dir.ino == p.dir.ino && m->place.dir.dev == p.dir.dev;
		if (here && *n < room)
			list[(*n)++] = mount_get(m);
	}
	rwlock_unlock(&at->vfs->mount_lock);
	return list;
}

static void put_mounts(struct mount **list, size_t n)
{
	while (n)
		mount_put(list[--n]);
	free(list);
}

/* One that the directory holds as well counts, too: then it is not empty, either. */
bool dir_shows_mounts(const struct path *dir)
{
	size_t n;
	struct mount **list = mounts_in(dir, &n);

	put_mounts(list, n);
	return n;
}

static bool is_entry(struct inode *dir, struct caller *c, const char *name)
{
	struct walk_step step = { .consumed = 0 };
	int err = dir->ops->walk(dir, c, name, strlen(name), STEP_NOFOLLOW, &step);

	dentry_put(step.dentry);
	free(step.link);
	return err != -ENOENT;
}

/* False: there was no room for it. */
static bool emit_mount(const struct mount *m, struct caller *c, int64_t pos, struct dir_emit *e)
{
	struct inode *root = m->root->inode;
	struct statx st;

	if (inode_getattr(root, c, STATX_INO, &st))
		return true;
	return e->emit(e, m->over->name, strlen(m->over->name), st.stx_ino, pos,
		       (unsigned char)IFTODT(root->type));
}

static void emit_mounts(struct file *f, struct caller *c, struct mount **list, size_t n,
			struct dir_emit *e)
{
	struct inode *dir = f->path.dentry->inode;
	int64_t pos = f->ops->lseek(f, c, 0, SEEK_CUR);
	bool room = true;

	for (size_t i = f->mounts_read; room && i < n; i++) {
		if (!is_entry(dir, c, list[i]->over->name))
			room = emit_mount(list[i], c, pos, e);
		if (room)
			f->mounts_read = (unsigned)i + 1;
	}
}

int vfs_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	struct watched_emit w = { .emit = { .emit = emit_watched, .room = e->room }, .to = e };
	struct mount **list = NULL;
	size_t n = 0;

	if (f->path.mnt && f->path.mnt->root)
		list = mounts_in(&f->path, &n);
	int err = f->ops->readdir(f, c, n ? &w.emit : e);
	if (!err && w.asked)
		f->mounts_read = 0;
	else if (!err && n)
		emit_mounts(f, c, list, n, e);
	put_mounts(list, n);
	return err;
}
