/* SPDX-License-Identifier: Apache-2.0 */
/* The types of file systems that a guest can mount, and their parameters. See the header. */
#include "sys/fs_context.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "cred/user_ns.h"
#include "fs/devfs.h"
#include "fs/ramfs/save.h"
#include "fs/mount.h"
#include "ipc/mqueue.h"
#include "kernel/nsproxy.h"
#include "kernel/tty/pty.h"
#include "proc/proc.h"

/* Flags of a file system that change nothing here but what /proc/mounts says. */
#define SHOWN_FLAGS (MS_SYNCHRONOUS | MS_DIRSYNC | MS_MANDLOCK | MS_LAZYTIME)

/* The names of all layers of an overlay, in a snapshot. */
#define OVERLAY_NAMES_MAX (500 * (uint64_t)PATH_MAX)

/* ---- values ---- */

/* kstrtouint() of Linux's lib/kstrtox.c; base 0: as the digits say. */
static bool parse_unsigned(const char *value, int base, unsigned *out)
{
	char *end;

	if (!value)
		return false;
	value += *value == '+';
	if (!isdigit((unsigned char)*value))
		return false;
	errno = 0;
	unsigned long n = strtoul(value, &end, base);
	end += *end == '\n';
	*out = (unsigned)n;
	return n <= UINT_MAX && !errno && !*end;
}

/* memparse() of Linux's lib/cmdline.c: no digits are 0, and what is too much for 64 bits is what
 * they hold. */
static uint64_t parse_memory(const char *value, const char **end)
{
	static const char units[] = "kmgtpe";
	char *rest = (char *)(uintptr_t)value;
	uint64_t n = isdigit((unsigned char)*value) ? strtoull(value, &rest, 0) : 0;
	const char *unit = isalpha((unsigned char)*rest) ? strchr(units, *rest | 0x20) : NULL;

	*end = rest + (unit ? 1 : 0);
	return unit ? n << 10 * (unit - units + 1) : n;
}

/* ---- types ---- */

/* shmem_parse_one() of Linux's mm/shmem.c; per cent are of the memory. */
static int tmpfs_limit(struct fs_context *fc, const char *key, const char *value)
{
	const char *end;

	if (!value || !*value)
		return -EINVAL;
	uint64_t n = parse_memory(value, &end);
	if (strcmp(key, "size") == 0) {
		if (*end == '%') {
			n = n * fc->ram / 100;
			end++;
		}
		n = (n + PAGE_SIZE - 1) / PAGE_SIZE;
	}
	if (*end || n > INT64_MAX / PAGE_SIZE)
		return -EINVAL;
	if (strcmp(key, "nr_inodes") == 0) {
		fc->tmpfs.max_inodes = n;
		fc->inodes_given = true;
	} else {
		fc->tmpfs.max_bytes = n * PAGE_SIZE;
		fc->bytes_given = true;
	}
	return 0;
}

/* tmpfs(5). The huge pages are the host's. */
static int tmpfs_parse(struct fs_context *fc, const char *key, const char *value)
{
	const struct {
		const char *name;
		int base;
		unsigned *to;
		bool *given;
	} numbers[] = {
		{ "mode", 8, &fc->tmpfs.mode, &fc->mode_given },
		{ "uid", 0, &fc->tmpfs.uid, &fc->uid_given },
		{ "gid", 0, &fc->tmpfs.gid, &fc->gid_given },
	};

	if (!strcmp(key, "size") || !strcmp(key, "nr_blocks") || !strcmp(key, "nr_inodes"))
		return tmpfs_limit(fc, key, value);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (strcmp(key, numbers[i].name))
			continue;
		unsigned n;
		if (!parse_unsigned(value, numbers[i].base, &n) || n == UINT_MAX)
			return -EINVAL;
		*numbers[i].to = numbers[i].base == 8 ? n & 07777 : n;
		*numbers[i].given = true;
		return 0;
	}
	/* numbers are small in either case */
	if (!strcmp(key, "inode64") || !strcmp(key, "inode32"))
		return value ? -EINVAL : 0;
	if (!strcmp(key, "mpol"))
		return value && !strcmp(value, "default") ? 0 : -EINVAL;
	if (!strcmp(key, "huge"))
		return value && !strcmp(value, "never") ? 0 : -EINVAL;
	return PARAM_UNKNOWN;
}

static int tmpfs_create(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	struct ramfs_options opt = fc->tmpfs;

	opt.default_inodes = fc->ram / 2 / PAGE_SIZE;
	opt.default_bytes = opt.default_inodes * PAGE_SIZE;
	opt.type = "tmpfs";
	opt.max_bytes = fc->bytes_given ? opt.max_bytes : opt.default_bytes;
	opt.max_inodes = fc->inodes_given ? opt.max_inodes : opt.default_inodes;
	opt.mode = fc->mode_given ? opt.mode : 01777;
	opt.uid = fc->uid_given ? make_kuid(task_user_ns(t), opt.uid) : t->cred->fsuid;
	opt.gid = fc->gid_given ? make_kgid(task_user_ns(t), opt.gid) : t->cred->fsgid;
	if (opt.uid == (uid_t)-1 || opt.gid == (gid_t)-1)
		return -EINVAL;
	return ramfs_create(&t->sb->mem, vfs_new_dev(t->sb->vfs), &opt, out);
}

static int tmpfs_reconfigure(const struct fs_context *fc, struct filesystem *fs)
{
	return ramfs_reconfigure(fs, fc->bytes_given ? &fc->tmpfs.max_bytes : NULL,
				 fc->inodes_given ? &fc->tmpfs.max_inodes : NULL);
}

/* By number or by name. */
static int proc_hide_parse(struct fs_context *fc, const char *value)
{
	static const struct {
		const char *name;
		unsigned hide;
	} names[] = {
		{ "off", PROC_HIDE_OFF },
		{ "noaccess", PROC_HIDE_CONTENTS },
		{ "invisible", PROC_HIDE_PROCESSES },
		{ "ptraceable", PROC_HIDE_UNTRACED },
	};
	unsigned n;
	bool number = parse_unsigned(value, 0, &n);

	for (size_t i = 0; value && i < sizeof names / sizeof *names; i++) {
		if (number ? n != names[i].hide : strcmp(value, names[i].name))
			continue;
		fc->proc.hide = names[i].hide;
		fc->hide_given = true;
		return 0;
	}
	return -EINVAL;
}

static int proc_parse(struct fs_context *fc, const char *key, const char *value)
{
	unsigned gid;

	if (!strcmp(key, "hidepid"))
		return proc_hide_parse(fc, value);
	if (!strcmp(key, "subset")) {
		if (!value || strcmp(value, "pid"))
			return -EINVAL;
		fc->proc.pids_only = true;
		return 0;
	}
	if (strcmp(key, "gid"))
		return PARAM_UNKNOWN;
	if (!parse_unsigned(value, 0, &gid))
		return -EINVAL;
	fc->proc.gid = gid;
	fc->gid_given = true;
	return 0;
}

static int proc_create(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	if (fc->gid_given)
		fc->proc.gid = make_kgid(task_user_ns(t), fc->proc.gid);
	if (fc->proc.gid == (gid_t)-1)
		return -EINVAL;
	return procfs_create(t->sb, task_pid_ns(t), &fc->proc, out);
}

/* What is not given stays, and nothing takes subset=pid back. */
static int proc_reconfigure(const struct fs_context *fc, struct filesystem *fs)
{
	const struct proc_options *now = pseudo_fs_options(fs);
	gid_t gid = fs->user_ns ? make_kgid(fs->user_ns, fc->proc.gid) : fc->proc.gid;
	const struct proc_options o = { fc->hide_given ? fc->proc.hide : now->hide,
					fc->gid_given ? gid : now->gid,
					fc->proc.pids_only || now->pids_only };

	if (fc->gid_given && gid == (gid_t)-1)
		return -EINVAL;
	procfs_set(fs, &o);
	return 0;
}

/* The one of this type that is mounted somewhere, and a view of that namespace. */
static struct filesystem *find_mounted(struct vfs *vfs, const char *type,
				       const struct ns_common *ns)
{
	struct filesystem *fs = NULL;
	struct mount *m;

	rwlock_rdlock(&vfs->mount_lock);
	list_for_each (m, &vfs->mounts, all_node) {
		if (!fs && m->ns && strcmp(m->fs->type, type) == 0 && pseudo_fs_ns(m->fs) == ns)
			fs = filesystem_get(m->fs);
	}
	rwlock_unlock(&vfs->mount_lock);
	return fs;
}

static int sysfs_find(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	struct ns_common *net = t->nsproxy->ns[NS_NET];

	if (!cred_ns_capable(t->cred, net->owner, CAP_SYS_ADMIN))
		return -EPERM;
	*out = find_mounted(t->sb->vfs, "sysfs", net);
	return *out ? 0 : sysfs_create(t->sb, net, out);
}

static int devtmpfs_find(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	*out = find_mounted(t->sb->vfs, "devtmpfs", NULL);
	return *out ? 0 : devfs_create(&t->sb->mem, vfs_new_dev(t->sb->vfs), out);
}

/* devpts_mount_opts of Linux. How many there may be (`max`) is bounded for all instances. */
static int devpts_parse(struct fs_context *fc, const char *key, const char *value)
{
	struct devpts_options *o = &fc->devpts;
	const struct {
		const char *name;
		int base;
		unsigned *to;
		bool *given;
	} numbers[] = {
		{ "uid", 0, &o->uid, &o->uid_given },
		{ "gid", 0, &o->gid, &o->gid_given },
		{ "mode", 8, &o->mode, &fc->mode_given },
		{ "ptmxmode", 8, &o->ptmx_mode, NULL },
		{ "max", 0, NULL, NULL },
	};
	unsigned n;

	if (!strcmp(key, "newinstance"))
		return value ? -EINVAL : 0;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (strcmp(key, numbers[i].name))
			continue;
		if (!parse_unsigned(value, numbers[i].base, &n))
			return -EINVAL;
		if (numbers[i].to)
			*numbers[i].to = numbers[i].base == 8 ? n & 0777 : n;
		if (numbers[i].given)
			*numbers[i].given = true;
		return 0;
	}
	return PARAM_UNKNOWN;
}

/* Each mount is an instance of its own. */
static int devpts_make(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	struct devpts_options opt = fc->devpts;

	if (!fc->mode_given)
		opt.mode = 0600;
	opt.uid = make_kuid(task_user_ns(t), opt.uid);
	opt.gid = make_kgid(task_user_ns(t), opt.gid);
	if ((opt.uid_given && opt.uid == (uid_t)-1) || (opt.gid_given && opt.gid == (gid_t)-1))
		return -EINVAL;
	if (!t->sb->ptys)
		return -ENODEV;
	return pty_instance_create(t->sb, &opt, out);
}

static struct user_namespace *own_users(struct task *t)
{
	return task_user_ns(t);
}

static struct user_namespace *users_of_pids(struct task *t)
{
	return task_pid_ns(t)->ns.owner;
}

static struct user_namespace *users_of_net(struct task *t)
{
	return t->nsproxy->ns[NS_NET]->owner;
}

static struct user_namespace *users_of_ipc(struct task *t)
{
	return nsproxy_ipc(t->nsproxy)->ns.owner;
}

/* The queues of the caller's IPC namespace, wherever they are mounted. */
static int mqueue_find_fs(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	*out = mqueue_fs_get(nsproxy_ipc(t->nsproxy));
	return 0;
}

static const struct fs_type types[] = {
	{ "tmpfs", tmpfs_parse, tmpfs_create, tmpfs_reconfigure, own_users, false },
	{ "proc", proc_parse, proc_create, proc_reconfigure, users_of_pids, true },
	{ "sysfs", NULL, sysfs_find, NULL, users_of_net, true },
	{ "devtmpfs", tmpfs_parse, devtmpfs_find, NULL, NULL, false },
	{ "devpts", devpts_parse, devpts_make, NULL, own_users, false },
	{ "mqueue", NULL, mqueue_find_fs, NULL, users_of_ipc, false },
	{ "overlay", overlay_fs_parse, overlay_fs_create, overlay_fs_reconfigure, own_users,
	  false },
};

/* ---- the context ---- */

static const struct fs_type *find_type(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	}
	return NULL;
}

int fs_context_init(struct fs_context *fc, const struct vfs *vfs, const char *type)
{
	*fc = (struct fs_context){ .type = find_type(type), .ram = vfs->ram };
	return fc->type ? 0 : -ENODEV;
}

/* What no guest can mount has no parameters. */
void fs_context_init_for(struct fs_context *fc, const struct vfs *vfs, const struct filesystem *fs)
{
	static const struct fs_type other = { .name = "" };
	const struct fs_type *type = find_type(fs->type);

	*fc = (struct fs_context){ .type = type ? type : &other, .ram = vfs->ram };
}

void fs_context_free(struct fs_context *fc)
{
	free(fc->source);
	overlay_params_free(&fc->overlay);
	for (unsigned i = 0; i < fc->log_lines; i++)
		free(fc->log[i]);
}

/* vfs_parse_sb_flag() */
static bool parse_flag(struct fs_context *fc, const char *key)
{
	static const struct {
		const char *name;
		unsigned set, clear;
	} flags[] = {
		{ "ro", MS_RDONLY, 0 },           { "rw", 0, MS_RDONLY },
		{ "sync", MS_SYNCHRONOUS, 0 },    { "async", 0, MS_SYNCHRONOUS },
		{ "dirsync", MS_DIRSYNC, 0 },     { "mand", MS_MANDLOCK, 0 },
		{ "nomand", 0, MS_MANDLOCK },     { "lazytime", MS_LAZYTIME, 0 },
		{ "nolazytime", 0, MS_LAZYTIME },
	};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(key, flags[i].name) == 0) {
			fc->flags = (fc->flags & ~flags[i].clear) | flags[i].set;
			fc->changed |= flags[i].set | flags[i].clear;
			return true;
		}
	}
	return false;
}

/* The oldest of too many goes. */
__attribute__((format(printf, 2, 3))) static void complain(struct fs_context *fc, const char *fmt,
							   ...)
{
	char *line;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (fc->log_lines == FS_LOG_LINES) {
		free(fc->log[0]);
		memmove(fc->log, fc->log + 1, --fc->log_lines * sizeof *fc->log);
	}
	fc->log[fc->log_lines++] = line;
}

ssize_t fs_context_next_message(struct fs_context *fc, char line[FS_LOG_LINE], size_t size)
{
	size_t len = fc->log_lines ? strlen(fc->log[0]) : 0;

	if (!len)
		return -ENODATA;
	if (len > size || len > FS_LOG_LINE)
		return -EMSGSIZE;
	memcpy(line, fc->log[0], len);
	free(fc->log[0]);
	memmove(fc->log, fc->log + 1, --fc->log_lines * sizeof *fc->log);
	return (ssize_t)len;
}

static int parse_source(struct fs_context *fc, const char *value)
{
	if (!value)
		complain(fc, "e Non-string source\n");
	else if (fc->source)
		complain(fc, "e Multiple sources\n");
	if (!value || fc->source)
		return -EINVAL;
	fc->source = strdup(value);
	return fc->source ? 0 : -ENOMEM;
}

int fs_context_parse(struct fs_context *fc, const char *key, const char *value)
{
	if (parse_flag(fc, key))
		return 0;
	int err = fc->type->parse ? fc->type->parse(fc, key, value) : PARAM_UNKNOWN;
	if (err == PARAM_UNKNOWN && strcmp(key, "source") == 0)
		return parse_source(fc, value);
	if (err == PARAM_UNKNOWN)
		complain(fc, "e %s: Unknown parameter '%s'\n", fc->type->name, key);
	else if (err)
		complain(fc, "e %s: Bad value for '%s'\n", fc->type->name, key);
	return err == PARAM_UNKNOWN ? -EINVAL : err;
}

int fs_context_refuse(struct fs_context *fc, const char *key)
{
	/* Known parameters have another kind of value. */
	int err = fc->type->parse ? fc->type->parse(fc, key, NULL) : PARAM_UNKNOWN;

	complain(fc,
		 err == PARAM_UNKNOWN ? "e %s: Unknown parameter '%s'\n"
				      : "e %s: Bad value for '%s'\n",
		 fc->type->name, key);
	return -EINVAL;
}

int fs_context_parse_options(struct fs_context *fc, char *options)
{
	int err = 0;

	for (char *key; !err && (key = strsep(&options, ","));) {
		char *value = strchr(key, '=');
		if (value == key || !*key)
			continue;
		if (value)
			*value++ = '\0';
		err = fs_context_parse(fc, key, value);
	}
	return err;
}

void fs_context_set_flags(struct fs_context *fc, unsigned long ms_flags)
{
	fc->flags = (unsigned)ms_flags & (MS_RDONLY | SHOWN_FLAGS);
	fc->changed = MS_RDONLY | SHOWN_FLAGS;
}

/* On what others than the first users have made no devices are opened. */
static void set_users(struct filesystem *fs, struct user_namespace *users)
{
	if (user_ns_is_first(users))
		return;
	fs->user_ns = container_of(ns_get(&users->ns), struct user_namespace, ns);
	fs->flags |= FS_NODEV;
}

int fs_context_create(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	struct user_namespace *users = fc->type->owner ? fc->type->owner(t) : t->sb->vfs->user_ns;

	if (!cred_ns_capable(t->cred, users, CAP_SYS_ADMIN))
		return -EPERM;
	if (fc->type->revealing && !mnt_ns_shows(nsproxy_mnt(t->nsproxy), fc->type->name))
		return -EPERM;
	int err = fc->type->create(fc, t, out);
	if (err)
		return err;
	if (ref_count(&(*out)->refs) > 1)
		return 0; /* it was there, and stays as it is */
	(*out)->readonly = fc->flags & MS_RDONLY;
	(*out)->shown = fc->flags & SHOWN_FLAGS;
	set_users(*out, users);
	return 0;
}

int fs_context_reconfigure(struct fs_context *fc, struct task *t, struct filesystem *fs)
{
	struct vfs *vfs = t->sb->vfs;
	int err = 0;

	if (!cred_ns_capable(t->cred, filesystem_users(fs, vfs), CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&vfs->namespace_lock);
	unsigned flags = fs->shown | (fs->readonly ? MS_RDONLY : 0);
	flags = (flags & ~fc->changed) | (fc->flags & fc->changed);
	if (fc->type->reconfigure)
		err = fc->type->reconfigure(fc, fs);
	if (!err && flags & MS_RDONLY && !fs->readonly)
		err = filesystem_make_readonly(vfs, fs);
	if (!err) {
		fs->readonly = flags & MS_RDONLY;
		fs->shown = flags & SHOWN_FLAGS;
	}
	mutex_unlock(&vfs->namespace_lock);
	return err;
}

/* ---- snapshots ---- */

void fs_context_take(struct fs_context *fc, struct filesystem *fs)
{
	if (!filesystem_is_ramfs(fs))
		return;
	ramfs_options_of(fs, &fc->tmpfs);
	fc->bytes_given = fc->inodes_given = fc->uid_given = fc->gid_given = fc->mode_given = true;
}

void fs_context_save(struct saver *s, const struct fs_context *fc)
{
	struct encoder *out = &s->out;

	encode_string(out, fc->source);
	encode(out, fc->flags);
	encode(out, fc->changed);
	encode(out, fc->tmpfs.max_bytes);
	encode(out, fc->tmpfs.max_inodes);
	encode(out, fc->tmpfs.mode);
	encode(out, fc->tmpfs.uid);
	encode(out, fc->tmpfs.gid);
	encode(out, fc->bytes_given);
	encode(out, fc->inodes_given);
	encode(out, fc->uid_given);
	encode(out, fc->gid_given);
	encode(out, fc->mode_given);
	encode_string(out, fc->overlay.lower);
	encode_string(out, fc->overlay.upper);
	encode_string(out, fc->overlay.work);
	encode(out, fc->overlay.user_marks);
	encode(out, fc->devpts.uid_given);
	encode(out, fc->devpts.gid_given);
	encode(out, fc->devpts.uid);
	encode(out, fc->devpts.gid);
	encode(out, fc->devpts.mode);
	encode(out, fc->devpts.ptmx_mode);
	encode(out, fc->proc.hide);
	encode(out, fc->proc.gid);
	encode(out, fc->proc.pids_only);
	encode(out, fc->hide_given);
	encode(out, fc->log_lines);
	for (unsigned i = 0; i < fc->log_lines; i++)
		encode_string(out, fc->log[i]);
}

static int load_log(struct loader *l, struct fs_context *fc)
{
	unsigned nr = (unsigned)decode_max(&l->in, FS_LOG_LINES);

	while (fc->log_lines < nr) {
		char *line = decode_string(&l->in, FS_LOG_LINE + 1);
		if (!line)
			return loader_damaged(l, "what a file system context says");
		fc->log[fc->log_lines++] = line;
	}
	return 0;
}

int fs_context_load(struct loader *l, struct fs_context *fc)
{
	struct decoder *in = &l->in;

	free(fc->source);
	fc->source = decode_string(in, PATH_MAX);
	fc->flags = (unsigned)decode_max(in, UINT32_MAX) & (MS_RDONLY | SHOWN_FLAGS);
	fc->changed = (unsigned)decode_max(in, UINT32_MAX) & (MS_RDONLY | SHOWN_FLAGS);
	fc->tmpfs.max_bytes = decode_max(in, INT64_MAX);
	fc->tmpfs.max_inodes = decode_max(in, INT64_MAX);
	fc->tmpfs.mode = (mode_t)decode_max(in, 07777);
	fc->tmpfs.uid = (uid_t)decode_max(in, UINT32_MAX);
	fc->tmpfs.gid = (gid_t)decode_max(in, UINT32_MAX);
	fc->bytes_given = decode_bool(in);
	fc->inodes_given = decode_bool(in);
	fc->uid_given = decode_bool(in);
	fc->gid_given = decode_bool(in);
	fc->mode_given = decode_bool(in);
	fc->overlay.lower = decode_string(in, OVERLAY_NAMES_MAX);
	fc->overlay.upper = decode_string(in, OVERLAY_NAMES_MAX);
	fc->overlay.work = decode_string(in, OVERLAY_NAMES_MAX);
	fc->overlay.user_marks = decode_bool(in);
	fc->devpts.uid_given = decode_bool(in);
	fc->devpts.gid_given = decode_bool(in);
	fc->devpts.uid = (uid_t)decode_max(in, UINT32_MAX);
	fc->devpts.gid = (gid_t)decode_max(in, UINT32_MAX);
	fc->devpts.mode = (mode_t)decode_max(in, 0777);
	fc->devpts.ptmx_mode = (mode_t)decode_max(in, 0777);
	fc->proc.hide = (unsigned)decode_max(in, PROC_HIDE_UNTRACED);
	fc->proc.gid = (gid_t)decode_max(in, UINT32_MAX);
	fc->proc.pids_only = decode_bool(in);
	fc->hide_given = decode_bool(in);
	int err = load_log(l, fc);
	return !err && in->failed ? loader_damaged(l, "a file system context") : err;
}
