/* SPDX-License-Identifier: Apache-2.0 */
/* msgget(2), msgsnd(2), msgrcv(2), msgctl(2) */
#include "ipc/msg.h"
#include "kernel/nsproxy.h"
#include "sys/sys.h"

SYSCALL_DEFINE(msgget)
{
	struct caller c = task_caller(t);

	return msg_get(nsproxy_ipc(t->nsproxy), &c, (key_t)a[0], (int)a[1]);
}

SYSCALL_DEFINE(msgsnd)
{
	struct ipc_namespace *ns = nsproxy_ipc(t->nsproxy);
	struct caller c = task_caller(t);
	const uint64_t size = a[2];
	long type;

	if (get_user(t, &type, GVA(a[1])))
		return -EFAULT;
	if (size > ns->limits.msg_max || (long)size < 0 || (int)a[0] < 0 || type < 1)
		return -EINVAL;
	struct ipc_msg *m = ipc_msg_new(ns, size);
	if (!m)
		return -ENOMEM;
	m->type = type;
	int err = copy_from_guest(t->mm, m->data, GVA(a[1] + sizeof type), size)
		      ? -EFAULT
		      : msg_send(ns, &c, (int)a[0], m, (int)a[3]);
	if (err)
		ipc_msg_free(ns, m);
	return err == -EINTR ? -ERESTARTNOHAND : err;
}

SYSCALL_DEFINE(msgrcv)
{
	struct ipc_namespace *ns = nsproxy_ipc(t->nsproxy);
	struct caller c = task_caller(t);
	const uint64_t size = a[2];
	struct ipc_msg *m;

	if ((int)a[0] < 0 || (long)size < 0)
		return -EINVAL;
	int err = msg_receive(ns, &c, (int)a[0], size, (long)a[3], (int)a[4], &m);
	if (err)
		return err == -EINTR ? -ERESTARTNOHAND : err;
	size_t n = m->size < size ? m->size : size;
	bool bad = put_user(t, GVA(a[1]), &m->type) ||
		   copy_to_guest(t->mm, GVA(a[1] + sizeof m->type), m->data, n);
	ipc_msg_free(ns, m);
	return bad ? -EFAULT : (int64_t)n;
}

static int64_t do_stat(struct task *t, int id, int cmd, gva_t buf)
{
	struct caller c = task_caller(t);
	struct msqid_ds ds;
	int r = msg_stat(nsproxy_ipc(t->nsproxy), &c, id, cmd, &ds);

	if (r >= 0) {
		ds.msg_lspid = task_shown_pid(t, ds.msg_lspid);
		ds.msg_lrpid = task_shown_pid(t, ds.msg_lrpid);
	}
	return r >= 0 && put_user(t, buf, &ds) ? -EFAULT : r;
}

static int64_t do_set(struct task *t, int id, gva_t buf)
{
	struct caller c = task_caller(t);
	struct msqid_ds ds;

	return get_user(t, &ds, buf) ? -EFAULT : msg_change(nsproxy_ipc(t->nsproxy), &c, id, &ds);
}

static int64_t do_info(struct task *t, int cmd, gva_t buf)
{
	struct msginfo info;
	int r = msg_info(nsproxy_ipc(t->nsproxy), cmd, &info);

	return put_user(t, buf, &info) ? -EFAULT : r;
}

SYSCALL_DEFINE(msgctl)
{
	struct caller c = task_caller(t);
	const int id = (int)a[0], cmd = (int)a[1];

	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO: return do_info(t, cmd, GVA(a[2]));
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY: return do_stat(t, id, cmd, GVA(a[2]));
	case IPC_SET: return do_set(t, id, GVA(a[2]));
	case IPC_RMID: return msg_remove(nsproxy_ipc(t->nsproxy), &c, id);
	default: return -EINVAL;
	}
}
