/* SPDX-License-Identifier: Apache-2.0 */
/* Furnishes /dev: a ramfs that is filled with the standard nodes and links when it is made. */
#include "fs/devfs.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/ramfs/ramfs.h"

static const struct {
	const char *name;
	mode_t mode;
	unsigned major, minor;
	const char *target;
} nodes[] = {
	{ "null", S_IFCHR | 0666, 1, 3, NULL },
	{ "zero", S_IFCHR | 0666, 1, 5, NULL },
	{ "full", S_IFCHR | 0666, 1, 7, NULL },
	{ "random", S_IFCHR | 0666, 1, 8, NULL },
	{ "urandom", S_IFCHR | 0666, 1, 9, NULL },
	{ "tty", S_IFCHR | 0666, 5, 0, NULL },
	{ "console", S_IFCHR | 0600, 5, 1, NULL },
	{ "hl", S_IFCHR | 0666, DEVHL_MAJOR, DEVHL_MINOR, NULL },
	{ "ptmx", S_IFLNK, 0, 0, "pts/ptmx" },
	{ "fd", S_IFLNK, 0, 0, "/proc/self/fd" },
	{ "stdin", S_IFLNK, 0, 0, "/proc/self/fd/0" },
	{ "stdout", S_IFLNK, 0, 0, "/proc/self/fd/1" },
	{ "stderr", S_IFLNK, 0, 0, "/proc/self/fd/2" },
	{ "shm", S_IFDIR | 01777, 0, 0, NULL },
	{ "pts", S_IFDIR | 0755, 0, 0, NULL },
};

int devfs_create(struct mm_host *mem, dev_t dev, struct filesystem **out)
{
	const struct ramfs_options opt = { .type = "devtmpfs", .mode = 0755 };
	int err = ramfs_create(mem, dev, &opt, out);

	for (size_t i = 0; !err && i < sizeof nodes / sizeof *nodes; i++) {
		dev_t number = makedev(nodes[i].major, nodes[i].minor);
		err = ramfs_make(*out, nodes[i].name, nodes[i].mode, number, nodes[i].target);
		if (err)
			filesystem_put(*out);
	}
	return err;
}
