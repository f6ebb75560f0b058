/* SPDX-License-Identifier: Apache-2.0 */
/* Who may look into which thread: ptrace(2), "Ptrace access mode checking". sandbox->lock held. */
#ifndef HL_KERNEL_PTRACE_ACCESS_H
#define HL_KERNEL_PTRACE_ACCESS_H

#include <stdbool.h>

struct task;

/* For whoever opens files of another process: same ids, no capability that the reader lacks, and
 * dumpable; or CAP_SYS_PTRACE. It goes by the reader's file system ids. */
bool ptrace_may_inspect(struct task *reader, struct task *target);
/* The same for system calls that name the process: by the caller's real ids. */
bool ptrace_may_attach(struct task *caller, struct task *target);

#endif
