/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads POSIX message queues: each is an object of a snapshot, which comes into the file
 * system of its namespace with that, or with the first file that has it open. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/user.h"
#include "fs/mount.h"
#include "fs/saved.h"
#include "ipc/mqueue_own.h"
#include "mm/mm.h"
#include "util/time.h"

/* ---- attributes ---- */

static void save_time(struct encoder *out, const struct timespec *ts)
{
	encode_signed(out, ts->tv_sec);
	encode(out, (uint64_t)ts->tv_nsec);
}

static struct timespec load_time(struct decoder *in)
{
	int64_t sec = decode_between(in, INT64_MIN, INT64_MAX);

	return (struct timespec){ sec, (long)decode_max(in, NSEC_PER_SEC - 1) };
}

static void save_node(struct encoder *out, const struct mq_node *n)
{
	encode(out, n->ino);
	encode(out, n->mode & 07777);
	encode(out, n->uid);
	encode(out, n->gid);
	encode(out, n->size);
	save_time(out, &n->atime);
	save_time(out, &n->mtime);
	save_time(out, &n->ctime);
}

/* All but what the inode is. */
static void load_node(struct decoder *in, struct mq_node *n)
{
	n->ino = decode_max(in, INT64_MAX - 1);
	n->mode = (n->mode & S_IFMT) | (mode_t)decode_max(in, 07777);
	n->uid = (uid_t)decode_max(in, UINT32_MAX);
	n->gid = (gid_t)decode_max(in, UINT32_MAX);
	n->size = decode_max(in, INT64_MAX);
	n->atime = load_time(in);
	n->mtime = load_time(in);
	n->ctime = load_time(in);
}

/* ---- a queue ---- */

static void save_notify(struct saver *s, const struct mq_notify *n)
{
	encode(&s->out, (uint64_t)n->owner.nr);
	encode(&s->out, n->owner.started);
	encode(&s->out, n->owner.program);
	encode(&s->out, (uint64_t)n->how);
	encode(&s->out, (uint64_t)n->signal);
	encode(&s->out, n->value);
	encode(&s->out, file_saved(s, n->socket));
	encode_bytes(&s->out, n->cookie, sizeof n->cookie);
}

static int load_notify(struct loader *l, struct mq_notify *n)
{
	size_t len;

	n->owner.nr = (pid_t)decode_max(&l->in, INT32_MAX);
	n->owner.started = decode(&l->in);
	n->owner.program = (unsigned)decode_max(&l->in, UINT32_MAX);
	n->how = (int)decode_max(&l->in, SIGEV_THREAD);
	n->signal = (int)decode_max(&l->in, 64);
	n->value = decode(&l->in);
	int err = file_loaded(l, decode(&l->in), &n->socket);
	const void *cookie = decode_bytes(&l->in, &len);
	if (err || !cookie || len != sizeof n->cookie ||
	    (n->owner.nr && n->how == SIGEV_THREAD) != (n->socket != NULL))
		return err ? err : -EBADMSG;
	memcpy(n->cookie, cookie, len);
	return 0;
}

static int queue_save(struct saver *s, void *object)
{
	const struct mqueue *q = object;

	encode_string(&s->out, q->name);
	encode(&s->out, q->user->uid);
	encode(&s->out, q->max_messages);
	encode(&s->out, q->message_size);
	save_node(&s->out, &q->n);
	encode(&s->out, q->linked);
	save_notify(s, &q->notify);
	encode(&s->out, q->nr);
	for (struct rb_node *n = rb_first(&q->messages); n; n = rb_next(n)) {
		const struct mq_msg *m = rb_entry(n, struct mq_msg, node);
		encode(&s->out, m->priority);
		encode_bytes(&s->out, m->data, m->size);
	}
	return 0;
}

static int load_message(struct decoder *in, struct mqueue *q)
{
	unsigned priority = (unsigned)decode_max(in, MQ_PRIORITIES - 1);
	size_t size;
	const void *data = decode_bytes(in, &size);

	if (!data || size > q->message_size)
		return -EBADMSG;
	struct mq_msg *m = mq_msg_new(q->domain->mem, size);
	if (!m)
		return -ENOMEM;
	m->priority = priority;
	memcpy(m->data, data, size);
	mqueue_insert(q, m);
	return 0;
}

static int make_queue(struct loader *l, struct mqueue **out)
{
	struct ipc_namespace *first = l->ipc;
	struct ipc_domain *d = first->domain;
	char *name = decode_string(&l->in, NAME_MAX);
	struct user *user = user_get(d->vfs->users, (uid_t)decode_max(&l->in, UINT32_MAX));
	struct mq_attr a = { 0 };
	int err = 0;

	a.mq_maxmsg = decode_between(&l->in, 1, MQ_HARD_MSGMAX);
	a.mq_msgsize = decode_between(&l->in, 1, MQ_HARD_MSGSIZE);
	if (!name || !*name || strchr(name, '/') || l->in.failed)
		err = -EBADMSG;
	else if (!user)
		err = -ENOMEM;
	else
		err = mqueue_new(d, name, &a, user, UINT64_MAX, out);
	if (err)
		user_put(user);
	free(name);
	return err;
}

static void queue_drop(void *object)
{
	struct mqueue *q = object;

	if (q->n.inode.fs)
		inode_put(&q->n.inode);
	else
		mqueue_free(q);
}

static int queue_load(struct loader *l, void **out)
{
	struct mqueue *q;
	int err = make_queue(l, &q);

	if (err == -EBADMSG)
		return loader_damaged(l, "a message queue");
	if (err)
		return err;
	load_node(&l->in, &q->n);
	q->linked = decode_bool(&l->in);
	err = load_notify(l, &q->notify);
	uint64_t nr = err ? 0 : decode_count(&l->in, 2 * sizeof(uint64_t));
	if (nr > q->max_messages)
		err = -EBADMSG;
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_message(&l->in, q);
	if (err || l->in.failed) {
		queue_drop(q);
		return err && err != -EBADMSG ? err : loader_damaged(l, "a message queue");
	}
	*out = q;
	return 0;
}

const struct saved_kind mqueue_saved = {
	.name = "message queue",
	.save = queue_save,
	.load = queue_load,
	.put = queue_drop,
};

/* It was loaded as part of no file system, and comes into this one. */
static int attach(struct mqueue_fs *m, struct mqueue *q)
{
	const struct mq_node as = q->n;
	const struct mqueue *other;
	int err = 0;

	mutex_lock(&m->lock);
	if (q->n.inode.fs) {
		err = q->n.inode.fs == &m->fs ? 0 : -EBADMSG;
		mutex_unlock(&m->lock);
		return err;
	}
	other = mqueue_from(m, as.ino);
	if (q->linked && (mqueue_find(m, q->name, strlen(q->name)) || as.ino <= m->root.ino ||
			  (other && other->n.ino == as.ino)))
		err = -EBADMSG;
	if (!err) {
		uint64_t next = m->next_ino > as.ino ? m->next_ino : as.ino;
		mqueue_enter(m, q, as.mode);
		m->next_ino = next;
		q->n.ino = as.ino;
		q->n.uid = as.uid;
		q->n.gid = as.gid;
		q->n.size = as.size;
		q->n.atime = as.atime;
		q->n.mtime = as.mtime;
		q->n.ctime = as.ctime;
	}
	if (!err && q->linked) {
		inode_get(&q->n.inode);
		mqueue_link(m, q);
	}
	mutex_unlock(&m->lock);
	return err;
}

/* ---- the queues of a namespace ---- */

void mqueue_save(struct saver *s, struct ipc_namespace *ns)
{
	const struct mqueue_fs *m = mqueue_fs_of(ns->queues->fs);

	save_node(&s->out, &m->root);
	encode(&s->out, m->places);
	encode(&s->out, m->nr);
	for (struct rb_node *n = rb_first(&m->by_ino); n; n = rb_next(n))
		encode(&s->out, saved_object(s, &mqueue_saved, rb_entry(n, struct mqueue, by_ino)));
}

int mqueue_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns)
{
	struct mqueue_fs *m = mqueue_fs_of(ns->queues->fs);
	struct mq_node root = { .mode = S_IFDIR };

	load_node(in, &root);
	m->places = decode(in);
	uint64_t nr = decode_count(in, sizeof(uint64_t));
	int err = 0;
	for (uint64_t i = 0; i < nr && !err; i++) {
		void *q = NULL;
		err = loaded_object(l, decode(in), &mqueue_saved, &q);
		if (!err)
			err = q ? attach(m, q) : -EBADMSG;
	}
	m->root.mode = root.mode;
	m->root.uid = root.uid;
	m->root.gid = root.gid;
	m->root.atime = root.atime;
	m->root.mtime = root.mtime;
	m->root.ctime = root.ctime;
	return err;
}

/* ---- open files ---- */

static const char *file_refused(struct saver *s, void *object)
{
	struct file *f = object;

	return mqueue_fs_of_inode(file_inode(f))->ns
		   ? NULL
		   : "of an IPC namespace that is gone, which a snapshot cannot hold yet";
}

static int mq_file_save(struct saver *s, void *object)
{
	struct file *f = object;
	struct mqueue *q = mqueue_of_file(f);

	encode(&s->out, ipc_ns_number(s, mqueue_fs_of_inode(&q->n.inode)->ns));
	encode(&s->out, saved_object(s, &mqueue_saved, q));
	file_save_state(s, f);
	return 0;
}

static int mq_file_load(struct loader *l, void **out)
{
	struct ipc_namespace *ns;
	struct file state = { .flags = 0 }, *f;
	void *q = NULL;
	int err = ipc_ns_of_number(l, decode(&l->in), &ns);

	if (!err)
		err = loaded_object(l, decode(&l->in), &mqueue_saved, &q);
	if (!err)
		err = q ? attach(mqueue_fs_of(ns->queues->fs), q) : -EBADMSG;
	if (!err)
		err = file_load_state(l, &state);
	if (!err)
		err = mqueue_file_new(q, ns->queues, state.flags, &f);
	if (err)
		return err == -EBADMSG ? loader_damaged(l, "a descriptor of a message queue") : err;
	f->pos = state.pos;
	*out = f;
	return 0;
}

const struct saved_kind mqueue_file_saved = {
	.name = "descriptor of a message queue",
	.save = mq_file_save,
	.load = mq_file_load,
	.put = file_saved_put,
	.refused = file_refused,
};
