/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host descriptors that may wait: FIFOs of hostfs, and the pipe, socket, terminal or device the
 * sandbox was started with. O_NONBLOCK is the guest's own: the host's description may be shared
 * with programs outside.
 */
#ifndef HL_FS_HOSTFS_STREAM_H
#define HL_FS_HOSTFS_STREAM_H

#include "fs/file.h"

/* What the kernel's job control has to say about a terminal of the host. */
struct stream_tty_ops {
	/* Before a read or a write: 0, or -ERESTARTSYS, -EIO (SIGTTIN, SIGTTOU were sent). */
	int (*check)(void *arg, struct caller *c, bool write);
	/* -ENOIOCTLCMD: the host's terminal is to answer. */
	int64_t (*ioctl)(void *arg, struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			 uint64_t val);
};
#define ENOIOCTLCMD 515 /* Linux's own, never seen by a guest */

/* `d`: the dentry (taken over, also on failure) of a hostfs inode that owns the descriptor. */
int hostfs_stream_new(struct dentry *d, int flags, struct file **out);
/* Its description is nobody else's: O_NONBLOCK is set there as the guest has it. */
int stream_own(struct file *f);
/* What a read or write (SYS_read, SYS_write) of a host's pipe can move without waiting, whatever
 * flags its description has: bytes or -errno. */
long stream_move_at_once(long nr, int fd, void *buf, size_t n);
bool file_is_stream(const struct file *f);
bool stream_is_tty(struct file *f);
int stream_host_fd(struct file *f); /* borrowed */
void stream_set_tty(struct file *f, const struct stream_tty_ops *ops, void *arg);

#endif
