/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V semaphores: semget(2), semop(2), semctl(2). An operation that cannot be done at once
 * waits in its array; after each change those that wait are tried in the order in which they came,
 * first the ones that change nothing, as Linux's ipc/sem.c does.
 *
 * SEM_UNDO: a list of adjustments, an entry an array, which threads made with CLONE_SYSVSEM share;
 * it is made good when the last of them lets go of it.
 */
#ifndef HL_IPC_SEM_H
#define HL_IPC_SEM_H

#include <sys/ipc.h>
#include <sys/sem.h>

#include "ipc/ipc.h"
#include "util/text.h"

#define SEM_MOST        32767
#define SEM_ADJUST_MOST SEM_MOST

struct sem_undo_list;

int sem_get(struct ipc_namespace *ns, struct caller *c, key_t key, int nr, int flags);
/* `undo`: the caller's list; made where it is needed. `deadline`: DEADLINE_NONE where there is
 * none. */
int sem_op(struct ipc_namespace *ns, struct caller *c, struct sem_undo_list **undo, int id,
	   const struct sembuf *ops, unsigned nr, uint64_t deadline);

/* semctl(2), a function a family of commands. */
int sem_set(struct ipc_namespace *ns, struct caller *c, int id, int num, int value);
/* GETVAL, GETPID, GETNCNT, GETZCNT */
int sem_look(struct ipc_namespace *ns, struct caller *c, int id, int num, int cmd);
/* How many there are, for GETALL and SETALL; -EACCES. */
int sem_count(struct ipc_namespace *ns, struct caller *c, int id, bool write);
/* `nr` values as sem_count said. -EIDRM: it is another array by now. */
int sem_get_all(struct ipc_namespace *ns, int id, unsigned short *values, unsigned nr);
int sem_set_all(struct ipc_namespace *ns, struct caller *c, int id, const unsigned short *values,
		unsigned nr);
/* IPC_STAT, SEM_STAT, SEM_STAT_ANY: 0 or the id. */
int sem_stat(struct ipc_namespace *ns, struct caller *c, int n, int cmd, struct semid_ds *out);
int sem_change_owner(struct ipc_namespace *ns, struct caller *c, int id, const struct semid_ds *to);
int sem_remove(struct ipc_namespace *ns, struct caller *c, int id);
/* IPC_INFO, SEM_INFO: the highest place in use. */
int sem_info(struct ipc_namespace *ns, int cmd, struct seminfo *out);
/* /proc/sysvipc/sem */
void sem_show(struct ipc_namespace *ns, const struct user_namespace *users, struct text *out);

/* For a thread that shares the list: made if there was none. NULL: no memory. */
struct sem_undo_list *sem_undo_share(struct ipc_namespace *ns, struct sem_undo_list **undo);
/* Another reference; NULL for NULL. */
struct sem_undo_list *sem_undo_get(struct sem_undo_list *undo);
/* The caller, process `tgid`, lets go of it. NULL: no effect. */
void sem_undo_put(struct sem_undo_list *undo, pid_t tgid);

void sem_clear(struct ipc_namespace *ns);
void sem_save(struct saver *s, struct ipc_namespace *ns);
int sem_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns);

#endif
