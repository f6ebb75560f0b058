/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a read or a write by descriptor, for those who make one in another way than read(2)
 * does. sys/rw.c. */
#ifndef HL_SYS_TRANSFER_H
#define HL_SYS_TRANSFER_H

#include "fs/file.h"
#include "sys/sys.h"

/* Linux 6.9; older headers do not know it. */
#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

/* file_read or file_write */
typedef ssize_t transfer_fn(struct file *f, struct caller *c, struct uio *u, int64_t *pos);

/* May the descriptor do that, at a position (`pos` not NULL) or at its own? -ESPIPE, -EBADF. */
int transfer_check_mode(const struct file *f, transfer_fn *fn, const int64_t *pos);
/* RWF_*, preadv2(2): -EOPNOTSUPP, -EINVAL, -EAGAIN. */
int transfer_check_flags(struct file *f, transfer_fn *fn, unsigned rwf);
/* A buffer of the guest's: -EFAULT. */
int transfer_buffer(struct task *t, struct uio *u, gva_t buf, uint64_t len);
/* Does it; /proc/PID/io counts it. */
int64_t transfer_run(struct task *t, struct file *f, struct caller *c, struct uio *u,
		     transfer_fn *fn, int64_t *pos);

#endif
