/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of overlays as Linux's fs/overlayfs/params.c has them, and what they name. The
 * layers are used with the rights of who mounts the overlay.
 *
 * Features that Linux lets users switch are always there or never (`index` and `redirect_dir` are,
 * `metacopy` is not): each of their values is accepted that leaves the overlay what it promises to
 * be. An overlay is no upper layer for another one, as on Linux.
 */
#include "sys/overlay_fs.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fs/hostfs/hostfs.h"
#include "fs/mount.h"
#include "fs/overlay/overlay.h"
#include "sys/at.h"
#include "sys/fs_context.h"
#include "util/text.h"

#define LAYERS_MAX 500 /* OVL_MAX_STACK */

/* ---- parameters ---- */

static int set_path(char **to, const char *value)
{
	if (!value || !*value)
		return -EINVAL;
	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* "lowerdir+": one more layer, whose name is taken as it is. */
static int add_lower(struct overlay_params *p, const char *value)
{
	struct text t = { 0 };

	if (!value || !*value)
		return -EINVAL;
	if (p->lower) {
		text_puts(&t, p->lower);
		text_putc(&t, ':');
	}
	for (const char *s = value; *s; s++) {
		if (*s == ':' || *s == '\\')
			text_putc(&t, '\\');
		text_putc(&t, *s);
	}
	if (t.failed) {
		text_free(&t);
		return -ENOMEM;
	}
	free(p->lower);
	p->lower = t.buf;
	return 0;
}

static bool is_one_of(const char *value, const char *const *values)
{
	while (value && *values && strcmp(value, *values))
		values++;
	return value && *values;
}

int overlay_fs_parse(struct fs_context *fc, const char *key, const char *value)
{
	static const struct {
		const char *name, *values[5];
	} features[] = {
		{ "index", { "off", "on" } },
		{ "metacopy", { "off", "on" } },
		{ "redirect_dir", { "off", "follow", "nofollow", "on" } },
		{ "xino", { "off", "auto", "on" } },
		{ "uuid", { "off", "null", "auto", "on" } },
		{ "nfs_export", { "off" } },
		{ "verity", { "off" } },
	};
	struct overlay_params *p = &fc->overlay;

	if (!strcmp(key, "lowerdir"))
		return set_path(&p->lower, value);
	if (!strcmp(key, "lowerdir+"))
		return add_lower(p, value);
	if (!strcmp(key, "upperdir"))
		return set_path(&p->upper, value);
	if (!strcmp(key, "workdir"))
		return set_path(&p->work, value);
	if (!strcmp(key, "userxattr") || !strcmp(key, "volatile") ||
	    !strcmp(key, "default_permissions")) {
		p->user_marks |= !strcmp(key, "userxattr");
		return value ? -EINVAL : 0;
	}
	for (size_t i = 0; i < sizeof features / sizeof *features; i++)
		if (!strcmp(key, features[i].name))
			return is_one_of(value, features[i].values) ? 0 : -EINVAL;
	return PARAM_UNKNOWN;
}

int overlay_fs_reconfigure(const struct fs_context *fc, struct filesystem *fs)
{
	bool writable = fc->changed & MS_RDONLY && !(fc->flags & MS_RDONLY);

	return writable && !overlay_has_upper(fs) ? -EROFS : 0;
}

void overlay_params_free(struct overlay_params *p)
{
	free(p->lower);
	free(p->upper);
	free(p->work);
}

/* seq_show_option() */
static void show(struct text *t, const char *key, const char *value)
{
	text_printf(t, ",%s=", key);
	for (; *value; value++)
		text_printf(t, strchr(", \t\n\\", *value) ? "\\%03o" : "%c", (unsigned char)*value);
}

static char *show_layers(const struct overlay_params *p)
{
	struct text t = { 0 };

	show(&t, "lowerdir", p->lower);
	if (p->upper) {
		show(&t, "upperdir", p->upper);
		show(&t, "workdir", p->work);
	}
	text_puts(&t, p->user_marks ? ",userxattr" : "");
	if (t.failed)
		text_free(&t);
	return t.failed ? NULL : t.buf;
}

/* ---- what they name ---- */

struct making {
	const struct overlay_params *p;
	struct caller c;
	struct overlay_layer *lower; /* references */
	unsigned nr_lower;
	struct path upper, work; /* references; mnt NULL: none */
};

static int find_directory(struct caller *c, const char *name, struct path *out)
{
	int err = path_walk(c, NULL, name, 0, out);

	if (err || S_ISDIR(out->dentry->inode->type))
		return err;
	path_put(out);
	*out = (struct path){ NULL, NULL };
	return -EINVAL;
}

static int add_layer(struct making *m, const char *name)
{
	struct path p;

	if (m->nr_lower == LAYERS_MAX || !*name)
		return -EINVAL;
	struct overlay_layer *more = reallocarray(m->lower, m->nr_lower + 1, sizeof *more);
	if (!more)
		return -ENOMEM;
	m->lower = more;
	int err = find_directory(&m->c, name, &p);
	if (err)
		return err;
	m->lower[m->nr_lower++] =
	    (struct overlay_layer){ filesystem_get(p.mnt->fs), inode_get(p.dentry->inode) };
	path_put(&p);
	return 0;
}

/* Colons are between them, and after a backslash part of one. */
static int add_layers(struct making *m)
{
	const char *s = m->p->lower;
	char *name = malloc(strlen(s) + 1);
	int err = name ? 0 : -ENOMEM;

	for (bool more = true; !err && more; s += more) {
		size_t len = 0;
		for (; *s && *s != ':'; s++) {
			s += *s == '\\' && s[1];
			name[len++] = *s;
		}
		name[len] = '\0';
		more = *s;
		err = add_layer(m, name);
	}
	free(name);
	return err;
}

/* Can it hold what an overlay writes? */
static bool can_be_upper(const struct path *p)
{
	const struct inode *i = p->dentry->inode;

	return !mount_is_readonly(p->mnt) && i->ops->create && i->ops->setxattr &&
	       strcmp(i->fs->type, "overlay");
}

/* Another overlay's, while it is mounted. */
static bool is_in_use(struct vfs *vfs, const struct inode_id *dir)
{
	struct mount *m;
	bool used = false;

	rwlock_rdlock(&vfs->mount_lock);
	list_for_each (m, &vfs->mounts, all_node)
		used |= overlay_writes_to(m->fs, dir);
	rwlock_unlock(&vfs->mount_lock);
	return used;
}

static int check_upper(struct making *m, struct vfs *vfs)
{
	struct inode *upper = m->upper.dentry->inode, *work = m->work.dentry->inode;
	struct inode_id id;

	if (m->upper.mnt != m->work.mnt || inode_is_below(upper, work) ||
	    inode_is_below(work, upper))
		return -EINVAL;
	for (unsigned i = 0; i < m->nr_lower; i++)
		if (inode_is_below(m->lower[i].dir, upper) || inode_is_below(m->lower[i].dir, work))
			return -ELOOP;
	int err = inode_identify(upper, &id);
	return err ? err : is_in_use(vfs, &id) ? -EBUSY : 0;
}

static int find_all(struct making *m, struct vfs *vfs)
{
	const struct overlay_params *p = m->p;

	if (!p->lower || (p->upper && !p->work))
		return -EINVAL;
	int err = add_layers(m);
	if (err || !p->upper)
		return err ? err : m->nr_lower < 2 ? -EINVAL : 0;
	err = find_directory(&m->c, p->upper, &m->upper);
	if (!err && !can_be_upper(&m->upper))
		err = -EINVAL;
	if (!err)
		err = find_directory(&m->c, p->work, &m->work);
	return err ? err : check_upper(m, vfs);
}

/* Without an upper directory nothing can be written: nothing comes into this one. */
static int empty_upper(struct task *t, struct overlay_layer *out)
{
	const struct ramfs_options opt = { .type = "tmpfs", .mode = 0755 };

	return ramfs_create(&t->sb->mem, vfs_new_dev(t->sb->vfs), &opt, &out->fs);
}

static int create(struct making *m, struct task *t, struct filesystem **out)
{
	struct overlay_options opt = { .type = "overlay",
				       .lower = m->lower,
				       .nr_lower = m->nr_lower,
				       .mounter = t->cred,
				       .user_marks = m->p->user_marks,
				       .lock_fd = -1,
				       .shown = show_layers(m->p) };
	int err = opt.shown ? 0 : -ENOMEM;

	if (!err && m->upper.mnt) {
		opt.upper = (struct overlay_layer){ filesystem_get(m->upper.mnt->fs),
						    inode_get(m->upper.dentry->inode) };
		opt.work = inode_get(m->work.dentry->inode);
		hostfs_take_whiteouts(opt.upper.fs);
	} else if (!err) {
		err = empty_upper(t, &opt.upper);
	}
	if (err) {
		free(opt.shown);
		return err;
	}
	m->nr_lower = 0; /* taken over */
	opt.readonly = !m->upper.mnt;
	return overlay_create(t->sb->vfs, &opt, out);
}

int overlay_fs_create(struct fs_context *fc, struct task *t, struct filesystem **out)
{
	struct making m = { .p = &fc->overlay, .c = task_caller(t) };
	int err = find_all(&m, t->sb->vfs);

	if (!err)
		err = create(&m, t, out);
	if (!err && !m.upper.mnt)
		fc->flags |= MS_RDONLY;
	while (m.nr_lower) {
		struct overlay_layer *l = &m.lower[--m.nr_lower];
		inode_put(l->dir);
		filesystem_put(l->fs);
	}
	free(m.lower);
	path_put(&m.upper);
	path_put(&m.work);
	return err;
}
