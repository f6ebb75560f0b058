/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cache that maps paths to the inodes they led to. With it, the attributes of a path that was
 * asked for before cost one host call (statx by path) instead of three (open, statx, close).
 *
 * That one call follows symlinks in directories, which the three calls never do. So its answer
 * counts only if it tells of the very inode that the three calls found under this name before;
 * otherwise they are made again. The cache serves only a sandbox whose root is the host's own,
 * where a symlink means the same to the host and to the guest.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/hostfs/internal.h"
#include "host/lazymem.h"
#include "util/lock.h"

#define STATCACHE_ENTRIES 256 /* paths; a power of two */

struct entry {
	char path[88];
	uint64_t ino, mnt;
	uint32_t major, minor;
	uint16_t type;
};

struct statcache {
	struct mutex lock;
	struct entry table[STATCACHE_ENTRIES];
};

struct statcache *statcache_new(void)
{
	struct statcache *s = lazymem_new(sizeof *s);

	if (s)
		mutex_init(&s->lock, LOCK_HOSTFS_STATCACHE);
	return s;
}

void statcache_free(struct statcache *s)
{
	if (s)
		mutex_destroy(&s->lock);
	lazymem_free(s, sizeof *s);
}

static struct entry *slot(struct statcache *s, const char *path, size_t len)
{
	uint64_t hash = 14695981039346656037U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 1099511628211U;
	return &s->table[(hash ^ hash >> 32) % STATCACHE_ENTRIES];
}

static bool can_hold(const struct statcache *s, size_t len)
{
	return s && len < sizeof s->table[0].path;
}

static struct entry entry_of(const struct statx *st)
{
	return (struct entry){ .ino = st->stx_ino,
			       .mnt = st->stx_mnt_id,
			       .major = st->stx_dev_major,
			       .minor = st->stx_dev_minor,
			       .type = st->stx_mode & S_IFMT };
}

void statcache_add(struct statcache *s, const char *path, size_t len, const struct statx *st)
{
	unsigned need = STATCACHE_MASK;
	struct entry new = entry_of(st);

	if (!can_hold(s, len) || (st->stx_mask & need) != need)
		return;
	memcpy(new.path, path, len + 1);
	mutex_lock(&s->lock);
	*slot(s, path, len) = new;
	mutex_unlock(&s->lock);
}

bool statcache_has(struct statcache *s, const char *path, size_t len)
{
	if (!can_hold(s, len))
		return false;
	mutex_lock(&s->lock);
	bool known = !strcmp(slot(s, path, len)->path, path);
	mutex_unlock(&s->lock);
	return known;
}

bool statcache_confirms(struct statcache *s, const char *path, size_t len, const struct statx *st)
{
	struct entry now = entry_of(st);

	mutex_lock(&s->lock);
	const struct entry *old = slot(s, path, len);
	bool same = !strcmp(old->path, path) && old->ino == now.ino && old->mnt == now.mnt &&
		    old->major == now.major && old->minor == now.minor && old->type == now.type;
	mutex_unlock(&s->lock);
	return same && (st->stx_mask & STATCACHE_MASK) == STATCACHE_MASK;
}
