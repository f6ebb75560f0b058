/* SPDX-License-Identifier: Apache-2.0 */
/* shmget(2), shmat(2), shmdt(2), shmctl(2) */
#include "ipc/shm.h"
#include "kernel/nsproxy.h"
#include "sys/sys.h"

SYSCALL_DEFINE(shmget)
{
	struct caller c = task_caller(t);

	return shm_get(nsproxy_ipc(t->nsproxy), &c, (key_t)a[0], a[1], (int)a[2]);
}

SYSCALL_DEFINE(shmat)
{
	struct caller c = task_caller(t);

	return shm_attach(nsproxy_ipc(t->nsproxy), &c, t->mm, (int)a[0], a[1], (int)a[2]);
}

SYSCALL_DEFINE(shmdt)
{
	return shm_detach(t->mm, a[0]);
}

static int64_t do_stat(struct task *t, int id, int cmd, gva_t buf)
{
	struct caller c = task_caller(t);
	struct shmid_ds ds;
	int r = shm_stat(nsproxy_ipc(t->nsproxy), &c, id, cmd, &ds);

	if (r >= 0) {
		ds.shm_cpid = task_shown_pid(t, ds.shm_cpid);
		ds.shm_lpid = task_shown_pid(t, ds.shm_lpid);
	}
	return r >= 0 && put_user(t, buf, &ds) ? -EFAULT : r;
}

static int64_t do_set(struct task *t, int id, gva_t buf)
{
	struct caller c = task_caller(t);
	struct shmid_ds ds;

	return get_user(t, &ds, buf) ? -EFAULT
				     : shm_change_owner(nsproxy_ipc(t->nsproxy), &c, id, &ds);
}

static int64_t do_limits(struct task *t, gva_t buf)
{
	struct shminfo info;
	int r = shm_limits(nsproxy_ipc(t->nsproxy), &info);

	return put_user(t, buf, &info) ? -EFAULT : r;
}

static int64_t do_usage(struct task *t, gva_t buf)
{
	struct shm_info info;
	int r = shm_usage(nsproxy_ipc(t->nsproxy), &info);

	return put_user(t, buf, &info) ? -EFAULT : r;
}

SYSCALL_DEFINE(shmctl)
{
	struct ipc_namespace *ns = nsproxy_ipc(t->nsproxy);
	struct caller c = task_caller(t);
	const int id = (int)a[0], cmd = (int)a[1];
	const gva_t buf = GVA(a[2]);

	if (cmd < 0 || id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO: return do_limits(t, buf);
	case SHM_INFO: return do_usage(t, buf);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY: return do_stat(t, id, cmd, buf);
	case IPC_SET: return do_set(t, id, buf);
	case IPC_RMID: return shm_remove(ns, &c, id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return shm_lock(ns, &c, id, cmd == SHM_LOCK,
				process_rlimit(t->process, RLIMIT_MEMLOCK));
	default: return -EINVAL;
	}
}
