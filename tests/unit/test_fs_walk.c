/* SPDX-License-Identifier: Apache-2.0 */
/* Path walk over a file system in memory and one of the host. */
#include "fs/protect.h"
#include "tests/unit/busy_host.h"
#include "tests/unit/fsworld.h"

/* "/" is in memory; "/h" is a directory of the host; "/h/in/m" is in memory again, read-only at
 * "/ro". */
static int setup(void **state)
{
	struct fsworld *w = malloc(sizeof *w);

	world_open(w);
	world_mount(w, "/", world_ramfs(w, 0), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/h", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/d", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/d/e", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/ro", 0755), 0);
	assert_int_equal(write_file(w, "/d/f", "in memory"), 0);
	host_mkdir(w, "in");
	host_mkdir(w, "in/m");
	host_mkdir(w, "a");
	host_mkdir(w, "a/b");
	host_mkdir(w, "a/b/c");
	host_write(w, "a/b/c/file", "of the host");
	world_mount(w, "/h", world_hostfs(w, w->dir), 0);
	world_mount(w, "/h/in/m", world_ramfs(w, 0), 0);
	world_mount(w, "/ro", world_hostfs(w, w->dir), MOUNT_RDONLY);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	busy_host(false);
	world_close(*state);
	free(*state);
	return 0;
}

static void plain(void **state)
{
	struct fsworld *w = *state;

	assert_leads(w, "/", "/");
	assert_leads(w, "///", "/");
	assert_leads(w, "/d", "/d");
	assert_leads(w, "/d//e/", "/d/e");
	assert_leads(w, "d/./e/.", "/d/e");
	assert_leads(w, "/h/a/b/c/file", "/h/a/b/c/file");
	assert_leads(w, "/h//a/./b/c", "/h/a/b/c");
	assert_leads(w, "/h/in/m", "/h/in/m");
	assert_string_equal(read_file(w, "/h/a/b/c/file"), "of the host");
	assert_string_equal(read_file(w, "/d/f"), "in memory");
}

static void dotdot(void **state)
{
	struct fsworld *w = *state;

	assert_leads(w, "..", "/");
	assert_leads(w, "/../../d", "/d");
	assert_leads(w, "/h/..", "/");
	assert_leads(w, "/h/../d/../h/a", "/h/a");
	assert_leads(w, "/h/a/../a/b/../../in/m/../m/..", "/h/in");
	assert_leads(w, "/h/in/m/../../../d", "/d");
	assert_leads(w, "/h/a/b/c/../../../..", "/");
	assert_leads(w, "/h/a/../in/m", "/h/in/m");
	assert_leads(w, "/h/a/b/c/file/..", "ENOTDIR");
	assert_leads(w, "/h/nothing/..", "ENOENT");
	assert_leads(w, "/d/f/..", "ENOTDIR");
	assert_leads(w, "/d/nothing/..", "ENOENT");
}

/* Somebody else on the host renames all the time: that is none of the guest's business. */
static void busy_renaming(void **state)
{
	struct fsworld *w = *state;
	struct statx st;

	busy_host(true);
	assert_leads(w, "/h/a/../a/b/../../in/m/../m/..", "/h/in");
	assert_leads(w, "/h/a/b/c/../../../..", "/");
	assert_leads(w, "/h/nothing/..", "ENOENT");
	assert_leads(w, "/h/a/b/c/file/..", "ENOTDIR");
	assert_int_equal(stat_file(w, "/h/a/b/../b/c/file", &st), 0);
	assert_int_equal(stat_file(w, "/h/a/b/../b/c/none", &st), -ENOENT);
	assert_string_equal(read_file(w, "/h/a/b/../b/c/file"), "of the host");
	assert_int_equal(try_open(w, "/h/a/../a/new", O_RDWR | O_CREAT | O_EXCL), 0);
	assert_int_equal(try_open(w, "/h/a/../a/new", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/h/a/../a/made", 0755), 0);
	assert_int_not_equal(busy_host(false), 0);
	assert_int_equal(try_open(w, "/h/a/new", O_RDONLY), 0);
	assert_int_equal(try_open(w, "/h/a/made", O_RDONLY), 0);
}

static void from_cwd(void **state)
{
	struct fsworld *w = *state;
	struct path p;

	assert_int_equal(path_walk(&w->c, NULL, "/h/in", WALK_DIRECTORY, &p), 0);
	fs_struct_set_cwd(w->c.fs, &p);
	assert_leads(w, "m", "/h/in/m");
	assert_leads(w, "./m/..", "/h/in");
	assert_leads(w, "../a/b", "/h/a/b");
	assert_leads(w, "../in/m", "/h/in/m");
	assert_leads(w, "../..", "/");
	assert_leads(w, "../../d", "/d");
}

static void in_root(void **state)
{
	struct fsworld *w = *state;
	struct path p;

	assert_int_equal(path_walk(&w->c, NULL, "/h/a", WALK_DIRECTORY, &p), 0);
	fs_struct_set_root(w->c.fs, &p);
	assert_leads(w, "/", "/h/a");
	assert_leads(w, "/..", "/h/a");
	assert_leads(w, "/b/../..", "/h/a");
	assert_leads(w, "/b/c/../../../../d", "ENOENT");
}

static void symlinks(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(vfs_symlink(&w->c, "/h/a", NULL, "/to_host"), 0);
	assert_int_equal(vfs_symlink(&w->c, "../../d/f", NULL, "/h/a/to_mem"), 0);
	assert_int_equal(vfs_symlink(&w->c, "b/c", NULL, "/h/a/short"), 0);
	assert_int_equal(vfs_symlink(&w->c, "/h/a/short", NULL, "/h/a/b/abs"), 0);
	assert_int_equal(vfs_symlink(&w->c, "dangling", NULL, "/h/dangler"), 0);
	assert_int_equal(vfs_symlink(&w->c, "self", NULL, "/h/self"), 0);
	assert_leads(w, "/to_host/b", "/h/a/b");
	assert_leads(w, "/to_host/..", "/h");
	assert_leads(w, "/h/a/to_mem", "/d/f");
	assert_leads(w, "/h/a/to_mem/", "ENOTDIR");
	assert_leads(w, "/h/a/short/file", "/h/a/b/c/file");
	assert_leads(w, "/h/a/short/../abs/file", "/h/a/b/c/file");
	assert_leads(w, "/h/dangler", "ENOENT");
	assert_leads(w, "/h/self", "ELOOP");
	assert_leads(w, "/h/self/x", "ELOOP");
	assert_string_equal(where_is(w, "/h/self", WALK_NOFOLLOW), "/h/self");
	assert_string_equal(where_is(w, "/h/a/short", WALK_NOFOLLOW), "/h/a/short");
	assert_string_equal(where_is(w, "/h/a/short/", WALK_NOFOLLOW), "/h/a/b/c");
	assert_string_equal(where_is(w, "/to_host", WALK_NOFOLLOW), "/to_host");
	assert_string_equal(where_is(w, "/h/a/short", WALK_NO_SYMLINKS), "ELOOP");
	assert_string_equal(where_is(w, "/h/a/short/file", WALK_NO_SYMLINKS), "ELOOP");
}

static void many_symlinks(void **state)
{
	struct fsworld *w = *state;
	char name[16], target[16];

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/h/l0", 0755), 0);
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof name, "/h/l%d", i);
		snprintf(target, sizeof target, "l%d", i - 1);
		assert_int_equal(vfs_symlink(&w->c, target, NULL, name), 0);
	}
	assert_leads(w, "/h/l40", "/h/l0");
	assert_leads(w, "/h/l41", "ELOOP");
}

static void errors(void **state)
{
	struct fsworld *w = *state;
	char name[NAME_MAX + 3] = "/";

	memset(name + 1, 'n', NAME_MAX + 1);
	assert_leads(w, name, "ENAMETOOLONG");
	assert_leads(w, "", "ENOENT");
	assert_leads(w, "/d/f/x", "ENOTDIR");
	assert_leads(w, "/d/f/", "ENOTDIR");
	assert_leads(w, "/h/a/b/c/file/", "ENOTDIR");
	assert_leads(w, "/h/a/b/c/file/x", "ENOTDIR");
	assert_leads(w, "/h/a/x/y", "ENOENT");
	assert_string_equal(where_is(w, "/d/f", WALK_DIRECTORY), "ENOTDIR");
	assert_string_equal(where_is(w, "/h/a/b/c/file", WALK_DIRECTORY), "ENOTDIR");
}

static void resolve_flags(void **state)
{
	struct fsworld *w = *state;
	struct path a, out;

	assert_string_equal(where_is(w, "/h/a", WALK_NO_XDEV), "EXDEV");
	assert_string_equal(where_is(w, "/d/e", WALK_NO_XDEV), "/d/e");
	assert_int_equal(path_walk(&w->c, NULL, "/h/a", 0, &a), 0);
	assert_int_equal(vfs_symlink(&w->c, "/b", NULL, "/h/a/root"), 0);
	assert_int_equal(vfs_symlink(&w->c, "..", NULL, "/h/a/b/up"), 0);
	assert_int_equal(vfs_symlink(&w->c, "../..", NULL, "/h/a/b/out"), 0);
	assert_int_equal(path_walk(&w->c, &a, "b/..", WALK_BENEATH, &out), 0);
	path_put(&out);
	assert_int_equal(path_walk(&w->c, &a, "b/up", WALK_BENEATH, &out), 0);
	path_put(&out);
	assert_int_equal(path_walk(&w->c, &a, "..", WALK_BENEATH, &out), -EXDEV);
	assert_int_equal(path_walk(&w->c, &a, "b/../..", WALK_BENEATH, &out), -EXDEV);
	assert_int_equal(path_walk(&w->c, &a, "b/out", WALK_BENEATH, &out), -EXDEV);
	assert_int_equal(path_walk(&w->c, &a, "root", WALK_BENEATH, &out), -EXDEV);
	assert_int_equal(path_walk(&w->c, &a, "/b", WALK_BENEATH, &out), -EXDEV);
	assert_int_equal(path_walk(&w->c, &a, "root/c", WALK_IN_ROOT, &out), 0);
	path_put(&out);
	assert_int_equal(path_walk(&w->c, &a, "/../b/../../root/c/file", WALK_IN_ROOT, &out), 0);
	path_put(&out);
	path_put(&a);
}

static void busy_and_cross(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(vfs_rmdir(&w->c, NULL, "/h"), -EBUSY);
	assert_int_equal(vfs_rmdir(&w->c, NULL, "/h/in/m"), -EBUSY);
	assert_int_equal(vfs_rename(&w->c, NULL, "/h/in/m", NULL, "/h/x", 0), -EBUSY);
	assert_int_equal(vfs_rename(&w->c, NULL, "/d/f", NULL, "/h/f", 0), -EXDEV);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/h/in/m", 0755), -EEXIST);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/h"), -EISDIR);
	assert_int_equal(vfs_rmdir(&w->c, NULL, "/d/."), -EINVAL);
	assert_int_equal(vfs_rmdir(&w->c, NULL, "/d/.."), -ENOTEMPTY);
	/* The directory above a mount point may be renamed: the mount goes with it. */
	assert_int_equal(vfs_rename(&w->c, NULL, "/h/in", NULL, "/h/was_in", 0), 0);
	assert_int_equal(write_file(w, "/h/was_in/m/x", "moved"), 0);
	assert_int_equal(access(host_path(w, "was_in/m/x"), F_OK), -1);
	assert_leads(w, "/h/was_in/m/../..", "/h");
	assert_leads(w, "/h/was_in/m/x", "/h/was_in/m/x");
}

static void read_only(void **state)
{
	struct fsworld *w = *state;
	struct iattr mode = { .valid = ATTR_MODE, .mode = 0600 };
	struct path p;

	assert_string_equal(read_file(w, "/ro/a/b/c/file"), "of the host");
	assert_int_equal(write_file(w, "/ro/a/b/c/file", "x"), -EROFS);
	assert_int_equal(try_open(w, "/ro/a/b/c/file", O_RDONLY | O_CREAT), 0);
	assert_int_equal(try_open(w, "/ro/new", O_RDONLY | O_CREAT), -EROFS);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/ro/new", 0755), -EROFS);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/ro/a", 0755), -EEXIST);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/ro/nothing"), -EROFS);
	assert_int_equal(path_walk(&w->c, NULL, "/ro/a", 0, &p), 0);
	assert_int_equal(vfs_setattr(&w->c, &p, &mode), -EROFS);
	assert_int_equal(vfs_access(&w->c, &p, W_OK), -EROFS);
	path_put(&p);
}

static void opening(void **state)
{
	struct fsworld *w = *state;
	static const char *const tops[] = { "/d", "/h" };

	for (int i = 0; i < 2; i++) {
		char name[64], link[64], slash[64];
		snprintf(name, sizeof name, "%s/new", tops[i]);
		snprintf(link, sizeof link, "%s/link", tops[i]);
		snprintf(slash, sizeof slash, "%s/new/", tops[i]);
		assert_int_equal(try_open(w, name, O_RDONLY), -ENOENT);
		assert_int_equal(try_open(w, slash, O_RDONLY | O_CREAT), -EISDIR);
		assert_int_equal(try_open(w, name, O_WRONLY | O_CREAT | O_EXCL), 0);
		assert_int_equal(try_open(w, name, O_WRONLY | O_CREAT | O_EXCL), -EEXIST);
		assert_int_equal(try_open(w, slash, O_RDONLY), -ENOTDIR);
		assert_int_equal(try_open(w, name, O_RDONLY | O_DIRECTORY), -ENOTDIR);
		assert_int_equal(try_open(w, tops[i], O_WRONLY), -EISDIR);
		assert_int_equal(try_open(w, tops[i], O_RDONLY | O_CREAT), -EISDIR);
		assert_int_equal(try_open(w, tops[i], O_RDONLY), 0);
		assert_int_equal(vfs_symlink(&w->c, "through", NULL, link), 0);
		assert_int_equal(try_open(w, link, O_RDONLY | O_NOFOLLOW), -ELOOP);
		assert_int_equal(try_open(w, link, O_PATH | O_NOFOLLOW), 0);
		assert_int_equal(try_open(w, link, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), -ENOTDIR);
		assert_int_equal(try_open(w, link, O_RDONLY | O_CREAT | O_EXCL), -EEXIST);
		assert_int_equal(try_open(w, link, O_RDONLY), -ENOENT);
		assert_int_equal(try_open(w, link, O_RDONLY | O_CREAT), 0);
		snprintf(name, sizeof name, "%s/through", tops[i]);
		assert_leads(w, link, name);
		assert_int_equal(try_open(w, tops[i], O_RDWR | O_TMPFILE), 0);
		assert_int_equal(try_open(w, tops[i], O_RDONLY | O_TMPFILE), -EINVAL);
		assert_int_equal(try_open(w, tops[i], O_CREAT | O_DIRECTORY), -EINVAL);
	}
}

static void slashes(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/h/slash//", 0755), 0);
	assert_int_equal(vfs_rename(&w->c, NULL, "/h/slash/", NULL, "/h/moved/", 0), 0);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/h/moved/"), -EISDIR);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/h/a/b/c/file/"), -ENOTDIR);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/h/nothing/"), -ENOENT);
	assert_int_equal(vfs_symlink(&w->c, "x", NULL, "/h/sl/"), -ENOENT);
	assert_int_equal(vfs_symlink(&w->c, "x", NULL, "/h/moved/"), -EEXIST);
	assert_int_equal(vfs_rename(&w->c, NULL, "/h/a/b/c/file", NULL, "/h/x/", 0), -ENOTDIR);
	assert_int_equal(vfs_rmdir(&w->c, NULL, "/h/moved/"), 0);
}

/* The host's names come in runs, and the text of a symlink without the symlink itself. */
static void protected_symlinks(void **state)
{
	struct fsworld *w = *state;
	char name[PATH_MAX];

	if (geteuid() != 0)
		skip();
	assert_int_equal(vfs_symlink(&w->c, "c", NULL, "/h/a/b/link"), 0);
	snprintf(name, sizeof name, "%s/a/b/link", w->dir);
	assert_int_equal(lchown(name, 1000, 1000), 0);
	snprintf(name, sizeof name, "%s/a/b", w->dir);
	assert_int_equal(chmod(name, 01777), 0);
	w->vfs->protections[PROTECTED_SYMLINKS] = 1 + 1;
	assert_int_equal(try_open(w, "/h/a/b/link", O_RDONLY), -EACCES);
	assert_int_equal(try_open(w, "/h/a/../a/b/link/", O_RDONLY), -EACCES);
	assert_int_equal(try_open(w, "/h/a/b/link/file", O_RDONLY), 0);
	assert_int_equal(try_open(w, "/h/a/b/link", O_PATH | O_NOFOLLOW), 0);
	w->vfs->protections[PROTECTED_SYMLINKS] = 0 + 1;
	assert_int_equal(try_open(w, "/h/a/b/link", O_RDONLY), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(plain),         TEST(dotdot),
		TEST(busy_renaming), TEST(from_cwd),
		TEST(in_root),       TEST(symlinks),
		TEST(errors),        TEST(many_symlinks),
		TEST(resolve_flags), TEST(busy_and_cross),
		TEST(read_only),     TEST(opening),
		TEST(slashes),       TEST(protected_symlinks),
	};

	return cmocka_run_group_tests_name("fs_walk", tests, NULL, NULL);
}
