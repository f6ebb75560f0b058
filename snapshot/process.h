/* SPDX-License-Identifier: Apache-2.0 */
/* Processes and threads in a snapshot, and what they share. */
#ifndef HL_SNAPSHOT_PROCESS_H
#define HL_SNAPSHOT_PROCESS_H

#include "util/saved.h"

struct mempolicy;
struct process;
struct sandbox;
struct sched;
struct sigpending;
struct task;
struct uts_namespace;

/* shared.c */
extern const struct saved_kind cred_kind, sighand_kind, nsproxy_kind;
extern const struct saved_kind namespace_kind; /* struct ns_common */
/* For saver.ns and loader.ns. */
uint64_t ns_saved(struct saver *s, void *ns);
int ns_loaded(struct loader *l, uint64_t number, void **out);
void uts_names_save(struct saver *s, const struct uts_namespace *ns);
/* -EBADMSG. */
int uts_names_load(struct loader *l, struct decoder *in, struct uts_namespace *ns);
/* shared.c: signals that wait. A signal of a timer is the timer's. */
void sigpending_save(struct encoder *out, const struct sigpending *p);
/* sandbox->lock held. `uid`: whose they count as. -EBADMSG, -ENOMEM. */
int sigpending_load(struct decoder *in, struct sandbox *sb, unsigned uid, struct sigpending *p);

/* task.c: what of it cannot be saved, to be put behind its name; NULL: nothing. */
const char *task_refused(struct task *t);
int task_save(struct saver *s, struct task *t);
/* What it has open, and the system call that it is in. */
void task_save_files(struct saver *s, struct task *t);
/* A task of `p` that has not been started. */
int task_load(struct loader *l, struct process *p, struct task **out);
/* All tasks have their memory and credentials: a file of /proc may be one of any of them. */
int task_load_files(struct loader *l, struct task *t);
/* A task that was loaded, but is not started. */
void task_drop(struct task *t);
/* traced.c: what a thread traces. All threads are there when it is loaded, and none has begun. */
void traced_save(struct saver *s, struct task *t);
int traced_load(struct loader *l, struct task *t);
/* How a thread is scheduled, or was while it lived. */
/* A memory policy, of a task or a mapping. */
void mempolicy_save(struct encoder *out, const struct mempolicy *p);
void mempolicy_load(struct decoder *in, struct mempolicy *p);
void sched_save(struct encoder *out, const struct sched *sc);
void sched_load(struct decoder *in, struct sched *sc);

/* process.c: the name of its first thread, or of one that is left; for messages. */
const char *process_comm(const struct process *p);
/* All processes but init, with their threads. */
int processes_save(struct saver *s);
/* Makes them all; the sandbox is frozen, and their threads rest when they are started. */
int processes_load(struct loader *l, struct decoder *in);

#endif
