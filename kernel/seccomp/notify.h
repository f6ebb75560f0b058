/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that a filter leaves to somebody else to answer (seccomp_unotify(2)). The thread
 * that makes one keeps a notification until it is answered, its listener goes away or the call is
 * interrupted. Notifications of a filter are guarded by its notices.lock.
 */
#ifndef HL_KERNEL_SECCOMP_NOTIFY_H
#define HL_KERNEL_SECCOMP_NOTIFY_H

#include "fs/file.h"
#include "kernel/seccomp/filter.h"

struct task;

enum notification_state {
	NOTIFICATION_NEW,
	NOTIFICATION_SENT,      /* the listener has received it */
	NOTIFICATION_ANSWERING, /* nobody else may answer */
	NOTIFICATION_ANSWERED,
	NR_NOTIFICATION_STATES
};

struct notification {
	struct list node;
	struct seccomp_filter *filter; /* reference */
	struct task *task;
	enum notification_state state;
	uint64_t id;
	struct seccomp_data data;
	/* the answer */
	int error;
	int64_t value;
	uint32_t flags; /* SECCOMP_USER_NOTIF_FLAG_* */
};

/* A listener for a filter, which nobody uses yet. -ENOMEM. */
int listener_create(struct caller *c, struct seccomp_filter *f, struct file **out);
/* Has one of the filters a listener? */
bool filter_is_heard(const struct seccomp_filter *f);

/* Owner: its call waits for the listener of `f` in t->notification from now on. -ENOSYS: there is
 * none. -ENOMEM. */
int notification_begin(struct task *t, struct seccomp_filter *f, const struct seccomp_data *data);
/* Owner: until it is answered. False: it was interrupted, -ERESTARTSYS; where the wait gives up for
 * a freeze (kernel/resume.h) it stays. *goes_on: the call is to be made after all. */
bool notification_wait(struct task *t, int64_t *r, bool *goes_on);
/* Owner: drops it. No effect without one. */
void notification_end(struct task *t);

void notification_save(struct saver *s, struct task *t);
int notification_load(struct loader *l, struct task *t);

extern const struct saved_kind listener_saved;

#endif
