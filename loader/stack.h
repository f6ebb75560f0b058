/* SPDX-License-Identifier: Apache-2.0 */
/* The initial stack of a program (elf(5), getauxval(3)): strings, auxiliary
 * vector, argc. */
#ifndef HL_LOADER_STACK_H
#define HL_LOADER_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/elf.h"
#include "loader/loader.h"

struct stack_args {
	const char *filename; /* AT_EXECFN */
	char *const *argv, *const *envp;
	const struct elf *elf;
	const struct elf_place *program;
	uint64_t interp_base; /* AT_BASE; 0: none */
	const struct cred *cred;
	struct exec_random random;
	bool secure, exec_stack;
	uint64_t stack_limit;
};

/* Sets mm->mmap_base: mappings go below the room a stack of `limit` bytes may take. Before anything
 * is mapped. */
int stack_layout(struct mm *mm, uint64_t limit, const struct exec_random *from);
/* -E2BIG when arguments and environment are too long for `limit` (execve(2), "Limits on size"). */
int stack_check_args(const char *filename, char *const *argv, char *const *envp, uint64_t limit);
/* Maps the stack below mm->start_stack, as stack_layout chose it, and fills it in; *sp is where the
 * program begins. */
int stack_build(struct mm *mm, const struct stack_args *a, gva_t *sp);

/* `bits` random bits, shifted to a page border; 0 when not wanted. -errno only if the host gives no
 * random bytes. */
int random_pages(const struct exec_random *from, unsigned bits, uint64_t *out);

#endif
