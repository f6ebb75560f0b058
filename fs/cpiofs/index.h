/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of an archive as a tree, so that a path is found without reading the archive:
 *
 * 	node 0    the root
 * 	node 1... all others; those of one directory stand together, ordered by name, and always
 *          behind the directory's own node
 * 	names     the text of all names, in the same order; behind it, extended attributes
 *
 * Nodes hold no attributes, but tell where the header with them is. The index is made by a scan of
 * the archive (scan.h), or lies in the archive: `hl mkinitrd` puts it into a file of the archive,
 * the last one, and it is found from the archive's end.
 *
 * 	... | header, name | nodes | names | 0-7 NULs | footer | trailer |
 *
 * It is as hostile as the rest of the archive. What index_node and index_name give has been checked
 * by itself and against the bounds; that nodes stand behind those of their directories makes loops
 * impossible. Whether headers are those of the names that a node has is checked when an inode is
 * made (super.c).
 */
#ifndef HL_FS_CPIOFS_INDEX_H
#define HL_FS_CPIOFS_INDEX_H

#include <limits.h>

#include "fs/cpiofs/archive.h"

#define INDEX_NAME  ".hl-index"
#define INDEX_MAGIC "hl cpio index 1\n"
#define INDEX_ALIGN 8UL
#define NO_HEADER   UINT64_MAX /* a directory that the archive has no entry for */

/* Little endian, as everything hl runs on. */
struct index_node {
	uint64_t header; /* of its attributes, from the archive's beginning; NO_HEADER */
	union {
		uint64_t data;    /* regular files: the header that has the contents */
		uint64_t subdirs; /* directories: how many of the names are directories */
	};
	uint32_t parent, name; /* name: an offset into the names */
	union {
		uint32_t first; /* directories: the node of the first name in them */
		uint32_t inode; /* others: the node that stands for all hard links of the file */
	};
	union {
		uint32_t count; /* directories: names */
		uint32_t nlink; /* others */
	};
	uint16_t name_len;
	uint16_t type; /* S_IFMT of the mode */
	/* Extended attributes of the node that stands for all hard links, which the format of the
	 * archive has no place for: an offset into the names, where a number says how many bytes of
	 * struct index_xattr_head follow. 0: none. */
	uint32_t xattrs;
};
_Static_assert(sizeof(struct index_node) == 40, "part of the archive's format");

/* The name and a NUL follow, then the value. */
struct index_xattr_head {
	uint32_t name_len, value_len;
};

struct index_footer {
	char magic[16];
	/* from the archive's beginning: what was put before an archive makes its index void */
	uint64_t self, nodes;
	uint64_t names_len;
	uint32_t count;
	uint32_t zero;
};
_Static_assert(sizeof(struct index_footer) == 48, "part of the archive's format");

struct index {
	uint32_t count;
	uint64_t names_len;
	const char *nodes, *names; /* read by fixup_copy alone */
	uint64_t archive_size;
	char *made; /* by a scan: nodes and names. NULL: they lie in the archive's mapping */
};

/* Finds the index at the end of the archive. False: there is none that fits. */
bool index_find(struct index *ix, const struct archive *a);
/* Is the file whose data are [off, off + len) of the archive an index? */
bool index_is_at(const struct archive *a, uint64_t off, uint64_t len);
void index_free(struct index *ix);
/* 0, or -EIO: it cannot be right. */
int index_node(const struct index *ix, uint32_t i, struct index_node *out);
/* The name of a node, with a NUL behind it. */
int index_name(const struct index *ix, const struct index_node *n, char name[NAME_MAX + 1]);
/* The path of a node from the root, with a slash in front; "" for the root. Length or -errno. */
int index_path(const struct index *ix, uint32_t i, char *buf, size_t size);

/* The extended attributes of a node, copied, to be freed. */
struct index_xattrs {
	char *bytes; /* NULL: none */
	size_t len;
};
/* 0; -ENOMEM; -EIO. */
int index_xattrs(const struct index *ix, uint32_t i, struct index_xattrs *out);

/* One of them. */
struct index_xattr {
	size_t left; /* at the first call 0; bytes behind it, and 1 */
	const char *name, *value;
	uint32_t len;
};
/* The next one, until there is none that fits. */
bool index_next_xattr(const struct index_xattrs *all, struct index_xattr *x);

#endif
