/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfs's semantics: names, sizes, holes, seals, permissions, directories read while they
 * change. */
#include "tests/unit/fsworld.h"

#include <linux/memfd.h>
#include <sys/xattr.h>

#include "fs/protect.h"

#define MB (1UL << 20)

static int setup(void **state)
{
	struct fsworld *w = malloc(sizeof *w);

	world_open(w);
	world_mount(w, "/", world_ramfs(w, 4 * MB), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct fsworld *w = *state;

	world_close_clean(w);
	free(w);
	return 0;
}

static ssize_t write_at(struct fsworld *w, struct file *f, const char *text, size_t n, int64_t pos)
{
	struct uio u;

	uio_init_kernel(&u, (char *)(uintptr_t)text, n);
	return file_write(f, &w->c, &u, &pos);
}

static uint64_t size_of(struct fsworld *w, struct file *f)
{
	struct statx st;

	assert_int_equal(file_getattr(f, &w->c, STATX_BASIC_STATS, &st), 0);
	return st.stx_size;
}

static void contents(void **state)
{
	struct fsworld *w = *state;
	struct file *f;
	char buf[16];

	assert_int_equal(open_file(w, "/f", O_RDWR | O_CREAT, &f), 0);
	assert_int_equal(write_at(w, f, "abc", 3, 100000), 3);
	assert_int_equal(size_of(w, f), 100003);
	memset(buf, 'x', sizeof buf);
	assert_int_equal(file_read_kernel(f, &w->c, buf, 8, 99995), 8);
	assert_memory_equal(buf, "\0\0\0\0\0abc", 8);
	assert_int_equal(f->ops->lseek(f, &w->c, 0, SEEK_DATA), 98304);
	assert_int_equal(f->ops->lseek(f, &w->c, 0, SEEK_HOLE), 0);
	assert_int_equal(f->ops->truncate(f, &w->c, 99), 0);
	assert_int_equal(f->ops->truncate(f, &w->c, 200000), 0);
	assert_int_equal(file_read_kernel(f, &w->c, buf, 3, 100000), 3);
	assert_memory_equal(buf, "\0\0\0", 3);
	file_put(f);
}

static void unlinked_but_open(void **state)
{
	struct fsworld *w = *state;
	struct file *f;
	char buf[8];

	assert_int_equal(open_file(w, "/f", O_RDWR | O_CREAT, &f), 0);
	assert_int_equal(write_at(w, f, "still", 5, 0), 5);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/f"), 0);
	assert_int_equal(try_open(w, "/f", O_RDONLY), -ENOENT);
	assert_int_equal(file_read_kernel(f, &w->c, buf, 5, 0), 5);
	assert_memory_equal(buf, "still", 5);
	assert_true(arena_used(w->mem.arena) > 0);
	file_put(f);
	assert_int_equal(arena_used(w->mem.arena), 0);
}

static void full(void **state)
{
	struct fsworld *w = *state;
	char *big = calloc(1, 8 * MB);
	struct file *f;

	assert_int_equal(open_file(w, "/f", O_RDWR | O_CREAT, &f), 0);
	ssize_t n = write_at(w, f, big, 8 * MB, 0);
	assert_true(n > 0 && n <= (ssize_t)(4 * MB));
	assert_int_equal(write_at(w, f, big, 1 * MB, n), -ENOSPC);
	assert_int_equal(f->ops->truncate(f, &w->c, 0), 0);
	assert_int_equal(write_at(w, f, big, 1 * MB, 0), 1 * MB);
	file_put(f);
	free(big);
}

static void renames(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/d", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/d/e", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/empty", 0755), 0);
	assert_int_equal(write_file(w, "/a", "A"), 0);
	assert_int_equal(write_file(w, "/b", "B"), 0);
	assert_int_equal(vfs_rename(&w->c, NULL, "/d", NULL, "/d/e/f", 0), -EINVAL);
	assert_int_equal(vfs_rename(&w->c, NULL, "/d/e", NULL, "/d", 0), -ENOTEMPTY);
	assert_int_equal(vfs_rename(&w->c, NULL, "/a", NULL, "/d", 0), -EISDIR);
	assert_int_equal(vfs_rename(&w->c, NULL, "/d", NULL, "/a", 0), -ENOTDIR);
	assert_int_equal(vfs_rename(&w->c, NULL, "/a", NULL, "/b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(vfs_rename(&w->c, NULL, "/a", NULL, "/none", RENAME_EXCHANGE), -ENOENT);
	assert_int_equal(vfs_rename(&w->c, NULL, "/a", NULL, "/b", RENAME_EXCHANGE), 0);
	assert_string_equal(read_file(w, "/a"), "B");
	assert_int_equal(vfs_rename(&w->c, NULL, "/a", NULL, "/b", 0), 0);
	assert_string_equal(read_file(w, "/b"), "B");
	assert_string_equal(read_file(w, "/a"), "ENOENT");
	assert_int_equal(vfs_rename(&w->c, NULL, "/d", NULL, "/empty", 0), 0);
	assert_leads(w, "/empty/e/..", "/empty");
	assert_leads(w, "/empty/e/../..", "/");
	assert_int_equal(vfs_rename(&w->c, NULL, "/empty/e", NULL, "/b2", RENAME_EXCHANGE),
			 -ENOENT);
	assert_int_equal(vfs_rename(&w->c, NULL, "/empty/e", NULL, "/b", RENAME_EXCHANGE), 0);
	assert_string_equal(read_file(w, "/empty/e"), "B");
	assert_leads(w, "/b/..", "/");
	assert_int_equal(vfs_rename(&w->c, NULL, "/b", NULL, "/b", 0), 0);
}

static void links(void **state)
{
	struct fsworld *w = *state;
	struct statx st;
	struct path p;

	assert_int_equal(write_file(w, "/a", "text"), 0);
	assert_int_equal(path_walk(&w->c, NULL, "/a", 0, &p), 0);
	assert_int_equal(vfs_link(&w->c, &p, NULL, "/b"), 0);
	assert_int_equal(vfs_link(&w->c, &p, NULL, "/b"), -EEXIST);
	assert_int_equal(stat_file(w, "/b", &st), 0);
	assert_int_equal(st.stx_nlink, 2);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/a"), 0);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/b"), 0);
	assert_int_equal(vfs_link(&w->c, &p, NULL, "/c"), -ENOENT);
	path_put(&p);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/d", 0755), 0);
	assert_int_equal(stat_file(w, "/", &st), 0);
	assert_int_equal(st.stx_nlink, 3);
	assert_int_equal(path_walk(&w->c, NULL, "/d", 0, &p), 0);
	assert_int_equal(vfs_link(&w->c, &p, NULL, "/e"), -EPERM);
	path_put(&p);
}

static void tmpfile_gets_a_name(void **state)
{
	struct fsworld *w = *state;
	struct file *f;

	assert_int_equal(open_file(w, "/", O_RDWR | O_TMPFILE, &f), 0);
	assert_int_equal(write_at(w, f, "late", 4, 0), 4);
	assert_int_equal(vfs_link(&w->c, &f->path, NULL, "/named"), 0);
	file_put(f);
	assert_string_equal(read_file(w, "/named"), "late");
	assert_int_equal(open_file(w, "/", O_RDWR | O_TMPFILE | O_EXCL, &f), 0);
	assert_int_equal(vfs_link(&w->c, &f->path, NULL, "/other"), -ENOENT);
	file_put(f);
}

struct listing {
	struct dir_emit emit;
	int stop_after, count;
	int64_t last;
	char names[64][16];
};

static bool list_one(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		     unsigned char type)
{
	struct listing *l = container_of(e, struct listing, emit);

	if (l->count == l->stop_after)
		return false;
	snprintf(l->names[l->count++], 16, "%.*s", (int)len, name);
	l->last = next;
	return true;
}

static struct listing list_from(struct fsworld *w, struct file *d, int64_t pos, int max)
{
	struct listing l = { .emit.emit = list_one, .stop_after = max };

	if (pos >= 0)
		assert_int_equal(d->ops->lseek(d, &w->c, pos, SEEK_SET), pos);
	assert_int_equal(d->ops->readdir(d, &w->c, &l.emit), 0);
	return l;
}

static void directories_while_they_change(void **state)
{
	struct fsworld *w = *state;
	struct file *d;
	char name[16];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "/n%d", i);
		assert_int_equal(write_file(w, name, "x"), 0);
	}
	assert_int_equal(open_file(w, "/", O_RDONLY | O_DIRECTORY, &d), 0);
	struct listing all = list_from(w, d, 0, 64);
	assert_int_equal(all.count, 22);
	assert_string_equal(all.names[0], ".");
	assert_string_equal(all.names[1], "..");
	struct listing some = list_from(w, d, 0, 7);
	assert_int_equal(some.count, 7);
	/* What was listed goes, something new comes: the rest is still seen once each. */
	assert_int_equal(vfs_unlink(&w->c, NULL, "/n0"), 0);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/n10"), 0);
	assert_int_equal(write_file(w, "/new", "x"), 0);
	struct listing rest = list_from(w, d, -1, 64);
	assert_int_equal(rest.count, 15);
	assert_string_equal(rest.names[0], all.names[7]);
	/* seekdir to a position whose entry is gone. */
	struct listing again = list_from(w, d, some.last, 64);
	assert_int_equal(again.count, 15);
	file_put(d);
}

static struct caller as_user(struct fsworld *w, uid_t uid)
{
	struct caller c = w->c;
	struct cred *cred = cred_copy(w->c.cred, 0);

	cred->uid = cred->euid = cred->fsuid = uid;
	cred->gid = cred->egid = cred->fsgid = uid;
	cred->cap_effective = 0;
	c.cred = cred;
	return c;
}

static void permissions(void **state)
{
	struct fsworld *w = *state;
	struct caller user = as_user(w, 1000);
	struct iattr mode = { .valid = ATTR_MODE, .mode = 01777 };
	struct path p;
	struct file *f;

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/tmp", 0755), 0);
	assert_int_equal(write_file(w, "/tmp/roots", "x"), 0);
	assert_int_equal(vfs_mkdir(&user, NULL, "/tmp/d", 0755), -EACCES);
	assert_int_equal(path_walk(&w->c, NULL, "/tmp", 0, &p), 0);
	assert_int_equal(vfs_setattr(&user, &p, &mode), -EPERM);
	assert_int_equal(vfs_setattr(&w->c, &p, &mode), 0);
	path_put(&p);
	assert_int_equal(vfs_mkdir(&user, NULL, "/tmp/d", 0755), 0);
	assert_int_equal(vfs_unlink(&user, NULL, "/tmp/roots"), -EPERM);
	assert_int_equal(vfs_rename(&user, NULL, "/tmp/roots", NULL, "/tmp/mine", 0), -EPERM);
	assert_int_equal(vfs_open(&user, NULL, "/tmp/roots", O_WRONLY, 0, 0, &f), -EACCES);
	assert_int_equal(vfs_open(&user, NULL, "/tmp/roots", O_RDONLY | O_TRUNC, 0, 0, &f),
			 -EACCES);
	assert_int_equal(vfs_open(&user, NULL, "/tmp/roots", O_RDONLY | O_NOATIME, 0, 0, &f),
			 -EPERM);
	assert_int_equal(vfs_open(&user, NULL, "/tmp/new", O_WRONLY | O_CREAT, 0400, 0, &f), 0);
	file_put(f);
	assert_int_equal(vfs_open(&user, NULL, "/tmp/new", O_WRONLY, 0, 0, &f), -EACCES);
	assert_int_equal(vfs_unlink(&user, NULL, "/tmp/new"), 0);
	assert_int_equal(vfs_rmdir(&user, NULL, "/tmp/d"), 0);
	assert_int_equal(vfs_mknod(&user, NULL, "/tmp/dev", S_IFCHR | 0666, 0x103), -EPERM);
	cred_put(user.cred);
}

/* The levels of fs.protected_*, which a test cannot set on the host. */
static void set_levels(struct fsworld *w, int hardlinks, int fifos, int regular)
{
	w->vfs->protections[PROTECTED_HARDLINKS] = (uint8_t)(hardlinks + 1);
	w->vfs->protections[PROTECTED_FIFOS] = (uint8_t)(fifos + 1);
	w->vfs->protections[PROTECTED_REGULAR] = (uint8_t)(regular + 1);
}

static int create(struct fsworld *w, struct caller *c, const char *name)
{
	struct file *f;
	int err = vfs_open(c, NULL, name, O_RDONLY | O_CREAT, 0600, 0, &f);

	if (!err)
		file_put(f);
	return err;
}

static void change_mode(struct fsworld *w, const char *name, mode_t mode)
{
	struct iattr a = { .valid = ATTR_MODE, .mode = mode };
	struct path p;

	assert_int_equal(path_walk(&w->c, NULL, name, 0, &p), 0);
	assert_int_equal(vfs_setattr(&w->c, &p, &a), 0);
	path_put(&p);
}

static int walks(struct caller *c, const char *name)
{
	struct path p;
	int err = path_walk(c, NULL, name, 0, &p);

	if (!err)
		path_put(&p);
	return err;
}

static void protected_files(void **state)
{
	struct fsworld *w = *state;
	struct caller owner = as_user(w, 1000), user = as_user(w, 1001);
	struct path p;
	struct file *f;

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/tmp", 0777), 0);
	change_mode(w, "/tmp", 01777);
	assert_int_equal(vfs_open(&owner, NULL, "/tmp/file", O_WRONLY | O_CREAT, 0644, 0, &f), 0);
	file_put(f);
	change_mode(w, "/tmp/file", 0644);
	assert_int_equal(path_walk(&w->c, NULL, "/tmp/file", 0, &p), 0);
	set_levels(w, 0, 0, 0);
	assert_int_equal(create(w, &user, "/tmp/file"), 0);
	assert_int_equal(vfs_link(&user, &p, NULL, "/tmp/a"), 0);
	set_levels(w, 1, 1, 1);
	assert_int_equal(create(w, &user, "/tmp/file"), -EACCES);
	assert_int_equal(create(w, &owner, "/tmp/file"), 0);
	assert_int_equal(create(w, &w->c, "/tmp/file"), -EACCES);
	assert_int_equal(vfs_open(&user, NULL, "/tmp/file", O_RDONLY, 0, 0, &f), 0);
	file_put(f);
	assert_int_equal(vfs_link(&user, &p, NULL, "/tmp/b"), -EPERM);
	assert_int_equal(vfs_link(&owner, &p, NULL, "/tmp/b"), 0);
	change_mode(w, "/tmp", 01770);
	assert_int_equal(create(w, &w->c, "/tmp/file"), 0);
	set_levels(w, 1, 2, 2);
	assert_int_equal(create(w, &w->c, "/tmp/file"), -EACCES);
	change_mode(w, "/tmp", 0777);
	assert_int_equal(create(w, &user, "/tmp/file"), 0);
	path_put(&p);
	cred_put(owner.cred);
	cred_put(user.cred);
}

static void protected_symlinks(void **state)
{
	struct fsworld *w = *state;
	struct caller owner = as_user(w, 1000), user = as_user(w, 1001);

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/tmp", 0777), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/tmp/d", 0755), 0);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/tmp/d/below", 0755), 0);
	change_mode(w, "/tmp", 01777);
	assert_int_equal(vfs_symlink(&owner, "d", NULL, "/tmp/his"), 0);
	assert_int_equal(vfs_symlink(&w->c, "d", NULL, "/tmp/roots"), 0);
	w->vfs->protections[PROTECTED_SYMLINKS] = 0 + 1;
	assert_int_equal(walks(&user, "/tmp/his"), 0);
	w->vfs->protections[PROTECTED_SYMLINKS] = 1 + 1;
	assert_int_equal(walks(&user, "/tmp/his"), -EACCES);
	assert_int_equal(walks(&user, "/tmp/his/"), -EACCES);
	assert_int_equal(walks(&user, "/tmp//d/..//his"), -EACCES);
	assert_int_equal(walks(&user, "/tmp/his/below"), 0); /* at the end of a path alone */
	assert_int_equal(walks(&w->c, "/tmp/his"), -EACCES);
	assert_int_equal(walks(&owner, "/tmp/his"), 0);
	assert_int_equal(walks(&user, "/tmp/roots"), 0);
	assert_int_equal(vfs_symlink(&w->c, "tmp/his", NULL, "/to"), 0);
	assert_int_equal(walks(&user, "/to"), -EACCES);
	change_mode(w, "/tmp", 0777);
	assert_int_equal(walks(&user, "/tmp/his"), 0);
	cred_put(owner.cred);
	cred_put(user.cred);
}

static void setgid_directories(void **state)
{
	struct fsworld *w = *state;
	struct iattr a = { .valid = ATTR_GID, .gid = 77 },
		     m = { .valid = ATTR_MODE, .mode = 02777 };
	struct statx st;
	struct path p;

	assert_int_equal(vfs_mkdir(&w->c, NULL, "/g", 0777), 0);
	assert_int_equal(path_walk(&w->c, NULL, "/g", 0, &p), 0);
	assert_int_equal(vfs_setattr(&w->c, &p, &a), 0);
	assert_int_equal(vfs_setattr(&w->c, &p, &m), 0);
	path_put(&p);
	assert_int_equal(write_file(w, "/g/f", "x"), 0);
	assert_int_equal(stat_file(w, "/g/f", &st), 0);
	assert_int_equal(st.stx_gid, 77);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/g/d", 0755), 0);
	assert_int_equal(stat_file(w, "/g/d", &st), 0);
	assert_int_equal(st.stx_gid, 77);
	assert_int_equal(st.stx_mode & 07777, 02755);
}

static struct file *memfd(struct fsworld *w, unsigned flags)
{
	struct filesystem *fs;
	struct file *f;

	assert_int_equal(vfs_memfs(w->vfs, &w->mem, &fs), 0);
	assert_int_equal(ramfs_memfd(fs, &w->c, "name", flags, &f), 0);
	return f;
}

static void seals(void **state)
{
	struct fsworld *w = *state;
	struct file *f = memfd(w, MFD_ALLOW_SEALING), *closed = memfd(w, 0);
	struct pagesource *ps;
	char name[64];

	assert_int_equal(ramfs_get_seals(closed), F_SEAL_SEAL);
	assert_int_equal(ramfs_add_seals(closed, F_SEAL_GROW), -EPERM);
	assert_true(file_name(f, NULL, name, sizeof name) > 0);
	assert_string_equal(name, "/memfd:name (deleted)");
	assert_int_equal(write_at(w, f, "content", 7, 0), 7);
	assert_int_equal(ramfs_add_seals(f, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(f->ops->truncate(f, &w->c, 1), -EPERM);
	assert_int_equal(f->ops->truncate(f, &w->c, 100), -EPERM);
	assert_int_equal(write_at(w, f, "CON", 3, 0), 3);
	assert_int_equal(write_at(w, f, "x", 1, 7), -EPERM);
	assert_int_equal(ramfs_add_seals(f, F_SEAL_WRITE), 0);
	assert_int_equal(write_at(w, f, "x", 1, 0), -EPERM);
	assert_int_equal(f->ops->pagesource(f, true, &ps), -EPERM);
	assert_int_equal(f->ops->pagesource(f, false, &ps), 0);
	ps->ops->unref(ps);
	assert_int_equal(ramfs_add_seals(f, F_SEAL_SEAL), 0);
	assert_int_equal(ramfs_add_seals(f, F_SEAL_FUTURE_WRITE), -EPERM);
	file_put(f);
	file_put(closed);
}

static void attributes(void **state)
{
	struct fsworld *w = *state;
	struct path p;
	char buf[64];

	assert_int_equal(write_file(w, "/f", "x"), 0);
	assert_int_equal(path_walk(&w->c, NULL, "/f", 0, &p), 0);
	struct inode *i = p.dentry->inode;
	assert_int_equal(i->ops->setxattr(i, &w->c, "user.a", "12345", 5, XATTR_REPLACE), -ENODATA);
	assert_int_equal(i->ops->setxattr(i, &w->c, "user.a", "12345", 5, 0), 0);
	assert_int_equal(i->ops->setxattr(i, &w->c, "user.a", "1", 1, XATTR_CREATE), -EEXIST);
	assert_int_equal(i->ops->getxattr(i, &w->c, "user.a", buf, 0), 5);
	assert_int_equal(i->ops->getxattr(i, &w->c, "user.a", buf, 4), -ERANGE);
	assert_int_equal(i->ops->getxattr(i, &w->c, "user.a", buf, 64), 5);
	assert_int_equal(i->ops->getxattr(i, &w->c, "user.b", buf, 64), -ENODATA);
	assert_int_equal(i->ops->setxattr(i, &w->c, "nonsense", "1", 1, 0), -EOPNOTSUPP);
	assert_int_equal(i->ops->listxattr(i, &w->c, buf, 64), 7);
	assert_int_equal(i->ops->removexattr(i, &w->c, "user.a"), 0);
	assert_int_equal(i->ops->listxattr(i, &w->c, buf, 64), 0);
	path_put(&p);
}

/* A tree as deep as a guest likes is torn down without recursion. */
static void deep(void **state)
{
	struct fsworld *w = *state;
	struct path at, next;

	assert_int_equal(path_walk(&w->c, NULL, "/", 0, &at), 0);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(vfs_mkdir(&w->c, &at, "d", 0755), 0);
		assert_int_equal(path_walk(&w->c, &at, "d", 0, &next), 0);
		path_put(&at);
		at = next;
	}
	path_put(&at);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(contents),
		TEST(unlinked_but_open),
		TEST(full),
		TEST(renames),
		TEST(links),
		TEST(tmpfile_gets_a_name),
		TEST(permissions),
		TEST(protected_files),
		TEST(protected_symlinks),
		TEST(setgid_directories),
		TEST(directories_while_they_change),
		TEST(seals),
		TEST(attributes),
		TEST(deep),
	};

	return cmocka_run_group_tests_name("ramfs", tests, NULL, NULL);
}
