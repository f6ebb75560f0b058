/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of hl_config_set_workspace: one directory of the host's to work in, with the host's
 * programs, a home of its own, and none of the user's secrets.
 *
 * 	programs, /etc, /tmp	as lib/isolate.h has them
 * 	DIR			the host's, writable, at its own path
 * 	home			in memory, at its own path: writable, lost at the end. There the
 * 				user's tool chains are the host's, read-only, and what package
 * 				managers have downloaded is, with a layer in memory for what is new
 *
 * Within DIR two kinds of things are kept from the program, by mounts over them: secrets, which it
 * cannot read, and what programs of the host run or obey by themselves, which it cannot change:
 * hooks and settings of git, of editors, and where DIR is the home, of shells.
 */
#ifndef HL_LIB_WORKSPACE_H
#define HL_LIB_WORKSPACE_H

#include <limits.h>

#include "lib/config.h"
#include "util/errmsg.h"

struct workspace {
	char dir[PATH_MAX];  /* without symlinks */
	char home[PATH_MAX]; /* of the caller, or /root */
};

/* Which directory it is. -errno, with a message: it does not exist, or is none to work in. */
int workspace_find(const struct hl_config *cfg, struct workspace *out, struct errmsg *errmsg);
/* Adds it to the list, where that of isolate_add stands already. -errno, with a message or none. */
int workspace_add(const struct workspace *w, struct mount_list *l, struct errmsg *errmsg);
/* Where the program starts: the caller's working directory if it is in the workspace, else DIR. */
void workspace_start(const struct workspace *w, char path[PATH_MAX]);

/* lib/workspace_env.c. What of the caller's environment goes in; the first ones are not the
 * caller's: HOME, PATH. false: no memory. */
bool workspace_environment(const struct workspace *w, const struct strings *caller,
			   const char *home, struct strings *out);

#endif
