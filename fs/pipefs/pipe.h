/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs in the monitor's memory (pipe(7), fifo(7)). A FIFO of a host directory is the
 * host's own, but in a private world (fs/hostfs/fifo.c). */
#ifndef HL_FS_PIPEFS_PIPE_H
#define HL_FS_PIPEFS_PIPE_H

#include "fs/file.h"
#include "util/lock.h"

struct pipe;

#define PIPE_MAX_SIZE        (1U << 20) /* /proc/sys/fs/pipe-max-size */
#define PIPE_USER_PAGES_SOFT 16384U     /* /proc/sys/fs/pipe-user-pages-soft */

/* Makes a pipe: out[0] reads, out[1] writes. `flags`: O_NONBLOCK, O_DIRECT. */
int pipe_create(struct caller *c, unsigned flags, struct file *out[2]);

/* The pipe behind a FIFO, kept in the inode of an in-memory file system; exists while anyone has it
 * open. */
struct fifo {
	struct mutex lock;
	struct pipe *pipe;
};
void fifo_init(struct fifo *ff);
void fifo_destroy(struct fifo *ff);
/* open(2) of a FIFO: waits for the other side as fifo(7) says; -EINTR, -ENXIO. */
int fifo_open(struct fifo *ff, struct caller *c, int flags, struct file **out);

/* fcntl(2) F_GETPIPE_SZ and F_SETPIPE_SZ; -EBADF: not a pipe. */
int64_t pipe_fcntl(struct file *f, struct caller *c, int cmd, uint64_t arg);

/*
 * For splice(2) and its family (sys/splice.c). A slot that is acquired by a reader, or reserved
 * by a writer, counts as full until it is released or committed, so that the file on the other side
 * can be used without the pipe's lock.
 */
struct pipe_buf {
	unsigned char *page;
	unsigned off, len;
	bool packet;   /* one read takes it whole: O_DIRECT */
	bool no_merge; /* later writes start a page of their own */
};
struct pipe *file_pipe(struct file *f); /* NULL: not a pipe */
/* Takes the oldest data out: 1, 0 at the end of the data, or -EAGAIN, -EINTR. */
int pipe_buf_acquire(struct pipe *p, struct caller *c, bool nonblock, struct pipe_buf *out);
/* Puts back what is left of it (len may have become 0). */
void pipe_buf_release(struct pipe *p, struct pipe_buf *b);
/* Waits for a free slot and a page of memory: 0, -EPIPE, -EAGAIN, -EINTR, -ENOMEM. */
int pipe_buf_reserve(struct pipe *p, struct caller *c, bool nonblock, struct pipe_buf *out);
/* Puts the page in as the newest data, or frees the slot if it has got none. */
void pipe_buf_commit(struct pipe *p, struct pipe_buf *b);
/* tee(2): copies up to `len` bytes without taking them; 0 at the end of the data. */
ssize_t pipe_tee(struct pipe *from, struct pipe *to, struct caller *c, bool nonblock, size_t len);

#endif
