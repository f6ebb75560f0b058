/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file decodes the futex system calls: futex(2), its operations as a table, and the newer
 * calls that do one operation each. It also has the calls for robust lists (get_robust_list(2)).
 * The work is done in kernel/futex.c and kernel/futex_pi.c.
 */
#include <linux/futex.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/futex.h"
#include "kernel/ptrace/access.h"
#include "sys/sys.h"
#include "sys/time.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define FUTEX2_SIZE_MASK 0x03U
#define FUTEX2_SIZE_U32  0x02U
#define FUTEX2_PRIVATE   0x80U

struct futex_args {
	struct futex_ref ref, ref2;
	uint32_t val, val3;
	int val2; /* where a timeout would be */
	uint64_t deadline;
	bool has_timeout;
};

/* ---- restart ---- */

/* A wait with a timeout goes on to the same point in time; one without starts over. */
static int64_t wait_or_restart(struct task *t, const struct futex_want *want, uint64_t deadline,
			       bool timeout)
{
	int r = futex_wait(t, want, deadline);

	if (r != -EINTR)
		return r;
	if (!timeout)
		return -ERESTARTSYS;
	t->restart = (struct restart){
		.kind = RESTART_FUTEX,
		.deadline = deadline,
		.a = { want->ref.addr.v, want->ref.shared, want->val, want->bitset },
	};
	return -ERESTART_RESTARTBLOCK;
}

int64_t futex_wait_restart(struct task *t, const struct restart *r)
{
	struct futex_want want = { { GVA(r->a[0]), r->a[1] },
				   (uint32_t)r->a[2],
				   (uint32_t)r->a[3] };

	return wait_or_restart(t, &want, r->deadline, true);
}

/* ---- futex(2): one function an operation ---- */

static int64_t op_wait_bitset(struct task *t, const struct futex_args *f)
{
	struct futex_want want = { f->ref, f->val, f->val3 };

	return wait_or_restart(t, &want, f->deadline, f->has_timeout);
}

static int64_t op_wait(struct task *t, const struct futex_args *f)
{
	struct futex_want want = { f->ref, f->val, FUTEX_BITSET_MATCH_ANY };

	return wait_or_restart(t, &want, f->deadline, f->has_timeout);
}

static int64_t op_wake(struct task *t, const struct futex_args *f)
{
	return futex_wake(t, f->ref, (int)f->val, FUTEX_BITSET_MATCH_ANY);
}

static int64_t op_wake_bitset(struct task *t, const struct futex_args *f)
{
	return futex_wake(t, f->ref, (int)f->val, f->val3);
}

static int64_t op_requeue(struct task *t, const struct futex_args *f)
{
	return futex_requeue(t, f->ref, f->ref2, (int)f->val, f->val2, NULL);
}

static int64_t op_cmp_requeue(struct task *t, const struct futex_args *f)
{
	return futex_requeue(t, f->ref, f->ref2, (int)f->val, f->val2, &f->val3);
}

static int64_t op_wake_op(struct task *t, const struct futex_args *f)
{
	return futex_wake_op(t, f->ref, f->ref2, (int)f->val, f->val2, f->val3);
}

static int64_t op_lock_pi(struct task *t, const struct futex_args *f)
{
	return futex_lock_pi(t, f->ref, f->deadline, false);
}

static int64_t op_trylock_pi(struct task *t, const struct futex_args *f)
{
	return futex_lock_pi(t, f->ref, DEADLINE_NONE, true);
}

static int64_t op_unlock_pi(struct task *t, const struct futex_args *f)
{
	return futex_unlock_pi(t, f->ref);
}

static int64_t op_wait_requeue_pi(struct task *t, const struct futex_args *f)
{
	struct futex_want want = { f->ref, f->val, FUTEX_BITSET_MATCH_ANY };

	return futex_wait_requeue_pi(t, &want, f->ref2, f->deadline);
}

static int64_t op_cmp_requeue_pi(struct task *t, const struct futex_args *f)
{
	return futex_requeue_pi(t, f->ref, f->ref2, (int)f->val, f->val2, f->val3);
}

static const struct futex_op {
	int64_t (*run)(struct task *t, const struct futex_args *f);
	bool timeout, relative; /* its 4th argument is a time */
	bool realtime_flag;     /* takes FUTEX_CLOCK_REALTIME */
	bool realtime;          /* its time is CLOCK_REALTIME's in any case */
} futex_ops[] = {
	[FUTEX_WAIT] = { .run = op_wait, .timeout = true, .relative = true },
	[FUTEX_WAKE] = { .run = op_wake },
	[FUTEX_REQUEUE] = { .run = op_requeue },
	[FUTEX_CMP_REQUEUE] = { .run = op_cmp_requeue },
	[FUTEX_WAKE_OP] = { .run = op_wake_op },
	[FUTEX_LOCK_PI] = { .run = op_lock_pi, .timeout = true, .realtime = true },
	[FUTEX_UNLOCK_PI] = { .run = op_unlock_pi },
	[FUTEX_TRYLOCK_PI] = { .run = op_trylock_pi },
	[FUTEX_WAIT_BITSET] = { .run = op_wait_bitset, .timeout = true, .realtime_flag = true },
	[FUTEX_WAKE_BITSET] = { .run = op_wake_bitset },
	[FUTEX_WAIT_REQUEUE_PI] = { .run = op_wait_requeue_pi,
				    .timeout = true,
				    .realtime_flag = true },
	[FUTEX_CMP_REQUEUE_PI] = { .run = op_cmp_requeue_pi },
	[FUTEX_LOCK_PI2] = { .run = op_lock_pi, .timeout = true, .realtime_flag = true },
};

static int fetch_timeout(struct task *t, const struct futex_op *op, bool realtime, gva_t addr,
			 struct futex_args *f)
{
	struct timespec ts;

	f->deadline = DEADLINE_NONE;
	f->has_timeout = op->timeout && addr.v;
	if (!f->has_timeout)
		return 0;
	int err = get_timespec(t, addr, &ts);
	if (err)
		return err;
	if (op->relative)
		f->deadline = deadline_after(t, &ts);
	else
		f->deadline = deadline_at(
		    t, realtime || op->realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, &ts);
	return 0;
}

SYSCALL_DEFINE(futex)
{
	uint32_t code = (uint32_t)a[1], cmd = code & FUTEX_CMD_MASK;
	bool shared = !(code & FUTEX_PRIVATE_FLAG), realtime = code & FUTEX_CLOCK_REALTIME;
	const struct futex_op *op =
	    cmd < sizeof futex_ops / sizeof *futex_ops ? &futex_ops[cmd] : NULL;
	struct futex_args f = {
		.ref = { GVA(a[0]), shared },
		.ref2 = { GVA(a[4]), shared },
		.val = (uint32_t)a[2],
		.val2 = (int)a[3],
		.val3 = (uint32_t)a[5],
	};

	if (!op || !op->run)
		return -ENOSYS;
	int err = fetch_timeout(t, op, realtime, GVA(a[3]), &f);
	if (err)
		return err;
	if (realtime && !op->realtime_flag)
		return -ENOSYS;
	return op->run(t, &f);
}

/* ---- futex_waitv(2), futex_wait(2), futex_wake(2), futex_requeue(2) ---- */

static bool flags_ok(uint64_t flags)
{
	return (flags & ~(uint64_t)FUTEX2_PRIVATE) == FUTEX2_SIZE_U32;
}

static int fetch_waitv(struct task *t, gva_t addr, unsigned n, struct futex_want *out)
{
	struct futex_waitv v;

	for (unsigned i = 0; i < n; i++) {
		if (get_user(t, &v, gva_add(addr, i * sizeof v)))
			return -EFAULT;
		if (!flags_ok(v.flags) || v.__reserved || v.val > UINT32_MAX)
			return -EINVAL;
		out[i] = (struct futex_want){ { GVA(v.uaddr), !(v.flags & FUTEX2_PRIVATE) },
					      (uint32_t)v.val,
					      UINT32_MAX };
	}
	return 0;
}

static int fetch_deadline(struct task *t, gva_t addr, clockid_t clock, uint64_t *deadline)
{
	struct timespec ts;

	*deadline = DEADLINE_NONE;
	if (!addr.v)
		return 0;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return -EINVAL;
	int err = get_timespec(t, addr, &ts);
	if (!err)
		*deadline = deadline_at(t, clock, &ts);
	return err;
}

SYSCALL_DEFINE(futex_waitv)
{
	uint64_t n = (uint32_t)a[1], deadline;

	if ((uint32_t)a[2] || n == 0 || n > FUTEX_WAITV_MAX || !a[0])
		return -EINVAL;
	int64_t r = fetch_deadline(t, GVA(a[3]), (clockid_t)a[4], &deadline);
	if (r)
		return r;
	struct futex_want *want = calloc(n, sizeof *want);
	if (!want)
		return -ENOMEM;
	r = fetch_waitv(t, GVA(a[0]), (unsigned)n, want);
	if (!r)
		r = futex_wait_many(t, want, (unsigned)n, deadline);
	free(want);
	return r == -EINTR ? -ERESTARTSYS : r;
}

SYSCALL_DEFINE(futex_wait)
{
	uint64_t deadline;

	if (!flags_ok((uint32_t)a[3]) || a[1] > UINT32_MAX || a[2] > UINT32_MAX)
		return -EINVAL;
	int r = fetch_deadline(t, GVA(a[4]), (clockid_t)a[5], &deadline);
	if (r)
		return r;
	struct futex_want want = { { GVA(a[0]), !(a[3] & FUTEX2_PRIVATE) },
				   (uint32_t)a[1],
				   (uint32_t)a[2] };
	r = futex_wait(t, &want, deadline);
	return r == -EINTR ? -ERESTARTSYS : r;
}

SYSCALL_DEFINE(futex_wake)
{
	struct futex_ref ref = { GVA(a[0]), !(a[3] & FUTEX2_PRIVATE) };

	if (!flags_ok((uint32_t)a[3]) || a[1] > UINT32_MAX)
		return -EINVAL;
	if ((int)a[2] == 0 && a[1])
		return 0; /* unlike futex(2), none means none */
	return futex_wake(t, ref, (int)a[2], (uint32_t)a[1]);
}

SYSCALL_DEFINE(futex_requeue)
{
	struct futex_want want[2];

	if ((uint32_t)a[1] || !a[0])
		return -EINVAL;
	int err = fetch_waitv(t, GVA(a[0]), 2, want);
	return err ? err
		   : futex_requeue(t, want[0].ref, want[1].ref, (int)a[2], (int)a[3], &want[0].val);
}

/* ---- robust lists ---- */

#define ROBUST_HEAD_SIZE 24

SYSCALL_DEFINE(set_robust_list)
{
	if (a[1] != ROBUST_HEAD_SIZE)
		return -EINVAL;
	t->robust_list = GVA(a[0]);
	return 0;
}

SYSCALL_DEFINE(get_robust_list)
{
	gva_t head = t->robust_list;
	uint64_t len = ROBUST_HEAD_SIZE;
	int err = 0;

	if (a[0]) {
		sandbox_lock(t->sb);
		struct pid *pid = pid_find(task_pid_ns(t), (pid_t)a[0]);
		struct task *other = pid ? pid->task : NULL;
		if (!other)
			err = -ESRCH;
		else if (!ptrace_may_attach(t, other))
			err = -EPERM;
		else
			head = other->robust_list;
		sandbox_unlock(t->sb);
	}
	if (!err)
		err = put_user(t, GVA(a[2]), &len);
	return err ? err : put_user(t, GVA(a[1]), &head);
}
