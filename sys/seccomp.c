/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2). The rules of its flags are those of Linux's seccomp_set_mode_filter(). */
#include "sys/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "sys/sys.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define FLAGS_KNOWN                                                                                \
	(uint32_t)(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |                           \
		   SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER |             \
		   SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

/* The result of a call can tell of one thing: a descriptor, or a thread. */
static int check_flags(uint32_t flags)
{
	bool listens = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;

	if (flags & ~FLAGS_KNOWN)
		return -EINVAL;
	if (listens && flags & SECCOMP_FILTER_FLAG_TSYNC &&
	    !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
		return -EINVAL;
	return !listens && flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ? -EINVAL : 0;
}

static int64_t set_filter(struct task *t, uint32_t flags, gva_t arg)
{
	struct {
		uint16_t len;
		gva_t filter;
	} fprog;
	int err = check_flags(flags);

	if (!err)
		err = get_user(t, &fprog, arg);
	if (err)
		return err;
	if (!fprog.len || fprog.len > BPF_MAXINSNS)
		return -EINVAL;
	if (!seccomp_may_filter(t))
		return -EACCES;
	if (!fprog.filter.v)
		return -EINVAL;
	size_t size = fprog.len * sizeof(struct sock_filter);
	struct sock_filter *prog = malloc(size);
	if (!prog)
		return -ENOMEM;
	int64_t r = copy_from_guest(t->mm, prog, fprog.filter, size) ? -EFAULT : 0;
	if (!r)
		r = seccomp_set_filter(t, flags, prog, fprog.len);
	free(prog);
	return r;
}

static int64_t action_available(struct task *t, gva_t arg)
{
	uint32_t action;

	if (get_user(t, &action, arg))
		return -EFAULT;
	switch (action) {
	case SECCOMP_RET_KILL_PROCESS:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_USER_NOTIF:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_ALLOW: return 0;
	default: return -EOPNOTSUPP;
	}
}

static int64_t notification_sizes(struct task *t, gva_t arg)
{
	const struct seccomp_notif_sizes sizes = {
		.seccomp_notif = sizeof(struct seccomp_notif),
		.seccomp_notif_resp = sizeof(struct seccomp_notif_resp),
		.seccomp_data = sizeof(struct seccomp_data),
	};

	return put_user(t, arg, &sizes);
}

int64_t do_seccomp(struct task *t, uint32_t op, uint32_t flags, gva_t arg)
{
	if (op == SECCOMP_SET_MODE_FILTER)
		return set_filter(t, flags, arg);
	if (flags)
		return -EINVAL;
	switch (op) {
	case SECCOMP_SET_MODE_STRICT: return arg.v ? -EINVAL : seccomp_set_strict(t);
	case SECCOMP_GET_ACTION_AVAIL: return action_available(t, arg);
	case SECCOMP_GET_NOTIF_SIZES: return notification_sizes(t, arg);
	default: return -EINVAL;
	}
}

SYSCALL_DEFINE(seccomp)
{
	return do_seccomp(t, (uint32_t)a[0], (uint32_t)a[1], GVA(a[2]));
}
