/* SPDX-License-Identifier: Apache-2.0 */
/* The contents of a core file (core(5)), as debuggers read them: notes of each thread, then the
 * memory. */
#ifndef HL_KERNEL_ELFCORE_H
#define HL_KERNEL_ELFCORE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct caller;
struct file;
struct task;

/* Linux's default of core_file_note_size_limit: what needs more for its notes is not dumped. */
#define CORE_NOTES_MAX (4U << 20)

/* Writes the process of `t`, which dies of `info`, to a new file, `limit` bytes of it at most: the
 * threads in it are those for which in_core is set. They and `t` stand still. False: there is
 * nothing in the file. */
bool elfcore_write(struct task *t, const siginfo_t *info, struct file *f, struct caller *c,
		   uint64_t limit);

#endif
