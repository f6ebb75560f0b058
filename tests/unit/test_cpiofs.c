/* SPDX-License-Identifier: Apache-2.0 */
/* cpio archives as file systems: what Linux would unpack is there; what is wrong with an archive is
 * named with its place; an index is believed as far as it is right. */
#include "tests/unit/fsworld.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <zlib.h>
#include <zstd.h>

#include "fs/cpiofs/cpiofs.h"
#include "fs/cpiofs/index.h"
#include "fs/cpiofs/newc.h"
#include "fs/cpiofs/tree.h"
#include "mm/budget.h"
#include "util/gva.h"

#define KB 1024UL

/* ---- archives ---- */

struct maker {
	char *buf;
	size_t len, room;
	uint64_t last; /* the header put last */
};

static void put_bytes(struct maker *m, const void *bytes, size_t n)
{
	if (m->len + n > m->room) {
		m->room = 2 * (m->len + n);
		m->buf = realloc(m->buf, m->room);
		assert_non_null(m->buf);
	}
	memcpy(m->buf + m->len, bytes, n);
	m->len += n;
}

static void put_zeroes(struct maker *m, size_t n)
{
	while (n--)
		put_bytes(m, "", 1);
}

static void pad(struct maker *m)
{
	put_zeroes(m, newc_align(m->len) - m->len);
}

/* `h` without sizes, a name of `name_len` bytes, and data. */
static void put_raw(struct maker *m, struct newc h, const char *name, size_t name_len,
		    const void *data, size_t n)
{
	char raw[NEWC_HEADER + 1];

	m->last = m->len;
	h.namesize = (uint32_t)name_len;
	h.filesize = (uint32_t)n;
	newc_format(&h, raw);
	put_bytes(m, raw, NEWC_HEADER);
	put_bytes(m, name, name_len);
	pad(m);
	put_bytes(m, data ? data : "", n);
	pad(m);
}

static void put(struct maker *m, const char *name, mode_t mode, const char *data)
{
	put_raw(m, (struct newc){ .mode = mode, .nlink = 1 }, name, strlen(name) + 1, data,
		data ? strlen(data) : 0);
}

static void put_link(struct maker *m, const char *name, uint32_t ino, mode_t mode, const char *data)
{
	put_raw(m, (struct newc){ .mode = mode, .nlink = 2, .ino = ino }, name, strlen(name) + 1,
		data, strlen(data));
}

static void trailer(struct maker *m)
{
	put(m, NEWC_TRAILER, 0, NULL);
}

static int archive_fd(const struct maker *m)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, m->buf, m->len), m->len);
	return fd;
}

static int create_from(struct fsworld *w, int fd, uint64_t deadline, struct filesystem **fs,
		       struct errmsg *errmsg)
{
	const struct cpiofs_options opt = { .mem = &w->mem,
					    .pm = w->pm,
					    .name = "x.cpio",
					    .dev = vfs_new_dev(w->vfs),
					    .deadline = deadline };

	return cpiofs_create(&opt, fd, fs, errmsg);
}

static int create(struct fsworld *w, const struct maker *m, struct filesystem **fs,
		  struct errmsg *errmsg)
{
	return create_from(w, archive_fd(m), 0, fs, errmsg);
}

/* A world whose root is the archive, which is freed. */
static void open_archive(struct fsworld *w, struct maker *m)
{
	struct filesystem *fs;
	struct errmsg errmsg = { { 0 } };

	world_open(w);
	if (create(w, m, &fs, &errmsg))
		fail_msg("%s", errmsg.text);
	world_mount(w, "/", fs, MOUNT_RDONLY);
	free(m->buf);
}

static void refused_with(struct maker *m, const char *text)
{
	struct fsworld w;
	struct filesystem *fs;
	struct errmsg errmsg = { { 0 } };

	world_open(&w);
	int err = create(&w, m, &fs, &errmsg);
	if (!err)
		filesystem_put(fs);
	assert_true(err < 0);
	if (!strstr(errmsg.text, text))
		fail_msg("'%s' is not in: %s", text, errmsg.text);
	assert_int_equal(strncmp(errmsg.text, "x.cpio: ", 8), 0);
	assert_int_equal(arena_used(w.mem.arena), 0);
	world_mount(&w, "/", world_ramfs(&w, 0), 0);
	world_close(&w);
	free(m->buf);
	*m = (struct maker){ 0 };
}

static struct statx stat_of(struct fsworld *w, const char *name)
{
	struct statx st;
	int err = stat_file(w, name, &st);

	if (err)
		fail_msg("%s: %s", name, strerrorname_np(-err));
	return st;
}

#define assert_mode(w, name, mode) assert_int_equal(stat_of(w, name).stx_mode, mode)
#define assert_absent(w, name)                                                                     \
	do {                                                                                       \
		struct statx st_;                                                                  \
		assert_int_equal(stat_file(w, name, &st_), -ENOENT);                               \
	} while (0)

/* ---- what is in an archive ---- */

static void files_of_all_kinds(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	char target[64] = "";

	put_raw(&m, (struct newc){ .mode = S_IFDIR | 0700, .uid = 7, .gid = 8, .mtime = 9 }, ".", 2,
		NULL, 0);
	put(&m, "d", S_IFDIR | 01777, NULL);
	put_raw(&m,
		(struct newc){
		    .mode = S_IFREG | 04755, .uid = 1, .gid = 2, .mtime = 0xf0000000, .nlink = 1 },
		"d/f", 4, "hello", 5);
	put(&m, "./d/l", S_IFLNK | 0777, "../d/f");
	put_raw(&m, (struct newc){ .mode = S_IFLNK | 0777 }, "/d/nul", 7, "f", 2);
	put_raw(&m, (struct newc){ .mode = S_IFCHR | 0666, .rdevmajor = 1, .rdevminor = 259 },
		"d/c", 4, NULL, 0);
	put(&m, "d/p", S_IFIFO | 0600, NULL);
	put(&m, "d/s", S_IFSOCK | 0600, NULL);
	put(&m, "empty", S_IFREG | 0644, NULL);
	trailer(&m);
	open_archive(&w, &m);

	struct statx root = stat_of(&w, "/"), f = stat_of(&w, "/d/f");
	assert_int_equal(root.stx_mode, S_IFDIR | 0700);
	assert_int_equal(root.stx_uid, 7);
	assert_int_equal(root.stx_mtime.tv_sec, 9);
	assert_int_equal(root.stx_nlink, 3);
	assert_mode(&w, "/d", S_IFDIR | 01777);
	assert_int_equal(f.stx_mode, S_IFREG | 04755);
	assert_int_equal(f.stx_gid, 2);
	assert_int_equal(f.stx_size, 5);
	assert_int_equal(f.stx_blocks, 1);
	assert_int_equal(f.stx_mtime.tv_sec, 0xf0000000);
	assert_string_equal(read_file(&w, "/d/f"), "hello");
	assert_string_equal(read_file(&w, "/d/l"), "hello");
	assert_string_equal(read_file(&w, "/d/nul"), "hello");
	assert_string_equal(read_file(&w, "/empty"), "");
	assert_int_equal(stat_of(&w, "/d/l").stx_size, 6);
	assert_int_equal(stat_of(&w, "/d/nul").stx_size, 1);
	assert_int_equal(stat_of(&w, "/d/c").stx_rdev_minor, 259);
	assert_mode(&w, "/d/p", S_IFIFO | 0600);
	assert_mode(&w, "/d/s", S_IFSOCK | 0600);
	assert_leads(&w, "/d/l", "/d/f");
	assert_leads(&w, "/d/../d/./f", "/d/f");
	assert_leads(&w, "/d/f/x", "ENOTDIR");
	assert_leads(&w, "/d/none", "ENOENT");
	assert_leads(&w, "/d/f/", "ENOTDIR");
	assert_int_equal(try_open(&w, "/d/s", O_RDONLY), -ENXIO);
	struct path p;
	assert_int_equal(path_walk(&w.c, NULL, "/d/l", WALK_NOFOLLOW, &p), 0);
	assert_int_equal(p.dentry->inode->ops->readlink(p.dentry->inode, &w.c, target, 4), 4);
	assert_string_equal(target, "../d");
	path_put(&p);
	world_close_clean(&w);
}

static void nothing_can_be_changed(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };

	put(&m, "f", S_IFREG | 0666, "x");
	trailer(&m);
	open_archive(&w, &m);
	assert_int_equal(try_open(&w, "/f", O_RDWR), -EROFS);
	assert_int_equal(try_open(&w, "/f", O_RDONLY | O_TRUNC), -EROFS);
	assert_int_equal(try_open(&w, "/g", O_WRONLY | O_CREAT), -EROFS);
	assert_int_equal(vfs_mkdir(&w.c, NULL, "/d", 0755), -EROFS);
	assert_int_equal(vfs_unlink(&w.c, NULL, "/f"), -EROFS);
	world_close_clean(&w);
}

static void permissions(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	struct cred user;

	put_raw(&m, (struct newc){ .mode = S_IFDIR | 0750, .uid = 5, .gid = 6 }, "d", 2, NULL, 0);
	put_raw(&m, (struct newc){ .mode = S_IFREG | 0604, .uid = 5, .gid = 6 }, "d/f", 4, "x", 1);
	open_archive(&w, &m);
	const struct cred *root = w.c.cred;
	user = *root;
	user.cap_effective = 0;
	user.fsuid = 5;
	user.fsgid = 99;
	w.c.cred = &user;
	assert_int_equal(try_open(&w, "/d/f", O_RDONLY), 0);
	user.fsuid = 98;
	assert_int_equal(try_open(&w, "/d/f", O_RDONLY), -EACCES);
	struct statx st;
	assert_int_equal(stat_file(&w, "/d/f", &st), -EACCES);
	user.fsgid = 6;
	assert_int_equal(stat_file(&w, "/d/f", &st), 0);
	assert_int_equal(try_open(&w, "/d/f", O_RDONLY), -EACCES);
	w.c.cred = root;
	world_close_clean(&w);
}

static void hard_links(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };

	put_link(&m, "first/a", 5, S_IFREG | 0600, "");
	put_link(&m, "first/b", 5, S_IFREG | 0644, "late");
	put_link(&m, "c", 6, S_IFREG | 0644, "early");
	put_link(&m, "d", 6, S_IFREG | 0640, "");
	put_link(&m, "p", 7, S_IFIFO | 0600, "");
	put_link(&m, "q", 7, S_IFIFO | 0600, "");
	put_link(&m, "o", 7, S_IFREG | 0600, "other type");
	trailer(&m);
	put_link(&m, "next/a", 5, S_IFREG | 0600, "another archive");
	trailer(&m);
	open_archive(&w, &m);
	assert_string_equal(read_file(&w, "/first/a"), "late");
	assert_string_equal(read_file(&w, "/first/b"), "late");
	assert_mode(&w, "/first/a", S_IFREG | 0644);
	assert_int_equal(stat_of(&w, "/first/a").stx_nlink, 2);
	assert_int_equal(stat_of(&w, "/first/a").stx_ino, stat_of(&w, "/first/b").stx_ino);
	assert_string_equal(read_file(&w, "/d"), "early");
	assert_mode(&w, "/c", S_IFREG | 0640);
	assert_int_equal(stat_of(&w, "/p").stx_ino, stat_of(&w, "/q").stx_ino);
	assert_int_equal(stat_of(&w, "/o").stx_nlink, 1);
	assert_string_equal(read_file(&w, "/next/a"), "another archive");
	assert_leads(&w, "/first/b", "/first/b");
	/* One object while it is referenced, whatever its name. */
	struct path a, b;
	assert_int_equal(path_walk(&w.c, NULL, "/first/a", 0, &a), 0);
	assert_int_equal(path_walk(&w.c, NULL, "/first/b", 0, &b), 0);
	assert_ptr_equal(a.dentry->inode, b.dentry->inode);
	path_put(&a);
	path_put(&b);
	world_close_clean(&w);
}

/* The last of a name counts, as where Linux unpacks; a directory that is not empty stays. */
static void duplicates(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };

	put(&m, "f", S_IFREG | 0600, "old");
	put(&m, "f", S_IFREG | 0644, "new");
	put(&m, "file-dir", S_IFREG | 0644, "x");
	put(&m, "file-dir", S_IFDIR | 0711, NULL);
	put(&m, "file-dir/in", S_IFREG | 0644, "in");
	put(&m, "dir-file", S_IFDIR | 0755, NULL);
	put(&m, "dir-file", S_IFREG | 0644, "file");
	put(&m, "full", S_IFDIR | 0755, NULL);
	put(&m, "full/x", S_IFREG | 0644, "x");
	put(&m, "full", S_IFREG | 0644, "no");
	put(&m, "dir", S_IFDIR | 0700, NULL);
	put(&m, "dir/x", S_IFREG | 0644, "x");
	put(&m, "dir", S_IFDIR | 0711, NULL);
	put(&m, "f/below", S_IFREG | 0644, "a file is in the way");
	put(&m, "link", S_IFLNK | 0777, "f");
	put(&m, "link", S_IFREG | 0644, "no link");
	put_link(&m, "a", 1, S_IFREG | 0644, "");
	put_link(&m, "b", 1, S_IFREG | 0644, "linked");
	put(&m, "a", S_IFREG | 0644, "alone");
	trailer(&m);
	open_archive(&w, &m);
	assert_string_equal(read_file(&w, "/f"), "new");
	assert_mode(&w, "/f", S_IFREG | 0644);
	assert_mode(&w, "/file-dir", S_IFDIR | 0711);
	assert_string_equal(read_file(&w, "/file-dir/in"), "in");
	assert_string_equal(read_file(&w, "/dir-file"), "file");
	assert_string_equal(read_file(&w, "/full/x"), "x");
	assert_mode(&w, "/dir", S_IFDIR | 0711);
	assert_string_equal(read_file(&w, "/dir/x"), "x");
	assert_string_equal(read_file(&w, "/link"), "no link");
	assert_string_equal(read_file(&w, "/a"), "alone");
	assert_string_equal(read_file(&w, "/b"), "linked");
	assert_int_equal(stat_of(&w, "/b").stx_nlink, 1);
	assert_int_equal(stat_of(&w, "/").stx_nlink, 2 + 3);
	world_close_clean(&w);
}

static void parents(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };

	put(&m, "a/b/c/f", S_IFREG | 0644, "deep");
	put(&m, "a/b", S_IFDIR | 0700, NULL);
	put(&m, "lib", S_IFLNK | 0777, "usr/lib64");
	put(&m, "usr/lib64", S_IFLNK | 0777, "/usr/lib");
	put(&m, "usr/lib/old", S_IFREG | 0644, "old");
	put(&m, "lib/new", S_IFREG | 0644, "through links");
	put(&m, "up", S_IFLNK | 0777, "a/b/../../../usr/./lib");
	put(&m, "up/up", S_IFREG | 0644, "up");
	put(&m, "loop", S_IFLNK | 0777, "loop");
	put(&m, "loop/x", S_IFREG | 0644, "x");
	open_archive(&w, &m);
	assert_mode(&w, "/a", S_IFDIR | 0755);
	assert_mode(&w, "/a/b", S_IFDIR | 0700);
	assert_mode(&w, "/a/b/c", S_IFDIR | 0755);
	assert_string_equal(read_file(&w, "/a/b/c/f"), "deep");
	assert_string_equal(read_file(&w, "/usr/lib/new"), "through links");
	assert_string_equal(read_file(&w, "/usr/lib/up"), "up");
	assert_mode(&w, "/loop", S_IFLNK | 0777);
	assert_leads(&w, "/loop", "ELOOP");
	world_close_clean(&w);
}

static void concatenated(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };

	put_zeroes(&m, 8);
	put(&m, "a", S_IFREG | 0644, "a");
	put_zeroes(&m, 4);
	put(&m, "b", S_IFREG | 0644, "b");
	trailer(&m);
	put_zeroes(&m, 5000 & ~3);
	put(&m, "b", S_IFREG | 0644, "c");
	put_zeroes(&m, 3); /* no trailer */
	open_archive(&w, &m);
	assert_string_equal(read_file(&w, "/a"), "a");
	assert_string_equal(read_file(&w, "/b"), "c");
	world_close_clean(&w);
}

struct listing {
	struct dir_emit e;
	char text[4096];
	unsigned stop; /* after so many */
};

static bool list_one(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		     unsigned char type)
{
	struct listing *l = container_of(e, struct listing, e);

	if (l->stop-- == 0)
		return false;
	assert_int_equal(strlen(name), len);
	assert_true(ino > 0);
	strcat(strcat(l->text, name), type == DT_DIR ? "/ " : " ");
	return true;
}

static void listings(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	struct listing l = { .e.emit = list_one, .stop = 4 };
	struct file *f;

	put(&m, "d/b", S_IFREG | 0644, "");
	put(&m, "d/a/x", S_IFREG | 0644, "");
	put(&m, "d/abc", S_IFREG | 0644, "");
	put(&m, "d/ab", S_IFREG | 0644, "");
	put(&m, "d/\xff", S_IFREG | 0644, "");
	open_archive(&w, &m);
	assert_int_equal(open_file(&w, "/d", O_RDONLY | O_DIRECTORY, &f), 0);
	assert_int_equal(f->ops->readdir(f, &w.c, &l.e), 0);
	assert_string_equal(l.text, "./ ../ a/ ab ");
	l.stop = 100;
	assert_int_equal(f->ops->readdir(f, &w.c, &l.e), 0);
	assert_string_equal(l.text, "./ ../ a/ ab abc b \xff ");
	l.text[0] = '\0';
	assert_int_equal(f->ops->lseek(f, &w.c, 3, SEEK_SET), 3);
	assert_int_equal(f->ops->readdir(f, &w.c, &l.e), 0);
	assert_string_equal(l.text, "ab abc b \xff ");
	assert_int_equal(f->ops->lseek(f, &w.c, INT64_MAX, SEEK_SET), INT64_MAX);
	assert_int_equal(f->ops->readdir(f, &w.c, &l.e), 0);
	file_put(f);
	world_close_clean(&w);
}

static void long_names(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	char name[PATH_MAX], path[PATH_MAX + 1];

	/* The longest path there can be, of one-letter names; and the longest name. */
	for (size_t i = 0; i < PATH_MAX; i++)
		name[i] = i % 2 ? '/' : 'd';
	name[PATH_MAX - 1] = '\0';
	put_raw(&m, (struct newc){ .mode = S_IFREG | 0644 }, name, PATH_MAX, "far", 3);
	memset(path, 'n', 255);
	path[255] = '\0';
	put(&m, path, S_IFREG | 0644, "long");
	open_archive(&w, &m);
	assert_int_equal(chdir("/"), 0);
	assert_string_equal(read_file(&w, name), "far");
	assert_string_equal(read_file(&w, path), "long");
	world_close_clean(&w);
}

static void data_of_files(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	char *data = malloc(100 * KB), *back = malloc(100 * KB);
	struct file *f;

	for (size_t i = 0; i < 100 * KB; i++)
		data[i] = (char)(i * 7 + i / 251);
	put_raw(&m, (struct newc){ .mode = S_IFREG | 0644 }, "f", 2, data, 99999);
	put(&m, "behind", S_IFREG | 0644, "behind");
	open_archive(&w, &m);
	assert_int_equal(open_file(&w, "/f", O_RDONLY, &f), 0);
	assert_int_equal(file_read_kernel(f, &w.c, back, 100 * KB, 0), 99999);
	assert_memory_equal(back, data, 99999);
	assert_int_equal(file_read_kernel(f, &w.c, back, 10, 99995), 4);
	assert_int_equal(file_read_kernel(f, &w.c, back, 10, 99999), 0);
	assert_int_equal(file_read_kernel(f, &w.c, back, 10, INT64_MAX - 10), 0);
	assert_int_equal(f->ops->lseek(f, &w.c, 5, SEEK_DATA), 5);
	assert_int_equal(f->ops->lseek(f, &w.c, 5, SEEK_HOLE), 99999);
	assert_int_equal(f->ops->lseek(f, &w.c, 99999, SEEK_DATA), -ENXIO);
	file_put(f);
	free(data);
	free(back);
	world_close_clean(&w);
}

/* ---- mappings ---- */

static struct pagesource *source_of(struct fsworld *w, const char *name)
{
	struct pagesource *ps;
	struct file *f;

	assert_int_equal(open_file(w, name, O_RDONLY, &f), 0);
	assert_int_equal(f->ops->pagesource(f, true, &ps), -EACCES);
	assert_int_equal(f->ops->pagesource(f, false, &ps), 0);
	file_put(f);
	return ps;
}

static struct page_run run_of(struct pagesource *ps, uint64_t off, uint64_t len)
{
	struct page_run run;

	assert_int_equal(ps->ops->get(ps, off, len, false, &run), 0);
	assert_true(run.len > 0 && run.len <= len && run.off % PAGE_SIZE == 0);
	return run;
}

/* A name with NULs behind it, so that the data begin at a page. */
static void put_aligned(struct maker *m, const char *name, const char *data, size_t n)
{
	char padded[2 * PAGE_SIZE] = "";
	uint64_t name_at = m->len + NEWC_HEADER;

	strcpy(padded, name);
	put_raw(m, (struct newc){ .mode = S_IFREG | 0644 }, padded,
		PAGE_UP(name_at + strlen(name) + 1) - name_at, data, n);
}

static void aligned_data_are_mapped(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	char *data = malloc(3 * PAGE_SIZE);

	memset(data, 'd', 3 * PAGE_SIZE);
	put_aligned(&m, "f", data, 2 * PAGE_SIZE + 5);
	put(&m, "behind", S_IFREG | 0644, "secret");
	put_aligned(&m, "whole", data, PAGE_SIZE);
	open_archive(&w, &m);
	struct pagesource *f = source_of(&w, "/f"), *whole = source_of(&w, "/whole");
	struct page_run run = run_of(f, PAGE_SIZE, 16 * PAGE_SIZE);
	assert_ptr_not_equal(run.mf, arena_memfile(w.mem.arena));
	assert_int_equal(run.len, PAGE_SIZE);
	assert_memory_equal(memfile_ptr(run.mf, run.off, PAGE_SIZE), data, PAGE_SIZE);
	/* The last page ends in zeroes, not in what follows in the archive. */
	run = run_of(f, 2 * PAGE_SIZE, PAGE_SIZE);
	char *tail = memfile_ptr(run.mf, run.off, PAGE_SIZE);
	assert_memory_equal(tail, "ddddd\0\0\0\0", 9);
	for (size_t i = 5; i < PAGE_SIZE; i++)
		assert_int_equal(tail[i], 0);
	assert_int_equal(run_of(f, 2 * PAGE_SIZE, PAGE_SIZE).off, run.off);
	assert_int_equal(f->ops->get(f, 3 * PAGE_SIZE, PAGE_SIZE, false, &run), -EFAULT);
	assert_int_equal(f->ops->get(f, 0, PAGE_SIZE, true, &run), -EACCES);
	run = run_of(whole, 0, PAGE_SIZE);
	assert_ptr_not_equal(run.mf, arena_memfile(w.mem.arena));
	assert_int_equal(whole->ops->get(whole, PAGE_SIZE, PAGE_SIZE, false, &run), -EFAULT);
	assert_int_equal(arena_used(w.mem.arena), PAGE_SIZE);
	f->ops->unref(f);
	whole->ops->unref(whole);
	assert_int_equal(arena_used(w.mem.arena), 0);
	free(data);
	world_close_clean(&w);
}

static void other_data_are_copied(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	size_t n = 100 * PAGE_SIZE - 3;
	char *data = malloc(n);

	for (size_t i = 0; i < n; i++)
		data[i] = (char)(i / PAGE_SIZE + i);
	put_raw(&m, (struct newc){ .mode = S_IFREG | 0644 }, "f", 2, data, n);
	open_archive(&w, &m);
	struct pagesource *f = source_of(&w, "/f");
	struct page_run run = run_of(f, 50 * PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(arena_used(w.mem.arena), PAGE_SIZE);
	uint64_t kept = run.off;
	run = run_of(f, 45 * PAGE_SIZE, 10 * PAGE_SIZE);
	assert_int_equal(run.len, 5 * PAGE_SIZE);
	assert_int_equal(run_of(f, 50 * PAGE_SIZE, PAGE_SIZE).off, kept);
	for (uint64_t off = 0; off < n; off += run.len) {
		run = run_of(f, off, PAGE_UP(n) - off);
		uint64_t len = run.len < n - off ? run.len : n - off;
		assert_memory_equal(memfile_ptr(run.mf, run.off, len), data + off, len);
	}
	assert_int_equal(arena_used(w.mem.arena), 100 * PAGE_SIZE);
	f->ops->unref(f);
	free(data);
	world_close_clean(&w);
}

static void the_file_is_shortened(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	size_t n = 64 * PAGE_SIZE;
	char *data = calloc(1, n), byte;
	struct filesystem *fs;
	struct file *f;

	put_aligned(&m, "aligned", data, n);
	put_raw(&m, (struct newc){ .mode = S_IFREG | 0644 }, "not", 4, data, n);
	put(&m, "d/late", S_IFREG | 0644, "x");
	world_open(&w);
	int fd = archive_fd(&m), own = dup(fd);
	assert_int_equal(create_from(&w, fd, 0, &fs, NULL), 0);
	world_mount(&w, "/", fs, MOUNT_RDONLY);
	struct pagesource *a = source_of(&w, "/aligned"), *u = source_of(&w, "/not");
	assert_int_equal(open_file(&w, "/not", O_RDONLY, &f), 0);
	assert_int_equal(ftruncate(own, 3 * PAGE_SIZE), 0);
	assert_int_equal(file_read_kernel(f, &w.c, &byte, 1, 0), -EIO);
	assert_int_equal(a->ops->size(a), 2 * PAGE_SIZE);
	assert_int_equal(u->ops->size(u), 0);
	struct page_run run;
	assert_int_equal(u->ops->get(u, 0, 4 * PAGE_SIZE, false, &run), -EFAULT);
	assert_int_equal(try_open(&w, "/d/late", O_RDONLY), -EIO);
	assert_int_equal(ftruncate(own, 0), 0);
	struct statx st;
	assert_int_equal(stat_file(&w, "/aligned", &st), -EIO);
	file_put(f);
	a->ops->unref(a);
	u->ops->unref(u);
	close(own);
	free(data);
	free(m.buf);
	world_close_clean(&w);
}

/* ---- what is wrong with archives ---- */

static void put_field(struct maker *m, unsigned field, const char *digits)
{
	memcpy(m->buf + m->last + 6 + field * 8, digits, 8);
}

static void broken_headers(void **state)
{
	struct maker m = { 0 };

	refused_with(&m, "no cpio archive");
	put_bytes(&m, "0707", 4);
	refused_with(&m, "ends in the middle of a header, at byte 0");
	put(&m, "a", S_IFREG | 0644, "a");
	put_bytes(&m, "070701", 6);
	refused_with(&m, "ends in the middle of a header, at byte 116");
	put_bytes(&m, "#!/bin/sh\n", 10);
	put_zeroes(&m, 200);
	refused_with(&m, "no cpio header where one is due, at byte 0");
	put(&m, "a", S_IFREG | 0644, "a");
	memcpy(m.buf, "070707", 6);
	refused_with(&m, "old format");
	for (unsigned i = 0; i < 13; i++) {
		put(&m, "a", S_IFREG | 0644, "a");
		put_field(&m, i, "0000000g");
		refused_with(&m, "hexadecimal digits, at byte 0");
	}
	put(&m, "a", S_IFREG | 0644, "a");
	put_field(&m, 0, " 0000001");
	refused_with(&m, "hexadecimal");
	put(&m, "a", S_IFREG | 0644, "a");
	put_field(&m, 0, "0x000001");
	refused_with(&m, "hexadecimal");
	put_zeroes(&m, 2);
	put(&m, "a", S_IFREG | 0644, "a");
	refused_with(&m, "multiple of four, at byte 2");
	put(&m, "a", S_IFREG | 0644, "a");
	put_bytes(&m, "junk", 4);
	put_zeroes(&m, 200);
	refused_with(&m, "no cpio header where one is due, at byte 116");
}

static void broken_names(void **state)
{
	struct maker m = { 0 };
	char name[PATH_MAX + 10];

	put(&m, "a", S_IFREG | 0644, "a");
	put(&m, "abcdefgh", S_IFREG | 0644, "");
	m.len -= 5;
	refused_with(&m, "ends in the middle of a name, at byte 116");
	put_raw(&m, (struct newc){ .mode = S_IFREG }, "", 0, NULL, 0);
	refused_with(&m, "an entry without a name, at byte 0");
	put_raw(&m, (struct newc){ .mode = S_IFREG }, "", 1, NULL, 0);
	refused_with(&m, "an entry without a name, at byte 0");
	memset(name, 'a', sizeof name);
	put_raw(&m, (struct newc){ .mode = S_IFREG }, name, PATH_MAX + 1, NULL, 0);
	refused_with(&m, "longer than 4095 bytes, at byte 0");
	put_raw(&m, (struct newc){ .mode = S_IFREG }, name, 4, NULL, 0);
	refused_with(&m, "without a NUL behind it, at byte 0");
	put_raw(&m, (struct newc){ .mode = S_IFREG }, "a\0b", 4, NULL, 0);
	refused_with(&m, "entry 'a': its name has a NUL inside, at byte 0");
	name[256] = '\0';
	put(&m, name, S_IFREG, NULL);
	refused_with(&m, "longer than 255 bytes, at byte 0");
	put(&m, "ok", S_IFREG | 0644, "");
	put(&m, "..", S_IFDIR, NULL);
	refused_with(&m, "entry '..': its name has a part . or .., at byte 116");
	put(&m, "a/../../etc/passwd", S_IFREG, NULL);
	refused_with(&m, "entry 'a/../../etc/passwd': its name has a part . or ..");
	put(&m, "a/..", S_IFREG, NULL);
	refused_with(&m, "part . or ..");
	put(&m, "a/./b", S_IFREG, NULL);
	refused_with(&m, "part . or ..");
	put(&m, "../a", S_IFREG, NULL);
	refused_with(&m, "part . or ..");
	put(&m, "a//b", S_IFREG, NULL);
	refused_with(&m, "has an empty part");
	put(&m, "a/", S_IFDIR, NULL);
	refused_with(&m, "has an empty part");
	put(&m, ".", S_IFREG, "x");
	refused_with(&m, "the root is not a directory");
	/* What could upset a terminal is not shown as it is. */
	put(&m, "\x1b[2J'\xff/..", S_IFREG, NULL);
	refused_with(&m, "'\\x1b[2J\\x27\\xff/..'");
}

static void broken_data(void **state)
{
	struct maker m = { 0 };
	char target[PATH_MAX + 1];

	put(&m, "f", S_IFREG | 0644, "data");
	m.len -= 1;
	refused_with(&m, "entry 'f': the archive ends in the middle of its data, at byte 0");
	put(&m, "f", S_IFREG | 0644, "data");
	put_field(&m, 6, "FFFFFFFF");
	refused_with(&m, "entry 'f': the archive ends in the middle of its data, at byte 0");
	put(&m, "f", S_IFREG | 0644, "");
	put_field(&m, 11, "FFFFFFFF");
	refused_with(&m, "a name longer");
	put(&m, "l", S_IFLNK | 0777, "");
	refused_with(&m, "entry 'l': a symlink without a target");
	put_raw(&m, (struct newc){ .mode = S_IFLNK }, "l", 2, "\0x", 2);
	refused_with(&m, "entry 'l': a symlink without a target");
	memset(target, 'x', sizeof target);
	put_raw(&m, (struct newc){ .mode = S_IFLNK }, "l", 2, target, sizeof target);
	refused_with(&m, "target of the symlink is too long");
	put(&m, "d", S_IFDIR | 0777, "data");
	refused_with(&m, "entry 'd': has data");
	put(&m, "t", 0644, "");
	refused_with(&m, "entry 't': is of no known type");
	put(&m, "t", 0170000, "");
	refused_with(&m, "no known type");
	put(&m, "TRAILER!!!", 0, "data");
	refused_with(&m, "entry 'TRAILER!!!': has data");
}

static void checksums(void **state)
{
	struct fsworld w;
	struct maker m = { 0 };
	struct newc h = { .mode = S_IFREG | 0644, .summed = true, .check = 'a' + 'b' + 0xff };

	put_raw(&m, h, "good", 5, "ab\xff", 3);
	h.check++;
	put_raw(&m, h, "bad", 4, "ab\xff", 3);
	h.check = 5;
	put_raw(&m, h, "empty", 6, "", 0);
	open_archive(&w, &m);
	assert_string_equal(read_file(&w, "/good"), "ab\xff");
	assert_string_equal(read_file(&w, "/good"), "ab\xff");
	assert_string_equal(read_file(&w, "/bad"), "EIO");
	assert_mode(&w, "/bad", S_IFREG | 0644);
	assert_string_equal(read_file(&w, "/empty"), "EIO");
	world_close_clean(&w);
}

/* ---- compressed archives ---- */

static void put_gzip(struct maker *m, const struct maker *of)
{
	z_stream z = { 0 };
	size_t room = of->len + 1000;
	char *out = malloc(room);

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, 0), Z_OK);
	z.next_in = (Bytef *)of->buf;
	z.avail_in = (uInt)of->len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	put_bytes(m, out, room - z.avail_out);
	deflateEnd(&z);
	free(out);
}

static void put_zstd(struct maker *m, const struct maker *of)
{
	size_t room = ZSTD_compressBound(of->len);
	char *out = malloc(room);

	put_bytes(m, out, ZSTD_compress(out, room, of->buf, of->len, 3));
	free(out);
}

static void compressed(void **state)
{
	struct maker plain = { 0 }, big = { 0 };
	char *zeroes = calloc(1, 20000 * KB);

	put(&plain, "f", S_IFREG | 0644, "unpacked");
	trailer(&plain);
	put_raw(&big, (struct newc){ .mode = S_IFREG | 0644 }, "big", 4, zeroes, 20000 * KB);
	put_aligned(&big, "aligned", "x", 1);
	trailer(&big);
	for (int zstd = 0; zstd < 2; zstd++) {
		struct fsworld w;
		struct maker m = { 0 };
		void (*pack)(struct maker *, const struct maker *) = zstd ? put_zstd : put_gzip;
		put(&m, "early", S_IFREG | 0644, "not compressed");
		trailer(&m);
		put_zeroes(&m, 512);
		pack(&m, &plain);
		put_zeroes(&m, 7);
		pack(&m, &big);
		put_zeroes(&m, newc_align(m.len) - m.len);
		put(&m, "late", S_IFREG | 0644, "not compressed either");
		open_archive(&w, &m);
		assert_string_equal(read_file(&w, "/early"), "not compressed");
		assert_string_equal(read_file(&w, "/f"), "unpacked");
		assert_string_equal(read_file(&w, "/late"), "not compressed either");
		assert_int_equal(stat_of(&w, "/big").stx_size, 20000 * KB);
		assert_string_equal(read_file(&w, "/aligned"), "x");
		world_close_clean(&w);
	}
	free(plain.buf);
	free(big.buf);
	free(zeroes);
}

static void broken_compression(void **state)
{
	struct maker plain = { 0 }, m = { 0 };
	char *zeroes = calloc(1, 1000 * KB);

	put_raw(&plain, (struct newc){ .mode = S_IFREG | 0644 }, "big", 4, zeroes, 1000 * KB);
	for (int zstd = 0; zstd < 2; zstd++) {
		void (*pack)(struct maker *, const struct maker *) = zstd ? put_zstd : put_gzip;
		pack(&m, &plain);
		m.len -= 9;
		refused_with(&m, "the file ends in the middle of what is compressed, at byte");
		pack(&m, &plain);
		memset(m.buf + (zstd ? 4 : 20), 0xff, 9);
		refused_with(&m, "has compressed is broken, at byte 0");
	}
	/* What is unpacked is no archive. */
	plain.len = 0;
	put_bytes(&plain, "text", 4);
	put_gzip(&m, &plain);
	refused_with(&m, "ends in the middle of a header");
	/* gzip in gzip in gzip... */
	plain.len = 0;
	put_gzip(&plain, &m);
	for (int i = 0; i < 10; i++) {
		m.len = 0;
		put_gzip(&m, &plain);
		plain.len = 0;
		put_bytes(&plain, m.buf, m.len);
	}
	free(m.buf);
	m = (struct maker){ 0 };
	put_bytes(&m, plain.buf, plain.len);
	refused_with(&m, "compressed too often");
	put_bytes(&m,
		  "\xfd"
		  "7zXZ\0more",
		  11);
	refused_with(&m, "compressed by xz");
	/* Old formats of zstd, also behind a frame of the one that there is. */
	put_bytes(&m, "\x25\xb5\x2f\xfd\0\0\0\0", 8);
	put_zeroes(&m, 100);
	refused_with(&m, "compressed by zstd 0.5, ");
	put_bytes(&m, "\x26\xb5\x2f\xfd\0\0\0\0", 8);
	put_zeroes(&m, 100);
	refused_with(&m, "compressed by zstd 0.6, ");
	put_bytes(&m, "\x28\xb5\x2f\xfd\x20\0\1\0\0", 9);
	put_bytes(&m, "\x27\xb5\x2f\xfd\0\0\0\0", 8);
	put_zeroes(&m, 100);
	refused_with(&m, "compressed by zstd 0.7, ");
	/* A size that is claimed costs nothing. */
	put_bytes(&m, "\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x0f", 13);
	put_zeroes(&m, 100);
	refused_with(&m, "larger than the memory");
	free(plain.buf);
	free(zeroes);
}

/* Entries of a few bytes that lead through long symlinks: the archive is refused before they cost
 * more than its size. */
static void costly_symlinks(void **state)
{
	struct maker m = { 0 };
	char target[4000], name[16];

	for (size_t i = 0; i < sizeof target; i++)
		target[i] = i % 2 ? '/' : 'a';
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "l%d", i);
		put_raw(&m, (struct newc){ .mode = S_IFLNK }, name, 3, target, sizeof target - 1);
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "l%d/%d", i % 2, i);
		put(&m, name, S_IFREG | 0644, "");
	}
	refused_with(&m, "too many symlinks are on the way, at byte");
}

static void on_exceeded(void *arg, uint64_t used, uint64_t limit)
{
	fail_msg("%lu of %lu bytes", (unsigned long)used, (unsigned long)limit);
}

static const struct budget_ops ops = { .exceeded = on_exceeded };

static void refused_in_256_mib(struct maker *m, const char *text)
{
	struct fsworld w;
	struct filesystem *fs;
	struct errmsg errmsg = { { 0 } };

	world_open(&w);
	assert_int_equal(
	    budget_create(256UL << 20, NULL, w.mem.arena, &w.mem.counts, &ops, NULL, &w.mem.budget),
	    0);
	arena_set_budget(w.mem.arena, w.mem.budget);
	assert_int_equal(create(&w, m, &fs, &errmsg), -ENOMEM);
	assert_string_equal(errmsg.text, text);
	assert_int_equal(arena_used(w.mem.arena), 0);
	arena_set_budget(w.mem.arena, NULL);
	budget_destroy(w.mem.budget);
	world_mount(&w, "/", world_ramfs(&w, 0), 0);
	world_close(&w);
	free(m->buf);
}

/* A small archive that becomes a large one: zeroes without a claim of how many. It ends where the
 * memory of the sandbox does. */
static void a_bomb(void **state)
{
	static const char head[] = { 0x28, (char)0xb5, 0x2f, (char)0xfd, 0, 0x58 };
	static const char zeroes[] = { 2, 0, 0x10, 0 }; /* 128 KiB */
	struct maker m = { 0 };

	put_bytes(&m, head, sizeof head);
	for (int i = 0; i < 1000000; i++)
		put_bytes(&m, zeroes, sizeof zeroes);
	refused_in_256_mib(&m, "x.cpio: in memory it is larger than the memory of the sandbox");
}

/* Directories that are nothing but two bytes of a name. */
static void a_bomb_of_names(void **state)
{
	struct maker m = { 0 };
	char name[4000];

	for (int i = 0; i < 4000; i++) {
		snprintf(name, sizeof name, "%04d", i);
		for (size_t at = 4; at < sizeof name; at++)
			name[at] = at % 2 ? 'a' : '/';
		name[sizeof name - 2] = 'f';
		name[sizeof name - 1] = '\0';
		put_raw(&m, (struct newc){ .mode = S_IFREG }, name, sizeof name, "", 0);
	}
	refused_in_256_mib(&m, "x.cpio: no memory for its names");
}

/* ---- an index in the archive ---- */

/* The index of what `m` holds, as hl mkinitrd writes it. */
static void put_index(struct maker *m, struct cpio_tree *t)
{
	struct index ix;

	assert_int_equal(cpio_tree_index(t, 0, &ix), 0);
	uint64_t nodes_len = ix.count * sizeof(struct index_node);
	struct maker data = { 0 };
	struct index_footer footer = { .magic = INDEX_MAGIC,
				       .count = ix.count,
				       .names_len = ix.names_len };
	uint64_t at = newc_align(m->len + NEWC_HEADER + sizeof INDEX_NAME);
	put_bytes(&data, ix.made, nodes_len + ix.names_len);
	put_zeroes(&data, -data.len % INDEX_ALIGN);
	footer.nodes = at;
	footer.self = at + data.len;
	put_bytes(&data, &footer, sizeof footer);
	put_raw(m, (struct newc){ .mode = S_IFREG | 0400 }, INDEX_NAME, sizeof INDEX_NAME, data.buf,
		data.len);
	trailer(m);
	free(data.buf);
	index_free(&ix);
}

static void put_both(struct maker *m, struct cpio_tree *t, const char *name, mode_t mode,
		     const char *data)
{
	struct newc h = { .mode = mode, .nlink = 1 };

	put(m, name, mode, data);
	assert_int_equal(cpio_tree_add(t, strcmp(name, ".") ? name : "", &h, m->last), 0);
}

static struct maker indexed(void)
{
	struct maker m = { 0 };
	struct cpio_tree *t = cpio_tree_new(NULL, NULL, NULL);

	put_both(&m, t, ".", S_IFDIR | 0755, NULL);
	put_both(&m, t, "bin", S_IFDIR | 0755, NULL);
	put_both(&m, t, "bin/cat", S_IFREG | 0755, "cat");
	put_both(&m, t, "bin/ls", S_IFREG | 0755, "ls");
	put_both(&m, t, "lib", S_IFLNK | 0777, "bin");
	put_index(&m, t);
	cpio_tree_free(t);
	return m;
}

static void an_index_is_used(void **state)
{
	struct fsworld w;
	struct maker m = indexed();
	struct statx st;

	/* A header that no scan would take shows that there was none. */
	char *cat = memmem(m.buf, m.len, "bin/cat", 7);
	cat[4] = 'x';
	open_archive(&w, &m);
	assert_string_equal(read_file(&w, "/bin/ls"), "ls");
	assert_string_equal(read_file(&w, "/lib/ls"), "ls");
	assert_int_equal(stat_file(&w, "/bin/cat", &st), -EIO);
	assert_absent(&w, "/" INDEX_NAME);
	assert_absent(&w, "/bin/xat");
	world_close_clean(&w);
}

static void an_index_that_does_not_fit_is_not_used(void **state)
{
	struct fsworld w;
	struct maker m = { 0 }, in;

	put(&m, "before", S_IFREG | 0644, "before");
	trailer(&m);
	in = indexed();
	put_bytes(&m, in.buf, in.len);
	open_archive(&w, &m);
	assert_string_equal(read_file(&w, "/before"), "before");
	assert_string_equal(read_file(&w, "/bin/ls"), "ls");
	assert_absent(&w, "/" INDEX_NAME);
	world_close_clean(&w);
	put(&in, "behind", S_IFREG | 0644, "behind");
	put(&in, "d/" INDEX_NAME, S_IFREG | 0644, "not at the top");
	trailer(&in);
	open_archive(&w, &in);
	assert_string_equal(read_file(&w, "/behind"), "behind");
	assert_string_equal(read_file(&w, "/bin/ls"), "ls");
	assert_string_equal(read_file(&w, "/d/" INDEX_NAME), "not at the top");
	assert_absent(&w, "/" INDEX_NAME);
	world_close_clean(&w);
	m = (struct maker){ 0 };
	put(&m, INDEX_NAME, S_IFREG | 0644, "only a name");
	open_archive(&w, &m);
	assert_string_equal(read_file(&w, "/" INDEX_NAME), "only a name");
	world_close_clean(&w);
}

/* Looks at everything there is, however wrong; how many names that were. */
static unsigned visit(struct fsworld *w, const char *dir, unsigned depth)
{
	struct listing l = { .e.emit = list_one, .stop = 20 };
	struct statx st;
	struct file *f;
	unsigned n = 0;

	if (depth > 10 || open_file(w, dir, O_RDONLY | O_DIRECTORY, &f))
		return 0;
	f->ops->readdir(f, &w->c, &l.e);
	file_put(f);
	for (char *save, *name = strtok_r(l.text, " ", &save); name;
	     name = strtok_r(NULL, " ", &save)) {
		char path[PATH_MAX];
		name[strcspn(name, "/")] = '\0';
		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, name);
		stat_file(w, path, &st);
		read_file(w, path);
		n += 1 + visit(w, path, depth + 1);
	}
	return n;
}

/* Each byte of the index in turn is another one: some names are lost, and nothing else happens. */
static void an_index_may_lie(void **state)
{
	static const unsigned char wrong[] = { 0xff, 0x01, 0x80 };
	struct maker m = indexed();
	uint64_t trailer_at = m.len - NEWC_TRAILER_LEN;
	uint64_t footer_at = trailer_at - sizeof(struct index_footer);
	struct index_footer footer;
	struct fsworld w;

	memcpy(&footer, m.buf + footer_at, sizeof footer);
	world_open(&w);
	world_mount(&w, "/", world_ramfs(&w, 0), 0);
	for (uint64_t at = footer.nodes; at < trailer_at; at++) {
		for (size_t i = 0; i < sizeof wrong; i++) {
			struct filesystem *fs;
			m.buf[at] ^= (char)wrong[i];
			if (create(&w, &m, &fs, NULL) == 0) {
				struct mnt_namespace *ns = mnt_ns_new(w.vfs, w.vfs->user_ns);
				struct fs_struct *old = w.c.fs;
				assert_int_equal(mnt_ns_mount(ns, "/", fs, 0, "x"), 0);
				w.c.fs = fs_struct_new(ns);
				assert_true(visit(&w, "", 0) <= 20);
				assert_true(visit(&w, "/", 0) <= 20);
				fs_struct_put(w.c.fs);
				ns_put(&ns->ns);
				w.c.fs = old;
			}
			m.buf[at] ^= (char)wrong[i];
		}
	}
	world_close(&w);
	free(m.buf);
}

/* Each way to read one looks at the time. */
static void time_ends_them(void **state)
{
	struct fsworld w;
	struct maker m = { 0 }, packed = { 0 };
	struct filesystem *fs;
	struct errmsg errmsg;
	int ends[2];

	put(&m, "file", S_IFREG | 0644, "text");
	trailer(&m);
	put_gzip(&packed, &m);
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	world_open(&w);
	const int fds[] = { archive_fd(&m), archive_fd(&packed), ends[0] };
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
		errmsg = (struct errmsg){ "" };
		assert_int_equal(create_from(&w, fds[i], monotonic_ns(), &fs, &errmsg), -ETIMEDOUT);
		assert_non_null(strstr(errmsg.text, "x.cpio: the time limit"));
	}
	close(ends[1]);
	world_close(&w);
	free(packed.buf);
	free(m.buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* the first: behind each test cmocka takes the handler of SIGBUS away, which is
		 * installed once */
		cmocka_unit_test(the_file_is_shortened),
		cmocka_unit_test(files_of_all_kinds),
		cmocka_unit_test(nothing_can_be_changed),
		cmocka_unit_test(permissions),
		cmocka_unit_test(hard_links),
		cmocka_unit_test(duplicates),
		cmocka_unit_test(parents),
		cmocka_unit_test(concatenated),
		cmocka_unit_test(listings),
		cmocka_unit_test(long_names),
		cmocka_unit_test(data_of_files),
		cmocka_unit_test(aligned_data_are_mapped),
		cmocka_unit_test(other_data_are_copied),
		cmocka_unit_test(broken_headers),
		cmocka_unit_test(broken_names),
		cmocka_unit_test(broken_data),
		cmocka_unit_test(checksums),
		cmocka_unit_test(compressed),
		cmocka_unit_test(broken_compression),
		cmocka_unit_test(costly_symlinks),
		cmocka_unit_test(a_bomb),
		cmocka_unit_test(a_bomb_of_names),
		cmocka_unit_test(time_ends_them),
		cmocka_unit_test(an_index_is_used),
		cmocka_unit_test(an_index_that_does_not_fit_is_not_used),
		cmocka_unit_test(an_index_may_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
