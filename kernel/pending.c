/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in, weakly, for parts that have not landed yet, so that the rest can be linked and run. Goes with the last. */
#include <errno.h>

#include "kernel/pidfd.h"
#include "kernel/process.h"
#include "kernel/timer.h"
#include "kernel/tty.h"

#define WEAK __attribute__((weak))

WEAK void itimer_signal_taken(struct process *p)
{
}
WEAK void timers_exec(struct process *p)
{
}
WEAK void timers_exit(struct process *p)
{
}
WEAK struct tty *tty_get(struct tty *tty)
{
	return tty;
}
WEAK void tty_put(struct tty *tty)
{
}
WEAK void tty_session_ended(struct tty *tty, struct process *p)
{
}
WEAK int pidfd_install(struct task *t, struct pid *pid, unsigned flags)
{
	return -ENOSYS;
}
WEAK struct pid *pidfd_pid(struct file *f)
{
	return NULL;
}
