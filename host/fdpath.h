/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's names for this process's descriptors: /proc/self/fd, opened once, so that it works
 * whatever the monitor's root becomes later. For what O_PATH descriptors have no call of their own:
 * their path, and reopening them.
 */
#ifndef HL_HOST_FDPATH_H
#define HL_HOST_FDPATH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens it; may be called early, before the monitor confines itself. 0 or -errno (no /proc). */
int fdpath_init(void);
/* The directory's descriptor, to be used with a name from fdpath_name; -errno when there is no
 * /proc. */
int fdpath_dir(void);
#define FDPATH_NAME 12
/* "N" for fdpath_dir(). */
void fdpath_name(int fd, char name[FDPATH_NAME]);
/* Path of what `fd` is open on, as the host shows it (" (deleted)" and all). Length or -errno;
 * NUL-terminated. */
ssize_t fdpath_read(int fd, char *buf, size_t size);
/* Opens the file behind an O_PATH descriptor. The magic link is followed, no other. New descriptor
 * or -errno. */
int fdpath_reopen(int fd, int flags);
/* inotify_add_watch(2) of what `fd` is open on; the call knows no directory descriptors, so /proc
 * has to be there now. Watch descriptor or -errno. */
int fdpath_watch(int inotify, int fd, uint32_t mask);
/* truncate(2) of what `fd` is open on, which opens nothing that others could watch; needs /proc as
 * fdpath_watch does. 0 or -errno. */
int fdpath_truncate(int fd, uint64_t size);

#endif
