/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a program in memory runs as: set-id files and capabilities of files, as Linux's commoncap.c
 * has them. */
#include "tests/unit/fsworld.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <linux/xattr.h>

#include "cred/cred.h"
#include "loader/cred.h"
#include "loader/loader.h"

#define ALL ((1ULL << (CAP_LAST_CAP + 1)) - 1)
#define RAW (1ULL << CAP_NET_RAW)
#define BPF (1ULL << CAP_BPF)

enum { OWNER = 1001, GROUP = 2001, STRANGER = 3001 };

static int setup(void **state)
{
	struct fsworld *w = malloc(sizeof *w);

	world_open(w);
	assert_int_equal(vfs_contain(w->vfs), 0);
	cred_put(w->c.cred);
	w->c.cred = cred_get(w->vfs->monitor);
	world_mount(w, "/", world_ramfs(w, UINT64_MAX), 0);
	world_mount(w, "/nosuid", world_ramfs(w, UINT64_MAX), MOUNT_NOSUID);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static void put_program(struct fsworld *w, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	struct iattr owner = { .valid = ATTR_CHOWN | ATTR_UID | ATTR_GID, .uid = uid, .gid = gid };
	struct iattr change = { .valid = ATTR_MODE, .mode = mode };
	struct path p;

	assert_int_equal(write_file(w, name, "program"), 0);
	assert_int_equal(path_walk(&w->c, NULL, name, 0, &p), 0);
	assert_int_equal(vfs_setattr(&w->c, &p, &owner), 0);
	assert_int_equal(vfs_setattr(&w->c, &p, &change), 0);
	path_put(&p);
}

static int put_caps(struct fsworld *w, const char *name, uint64_t permitted, uint32_t flags)
{
	struct vfs_cap_data d = { .magic_etc = VFS_CAP_REVISION_2 | flags,
				  .data = { { (uint32_t)permitted, 0 },
					    { (uint32_t)(permitted >> 32), 0 } } };
	struct path p;

	assert_int_equal(path_walk(&w->c, NULL, name, 0, &p), 0);
	struct inode *i = p.dentry->inode;
	int err = i->ops->setxattr(i, &w->c, XATTR_NAME_CAPS, &d, sizeof d, 0);
	path_put(&p);
	return err;
}

/* An ordinary user's. */
static struct cred *stranger(struct fsworld *w)
{
	struct cred *c = cred_copy(w->c.cred, 0);

	assert_non_null(c);
	c->uid = c->euid = c->suid = c->fsuid = STRANGER;
	c->gid = c->egid = c->sgid = c->fsgid = STRANGER;
	c->cap_permitted = c->cap_effective = 0;
	return c;
}

/* Executes `name` as `as`, which is taken over. The image has no credentials where *err says
 * why. */
static struct exec_image run(struct fsworld *w, const char *name, struct cred *as, bool shared,
			     int *err)
{
	struct caller c = w->c;
	struct exec_image image = { .cred = NULL };
	struct file *exe;

	assert_int_equal(open_file(w, name, O_RDONLY, &exe), 0);
	c.cred = as;
	*err = exec_cred(&c, exe, shared, &image);
	file_put(exe);
	cred_put(as);
	return image;
}

static void expect(struct exec_image image, uid_t euid, uint64_t permitted, uint64_t effective,
		   bool secure, bool dumpable)
{
	assert_non_null(image.cred);
	assert_int_equal(image.cred->euid, euid);
	assert_int_equal(image.cred->suid, euid);
	assert_int_equal(image.cred->fsuid, euid);
	assert_int_equal(image.cred->cap_permitted, permitted);
	assert_int_equal(image.cred->cap_effective, effective);
	assert_int_equal(image.secure, secure);
	assert_int_equal(image.dumpable, dumpable);
	cred_put(image.cred);
}

static void set_user_id(void **state)
{
	struct fsworld *w = *state;
	int err;

	put_program(w, "/plain", 0, 0, 0755);
	put_program(w, "/roots", 0, 0, 04755);
	put_program(w, "/owners", OWNER, GROUP, 04755);
	put_program(w, "/nosuid/roots", 0, 0, 04755);
	put_program(w, "/unreadable", 0, 0, 0111);
	expect(run(w, "/plain", stranger(w), false, &err), STRANGER, 0, 0, false, true);
	expect(run(w, "/roots", stranger(w), false, &err), 0, ALL, ALL, true, false);
	expect(run(w, "/owners", stranger(w), false, &err), OWNER, 0, 0, true, false);
	expect(run(w, "/nosuid/roots", stranger(w), false, &err), STRANGER, 0, 0, false, true);
	expect(run(w, "/unreadable", stranger(w), false, &err), STRANGER, 0, 0, false, false);
	expect(run(w, "/plain", cred_get(w->c.cred), false, &err), 0, ALL, ALL, false, true);
}

static void set_group_id(void **state)
{
	struct fsworld *w = *state;
	struct exec_image image;
	int err;

	put_program(w, "/groups", OWNER, GROUP, 02755);
	put_program(w, "/no-exec", OWNER, GROUP, 02745);
	image = run(w, "/groups", stranger(w), false, &err);
	assert_int_equal(image.cred->egid, GROUP);
	expect(image, STRANGER, 0, 0, true, false);
	image = run(w, "/no-exec", stranger(w), false, &err);
	assert_int_equal(image.cred->egid, STRANGER);
	expect(image, STRANGER, 0, 0, false, true);
}

static void no_new_privileges(void **state)
{
	struct fsworld *w = *state;
	struct cred *c = stranger(w);
	int err;

	c->no_new_privs = true;
	put_program(w, "/roots", 0, 0, 04755);
	expect(run(w, "/roots", c, false, &err), STRANGER, 0, 0, false, true);
	/* capabilities of the file, but none that its caller did not have */
	c = stranger(w);
	c->no_new_privs = true;
	put_program(w, "/raw", 0, 0, 0755);
	assert_int_equal(put_caps(w, "/raw", RAW, VFS_CAP_FLAGS_EFFECTIVE), 0);
	expect(run(w, "/raw", c, false, &err), STRANGER, 0, 0, true, true);
}

/* Somebody outside of the process could change its working directory. */
static void shared_directories(void **state)
{
	struct fsworld *w = *state;
	int err;

	put_program(w, "/roots", 0, 0, 04755);
	expect(run(w, "/roots", stranger(w), true, &err), STRANGER, 0, 0, true, true);
}

static void file_capabilities(void **state)
{
	struct fsworld *w = *state;
	struct cred *c;
	int err;

	put_program(w, "/raw", 0, 0, 0755);
	put_program(w, "/nosuid/raw", 0, 0, 0755);
	assert_int_equal(put_caps(w, "/nosuid/raw", RAW, VFS_CAP_FLAGS_EFFECTIVE), 0);
	assert_int_equal(put_caps(w, "/raw", RAW | BPF, 0), 0);
	expect(run(w, "/raw", stranger(w), false, &err), STRANGER, RAW | BPF, 0, true, false);
	assert_int_equal(put_caps(w, "/raw", RAW | BPF, VFS_CAP_FLAGS_EFFECTIVE), 0);
	expect(run(w, "/raw", stranger(w), false, &err), STRANGER, RAW | BPF, RAW | BPF, true,
	       false);
	expect(run(w, "/nosuid/raw", stranger(w), false, &err), STRANGER, 0, 0, false, true);
	/* a bounded caller cannot have all that the program counts on */
	c = stranger(w);
	c->cap_bounding &= ~RAW;
	assert_null(run(w, "/raw", c, false, &err).cred);
	assert_int_equal(err, -EPERM);
	/* ambient ones go with those of a file, and else stay */
	c = stranger(w);
	c->cap_inheritable = c->cap_permitted = c->cap_ambient = RAW;
	put_program(w, "/plain", 0, 0, 0755);
	expect(run(w, "/plain", c, false, &err), STRANGER, RAW, RAW, false, true);
	c = stranger(w);
	c->cap_inheritable = c->cap_permitted = c->cap_ambient = 1ULL << CAP_KILL;
	expect(run(w, "/raw", c, false, &err), STRANGER, RAW | BPF, RAW | BPF, true, false);
	/* root without privileges has what the file gives */
	c = cred_copy(w->c.cred, -1);
	c->securebits = SECBIT_NOROOT;
	expect(run(w, "/raw", c, false, &err), 0, RAW | BPF, RAW | BPF, false, true);
}

static void capabilities_are_taken_off(void **state)
{
	struct fsworld *w = *state;
	int err;

	put_program(w, "/raw", 0, 0, 0755);
	assert_int_equal(put_caps(w, "/raw", RAW, VFS_CAP_FLAGS_EFFECTIVE), 0);
	assert_int_equal(write_file(w, "/raw", "another program"), 0);
	expect(run(w, "/raw", stranger(w), false, &err), STRANGER, 0, 0, false, true);
	assert_int_equal(put_caps(w, "/raw", RAW, VFS_CAP_FLAGS_EFFECTIVE), 0);
	put_program(w, "/raw", OWNER, GROUP, 0755);
	expect(run(w, "/raw", stranger(w), false, &err), STRANGER, 0, 0, false, true);
	assert_int_equal(put_caps(w, "/raw", RAW, 0x30000000), -EINVAL);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(set_user_id),        TEST(set_group_id),      TEST(no_new_privileges),
		TEST(shared_directories), TEST(file_capabilities), TEST(capabilities_are_taken_off),
	};

	return cmocka_run_group_tests_name("exec_cred", tests, NULL, NULL);
}
