/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables: shared by CLONE_FILES, copied by fork. Numbers are the guest's own; host
 * descriptors never show. */
#ifndef HL_KERNEL_FDTABLE_H
#define HL_KERNEL_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/file.h"
#include "util/lock.h"
#include "util/ref.h"

struct fdtable {
	struct ref refs;
	struct mutex lock;
	struct file_count *count; /* of the sandbox; constant */
	/* guarded by lock */
	struct file **files; /* `size` slots, NULL: there is no descriptor */
	uint64_t *cloexec;   /* bitmap */
	uint64_t *taken;     /* bitmap of the numbers that are not free: descriptors, reserved */
	int size;
	int next_free; /* no free slot below */
};

/* Files that get a descriptor are counted in `count`. */
struct fdtable *fdtable_new(struct file_count *count);
struct fdtable *fdtable_copy(struct fdtable *ft);
struct fdtable *fdtable_get(struct fdtable *ft);
/* The last reference closes everything on behalf of `c` (locks, flush). */
void fdtable_put(struct fdtable *ft, struct caller *c);

/* The file behind `fd`, a reference for the caller; NULL: EBADF. fd_get refuses O_PATH files, as
 * most calls must. */
struct file *fd_get(struct fdtable *ft, int fd);
struct file *fd_get_path(struct fdtable *ft, int fd);
/* Lowest free number >= min and < limit (RLIMIT_NOFILE); takes the caller's reference over, also on
 * failure. -EMFILE, -ENFILE: too many files are open in the sandbox. */
int fd_install(struct fdtable *ft, struct file *f, int min, bool cloexec, uint64_t limit);
/* The same in two steps, for calls that make something which would stay behind if there were no
 * number: the number that it will have, which nobody else gets until then. For all others it is no
 * descriptor; a copy of the table does not have it. */
int fd_reserve(struct fdtable *ft, uint64_t limit);
void fd_install_reserved(struct fdtable *ft, int fd, struct file *f, bool cloexec);
void fd_unreserve(struct fdtable *ft, int fd);
/* dup2/dup3: puts `f` (reference taken over) at exactly `fd`, closing what was there. -EBUSY: the
 * number is reserved. */
int fd_replace(struct fdtable *ft, struct caller *c, int fd, struct file *f, bool cloexec,
	       uint64_t limit);
/* The descriptor is no more; its file, a reference, NULL: there was none. */
struct file *fd_remove(struct fdtable *ft, struct caller *c, int fd);
void fd_close(struct fdtable *ft, struct caller *c, int fd);
int fd_get_cloexec(struct fdtable *ft, int fd); /* 0, 1, -EBADF */
int fd_set_cloexec(struct fdtable *ft, int fd, bool on);
void fd_close_range(struct fdtable *ft, struct caller *c, unsigned first, unsigned last,
		    bool only_mark_cloexec);
/* execve's point of no return. */
void fd_close_on_exec(struct fdtable *ft, struct caller *c);
/* For /proc/PID/fd: the lowest open descriptor >= fd, -1: none. */
int fd_next(struct fdtable *ft, int fd);

#endif
