/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the vsyscall page (arch/vsyscall.h). No machine lets a guest run there, so that a jump
 * into the page is a fault; the call is made here.
 */
#ifndef HL_KERNEL_VSYSCALL_H
#define HL_KERNEL_VSYSCALL_H

#include <stdbool.h>

#include "arch/vsyscall.h"

struct task;

/* Was the fault in t->event a jump into the page? Then the call has been made, or the signal for a
 * bad one is pending. */
bool vsyscall_fault(struct task *t);

#endif
