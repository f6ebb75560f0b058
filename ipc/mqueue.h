/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues (mq_overview(7)): mq_open(3) and its kin. The queues of an IPC namespace are
 * the files of a file system of its own (ipc/mqueuefs.c), which may be mounted; a descriptor of a
 * queue is an open file of it, and lives on when the namespace is gone.
 *
 * One short lock guards all queues of a namespace. Nothing is copied from or to a guest while it is
 * held. A message goes to the receiver that waits longest among those of the highest priority, else
 * into the queue; who takes one out of a full queue puts in that of the first sender that waits, as
 * Linux's ipc/mqueue.c does.
 */
#ifndef HL_IPC_MQUEUE_H
#define HL_IPC_MQUEUE_H

#include <mqueue.h>
#include <signal.h>

#include "ipc/ipc.h"
#include "util/rbtree.h"

/* Linux's MQ_PRIO_MAX; and what CAP_SYS_RESOURCE may ask for: HARD_MSGMAX, HARD_MSGSIZEMAX. */
#define MQ_PRIORITIES   32768U
#define MQ_HARD_MSGMAX  65536U
#define MQ_HARD_MSGSIZE (16U << 20)

struct mqueue_fs;

struct mq_msg {
	struct rb_node node; /* in its queue */
	uint64_t seq;        /* of those of one priority, the lower one came first */
	unsigned priority;
	size_t size;
	unsigned char data[];
};

/* A message that is counted for the sandbox. NULL: no memory. */
struct mq_msg *mq_msg_new(struct mm_host *mem, size_t size);
/* NULL: no effect. */
void mq_msg_free(struct mm_host *mem, struct mq_msg *m);

/* ---- names (mq_open(2), mq_unlink(2)) ---- */

struct mq_open {
	const char *name; /* without the slash */
	int flags;
	mode_t mode;                /* the umask is not taken off */
	const struct mq_attr *attr; /* NULL: as /proc/sys/fs/mqueue says */
};
int mqueue_open(struct ipc_namespace *ns, struct caller *c, const struct mq_open *how,
		struct file **out);
int mqueue_unlink(struct ipc_namespace *ns, struct caller *c, const char *name);

/* ---- descriptors ---- */

/* Is it one of a queue? The rest is for such files alone. */
bool file_is_mqueue(const struct file *f);
uint64_t mqueue_message_size(struct file *f);
/* Takes the message over where it succeeds. `nice`: of threads that wait, those of the lowest go
 * first. -EAGAIN, -EINTR, -ETIMEDOUT. */
int mqueue_send(struct file *f, struct caller *c, struct mq_msg *m, int nice, uint64_t deadline);
/* *out: the caller's. */
int mqueue_receive(struct file *f, struct caller *c, int nice, uint64_t deadline,
		   struct mq_msg **out);
/* mq_getsetattr(2). `set` NULL: only asks. */
void mqueue_attributes(struct file *f, const struct mq_attr *set, struct mq_attr *old);

#define MQ_COOKIE 32 /* NOTIFY_COOKIE_LEN */

/* Who is told, and how: by mq_notify(2). */
struct mq_notify {
	int how; /* SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD */
	int signal;
	uint64_t value;
	struct mq_process owner;
	struct file *socket; /* SIGEV_THREAD: a reference */
	unsigned char cookie[MQ_COOKIE];
};
/* Takes the socket over where it succeeds. -EBUSY: there is one already. */
int mqueue_notify(struct file *f, struct caller *c, const struct mq_notify *n);
/* The caller is not told any more. */
void mqueue_notify_off(struct file *f, struct caller *c);

/* ---- the file system ---- */

/* Owned by `creator`; NULL: by root. The namespace, which is `users`'s, has it as long as it
 * lives. */
int mqueue_fs_new(struct ipc_namespace *ns, struct user_namespace *users,
		  const struct cred *creator);
/* The namespace is gone. */
void mqueue_fs_end(struct ipc_namespace *ns);
/* That of a namespace, a reference, to be mounted. */
struct filesystem *mqueue_fs_get(struct ipc_namespace *ns);
/* Is it one, and whose? NULL: it is none, or its namespace is gone. */
struct ipc_namespace *mqueue_fs_namespace(struct filesystem *fs);
/* All queues lose their names. */
void mqueue_clear(struct ipc_namespace *ns);

void mqueue_save(struct saver *s, struct ipc_namespace *ns);
int mqueue_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns);
extern const struct saved_kind mqueue_saved, mqueue_file_saved;

#endif
