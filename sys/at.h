/* SPDX-License-Identifier: Apache-2.0 */
/* The (directory, name) pair that most file system calls begin with. */
#ifndef HL_SYS_AT_H
#define HL_SYS_AT_H

#include <fcntl.h>

#include "sys/sys.h"

struct at {
	struct caller c;
	char *name;
	/* behind the directory descriptor; NULL: cwd, or the name is absolute */
	struct file *file;
	const struct path *start; /* its place; NULL likewise */
	struct path place;        /* of a file that has none of its own */
};

/* Fetches them. at_put is due only after 0. -EBADF, -ENOTDIR and the errors of get_path. */
int at_get(struct task *t, int dfd, gva_t name, bool empty_ok, struct at *out);
/* The same with a name that has been fetched, which is taken over, also on failure. */
int at_begin(struct task *t, int dfd, char *name, struct at *out);
/* Begins at `dfd` even where the name is absolute (openat2(2), RESOLVE_IN_ROOT). 0 or -errno. */
int at_scope(struct task *t, int dfd, struct at *at);
/* Of two, in the order in which they were got (task_fd_put()). */
void at_put(struct at *at);
/* "" with AT_EMPTY_PATH: the descriptor itself is meant. */
static inline bool at_is_file(const struct at *at)
{
	return at->name[0] == '\0' && at->file;
}
/* Walks there: a path to put. `at_flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
int at_walk(struct at *at, int at_flags, struct path *out);
unsigned at_walk_flags(int at_flags);

#endif
