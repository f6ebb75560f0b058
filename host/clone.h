/* SPDX-License-Identifier: Apache-2.0 */
/* clone(2) with CLONE_VM. ThreadSanitizer takes every clone for a fork, and knows nothing of the
 * order of threads from then on: it is passed by, under the name that libc has for itself. */
#ifndef HL_HOST_CLONE_H
#define HL_HOST_CLONE_H

#include <sched.h>

#ifdef __SANITIZE_THREAD__
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define clone __clone
#endif

#endif
