/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls that only read something of a file by its name ask: access(2), readlink(2),
 * getxattr(2), listxattr(2). A file system of the host's answers many of them in fewer host calls
 * than it takes to make an inode first (inode_ops.walk_query).
 */
#ifndef HL_FS_QUERY_H
#define HL_FS_QUERY_H

#include "fs/vfs.h"

struct inode_query {
	enum { QUERY_ACCESS, QUERY_READLINK, QUERY_GETXATTR, QUERY_LISTXATTR } what;
	int mask;         /* QUERY_ACCESS: as for access(2) */
	const char *name; /* QUERY_GETXATTR */
	char *buf;        /* the others' answer, without a NUL; */
	size_t size;      /* 0: how long it would be */
	ssize_t answer;   /* out: bytes, 0, or -errno */
};

/* The answer for what `name` leads to, as for path_walk; or its error. */
ssize_t vfs_query(struct caller *c, const struct path *start, const char *name, unsigned walk_flags,
		  struct inode_query *q);
/* The same of what was found. */
ssize_t path_query(const struct path *p, struct caller *c, struct inode_query *q);

#endif
