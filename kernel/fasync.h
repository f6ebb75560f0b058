/* SPDX-License-Identifier: Apache-2.0 */
/* SIGIO and SIGURG (fcntl(2): O_ASYNC, F_SETOWN, F_SETSIG; socket(7)): signals that tell of a
 * file's readiness. */
#ifndef HL_KERNEL_FASYNC_H
#define HL_KERNEL_FASYNC_H

#include "fs/file.h"

struct fasync_domain;
struct sandbox;

/* Can signals tell of this file's readiness? Sockets, pipes, terminals. */
bool fasync_possible(const struct file *f);
/* Sets or clears O_ASYNC of such a file; the signals will name the descriptor `fd`. 0, -ENOTTY: not
 * possible after all,
 * -ENOMEM, -EMFILE. */
int fasync_set(struct sandbox *sb, struct file *f, int fd, bool on);
/* f->owner was set: who owns a socket hears of its urgent data, O_ASYNC or not. Errors as
 * fasync_set. */
int fasync_owner_set(struct sandbox *sb, struct file *f);

/* Sends what is due. The task does it at the end of a system call that woke somebody
 * (task.signals_due). No lock held. */
void fasync_send_due(struct sandbox *sb);

/* No task is left: ends the thread. Files may still be put. */
void fasync_stop(struct sandbox *sb);
/* No file is left. */
void fasync_domain_free(struct fasync_domain *d);

#endif
