/* SPDX-License-Identifier: Apache-2.0 */
/* fsopen(2), fspick(2), fsconfig(2), fsmount(2): a file system is described by parameters, one at a
 * time, then made or changed (Linux's fs/fsopen.c). */
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "fs/do_mount.h"
#include "fs/anon.h"
#include "fs/saved.h"
#include "fs/saved_place.h"
#include "sys/at.h"
#include "sys/fs_context.h"
#include "sys/mount.h"
#include "sys/mount_abi.h"

enum phase {
	CREATE_PARAMS,
	AWAITING_MOUNT,
	AWAITING_RECONF, /* the next call begins a change */
	RECONF_PARAMS,
	FAILED,
};

struct fs_file {
	struct file file;
	struct mutex lock;
	/* guarded by it */
	struct fs_context fc;
	enum phase phase;
	struct filesystem *fs; /* reference; NULL: not made yet, or of a snapshot and to be made */
	struct path picked;    /* fspick(2): whose file system it is */
};

static struct fs_file *fs_file_of(struct file *f)
{
	return container_of(f, struct fs_file, file);
}

/* One message at a time; a read that is too short leaves it. */
static ssize_t fs_file_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct fs_file *ff = fs_file_of(f);
	char line[FS_LOG_LINE];

	mutex_lock(&ff->lock);
	ssize_t n = fs_context_next_message(&ff->fc, line, u->resid);
	mutex_unlock(&ff->lock);
	return n > 0 && uio_put(u, line, (size_t)n) != (size_t)n ? -EFAULT : n;
}

static void fs_file_release(struct file *f)
{
	struct fs_file *ff = fs_file_of(f);

	fs_context_free(&ff->fc);
	filesystem_put(ff->fs);
	path_put(&ff->picked);
	mutex_destroy(&ff->lock);
	free(ff);
}

static const struct file_ops fs_file_ops = {
	.saved = &fs_file_saved,
	.read = fs_file_read,
	.release = fs_file_release,
};

static int fs_file_new(struct caller *c, enum phase phase, struct fs_file **out)
{
	struct fs_file *ff = calloc(1, sizeof *ff);

	if (!ff)
		return -ENOMEM;
	file_init(&ff->file, &fs_file_ops, O_RDWR);
	file_set_anon(&ff->file, c, "anon_inode:[fscontext]");
	mutex_init(&ff->lock, LOCK_FS_CONTEXT);
	ff->phase = phase;
	*out = ff;
	return 0;
}

/* strndup_user() */
static int get_text(struct task *t, gva_t addr, size_t size, char *out)
{
	ssize_t n = copy_string_from_guest(t->mm, out, addr, size);

	return n == -ENAMETOOLONG ? -EINVAL : n < 0 ? (int)n : (size_t)n >= size ? -EINVAL : 0;
}

SYSCALL_DEFINE(fsopen)
{
	struct caller c = task_caller(t);
	char type[PAGE_SIZE];
	struct fs_file *ff;

	if (!task_may_mount(t))
		return -EPERM;
	if (a[1] & ~(uint64_t)FSOPEN_ABI_CLOEXEC)
		return -EINVAL;
	int err = get_text(t, GVA(a[0]), sizeof type, type);
	if (!err)
		err = fs_file_new(&c, CREATE_PARAMS, &ff);
	if (err)
		return err;
	err = fs_context_init(&ff->fc, t->sb->vfs, type);
	if (!err)
		return fd_return(t, &ff->file, a[1] & FSOPEN_ABI_CLOEXEC);
	file_put(&ff->file);
	return err;
}

#define FSPICK_KNOWN                                                                               \
	(FSPICK_ABI_CLOEXEC | FSPICK_ABI_SYMLINK_NOFOLLOW | FSPICK_ABI_NO_AUTOMOUNT |              \
	 FSPICK_ABI_EMPTY_PATH)

SYSCALL_DEFINE(fspick)
{
	unsigned flags = (unsigned)a[2];
	struct fs_file *ff;
	struct path p;
	struct at at;

	if (!task_may_mount(t))
		return -EPERM;
	if (flags & ~(unsigned)FSPICK_KNOWN)
		return -EINVAL;
	int at_flags = (flags & FSPICK_ABI_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) |
		       (flags & FSPICK_ABI_EMPTY_PATH ? AT_EMPTY_PATH : 0);
	int err = at_get(t, (int)a[0], GVA(a[1]), at_flags & AT_EMPTY_PATH, &at);
	if (err)
		return err;
	err = at_walk(&at, at_flags, &p);
	if (!err && !path_is_mount(&p)) {
		path_put(&p);
		err = -EINVAL;
	}
	if (!err && (err = fs_file_new(&at.c, RECONF_PARAMS, &ff)) != 0)
		path_put(&p);
	at_put(&at);
	if (err)
		return err;
	ff->picked = p;
	ff->fs = filesystem_get(p.mnt->fs);
	fs_context_init_for(&ff->fc, t->sb->vfs, ff->fs);
	return fd_return(t, &ff->file, flags & FSPICK_ABI_CLOEXEC);
}

/* ---- fsconfig ---- */

#define KEY_SIZE   256
#define BINARY_MAX (1 << 20)

struct config_call {
	unsigned cmd;
	gva_t key, value;
	int aux;
};

static int check_config(const struct config_call *k)
{
	bool key = k->key.v, value = k->value.v, ok;

	switch (k->cmd) {
	case FSCONFIG_ABI_SET_FLAG: ok = key && !value && !k->aux; break;
	case FSCONFIG_ABI_SET_STRING: ok = key && value && !k->aux; break;
	case FSCONFIG_ABI_SET_BINARY:
		ok = key && value && k->aux > 0 && k->aux <= BINARY_MAX;
		break;
	case FSCONFIG_ABI_SET_PATH:
	case FSCONFIG_ABI_SET_PATH_EMPTY:
		ok = key && value && (k->aux == AT_FDCWD || k->aux >= 0);
		break;
	case FSCONFIG_ABI_SET_FD: ok = key && !value && k->aux >= 0; break;
	case FSCONFIG_ABI_CMD_CREATE:
	case FSCONFIG_ABI_CMD_CREATE_EXCL:
	case FSCONFIG_ABI_CMD_RECONFIGURE: ok = !key && !value && !k->aux; break;
	default: return -EOPNOTSUPP;
	}
	return ok ? 0 : -EINVAL;
}

static int create(struct fs_file *ff, struct task *t, bool exclusive)
{
	if (ff->phase != CREATE_PARAMS)
		return -EBUSY;
	int err = fs_context_create(&ff->fc, t, &ff->fs);
	if (!err && exclusive && ref_count(&ff->fs->refs) > 1) {
		filesystem_put(ff->fs);
		ff->fs = NULL;
		err = -EBUSY;
	}
	ff->phase = err ? FAILED : AWAITING_MOUNT;
	return err;
}

static int reconfigure(struct fs_file *ff, struct task *t)
{
	if (ff->phase != RECONF_PARAMS)
		return -EBUSY;
	int err = fs_context_reconfigure(&ff->fc, t, ff->fs);
	ff->phase = err ? FAILED : AWAITING_RECONF;
	return err;
}

/* No type here takes anything but flags and strings. */
static int set_parameter(struct fs_file *ff, const struct config_call *k, const char *key,
			 const char *value)
{
	bool text = k->cmd == FSCONFIG_ABI_SET_STRING || k->cmd == FSCONFIG_ABI_SET_FLAG;

	if (ff->phase != CREATE_PARAMS && ff->phase != RECONF_PARAMS)
		return -EBUSY;
	return text ? fs_context_parse(&ff->fc, key,
				       k->cmd == FSCONFIG_ABI_SET_STRING ? value : NULL)
		    : fs_context_refuse(&ff->fc, key);
}

static int configure_locked(struct fs_file *ff, struct task *t, const struct config_call *k,
			    const char *key, const char *value)
{
	if (ff->phase == AWAITING_RECONF) {
		unsigned changed = ff->fc.changed; /* Linux forgets the flags alone */
		fs_context_free(&ff->fc);
		fs_context_init_for(&ff->fc, t->sb->vfs, ff->fs);
		ff->fc.changed = changed;
		ff->phase = RECONF_PARAMS;
	}
	switch (k->cmd) {
	case FSCONFIG_ABI_CMD_CREATE: return create(ff, t, false);
	case FSCONFIG_ABI_CMD_CREATE_EXCL: return create(ff, t, true);
	case FSCONFIG_ABI_CMD_RECONFIGURE: return reconfigure(ff, t);
	default: return set_parameter(ff, k, key, value);
	}
}

static int configure(struct fs_file *ff, struct task *t, const struct config_call *k)
{
	char key[KEY_SIZE] = "", value[KEY_SIZE] = "";
	int err = k->key.v ? get_text(t, k->key, sizeof key, key) : 0;

	if (!err && k->cmd == FSCONFIG_ABI_SET_STRING)
		err = get_text(t, k->value, sizeof value, value);
	if (!err && k->cmd == FSCONFIG_ABI_SET_FD) {
		struct file *f = fd_get_path(t->files, k->aux);
		err = f ? 0 : -EBADF;
		file_put(f);
	}
	if (err)
		return err;
	mutex_lock(&ff->lock);
	err = configure_locked(ff, t, k, key, value);
	mutex_unlock(&ff->lock);
	return err;
}

/* The context behind a descriptor, with a reference to its file. */
static int find_context(struct task *t, int fd, struct fs_file **out)
{
	struct file *f = fd_get(t->files, fd);

	if (!f)
		return -EBADF;
	if (f->ops != &fs_file_ops) {
		file_put(f);
		return -EINVAL;
	}
	*out = fs_file_of(f);
	return 0;
}

SYSCALL_DEFINE(fsconfig)
{
	const struct config_call k = {
		.cmd = (unsigned)a[1], .key = GVA(a[2]), .value = GVA(a[3]), .aux = (int)a[4]
	};
	struct fs_file *ff;

	if ((int)a[0] < 0)
		return -EINVAL;
	int err = check_config(&k);
	if (!err)
		err = find_context(t, (int)a[0], &ff);
	if (err)
		return err;
	err = configure(ff, t, &k);
	file_put(&ff->file);
	return err;
}

/* ---- fsmount ---- */

static int mount_made(struct fs_file *ff, struct task *t, unsigned flags, struct file **out)
{
	if (!ff->fs && ff->phase != AWAITING_MOUNT)
		return -EINVAL;
	if (ff->phase != AWAITING_MOUNT)
		return -EBUSY;
	if (!ff->fs) { /* of a snapshot, which has what it is made of */
		int made = fs_context_create(&ff->fc, t, &ff->fs);
		if (made)
			return made;
	}
	const char *source = ff->fc.source ? ff->fc.source : "none";
	struct mount *m = mount_new(t->sb->vfs, filesystem_get(ff->fs), NULL, flags, source);
	int err = m ? do_fsmount(task_mnt_ns(t), m, out) : -ENOMEM;

	mount_put(m);
	if (!err)
		ff->phase = AWAITING_RECONF;
	return err;
}

SYSCALL_DEFINE(fsmount)
{
	uint64_t atime = a[2] & MOUNT_ATTR_ABI_ATIME;
	unsigned flags = mount_flags_of_attr(a[2]);
	struct fs_file *ff;
	struct file *f;

	if (!task_may_mount(t))
		return -EPERM;
	if (a[1] & ~(uint64_t)FSMOUNT_ABI_CLOEXEC || a[2] & ~(uint64_t)MOUNT_ATTR_ABI_KNOWN ||
	    (atime && atime != MOUNT_ATTR_ABI_NOATIME && atime != MOUNT_ATTR_ABI_STRICTATIME))
		return -EINVAL;
	flags |= atime == MOUNT_ATTR_ABI_NOATIME ? MOUNT_NOATIME : atime ? MOUNT_STRICTATIME : 0;
	int err = find_context(t, (int)a[0], &ff);
	if (err)
		return err;
	mutex_lock(&ff->lock);
	err = mount_made(ff, t, flags, &f);
	mutex_unlock(&ff->lock);
	file_put(&ff->file);
	return err ? err : fd_return(t, f, a[1] & FSMOUNT_ABI_CLOEXEC);
}

/* ---- snapshots ---- */

/* The number of a mount that shows it; 0: none. */
static uint64_t mount_number(const struct saver *s, const struct filesystem *fs)
{
	for (size_t i = 0; fs && i < s->nr_mounts; i++)
		if (((const struct mount *)s->mounts[i])->fs == fs)
			return i + 1;
	return 0;
}

/* What is made and not mounted has nothing in it, and is made again of its parameters. */
static bool is_made_again(const struct saver *s, const struct fs_file *ff)
{
	return ff->phase == AWAITING_MOUNT && !mount_number(s, ff->fs);
}

static const char *fs_file_refused(struct saver *s, void *object)
{
	const struct fs_file *ff = fs_file_of(object);

	if (ff->picked.dentry)
		return place_refused(s, &ff->picked);
	if (is_made_again(s, ff) && strcmp(ff->fc.type->name, "overlay") == 0)
		return "of an overlay that is made and not mounted, which a snapshot cannot hold "
		       "yet";
	if ((ff->phase == AWAITING_RECONF || ff->phase == RECONF_PARAMS) &&
	    !mount_number(s, ff->fs))
		return "of what is not mounted any more, which a snapshot cannot hold yet";
	return NULL;
}

static int fs_file_save(struct saver *s, void *object)
{
	struct fs_file *ff = fs_file_of(object);

	if (is_made_again(s, ff))
		fs_context_take(&ff->fc, ff->fs);
	encode(&s->out, ff->phase);
	encode(&s->out, mount_number(s, ff->fs));
	place_save(s, &ff->picked);
	encode_string(&s->out, ff->fc.type->name);
	fs_context_save(s, &ff->fc);
	file_save_state(s, &ff->file);
	return 0;
}

/* Which file system it is about, by what is mounted. */
static int load_subject(struct loader *l, struct fs_file *ff)
{
	uint64_t phase = decode_max(&l->in, FAILED);
	uint64_t number = decode_max(&l->in, l->nr_mounts);
	int err = place_find(l, 0, &ff->picked);

	ff->phase = (enum phase)phase;
	if (err)
		return err;
	const struct mount *m = number ? l->mounts[number - 1] : ff->picked.mnt;
	if (m)
		ff->fs = filesystem_get(m->fs);
	bool changes = ff->phase == AWAITING_RECONF || ff->phase == RECONF_PARAMS;
	return l->in.failed || (changes && !ff->fs) ? loader_damaged(l, "a file system context")
						    : 0;
}

static int load_parameters(struct loader *l, struct fs_file *ff)
{
	const struct sandbox *sb = l->sandbox;
	char *type = decode_string(&l->in, NAME_MAX + 1);
	int err = type ? 0 : loader_damaged(l, "the type of a file system");

	if (!err && ff->fs)
		fs_context_init_for(&ff->fc, sb->vfs, ff->fs);
	else if (!err && fs_context_init(&ff->fc, sb->vfs, type))
		err = loader_damaged(l, "the type of a file system");
	free(type);
	if (!err)
		err = fs_context_load(l, &ff->fc);
	return err ? err : file_load_state(l, &ff->file);
}

static int fs_file_load(struct loader *l, void **out)
{
	struct fs_file *ff;
	int err = fs_file_new(l->caller, CREATE_PARAMS, &ff);

	if (err)
		return err;
	err = load_subject(l, ff);
	if (!err)
		err = load_parameters(l, ff);
	if (err)
		file_put(&ff->file);
	else
		*out = &ff->file;
	return err;
}

const struct saved_kind fs_file_saved = {
	.name = "file system context",
	.save = fs_file_save,
	.load = fs_file_load,
	.put = file_saved_put,
	.refused = fs_file_refused,
};
