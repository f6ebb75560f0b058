/* SPDX-License-Identifier: Apache-2.0 */
/* Signals taken by reading (signalfd(2)). Whose signals depends on who reads or polls, not on who
 * made it. */
#ifndef HL_KERNEL_SIGNALFD_H
#define HL_KERNEL_SIGNALFD_H

#include "fs/file.h"
#include "kernel/signal.h"

/* `flags`: O_NONBLOCK or 0. */
int signalfd_create(struct task *t, ksigset_t mask, int flags, struct file **out);
/* -EINVAL: `f` is no signalfd. */
int signalfd_set_mask(struct task *t, struct file *f, ksigset_t mask);

#endif
