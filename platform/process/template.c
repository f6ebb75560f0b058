/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The template: how it comes to be, with as few rights as the host lets it have.
 *
 * Before it executes the stub's image: a process group of its own (a key pressed at the terminal is
 * the monitor's to pass on), no descriptor but the three it works with, no core files, no new
 * privileges, no file system (Landlock). The image then drops capabilities and, for root, the user,
 * forbids others to look into it, and filters its own system calls (stub/stub.S). What the host
 * refuses is done without: the filter alone is the boundary. docs/security.md has the reasons, and
 * those against namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/clone.h"
#include "host/thread.h"
#include "platform/process/process.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

#define NPROC_ENOUGH 32768 /* guest threads, over all sandboxes of the host */

extern const char stub_image[], stub_image_end[];

/* Without MFD_EXEC (Linux 6.3) vm.memfd_noexec decides whether it can be executed. */
int stub_memfd(void)
{
	int fd = memfd_create("hl-stub", MFD_CLOEXEC | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("hl-stub", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int image_fd(void)
{
	size_t size = (size_t)(stub_image_end - stub_image);
	int fd = stub_memfd();
	if (fd < 0)
		return fd;
	if (write(fd, stub_image, size) != (ssize_t)size) {
		close(fd);
		return -EIO;
	}
	return fd;
}

struct template_start {
	int image, control, socket;
};

/* ---- in the child, which shares our memory until execveat: only raw system calls on its own
 * stack. Its descriptors are its own, and what the thread sanitizer knows of them is ours: its
 * wrappers must not see what the child does with them, beside what other threads do with ours. */

static void child_close(int fd)
{
	(void)syscall(SYS_close, fd);
}

static void child_dup(int fd, int as)
{
	(void)syscall(SYS_dup2, fd, as);
}

/* One of /proc/self/fd's entries a time, for hosts that deny close_range(2). */
static int close_listed(int dir, int keep)
{
	struct {
		uint64_t ino, off;
		uint16_t len;
		uint8_t type;
		char name[];
	} * d;
	char buf[1024] __attribute__((aligned(8)));
	long n;

	while ((n = syscall(SYS_getdents64, dir, buf, sizeof buf)) > 0) {
		for (long at = 0; at < n; at += d->len) {
			int fd = 0;
			d = (void *)(buf + at);
			for (const char *c = d->name; *c >= '0' && *c <= '9'; c++)
				fd = fd * 10 + (*c - '0');
			if (fd >= STUB_FD_PASSED && fd != keep && fd != dir)
				child_close(fd);
		}
	}
	child_close(dir);
	return n < 0 ? -errno : 0;
}

static int close_others(int keep)
{
	if (syscall(SYS_close_range, STUB_FD_PASSED, keep - 1, 0) == 0 &&
	    syscall(SYS_close_range, keep + 1, ~0U, 0) == 0)
		return 0;
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -errno : close_listed(dir, keep);
}

static void limit(int resource, rlim_t value)
{
	const struct rlimit r = { value, value };
	(void)setrlimit(resource, &r);
}

/* Another user's processes are not ours to signal without CAP_KILL: then it had better stay who it
 * is. */
static bool may_change_user(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const uint32_t need = 1U << CAP_KILL | 1U << CAP_SETUID | 1U << CAP_SETGID;
	return syscall(SYS_capget, &head, data) == 0 && (data[0].effective & need) == need;
}

/* RLIMIT_NPROC does not bind root, but binds who it is to become, over all processes of that user
 * (getrlimit(2)). */
static bool has_room_for_threads(void)
{
	struct rlimit r;
	limit(RLIMIT_NPROC, RLIM_INFINITY);
	return getrlimit(RLIMIT_NPROC, &r) == 0 && r.rlim_cur >= NPROC_ENOUGH;
}

/* Landlock with no rule at all: of what this version of it knows, nothing is allowed. */
static void drop_files(void)
{
	static const uint64_t fs_rights[] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff };
	struct {
		uint64_t fs, net, scoped;
	} rules = { 0 };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return;
	rules.fs = fs_rights[abi < 5 ? abi : 5];
	rules.net = abi >= 4 ? 3 : 0;
	rules.scoped = abi >= 6 ? 3 : 0;
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return;
	(void)syscall(SYS_landlock_restrict_self, fd, 0);
	child_close(fd);
}

static int template_child(void *arg)
{
	const struct template_start *ts = arg;
	static const char *const keeps_user[] = { "hl-stub", NULL }, *const drops_user[] = {
		"hl-stub", "-", NULL
	};

	/* Above all target numbers first, so that none is overwritten before it is moved. */
	int control = fcntl(ts->control, F_DUPFD, 16), socket = fcntl(ts->socket, F_DUPFD, 16);
	int image = fcntl(ts->image, F_DUPFD_CLOEXEC, 16);
	if (control < 0 || socket < 0 || image < 0)
		_exit(1);
	child_dup(control, STUB_FD_ARENA); /* it has none: each stub gets its machine's */
	child_dup(control, STUB_FD_CONTROL);
	child_dup(socket, STUB_FD_SOCKET);
	if (close_others(image) < 0)
		_exit(1);
	/* Not a session of its own: that would make it a scheduling group of its own (sched(7),
	 * autogroup), and on a busy host each hand-over between monitor and stub slow. */
	setpgid(0, 0);
	limit(RLIMIT_CORE, 0);
	bool drop = may_change_user() && has_room_for_threads();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(1);
	drop_files();
	/* The image changes the user, not we: that would make the memory we share undumpable
	 * (credentials(7)). */
	syscall(SYS_execveat, image, "", drop ? drops_user : keeps_user, keeps_user + 1,
		AT_EMPTY_PATH);
	_exit(1);
}

/* ---- in the monitor */

static int template_clone(struct nursery *n, struct template_start *ts)
{
	size_t size = 64 << 10;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		return -ENOMEM;
	sigset_t old;
	host_signals_block(&old);
	int pidfd = -1;
	pid_t pid = clone(template_child, stack + size,
			  CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, ts, &pidfd);
	int err = pid < 0 ? -errno : 0;
	host_signals_restore(&old);
	munmap(stack, size);
	n->template.pid = pid;
	n->template.pidfd = pidfd;
	return err;
}

/* Its first answer tells that it has emptied itself. */
static int await_template(struct nursery *n)
{
	char byte;
	ssize_t len;
	do {
		len = recv(n->template.socket, &byte, 1, 0);
	} while (len < 0 && errno == EINTR);
	return len == 1 && byte == 0 ? 0 : -EIO;
}

static int start_image(struct nursery *n, int image)
{
	int pair[2];
	int err = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (err)
		return err;
	struct template_start ts = { .image = image, .control = n->control_fd, .socket = pair[1] };
	n->template.socket = pair[0];
	err = template_clone(n, &ts);
	close(pair[1]);
	return err ? err : await_template(n);
}

void template_end(struct nursery *n)
{
	struct stub *t = &n->template;
	if (t->pid > 0) {
		stub_kill(t);
		waitid(P_PIDFD, (id_t)t->pidfd, NULL, WEXITED);
	}
	if (t->socket >= 0)
		close(t->socket);
	if (t->pidfd >= 0)
		close(t->pidfd);
	t->pid = 0;
	t->socket = t->pidfd = -1;
}

/* A process can be ended from outside at any moment, as the host does when it is out of memory.
 * Once in a lifetime that is no reason to give up. */
int template_start(struct nursery *n)
{
	int image = image_fd();
	if (image < 0)
		return image;
	int err = start_image(n, image);
	if (err == -EIO) {
		template_end(n);
		err = start_image(n, image);
	}
	close(image);
	return err;
}
