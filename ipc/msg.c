/* SPDX-License-Identifier: Apache-2.0 */
/* Implements System V message queues; see header. */
#include "ipc/msg.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/user_ns.h"
#include "mm/mm.h"
#include "util/minmax.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct msg_queue {
	struct ipc_object o;
	int64_t stime, rtime, ctime;
	uint64_t bytes, nr, max_bytes;
	pid_t lspid, lrpid;
	struct list messages;
	struct list receivers; /* struct msg_receiver */
	struct list senders;   /* struct msg_sender */
};

enum search { SEARCH_ANY, SEARCH_EQUAL, SEARCH_NOT_EQUAL, SEARCH_LESS_EQUAL, SEARCH_NUMBER };

struct msg_want {
	enum search search;
	long type;
};

struct msg_receiver {
	struct ipc_sleep s;
	struct msg_want want;
	size_t size;
	pid_t tgid;
	struct ipc_msg *got;
};

struct msg_sender {
	struct ipc_sleep s;
	size_t size;
};

/* Results of a sleep that are no errors. */
enum { SLEEP_GOT, SLEEP_LOOK };

static struct msg_queue *queue_of(struct ipc_object *o)
{
	return container_of(o, struct msg_queue, o);
}

static struct msg_queue *find(struct ipc_namespace *ns, int id, int *err)
{
	struct ipc_object *o = ipc_find(ns, IPC_MSG, id, err);

	return o ? queue_of(o) : NULL;
}

struct ipc_msg *ipc_msg_new(struct ipc_namespace *ns, size_t size)
{
	struct ipc_msg *m = mm_host_alloc(ns->domain->mem, sizeof *m + size);

	if (m)
		m->size = size;
	return m;
}

void ipc_msg_free(struct ipc_namespace *ns, struct ipc_msg *m)
{
	if (m)
		mm_host_free(ns->domain->mem, m, sizeof *m + m->size);
}

/* ---- making and unmaking ---- */

static struct msg_queue *queue_new(struct ipc_namespace *ns)
{
	struct msg_queue *q;

	if (!mm_host_charge(ns->domain->mem, sizeof *q))
		return NULL;
	q = calloc(1, sizeof *q);
	if (!q) {
		mm_host_uncharge(ns->domain->mem, sizeof *q);
		return NULL;
	}
	list_init(&q->messages);
	list_init(&q->receivers);
	list_init(&q->senders);
	return q;
}

static int make(struct ipc_namespace *ns, struct caller *c, const struct ipc_get *g,
		struct ipc_object **out)
{
	struct msg_queue *q = queue_new(ns);

	if (!q)
		return -ENOMEM;
	q->ctime = ipc_now(ns);
	q->max_bytes = ns->limits.msg_mnb;
	*out = &q->o;
	return 0;
}

static void free_queue(struct ipc_namespace *ns, struct ipc_object *o)
{
	mm_host_uncharge(ns->domain->mem, sizeof(struct msg_queue));
	free(queue_of(o));
}

static const struct ipc_type msg_type = { IPC_MSG, make, NULL, NULL, free_queue };

int msg_get(struct ipc_namespace *ns, struct caller *c, key_t key, int flags)
{
	return ipc_get(ns, c, &msg_type, &(const struct ipc_get){ key, flags, 0 });
}

static void add_message(struct ipc_namespace *ns, struct msg_queue *q, struct ipc_msg *m)
{
	list_add_tail(&q->messages, &m->node);
	q->bytes += m->size;
	q->nr++;
	ns->messages++;
	ns->message_bytes += m->size;
}

static void take_message(struct ipc_namespace *ns, struct msg_queue *q, struct ipc_msg *m)
{
	list_del(&m->node);
	q->bytes -= m->size;
	q->nr--;
	ns->messages--;
	ns->message_bytes -= m->size;
}

/* Out of the table; whoever waits is told. ns->lock held. */
static void queue_remove(struct ipc_namespace *ns, struct msg_queue *q)
{
	ipc_remove(ns, IPC_MSG, &q->o);
	while (!list_empty(&q->receivers))
		ipc_sleep_end(list_first(&q->receivers, struct ipc_sleep, node), -EIDRM);
	while (!list_empty(&q->senders))
		ipc_sleep_end(list_first(&q->senders, struct ipc_sleep, node), -EIDRM);
	while (!list_empty(&q->messages)) {
		struct ipc_msg *m = list_first(&q->messages, struct ipc_msg, node);
		take_message(ns, q, m);
		ipc_msg_free(ns, m);
	}
	free_queue(ns, &q->o);
}

void msg_clear(struct ipc_namespace *ns)
{
	ipc_lock(ns);
	for (int i = ns->ids[IPC_MSG].max; i >= 0; i--) {
		struct ipc_object *o = ipc_at(ns, IPC_MSG, i);
		if (o)
			queue_remove(ns, queue_of(o));
	}
	ipc_unlock(ns);
}

/* ---- sending; ns->lock held ---- */

static bool fits(const struct msg_queue *q, size_t size)
{
	return size + q->bytes <= q->max_bytes && 1 + q->nr <= q->max_bytes;
}

static bool matches(const struct ipc_msg *m, const struct msg_want *w)
{
	switch (w->search) {
	case SEARCH_LESS_EQUAL: return m->type <= w->type;
	case SEARCH_EQUAL: return m->type == w->type;
	case SEARCH_NOT_EQUAL: return m->type != w->type;
	default: return true;
	}
}

/* To the first receiver that waits for such a message and has room for it; one that has not is
 * told so. False: there is none. */
static bool hand_over(struct ipc_namespace *ns, struct msg_queue *q, struct ipc_msg *m)
{
	struct msg_receiver *r, *tmp;

	list_for_each_safe (r, tmp, &q->receivers, s.node) {
		if (!matches(m, &r->want))
			continue;
		if (r->size < m->size) {
			ipc_sleep_end(&r->s, -E2BIG);
			continue;
		}
		q->lrpid = r->tgid;
		q->rtime = ipc_now(ns);
		r->got = m;
		ipc_sleep_end(&r->s, SLEEP_GOT);
		return true;
	}
	return false;
}

/* There is more room: senders that it is enough for look again. */
static void wake_senders(struct msg_queue *q)
{
	struct msg_sender *s, *tmp;

	list_for_each_safe (s, tmp, &q->senders, s.node)
		if (fits(q, s->size))
			ipc_sleep_end(&s->s, SLEEP_LOOK);
}

static int wait_for_room(struct ipc_namespace *ns, struct caller *c, struct msg_queue *q,
			 size_t size)
{
	struct msg_sender s = { .size = size };
	int64_t r;

	ipc_sleep_begin(&ns->places, c, &q->senders, &s.s);
	do {
		r = ipc_sleep_wait(&ns->lock, c, &s.s, DEADLINE_NONE);
	} while (r == IPC_ASLEEP);
	return (int)r;
}

static int send_locked(struct ipc_namespace *ns, struct caller *c, int id, struct ipc_msg *m,
		       int flags)
{
	struct msg_queue *q;
	bool slept = false;
	int err;

	for (;;) {
		q = find(ns, id, &err);
		if (!q)
			return slept ? -EIDRM : err;
		err = ipc_permission(ns, c, &q->o, IPC_WRITE);
		if (err)
			return err;
		if (fits(q, m->size))
			break;
		if (flags & IPC_NOWAIT)
			return -EAGAIN;
		err = wait_for_room(ns, c, q, m->size);
		if (err < 0)
			return err;
		slept = true;
	}
	q->lspid = c->tgid;
	q->stime = ipc_now(ns);
	if (!hand_over(ns, q, m))
		add_message(ns, q, m);
	return 0;
}

int msg_send(struct ipc_namespace *ns, struct caller *c, int id, struct ipc_msg *m, int flags)
{
	ipc_lock(ns);
	int err = send_locked(ns, c, id, m, flags);
	ipc_unlock(ns);
	return err;
}

/* ---- receiving; ns->lock held ---- */

static struct msg_want want_of(long type, int flags)
{
	if (flags & MSG_COPY)
		return (struct msg_want){ SEARCH_NUMBER, type };
	if (!type)
		return (struct msg_want){ SEARCH_ANY, 0 };
	if (type < 0)
		return (struct msg_want){ SEARCH_LESS_EQUAL, type == LONG_MIN ? LONG_MAX : -type };
	return (struct msg_want){ flags & MSG_EXCEPT ? SEARCH_NOT_EQUAL : SEARCH_EQUAL, type };
}

/* The first that is wanted; of those below a type, the first of the lowest. */
static struct ipc_msg *find_message(const struct msg_queue *q, struct msg_want *w)
{
	struct ipc_msg *m, *found = NULL;
	long n = 0;

	list_for_each (m, &q->messages, node) {
		if (!matches(m, w))
			continue;
		if (w->search == SEARCH_NUMBER ? n++ == w->type : w->search != SEARCH_LESS_EQUAL)
			return m;
		if (w->search != SEARCH_LESS_EQUAL)
			continue;
		found = m;
		if (m->type == 1)
			break;
		w->type = m->type - 1;
	}
	return found;
}

static int copy_message(struct ipc_namespace *ns, const struct ipc_msg *m, struct ipc_msg **out)
{
	struct ipc_msg *copy = ipc_msg_new(ns, m->size);

	if (!copy)
		return -ENOMEM;
	copy->type = m->type;
	memcpy(copy->data, m->data, m->size);
	*out = copy;
	return 0;
}

static int take(struct ipc_namespace *ns, struct caller *c, struct msg_queue *q, struct ipc_msg *m,
		size_t size, int flags, struct ipc_msg **out)
{
	if (size < m->size && !(flags & MSG_NOERROR))
		return -E2BIG;
	if (flags & MSG_COPY)
		return size < m->size ? -EINVAL : copy_message(ns, m, out);
	take_message(ns, q, m);
	q->rtime = ipc_now(ns);
	q->lrpid = c->tgid;
	wake_senders(q);
	*out = m;
	return 0;
}

static int wait_for_message(struct ipc_namespace *ns, struct caller *c, struct msg_queue *q,
			    struct msg_receiver *r)
{
	int64_t status;

	ipc_sleep_begin(&ns->places, c, &q->receivers, &r->s);
	do {
		status = ipc_sleep_wait(&ns->lock, c, &r->s, DEADLINE_NONE);
	} while (status == IPC_ASLEEP);
	return (int)status;
}

static int receive_locked(struct ipc_namespace *ns, struct caller *c, int id, size_t size,
			  long type, int flags, struct ipc_msg **out)
{
	struct msg_receiver r = { .want = want_of(type, flags),
				  .size = flags & MSG_NOERROR ? SIZE_MAX : size,
				  .tgid = c->tgid };
	bool slept = false;
	int err;

	do {
		struct msg_queue *q = find(ns, id, &err);
		if (!q)
			return slept ? -EIDRM : err;
		err = ipc_permission(ns, c, &q->o, IPC_READ);
		if (err)
			return err;
		struct ipc_msg *m = find_message(q, &r.want);
		if (m)
			return take(ns, c, q, m, size, flags, out);
		if (flags & IPC_NOWAIT)
			return -ENOMSG;
		err = wait_for_message(ns, c, q, &r);
		slept = true;
	} while (err == SLEEP_LOOK);
	*out = r.got;
	return err;
}

int msg_receive(struct ipc_namespace *ns, struct caller *c, int id, size_t size, long type,
		int flags, struct ipc_msg **out)
{
	if (flags & MSG_COPY && (flags & MSG_EXCEPT || !(flags & IPC_NOWAIT)))
		return -EINVAL;
	ipc_lock(ns);
	int err = receive_locked(ns, c, id, size, type, flags, out);
	ipc_unlock(ns);
	return err;
}

/* ---- msgctl ---- */

int msg_stat(struct ipc_namespace *ns, struct caller *c, int n, int cmd, struct msqid_ds *out)
{
	struct ipc_object *o;

	ipc_lock(ns);
	int r = ipc_find_stat(ns, c, IPC_MSG, n, cmd != IPC_STAT, cmd == MSG_STAT_ANY, &o);
	if (!r) {
		const struct msg_queue *q = queue_of(o);
		*out = (struct msqid_ds){ .msg_perm = ipc_perm_of(o, c->cred->user_ns),
					  .msg_stime = q->stime,
					  .msg_rtime = q->rtime,
					  .msg_ctime = q->ctime,
					  .__msg_cbytes = q->bytes,
					  .msg_qnum = q->nr,
					  .msg_qbytes = q->max_bytes,
					  .msg_lspid = q->lspid,
					  .msg_lrpid = q->lrpid };
		r = cmd == IPC_STAT ? 0 : o->id;
	}
	ipc_unlock(ns);
	return r;
}

static int change_locked(struct ipc_namespace *ns, struct caller *c, int id,
			 const struct msqid_ds *to)
{
	const struct ipc_perm *p = &to->msg_perm;
	struct ipc_object *o;
	int err = ipc_find_owned(ns, c, IPC_MSG, id, &o);

	if (err)
		return err;
	if (to->msg_qbytes > ns->limits.msg_mnb && !cred_capable(c->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	err = ipc_set_owner(o, c->cred->user_ns, p->uid, p->gid, p->mode);
	if (err)
		return err;
	struct msg_queue *q = queue_of(o);
	q->max_bytes = to->msg_qbytes;
	q->ctime = ipc_now(ns);
	/* A receiver may have lost its right, a sender may have got room: all of them look. */
	while (!list_empty(&q->receivers))
		ipc_sleep_end(list_first(&q->receivers, struct ipc_sleep, node), SLEEP_LOOK);
	wake_senders(q);
	return 0;
}

int msg_change(struct ipc_namespace *ns, struct caller *c, int id, const struct msqid_ds *to)
{
	ipc_lock(ns);
	int err = change_locked(ns, c, id, to);
	ipc_unlock(ns);
	return err;
}

int msg_remove(struct ipc_namespace *ns, struct caller *c, int id)
{
	struct ipc_object *o;

	ipc_lock(ns);
	int err = ipc_find_owned(ns, c, IPC_MSG, id, &o);
	if (!err)
		queue_remove(ns, queue_of(o));
	ipc_unlock(ns);
	return err;
}

int msg_info(struct ipc_namespace *ns, int cmd, struct msginfo *out)
{
	ipc_lock(ns);
	const struct ipc_limits *l = &ns->limits;
	bool used = cmd == MSG_INFO;
	*out = (struct msginfo){
		.msgmni = (int)l->msg_mni,
		.msgmax = (int)l->msg_max,
		.msgmnb = (int)l->msg_mnb,
		/* the rest is of no meaning to Linux: linux/msg.h */
		.msgssz = 16,
		.msgseg = 0xffff,
		.msgmap = used ? (int)ns->messages : (int)l->msg_mnb,
		.msgpool =
		    used ? (int)ns->ids[IPC_MSG].in_use : (int)(l->msg_mni * l->msg_mnb / 1024),
		.msgtql = used ? (int)ns->message_bytes : (int)l->msg_mnb,
	};
	int r = ipc_max_place(ns, IPC_MSG);
	ipc_unlock(ns);
	return r;
}

void msg_show(struct ipc_namespace *ns, const struct user_namespace *users, struct text *out)
{
	text_puts(out,
		  "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  "
		  "cuid  cgid      stime      rtime      ctime\n");
	ipc_lock(ns);
	for (int i = 0; i <= ns->ids[IPC_MSG].max; i++) {
		struct ipc_object *o = ipc_at(ns, IPC_MSG, i);
		const struct msg_queue *q = o ? queue_of(o) : NULL;
		if (q)
			text_printf(out,
				    "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu "
				    "%10lu %10lu\n",
				    o->key, o->id, o->mode, q->bytes, q->nr, q->lspid, q->lrpid,
				    from_kuid_munged(users, o->uid),
				    from_kgid_munged(users, o->gid),
				    from_kuid_munged(users, o->cuid),
				    from_kgid_munged(users, o->cgid), (unsigned long)q->stime,
				    (unsigned long)q->rtime, (unsigned long)q->ctime);
	}
	ipc_unlock(ns);
}

/* ---- saving ---- */

static void save_queue(struct encoder *out, const struct msg_queue *q)
{
	const struct ipc_msg *m;

	ipc_object_save(out, &q->o);
	encode(out, (uint64_t)q->stime);
	encode(out, (uint64_t)q->rtime);
	encode(out, (uint64_t)q->ctime);
	encode(out, q->max_bytes);
	encode(out, (uint64_t)q->lspid);
	encode(out, (uint64_t)q->lrpid);
	encode(out, q->nr);
	list_for_each (m, &q->messages, node) {
		encode(out, (uint64_t)m->type);
		encode_bytes(out, m->data, m->size);
	}
}

void msg_save(struct saver *s, struct ipc_namespace *ns)
{
	encode(&s->out, ns->ids[IPC_MSG].in_use);
	for (int i = 0; i <= ns->ids[IPC_MSG].max; i++) {
		struct ipc_object *o = ns->ids[IPC_MSG].places[i];
		if (o)
			save_queue(&s->out, queue_of(o));
	}
}

static int load_message(struct decoder *in, struct ipc_namespace *ns, struct msg_queue *q)
{
	uint64_t type = decode_max(in, LONG_MAX);
	size_t size;
	const void *data = decode_bytes(in, &size);

	if (!data || !type)
		return -EBADMSG;
	struct ipc_msg *m = ipc_msg_new(ns, size);
	if (!m)
		return -ENOMEM;
	m->type = (long)type;
	memcpy(m->data, data, size);
	add_message(ns, q, m);
	return 0;
}

static int load_queue(struct decoder *in, struct ipc_namespace *ns)
{
	struct msg_queue *q = queue_new(ns);

	if (!q)
		return -ENOMEM;
	ipc_object_load(in, &q->o);
	q->stime = (int64_t)decode(in);
	q->rtime = (int64_t)decode(in);
	q->ctime = (int64_t)decode(in);
	q->max_bytes = decode(in);
	q->lspid = (pid_t)decode_max(in, INT32_MAX);
	q->lrpid = (pid_t)decode_max(in, INT32_MAX);
	if (in->failed || !ipc_object_put_back(ns, IPC_MSG, &q->o)) {
		free_queue(ns, &q->o);
		return -EBADMSG;
	}
	uint64_t nr = decode_count(in, 2 * sizeof(uint64_t));
	int err = 0;
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_message(in, ns, q);
	return err;
}

int msg_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns)
{
	uint64_t nr = decode_count(in, sizeof(uint64_t));
	int err = 0;

	ipc_lock(ns);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_queue(in, ns);
	ipc_unlock(ns);
	return err;
}
