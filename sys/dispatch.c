/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/sys.h"

/* Handlers exist for FULL and PARTIAL rows only. */
#define HANDLER_FULL(name)    int64_t sys_##name(struct task *t, const uint64_t *a) __attribute__((weak));
#define HANDLER_PARTIAL(name) HANDLER_FULL(name)
#define HANDLER_NONE(name)
#define ARGS(...)
#define SYSCALL(nr, name, status, err, note, ret, args) HANDLER_##status(name)
#include "sys/syscalls.def"
#undef SYSCALL

struct syscall_entry {
	const char *name; /* NULL: no such number */
	syscall_fn *fn;   /* NULL: none, gives `err` */
	int err;
};

#define FN_FULL(name)                                   sys_##name
#define FN_PARTIAL(name)                                sys_##name
#define FN_NONE(name)                                   NULL
#define SYSCALL(nr, name, status, err, note, ret, args) [nr] = { #name, FN_##status(name), err },
static const struct syscall_entry table[] = {
#include "sys/syscalls.def"
};
#undef SYSCALL

static const struct syscall_entry *entry_of(uint64_t nr)
{
	/* Linux looks at the low 32 bits of rax alone (entry_64.S: movslq %eax, %rsi). */
	uint32_t low = (uint32_t)nr;

	return low < sizeof table / sizeof *table && table[low].name ? &table[low] : NULL;
}

const char *sys_name(uint64_t nr)
{
	const struct syscall_entry *e = entry_of(nr);

	return e ? e->name : NULL;
}

int64_t sys_dispatch(struct task *t)
{
	const struct syscall_entry *e = entry_of(t->event.syscall.nr);

	t->syscalls++;
	if (e && e->fn)
		return e->fn(t, t->event.syscall.args);
	return e && e->err ? -e->err : -ENOSYS;
}
