/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that are descriptors (timerfd_create(2)): each is one of the host's. */
#ifndef HL_KERNEL_TIMERFD_H
#define HL_KERNEL_TIMERFD_H

#include <time.h>

#include "fs/file.h"

/* `flags`: O_NONBLOCK or 0. */
int timerfd_new(struct caller *c, clockid_t clock, int flags, struct file **out);
/* -EINVAL: `f` is no timerfd, or the host's reason. */
int timerfd_set(struct file *f, int flags, const struct itimerspec *new, struct itimerspec *old);
int timerfd_get(struct file *f, struct itimerspec *out);

#endif
