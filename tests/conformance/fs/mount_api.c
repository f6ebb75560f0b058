/* SPDX-License-Identifier: Apache-2.0 */
/* open_tree(2), move_mount(2), mount_setattr(2), fsopen(2) and its kin, statmount(2),
 * listmount(2). */
#include "mount_world.h"

#include "../../../sys/mount_abi.h"

#ifndef SYS_statmount
#define SYS_statmount 457
#define SYS_listmount 458
#endif

#define TREE(dfd, name, flags)          syscall(SYS_open_tree, dfd, name, flags)
#define MOVE(from, name, to, at, flags) syscall(SYS_move_mount, from, name, to, at, flags)
#define SETATTR(dfd, name, flags, attr, size)                                                      \
	syscall(SYS_mount_setattr, dfd, name, flags, attr, size)
#define FSOPEN(type, flags)              syscall(SYS_fsopen, type, flags)
#define CONFIG(fd, cmd, key, value, aux) syscall(SYS_fsconfig, fd, cmd, key, value, aux)
#define FSMOUNT(fd, flags, attr)         syscall(SYS_fsmount, fd, flags, attr)
#define FSPICK(dfd, name, flags)         syscall(SYS_fspick, dfd, name, flags)
#define EMPTY                            MOVE_MOUNT_ABI_F_EMPTY_PATH

CASE(trees)
{
	struct stat st;

	enter_world();
	DIRS("a", "a/in", "b", "c");
	mount_marked("a", "one");
	DIRS("a/sub");
	mount_marked("a/sub", "two");
	int fd = (int)R(TREE(AT_FDCWD, "a", OPEN_TREE_ABI_CLONE | AT_RECURSIVE | O_CLOEXEC));
	V(fcntl(fd, F_GETFD));
	X(fcntl(fd, F_GETFL));
	NEED(fstat(fd, &st));
	R(faccessat(fd, "sub/two", F_OK, 0));
	R(faccessat(fd, "../one", F_OK, 0));
	say_mounts("detached");
	R(MOVE(fd, "", AT_FDCWD, "b", EMPTY));
	SEES("b/sub/two");
	say_mounts("moved");
	R(MOVE(fd, "", AT_FDCWD, "c", EMPTY));
	say_mounts("once more");
	R(umount("c"));
	close(fd);
	SEES("c/sub/two");
	fd = (int)R(TREE(AT_FDCWD, "a", OPEN_TREE_ABI_CLONE));
	R(faccessat(fd, "sub/two", F_OK, 0));
	int dir = (int)NEED(openat(fd, "sub", O_RDONLY));
	close(fd);
	/* With its descriptor the tree goes. */
	R(MOVE(dir, "", AT_FDCWD, "b", EMPTY));
	R(faccessat(dir, "../one", F_OK, 0));
	fd = (int)R(TREE(AT_FDCWD, "a/one", OPEN_TREE_ABI_CLONE));
	put_file("f", "x");
	R(MOVE(fd, "", AT_FDCWD, "b", EMPTY));
	R(MOVE(fd, "", AT_FDCWD, "f", EMPTY));
	say_file("f");
}

CASE(trees_in_trees)
{
	enter_world();
	DIRS("a", "b", "c");
	mount_marked("a", "one");
	DIRS("a/sub");
	int fd = (int)NEED(TREE(AT_FDCWD, "a", OPEN_TREE_ABI_CLONE));
	int other = (int)NEED(TREE(AT_FDCWD, "a/sub", OPEN_TREE_ABI_CLONE));
	R(TREE(fd, "sub", OPEN_TREE_ABI_CLONE) >= 0);
	R(TREE(fd, "", OPEN_TREE_ABI_CLONE | AT_EMPTY_PATH) >= 0);
	R(MOVE(fd, "sub", AT_FDCWD, "b", 0));
	char name[64];
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	R(mount(name, "b", NULL, MS_BIND, NULL));
	R(umount("b"));
	R(umount2(name, MNT_DETACH));
	R(mount(NULL, name, NULL, MS_PRIVATE, NULL));
	close(other);
}

CASE(paths_alone)
{
	enter_world();
	DIRS("d");
	NEED(symlink("d", "l"));
	int fd = (int)R(TREE(AT_FDCWD, "d", 0));
	X(fcntl(fd, F_GETFL));
	V(fcntl(fd, F_GETFD));
	R(TREE(fd, "", AT_EMPTY_PATH | O_CLOEXEC));
	R(TREE(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW) >= 0);
	R(TREE(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW | OPEN_TREE_ABI_CLONE) >= 0);
	R(TREE(AT_FDCWD, "nothing", 0));
	R(TREE(AT_FDCWD, "", 0));
	R(TREE(-1, "x", 0));
	R(TREE(AT_FDCWD, "d", AT_RECURSIVE));
	R(TREE(AT_FDCWD, "d", 2));
	R(TREE(AT_FDCWD, (char *)1, 0));
}

CASE(moving_refused)
{
	enter_world();
	DIRS("a", "b", "b/c");
	mount_marked("a", "one");
	DIRS("a/x");
	R(MOVE(AT_FDCWD, "a", AT_FDCWD, "b", 0x8));
	R(MOVE(AT_FDCWD, "a", AT_FDCWD, "b", 0x300));
	R(MOVE(AT_FDCWD, "b", AT_FDCWD, "a", 0));
	R(MOVE(AT_FDCWD, "a", AT_FDCWD, "a/x", 0));
	R(MOVE(AT_FDCWD, "a", AT_FDCWD, "nothing", 0));
	R(MOVE(AT_FDCWD, "nothing", AT_FDCWD, "b", 0));
	R(MOVE(AT_FDCWD, "", AT_FDCWD, "b", 0));
	R(MOVE(AT_FDCWD, "a", AT_FDCWD, "", 0));
	R(MOVE(-1, "a", AT_FDCWD, "b", 0));
	R(MOVE(AT_FDCWD, "a", -1, "b", 0));
	NEED(symlink("b", "l"));
	R(MOVE(AT_FDCWD, "a", AT_FDCWD, "l", 0));
	R(MOVE(AT_FDCWD, "a", AT_FDCWD, "l", MOVE_MOUNT_ABI_T_SYMLINKS));
	SEES("b/one");
	NEED(mount(NULL, "b", NULL, MS_SHARED, NULL));
	DIRS("b/y");
	mount_marked("b/y", "inner");
	R(MOVE(AT_FDCWD, "b/y", AT_FDCWD, "a", 0));
	say_mounts("as it is");
}

static void try_attr(uint64_t set, uint64_t clear, uint64_t propagation, unsigned flags)
{
	struct mount_attr_abi attr = { .attr_set = set,
				       .attr_clr = clear,
				       .propagation = propagation };

	say("-- set 0x%lx, clear 0x%lx, propagation 0x%lx, flags 0x%x\n", set, clear, propagation,
	    flags);
	R(SETATTR(AT_FDCWD, "a", flags, &attr, sizeof attr));
}

CASE(attributes)
{
	enter_world();
	DIRS("a", "d");
	mount_marked("a", "one");
	DIRS("a/sub");
	mount_marked("a/sub", "two");
	try_attr(MOUNT_ATTR_ABI_RDONLY | MOUNT_ATTR_ABI_NOSUID, 0, 0, 0);
	say_mounts("one");
	try_attr(MOUNT_ATTR_ABI_NODEV | MOUNT_ATTR_ABI_NOEXEC, MOUNT_ATTR_ABI_RDONLY, 0,
		 AT_RECURSIVE);
	say_mounts("all");
	try_attr(MOUNT_ATTR_ABI_NOATIME, 0, 0, 0);
	try_attr(MOUNT_ATTR_ABI_NOATIME, MOUNT_ATTR_ABI_NOATIME, 0, 0);
	try_attr(MOUNT_ATTR_ABI_NOATIME, MOUNT_ATTR_ABI_ATIME, 0, 0);
	say_mounts("noatime");
	try_attr(MOUNT_ATTR_ABI_STRICTATIME | MOUNT_ATTR_ABI_NODIRATIME, MOUNT_ATTR_ABI_ATIME, 0,
		 0);
	say_mounts("strictatime");
	try_attr(0x30, MOUNT_ATTR_ABI_ATIME, 0, 0);
	try_attr(MOUNT_ATTR_ABI_NOSYMFOLLOW, MOUNT_ATTR_ABI_ATIME | MOUNT_ATTR_ABI_NODIRATIME, 0,
		 0);
	say_mounts("nosymfollow");
	try_attr(0x400000, 0, 0, 0);
	try_attr(0, 0x400000, 0, 0);
	try_attr(0, 0, MS_SHARED, AT_RECURSIVE);
	say_mounts("shared");
	try_attr(0, 0, MS_SHARED | MS_SLAVE, 0);
	try_attr(0, 0, MS_REC, 0);
	try_attr(0, 0, MS_PRIVATE, 0);
	try_attr(0, 0, 0, 0);
	try_attr(0, 0, 0, 0x1);
	say_mounts("private");
	/* Where one of them is in use, none changes. */
	int fd = (int)NEED(open("a/sub/two", O_RDWR));
	try_attr(MOUNT_ATTR_ABI_RDONLY | MOUNT_ATTR_ABI_NOSUID, 0, 0, AT_RECURSIVE);
	say_mounts("busy");
	close(fd);
	struct {
		struct mount_attr_abi attr;
		uint64_t more;
	} big = { .attr = { .attr_set = MOUNT_ATTR_ABI_NOSUID } };
	R(SETATTR(AT_FDCWD, "a", 0, &big, sizeof big));
	big.more = 1;
	R(SETATTR(AT_FDCWD, "a", 0, &big, sizeof big));
	R(SETATTR(AT_FDCWD, "a", 0, &big, 31));
	R(SETATTR(AT_FDCWD, "a", 0, &big, 4097));
	R(SETATTR(AT_FDCWD, "a", 0, (void *)1, 32));
	R(SETATTR(AT_FDCWD, "d", 0, &big, 32));
	R(SETATTR(AT_FDCWD, "nothing", 0, &big, 32));
	fd = (int)NEED(open("a", O_PATH));
	R(SETATTR(fd, "", AT_EMPTY_PATH, &big, 32));
	R(SETATTR(fd, "", 0, &big, 32));
	fd = (int)NEED(TREE(AT_FDCWD, "a", OPEN_TREE_ABI_CLONE));
	R(SETATTR(fd, "", AT_EMPTY_PATH, &big, 32));
	R(MOVE(fd, "", AT_FDCWD, "d", EMPTY));
	say_mounts("set before it was mounted");
}

/* What was found wrong with the last parameters. */
static void say_log(int fd)
{
	char text[512];
	ssize_t n;

	while ((n = read(fd, text, sizeof text)) > 0)
		say("log: %.*s|\n", (int)n, text);
	say("log: %s\n", n < 0 ? strerrorname_np(errno) : "end");
}

CASE(new_file_system)
{
	char text[8];

	enter_world();
	DIRS("a", "b");
	int fd = (int)R(FSOPEN("tmpfs", FSOPEN_ABI_CLOEXEC));
	V(fcntl(fd, F_GETFD));
	X(fcntl(fd, F_GETFL));
	R(FSMOUNT(fd, 0, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "source", "src", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "source", "again", 0));
	say_log(fd);
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", "1m", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "mode", "0700", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", "x", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "nonsense", "1", 0));
	R(read(fd, text, sizeof text));
	say_log(fd);
	R(CONFIG(fd, FSCONFIG_ABI_SET_FLAG, "size", NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FLAG, "nonsense", NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FD, "size", NULL, fd));
	R(CONFIG(fd, FSCONFIG_ABI_SET_PATH, "size", "a", AT_FDCWD));
	say_log(fd);
	R(CONFIG(fd, FSCONFIG_ABI_SET_FLAG, "ro", NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FLAG, "rw", NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_RECONFIGURE, NULL, NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", "2m", 0));
	int m = (int)R(
	    FSMOUNT(fd, FSMOUNT_ABI_CLOEXEC, MOUNT_ATTR_ABI_NOSUID | MOUNT_ATTR_ABI_NOATIME));
	R(FSMOUNT(fd, 0, 0));
	R(mkdirat(m, "made", 0700));
	R(MOVE(m, "", AT_FDCWD, "a", EMPTY));
	say_mounts("mounted");
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", "3m", 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_RECONFIGURE, NULL, NULL, 0));
	say_mounts("changed");
	close(fd);
	SEES("a/made");
	fd = (int)R(FSPICK(AT_FDCWD, "a", 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FLAG, "ro", NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_RECONFIGURE, NULL, NULL, 0));
	say_mounts("picked");
	R(mkdir("a/more", 0700));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", "1k", 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_RECONFIGURE, NULL, NULL, 0));
	say_mounts("rw stays as it was picked");
}

CASE(other_types)
{
	enter_world();
	DIRS("p", "s");
	int fd = (int)R(FSOPEN("proc", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "source", "proc", 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	int m = (int)R(FSMOUNT(fd, 0, MOUNT_ATTR_ABI_NOEXEC));
	R(MOVE(m, "", AT_FDCWD, "p", EMPTY));
	SEES("p/self/stat");
	fd = (int)R(FSOPEN("sysfs", 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE_EXCL, NULL, NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	R(FSMOUNT(fd, 0, 0));
	fd = (int)R(FSOPEN("sysfs", 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	m = (int)R(FSMOUNT(fd, 0, 0));
	R(MOVE(m, "", AT_FDCWD, "s", EMPTY));
	say_mounts("both");
}

CASE(refused)
{
	int null = (int)NEED(open("/dev/null", O_RDWR));
	char key[300];

	enter_world();
	DIRS("d");
	memset(key, 'k', sizeof key - 1);
	key[299] = 0;
	R(FSOPEN("no-such-type", 0));
	R(FSOPEN("tmpfs", 2));
	R(FSOPEN("", 0));
	R(FSOPEN((char *)1, 0));
	int fd = (int)NEED(FSOPEN("tmpfs", 0));
	R(CONFIG(-1, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	R(CONFIG(999, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	R(CONFIG(null, FSCONFIG_ABI_CMD_CREATE, NULL, NULL, 0));
	R(CONFIG(fd, 99, NULL, NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_CMD_CREATE, "x", NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FLAG, NULL, NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FLAG, "ro", "x", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", NULL, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", "1m", 1));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, key, "1m", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, "size", key, 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_STRING, (char *)1, "1m", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_BINARY, "size", "1m", 0));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FD, "size", NULL, 999));
	R(CONFIG(fd, FSCONFIG_ABI_SET_FD, "size", NULL, -1));
	R(FSMOUNT(fd, 2, 0));
	R(FSMOUNT(fd, 0, 0x100000));
	R(FSMOUNT(fd, 0, 0x30));
	R(FSMOUNT(null, 0, 0));
	R(FSMOUNT(999, 0, 0));
	R(FSPICK(AT_FDCWD, "d", 0));
	R(FSPICK(AT_FDCWD, "nothing", 0));
	R(FSPICK(AT_FDCWD, "d", 0x10));
	R(write(fd, "x", 1));
	R(lseek(fd, 0, SEEK_SET));
}

static int ordinary(void *arg)
{
	struct mount_attr_abi attr = { .attr_set = MOUNT_ATTR_ABI_RDONLY };

	(void)arg;
	NEED(setresuid(1234, 1234, 1234));
	R(FSOPEN("tmpfs", 0));
	R(FSOPEN("tmpfs", 2));
	R(FSPICK(AT_FDCWD, "/", 0));
	R(FSMOUNT(-1, 0, 0));
	R(TREE(AT_FDCWD, "/", OPEN_TREE_ABI_CLONE));
	R(TREE(AT_FDCWD, "/", 0) >= 0);
	R(MOVE(AT_FDCWD, "/", AT_FDCWD, "/", 0));
	R(SETATTR(AT_FDCWD, "/", 0, &attr, sizeof attr));
	R(SETATTR(AT_FDCWD, "/", 0, &attr, 1));
	return 0;
}

CASE(ordinary_user)
{
	enter_world();
	in_child("user", ordinary, NULL);
}

/* ---- statmount and listmount ---- */

static uint64_t unique_id(const char *name)
{
	struct statx st;

	NEED(statx(AT_FDCWD, name, 0, 0x4000 /* STATX_MNT_ID_UNIQUE */, &st));
	return st.stx_mnt_id;
}

static uint64_t old_id(const char *name)
{
	struct statx st;

	NEED(statx(AT_FDCWD, name, 0, STATX_MNT_ID, &st));
	return st.stx_mnt_id;
}

static union {
	struct statmount_abi sm;
	char space[4096];
} answer;

static long stat_mount(uint64_t id, uint64_t mask, size_t size)
{
	struct mnt_id_req_abi req = { .size = MNT_ID_REQ_ABI_VER0, .mnt_id = id, .param = mask };

	memset(&answer, 0, sizeof answer);
	return syscall(SYS_statmount, &req, &answer, size, 0);
}

static const char *text(uint32_t offset)
{
	return answer.space + sizeof(struct statmount_abi) + offset;
}

#define STRINGS                                                                                    \
	(STATMOUNT_ABI_FS_TYPE | STATMOUNT_ABI_MNT_ROOT | STATMOUNT_ABI_MNT_POINT |                \
	 STATMOUNT_ABI_SB_SOURCE | STATMOUNT_ABI_MNT_OPTS)

static void say_mount(const char *name)
{
	const struct statmount_abi *sm = &answer.sm;
	char above[64];
	struct stat st;

	say("-- %s\n", name);
	if (R(stat_mount(unique_id(name),
			 STRINGS | STATMOUNT_ABI_SB_BASIC | STATMOUNT_ABI_MNT_BASIC |
			     STATMOUNT_ABI_PROPAGATE_FROM,
			 sizeof answer)))
		return;
	X(sm->mask);
	NEED(stat(name, &st));
	V(sm->mnt_id == unique_id(name) && sm->mnt_id_old == old_id(name));
	snprintf(above, sizeof above, "%s/..", name);
	V(sm->mnt_parent_id == unique_id(above) && sm->mnt_parent_id_old == old_id(above));
	X(sm->sb_magic);
	X(sm->sb_flags);
	X(sm->mnt_attr);
	X(sm->mnt_propagation);
	V(sm->mnt_peer_group != 0);
	V(sm->mnt_master != 0);
	say("%s %s %s %s %s\n", text(sm->fs_type), text(sm->mnt_root),
	    text(sm->mnt_point) + strlen(world), text(sm->sb_source), text(sm->mnt_opts));
}

CASE(told_of_one)
{
	enter_world();
	DIRS("a", "b");
	NEED(mount("the source", "a", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOATIME,
		   "size=64k,mode=700"));
	DIRS("a/sub");
	NEED(mount(NULL, "a", NULL, MS_SHARED, NULL));
	NEED(mount("a/sub", "b", NULL, MS_BIND, NULL));
	NEED(mount(NULL, "b", NULL, MS_SLAVE, NULL));
	NEED(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_STRICTATIME, NULL));
	say_mount("a");
	say_mount("b");
	uint64_t id = unique_id("a");
	/* Only what is asked for is told. */
	R(stat_mount(id, STATMOUNT_ABI_FS_TYPE, sizeof answer));
	X(answer.sm.mask);
	V(answer.sm.mnt_id);
	say("%s\n", text(answer.sm.fs_type));
	R(stat_mount(id, 0, sizeof answer));
	X(answer.sm.mask);
	V(answer.sm.size);
	R(stat_mount(id, 1ULL << 60, sizeof answer));
	X(answer.sm.mask);
	R(stat_mount(id, STATMOUNT_ABI_FS_TYPE, 512));
	R(stat_mount(id, STATMOUNT_ABI_FS_TYPE, 514));
	R(stat_mount(id, STATMOUNT_ABI_FS_TYPE, 520));
	R(stat_mount(id, STATMOUNT_ABI_MNT_BASIC, 512));
	R(stat_mount(id, STATMOUNT_ABI_MNT_BASIC, 16));
	V(answer.sm.size);
	R(stat_mount(id, STATMOUNT_ABI_MNT_BASIC, 0));
	R(stat_mount(old_id("a"), STATMOUNT_ABI_MNT_BASIC, sizeof answer));
	R(stat_mount(id + 1000000, STATMOUNT_ABI_MNT_BASIC, sizeof answer));
	NEED(umount("a"));
	R(stat_mount(id, STATMOUNT_ABI_MNT_BASIC, sizeof answer));
	struct mnt_id_req_abi req = { .size = 24, .mnt_id = unique_id("b"), .param = 2 };
	R(syscall(SYS_statmount, &req, &answer, sizeof answer, 1));
	R(syscall(SYS_statmount, 1, &answer, sizeof answer, 0));
	R(syscall(SYS_statmount, &req, 1, sizeof answer, 0));
	req.size = 23;
	R(syscall(SYS_statmount, &req, &answer, sizeof answer, 0));
	req.size = 5000;
	R(syscall(SYS_statmount, &req, &answer, sizeof answer, 0));
	req.size = 32;
	R(syscall(SYS_statmount, &req, &answer, sizeof answer, 0));
	req.spare = 1;
	R(syscall(SYS_statmount, &req, &answer, sizeof answer, 0));
	struct {
		struct mnt_id_req_abi req;
		uint64_t more[2];
	} big = { .req = { .size = 48, .mnt_id = unique_id("b"), .param = 2 } };
	R(syscall(SYS_statmount, &big, &answer, sizeof answer, 0));
	big.more[1] = 1;
	R(syscall(SYS_statmount, &big, &answer, sizeof answer, 0));
}

static uint64_t ids[512];

#ifndef MOVE_MOUNT_SET_GROUP
#define MOVE_MOUNT_SET_GROUP 0x100
#endif

static void join(const char *from, const char *to)
{
	say("%s joins %s: ", to, from);
	R(MOVE(AT_FDCWD, from, AT_FDCWD, to, MOVE_MOUNT_SET_GROUP));
}

CASE(groups_are_joined)
{
	enter_world();
	DIRS("a", "b", "c", "d", "e", "other");
	mount_marked("a", "root");
	DIRS("a/x", "a/x/y", "a/z");
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	NEED(mount("a/x", "c", NULL, MS_BIND, NULL));
	NEED(mount("c", "d", NULL, MS_BIND, NULL));
	mount_marked("other", "other");
	join("a", "b"); /* private */
	NEED(mount(NULL, "a", NULL, MS_SHARED, NULL));
	join("a", "other");
	join("a", "e"); /* no mount */
	join("a/x", "b");
	join("a", "b");
	join("a", "b"); /* shared already */
	join("a", "c");
	say_mounts("joined");
	mount_marked("a/x/y", "below");
	SEES("b/x/y/below");
	SEES("c/y/below");
	SEES("d/y/below");
	NEED(mount(NULL, "c", NULL, MS_SLAVE, NULL));
	join("c", "d");
	join("d", "a"); /* not below it */
	say_mounts("a second slave");
	mount_marked("a/x", "above");
	SEES("b/x/above");
	SEES("d/above");
}

static long list_mounts(uint64_t id, uint64_t last, size_t max, unsigned flags)
{
	struct mnt_id_req_abi req = { .size = MNT_ID_REQ_ABI_VER0, .mnt_id = id, .param = last };

	memset(ids, 0, sizeof ids);
	return syscall(SYS_listmount, &req, ids, max, flags);
}

CASE(told_of_all)
{
	enter_world();
	DIRS("a", "b");
	mount_marked("a", "a");
	DIRS("a/x", "a/y");
	mount_marked("a/x", "x");
	mount_marked("a/y", "y");
	mount_marked("b", "b");
	uint64_t a = unique_id("a"), x = unique_id("a/x"), y = unique_id("a/y");
	V(R(list_mounts(a, 0, 512, 0)) == 2 && ids[0] == x && ids[1] == y);
	V(R(list_mounts(a, 0, 1, 0)) == 1 && ids[0] == x);
	V(R(list_mounts(a, x, 512, 0)) == 1 && ids[0] == y);
	V(R(list_mounts(a, y, 512, 0)) == 0);
	V(R(list_mounts(a, 0, 512, LISTMOUNT_ABI_REVERSE)) == 2 && ids[0] == y && ids[1] == x);
	V(R(list_mounts(a, y, 512, LISTMOUNT_ABI_REVERSE)) == 1 && ids[0] == x);
	R(list_mounts(x, 0, 512, 0));
	R(list_mounts(a, 0, 0, 0));
	long n = list_mounts(LSMT_ABI_ROOT, 0, 512, 0);
	bool has = false, rising = true;
	for (long i = 0; i < n; i++) {
		has |= ids[i] == y;
		rising &= !i || ids[i] > ids[i - 1];
	}
	V(n > 4 && has && rising);
	R(list_mounts(a + 1000000, 0, 512, 0));
	R(list_mounts(5, 0, 512, 0));
	R(list_mounts(a, 5, 512, 0));
	R(list_mounts(a, 0, 512, 2));
	R(list_mounts(a, 0, 1000001, 0));
	struct mnt_id_req_abi req = { .size = 24, .mnt_id = a };
	R(syscall(SYS_listmount, &req, 1, 512, 0));
	R(syscall(SYS_listmount, 1, ids, 512, 0));
}

static int below_a_root(void *arg)
{
	uint64_t *id = arg;

	NEED(chroot("a"));
	NEED(chdir("/"));
	R(list_mounts(LSMT_ABI_ROOT, 0, 512, 0));
	R(stat_mount(id[0], STATMOUNT_ABI_MNT_POINT, sizeof answer));
	say("%s\n", text(answer.sm.mnt_point));
	R(stat_mount(id[1], STATMOUNT_ABI_MNT_POINT, sizeof answer));
	say("%s\n", text(answer.sm.mnt_point));
	NEED(setresuid(1234, 1234, 1234));
	R(stat_mount(id[0], STATMOUNT_ABI_MNT_BASIC, sizeof answer));
	R(stat_mount(id[1], STATMOUNT_ABI_MNT_BASIC, sizeof answer));
	R(list_mounts(id[1], 0, 512, 0));
	return 0;
}

CASE(told_below_a_root)
{
	enter_world();
	DIRS("a", "b");
	mount_marked("a", "a");
	DIRS("a/x");
	mount_marked("a/x", "x");
	mount_marked("b", "b");
	uint64_t id[2] = { unique_id("a/x"), unique_id("b") };
	in_child("chrooted", below_a_root, id);
}
