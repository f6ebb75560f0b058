/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pidfd is a file that holds a reference to a struct pid and becomes readable when the process or
 * thread ends (pidfd_open(2)). PIDFD_GET_INFO has no manual page; include/uapi/linux/pidfd.h
 * describes it.
 */
#include "kernel/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/file.h"
#include "fs/saved.h"
#include "kernel/fdtable.h"
#include "kernel/pid.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"

struct pidfd {
	struct file file;
	struct pid *pid; /* reference */
	bool thread;     /* PIDFD_THREAD: of one thread, whichever */
};

static struct pidfd *pidfd_of(struct file *f)
{
	return container_of(f, struct pidfd, file);
}

static const struct file_ops pidfd_ops;

static unsigned pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct pidfd *pf = pidfd_of(f);

	poll_wait(pt, &pf->pid->exited);
	unsigned ended = atomic_load(&pf->pid->ended);
	unsigned events =
	    ended & (pf->thread ? PID_THREAD_ENDED : PID_PROCESS_ENDED) ? POLL_READ : 0;
	return ended & PID_REAPED ? events | POLLHUP : events;
}

/* struct pidfd_info of Linux 6.15. */
struct info {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define INFO_PID      1U
#define INFO_CREDS    2U
#define INFO_EXIT     8U
#define IOCTL_TYPE    0xff
#define GET_INFO      11 /* its size is the caller's */
#define INFO_SMALLEST sizeof(struct info)
_Static_assert(sizeof(struct info) == 64, "PIDFD_INFO_SIZE_VER0");

/* Of a thread, or a zombie. */
static void fill_info(const struct pid *pid, const struct task *reader, struct info *out)
{
	const struct process *p = pid->task ? pid->task->process : pid->process;
	lock_assert_held(&p->sb->lock);
	const struct cred *c = pid->task ? pid->task->cred : process_cred(p);

	out->mask |= INFO_PID | INFO_CREDS;
	out->pid = (uint32_t)task_pid_nr(reader, pid);
	out->tgid = (uint32_t)task_pid_nr(reader, p->pid);
	out->ppid = p->parent ? (uint32_t)task_pid_nr(reader, p->parent->pid) : 0;
	out->ruid = from_kuid_munged(task_user_ns(reader), c->uid);
	out->euid = from_kuid_munged(task_user_ns(reader), c->euid);
	out->suid = from_kuid_munged(task_user_ns(reader), c->suid);
	out->fsuid = from_kuid_munged(task_user_ns(reader), c->fsuid);
	out->rgid = from_kgid_munged(task_user_ns(reader), c->gid);
	out->egid = from_kgid_munged(task_user_ns(reader), c->egid);
	out->sgid = from_kgid_munged(task_user_ns(reader), c->sgid);
	out->fsgid = from_kgid_munged(task_user_ns(reader), c->fsgid);
}

/* Of whom nobody waits for any more, the exit status is left, for those who ask for it. */
static int info_of(const struct pid *pid, const struct task *reader, uint64_t wanted,
		   struct info *out)
{
	if (pid->task || pid->process)
		fill_info(pid, reader, out);
	else if (!(wanted & INFO_EXIT))
		return -ESRCH;
	if (wanted & INFO_EXIT && pid->ended & PID_REAPED) {
		out->mask |= INFO_EXIT;
		out->exit_code = pid->exit_code;
	}
	return 0;
}

static int64_t get_info(struct pid *pid, struct task *t, gva_t addr, size_t size)
{
	uint8_t out[1 << _IOC_SIZEBITS] = { 0 }; /* what a newer struct has besides is empty */
	struct info info = { 0 };
	uint64_t wanted;

	if (!addr.v)
		return -EINVAL;
	if (copy_from_guest(t->mm, &wanted, addr, sizeof wanted))
		return -EFAULT;
	sandbox_lock(t->sb);
	int err = info_of(pid, t, wanted, &info);
	sandbox_unlock(t->sb);
	if (err)
		return err;
	memcpy(out, &info, sizeof info);
	return copy_to_guest(t->mm, addr, out, size) ? -EFAULT : 0;
}

static int64_t pidfd_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			   uint64_t arg)
{
	if (_IOC_TYPE(cmd) != IOCTL_TYPE || _IOC_NR(cmd) != GET_INFO ||
	    _IOC_SIZE(cmd) < INFO_SMALLEST)
		return -ENOTTY;
	return get_info(pidfd_of(f)->pid, c->task, GVA(arg), _IOC_SIZE(cmd));
}

static void pidfd_release(struct file *f)
{
	struct pidfd *pf = pidfd_of(f);

	pid_put(pf->pid); /* NULL: its snapshot was damaged */
	free(pf);
}

void pidfd_show(struct file *f, const struct pid_namespace *ns, struct text *out)
{
	struct pid *pid = pidfd_of(f)->pid;
	bool gone = atomic_load(&pid->ended) & PID_REAPED;
	int nr = gone ? -1 : pid_nr(pid, ns);

	text_printf(out, "Pid:\t%d\nNSpid:\t%d", nr, nr);
	for (unsigned i = ns->level + 1; !gone && nr && i <= pid->ns->level; i++)
		text_printf(out, "\t%d", pid->numbers[i].nr);
	text_putc(out, '\n');
}

static int pidfd_save(struct saver *s, void *object)
{
	struct pidfd *pf = pidfd_of(object);

	file_save_state(s, &pf->file);
	encode(&s->out, saved_object(s, &pid_saved, pf->pid));
	encode(&s->out, pf->thread);
	return 0;
}

static int pidfd_load(struct loader *l, void **out)
{
	struct pidfd *pf = calloc(1, sizeof *pf);
	void *pid = NULL;

	if (!pf)
		return -ENOMEM;
	file_init(&pf->file, &pidfd_ops, O_RDWR);
	file_set_anon(&pf->file, l->caller, "anon_inode:[pidfd]");
	int err = file_load_state(l, &pf->file);
	if (!err)
		err = loaded_object(l, decode(&l->in), &pid_saved, &pid);
	pf->pid = pid ? pid_get(pid) : NULL;
	pf->thread = decode_bool(&l->in);
	if (!err && (l->in.failed || !pid))
		err = loader_damaged(l, "a pidfd");
	*out = &pf->file;
	if (err)
		file_put(&pf->file);
	return err;
}

const struct saved_kind pidfd_saved = {
	.name = "pidfd",
	.save = pidfd_save,
	.load = pidfd_load,
	.put = file_saved_put,
};

static const struct file_ops pidfd_ops = {
	.saved = &pidfd_saved,
	.poll = pidfd_poll,
	.ioctl = pidfd_ioctl,
	.release = pidfd_release,
};

struct pid *pidfd_pid(struct file *f)
{
	return f->ops == &pidfd_ops ? pidfd_of(f)->pid : NULL;
}

bool pidfd_is_thread(struct file *f)
{
	return pidfd_of(f)->thread;
}

int pidfd_install(struct task *t, struct pid *pid, unsigned flags)
{
	struct pidfd *pf = calloc(1, sizeof *pf);
	struct caller c = task_caller(t);

	if (!pf)
		return -ENOMEM;
	file_init(&pf->file, &pidfd_ops, O_RDWR | (flags & O_NONBLOCK));
	file_set_anon(&pf->file, &c, "anon_inode:[pidfd]");
	pf->pid = pid_get(pid);
	pf->thread = flags & PIDFD_THREAD;
	return fd_install(t->files, &pf->file, 0, true, process_rlimit(t->process, RLIMIT_NOFILE));
}
