/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-terminals of the guest's own (pty(7)): /dev/ptmx and /dev/pts. */
#ifndef HL_KERNEL_TTY_PTY_H
#define HL_KERNEL_TTY_PTY_H

struct devpts_options;
struct filesystem;
struct pty_table;
struct sandbox;

#define PTY_MAX 4096 /* /proc/sys/kernel/pty/max */

/* The first ptys of a sandbox and their directory, to be mounted at /dev/pts. Before the first task
 * runs. */
int pty_table_create(struct sandbox *sb, struct filesystem **devpts);
/* Another instance of devpts, with ptys of its own, which begin with number 0. Nodes outside of it
 * (/dev/ptmx, unless it is a link to pts/ptmx) are those of the first one. */
int pty_instance_create(struct sandbox *sb, const struct devpts_options *opt,
			struct filesystem **devpts);
/* The host's terminal gets its name in the directory, too, if it is a pty there: ttyname(3) looks
 * for it. */
int pty_add_console(struct pty_table *t);
/* How many there are now, in all instances. */
unsigned pty_count(struct pty_table *t);
/* No file is open any more. NULL: no effect. */
void pty_table_free(struct pty_table *t);

#endif
