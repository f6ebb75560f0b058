/* SPDX-License-Identifier: Apache-2.0 */
/* The (directory, name) pair that most file system calls begin with. */
#ifndef HL_SYS_AT_H
#define HL_SYS_AT_H

#include <fcntl.h>

#include "sys/sys.h"

struct at {
	struct caller c;
	char *name;
	struct file *file; /* behind the directory descriptor; NULL: cwd, or the name is absolute */
	const struct path *start;
};

/* Fetches them. at_put is due only after 0. */
int at_get(struct task *t, int dfd, uint64_t name, bool empty_ok, struct at *out);
void at_put(struct at *at);
/* "" with AT_EMPTY_PATH: the descriptor itself is meant. */
static inline bool at_is_file(const struct at *at)
{
	return at->name[0] == '\0' && at->file;
}
/* Walks there: a path to put. `at_flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. -ENOTDIR for a file without a path. */
int at_walk(struct at *at, int at_flags, struct path *out);
unsigned at_walk_flags(int at_flags);

#endif
