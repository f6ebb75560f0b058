/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ordinary open stays on the mount of its directory (RESOLVE_NO_XDEV), so that one host call is
 * all it takes and no check is needed. Only a path that does cross a mount takes the long way: the
 * directory of its last name is opened as a mere reference, its file system looked at, and the rest
 * opened from there. Nothing with a side effect (O_CREAT, O_TRUNC, opening at all) happens before
 * the look.
 */
#include "host/beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>

#include "host/fdpath.h"
#include "host/hostcall.h"

#define RESOLVE_CONTAINED (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

#define MQUEUE_MAGIC   0x19800202
#define CONFIGFS_MAGIC 0x62656570
#define FUSECTL_MAGIC  0x65735543
#define RPC_PIPEFS     0x67596969
#define NFSD_MAGIC     0x6e667364

static const long forbidden[] = {
	PROC_SUPER_MAGIC, SYSFS_MAGIC,        DEBUGFS_MAGIC,       TRACEFS_MAGIC,
	SECURITYFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,
	EFIVARFS_MAGIC,   PSTOREFS_MAGIC,     SELINUX_MAGIC,       SMACK_MAGIC,
	BINFMTFS_MAGIC,   DEVPTS_SUPER_MAGIC, MQUEUE_MAGIC,        CONFIGFS_MAGIC,
	FUSECTL_MAGIC,    RPC_PIPEFS,         NFSD_MAGIC,          NSFS_MAGIC,
};

#define RENAME_RACE_TRIES 64

/* -EAGAIN: a rename or mount elsewhere raced with a ".." of ours; the manual page says to try
 * again. */
static int openat2_retry(int dirfd, const char *names, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.mode = mode,
				.resolve = resolve };
	long fd = -EAGAIN;

	if (!(flags & O_PATH))
		how.flags |= O_NOCTTY;
	for (int i = 0; i < RENAME_RACE_TRIES && fd == -EAGAIN; i++)
		fd = host_call(SYS_openat2, dirfd, names, &how, sizeof how);
	return (int)fd;
}

bool beneath_forbidden(int fd)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return true;
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
		if (st.f_type == forbidden[i])
			return true;
	return false;
}

/* A reference to names below dirfd, whatever mounts lie between, unless it ends where it must
 * not. */
static int reference_across(int dirfd, const char *names, int flags)
{
	int fd = openat2_retry(dirfd, names, O_PATH | flags, 0, RESOLVE_CONTAINED);

	if (fd >= 0 && beneath_forbidden(fd)) {
		host_close(fd);
		return -EACCES;
	}
	return fd;
}

/* `names` is a directory that must be reached by all of its names: a mount point, or "..". */
static int open_reached(int dirfd, const char *names, int flags)
{
	int ref = reference_across(dirfd, names, flags & (O_DIRECTORY | O_NOFOLLOW));

	if (ref < 0 || flags & O_PATH)
		return ref;
	int fd = flags & O_CREAT && flags & O_EXCL
		     ? -EEXIST
		     : fdpath_reopen(ref, flags & ~(O_CREAT | O_NOFOLLOW));
	host_close(ref);
	return fd;
}

static int open_across(int dirfd, const char *names, int flags, mode_t mode)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(names, '/');
	int above = dirfd;

	if (slash && strcmp(slash, "/..") == 0)
		return open_reached(dirfd, names, flags);
	if (slash) {
		size_t len = (size_t)(slash - names);
		if (len >= sizeof parent)
			return -ENAMETOOLONG;
		memcpy(parent, names, len);
		parent[len] = '\0';
		above = reference_across(dirfd, parent, O_DIRECTORY);
		names = slash + 1;
	}
	if (above < 0)
		return above;
	int fd = openat2_retry(above, names, flags, mode, RESOLVE_CONTAINED | RESOLVE_NO_XDEV);
	if (fd == -EXDEV)
		fd = open_reached(above, names, flags);
	if (above != dirfd)
		host_close(above);
	return fd;
}

int beneath_open(int dirfd, const char *names, int flags, mode_t mode)
{
	int fd = openat2_retry(dirfd, names, flags, mode, RESOLVE_CONTAINED | RESOLVE_NO_XDEV);

	return fd == -EXDEV ? open_across(dirfd, names, flags, mode) : fd;
}

int beneath_parent(int dirfd)
{
	return (int)host_ret(openat(dirfd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
}
