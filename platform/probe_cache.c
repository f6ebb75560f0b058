/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps one measured number in a file until the machine boots again. The directory may be open to
 * other users, so the file is trusted only when nobody else could have put it there. See the
 * header.
 */
#include "platform/probe_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/hostfile.h"

#define VALUE_MAX 1000000000UL

/* ---- where ---- */

#define NR_PLACES 3

/* The directory of place `i`; false: there is none. */
static bool place(unsigned i, char *dir, size_t size)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

	switch (i) {
	case 0:
		return runtime && runtime[0] == '/' &&
		       snprintf(dir, size, "%s", runtime) < (int)size;
	case 1: return snprintf(dir, size, "/run/user/%u", (unsigned)geteuid()) < (int)size;
	default: return snprintf(dir, size, "/tmp") < (int)size;
	}
}

/* Can nobody but us, and root, take a file of ours away there or put another in its place? */
static bool directory_is_safe(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	if (st.st_uid == geteuid() && !(st.st_mode & 022))
		return true;
	return st.st_uid == 0 && st.st_mode & S_ISVTX;
}

/* The first place that is safe, in pc->dir; its file in pc->path. */
static int find_place(struct probe_cache *pc)
{
	for (unsigned i = 0; i < NR_PLACES; i++) {
		if (!place(i, pc->dir, sizeof pc->dir) || !directory_is_safe(pc->dir))
			continue;
		int n = snprintf(pc->path, sizeof pc->path, "%s/hl-kvm-%u", pc->dir,
				 (unsigned)geteuid());
		if (n < (int)sizeof pc->path)
			return 0;
	}
	pc->path[0] = '\0';
	return -ENOENT;
}

/* ---- what the number holds for ---- */

static int boot_id(char out[37])
{
	return hostfile_read("/proc/sys/kernel/random/boot_id", out, 37) == 36 ? 0 : -ENOENT;
}

static int make_key(struct probe_cache *pc, const char *device)
{
	char boot[37];
	struct utsname u;
	struct stat st;

	if (boot_id(boot) < 0 || uname(&u) < 0 || stat(device, &st) < 0)
		return -ENOENT;
	int n =
	    snprintf(pc->key, sizeof pc->key, "hl %s linux %s boot %s device %lx:%lx:%lx exit_ns ",
		     HL_VERSION, u.release, boot, (unsigned long)st.st_dev,
		     (unsigned long)st.st_ino, (unsigned long)st.st_rdev);
	return n < (int)sizeof pc->key ? 0 : -ENOENT;
}

/* ---- reading ---- */

static bool file_is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 077) && st.st_nlink == 1;
}

/* The whole text is the key, a number and a newline. */
static int parse(const struct probe_cache *pc, const char *text, uint64_t *value)
{
	size_t len = strlen(pc->key);
	uint64_t v = 0;

	if (strncmp(text, pc->key, len) != 0)
		return -ENOENT;
	for (text += len; *text >= '0' && *text <= '9' && v < VALUE_MAX; text++)
		v = v * 10 + (uint64_t)(*text - '0');
	if (strcmp(text, "\n") != 0 || v == 0 || v > VALUE_MAX)
		return -ENOENT;
	*value = v;
	return 0;
}

static int read_file(const struct probe_cache *pc, uint64_t *value)
{
	char text[sizeof pc->key + 32];
	ssize_t n = -1;
	int fd = open(pc->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -ENOENT;
	if (file_is_ours(fd))
		n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return -ENOENT;
	text[n] = '\0';
	return parse(pc, text, value);
}

int probe_cache_read(struct probe_cache *pc, const char *device, uint64_t *value)
{
	pc->fd = -1;
	pc->path[0] = '\0';
	if (make_key(pc, device) < 0 || find_place(pc) < 0)
		return -ENOENT;
	return read_file(pc, value);
}

/* ---- writing ---- */

/* Is the name free, or held by something of ours that can go? */
static bool name_is_free(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT;
	return st.st_uid == geteuid() && !S_ISDIR(st.st_mode);
}

int probe_cache_prepare(struct probe_cache *pc)
{
	if (pc->path[0] && name_is_free(pc->path))
		pc->fd = open(pc->dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (pc->fd < 0)
		pc->path[0] = '\0';
	return pc->fd < 0 ? -ENOENT : 0;
}

static int link_file(const struct probe_cache *pc)
{
	char self[64];

	snprintf(self, sizeof self, "/proc/self/fd/%d", pc->fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, pc->path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

void probe_cache_write(struct probe_cache *pc, uint64_t value)
{
	if (value && dprintf(pc->fd, "%s%lu\n", pc->key, (unsigned long)value) > 0 &&
	    link_file(pc) == -EEXIST) {
		/* What is there is no good, or another sandbox that starts was faster: either way
		 * ours is as good. */
		unlink(pc->path);
		(void)link_file(pc);
	}
	close(pc->fd);
	pc->fd = -1;
}
