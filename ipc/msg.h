/* SPDX-License-Identifier: Apache-2.0 */
/* System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). A message goes to the first
 * receiver that waits for one of its type, else into the queue, as in Linux's ipc/msg.c. */
#ifndef HL_IPC_MSG_H
#define HL_IPC_MSG_H

#include <sys/ipc.h>
#include <sys/msg.h>

#include "ipc/ipc.h"
#include "util/text.h"

struct ipc_msg {
	struct list node;
	long type;
	size_t size;
	unsigned char data[];
};

/* A message that is counted for the sandbox. NULL: no memory. */
struct ipc_msg *ipc_msg_new(struct ipc_namespace *ns, size_t size);
void ipc_msg_free(struct ipc_namespace *ns, struct ipc_msg *m);

int msg_get(struct ipc_namespace *ns, struct caller *c, key_t key, int flags);
/* Takes the message over where it succeeds. -EAGAIN, -EIDRM, -EINTR... */
int msg_send(struct ipc_namespace *ns, struct caller *c, int id, struct ipc_msg *m, int flags);
/* *out: the caller's. */
int msg_receive(struct ipc_namespace *ns, struct caller *c, int id, size_t size, long type,
		int flags, struct ipc_msg **out);
/* IPC_STAT, MSG_STAT, MSG_STAT_ANY: 0 or the id. */
int msg_stat(struct ipc_namespace *ns, struct caller *c, int n, int cmd, struct msqid_ds *out);
int msg_change(struct ipc_namespace *ns, struct caller *c, int id, const struct msqid_ds *to);
int msg_remove(struct ipc_namespace *ns, struct caller *c, int id);
/* IPC_INFO, MSG_INFO: the highest place in use. */
int msg_info(struct ipc_namespace *ns, int cmd, struct msginfo *out);
/* /proc/sysvipc/msg */
void msg_show(struct ipc_namespace *ns, const struct user_namespace *users, struct text *out);

void msg_clear(struct ipc_namespace *ns);
void msg_save(struct saver *s, struct ipc_namespace *ns);
int msg_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns);

#endif
