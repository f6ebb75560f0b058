/* SPDX-License-Identifier: Apache-2.0 */
/* The host's terminal behind the program's standard descriptors. */
#ifndef HL_KERNEL_TTY_CONSOLE_H
#define HL_KERNEL_TTY_CONSOLE_H

#include <stdbool.h>

struct file;
struct filesystem;
struct sandbox;
struct tty;

/* Looks for a terminal among the standard files (NULL: closed), the sandbox's console from then on.
 * *controlling: it is this process's controlling terminal, and so to be the program's. 0, also when
 * there is none; -ENOMEM. */
int console_attach(struct sandbox *sb, struct file *const stdio[3], bool *controlling);

#endif
