/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2) */
#ifndef HL_KERNEL_EVENTFD_H
#define HL_KERNEL_EVENTFD_H

#include "fs/file.h"

/* `flags`: EFD_SEMAPHORE, EFD_NONBLOCK. */
int eventfd_create(struct caller *c, uint64_t count, int flags, struct file **out);

#endif
