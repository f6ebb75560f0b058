/* SPDX-License-Identifier: Apache-2.0 */
/* New tasks and processes: clone(2), clone3(2), fork(2), vfork(2). */
#ifndef HL_KERNEL_FORK_H
#define HL_KERNEL_FORK_H

#include <stdint.h>

#include "kernel/pid.h"
#include "util/gva.h"

struct loader;
struct saved_kind;
struct saver;
struct task;

struct vfork_done;

/* A parent's wait for its vfork child, which goes on after a freeze (kernel/resume.h). */
struct vfork_wait {
	struct vfork_done *on; /* NULL: none */
	int64_t child;         /* its tid */
};

/* As struct clone_args of clone3, checked by task_clone. */
struct clone_request {
	uint64_t flags; /* CLONE_*, without the exit signal */
	gva_t pidfd, child_tid, parent_tid;
	uint64_t exit_signal;
	gva_t stack; /* the new stack pointer; 0: the caller's */
	gva_t tls;
	/* the numbers it is to have, from its own namespace of pids on (set_tid of clone3) */
	pid_t wish[PID_NS_DEPTH];
	unsigned nr_wish;
};

/* The new tid, or -errno. With CLONE_VFORK returns when the child gave the address space back. */
int64_t task_clone(struct task *t, const struct clone_request *rq);

/* The call made again: waits on. */
int64_t vfork_wait_again(struct task *t);
/* It ended otherwise: kernel/resume.c. */
void vfork_resume_end(struct task *t);

/* A vfork in the middle, in snapshots, and what a task has of it. */
extern const struct saved_kind vfork_saved;
void vfork_task_save(struct saver *s, struct task *t);
int vfork_task_load(struct loader *l, struct task *t);

/* unshare(2): 0, or -EINVAL for what can not be undone here. */
int task_unshare(struct task *t, uint64_t flags);

/* The task leaves the address space it borrowed (execve, exit): lets a waiting vfork parent go
 * on. */
void vfork_release(struct task *t);

#endif
