/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2) */
#ifndef HL_KERNEL_EVENTFD_H
#define HL_KERNEL_EVENTFD_H

#include "fs/file.h"

/* `flags`: EFD_SEMAPHORE, EFD_NONBLOCK. */
int eventfd_create(struct caller *c, uint64_t count, int flags, struct file **out);

/* Adds one to the count of such a file and wakes who waits for it; nobody waits for room here: a
 * count that is full stays. -EINVAL: it is no eventfd. */
int eventfd_signal(struct file *f);
bool file_is_eventfd(const struct file *f);

#endif
