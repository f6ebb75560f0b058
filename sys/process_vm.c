/* SPDX-License-Identifier: Apache-2.0 */
/* process_vm_readv(2), process_vm_writev(2): copies between the address spaces of two processes. */
#include <stdlib.h>

#include "kernel/ptrace/access.h"
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
