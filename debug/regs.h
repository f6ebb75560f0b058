/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a stopped thread as GDB's remote protocol has them. Errors are -errno. */
#ifndef HL_DEBUG_REGS_H
#define HL_DEBUG_REGS_H

#include <stddef.h>
#include <stdint.h>

#include "util/text.h"

struct sandbox;
struct task;

/* The target description (target.xml). */
void debug_regs_describe(struct sandbox *sb, struct text *out);
/* All of them, one behind the other, or the one with this number, as bytes. The thread is held
 * (kernel/ptrace/debugger.h). */
int debug_regs_read(struct task *o, struct text *out);
int debug_regs_read_one(struct task *o, uint64_t n, struct text *out);
int debug_regs_write(struct task *o, const unsigned char *bytes, size_t len);
int debug_regs_write_one(struct task *o, uint64_t n, const unsigned char *bytes, size_t len);

#endif
