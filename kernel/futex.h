/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HL_KERNEL_FUTEX_H
#define HL_KERNEL_FUTEX_H

struct task;

/* exit and execve: walks the robust list, gives up PI futexes, clears and wakes clear_child_tid, all in the old memory.
 */
void futex_task_exit(struct task *t);

#endif
