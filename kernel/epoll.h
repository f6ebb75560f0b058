/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7) */
#ifndef HL_KERNEL_EPOLL_H
#define HL_KERNEL_EPOLL_H

#include <sys/epoll.h>

#include "fs/file.h"

struct sandbox;

#define EPOLL_MAX_USER_WATCHES (1U << 18) /* /proc/sys/fs/epoll/max_user_watches */

int epoll_create_file(struct caller *c, struct sandbox *sb, struct file **out);
bool file_is_epoll(const struct file *f);
/* epoll_ctl(2); `ep` is an epoll file. `fd` is the number `f` has: an item is known by both. */
int epoll_control(struct file *ep, int op, struct file *f, int fd, const struct epoll_event *event);
/* The file that `ep` watches as `fd`, and of several the one behind `skip` others: not to be looked
 * into. 0 or -ENOENT. */
int epoll_watched(struct file *ep, int fd, unsigned skip, const struct file **out);
/* epoll_wait(2) into `out`, at most `max` events; `deadline` 0: do not wait. Events, -EINTR,
 * -EFAULT. */
int epoll_collect(struct file *ep, struct sleeper *s, struct uio *out, int max, uint64_t deadline);

/* What the epoll instances of a sandbox share; made with the first of them. */
struct epoll_domain;
void epoll_domain_free(struct epoll_domain *d);

struct loader;
/* All that a snapshot holds is loaded: who watches it is as ready as when that was saved. */
void epolls_settle(struct loader *l);

#endif
