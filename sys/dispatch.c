/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/observe.h"
#include "sys/sys.h"
#include "sys/table.h"
#include "sys/trace_print.h"

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

unsigned sys_table_size(void)
{
	return sizeof table / sizeof *table;
}

const struct syscall_entry *sys_entry(uint64_t nr)
{
	/* Linux looks at the low 32 bits of rax alone (entry_64.S: movslq %eax, %rsi). */
	uint32_t low = (uint32_t)nr;

	return low < sys_table_size() && table[low].name ? &table[low] : NULL;
}

const char *sys_name(uint64_t nr)
{
	const struct syscall_entry *e = sys_entry(nr);

	return e ? e->name : NULL;
}

static int64_t call(struct task *t, const struct syscall_entry *e)
{
	if (e && e->fn)
		return e->fn(t, t->event.syscall.args);
	return e && e->err ? -e->err : -ENOSYS;
}

int64_t sys_dispatch(struct task *t)
{
	const struct syscall_entry *e = sys_entry(t->event.syscall.nr);

	t->syscalls++;
	if (!t->sb->observer)
		return call(t, e);
	observe_enter(t, e);
	int64_t result = call(t, e);
	observe_exit(t, e, result);
	return result;
}
