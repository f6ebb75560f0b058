/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2), vfork(2), clone(2), clone3(2), exit(2). */
#include <linux/sched.h>

#include "arch/syscall.h"
#include "kernel/fork.h"
#include "sys/sys.h"

SYSCALL_DEFINE(fork)
{
	return task_clone(t, &(struct clone_request){ .exit_signal = SIGCHLD });
}

SYSCALL_DEFINE(vfork)
{
	return task_clone(
	    t, &(struct clone_request){ .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD });
}

SYSCALL_DEFINE(clone)
{
	/* clone(2): the parent_tid argument serves CLONE_PIDFD too, so both can not be asked
	 * for. */
	uint64_t flags = a[0] & 0xffffffffUL & ~(uint64_t)CSIGNAL;
	if (flags & CLONE_PIDFD && flags & CLONE_PARENT_SETTID)
		return -EINVAL;
	return task_clone(t, &(struct clone_request){
				 .flags = flags,
				 .exit_signal = a[0] & CSIGNAL,
				 .stack = GVA(a[1]),
				 .parent_tid = GVA(a[2]),
				 .pidfd = GVA(a[2]),
				 .child_tid = GVA(a[CLONE_ARG_CHILD_TID]),
				 .tls = GVA(a[CLONE_ARG_TLS]),
			     });
}

/* An extensible struct (clone3(2)): what lies behind the part we know must be zero, else -E2BIG. */
static int get_clone_args(struct task *t, gva_t addr, uint64_t size, struct clone_args *out)
{
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	return get_struct(t, addr, size, out, sizeof *out);
}

static int check_clone_args(const struct clone_args *ca)
{
	if (ca->flags & ((CSIGNAL & ~CLONE_NEWTIME) | CLONE_DETACHED) || ca->exit_signal > NSIGNALS)
		return -EINVAL;
	if (ca->flags & (CLONE_THREAD | CLONE_PARENT) && ca->exit_signal)
		return -EINVAL;
	if (!!ca->stack != !!ca->stack_size || !gva_range_ok(GVA(ca->stack), ca->stack_size))
		return -EINVAL;
	return ca->set_tid_size > PID_NS_DEPTH || !ca->set_tid != !ca->set_tid_size ? -EINVAL : 0;
}

SYSCALL_DEFINE(clone3)
{
	struct clone_args ca;
	int err = get_clone_args(t, GVA(a[0]), a[1], &ca);
	if (!err)
		err = check_clone_args(&ca);
	if (err)
		return err;
	struct clone_request rq = {
		.flags = ca.flags,
		.exit_signal = ca.exit_signal,
		.stack = GVA(ca.stack ? ca.stack + ca.stack_size : 0),
		.parent_tid = GVA(ca.parent_tid),
		.pidfd = GVA(ca.pidfd),
		.child_tid = GVA(ca.child_tid),
		.tls = GVA(ca.tls),
		.nr_wish = (unsigned)ca.set_tid_size,
	};
	if (copy_from_guest(t->mm, rq.wish, GVA(ca.set_tid), rq.nr_wish * sizeof(pid_t)))
		return -EFAULT;
	return task_clone(t, &rq);
}

SYSCALL_DEFINE(unshare)
{
	return task_unshare(t, a[0]);
}

SYSCALL_DEFINE(exit)
{
	task_exit_self(t, (int)(a[0] & 0xff) << 8);
	return 0;
}

SYSCALL_DEFINE(exit_group)
{
	process_exit_group(t, (int)(a[0] & 0xff) << 8);
	return 0;
}

SYSCALL_DEFINE(set_tid_address)
{
	t->clear_child_tid = GVA(a[0]);
	return t->tid;
}
