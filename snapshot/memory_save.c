/* SPDX-License-Identifier: Apache-2.0 */
/* Saves address spaces. All tasks rest meanwhile, so that nobody changes one and its lock, under
 * which no file could be opened, is not needed. */
#include "snapshot/process.h"
#include "snapshot/memory.h"
#include "snapshot/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "fs/file.h"
#include "fs/saved.h"
#include "host/fixup.h"
#include "kernel/sandbox.h"
#include "loader/vdso.h"
#include "mm/backing.h"
#include "mm/pagestore_save.h"
#include "mm/shmem.h"
#include "mm/vma.h"
#include "util/minmax.h"

/* So much of a file is compared at a time. */
#define COMPARE_UNIT (64 * PAGE_SIZE)

struct vma_save {
	struct saver *s;
	const struct vma *v;
	enum vma_source source;
	uint64_t object;   /* SOURCE_OBJECT: its number */
	struct file_id id; /* SOURCE_FILE */
	uint64_t nr_runs;
	gva_t base; /* of the pages that are being written */
};

/* Where in the image what is at an address is. */
static int put_run(void *arg, uint64_t first, uint64_t nr, uint64_t off)
{
	struct vma_save *vs = arg;

	encode(&vs->s->out, gva_add(vs->base, first * PAGE_SIZE).v);
	encode(&vs->s->out, nr);
	encode(&vs->s->out, off);
	vs->nr_runs++;
	return 0;
}

static int put_pages(struct vma_save *vs, gva_t addr, const void *data, uint64_t len)
{
	vs->base = addr;
	return vs->s->pages(vs->s, data, len, vs->source == SOURCE_NONE, put_run, vs);
}

/* Of a private mapping of a file, the pages that are not as in the file. */
static int put_changed(struct vma_save *vs, gva_t addr, const char *data, uint64_t len)
{
	char *file = malloc(COMPARE_UNIT);
	int err = file ? 0 : -ENOMEM;
	uint64_t from = 0, at = 0;

	for (uint64_t unit; at < len && !err; at += unit) {
		unit = min64(COMPARE_UNIT, len - at);
		bool there = pagesource_read(vs->v->source, vma_offset(vs->v, gva_add(addr, at)),
					     unit, file) == 0;
		for (uint64_t p = 0; p < unit && !err; p += PAGE_SIZE) {
			if (!there || memcmp(file + p, data + at + p, PAGE_SIZE) != 0)
				continue;
			if (from < at + p)
				err =
				    put_pages(vs, gva_add(addr, from), data + from, at + p - from);
			from = at + p + PAGE_SIZE;
		}
	}
	if (!err && from < len)
		err = put_pages(vs, gva_add(addr, from), data + from, len - from);
	free(file);
	return err;
}

/* What stands at [from, to) of a backing. Of the arena, what the host has no page for is zero, and
 * to look at it would make it one. */
static int put_backing(struct vma_save *vs, const struct backing *b, gva_t from, gva_t to)
{
	struct arena *arena = vs->v->mm->host->arena;
	bool in_arena = b->mf == arena_memfile(arena);
	uint64_t at = backing_off(b, from), end = at + gva_diff(to, from), stop;
	int err = 0;

	for (; at < end && !err; at = stop) {
		if (in_arena && vs->source == SOURCE_NONE)
			at = arena_seek(arena, at, end, false);
		if (at >= end)
			break;
		stop =
		    in_arena && vs->source == SOURCE_NONE ? arena_seek(arena, at, end, true) : end;
		const char *data = memfile_ptr(b->mf, at, stop - at);
		gva_t addr = gva_add(from, at - backing_off(b, from));
		if (!data)
			return -ENOMEM;
		err = vs->source == SOURCE_NONE ? put_pages(vs, addr, data, stop - at)
						: put_changed(vs, addr, data, stop - at);
	}
	return err;
}

/* One page of a private mapping of a file, as it is now. -EFAULT: it is behind the end. */
static int take_page(const struct vma *v, gva_t at, char *page)
{
	struct backing *b = backing_at(v->mm, at);
	const void *data = b ? memfile_ptr(b->mf, backing_off(b, at), PAGE_SIZE) : NULL;

	if (!data)
		return pagesource_read(v->source, vma_offset(v, at), PAGE_SIZE, page);
	return fixup_copy(page, data, PAGE_SIZE) > 0 ? -EFAULT : 0;
}

/* How much of what a private mapping shows is within its file. */
static uint64_t within_file(const struct vma *v)
{
	uint64_t size = v->source->ops->size(v->source);

	return size > v->offset ? min64(PAGE_UP(size - v->offset), vma_len(v)) : 0;
}

/* A private mapping of a file that a copy is not to look for: the first `len` bytes of it. */
static int put_whole(struct vma_save *vs, uint64_t len)
{
	const struct vma *v = vs->v;
	char *buf = malloc(COMPARE_UNIT);
	int err = buf ? 0 : -ENOMEM;

	for (uint64_t from = 0, n; from < len && !err; from += n) {
		n = min64(COMPARE_UNIT, len - from);
		for (uint64_t at = 0; at < n && !err; at += PAGE_SIZE) {
			err = take_page(v, gva_add(v->start, from + at), buf + at);
			/* what the file has lost since is zero */
			if (err == -EFAULT) {
				memset(buf + at, 0, PAGE_SIZE);
				err = 0;
			}
		}
		if (!err)
			err = put_pages(vs, gva_add(v->start, from), buf, n);
	}
	free(buf);
	return err;
}

/* Is the page the program's own, or one of the snapshot that it was loaded from? What shows a file
 * is the file's. */
static bool is_own(const struct sandbox *sb, const struct backing *b)
{
	return b->owned || b->mf == sb->image;
}

/* What a child would not have has a copy neither: a generator of random numbers, say, that must not
 * be the same in two processes, and sees by it that it has to be seeded. */
static int put_contents(struct vma_save *vs)
{
	const struct vma *v = vs->v;
	int err = 0;

	if (v->flags & VMA_WIPEONFORK)
		return 0;
	/* The program is frozen, but what it has not touched may be reclaimed (mm/reclaim.h). */
	rwlock_rdlock(&v->mm->lock);
	backing_for_range (b, v->mm, v->start, v->end) {
		if (err || vs->source == SOURCE_VDSO || v->flags & VMA_SHARED)
			break;
		if (is_own(vs->s->sandbox, b))
			err = put_backing(vs, b, gva_max(b->start, v->start),
					  gva_min(b->end, v->end));
	}
	rwlock_unlock(&v->mm->lock);
	return err;
}

/* The number of the object that has the pages; 0: they are found by a name. */
static uint64_t object_of(struct vma_save *vs)
{
	const struct pagesource_ops *ops = vs->v->source->ops;
	void *object = ops->saved_as(vs->v->source);

	return object ? saved_object(vs->s, ops->saved, object) : 0;
}

/* What it shows. *lost: a file that nobody would find any more, or is to look for. */
static int find_source(struct vma_save *vs, bool *lost)
{
	struct sandbox *sb = vs->s->sandbox;
	const struct vma *v = vs->v;
	uint64_t len;
	int err = 0;

	*lost = false;
	if (v->source && v->source->ops->saved && v->source != vdso_pages(sb->mem.vdso, &len))
		vs->object = object_of(vs);
	if (vs->object) {
		vs->source = SOURCE_OBJECT;
	} else if (v->source == vdso_pages(sb->mem.vdso, &len)) {
		vs->source = SOURCE_VDSO;
	} else if (vs->s->self_contained && v->source && !(v->flags & VMA_SHARED)) {
		*lost = true;
	} else if (v->source && v->name && v->name[0] == '/') {
		err = mapped_file_id(vs->s, v->place ? mapped_place_path(v->place) : NULL, v->name,
				     v->source, &vs->id);
		*lost = err == -ESTALE;
		if (!err)
			vs->source = SOURCE_FILE;
	} else if (v->source) {
		*lost = true;
	}
	if (err && !*lost)
		return errmsg_set(vs->s->errmsg, -err, "the mapped file %s: %s", v->name,
				  strerror(-err));
	if (*lost && v->flags & VMA_SHARED) {
		/* the pages of a file that was removed, which others may have open */
		vs->source = SOURCE_OBJECT;
		vs->object = removed_pages_saved(vs->s, v->source);
		*lost = false;
	}
	return 0;
}

/* The part of the vma from `from` on, and what it shows. */
static void put_vma(struct vma_save *vs, uint64_t from, uint64_t len)
{
	struct encoder *out = &vs->s->out;
	const struct vma *v = vs->v;

	encode(out, gva_add(v->start, from).v);
	encode(out, len / PAGE_SIZE);
	encode(out, v->prot);
	encode(out, v->flags);
	mempolicy_save(out, &v->policy);
	/* that of a stack means nothing, and is below 0 once it has grown */
	encode(out, v->source ? v->offset + from : 0);
	encode_string(out, v->name);
	encode(out, vs->source);
	if (vs->source == SOURCE_FILE)
		file_id_save(vs->s, &vs->id);
	else if (vs->source == SOURCE_OBJECT)
		encode(out, vs->object);
}

static void source_put(void *object)
{
	struct pagesource *ps = object;

	ps->ops->unref(ps);
}

/* Where there is no file any more: an empty one, so that who touches it gets SIGBUS there, too. */
static int put_tail(struct vma_save *vs, uint64_t from)
{
	const struct vma *v = vs->v;
	struct pagesource *empty;
	int err = shmem_create(v->mm->host->arena, 0, &empty);

	if (!err)
		err = saver_hold(vs->s, source_put, empty);
	if (err)
		return err;
	vs->source = SOURCE_OBJECT;
	vs->object = saved_object(vs->s, &shmem_saved, empty);
	put_vma(vs, from, vma_len(v) - from);
	encode(&vs->s->out, 0); /* runs */
	return 0;
}

/* What a copy has as memory without a file, and what is behind the file's end. */
static int save_lost(struct vma_save *vs, uint64_t *nr)
{
	const struct vma *v = vs->v;
	struct encoder *out = &vs->s->out;
	uint64_t len = within_file(v);
	int err = 0;

	if (len) {
		put_vma(vs, 0, len);
		size_t place = encode_place(out);
		rwlock_rdlock(&v->mm->lock);
		err = put_whole(vs, len);
		rwlock_unlock(&v->mm->lock);
		encode_at(out, place, vs->nr_runs);
		++*nr;
	}
	if (!err && len < vma_len(v)) {
		err = put_tail(vs, len);
		++*nr;
	}
	return err;
}

/* *nr counts what a copy has for it. */
static int save_vma(struct saver *s, const struct vma *v, uint64_t *nr)
{
	struct vma_save vs = { .s = s, .v = v };
	bool lost;
	int err = find_source(&vs, &lost);

	if (err || lost)
		return err ? err : save_lost(&vs, nr);
	put_vma(&vs, 0, vma_len(v));
	size_t place = encode_place(&s->out);
	err = put_contents(&vs);
	encode_at(&s->out, place, vs.nr_runs);
	++*nr;
	return err;
}

static void save_fields(struct encoder *out, const struct mm *mm)
{
	const gva_t places[] = { mm->brk_start, mm->brk,        mm->mmap_base, mm->start_code,
				 mm->end_code,  mm->start_data, mm->end_data,  mm->start_stack,
				 mm->arg_start, mm->arg_end,    mm->env_start, mm->env_end,
				 mm->vdso_base };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		encode(out, places[i].v);
	encode(out, mm->lock_future);
	encode(out, mm->peak_bytes);
	encode(out, mm->peak_resident);
	encode(out, mm->auxv_len);
	for (unsigned i = 0; i < mm->auxv_len; i++)
		encode(out, mm->auxv[i]);
}

static int memory_save(struct saver *s, void *object)
{
	struct mm *mm = object;
	uint64_t nr = 0;
	int err = 0;

	save_fields(&s->out, mm);
	size_t place = encode_place(&s->out);
	for (const struct vma *v = vma_first(mm); v && !err; v = vma_next(v))
		err = save_vma(s, v, &nr);
	encode_at(&s->out, place, nr);
	return err;
}

static void put(void *object)
{
	mm_put(object);
}

const struct saved_kind memory_kind = {
	.name = "address space",
	.save = memory_save,
	.load = memory_load,
	.put = put,
};
