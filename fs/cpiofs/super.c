/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and destroys instances of cpiofs. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/cpiofs/internal.h"
#include "fs/cpiofs/pipe.h"
#include "fs/cpiofs/scan.h"
#include "fs/cpiofs/unpack.h"
#include "mm/mm.h"

/* How often what was unpacked may be an archive that goes on compressed. */
#define UNPACK_MAX 8

static void destroy(struct filesystem *fs)
{
	struct cpiofs *cf = container_of(fs, struct cpiofs, fs);

	inode_put(fs->root);
	for (struct cpio_dir *d = cf->dirs, *next; d; d = next) {
		next = d->next;
		cpio_dir_free(d);
	}
	free(cf->slots);
	index_free(&cf->index);
	archive_close(&cf->archive);
	mutex_destroy(&cf->lock);
	free(cf);
}

static const struct filesystem_ops cpiofs_ops = { .destroy = destroy };

/* Replaces the archive by what is unpacked from `off` on. */
static int replace_unpacked(struct archive *a, uint64_t off, struct arena *arena,
			    struct errmsg *errmsg)
{
	struct archive unpacked;
	int err = unpack(a, off, arena, &unpacked, errmsg);

	if (err)
		return err;
	archive_close(a);
	*a = unpacked;
	return 0;
}

/* Unpacks the archive as far as it is compressed, and finds its index or makes one. */
static int read_archive(struct archive *a, struct mm_host *mem, struct index *ix,
			struct errmsg *errmsg)
{
	uint64_t compressed;

	for (int i = 0; i < UNPACK_MAX; i++) {
		if (index_find(ix, a))
			return 0;
		int err = scan_archive(a, mem->budget, ix, &compressed, errmsg);
		if (err || compressed == NOT_COMPRESSED)
			return err;
		err = replace_unpacked(a, compressed, mem->arena, errmsg);
		if (err)
			return err;
	}
	return errmsg_set(errmsg, EINVAL, "%s: is compressed too often", a->name);
}

/* Takes `a` and `ix` over. */
static struct cpiofs *cpiofs_new(const struct archive *a, const struct index *ix)
{
	struct cpiofs *cf = calloc(1, sizeof *cf);

	if (!cf)
		return NULL;
	filesystem_init(&cf->fs, &cpiofs_ops, "cpio", 0);
	cf->archive = *a;
	cf->archive.name = NULL;
	cf->index = *ix;
	mutex_init(&cf->lock, LOCK_CPIOFS);
	return cf;
}

static int get_archive(const struct cpiofs_options *opt, int fd, struct archive *a,
		       struct errmsg *errmsg)
{
	struct stat st;

	*a = (struct archive){ .name = opt->name, .deadline = opt->deadline };
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return archive_of_pipe(a, opt->mem->arena, fd, errmsg);
	return archive_open(a, opt->pm, fd, errmsg);
}

int cpiofs_create(const struct cpiofs_options *opt, int fd, struct filesystem **out,
		  struct errmsg *errmsg)
{
	struct archive a;
	struct index ix;
	int err = get_archive(opt, fd, &a, errmsg);

	if (err)
		return err;
	err = read_archive(&a, opt->mem, &ix, errmsg);
	struct cpiofs *cf = err ? NULL : cpiofs_new(&a, &ix);
	if (!cf) {
		if (!err)
			index_free(&ix);
		archive_close(&a);
		return err ? err : errmsg_set(errmsg, ENOMEM, "%s: out of memory", opt->name);
	}
	cf->fs.dev = opt->dev;
	cf->arena = opt->mem->arena;
	cf->slots = calloc(ix.count, sizeof *cf->slots);
	err = cf->slots ? cpio_get_inode(cf, 0, &cf->fs.root) : -ENOMEM;
	if (err) {
		filesystem_put(&cf->fs);
		return errmsg_set(errmsg, -err, "%s: %s", opt->name,
				  err == -EIO ? "the index is not that of the archive"
					      : "out of memory");
	}
	*out = &cf->fs;
	return 0;
}
