/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and destroys overlays. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/overlay/internal.h"
#include "host/hostcall.h"
#include "util/text.h"

static void layer_put(struct overlay_layer *l)
{
	inode_put(l->dir);
	if (l->fs)
		filesystem_put(l->fs);
}

static void put_layers(struct overlay_layer *upper, struct overlay_layer *lower, unsigned nr_lower)
{
	for (unsigned i = 0; i < nr_lower; i++)
		layer_put(&lower[i]);
	layer_put(upper);
}

/* Nobody has an inode of it any more, but for those that it keeps itself. */
static void destroy(struct filesystem *fs)
{
	struct overlay *o = container_of(fs, struct overlay, fs);

	for (unsigned i = 0; i < OVL_RECENT; i++) {
		struct ovl_inode *kept = o->recent[i];
		o->recent[i] = NULL;
		ovl_put(kept);
	}
	while (!list_empty(&o->watched))
		ovl_set_gone(container_of(o->watched.next, struct ovl_inode, watch_node));
	inode_put(fs->root);
	inode_put(o->work);
	inode_put(o->index);
	put_layers(&o->upper, o->lower, o->nr_lower);
	free(o->shown);
	if (o->lock_fd >= 0)
		host_close(o->lock_fd);
	cred_put(o->mounter);
	free(o->devs);
	free(o->lower);
	mutex_destroy(&o->no_umask.lock);
	mutex_destroy(&o->table_lock);
	rwlock_destroy(&o->tree);
	waitqueue_destroy(&o->copied);
	free(o);
}

static int sync_upper(struct filesystem *fs, struct caller *c)
{
	struct overlay *o = container_of(fs, struct overlay, fs);
	struct caller mc = ovl_mounter(o, c);

	struct filesystem *upper = o->upper.fs;

	return upper->ops->sync ? upper->ops->sync(upper, &mc) : 0;
}

static void show_options(struct filesystem *fs, struct text *out)
{
	struct overlay *o = container_of(fs, struct overlay, fs);

	if (o->shown)
		text_puts(out, o->shown);
}

static const struct filesystem_ops overlay_ops = {
	.destroy = destroy,
	.sync = sync_upper,
	.show_options = show_options,
};

struct filesystem *overlay_upper(struct filesystem *fs)
{
	return fs->ops == &overlay_ops ? container_of(fs, struct overlay, fs)->upper.fs : NULL;
}

void overlay_options_of(struct filesystem *fs, struct overlay_options *out)
{
	struct overlay *o = container_of(fs, struct overlay, fs);

	*out = (struct overlay_options){ .type = fs->type,
					 .lower = o->lower,
					 .nr_lower = o->nr_lower,
					 .upper = o->upper,
					 .work = o->work,
					 .mounter = o->mounter,
					 .readonly = o->never_written,
					 .user_marks = o->prefix[0] == 'u',
					 .shown = o->shown,
					 .lock_fd = -1 };
}

bool overlay_has_upper(struct filesystem *fs)
{
	return fs->ops == &overlay_ops && !container_of(fs, struct overlay, fs)->never_written;
}

bool overlay_writes_to(struct filesystem *fs, const struct inode_id *dir)
{
	struct overlay *o = container_of(fs, struct overlay, fs);

	return fs->ops == &overlay_ops && o->upper_id.dev == dir->dev &&
	       o->upper_id.ino == dir->ino && o->upper_id.of_host == dir->of_host;
}

/* A directory of our own in `root`. `like`: where it is new, it gets the attributes of that. */
static int own_directory(struct overlay *o, struct caller *mc, struct inode *root, const char *name,
			 struct inode *like, struct inode **out)
{
	struct statx st;
	int err = ovl_real_lookup(root, mc, name, strlen(name), out);

	if (err == -ENOENT) {
		err = root->ops->mkdir(root, mc, name, 0700);
		if (!err)
			err = ovl_real_lookup(root, mc, name, strlen(name), out);
		if (!err && like)
			err = inode_getattr(like, mc, STATX_BASIC_STATS, &st);
		if (!err && like)
			err = ovl_copy_attributes(o, mc, like, &st, *out);
	}
	if (!err && !S_ISDIR((*out)->type)) {
		inode_put(*out);
		*out = NULL;
		err = -ENOTDIR;
	}
	return err;
}

/* Has an earlier run copied files up that have several names? */
struct index_scan {
	struct dir_emit emit;
	bool any;
};

static bool scan_entry(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		       unsigned char type)
{
	struct index_scan *x = container_of(e, struct index_scan, emit);

	x->any = !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
	return !x->any;
}

static int read_index(struct overlay *o, struct caller *mc)
{
	struct index_scan x = { { .emit = scan_entry }, false };
	struct file *f;
	int err = ovl_real_open(o->index, mc, O_RDONLY | O_DIRECTORY, &f);

	if (err)
		return err;
	err = f->ops->readdir(f, mc, &x.emit);
	file_put(f);
	o->indexed = x.any;
	return err;
}

/* `work`: where "work" and "index" are; NULL: beside "upper". */
static int open_upper(struct overlay *o, struct caller *mc, struct inode *work, struct inode **top)
{
	int err = 0;

	if (work)
		*top = inode_get(o->upper.dir);
	else
		err = own_directory(o, mc, o->upper.dir, "upper", o->lower[0].dir, top);
	if (!work)
		work = o->upper.dir;
	if (!err)
		err = inode_identify(*top, &o->upper_id);
	if (!err)
		err = own_directory(o, mc, work, "work", NULL, &o->work);
	if (!err)
		err = own_directory(o, mc, work, "index", NULL, &o->index);
	return err ? err : read_index(o, mc);
}

static int open_layers(struct overlay *o, struct inode *work)
{
	struct caller mc = ovl_mounter(o, NULL);
	struct ovl_inode *root = ovl_new(o);
	struct inode *top = NULL;
	uint64_t ino;

	if (!root)
		return -ENOMEM;
	int err = open_upper(o, &mc, work, &top);
	if (!err && work)
		err = inode_identify(work, &o->work_id);
	for (unsigned i = 0; work && i < o->nr_lower; i++)
		o->traps |= inode_is_below(o->upper.dir, o->lower[i].dir) ||
			    inode_is_below(work, o->lower[i].dir);
	root->upper = top;
	for (unsigned i = 0; i < o->nr_lower; i++)
		root->lower[root->nr_lower++] = (struct ovl_real){ inode_get(o->lower[i].dir), i };
	root->inode.type = S_IFDIR;
	o->fs.root = &root->inode;
	/* Their numbers are shown the same way each time. */
	for (unsigned i = 0; !err && i < o->nr_lower; i++)
		err = ovl_number_of(o, &mc, o->lower[i].dir, &ino);
	if (!err)
		ovl_work_clean(o, &mc);
	return err;
}

static struct overlay_layer layer_of(const struct overlay_layer *given)
{
	struct overlay_layer l = *given;

	if (!l.dir)
		l.dir = inode_get(l.fs->root);
	return l;
}

static int init(struct overlay *o, struct vfs *vfs, const struct overlay_options *opt)
{
	o->lower = malloc(opt->nr_lower * sizeof *o->lower);
	o->mounter = cred_copy(opt->mounter ? opt->mounter : vfs->monitor, -1);
	if (!o->mounter || !o->lower)
		return -ENOMEM;
	if (!opt->mounter)
		o->mounter->cap_effective = UINT64_MAX;
	for (; o->nr_lower < opt->nr_lower; o->nr_lower++)
		o->lower[o->nr_lower] = layer_of(&opt->lower[o->nr_lower]);
	o->upper = layer_of(&opt->upper);
	o->shown = opt->shown;
	o->never_written = opt->readonly;
	o->fs.readonly = opt->readonly;
	o->lock_fd = opt->lock_fd;
	o->prefix =
	    opt->user_marks || ovl_on_host(o->upper.dir) ? "user.overlay." : "trusted.overlay.";
	for (unsigned i = 0; i < o->nr_lower; i++)
		if (!S_ISDIR(o->lower[i].dir->type))
			return -ENOTDIR;
	return open_layers(o, opt->work);
}

/* What nobody has taken over. */
static void drop_options(const struct overlay_options *opt)
{
	struct overlay_layer upper = opt->upper;

	put_layers(&upper, opt->lower, opt->nr_lower);
	free(opt->shown);
	host_close(opt->lock_fd);
}

int overlay_create(struct vfs *vfs, const struct overlay_options *opt, struct filesystem **out)
{
	struct overlay *o = calloc(1, sizeof *o);

	if (!o) {
		drop_options(opt);
		inode_put(opt->work);
		return -ENOMEM;
	}
	filesystem_init(&o->fs, &overlay_ops, opt->type, FS_NOTIFIES | FS_CHECKS_OPENS);
	o->fs.dev = vfs_new_dev(vfs);
	o->vfs = vfs;
	o->lock_fd = -1;
	o->no_umask.vfs = vfs;
	mutex_init(&o->no_umask.lock, LOCK_FS_STRUCT);
	rwlock_init(&o->tree, LOCK_OVERLAY);
	waitqueue_init(&o->copied);
	mutex_init(&o->table_lock, LOCK_OVERLAY_TABLE);
	list_init(&o->watched);
	int err = init(o, vfs, opt);
	inode_put(opt->work);
	if (!o->upper.fs) /* it came no further than to have no memory */
		drop_options(opt);
	if (err) {
		filesystem_put(&o->fs);
		return err;
	}
	*out = &o->fs;
	return 0;
}
