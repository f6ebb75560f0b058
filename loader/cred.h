/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HL_LOADER_CRED_H
#define HL_LOADER_CRED_H

#include <stdbool.h>

struct caller;
struct cred;
struct file;

/* The credentials with which the program in `exe` runs when `c` executes it; *secure: the caller
 * must not steer it (AT_SECURE). NULL: no memory. */
struct cred *exec_cred(struct caller *c, struct file *exe, bool fs_shared, bool *secure);

#endif
