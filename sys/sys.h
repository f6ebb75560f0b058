/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call handlers: fetch and check arguments, copy in and out, call down. One file a family. A
 * handler returns the result or -errno (or -ERESTART*, kernel/restart.h). The table is generated
 * from sys/syscalls.def.
 */
#ifndef HL_SYS_SYS_H
#define HL_SYS_SYS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"

/* Defines the handler of `name`; its six raw arguments are a[0]..a[5]. */
#define SYSCALL_DEFINE(name)                                                                       \
	int64_t sys_##name(struct task *t, const uint64_t *a);                                     \
	int64_t sys_##name(struct task *t __attribute__((unused)),                                 \
			   const uint64_t *a __attribute__((unused)))

/* What restart_syscall(2) runs, one for each kind of restart block (kernel/restart.h); in the file
 * of the system call it belongs to. */
typedef int64_t restart_fn(struct task *t, const struct restart *r);
restart_fn sleep_restart, cpu_sleep_restart, poll_restart, futex_wait_restart;

/* sys/dispatch.c: runs the system call in t->event. */
int64_t sys_dispatch(struct task *t);

/* Copies of whole objects: 0 or -EFAULT. */
#define get_user(t, dst, addr)                                                                     \
	(copy_from_guest((t)->mm, (dst), (addr), sizeof *(dst)) ? -EFAULT : 0)
#define put_user(t, addr, src) (copy_to_guest((t)->mm, (addr), (src), sizeof *(src)) ? -EFAULT : 0)

/* A new descriptor for `f` (reference taken over, also on failure): the lowest free number, or
 * -EMFILE. */
static inline int64_t fd_return(struct task *t, struct file *f, bool cloexec)
{
	return fd_install(t->files, f, 0, cloexec, process_rlimit(t->process, RLIMIT_NOFILE));
}

/* sys/pipe.c: the numbers of two descriptors that are to be, which are written to `addr`; then the
 * files get them, whose references are taken over, or they are given up. */
int fd_reserve_pair(struct task *t, gva_t addr, int fds[2]);
void fd_install_pair(struct task *t, const int fds[2], struct file *const files[2], bool cloexec);
void fd_unreserve_pair(struct task *t, const int fds[2]);

/* sys/io_result.c: a transfer that was frozen in the middle and is made again goes on behind what
 * it moved then (kernel/resume.h): begin moves buffers and position there; NULL: no position. End
 * adds it to the result `r`, or keeps what this part moved for the next. */
void transfer_begin(struct task *t, struct uio *u, int64_t *pos);
int64_t transfer_end(struct task *t, int64_t r);
/* The result of reading or writing a file, as the system call's: raises SIGPIPE and SIGXFSZ, makes
 * an interrupted call restartable, and ends the transfer. */
int64_t io_result(struct task *t, int64_t r);
/* The same for a call that may have moved something and earned a signal nevertheless
 * (caller.signal). */
int64_t transfer_result(struct task *t, const struct caller *c, int64_t r);

/* sys/splice.c: what a pipe has room for, of a file from `*pos` on; waits for the first page of
 * room alone. */
ssize_t splice_file_to_pipe(struct caller *c, struct file *in, int64_t *pos, struct file *out,
			    size_t len);

/* A path argument, as getname(9): NUL-terminated copy to be freed with free(). -EFAULT,
 * -ENAMETOOLONG (PATH_MAX),
 * -ENOENT when empty and not allowed, -ENOMEM. */
int get_path(struct task *t, gva_t addr, bool empty_ok, char **out);
/* An iovec array: *out is `fast` (at least 8) or malloc'd (free when != fast). Sum of lengths
 * checked and clamped to MAX_RW_COUNT. Of `n` Linux takes 32 bits (import_iovec()). */
#define MAX_RW_COUNT (0x7ffff000UL)
int get_iovec(struct task *t, gva_t addr, uint32_t n, struct guest_iovec *fast,
	      struct guest_iovec **out);
/* The same for buffers of another process: where they lie is seen when they are used. */
int get_iovec_of_other(struct task *t, gva_t addr, uint64_t n, struct guest_iovec *fast,
		       struct guest_iovec **out);
/* A timespec argument: -EFAULT, -EINVAL when not normalised or negative. */
int get_timespec(struct task *t, gva_t addr, struct timespec *ts);
/* A sigset argument of system calls that also pass its size: -EINVAL unless size == 8, -EFAULT. */
int get_sigset(struct task *t, gva_t addr, uint64_t size, ksigset_t *out);
/* A struct that grows from version to version, of which `known` bytes mean something here
 * (copy_struct_from_user() of Linux): what is missing is 0; -E2BIG: there is something behind. The
 * caller has checked that `size` is not absurd. */
int get_struct(struct task *t, gva_t addr, uint64_t size, void *out, size_t known);
/* A siginfo argument for signal `sig` (sys/signal.c): -EFAULT, -E2BIG. */
int get_siginfo(struct task *t, gva_t addr, int sig, siginfo_t *si);
/* Deadline, a point in time of the guest's CLOCK_MONOTONIC in ns, of a relative time; saturates to
 * DEADLINE_NONE. */
uint64_t deadline_after(struct task *t, const struct timespec *rel);
/* The same for poll(2)'s and epoll_wait(2)'s milliseconds: DEADLINE_NONE when negative, 0 (do not
 * wait) when 0. */
uint64_t deadline_after_ms(struct task *t, int timeout);

struct net;

/* The network of a sandbox, for whom there is no task: made at the first call. NULL: no memory. */
struct net *sys_net(struct sandbox *sb);

#endif
