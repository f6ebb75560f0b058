/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of a core file (core(5)), as debuggers read them: notes of each thread, then the
 * memory. */
#ifndef HL_KERNEL_ELFCORE_H
#define HL_KERNEL_ELFCORE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct caller;
struct core_out;
struct core_store;
struct file;
struct task;

/* Linux's default of core_file_note_size_limit: what needs more for its notes is not dumped. */
#define CORE_NOTES_MAX (4U << 20)

/* Where to: a new file of the guest's, or one of a store (kernel/coredump.h). */
struct core_sink {
	struct file *file; /* NULL: `out` */
	struct caller *caller;
	struct core_store *store;
	struct core_out *out;
	uint64_t limit; /* bytes of it at most */
};

/* Writes the process of `t`, which dies of `info`: the threads in it are those for which in_core is
 * set. They and `t` stand still. 0; -ENOMEM: there is nothing in the file; else the file ends
 * early. */
int elfcore_write(struct task *t, const siginfo_t *info, const struct core_sink *to);

#endif
