/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock, in as far as the host's version of it goes (landlock(7)). Two layers: one before the
 * sandbox's own processes are made, so that they are inside and can be signalled; one when it is
 * known which files the sandbox has.
 *
 * A process with any layer neither changes mounts nor looks into processes outside (ptrace(2),
 * /proc/PID/mem, environ, fd), whoever's they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "host/hostcall.h"
#include "jail/jail.h"

/* What headers of Linux 6.1 do not have. */
#define FS_TRUNCATE    (1ULL << 14) /* version 3 */
#define FS_IOCTL_DEV   (1ULL << 15) /* 5 */
#define NET_BIND       (1ULL << 0)  /* 4 */
#define NET_CONNECT    (1ULL << 1)
#define SCOPE_ABSTRACT (1ULL << 0) /* 6 */
#define SCOPE_SIGNAL   (1ULL << 1)

/* struct landlock_ruleset_attr of newer headers, which the host reads. */
struct ruleset_abi {
	uint64_t fs, net, scoped;
};

#define FS_OF_FILES                                                                                \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE |              \
	 LANDLOCK_ACCESS_FS_EXECUTE | FS_IOCTL_DEV)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                 \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                              \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER |   \
	 FS_TRUNCATE)

/* -errno where there is none. */
static long version(void)
{
	static _Atomic long known;

	if (!known)
		known = host_call(SYS_landlock_create_ruleset, NULL, 0,
				  LANDLOCK_CREATE_RULESET_VERSION);
	return known;
}

static int create(const struct ruleset_abi *a, long v)
{
	/* An older kernel does not know the later fields. */
	size_t size = v >= 6 ? 24 : v >= 4 ? 16 : 8;

	return (int)host_call(SYS_landlock_create_ruleset, a, size, 0);
}

int jail_landlock_enter(int ruleset)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return (int)host_call(SYS_landlock_restrict_self, ruleset, 0);
}

static int add_rule(int ruleset, int fd, uint64_t access)
{
	const struct landlock_path_beneath_attr rule = { .allowed_access = access,
							 .parent_fd = fd };

	return (int)host_call(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* Where one layer of a process's is about files, each of them refuses links and renames from one
 * directory to another, also one that is about something else (seen with Linux 6.18): it has to
 * allow that itself, everywhere. */
static int allow_links(int ruleset)
{
	int fd = open("/", O_PATH | O_CLOEXEC);
	int err = fd < 0 ? -errno : add_rule(ruleset, fd, LANDLOCK_ACCESS_FS_REFER);

	host_close(fd);
	return err;
}

int jail_landlock_scope(const struct jail_config *jc)
{
	long v = version();
	const bool more_comes = jc->private_world && v >= 2;
	const struct ruleset_abi a = {
		.fs = more_comes ? LANDLOCK_ACCESS_FS_REFER : 0,
		.net = !jc->network && !jc->netns && v >= 4 ? NET_BIND | NET_CONNECT : 0,
		.scoped = v >= 6 ? SCOPE_ABSTRACT | SCOPE_SIGNAL : 0,
	};

	if (v < 0)
		return (int)v;
	if (!a.net && !a.scoped)
		return -EOPNOTSUPP;
	int fd = create(&a, v);
	int err = fd < 0 ? fd : more_comes ? allow_links(fd) : 0;
	if (!err)
		err = jail_landlock_enter(fd);
	host_close(fd);
	return err ? err : a.scoped ? 0 : -EOPNOTSUPP;
}

/* Version 1 lets nobody link or rename from one directory to another. */
int jail_landlock_files(void)
{
	static const uint64_t handled[] = { 0x3fff, 0x7fff, 0x7fff, 0xffff };
	long v = version();

	if (v < 2)
		return v < 0 ? (int)v : -EOPNOTSUPP;
	return create(&(struct ruleset_abi){ .fs = handled[v < 5 ? v - 2 : 3] }, v);
}

int jail_landlock_allow(int ruleset, int fd, bool directory, enum jail_access access)
{
	uint64_t rights = access == JAIL_READ ? FS_READ : FS_WRITE;

	if (access == JAIL_WHITEOUTS)
		rights |= LANDLOCK_ACCESS_FS_MAKE_CHAR;
	if (rights & FS_TRUNCATE && version() < 3)
		rights &= ~FS_TRUNCATE;
	if (!directory)
		rights &= FS_OF_FILES;
	int err = add_rule(ruleset, fd, rights);
	/* That is a file which no path leads to: Landlock has nothing to say about it. */
	return err == -EBADFD ? 0 : err;
}

/* What the host has not got, nobody reads there. */
static int allow_told(int ruleset, const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 ? 0 : jail_landlock_allow(ruleset, fd, true, JAIL_READ);

	host_close(fd);
	return err;
}

int jail_landlock_allow_told(int ruleset)
{
	int err = allow_told(ruleset, "/proc");

	return err ? err : allow_told(ruleset, "/sys");
}
