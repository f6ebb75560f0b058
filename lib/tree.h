/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's file tree, and finding the program in it. */
#ifndef HL_LIB_TREE_H
#define HL_LIB_TREE_H

#include "lib/config.h"
#include "util/why.h"

struct path;
struct sandbox;

/* Mounts what the configuration lists. 0 or -errno. */
int tree_mount(struct sandbox *sb, const struct hl_config *cfg, struct why *why);
/* Where the program starts, a reference to put: `dir`, a path of the guest, relative to the calling
 * process's directory, which NULL stands for; that may have been removed. 0 or -errno. */
int tree_find_workdir(struct sandbox *sb, const char *dir, struct path *out, struct why *why);
/* The path to execute for the program of `cfg` (malloc'd): itself if it has a slash, else the first
 * hit in PATH, as execvp(3). -ENOENT, or -EACCES when all that was found may not be executed, and
 * the like. */
int tree_find_program(struct sandbox *sb, const struct hl_config *cfg, const struct path *workdir,
		      char **out, struct why *why);
/* Could the file at `path` be a script without its "#!" line, which shells run as one of theirs? */
bool tree_looks_like_script(struct sandbox *sb, const struct path *workdir, const char *path);

#endif
