/* SPDX-License-Identifier: Apache-2.0 */
/* The table of system calls, made from sys/syscalls.def. */
#ifndef HL_SYS_TABLE_H
#define HL_SYS_TABLE_H

#include <stdint.h>

#include "sys/syscall_args.h"

struct task;
typedef int64_t syscall_fn(struct task *t, const uint64_t *a);

/* What an argument is. ARG_END stands behind the last. */
#define TYPE(name, when, fn, names) ARG_##name,
enum arg_type {
	ARG_END,
#include "sys/arg_types.def"
};
#undef TYPE

/* How the tracer prints a result. */
enum ret_type {
	RET_DEC,
	RET_PTR,
	RET_HEX,
	RET_OCT,
	RET_NEVER,
	RET_POLL,
	RET_SELECT,
	RET_FCNTL,
	RET_SCHED_POLICY,
	RET_MEMBARRIER,
	RET_SIGNAL
};

struct syscall_entry {
	const char *name; /* NULL: no such number */
	syscall_fn *fn;   /* NULL: none, gives `err` */
	uint16_t err;     /* ENOSYS where nothing better is known */
	uint8_t ret;      /* enum ret_type */
	uint8_t args[6];  /* enum arg_type */
};

/* NULL: no such number. */
const struct syscall_entry *sys_entry(uint64_t nr);
/* One more than the largest number. */
unsigned sys_table_size(void);

#endif
