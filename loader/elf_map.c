/* SPDX-License-Identifier: Apache-2.0 */
/* Segments become mappings as Linux's elf_load makes them: whole pages of the file, the rest of the
 * last page zeroed, anonymous memory for what the file does not hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "loader/elf.h"
#include "mm/access.h"
#include "mm/map.h"
#include "mm/vma.h"

struct mapping {
	const struct elf *elf;
	struct mm *mm;
	uint64_t bias;
	char *path;
};

static unsigned segment_prot(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0u) | (p->p_flags & PF_W ? PROT_WRITE : 0u) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0u);
}

/* Where the segment goes. */
static gva_t segment_start(uint64_t bias, const Elf64_Phdr *p)
{
	return GVA(bias + p->p_vaddr);
}

static int64_t map_file_part(const struct mapping *m, const Elf64_Phdr *p)
{
	uint64_t page_off = p->p_vaddr & ~PAGE_MASK;
	const struct mmap_args a = {
		.addr = gva_sub(segment_start(m->bias, p), page_off),
		.len = p->p_filesz + page_off,
		.prot = segment_prot(p),
		.flags = MAP_PRIVATE | MAP_FIXED,
		.source = m->elf->source,
		.place = m->elf->place,
		.offset = p->p_offset - page_off,
		.vma_flags = VMA_MAYWRITE | VMA_MAYEXEC,
		.name = m->path,
	};
	return mm_mmap(m->mm, &a);
}

/* Linux gives such memory the right to write whatever the segment says. */
static int map_zero_part(const struct mapping *m, const Elf64_Phdr *p, gva_t start, gva_t end)
{
	const struct mmap_args a = {
		.addr = start,
		.len = gva_diff(end, start),
		.prot = PROT_READ | PROT_WRITE | (p->p_flags & PF_X ? PROT_EXEC : 0),
		.flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
	};
	int64_t r = gva_lt(start, end) ? mm_mmap(m->mm, &a) : 0;

	return r < 0 ? (int)r : 0;
}

static int map_segment(const struct mapping *m, const Elf64_Phdr *p)
{
	gva_t start = segment_start(m->bias, p);
	gva_t file_end = gva_add(start, p->p_filesz), end = gva_add(start, p->p_memsz);
	int64_t r;

	if (p->p_filesz == 0)
		return map_zero_part(m, p, gva_page_down(file_end), gva_page_up(end));
	r = map_file_part(m, p);
	if (r < 0 || p->p_memsz == p->p_filesz)
		return r < 0 ? (int)r : 0;
	if (zero_guest(m->mm, file_end, gva_diff(gva_page_up(file_end), file_end)) > 0 &&
	    (p->p_flags & PF_W))
		return -EFAULT;
	return map_zero_part(m, p, gva_page_up(file_end), gva_page_up(end));
}

/* Finds room for the whole image: reserved and given back, nothing else maps meanwhile. */
static int find_room(const struct elf *e, struct mm *mm, gva_t base, uint64_t *bias)
{
	uint64_t len = e->high - e->low, slack = e->align - PAGE_SIZE;
	const struct mmap_args a = {
		.addr = base,
		.len = len + slack,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			 (base.v ? MAP_FIXED_NOREPLACE : 0),
	};
	int64_t at;

	*bias = 0;
	if (len + slack < len)
		return -ENOMEM;
	at = mm_mmap(mm, &a);
	if (at < 0)
		return (int)at;
	*bias = (((uint64_t)at + slack) & ~(e->align - 1)) - e->low;
	return mm_munmap(mm, GVA(at), len + slack);
}

static void place_add(struct elf_place *pl, const Elf64_Phdr *p)
{
	gva_t start = segment_start(pl->bias, p), file_end = gva_add(start, p->p_filesz);

	if (p->p_flags & PF_X) {
		if (!pl->end_code.v || gva_lt(start, pl->start_code))
			pl->start_code = start;
		pl->end_code = gva_max(pl->end_code, file_end);
	}
	pl->start_data = gva_max(pl->start_data, start);
	pl->end_data = gva_max(pl->end_data, file_end);
	pl->brk = gva_max(pl->brk, gva_add(start, p->p_memsz));
}

static int map_segments(const struct mapping *m, struct elf_place *out, struct errmsg *errmsg)
{
	const struct elf *e = m->elf;

	for (unsigned i = 0; i < e->header.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];
		int err;

		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		err = map_segment(m, p);
		if (err)
			return errmsg_set(errmsg, -err,
					  "%s: ELF segment %u can not be mapped at %#lx: %s",
					  e->name, i, segment_start(m->bias, p).v, strerror(-err));
		place_add(out, p);
	}
	return 0;
}

int elf_map(const struct elf *e, struct mm *mm, gva_t base, struct elf_place *out,
	    struct errmsg *errmsg)
{
	struct mapping m = { .elf = e, .mm = mm };
	int err = elf_is_fixed(e) ? 0 : find_room(e, mm, base, &m.bias);

	if (err)
		return errmsg_set(errmsg, -err, "%s: no room for it in the address space", e->name);
	m.path = exec_file_path(e->file);
	*out = (struct elf_place){ .bias = m.bias };
	err = map_segments(&m, out, errmsg);
	free(m.path);
	if (err)
		return err;
	out->entry = GVA(m.bias + e->header.e_entry);
	out->phdr = e->phdr ? GVA(m.bias + e->phdr) : GVA_NULL;
	if (out->entry.v >= GUEST_TASK_SIZE)
		return errmsg_set(errmsg, ENOEXEC,
				  "%s: the ELF entry point lies outside the address space",
				  e->name);
	return 0;
}
