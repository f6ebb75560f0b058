/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ipc/mqueue*.c share: see ipc/mqueue.h. */
#ifndef HL_IPC_MQUEUE_OWN_H
#define HL_IPC_MQUEUE_OWN_H

#include "fs/file.h"
#include "ipc/mqueue.h"
#include "util/rbtree.h"

struct mqueue_fs;

/* The root or a queue. */
struct mq_node {
	struct inode inode;
	uint64_t ino;
	/* guarded by mqueue_fs.lock */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size; /* of a queue: what truncate(2) said last, which means nothing */
	struct timespec atime, mtime, ctime;
};

struct mqueue {
	struct mq_node n;
	struct rb_node by_name, by_ino; /* in the file system, while it is linked */
	struct ipc_domain *domain;      /* constant, as the next two */
	uint64_t max_messages, message_size;
	/* guarded by mqueue_fs.lock */
	bool linked; /* then it holds a reference */
	uint64_t nr, seq;
	struct rb_tree messages;        /* the next one first */
	struct list receivers, senders; /* struct mq_receiver, struct mq_sender */
	struct mq_notify notify;        /* owner.nr 0: nobody is told */
	struct user *user;              /* who is charged for it; a reference */
	uint64_t charged;
	struct waitqueue changed; /* poll */
	char name[];
};

struct mqueue_fs {
	struct filesystem fs;
	struct ipc_domain *domain;
	struct mutex lock;
	/* guarded by lock */
	struct ipc_namespace *ns; /* NULL: it is gone */
	struct rb_tree by_name, by_ino;
	uint64_t nr, next_ino, places;
	struct mq_node root;
};

static inline struct mqueue_fs *mqueue_fs_of(struct filesystem *fs)
{
	return container_of(fs, struct mqueue_fs, fs);
}
static inline struct mqueue_fs *mqueue_fs_of_inode(struct inode *i)
{
	return mqueue_fs_of(i->fs);
}
static inline struct mqueue *mqueue_of(struct inode *i)
{
	return container_of(i, struct mqueue, n.inode);
}
static inline struct mqueue *mqueue_of_file(struct file *f)
{
	return mqueue_of(f->path.dentry->inode);
}

/* ipc/mqueue.c */
/* A new queue that is in no file system yet, charged to `user` (the reference is taken over where
 * it succeeds): -EOVERFLOW, -EMFILE, -ENOMEM. */
int mqueue_new(struct ipc_domain *d, const char *name, const struct mq_attr *attr,
	       struct user *user, uint64_t limit, struct mqueue **out);
void mqueue_free(struct mqueue *q);
/* Lock held. */
void mqueue_insert(struct mqueue *q, struct mq_msg *msg);
void mqueue_touch(const struct mqueue_fs *m, struct mq_node *n, bool access, bool change);

/* ipc/mqueuefs.c; lock held */
/* A new queue comes into the file system, without a name. */
void mqueue_enter(struct mqueue_fs *m, struct mqueue *q, mode_t mode);
/* It stands under its name from now on; the reference is taken over. */
void mqueue_link(struct mqueue_fs *m, struct mqueue *q);
/* The first one that has a name and a number not below `ino`. */
struct mqueue *mqueue_from(const struct mqueue_fs *m, uint64_t ino);
struct mqueue *mqueue_find(const struct mqueue_fs *m, const char *name, size_t len);
/* Lock not held. The mount is that of its namespace. */
int mqueue_file_new(struct mqueue *q, struct mount *mnt, unsigned flags, struct file **out);

#endif
