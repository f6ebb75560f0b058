/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file finds the row of a system call in the table made from sys/syscalls.def, and calls its
 * handler. It is also the one place where an observer sees calls begin and end.
 */
#include "arch/syscall.h"
#include "sys/sys.h"
#include "sys/table.h"

/* Handlers exist for FULL and PARTIAL rows only. */
#define HANDLER_FULL(name)    int64_t sys_##name(struct task *t, const uint64_t *a);
#define HANDLER_PARTIAL(name) HANDLER_FULL(name)
#define HANDLER_NONE(name)
#define SYSCALL(nr, name, status, err, note, ret, args) HANDLER_##status(name)
#include "sys/syscalls.def"
#undef SYSCALL

#define FN_FULL(name)    sys_##name
#define FN_PARTIAL(name) sys_##name
#define FN_NONE(name)    NULL
#define SYSCALL(nr, name, status, err, note, ret, args)                                            \
	[nr] = { #name, FN_##status(name), err, RET_##ret, { args } },
static const struct syscall_entry table[] = {
#include "sys/syscalls.def"
};
#undef SYSCALL

/* The table is in the order of x86-64's numbers. */
#if ARCH_SYSCALLS_GENERIC
#define SYSCALL(nr, name, status, err, note, ret, args) ROW_##name = (nr),
enum {
#include "sys/syscalls.def"
};
#undef SYSCALL

#define NUMBER(nr, name) [nr] = ROW_##name + 1,
static const uint16_t generic_rows[] = {
#include "sys/syscalls_generic.def"
};
_Static_assert(sizeof generic_rows / sizeof *generic_rows <= SYSCALL_NR_SAME,
	       "numbers that differ");

static uint32_t row_of(uint32_t nr)
{
	if (nr >= SYSCALL_NR_SAME)
		return nr;
	return nr < sizeof generic_rows / sizeof *generic_rows ? generic_rows[nr] - 1U : UINT32_MAX;
}
#else
static uint32_t row_of(uint32_t nr)
{
	return nr;
}
#endif

unsigned sys_table_size(void)
{
	return sizeof table / sizeof *table;
}

const struct syscall_entry *sys_entry(uint64_t nr)
{
	/* Linux looks at the low 32 bits of the register alone. */
	uint32_t row = row_of((uint32_t)nr);

	return row < sys_table_size() && table[row].name ? &table[row] : NULL;
}

static int64_t call(struct task *t, const struct syscall_entry *e)
{
	int64_t r;

	if (t->vfork_wait.on)
		return vfork_wait_again(t);
	if (t->seccomp.mode && seccomp_answers(t, &r))
		return r;
	if (e && e->fn)
		return e->fn(t, t->event.syscall.args);
	return e && e->err ? -e->err : -ENOSYS;
}

/* It is made again, or told its tracer of a child and goes on now. */
static bool goes_on(const struct task *t)
{
	return t->unwound || t->vfork_wait.on;
}

/* A call made again after a freeze (kernel/resume.h) is the same call: it is counted and shown
 * once. */
static int64_t call_traced(struct task *t, struct observer *o, const struct syscall_entry *e)
{
	if (!goes_on(t))
		o->ops->enter(o, t);
	int64_t result = call(t, e);
	if (!resume_wanted(t, result) && !t->vfork_wait.on)
		o->ops->leave(o, t, result);
	return result;
}

int64_t sys_dispatch(struct task *t)
{
	const struct syscall_entry *e = sys_entry(t->event.syscall.nr);
	struct observer *o = t->sb->observer;

	t->syscalls += !goes_on(t);
	return o ? call_traced(t, o, e) : call(t, e);
}
