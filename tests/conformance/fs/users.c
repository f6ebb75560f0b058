/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what to files in memory, and what becomes of their modes and owners: users of each
 * kind do each operation in directories of each mode. tmpfs natively, ramfs under hl.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "case.h"

enum { OWNER = 1001, GROUP = 2001, STRANGER = 3001 };

static void in_memory(void (*fn)(void))
{
	char memory[64];

	need_root();
	umask(0);
	snprintf(memory, sizeof memory, "/dev/shm/users.%d", getpid());
	NEED(mkdir(memory, 0777));
	NEED(chdir(memory));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		fn();
		_exit(0);
	}
	reap("all", pid);
	NEED(chdir("/"));
	execl("/bin/rm", "rm", "-rf", memory, NULL);
}

/* Capabilities that are dropped after the ids are set; ~0: none is left. */
static const struct user {
	const char *name;
	uid_t uid;
	gid_t gid, other;
	uint64_t dropped;
} users[] = {
	{ "root", 0, 0, 0, 0 },
	{ "root without any", 0, 0, 0, ~0ULL },
	{ "root without DAC_OVERRIDE", 0, 0, 0, 1ULL << CAP_DAC_OVERRIDE },
	{ "root without FOWNER", 0, 0, 0, 1ULL << CAP_FOWNER },
	{ "root without CHOWN", 0, 0, 0, 1ULL << CAP_CHOWN },
	{ "root without FSETID", 0, 0, 0, 1ULL << CAP_FSETID },
	{ "root without MKNOD", 0, 0, 0, 1ULL << CAP_MKNOD },
	{ "owner", OWNER, OWNER, OWNER, 0 },
	{ "owner in the group", OWNER, GROUP, OWNER, 0 },
	{ "group", STRANGER, GROUP, STRANGER, 0 },
	{ "other group", STRANGER, STRANGER, GROUP, 0 },
	{ "stranger", STRANGER, STRANGER, STRANGER, 0 },
};

static void become(const struct user *u)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	NEED(setgroups(1, &u->other));
	NEED(setresgid(u->gid, u->gid, u->gid));
	NEED(setresuid(u->uid, u->uid, u->uid));
	if (!u->dropped)
		return;
	NEED(syscall(SYS_capget, &h, d));
	for (int i = 0; i < 2; i++)
		d[i].effective &= ~(uint32_t)(u->dropped >> (32 * i));
	NEED(syscall(SYS_capset, &h, d));
}

static void say_owner(const char *name)
{
	struct stat st;

	if (lstat(name, &st))
		say("  %s: %s\n", name, strerrorname_np(errno));
	else
		say("  %s: %o %u:%u %lu\n", name, st.st_mode, st.st_uid, st.st_gid, st.st_nlink);
}

/* Each user in turn, in a place that `prepare` makes. */
static void each_user(void (*prepare)(void), void (*fn)(void))
{
	for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
		prepare();
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0) {
			say("%s\n", users[i].name);
			become(&users[i]);
			fn();
			_exit(0);
		}
		int status;
		waitpid(pid, &status, 0);
		if (status)
			say_status("user", status);
	}
}

static mode_t dir_mode, file_mode;

static void make(const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	close((int)NEED(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600)));
	NEED(chown(name, uid, gid));
	NEED(chmod(name, mode));
}

static void prepare_dir(void)
{
	if (access("dir", F_OK) == 0) {
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0) {
			execl("/bin/rm", "rm", "-rf", "dir", "moved", NULL);
			_exit(1);
		}
		NEED(waitpid(pid, NULL, 0));
	}
	NEED(mkdir("dir", 0700));
	make("dir/owners", 0644, OWNER, GROUP);
	make("dir/roots", 0644, 0, 0);
	make("dir/strangers", 0644, STRANGER, STRANGER);
	NEED(mkdir("dir/empty", 0755));
	NEED(chown("dir/empty", OWNER, GROUP));
	NEED(symlink("owners", "dir/link"));
	NEED(chown("dir", OWNER, GROUP));
	NEED(chmod("dir", dir_mode));
}

static void use_dir(void)
{
	R(access("dir", R_OK));
	R(access("dir", W_OK));
	R(access("dir", X_OK));
	OK(open("dir", O_RDONLY | O_DIRECTORY));
	OK(open("dir/new", O_WRONLY | O_CREAT | O_EXCL, 06755));
	say_owner("dir/new");
	R(mkdir("dir/newdir", 06755));
	say_owner("dir/newdir");
	R(mknod("dir/fifo", S_IFIFO | 02755, 0));
	say_owner("dir/fifo");
	R(mknod("dir/null", S_IFCHR | 0666, 0x103));
	R(symlink("x", "dir/newlink"));
	say_owner("dir/newlink");
	OK(open("dir", O_WRONLY | O_TMPFILE, 06755));
	R(link("dir/owners", "dir/linked"));
	R(link("dir/roots", "dir/linked2"));
	R(rename("dir/owners", "dir/renamed"));
	R(rename("dir/roots", "dir/renamed2"));
	R(renameat2(AT_FDCWD, "dir/strangers", AT_FDCWD, "dir/link", RENAME_EXCHANGE));
	R(rmdir("dir/empty"));
	R(unlink("dir/strangers"));
	R(unlink("dir/link"));
	R(unlink("dir/roots"));
	R(rename("dir", "moved"));
}

static void directories(void)
{
	static const mode_t modes[] = { 0755,  0700,  0775,  0777, 01777, 01775,
					02775, 02777, 03777, 0555, 0733,  0711 };

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		dir_mode = modes[i];
		say("---- %o\n", dir_mode);
		NEED(chmod(".", 0777));
		each_user(prepare_dir, use_dir);
	}
}

CASE(directories_of_each_mode)
{
	in_memory(directories);
}

static void prepare_file(void)
{
	unlink("file");
	make("file", file_mode, OWNER, GROUP);
}

static void use_file(void)
{
	static const mode_t modes[] = { 0600, 0777, 02755, 02644, 04755, 06777, 01644, 0 };
	struct timespec times[2] = { { 5, 0 }, { 6, 0 } },
			now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

	R(access("file", R_OK));
	R(access("file", W_OK));
	R(access("file", X_OK));
	OK(open("file", O_RDONLY));
	OK(open("file", O_RDONLY | O_NOATIME));
	R(utimensat(AT_FDCWD, "file", times, 0));
	R(utimensat(AT_FDCWD, "file", now, 0));
	R(setxattr("file", "user.test", "x", 1, 0));
	OK(getxattr("file", "user.test", NULL, 0));
	R(setxattr("file", "trusted.test", "x", 1, 0));
	R(truncate("file", 3));
	say_owner("file");
	int fd = OK(open("file", O_WRONLY));
	if (fd >= 0)
		R(write(fd, "x", 1));
	say_owner("file");
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		R(chmod("file", modes[i]));
		say_owner("file");
	}
}

static void files(void)
{
	static const mode_t modes[] = {
		0644, 0600, 0660, 0666, 04755, 02755, 06777, 02644, 0, 0111
	};

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		file_mode = modes[i];
		say("---- %o\n", file_mode);
		each_user(prepare_file, use_file);
	}
}

CASE(files_of_each_mode)
{
	in_memory(files);
}

static void change_owner(void)
{
	static const struct {
		uid_t uid;
		gid_t gid;
	} to[] = { { -1U, -1U },      { OWNER, -1U }, { -1U, GROUP },
		   { -1U, STRANGER }, { -1U, OWNER }, { STRANGER, -1U },
		   { OWNER, OWNER },  { 0, 0 },       { OWNER, GROUP } };

	for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
		R(chown("file", to[i].uid, to[i].gid));
		say_owner("file");
		R(lchown("file", to[i].uid, to[i].gid));
	}
}

static void owners(void)
{
	static const mode_t modes[] = { 0644, 06755, 02644, 04711 };

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		file_mode = modes[i];
		say("---- %o\n", file_mode);
		each_user(prepare_file, change_owner);
	}
}

CASE(owners_of_files)
{
	in_memory(owners);
}

static void prepare_tree(void)
{
	if (access("dir", F_OK) == 0) {
		rmdir("dir/sub/deep");
		rmdir("dir/sub");
		rmdir("dir");
	}
	NEED(mkdir("dir", 0755));
	NEED(mkdir("dir/sub", 0755));
	NEED(chown("dir", OWNER, GROUP));
	NEED(chmod("dir", dir_mode));
}

static void change_dir(void)
{
	static const mode_t modes[] = { 02755, 01777, 0700, 06777 };

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		R(chmod("dir", modes[i]));
		say_owner("dir");
		R(chown("dir", -1U, STRANGER));
		say_owner("dir");
		R(chown("dir", OWNER, GROUP));
		say_owner("dir");
		R(setxattr("dir", "user.test", "x", 1, 0));
	}
	R(mkdir("dir/sub/deep", 02755));
	say_owner("dir/sub/deep");
}

static void directory_owners(void)
{
	static const mode_t modes[] = { 0755, 02755, 01777, 06777 };

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		dir_mode = modes[i];
		say("---- %o\n", dir_mode);
		each_user(prepare_tree, change_dir);
	}
}

CASE(owners_of_directories)
{
	in_memory(directory_owners);
}

/* What a write of each kind leaves of set-id bits. */
static void write_set_id(void)
{
	int fd = open("file", O_RDWR);
	char byte[] = "x";
	struct iovec v = { byte, 1 };

	if (fd < 0)
		return;
	NEED(pwritev(fd, &v, 1, 0));
	say_owner("file");
}

static void truncate_set_id(void)
{
	int fd = open("file", O_RDWR);

	R(fd < 0 ? -1 : ftruncate(fd, 10));
	say_owner("file");
}

static void allocate_set_id(void)
{
	int fd = open("file", O_RDWR);

	R(fd < 0 ? -1 : fallocate(fd, 0, 0, 100));
	say_owner("file");
}

static void open_truncating(void)
{
	OK(open("file", O_WRONLY | O_TRUNC));
	say_owner("file");
}

static void copy_set_id(void)
{
	int fd = open("file", O_RDWR), from = open("/proc/self/exe", O_RDONLY), pair[2];

	NEED(pipe(pair));
	NEED(write(pair[1], "x", 1));
	R(fd < 0 || from < 0 ? -1 : splice(pair[0], NULL, fd, NULL, 1, 0));
	say_owner("file");
}

static void set_id(void)
{
	static const mode_t modes[] = { 04777, 02777, 06777, 02767, 02666, 06666 };
	static void (*const how[])(void) = { write_set_id, truncate_set_id, allocate_set_id,
					     open_truncating, copy_set_id };

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		file_mode = modes[i];
		for (size_t k = 0; k < sizeof how / sizeof *how; k++) {
			say("---- %o %zu\n", file_mode, k);
			each_user(prepare_file, how[k]);
		}
	}
}

CASE(set_id_bits_after_writes)
{
	in_memory(set_id);
}
