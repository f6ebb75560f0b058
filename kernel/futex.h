/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HL_KERNEL_FUTEX_H
#define HL_KERNEL_FUTEX_H

struct futex_table;
struct task;

int futex_table_create(struct futex_table **out);
void futex_table_destroy(struct futex_table *ft);

/* exit and execve: walks the robust list, gives up PI futexes, clears and wakes clear_child_tid, all in the old memory.
 */
void futex_task_exit(struct task *t);

#endif
