/* SPDX-License-Identifier: Apache-2.0 */
/* What execve(2) makes of credentials: set-id bits and capabilities (capabilities(7)). */
#ifndef HL_LOADER_CRED_H
#define HL_LOADER_CRED_H

#include <stdbool.h>

struct caller;
struct exec_image;
struct file;

/* With what rights the program in `exe` runs when `c` executes it: image->cred, secure, dumpable.
 * `fs_shared`: tasks outside the process share its root and working directory. 0, -EPERM, -EINVAL
 * (capabilities of the file), -ENOMEM. */
int exec_cred(struct caller *c, struct file *exe, bool fs_shared, struct exec_image *image);

#endif
