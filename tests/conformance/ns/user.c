/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces (user_namespaces(7)): maps, ids at every boundary, capabilities within. */
#include <grp.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "case.h"

static void store(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1) {
		say("%s: open: %s\n", path, strerrorname_np(errno));
		return;
	}
	ssize_t n = write(fd, text, strlen(text));
	say("%s < %s: %zd %s\n", path, text, n, n < 0 ? strerrorname_np(errno) : "");
	close(fd);
}

static void say_ids(void)
{
	uid_t r, e, s;
	gid_t g, h, i;

	NEED(getresuid(&r, &e, &s));
	NEED(getresgid(&g, &h, &i));
	say("uids %u %u %u, gids %u %u %u\n", r, e, s, g, h, i);
}

static void say_caps(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	NEED(syscall(SYS_capget, &h, d));
	say("effective %x%08x, permitted %x%08x, inheritable %x%08x, bounding %d, securebits %x\n",
	    d[1].effective, d[0].effective, d[1].permitted, d[0].permitted, d[1].inheritable,
	    d[0].inheritable, prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN), prctl(PR_GET_SECUREBITS));
}

/* The caller's own ids as root. */
static void become_root(void)
{
	char text[64];
	unsigned uid = geteuid(), gid = getegid();

	NEED(unshare(CLONE_NEWUSER));
	snprintf(text, sizeof text, "0 %u 1", uid);
	int fd = (int)NEED(open("/proc/self/uid_map", O_WRONLY));
	NEED(write(fd, text, strlen(text)));
	close(fd);
	fd = (int)NEED(open("/proc/self/setgroups", O_WRONLY));
	NEED(write(fd, "deny", 4));
	close(fd);
	snprintf(text, sizeof text, "0 %u 1", gid);
	fd = (int)NEED(open("/proc/self/gid_map", O_WRONLY));
	NEED(write(fd, text, strlen(text)));
	close(fd);
}

CASE(unmapped)
{
	R(unshare(CLONE_NEWUSER));
	say_ids();
	say_caps();
	say_file("/proc/self/uid_map");
	say_file("/proc/self/gid_map");
	say_file("/proc/self/setgroups");
	R(setuid(0));
	R(setgid(0));
	R(setgroups(0, NULL));
	R(setresuid(-1, -1, -1));
	V(setfsuid(-1));
	R(chown(".", 0, -1));
	R(chown(".", -1, -1));
	struct stat st;
	R(stat(".", &st));
	say("owner %u %u\n", st.st_uid, st.st_gid);
	R(unshare(CLONE_NEWUSER));
}

/* A file system of users who are not mapped has no files of theirs. */
CASE(unmapped_owner)
{
	NEED(mkdir("d", 0777));
	NEED(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	NEED(mount("t", "d", "tmpfs", 0, "mode=777"));
	R(mkdir("d/dir", 0700));
	R(open("d/file", O_CREAT | O_WRONLY, 0600));
	R(mknod("d/fifo", S_IFIFO | 0600, 0));
	R(symlink("x", "d/link"));
	R(mkdir("d", 0700));
	R(mkdir("other", 0700));
}

CASE(as_root)
{
	become_root();
	say_ids();
	say_caps();
	say_file("/proc/self/setgroups");
	R(setgroups(0, NULL));
	R(setuid(1));
	R(setuid(0));
	put_file("made", "x");
	struct stat st;
	R(stat("made", &st));
	say("owner %u %u\n", st.st_uid, st.st_gid);
	R(chown("made", 1, 1));
	R(chown("made", 0, 0));
	R(stat("/", &st));
	R(chmod("made", 06755));
	R(unlink("made"));
}

CASE(map_rules)
{
	char own[64], text[64];
	unsigned uid = geteuid();

	store("/proc/self/uid_map", "0 0 1");
	NEED(unshare(CLONE_NEWUSER));
	snprintf(own, sizeof own, "0 %u 1", uid);
	store("/proc/self/uid_map", "");
	store("/proc/self/uid_map", "\n");
	store("/proc/self/uid_map", "x");
	store("/proc/self/uid_map", "0");
	store("/proc/self/uid_map", "0 0");
	store("/proc/self/uid_map", "0 0 0");
	store("/proc/self/uid_map", "0 4294967295 1");
	store("/proc/self/uid_map", "4294967295 0 1");
	store("/proc/self/uid_map", "1 4294967290 10");
	store("/proc/self/uid_map", "0 0 1 1");
	store("/proc/self/uid_map", "0 0 1\n0 5 1");
	store("/proc/self/uid_map", "0 0 2\n5 1 2");
	store("/proc/self/uid_map", "0x0 0 1");
	store("/proc/self/gid_map", "0 12345 1");
	snprintf(text, sizeof text, "0 %u 1", getegid());
	int fd = (int)NEED(open("/proc/self/uid_map", O_WRONLY));
	V(lseek(fd, 1, SEEK_SET));
	R(write(fd, own, strlen(own)) == -1 ? -1 : 0);
	V(lseek(fd, 0, SEEK_SET));
	R(write(fd, own, strlen(own)) == -1 ? -1 : 0);
	R(write(fd, own, strlen(own)) == -1 ? -1 : 0);
	close(fd);
	fd = (int)NEED(open("/proc/self/uid_map", O_WRONLY));
	R(write(fd, own, strlen(own)) == -1 ? -1 : 0);
	close(fd);
	say_ids();
}

CASE(setgroups_rules)
{
	NEED(unshare(CLONE_NEWUSER));
	store("/proc/self/setgroups", "what");
	store("/proc/self/setgroups", "allowed");
	store("/proc/self/setgroups", "allow\n");
	store("/proc/self/setgroups", "deny  ");
	store("/proc/self/setgroups", "deny     ");
	store("/proc/self/setgroups", "allow");
	store("/proc/self/setgroups", "deny");
	say_file("/proc/self/setgroups");
	NEED(unshare(CLONE_NEWUSER) == -1 ? 0 : 0);
	say_file("/proc/self/setgroups");
}

CASE(projects)
{
	NEED(unshare(CLONE_NEWUSER));
	store("/proc/self/projid_map", "5 7 3");
	say_file("/proc/self/projid_map");
	store("/proc/self/projid_map", "5 7 3");
}

/* Its parent maps many. */
static int mapped_child(void *arg)
{
	struct baton *b = arg;

	NEED(unshare(CLONE_NEWUSER));
	give(&b[0]);
	take(&b[1]);
	say_file("/proc/self/uid_map");
	say_file("/proc/self/gid_map");
	say_ids();
	R(setgroups(2, (gid_t[]){ 3, 1 }));
	gid_t groups[4];
	R(getgroups(4, groups));
	V(groups[0]);
	V(groups[1]);
	R(setgroups(1, (gid_t[]){ 5000 }));
	R(setresgid(7, 8, 9));
	R(setresuid(1000, 1000, 7));
	say_ids();
	R(setresuid(-1, 8, -1));
	R(setuid(100000));
	R(setresuid(7, 7, 7));
	say_caps();
	put_file("other", "");
	struct stat st;
	NEED(stat("other", &st));
	say("owner %u %u\n", st.st_uid, st.st_gid);
	return 0;
}

CASE(many_ids)
{
	struct baton b[2] = { baton_new(), baton_new() };
	char path[64];

	need_root();
	NEED(chmod(".", 0777));
	pid_t pid = child(mapped_child, b);
	take(&b[0]);
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	int fd = (int)NEED(open(path, O_WRONLY));
	R(write(fd, "0 200000 900\n1000 0 1\n1001 300000 1000\n", 39));
	close(fd);
	snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
	fd = (int)NEED(open(path, O_WRONLY));
	R(write(fd, "0 200000 900\n1000 0 1\n1001 300000 1000\n", 39));
	close(fd);
	give(&b[1]);
	reap("child", pid);
	struct stat st;
	R(stat("other", &st));
	say("owner %u %u\n", st.st_uid, st.st_gid);
}

/* ---- nesting ---- */

CASE(deep)
{
	int depth = 0;

	become_root();
	while (depth < 40 && unshare(CLONE_NEWUSER) == 0) {
		int fd = (int)NEED(open("/proc/self/uid_map", O_WRONLY));
		NEED(write(fd, "0 0 1", 5));
		close(fd);
		fd = (int)NEED(open("/proc/self/gid_map", O_WRONLY));
		NEED(write(fd, "0 0 1", 5));
		close(fd);
		depth++;
	}
	say("%d: %s\n", depth, strerrorname_np(errno));
}

CASE(nested_ids)
{
	become_root();
	NEED(unshare(CLONE_NEWUSER));
	store("/proc/self/uid_map", "5 0 1");
	store("/proc/self/gid_map", "6 0 1");
	say_ids();
	say_file("/proc/self/uid_map");
	say_file("/proc/self/gid_map");
	NEED(unshare(CLONE_NEWUSER));
	store("/proc/self/uid_map", "7 6 1");
	store("/proc/self/uid_map", "7 5 1");
	say_ids();
}

/* ---- entering ---- */

static int pause_in_user_ns(void *arg)
{
	struct baton *b = arg;

	become_root();
	NEED(unshare(CLONE_NEWUTS));
	give(&b[0]);
	take(&b[1]);
	return 0;
}

CASE(enter)
{
	struct baton b[2] = { baton_new(), baton_new() };
	char path[64];
	uid_t owner;

	pid_t pid = child(pause_in_user_ns, b);
	take(&b[0]);
	snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
	int user = (int)NEED(open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/%d/ns/uts", pid);
	int uts = (int)NEED(open(path, O_RDONLY));
	X(ioctl(user, NS_GET_NSTYPE));
	R(ioctl(user, NS_GET_OWNER_UID, &owner));
	V(owner == geteuid());
	R(ioctl(uts, NS_GET_OWNER_UID, &owner));
	int of_uts = ioctl(uts, NS_GET_USERNS);
	V(of_uts >= 0);
	struct stat x, y;
	NEED(fstat(user, &x));
	NEED(fstat(of_uts, &y));
	V(x.st_ino == y.st_ino && x.st_dev == y.st_dev);
	int parent = ioctl(user, NS_GET_PARENT);
	V(parent >= 0);
	NEED(fstat(parent, &x));
	NEED(stat("/proc/self/ns/user", &y));
	V(x.st_ino == y.st_ino);
	R(ioctl(parent, NS_GET_PARENT));
	R(ioctl(uts, NS_GET_PARENT));
	R(setns(parent, CLONE_NEWUSER));
	R(setns(user, CLONE_NEWUTS));
	R(setns(user, CLONE_NEWUSER));
	say_ids();
	say_caps();
	R(setns(user, CLONE_NEWUSER));
	R(setns(parent, CLONE_NEWUSER));
	R(ioctl(parent, NS_GET_USERNS));
	R(ioctl(user, NS_GET_PARENT));
	R(setns(uts, 0));
	R(sethostname("within", 6));
	give(&b[1]);
	reap("child", pid);
}

CASE(refused)
{
	R(unshare(CLONE_NEWUSER | CLONE_FS) == -1 ? -1 : 0);
	R(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
	R(syscall(SYS_clone, CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, 0, 0, 0, 0));
}

CASE(chrooted)
{
	become_root();
	R(mkdir("root", 0755));
	R(chroot("root"));
	R(unshare(CLONE_NEWUSER));
}

/* ---- what counts where ---- */

CASE(outside)
{
	become_root();
	R(sethostname("x", 1));
	R(mknod("null", S_IFCHR | 0666, 0x103));
	R(mknod("fifo", S_IFIFO | 0666, 0));
	R(chroot("."));
	R(setpriority(PRIO_PROCESS, 0, -20));
	struct rlimit r;
	NEED(getrlimit(RLIMIT_NOFILE, &r));
	r.rlim_max++;
	R(setrlimit(RLIMIT_NOFILE, &r));
	R(mount("x", "/", "tmpfs", 0, NULL));
	R(umount2("/", 0));
}

CASE(uts_within)
{
	char name[65];

	become_root();
	R(unshare(CLONE_NEWUTS));
	R(sethostname("inner", 5));
	R(gethostname(name, sizeof name));
	say("%s\n", name);
}

static int nothing(void *arg)
{
	say_ids();
	say_caps();
	return 0;
}

CASE(clone_flags)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(nothing(NULL));
	reap("child", pid);
}

ROLE(ids)
{
	say_ids();
	say_caps();
}

CASE(exec_unmapped)
{
	pid_t pid = fork();

	if (pid == 0) {
		NEED(unshare(CLONE_NEWUSER));
		execl("/proc/self/exe", case_self, "role:ids", NULL);
		_exit(1);
	}
	reap("unmapped", pid);
}

CASE(exec_as_root)
{
	pid_t pid = fork();

	if (pid == 0) {
		become_root();
		execl("/proc/self/exe", case_self, "role:ids", NULL);
		_exit(1);
	}
	reap("root", pid);
}

/* ---- ids that travel ---- */

static int kill_parent(void *arg)
{
	become_root();
	return kill(getppid(), SIGUSR1) ? errno : 0;
}

CASE(signal_ids)
{
	siginfo_t si;
	sigset_t set = SET(SIGUSR1);

	block(set);
	pid_t pid = child(kill_parent, NULL);
	NEED(sigwaitinfo(&set, &si));
	V(si.si_uid == getuid());
	V(si.si_pid == pid);
	reap("child", pid);
	become_root();
	NEED(raise(SIGUSR1));
	NEED(sigwaitinfo(&set, &si));
	V(si.si_uid);
	NEED(unshare(CLONE_NEWUSER));
	NEED(kill(getpid(), SIGUSR1));
	NEED(sigwaitinfo(&set, &si));
	V(si.si_uid);
}

CASE(wait_ids)
{
	siginfo_t si;

	become_root();
	pid_t pid = fork();
	if (pid == 0) {
		(void)!unshare(CLONE_NEWUSER);
		_exit(0);
	}
	R(waitid(P_PID, pid, &si, WEXITED));
	V(si.si_uid);
}

static void receive(int fd)
{
	char byte, control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };

	NEED(recvmsg(fd, &m, 0));
	struct ucred *c = (struct ucred *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m));
	say("from %u %u\n", c->uid, c->gid);
}

static long send_as(int fd, uid_t uid)
{
	char byte = 0, control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&m);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_CREDENTIALS;
	cm->cmsg_len = CMSG_LEN(sizeof(struct ucred));
	*(struct ucred *)(void *)CMSG_DATA(cm) = (struct ucred){ getpid(), uid, getgid() };
	return sendmsg(fd, &m, 0);
}

CASE(socket_ids)
{
	int s[2], on = 1;
	struct ucred c;
	socklen_t len = sizeof c;

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	NEED(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	become_root();
	R(send_as(s[0], 0));
	receive(s[1]);
	R(send_as(s[0], 1));
	R(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &c, &len));
	say("peer %u %u\n", c.uid, c.gid);
	NEED(write(s[0], "", 1));
	NEED(unshare(CLONE_NEWUSER));
	receive(s[1]);
	R(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &c, &len));
	say("peer %u %u\n", c.uid, c.gid);
}

CASE(status_ids)
{
	char line[256];
	FILE *f;

	become_root();
	f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f)) {
		if (!strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) ||
		    !strncmp(line, "Cap", 3))
			say("%s", line);
	}
	struct stat st;
	R(stat("/proc/self", &st));
	say("%u %u\n", st.st_uid, st.st_gid);
}

CASE(ipc_ids)
{
	struct shmid_ds ds;

	become_root();
	R(unshare(CLONE_NEWIPC));
	int id = (int)NEED(shmget(IPC_PRIVATE, 4096, 0600 | IPC_CREAT));
	R(shmctl(id, IPC_STAT, &ds));
	say("%u %u %u %u\n", ds.shm_perm.uid, ds.shm_perm.gid, ds.shm_perm.cuid, ds.shm_perm.cgid);
	ds.shm_perm.uid = 5;
	R(shmctl(id, IPC_SET, &ds));
	ds.shm_perm.uid = 0;
	R(shmctl(id, IPC_SET, &ds));
	R(shmctl(id, IPC_RMID, NULL));
}

CASE(priorities)
{
	become_root();
	errno = 0;
	R(getpriority(PRIO_USER, 0) != -1 || !errno ? 0 : -1);
	R(getpriority(PRIO_USER, 77));
}

/* ---- mounts ---- */

static void own_mounts(void)
{
	become_root();
	NEED(unshare(CLONE_NEWNS));
}

CASE(mount_within)
{
	struct stat st;

	own_mounts();
	NEED(mkdir("m", 0755));
	R(mount("x", "m", "tmpfs", 0, "mode=0700"));
	NEED(stat("m", &st));
	say("owner %u %u\n", st.st_uid, st.st_gid);
	R(mount("x", "m", NULL, MS_REMOUNT, "size=1m"));
	R(mknod("m/null", S_IFCHR | 0666, 0x103));
	R(mkdir("m/b", 0755));
	R(mount("m", "m/b", NULL, MS_BIND, NULL));
	R(umount2("m/b", 0));
	R(umount2("m", 0));
	R(mount("x", "m", "tmpfs", 0, "uid=0,gid=0"));
	R(mount("x", "m", "tmpfs", 0, "uid=5"));
	R(mount("x", "m", "devtmpfs", 0, NULL));
	R(mount("x", "m", "proc", 0, NULL));
	R(mount("x", "m", "sysfs", 0, NULL));
	R(mount("x", "m", "devpts", 0, "newinstance"));
	R(umount2("m", 0));
	R(umount2("m", 0));
}

CASE(locked_mounts)
{
	need_root();
	NEED(unshare(CLONE_NEWNS));
	NEED(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	NEED(mkdir("top", 0755));
	NEED(mkdir("b", 0755));
	NEED(mount("x", "top", "tmpfs", MS_NODEV, NULL));
	NEED(mkdir("top/hidden", 0755));
	put_file("top/hidden/secret", "");
	NEED(mount("x", "top/hidden", "tmpfs", MS_RDONLY, NULL));
	own_mounts();
	R(umount2("top/hidden", 0));
	R(umount2("top/hidden", MNT_DETACH));
	R(umount2("top", MNT_DETACH));
	R(mount("top", "b", NULL, MS_BIND, NULL));
	R(mount(NULL, "top/hidden", NULL, MS_REMOUNT | MS_BIND, NULL));
	R(mount(NULL, "top", NULL, MS_REMOUNT | MS_BIND, NULL));
	R(mount(NULL, "top", NULL, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOSUID, NULL));
	R(mount(NULL, "top", NULL, MS_REMOUNT | MS_BIND | MS_NODEV | MS_NOATIME, NULL));
	R(mount(NULL, "top", NULL, MS_REMOUNT, NULL));
	R(mount("top/hidden", "b", NULL, MS_MOVE, NULL));
	R(mount("top", "b", NULL, MS_BIND | MS_REC, NULL));
	R(access("b/hidden/secret", F_OK));
	R(umount2("b/hidden", MNT_DETACH));
	NEED(chdir("b"));
	R(umount2("../b", MNT_DETACH));
	R(access("hidden", F_OK));
	R(access("hidden/secret", F_OK));
}

CASE(pivot_within)
{
	own_mounts();
	NEED(mkdir("new", 0755));
	NEED(mount("x", "new", "tmpfs", 0, NULL));
	NEED(mkdir("new/old", 0755));
	R(syscall(SYS_pivot_root, "new", "new/old"));
	NEED(chdir("/"));
	R(umount2("old", MNT_DETACH));
	R(rmdir("old"));
	R(access("/proc", F_OK));
	R(unshare(CLONE_NEWUSER));
}

CASE(limits)
{
	become_root();
	store("/proc/sys/user/max_user_namespaces", "1");
	say_file("/proc/sys/user/max_user_namespaces");
	pid_t pid = fork();
	if (pid == 0) {
		R(unshare(CLONE_NEWUSER));
		R(unshare(CLONE_NEWUSER));
		_exit(0);
	}
	reap("child", pid);
	store("/proc/sys/user/max_user_namespaces", "0");
	R(unshare(CLONE_NEWUSER));
}
