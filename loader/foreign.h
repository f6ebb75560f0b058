/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs for another CPU: their ELF header says which, and a translator of that name runs them,
 * an ordinary program of the guest's that takes the arguments of qemu-user (qemu-aarch64(1)). So
 * does Linux where binfmt_misc has an entry for them.
 */
#ifndef HL_LOADER_FOREIGN_H
#define HL_LOADER_FOREIGN_H

#include <stddef.h>

#include "fs/file.h"

/* Which translator runs them. */
struct translators {
	char *file; /* this one, all of them; NULL: they are looked for by name */
	char *path; /* where, as in PATH; NULL: nowhere */
};

/* The name of the translator, without a directory, for a file that begins so; NULL: it is no
 * program, one for this CPU or one of which there is none. *machine: for people. */
const char *foreign_program(const char *head, size_t n, const char **machine);
/* The translator of this name, and where it is (malloc'd), as the caller finds it (`t` NULL:
 * nowhere). -ENOEXEC: there is none; -ENOMEM. */
int foreign_translator(const struct translators *t, struct caller *c, const char *name,
		       struct file **file, char **where);

#endif
