/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPC namespaces (ipc_namespaces(7)): the System V objects of a sandbox, their limits
 * (/proc/sys/kernel) and how they are found.
 *
 * Each kind of System V object has a table (struct ipc_ids). An id is the object's place in the
 * table and, above it, a number that rises each time the places have gone round, as Linux's
 * ipc/util.c gives them out: an id that was removed is nobody's for long.
 *
 * One short lock guards all System V objects of a namespace. Nothing is copied from or to a guest,
 * and no memory of guests is given up, while it is held. Who sleeps (semop, msgsnd, msgrcv) has an
 * entry on its own stack in a list of the object; who ends the sleep takes the entry out, writes
 * the result there and wakes the sleeper, all under the lock.
 *
 * A call that gave up its sleep for a freeze (kernel/resume.h) takes its entry out, keeps its place
 * in caller.place, and has it again when it is made again.
 */
#ifndef HL_IPC_IPC_H
#define HL_IPC_IPC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/types.h>

#include "cred/ns_common.h"
#include "fs/vfs.h"
#include "util/list.h"
#include "util/lock.h"
#include "util/saved.h"

struct filesystem;
struct mm_host;

/* How many there may be in a sandbox: /proc/sys/user/max_ipc_namespaces. */
#define IPC_NS_MAX 16384
/* Linux's IPCMNI: places of a table. */
#define IPC_PLACES    32768U
#define IPC_SEQ_SHIFT 15
#define IPC_KEYS      256

/* What is common to all System V objects; Linux's struct kern_ipc_perm. ns->lock. */
struct ipc_object {
	struct ipc_object *same_hash; /* of its key; unused without one */
	int id;
	key_t key;
	uid_t uid, cuid;
	gid_t gid, cgid;
	mode_t mode; /* and SHM_DEST, SHM_LOCKED */
};

struct ipc_ids {
	struct ipc_object **places;
	unsigned room; /* of places */
	unsigned in_use, seq, next;
	int last, max; /* the place given last, the highest in use; -1: none */
	int wished;    /* the id of the next object, if its place is free; -1: none */
	struct ipc_object *keys[IPC_KEYS];
};

/* As ipc_permission wants them. */
#define IPC_READ  (S_IRUSR | S_IRGRP | S_IROTH)
#define IPC_WRITE (S_IWUSR | S_IWGRP | S_IWOTH)

enum ipc_kind { IPC_SHM, IPC_SEM, IPC_MSG, IPC_KINDS };

/* What can be set, each a file of /proc/sys. */
struct ipc_limits {
	uint64_t shm_max, shm_all, shm_mni;
	uint64_t msg_max, msg_mnb, msg_mni;
	uint64_t sem_msl, sem_mns, sem_opm, sem_mni;
	/* POSIX message queues: ipc/mqueue.h */
	uint64_t mq_queues_max, mq_msg_max, mq_msgsize_max, mq_msg_default, mq_msgsize_default;
};

/* A process that is told of a message (mq_notify(2)): by number, and which one of those that had
 * it, and which of its programs. */
struct mq_process {
	pid_t nr;
	uint64_t started;
	unsigned program;
};
struct mq_notify;

/* What stands above: how a process is told. None of the locks of ipc/ is held. */
struct mq_teller {
	struct mq_process (*self)(struct caller *c);
	/* Its number as the caller has it. */
	pid_t (*number)(struct caller *c, const struct mq_process *p);
	/* A message came, or (`removed`) none is waited for any more. */
	void (*tell)(struct caller *c, const struct mq_notify *n, bool removed);
};

/* What the namespaces of a sandbox share. */
struct ipc_domain {
	struct vfs *vfs;        /* constant, as all but the list */
	struct mm_host *mem;    /* what objects are counted for */
	pid_t (*current)(void); /* the process of the calling thread; 0: it is no guest's */
	const struct mq_teller *teller;
	_Atomic unsigned nr;
	struct mutex lock;
	struct list namespaces; /* lock */
};

struct ipc_namespace {
	struct ns_common ns;
	struct ipc_domain *domain;
	struct list node; /* domain->namespaces; domain->lock */

	struct mutex lock;
	/* guarded by lock */
	struct ipc_ids ids[IPC_KINDS];
	struct ipc_limits limits;
	uint64_t shm_pages, sems, messages, message_bytes; /* in all objects together */
	uint64_t places;                                   /* given to sleepers so far */

	struct mount *queues; /* the file system of POSIX message queues; constant */
};

void ipc_domain_init(struct ipc_domain *d, struct vfs *vfs, struct mm_host *mem,
		     pid_t (*current)(void), const struct mq_teller *teller);
void ipc_domain_destroy(struct ipc_domain *d);

/* An empty one with Linux's limits, made by `creator` (NULL: with the sandbox). -ENOSPC: there are
 * IPC_NS_MAX already. -ENOMEM. */
int ipc_ns_new(struct ipc_domain *d, struct user_namespace *owner, const struct cred *creator,
	       struct ipc_namespace **out);
/* Takes everything out, and sets the limits back. Nobody sleeps in it. */
void ipc_ns_clear(struct ipc_namespace *ns);

/* A namespace as an object of a snapshot; the first one has number 0. */
uint64_t ipc_ns_number(struct saver *s, struct ipc_namespace *ns);
int ipc_ns_of_number(struct loader *l, uint64_t number, struct ipc_namespace **out);
/* Of the first namespace what it holds, and all others. */
int ipc_save(struct saver *s, struct ipc_domain *d, struct ipc_namespace *first);
int ipc_load(struct loader *l, struct decoder *in, struct ipc_namespace *first);
extern const struct saved_kind ipc_ns_saved, sem_undo_saved;

/* ---- for ipc/ and the system calls ---- */

#define ipc_lock(ns)   mutex_lock(&(ns)->lock)
#define ipc_unlock(ns) mutex_unlock(&(ns)->lock)

/* Seconds of the guest's CLOCK_REALTIME. */
int64_t ipc_now(const struct ipc_namespace *ns);

/* How objects of a kind are made (ipc_get). */
struct ipc_get {
	key_t key;
	int flags;
	uint64_t size;
};
struct ipc_type {
	enum ipc_kind kind;
	/* A new object, not in the table yet, no lock held. -errno. */
	int (*make)(struct ipc_namespace *ns, struct caller *c, const struct ipc_get *g,
		    struct ipc_object **out);
	/* It is about to come into the table: counts what the namespace has of it. -ENOSPC. */
	int (*count)(struct ipc_namespace *ns, struct ipc_object *o);
	/* What an existing one must have. -EINVAL; NULL: nothing. */
	int (*check)(const struct ipc_object *o, const struct ipc_get *g);
	/* One that is in no table; no lock held. */
	void (*free)(struct ipc_namespace *ns, struct ipc_object *o);
};
/* shmget(2) and its kin: an id or -errno. */
int ipc_get(struct ipc_namespace *ns, struct caller *c, const struct ipc_type *type,
	    const struct ipc_get *g);

/* The rest with ns->lock held. */

/* The object of an id. NULL and *err: -EINVAL, of one that is no more as well. */
struct ipc_object *ipc_find(struct ipc_namespace *ns, enum ipc_kind kind, int id, int *err);
/* The one at a place of the table; NULL: there is none. */
struct ipc_object *ipc_at(struct ipc_namespace *ns, enum ipc_kind kind, int place);
/* For IPC_STAT (by id), SHM_STAT (by place, *id is its id) and SHM_STAT_ANY (the same, `any`: no
 * right to read it is needed). -EINVAL, -EACCES. */
int ipc_find_stat(struct ipc_namespace *ns, struct caller *c, enum ipc_kind kind, int n,
		  bool by_place, bool any, struct ipc_object **out);
/* For IPC_SET and IPC_RMID: -EPERM unless the caller owns it. */
int ipc_find_owned(struct ipc_namespace *ns, struct caller *c, enum ipc_kind kind, int id,
		   struct ipc_object **out);
/* As guests see it. */
struct ipc_perm ipc_perm_of(const struct ipc_object *o, const struct user_namespace *ns);
/* -EACCES: not all rights of `mode` (S_IRUGO and the like, as Linux's ipcperms()). */
int ipc_permission(const struct ipc_namespace *ns, const struct caller *c,
		   const struct ipc_object *o, mode_t mode);
/* IPC_SET: -EINVAL. */
int ipc_set_owner(struct ipc_object *o, const struct user_namespace *ns, uid_t uid, gid_t gid,
		  mode_t mode);
/* Takes it out of the table. */
void ipc_remove(struct ipc_namespace *ns, enum ipc_kind kind, struct ipc_object *o);
/* It is found by its id alone from now on. */
void ipc_forget_key(struct ipc_ids *ids, struct ipc_object *o);
/* The highest place in use; 0: there is none. */
int ipc_max_place(const struct ipc_namespace *ns, enum ipc_kind kind);

/* ---- sleepers of an object ---- */

struct ipc_sleep {
	struct list node;
	struct sleeper *sleeper;
	uint64_t place;
	int nice;       /* the lowest come first */
	int64_t status; /* IPC_ASLEEP, or the result that somebody else gave */
};
#define IPC_ASLEEP INT64_MAX

/* In the order in which they came, however they came back from a freeze. `places`: given so far;
 * the lock of the objects is held. */
void ipc_sleep_begin(uint64_t *places, struct caller *c, struct list *queue, struct ipc_sleep *s);
/* One sleep; the lock is given up meanwhile. IPC_ASLEEP: look again. Else the result; the entry is
 * in no list any more: what somebody gave it, or -EINTR, -ETIMEDOUT. */
int64_t ipc_sleep_wait(struct mutex *lock, struct caller *c, struct ipc_sleep *s,
		       uint64_t deadline);
/* Ends the sleep of another with a result. */
void ipc_sleep_end(struct ipc_sleep *s, int64_t status);

/* ---- saving ---- */

void ipc_object_save(struct encoder *out, const struct ipc_object *o);
void ipc_object_load(struct decoder *in, struct ipc_object *o);
/* Into its own place. False: that cannot be. */
bool ipc_object_put_back(struct ipc_namespace *ns, enum ipc_kind kind, struct ipc_object *o);

#endif
