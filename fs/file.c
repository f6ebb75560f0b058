/* SPDX-License-Identifier: Apache-2.0 */
/* Manages the life of an open file description: it counts references, and with the last one it
 * gives up locks, write access to the inode and the object behind the file. */
#include "fs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "cred/cred.h"
#include "fs/locks.h"
#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/writers.h"
#include "mm/mapped_place.h"

void file_init(struct file *f, const struct file_ops *ops, unsigned flags)
{
	*f = (struct file){ .refs = REF_INIT(1), .ops = ops, .flags = flags };
	mutex_init(&f->pos_lock, LOCK_FILE_POS);
	mutex_init(&f->watch_lock, LOCK_FILE_WATCH);
	list_init(&f->epoll_items);
}

int file_count_one(struct file_count *n)
{
	if (atomic_fetch_add(&n->open, 1) < n->max)
		return 0;
	atomic_fetch_sub(&n->open, 1);
	return -ENFILE;
}

void file_counted(struct file *f, struct file_count *n)
{
	struct file_count *none = NULL;

	/* another thread may have got a descriptor of it, too, meanwhile */
	if (!atomic_compare_exchange_strong(&f->counted, &none, n))
		atomic_fetch_sub(&n->open, 1);
}

int file_count(struct file *f, struct file_count *n)
{
	if (atomic_load_explicit(&f->counted, memory_order_relaxed))
		return 0;
	int err = file_count_one(n);
	if (!err)
		file_counted(f, n);
	return err;
}

struct file *file_get(struct file *f)
{
	ref_get(&f->refs);
	return f;
}

int file_identify(struct file *f, struct inode_id *out)
{
	if (f->path.dentry)
		return inode_identify(f->path.dentry->inode, out);
	*out = (struct inode_id){ .dev = UINT64_MAX, .ino = f->anon_ino };
	return 0;
}

/* OFD and flock locks end with the description. */
static void drop_locks(struct file *f)
{
	struct inode_id id;

	if (!f->locks || file_identify(f, &id))
		return;
	lock_release(f->locks, &id, LOCK_OFD, f);
	lock_release(f->locks, &id, LOCK_FLOCK, f);
}

int file_linger(struct file *f, struct caller *c)
{
	return f->ops->linger && ref_count(&f->refs) == 1 ? f->ops->linger(f, c) : 0;
}

void file_put(struct file *f)
{
	if (!f || !ref_put(&f->refs))
		return;
	struct file_count *counted = f->counted;
	notify_closed(f);
	if (f->gone)
		f->gone(f);
	if (f->fasync_gone)
		f->fasync_gone(f);
	drop_locks(f);
	file_put_write_access(f);
	if (f->writes_mount)
		mount_end_write(f->path.mnt);
	struct path path = f->path;
	cred_put(f->cred);
	/* watch_lock is not: a nesting check may pass by until release */
	mutex_destroy(&f->pos_lock);
	f->ops->release(f);
	if (path.dentry)
		path_put(&path);
	if (counted)
		atomic_fetch_sub(&counted->open, 1);
}

int file_begin_write(struct file *f)
{
	int err = mount_begin_write(f->path.mnt);

	f->writes_mount = !err;
	return err;
}

struct mapped_path {
	struct mapped_place place;
	struct path path;
	bool writes;
	struct writers *writers; /* it is still counted there (ETXTBSY); NULL: it is not */
	struct inode_id writecount_id;
};

static void mapped_path_release(struct mapped_place *p)
{
	struct mapped_path *m = container_of(p, struct mapped_path, place);

	if (m->writers)
		writers_put(m->writers, &m->writecount_id, 1);
	if (m->writes)
		mount_end_write(m->path.mnt);
	path_put(&m->path);
	free(m);
}

int file_mapped_place(struct file *f, struct mapped_place **out)
{
	*out = NULL;
	if (!f->path.mnt || !f->path.mnt->root)
		return 0;
	struct mapped_path *m = calloc(1, sizeof *m);
	if (!m)
		return -ENOMEM;
	ref_set(&m->place.refs, 1);
	m->place.release = mapped_path_release;
	m->path = path_get(&f->path);
	m->writes = f->writes_mount && mount_begin_write(f->path.mnt) == 0;
	m->writers = file_get_write_access_again(f) ? f->writers : NULL;
	m->writecount_id = f->writecount_id;
	*out = &m->place;
	return 0;
}

const struct path *mapped_place_path(struct mapped_place *place)
{
	return &container_of(place, struct mapped_path, place)->path;
}

struct inode *file_inode(struct file *f)
{
	return f->path.dentry ? f->path.dentry->inode : NULL;
}

unsigned file_poll(struct file *f, struct poll_table *pt)
{
	if (f->ops->poll)
		return f->ops->poll(f, pt);
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}
