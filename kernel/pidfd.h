/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that name a process (pidfd_open(2)). */
#ifndef HL_KERNEL_PIDFD_H
#define HL_KERNEL_PIDFD_H

#include <stdbool.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD 0200 /* O_EXCL */
#endif

struct file;
struct pid;
struct pid_namespace;
struct text;
struct task;

/* A new close-on-exec descriptor of `t` for `pid`; `flags`: O_NONBLOCK, PIDFD_THREAD. The number or
 * -errno. */
int pidfd_install(struct task *t, struct pid *pid, unsigned flags);
/* The lines that /proc/PID/fdinfo has of one: as those in `ns` see it, and on from there to its
 * innermost namespace. */
void pidfd_show(struct file *f, const struct pid_namespace *ns, struct text *out);
/* The pid behind a pidfd, borrowed from the file; NULL: some other file. */
struct pid *pidfd_pid(struct file *f);
bool pidfd_is_thread(struct file *f); /* of a pidfd: PIDFD_THREAD */

#endif
