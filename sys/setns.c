/* SPDX-License-Identifier: Apache-2.0 */
/* setns(2). */
#include <linux/capability.h>

#include "cred/cred.h"
#include "fs/nsfs.h"
#include "kernel/nsproxy.h"
#include "sys/sys.h"

/* Into the mount namespace: to its root. */
static int enter_mounts(struct task *t, struct mnt_namespace *ns)
{
	if (!cred_capable(t->cred, CAP_SYS_CHROOT))
		return -EPERM;
	if (ref_count(&t->fs->refs) != 1)
		return -EINVAL;
	struct path root = mnt_ns_root(ns), cwd = path_get(&root);
	fs_struct_set_root(t->fs, &root);
	fs_struct_set_cwd(t->fs, &cwd);
	return 0;
}

static bool is_alone(struct task *t)
{
	sandbox_lock(t->sb);
	bool alone = t->process->nr_tasks == 1;
	sandbox_unlock(t->sb);
	return alone;
}

static int enter(struct task *t, struct ns_common *ns)
{
	if (ns->kind == NS_USER) /* its own: it could get back what it has given up */
		return -EINVAL;
	if (ns->kind == NS_TIME && !is_alone(t))
		return -EUSERS;
	if (!cred_ns_capable(t->cred, ns->owner, CAP_SYS_ADMIN))
		return -EPERM;
	int err =
	    ns->kind == NS_MNT ? enter_mounts(t, container_of(ns, struct mnt_namespace, ns)) : 0;
	return err ? err : nsproxy_enter(t, ns);
}

SYSCALL_DEFINE(setns)
{
	struct file *f = fd_get(t->files, (int)a[0]);

	if (!f)
		return -EBADF;
	struct ns_common *ns = ns_of_file(f);
	int err = !ns || (a[1] && (unsigned)a[1] != ns_kind_clone_flag(ns->kind)) ? -EINVAL
										  : enter(t, ns);
	file_put(f);
	return err;
}
