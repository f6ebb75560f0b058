/* SPDX-License-Identifier: Apache-2.0 */
/* The first program of a sandbox. */
#ifndef HL_KERNEL_SPAWN_H
#define HL_KERNEL_SPAWN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/errmsg.h"

struct cred;
struct debugger;
struct file;
struct path;
struct sandbox;

struct spawn_request {
	const char *path; /* looked up in the guest's tree; relative to workdir */
	char *const *argv;
	char *const *envp;
	const struct cred *cred;
	const struct path *workdir; /* where it starts */
	uint64_t ignored, blocked;  /* signals, as ksigset_t */
	struct file *stdio[3];      /* references taken over, also on failure; NULL: closed */
	/* the sandbox's console is the program's controlling terminal */
	bool controlling;
	/* Called when nothing is left that may take long, before the program's first instruction;
	 * NULL: nobody is. */
	void (*ready)(void *arg);
	void *ready_arg;
	/* Traces it, from before that instruction on; NULL: none. */
	struct debugger *debugger;
};

/* Loads the program as the sandbox's main process and lets it run. Errors as execve(2), with a
 * sentence. */
int sandbox_spawn(struct sandbox *sb, const struct spawn_request *rq, struct errmsg *errmsg);
/* Until no guest thread is left. */
void sandbox_wait_tasks(struct sandbox *sb);

#endif
