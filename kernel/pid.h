/* SPDX-License-Identifier: Apache-2.0 */
/* Pid namespaces (pid_namespaces(7)): numbers, and what they name as thread, process, process group
 * and session. */
#ifndef HL_KERNEL_PID_H
#define HL_KERNEL_PID_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "cred/ns_common.h"
#include "host/wait.h"
#include "util/list.h"
#include "util/ref.h"

struct task;
struct process;
struct tracee;
struct vfs;

/* A number stays in use while it names anything (a process group outlives its leader) or is
 * referenced (pidfd). All fields but refs are guarded by sandbox->lock. */
struct pid {
	struct ref refs;
	struct pid_namespace *ns; /* reference */
	pid_t nr;
	struct list hash_node;
	struct task *task;       /* the thread with this tid; NULL when it is gone */
	struct process *process; /* the process with this tgid, zombies too; NULL when reaped */
	/* the thread with this tid is traced, or was when it ended: kernel/ptrace/tracee.h */
	struct tracee *tracee;
	struct list pgrp;    /* members, who joined last first: process.pgrp_node */
	struct list session; /* members: process.session_node */
	/* pidfd poll */
	struct waitqueue exited;
	_Atomic unsigned ended; /* PID_*_ENDED, PID_REAPED; read without lock */
	int exit_code;          /* once there is PID_REAPED */
	/* and the user namespace that the process was in; reference */
	struct ns_common *users;
	bool hashed;
	bool counted; /* it names a task or a process: pid_namespace.tasks */
};

/* A leader's thread counts as ended with its process; other threads are reaped as they end. */
enum { PID_THREAD_ENDED = 1, PID_PROCESS_ENDED = 2, PID_REAPED = 4 };

/* Something of what it names ended, as a wait status says: for pidfds. sandbox->lock held. */
void pid_ended(struct pid *p, unsigned what, int exit_code);

#define PID_BUCKETS 1024

/* sandbox->lock */
struct pid_namespace {
	struct ns_common ns;
	unsigned max; /* numbers are below it */
	unsigned used;
	unsigned tasks, max_tasks; /* threads and zombies, and how many there may be */
	_Atomic pid_t last;        /* read without the lock by pid_last */
	/* by number; zeroes: none was ever there */
	struct list buckets[PID_BUCKETS];
};

/* NULL: no memory. */
struct pid_namespace *pid_ns_new(struct vfs *vfs, unsigned max, unsigned max_tasks);
/* The calls below: sandbox->lock held. */
/* A fresh number (rising, wrapping at pid_max, as Linux) for a task or a process, one reference.
 * -EAGAIN: all are taken, or there are as many tasks as there may be; -ENOMEM. */
int pid_alloc(struct pid_namespace *ns, struct pid **out);
/* The next number is the first free one behind `nr`, as /proc/sys/kernel/ns_last_pid has it. */
void pid_set_last(struct pid_namespace *ns, pid_t nr);
struct pid *pid_find(struct pid_namespace *ns, pid_t nr);
/* Frees the number once nothing carries it any more. Call after detaching a task, process, group or
 * session. */
void pid_detach(struct pid *p);
struct pid *pid_get(struct pid *p);
void pid_put(struct pid *p); /* any lock state */
pid_t pid_last(const struct pid_namespace *ns);
/* Its number as those in `ns` see it; 0: they do not. No lock. */
pid_t pid_nr(const struct pid *p, const struct pid_namespace *ns);

#endif
