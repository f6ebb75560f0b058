/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2), also as prctl(2) asks for it. */
#ifndef HL_SYS_SECCOMP_H
#define HL_SYS_SECCOMP_H

#include <stdint.h>

#include "util/gva.h"

struct task;

int64_t do_seccomp(struct task *t, uint32_t op, uint32_t flags, gva_t arg);

#endif
