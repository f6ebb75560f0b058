/* SPDX-License-Identifier: Apache-2.0 */
/* The futexes that resting tasks wait for, in a snapshot. */
#ifndef HL_KERNEL_FUTEX_SAVE_H
#define HL_KERNEL_FUTEX_SAVE_H

#include "util/codec.h"

struct sandbox;
struct task;

/* What of it cannot be saved: what the task does, to be put behind its name. NULL: nothing. */
const char *futex_refused(struct task *t);
void futex_save(struct encoder *out, struct task *t);
/* -EBADMSG, -ENOMEM. */
int futex_load(struct decoder *in, struct task *t);
/* Who is queued where. All tasks are there, and have their memory. -EBADMSG, -ENOMEM. */
void futexes_save(struct encoder *out, struct sandbox *sb);
int futexes_load(struct decoder *in, struct sandbox *sb);

#endif
