/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of POSIX message queues: names, attributes, open files. See ipc/mqueue.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cred/user.h"
#include "cred/user_ns.h"
#include "fs/generic.h"
#include "fs/mount.h"
#include "fs/saved.h"
#include "ipc/mqueue_own.h"
#include "mm/mm.h"
#include "util/minmax.h"

#define MQUEUE_MAGIC 0x19800202
#define DIRENT_SIZE  20 /* DIRENT_SIZE, FILENT_SIZE of Linux's ipc/mqueue.c */
#define FILE_SIZE    80
#define INO_ROOT     1

static const struct inode_ops dir_inode_ops, queue_inode_ops;
static const struct file_ops mqueue_file_ops;

static struct mq_node *node_of(struct inode *i)
{
	return container_of(i, struct mq_node, inode);
}

/* ---- the tables; lock held ---- */

static void node_init(struct mqueue_fs *m, struct mq_node *n, const struct inode_ops *ops,
		      mode_t mode)
{
	inode_init(&n->inode, &m->fs, ops, mode & S_IFMT);
	n->ino = ++m->next_ino;
	n->mode = mode;
	mqueue_touch(m, n, true, true);
}

void mqueue_enter(struct mqueue_fs *m, struct mqueue *q, mode_t mode)
{
	lock_assert_held(&m->lock);
	node_init(m, &q->n, &queue_inode_ops, S_IFREG | (mode & 07777));
	q->n.size = FILE_SIZE;
}

static struct mqueue *named(struct rb_node *n)
{
	return n ? rb_entry(n, struct mqueue, by_name) : NULL;
}

static struct mqueue *numbered(struct rb_node *n)
{
	return n ? rb_entry(n, struct mqueue, by_ino) : NULL;
}

static int compare(const char *name, size_t len, const struct mqueue *q)
{
	int r = strncmp(name, q->name, len);

	return r ? r : -(int)(unsigned char)q->name[len];
}

struct mqueue *mqueue_find(const struct mqueue_fs *m, const char *name, size_t len)
{
	struct rb_node *n = m->by_name.root;

	while (n) {
		int r = compare(name, len, named(n));
		if (!r)
			break;
		n = r < 0 ? n->left : n->right;
	}
	return named(n);
}

struct mqueue *mqueue_from(const struct mqueue_fs *m, uint64_t ino)
{
	struct rb_node *n = m->by_ino.root, *found = NULL;

	while (n) {
		if (numbered(n)->n.ino >= ino)
			found = n;
		n = numbered(n)->n.ino >= ino ? n->left : n->right;
	}
	return numbered(found);
}

void mqueue_link(struct mqueue_fs *m, struct mqueue *q)
{
	struct rb_node **link = &m->by_name.root, *parent = NULL;
	size_t len = strlen(q->name);

	lock_assert_held(&m->lock);
	while (*link) {
		parent = *link;
		link = compare(q->name, len, named(parent)) < 0 ? &parent->left : &parent->right;
	}
	rb_insert(&m->by_name, &q->by_name, parent, link);
	for (link = &m->by_ino.root, parent = NULL; *link;) {
		parent = *link;
		link = q->n.ino < numbered(parent)->n.ino ? &parent->left : &parent->right;
	}
	rb_insert(&m->by_ino, &q->by_ino, parent, link);
	q->linked = true;
	m->nr++;
}

/* The caller gets the reference that its name held. */
static void unlink_queue(struct mqueue_fs *m, struct mqueue *q)
{
	lock_assert_held(&m->lock);
	rb_erase(&m->by_name, &q->by_name);
	rb_erase(&m->by_ino, &q->by_ino);
	q->linked = false;
	m->nr--;
}

/* ---- attributes ---- */

static struct statx_timestamp statx_time(const struct timespec *ts)
{
	return (struct statx_timestamp){ .tv_sec = ts->tv_sec, .tv_nsec = (uint32_t)ts->tv_nsec };
}

static void fill(const struct mqueue_fs *m, struct mq_node *n, struct statx *out)
{
	bool dir = S_ISDIR(n->mode);

	lock_assert_held(&m->lock);
	out->stx_mask = STATX_BASIC_STATS;
	out->stx_blksize = PAGE_SIZE;
	out->stx_nlink = dir ? 2 : mqueue_of(&n->inode)->linked;
	out->stx_size = dir ? (m->nr + 2) * DIRENT_SIZE : n->size;
	out->stx_mode = (uint16_t)n->mode;
	out->stx_uid = n->uid;
	out->stx_gid = n->gid;
	out->stx_ino = n->ino;
	out->stx_dev_major = major(m->fs.dev);
	out->stx_dev_minor = minor(m->fs.dev);
	out->stx_atime = statx_time(&n->atime);
	out->stx_mtime = statx_time(&n->mtime);
	out->stx_ctime = statx_time(&n->ctime);
}

static int node_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out)
{
	struct mqueue_fs *m = mqueue_fs_of_inode(i);

	memset(out, 0, sizeof *out);
	mutex_lock(&m->lock);
	fill(m, node_of(i), out);
	mutex_unlock(&m->lock);
	return 0;
}

static void apply(struct mq_node *n, const struct iattr *a, struct timespec now)
{
	if (a->valid & ATTR_MODE)
		n->mode = (n->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_UID)
		n->uid = a->uid;
	if (a->valid & ATTR_GID)
		n->gid = a->gid;
	if (a->valid & ATTR_SIZE) {
		n->size = a->size;
		n->mtime = now;
	}
	if (a->valid & ATTR_TIMES) {
		generic_set_time(&n->atime, &a->atime, now);
		generic_set_time(&n->mtime, &a->mtime, now);
	}
	n->ctime = now;
}

static int node_setattr(struct inode *i, struct caller *c, const struct iattr *a)
{
	struct mqueue_fs *m = mqueue_fs_of_inode(i);
	struct iattr change = *a;
	struct statx st = { 0 };

	mutex_lock(&m->lock);
	fill(m, node_of(i), &st);
	int err = generic_setattr_check(&st, c->cred, &change);
	if (!err)
		apply(node_of(i), &change, guest_clock_realtime(m->domain->mem->clock));
	mutex_unlock(&m->lock);
	return err;
}

static int node_permission(struct inode *i, struct caller *c, int mask)
{
	struct statx st;

	node_getattr(i, c, STATX_BASIC_STATS, &st);
	return generic_permission(&st, c->cred, mask);
}

static int node_statfs(struct inode *i, struct caller *c, struct statfs *out)
{
	*out = (struct statfs){ .f_type = MQUEUE_MAGIC,
				.f_bsize = PAGE_SIZE,
				.f_frsize = PAGE_SIZE,
				.f_namelen = NAME_MAX };
	return 0;
}

static int node_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	struct mqueue_fs *m = mqueue_fs_of_inode(i);
	bool gone = false;

	if (S_ISREG(i->type)) {
		mutex_lock(&m->lock);
		gone = !mqueue_of(i)->linked;
		mutex_unlock(&m->lock);
	}
	int len = snprintf(buf, size, "/%s%s", S_ISREG(i->type) ? mqueue_of(i)->name : "",
			   gone ? " (deleted)" : "");
	return (size_t)len < size ? len : -ENAMETOOLONG;
}

/* ---- names ---- */

static int lookup(struct inode *dir, struct caller *c, const char *name, size_t len,
		  struct inode **out)
{
	struct mqueue_fs *m = mqueue_fs_of_inode(dir);

	mutex_lock(&m->lock);
	struct mqueue *q = mqueue_find(m, name, len);
	if (q)
		*out = inode_get(&q->n.inode);
	mutex_unlock(&m->lock);
	return q ? 0 : -ENOENT;
}

static int dir_walk(struct inode *dir, struct caller *c, const char *names, size_t len,
		    unsigned flags, struct walk_step *out)
{
	return walk_by_lookup(dir, c, names, len, flags, lookup, out);
}

/* mq_attr_ok() of Linux */
static int check_attr(const struct ipc_limits *l, const struct cred *cred, const struct mq_attr *a)
{
	bool privileged = cred_capable(cred, CAP_SYS_RESOURCE);
	uint64_t max = privileged ? MQ_HARD_MSGMAX : l->mq_msg_max;
	uint64_t size = privileged ? MQ_HARD_MSGSIZE : l->mq_msgsize_max;

	if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0)
		return -EINVAL;
	return (uint64_t)a->mq_maxmsg > max || (uint64_t)a->mq_msgsize > size ? -EINVAL : 0;
}

static int may_create(const struct mqueue_fs *m, struct caller *c, struct mq_attr *attr, bool given)
{
	lock_assert_held(&m->lock);
	struct statx st = { 0 };

	fill(m, (struct mq_node *)(uintptr_t)&m->root, &st);
	int err = generic_permission(&st, c->cred, W_OK | X_OK);
	if (err)
		return err;
	if (!m->ns)
		return -EACCES;
	const struct ipc_limits *l = &m->ns->limits;
	if (m->nr >= l->mq_queues_max && !cred_capable(c->cred, CAP_SYS_RESOURCE))
		return -ENOSPC;
	if (given)
		return check_attr(l, c->cred, attr);
	*attr = (struct mq_attr){
		.mq_maxmsg = (long)min64(l->mq_msg_max, l->mq_msg_default),
		.mq_msgsize = (long)min64(l->mq_msgsize_max, l->mq_msgsize_default),
	};
	return 0;
}

/* A queue by a name that nobody has; its reference is the caller's. */
static int create_locked(struct mqueue_fs *m, struct caller *c, const struct mq_open *how,
			 struct user *user, struct mqueue **out)
{
	struct mq_attr attr = how->attr ? *how->attr : (struct mq_attr){ 0 };
	int err = may_create(m, c, &attr, how->attr);

	if (!err)
		err = mqueue_new(m->domain, how->name, &attr, user, c->msgqueue_limit, out);
	if (err)
		return err;
	struct mq_node *n = &(*out)->n;
	mqueue_enter(m, *out, how->mode);
	n->uid = c->cred->fsuid;
	n->gid = c->cred->fsgid;
	inode_get(&n->inode);
	mqueue_link(m, *out);
	mqueue_touch(m, &m->root, true, true);
	return 0;
}

/* As open(2) with O_CREAT: what is there, or a new one. */
static int find_or_create(struct mqueue_fs *m, struct caller *c, const struct mq_open *how,
			  struct mqueue **out, bool *created)
{
	struct user *user = user_get(m->domain->vfs->users, c->cred->uid);
	int err = 0;

	if (!user)
		return -ENOMEM;
	mutex_lock(&m->lock);
	*out = mqueue_find(m, how->name, strlen(how->name));
	*created = !*out;
	if (*out && how->flags & O_CREAT && how->flags & O_EXCL)
		err = -EEXIST;
	else if (*out)
		inode_get(&(*out)->n.inode);
	else
		err = how->flags & O_CREAT ? create_locked(m, c, how, user, out) : -ENOENT;
	mutex_unlock(&m->lock);
	if (err || !*created)
		user_put(user);
	return err;
}

/* By a name in a directory where it is mounted. */
static int dir_create(struct inode *dir, struct caller *c, const char *name, int flags, mode_t mode,
		      struct file **out, bool *created)
{
	const struct mq_open how = { name, flags | O_CREAT, mode, NULL };
	struct mqueue_fs *m = mqueue_fs_of_inode(dir);
	struct mqueue *q;
	int err = find_or_create(m, c, &how, &q, created);

	if (err)
		return err;
	int mask = (flags & O_ACCMODE) == O_RDONLY   ? R_OK
		   : (flags & O_ACCMODE) == O_WRONLY ? W_OK
						     : R_OK | W_OK;
	err = *created ? 0 : node_permission(&q->n.inode, c, mask);
	struct dentry *d = err ? NULL : dentry_new(inode_get(&q->n.inode), dir, name, strlen(name));
	if (!err && !d)
		err = -ENOMEM;
	if (!err)
		err = queue_inode_ops.open(&q->n.inode, c, d, flags, out);
	if (!err)
		(*out)->path.dentry = dentry_get(d);
	dentry_put(d);
	inode_put(&q->n.inode);
	return err;
}

static int may_unlink(struct mqueue_fs *m, struct caller *c, const struct mqueue *q)
{
	lock_assert_held(&m->lock);
	struct statx st = { 0 };

	fill(m, &m->root, &st);
	int err = generic_permission(&st, c->cred, W_OK | X_OK);
	if (err)
		return err;
	bool owns = c->cred->fsuid == m->root.uid || cred_owner_or_capable(c->cred, q->n.uid);
	return m->root.mode & S_ISVTX && !owns ? -EPERM : 0;
}

static int dir_unlink(struct inode *dir, struct caller *c, const char *name)
{
	struct mqueue_fs *m = mqueue_fs_of_inode(dir);

	mutex_lock(&m->lock);
	struct mqueue *q = mqueue_find(m, name, strlen(name));
	int err = q ? may_unlink(m, c, q) : -ENOENT;
	if (!err) {
		unlink_queue(m, q);
		mqueue_touch(m, &m->root, true, true);
		mqueue_touch(m, &q->n, false, false);
	}
	mutex_unlock(&m->lock);
	if (!err)
		inode_put(&q->n.inode);
	return err;
}

/* lookup_noperm() of Linux's fs/namei.c */
static int check_name(const char *name)
{
	if (!*name)
		return -ENOENT;
	if (!strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
		return -EACCES;
	return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int open_mask(int flags)
{
	switch (flags & O_ACCMODE) {
	case O_RDONLY: return R_OK;
	case O_WRONLY: return W_OK;
	default: return R_OK | W_OK;
	}
}

int mqueue_open(struct ipc_namespace *ns, struct caller *c, const struct mq_open *how,
		struct file **out)
{
	struct mount *mnt = ns->queues;
	struct mq_open h = *how;
	struct mqueue *q;
	bool created = false;
	int err = check_name(how->name);

	if (err)
		return err;
	h.mode &= ~(mode_t)c->fs->umask;
	if (mount_is_readonly(mnt))
		h.flags &= ~O_CREAT;
	err = find_or_create(mqueue_fs_of(mnt->fs), c, &h, &q, &created);
	if (err == -ENOENT && how->flags & O_CREAT && mount_is_readonly(mnt))
		return -EROFS;
	if (err)
		return err;
	if (!created && (how->flags & O_ACCMODE) == O_ACCMODE)
		err = -EINVAL;
	else if (!created)
		err = node_permission(&q->n.inode, c, open_mask(how->flags));
	if (!err)
		err = mqueue_file_new(q, mnt, (unsigned)how->flags, out);
	inode_put(&q->n.inode);
	return err;
}

int mqueue_unlink(struct ipc_namespace *ns, struct caller *c, const char *name)
{
	struct mount *mnt = ns->queues;

	if (mount_is_readonly(mnt))
		return -EROFS;
	int err = check_name(name);
	return err ? err : dir_unlink(mnt->fs->root, c, name);
}

/* ---- open files ---- */

static int new_file(const struct file_ops *ops, unsigned flags, struct file **out)
{
	struct file *f = malloc(sizeof *f);

	if (!f)
		return -ENOMEM;
	file_init(f, ops, flags & ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC));
	*out = f;
	return 0;
}

int mqueue_file_new(struct mqueue *q, struct mount *mnt, unsigned flags, struct file **out)
{
	struct dentry *d =
	    dentry_new(inode_get(&q->n.inode), mnt->fs->root, q->name, strlen(q->name));
	if (!d)
		return -ENOMEM;
	const struct path p = { mnt, d };
	int err = new_file(&mqueue_file_ops, flags, out);
	if (!err)
		(*out)->path = path_get(&p);
	dentry_put(d);
	return err;
}

static int open_queue(struct inode *i, struct caller *c, struct dentry *d, int flags,
		      struct file **out)
{
	return new_file(&mqueue_file_ops, (unsigned)flags, out);
}

bool file_is_mqueue(const struct file *f)
{
	return f->ops == &mqueue_file_ops;
}

static uint64_t bytes_waiting(const struct mqueue *q)
{
	uint64_t bytes = 0;

	for (struct rb_node *n = rb_first(&q->messages); n; n = rb_next(n))
		bytes += rb_entry(n, struct mq_msg, node)->size;
	return bytes;
}

static ssize_t queue_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct mqueue *q = mqueue_of_file(f);
	struct mqueue_fs *m = mqueue_fs_of_inode(&q->n.inode);
	char text[FILE_SIZE + 32];

	mutex_lock(&m->lock);
	struct mq_notify n = q->notify;
	uint64_t bytes = bytes_waiting(q);
	mqueue_touch(m, &q->n, true, false);
	mutex_unlock(&m->lock);
	bool told = n.owner.nr;
	int len =
	    snprintf(text, sizeof text, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		     bytes, told ? n.how : 0, told && n.how == SIGEV_SIGNAL ? n.signal : 0,
		     told ? m->domain->teller->number(c, &n.owner) : 0);
	bool own = !pos;
	if (own)
		mutex_lock(&f->pos_lock);
	int64_t *at = own ? &f->pos : pos;
	size_t n_left = *at < len ? (size_t)(len - *at) : 0;
	size_t want = min64(n_left, u->resid), done = uio_put(u, text + *at * (n_left > 0), want);
	*at += (int64_t)done;
	if (own)
		mutex_unlock(&f->pos_lock);
	return !done && want ? -EFAULT : (ssize_t)done;
}

static unsigned queue_poll(struct file *f, struct poll_table *pt)
{
	struct mqueue *q = mqueue_of_file(f);
	struct mqueue_fs *m = mqueue_fs_of_inode(&q->n.inode);

	poll_wait(pt, &q->changed);
	mutex_lock(&m->lock);
	unsigned events = (q->nr ? POLL_READ : 0) | (q->nr < q->max_messages ? POLL_WRITE : 0);
	mutex_unlock(&m->lock);
	return events;
}

static int64_t queue_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return generic_lseek(f, off, whence, (int64_t)mqueue_of_file(f)->n.size);
}

static int queue_truncate(struct file *f, struct caller *c, uint64_t size)
{
	const struct iattr a = { .valid = ATTR_SIZE, .size = size };

	return node_setattr(file_inode(f), c, &a);
}

static void file_release(struct file *f)
{
	free(f);
}

static const struct file_ops mqueue_file_ops = {
	.saved = &mqueue_file_saved,
	.read = queue_read,
	.poll = queue_poll,
	.lseek = queue_lseek,
	.truncate = queue_truncate,
	.flush = mqueue_notify_off,
	.release = file_release,
};

/* ---- the directory ---- */

/* The first entry at or behind `pos`: "." and "..", then by inode number; false: the end. */
static bool entry_at(struct mqueue_fs *m, int64_t pos, struct dirent *out, int64_t *next)
{
	*out = (struct dirent){ .d_ino = INO_ROOT, .d_type = DT_DIR };
	*next = pos + 1;
	if (pos < 2) {
		strcpy(out->d_name, pos ? ".." : ".");
		return true;
	}
	mutex_lock(&m->lock);
	struct mqueue *q = mqueue_from(m, (uint64_t)pos);
	if (q) {
		strcpy(out->d_name, q->name);
		out->d_ino = q->n.ino;
		out->d_type = DT_REG;
		*next = (int64_t)q->n.ino + 1;
	}
	mutex_unlock(&m->lock);
	return q;
}

static int dir_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	struct mqueue_fs *m = mqueue_fs_of_inode(f->path.dentry->inode);
	struct dirent ent;
	int64_t next;

	mutex_lock(&f->pos_lock);
	while (entry_at(m, f->pos, &ent, &next) &&
	       e->emit(e, ent.d_name, strlen(ent.d_name), ent.d_ino, next, ent.d_type))
		f->pos = next;
	mutex_unlock(&f->pos_lock);
	return 0;
}

static int64_t dir_lseek(struct file *f, struct caller *c, int64_t off, int whence)
{
	return generic_lseek(f, off, whence, 0);
}

static const struct file_ops dir_file_ops = {
	.saved = &file_by_path,
	.lseek = dir_lseek,
	.readdir = dir_readdir,
	.release = file_release,
};

static int open_dir(struct inode *i, struct caller *c, struct dentry *d, int flags,
		    struct file **out)
{
	return new_file(&dir_file_ops, (unsigned)flags, out);
}

/* ---- the file system ---- */

static void node_release(struct inode *i)
{
	if (S_ISREG(i->type))
		mqueue_free(mqueue_of(i));
}

static const struct inode_ops dir_inode_ops = {
	.walk = dir_walk,
	.getattr = node_getattr,
	.setattr = node_setattr,
	.permission = node_permission,
	.open = open_dir,
	.create = dir_create,
	.unlink = dir_unlink,
	.statfs = node_statfs,
	.path = node_path,
	.release = node_release,
};

static const struct inode_ops queue_inode_ops = {
	.getattr = node_getattr,
	.setattr = node_setattr,
	.permission = node_permission,
	.open = open_queue,
	.statfs = node_statfs,
	.path = node_path,
	.release = node_release,
};

static void clear(struct mqueue_fs *m)
{
	for (;;) {
		mutex_lock(&m->lock);
		struct mqueue *q = mqueue_from(m, 0);
		if (q)
			unlink_queue(m, q);
		mutex_unlock(&m->lock);
		if (!q)
			return;
		inode_put(&q->n.inode);
	}
}

static void destroy(struct filesystem *fs)
{
	struct mqueue_fs *m = mqueue_fs_of(fs);

	clear(m);
	mutex_destroy(&m->lock);
	mm_host_uncharge(m->domain->mem, sizeof *m);
	free(m);
}

static const struct filesystem_ops mqueue_fs_ops = { .destroy = destroy };

int mqueue_fs_new(struct ipc_namespace *ns, struct user_namespace *users,
		  const struct cred *creator)
{
	struct ipc_domain *d = ns->domain;
	struct mqueue_fs *m = NULL;

	if (mm_host_charge(d->mem, sizeof *m)) {
		m = calloc(1, sizeof *m);
		if (!m)
			mm_host_uncharge(d->mem, sizeof *m);
	}
	if (!m)
		return -ENOMEM;
	filesystem_init(&m->fs, &mqueue_fs_ops, "mqueue", FS_NODEV);
	m->fs.dev = vfs_new_dev(d->vfs);
	if (!user_ns_is_first(users))
		m->fs.user_ns = container_of(ns_get(&users->ns), struct user_namespace, ns);
	m->domain = d;
	m->ns = ns;
	mutex_init(&m->lock, LOCK_MQUEUE);
	node_init(m, &m->root, &dir_inode_ops, S_IFDIR | 01777);
	m->root.uid = creator ? creator->fsuid : 0;
	m->root.gid = creator ? creator->fsgid : 0;
	m->fs.root = &m->root.inode;
	ns->queues = mount_new(d->vfs, &m->fs, NULL, MOUNT_NOEXEC | MOUNT_NODEV, "");
	if (!ns->queues)
		return -ENOMEM;
	ns->queues->internal = true;
	return 0;
}

void mqueue_fs_end(struct ipc_namespace *ns)
{
	struct mqueue_fs *m = mqueue_fs_of(ns->queues->fs);

	mutex_lock(&m->lock);
	m->ns = NULL;
	mutex_unlock(&m->lock);
	mount_put(ns->queues);
}

struct filesystem *mqueue_fs_get(struct ipc_namespace *ns)
{
	return filesystem_get(ns->queues->fs);
}

struct ipc_namespace *mqueue_fs_namespace(struct filesystem *fs)
{
	return fs->ops == &mqueue_fs_ops ? mqueue_fs_of(fs)->ns : NULL;
}

void mqueue_clear(struct ipc_namespace *ns)
{
	clear(mqueue_fs_of(ns->queues->fs));
}
