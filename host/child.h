/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a function that changes its process for good, in a child that ends with it. */
#ifndef HL_HOST_CHILD_H
#define HL_HOST_CHILD_H

#include <stdbool.h>

/* Runs `fn`, 0 or -errno, in a child made with these clone(2) flags besides, and gives its result.
 * The child shares our memory while we wait (vfork): raw system calls only. -errno also when there
 * is no child. No SIGCHLD comes of it. What the child forks is nobody's child as soon as `fn`
 * returns. */
int host_child(int clone_flags, int (*fn)(void *), void *arg);
/* The same for a function that needs no argument. */
int host_run_in_child(int clone_flags, int (*fn)(void));

/* May a seccomp filter deny us what the kernel has? Where none is set, what the kernel's version
 * has can be had. */
bool host_is_filtered(void);

#endif
