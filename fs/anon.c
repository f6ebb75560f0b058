/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/anon.h"

#include <string.h>
#include <sys/stat.h>

#define ANON_DEV_MINOR 15 /* one number for all of them, as an unnamed device of Linux */

void file_set_anon(struct file *f, struct caller *c, const char *name)
{
	f->anon_name = name;
	f->anon_ino = atomic_fetch_add(&c->fs->mounts->next_anon_ino, 1) + 1;
}

void anon_owner_init(struct anon_owner *o, struct caller *c)
{
	o->uid = c->cred->fsuid;
	o->gid = c->cred->fsgid;
	clock_gettime(CLOCK_REALTIME, &o->when);
}

static struct statx_timestamp statx_time(const struct timespec *ts)
{
	return (struct statx_timestamp){ .tv_sec = ts->tv_sec, .tv_nsec = ts->tv_nsec };
}

void anon_getattr(const struct file *f, mode_t mode, const struct anon_owner *owner, struct statx *out)
{
	memset(out, 0, sizeof(*out));
	out->stx_mask = STATX_BASIC_STATS;
	out->stx_blksize = 4096;
	out->stx_nlink = 1;
	out->stx_mode = mode;
	out->stx_ino = f->anon_ino;
	out->stx_dev_minor = ANON_DEV_MINOR;
	if (!owner)
		return;
	out->stx_uid = owner->uid;
	out->stx_gid = owner->gid;
	out->stx_atime = out->stx_mtime = out->stx_ctime = statx_time(&owner->when);
}
