/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest can mount: the types of file systems, and the parameters of one that is about to be
 * made or changed, as mount(2) and fsconfig(2) give them (Linux's struct fs_context).
 */
#ifndef HL_SYS_FS_CONTEXT_H
#define HL_SYS_FS_CONTEXT_H

#include "fs/devpts.h"
#include "fs/ramfs/ramfs.h"
#include "proc/proc.h"
#include "sys/overlay_fs.h"
#include "sys/sys.h"
#include "util/saved.h"

struct fs_context;

#define PARAM_UNKNOWN 1
#define FS_LOG_LINE   512
#define FS_LOG_LINES  8

struct fs_type {
	const char *name;
	/* A parameter of its own; `value` NULL: a flag. PARAM_UNKNOWN: it has no such parameter;
	 * -EINVAL: not with that value. NULL: it has none. */
	int (*parse)(struct fs_context *fc, const char *key, const char *value);
	/* A file system, a reference: a new one, or the one that there is. */
	int (*create)(struct fs_context *fc, struct task *t, struct filesystem **out);
	/* Takes the parameters over. NULL: they have no effect. */
	int (*reconfigure)(const struct fs_context *fc, struct filesystem *fs);
	/* The user namespace that a new one belongs to: who may mount there may make it. NULL: the
	 * first. */
	struct user_namespace *(*owner)(struct task *t);
	bool revealing; /* no more is shown than what is mounted already (mount_too_revealing()) */
};

struct fs_context {
	const struct fs_type *type;
	char *source;            /* owned; NULL: not given */
	unsigned flags, changed; /* MS_RDONLY and others of a file system; which of them count */
	struct ramfs_options tmpfs;
	bool bytes_given, inodes_given, uid_given, gid_given, mode_given;
	struct overlay_params overlay;
	struct devpts_options devpts;
	struct proc_options proc;
	bool hide_given; /* as gid_given is of proc's as well */
	uint64_t ram;
	/* what was found wrong last, for who reads the descriptor; each owned */
	char *log[FS_LOG_LINES];
	unsigned log_lines;
};

/* -ENODEV: there is no such type. fs_context_free is due after 0. */
int fs_context_init(struct fs_context *fc, const struct vfs *vfs, const char *type);
/* For a change of `fs`. */
void fs_context_init_for(struct fs_context *fc, const struct vfs *vfs, const struct filesystem *fs);
void fs_context_free(struct fs_context *fc);
/* One parameter, of its own or of all types ("ro", "source"). */
int fs_context_parse(struct fs_context *fc, const char *key, const char *value);
/* A parameter of a kind that no type takes. */
int fs_context_refuse(struct fs_context *fc, const char *key);
/* The oldest message that was not read yet, a line: its length. -ENODATA: there is none. -EMSGSIZE:
 * it is longer than `size`, and stays. */
ssize_t fs_context_next_message(struct fs_context *fc, char line[FS_LOG_LINE], size_t size);
/* Parameters as mount(2) gives them, separated by commas; the text is changed. */
int fs_context_parse_options(struct fs_context *fc, char *options);
/* The flags of mount(2) that are of the file system. */
void fs_context_set_flags(struct fs_context *fc, unsigned long ms_flags);
/* -EPERM: the caller may not mount such. */
int fs_context_create(struct fs_context *fc, struct task *t, struct filesystem **out);
/* Changes a file system as the parameters say; namespace_lock is taken. -EBUSY. -EPERM: it belongs
 * to others. */
int fs_context_reconfigure(struct fs_context *fc, struct task *t, struct filesystem *fs);

/* In a snapshot; loading is into one of that type. -EBADMSG. */
void fs_context_save(struct saver *s, const struct fs_context *fc);
int fs_context_load(struct loader *l, struct fs_context *fc);
/* From now on the parameters say what this file system is, whatever they left open. */
void fs_context_take(struct fs_context *fc, struct filesystem *fs);
/* Of fsopen(2) and fspick(2). */
extern const struct saved_kind fs_file_saved;

#endif
