/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sysvipc and the limits of IPC namespaces in /proc/sys (proc(5)): those of
 * whoever looks. Bounds of values are those of Linux's ipc/ipc_sysctl.c. */
#include "proc/ipc.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cred/cred.h"
#include "ipc/mqueue.h"
#include "ipc/msg.h"
#include "ipc/sem.h"
#include "ipc/shm.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

/* Where that is no task, what the sandbox starts with. */
static struct ipc_namespace *ns_for(struct pseudo_node *n, struct caller *c)
{
	return nsproxy_ipc(c->task ? c->task->nsproxy : n->sb->nsproxy);
}

typedef void show_fn(struct ipc_namespace *ns, const struct user_namespace *users,
		     struct text *out);

static int show_table(struct pseudo_node *n, struct caller *c, struct text *out)
{
	static show_fn *const tables[] = {
		[IPC_SHM] = shm_show, [IPC_SEM] = sem_show, [IPC_MSG] = msg_show
	};

	tables[(uintptr_t)n->entry->arg](ns_for(n, c), c->cred->user_ns, out);
	return 0;
}

#define TABLE(name, kind)                                                                          \
	{                                                                                          \
		name, S_IFREG | 0444, .show = show_table, .arg = (const void *)(uintptr_t)(kind)   \
	}
static const struct pseudo_entry sysvipc_entries[] = { TABLE("msg", IPC_MSG), TABLE("sem", IPC_SEM),
						       TABLE("shm", IPC_SHM) };
const struct pseudo_dir proc_sysvipc_dir = { PSEUDO_TABLE(sysvipc_entries) };

/* ---- limits ---- */

static uint64_t *limit_of(struct ipc_namespace *ns, const struct proc_ipc_limit *l)
{
	return (uint64_t *)((char *)&ns->limits + l->offset);
}

int proc_ipc_show(struct pseudo_node *n, struct caller *c, struct text *out)
{
	const struct proc_ipc_limit *l = n->entry->arg;
	struct ipc_namespace *ns = ns_for(n, c);
	uint64_t values[4];

	ipc_lock(ns);
	memcpy(values, limit_of(ns, l), l->nr * sizeof *values);
	ipc_unlock(ns);
	for (unsigned i = 0; i < l->nr; i++)
		text_printf(out, "%lu%c", values[i], i + 1 < l->nr ? '\t' : '\n');
	return 0;
}

/* Numbers with white space between them; what is not given stays. */
int proc_ipc_store(struct pseudo_node *n, struct caller *c, char *text)
{
	const struct proc_ipc_limit *l = n->entry->arg;
	struct ipc_namespace *ns = ns_for(n, c);
	uint64_t values[4];
	unsigned nr = 0;
	char *rest, *word = strtok_r(text, " \t\n", &rest);

	for (; word && nr < l->nr; word = strtok_r(NULL, " \t\n", &rest)) {
		char *end;
		errno = 0;
		values[nr] = strtoull(word, &end, 0);
		bool last = l->nr > 1 && nr + 1 == l->nr; /* semmni */
		uint64_t max = last ? IPC_PLACES : l->max;
		if (*end || errno || *word == '-' || values[nr] < l->min || values[nr] > max)
			return last && !*end ? -ERANGE : -EINVAL;
		nr++;
	}
	if (!nr)
		return -EINVAL;
	ipc_lock(ns);
	memcpy(limit_of(ns, l), values, nr * sizeof *values);
	ipc_unlock(ns);
	return 0;
}

#define LIMIT(which, nr, min, max)                                                                 \
	{                                                                                          \
		offsetof(struct ipc_limits, which), nr, min, max                                   \
	}
const struct proc_ipc_limit proc_ipc_limits[] = {
	[PROC_SHMMAX] = LIMIT(shm_max, 1, 0, ULONG_MAX),
	[PROC_SHMALL] = LIMIT(shm_all, 1, 0, ULONG_MAX),
	[PROC_SHMMNI] = LIMIT(shm_mni, 1, 0, IPC_PLACES),
	[PROC_MSGMAX] = LIMIT(msg_max, 1, 0, INT_MAX),
	[PROC_MSGMNB] = LIMIT(msg_mnb, 1, 0, INT_MAX),
	[PROC_MSGMNI] = LIMIT(msg_mni, 1, 0, IPC_PLACES),
	[PROC_SEM] = LIMIT(sem_msl, 4, 0, INT_MAX),
	/* those of Linux's ipc/mq_sysctl.c */
	[PROC_MQ_QUEUES] = LIMIT(mq_queues_max, 1, 0, INT_MAX),
	[PROC_MQ_MSG] = LIMIT(mq_msg_max, 1, 1, MQ_HARD_MSGMAX),
	[PROC_MQ_MSGSIZE] = LIMIT(mq_msgsize_max, 1, 128, MQ_HARD_MSGSIZE),
	[PROC_MQ_MSG_DEFAULT] = LIMIT(mq_msg_default, 1, 1, MQ_HARD_MSGMAX),
	[PROC_MQ_MSGSIZE_DEFAULT] = LIMIT(mq_msgsize_default, 1, 128, MQ_HARD_MSGSIZE),
};

/* ---- the id of the next object, as checkpoint and restore wish it ---- */

static int *wished_id(struct pseudo_node *n, struct ipc_namespace *ns)
{
	return &ns->ids[(uintptr_t)n->entry->arg].wished;
}

int proc_ipc_show_next(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct ipc_namespace *ns = ns_for(n, c);

	ipc_lock(ns);
	int id = *wished_id(n, ns);
	ipc_unlock(ns);
	text_printf(out, "%d\n", id);
	return 0;
}

int proc_ipc_store_next(struct pseudo_node *n, struct caller *c, char *text)
{
	struct ipc_namespace *ns = ns_for(n, c);
	int64_t id;

	if (pseudo_parse(pseudo_strip(text), 0, 0, INT_MAX, &id))
		return -EINVAL;
	ipc_lock(ns);
	*wished_id(n, ns) = (int)id;
	ipc_unlock(ns);
	return 0;
}

/* Whoever may restore processes in its user namespace; the mode does not tell. */
bool proc_ipc_may_wish(struct pseudo_node *n, struct caller *c, int mask)
{
	const struct user_namespace *owner = ns_for(n, c)->ns.owner;
	bool may = cred_ns_capable(c->cred, owner, CAP_CHECKPOINT_RESTORE) ||
		   cred_ns_capable(c->cred, owner, CAP_SYS_ADMIN);

	return !(mask & X_OK) && (may || !(mask & W_OK));
}
