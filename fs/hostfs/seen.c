/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that were asked for before, and the inodes they led to: asking the host for the attributes
 * of such a path is one call instead of three (open, ask, close).
 *
 * That one call follows symlinks in directories, as the long way never does. So its answer counts
 * only if it is about the very inode that the long way has found under this name; else the long way
 * is gone again. And it is asked only where the root is the host's own: there a symlink means the
 * same to the host and to the guest.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/hostfs/internal.h"
#include "util/lock.h"

#define SEEN_MAX 256 /* paths; a power of two */

struct seen {
	char path[88];
	uint64_t ino, mnt;
	uint32_t major, minor;
	uint16_t type;
};

struct hostfs_seen {
	struct mutex lock;
	struct seen table[SEEN_MAX];
};

struct hostfs_seen *hostfs_seen_new(void)
{
	struct hostfs_seen *s = calloc(1, sizeof *s);

	if (s)
		mutex_init(&s->lock, LOCK_HOSTFS_SEEN);
	return s;
}

void hostfs_seen_free(struct hostfs_seen *s)
{
	if (s)
		mutex_destroy(&s->lock);
	free(s);
}

static struct seen *slot(struct hostfs_seen *s, const char *path, size_t len)
{
	uint64_t hash = 14695981039346656037U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 1099511628211U;
	return &s->table[(hash ^ hash >> 32) % SEEN_MAX];
}

static bool can_hold(const struct hostfs_seen *s, size_t len)
{
	return s && len < sizeof s->table[0].path;
}

static struct seen seen_of(const struct statx *st)
{
	return (struct seen){ .ino = st->stx_ino,
			      .mnt = st->stx_mnt_id,
			      .major = st->stx_dev_major,
			      .minor = st->stx_dev_minor,
			      .type = st->stx_mode & S_IFMT };
}

void hostfs_seen_note(struct hostfs_seen *s, const char *path, size_t len, const struct statx *st)
{
	unsigned need = SEEN_MASK;
	struct seen new = seen_of(st);

	if (!can_hold(s, len) || (st->stx_mask & need) != need)
		return;
	memcpy(new.path, path, len + 1);
	mutex_lock(&s->lock);
	*slot(s, path, len) = new;
	mutex_unlock(&s->lock);
}

bool hostfs_seen_path(struct hostfs_seen *s, const char *path, size_t len)
{
	if (!can_hold(s, len))
		return false;
	mutex_lock(&s->lock);
	bool known = !strcmp(slot(s, path, len)->path, path);
	mutex_unlock(&s->lock);
	return known;
}

bool hostfs_seen_is(struct hostfs_seen *s, const char *path, size_t len, const struct statx *st)
{
	struct seen now = seen_of(st);

	mutex_lock(&s->lock);
	const struct seen *old = slot(s, path, len);
	bool same = !strcmp(old->path, path) && old->ino == now.ino && old->mnt == now.mnt &&
		    old->major == now.major && old->minor == now.minor && old->type == now.type;
	mutex_unlock(&s->lock);
	return same && (st->stx_mask & SEEN_MASK) == SEEN_MASK;
}
