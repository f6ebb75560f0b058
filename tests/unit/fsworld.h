/* SPDX-License-Identifier: Apache-2.0 */
/* A mount namespace and a caller to test file systems with, and short forms of what tests do
 * often. */
#ifndef HL_TESTS_UNIT_FSWORLD_H
#define HL_TESTS_UNIT_FSWORLD_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cred/user_ns.h"
#include "fs/names.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/hostfs/hostfs.h"
#include "fs/mount.h"
#include "fs/overlay/overlay.h"
#include "fs/ramfs/ramfs.h"
#include "mm/arena.h"
#include "mm/mm.h"
#include "platform/physmem.h"

struct fsworld {
	struct physmem *pm;
	struct mm_host mem;
	struct vfs *vfs;
	struct mnt_namespace *ns;
	struct sleeper sleeper;
	struct caller c;
	char dir[64]; /* a directory of the host, removed at the end */
};

static inline void world_open(struct fsworld *w)
{
	memset(w, 0, sizeof *w);
	assert_int_equal(kick_init(), 0);
	kick_attach(&w->sleeper.kick);
	assert_int_equal(physmem_create(4UL << 30, 1UL << 30, &w->pm, NULL), 0);
	assert_int_equal(arena_create(w->pm, &w->mem.arena), 0);
	assert_int_equal(vfs_create(NULL, &w->vfs), 0);
	w->ns = mnt_ns_new(w->vfs, w->vfs->user_ns);
	assert_non_null(w->ns);
	strcpy(w->dir, "/tmp/hl-fs-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->c = (struct caller){ .cred = cred_of_monitor(w->vfs->user_ns, NULL),
				.sleeper = &w->sleeper,
				.mem = &w->mem,
				.fsize_limit = UINT64_MAX };
}

static inline void world_mount(struct fsworld *w, const char *where, struct filesystem *fs,
			       unsigned flags)
{
	assert_int_equal(mnt_ns_mount(w->ns, where, fs, flags, "test"), 0);
	if (!w->c.fs)
		w->c.fs = fs_struct_new(w->ns);
	w->c.mnt_ns = w->ns;
	assert_non_null(w->c.fs);
}

static inline struct filesystem *world_hostfs(struct fsworld *w, const char *dir)
{
	const struct hostfs_options opt = {
		.pm = w->pm,
		.users = w->vfs->user_ns,
		.contained = w->vfs->user_ns->contained,
	};
	struct filesystem *fs;
	struct errmsg errmsg = { 0 };

	assert_int_equal(hostfs_create(open(dir, O_PATH | O_CLOEXEC), &opt, &fs, &errmsg), 0);
	return fs;
}

static inline struct filesystem *world_ramfs(struct fsworld *w, uint64_t max_bytes)
{
	struct ramfs_options opt = { .type = "tmpfs", .mode = 0755, .max_bytes = max_bytes };
	struct filesystem *fs;

	assert_int_equal(ramfs_create(&w->mem, vfs_new_dev(w->vfs), &opt, &fs), 0);
	return fs;
}

/* What is written goes to memory. */
static inline struct filesystem *world_overlay(struct fsworld *w, struct filesystem *lower)
{
	struct overlay_layer below = { .fs = lower };
	const struct overlay_options opt = { .type = "overlay",
					     .lower = &below,
					     .nr_lower = 1,
					     .upper = { .fs = world_ramfs(w, 0) },
					     .lock_fd = -1 };
	struct filesystem *fs;

	assert_int_equal(overlay_create(w->vfs, &opt, &fs), 0);
	return fs;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void world_close(struct fsworld *w)
{
	fs_struct_put(w->c.fs);
	if (w->ns)
		ns_put(&w->ns->ns);
	cred_put(w->c.cred);
	vfs_destroy(w->vfs);
	arena_destroy(w->mem.arena);
	physmem_destroy(w->pm);
	kick_detach(&w->sleeper.kick);
	nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The same, where all that the file systems took of the arena must have been given back. */
static inline void world_close_clean(struct fsworld *w)
{
	fs_struct_put(w->c.fs);
	ns_put(&w->ns->ns);
	vfs_destroy(w->vfs);
	assert_int_equal(arena_used(w->mem.arena), 0);
	assert_int_equal(vfs_create(NULL, &w->vfs), 0);
	w->c.fs = NULL;
	w->ns = NULL;
	world_close(w);
}

/* The guest path that `name` leads to; or the errno, as a string. */
static inline const char *where_is(struct fsworld *w, const char *name, unsigned flags)
{
	static char buf[PATH_MAX];
	struct path p, none = { NULL, NULL };
	int err = path_walk(&w->c, NULL, name, flags, &p);

	if (err) {
		snprintf(buf, sizeof buf, "%s", strerrorname_np(-err));
		return buf;
	}
	int n = path_string(&p, &none, buf, sizeof buf);
	if (n < 0)
		snprintf(buf, sizeof buf, "path: %s", strerrorname_np(-n));
	path_put(&p);
	return buf;
}
#define assert_leads(w, name, expect) assert_string_equal(where_is(w, name, 0), expect)

static inline int open_file(struct fsworld *w, const char *name, int flags, struct file **out)
{
	return vfs_open(&w->c, NULL, name, flags, 0644, 0, out);
}

/* open(2) as an errno; the file is closed again. */
static inline int try_open(struct fsworld *w, const char *name, int flags)
{
	struct file *f;
	int err = open_file(w, name, flags, &f);

	if (!err)
		file_put(f);
	return err;
}

static inline int write_file(struct fsworld *w, const char *name, const char *text)
{
	struct file *f;
	struct uio u;
	char copy[256];

	int err = open_file(w, name, O_WRONLY | O_CREAT | O_TRUNC, &f);
	if (err)
		return err;
	snprintf(copy, sizeof copy, "%s", text);
	uio_init_kernel(&u, copy, strlen(copy));
	ssize_t n = file_write(f, &w->c, &u, NULL);
	file_put(f);
	return n < 0 ? (int)n : 0;
}

/* The contents, or the errno. */
static inline const char *read_file(struct fsworld *w, const char *name)
{
	static char buf[4096];
	struct file *f;
	int err = open_file(w, name, O_RDONLY, &f);
	ssize_t n = err ? err : file_read_kernel(f, &w->c, buf, sizeof buf - 1, 0);

	if (!err)
		file_put(f);
	if (n < 0)
		snprintf(buf, sizeof buf, "%s", strerrorname_np((int)-n));
	else
		buf[n] = '\0';
	return buf;
}

static inline int stat_file(struct fsworld *w, const char *name, struct statx *st)
{
	return vfs_getattr(&w->c, NULL, name, WALK_NOFOLLOW, STATX_BASIC_STATS, st);
}

/* A path below the test's directory of the host. Good until the next four calls. */
static inline const char *host_path(struct fsworld *w, const char *name)
{
	static char buf[4][PATH_MAX];
	static unsigned next;
	char *b = buf[next++ % 4];

	snprintf(b, PATH_MAX, "%s/%s", w->dir, name);
	return b;
}

static inline void host_mkdir(struct fsworld *w, const char *name)
{
	assert_int_equal(mkdir(host_path(w, name), 0755), 0);
}

static inline void host_write(struct fsworld *w, const char *name, const char *text)
{
	FILE *f = fopen(host_path(w, name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

#endif
