/* SPDX-License-Identifier: Apache-2.0 */
/* Maps archives and copies out of them. See the header. */
#include "fs/cpiofs/archive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/fixup.h"
#include "host/wait.h"
#include "util/minmax.h"

#define ZEROES 4096UL /* are looked through in pieces of this size */

int archive_open(struct archive *a, struct physmem *pm, int fd, struct errmsg *errmsg)
{
	struct stat st;
	void *map = NULL;
	int err = 0;

	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if (st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err = -errno;
	if (err) {
		close(fd);
	} else {
		err = memfile_open(pm, fd, false, &a->mf);
		if (err && map)
			munmap(map, (size_t)st.st_size);
	}
	if (err)
		return errmsg_set(errmsg, -err, "%s: %s", a->name,
				  err == -EINVAL ? "neither a regular file nor a pipe"
						 : strerror(-err));
	a->map = map;
	a->size = (uint64_t)st.st_size;
	return 0;
}

void archive_close(struct archive *a)
{
	if (a->arena) {
		arena_unref(a->arena, a->base, a->pages_len);
		return;
	}
	if (a->map)
		munmap((void *)(uintptr_t)a->map, a->size);
	memfile_put(a->mf);
}

size_t archive_copy(const struct archive *a, uint64_t off, void *dst, size_t n)
{
	if (off >= a->size)
		return 0;
	n = min64(n, a->size - off);
	return n - fixup_copy(dst, a->map + off, n);
}

size_t archive_read(const struct archive *a, uint64_t off, void *dst, size_t n)
{
	if (a->arena || off >= a->size)
		return archive_copy(a, off, dst, n);
	ssize_t got = pread(a->mf->fd, dst, min64(n, a->size - off), (off_t)off);
	return got < 0 ? 0 : (size_t)got;
}

uint64_t archive_skip_zeroes(const struct archive *a, uint64_t off)
{
	char piece[ZEROES];
	size_t n, i;

	do {
		n = archive_read(a, off, piece, sizeof piece);
		for (i = 0; i < n && !piece[i];)
			i++;
		off += i;
		off_t data = a->arena || i < sizeof piece ? (off_t)off
							  : lseek(a->mf->fd, (off_t)off, SEEK_DATA);
		if (data > (off_t)off)
			off = min64((uint64_t)data, a->size);
		else if (data < 0 && errno == ENXIO)
			off = a->size;
	} while (i == sizeof piece && !archive_late(a, NULL));
	return off;
}

int archive_late(const struct archive *a, struct errmsg *errmsg)
{
	if (!a->deadline || monotonic_ns() < a->deadline)
		return 0;
	return errmsg_set(errmsg, ETIMEDOUT, "%s: the time limit was over before it was read",
			  a->name);
}

uint64_t archive_size_now(const struct archive *a)
{
	struct stat st;

	if (a->arena)
		return a->size;
	return fstat(a->mf->fd, &st) < 0 ? 0 : min64((uint64_t)st.st_size, a->size);
}

/* What is not a letter of ASCII could upset the terminal that the line is shown on. */
static void show_name(const char *name, char *out, size_t size)
{
	size_t len = 0;

	for (; *name && len + sizeof "\\xff..." < size; name++) {
		bool plain = *name > ' ' && *name < 0x7f && *name != '\'' && *name != '\\';
		len += (size_t)snprintf(out + len, size - len, plain ? "%c" : "\\x%02x",
					(unsigned char)*name);
	}
	snprintf(out + len, size - len, "%s", *name ? "..." : "");
}

int archive_bad(const struct archive *a, struct errmsg *errmsg, const char *problem,
		uint64_t offset, const char *entry)
{
	char shown[128];

	if (!entry)
		return errmsg_set(errmsg, EINVAL, "%s: %s, at byte %lu", a->name, problem,
				  (unsigned long)offset);
	show_name(entry, shown, sizeof shown);
	return errmsg_set(errmsg, EINVAL, "%s: entry '%s': %s, at byte %lu", a->name, shown,
			  problem, (unsigned long)offset);
}
