/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes address spaces of what a snapshot says of them.
 *
 * An address space is made aside: it has no process yet. All of a vma is read and checked first,
 * and its file opened, before the lock is taken that nobody else has to wait for.
 */
#include "snapshot/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ramfs/save.h"
#include "kernel/sandbox.h"
#include "loader/vdso.h"
#include "mm/backing.h"
#include "mm/forecast.h"
#include "mm/map.h"
#include "mm/pagestore_save.h"
#include "mm/populate.h"
#include "mm/vma.h"
#include "snapshot/forecasts.h"
#include "snapshot/image.h"
#include "snapshot/kept.h"
#include "snapshot/mapped.h"
#include "snapshot/process.h"

#define PROT_ALL 7U
#define VMA_FLAGS                                                                                  \
	(VMA_SHARED | VMA_GROWSDOWN | VMA_LOCKED | VMA_DONTFORK | VMA_WIPEONFORK | VMA_DONTDUMP |  \
	 VMA_NORESERVE | VMA_MAYWRITE | VMA_MAYEXEC | VMA_SPECIAL | VMA_SEALED)
#define LOCK_FUTURE_ALL 7U
#define VMA_NAME_MAX    (PATH_MAX + 64)
#define RUN_SIZE        (3 * sizeof(uint64_t))

static void load_fields(struct loader *l, struct mm *mm)
{
	gva_t *const places[] = { &mm->brk_start, &mm->brk,        &mm->mmap_base, &mm->start_code,
				  &mm->end_code,  &mm->start_data, &mm->end_data,  &mm->start_stack,
				  &mm->arg_start, &mm->arg_end,    &mm->env_start, &mm->env_end,
				  &mm->vdso_base };

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		*places[i] = GVA(decode_max(&l->in, mm_end(mm).v));
	mm->lock_future = (unsigned)decode_max(&l->in, LOCK_FUTURE_ALL);
	mm->peak_bytes = decode(&l->in);
	mm->peak_resident = decode(&l->in);
	mm->auxv_len = (unsigned)decode_max(&l->in, sizeof mm->auxv / sizeof *mm->auxv);
	for (unsigned i = 0; i < mm->auxv_len; i++)
		mm->auxv[i] = decode(&l->in);
	if (gva_lt(mm->brk, mm->brk_start))
		l->in.failed = true;
}

/* Behind the one before, of which it mostly has the name; NULL: it is the first. */
static int load_place(struct loader *l, struct mm *mm, struct vma *v, const struct vma *before)
{
	gva_t low = before ? before->end : GVA(GUEST_MMAP_MIN);
	size_t len;

	v->start = GVA(decode(&l->in));
	uint64_t pages = decode(&l->in);
	uint64_t room = gva_lt(v->start, mm_end(mm)) ? gva_diff(mm_end(mm), v->start) : 0;

	if (!room || v->start.v % PAGE_SIZE || gva_lt(v->start, low) || !pages)
		return loader_damaged(l, "the place of a mapping");
	if (pages > room / PAGE_SIZE)
		return errmsg_set(l->errmsg, ENOTSUP,
				  "this platform has no room at %lx, where the program has memory",
				  v->start.v);
	v->end = gva_add(v->start, pages * PAGE_SIZE);
	v->prot = (unsigned)decode_max(&l->in, PROT_ALL);
	v->flags = (unsigned)decode_max(&l->in, UINT32_MAX);
	mempolicy_load(&l->in, &v->policy);
	v->offset = decode_max(&l->in, INT64_MAX);
	const char *name = decode_text(&l->in, VMA_NAME_MAX, &len);
	if (name && !vma_set_name(v, name, len, before))
		return -ENOMEM;
	if (l->in.failed || v->flags & ~(unsigned)VMA_FLAGS || v->offset % PAGE_SIZE)
		return loader_damaged(l, "the rights of a mapping");
	return 0;
}

static int attach_vdso(struct loader *l, struct mm *mm, struct vma *v)
{
	uint64_t len;
	struct pagesource *ps = vdso_pages(mm->host->vdso, &len);

	if (v->flags & VMA_SHARED || v->offset > len || vma_len(v) > len - v->offset)
		return loader_damaged(l, "the place of the vDSO");
	ps->ops->ref(ps);
	v->source = ps;
	return 0;
}

static int attach_file(struct loader *l, struct vma *v)
{
	struct file_id id;
	int err = file_id_load(l, &id);

	if (err)
		return err;
	bool writes = v->flags & VMA_SHARED && v->flags & VMA_MAYWRITE;
	err = mapped_file_open(l->mapped, l->caller, &id, writes, &v->source, &v->place);
	if (err == -ESTALE)
		err = errmsg_set(l->errmsg, ESTALE,
				 "%s, which the program has mapped, has changed since the snapshot",
				 id.place.name);
	else if (err)
		err = errmsg_set(l->errmsg, -err, "%s, which the program has mapped: %s",
				 id.place.name, strerror(-err));
	file_id_free(&id);
	return err;
}

/* *object: its number, where it shows one. */
static int load_source(struct loader *l, struct mm *mm, struct vma *v, uint64_t *object)
{
	enum vma_source source = (enum vma_source)decode_max(&l->in, NR_VMA_SOURCES - 1);
	int err;

	*object = 0;
	if (!(v->flags & VMA_SPECIAL) != (source != SOURCE_VDSO))
		return loader_damaged(l, "a special mapping");
	switch (source) {
	case SOURCE_VDSO: return attach_vdso(l, mm, v);
	case SOURCE_FILE: return attach_file(l, v);
	case SOURCE_OBJECT:
		*object = decode(&l->in);
		err = memory_attach_object(l, v, *object);
		if (!err)
			memory_count_vma(v);
		return err;
	default: return v->flags & VMA_SHARED ? loader_damaged(l, "shared memory of nothing") : 0;
	}
}

/* One run of pages of the image at [b->start, b->end), behind the one before. */
static int load_run(struct loader *l, const struct vma *v, struct backing *b)
{
	struct sandbox *sb = l->sandbox;
	const struct image *img = l->pages_arg;
	gva_t low = b->end;

	b->start = GVA(decode(&l->in));
	uint64_t nr = decode(&l->in);
	b->off = decode(&l->in);
	if (gva_lt(b->start, low) || gva_le(v->end, b->start) || b->start.v % PAGE_SIZE || !nr ||
	    nr > gva_diff(v->end, b->start) / PAGE_SIZE ||
	    !image_has_pages(img, b->off, nr * PAGE_SIZE))
		return loader_damaged(l, "the place of contents");
	b->end = gva_add(b->start, nr * PAGE_SIZE);
	b->mf = sb->image;
	return 0;
}

/* mm->lock held for writing; `v` is part of the address space. */
static int load_contents(struct loader *l, struct mm *mm, const struct vma *v, struct kept_mm *km)
{
	struct backing b = { .end = v->start, .cow = true };
	uint64_t nr = decode_count(&l->in, RUN_SIZE);
	int err = 0;

	if (nr && v->flags & (VMA_SHARED | VMA_SPECIAL))
		return loader_damaged(l, "contents of what is not the program's own");
	for (uint64_t i = 0; i < nr && !err; i++) {
		err = load_run(l, v, &b);
		b.left = !err && mm->forecast && forecast_leaves(mm->forecast, b.start, b.end);
		if (!err)
			err = backing_add(mm, &b);
		if (!err && km)
			err = kept_add_run(km, &(struct kept_run){ b.start, b.end, b.off });
	}
	return err;
}

/* `km`: what is loaded is noted there; NULL: nowhere. */
static int load_vma(struct loader *l, struct mm *mm, const struct vma **before, struct kept_mm *km)
{
	uint64_t object;
	struct vma *v = vma_new(mm, NULL);
	int err = v ? load_place(l, mm, v, *before) : -ENOMEM;

	if (!err)
		err = load_source(l, mm, v, &object);
	if (!err && km)
		err = kept_add_vma(km, v, object);
	if (err) {
		if (v)
			vma_free(v);
		return err;
	}
	*before = v;
	rwlock_wrlock(&mm->lock);
	vma_insert(mm, v);
	err = load_contents(l, mm, v, km);
	if (!err)
		err = mm_map_range(mm, v->start, v->end);
	if (!err)
		memory_populate(mm, v, v->start, v->end);
	rwlock_unlock(&mm->lock);
	return err;
}

static int load_vmas(struct loader *l, struct mm *mm, struct kept_mm *km)
{
	uint64_t nr = decode_count(&l->in, RUN_SIZE);
	const struct vma *before = NULL;
	int err = 0;

	if (nr > VMA_MAX_COUNT || l->in.failed)
		return loader_damaged(l, "the outline of an address space");
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_vma(l, mm, &before, km);
	return err;
}

/* The one that is kept, as it was. */
static int load_kept(struct loader *l, struct kept_mm *km, void **out)
{
	int err = memory_reset(l, km);

	load_fields(l, km->mm);
	l->in.at = l->in.end; /* all the rest is as it was read the first time */
	if (!err)
		*out = mm_get(km->mm);
	return err;
}

int memory_load(struct loader *l, void **out)
{
	struct sandbox *sb = l->sandbox;
	const unsigned char *at = l->in.at;
	struct kept_mm *km = kept_find(sb->kept, at);
	struct mm *mm;

	if (km)
		return load_kept(l, km, out);
	int err = mm_create(&sb->mem, &mm);
	if (err)
		return err;
	const struct image *img = l->pages_arg;
	mm_forecast_start(mm, forecasts_find(img->forecasts, (uint64_t)(at - img->meta)));
	load_fields(l, mm);
	if (sb->kept) {
		km = kept_add(sb->kept, at, mm);
		err = km ? 0 : -ENOMEM;
	}
	if (!err)
		err = load_vmas(l, mm, km);
	if (err)
		mm_put(mm);
	else
		*out = mm;
	return err;
}
