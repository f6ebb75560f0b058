/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a program runs as: set-user-ID and set-group-ID files, capabilities of files, in a file
 * system in memory that is mounted for it.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "case.h"

enum { OWNER = 1001, GROUP = 2001, STRANGER = 3001 };

static void say_caps(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };
	uint64_t ambient = 0;

	NEED(syscall(SYS_capget, &h, d));
	for (int cap = 0; cap <= 40; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			ambient |= 1ULL << cap;
	say("permitted %x%08x effective %x%08x inheritable %x%08x ambient %lx\n", d[1].permitted,
	    d[0].permitted, d[1].effective, d[0].effective, d[1].inheritable, d[0].inheritable,
	    ambient);
}

ROLE(tell)
{
	uid_t r, e, s;

	NEED(getresuid(&r, &e, &s));
	say("uid %u %u %u", r, e, s);
	NEED(getresgid(&r, &e, &s));
	say(" gid %u %u %u secure %lu\n", r, e, s, getauxval(AT_SECURE));
	say_caps();
	V(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	X(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	V(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void copy_program(const char *name)
{
	char buf[65536];
	int from = (int)NEED(open("/proc/self/exe", O_RDONLY));
	int to = (int)NEED(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755));
	ssize_t n;

	while ((n = NEED(read(from, buf, sizeof buf))) > 0)
		NEED(write(to, buf, (size_t)n));
	NEED(close(from));
	NEED(close(to));
}

/* In a mount namespace of its own. */
static void in_memory(void (*fn)(void))
{
	need_root();
	umask(022);
	NEED(mkdir("memory", 0755));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		NEED(unshare(CLONE_NEWNS));
		NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
		NEED(mount("tmpfs", "memory", "tmpfs", 0, "mode=755"));
		NEED(chdir("memory"));
		copy_program("prog");
		fn();
		_exit(0);
	}
	reap("all", pid);
}

static void become(uid_t uid, gid_t gid)
{
	NEED(setgroups(0, NULL));
	NEED(setresgid(gid, gid, gid));
	NEED(setresuid(uid, uid, uid));
}

/* Runs it in a child that `prepare` has made what it is. */
static void run(const char *what, void (*prepare)(void))
{
	char role[] = "role:tell", *argv[] = { case_self, role, NULL };

	say("-- %s\n", what);
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		prepare();
		execv("./prog", argv);
		say("exec: %s\n", strerrorname_np(errno));
		_exit(1);
	}
	reap(what, pid);
}

static void as_root(void)
{
}

static void as_stranger(void)
{
	become(STRANGER, STRANGER);
}

static void as_stranger_without_new_privileges(void)
{
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	as_stranger();
}

static void as_effective_stranger(void)
{
	NEED(setresuid(0, STRANGER, 0));
}

static void as_real_stranger(void)
{
	NEED(setresuid(STRANGER, 0, 0));
}

static void without_root_privileges(void)
{
	NEED(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0));
}

static void set_inheritable(uint32_t low)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	NEED(syscall(SYS_capget, &h, d));
	d[0].inheritable |= low;
	NEED(syscall(SYS_capset, &h, d));
}

static void with_ambient(void)
{
	set_inheritable(1U << CAP_NET_RAW | 1U << CAP_CHOWN);
	NEED(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
}

static void as_stranger_with_ambient(void)
{
	NEED(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	become(STRANGER, STRANGER);
	with_ambient();
}

static void as_stranger_with_inheritable(void)
{
	set_inheritable(1U << CAP_NET_RAW | 1U << CAP_KILL);
	as_stranger();
}

static void as_stranger_bounded(void)
{
	NEED(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0));
	as_stranger();
}

static const struct {
	const char *name;
	void (*prepare)(void);
} callers[] = {
	{ "root", as_root },
	{ "stranger", as_stranger },
	{ "stranger without new privileges", as_stranger_without_new_privileges },
	{ "effective stranger", as_effective_stranger },
	{ "real stranger", as_real_stranger },
	{ "root without privileges", without_root_privileges },
	{ "root with ambient", with_ambient },
	{ "stranger with ambient", as_stranger_with_ambient },
	{ "stranger with inheritable", as_stranger_with_inheritable },
	{ "stranger bounded", as_stranger_bounded },
};

static void run_as_each(void)
{
	for (size_t i = 0; i < sizeof callers / sizeof *callers; i++)
		run(callers[i].name, callers[i].prepare);
}

static void set_ids(void)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		mode_t mode;
	} files[] = { { 0, 0, 0755 },
		      { 0, 0, 04755 },
		      { OWNER, GROUP, 04755 },
		      { OWNER, GROUP, 02755 },
		      { OWNER, GROUP, 06755 },
		      { OWNER, GROUP, 02745 },
		      { STRANGER, GROUP, 04755 },
		      { 0, GROUP, 06755 } };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		NEED(chown("prog", files[i].uid, files[i].gid));
		NEED(chmod("prog", files[i].mode));
		say("---- %u:%u %o\n", files[i].uid, files[i].gid, files[i].mode);
		run_as_each();
	}
}

CASE(set_id_files)
{
	in_memory(set_ids);
}

static void no_set_ids(void)
{
	NEED(chown("prog", OWNER, GROUP));
	NEED(chmod("prog", 06755));
	run("stranger", as_stranger);
	NEED(mount(NULL, ".", NULL, MS_REMOUNT | MS_NOSUID, "mode=755"));
	run("stranger, nosuid", as_stranger);
	NEED(mount(NULL, ".", NULL, MS_REMOUNT, "mode=755"));
	run("stranger, suid again", as_stranger);
}

CASE(mounted_nosuid)
{
	in_memory(no_set_ids);
}

static void put_caps(const void *data, size_t size)
{
	setxattr("prog", "security.capability", data, size, 0);
}

static struct vfs_cap_data caps_of(uint32_t revision, uint64_t permitted, uint64_t inheritable)
{
	return (struct vfs_cap_data){ .magic_etc = revision,
				      .data = { { (uint32_t)permitted, (uint32_t)inheritable },
						{ (uint32_t)(permitted >> 32),
						  (uint32_t)(inheritable >> 32) } } };
}

static void file_caps(void)
{
	const uint64_t raw = 1ULL << CAP_NET_RAW, kill_cap = 1ULL << CAP_KILL,
		       high = 1ULL << CAP_BPF;
	const struct {
		const char *name;
		struct vfs_cap_data caps;
		mode_t mode;
	} files[] = {
		{ "raw=p", caps_of(VFS_CAP_REVISION_2, raw, 0), 0755 },
		{ "raw=ep", caps_of(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, raw, 0), 0755 },
		{ "raw,bpf=ep",
		  caps_of(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, raw | high, 0), 0755 },
		{ "raw,kill=ie",
		  caps_of(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, 0, raw | kill_cap), 0755 },
		{ "none=e", caps_of(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, 0, 0), 0755 },
		{ "raw=ep, set-user-ID root",
		  caps_of(VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, raw, 0), 04755 },
		{ "beyond the last", caps_of(VFS_CAP_REVISION_2, ~0ULL, 0), 0755 },
	};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		NEED(chmod("prog", files[i].mode));
		put_caps(&files[i].caps, sizeof files[i].caps);
		say("---- %s\n", files[i].name);
		run_as_each();
	}
}

CASE(capabilities_of_files)
{
	in_memory(file_caps);
}

static void say_caps_size(const char *what)
{
	say_result(what, getxattr("prog", "security.capability", NULL, 0), errno);
}

static void drop_setfcap(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	NEED(syscall(SYS_capget, &h, d));
	d[0].effective &= ~(1U << CAP_SETFCAP);
	NEED(syscall(SYS_capset, &h, d));
}

static void keep_caps(void)
{
	struct vfs_cap_data caps = caps_of(VFS_CAP_REVISION_2, 1 << CAP_NET_RAW, 0);
	struct vfs_cap_data old = caps_of(VFS_CAP_REVISION_1, 1, 0), bad = caps_of(0x7000000, 1, 0);
	int fd = (int)NEED(open("prog", O_RDWR));

	R(setxattr("prog", "security.capability", &caps, 3, 0));
	R(setxattr("prog", "security.capability", &caps, 19, 0));
	R(setxattr("prog", "security.capability", &old, XATTR_CAPS_SZ_1, 0));
	R(setxattr("prog", "security.capability", &bad, sizeof bad, 0));
	say_caps_size("none");
	R(setxattr("prog", "security.capability", &caps, sizeof caps, 0));
	say_caps_size("set");
	NEED(chmod("prog", 0700));
	say_caps_size("chmod");
	NEED(chown("prog", -1U, -1U));
	say_caps_size("chown");
	put_caps(&caps, sizeof caps);
	NEED(pwrite(fd, "\177", 1, 0));
	say_caps_size("write");
	put_caps(&caps, sizeof caps);
	NEED(ftruncate(fd, 4096));
	say_caps_size("ftruncate");
	put_caps(&caps, sizeof caps);
	R(removexattr("prog", "security.capability"));
	say_caps_size("removexattr");
	NEED(mkdir("dir", 0755));
	R(setxattr("dir", "security.capability", &caps, sizeof caps, 0));
	NEED(chown("dir", 1, 1));
	R(getxattr("dir", "security.capability", NULL, 0));
	drop_setfcap();
	R(setxattr("prog", "security.capability", &caps, sizeof caps, 0));
	R(removexattr("dir", "security.capability"));
	R(setxattr("prog", "security.other", "x", 1, 0));
	as_stranger();
	R(getxattr("dir", "security.capability", NULL, 0));
	R(setxattr("prog", "security.capability", &caps, sizeof caps, 0));
}

CASE(capabilities_are_taken_off)
{
	in_memory(keep_caps);
}

static void script(void)
{
	int fd = (int)NEED(open("script", O_WRONLY | O_CREAT, 0755));

	dprintf(fd, "#!%s/prog role:tell\n", get_current_dir_name());
	NEED(close(fd));
	NEED(chown("script", OWNER, GROUP));
	NEED(chmod("script", 06755));
	NEED(chown("prog", STRANGER, GROUP));
	NEED(chmod("prog", 02755));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		become(65534, 65534);
		execl("./script", "script", NULL);
		say("exec: %s\n", strerrorname_np(errno));
		_exit(1);
	}
	reap("script", pid);
}

CASE(set_id_of_interpreters)
{
	in_memory(script);
}
