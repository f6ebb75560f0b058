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

/* For snapshots: the descriptor that signals name, -1: none is to tell of it. */
int fasync_fd(const struct file *f);

/* For a copy that is being loaded: as fasync_set (`on`) or fasync_owner_set, but when all is
 * loaded, since loading does things to files. 0 or -ENOMEM. */
int fasync_set_later(struct sandbox *sb, struct file *f, int fd, bool on);
/* All is loaded: does it, or, where the load has failed, forgets it. */
int fasync_settle(struct sandbox *sb, bool loaded);

/* Sends what is due. The task does it at the end of a system call that woke somebody
 * (task.signals_due). No lock held. */
void fasync_send_due(struct sandbox *sb);

/* No task is left: ends the thread. Files may still be put. */
void fasync_stop(struct sandbox *sb);
/* No file is left. */
void fasync_domain_free(struct fasync_domain *d);

#endif
