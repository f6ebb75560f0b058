/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the vsyscall page (arch/vsyscall.h). Where the machine has no such page a jump there is
 * a fault, and the call is made here; where the host has one it comes as a system call whose
 * instruction lies in the page. */
#ifndef HL_KERNEL_VSYSCALL_H
#define HL_KERNEL_VSYSCALL_H

#include <stdbool.h>

#include "arch/vsyscall.h"

struct task;

/* The fault in t->event is a call: it becomes EVENT_SYSCALL, and *regs what the caller gets back,
 * but for the result. False: it is a fault like others. */
bool vsyscall_begin(struct task *t, struct cpu_regs *regs);

#endif
