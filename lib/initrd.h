/* SPDX-License-Identifier: Apache-2.0 */
/* An archive in the making (hl_initrd of hl.h): shared by lib/initrd.c, which collects its files,
 * lib/initrd_order.c and lib/initrd_write.c. */
#ifndef HL_LIB_INITRD_H
#define HL_LIB_INITRD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "hl.h"

struct initrd_xattr {
	struct initrd_xattr *next;
	uint32_t name_len, len; /* the name without a NUL, and the value behind it */
	char bytes[];
};

struct initrd_file {
	char *guest;  /* its name in the archive, without a slash in front; "" is the root */
	char *source; /* where it is on the host; of what was put, the target of a symlink */
	struct stat st;
	hl_initrd_read *read; /* its contents, of what was put; NULL: it is a file of the host */
	void *read_arg;
	struct initrd_xattr *xattrs; /* the last that was put first */
	size_t order;                /* in which it was added: of one name the last counts */
	/* in the archive; set when it is written */
	uint32_t ino, nlink;
	struct initrd_file
	    *first;    /* of the hard links to the file, by name; NULL: the file itself */
	bool has_data; /* the last of the hard links has them */
};

struct hl_initrd {
	struct initrd_file *file;
	size_t count, room;
	bool keep_owners;
	bool clamps_times;
	uint32_t newest;    /* with clamps_times: no file is younger */
	struct stat output; /* of a file that stays out; st_nlink 0: none */
};

/* The target of a symlink, without a NUL; -1 with errno. */
ssize_t initrd_readlink(const struct initrd_file *f, char *buf, size_t size);

/* lib/initrd_order.c: the files as they are to be written, with what `nlink` and what follows it
 * say; *n of them, in an array to free. NULL: the error is set. */
struct initrd_file **initrd_order(struct hl_initrd *a, size_t *n, struct hl_error **err);

#endif
