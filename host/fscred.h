/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose file access a host thread's calls are: file system ids and groups are a thread's own on
 * Linux (setfsuid(2); the raw calls, which glibc would spread over all threads). What was assumed
 * last is remembered per thread, so that the usual case, no change, costs a comparison.
 */
#ifndef HL_HOST_FSCRED_H
#define HL_HOST_FSCRED_H

#include <stdint.h>
#include <sys/types.h>

struct fscred {
	uid_t uid;
	gid_t gid;
	/* effective capabilities; of them, those about files and sockets count (capabilities(7)),
	 * as far as the process has them itself */
	uint64_t caps;
	const gid_t *groups;
	int nr_groups;
};

/* 0, or -EPERM when the host does not let this process act as them. */
int fscred_assume(const struct fscred *fc);
/* Keeps the ids, and of the capabilities that fscred.caps is about those in `caps`. 0 or -errno. */
int fscred_limit(uint64_t caps);
/* Gives up all capabilities but these, in the calling thread. 0 or -errno. */
int fscred_drop(uint64_t keep);
/* What a thread of the embedding program has, before it works for guests. */
struct fscred_saved {
	uid_t uid;
	gid_t gid;
	uint64_t effective;
	gid_t *groups;
	int nr_groups;
};

/* Reads anew what the calling thread has: it may have changed that itself since it was last here.
 * 0 or -ENOMEM; after 0, fscred_restore gives it back to the thread and frees `s`. */
int fscred_save(struct fscred_saved *s);
void fscred_restore(struct fscred_saved *s);
/* The calling thread's effective capabilities. */
uint64_t fscred_effective(void);
/* Gives the calling thread a umask of its own, `mask`, which the host heeds as Linux does: not
 * where a directory has a default ACL. Returns the mode to create with. Where the host refuses
 * (unshare(2) filtered), the process's umask goes on to apply, and `mask` is taken off the mode. */
mode_t fscred_umask(mode_t mode, mode_t mask);

#endif
