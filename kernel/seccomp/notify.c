/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications of system calls, and the file of a listener. See the header. */
#include "kernel/seccomp/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "fs/saved.h"
#include "host/random.h"
#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
/* What the first Linux with this call had. */
#define ID_VALID_WRONG_DIR SECCOMP_IOR(2, __u64)

struct listener {
	struct file file;
	struct seccomp_filter *filter; /* reference */
};

static struct listener *listener_of(struct file *f)
{
	return container_of(f, struct listener, file);
}

bool filter_is_heard(const struct seccomp_filter *f)
{
	while (f && !f->notices.open)
		f = f->prev;
	return f;
}

/* ---- the thread that makes the call ---- */

int notification_begin(struct task *t, struct seccomp_filter *f, const struct seccomp_data *data)
{
	struct notification *n = calloc(1, sizeof *n);

	if (!n)
		return -ENOMEM;
	*n = (struct notification){ .task = t, .data = *data, .filter = f };
	mutex_lock(&f->notices.lock);
	bool open = f->notices.open;
	if (open) {
		n->id = f->notices.next_id++;
		list_add_tail(&f->notices.list, &n->node);
		f->notices.requests++;
	}
	mutex_unlock(&f->notices.lock);
	if (!open) {
		free(n);
		return -ENOSYS;
	}
	filter_get(f);
	t->seccomp.notification = n;
	waitqueue_wake_all(&f->notices.wait, POLLIN);
	return 0;
}

void notification_end(struct task *t)
{
	struct notification *n = t->seccomp.notification;

	if (!n)
		return;
	mutex_lock(&n->filter->notices.lock);
	list_del(&n->node);
	mutex_unlock(&n->filter->notices.lock);
	t->seccomp.notification = NULL;
	filter_put(n->filter);
	free(n);
}

/* Only its end interrupts a call that its listener has received, if the filter asks for that. */
static bool only_killed(const struct notification *n)
{
	return n->filter->wait_killable && n->state != NOTIFICATION_NEW;
}

static int await(struct notification *n, struct sleeper *s)
{
	struct mutex *lock = &n->filter->notices.lock;
	int err = 0;

	mutex_lock(lock);
	while (n->state != NOTIFICATION_ANSWERED && !err) {
		bool killable = only_killed(n);
		mutex_unlock(lock);
		err = killable ? sleeper_wait_killable(s) : sleeper_wait(s, DEADLINE_NONE);
		mutex_lock(lock);
		if (err && !killable && only_killed(n) && !s->gave_up)
			err = 0; /* received meanwhile */
	}
	bool answered = n->state == NOTIFICATION_ANSWERED;
	mutex_unlock(lock);
	return answered ? 0 : err;
}

bool notification_wait(struct task *t, int64_t *r, bool *goes_on)
{
	struct notification *n = t->seccomp.notification;
	int err = await(n, &t->sleeper);

	*goes_on = false;
	*r = -ERESTARTSYS;
	if (err && t->sleeper.gave_up)
		return false;
	if (!err) {
		sleeper_got(&t->sleeper);
		*r = n->error ? n->error : n->value;
		*goes_on = n->flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	notification_end(t);
	return !err;
}

/* ---- the listener; notices.lock held ---- */

static struct notification *find(struct seccomp_filter *f, uint64_t id)
{
	struct notification *n;

	list_for_each (n, &f->notices.list, node) {
		if (n->id == id)
			return n;
	}
	return NULL;
}

static struct notification *find_new(struct seccomp_filter *f)
{
	struct notification *n;

	list_for_each (n, &f->notices.list, node) {
		if (n->state == NOTIFICATION_NEW)
			return n;
	}
	return NULL;
}

static void answer(struct notification *n, int error, int64_t value, uint32_t flags)
{
	n->state = NOTIFICATION_ANSWERED;
	n->error = error;
	n->value = value;
	n->flags = flags;
	sleeper_wake(&n->task->sleeper);
}

/* ---- its calls, without the lock ---- */

static bool take_request(struct seccomp_filter *f)
{
	mutex_lock(&f->notices.lock);
	bool some = f->notices.requests;
	f->notices.requests -= some;
	mutex_unlock(&f->notices.lock);
	return some || !atomic_load(&f->users);
}

/* Without threads nobody waits any more. */
static int await_request(struct seccomp_filter *f, struct sleeper *s)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w, s);
	w.events = POLLIN;
	waitqueue_add(&f->notices.wait, &w);
	bool got = take_request(f);
	while (!got && !err) {
		err = sleeper_wait(s, DEADLINE_NONE);
		got = take_request(f);
	}
	waitqueue_remove(&w);
	return got ? 0 : -ERESTARTSYS;
}

/* It could not be handed out: it waits for another who asks. */
static void unreceive(struct seccomp_filter *f, uint64_t id)
{
	mutex_lock(&f->notices.lock);
	struct notification *n = find(f, id);
	if (n) {
		n->state = NOTIFICATION_NEW;
		f->notices.requests++;
		sleeper_wake(&n->task->sleeper);
	}
	mutex_unlock(&f->notices.lock);
	if (n)
		waitqueue_wake_all(&f->notices.wait, POLLIN);
}

static int64_t receive(struct seccomp_filter *f, struct caller *c, struct mm *mm, gva_t arg)
{
	struct seccomp_notif out, zero = { 0 };
	struct pid *pid = NULL;

	if (copy_from_guest(mm, &out, arg, sizeof out))
		return -EFAULT;
	if (memcmp(&out, &zero, sizeof out))
		return -EINVAL;
	int err = await_request(f, c->sleeper);
	if (err)
		return err;
	mutex_lock(&f->notices.lock);
	struct notification *n = find_new(f);
	if (n) {
		out.id = n->id;
		out.data = n->data;
		pid = pid_get(n->task->pid);
		n->state = NOTIFICATION_SENT;
		/* from now on only its end may interrupt it */
		if (f->wait_killable)
			sleeper_wake(&n->task->sleeper);
	}
	mutex_unlock(&f->notices.lock);
	if (!n)
		return -ENOENT;
	waitqueue_wake_all(&f->notices.wait, POLLOUT);
	sandbox_lock(c->task->sb);
	out.pid = (uint32_t)pid_nr(pid, task_pid_ns(c->task));
	pid_put(pid);
	sandbox_unlock(c->task->sb);
	if (!copy_to_guest(mm, arg, &out, sizeof out))
		return 0;
	unreceive(f, out.id);
	return -EFAULT;
}

static int64_t respond(struct seccomp_filter *f, struct mm *mm, gva_t arg)
{
	struct seccomp_notif_resp in;
	int err = 0;

	if (copy_from_guest(mm, &in, arg, sizeof in))
		return -EFAULT;
	if (in.flags & ~(uint32_t)SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return -EINVAL;
	if (in.flags && (in.error || in.val))
		return -EINVAL;
	mutex_lock(&f->notices.lock);
	struct notification *n = find(f, in.id);
	if (!n)
		err = -ENOENT;
	else if (n->state != NOTIFICATION_SENT)
		err = -EINPROGRESS;
	else
		answer(n, in.error, in.val, in.flags);
	mutex_unlock(&f->notices.lock);
	return err;
}

static int64_t id_valid(struct seccomp_filter *f, struct mm *mm, gva_t arg)
{
	uint64_t id;

	if (copy_from_guest(mm, &id, arg, sizeof id))
		return -EFAULT;
	mutex_lock(&f->notices.lock);
	struct notification *n = find(f, id);
	bool valid = n && n->state == NOTIFICATION_SENT;
	mutex_unlock(&f->notices.lock);
	return valid ? 0 : -ENOENT;
}

/* Whom a descriptor is for: what of the thread has to be known when it may go on. */
struct recipient {
	struct fdtable *files; /* reference */
	struct caller caller;  /* who closes what is replaced */
};

static int find_recipient(struct seccomp_filter *f, const struct seccomp_notif_addfd *in,
			  struct caller *c, struct recipient *out)
{
	int err = 0;

	mutex_lock(&f->notices.lock);
	struct notification *n = find(f, in->id);
	if (!n)
		err = -ENOENT;
	else if (n->state != NOTIFICATION_SENT)
		err = -EINPROGRESS;
	if (!err) {
		struct caller its = task_caller(n->task);
		out->files = fdtable_get(n->task->files);
		out->caller = *c;
		out->caller.tgid = its.tgid;
		out->caller.nofile_limit = its.nofile_limit;
		if (in->flags & SECCOMP_ADDFD_FLAG_SEND)
			n->state = NOTIFICATION_ANSWERING;
	}
	mutex_unlock(&f->notices.lock);
	return err;
}

static void answer_with_fd(struct seccomp_filter *f, uint64_t id, int fd)
{
	mutex_lock(&f->notices.lock);
	struct notification *n = find(f, id);
	if (n && n->state == NOTIFICATION_ANSWERING) {
		if (fd < 0)
			n->state = NOTIFICATION_SENT;
		else
			answer(n, 0, fd, 0);
	}
	mutex_unlock(&f->notices.lock);
}

static int check_addfd(const struct seccomp_notif_addfd *in)
{
	if (in->newfd_flags & ~(uint32_t)O_CLOEXEC ||
	    in->flags & ~(uint32_t)(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND) ||
	    (in->newfd && !(in->flags & SECCOMP_ADDFD_FLAG_SETFD)))
		return -EINVAL;
	return 0;
}

static int64_t add_fd(struct seccomp_filter *f, struct caller *c,
		      const struct seccomp_notif_addfd *in)
{
	bool cloexec = in->newfd_flags & O_CLOEXEC;
	struct recipient to;
	int err = check_addfd(in), fd;

	if (err)
		return err;
	struct file *file = fd_get(c->task->files, (int)in->srcfd);
	if (!file)
		return -EBADF;
	err = find_recipient(f, in, c, &to);
	if (err) {
		file_put(file);
		return err;
	}
	uint64_t limit = to.caller.nofile_limit;
	if (in->flags & SECCOMP_ADDFD_FLAG_SETFD)
		fd = fd_replace(to.files, &to.caller, (int)in->newfd, file, cloexec, limit);
	else
		fd = fd_install(to.files, file, 0, cloexec, limit);
	fdtable_put(to.files, &to.caller);
	if (in->flags & SECCOMP_ADDFD_FLAG_SEND)
		answer_with_fd(f, in->id, fd);
	return fd;
}

/* The structure may be longer in time: what is not known must be 0 (copy_struct_from_user()). */
static int64_t fetch_addfd(struct mm *mm, gva_t arg, size_t size, struct seccomp_notif_addfd *out)
{
	char rest[256];

	if (size < sizeof *out || size >= PAGE_SIZE)
		return -EINVAL;
	for (size_t at = sizeof *out, n; at < size; at += n) {
		n = size - at < sizeof rest ? size - at : sizeof rest;
		if (copy_from_guest(mm, rest, GVA(arg.v + at), n))
			return -EFAULT;
		for (size_t i = 0; i < n; i++) {
			if (rest[i])
				return -E2BIG;
		}
	}
	return copy_from_guest(mm, out, arg, sizeof *out) ? -EFAULT : 0;
}

static int64_t listener_ioctl(struct file *file, struct caller *c, struct mm *mm, unsigned cmd,
			      uint64_t arg)
{
	struct seccomp_filter *f = listener_of(file)->filter;
	struct seccomp_notif_addfd in;

	switch (cmd) {
	case SECCOMP_IOCTL_NOTIF_RECV: return receive(f, c, mm, GVA(arg));
	case SECCOMP_IOCTL_NOTIF_SEND: return respond(f, mm, GVA(arg));
	case ID_VALID_WRONG_DIR:
	case SECCOMP_IOCTL_NOTIF_ID_VALID: return id_valid(f, mm, GVA(arg));
	case SECCOMP_IOCTL_NOTIF_SET_FLAGS: /* a hint to the scheduler */
		return arg & ~(uint64_t)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP ? -EINVAL : 0;
	default: break;
	}
	if (_IOC_TYPE(cmd) != _IOC_TYPE(SECCOMP_IOCTL_NOTIF_ADDFD) ||
	    _IOC_NR(cmd) != _IOC_NR(SECCOMP_IOCTL_NOTIF_ADDFD))
		return -EINVAL;
	int64_t err = fetch_addfd(mm, GVA(arg), _IOC_SIZE(cmd), &in);
	return err ? err : add_fd(f, c, &in);
}

static unsigned listener_poll(struct file *file, struct poll_table *pt)
{
	struct seccomp_filter *f = listener_of(file)->filter;
	struct notification *n;
	unsigned events = 0;

	poll_wait(pt, &f->notices.wait);
	mutex_lock(&f->notices.lock);
	list_for_each (n, &f->notices.list, node) {
		if (n->state == NOTIFICATION_NEW)
			events |= POLLIN | POLLRDNORM;
		if (n->state == NOTIFICATION_SENT)
			events |= POLLOUT | POLLWRNORM;
	}
	mutex_unlock(&f->notices.lock);
	return events | (atomic_load(&f->users) ? 0 : POLLHUP);
}

/* Nobody will answer: the calls fail as if there never had been a listener. */
static void listener_release(struct file *file)
{
	struct listener *l = listener_of(file);
	struct notification *n;

	mutex_lock(&l->filter->notices.lock);
	l->filter->notices.open = false;
	list_for_each (n, &l->filter->notices.list, node) {
		if (n->state != NOTIFICATION_ANSWERED)
			answer(n, -ENOSYS, 0, 0);
	}
	mutex_unlock(&l->filter->notices.lock);
	filter_put(l->filter);
	free(l);
}

static const struct file_ops listener_ops = {
	.saved = &listener_saved,
	.poll = listener_poll,
	.ioctl = listener_ioctl,
	.release = listener_release,
};

static int listener_new(struct caller *c, struct seccomp_filter *f, struct file **out)
{
	struct listener *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	file_init(&l->file, &listener_ops, O_RDWR);
	file_set_anon(&l->file, c, "anon_inode:seccomp notify");
	l->filter = filter_get(f);
	*out = &l->file;
	return 0;
}

int listener_create(struct caller *c, struct seccomp_filter *f, struct file **out)
{
	int err = random_bytes(c->random, &f->notices.next_id, sizeof f->notices.next_id);

	if (!err)
		err = listener_new(c, f, out);
	f->notices.open = !err;
	return err;
}

/* ---- in snapshots ---- */

static int listener_save(struct saver *s, void *object)
{
	struct file *f = object;

	file_save_state(s, f);
	encode(&s->out, saved_object(s, &seccomp_saved, listener_of(f)->filter));
	return 0;
}

static int listener_load(struct loader *l, void **out)
{
	struct file state = { .flags = 0 }, *f;
	void *filter = NULL;
	int err = file_load_state(l, &state);

	if (!err)
		err = loaded_object(l, decode(&l->in), &seccomp_saved, &filter);
	if (!err && !filter)
		err = loader_damaged(l, "a seccomp listener");
	if (!err)
		err = listener_new(l->caller, filter, &f);
	if (err)
		return err;
	f->flags = (unsigned)state.flags;
	*out = f;
	return 0;
}

const struct saved_kind listener_saved = {
	.name = "seccomp listener",
	.save = listener_save,
	.load = listener_load,
	.put = file_saved_put,
};

void notification_save(struct saver *s, struct task *t)
{
	struct notification *n = t->seccomp.notification;

	encode(&s->out, saved_object(s, &seccomp_saved, n ? n->filter : NULL));
	if (!n)
		return;
	mutex_lock(&n->filter->notices.lock);
	encode(&s->out, n->state);
	encode(&s->out, n->id);
	encode_bytes(&s->out, &n->data, sizeof n->data);
	encode_signed(&s->out, n->error);
	encode_signed(&s->out, n->value);
	encode(&s->out, n->flags);
	mutex_unlock(&n->filter->notices.lock);
}

/* Who waits does so in a call that is made again. */
int notification_load(struct loader *l, struct task *t)
{
	void *filter;
	int err = loaded_object(l, decode(&l->in), &seccomp_saved, &filter);

	if (err || !filter)
		return err;
	struct notification *n = calloc(1, sizeof *n);
	if (!n)
		return -ENOMEM;
	n->task = t;
	n->state = (enum notification_state)decode_max(&l->in, NR_NOTIFICATION_STATES - 1);
	n->id = decode(&l->in);
	decode_into(&l->in, &n->data, sizeof n->data);
	n->error = (int)decode_between(&l->in, INT32_MIN, INT32_MAX);
	n->value = (int64_t)decode(&l->in);
	n->flags = (uint32_t)decode_max(&l->in, UINT32_MAX);
	if (l->in.failed || !t->unwound || n->state == NOTIFICATION_ANSWERING) {
		free(n);
		return loader_damaged(l, "a seccomp notification");
	}
	n->filter = filter_get(filter);
	mutex_lock(&n->filter->notices.lock);
	list_add_tail(&n->filter->notices.list, &n->node);
	mutex_unlock(&n->filter->notices.lock);
	t->seccomp.notification = n;
	return 0;
}
