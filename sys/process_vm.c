/* SPDX-License-Identifier: Apache-2.0 */
/* What reaches the memory of another process: process_vm_readv(2) and process_vm_writev(2), which
 * copy, process_madvise(2) and process_mrelease(2). */
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kernel/pidfd.h"
#include "kernel/ptrace/access.h"
#include "mm/advise.h"
#include "sys/sys.h"

/* One side of the copy: an iovec array and how far it is done. */
struct side {
	struct mm *mm;
	struct guest_iovec fast[8], *iov;
	int n;       /* entries left, or -errno */
	size_t done; /* of iov[0] */
};

/* The next bytes in one piece; 0: none left. */
static size_t side_next(struct side *s, gva_t *addr)
{
	while (s->n > 0 && s->done == s->iov->len) {
		s->iov++;
		s->n--;
		s->done = 0;
	}
	if (s->n <= 0)
		return 0;
	*addr = gva_add(s->iov->base, s->done);
	return s->iov->len - s->done;
}

/* Bytes copied before the first that could not be, or before the caller is to end. */
static int64_t copy_all(const struct sleeper *caller, struct side *from, struct side *to)
{
	char buf[4096];
	int64_t total = 0;
	gva_t src, dst;

	for (;;) {
		size_t n = side_next(from, &src), room = side_next(to, &dst);
		n = n < room ? n : room;
		n = n < sizeof buf ? n : sizeof buf;
		if (!n || sleeper_killed(caller))
			return total;
		size_t got = n - copy_from_guest(from->mm, buf, src, n);
		size_t put = got - copy_to_guest(to->mm, dst, buf, got);
		from->done += put;
		to->done += put;
		total += (int64_t)put;
		if (put < n)
			return total ? total : -EFAULT;
	}
}

/* The address space of `pid` for reading and writing: who may trace it may (ptrace(2),
 * PTRACE_MODE_ATTACH). */
static int get_remote(struct task *t, pid_t pid, struct mm **out)
{
	int err = 0;

	sandbox_lock(t->sb);
	struct pid *p = pid_find(task_pid_ns(t), pid);
	struct task *o = p ? p->task : NULL;
	if (!o || !o->mm)
		err = -ESRCH;
	else if (!ptrace_may_attach(t, o))
		err = -EPERM;
	else
		*out = mm_get(o->mm);
	sandbox_unlock(t->sb);
	return err;
}

static size_t side_length(const struct side *s)
{
	size_t sum = 0;

	for (int i = 0; i < s->n; i++)
		sum += s->iov[i].len;
	return sum;
}

static int64_t transfer(struct task *t, pid_t pid, struct side *local, struct side *remote,
			bool write)
{
	/* Nothing to do comes before nobody to do it with, as on Linux. */
	if (!side_length(local) || !side_length(remote))
		return 0;
	int err = get_remote(t, pid, &remote->mm);
	if (err)
		return err;
	local->mm = t->mm;
	int64_t r =
	    write ? copy_all(&t->sleeper, local, remote) : copy_all(&t->sleeper, remote, local);
	mm_put(remote->mm);
	return r;
}

static int64_t process_vm_rw(struct task *t, const uint64_t *a, bool write)
{
	struct side local = { .n = 0 }, remote = { .n = 0 };

	if (a[5])
		return -EINVAL;
	local.n = get_iovec(t, GVA(a[1]), (uint32_t)a[2], local.fast, &local.iov);
	if (local.n < 0)
		return local.n;
	struct guest_iovec *local_iov = local.iov;
	remote.n = get_iovec_of_other(t, GVA(a[3]), a[4], remote.fast, &remote.iov);
	struct guest_iovec *remote_iov = remote.iov;
	int64_t r = remote.n < 0 ? remote.n : transfer(t, (pid_t)a[0], &local, &remote, write);
	if (local_iov != local.fast)
		free(local_iov);
	if (remote.n >= 0 && remote_iov != remote.fast)
		free(remote_iov);
	return r;
}

SYSCALL_DEFINE(process_vm_readv)
{
	return process_vm_rw(t, a, false);
}

SYSCALL_DEFINE(process_vm_writev)
{
	return process_vm_rw(t, a, true);
}

/* ---- by a pidfd ---- */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* The pid behind a pidfd: a reference. */
static struct pid *get_pid(struct task *t, int fd)
{
	struct file *f = fd_get(t->files, fd);
	struct pid *pid = f ? pidfd_pid(f) : NULL;

	if (pid)
		pid_get(pid);
	if (f)
		file_put(f);
	return pid;
}

/* Advice that one process may give another. */
static bool may_advise_other(int advice)
{
	return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED ||
	       advice == MADV_COLLAPSE;
}

static int get_advised(struct task *t, struct pid *pid, int advice, struct mm **out)
{
	int err = 0;

	sandbox_lock(t->sb);
	struct task *o = pid->task;
	if (!o || !o->mm)
		err = -ESRCH;
	else if (!ptrace_may_inspect(t, o))
		err = -EPERM;
	else if (o->mm != t->mm && !may_advise_other(advice))
		err = -EINVAL;
	else if (o->mm != t->mm && !cred_capable(t->cred, CAP_SYS_NICE))
		err = -EPERM;
	else
		*out = mm_get(o->mm);
	sandbox_unlock(t->sb);
	return err;
}

/* Bytes of the ranges before the first that fails, or its error. */
static int64_t advise_all(struct mm *mm, const struct guest_iovec *iov, int n, int advice)
{
	int64_t total = 0;
	int err = 0;

	for (int i = 0; i < n && !err; i++) {
		err = mm_madvise(mm, iov[i].base, iov[i].len, advice);
		total += err ? 0 : (int64_t)iov[i].len;
	}
	return total ? total : err;
}

SYSCALL_DEFINE(process_madvise)
{
	struct guest_iovec fast[8], *iov;
	int advice = (int)a[3];
	struct mm *mm;

	if (a[4])
		return -EINVAL;
	int64_t r = get_iovec(t, GVA(a[1]), (uint32_t)a[2], fast, &iov);
	if (r < 0)
		return r;
	struct pid *pid = get_pid(t, (int)a[0]);
	int n = (int)r;
	r = pid ? get_advised(t, pid, advice, &mm) : -EBADF;
	if (!r) {
		r = advise_all(mm, iov, n, advice);
		mm_put(mm);
	}
	if (pid)
		pid_put(pid);
	if (iov != fast)
		free(iov);
	return r;
}

/* The memory of a process that a signal ends goes as soon as its threads have seen that, without
 * anybody's help: until then it is not released. */
SYSCALL_DEFINE(process_mrelease)
{
	if (a[1])
		return -EINVAL;
	struct pid *pid = get_pid(t, (int)a[0]);
	if (!pid)
		return -EBADF;
	sandbox_lock(t->sb);
	const struct process *p = pid->process;
	int err = !p || !p->nr_tasks ? -ESRCH : p->group_exiting ? -EAGAIN : -EINVAL;
	sandbox_unlock(t->sb);
	pid_put(pid);
	return err;
}
