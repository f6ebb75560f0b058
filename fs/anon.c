/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the attributes of files that have no name in a directory: what fstat(2) shows of a pipe or
 * socket, and what fchmod(2), fchown(2) and the like change of it. */
#include "fs/anon.h"

#include <string.h>
#include <sys/stat.h>

#include "fs/generic.h"
#include "mm/mm.h"

#define ANON_DEV_MINOR 15 /* one number for all of them, as an unnamed device of Linux */

void file_set_anon(struct file *f, struct caller *c, const char *name)
{
	f->anon_name = name;
	f->anon_ino = atomic_fetch_add(&c->fs->vfs->next_anon_ino, 1) + 1;
}

void anon_attr_init(struct anon_attr *attr, struct caller *c, mode_t mode)
{
	*attr = (struct anon_attr){ .mode = mode, .uid = c->cred->fsuid, .gid = c->cred->fsgid };
	mutex_init(&attr->lock, LOCK_ANON_ATTR);
	attr->atime = attr->mtime = attr->ctime = guest_clock_realtime(c->mem->clock);
}

void anon_attr_destroy(struct anon_attr *attr)
{
	mutex_destroy(&attr->lock);
}

static struct statx_timestamp statx_time(const struct timespec *ts)
{
	return (struct statx_timestamp){ .tv_sec = ts->tv_sec, .tv_nsec = ts->tv_nsec };
}

static void fill(const struct anon_attr *attr, struct statx *out)
{
	lock_assert_held(&attr->lock);
	out->stx_mode = attr->mode;
	out->stx_uid = attr->uid;
	out->stx_gid = attr->gid;
	out->stx_atime = statx_time(&attr->atime);
	out->stx_mtime = statx_time(&attr->mtime);
	out->stx_ctime = statx_time(&attr->ctime);
}

void anon_getattr(const struct file *f, struct anon_attr *attr, struct statx *out)
{
	memset(out, 0, sizeof *out);
	out->stx_mask = STATX_BASIC_STATS;
	out->stx_blksize = 4096;
	out->stx_nlink = 1;
	out->stx_mode = 0600;
	out->stx_ino = f->anon_ino;
	out->stx_dev_minor = ANON_DEV_MINOR;
	if (!attr)
		return;
	mutex_lock(&attr->lock);
	fill(attr, out);
	mutex_unlock(&attr->lock);
}

/* Linux: setattr_copy. */
static void apply(struct anon_attr *attr, const struct iattr *change, struct timespec now)
{
	lock_assert_held(&attr->lock);
	if (change->valid & ATTR_UID)
		attr->uid = change->uid;
	if (change->valid & ATTR_GID)
		attr->gid = change->gid;
	if (change->valid & ATTR_MODE)
		attr->mode = (attr->mode & S_IFMT) | (change->mode & 07777);
	if (change->valid & ATTR_TIMES) {
		generic_set_time(&attr->atime, &change->atime, now);
		generic_set_time(&attr->mtime, &change->mtime, now);
	}
	attr->ctime = now;
}

int anon_setattr(struct anon_attr *attr, struct caller *c, const struct iattr *change)
{
	struct iattr allowed = *change;
	struct statx old = { 0 };

	mutex_lock(&attr->lock);
	fill(attr, &old);
	int err = generic_setattr_check(&old, c->cred, &allowed);
	if (!err)
		apply(attr, &allowed, guest_clock_realtime(c->mem->clock));
	mutex_unlock(&attr->lock);
	return err;
}
