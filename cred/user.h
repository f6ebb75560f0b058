/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each user of a sandbox has of the things that Linux bounds by user (struct user_struct,
 * struct ucounts). A user is a real user id. A record lives as long as somebody refers to it; who
 * counts something holds a reference until it is given back. Thread-safe.
 */
#ifndef HL_CRED_USER_H
#define HL_CRED_USER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum user_count {
	USER_TASKS,             /* threads, and processes nobody has waited for: RLIMIT_NPROC */
	USER_PIPE_SLOTS,        /* pages that pipes may come to hold: fs.pipe-user-pages-soft */
	USER_FILES_INFLIGHT,    /* descriptors in messages (unix(7)) */
	USER_EPOLL_WATCHES,     /* fs.epoll.max_user_watches */
	USER_INOTIFY_INSTANCES, /* fs.inotify.max_user_instances */
	USER_INOTIFY_WATCHES,   /* fs.inotify.max_user_watches */
	USER_SHM_LOCKED,        /* pages of SHM_LOCK: RLIMIT_MEMLOCK */
	USER_MQUEUE_BYTES,      /* what POSIX message queues may come to hold: RLIMIT_MSGQUEUE */
	USER_COUNTS
};

struct users;

struct user {
	struct user *next; /* in its bucket */
	struct users *users;
	uid_t uid;
	uint64_t refs; /* guarded by users->lock */
	_Atomic uint64_t count[USER_COUNTS];
};

struct users *users_new(void);
/* Nobody refers to any user any more. NULL: no effect. */
void users_free(struct users *all);

/* A reference. NULL: no memory. */
struct user *user_get(struct users *all, uid_t uid);
/* NULL: no effect. */
void user_put(struct user *u);

/* Counts `n` more. False: there would be more than `max`, nothing is counted. */
bool user_charge(struct user *u, enum user_count what, uint64_t n, uint64_t max);
void user_uncharge(struct user *u, enum user_count what, uint64_t n);

#endif
