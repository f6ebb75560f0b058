/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of its own that gives a finished file its name, or removes it: for a monitor that can
 * do neither itself, because it is confined by then. It is told the two names before, and later one
 * byte, and can do nothing else. Where the monitor ends without a word, by whatever means, the file
 * is removed.
 */
#ifndef HL_SNAPSHOT_NAMER_H
#define HL_SNAPSHOT_NAMER_H

/* A descriptor to talk with it: closing it removes the file. -errno. */
int namer_start(const char *aside, const char *path);
/* `aside` is `path` from now on, and that is on disk. 0 or -errno; the process has ended then. */
int namer_finish(int fd);

#endif
