/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's file tree, and finding the program in it. */
#ifndef HL_LIB_TREE_H
#define HL_LIB_TREE_H

#include "fs/vfs.h"
#include "lib/config.h"
#include "util/errmsg.h"

struct cred;
struct sandbox;

/* Where a program is looked for. All borrowed. */
struct start_point {
	const struct cred *cred; /* whose rights count */
	const struct strings *env;
	struct path workdir;
};

/* Mounts what world_mounts lists of the configuration. 0 or -errno; -ETIMEDOUT where something is
 * not read by `deadline` (monotonic_ns(); 0: none). */
int tree_mount(struct sandbox *sb, const struct hl_config *cfg, struct mount_list *mounts,
	       uint64_t deadline, struct errmsg *errmsg);
/* Where the program starts, a reference to put: a path of the guest. In a plain world it is
 * relative to the calling process's directory, which is also the default; that may have been
 * removed. In a private one both are "/". 0 or -errno. */
int tree_find_workdir(struct sandbox *sb, const struct hl_config *cfg, struct path *out,
		      struct errmsg *errmsg);
/* The path to execute for the program `name` (malloc'd): itself if it has a slash, else the first
 * hit in PATH, as execvp(3). -ENOENT, or -EACCES when all that was found may not be executed, and
 * the like. */
int tree_find_program(struct sandbox *sb, const struct start_point *from, const char *name,
		      char **out, struct errmsg *errmsg);
/* Could the file at `path` be a script without its "#!" line, which shells run as one of theirs? */
bool tree_looks_like_script(struct sandbox *sb, const struct start_point *from, const char *path);

#endif
