/* SPDX-License-Identifier: Apache-2.0 */
/* Processes and threads in a snapshot, and what they share. */
#ifndef HL_SNAPSHOT_PROCESS_H
#define HL_SNAPSHOT_PROCESS_H

#include "util/saved.h"

struct process;
struct sandbox;
struct sigpending;
struct task;

extern const struct saved_kind cred_kind, sighand_kind; /* shared.c */
/* shared.c: signals that wait. A signal of a timer is the timer's. */
void sigpending_save(struct encoder *out, const struct sigpending *p);
/* sandbox->lock held. `uid`: whose they count as. -EBADMSG, -ENOMEM. */
int sigpending_load(struct decoder *in, struct sandbox *sb, unsigned uid, struct sigpending *p);

/* task.c: what of it cannot be saved, to be put behind its name; NULL: nothing. */
const char *task_refused(struct task *t);
int task_save(struct saver *s, struct task *t);
/* A task of `p` that has not been started. */
/* A task that was loaded, but is not started. */
void task_drop(struct task *t);
int task_load(struct loader *l, struct process *p, struct task **out);

/* process.c: all processes but init, with their threads. */
int processes_save(struct saver *s);
/* Makes them all; the sandbox is frozen, and their threads rest when they are started. */
int processes_load(struct loader *l, struct decoder *in);

#endif
