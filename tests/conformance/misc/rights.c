/* SPDX-License-Identifier: Apache-2.0 */
/* What takes a capability, asked of threads that have it and of threads that do not. */
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "case.h"

static void drop_capability(int cap)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	NEED(syscall(SYS_capget, &h, d));
	d[cap / 32].effective &= ~(1U << (cap % 32));
	NEED(syscall(SYS_capset, &h, d));
}

static void become_nobody(void)
{
	NEED(setresgid(65534, 65534, 65534));
	NEED(setresuid(65534, 65534, 65534));
}

static int link_as_nobody(void *arg)
{
	int fd = *(int *)arg;

	become_nobody();
	R(linkat(fd, "", AT_FDCWD, "handed", AT_EMPTY_PATH));
	fd = (int)NEED(open("own", O_CREAT | O_RDWR, 0600));
	R(linkat(fd, "", AT_FDCWD, "linked", AT_EMPTY_PATH));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		R(linkat(fd, "", AT_FDCWD, "inherited", AT_EMPTY_PATH));
		_exit(0);
	}
	reap("child", pid);
	return 0;
}

CASE(link_by_descriptor)
{
	need_root();
	NEED(chmod(".", 0777));
	int fd = (int)NEED(open("roots", O_CREAT | O_RDWR, 0666));
	NEED(fchmod(fd, 0666));
	in_child("nobody", link_as_nobody, &fd);
	R(linkat(fd, "", AT_FDCWD, "by root", AT_EMPTY_PATH));
	R(linkat(AT_FDCWD, "", AT_FDCWD, "cwd", AT_EMPTY_PATH));
}

ROLE(effective_user)
{
	say("uid %d euid %d\n", getuid(), geteuid());
	OK(open("private", O_RDWR));
}

static int run_program(void *arg)
{
	char role[] = "role:effective_user", *argv[] = { case_self, role, NULL };

	execv("./prog", argv);
	return 9;
}

static int run_with_shared_fs(void *arg)
{
	static char stack[65536] __attribute__((aligned(16)));

	become_nobody();
	in_child("alone", run_program, NULL);
	pid_t pid = (pid_t)NEED(clone(run_program, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL));
	reap("shared", pid);
	return 0;
}

/* Who can move a program's root and working directory does not lend it rights. */
CASE(set_user_id_and_shared_fs)
{
	char cmd[PATH_MAX + 64];

	need_root();
	NEED(chmod(".", 0755));
	snprintf(cmd, sizeof cmd, "cp '%s' prog && chmod 4755 prog", case_self);
	NEED(system(cmd) ? -1 : 0);
	put_file("private", "x");
	NEED(chmod("private", 0600));
	in_child("nobody", run_with_shared_fs, NULL);
}

static void use_attributes(const char *path)
{
	char b[256];

	R(setxattr(path, "trusted.a", "1", 1, 0));
	R(getxattr(path, "trusted.a", b, sizeof b));
	R(listxattr(path, b, sizeof b));
	R(listxattr(path, NULL, 0));
	R(setxattr(path, "security.a", "1", 1, 0));
	R(removexattr(path, "security.a"));
	R(removexattr(path, "trusted.a"));
}

CASE(attributes_of_the_trusted)
{
	need_root();
	put_file("file", "x");
	use_attributes("file");
	NEED(setxattr("file", "trusted.b", "1", 1, 0));
	drop_capability(CAP_SYS_ADMIN);
	use_attributes("file");
	R(getxattr("file", "trusted.b", NULL, 0));
}

CASE(truncate_of_proc_files)
{
	need_root();
	R(truncate("/proc/cpuinfo", 5));
	become_nobody();
	R(truncate("/proc/cpuinfo", 5));
	R(truncate("/proc/sys/kernel/hostname", 0));
}

/* The memory of a process goes with it, whoever has it open. */
CASE(memory_of_the_dead)
{
	static char secret[] = "secret";
	char path[64], b[8] = "";
	struct baton hold = baton_new();

	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		take(&hold);
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d/mem", pid);
	int fd = (int)NEED(open(path, O_RDWR));
	R(pread(fd, b, 6, (off_t)(uintptr_t)secret));
	say("%s\n", b);
	give(&hold);
	reap("child", pid);
	R(pread(fd, b, 6, (off_t)(uintptr_t)secret));
	R(pwrite(fd, b, 6, (off_t)(uintptr_t)secret));
}

CASE(securebits)
{
	need_root();
	R(prctl(PR_SET_SECUREBITS, 1 << 30, 0, 0, 0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0));
	R(prctl(PR_GET_KEEPCAPS));
	R(prctl(PR_SET_KEEPCAPS, 0));
	X(prctl(PR_GET_SECUREBITS));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0));
	R(prctl(PR_SET_KEEPCAPS, 1));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED, 0, 0,
		0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0));
	X(prctl(PR_GET_SECUREBITS));
	drop_capability(CAP_SETPCAP);
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0));
}

/* Capabilities kept over a change of user are the thread's own affair. */
CASE(keep_capabilities)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	need_root();
	R(prctl(PR_SET_KEEPCAPS, 1));
	become_nobody();
	NEED(syscall(SYS_capget, &h, d));
	say("permitted %d effective %d\n", d[0].permitted != 0, d[0].effective != 0);
	R(prctl(PR_SET_KEEPCAPS, 2));
}

CASE(prctl_of_others_memory)
{
	need_root();
	become_nobody();
	R(prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0));
	R(prctl(PR_SET_TSC, PR_TSC_ENABLE));
	R(prctl(PR_SET_TSC, 7));
}

CASE(timer_slack)
{
	R(prctl(PR_SET_TIMERSLACK, 70000));
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		R(prctl(PR_SET_TIMERSLACK, 1234));
		R(prctl(PR_SET_TIMERSLACK, 0));
		R(prctl(PR_GET_TIMERSLACK));
		_exit(0);
	}
	reap("child", pid);
	R(prctl(PR_SET_TIMERSLACK, 0));
	R(prctl(PR_GET_TIMERSLACK));
}

CASE(namespaces_without_capability)
{
	static const int flags[] = { CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,
				     CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP };

	need_root();
	become_nobody();
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		say("0x%x\n", flags[i]);
		R(syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0));
		R(unshare(flags[i]));
	}
	R(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
	R(syscall(SYS_clone, CLONE_NEWPID | CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
	R(unshare(1 << 30 | CLONE_PARENT));
}

CASE(clone3_flags)
{
	struct clone_args a = { .exit_signal = SIGCHLD };

	for (int bit = 34; bit < 64; bit++) {
		a.flags = 1UL << bit;
		if (syscall(SYS_clone3, &a, sizeof a) != -1 || errno != EINVAL)
			say("bit %d\n", bit);
	}
	a.flags = 0x40;
	R(syscall(SYS_clone3, &a, sizeof a));
}

/* Only children that were waited for are counted. */
CASE(usage_of_children_nobody_waits_for)
{
	struct rusage ru;

	signal(SIGCHLD, SIG_IGN);
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		for (volatile long i = 0; i < 30000000; i++)
			;
		_exit(0);
	}
	R(waitpid(-1, NULL, 0));
	NEED(getrusage(RUSAGE_CHILDREN, &ru));
	say("%ld.%06ld %ld\n", (long)ru.ru_utime.tv_sec, (long)ru.ru_utime.tv_usec, ru.ru_minflt);
}

static void say_lines(const char *path, const char *const *keys)
{
	char line[512];
	FILE *f = fopen(path, "r");

	NEED(f ? 0 : -1);
	while (fgets(line, sizeof line, f))
		for (int i = 0; keys[i]; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0)
				say("%s", line);
	fclose(f);
}

CASE(status_of_a_zombie)
{
	char path[64];
	siginfo_t si;

	need_root();
	pid_t pid = (pid_t)NEED(fork());
	if (pid == 0) {
		NEED(setresuid(12, 13, 14));
		_exit(0);
	}
	NEED(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	V(si.si_uid);
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	say_lines(path, (const char *const[]){ "State", "Uid", "Threads", NULL });
}

static void set_options(void)
{
	static const struct {
		const char *what;
		int level, name, value;
	} options[] = {
		{ "SO_MARK", SOL_SOCKET, SO_MARK, 7 },
		{ "SO_PRIORITY 6", SOL_SOCKET, SO_PRIORITY, 6 },
		{ "SO_PRIORITY 7", SOL_SOCKET, SO_PRIORITY, 7 },
		{ "SO_DEBUG", SOL_SOCKET, SO_DEBUG, 1 },
		{ "SO_RCVBUFFORCE", SOL_SOCKET, SO_RCVBUFFORCE, 10000 },
		{ "SO_SNDBUFFORCE", SOL_SOCKET, SO_SNDBUFFORCE, 10000 },
		{ "IP_TRANSPARENT", IPPROTO_IP, IP_TRANSPARENT, 1 },
	};
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		int r = setsockopt(s, options[i].level, options[i].name, &options[i].value,
				   sizeof(int));
		say("%s: %s\n", options[i].what, r ? strerrorname_np(errno) : "ok");
	}
	close(s);
}

CASE(socket_options)
{
	need_root();
	set_options();
	drop_capability(CAP_NET_ADMIN);
	set_options();
	drop_capability(CAP_NET_RAW);
	set_options();
	become_nobody();
	set_options();
}

CASE(kernel_log)
{
	char b[16];

	need_root();
	drop_capability(CAP_SYSLOG);
	become_nobody();
	R(syscall(SYS_syslog, 2, b, sizeof b));
	R(syscall(SYS_syslog, 5, NULL, 0));
	R(syscall(SYS_syslog, 77, b, 1));
}

CASE(names_of_the_system)
{
	need_root();
	become_nobody();
	R(sethostname("x", 1));
	R(setdomainname("x", 1));
	R(syscall(SYS_sethostname, "x", -1));
}

static char secret_word[] = "word";

static void look_into(pid_t pid)
{
	static const char *const files[] = { "environ", "mem", "maps", "auxv" };
	struct iovec from = { secret_word, 4 }, to = { (char[4]){ 0 }, 4 };
	char path[64];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
		int fd = open(path, O_RDONLY);
		say("%s: %s\n", files[i], fd == -1 ? strerrorname_np(errno) : "ok");
		close(fd);
	}
	R(process_vm_readv(pid, &to, 1, &from, 1, 0));
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	OK(syscall(SYS_pidfd_getfd, fd, 1, 0));
}

static pid_t waiting_child(void)
{
	pid_t pid = (pid_t)NEED(fork());

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void drop_all(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	NEED(syscall(SYS_capset, &h, d));
}

/* Who has fewer capabilities cannot look into a process of the same user; files ask the file system
 * ids, calls the real. */
CASE(looking_into_others)
{
	need_root();
	pid_t pid = waiting_child();
	say("same\n");
	look_into(pid);
	drop_all();
	say("fewer capabilities\n");
	look_into(pid);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
	pid = waiting_child();
	say("as few\n");
	look_into(pid);
	NEED(kill(pid, SIGKILL));
	reap("child", pid);
}

static void say_mode(const char *what, int fd)
{
	struct stat st;

	NEED(fstat(fd, &st));
	say("%s: mode %o\n", what, st.st_mode & 07777);
}

/* What a descriptor is used for asks the user of the moment, not the one who opened it. */
CASE(descriptors_of_former_users)
{
	int flags = 0x10; /* FS_IMMUTABLE_FL */

	need_root();
	for (int i = 0; i < 2; i++) {
		int fd =
		    (int)NEED(open(i ? "/dev/shm/of-root" : "of-root", O_CREAT | O_RDWR, 0600));
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0) {
			NEED(fchmod(fd, 06755));
			become_nobody();
			R(write(fd, "x", 1));
			say_mode("written", fd);
			_exit(0);
		}
		reap("writer", pid);
		pid = (pid_t)NEED(fork());
		if (pid == 0) {
			NEED(fchmod(fd, 06755));
			become_nobody();
			R(ftruncate(fd, 5));
			say_mode("truncated", fd);
			R(fchmod(fd, 0600));
			R(fchown(fd, 65534, -1));
			R(futimens(fd, (const struct timespec[2]){ { 1, 1 }, { 1, 1 } }));
			V(ioctl(fd, 0x40086602, &flags) == 0); /* FS_IOC_SETFLAGS */
			_exit(0);
		}
		reap("changer", pid);
		close(fd);
	}
	unlink("/dev/shm/of-root");
}

static int use_files_of_others(void *arg)
{
	become_nobody();
	OK(open("/dev/shm/protected/file", O_CREAT | O_RDWR, 0600));
	OK(open("/dev/shm/protected/file", O_RDWR));
	OK(open("/dev/shm/protected/fifo", O_CREAT | O_RDWR, 0600));
	R(link("/dev/shm/protected/private", "/dev/shm/protected/linked"));
	R(link("/dev/shm/protected/file", "/dev/shm/protected/copied"));
	OK(open("/dev/shm/protected/symlink", O_RDONLY));
	return 0;
}

static void say_setting(const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", name);
	say_file(path);
}

/* In directories that all may write: the host's settings hold. */
CASE(protected_files)
{
	need_root();
	NEED(mkdir("/dev/shm/protected", 0700));
	NEED(chmod("/dev/shm/protected", 01777));
	NEED(chown("/dev/shm/protected", 3, 3));
	put_file("/dev/shm/protected/file", "x");
	NEED(chmod("/dev/shm/protected/file", 0666));
	put_file("/dev/shm/protected/private", "x");
	NEED(mkfifo("/dev/shm/protected/fifo", 0666));
	NEED(chmod("/dev/shm/protected/fifo", 0666));
	NEED(symlink("file", "/dev/shm/protected/symlink"));
	in_child("nobody", use_files_of_others, NULL);
	say_setting("symlinks");
	say_setting("hardlinks");
	say_setting("fifos");
	say_setting("regular");
	NEED(system("rm -r /dev/shm/protected"));
}

/* Who became somebody else keeps what it has in memory from others of that user, its own files in
 * /proc included. */
CASE(memory_of_former_users)
{
	static const char *const files[] = { "fd",   "fdinfo", "maps", "environ", "mem", "stat",
					     "auxv", "task",   "exe",  "comm",    "io" };
	char path[64];
	struct stat st;
	int sig = -1;

	need_root();
	NEED(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	NEED(setresgid(1000, 1000, 1000));
	R(prctl(PR_GET_DUMPABLE));
	NEED(prctl(PR_GET_PDEATHSIG, &sig));
	V(sig);
	R(prctl(PR_SET_DUMPABLE, 1));
	NEED(setfsuid(1000) ? -1 : 0);
	R(prctl(PR_GET_DUMPABLE));
	NEED(setresuid(1000, 1000, 1000));
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "/proc/self/%s", files[i]);
		int fd = open(path, O_RDONLY);
		say("%s: %s", files[i], fd == -1 ? strerrorname_np(errno) : "ok");
		close(fd);
		NEED(lstat(path, &st));
		say(", of %d\n", st.st_uid);
	}
	OK(open("/proc/self/fd/1", O_WRONLY));
	OK(open("/proc/self/comm", O_WRONLY));
	R(prctl(PR_SET_DUMPABLE, 1));
	OK(open("/proc/self/environ", O_RDONLY));
}
