/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems whose files are generated: procfs and sysfs. A directory is a table of entries, and
 * may have names that come and go (processes, descriptors) besides. An inode (struct pseudo_node)
 * is an entry plus what it is about: a pid, a number.
 */
#ifndef HL_PROC_PSEUDO_H
#define HL_PROC_PSEUDO_H

#include "fs/file.h"
#include "util/text.h"

struct mm;
struct ns_common;
struct pid;
struct pid_namespace;
struct proc_options;
struct pseudo_dir;
struct pseudo_node;
struct sandbox;

/* What a read finds in a file about a process that is gone. */
enum pseudo_gone {
	GONE_ESRCH, /* the error */
	GONE_EMPTY, /* nothing: of what the process had, nothing is left */
	GONE_SAME,  /* the same as before: it is no more about the process than about the system */
};

struct pseudo_entry {
	const char *name;             /* NULL for entries found by pseudo_dir.lookup alone */
	mode_t mode;                  /* with the type */
	const struct pseudo_dir *dir; /* S_IFDIR */
	/* S_IFREG: the whole content */
	int (*show)(struct pseudo_node *n, struct caller *c, struct text *out);
	/* S_IFREG: one write */
	int (*store)(struct pseudo_node *n, struct caller *c, char *text);
	/* the same where it matters who opened the file; a write at its beginning alone. 0, or
	 * how many bytes it took where those are not all */
	int (*store_by)(struct pseudo_node *n, struct caller *c, const struct cred *opener,
			char *text);
	/* S_IFREG: as file_ops.read, of what is not all made at once */
	ssize_t (*read_at)(struct pseudo_node *n, struct caller *c, struct uio *u, int64_t pos);
	int64_t (*ioctl)(struct pseudo_node *n, struct caller *c, struct mm *mm, unsigned cmd,
			 uint64_t arg);
	/* S_IFREG: ready events; *poll_event belongs to the open file, and tells what has changed
	 * since the last call. NULL: a file that cannot be waited for */
	unsigned (*poll)(struct pseudo_node *n, _Atomic uint64_t *poll_event,
			 struct poll_table *pt);
	int (*open)(struct pseudo_node *n, struct caller *c, int flags,
		    /* S_IFREG of its own kind */
		    struct file **out);
	/* S_IFLNK: the text */
	int (*link)(struct pseudo_node *n, struct caller *c, struct text *out);
	/* S_IFLNK: a magic link */
	int (*jump)(struct pseudo_node *n, struct caller *c, struct path *out);
	/* May it be opened? For files whose mode says less than that. NULL: yes. */
	int (*may_open)(struct pseudo_node *n, struct caller *c, int flags);
	/* Who may use it, where the mode and the owner do not tell. NULL: they do. */
	bool (*grants)(struct pseudo_node *n, struct caller *c, int mask);
	/* S_IFLNK: rights that depend */
	mode_t (*link_mode)(struct pseudo_node *n, struct caller *c);
	/* -errno: the caller is not to look into it or, `attributes`, to know of it. NULL: 0. */
	int (*hidden)(struct pseudo_node *n, struct caller *c, bool attributes);
	/* Is there such a name in `dir` now? NULL: always. */
	bool (*present)(const struct pseudo_node *dir, const char *name);
	enum pseudo_gone gone;
	bool again;      /* store_by leaves the position at the beginning */
	bool own;        /* its own process may use it, whoever it belongs to */
	bool sealed;     /* who may write is a matter of the mode alone: no capability opens more */
	bool immutable;  /* nobody writes there, root neither */
	const void *arg; /* for functions that serve many entries */
};

/* A name that is not in the table. */
struct pseudo_found {
	const struct pseudo_entry *entry;
	struct pid *pid; /* a reference; NULL: the directory's own */
	int number;
};

struct pseudo_dir {
	const struct pseudo_entry *entries;
	size_t nr_entries;
	/* 0, or -ENOENT. */
	int (*lookup)(struct pseudo_node *dir, struct caller *c, const char *name, size_t len,
		      struct pseudo_found *out);
	/* What is behind all names that `lookup` finds, where that is about a process: snapshots.
	 * NULL: it has to be looked for. */
	const struct pseudo_entry *member;
	/* The first name whose cursor is >= *cursor, which is moved to it; false: no more. */
	bool (*next)(struct pseudo_node *dir, struct caller *c, int *cursor, char name[32],
		     unsigned char *d_type);
};

#define PSEUDO_TABLE(t) .entries = (t), .nr_entries = sizeof(t) / sizeof(t)[0]

struct pseudo_node {
	struct inode inode;
	struct sandbox *sb;
	const struct pseudo_entry *entry;
	struct pseudo_node *parent; /* a reference; NULL: the root */
	struct pid *pid;            /* a reference; NULL: about no process */
	int number;                 /* a descriptor, a thread id */
	uint64_t ino;
	char name[32];
};

/* `ns`: the namespace that it is a view of; NULL: none of its own. */
int pseudo_fs_create(struct sandbox *sb, const char *type, const struct pseudo_entry *root,
		     long magic, struct ns_common *ns, struct filesystem **out);
/* That namespace; NULL: there is none, or the file system is of another kind. */
struct ns_common *pseudo_fs_ns(struct filesystem *fs);
/* Whose processes the node's file system shows. */
struct pid_namespace *pseudo_pids(const struct pseudo_node *n);

/* The options of a proc; of others those that hide nothing. */
struct proc_options *pseudo_fs_options(struct filesystem *fs);

/* The node behind a file; NULL: it is of another kind of file system. */
struct pseudo_node *pseudo_node_of_file(struct file *f);

/* The inode number of a name in a directory: made of the path, so that it is the same for each
 * look-up, says nothing of the monitor's addresses, and readdir(3) and stat(2) agree. */
uint64_t pseudo_ino(const struct pseudo_node *dir, const char *name, size_t len);

/* The path from the root of the file system, "/" for that; its length or -ENAMETOOLONG. */
int pseudo_path(const struct pseudo_node *n, char *buf, size_t size);

/* The entry is there (pseudo_entry.present). */
static inline bool pseudo_present(const struct pseudo_node *dir, const struct pseudo_entry *e)
{
	return !e->present || e->present(dir, e->name);
}

/* Is what the node is about still there? Always, when it is about no process. */
bool pseudo_alive(struct pseudo_node *n);

/* A number that was written to a file, as Linux's kstrtoll(): nothing around it but one newline
 * behind. -EINVAL;
 * -ERANGE: not between `min` and `max`. */
int pseudo_parse(const char *text, int base, int64_t min, int64_t max, int64_t *out);
/* `text` without white space around it; cuts it. */
char *pseudo_strip(char *text);

/* A number made of digits alone, without leading zeros, as names of processes and descriptors
 * are. */
bool pseudo_number(const char *name, size_t len, int *out);

#endif
