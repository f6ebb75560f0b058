/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of cpiofs alone. */
#ifndef HL_FS_CPIOFS_INTERNAL_H
#define HL_FS_CPIOFS_INTERNAL_H

#include "fs/cpiofs/cpiofs.h"
#include "fs/cpiofs/index.h"
#include "fs/pipefs/pipe.h"
#include "util/lock.h"

/*
 * Files are known by their nodes in the index. Inodes are made when somebody needs one and are
 * found again as long as it is referenced; directories are read from the index when they are first
 * searched, and kept.
 *
 * Locks: cpiofs.lock guards the table of inodes and the list of directories; a file's pages_lock
 * the pages that were copied for its mappings.
 */
struct cpiofs {
	struct filesystem fs;
	struct archive archive;
	struct index index;
	struct arena *arena;
	struct mutex lock;
	struct cpio_slot *slots; /* one a node */
	struct cpio_dir *dirs;   /* all that were read; guarded by lock */
};

struct cpio_slot {
	_Atomic(struct cpio_dir *) dir; /* set once */
	struct cpio_inode *inode;       /* guarded by cpiofs.lock; no reference */
	/* its header was found to be that of its name */
	_Atomic bool verified;
	_Atomic bool summed; /* its checksum was found to be right */
};

/* A directory as the index has it, checked. Constant. */
struct cpio_dir {
	struct cpio_dir *next; /* cpiofs.dirs */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t self, parent, first, count;
	struct cpio_entry {
		uint32_t name; /* in names */
		uint16_t len, type;
		uint32_t inode; /* as index_node; a directory is its own */
	} * entry;
	char *names; /* each with a NUL behind it */
};

/* What an entry of the archive says of a file. */
struct cpio_attr {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t nlink, mtime;
	dev_t rdev;
	uint64_t size, data; /* data: an offset in the archive */
	uint32_t sum;
	bool summed;
};

struct cpio_inode {
	struct inode inode;
	uint32_t node;
	union {
		struct fifo fifo;
		struct { /* regular files */
			uint64_t size, data;
			struct pagesource source;
			struct mutex pages_lock;
			/* Arena pages with copies, from page first_copy of the file on: NO_PAGE
			 * where there is none yet. NULL: none ever. pages_lock */
			uint64_t *pages;
			uint64_t first_copy;
		};
	};
};

#define NO_PAGE UINT64_MAX

static inline struct cpiofs *cpiofs_of(struct inode *i)
{
	return container_of(i->fs, struct cpiofs, fs);
}
static inline struct cpio_inode *cpio_inode(struct inode *i)
{
	return container_of(i, struct cpio_inode, inode);
}

extern const struct pagesource_ops cpio_source_ops;

/* attr.c */
/* The attributes of node `i`, from its header, which is read and checked each time. 0 or -EIO. */
int cpio_attr(struct cpiofs *cf, uint32_t i, struct cpio_attr *out);
void cpio_fill(struct cpiofs *cf, uint32_t i, const struct cpio_attr *a, struct statx *out);
/* The target of a symlink, cut to size - 1, with a NUL behind it. Length or -errno. */
ssize_t cpio_target(struct cpiofs *cf, const struct cpio_attr *a, char *buf, size_t size);

/* inode.c */
/* The inode of node `i`, a reference. */
int cpio_get_inode(struct cpiofs *cf, uint32_t i, struct inode **out);

/* xattr.c */
ssize_t cpio_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size);
ssize_t cpio_listxattr(struct inode *i, struct caller *c, char *buf, size_t size);

/* dir.c */
void cpio_dir_free(struct cpio_dir *d);
int cpio_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
	      struct walk_step *out);
int cpio_walk_getattr(struct inode *dir, struct caller *c, const char *names, size_t len,
		      unsigned flags, unsigned mask, struct statx *st, bool *done,
		      struct walk_step *out);
int cpio_parent(struct inode *dir, struct caller *c, struct dentry **out);
int cpio_path(struct inode *i, struct dentry *d, char *buf, size_t size);
int cpio_readdir(struct file *f, struct caller *c, struct dir_emit *e);

/* file.c */
int cpio_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out);
void cpio_free_pages(struct cpio_inode *ci);

#endif
