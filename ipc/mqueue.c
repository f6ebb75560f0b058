/* SPDX-License-Identifier: Apache-2.0 */
/* Implements POSIX message queues: what comes in and goes out of one, and who is told; see
 * header. */
#include "ipc/mqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user.h"
#include "ipc/mqueue_own.h"
#include "mm/mm.h"
#include "util/minmax.h"

/* What Linux counts beside the bytes of messages: struct msg_msg and struct posix_msg_tree_node. */
#define MESSAGE_HEAD  48U
#define PRIORITY_NODE 48U

struct mq_receiver {
	struct ipc_sleep s;
	struct mq_msg *got;
};

struct mq_sender {
	struct ipc_sleep s;
	struct mq_msg *msg;
};

struct mq_msg *mq_msg_new(struct mm_host *mem, size_t size)
{
	struct mq_msg *m = mm_host_alloc(mem, sizeof *m + size);

	if (m)
		m->size = size;
	return m;
}

void mq_msg_free(struct mm_host *mem, struct mq_msg *m)
{
	if (m)
		mm_host_free(mem, m, sizeof *m + m->size);
}

/* ---- making and unmaking ---- */

static int bytes_of(const struct mq_attr *a, uint64_t *out)
{
	uint64_t n = (uint64_t)a->mq_maxmsg, size, heads;

	heads = n * MESSAGE_HEAD + min64(n, MQ_PRIORITIES) * PRIORITY_NODE;
	if (__builtin_mul_overflow(n, (uint64_t)a->mq_msgsize, &size) ||
	    __builtin_add_overflow(size, heads, out))
		return -EOVERFLOW;
	return 0;
}

int mqueue_new(struct ipc_domain *d, const char *name, const struct mq_attr *attr,
	       struct user *user, uint64_t limit, struct mqueue **out)
{
	size_t len = strlen(name) + 1;
	struct mm_host *mem = d->mem;
	uint64_t bytes;
	struct mqueue *q;
	int err = bytes_of(attr, &bytes);

	if (err)
		return err;
	if (!user_charge(user, USER_MQUEUE_BYTES, bytes, limit))
		return -EMFILE;
	bool room = mm_host_charge(mem, sizeof *q + len);
	q = room ? calloc(1, sizeof *q + len) : NULL;
	if (!q) {
		if (room)
			mm_host_uncharge(mem, sizeof *q + len);
		user_uncharge(user, USER_MQUEUE_BYTES, bytes);
		return -ENOMEM;
	}
	ref_set(&q->n.inode.refs, 1);
	memcpy(q->name, name, len);
	q->domain = d;
	q->user = user;
	q->charged = bytes;
	q->max_messages = (uint64_t)attr->mq_maxmsg;
	q->message_size = (uint64_t)attr->mq_msgsize;
	list_init(&q->receivers);
	list_init(&q->senders);
	waitqueue_init(&q->changed);
	*out = q;
	return 0;
}

static struct mq_msg *msg_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct mq_msg, node) : NULL;
}

/* The next message. The queue is not empty. */
static struct mq_msg *take_first(struct mqueue *q)
{
	struct mq_msg *msg = msg_of(rb_first(&q->messages));

	rb_erase(&q->messages, &msg->node);
	q->nr--;
	return msg;
}

void mqueue_free(struct mqueue *q)
{
	struct mm_host *mem = q->domain->mem;

	while (q->nr)
		mq_msg_free(mem, take_first(q));
	user_uncharge(q->user, USER_MQUEUE_BYTES, q->charged);
	user_put(q->user);
	if (q->notify.socket)
		file_put(q->notify.socket);
	waitqueue_destroy(&q->changed);
	mm_host_uncharge(mem, sizeof *q + strlen(q->name) + 1);
	free(q);
}

static bool comes_before(const struct mq_msg *a, const struct mq_msg *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->seq < b->seq;
}

void mqueue_insert(struct mqueue *q, struct mq_msg *msg)
{
	struct rb_node **link = &q->messages.root, *parent = NULL;

	msg->seq = q->seq++;
	while (*link) {
		parent = *link;
		link = comes_before(msg, msg_of(parent)) ? &parent->left : &parent->right;
	}
	rb_insert(&q->messages, &msg->node, parent, link);
	q->nr++;
}

void mqueue_touch(const struct mqueue_fs *m, struct mq_node *n, bool access, bool change)
{
	struct timespec now = guest_clock_realtime(m->domain->mem->clock);

	if (access)
		n->atime = now;
	if (change)
		n->mtime = now;
	n->ctime = now;
}

/* ---- who is told ---- */

static bool is_same(const struct mq_process *a, const struct mq_process *b)
{
	return a->nr == b->nr && a->started == b->started;
}

/* Nobody is told any more; what was to be told about is for tell(), when no lock is held. */
static void take_notify(struct mqueue *q, struct mq_notify *out)
{
	*out = q->notify;
	q->notify = (struct mq_notify){ 0 };
}

static void tell(struct mqueue_fs *m, struct caller *c, struct mq_notify *n, bool removed)
{
	if (n->owner.nr && n->how != SIGEV_NONE && (n->how == SIGEV_THREAD || !removed))
		m->domain->teller->tell(c, n, removed);
	if (n->socket)
		file_put(n->socket);
}

int mqueue_notify(struct file *f, struct caller *c, const struct mq_notify *n)
{
	struct mqueue *q = mqueue_of_file(f);
	struct mqueue_fs *m = mqueue_fs_of_inode(&q->n.inode);

	mutex_lock(&m->lock);
	int err = q->notify.owner.nr ? -EBUSY : 0;
	if (!err) {
		q->notify = *n;
		mqueue_touch(m, &q->n, true, false);
	}
	mutex_unlock(&m->lock);
	return err;
}

void mqueue_notify_off(struct file *f, struct caller *c)
{
	struct mqueue *q = mqueue_of_file(f);
	struct mqueue_fs *m = mqueue_fs_of_inode(&q->n.inode);
	struct mq_process self = m->domain->teller->self(c);
	struct mq_notify old = { 0 };

	mutex_lock(&m->lock);
	if (is_same(&q->notify.owner, &self)) {
		take_notify(q, &old);
		mqueue_touch(m, &q->n, true, false);
	}
	mutex_unlock(&m->lock);
	tell(m, c, &old, true);
}

/* ---- sending and receiving; lock held ---- */

static int sleep_in(struct mqueue_fs *m, struct caller *c, struct list *queue, struct ipc_sleep *s,
		    uint64_t deadline)
{
	lock_assert_held(&m->lock);
	int64_t r;

	ipc_sleep_begin(&m->places, c, queue, s);
	do {
		r = ipc_sleep_wait(&m->lock, c, s, deadline);
	} while (r == IPC_ASLEEP);
	return (int)r;
}

static struct ipc_sleep *first_of(struct list *queue)
{
	return list_empty(queue) ? NULL : list_first(queue, struct ipc_sleep, node);
}

/* Into the hands of who waits, or into the queue, which has room. */
static void put_message(struct mqueue_fs *m, struct mqueue *q, struct mq_msg *msg,
			struct mq_notify *told)
{
	lock_assert_held(&m->lock);
	struct ipc_sleep *s = first_of(&q->receivers);

	if (s) {
		container_of(s, struct mq_receiver, s)->got = msg;
		ipc_sleep_end(s, 0);
	} else {
		mqueue_insert(q, msg);
		if (q->nr == 1)
			take_notify(q, told);
	}
	mqueue_touch(m, &q->n, true, true);
}

int mqueue_send(struct file *f, struct caller *c, struct mq_msg *msg, int nice, uint64_t deadline)
{
	struct mqueue *q = mqueue_of_file(f);
	struct mqueue_fs *m = mqueue_fs_of_inode(&q->n.inode);
	struct mq_notify told = { 0 };
	int err = 0;

	mutex_lock(&m->lock);
	bool full = q->nr == q->max_messages;
	if (!full) {
		put_message(m, q, msg, &told);
	} else if (f->flags & O_NONBLOCK) {
		err = -EAGAIN;
	} else {
		struct mq_sender s = { .s.nice = nice, .msg = msg };
		err = sleep_in(m, c, &q->senders, &s.s, deadline);
	}
	mutex_unlock(&m->lock);
	tell(m, c, &told, false);
	if (!full)
		waitqueue_wake_all(&q->changed, POLL_READ);
	return err;
}

/* There is room for one that waits to be sent. */
static void let_in(struct mqueue *q)
{
	struct ipc_sleep *s = first_of(&q->senders);

	if (!s)
		return;
	mqueue_insert(q, container_of(s, struct mq_sender, s)->msg);
	ipc_sleep_end(s, 0);
}

int mqueue_receive(struct file *f, struct caller *c, int nice, uint64_t deadline,
		   struct mq_msg **out)
{
	struct mqueue *q = mqueue_of_file(f);
	struct mqueue_fs *m = mqueue_fs_of_inode(&q->n.inode);
	int err = 0;

	mutex_lock(&m->lock);
	bool empty = !q->nr;
	if (!empty) {
		*out = take_first(q);
		mqueue_touch(m, &q->n, true, true);
		let_in(q);
	} else if (f->flags & O_NONBLOCK) {
		err = -EAGAIN;
	} else {
		struct mq_receiver r = { .s.nice = nice };
		err = sleep_in(m, c, &q->receivers, &r.s, deadline);
		*out = r.got;
	}
	mutex_unlock(&m->lock);
	if (!empty)
		waitqueue_wake_all(&q->changed, POLL_WRITE);
	return err;
}

uint64_t mqueue_message_size(struct file *f)
{
	return mqueue_of_file(f)->message_size;
}

void mqueue_attributes(struct file *f, const struct mq_attr *set, struct mq_attr *old)
{
	struct mqueue *q = mqueue_of_file(f);
	struct mqueue_fs *m = mqueue_fs_of_inode(&q->n.inode);

	mutex_lock(&m->lock);
	*old = (struct mq_attr){ .mq_flags = f->flags & O_NONBLOCK,
				 .mq_maxmsg = (long)q->max_messages,
				 .mq_msgsize = (long)q->message_size,
				 .mq_curmsgs = (long)q->nr };
	if (set) {
		if (set->mq_flags & O_NONBLOCK)
			f->flags |= O_NONBLOCK;
		else
			f->flags &= ~(unsigned)O_NONBLOCK;
		mqueue_touch(m, &q->n, true, false);
	}
	mutex_unlock(&m->lock);
}
