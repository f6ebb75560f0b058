/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/ns (namespaces(7)): links to the namespaces of a process. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/nsfs.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

/* Of a link's argument, the kind of the namespace is the rest. */
#define FOR_CHILDREN 0x100U

/* Of the process that pid 1 is, which has no task, and of tasks. NULL: of a zombie's nothing is
 * left. */
static struct ns_common *find_locked(struct pseudo_node *n, unsigned link)
{
	lock_assert_held(&n->sb->lock);
	unsigned kind = link & ~FOR_CHILDREN;
	struct task *t = proc_task(n);
	struct process *p = proc_process(n);
	struct nsproxy *set = t ? t->nsproxy : p && p == n->sb->init ? n->sb->nsproxy : NULL;

	if (!set)
		return NULL;
	if (kind == NS_USER)
		return &(t ? t->cred : process_cred(p))->user_ns->ns;
	if (link == (NS_PID | FOR_CHILDREN) && !nsproxy_pids(set)->init)
		return NULL; /* none was born there yet, or none can be any more */
	return link == NS_PID ? &n->pid->ns->ns : set->ns[kind];
}

/* A reference. Where there is no task to compare with, it takes the capability. */
static int find_ns(struct pseudo_node *n, struct caller *c, struct ns_common **out)
{
	int err = proc_check_inspect(n, c);

	if (err == -ENOENT)
		err = !c->task || cred_capable(c->cred, CAP_SYS_PTRACE) ? 0 : -EACCES;
	if (err)
		return err;
	sandbox_lock(n->sb);
	*out = find_locked(n, (unsigned)(uintptr_t)n->entry->arg);
	if (*out)
		ns_get(*out);
	sandbox_unlock(n->sb);
	return *out ? 0 : -ENOENT;
}

static int jump_to_ns(struct pseudo_node *n, struct caller *c, struct path *out)
{
	struct ns_common *ns;
	int err = find_ns(n, c, &ns);

	if (err)
		return err;
	err = ns_path(n->sb->vfs, ns, out);
	ns_put(ns);
	return err;
}

static int show_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct ns_common *ns;
	char name[64];
	int err = find_ns(n, c, &ns);

	if (err)
		return err;
	ns_name(ns, name, sizeof name);
	ns_put(ns);
	text_puts(out, name);
	return 0;
}

#define NS(name, which)                                                                            \
	{                                                                                          \
		name, S_IFLNK | 0777, .link = show_link, .jump = jump_to_ns,                       \
				      .arg = (const void *)(uintptr_t)(which)                      \
	}

static const struct pseudo_entry ns_entries[] = {
	NS("cgroup", NS_CGROUP), NS("ipc", NS_IPC),
	NS("mnt", NS_MNT),       NS("net", NS_NET),
	NS("pid", NS_PID),       NS("pid_for_children", NS_PID | FOR_CHILDREN),
	NS("time", NS_TIME),     NS("time_for_children", NS_TIME | FOR_CHILDREN),
	NS("user", NS_USER),     NS("uts", NS_UTS),
};
const struct pseudo_dir proc_ns_dir = { PSEUDO_TABLE(ns_entries) };
