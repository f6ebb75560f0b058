/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that are descriptors (timerfd_create(2)). */
#ifndef HL_KERNEL_TIMERFD_H
#define HL_KERNEL_TIMERFD_H

#include <time.h>

#include "fs/file.h"
#include "kernel/timer.h"

struct sandbox;

/* `flags`: O_NONBLOCK or 0. -EINVAL: not a clock that such a timer may have. -EPERM: one that wakes
 * the machine, without CAP_WAKE_ALARM. -ENOMEM. */
int timerfd_new(struct caller *c, struct sandbox *sb, clockid_t clock, int flags,
		struct file **out);
/* `flags`: TFD_TIMER_*. -EINVAL: `f` is no timerfd. -ECANCELED: the timer is set, but somebody has
 * set the clock since it was last read. -EPERM: as timerfd_new. */
int timerfd_set(struct file *f, struct caller *c, int flags, const struct timer_setting *new,
		struct timer_setting *old);
int timerfd_get(struct file *f, struct timer_setting *out);

#endif
