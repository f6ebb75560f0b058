/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread's CPU holds, over events. */
#include "tests/platform/world.h"

extern const char g_syscall[];

static void syscalls_arrive(void)
{
	struct world w;
	struct thread t;
	struct cpu_regs r;

	world_start(&w);
	thread_start(&w, &t, g_syscall);
	for (unsigned i = 0; i < 100; i++) {
		thread_run(&t, EVENT_SYSCALL);
		CHECK_EQ(t.ev.syscall.nr, i);
		CHECK_EQ(t.ev.syscall.ip, AT_CODE + (uint64_t)(g_syscall - guest_code) + 2);
		w.p->syscall_result(t.c, i + 1);
	}
	CHECK_EQ(w.p->regs_get(t.c, &r), 0);
	CHECK_EQ(r.rip, r.rcx);
	CHECK_EQ(r.rflags, r.r11);
	CHECK_EQ(w.p->runs(t.c), 100);
	thread_end(&t);
	world_end(&w);
}

const struct test tests[] = {
	{ "syscalls_arrive", syscalls_arrive },
	{ NULL, NULL },
};
