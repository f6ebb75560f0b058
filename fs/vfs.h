/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual file system: what every file system provides, and the path walk over all of them.
 *
 *   filesystem  one instance of a file system type, with a root inode
 *   inode       a file, directory, symlink, device... of a file system
 *   dentry      where an inode was found: its directory and name (made by a walk; there is no cache
 *               of them)
 *   mount       a filesystem placed in the tree; struct path = mount + dentry
 *   file        an open file description (fs/file.h)
 *
 * Path walk (fs/walk.c): root, cwd, mounts, "..", symlinks and RESOLVE_* flags are the vfs's. A
 * file system is asked for a run of plain names at once (ops->walk) and takes as many as it can in
 * one host call; it stops at a symlink. Runs never cross a mount point: each name is first asked
 * for among those that mounts cover (fs/mount.h).
 *
 * Errors are -errno as the system call returns it. Object first, then the caller.
 */
#ifndef HL_FS_VFS_H
#define HL_FS_VFS_H

#include <limits.h>
#include <linux/stat.h>
#include <linux/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <time.h>

#include "cred/cred.h"
#include "host/wait.h"
#include "mm/pagesource.h"
#include "util/list.h"
#include "util/lock.h"
#include "util/ref.h"

struct uio;
struct file;
struct inode;
struct inode_query;
struct dentry;
struct loader;
struct saver;
struct mnt_namespace;
struct mount;
struct mount_hash;
struct ns_numbers;
struct random_stream;
struct task;
struct text;
struct fs_struct;
struct inotify_table;
struct watch;

/* On whose behalf: filled by the system call layer, valid for the call. */
struct caller {
	const struct cred *cred;
	struct sleeper *sleeper;
	struct fs_struct *fs; /* root, cwd, umask */
	struct mnt_namespace *mnt_ns;
	pid_t tgid;                   /* SO_PEERCRED and the like */
	struct mm_host *mem;          /* where in-memory file systems get their pages */
	uint64_t fsize_limit;         /* RLIMIT_FSIZE; UINT64_MAX: none */
	uint64_t nofile_limit;        /* RLIMIT_NOFILE */
	uint64_t msgqueue_limit;      /* RLIMIT_MSGQUEUE */
	struct random_stream *random; /* NULL: the host's */
	size_t done;     /* bytes that the transfer moved before it was frozen: kernel/resume.h */
	uint64_t *place; /* in and out: the same of its place among those that wait */
	/* out: SIGPIPE, when the last reader left a transfer that had begun */
	int signal;
	/* opaque here: procfs and terminals, which stand above or get it through ops, look
	 * inside */
	struct task *task;
};

/* A place. A path that was looked up, or got from file_path, has both; nothing else may get into a
 * walk. */
struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

struct iattr {
	unsigned valid; /* ATTR_* */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size;
	struct timespec atime, mtime; /* tv_nsec may be UTIME_NOW or UTIME_OMIT */
};
/* ATTR_CHOWN: it is a chown(2), which takes the set-id bits away even when it changes neither
 * id. */
enum { ATTR_MODE = 1, ATTR_UID = 2, ATTR_GID = 4, ATTR_SIZE = 8, ATTR_TIMES = 16, ATTR_CHOWN = 32 };

/* What a walk found: a dentry, or a plain symlink it stopped behind. */
struct walk_step {
	struct dentry *dentry; /* reference for the caller; NULL only with `link` */
	/* the symlink's text when it came at no cost: malloc'ed, for the caller. NULL: see
	 * dentry */
	char *link;
	size_t consumed; /* bytes of `names` used up, without the slash behind */
	bool created;    /* by walk_open: the file is new */
};

/* How a run of names is to end. */
enum {
	STEP_DIRECTORY = 1, /* at a directory, else -ENOTDIR */
	STEP_NOFOLLOW = 2,  /* a symlink at the end is wanted itself: the dentry must be given */
};

/* What tells one inode from another while both are referenced, and from run to run of a walk. */
struct inode_id {
	uint64_t dev, ino;
	bool of_host; /* dev is major << 32 | minor of the host's device, ino what stat(2) shows */
};

/* An order of those of the host, or of those that are not. */
static inline int inode_id_compare(const struct inode_id *a, const struct inode_id *b)
{
	return a->ino != b->ino ? (a->ino < b->ino ? -1 : 1)
				: (a->dev > b->dev) - (a->dev < b->dev);
}

struct inode_ops {
	/* Directories: looks up `names` (len bytes: names separated by slashes; no "." and ".."
	 * unless FS_WALKS_DOTS), stops behind the first symlink, or earlier, at any directory on
	 * the way. `flags`: STEP_*.
	 * -ENOENT/-ENOTDIR/-EACCES... as Linux orders them.
	 * walk_by_lookup() serves file systems that find one name at a time. */
	int (*walk)(struct inode *dir, struct caller *c, const char *names, size_t len,
		    unsigned flags, struct walk_step *out);
	/* Optional short cuts for the last run of a path: walk, and on success do the work as well.
	 * When a symlink (or for walk_open something it does not open itself, a device node) is in
	 * the way, the result is as walk's, and the work is not done: *done false. `oflags` and
	 * `mode` as for create, O_CREAT and O_EXCL included. Of O_TRUNC with the right to write the
	 * file system only says whether there was anything to cut (out->created): the vfs does
	 * it. walk_open may also return 1: the vfs is to go step by step. */
	int (*walk_getattr)(struct inode *dir, struct caller *c, const char *names, size_t len,
			    unsigned flags, unsigned mask, struct statx *st, bool *done,
			    struct walk_step *out);
	int (*walk_query)(struct inode *dir, struct caller *c, const char *names, size_t len,
			  unsigned flags, struct inode_query *q, bool *done, struct walk_step *out);
	int (*walk_open)(struct inode *dir, struct caller *c, const char *names, size_t len,
			 int oflags, mode_t mode, struct file **file, struct walk_step *out);
	/* The directory above; never asked of a file system's root. */
	int (*parent)(struct inode *dir, struct caller *c, struct dentry **out);
	/* NULL: every inode is one object, its address tells it apart. */
	int (*identify)(struct inode *i, struct inode_id *out);
	int (*getattr)(struct inode *i, struct caller *c, unsigned mask, struct statx *out);
	int (*setattr)(struct inode *i, struct caller *c, const struct iattr *a);
	/* access(2) with the caller's fs ids: mask of R_OK, W_OK, X_OK */
	int (*permission)(struct inode *i, struct caller *c, int mask);
	/* Length of the target, cut to `size`, no NUL. */
	ssize_t (*readlink)(struct inode *i, struct caller *c, char *buf, size_t size);
	/* Magic links (/proc/PID/fd/N, exe, cwd, root): jump to *out instead of the text. NULL: a
	 * plain symlink. -ELOOP style errors as Linux. */
	int (*jump)(struct inode *i, struct caller *c, struct path *out);
	/* Opens what was found. `flags` are open(2)'s without creation flags but with O_TRUNC;
	 * O_PATH is the vfs's own. The file's path and flags are set by the vfs; a dentry in
	 * file.path, where the file system has given one (walk_open, create and tmpfile must), is
	 * kept. Character devices are opened by their number: fs/device.h. */
	int (*open)(struct inode *i, struct caller *c, struct dentry *d, int flags,
		    struct file **out);
	/* Device nodes that mean something of their own, whatever their number says (devpts); NULL:
	 * none are. */
	int (*open_device)(struct inode *i, struct caller *c, int flags, struct file **out);
	/* O_CREAT: opens or creates `name` in one step. *created tells which. -ELOOP when it is a
	 * symlink (the vfs follows it and comes back). `mode` has the umask taken off already. */
	int (*create)(struct inode *dir, struct caller *c, const char *name, int flags, mode_t mode,
		      struct file **out, bool *created);
	int (*tmpfile)(struct inode *dir, struct caller *c, int flags, mode_t mode,
		       struct file **out);
	int (*mknod)(struct inode *dir, struct caller *c, const char *name, mode_t mode, dev_t dev);
	int (*mkdir)(struct inode *dir, struct caller *c, const char *name, mode_t mode);
	int (*symlink)(struct inode *dir, struct caller *c, const char *name, const char *target);
	int (*link)(struct inode *dir, struct caller *c, const char *name, struct inode *target);
	int (*unlink)(struct inode *dir, struct caller *c, const char *name);
	int (*rmdir)(struct inode *dir, struct caller *c, const char *name);
	/* Both directories are of this file system. `flags`: RENAME_*. */
	int (*rename)(struct inode *dir, struct caller *c, const char *name, struct inode *newdir,
		      const char *newname, unsigned flags);
	ssize_t (*getxattr)(struct inode *i, struct caller *c, const char *name, void *buf,
			    size_t size);
	int (*setxattr)(struct inode *i, struct caller *c, const char *name, const void *buf,
			size_t size, int flags);
	ssize_t (*listxattr)(struct inode *i, struct caller *c, char *buf, size_t size);
	int (*removexattr)(struct inode *i, struct caller *c, const char *name);
	int (*statfs)(struct inode *i, struct caller *c, struct statfs *out);
	/* inotify_add_watch(2) with an instance of the host's; NULL: the host does not know the
	 * inode. */
	int (*watch)(struct inode *i, struct caller *c, int inotify, uint32_t mask);
	/* With FS_NOTIFIES: it is about to be watched, and is to stay one object while it has a
	 * name. NULL: it does so anyway. 0 or -errno. */
	int (*watched)(struct inode *i, struct caller *c);
	/* Path from the file system's root, starting with '/', into buf (NUL-terminated); "
	 * (deleted)" appended where the file is gone. Length or -errno (-ENAMETOOLONG). */
	int (*path)(struct inode *i, struct dentry *d, char *buf, size_t size);
	/* With FS_NOTIFIES: the directory in which what was found as `d` stands now, a reference,
	 * and its name there.
	 * *gone: it has lost its name, the last one is given. NULL: there is none, or it is not
	 * known. */
	struct inode *(*place)(struct inode *i, const struct dentry *d, char name[NAME_MAX + 1],
			       bool *gone);
	/* Snapshots: writes how its file system finds it, whatever its name leads to now
	 * (filesystem_ops.load_inode). NULL: by its name. */
	void (*save)(struct saver *s, struct inode *i);
	/* Last reference gone. */
	void (*release)(struct inode *i);
};

struct inode {
	struct ref refs;
	mode_t type; /* S_IFMT part, never changes */
	const struct inode_ops *ops;
	struct filesystem *fs;
	_Atomic(struct watch *) watch; /* fs/inotify.c; NULL: nobody watches it */
};

struct dentry {
	struct ref refs;
	struct inode *inode;
	struct inode *dir; /* the directory it was found in; NULL: a root, or not known */
	char name[];       /* in dir */
};

struct filesystem {
	struct ref refs;
	const struct filesystem_ops *ops;
	struct inode *root;
	const char *type; /* as in /proc/mounts */
	unsigned flags;   /* FS_* */
	/* st_dev of file systems in memory; 0: the inodes tell */
	dev_t dev;
	_Atomic bool readonly;  /* whatever its mounts say */
	_Atomic bool ended;     /* its last mount is gone */
	_Atomic unsigned shown; /* MS_SYNCHRONOUS and others that change nothing but /proc/mounts */
	/* Where the configuration of the sandbox mounts it, and how many others it has mounted
	 * there before: what a copy of a snapshot knows it by. NULL: a guest has made it. */
	char *place;
	unsigned place_nr;
	/* reference: who may change it and mount it elsewhere, and whose set-user-ID files count;
	 * NULL: the first. Constant once it is mounted */
	struct user_namespace *user_ns;
	/* who is told of its inodes; NULL: none was ever watched */
	_Atomic(struct inotify_table *) watched;
};

enum {
	FS_WALKS_DOTS =
	    1, /* runs may hold "." and any ".." that does not rise above the run's directory */
	/* open and the like check permissions themselves (the host kernel does) */
	FS_CHECKS_ACCESS = 2,
	/* walk_open does so, whoever checks other accesses (overlays) */
	FS_CHECKS_OPENS = 128,
	/* the host knows one user of the guest: only callers that override any file's modes are
	 * checked by it, and owners other than 0 are nobody the guest knows */
	FS_MAPS_OWNERS = 16,
	/* no device is opened here, whatever the mount says */
	FS_NODEV = 32,
	/* its files are the host's: the host keeps their times of access, and the flags that the
	 * monitor mounts it with are there to stay (-EPERM) */
	FS_OF_HOST = 64,
	/* has all names there can be: making another one is -ENOENT (procfs) */
	FS_KNOWS_NAMES = 4,
	/* inodes can be watched (fs/notify.h): each is one object while it has a name */
	FS_NOTIFIES = 8,
};

struct filesystem_ops {
	void (*destroy)(struct filesystem *fs);
	int (*sync)(struct filesystem *fs, struct caller *c); /* NULL: nothing to write back */
	/* What it adds to the options in /proc/mounts, each with a comma in front. NULL:
	 * nothing. */
	void (*show_options)(struct filesystem *fs, struct text *out);
	/* Reads what inode_ops.save of one of its inodes wrote: a reference. -EBADMSG, -ENOMEM. */
	int (*load_inode)(struct loader *l, struct filesystem *fs, struct dentry **out);
};

/* Times of access are kept as by relatime (mount(8)) unless a flag says otherwise. */
enum {
	MOUNT_RDONLY = 1,
	MOUNT_NOSUID = 2,
	MOUNT_NODEV = 4,
	MOUNT_NOEXEC = 8,
	MOUNT_NOATIME = 16,
	MOUNT_NODIRATIME = 32,
	MOUNT_STRICTATIME = 64,
	MOUNT_NOSYMFOLLOW = 128,
	MOUNT_LOCK_ATIME = 256, /* in mount.locked: how times of access are kept stays */
};

/* How many files are open, and may be: those with a descriptor, or that had one (in a message). */
struct file_count {
	_Atomic uint64_t open;
	uint64_t max;
};
#define FILES_UNLIMITED INT64_MAX /* as /proc/sys/fs/file-max has it */

/* What the file systems of a sandbox share, whatever namespace they are mounted in. */
struct vfs {
	struct mutex namespace_lock;    /* fs/mount.h */
	struct rwlock mount_lock;       /* the same */
	struct list mounts;             /* all there are, attached or not; mount_lock */
	uint64_t next_mount_id;         /* mount_lock */
	uint64_t next_group;            /* namespace_lock: fs/propagation.h */
	bool has_unmovable;             /* a mount has been `unmovable` once; namespace_lock */
	_Atomic uint64_t mount_event;   /* changes of namespaces so far */
	struct waitqueue mount_changed; /* whoever waits for the next one */
	uint64_t ram;                   /* bytes that the machine has */
	struct file_count files;
	struct file_count mapped; /* files of the host that are mapped, each once: mmap(2) */
	struct mm_host *mem;      /* what mounts are counted for; NULL: for nothing */
	struct mount_hash *mount_hash;
	/* Where files are that no directory of the guest's holds (memfd_create's, pipes, inherited
	 * descriptors), as pipefs, sockfs and others are on Linux: in no namespace, and no name can
	 * be looked up on it. */
	struct mount *internal;
	struct filesystem *nsfs;        /* of the files that stand for namespaces */
	struct filesystem *removed;     /* of directories that were: fs/removed_dir.h */
	struct ns_numbers *ns_numbers;  /* cred/ns_common.h */
	struct user_namespace *user_ns; /* the first one */
	_Atomic unsigned next_dev;
	_Atomic uint64_t next_anon_ino; /* of files without a path; starts at 1 */
	struct device_table *devices;   /* fs/device.h: what device numbers mean */
	/* `n` bytes from `u` were written to a standard descriptor (file.stdio); NULL: nobody wants
	 * to know. Constant. */
	void (*written)(void *arg, struct caller *c, const struct file *f, const struct uio *u,
			size_t n);
	void *written_arg;
	/* memfd_create's files; made when first asked for */
	_Atomic(struct filesystem *) memfs;
	struct lock_table *locks;       /* fs/locks.h */
	struct writers *writers;        /* fs/writers.h */
	struct users *users;            /* cred/user.h */
	struct inotify_table *inotify;  /* fs/inotify.h */
	_Atomic uint8_t protections[4]; /* fs/protect.h */
	/* what the monitor does in the guest's tree on its own account, and what the first program
	 * starts with: its own credentials, read once (dozens of host calls); in a private world
	 * root's */
	struct cred *monitor;
	/* absolute names of those whose root is this one are looked up below it first (fs/walk.c);
	 * dentry NULL: none */
	struct path sysroot;
	struct path sysroot_for;
};

/* Root, cwd and umask; shared by CLONE_FS. */
struct fs_struct {
	struct ref refs;
	struct vfs *vfs;
	struct mutex lock;
	struct path root, cwd;
	_Atomic unsigned umask;
};

/* fs/vfs.c: references and life-cycle */
struct inode *inode_get(struct inode *i);
void inode_put(struct inode *i);
/* A reference that may be there longer than any mount: it holds the file system, too. */
void inode_pin(struct inode *i);
void inode_unpin(struct inode *i);
struct dentry *dentry_new(struct inode *inode, struct inode *dir, const char *name,
			  size_t len); /* takes over `inode`, gets dir */
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
void filesystem_init(struct filesystem *fs, const struct filesystem_ops *ops, const char *type,
		     unsigned flags);
struct filesystem *filesystem_get(struct filesystem *fs);
void filesystem_put(struct filesystem *fs);
struct path path_get(const struct path *p);
void path_put(struct path *p);
void inode_init(struct inode *i, struct filesystem *fs, const struct inode_ops *ops, mode_t type);
/* Does `fs` check by itself what `c` may do? Else the vfs has to. */
bool fs_checks_access(const struct filesystem *fs, const struct caller *c);
/* Can it have files of the caller's user and group, as fsuidgid_has_mapping() of Linux? Not where
 * they are none of its user namespace: -EOVERFLOW of what makes one. */
int fs_check_new_owner(const struct filesystem *fs, const struct caller *c);
/* Are both references to one file? False also when it can not be told. */
bool inode_same(struct inode *a, struct inode *b);
int inode_identify(struct inode *i, struct inode_id *out);
int inode_getattr(struct inode *i, struct caller *c, unsigned mask, struct statx *out);
/* What a name of more than NAME_MAX bytes gives in `dir`, whose search right was asked. In a
 * directory that was removed there is no name, of whatever length: Linux asks that first. */
int name_too_long(struct inode *dir, struct caller *c);
/* For inode_ops.walk of file systems that find one name at a time: checks for a directory, the
 * right to search it and the length of names. `lookup` gives a reference, or -ENOENT. */
typedef int lookup_fn(struct inode *dir, struct caller *c, const char *name, size_t len,
		      struct inode **out);
int walk_by_lookup(struct inode *dir, struct caller *c, const char *names, size_t len,
		   unsigned flags, lookup_fn *lookup, struct walk_step *out);

/* fs/super.c */
/* `monitor`: what it may do (cred_of_monitor). */
int vfs_create(const struct cred_rights *monitor, struct vfs **out);
/* All its files are closed and its namespaces gone. */
void vfs_destroy(struct vfs *vfs);
/* The file system of files without a name, borrowed. */
int vfs_memfs(struct vfs *vfs, struct mm_host *mem, struct filesystem **out);
/* Writes back what the host keeps for all that is mounted (sync(2)). */
void vfs_sync(struct vfs *vfs, struct caller *c);
/* A device number for a file system in memory. */
dev_t vfs_new_dev(struct vfs *vfs);
/* The world is a private one: its first user is root, whoever started hl, and what its users are to
 * the host is the user namespace's to say. Before anything is mounted. 0 or -ENOMEM. */
int vfs_contain(struct vfs *vfs);
/* From now on absolute names are looked up below the directory `path` first, by those whose root is
 * `root`. Before the first task runs. */
void vfs_set_sysroot(struct vfs *vfs, const struct path *path, const struct path *root);

/* fs/fs_struct.c */
/* root and cwd at the root of the namespace, umask 022; NULL: no memory */
struct fs_struct *fs_struct_new(struct mnt_namespace *ns);
struct fs_struct *fs_struct_get(struct fs_struct *fs);
struct fs_struct *fs_struct_copy(struct fs_struct *fs);
void fs_struct_put(struct fs_struct *fs);
/* Take *p over. */
/* A reference. */
struct path fs_struct_root(struct fs_struct *fs);
/* The root's name from the root of all; length or -errno. */
int fs_struct_root_name(struct fs_struct *fs, char *buf, size_t size);
void fs_struct_set_cwd(struct fs_struct *fs, struct path *p);
void fs_struct_set_root(struct fs_struct *fs, struct path *p);
/* From `old` to `new`, if root or working directory are that (pivot_root(2)). */
void fs_struct_switch(struct fs_struct *fs, const struct path *old, const struct path *new);

/* fs/walk.c: path walk */
enum {
	WALK_NOFOLLOW = 1 << 0,  /* a symlink at the end is the result */
	WALK_DIRECTORY = 1 << 1, /* the result must be a directory */
	WALK_EMPTY_OK = 1 << 2,  /* "" is the start itself (AT_EMPTY_PATH) */
	/* openat2's RESOLVE_*, in their own bits */
	WALK_NO_XDEV = 1 << 8,
	WALK_NO_MAGICLINKS = 1 << 9,
	WALK_NO_SYMLINKS = 1 << 10,
	WALK_BENEATH = 1 << 11,
	WALK_IN_ROOT = 1 << 12,
};
/* Resolves `name` from `start` (NULL: the caller's cwd; ignored for absolute names, unless
 * WALK_IN_ROOT/BENEATH). */
int path_walk(struct caller *c, const struct path *start, const char *name, unsigned flags,
	      struct path *out);
/* Resolves all but the last name. `last` (NAME_MAX + 1 bytes) gets it: "" for "/" itself; "." and
 * ".." stay as they are with *last_type telling; *trailing_slash: the name ended in one. */
enum last_type { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT };
int path_walk_parent(struct caller *c, const struct path *start, const char *name, unsigned flags,
		     struct path *dir, char *last, enum last_type *type, bool *trailing_slash);
/* stat(2) and its family; no dentry is made where the file system can answer at once. */
int vfs_getattr(struct caller *c, const struct path *start, const char *name, unsigned walk_flags,
		unsigned mask, struct statx *out);
int path_getattr(const struct path *p, struct caller *c, unsigned mask, struct statx *out);
/* Adds what a mount tells of a file on it (STATX_MNT_ID); `root`: of what is mounted itself. */
void mount_getattr(const struct mount *m, bool root, unsigned mask, struct statx *out);
/* fs/open.c: -EINVAL for flags that do not go together. */
int vfs_check_open(int flags);
/* open(2) in full: creation, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_TRUNC, O_PATH,
 * O_TMPFILE, mounts that are read-only... */
int vfs_open(struct caller *c, const struct path *start, const char *name, int flags, mode_t mode,
	     unsigned walk_flags, struct file **out);
/* Its two halves: what makes the file, and what waits, perhaps long, for who opens the other end of
 * it. After -EINTR the second may be called again with the file, as if it had never stopped. */
int vfs_open_begin(struct caller *c, const struct path *start, const char *name, int flags,
		   mode_t mode, unsigned walk_flags, struct file **out);
int vfs_open_end(struct file *f, struct caller *c, int flags);
/* For execve(2): a regular file that `c` may execute but not read. */
int vfs_open_unreadable(struct caller *c, const struct path *start, const char *name,
			unsigned walk_flags, struct file **out);
/* fs/inode_path.c */
/* `path`, a name from the root of all, as seen from the directory that has the name `root` there;
 * points into it. NULL: it does not lie there. */
const char *path_below(const char *path, const char *root);
/* The same without the slash in front; "" for the root itself. */
const char *path_strip(const char *path, const char *root);
/* The path from the root of its file system, as inode_ops.path has it; "/" for that.
 * `d`: where it was found, NULL: not known, which is enough for a directory. */
int inode_path(struct inode *i, struct dentry *d, char buf[PATH_MAX]);
/* Does `i` lie in the directory `top` of the same file system, however deep, or is it that? */
bool inode_is_below(struct inode *i, struct inode *top);
/* fs/path.c: the absolute guest path of `p` as seen from `root`; of what does not lie there, and
 * where `root` is NULLs, from the root of all. Length or -errno. */
int path_string(const struct path *p, const struct path *root, char *buf, size_t size);
/* Only if it lies below `root`: 1; -ENOENT. */
int path_string_below(const struct path *p, const struct path *root, char *buf, size_t size);
/* The same as getcwd(2) has it: "(unreachable)" stands before what does not lie there. */
int path_string_cwd(const struct path *p, const struct path *root, char *buf, size_t size);
/* The rules of inode_permission(9) for in-memory file systems, from mode and owner and
 * capabilities. */
int generic_permission(const struct statx *st, const struct cred *cred, int mask);
/* The same where the mode does not decide but an ACL that said `acl`: 0, -EACCES; -EAGAIN: there is
 * none. */
int generic_permission_acl(const struct statx *st, const struct cred *cred, int mask, int acl);

#endif
