/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2): do two threads share something? What is compared is where it lies in the monitor. */
#include <linux/capability.h>
#include <linux/kcmp.h>

#include "kernel/epoll.h"
#include "kernel/ptrace/access.h"
#include "sys/sys.h"

/* An order that does not tell where anything lies. */
static int compare(const struct sandbox *sb, const void *a, const void *b)
{
	uint64_t x = ((uintptr_t)a ^ sb->order_key[0]) * (sb->order_key[1] | 1);
	uint64_t y = ((uintptr_t)b ^ sb->order_key[0]) * (sb->order_key[1] | 1);

	return x == y ? 0 : x < y ? 1 : 2;
}

/* A process that has ended has nothing any more, but the one who it was. */
static bool may_compare(struct task *t, struct pid *pid)
{
	if (pid->task)
		return ptrace_may_attach(t, pid->task);
	const struct cred *o = process_cred(pid->process);
	return cred_ns_capable(t->cred, o->user_ns, CAP_SYS_PTRACE) ||
	       (t->cred->uid == o->uid && o->uid == o->euid && o->uid == o->suid);
}

static int check_threads(struct task *t, struct pid *p, struct pid *q)
{
	if (!p || !q || !(p->task || p->process) || !(q->task || q->process))
		return -ESRCH;
	return may_compare(t, p) && may_compare(t, q) ? 0 : -EPERM;
}

/* What of a thread, which may have ended (NULL), is compared. sandbox->lock held. */
#define PART(t, part) ((t) ? (const void *)(part) : NULL)

static int compare_objects(const struct sandbox *sb, const struct task *x, const struct task *y,
			   int type)
{
	switch (type) {
	case KCMP_VM: return compare(sb, PART(x, x->mm), PART(y, y->mm));
	case KCMP_FILES: return compare(sb, PART(x, x->files), PART(y, y->files));
	case KCMP_FS: return compare(sb, PART(x, x->fs), PART(y, y->fs));
	case KCMP_SIGHAND: return compare(sb, PART(x, x->sighand), PART(y, y->sighand));
	case KCMP_SYSVSEM: return compare(sb, PART(x, x->sem_undo), PART(y, y->sem_undo));
	case KCMP_IO: /* Linux has nothing to share before a priority is set */
		return compare(sb, x && x->sched.ioprio ? &x->sched : NULL,
			       y && y->sched.ioprio ? &y->sched : NULL);
	default: return -EINVAL;
	}
}

static struct fdtable *table_of(const struct task *t)
{
	return t && t->files ? fdtable_get(t->files) : NULL;
}

/* The file behind a descriptor of table `ft` (NULL: its thread has ended): a reference. */
static struct file *file_of(struct fdtable *ft, uint64_t fd)
{
	return ft && fd <= INT_MAX ? fd_get_path(ft, (int)fd) : NULL;
}

/* The file that `slot` names: of an epoll instance in `ft`, what it watches. Never looked into. */
static int find_watched(struct task *t, struct fdtable *ft, gva_t addr, const struct file **out)
{
	struct kcmp_epoll_slot slot;

	if (get_user(t, &slot, addr))
		return -EFAULT;
	struct file *ep = file_of(ft, slot.efd);
	if (!ep)
		return -EBADF;
	int err = file_is_epoll(ep) ? epoll_watched(ep, (int)slot.tfd, slot.toff, out) : -EINVAL;
	file_put(ep);
	return err;
}

static int compare_files(struct task *t, const uint64_t *a, struct fdtable *x, struct fdtable *y)
{
	const struct file *with = NULL;
	struct file *f = file_of(x, a[3]);
	int err = f ? 0 : -EBADF;

	if (!err && a[2] == KCMP_EPOLL_TFD) {
		err = find_watched(t, y, GVA(a[4]), &with);
	} else if (!err) {
		struct file *g = file_of(y, a[4]);
		err = g ? 0 : -EBADF;
		with = g;
		if (g)
			file_put(g);
	}
	if (!err)
		err = compare(t->sb, f, with);
	if (f)
		file_put(f);
	return err;
}

SYSCALL_DEFINE(kcmp)
{
	struct fdtable *files[2] = { NULL, NULL };
	int type = (int)a[2], r;

	sandbox_lock(t->sb);
	struct pid *p = pid_find(task_pid_ns(t), (pid_t)a[0]);
	struct pid *q = pid_find(task_pid_ns(t), (pid_t)a[1]);
	bool of_files = type == KCMP_FILE || type == KCMP_EPOLL_TFD;
	r = check_threads(t, p, q);
	if (!r && !of_files)
		r = compare_objects(t->sb, p->task, q->task, type);
	if (!r && of_files) {
		files[0] = table_of(p->task);
		files[1] = table_of(q->task);
	}
	sandbox_unlock(t->sb);
	if (!r && of_files)
		r = compare_files(t, a, files[0], files[1]);
	struct caller c = task_caller(t);
	for (int i = 0; i < 2; i++) {
		if (files[i])
			fdtable_put(files[i], &c);
	}
	return r;
}
