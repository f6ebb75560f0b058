/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2): the new image is built aside by the loader; past one marked line nothing can fail any
 * more. */
#ifndef HL_KERNEL_EXEC_H
#define HL_KERNEL_EXEC_H

#include <stdbool.h>
#include <stdint.h>

#include "util/errmsg.h"

struct file;
struct mm;
struct process;
struct task;

/* Copies the resource limits of `p` that bound an address space into `mm`. */
void exec_limits(struct mm *mm, struct process *p);

/* Replaces the program of `t` (the caller) by `exe`. `filename`: what AT_EXECFN and scripts get. 0
 * or -errno. */
int task_exec(struct task *t, struct file *exe, const char *filename, char *const *argv,
	      char *const *envp, bool fd_path_inaccessible, struct errmsg *errmsg);

#endif
