/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the headers of an ELF file and checks them before anything is mapped, after
 * load_elf_binary() of Linux's fs/binfmt_elf.c. The file is the guest's, so every number in it is
 * checked before use.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "loader/elf.h"
#include "arch/machine.h"
#include "util/minmax.h"
#include "mm/mapped_place.h"

/* Linux's limit for the program header table (load_elf_phdrs). */
#define PHDRS_MAX 65536

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} names[] = {
		{ EM_386, "32-bit x86" },  { EM_X86_64, "x86_64" }, { EM_ARM, "32-bit ARM" },
		{ EM_AARCH64, "aarch64" }, { EM_RISCV, "RISC-V" },  { EM_PPC64, "PowerPC" },
		{ EM_S390, "s390" },       { EM_MIPS, "MIPS" },     { EM_SPARCV9, "SPARC" },
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	return NULL;
}

static int check_machine(const struct elf *e, int err, struct errmsg *errmsg)
{
	const Elf64_Ehdr *h = &e->header;
	const char *other = machine_name(h->e_machine);

	if (other && h->e_machine != ARCH_ELF_MACHINE)
		return errmsg_set(errmsg, err,
				  "%s: a program for %s, which this machine can not run", e->name,
				  other);
	if (h->e_machine != ARCH_ELF_MACHINE)
		return errmsg_set(errmsg, err,
				  "%s: a program for an unknown machine (ELF machine %u)", e->name,
				  h->e_machine);
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return errmsg_set(errmsg, err, "%s: not a 64-bit little-endian ELF file", e->name);
	return 0;
}

static int check_header(const struct elf *e, size_t got, int err, struct errmsg *errmsg)
{
	const Elf64_Ehdr *h = &e->header;
	int r;

	if (got < sizeof h->e_ident || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return errmsg_set(errmsg, err, "%s: not an executable format that is known",
				  e->name);
	if (got < sizeof *h)
		return errmsg_set(errmsg, err, "%s: the ELF header is cut short", e->name);
	r = check_machine(e, err, errmsg);
	if (r)
		return r;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return errmsg_set(errmsg, err, "%s: an ELF file, but not an executable (type %u)",
				  e->name, h->e_type);
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 ||
	    h->e_phnum > PHDRS_MAX / sizeof(Elf64_Phdr))
		return errmsg_set(errmsg, err, "%s: the ELF program header table has a bad size",
				  e->name);
	if (h->e_entry >= GUEST_TASK_SIZE)
		return errmsg_set(
		    errmsg, err, "%s: the ELF entry point lies outside the address space", e->name);
	return 0;
}

/* Exactly `n` bytes at `off`, or an error. */
static int read_exactly(struct elf *e, struct caller *c, void *buf, size_t n, uint64_t off)
{
	ssize_t got;

	if (off > INT64_MAX - n)
		return -ENOEXEC;
	got = file_read_kernel(e->file, c, buf, n, (int64_t)off);
	if (got < 0)
		return (int)got;
	return (size_t)got == n ? 0 : -ENOEXEC;
}

static int read_phdrs(struct elf *e, struct caller *c, int err, struct errmsg *errmsg)
{
	size_t size = e->header.e_phnum * sizeof(Elf64_Phdr);

	e->ph = malloc(size);
	if (!e->ph)
		return errmsg_set(errmsg, ENOMEM, "%s: out of memory", e->name);
	if (read_exactly(e, c, e->ph, size, e->header.e_phoff) < 0)
		return errmsg_set(errmsg, err, "%s: the ELF program headers are cut short",
				  e->name);
	return 0;
}

static int read_interp(struct elf *e, struct caller *c, const Elf64_Phdr *p, int err,
		       struct errmsg *errmsg)
{
	if (e->interp)
		return 0;
	if (p->p_filesz < 2 || p->p_filesz > PATH_MAX)
		return errmsg_set(errmsg, err, "%s: the ELF interpreter's name has a bad length",
				  e->name);
	e->interp = malloc(p->p_filesz);
	if (!e->interp)
		return errmsg_set(errmsg, ENOMEM, "%s: out of memory", e->name);
	if (read_exactly(e, c, e->interp, p->p_filesz, p->p_offset) < 0)
		return errmsg_set(errmsg, err, "%s: the ELF interpreter's name is cut short",
				  e->name);
	if (e->interp[p->p_filesz - 1] != '\0')
		return errmsg_set(errmsg, err, "%s: the ELF interpreter's name does not end",
				  e->name);
	return 0;
}

static bool is_power_of_two(uint64_t x)
{
	return x && !(x & (x - 1));
}

/* NULL: the numbers fit. Whether segments overlap, come in order or lie within the file does not
 * matter: they are mapped one after the other, each in place of what is there (Linux:
 * load_elf_binary). */
static const char *segment_fault(const Elf64_Phdr *p)
{
	if (p->p_filesz > p->p_memsz)
		return "is larger in the file than in memory";
	if (p->p_vaddr > GUEST_TASK_SIZE || p->p_memsz > GUEST_TASK_SIZE - p->p_vaddr)
		return "lies outside the address space";
	if (p->p_filesz && (p->p_offset > INT64_MAX || p->p_filesz > INT64_MAX - p->p_offset))
		return "lies outside of what a file can hold";
	if (p->p_filesz && (p->p_offset ^ p->p_vaddr) & ~PAGE_MASK)
		return "is not aligned as in the file";
	return NULL;
}

static void add_segment(struct elf *e, const Elf64_Phdr *p)
{
	uint64_t phoff = e->header.e_phoff;

	e->low = min64(e->low, PAGE_DOWN(p->p_vaddr));
	e->high = max64(e->high, PAGE_UP(p->p_vaddr + p->p_memsz));
	if (is_power_of_two(p->p_align) && p->p_align > e->align)
		e->align = p->p_align;
	if (p->p_offset <= phoff && phoff - p->p_offset < p->p_filesz)
		e->phdr = phoff - p->p_offset + p->p_vaddr;
}

static int check_segments(struct elf *e, int err, struct errmsg *errmsg)
{
	e->align = PAGE_SIZE;
	e->low = GUEST_TASK_SIZE;
	for (unsigned i = 0; i < e->header.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		const char *fault = segment_fault(p);
		if (fault)
			return errmsg_set(errmsg, err, "%s: ELF segment %u %s", e->name, i, fault);
		add_segment(e, p);
	}
	if (!e->high)
		return errmsg_set(errmsg, err, "%s: the ELF file has nothing to load", e->name);
	return 0;
}

static int read_special(struct elf *e, struct caller *c, int err, struct errmsg *errmsg)
{
	for (unsigned i = 0; i < e->header.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];
		int r = 0;

		if (p->p_type == PT_GNU_STACK)
			e->exec_stack = p->p_flags & PF_X;
		else if (p->p_type == PT_INTERP)
			r = read_interp(e, c, p, err, errmsg);
		if (r)
			return r;
	}
	return 0;
}

static int get_source(struct elf *e, int err, struct errmsg *errmsg)
{
	int r = e->file->ops->pagesource ? e->file->ops->pagesource(e->file, false, &e->source)
					 : -ENODEV;

	if (!r)
		r = file_mapped_place(e->file, &e->place);
	if (r == -ENODEV)
		return errmsg_set(errmsg, err, "%s: a file that can not be mapped", e->name);
	return r ? errmsg_set(errmsg, -r, "%s: %s", e->name, strerror(-r)) : 0;
}

int elf_read(struct elf *e, struct caller *c, struct file *f, const char *name, int err,
	     struct errmsg *errmsg)
{
	ssize_t got;
	int r;

	*e = (struct elf){ .name = name, .file = f };
	got = file_read_kernel(f, c, &e->header, sizeof e->header, 0);
	if (got < 0)
		return errmsg_set(errmsg, (int)-got, "%s: can not be read: %s", name,
				  strerror((int)-got));
	/* Linux looks at a program through a buffer padded with zeros, but reads the header of an
	 * interpreter whole (elf_read() in fs/binfmt_elf.c). */
	if (err == ELIBBAD && (size_t)got < sizeof e->header)
		return errmsg_set(errmsg, EIO, "%s: is shorter than an ELF header", name);
	r = check_header(e, (size_t)got, err, errmsg);
	if (!r)
		r = read_phdrs(e, c, err, errmsg);
	if (!r)
		r = get_source(e, err, errmsg);
	if (!r)
		r = read_special(e, c, err, errmsg);
	if (!r) {
		r = check_segments(e, err, errmsg);
		e->too_late = r;
	}
	if (r)
		elf_free(e);
	return r;
}

void elf_free(struct elf *e)
{
	if (e->source)
		e->source->ops->unref(e->source);
	mapped_place_put(e->place);
	free(e->ph);
	free(e->interp);
	e->source = NULL;
	e->place = NULL;
	e->ph = NULL;
	e->interp = NULL;
}
