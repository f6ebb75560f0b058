/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups, capabilities as far as they follow from users. */
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "case.h"

static void say_ids(void)
{
	uid_t r, e, s;
	gid_t g, h, i;

	NEED(getresuid(&r, &e, &s));
	NEED(getresgid(&g, &h, &i));
	say("uid %d %d %d gid %d %d %d\n", r, e, s, g, h, i);
}

static bool capable(int cap)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	NEED(syscall(SYS_capget, &h, d));
	return d[cap / 32].effective >> (cap % 32) & 1;
}

CASE(initial)
{
	say_ids();
	V(getuid());
	V(geteuid());
	V(getgid());
	V(getegid());
	V(capable(CAP_SETUID));
}

CASE(setuid_root)
{
	need_root();
	R(setuid(1000));
	say_ids();
	R(setuid(0));
	R(setuid(1001));
	R(setuid(1000));
	V(capable(CAP_SETUID));
}

CASE(seteuid_and_back)
{
	need_root();
	R(seteuid(1000));
	say_ids();
	V(capable(CAP_SETUID));
	R(seteuid(0));
	V(capable(CAP_SETUID));
	say_ids();
}

CASE(setreuid)
{
	need_root();
	R(setreuid(1000, 2000));
	say_ids();
	R(setreuid(2000, 1000));
	say_ids();
	R(setreuid(-1, 3000));
	R(setreuid(-1, -1));
	R(setreuid(-1, 2000));
	say_ids();
}

CASE(setresuid)
{
	need_root();
	R(setresuid(1, 2, 3));
	say_ids();
	R(setresuid(3, 1, 2));
	say_ids();
	R(setresuid(-1, -1, 4));
	R(setresuid(-1, 3, -1));
	say_ids();
	R(setresuid(0, 0, 0));
}

CASE(setresgid)
{
	need_root();
	R(setresgid(10, 20, 30));
	say_ids();
	R(setgid(40));
	say_ids();
	NEED(setresuid(1000, 1000, 1000));
	R(setresgid(5, 5, 5));
	R(setgid(40));
	R(setegid(41));
	R(setregid(40, 40));
	say_ids();
}

CASE(groups)
{
	gid_t list[] = { 30, 10, 20 }, got[8] = { 0 };

	need_root();
	R(setgroups(3, list));
	V(getgroups(0, NULL));
	int n = (int)R(getgroups(8, got));
	/* The kernel keeps them sorted. */
	for (int i = 0; i < n; i++)
		say("%d ", got[i]);
	say("\n");
	R(getgroups(2, got));
	R(syscall(SYS_getgroups, -1, got));
	R(setgroups(0, NULL));
	R(getgroups(8, got));
	R(syscall(SYS_setgroups, 70000, list));
	R(syscall(SYS_setgroups, 1, 8L));
	NEED(setresuid(1000, 1000, 1000));
	R(setgroups(1, list));
}

CASE(group_membership_opens_files)
{
	gid_t list[] = { 4242 };

	need_root();
	put_file("f", "secret");
	NEED(chown("f", 0, 4242));
	NEED(chmod("f", 0640));
	NEED(chmod(".", 0755));
	pid_t pid = fork();
	if (pid == 0) {
		NEED(setgroups(1, list));
		NEED(setresgid(1000, 1000, 1000));
		NEED(setresuid(1000, 1000, 1000));
		say_file("f");
		R(open("f", O_WRONLY));
		_exit(0);
	}
	reap("member", pid);
	pid = fork();
	if (pid == 0) {
		NEED(setgroups(0, NULL));
		NEED(setresgid(1000, 1000, 1000));
		NEED(setresuid(1000, 1000, 1000));
		say_file("f");
		_exit(0);
	}
	reap("other", pid);
}

CASE(fsuid)
{
	need_root();
	put_file("f", "");
	NEED(chmod("f", 0600));
	NEED(chmod(".", 0777));
	R(setfsuid(1000));
	R(setfsuid(-1));
	R(open("f", O_RDONLY));
	struct stat st;
	close((int)R(open("mine", O_CREAT | O_WRONLY, 0644)));
	NEED(stat("mine", &st));
	V(st.st_uid);
	R(setfsgid(2000));
	close((int)R(open("mine2", O_CREAT | O_WRONLY, 0644)));
	NEED(stat("mine2", &st));
	V(st.st_gid);
}

CASE(new_files_belong_to_effective)
{
	struct stat st;

	need_root();
	NEED(chmod(".", 0777));
	NEED(setresgid(0, 77, 0));
	NEED(setresuid(0, 66, 0));
	put_file("f", "");
	NEED(mkdir("d", 0755));
	NEED(symlink("x", "l"));
	NEED(stat("f", &st));
	say("%d %d\n", st.st_uid, st.st_gid);
	NEED(stat("d", &st));
	say("%d %d\n", st.st_uid, st.st_gid);
	NEED(lstat("l", &st));
	say("%d %d\n", st.st_uid, st.st_gid);
}

CASE(capget_capset)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2], old[2];

	need_root();
	R(syscall(SYS_capget, &h, old));
	memcpy(d, old, sizeof d);
	d[0].effective &= ~(1U << CAP_CHOWN);
	R(syscall(SYS_capset, &h, d));
	put_file("f", "");
	R(chown("f", 5, 5));
	memcpy(d, old, sizeof d);
	R(syscall(SYS_capset, &h, d));
	R(chown("f", 5, 5));
	d[0].permitted &= ~(1U << CAP_CHOWN);
	d[0].effective &= ~(1U << CAP_CHOWN);
	R(syscall(SYS_capset, &h, d));
	R(syscall(SYS_capset, &h, old));
	h.version = 0x1234;
	R(syscall(SYS_capget, &h, d));
	X(h.version);
	h.pid = -1;
	R(syscall(SYS_capget, &h, d));
	h.pid = 0x3ffffff;
	R(syscall(SYS_capget, &h, d));
}

CASE(keepcaps)
{
	need_root();
	R(prctl(PR_GET_KEEPCAPS));
	R(prctl(PR_SET_KEEPCAPS, 1));
	R(prctl(PR_SET_KEEPCAPS, 2));
	NEED(setresuid(1000, 1000, 1000));
	V(capable(CAP_CHOWN));
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	NEED(syscall(SYS_capget, &h, d));
	V(d[0].permitted & 1);
}

CASE(bounding_set)
{
	need_root();
	V(prctl(PR_CAPBSET_READ, CAP_CHOWN));
	R(prctl(PR_CAPBSET_DROP, CAP_MKNOD));
	V(prctl(PR_CAPBSET_READ, CAP_MKNOD));
	R(prctl(PR_CAPBSET_READ, 100));
	NEED(setresuid(1000, 1000, 1000));
	R(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
}

CASE(inherited_and_apart)
{
	pid_t pid = fork();

	need_root();
	if (pid == 0) {
		NEED(setresuid(1000, 1000, 1000));
		_exit(0);
	}
	reap("child", pid);
	say_ids();
}
