/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps copies of file pages in the arena. A file is copied unit by unit, when a mapping needs the
 * unit. Where there is no room for more, the file that was used longest ago is dropped. See the
 * header.
 */
#include "mm/filecache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/populate.h"
#include "util/lock.h"
#include "util/minmax.h"

/* Files are copied in units of this size, and kept up to this much altogether. */
#define UNIT      (128 * 1024UL)
#define BYTES_MAX (64UL << 20)
#define FILES_MAX 32 /* each keeps a host descriptor */

#define ABSENT UINT64_MAX

struct cached_file {
	struct list node; /* in filecache.files, used last first */
	struct pagesource *source;
	uint64_t version, size; /* size: at that version, in whole pages */
	uint64_t bytes;         /* copied */
	uint64_t nr_units;
	uint64_t units[]; /* arena offsets, ABSENT */
};

struct filecache {
	struct arena *arena;
	struct mutex lock;
	/* guarded by lock */
	struct list files;
	unsigned nr_files;
	uint64_t bytes;
};

static uint64_t unit_len(const struct cached_file *f, uint64_t unit)
{
	return min64(UNIT, f->size - unit * UNIT);
}

static void file_drop(struct filecache *c, struct cached_file *f)
{
	for (uint64_t i = 0; i < f->nr_units; i++) {
		if (f->units[i] != ABSENT)
			arena_unref(c->arena, f->units[i], unit_len(f, i));
	}
	c->bytes -= f->bytes;
	c->nr_files--;
	list_del(&f->node);
	f->source->ops->unref(f->source);
	free(f);
}

static struct cached_file *file_new(struct filecache *c, struct pagesource *ps, uint64_t version)
{
	uint64_t size = PAGE_UP(ps->ops->size(ps)), nr = (size + UNIT - 1) / UNIT;
	struct cached_file *f = size > BYTES_MAX ? NULL : malloc(sizeof *f + nr * sizeof *f->units);

	if (!f)
		return NULL;
	*f = (struct cached_file){ .source = ps, .version = version, .size = size, .nr_units = nr };
	memset(f->units, 0xff, nr * sizeof *f->units);
	ps->ops->ref(ps);
	list_add(&c->files, &f->node);
	c->nr_files++;
	return f;
}

/* The file's entry, first in the list. NULL: not to be cached. */
static struct cached_file *file_get_entry(struct filecache *c, struct pagesource *ps)
{
	uint64_t version = ps->ops->version ? ps->ops->version(ps) : 0;
	struct cached_file *f = NULL, *each;

	list_for_each (each, &c->files, node) {
		if (each->source == ps)
			f = each;
	}
	if (f && f->version != version) {
		file_drop(c, f);
		f = NULL;
	}
	if (!version)
		return NULL;
	if (!f)
		return file_new(c, ps, version);
	list_del(&f->node);
	list_add(&c->files, &f->node);
	return f;
}

/* Others make room. */
static void make_room(struct filecache *c, const struct cached_file *keep)
{
	while (c->nr_files > FILES_MAX || c->bytes > BYTES_MAX) {
		struct cached_file *last = container_of(c->files.prev, struct cached_file, node);

		if (last == keep)
			break;
		file_drop(c, last);
	}
}

/* Copies units [from, to), none of which is there, into one run of the arena. */
static int units_fill(struct filecache *c, struct cached_file *f, uint64_t from, uint64_t to)
{
	uint64_t len = (to - 1 - from) * UNIT + unit_len(f, to - 1), dst;
	int err = arena_alloc_dirty(c->arena, len, &dst);

	if (err)
		return err;
	err = pagesource_read(f->source, from * UNIT, len, arena_ptr(c->arena, dst));
	if (err) {
		arena_unref(c->arena, dst, len);
		return err;
	}
	for (uint64_t i = from; i < to; i++)
		f->units[i] = dst + (i - from) * UNIT;
	f->bytes += len;
	c->bytes += len;
	return 0;
}

static void run_at(const struct filecache *c, const struct cached_file *f, uint64_t off,
		   uint64_t end, struct page_run *out)
{
	uint64_t unit = off / UNIT, stop = min64((unit + 1) * UNIT, end);

	*out =
	    (struct page_run){ .mf = arena_memfile(c->arena), .off = f->units[unit] + off % UNIT };
	while (stop < end && f->units[unit + 1] == f->units[unit] + UNIT) {
		unit++;
		stop = min64(stop + UNIT, end);
	}
	out->len = stop - off;
}

static int get_locked(struct filecache *c, struct pagesource *ps, uint64_t off, uint64_t len,
		      struct page_run *out)
{
	struct cached_file *f = file_get_entry(c, ps);
	uint64_t end, first = off / UNIT, missing = first;

	if (!f)
		return -EAGAIN;
	if (off >= f->size)
		return -EFAULT;
	end = off + min64(len, f->size - off);
	while (missing * UNIT < end && f->units[missing] == ABSENT)
		missing++;
	int err = missing > first ? units_fill(c, f, first, missing) : 0;
	if (err)
		return err;
	run_at(c, f, off, end, out);
	arena_ref(c->arena, out->off, out->len);
	make_room(c, f);
	return 0;
}

int filecache_get(struct filecache *c, struct pagesource *ps, uint64_t off, uint64_t len,
		  struct page_run *out)
{
	int err;

	mutex_lock(&c->lock);
	err = get_locked(c, ps, off, len, out);
	mutex_unlock(&c->lock);
	return err;
}

int filecache_create(struct arena *a, struct filecache **out)
{
	struct filecache *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	c->arena = a;
	mutex_init(&c->lock, LOCK_FILECACHE);
	list_init(&c->files);
	*out = c;
	return 0;
}

void filecache_destroy(struct filecache *c)
{
	if (!c)
		return;
	while (!list_empty(&c->files))
		file_drop(c, list_first(&c->files, struct cached_file, node));
	mutex_destroy(&c->lock);
	free(c);
}
