/* SPDX-License-Identifier: Apache-2.0 */
/* How resource usage is told to a guest (getrusage(2), wait4(2)). */
#ifndef HL_SYS_RESOURCE_H
#define HL_SYS_RESOURCE_H

#include "util/gva.h"

struct rusage_sum;
struct task;

/* Writes a struct rusage to the guest. 0 or -EFAULT. */
int put_rusage(struct task *t, gva_t addr, const struct rusage_sum *ru);

#endif
