/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors the sandbox was started with (stdin, stdout, stderr) as files of the guest. */
#ifndef HL_FS_HOSTFD_H
#define HL_FS_HOSTFD_H

#include "fs/file.h"
#include "util/errmsg.h"

struct hostfs_options;

/* What inherited descriptors hang on; one a sandbox, mounted nowhere. */
int hostfd_create(const struct hostfs_options *opt, struct filesystem **out);
/* Wraps host descriptor `fd` (a copy is made; it stays the caller's). Any kind: regular file,
 * directory, pipe, socket, terminal, device. */
int hostfd_wrap(struct filesystem *hostfd, struct mnt_namespace *ns, int fd, struct file **out);

#endif
