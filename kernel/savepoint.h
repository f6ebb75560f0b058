/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments at which a sandbox is to be saved, for whoever made it so that it can be: a program asks
 * for it (kernel/devhl.h), listens at a port, or prints a text.
 *
 * The task that comes to such a moment makes its system call to the end and then parks, and who
 * waits outside is told. So what is saved is that very moment, however late the save comes. In a
 * copy nothing keeps the task: it goes on with what the call returned.
 */
#ifndef HL_KERNEL_SAVEPOINT_H
#define HL_KERNEL_SAVEPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

struct sandbox;
struct task;

struct savepoint_config {
	bool listen;        /* when somebody listens */
	unsigned port;      /* at this one; 0: at any, or at a name of a unix socket */
	const char *output; /* when this is written to stdout or stderr; NULL: no matter */
};

/* Before the first task. -ENOMEM. */
int savepoint_init(struct sandbox *sb, const struct savepoint_config *cfg);
void savepoint_free(struct sandbox *sb);

/* The calling task is at a moment to save. Without locks. -EOPNOTSUPP: nobody saves it. */
int savepoint_reach(struct task *t);
/* It listens at `name` now. */
void savepoint_listens(struct task *t, const struct sockaddr_storage *name);

/* Has one been reached since the last call of savepoint_over? Any thread. */
bool savepoint_due(struct sandbox *sb);
/* It was saved, or will not be: who has waited for that goes on. */
void savepoint_over(struct sandbox *sb);

#endif
