/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a file that is named. See the header. */
#include "fs/query.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mount.h"
#include "fs/names.h"
#include "fs/walk.h"

ssize_t path_query(const struct path *p, struct caller *c, struct inode_query *q)
{
	struct inode *i = p->dentry->inode;
	const struct inode_ops *ops = i->ops;

	switch (q->what) {
	case QUERY_ACCESS: return vfs_access(c, p, q->mask);
	case QUERY_READLINK:
		return S_ISLNK(i->type) && ops->readlink ? ops->readlink(i, c, q->buf, q->size)
							 : -EINVAL;
	case QUERY_GETXATTR:
		return ops->getxattr ? ops->getxattr(i, c, q->name, q->buf, q->size) : -EOPNOTSUPP;
	case QUERY_LISTXATTR: return ops->listxattr ? ops->listxattr(i, c, q->buf, q->size) : 0;
	}
	return -EINVAL;
}

/* Does the mount take nothing away from the answer? (vfs_access()) */
static bool mount_has_no_say(const struct mount *m, const struct inode_query *q)
{
	return q->what != QUERY_ACCESS || (!(q->mask & W_OK && mount_is_readonly(m)) &&
					   !(q->mask & X_OK && m->flags & MOUNT_NOEXEC));
}

static int query_finish(struct walk *w, const char *names, size_t len, unsigned flags,
			struct walk_step *step)
{
	struct inode *dir = w->path.dentry->inode;
	struct inode_query *q = w->arg;

	if (!dir->ops->walk_query || !mount_has_no_say(w->path.mnt, q))
		return dir->ops->walk(dir, w->c, names, len, flags, step);
	return dir->ops->walk_query(dir, w->c, names, len, flags, q, &w->done, step);
}

ssize_t vfs_query(struct caller *c, const struct path *start, const char *name, unsigned walk_flags,
		  struct inode_query *q)
{
	struct walk w;
	ssize_t r = walk_begin(&w, c, start, name, walk_flags);

	if (r)
		return r;
	w.finish = query_finish;
	w.arg = q;
	r = walk_run(&w);
	if (!r)
		r = w.done ? q->answer : path_query(&w.path, c, q);
	walk_end(&w);
	return r;
}
