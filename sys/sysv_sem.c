/* SPDX-License-Identifier: Apache-2.0 */
/* semget(2), semop(2), semtimedop(2), semctl(2) */
#include <stdlib.h>

#include "ipc/sem.h"
#include "kernel/nsproxy.h"
#include "sys/sys.h"
#include "util/time.h"

/* As many operations need no memory. */
#define OPS_FAST 32

/* A guest may set the limits on numbers as high as it likes: what a call needs for a time counts as
 * the sandbox's memory. NULL: there is none. */
static void *buffer_new(struct task *t, size_t len)
{
	struct mm_host *mem = task_mem(t);

	if (!mm_host_charge(mem, len))
		return NULL;
	void *p = malloc(len);
	if (!p)
		mm_host_uncharge(mem, len);
	return p;
}

static void buffer_free(struct task *t, void *p, size_t len)
{
	free(p);
	mm_host_uncharge(task_mem(t), len);
}

SYSCALL_DEFINE(semget)
{
	struct caller c = task_caller(t);

	return sem_get(nsproxy_ipc(t->nsproxy), &c, (key_t)a[0], (int)a[1], (int)a[2]);
}

static int64_t with_ops(struct task *t, const uint64_t *a, const struct timespec *timeout,
			struct sembuf *ops)
{
	struct caller c = task_caller(t);
	const unsigned nr = (unsigned)a[2];

	if (copy_from_guest(t->mm, ops, GVA(a[1]), nr * sizeof *ops))
		return -EFAULT;
	if ((int)a[0] < 0)
		return -EINVAL;
	if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
			(uint64_t)timeout->tv_nsec >= NSEC_PER_SEC))
		return -EINVAL;
	return sem_op(nsproxy_ipc(t->nsproxy), &c, &t->sem_undo, (int)a[0], ops, nr,
		      timeout ? deadline_after(t, timeout) : DEADLINE_NONE);
}

static int64_t do_semop(struct task *t, const uint64_t *a, const struct timespec *timeout)
{
	struct sembuf fast[OPS_FAST], *ops = fast;
	const unsigned nr = (unsigned)a[2];

	if (nr > nsproxy_ipc(t->nsproxy)->limits.sem_opm)
		return -E2BIG;
	if (!nr)
		return -EINVAL;
	if (nr > OPS_FAST && !(ops = buffer_new(t, nr * sizeof *ops)))
		return -ENOMEM;
	int64_t r = with_ops(t, a, timeout, ops);
	if (ops != fast)
		buffer_free(t, ops, nr * sizeof *ops);
	return r;
}

SYSCALL_DEFINE(semop)
{
	return do_semop(t, a, NULL);
}

SYSCALL_DEFINE(semtimedop)
{
	struct timespec timeout;

	if (a[3] && get_user(t, &timeout, GVA(a[3])))
		return -EFAULT;
	return do_semop(t, a, a[3] ? &timeout : NULL);
}

static int64_t do_all(struct task *t, int id, int cmd, gva_t buf)
{
	struct ipc_namespace *ns = nsproxy_ipc(t->nsproxy);
	struct caller c = task_caller(t);
	int r = sem_count(ns, &c, id, cmd == SETALL);

	if (r < 0)
		return r;
	size_t len = (unsigned)r * sizeof(unsigned short);
	unsigned short *values = buffer_new(t, len);
	if (!values)
		return -ENOMEM;
	if (cmd == SETALL) {
		bool bad = copy_from_guest(t->mm, values, buf, len);
		r = bad ? -EFAULT : sem_set_all(ns, &c, id, values, (unsigned)r);
	} else {
		r = sem_get_all(ns, id, values, (unsigned)r);
		if (!r && copy_to_guest(t->mm, buf, values, len))
			r = -EFAULT;
	}
	buffer_free(t, values, len);
	return r;
}

static int64_t do_stat(struct task *t, int id, int cmd, gva_t buf)
{
	struct caller c = task_caller(t);
	struct semid_ds ds;
	int r = sem_stat(nsproxy_ipc(t->nsproxy), &c, id, cmd, &ds);

	return r >= 0 && put_user(t, buf, &ds) ? -EFAULT : r;
}

static int64_t do_set(struct task *t, int id, gva_t buf)
{
	struct caller c = task_caller(t);
	struct semid_ds ds;

	return get_user(t, &ds, buf) ? -EFAULT
				     : sem_change_owner(nsproxy_ipc(t->nsproxy), &c, id, &ds);
}

static int64_t do_info(struct task *t, int cmd, gva_t buf)
{
	struct seminfo info;
	int r = sem_info(nsproxy_ipc(t->nsproxy), cmd, &info);

	return put_user(t, buf, &info) ? -EFAULT : r;
}

static int64_t last_changed_by(struct task *t, int id, int num)
{
	struct caller c = task_caller(t);
	int r = sem_look(nsproxy_ipc(t->nsproxy), &c, id, num, GETPID);

	return r > 0 ? task_shown_pid(t, r) : r;
}

SYSCALL_DEFINE(semctl)
{
	struct ipc_namespace *ns = nsproxy_ipc(t->nsproxy);
	struct caller c = task_caller(t);
	const int id = (int)a[0], num = (int)a[1], cmd = (int)a[2];

	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case SEM_INFO: return do_info(t, cmd, GVA(a[3]));
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY: return do_stat(t, id, cmd, GVA(a[3]));
	case GETALL:
	case SETALL: return do_all(t, id, cmd, GVA(a[3]));
	case GETPID: return last_changed_by(t, id, num);
	case GETVAL:
	case GETNCNT:
	case GETZCNT: return sem_look(ns, &c, id, num, cmd);
	case SETVAL: return sem_set(ns, &c, id, num, (int)a[3]);
	case IPC_SET: return do_set(t, id, GVA(a[3]));
	case IPC_RMID: return sem_remove(ns, &c, id);
	default: return -EINVAL;
	}
}
