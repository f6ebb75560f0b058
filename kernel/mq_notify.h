/* SPDX-License-Identifier: Apache-2.0 */
/* How a process learns that a message has come into an empty POSIX message queue (mq_notify(2)). */
#ifndef HL_KERNEL_MQ_NOTIFY_H
#define HL_KERNEL_MQ_NOTIFY_H

#include "ipc/mqueue.h"

extern const struct mq_teller mq_teller;
/* SIGEV_THREAD: -ENOTSOCK, -EINVAL: it is no socket of netlink. */
int mq_check_socket(struct file *f);

#endif
