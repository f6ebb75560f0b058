/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX ACLs (acl(5)), in this directory, which is the host's, and in one in memory. */
#include <linux/posix_acl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "case.h"

#define ACCESS    "system.posix_acl_access"
#define DEFAULT   "system.posix_acl_default"
#define HEADER    4
#define SIZE(n)   (HEADER + 8 * (n))
#define ONE_USER  1234
#define ONE_GROUP 2345
#define NOBODY    99

struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} e[8];
};

static const struct acl one_user = { 2,
				     { { ACL_USER_OBJ, 6, -1U },
				       { ACL_USER, 4, ONE_USER },
				       { ACL_GROUP_OBJ, 0, -1U },
				       { ACL_MASK, 4, -1U },
				       { ACL_OTHER, 0, -1U } } };
static const struct acl groups = { 2,
				   { { ACL_USER_OBJ, 7, -1U },
				     { ACL_USER, 0, ONE_USER },
				     { ACL_GROUP_OBJ, 2, -1U },
				     { ACL_GROUP, 4, ONE_GROUP },
				     { ACL_GROUP, 7, NOBODY },
				     { ACL_MASK, 6, -1U },
				     { ACL_OTHER, 1, -1U } } };
static const struct acl only_mode = {
	2, { { ACL_USER_OBJ, 6, -1U }, { ACL_GROUP_OBJ, 5, -1U }, { ACL_OTHER, 1, -1U } }
};

/* Both kinds of directory, one after the other; a case is done in each. */
static void in_each(void (*fn)(void))
{
	char memory[64];

	need_root();
	umask(022);
	NEED(chmod(".", 0755));
	fn();
	snprintf(memory, sizeof memory, "/dev/shm/acl.%d", getpid());
	NEED(mkdir(memory, 0755));
	NEED(chdir(memory));
	fn();
	NEED(chdir("/"));
	execl("/bin/rm", "rm", "-r", memory, NULL);
}

static void say_mode(const char *path)
{
	struct stat st;

	NEED(stat(path, &st));
	say("%s: mode %o\n", path, st.st_mode);
}

static void say_acl(const char *path, const char *name)
{
	struct acl a = { 0 };
	ssize_t n = getxattr(path, name, &a, sizeof a);

	say("%s %s:", path, name + strlen("system.posix_acl_"));
	if (n < 0)
		say(" %s", strerrorname_np(errno));
	for (int i = 0; n >= HEADER && i < (n - HEADER) / 8; i++)
		say(" %x:%d:%o", a.e[i].tag, (int)a.e[i].id, a.e[i].perm);
	say("\n");
}

struct who {
	uid_t uid;
	gid_t gid;
	const char *path;
};

static int tries(void *arg)
{
	const struct who *w = arg;

	NEED(setgid(w->gid));
	NEED(setuid(w->uid));
	say("%d:%d reads %d writes %d runs %d asks", w->uid, w->gid, open(w->path, O_RDONLY) >= 0,
	    open(w->path, O_WRONLY) >= 0, access(w->path, X_OK) == 0);
	say(" %s\n",
	    setxattr(w->path, ACCESS, &one_user, SIZE(5), 0) ? strerrorname_np(errno) : "0");
	return 0;
}

static void as(uid_t uid, gid_t gid, const char *path)
{
	struct who w = { uid, gid, path };

	in_child("user", tries, &w);
}

static void access_acl(void)
{
	char list[256];

	put_file("f", "text");
	R(setxattr("f", ACCESS, &one_user, SIZE(5), 0));
	say_mode("f");
	say_acl("f", ACCESS);
	R(getxattr("f", ACCESS, list, 10));
	R(getxattr("f", ACCESS, NULL, 0));
	R(listxattr("f", list, sizeof list));
	as(ONE_USER, NOBODY, "f");
	as(NOBODY, NOBODY, "f");
	R(chmod("f", 0620));
	say_acl("f", ACCESS);
	as(ONE_USER, NOBODY, "f");
	R(chmod("f", 0604));
	as(ONE_USER, NOBODY, "f");
	as(NOBODY, NOBODY, "f");
	R(setxattr("f", ACCESS, &groups, SIZE(7), 0));
	say_mode("f");
	as(ONE_USER, NOBODY, "f");
	as(ONE_USER + 1, ONE_GROUP, "f");
	as(NOBODY, NOBODY, "f");
	as(NOBODY, 0, "f");
	as(NOBODY, 5, "f");
	R(removexattr("f", ACCESS));
	say_acl("f", ACCESS);
	say_mode("f");
	R(removexattr("f", ACCESS));
	R(setxattr("f", ACCESS, &only_mode, SIZE(3), 0));
	say_mode("f");
	say_acl("f", ACCESS);
	R(setxattr("f", ACCESS, &one_user, SIZE(5), XATTR_REPLACE));
	R(setxattr("f", ACCESS, NULL, 0, 0));
	say_acl("f", ACCESS);
}

CASE(access)
{
	in_each(access_acl);
}

static void default_acl(void)
{
	NEED(mkdir("d", 0755));
	put_file("f", "");
	R(setxattr("f", DEFAULT, &one_user, SIZE(5), 0));
	R(setxattr("d", DEFAULT, &groups, SIZE(7), 0));
	say_mode("d");
	say_acl("d", ACCESS);
	say_acl("d", DEFAULT);
	/* The umask has no say below. */
	close((int)NEED(open("d/open", O_RDWR | O_CREAT, 0666)));
	close((int)NEED(open("d/private", O_RDWR | O_CREAT, 0600)));
	NEED(mkdir("d/dir", 0777));
	NEED(mkfifo("d/fifo", 0666));
	NEED(symlink("nowhere", "d/link"));
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "d/open", "d/private", "d/dir", "d/fifo" };
		say_mode(names[i]);
		say_acl(names[i], ACCESS);
		say_acl(names[i], DEFAULT);
	}
	R(setxattr("d", DEFAULT, &only_mode, SIZE(3), 0));
	close((int)NEED(open("d/plain", O_RDWR | O_CREAT, 0777)));
	say_mode("d/plain");
	say_acl("d/plain", ACCESS);
	R(removexattr("d", DEFAULT));
	close((int)NEED(open("d/masked", O_RDWR | O_CREAT, 0666)));
	say_mode("d/masked");
}

CASE(inherited)
{
	in_each(default_acl);
}

static void wrong_acl(void)
{
	struct acl a = one_user;

	put_file("f", "");
	R(setxattr("f", ACCESS, &a, 3, 0));
	R(setxattr("f", ACCESS, &a, HEADER, 0));
	R(setxattr("f", ACCESS, &a, SIZE(5) - 1, 0));
	R(setxattr("f", ACCESS, &a, SIZE(4), 0));
	R(setxattr("f", ACCESS, &a, SIZE(2), 0));
	a.version = 3;
	R(setxattr("f", ACCESS, &a, SIZE(5), 0));
	a = one_user;
	a.e[1].tag = 7;
	R(setxattr("f", ACCESS, &a, SIZE(5), 0));
	a = one_user;
	a.e[1].perm = 8;
	R(setxattr("f", ACCESS, &a, SIZE(5), 0));
	a = one_user;
	a.e[3] = a.e[4]; /* somebody is named, and no mask */
	R(setxattr("f", ACCESS, &a, SIZE(4), 0));
	a = one_user;
	a.e[0] = a.e[1];
	R(setxattr("f", ACCESS, &a, SIZE(5), 0));
	say_mode("f");
	say_acl("f", ACCESS);
	R(getxattr("f", "system.posix_acl_nothing", &a, sizeof a));
	NEED(symlink("f", "link"));
	R(lsetxattr("link", ACCESS, &one_user, SIZE(5), 0) < 0);
}

CASE(wrong)
{
	in_each(wrong_acl);
}
