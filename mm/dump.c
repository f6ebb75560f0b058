/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an address space for a core file, by the descriptors of the memory files behind it: rights
 * do not count there, a file that was cut short is no fault, holes stay holes, and nothing is
 * mapped or copied that was not before.
 */
#include "mm/dump.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mm/backing.h"
#include "mm/vma.h"
#include "util/minmax.h"

/* ---- which ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* Without a name in the guest's tree: shared memory, or a file that was removed. */
static bool is_nameless(const struct vma *v)
{
	return !v->name || v->name[0] != '/' || ends_with(v->name, " (deleted)");
}

/* Are these pages of a private mapping still what the file has? A machine that copies files
 * (machine_props.copy_files) has copies of what was never written. */
static bool same_as_file(const struct vma *v, const struct backing *b, gva_t from, gva_t to)
{
	char have[PAGE_SIZE], file[PAGE_SIZE];

	for (gva_t at = from; gva_lt(at, to); at = gva_add(at, PAGE_SIZE)) {
		memset(have, 0, sizeof have);
		if (pread(b->mf->fd, have, sizeof have, (off_t)backing_off(b, at)) < 0 ||
		    pagesource_read(v->source, vma_offset(v, at), sizeof file, file) ||
		    memcmp(have, file, sizeof file))
			return false;
	}
	return true;
}

/* Is what stands there the program's, or of the snapshot that it was loaded from, and not the
 * file's that is mapped? */
static bool is_private(const struct vma *v, const struct backing *b, gva_t at)
{
	struct page_run run;

	if (b->owned || !v->source)
		return true;
	return v->source->ops->get(v->source, vma_offset(v, at), PAGE_SIZE, false, &run) == 0 &&
	       run.mf != b->mf;
}

static bool was_written(const struct vma *v)
{
	backing_for_range (b, v->mm, v->start, v->end) {
		gva_t from = gva_max(b->start, v->start), to = gva_min(b->end, v->end);
		if (is_private(v, b, from) && !(v->source && same_as_file(v, b, from, to)))
			return true;
	}
	return false;
}

/* One that nobody has looked at yet may be anything. */
static bool begins_with_elf_header(const struct vma *v)
{
	char magic[SELFMAG] = "";
	const struct backing *b = backing_at(v->mm, v->start);

	if (v->offset || !(v->prot & PROT_READ))
		return false;
	return !b ||
	       (pread(b->mf->fd, magic, SELFMAG, (off_t)backing_off(b, v->start)) == SELFMAG &&
		!memcmp(magic, ELFMAG, SELFMAG));
}

/* Linux: vma_dump_size(). */
uint64_t vma_dump_size(const struct vma *v, unsigned filter)
{
	bool all;

	if (v->flags & VMA_SPECIAL)
		return vma_len(v);
	if (v->flags & VMA_DONTDUMP)
		return 0;
	if (v->flags & VMA_SHARED)
		all = filter & (is_nameless(v) ? DUMP_ANON_SHARED : DUMP_FILE_SHARED);
	else
		all = (filter & DUMP_ANON_PRIVATE && was_written(v)) ||
		      (filter & DUMP_FILE_PRIVATE && v->source);
	if (all)
		return vma_len(v);
	bool header = filter & DUMP_ELF_HEADERS && v->source && !(v->flags & VMA_SHARED);
	return header && begins_with_elf_header(v) ? PAGE_SIZE : 0;
}

/* ---- what is in it ---- */

/* The next pages of [*at, end) that `mf` holds, *at being at `off` there; as mm_dump. */
static size_t read_pages(struct mm *mm, const struct memfile *mf, uint64_t off, gva_t *at,
			 gva_t end, char *buf, size_t size)
{
	uint64_t len = gva_diff(end, *at);

	/* the position of a host's file may be a guest's */
	if (mf == arena_memfile(mm->host->arena)) {
		off_t data = lseek(mf->fd, (off_t)off, SEEK_DATA);
		uint64_t hole = data < 0 ? len : min64((uint64_t)data - off, len);
		*at = gva_add(*at, hole);
		off += hole;
		len -= hole;
	}
	ssize_t n = len ? pread(mf->fd, buf, min64(len, size), (off_t)off) : 0;
	if (n <= 0) {
		*at = end;
		return 0;
	}
	size_t pages = PAGE_UP((size_t)n);
	memset(buf + n, 0, pages - (size_t)n);
	return pages;
}

/* What is in the file alone. From the first page behind its end on there is nothing. */
static size_t read_source(struct mm *mm, const struct vma *v, gva_t *at, gva_t end, char *buf,
			  size_t size)
{
	struct page_run run;
	uint64_t len = min64(gva_diff(end, *at), size);

	if (v->source->ops->get(v->source, vma_offset(v, *at), len, false, &run)) {
		*at = end;
		return 0;
	}
	return read_pages(mm, run.mf, run.off, at, gva_add(*at, min64(run.len, len)), buf, size);
}

/* The next piece that is all in one backing, or in none. */
static size_t read_piece(struct mm *mm, gva_t *at, gva_t end, char *buf, size_t size)
{
	const struct vma *v = vma_at(mm, *at);
	const struct backing *b = backing_find(mm, *at);

	if (!v) {
		*at = end;
		return 0;
	}
	end = gva_min(end, v->end);
	if (b && gva_le(b->start, *at))
		return read_pages(mm, b->mf, backing_off(b, *at), at, gva_min(end, b->end), buf,
				  size);
	if (b)
		end = gva_min(end, b->start);
	if (v->source)
		return read_source(mm, v, at, end, buf, size);
	*at = end;
	return 0;
}

size_t mm_dump(struct mm *mm, gva_t *at, gva_t end, void *buf, size_t size)
{
	size_t n = 0;

	while (!n && gva_lt(*at, end) && !mm_killed(mm)) {
		rwlock_rdlock(&mm->lock);
		n = read_piece(mm, at, end, buf, size);
		rwlock_unlock(&mm->lock);
	}
	return n;
}
