/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advisory locks (fcntl(2) F_SETLK, F_OFD_SETLK; flock(2)), of one sandbox: POSIX locks belong to a
 * process, OFD and flock locks to an open file description. Told apart by opaque owners; files by
 * their inode's identity.
 */
#ifndef HL_FS_LOCKS_H
#define HL_FS_LOCKS_H

#include "fs/file.h"

struct lock_table;

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };

struct file_lock {
	enum lock_kind kind;
	short type;         /* F_RDLCK, F_WRLCK, F_UNLCK */
	int64_t start, end; /* both included; INT64_MAX: to the end whatever it is */
	const void *owner;  /* process, or open file description */
	pid_t pid;          /* what F_GETLK tells; -1 for OFD locks */
};

struct lock_table *lock_table_new(void);
void lock_table_free(struct lock_table *t);

/* Takes, changes or (F_UNLCK) gives up. `wait`: blocks until it is free: -EINTR, -EDEADLK (POSIX
 * locks). Else -EAGAIN.
 * -ENOLCK: no memory. */
int lock_set(struct lock_table *t, struct caller *c, const struct inode_id *id,
	     const struct file_lock *lock, bool wait);
/* The first lock that stands in the way of *lock replaces it; type F_UNLCK when none does. */
void lock_test(struct lock_table *t, const struct inode_id *id, struct file_lock *lock);
/* Gives up all locks of `kind` that `owner` holds on the file. */
void lock_release(struct lock_table *t, const struct inode_id *id, enum lock_kind kind,
		  const void *owner);
/* Is there any lock at all? What close(2) asks first. */
bool lock_table_used(struct lock_table *t);
/* For /proc/locks: calls fn for each. */
void lock_for_each(struct lock_table *t,
		   void (*fn)(const struct file_lock *l, const struct inode_id *id, void *arg),
		   void *arg);

#endif
