/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names of a workspace's directories may be secrets, kept from one start to the next: a
 * checkout of 20,000 files takes the host five milliseconds to list.
 *
 * A directory that has the inode and the times it had has the names it had: whatever is added,
 * renamed or removed there sets the time of its last change, which nobody can set otherwise. Only
 * names are kept, and directories that changed shortly before they were listed are not, for their
 * times are coarse; nor are those of file systems whose times are another machine's.
 *
 * What a guest may not see depends on it. So it lies where only somebody who acts as the user
 * already could write, the directory of the user's sockets:
 *
 * 	$XDG_RUNTIME_DIR    /run/user/UID    /run, of root
 *
 * in a file of ours which nobody else can read or write; anything else counts as none. Where there
 * is no such place, all is listed at each start.
 */
#ifndef HL_LIB_LISTINGS_H
#define HL_LIB_LISTINGS_H

#include <sys/stat.h>

#include "lib/strings.h"

struct listings;

/* Those of the directory `top`, without symlinks, and below. NULL: nothing is kept. All functions
 * take NULL. */
struct listings *listings_open(const char *top);
/* The names that were kept of the directory; NULL: it has to be listed. */
const struct strings *listings_find(struct listings *l, const struct stat *dir);
/* It was listed by `fd`, and was like `dir` before, with `all` names. Takes those over that count,
 * each without a newline. */
void listings_keep(struct listings *l, int fd, const struct stat *dir, unsigned all,
		   struct strings *names);
/* Writes what has changed, unless it is quickly listed again. */
void listings_close(struct listings *l);

#endif
