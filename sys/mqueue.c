/* SPDX-License-Identifier: Apache-2.0 */
/* mq_open(2), mq_unlink(2), mq_timedsend(2), mq_timedreceive(2), mq_notify(2), mq_getsetattr(2) */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/mqueue.h"
#include "kernel/mq_notify.h"
#include "kernel/nsproxy.h"
#include "kernel/sched.h"
#include "sys/sys.h"
#include "sys/time.h"

static int64_t install(struct task *t, struct file *f)
{
	return fd_install(t->files, f, 0, true, task_nofile_limit(t));
}

SYSCALL_DEFINE(mq_open)
{
	struct caller c = task_caller(t);
	struct mq_open how = { .flags = (int)a[1], .mode = (mode_t)a[2] & 07777 };
	struct mq_attr attr;
	struct file *f;
	char *name;

	if (a[3] && get_user(t, &attr, GVA(a[3])))
		return -EFAULT;
	how.attr = a[3] ? &attr : NULL;
	int err = get_path(t, GVA(a[0]), false, &name);
	if (err)
		return err;
	how.name = name;
	err = mqueue_open(nsproxy_ipc(t->nsproxy), &c, &how, &f);
	free(name);
	return err ? err : install(t, f);
}

SYSCALL_DEFINE(mq_unlink)
{
	struct caller c = task_caller(t);
	char *name;
	int err = get_path(t, GVA(a[0]), false, &name);

	if (err)
		return err;
	err = mqueue_unlink(nsproxy_ipc(t->nsproxy), &c, name);
	free(name);
	return err;
}

static int fetch_deadline(struct task *t, gva_t addr, uint64_t *out)
{
	struct timespec ts;
	int err = addr.v ? get_timespec(t, addr, &ts) : 0;

	*out = addr.v && !err ? deadline_at(t, CLOCK_REALTIME, &ts) : DEADLINE_NONE;
	return err;
}

/* The descriptor of a queue that is open for `use` (O_WRONLY, O_RDONLY; else: whatever it is open
 * for); to be put with task_fd_put. NULL: -EBADF. */
static struct file *get_queue(struct task *t, int fd, int use)
{
	struct file *f = task_fd(t, fd);
	bool ok = f && file_is_mqueue(f);

	if (ok && use == O_WRONLY)
		ok = file_writable(f);
	else if (ok && use == O_RDONLY)
		ok = file_readable(f);
	if (ok)
		return f;
	task_fd_put(t, f);
	return NULL;
}

/* Threads of a real-time policy wait before all others, then by nice value (task_struct.prio). */
static int rank(struct task *t)
{
	return sched_is_realtime(t->sched.policy) ? -100 - t->sched.priority : t->sched.nice;
}

static int64_t do_send(struct task *t, struct file *f, gva_t from, size_t size, unsigned priority,
		       uint64_t deadline)
{
	struct caller c = task_caller(t);

	if (size > mqueue_message_size(f))
		return -EMSGSIZE;
	struct mq_msg *m = mq_msg_new(&t->sb->mem, size);
	if (!m)
		return -ENOMEM;
	m->priority = priority;
	int err = copy_from_guest(t->mm, m->data, from, size)
		      ? -EFAULT
		      : mqueue_send(f, &c, m, rank(t), deadline);
	if (err)
		mq_msg_free(&t->sb->mem, m);
	return err == -EINTR ? -ERESTARTSYS : err;
}

SYSCALL_DEFINE(mq_timedsend)
{
	uint64_t deadline;
	int err = fetch_deadline(t, GVA(a[4]), &deadline);

	if (err)
		return err;
	if ((unsigned)a[3] >= MQ_PRIORITIES)
		return -EINVAL;
	struct file *f = get_queue(t, (int)a[0], O_WRONLY);
	if (!f)
		return -EBADF;
	int64_t r = do_send(t, f, GVA(a[1]), a[2], (unsigned)a[3], deadline);
	task_fd_put(t, f);
	return r;
}

static int64_t do_receive(struct task *t, struct file *f, gva_t to, size_t size, gva_t priority,
			  uint64_t deadline)
{
	struct caller c = task_caller(t);
	struct mq_msg *m = NULL;

	if (size < mqueue_message_size(f))
		return -EMSGSIZE;
	int err = mqueue_receive(f, &c, rank(t), deadline, &m);
	if (err)
		return err == -EINTR ? -ERESTARTSYS : err;
	int64_t r = (int64_t)m->size;
	if ((priority.v && put_user(t, priority, &m->priority)) ||
	    copy_to_guest(t->mm, to, m->data, m->size))
		r = -EFAULT;
	mq_msg_free(&t->sb->mem, m);
	return r;
}

SYSCALL_DEFINE(mq_timedreceive)
{
	uint64_t deadline;
	int err = fetch_deadline(t, GVA(a[4]), &deadline);

	if (err)
		return err;
	struct file *f = get_queue(t, (int)a[0], O_RDONLY);
	if (!f)
		return -EBADF;
	int64_t r = do_receive(t, f, GVA(a[1]), a[2], GVA(a[3]), deadline);
	task_fd_put(t, f);
	return r;
}

SYSCALL_DEFINE(mq_getsetattr)
{
	struct mq_attr set, old;

	if (a[1] && get_user(t, &set, GVA(a[1])))
		return -EFAULT;
	if (a[1] && set.mq_flags & ~O_NONBLOCK)
		return -EINVAL;
	struct file *f = get_queue(t, (int)a[0], -1);
	if (!f)
		return -EBADF;
	mqueue_attributes(f, a[1] ? &set : NULL, &old);
	task_fd_put(t, f);
	return a[2] && put_user(t, GVA(a[2]), &old) ? -EFAULT : 0;
}

/* The layout of struct sigevent as far as mq_notify(2) reads it. */
struct notify_event {
	uint64_t value;
	int signal, how;
};

/* *n has a reference to the socket. */
static int get_notify(struct task *t, gva_t addr, struct mq_notify *n)
{
	struct notify_event e;

	if (get_user(t, &e, addr))
		return -EFAULT;
	if (e.how != SIGEV_NONE && e.how != SIGEV_SIGNAL && e.how != SIGEV_THREAD)
		return -EINVAL;
	if (e.how == SIGEV_SIGNAL && (unsigned)e.signal > 64)
		return -EINVAL;
	*n = (struct mq_notify){ .how = e.how, .signal = e.signal, .value = e.value };
	if (e.how != SIGEV_THREAD)
		return 0;
	if (copy_from_guest(t->mm, n->cookie, GVA(e.value), sizeof n->cookie))
		return -EFAULT;
	n->socket = fd_get(t->files, e.signal);
	if (!n->socket)
		return -EBADF;
	int err = mq_check_socket(n->socket);
	if (err)
		file_put(n->socket);
	return err;
}

SYSCALL_DEFINE(mq_notify)
{
	struct caller c = task_caller(t);
	struct mq_notify n = { 0 };
	int err = a[1] ? get_notify(t, GVA(a[1]), &n) : 0;

	if (err)
		return err;
	struct file *f = get_queue(t, (int)a[0], -1);
	if (!f) {
		err = -EBADF;
	} else if (!a[1]) {
		mqueue_notify_off(f, &c);
	} else {
		n.owner = mq_teller.self(&c);
		err = mqueue_notify(f, &c, &n);
	}
	if (err && n.socket)
		file_put(n.socket);
	task_fd_put(t, f);
	return err;
}
