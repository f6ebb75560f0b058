/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pid namespaces (pid_namespaces(7)): numbers, and what they name as thread, process, process group
 * and session.
 *
 * A task is seen in the namespace it was born in and in those above, under a number in each. The
 * monitor knows it by its number in the first one (pid.nr); what goes to a program or comes from
 * one is a number in that program's namespace (task_pid_ns), and is translated there.
 */
#ifndef HL_KERNEL_PID_H
#define HL_KERNEL_PID_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cred/ns_common.h"
#include "host/wait.h"
#include "util/list.h"
#include "util/ref.h"

struct encoder;
struct loader;
struct process;
struct task;
struct tracee;
struct vfs;

struct upid {
	pid_t nr;
	struct pid_namespace *ns;
	struct list hash_node;
};

/* A number stays in use while it names anything (a process group outlives its leader) or is
 * referenced (pidfd). All fields but refs are guarded by sandbox->lock. */
struct pid {
	struct ref refs;
	struct pid_namespace *ns; /* the innermost that it is in; reference */
	pid_t nr;                 /* in the first one */
	struct task *task;        /* the thread with this tid; NULL when it is gone */
	struct process *process;  /* the process with this tgid, zombies too; NULL when reaped */
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
	bool counted;          /* it names a task or a process: pid_namespace.tasks */
	struct upid numbers[]; /* in the first namespace, and so on to `ns` */
};

/* A leader's thread counts as ended with its process; other threads are reaped as they end. */
enum { PID_THREAD_ENDED = 1, PID_PROCESS_ENDED = 2, PID_REAPED = 4 };

/* Something of what it names ended, as a wait status says: for pidfds. sandbox->lock held. */
void pid_ended(struct pid *p, unsigned what, int exit_code);

#define PID_BUCKETS 1024

/* As deep as they nest below the first: Linux's MAX_PID_NS_LEVEL. */
#define PID_NS_DEPTH 32

/* sandbox->lock */
struct pid_namespace {
	struct ns_common ns;
	struct pid_namespace *parent; /* reference; constant; NULL: the first */
	unsigned level;               /* constant; 0: the first */
	/* Whom its orphans go to, and with whom it ends: number 1. NULL: not there yet, or gone. */
	struct process *init;
	bool closed; /* its init has ended, or never came to run: nobody is born here any more */
	int reboot;  /* of reboot(2): the signal that its init is said to have died of; 0: none */
	struct list work_node; /* it is empty but for its init, which ends: kernel/process.c */
	unsigned max;          /* numbers are below it */
	unsigned used;
	unsigned tasks, max_tasks; /* threads and zombies, and how many there may be */
	_Atomic pid_t last;        /* read without the lock by pid_last */
	/* by number; zeroes: none was ever there */
	struct list buckets[PID_BUCKETS];
};

/* The first. NULL: no memory. */
struct pid_namespace *pid_ns_new(struct vfs *vfs, unsigned max, unsigned max_tasks);
/* One below. -EINVAL: `owner` is none of the users of the parent. -ENOSPC, -ENOMEM. */
int pid_ns_below(struct pid_namespace *parent, struct vfs *vfs, struct user_namespace *owner,
		 struct pid_namespace **out);
/* Is it `above`, or below that? No lock. */
bool pid_ns_is_within(const struct pid_namespace *ns, const struct pid_namespace *above);
/* The calls below: sandbox->lock held. */
/* Fresh numbers (rising, wrapping at pid_max, as Linux) for a task or a process, one reference.
 * -EAGAIN: all are taken, or there are as many tasks as there may be; -ENOMEM, also where `ns` is
 * closed. */
int pid_alloc(struct pid_namespace *ns, struct pid **out);
/* The same with the first `n` of `wish` as its numbers in `ns` and the namespaces above it.
 * -EINVAL: no such numbers, or no init there yet. -EEXIST: one is taken. */
int pid_alloc_wished(struct pid_namespace *ns, const pid_t *wish, unsigned n, struct pid **out);
/* The next number is the first free one behind `nr`, as /proc/sys/kernel/ns_last_pid has it. */
void pid_set_last(struct pid_namespace *ns, pid_t nr);
struct pid *pid_find(struct pid_namespace *ns, pid_t nr);
/* Frees the number once nothing carries it any more. Call after detaching a task, process, group or
 * session. */
void pid_detach(struct pid *p);
struct pid *pid_get(struct pid *p);
void pid_put(struct pid *p); /* any lock state */
pid_t pid_last(const struct pid_namespace *ns);
/* Its number as those in `ns` see it; 0: they do not, or `p` is NULL. No lock. */
pid_t pid_nr(const struct pid *p, const struct pid_namespace *ns);
/* The same of a number in the first namespace: of one that is in use no more, `nr` itself there,
 * and 0 elsewhere. */
pid_t pid_nr_of(struct pid_namespace *first, pid_t nr, const struct pid_namespace *ns);

/* ---- snapshots ---- */

/* The numbers of one, from the innermost namespace to the first: a wish (pid_alloc_wished). */
struct pid_numbers {
	unsigned n;
	pid_t nr[PID_NS_DEPTH + 1];
};

/* One that names nobody and is not in use: somebody else may have its numbers, which are
 * numbers->n == ns->level + 1. One reference. NULL: no memory. No lock. */
struct pid *pid_new_unused(struct pid_namespace *ns, const struct pid_numbers *numbers);
/* From now on its numbers are in use, as those of a group or a session that somebody is about to
 * join. -EEXIST: some are another's. sandbox->lock held. */
int pid_enter(struct pid *p);

/* kernel/pid_save.c */
extern const struct saved_kind pid_saved; /* struct pid */
void pid_numbers_save(struct encoder *out, const struct pid *p);
/* -EBADMSG: they are none of this namespace. */
int pid_numbers_load(struct loader *l, const struct pid_namespace *ns, struct pid_numbers *out);
/* The namespace of a number that saver.ns gave, borrowed; 0: the first one. */
int pid_ns_loaded(struct loader *l, uint64_t number, struct pid_namespace **out);
static inline pid_t pid_numbers_first(const struct pid_numbers *numbers)
{
	return numbers->nr[numbers->n - 1];
}

#endif
