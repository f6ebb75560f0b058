/* SPDX-License-Identifier: Apache-2.0 */
/* Files about IPC namespaces in /proc and /proc/sys. */
#ifndef HL_PROC_IPC_H
#define HL_PROC_IPC_H

#include "proc/pseudo.h"

enum proc_ipc_limit_id {
	PROC_SHMMAX,
	PROC_SHMALL,
	PROC_SHMMNI,
	PROC_MSGMAX,
	PROC_MSGMNB,
	PROC_MSGMNI,
	PROC_SEM,
	PROC_MQ_QUEUES,
	PROC_MQ_MSG,
	PROC_MQ_MSGSIZE,
	PROC_MQ_MSG_DEFAULT,
	PROC_MQ_MSGSIZE_DEFAULT,
};

/* `nr` numbers of struct ipc_limits, and what they may be set to. */
struct proc_ipc_limit {
	size_t offset;
	unsigned nr;
	uint64_t min, max;
};
extern const struct proc_ipc_limit proc_ipc_limits[];

int proc_ipc_show(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_ipc_store(struct pseudo_node *n, struct caller *c, char *text);
#define PROC_IPC_LIMIT(name, which)                                                                \
	{                                                                                          \
		name, S_IFREG | 0644, .show = proc_ipc_show, .store = proc_ipc_store,              \
				      .sealed = true, .arg = &proc_ipc_limits[which]               \
	}

int proc_ipc_show_next(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_ipc_store_next(struct pseudo_node *n, struct caller *c, char *text);
bool proc_ipc_may_wish(struct pseudo_node *n, struct caller *c, int mask);
/* `kind`: enum ipc_kind. */
#define PROC_IPC_NEXT(name, kind)                                                                  \
	{                                                                                          \
		name, S_IFREG | 0444, .show = proc_ipc_show_next, .store = proc_ipc_store_next,    \
				      .grants = proc_ipc_may_wish,                                 \
				      .arg = (const void *)(uintptr_t)(kind)                       \
	}

extern const struct pseudo_dir proc_sysvipc_dir; /* /proc/sysvipc */

#endif
