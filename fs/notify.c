/* SPDX-License-Identifier: Apache-2.0 */
/* Which events an operation raises, and for whom: Linux's include/linux/fsnotify.h. */
#include "fs/notify.h"

#include <limits.h>
#include <sys/stat.h>

#include "fs/inotify.h"

static bool any_watched(const struct inode *i)
{
	return atomic_load_explicit(&i->fs->watched, memory_order_acquire);
}

static uint32_t is_dir(const struct inode *i)
{
	return S_ISDIR(i->type) ? IN_ISDIR : 0;
}

void notify_inode(struct inode *i, uint32_t mask)
{
	/* Directories that go or move do not say what they are. */
	uint32_t kind = mask & (IN_DELETE_SELF | IN_MOVE_SELF) ? 0 : is_dir(i);

	if (any_watched(i))
		inotify_tell(i, &(struct inotify_news){ .mask = mask | kind });
}

void notify_name(struct inode *in, const char *name, bool dir, uint32_t mask)
{
	if (any_watched(in))
		inotify_tell(in, &(struct inotify_news){ .mask = mask | (dir ? IN_ISDIR : 0),
							 .name = name });
}

/* A file's directory is the one it was found in; a directory knows its own. */
static bool may_be_watched(const struct dentry *d)
{
	return d->inode->watch || S_ISDIR(d->inode->type) || (d->dir && d->dir->watch);
}

/* Whoever sees a directory must not see what others do with its terminals and pipes. */
static bool is_private(const struct inode *i, uint32_t mask)
{
	return mask & (IN_ACCESS | IN_MODIFY) &&
	       (S_ISCHR(i->type) || S_ISBLK(i->type) || S_ISFIFO(i->type) || S_ISSOCK(i->type));
}

/* `used`: through an open file, of which who has IN_EXCL_UNLINK does not hear once it has no
 * name. */
static void tell(const struct dentry *d, uint32_t mask, bool used)
{
	struct inode *i = d->inode;
	char name[NAME_MAX + 1];
	bool gone = false;

	if (!may_be_watched(d))
		return;
	struct inode *dir = i->ops->place && !(used && is_private(i, mask))
				? i->ops->place(i, d, name, &gone)
				: NULL;
	struct inotify_news news = { .mask = mask | is_dir(i),
				     .name = name,
				     .unlinked = used && gone };
	if (dir)
		inotify_tell(dir, &news);
	inode_put(dir);
	news.name = NULL;
	inotify_tell(i, &news);
}

void notify_dentry(const struct dentry *d, uint32_t mask)
{
	if (mask && any_watched(d->inode))
		tell(d, mask, false);
}

void notify_use(struct file *f, uint32_t mask)
{
	if (f->opened)
		tell(f->path.dentry, mask, true);
}

void notify_moved(const struct notify_move *m)
{
	if (!any_watched(m->moved))
		return;
	struct inotify_news news = { .mask = IN_MOVED_FROM | is_dir(m->moved),
				     .cookie = inotify_cookie(m->moved->fs),
				     .name = m->old_name };
	inotify_tell(m->from, &news);
	news.mask = IN_MOVED_TO | is_dir(m->moved);
	news.name = m->new_name;
	inotify_tell(m->to, &news);
	if (m->replaced)
		notify_inode(m->replaced, IN_ATTRIB);
	notify_inode(m->moved, IN_MOVE_SELF);
}

/* fsnotify_change(): times alone look like a read or a write. */
void notify_changed(const struct dentry *d, const struct iattr *a)
{
	bool atime = a->valid & ATTR_TIMES && a->atime.tv_nsec != UTIME_OMIT;
	bool mtime = a->valid & ATTR_TIMES && a->mtime.tv_nsec != UTIME_OMIT;
	uint32_t mask = a->valid & (ATTR_UID | ATTR_GID | ATTR_MODE) ? IN_ATTRIB : 0;

	if (a->valid & ATTR_SIZE)
		mask |= IN_MODIFY;
	if (atime || mtime)
		mask |= atime && mtime ? IN_ATTRIB : atime ? IN_ACCESS : IN_MODIFY;
	notify_dentry(d, mask);
}

void notify_gone(struct inode *i)
{
	inotify_inode_gone(i);
}

void notify_opened(struct file *f)
{
	f->opened = true;
	notify_file(f, IN_OPEN);
}

void notify_closed(struct file *f)
{
	notify_file(f, file_writable(f) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}
