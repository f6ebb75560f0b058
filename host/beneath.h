/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening below a directory, contained by the host kernel (openat2(2)): no symlink is followed, no
 * "..", rises above the directory, no magic link is taken. Mounts of the host may be crossed, but
 * never into a file system that is a window on the host's kernel (procfs, sysfs, cgroupfs...).
 */
#ifndef HL_HOST_BENEATH_H
#define HL_HOST_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

/* Descriptor or -errno. -ELOOP: a symlink is in the way. O_CLOEXEC and O_NOCTTY are added. */
int beneath_open(int dirfd, const char *names, int flags, mode_t mode);
/* The directory above, contained only by the host's own root. */
int beneath_parent(int dirfd);
/* Is `fd` on a file system that must not be served? True also when it can not be told. */
bool beneath_forbidden(int fd);

#endif
