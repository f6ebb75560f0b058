/* SPDX-License-Identifier: Apache-2.0 */
/* A directory or a file of the host that belongs to a private world: whose it is shown as, what the
 * guest may do with it, and what must never be left there. */
#include "tests/unit/fsworld.h"

#include <linux/fs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "host/fscred.h"

#define CALLER 1234 /* who started hl, where it is not root */
#define OTHER  4321

static void contain(struct fsworld *w, bool mapped)
{
	world_open(w);
	assert_int_equal(vfs_contain(w->vfs), 0);
	if (mapped) {
		w->vfs->user_ns->mapped = true;
		w->vfs->user_ns->host_uid = w->vfs->user_ns->host_gid = CALLER;
	}
	cred_put(w->c.cred);
	w->c.cred = cred_get(w->vfs->monitor);
	host_mkdir(w, "root");
	host_write(w, "root/file", "text");
	world_mount(w, "/", world_hostfs(w, host_path(w, "root")), 0);
}

static void become(struct fsworld *w, uid_t uid, gid_t gid)
{
	struct cred *c = cred_copy(w->vfs->monitor, 0);

	assert_non_null(c);
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	if (uid)
		c->cap_effective = c->cap_permitted = 0;
	cred_put(w->c.cred);
	w->c.cred = c;
}

static int setup(void **state)
{
	struct fsworld *w = malloc(sizeof *w);

	contain(w, false);
	*state = w;
	return 0;
}

static int setup_mapped(void **state)
{
	struct fsworld *w = malloc(sizeof *w);

	contain(w, true);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static int change(struct fsworld *w, const char *name, const struct iattr *a)
{
	struct path p;
	int err = path_walk(&w->c, NULL, name, WALK_NOFOLLOW, &p);

	if (err)
		return err;
	err = vfs_setattr(&w->c, &p, a);
	path_put(&p);
	return err;
}

static int change_mode(struct fsworld *w, const char *name, mode_t mode)
{
	return change(w, name, &(struct iattr){ .valid = ATTR_MODE, .mode = mode });
}

static int change_owner(struct fsworld *w, const char *name, uid_t uid, gid_t gid)
{
	unsigned valid =
	    ATTR_CHOWN | (uid != (uid_t)-1 ? ATTR_UID : 0) | (gid != (gid_t)-1 ? ATTR_GID : 0);

	return change(w, name, &(struct iattr){ .valid = valid, .uid = uid, .gid = gid });
}

static mode_t host_mode(struct fsworld *w, const char *name)
{
	struct stat st;

	assert_int_equal(lstat(host_path(w, name), &st), 0);
	return st.st_mode & 07777;
}

static int create(struct fsworld *w, const char *name, int flags, mode_t mode)
{
	struct file *f;
	int err = vfs_open(&w->c, NULL, name, flags, mode, 0, &f);

	if (!err)
		file_put(f);
	return err;
}

static void no_set_id_bits(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(change_mode(w, "/file", 04755), -EPERM);
	assert_int_equal(change_mode(w, "/file", 02755), -EPERM);
	assert_int_equal(change_mode(w, "/file", 01755), 0);
	assert_int_equal(create(w, "/new", O_WRONLY | O_CREAT, 04755), -EPERM);
	assert_int_equal(create(w, "/new", O_WRONLY | O_CREAT | O_EXCL, 02755), -EPERM);
	assert_int_equal(create(w, "/none/new", O_WRONLY | O_CREAT, 04755), -ENOENT);
	assert_int_equal(create(w, "/file", O_WRONLY | O_CREAT, 04755), 0);
	assert_int_equal(create(w, "/file", O_WRONLY | O_CREAT | O_EXCL, 04755), -EEXIST);
	assert_int_equal(create(w, "/", O_WRONLY | O_TMPFILE, 04755), -EPERM);
	assert_int_equal(vfs_mknod(&w->c, NULL, "/new", S_IFREG | 04755, 0), -EPERM);
	assert_int_equal(vfs_mknod(&w->c, NULL, "/new", S_IFIFO | 02755, 0), -EPERM);
	assert_int_equal(access(host_path(w, "root/new"), F_OK), -1);
	/* directories may give their group to what is in them */
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/dir", 0755), 0);
	assert_int_equal(change_mode(w, "/dir", 02775), 0);
	assert_int_equal(host_mode(w, "root/dir"), 02775);
	assert_int_equal(create(w, "/dir", O_RDONLY | O_CREAT, 0644), -EISDIR);
}

/* Who writes to a set-user-ID file of the host makes it an ordinary one, root or not. */
static void written_set_id_file(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(chmod(host_path(w, "root/file"), 06755), 0);
	assert_int_equal(write_file(w, "/file", "mine"), 0);
	assert_int_equal(host_mode(w, "root/file"), 0755);
}

static void no_devices(void **state)
{
	struct fsworld *w = *state;

	assert_int_equal(vfs_mknod(&w->c, NULL, "/null", S_IFCHR | 0666, makedev(1, 3)), -EPERM);
	assert_int_equal(vfs_mknod(&w->c, NULL, "/whiteout", S_IFCHR, 0), -EPERM);
	assert_int_equal(vfs_mknod(&w->c, NULL, "/disk", S_IFBLK | 0666, makedev(8, 0)), -EPERM);
	assert_int_equal(vfs_rename(&w->c, NULL, "/file", NULL, "/moved", RENAME_WHITEOUT), -EPERM);
	fscred_limit(~0UL); /* what this thread may do itself */
	if (mknod(host_path(w, "root/zero"), S_IFCHR | 0666, makedev(1, 5)) < 0)
		skip(); /* needs privilege */
	assert_int_equal(try_open(w, "/zero", O_RDONLY), -EACCES);
}

/* The host's own FIFO is not opened: nobody who waits there notices. */
static void fifos_stay_inside(void **state)
{
	struct fsworld *w = *state;
	struct file *r, *writer;
	struct uio u;
	char text[8] = "inside";

	assert_int_equal(mkfifo(host_path(w, "root/fifo"), 0644), 0);
	int host = open(host_path(w, "root/fifo"), O_RDONLY | O_NONBLOCK);
	assert_true(host >= 0);
	assert_int_equal(try_open(w, "/fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
	assert_int_equal(open_file(w, "/fifo", O_RDONLY | O_NONBLOCK, &r), 0);
	assert_int_equal(open_file(w, "/fifo", O_WRONLY | O_CREAT, &writer), 0);
	uio_init_kernel(&u, text, 6);
	assert_int_equal(file_write(writer, &w->c, &u, NULL), 6);
	assert_int_equal(read(host, text, sizeof text), 0); /* no writer there */
	uio_init_kernel(&u, text, sizeof text);
	assert_int_equal(file_read(r, &w->c, &u, NULL), 6);
	file_put(writer);
	file_put(r);
	assert_int_equal(try_open(w, "/fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
	close(host);
}

static int set_xattr(struct fsworld *w, const char *name)
{
	struct path p;

	assert_int_equal(path_walk(&w->c, NULL, "/file", 0, &p), 0);
	int err =
	    p.dentry->inode->ops->setxattr(p.dentry->inode, &w->c, name, "v", 1, XATTR_CREATE);
	path_put(&p);
	return err;
}

static void xattr_namespaces(void **state)
{
	struct fsworld *w = *state;
	char list[256], value[16];
	struct path p;

	fscred_limit(~0UL); /* what this thread may do itself */
	if (setxattr(host_path(w, "root/file"), "trusted.host", "v", 1, 0))
		skip(); /* needs privilege, and a file system that has them */
	assert_int_equal(set_xattr(w, "trusted.guest"), -EPERM);
	assert_int_equal(set_xattr(w, "security.capability"), -EPERM);
	assert_int_equal(set_xattr(w, "security.any"), -EPERM);
	assert_int_equal(path_walk(&w->c, NULL, "/file", 0, &p), 0);
	struct inode *i = p.dentry->inode;
	assert_int_equal(i->ops->getxattr(i, &w->c, "trusted.host", value, sizeof value), -ENODATA);
	assert_int_equal(i->ops->listxattr(i, &w->c, list, sizeof list), 0);
	assert_int_equal(i->ops->removexattr(i, &w->c, "trusted.host"), -EPERM);
	path_put(&p);
	fscred_limit(~0UL);
	assert_true(getxattr(host_path(w, "root/file"), "trusted.host", value, sizeof value) == 1);
}

/* ---- a caller who is not root ---- */

static void shown_owners(void **state)
{
	struct fsworld *w = *state;
	struct statx st;

	host_write(w, "root/other", "");
	if (chown(host_path(w, "root/file"), CALLER, CALLER) ||
	    chown(host_path(w, "root/other"), OTHER, OTHER))
		skip(); /* needs privilege */
	assert_int_equal(stat_file(w, "/file", &st), 0);
	assert_int_equal(st.stx_uid, 0);
	assert_int_equal(st.stx_gid, 0);
	assert_int_equal(stat_file(w, "/other", &st), 0);
	assert_int_equal(st.stx_uid, 65534);
	assert_int_equal(st.stx_gid, 65534);
	struct file *f;
	assert_int_equal(open_file(w, "/other", O_RDONLY, &f), 0);
	assert_int_equal(file_getattr(f, &w->c, STATX_BASIC_STATS, &st), 0);
	assert_int_equal(st.stx_uid, 65534);
	file_put(f);
}

static void changed_owners(void **state)
{
	struct fsworld *w = *state;
	struct stat st;

	if (chown(host_path(w, "root/file"), OTHER, OTHER))
		skip(); /* needs privilege */
	assert_int_equal(change_owner(w, "/file", 1000, (gid_t)-1), -EINVAL);
	assert_int_equal(change_owner(w, "/file", (uid_t)-1, 1000), -EINVAL);
	assert_int_equal(change_owner(w, "/file", 0, 0), 0);
	assert_int_equal(stat(host_path(w, "root/file"), &st), 0);
	assert_int_equal(st.st_uid, CALLER);
	assert_int_equal(st.st_gid, CALLER);
	become(w, 1000, 1000);
	assert_int_equal(change_owner(w, "/file", 1000, 1000), -EPERM);
}

/* What the caller may do is no more than half of the answer: another user of the guest's is asked
 * by the modes it sees. */
static void other_users(void **state)
{
	struct fsworld *w = *state;
	struct statx st;

	host_mkdir(w, "root/shut");
	host_mkdir(w, "root/open");
	host_write(w, "root/shut/file", "text");
	host_write(w, "root/open/file", "text");
	assert_int_equal(chmod(host_path(w, "root/shut"), 0700), 0);
	assert_int_equal(chmod(host_path(w, "root/open"), 01777), 0);
	assert_int_equal(chmod(host_path(w, "root/file"), 0600), 0);
	assert_string_equal(read_file(w, "/shut/file"), "text");
	become(w, 1000, 1000);
	assert_string_equal(read_file(w, "/shut/file"), "EACCES");
	assert_int_equal(stat_file(w, "/shut/file", &st), -EACCES);
	assert_string_equal(where_is(w, "/shut/..", 0), "EACCES");
	assert_string_equal(where_is(w, "/open/../open/./file", 0), "/open/file");
	assert_string_equal(read_file(w, "/file"), "EACCES");
	assert_string_equal(read_file(w, "/open/file"), "text");
	assert_int_equal(write_file(w, "/open/file", "mine"), -EACCES);
	assert_int_equal(write_file(w, "/new", "mine"), -EACCES);
	assert_int_equal(vfs_mkdir(&w->c, NULL, "/new", 0755), -EACCES);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/file"), -EACCES);
	assert_int_equal(vfs_unlink(&w->c, NULL, "/open/file"), -EPERM); /* sticky */
	assert_int_equal(vfs_unlink(&w->c, NULL, "/open/none"), -ENOENT);
	assert_int_equal(vfs_rename(&w->c, NULL, "/open/file", NULL, "/open/moved", 0), -EPERM);
	assert_int_equal(change_mode(w, "/open/file", 0777), -EPERM);
	assert_int_equal(create(w, "/open", O_WRONLY | O_TMPFILE, 0600), 0);
	/* what it makes is the caller's, and shown as root's */
	assert_int_equal(write_file(w, "/open/new", "mine"), 0);
	assert_int_equal(vfs_rename(&w->c, NULL, "/shut", NULL, "/open/shut", 0), -EACCES);
}

/* ".." asks the right to search the directory that is left, and no other. */
static void out_of_a_closed_directory(void **state)
{
	struct fsworld *w = *state;
	struct path p;

	host_mkdir(w, "root/shut");
	host_mkdir(w, "root/shut/in");
	host_mkdir(w, "root/shut/in/deep");
	assert_int_equal(chmod(host_path(w, "root/shut"), 0700), 0);
	assert_int_equal(path_walk(&w->c, NULL, "/shut/in/deep", WALK_DIRECTORY, &p), 0);
	fs_struct_set_cwd(w->c.fs, &p);
	become(w, 1000, 1000);
	assert_string_equal(where_is(w, "..", 0), "/shut/in");
	assert_string_equal(where_is(w, "../deep", 0), "/shut/in/deep");
	assert_string_equal(where_is(w, "../..", 0), "/shut");
	assert_string_equal(where_is(w, "../../..", 0), "EACCES");
	assert_string_equal(where_is(w, "../../in", 0), "EACCES");
	/* moved out of the root meanwhile: nothing above it is reached */
	assert_int_equal(cred_assume(w->vfs->monitor), 0);
	assert_int_equal(rename(host_path(w, "root/shut/in"), host_path(w, "in")), 0);
	assert_string_equal(where_is(w, "..", 0), "ENOENT");
	assert_int_equal(cred_assume(w->vfs->monitor), 0);
	assert_int_equal(rename(host_path(w, "in"), host_path(w, "root/shut/in")), 0);
}

/* ---- one file ---- */

static void single_file(void **state)
{
	struct fsworld *w = *state;
	struct fsworld own;
	struct statx st;

	world_open(&own);
	assert_int_equal(vfs_contain(own.vfs), 0);
	cred_put(own.c.cred);
	own.c.cred = cred_get(own.vfs->monitor);
	world_mount(&own, "/", world_ramfs(&own, UINT64_MAX), 0);
	world_mount(&own, "/one", world_hostfs(&own, host_path(w, "root/file")), 0);
	assert_string_equal(read_file(&own, "/one"), "text");
	assert_string_equal(where_is(&own, "/one", 0), "/one");
	assert_string_equal(where_is(&own, "/one/..", 0), "ENOTDIR");
	assert_string_equal(where_is(&own, "/one/x", 0), "ENOTDIR");
	assert_int_equal(stat_file(&own, "/one", &st), 0);
	assert_int_equal(st.stx_size, 4);
	assert_int_equal(write_file(&own, "/one", "other"), 0);
	assert_string_equal(read_file(w, "/file"), "other");
	assert_int_equal(vfs_unlink(&own.c, NULL, "/one"), -EBUSY);
	assert_int_equal(try_open(&own, "/one", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	vfs_sync(own.vfs, &own.c);
	world_close(&own);
}

static void not_special_files(void **state)
{
	struct fsworld *w = *state;
	const struct hostfs_options opt = { .pm = w->pm, .users = w->vfs->user_ns };
	struct filesystem *fs;
	struct errmsg errmsg = { 0 };

	assert_int_equal(mkfifo(host_path(w, "root/fifo"), 0644), 0);
	int err =
	    hostfs_create(open(host_path(w, "root/fifo"), O_PATH | O_CLOEXEC), &opt, &fs, &errmsg);
	assert_int_equal(err, -ENOTDIR);
	err = hostfs_create(open("/proc", O_PATH | O_CLOEXEC), &opt, &fs, &errmsg);
	assert_int_equal(err, -EACCES);
}

int main(void)
{
#define TEST(fn)   cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define MAPPED(fn) cmocka_unit_test_setup_teardown(fn, setup_mapped, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_set_id_bits),   TEST(written_set_id_file),
		TEST(no_devices),       TEST(fifos_stay_inside),
		TEST(xattr_namespaces), MAPPED(no_set_id_bits),
		MAPPED(shown_owners),   MAPPED(changed_owners),
		MAPPED(other_users),    TEST(out_of_a_closed_directory),
		TEST(single_file),      TEST(not_special_files),
	};

	return cmocka_run_group_tests_name("hostfs_contained", tests, NULL, NULL);
}
