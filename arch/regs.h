/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integer registers of a guest thread, and what the Linux ABI keeps in them. struct cpu_regs is
 * the architecture's: who stands above platform/ goes through these functions.
 */
#ifndef HL_ARCH_REGS_H
#define HL_ARCH_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

struct cpu_regs;

/* What execve(2) starts a program with. */
static inline struct cpu_regs regs_start(uint64_t entry, uint64_t sp);

/* The next instruction, the stack, and the base of thread-local storage. */
static inline uint64_t regs_ip(const struct cpu_regs *r);
static inline void regs_set_ip(struct cpu_regs *r, uint64_t ip);
static inline uint64_t regs_sp(const struct cpu_regs *r);
static inline void regs_set_sp(struct cpu_regs *r, uint64_t sp);
static inline uint64_t regs_tls(const struct cpu_regs *r);
static inline void regs_set_tls(struct cpu_regs *r, uint64_t base);

/* Behind the instruction of a system call: its result. */
static inline uint64_t regs_result(const struct cpu_regs *r);
static inline void regs_set_result(struct cpu_regs *r, uint64_t result);
/* Goes back to the instruction: the thread will make the call `nr` with what it passed before;
 * `arg0` was its first argument, which shares a register with the result on some CPUs. */
static inline void regs_rewind(struct cpu_regs *r, uint64_t nr, uint64_t arg0);

/* Does the CPU trap behind the next instruction? */
static inline bool regs_step(const struct cpu_regs *r);
static inline void regs_set_step(struct cpu_regs *r, bool on);

/* One line of a register dump, the first is 0. False: there are no more. */
bool regs_describe(const struct cpu_regs *r, unsigned line, char *buf, size_t size);

/* Code that makes one system call after the other: a probe of a platform runs it. */
struct machine_code {
	const void *bytes;
	size_t size;
};
extern const struct machine_code syscall_loop;

#include ARCH_FILE(regs.h)

#endif
