/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-terminals of the guest's own (pty(7)): /dev/ptmx and /dev/pts. */
#ifndef HL_KERNEL_TTY_PTY_H
#define HL_KERNEL_TTY_PTY_H

#include <stdint.h>
#include <sys/types.h>

struct devpts_options;
struct filesystem;
struct pty_table;
struct pid;
struct sandbox;
struct saved_kind;
struct tty;

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
/* A side of a pty, and the pty itself, in snapshots (kernel/tty/pty_save.c). */
extern const struct saved_kind pty_saved, pty_line_saved;
struct loader;
struct saver;
/* Its number as an object of that kind; 0: `tty` is NULL, or no pty. */
uint64_t pty_line_number(struct saver *s, struct tty *tty);
/* The end of a load, when all processes have their groups: terminals get theirs. */
int ptys_join(struct loader *l);

/* How many there are now, in all instances. */
unsigned pty_count(struct pty_table *t);
/* No file is open any more. NULL: no effect. */
void pty_table_free(struct pty_table *t);

#endif
