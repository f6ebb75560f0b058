/* SPDX-License-Identifier: Apache-2.0 */
/* unshare(2), clone(2) and setns(2): a namespace of host names of one's own. */
#include <sched.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "case.h"

static char first_name[65];

static void say_host(const char *who)
{
	struct utsname u;

	NEED(uname(&u));
	say("%s: %s\n", who, strcmp(u.nodename, first_name) ? u.nodename : "the first name");
}

static void remember_host(void)
{
	struct utsname u;

	NEED(uname(&u));
	strcpy(first_name, u.nodename);
}

static ino_t uts_of(const char *who)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof name, "/proc/%s/ns/uts", who);
	NEED(stat(name, &st));
	return st.st_ino;
}

static int renames(void *arg)
{
	int fd = *(int *)arg;
	ino_t before = uts_of("self");

	R(unshare(CLONE_NEWUTS));
	V(uts_of("self") != before);
	R(sethostname("own", 3));
	say_host("own namespace");
	R(setns(fd, CLONE_NEWUTS));
	V(uts_of("self") == before);
	say_host("back");
	return 0;
}

CASE(host_names)
{
	need_root();
	remember_host();
	int fd = (int)NEED(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
	in_child("child", renames, &fd);
	say_host("parent");
}

/* The namespace lives while a descriptor of it is open. */
CASE(held_by_a_file)
{
	int to_parent[2];
	char name[64];

	need_root();
	remember_host();
	NEED(pipe(to_parent));
	struct baton end = baton_new();
	pid_t pid = (pid_t)NEED(syscall(SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0));
	if (pid == 0) {
		NEED(sethostname("held", 4));
		NEED(write(to_parent[1], "x", 1));
		take(&end);
		_exit(0);
	}
	NEED(read(to_parent[0], name, 1));
	snprintf(name, sizeof name, "/proc/%d/ns/uts", pid);
	int fd = (int)NEED(open(name, O_RDONLY));
	give(&end);
	reap("child", pid);
	say_host("parent");
	R(setns(fd, 0));
	say_host("in the namespace of the one that ended");
}

static int ordinary(void *arg)
{
	int fd = (int)NEED(open("/proc/self/ns/uts", O_RDONLY));

	NEED(setresuid(1234, 1234, 1234));
	R(unshare(CLONE_NEWUTS));
	R(setns(fd, CLONE_NEWUTS));
	return 0;
}

CASE(refused)
{
	int null = (int)NEED(open("/dev/null", O_RDONLY)),
	    uts = (int)NEED(open("/proc/self/ns/uts", O_RDONLY)),
	    user = (int)NEED(open("/proc/self/ns/user", O_RDONLY));

	need_root();
	R(setns(-1, 0));
	R(setns(null, 0));
	R(setns(uts, CLONE_NEWNS));
	R(setns(uts, 0x1));
	R(setns(user, 0));
	R(setns(uts, 0));
	in_child("ordinary user", ordinary, NULL);
}

/* Into the namespaces one is in. */
CASE(own)
{
	static const char *const kinds[] = { "cgroup",           "ipc",  "net", "pid",
					     "pid_for_children", "time", "uts" };
	char name[64], cwd[PATH_MAX];

	need_root();
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		snprintf(name, sizeof name, "/proc/self/ns/%s", kinds[i]);
		int fd = (int)NEED(open(name, O_RDONLY));
		say("%s\n", kinds[i]);
		R(setns(fd, 0));
		close(fd);
	}
	R(setns((int)NEED(open("/proc/self/ns/mnt", O_RDONLY)), CLONE_NEWNS));
	say("%s\n", getcwd(cwd, sizeof cwd));
}

/* Of the group that a task is in when it makes one it is the root. */
static void say_own_group(void)
{
	char line[256], last[256] = "";
	FILE *f = fopen("/proc/self/cgroup", "r");

	NEED(f ? 0 : -1);
	while (fgets(line, sizeof line, f))
		strcpy(last, line);
	fclose(f);
	say("%s", last);
}

CASE(control_groups)
{
	struct stat before, after;

	need_root();
	int fd = (int)NEED(open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC));
	NEED(fstat(fd, &before));
	R(unshare(CLONE_NEWCGROUP));
	NEED(stat("/proc/self/ns/cgroup", &after));
	V(before.st_ino == after.st_ino);
	say_own_group();
	pid_t pid = (pid_t)NEED(syscall(SYS_clone, CLONE_NEWCGROUP | SIGCHLD, 0, 0, 0, 0));
	if (pid == 0) {
		struct stat own;
		NEED(stat("/proc/self/ns/cgroup", &own));
		V(own.st_ino == after.st_ino);
		say_own_group();
		_exit(0);
	}
	reap("child", pid);
	R(setns(fd, CLONE_NEWCGROUP));
	NEED(stat("/proc/self/ns/cgroup", &after));
	V(before.st_ino == after.st_ino);
	NEED(setresuid(1234, 1234, 1234));
	R(unshare(CLONE_NEWCGROUP));
	R(setns(fd, CLONE_NEWCGROUP));
}
