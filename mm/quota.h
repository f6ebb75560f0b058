/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds on the bytes of files: of one file system in memory (tmpfs size=), and of all that a
 * sandbox writes to files (sandbox_limits.disk). Thread-safe. */
#ifndef HL_MM_QUOTA_H
#define HL_MM_QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/lock.h"
#include "util/rbtree.h"

/* How much several stores together may hold. */
struct page_quota {
	_Atomic uint64_t used, max; /* bytes */
	struct page_quota *within;  /* what is taken here is taken there, too; NULL: nowhere */
};

/* False: there is no room for so much. A quota that is NULL has no bound. */
bool quota_take(struct page_quota *q, uint64_t n);
void quota_return(struct page_quota *q, uint64_t n);
/* How much more may be taken. */
uint64_t quota_left(const struct page_quota *q);

/* What a sandbox has in files altogether. */
struct disk {
	struct page_quota quota; /* max 0: there is no limit, and nothing is counted */
	/* one change of a host's file at a time, so that it can be measured (fs/hostfs/disk.c) */
	struct mutex lock;
	_Atomic uint64_t on_host; /* the part of quota.used that is in files of the host */
	struct mutex files_lock;
	struct rb_tree files; /* those of the host that are open, by identity; files_lock */
};

#endif
