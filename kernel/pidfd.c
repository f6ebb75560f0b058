/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "fs/file.h"
#include "kernel/fdtable.h"
#include "kernel/pid.h"
#include "kernel/process.h"
#include "kernel/task.h"

struct pidfd {
	struct file file;
	struct pid *pid; /* reference */
	bool thread;     /* PIDFD_THREAD: of one thread, whichever */
};

static struct pidfd *pidfd_of(struct file *f)
{
	return container_of(f, struct pidfd, file);
}

static unsigned pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct pidfd *pf = pidfd_of(f);

	poll_wait(pt, &pf->pid->exited);
	unsigned ended = atomic_load(&pf->pid->ended);
	unsigned events = ended & (pf->thread ? PID_THREAD_ENDED : PID_PROCESS_ENDED) ? POLLIN | POLLRDNORM : 0;
	return ended & PID_REAPED ? events | POLLHUP : events;
}

static void pidfd_release(struct file *f)
{
	struct pidfd *pf = pidfd_of(f);

	pid_put(pf->pid);
	free(pf);
}

static void pidfd_show_fdinfo(struct file *f, struct text *out)
{
	struct pid *pid = pidfd_of(f)->pid;
	int nr = atomic_load(&pid->ended) & PID_REAPED ? -1 : pid->nr;

	text_printf(out, "Pid:\t%d\nNSpid:\t%d\n", nr, nr);
}

static const struct file_ops pidfd_ops = {
	.show_fdinfo = pidfd_show_fdinfo,
	.poll = pidfd_poll,
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
