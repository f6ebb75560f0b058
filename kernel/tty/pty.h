/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-terminals of the guest's own (pty(7)): /dev/ptmx and /dev/pts. */
#ifndef HL_KERNEL_TTY_PTY_H
#define HL_KERNEL_TTY_PTY_H

struct filesystem;
struct pty_table;
struct sandbox;

#define PTY_MAX 4096 /* /proc/sys/kernel/pty/max */

/* The ptys of a sandbox and their directory, to be mounted at /dev/pts. Before the first task
 * runs. */
int pty_table_create(struct sandbox *sb, struct filesystem **devpts);
/* Its file system, borrowed. */
struct filesystem *pty_table_devpts(struct pty_table *t);
/* The host's terminal gets its name in the directory, too, if it is a pty there: ttyname(3) looks
 * for it. */
int pty_add_console(struct pty_table *t);
/* How many there are now. */
unsigned pty_count(struct pty_table *t);
/* No file is open any more. NULL: no effect. */
void pty_table_free(struct pty_table *t);

#endif
