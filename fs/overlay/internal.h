/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the overlay alone.
 *
 * An ovl_inode is one file of the overlay, and while anyone has it, it is the only object for that
 * file: locks, watches, bound sockets and FIFOs hang on it, before its copy-up and after. Three
 * trees find it: a directory by its own directory and name (it has only one), any other file by its
 * inode in the upper layer and by the one in the lower layer that it was copied from.
 *
 * A directory shows what its upper inode has and, beneath, what its lower ones have. Names of the
 * upper layer are those of overlayfs:
 *
 *   whiteout             a character device 0:0: the name is not there, whatever lies beneath
 *   overlay.opaque=y     nothing shows through this directory
 *   overlay.redirect     the lower directories are not those of the same name but lie at this path
 *
 * and four of our own, for what POSIX promises and overlayfs does not:
 *
 *   overlay.ino          the number that the file had before it was copied up
 *   overlay.nlink        how many names it has more than the upper layer counts
 *   overlay.index        the file's name in "index", see below
 *   overlay.impure       the directory may hold files with one of the above by names that no
 *                        lower layer has
 *
 * What was one file by several names in a lower layer stays one: "index" has a link to each
 * such file that was copied up, by the identity of the lower one.
 *
 * Directories that were used lately are kept (`recent`), so that a path costs one call of the layer
 * that has its last name. The lower layers are taken to be constant, as overlayfs takes them.
 *
 * Locks: `tree` for writing while names change, so that nobody sees a change half done, for reading
 * while names are looked up; table_lock for the three trees, for where an inode lies (dir, name)
 * and for who copies it up. Others wait for that one on `copied`.
 */
#ifndef HL_FS_OVERLAY_INTERNAL_H
#define HL_FS_OVERLAY_INTERNAL_H

#include <sys/stat.h>

#include "fs/file.h"
#include "fs/overlay/overlay.h"
#include "fs/pipefs/pipe.h"
#include "util/rbtree.h"

#define OVL_RECENT 256 /* directories that are kept */
#define OVL_NAME   24  /* bytes of a name in "work" */

struct ovl_inode;

struct overlay {
	struct filesystem fs;
	struct vfs *vfs;
	struct overlay_layer upper, *lower; /* what they hold are references; `dir` is set */
	unsigned nr_lower;
	struct inode_id upper_id; /* of the directory that shows */
	/* A lower layer has the upper one in it, or what is written beside that: directories that
	 * cannot be shown. */
	bool traps;
	struct inode_id work_id;
	char *shown;
	bool never_written;
	struct inode *work, *index; /* directories of the upper layer */
	/* what the names of our attributes begin with: Linux lets only the host's root have those
	 * that begin with "trusted." */
	const char *prefix;
	/* The layers are asked with the monitor's rights, and all capabilities; modes are as
	 * given. */
	struct cred *mounter;
	struct fs_struct no_umask;
	int lock_fd;
	_Atomic uint64_t next_temp; /* names in "work" */
	_Atomic bool indexed;       /* "index" has something */

	struct rwlock tree;
	struct waitqueue copied;

	struct mutex table_lock;
	struct rb_tree by_name, by_upper, by_lower;
	struct ovl_inode *recent[OVL_RECENT];
	unsigned next_recent;
	uint64_t *devs; /* st_dev of all that was seen in the layers */
	unsigned nr_devs;
	struct list watched; /* struct ovl_inode.watch_node: a reference to each */
};

/* An inode of a layer. */
struct ovl_real {
	struct inode *inode; /* a reference */
	unsigned layer;      /* which lower one, from the top */
};

/* A copy that is being made. */
struct ovl_copy {
	char temp[OVL_NAME];    /* its name in "work" */
	struct inode *inode;    /* a reference */
	struct file *from, *to; /* of regular files */
	uint64_t at, size;      /* what is copied, and is to be */
};

struct ovl_inode {
	struct inode inode;
	/* set once, under tree for writing; a reference */
	_Atomic(struct inode *) upper;

	/* table_lock */
	struct rb_node name_node, upper_node, lower_node;
	bool in_names, in_uppers, in_lowers;
	struct inode_id upper_id, lower_id;
	struct ovl_inode *dir; /* a reference; NULL: the root */
	char *name;            /* there */
	struct list watch_node;

	_Atomic bool gone; /* written under tree: its last name is */
	/* directories: how many are in it; -1: not counted. Written under tree. */
	_Atomic int subdirs;

	/* what is asked of the layers once; set before the flag */
	_Atomic bool ino_known, attr_known;
	_Atomic uint64_t ino;
	struct statx attr; /* while there is no upper inode; under table_lock before attr_known */

	bool copying;          /* somebody copies it up; table_lock */
	struct ovl_copy *copy; /* one that a freeze has ended; of whoever copies */

	struct fifo fifo; /* of a FIFO */

	unsigned nr_lower; /* constant; 1 at most, but for directories */
	struct ovl_real lower[];
};

static inline struct overlay *overlay_of(struct inode *i)
{
	return container_of(i->fs, struct overlay, fs);
}
static inline struct ovl_inode *ovl_inode(struct inode *i)
{
	return container_of(i, struct ovl_inode, inode);
}
static inline bool ovl_is_dir(const struct ovl_inode *oi)
{
	return (oi->inode.type & S_IFMT) == S_IFDIR;
}
/* What tells its attributes now. */
static inline struct inode *ovl_real(struct ovl_inode *oi)
{
	struct inode *upper = oi->upper;

	return upper ? upper : oi->lower[0].inode;
}
/* Does the host keep its files, with owners and attributes of its own? */
static inline bool ovl_on_host(const struct inode *i)
{
	return i->fs->flags & (FS_CHECKS_ACCESS | FS_MAPS_OWNERS);
}
static inline void ovl_put(struct ovl_inode *oi)
{
	inode_put(oi ? &oi->inode : NULL);
}

/* layer.c: the layers' own operations, with the rights of who mounted them */
/* `c` NULL: on nobody's behalf. */
struct caller ovl_mounter(struct overlay *o, const struct caller *c);
/* A reference. `name` need not end in a NUL. */
int ovl_real_lookup(struct inode *dir, struct caller *mc, const char *name, size_t len,
		    struct inode **out);
/* A file of a layer, before its first use. */
void ovl_take_file(struct file *real);
int ovl_real_open(struct inode *i, struct caller *mc, int flags, struct file **out);
bool ovl_hides_reads(const struct overlay *o);
int ovl_open_lower(struct overlay *o, struct caller *mc, struct inode *i, struct file **out);
bool ovl_is_whiteout(struct inode *i, struct caller *mc);
/* Attributes of ours on inodes of the upper layer, by their last name. Length or -errno. */
ssize_t ovl_get_mark(struct overlay *o, struct caller *mc, struct inode *i, const char *mark,
		     char *buf, size_t size);
int ovl_set_mark(struct overlay *o, struct caller *mc, struct inode *i, const char *mark,
		 const char *value);
/* Is it one of ours, that a guest does not see? */
bool ovl_is_private(const char *name);
/* All names, in a buffer for the caller; bytes or -errno. */
ssize_t ovl_real_listxattr(struct inode *real, struct caller *c, char **out);

/* number.c */
int ovl_ino(struct ovl_inode *oi, struct caller *mc, uint64_t *out);
/* Of a file with an upper inode: may it show another number than that? */
bool ovl_has_other_number(struct ovl_inode *oi, struct caller *mc);
/* What an inode of a layer shows. */
int ovl_number_of(struct overlay *o, struct caller *mc, struct inode *real, uint64_t *ino);
/* `dev`: major << 32 | minor. */
uint64_t ovl_shown_ino(struct overlay *o, uint64_t dev, uint64_t ino);

/* inode.c */
/* With room for its lower inodes, to be filled in; ovl_enter or ovl_discard follows. NULL: no
 * memory. */
struct ovl_inode *ovl_new(struct overlay *o);
void ovl_discard(struct ovl_inode *oi);
/* The one object for the file: `oi` (taken over), or the one that is there already. */
struct ovl_inode *ovl_enter(struct overlay *o, struct ovl_inode *oi);
/* For a while it stays in memory, whoever has it. */
void ovl_keep(struct ovl_inode *oi);
/* A directory that is there in memory, a reference; NULL: none. */
struct ovl_inode *ovl_cached(struct overlay *o, struct ovl_inode *dir, const char *name,
			     size_t len);
/* Files lie at other places now, all at once. The names are taken over. */
struct ovl_move {
	struct ovl_inode *inode, *dir;
	char *name;
};
void ovl_set_places(struct ovl_move *moves, unsigned n);
/* Is `oi` that directory, or does it lie below it? */
bool ovl_is_below(struct ovl_inode *oi, const struct ovl_inode *dir);
void ovl_set_upper(struct ovl_inode *oi, struct inode *upper); /* a reference, taken over */
/* Its last name is gone. */
void ovl_set_gone(struct ovl_inode *oi);

/* attr.c */
int ovl_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out);
int ovl_setattr(struct inode *i, struct caller *c, const struct iattr *a);
int ovl_permission(struct inode *i, struct caller *c, int mask);
ssize_t ovl_readlink(struct inode *i, struct caller *c, char *buf, size_t size);
int ovl_statfs(struct inode *i, struct caller *c, struct statfs *out);
/* From attributes of an inode of a layer to those of the overlay's. */
void ovl_set_identity(struct overlay *o, struct statx *st, uint64_t ino);
/* What the names of an indexed file outnumber the links of its upper inode by. */
int ovl_extra_links(struct ovl_inode *oi, struct caller *mc);

/* xattr.c */
ssize_t ovl_getxattr(struct inode *i, struct caller *c, const char *name, void *buf, size_t size);
int ovl_setxattr(struct inode *i, struct caller *c, const char *name, const void *buf, size_t size,
		 int flags);
ssize_t ovl_listxattr(struct inode *i, struct caller *c, char *buf, size_t size);
int ovl_removexattr(struct inode *i, struct caller *c, const char *name);

/* lookup.c */
/* tree is held. A reference. */
int ovl_lookup(struct ovl_inode *dir, struct caller *mc, const char *name, size_t len,
	       struct ovl_inode **out);
/* Has a layer below the upper one something at the name? 1, 0, -errno; tree is held. */
int ovl_beneath(struct ovl_inode *dir, struct caller *mc, const char *name);
/* The identity of a lower inode, as a name in "index". */
int ovl_index_name(struct overlay *o, struct caller *mc, const struct ovl_real *lower,
		   char name[OVL_NAME * 3]);
int ovl_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
	     struct walk_step *out);
int ovl_walk_getattr(struct inode *dir, struct caller *c, const char *names, size_t len,
		     unsigned flags, unsigned mask, struct statx *st, bool *done,
		     struct walk_step *out);
int ovl_walk_open(struct inode *dir, struct caller *c, const char *names, size_t len, int oflags,
		  mode_t mode, struct file **file, struct walk_step *out);
int ovl_parent(struct inode *dir, struct caller *c, struct dentry **out);
int ovl_path(struct inode *i, struct dentry *d, char *buf, size_t size);
struct inode *ovl_place(struct inode *i, const struct dentry *d, char name[NAME_MAX + 1],
			bool *gone);

/* copyup.c */
/* Gives the file an upper inode, and all directories above it; of its data the first `size` bytes.
 * No lock is held. */
int ovl_copy_up(struct ovl_inode *oi, struct caller *c, uint64_t size);

/* copyattr.c */
/* Owner, extended attributes, mode and times. */
int ovl_copy_attributes(struct overlay *o, struct caller *mc, struct inode *from,
			const struct statx *st, struct inode *to);
/* The last access and the last change. */
int ovl_set_times(struct inode *i, struct caller *mc, const struct statx *st);

/* file.c */
int ovl_open(struct inode *i, struct caller *c, struct dentry *d, int flags, struct file **out);
/* A file of `oi` around one of a layer (`upper`, or a lower one), which is taken over. */
int ovl_file_new(struct ovl_inode *oi, struct dentry *d, int flags, struct file *real, bool upper,
		 struct file **out);

/* readdir.c */
int ovl_dir_open(struct dentry *d, int flags, struct file **out);
/* tree is held: is nothing in it, and how many directories are? */
int ovl_dir_is_empty(struct ovl_inode *dir, struct caller *mc, bool *empty);
int ovl_count_subdirs(struct ovl_inode *dir, struct caller *mc);

/* work.c: the directory of the upper layer in which things are made, and to which they go */
void ovl_temp_name(struct overlay *o, char name[OVL_NAME]);
/* Removes what was moved there: a file, or a directory that holds nothing but whiteouts. */
void ovl_work_remove(struct overlay *o, struct caller *mc, const char *temp);
void ovl_work_clean(struct overlay *o, struct caller *mc);
/* Moves what the upper layer has at the name there; -ENOENT: nothing. And back. */
int ovl_set_aside(struct overlay *o, struct caller *mc, struct inode *dir, const char *name,
		  char temp[OVL_NAME]);
void ovl_put_back(struct overlay *o, struct caller *mc, struct inode *dir, const char *name,
		  const char *temp);
/* Puts a whiteout where the upper layer has something at the name, or nothing; what was there
 * goes. */
int ovl_whiteout(struct overlay *o, struct caller *mc, struct inode *dir, const char *name,
		 bool there);

void ovl_copy_free(struct ovl_copy *x);
/* The same, and what was made is removed. */
void ovl_copy_undo(struct overlay *o, struct caller *mc, struct ovl_copy *x);
void ovl_copy_drop(struct ovl_inode *oi); /* the file is about to be freed */

/* names.c */
int ovl_create(struct inode *dir, struct caller *c, const char *name, int flags, mode_t mode,
	       struct file **out, bool *created);
int ovl_tmpfile(struct inode *dir, struct caller *c, int flags, mode_t mode, struct file **out);
int ovl_mknod(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev);
int ovl_mkdir(struct inode *dir, struct caller *c, const char *name, mode_t mode);
int ovl_symlink(struct inode *dir, struct caller *c, const char *name, const char *target);
int ovl_link(struct inode *dir, struct caller *c, const char *name, struct inode *target);
int ovl_unlink(struct inode *dir, struct caller *c, const char *name);
int ovl_rmdir(struct inode *dir, struct caller *c, const char *name);
/* May `c` take `victim` out of `dir`? */
int ovl_may_delete(struct ovl_inode *dir, struct ovl_inode *victim, struct caller *c);
/* The directory lost a directory, or got one. */
void ovl_add_subdirs(struct ovl_inode *dir, int n);
/* A name of the file is gone; `linked`: the upper layer had counted it. */
void ovl_lost_name(struct ovl_inode *oi, struct caller *mc, bool linked);
/* Has the file to be copied before a name of it goes? One of several names, so that those that are
 * left know it. */
bool ovl_must_copy(struct ovl_inode *oi, struct caller *mc);

/* rename.c */
int ovl_rename(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
	       const char *newname, unsigned flags);

#endif
