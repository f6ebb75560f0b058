/* SPDX-License-Identifier: Apache-2.0 */
/* The futex that a resting task waits for, in a snapshot. */
#ifndef HL_KERNEL_FUTEX_SAVE_H
#define HL_KERNEL_FUTEX_SAVE_H

#include "util/codec.h"

struct task;

/* What of it cannot be saved yet: what the task does, to be put behind its name. NULL: nothing. */
const char *futex_refused(struct task *t);
void futex_save(struct encoder *out, struct task *t);
/* -EBADMSG. The task has its address space already. */
int futex_load(struct decoder *in, struct task *t);

#endif
