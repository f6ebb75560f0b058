/* SPDX-License-Identifier: Apache-2.0 */
/* An open file description (open(2)): what descriptors, dup'd and inherited, point at. */
#ifndef HL_FS_FILE_H
#define HL_FS_FILE_H

#include "fs/vfs.h"
#include "mm/uio.h"
#include "util/lock.h"
#include "util/ref.h"
#include "util/text.h"

struct file;
struct mapped_place;
struct saved_kind;

/* The events that most files have (poll(2)): there is something to read, and room to write. */
#define POLL_READ  (POLLIN | POLLRDNORM)
#define POLL_WRITE (POLLOUT | POLLWRNORM)

/* Where a poll collects whom to listen to. A file calls poll_wait for each of its queues, or
 * poll_host for a host descriptor whose changes are to be heard of; poll_host_alone where that
 * descriptor's readiness is the file's, bit for bit. True then: what is ready now is heard of, too,
 * and the file need not look. */
struct poll_table {
	void (*wait)(struct poll_table *pt, struct waitqueue *q);
	void (*host)(struct poll_table *pt, int host_fd);
	bool (*host_alone)(struct poll_table *pt, int host_fd); /* NULL: as host */
	unsigned events;                                        /* of interest: POLL* */
};
static inline void poll_wait(struct poll_table *pt, struct waitqueue *q)
{
	if (pt)
		pt->wait(pt, q);
}
static inline void poll_host(struct poll_table *pt, int host_fd)
{
	if (pt)
		pt->host(pt, host_fd);
}
static inline bool poll_host_alone(struct poll_table *pt, int host_fd)
{
	if (pt && pt->host_alone)
		return pt->host_alone(pt, host_fd);
	poll_host(pt, host_fd);
	return false;
}

/* One directory entry. True: go on; false: the buffer is full, this entry was not taken. `next` is
 * the position behind it (d_off). */
struct dir_emit {
	bool (*emit)(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		     unsigned char type);
	/* bytes left for entries as getdents64(2) lays them out; 0: no such limit, go on to the
	 * end */
	size_t room;
};

struct file_ops {
	/* `pos` NULL: at the file position, and move it (or a stream); else *pos moves. Bytes
	 * moved, 0 at the end, or -errno; -EAGAIN under O_NONBLOCK; -EINTR when interrupted before
	 * anything moved. A write that ends early because of a bad guest address returns what was
	 * moved, or -EFAULT if nothing was. -EPIPE: the system call layer raises SIGPIPE. */
	ssize_t (*read)(struct file *f, struct caller *c, struct uio *u, int64_t *pos);
	ssize_t (*write)(struct file *f, struct caller *c, struct uio *u, int64_t *pos);
	/* The part of an open(2) by name that waits for who opens the other end (fifo(7)). -EINTR:
	 * it was interrupted, and may be called again. NULL: there is nothing to wait for. */
	int (*meet)(struct file *f, struct caller *c);
	/* NULL: -ESPIPE */
	int64_t (*lseek)(struct file *f, struct caller *c, int64_t off, int whence);
	bool no_splice_read, no_splice_write; /* splice(2) and sendfile(2) give -EINVAL */
	/* but lseek(2) gives 0 and does nothing, as for most anonymous inodes */
	bool lseek_ignored;
	/* Ready events now, whatever was asked; registers with pt unless NULL. NULL op: always
	 * readable and writable. */
	unsigned (*poll)(struct file *f, struct poll_table *pt);
	/* -ENOTTY when the command is not known. arg is as the guest gave it; guest memory through
	 * `mm`. */
	int64_t (*ioctl)(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			 uint64_t arg);
	/* The source of the file's pages, a reference for the caller. `shared_write`: MAP_SHARED
	 * with the right to write. NULL op: -ENODEV. */
	int (*pagesource)(struct file *f, bool shared_write, struct pagesource **out);
	/* It is about to be mapped with the right to write: what may take long is done here. -EINTR
	 * where the caller is to end or to freeze. NULL: nothing. */
	int (*map_writable)(struct file *f, struct caller *c);
	int (*readdir)(struct file *f, struct caller *c,
		       struct dir_emit *e); /* from the file position, moves it; NULL: -ENOTDIR */
	int (*fsync)(struct file *f, struct caller *c, bool data_only);
	int (*fallocate)(struct file *f, struct caller *c, int mode, int64_t off, int64_t len);
	int (*truncate)(struct file *f, struct caller *c, uint64_t size);
	/* O_APPEND, O_NONBLOCK, O_DIRECT changed; NULL: nothing to do */
	int (*setfl)(struct file *f, unsigned flags);
	/* signals can tell of its readiness (kernel/fasync.h) */
	bool fasync;
	/* A process has closed a descriptor of it, or ended with one. NULL: that is nothing. */
	void (*flush)(struct file *f, struct caller *c);
	/* Its last descriptor is closed, by a call of `c` and not by the end of a process: waits
	 * as long as that call is to wait (SO_LINGER). 0, or -EINTR: it may be called again. NULL:
	 * there is nothing to wait for. */
	int (*linger)(struct file *f, struct caller *c);
	/* Files without a path only. fstat(2); NULL: an anonymous inode's (fs/anon.h). */
	int (*getattr)(struct file *f, struct caller *c, unsigned mask, struct statx *out);
	/* Files without a path only. chmod(2), chown(2), utimensat(2), never the size; NULL:
	 * -EOPNOTSUPP. */
	int (*setattr)(struct file *f, struct caller *c, const struct iattr *change);
	/* Files without a path only: an open(2) of /proc/PID/fd/N; NULL: -ENXIO. */
	int (*reopen)(struct file *f, struct caller *c, int flags, struct file **out);
	/* What /proc/PID/fdinfo/N says after the lines that all have (proc(5)); NULL: nothing. */
	void (*show_fdinfo)(struct file *f, struct text *out);
	/* The host's descriptor behind it, borrowed; NULL or -1: none. */
	int (*host_fd)(const struct file *f);
	int (*created)(struct file *f); /* F_CREATED_QUERY; NULL: file.created */
	/* How it is kept in a snapshot: one of fs/saved.h, or its own. */
	const struct saved_kind *saved;
	/* Where files of one type are of several kinds; NULL: as `saved`. */
	const struct saved_kind *(*saved_by)(const struct file *f);
	/* The same where its last name is gone; NULL: as `saved`. */
	const struct saved_kind *saved_unnamed;
	void (*release)(struct file *f); /* last reference gone; frees the object around it */
};

struct file {
	struct ref refs;
	const struct file_ops *ops;
	/* where it was opened; NULLs for pipes, sockets, anonymous inodes: see file_path */
	struct path path;
	bool created; /* by the open(2) that made this description */
	/* 1 to 3: the standard descriptor that the sandbox was started with; 0: none. Constant. */
	unsigned char stdio;
	bool opened;             /* by name: who watches it is told of its use (fs/notify.h) */
	const struct cred *cred; /* a reference: of who opened it by name; NULL: nobody did */
	_Atomic unsigned flags;  /* O_ACCMODE, O_APPEND, O_NONBLOCK... as F_GETFL gives them */
	_Atomic(struct file_count *) counted; /* by file_count; NULL: it is not */
	struct mutex pos_lock;
	int64_t pos; /* guarded by pos_lock; not used by files whose position the host keeps */
	_Atomic unsigned mounts_read; /* fs/readdir.c */
	/* epoll instances that watch it (kernel/epoll.c). `gone` is set with the first of them and
	 * is called when the last reference is dropped, before release. */
	struct mutex watch_lock;
	struct list epoll_items; /* guarded by watch_lock */
	void (*gone)(struct file *f);
	/* F_SETOWN, F_SETSIG: whom SIGIO and SIGURG are for; guarded by pos_lock */
	struct file_owner {
		int type, pid, sig;
		uid_t uid, euid; /* of who set it */
	} owner;
	/* Set while signals are to tell of it (kernel/fasync.c); fasync_gone is called as `gone`
	 * is. */
	struct fasync *fasync;
	void (*fasync_gone)(struct file *f);
	/* Of a descriptor of the host's, whose urgent data a call takes: called before the call,
	 * and after it, `taken` if it took the urgent byte as such. NULL: nobody wants to know. */
	void (*_Atomic fasync_urgent)(struct file *f, bool taken);
	/* where its OFD and flock locks were taken; NULL: none ever */
	_Atomic(struct lock_table *) locks;
	/* fs/writers.h: what this file counts as, and where; set when it is opened */
	bool writes_mount;       /* it keeps its mount from becoming read-only */
	struct writers *writers; /* NULL: nothing */
	struct inode_id writecount_id;
	int writecount;
	/* Files without a path in the guest's tree: "anon_inode:[eventfd]" or "/memfd:x (deleted)"
	 * as it is, or "pipe", "socket": shown as "pipe:[ino]" in /proc/PID/fd. NULL: has a
	 * path. */
	const char *anon_name;
	uint64_t anon_ino;
};

/* fs/file.c. Initialises the generic part: one reference, no path. */
void file_init(struct file *f, const struct file_ops *ops, unsigned flags);
/* It gets a descriptor: from here to its end it counts in `n`. Any number of times, any thread.
 * -ENFILE. */
int file_count(struct file *f, struct file_count *n);
/* The same in two steps: a file that is still to be made is counted, or -ENFILE; it is `f`. */
int file_count_one(struct file_count *n);
void file_counted(struct file *f, struct file_count *n);
struct file *file_get(struct file *f);
void file_put(struct file *f);
struct inode *file_inode(struct file *f); /* NULL when it has none */
/* Before the reference of a closed descriptor is put: file_ops.linger, where it is the last one. */
int file_linger(struct file *f, struct caller *c);
/* What a mapping of the file keeps in use after it is closed: its mount and, if it is open for
 * writing, what that forbids others. A reference; NULL: nothing. -ENOMEM. */
int file_mapped_place(struct file *f, struct mapped_place **out);
/* Where that is, borrowed. */
const struct path *mapped_place_path(struct mapped_place *place);
/* It is open for writing, and keeps its mount writable until its last reference is gone. -EROFS. */
int file_begin_write(struct file *f);
/* fs/anon_inode.c: where a walk that begins at `f` stands, a reference to put. A file without a
 * path gets a place on the internal mount. 0 or -errno. */
int file_path(struct file *f, struct caller *c, struct path *out);
/* Does this write go to the end of the file, wherever else it was to go? */
static inline bool file_appends(const struct file *f, const struct uio *u)
{
	return u->append || (f->flags & 02000 && !u->no_append); /* O_APPEND */
}
/* What tells the file behind it from others, for locks. */
int file_identify(struct file *f, struct inode_id *out);
unsigned file_poll(struct file *f, struct poll_table *pt);
/* fs/path.c: what /proc/PID/fd and /proc/PID/maps show: its path as seen from `root`, or the name
 * of a file without one. Length or -errno. */
int file_name(struct file *f, const struct path *root, char *buf, size_t size);
/* A name and an inode number for a file without a path. `name` is static: "pipe",
 * "anon_inode:[eventfd]". */
void file_set_anon(struct file *f, struct caller *c, const char *name);
static inline bool file_readable(const struct file *f)
{
	return (f->flags & 3) != 1 && !(f->flags & 010000000); /* O_WRONLY, O_PATH */
}
static inline bool file_writable(const struct file *f)
{
	return (f->flags & 3) != 0 && !(f->flags & 010000000);
}

/* Beyond RLIMIT_FSIZE: -EFBIG, and SIGXFSZ, which the system call layer sends. -EFBIG alone is the
 * file system's. */
#define EFSIZE 540

/* fs/file_io.c: the checked entry points the system call layer and the loader use: access mode,
 * RLIMIT_FSIZE, EISDIR, pos. */
ssize_t file_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos);
ssize_t file_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos);
/* Reads exactly up to `n` bytes into monitor memory (loops over short reads); bytes read or
 * -errno. */
ssize_t file_read_kernel(struct file *f, struct caller *c, void *buf, size_t n, int64_t pos);
/* May the file be made `size` bytes long (RLIMIT_FSIZE)? 0, -EFSIZE, or getattr's error. */
int inode_check_size(struct inode *i, struct caller *c, uint64_t size);
int file_getattr(struct file *f, struct caller *c, unsigned mask, struct statx *out);

#endif
