/* SPDX-License-Identifier: Apache-2.0 */
/* What the system calls that change mounts share. */
#ifndef HL_SYS_MOUNT_H
#define HL_SYS_MOUNT_H

#include "fs/peers.h"
#include "sys/sys.h"

/* The mounts that the task sees, borrowed, and may it change them? */
struct mnt_namespace *task_mnt_ns(const struct task *t);
bool task_may_mount(const struct task *t);
/* Of exactly one of MS_SHARED and its kin. -EINVAL. */
int propagation_of(unsigned long ms_flags, enum propagation *out);

/* MOUNT_* of what mount_setattr(2) and fsmount(2) take, but for the times of access. */
unsigned mount_flags_of_attr(uint64_t attr);

#endif
