/* SPDX-License-Identifier: Apache-2.0 */
/* ELF executables (elf(5)). Reading checks every number of the headers; mapping then works with
 * numbers that fit. */
#ifndef HL_LOADER_ELF_H
#define HL_LOADER_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/file.h"
#include "util/gva.h"
#include "util/errmsg.h"

struct mm;
struct pagesource;

struct elf {
	const char *name; /* for messages; borrowed */
	struct file *file;
	struct pagesource *source;
	struct mapped_place *place;
	Elf64_Ehdr header;
	Elf64_Phdr *ph;     /* header.e_phnum of them */
	char *interp;       /* path; NULL: none */
	uint64_t low, high; /* bounds of the PT_LOADs, page-aligned, before any bias */
	uint64_t align;     /* largest alignment a PT_LOAD asks for, at least a page */
	uint64_t phdr;      /* address of the table, before any bias; 0: not loaded */
	bool exec_stack;
	bool too_late; /* elf_read found a fault that Linux finds when the old program is gone */
};

/* Where an ELF file was put. */
struct elf_place {
	uint64_t bias;
	gva_t entry, phdr; /* phdr.v 0: not loaded */
	gva_t start_code, end_code, start_data, end_data;
	gva_t brk; /* end of its last segment */
};

/* Reads and checks `f`, which must outlive the struct. `err`: what a file that is no such ELF
 * gives: ENOEXEC for a program, ELIBBAD for an interpreter. 0 or -errno. On failure there is
 * nothing to free. */
int elf_read(struct elf *e, struct caller *c, struct file *f, const char *name, int err,
	     struct errmsg *errmsg);
void elf_free(struct elf *e);
static inline bool elf_is_fixed(const struct elf *e)
{
	return e->header.e_type == ET_EXEC;
}

/* Maps the segments. `base`: where the image begins; 0: wherever there is room; ignored for
 * ET_EXEC. */
int elf_map(const struct elf *e, struct mm *mm, gva_t base, struct elf_place *out,
	    struct errmsg *errmsg);

/* The path of a file as the guest sees it, for /proc/PID/maps. NULL: it has none, or no memory.
 * Free with free(). */
char *exec_file_path(struct file *f);

#endif
