/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path walk (path_resolution(7)). The name is taken in runs: as many plain names as lie on one
 * mount go to the file system at once, which stops at a symlink. "..", mount points and symlinks
 * are handled here.
 *
 * 	"/proc/../usr/lib/x"     proc     a mount point: step onto its root
 * 	                         ..       from there: back to the directory it is mounted in
 * 	                         usr/lib  a run; stops behind the symlink lib -> lib64
 * 	                         the rest becomes "lib64/x", and on
 *
 * A file system of the host is also given the "." and ".." inside a run (FS_WALKS_DOTS): a/../b is
 * one host call.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mount.h"
#include "fs/protect.h"
#include "fs/walk.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

#define MAX_LINKS 40             /* Linux's MAXSYMLINKS */
#define MAX_RUN   (PATH_MAX - 1) /* bytes one host call takes */

static bool is_dot(const char *s, size_t len)
{
	return len == 1 && s[0] == '.';
}

static bool is_dotdot(const char *s, size_t len)
{
	return len == 2 && s[0] == '.' && s[1] == '.';
}

static size_t name_len(const char *s)
{
	return strcspn(s, "/");
}

static const char *skip_slashes(const char *s)
{
	return s + strspn(s, "/");
}

static struct inode *here(const struct walk *w)
{
	return w->path.dentry->inode;
}

/* Can names be looked up from here? Not from a file, nor from a directory that is known by an
 * inherited descriptor alone: it lies in no tree of the guest's, so nothing says where its ".."
 * ends. Asked once a step, in walk_next. */
static bool may_leave(const struct walk *w)
{
	return S_ISDIR(here(w)->type) && w->path.mnt->root;
}

static void step_to(struct walk *w, struct mount *mnt, struct dentry *d)
{
	struct path to = { .mnt = mnt, .dentry = d };
	struct path ref = path_get(&to);

	path_put(&w->path);
	w->path = ref;
}

/* As step_to, in the mount the walk is in; takes `d` over. */
static void step_within(struct walk *w, struct dentry *d)
{
	dentry_put(w->path.dentry);
	w->path.dentry = d;
}

/* Onto the root of `m`, whose reference is taken over. */
static int cross_mount(struct walk *w, struct mount *m)
{
	if (w->flags & WALK_NO_XDEV) {
		mount_put(m);
		return -EXDEV;
	}
	path_put(&w->path);
	w->path = (struct path){ .mnt = m, .dentry = dentry_get(m->root) };
	return 0;
}

static bool at_walk_root(struct walk *w)
{
	return w->path.mnt == w->root.mnt && inode_same(here(w), w->root.dentry->inode);
}

static int step_up_in_fs(struct walk *w)
{
	struct dentry *up;
	struct inode *top = w->path.mnt->root->inode;
	int err = here(w)->ops->parent(here(w), w->c, &up);

	if (err)
		return err;
	/* It may have been moved out of what the mount shows (Linux's path_connected()). */
	if (top != top->fs->root && !inode_is_below(up->inode, top)) {
		dentry_put(up);
		return -ENOENT;
	}
	step_within(w, up);
	return 0;
}

/* Where the walk stands may be covered by mounts that it has come to from below. */
static int step_onto_cover(struct walk *w)
{
	struct mount *m = w->path.mnt;
	struct mount *top = m->cover && inode_same(here(w), m->root->inode) ? mount_top(m) : NULL;

	return top ? cross_mount(w, top) : 0;
}

/* The name that the mount covers which the walk stands on, in *over->dir of *parent: through mounts
 * that cover nothing but each other's roots. False: there is none, or the walk's root lies there.
 * (Linux's choose_mountpoint().) */
static bool find_mountpoint(struct walk *w, struct mount **parent, struct dentry **over)
{
	struct mount *m = mount_get(w->path.mnt);
	bool found;

	while ((found = mount_point(m, parent, over)) && !*over) {
		mount_unref(m);
		m = *parent;
		if (m == w->root.mnt && inode_same(m->root->inode, w->root.dentry->inode)) {
			found = false;
			break;
		}
	}
	mount_unref(m);
	return found;
}

/* From a mount's root to the directory that holds the name it covers. Takes both references
 * over. */
static int step_off_mount(struct walk *w, struct mount *parent, struct dentry *over)
{
	struct inode *dir = over->dir;
	struct path to = { .mnt = parent };
	int err = w->flags & WALK_NO_XDEV ? -EXDEV : 0;

	if (!err && dir == parent->root->inode)
		to.dentry = dentry_get(parent->root);
	else if (!err && !(to.dentry = dentry_new(inode_get(dir), NULL, "", 0)))
		err = -ENOMEM;
	dentry_put(over);
	if (err) {
		mount_put(parent);
		return err;
	}
	path_put(&w->path);
	w->path = to;
	return 0;
}

/* May names be looked up in the directory, ".." among them? The host checks that by itself where a
 * name is; only for names that are not its own would it have to be asked, and at the root of its
 * tree that is not worth a call for each. */
static int may_search(struct walk *w)
{
	if (here(w) == here(w)->fs->root && fs_checks_access(here(w)->fs, w->c))
		return 0;
	return here(w)->ops->permission(here(w), w->c, X_OK);
}

static int step_up(struct walk *w)
{
	struct mount *parent;
	struct dentry *over;
	bool at_root = at_walk_root(w);
	bool within = !at_root && !inode_same(here(w), w->path.mnt->root->inode);
	/* the host sees for itself who goes up */
	int err = within && fs_checks_access(here(w)->fs, w->c) ? 0 : may_search(w);

	if (!err && !at_root) {
		if (within)
			err = step_up_in_fs(w);
		else if (find_mountpoint(w, &parent, &over))
			err = step_off_mount(w, parent, over);
		else
			at_root = true;
	}
	if (!err && at_root && w->flags & WALK_BENEATH)
		err = -EXDEV;
	return err ? err : step_onto_cover(w);
}

/*
 * The sysroot: an absolute name that exists below it means that file, every other one is the root's
 * own. Who has another root (chroot(2)) has none. Asked once for a name, and again for what is left
 * of it behind an absolute symlink. The question does not follow such a symlink itself: that it is
 * there is enough.
 */
static bool in_sysroot(struct walk *w)
{
	const struct path *sysroot = &w->c->fs->vfs->sysroot;
	struct walk probe;

	if (!sysroot->dentry || w->flags & (WALK_BENEATH | WALK_IN_ROOT) ||
	    w->root.dentry != w->c->fs->vfs->sysroot_for.dentry)
		return false;
	const char *rest = skip_slashes(w->rest);
	if (!*rest || walk_begin(&probe, w->c, sysroot, rest, w->flags & WALK_NOFOLLOW))
		return false;
	probe.probe = true;
	int err = walk_run(&probe);
	walk_end(&probe);
	return err == 0;
}

static void step_to_sysroot(struct walk *w)
{
	const struct path *sysroot = &w->c->fs->vfs->sysroot;

	step_to(w, sysroot->mnt, sysroot->dentry);
}

static int jump_to_root(struct walk *w)
{
	if (w->flags & WALK_BENEATH)
		return -EXDEV;
	if (w->flags & WALK_NO_XDEV && w->path.mnt != w->root.mnt)
		return -EXDEV;
	if (w->probe)
		w->done = true;
	else if (in_sysroot(w))
		step_to_sysroot(w);
	else
		step_to(w, w->root.mnt, w->root.dentry);
	return 0;
}

/* The rest of the walk becomes `text`, seen from the directory that holds the link, and then what
 * is behind `rest`. `names`: the run that led to the link; but for its last name it is walked
 * again, from where it began. */
static int splice_link(struct walk *w, const char *names, size_t consumed, const char *text)
{
	size_t len = strlen(text), rest = strlen(w->rest), above = consumed;
	bool absolute = text[0] == '/';

	while (above && names[above - 1] != '/')
		above--;
	if (absolute)
		above = 0;
	char *joined = malloc(above + len + rest + 1);
	if (!joined)
		return -ENOMEM;
	memcpy(joined, names, above);
	memcpy(joined + above, text, len);
	memcpy(joined + above + len, w->rest, rest + 1);
	free(w->owned);
	w->owned = joined;
	w->rest = joined;
	return absolute ? jump_to_root(w) : 0;
}

static int follow_magic(struct walk *w, struct inode *link)
{
	struct path to;

	if (w->flags & WALK_NO_MAGICLINKS)
		return -ELOOP;
	int err = link->ops->jump(link, w->c, &to);
	if (err)
		return err;
	if (w->flags & (WALK_BENEATH | WALK_IN_ROOT) ||
	    (w->flags & WALK_NO_XDEV && to.mnt != w->path.mnt)) {
		path_put(&to);
		return -EXDEV;
	}
	path_put(&w->path);
	w->path = to;
	return 0;
}

static int follow_text(struct walk *w, const char *names, size_t consumed, struct inode *link)
{
	char *text = malloc(PATH_MAX + 1);
	ssize_t n = text ? link->ops->readlink(link, w->c, text, PATH_MAX) : -ENOMEM;

	if (n == 0)
		n = -ENOENT;
	if (n > 0)
		text[n] = '\0';
	int err = n < 0 ? (int)n : splice_link(w, names, consumed, text);
	free(text);
	return err;
}

/* The directory that the last of `names` lies in; reference. The walk has been there. */
static int walk_to_parent(struct walk *w, const char *names, size_t len, struct dentry **out)
{
	struct walk_step step = { .consumed = len };

	if (!len) {
		*out = dentry_get(w->path.dentry);
		return 0;
	}
	int err = here(w)->ops->walk(here(w), w->c, names, len, STEP_DIRECTORY, &step);
	free(step.link);
	if (!err && (!step.dentry || step.consumed < len || !S_ISDIR(step.dentry->inode->type)))
		err = -EACCES; /* it has become something else */
	if (err && step.dentry)
		dentry_put(step.dentry);
	*out = step.dentry;
	return err;
}

static int link_getattr(struct caller *c, struct inode *dir, const char *name, size_t len,
			struct statx *out)
{
	struct walk_step step = { .consumed = len };
	int err = dir->ops->walk(dir, c, name, len, STEP_NOFOLLOW, &step);

	if (!err)
		err = inode_getattr(step.dentry->inode, c, STATX_UID, out);
	if (step.dentry)
		dentry_put(step.dentry);
	return err;
}

/* The first `len` bytes of `names` have led to a symlink at the end of the path. Others may have
 * put it there. */
static int may_follow(struct walk *w, const char *names, size_t len)
{
	const char *slash = memrchr(names, '/', len), *name = slash ? slash + 1 : names;
	size_t above = (size_t)(name - names);
	struct statx dir, link;
	struct dentry *d;

	while (above && names[above - 1] == '/')
		above--;
	int err = walk_to_parent(w, names, above, &d);
	if (err)
		return err;
	err = inode_getattr(d->inode, w->c, STATX_MODE | STATX_UID, &dir);
	if (!err && protect_looks_at_links(&dir)) {
		err = link_getattr(w->c, d->inode, name, len - (size_t)(name - names), &link);
		if (!err)
			err = protect_symlink(w->c, &dir, &link);
	}
	dentry_put(d);
	return err;
}

static int follow_link(struct walk *w, const char *names, struct walk_step *step)
{
	if (w->flags & WALK_NO_SYMLINKS || w->path.mnt->flags & MOUNT_NOSYMFOLLOW ||
	    ++w->links > MAX_LINKS)
		return -ELOOP;
	if (!*skip_slashes(w->rest) && protection_level(w->c->fs->vfs, PROTECTED_SYMLINKS)) {
		int err = may_follow(w, names, step->consumed);
		if (err)
			return err;
	}
	if (step->link)
		return splice_link(w, names, step->consumed, step->link);
	struct inode *link = step->dentry->inode;
	return link->ops->jump ? follow_magic(w, link)
			       : follow_text(w, names, step->consumed, link);
}

/* Length of the run at w->rest that may go to the file system at once; 0: not even the first
 * name. */
static size_t run_length(struct walk *w)
{
	bool dots = here(w)->fs->flags & FS_WALKS_DOTS;
	/* a way back to the root of the mount may end on what covers that */
	unsigned lowest = w->path.mnt->cover ? 1 : 0;
	/* and none may lead through the walk's root, which could lie below */
	bool rooted = w->root.mnt == w->path.mnt &&
		      w->root.dentry->inode != w->path.mnt->root->inode && !at_walk_root(w);
	const char *s = w->rest;
	size_t run = 0;
	unsigned depth = 0;

	for (size_t len; (len = name_len(s)); s = skip_slashes(s + len)) {
		bool dot = is_dot(s, len), dotdot = is_dotdot(s, len);
		if ((dot || dotdot) && (!dots || (dotdot && (rooted || depth <= lowest))))
			break;
		if (s != w->rest && !dot && !dotdot && mount_may_be_at(&w->path, depth, s, len))
			break;
		if (w->parent_only && !*skip_slashes(s + len))
			break;
		if (run && (size_t)(s + len - w->rest) > MAX_RUN)
			break;
		run = (size_t)(s + len - w->rest);
		depth = dot ? depth : dotdot ? depth - 1 : depth + 1;
	}
	return run;
}

static int take_step(struct walk *w, size_t len, struct walk_step *step)
{
	const char *behind = w->rest + len;
	bool last = !*skip_slashes(behind);
	unsigned flags = 0;

	if (*behind || w->flags & WALK_DIRECTORY)
		flags |= STEP_DIRECTORY;
	if (!*behind && w->flags & WALK_NOFOLLOW)
		flags |= STEP_NOFOLLOW;
	if (last && w->finish)
		return w->finish(w, w->rest, len, flags, step);
	return here(w)->ops->walk(here(w), w->c, w->rest, len, flags, step);
}

/* Where a run has led. Takes step->dentry over. */
static int land_step(struct walk *w, struct walk_step *step)
{
	bool link = step->link || S_ISLNK(step->dentry->inode->type);
	const char *names = w->rest, *behind = names + step->consumed;

	w->rest = behind;
	if (!link || (!*behind && w->flags & WALK_NOFOLLOW)) {
		if (!step->dentry)
			return -ELOOP;
		step_within(w, dentry_get(step->dentry));
		return *behind && !S_ISDIR(here(w)->type) ? -ENOTDIR : 0;
	}
	return follow_link(w, names, step);
}

static int walk_names(struct walk *w, size_t len)
{
	struct walk_step step = { .consumed = len };
	int err = take_step(w, len, &step);

	if (err)
		return err;
	if (w->done)
		w->rest += len;
	else
		err = land_step(w, &step);
	dentry_put(step.dentry);
	free(step.link);
	return err;
}

/* Is there a mount on the first name? 1: stepped onto it. */
static int walk_mount(struct walk *w, size_t len)
{
	struct mount *m = mount_at(&w->path, w->rest, len);

	if (!m)
		return 0;
	int err = may_search(w);
	if (err)
		mount_put(m);
	else
		err = cross_mount(w, m);
	w->rest += len;
	return err ? err : 1;
}

static int last_too_long(struct walk *w)
{
	int err = may_search(w);

	return err ? err : name_too_long(here(w), w->c);
}

static int set_last(struct walk *w, size_t len)
{
	w->last = w->rest;
	w->last_len = len;
	w->last_type = is_dot(w->rest, len)      ? LAST_DOT
		       : is_dotdot(w->rest, len) ? LAST_DOTDOT
						 : LAST_NORM;
	w->slash = w->rest[len] == '/';
	w->rest += len;
	w->done = true;
	return len > NAME_MAX ? last_too_long(w) : 0;
}

/* One step: a "..", a mount point, or a run. */
static int walk_next(struct walk *w)
{
	size_t len = name_len(w->rest);
	bool dot = is_dot(w->rest, len), dotdot = is_dotdot(w->rest, len);

	if (!may_leave(w))
		return -ENOTDIR;
	if (w->parent_only && !*skip_slashes(w->rest + len))
		return set_last(w, len);
	if (dotdot) {
		w->rest += len;
		return step_up(w);
	}
	if (dot && !(here(w)->fs->flags & FS_WALKS_DOTS)) {
		w->rest += len;
		return may_search(w);
	}
	int mounted = dot ? 0 : walk_mount(w, len);
	if (mounted)
		return mounted < 0 ? mounted : 0;
	return walk_names(w, run_length(w));
}

int walk_run(struct walk *w)
{
	while (!w->done) {
		const char *name = skip_slashes(w->rest);
		if (name != w->rest && !*name)
			w->slash = true;
		w->rest = name;
		if (!*name)
			break;
		int err = walk_next(w);
		if (err)
			return err;
	}
	if (!w->done && (w->slash || w->flags & WALK_DIRECTORY) && !S_ISDIR(here(w)->type))
		return -ENOTDIR;
	return 0;
}

static int begin_absolute(struct walk *w)
{
	if (w->flags & WALK_BENEATH)
		return -EXDEV;
	path_put(&w->path);
	w->path = path_get(&w->root);
	if (in_sysroot(w))
		step_to_sysroot(w);
	return 0;
}

int walk_begin(struct walk *w, struct caller *c, const struct path *start, const char *name,
	       unsigned flags)
{
	struct fs_struct *fs = c->fs;
	int err = 0;

	*w = (struct walk){ .c = c, .flags = flags, .rest = name, .last_type = LAST_ROOT };
	if (!*name && !(flags & WALK_EMPTY_OK))
		return -ENOENT;
	mutex_lock(&fs->lock);
	w->path = path_get(start ? start : &fs->cwd);
	w->root = path_get(flags & (WALK_BENEATH | WALK_IN_ROOT) ? &w->path : &fs->root);
	mutex_unlock(&fs->lock);
	if (*name == '/')
		err = begin_absolute(w);
	if (err)
		walk_end(w);
	return err;
}

void walk_end(struct walk *w)
{
	if (w->path.dentry)
		path_put(&w->path);
	path_put(&w->root);
	free(w->owned);
}

/* Moves w->path into *out. */
static void walk_take_path(struct walk *w, struct path *out)
{
	*out = w->path;
	w->path = (struct path){ NULL, NULL };
}

int path_walk(struct caller *c, const struct path *start, const char *name, unsigned flags,
	      struct path *out)
{
	struct walk w;
	int err = walk_begin(&w, c, start, name, flags);

	if (err)
		return err;
	err = walk_run(&w);
	if (!err)
		walk_take_path(&w, out);
	walk_end(&w);
	return err;
}

int path_walk_parent(struct caller *c, const struct path *start, const char *name, unsigned flags,
		     struct path *dir, char *last, enum last_type *type, bool *trailing_slash)
{
	struct walk w;
	int err = walk_begin(&w, c, start, name, flags);

	if (err)
		return err;
	w.parent_only = true;
	err = walk_run(&w);
	if (!err) {
		memcpy(last, w.last_len ? w.last : "", w.last_len);
		last[w.last_len] = '\0';
		*type = w.last_type;
		*trailing_slash = w.slash;
		walk_take_path(&w, dir);
	}
	walk_end(&w);
	return err;
}

struct getattr_arg {
	unsigned mask;
	struct statx *st;
};

static int getattr_finish(struct walk *w, const char *names, size_t len, unsigned flags,
			  struct walk_step *step)
{
	struct getattr_arg *a = w->arg;
	const struct inode_ops *ops = here(w)->ops;

	return ops->walk_getattr(here(w), w->c, names, len, flags, a->mask, a->st, &w->done, step);
}

static int walk_plain(struct walk *w, const char *names, size_t len, unsigned flags,
		      struct walk_step *step)
{
	return here(w)->ops->walk(here(w), w->c, names, len, flags, step);
}

static int getattr_or_walk(struct walk *w, const char *names, size_t len, unsigned flags,
			   struct walk_step *step)
{
	return here(w)->ops->walk_getattr ? getattr_finish(w, names, len, flags, step)
					  : walk_plain(w, names, len, flags, step);
}

#define MOUNT_ATTRS (STATX_ATTR_AUTOMOUNT | STATX_ATTR_MOUNT_ROOT | STATX_ATTR_DAX)

void mount_getattr(const struct mount *m, bool root, unsigned mask, struct statx *out)
{
	bool unique = mask & STATX_MNT_ID_UNIQUE;

	out->stx_mask &= ~(STATX_MNT_ID | STATX_MNT_ID_UNIQUE);
	out->stx_mask |= unique ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID;
	out->stx_mnt_id = unique ? mount_unique_id(m) : m->id;
	out->stx_attributes &= ~(uint64_t)STATX_ATTR_MOUNT_ROOT;
	out->stx_attributes |= root ? STATX_ATTR_MOUNT_ROOT : 0;
	out->stx_attributes_mask |= MOUNT_ATTRS;
}

int path_getattr(const struct path *p, struct caller *c, unsigned mask, struct statx *out)
{
	int err = inode_getattr(p->dentry->inode, c, mask, out);

	if (!err)
		mount_getattr(p->mnt, p->dentry == p->mnt->root, mask, out);
	return err;
}

int vfs_getattr(struct caller *c, const struct path *start, const char *name, unsigned flags,
		unsigned mask, struct statx *out)
{
	struct getattr_arg arg = { .mask = mask, .st = out };
	struct walk w;
	int err = walk_begin(&w, c, start, name, flags);

	if (err)
		return err;
	memset(out, 0, sizeof *out);
	w.finish = getattr_or_walk;
	w.arg = &arg;
	err = walk_run(&w);
	if (!err && !w.done)
		err = path_getattr(&w.path, c, mask, out);
	else if (!err)
		mount_getattr(w.path.mnt, false, mask, out);
	walk_end(&w);
	return err;
}
