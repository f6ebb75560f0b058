/* SPDX-License-Identifier: Apache-2.0 */
/* Notes directories, and puts them back. See the header. */
#include "fs/ramfs/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ramfs/internal.h"
#include "util/array.h"

struct mark {
	struct ramfs_inode *dir; /* a reference */
	size_t parent;           /* its place in the list; the root's: its own */
	char *name;              /* NULL: the root */
};

/* The root first, and each behind its parent. */
struct ramfs_marks {
	struct mark *all;
	size_t nr, room;
};

static int add(struct ramfs_marks *m, struct ramfs_inode *dir, size_t parent, const char *name)
{
	int err = array_grow((void **)&m->all, m->nr, &m->room, sizeof *m->all);
	char *copy = !err && name ? strdup(name) : NULL;

	if (err || (name && !copy))
		return -ENOMEM;
	m->all[m->nr++] = (struct mark){ ramfs_inode(inode_get(&dir->inode)), parent, copy };
	dir->dir.mark = m->nr;
	return 0;
}

int ramfs_mark(struct filesystem *fs, struct ramfs_marks **out)
{
	struct ramfs_marks *m = calloc(1, sizeof *m);
	int err = m ? add(m, ramfs_inode(fs->root), 0, NULL) : -ENOMEM;

	for (size_t i = 0; !err && i < m->nr; i++) {
		struct rb_node *n = rb_first(&m->all[i].dir->dir.by_pos);
		for (; n && !err; n = rb_next(n)) {
			const struct ramfs_entry *e = rb_entry(n, struct ramfs_entry, pos_node);
			if (S_ISDIR(e->inode->mode))
				err = add(m, e->inode, i, e->name);
		}
	}
	if (err) {
		ramfs_marks_free(m);
		return err;
	}
	*out = m;
	return 0;
}

void ramfs_marks_free(struct ramfs_marks *m)
{
	if (!m)
		return;
	while (m->nr) {
		struct mark *last = &m->all[--m->nr];
		inode_put(&last->dir->inode);
		free(last->name);
	}
	free(m->all);
	free(m);
}

/* Is what `e` names in the directory of mark `i` the one that has this place? */
static bool is_at_home(const struct ramfs_marks *m, size_t i, const struct ramfs_entry *e)
{
	size_t n = e->inode->dir.mark;

	return n && m->all[n - 1].parent == i && strcmp(m->all[n - 1].name, e->name) == 0;
}

/* A marked one that is taken out with its parent, or is below a strange one, is not lost. */
static void take_strangers_out(const struct ramfs_marks *m, size_t i)
{
	struct ramfs_inode *dir = m->all[i].dir;
	struct rb_node *n = rb_first(&dir->dir.by_pos), *next;

	for (; n; n = next) {
		struct ramfs_entry *e = rb_entry(n, struct ramfs_entry, pos_node);
		next = rb_next(n);
		if (!S_ISDIR(e->inode->mode) || is_at_home(m, i, e))
			continue;
		struct ramfs_inode *ri = ramfs_leave(dir, e);
		if (!ri->dir.mark)
			ramfs_empty(ri);
		inode_put(&ri->inode);
	}
}

/* What has its name now is a file, which the load would drop anyway. */
static int bring_home(const struct ramfs_marks *m, size_t i)
{
	const struct mark *k = &m->all[i];
	struct ramfs_inode *parent = m->all[k->parent].dir;
	struct ramfs_entry *e = ramfs_find(parent, k->name, strlen(k->name));

	if (e && e->inode == k->dir)
		return 0;
	if (e)
		inode_put(&ramfs_leave(parent, e)->inode);
	int err = ramfs_enter(parent, k->name, strlen(k->name), k->dir);
	if (!err)
		ramfs_set_parent(k->dir, parent);
	return err;
}

int ramfs_put_back(struct ramfs_marks *m)
{
	int err = 0;

	for (size_t i = 0; i < m->nr; i++)
		take_strangers_out(m, i);
	for (size_t i = 1; i < m->nr && !err; i++)
		err = bring_home(m, i);
	for (size_t i = 0; i < m->nr; i++)
		m->all[i].dir->nlink = 2;
	for (size_t i = 1; i < m->nr; i++)
		m->all[m->all[i].parent].dir->nlink++;
	return err;
}
