/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy-up: what a lower layer has is made in the upper one, with all its attributes, when it is
 * about to be changed for the first time; the directories above it first. It is made in "work" and
 * moved into place, so that others see the one or the other, whole.
 *
 * Data is copied in pieces. Between two of them a task that is to end gives up, and so does one
 * that is to freeze: what it has copied stays with the inode, and whoever comes next goes on from
 * there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/overlay/internal.h"

#define PIECE (256UL << 10)

/* ---- making it ---- */

static int make_file(struct overlay *o, struct caller *mc, struct ovl_copy *x)
{
	bool created;
	int err = o->work->ops->create(o->work, mc, x->temp, O_RDWR | O_CREAT | O_EXCL, 0600,
				       &x->to, &created);

	if (!err)
		x->inode = inode_get(x->to->path.dentry->inode);
	return err;
}

static int make_link(struct overlay *o, struct caller *mc, const struct ovl_copy *x,
		     struct inode *lower)
{
	char *target = malloc(PATH_MAX + 1);
	ssize_t n = target ? lower->ops->readlink(lower, mc, target, PATH_MAX) : -ENOMEM;

	if (n >= 0)
		target[n] = '\0';
	int err = n < 0 ? (int)n : o->work->ops->symlink(o->work, mc, x->temp, target);
	free(target);
	return err;
}

static int make(struct overlay *o, struct caller *mc, struct ovl_copy *x, struct inode *lower,
		const struct statx *st)
{
	struct inode *work = o->work;
	int err;

	if (S_ISREG(lower->type))
		return make_file(o, mc, x);
	if (S_ISDIR(lower->type))
		err = work->ops->mkdir(work, mc, x->temp, 0700);
	else if (S_ISLNK(lower->type))
		err = make_link(o, mc, x, lower);
	else
		err = work->ops->mknod(work, mc, x->temp, lower->type | 0600,
				       makedev(st->stx_rdev_major, st->stx_rdev_minor));
	return err ? err : ovl_real_lookup(work, mc, x->temp, strlen(x->temp), &x->inode);
}

/* ---- its data ---- */

static int copy_piece(struct caller *mc, struct ovl_copy *x, char *buf, size_t n)
{
	int64_t from = (int64_t)x->at, to = (int64_t)x->at;
	struct uio u;

	uio_init_kernel(&u, buf, n);
	ssize_t got = x->from->ops->read(x->from, mc, &u, &from);
	if (got <= 0)
		return got < 0 ? (int)got : -EIO; /* it was cut meanwhile, by somebody outside */
	for (uio_init_kernel(&u, buf, (size_t)got); u.resid;) {
		ssize_t put = x->to->ops->write(x->to, mc, &u, &to);
		if (put <= 0)
			return put < 0 ? (int)put : -EIO;
	}
	x->at += (uint64_t)got;
	return 0;
}

/* Where the next data is, and how much; 0: none. */
static uint64_t next_data(struct caller *mc, struct ovl_copy *x)
{
	struct file *f = x->from;
	int64_t data = f->ops->lseek ? f->ops->lseek(f, mc, (int64_t)x->at, SEEK_DATA) : -EINVAL;

	if (data == -ENXIO)
		return 0;
	if (data < 0) /* it does not tell holes */
		return x->size - x->at;
	if ((uint64_t)data >= x->size)
		return 0;
	int64_t hole = f->ops->lseek(f, mc, data, SEEK_HOLE);
	x->at = (uint64_t)data;
	uint64_t end = hole > data && (uint64_t)hole < x->size ? (uint64_t)hole : x->size;
	return end - x->at;
}

static int copy_data(struct caller *mc, struct ovl_copy *x)
{
	char *buf = malloc(PIECE);
	uint64_t n;
	int err = buf ? 0 : -ENOMEM;

	while (!err && x->at < x->size && (n = next_data(mc, x))) {
		if (sleeper_stops(mc->sleeper))
			err = -EINTR;
		else
			err = copy_piece(mc, x, buf, n < PIECE ? n : PIECE);
	}
	free(buf);
	return err ? err : x->to->ops->truncate(x->to, mc, x->size);
}

/* ---- its number, and its other names ---- */

/* The number it had stays its own. Symlinks and devices of a host cannot have the mark: their
 * number changes when nobody has used them for a while. */
static int mark_number(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
		       struct ovl_copy *x)
{
	char text[24];
	uint64_t ino;
	int err = ovl_ino(oi, mc, &ino);

	if (err || ovl_is_dir(oi))
		return err;
	snprintf(text, sizeof text, "%lx", (unsigned long)ino);
	err = ovl_set_mark(o, mc, x->inode, "ino", text);
	return S_ISREG(oi->inode.type) ? err : 0;
}

/* ---- putting it into place ---- */

/* It has other names in the lower layer, which are to find it. What cannot have our attributes
 * becomes a file of its own, as on an overlayfs without an index. */
static int enter_index(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
		       struct ovl_copy *x, const struct statx *st)
{
	char name[OVL_NAME * 3], extra[16];

	if (ovl_is_dir(oi) || st->stx_nlink < 2)
		return 0;
	snprintf(extra, sizeof extra, "%d", (int)st->stx_nlink - 2);
	int err = ovl_index_name(o, mc, &oi->lower[0], name);
	if (!err)
		err = ovl_set_mark(o, mc, x->inode, "nlink", extra);
	if (err == -EPERM && !S_ISREG(oi->inode.type))
		return 0;
	if (!err)
		err = ovl_set_mark(o, mc, x->inode, "index", name);
	if (!err)
		err = o->index->ops->link(o->index, mc, name, x->inode);
	if (!err)
		o->indexed = true;
	return err;
}

/* The directory gets an entry, which changes nothing of what anybody sees there. */
static int move_into_place(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
			   struct ovl_copy *x)
{
	struct inode *dir = oi->dir->upper;
	struct statx st;
	int err = inode_getattr(dir, mc, STATX_BASIC_STATS, &st);

	if (!err)
		err = o->work->ops->rename(o->work, mc, x->temp, dir, oi->name, 0);
	if (!err)
		(void)ovl_set_times(dir, mc, &st);
	return err;
}

static int commit(struct overlay *o, struct caller *mc, struct ovl_inode *oi, struct ovl_copy *x,
		  const struct statx *st)
{
	int err = 0;

	rwlock_wrlock(&o->tree);
	if (oi->gone) {
		ovl_work_remove(o, mc, x->temp);
	} else {
		err = enter_index(o, mc, oi, x, st);
		if (!err)
			err = move_into_place(o, mc, oi, x);
	}
	if (!err)
		ovl_set_upper(oi, inode_get(x->inode));
	rwlock_unlock(&o->tree);
	return err;
}

static int copy_new(struct overlay *o, struct caller *mc, struct ovl_inode *oi,
		    const struct statx *st, struct ovl_copy **out)
{
	struct inode *lower = oi->lower[0].inode;
	struct ovl_copy *x = calloc(1, sizeof *x);

	if (!x)
		return -ENOMEM;
	ovl_temp_name(o, x->temp);
	int err = make(o, mc, x, lower, st);
	if (!err && S_ISREG(lower->type))
		err = ovl_open_lower(o, mc, lower, &x->from);
	if (err)
		ovl_copy_undo(o, mc, x);
	else
		*out = x;
	return err;
}

/* oi->copying is the caller's. */
static int do_copy_up(struct ovl_inode *oi, struct caller *mc, uint64_t size)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct statx st;
	int err = inode_getattr(oi->lower[0].inode, mc, STATX_BASIC_STATS, &st);

	if (!err && !oi->copy)
		err = copy_new(o, mc, oi, &st, &oi->copy);
	struct ovl_copy *x = oi->copy;
	if (!err && S_ISREG(oi->inode.type)) {
		x->size = size < st.stx_size ? size : st.stx_size;
		err = copy_data(mc, x);
	}
	if (err == -EINTR && !sleeper_killed(mc->sleeper)) {
		ovl_keep(oi);
		return err;
	}
	if (!err)
		err = ovl_copy_attributes(o, mc, oi->lower[0].inode, &st, x->inode);
	if (!err)
		err = mark_number(o, mc, oi, x);
	if (!err)
		err = commit(o, mc, oi, x, &st);
	if (x && err)
		ovl_copy_undo(o, mc, x);
	else if (x)
		ovl_copy_free(x);
	oi->copy = NULL;
	return err;
}

/* Is it copied, or nobody at it? Then the caller is, or finds that there is nothing left to do. */
static bool try_begin(struct ovl_inode *oi)
{
	struct overlay *o = overlay_of(&oi->inode);

	mutex_lock(&o->table_lock);
	bool busy = oi->copying && !oi->upper;
	if (!busy)
		oi->copying = true;
	mutex_unlock(&o->table_lock);
	return !busy;
}

/* Another one's copy may take long. -EINTR: the caller is to end, or to freeze. */
static int begin(struct ovl_inode *oi, struct caller *mc)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct waiter w;
	int err = 0;

	if (try_begin(oi))
		return 0;
	if (!mc->sleeper)
		return -EINTR;
	waiter_init(&w, mc->sleeper);
	waitqueue_add(&o->copied, &w);
	while (!err) {
		waiter_looks(&w);
		if (try_begin(oi))
			break;
		err = sleeper_wait_killable(mc->sleeper);
	}
	waitqueue_remove(&w);
	return err;
}

static int copy_up_one(struct ovl_inode *oi, struct caller *mc, uint64_t size)
{
	struct overlay *o = overlay_of(&oi->inode);
	int err = begin(oi, mc);

	if (err)
		return err;
	if (!oi->upper)
		err = do_copy_up(oi, mc, size);
	mutex_lock(&o->table_lock);
	oi->copying = false;
	mutex_unlock(&o->table_lock);
	waitqueue_wake_all(&o->copied, 0);
	return err;
}

/* The topmost directory above that is still to be copied, or the file itself; a reference. */
static struct ovl_inode *first_to_copy(struct overlay *o, struct ovl_inode *oi)
{
	mutex_lock(&o->table_lock);
	while (oi->dir && !oi->dir->upper)
		oi = oi->dir;
	inode_get(&oi->inode);
	mutex_unlock(&o->table_lock);
	return oi;
}

int ovl_copy_up(struct ovl_inode *oi, struct caller *c, uint64_t size)
{
	struct overlay *o = overlay_of(&oi->inode);
	struct caller mc = ovl_mounter(o, c);
	int err = 0;

	while (!err && !oi->upper) {
		struct ovl_inode *first = first_to_copy(o, oi);
		err = copy_up_one(first, &mc, first == oi ? size : UINT64_MAX);
		ovl_put(first);
	}
	return err;
}
