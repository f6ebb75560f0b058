/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose file access a host thread's calls are: file system ids and groups are a thread's own on Linux (setfsuid(2); the
 * raw calls, which glibc would spread over all threads). What was assumed last is remembered per thread, so that the
 * usual case, no change, costs a comparison.
 */
#ifndef HL_HOST_FSCRED_H
#define HL_HOST_FSCRED_H

#include <sys/types.h>

/* 0, or -EPERM when the host does not let this process act as them. */
int fscred_assume(uid_t uid, gid_t gid, const gid_t *groups, int nr_groups);
/* Gives the calling thread a umask of its own, 0, so that creation modes are what the caller asks for. Where the host
 * refuses (unshare(2) filtered), the process's umask goes on to apply. */
void fscred_clear_umask(void);

#endif
