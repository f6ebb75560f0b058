/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe as splice(2) and its family use it, whoever keeps the data: the monitor (fs/pipefs/pipe.h)
 * or the host, as with FIFOs of host directories and pipes that hl was started with. The host's
 * stay the host's, because programs outside may have their other end.
 *
 * From a host's pipe, data is copied first (tee(2)) and taken once it has got where it was to go,
 * so that none is lost when the other side takes less. Who reads from the same pipe at that moment
 * may see it, too.
 */
#ifndef HL_FS_PIPE_END_H
#define HL_FS_PIPE_END_H

#include "fs/pipefs/pipe.h"

struct pipe_end {
	struct pipe *pipe; /* the monitor's, or NULL */
	struct file *host; /* open on the host's, or NULL; both: not a pipe */
	int scratch[2];    /* where tee(2) copies to; -1 until it is needed */
};

void pipe_end_init(struct pipe_end *e, struct file *f);
void pipe_end_done(struct pipe_end *e);
bool pipe_end_is_pipe(const struct pipe_end *e);
bool pipe_end_same(const struct pipe_end *a, const struct pipe_end *b);
/* As pipe_buf_acquire, pipe_buf_release, pipe_buf_reserve, pipe_buf_commit. */
int pipe_end_acquire(struct pipe_end *e, struct caller *c, bool nonblock, struct pipe_buf *b);
void pipe_end_release(struct pipe_end *e, struct pipe_buf *b);
int pipe_end_reserve(struct pipe_end *e, struct caller *c, bool nonblock, struct pipe_buf *b);
void pipe_end_commit(struct pipe_end *e, struct caller *c, struct pipe_buf *b);

/* fcntl(2) F_GETPIPE_SZ and F_SETPIPE_SZ; -EBADF: not a pipe. */
int64_t pipe_end_fcntl(struct file *f, struct caller *c, int cmd, uint64_t arg);

#endif
