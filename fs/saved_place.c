/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and finds places of the guest's tree. See the header. */
#include "fs/saved_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/mount.h"
#include "fs/removed_dir.h"

#define REMOVED_MAX 32 /* directories that were removed with all that they lay in */

/* How a place is told. */
enum { BY_NAME, BY_REMOVED, BY_FILESYSTEM };

/* The number of a mount in this snapshot; 0: none is kept, or not this one. */
static uint64_t number_of(const struct saver *s, const struct mount *m)
{
	size_t n = m->number;

	return n && n <= s->nr_mounts && s->mounts[n - 1] == m ? n : 0;
}

/* Length or -errno. */
static int name_of(uint64_t number, const struct path *p, char name[PATH_MAX])
{
	const struct path all = { NULL, NULL };

	return number ? inode_path(p->dentry->inode, p->dentry, name)
		      : path_string(p, &all, name, PATH_MAX);
}

static bool leads_to(struct caller *c, const struct saved_place *place, const struct path *p)
{
	struct path found;

	if (place_walk(c, place, WALK_NOFOLLOW, &found) < 0)
		return false;
	bool same = found.mnt == p->mnt && inode_same(found.dentry->inode, p->dentry->inode);
	path_put(&found);
	return same;
}

/* ---- directories that were removed ---- */

/* Is it one, or below one? */
static bool is_removed(struct caller *c, const struct path *p, struct statx *st)
{
	struct inode *i = p->dentry->inode;

	return S_ISDIR(i->type) && i->ops->parent && i != i->fs->root &&
	       inode_getattr(i, c, STATX_BASIC_STATS, st) == 0 && !st->stx_nlink;
}

static int above(struct caller *c, const struct path *p, struct path *out)
{
	struct inode *i = p->dentry->inode;
	struct dentry *d;
	int err = i->ops->parent(i, c, &d);

	if (!err)
		*out = (struct path){ mount_get(p->mnt), d };
	return err;
}

static const char *refused(struct saver *s, const struct path *p, unsigned depth);

/* The directory in which it lay has to be found again. */
static bool removed_refused(struct saver *s, const struct path *p, unsigned depth)
{
	char name[PATH_MAX];
	struct path up;

	if (depth == REMOVED_MAX || inode_path(p->dentry->inode, p->dentry, name) < 0 ||
	    above(s->caller, p, &up) < 0)
		return true;
	bool no = refused(s, &up, depth + 1);
	path_put(&up);
	return no;
}

static void removed_save(struct saver *s, const struct path *p, const struct statx *st)
{
	char name[PATH_MAX];
	struct path up = { NULL, NULL };
	bool known =
	    inode_path(p->dentry->inode, p->dentry, name) >= 0 && above(s->caller, p, &up) == 0;

	encode_bytes(&s->out, st, sizeof *st);
	encode_string(&s->out, known ? name : "/");
	place_save(s, &up);
	path_put(&up);
}

/* ---- what its file system finds ---- */

static bool is_found_by_fs(const struct path *p)
{
	return p->dentry->inode->ops->save;
}

/* The name of the root of its mount, from the root of all. */
static int mount_name(const struct path *p, char name[PATH_MAX])
{
	const struct path root = { p->mnt, p->mnt->root }, all = { NULL, NULL };

	return root.dentry ? path_string(&root, &all, name, PATH_MAX) : -ENOENT;
}

static void found_save(struct saver *s, const struct path *p)
{
	size_t place = encode_place(&s->out), start = s->out.len;

	p->dentry->inode->ops->save(s, p->dentry->inode);
	encode_at(&s->out, place, s->out.len - start);
}

/* ---- saving ---- */

static const char *refused(struct saver *s, const struct path *p, unsigned depth)
{
	char name[PATH_MAX];
	struct saved_place place = { .name = name };
	struct statx st;

	if (!p->dentry)
		return "which a snapshot cannot hold yet";
	place.number = number_of(s, p->mnt);
	if (place.number)
		place.mnt = p->mnt;
	bool bad = s->nr_mounts && !place.number;
	if (!bad && is_found_by_fs(p))
		bad = !place.number && mount_name(p, name) < 0;
	else if (!bad && is_removed(s->caller, p, &st))
		bad = removed_refused(s, p, depth);
	else if (!bad)
		bad = name_of(place.number, p, name) < 0 || !leads_to(s->caller, &place, p);
	return bad ? "whose name is gone, which a snapshot cannot hold yet" : NULL;
}

const char *place_refused(struct saver *s, const struct path *p)
{
	return refused(s, p, 0);
}

bool place_is_removed(struct saver *s, const struct path *p)
{
	struct statx st;

	return is_removed(s->caller, p, &st);
}

void place_save(struct saver *s, const struct path *p)
{
	char name[PATH_MAX];
	struct statx st;
	uint64_t number = p && p->dentry ? number_of(s, p->mnt) : 0;
	unsigned by = BY_NAME;
	int len = -ENOENT;

	if (p && p->dentry && is_found_by_fs(p))
		by = BY_FILESYSTEM;
	else if (p && p->dentry && is_removed(s->caller, p, &st))
		by = BY_REMOVED;
	if (by == BY_FILESYSTEM && !number)
		len = mount_name(p, name);
	else if (by == BY_NAME && p && p->dentry)
		len = name_of(number, p, name);
	encode(&s->out, number);
	encode_string(&s->out, len < 0 ? NULL : name);
	encode(&s->out, by);
	if (by == BY_REMOVED)
		removed_save(s, p, &st);
	else if (by == BY_FILESYSTEM)
		found_save(s, p);
}

int place_of(struct saver *s, const struct path *p, struct saved_place *out)
{
	char name[PATH_MAX];
	uint64_t number = number_of(s, p->mnt);

	*out = (struct saved_place){ .mnt = number ? p->mnt : NULL, .number = number };
	if ((s->nr_mounts && !number) || name_of(number, p, name) < 0)
		return -ENOENT;
	out->name = strdup(name);
	return out->name ? 0 : -ENOMEM;
}

void place_put(struct saver *s, const struct saved_place *p)
{
	encode(&s->out, p->number);
	encode_string(&s->out, p->name);
	encode(&s->out, BY_NAME);
}

/* ---- loading ---- */

static int load(struct loader *l, unsigned depth, struct saved_place *out);

/* A directory that was removed, as it was. One whose place is gone as well leads nowhere. */
static int load_removed(struct loader *l, unsigned depth, struct saved_place *out)
{
	struct caller *c = l->caller;
	struct statx st = { .stx_mode = 0 };
	struct saved_place in;
	struct path up;

	decode_into(&l->in, &st, sizeof st);
	char *name = decode_string(&l->in, PATH_MAX);
	int err = l->in.failed || !name || name[0] != '/' || depth == REMOVED_MAX
		      ? loader_damaged(l, "a directory that was removed")
		      : load(l, depth + 1, &in);
	if (!err && place_walk(c, &in, WALK_DIRECTORY, &up) == 0) {
		err = removed_dir_new(c->fs->vfs, &st, name, up.dentry, &out->found.dentry);
		out->found.mnt = err ? NULL : mount_get(up.mnt);
		path_put(&up);
	}
	if (err != -EBADMSG)
		place_free(&in);
	free(name);
	return err;
}

/* `out` has the mount, or its name: where a file system of another type is mounted by now, or none,
 * the place leads nowhere. */
static int load_found(struct loader *l, struct saved_place *out)
{
	struct path root = { out->mnt, NULL };
	struct decoder rest, in;
	size_t len;
	const void *p = decode_bytes(&l->in, &len);
	int err = p && (out->mnt || out->name) ? 0 : loader_damaged(l, "a place in the tree");

	if (err)
		return err;
	bool there = out->mnt ? mount_get(out->mnt) != NULL
			      : path_walk(l->caller, NULL, out->name, WALK_NOFOLLOW, &root) == 0;
	struct filesystem *fs = there ? root.mnt->fs : NULL;
	decoder_init(&in, p, len);
	rest = l->in;
	l->in = in;
	if (fs && fs->ops->load_inode)
		err = fs->ops->load_inode(l, fs, &out->found.dentry);
	l->in = rest;
	if (!err && out->found.dentry)
		out->found.mnt = mount_get(root.mnt);
	if (there)
		path_put(&root);
	free(out->name);
	out->name = NULL;
	return err;
}

static int load(struct loader *l, unsigned depth, struct saved_place *out)
{
	uint64_t number = decode_max(&l->in, l->nr_mounts);

	*out = (struct saved_place){ .mnt = number ? l->mounts[number - 1] : NULL,
				     .name = decode_string(&l->in, PATH_MAX),
				     .number = number };
	uint64_t by = decode_max(&l->in, BY_FILESYSTEM);
	int err = l->in.failed || (out->name && out->name[0] != '/')
		      ? loader_damaged(l, "a place in the tree")
		      : 0;
	if (!err && by == BY_REMOVED)
		err = load_removed(l, depth, out);
	else if (!err && by == BY_FILESYSTEM)
		err = load_found(l, out);
	if (err)
		place_free(out);
	return err;
}

int place_load(struct loader *l, struct saved_place *out)
{
	return load(l, 0, out);
}

void place_free(struct saved_place *p)
{
	path_put(&p->found);
	free(p->name);
	p->name = NULL;
}

/* Part of the way, one run of names: from *d on, which is put. */
static int step(struct caller *c, struct dentry **d, const char **name)
{
	struct inode *dir = (*d)->inode;
	struct walk_step step = { .consumed = strlen(*name) };
	int err = S_ISDIR(dir->type) && dir->ops->walk
		      ? dir->ops->walk(dir, c, *name, strlen(*name), STEP_NOFOLLOW, &step)
		      : -ENOTDIR;

	free(step.link);
	dentry_put(*d);
	*d = err ? NULL : step.dentry;
	if (err || !*d)
		return err ? err : -ESTALE; /* a symlink, and no more than its text */
	*name += step.consumed;
	*name += strspn(*name, "/");
	return 0;
}

int place_in(struct filesystem *fs, struct caller *c, const char *name, struct dentry **out)
{
	struct dentry *d;
	int err;

	if (!fs->root)
		return -ENOENT;
	d = dentry_new(inode_get(fs->root), NULL, "", 0);
	err = d ? 0 : -ENOMEM;

	name += strspn(name, "/");
	while (!err && *name)
		err = step(c, &d, &name);
	if (!err)
		*out = d;
	return err;
}

int place_walk(struct caller *c, const struct saved_place *p, unsigned flags, struct path *out)
{
	struct dentry *d;

	if (p->found.dentry) {
		*out = path_get(&p->found);
		return 0;
	}
	if (!p->name)
		return -ENOENT;
	if (!p->mnt)
		return path_walk(c, NULL, p->name, flags, out);
	int err = place_in(p->mnt->fs, c, p->name, &d);
	if (!err && flags & WALK_DIRECTORY && !S_ISDIR(d->inode->type)) {
		dentry_put(d);
		err = -ENOTDIR;
	}
	if (!err)
		*out = (struct path){ mount_get(p->mnt), d };
	return err;
}

int place_find(struct loader *l, mode_t type, struct path *out)
{
	struct saved_place p;
	int err = place_load(l, &p);

	*out = (struct path){ NULL, NULL };
	if (err)
		return err;
	if (place_walk(l->caller, &p, WALK_NOFOLLOW, out) < 0)
		*out = (struct path){ NULL, NULL };
	place_free(&p);
	if (out->dentry && type && (out->dentry->inode->type & S_IFMT) != type) {
		path_put(out);
		*out = (struct path){ NULL, NULL };
	}
	return 0;
}

int place_open(struct caller *c, const struct saved_place *p, int flags, struct file **out)
{
	struct path found;

	if (place_is_name(p))
		return vfs_open(c, NULL, p->name, flags, 0, 0, out);
	int err = place_walk(c, p, WALK_NOFOLLOW, &found);
	if (!err) {
		err = vfs_open(c, &found, "", flags, 0, WALK_EMPTY_OK, out);
		path_put(&found);
	}
	return err;
}
