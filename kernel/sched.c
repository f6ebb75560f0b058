/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file keeps the scheduling attributes that a guest sets, and gives the host's thread the part
 * of them that costs nobody but the guest, or all of them where the sandbox was started so; see
 * header.
 */
#include "kernel/sched.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/sandbox.h"
#include "kernel/task.h"

void sched_of_host(struct sched *out)
{
	struct sched_attributes attr = { .size = sizeof attr };
	long ioprio = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);

	*out = (struct sched){ .ioprio = ioprio > 0 ? (uint16_t)ioprio : 0 };
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) < 0)
		return;
	out->policy = (int)attr.policy;
	out->priority = (int)attr.priority;
	out->nice = attr.nice;
	out->reset_on_fork = attr.flags & SCHED_ATTRIBUTE_RESET_ON_FORK;
}

void sched_fork(struct sched *child, const struct sched *parent)
{
	*child = *parent;
	if (!parent->reset_on_fork)
		return;
	child->reset_on_fork = false;
	if (sched_is_realtime(parent->policy)) {
		child->policy = SCHED_OTHER;
		child->priority = 0;
		child->nice = 0;
	} else if (parent->nice < 0) {
		child->nice = 0;
	}
}

int sched_ioprio(const struct sched *s)
{
	int class = s->policy == SCHED_IDLE        ? IOPRIO_CLASS_IDLE
		    : sched_is_realtime(s->policy) ? IOPRIO_CLASS_RT
						   : IOPRIO_CLASS_BE;

	if (IOPRIO_PRIO_CLASS(s->ioprio) != IOPRIO_CLASS_NONE)
		return s->ioprio;
	return class << IOPRIO_CLASS_SHIFT | (s->nice + 20) / 5;
}

/* The part of `s` that the host's thread gets. */
static struct sched passed_on(const struct sandbox *sb, const struct sched *s)
{
	const struct sched *own = &sb->sched;
	struct sched out = *s;

	out.reset_on_fork = false; /* each thread's record says what it starts with */
	if (sb->host_priority)
		return out;
	if (sched_is_realtime(s->policy) &&
	    (s->policy != own->policy || s->priority > own->priority)) {
		out.policy = SCHED_OTHER;
		out.priority = 0;
	}
	if (out.nice < own->nice)
		out.nice = own->nice;
	if (IOPRIO_PRIO_CLASS(s->ioprio) == IOPRIO_CLASS_RT && s->ioprio != own->ioprio)
		out.ioprio = 0;
	return out;
}

static bool same_attr(const struct sched *a, const struct sched *b)
{
	return a->policy == b->policy && a->priority == b->priority && a->nice == b->nice &&
	       a->slice_ns == b->slice_ns;
}

static int change_host(pid_t tid, const struct sched *old, const struct sched *new)
{
	struct sched_attributes attr = {
		.size = sizeof attr,
		.policy = (uint32_t) new->policy,
		.nice = new->nice,
		.priority = (uint32_t) new->priority,
		.runtime = new->slice_ns,
	};

	if (!same_attr(old, new) && syscall(SYS_sched_setattr, tid, &attr, 0) < 0)
		return -errno;
	if (old->nice != new->nice && setpriority(PRIO_PROCESS, (id_t)tid, new->nice) < 0)
		return -errno; /* policies that do not use it are not given it by the call above */
	if (old->ioprio != new->ioprio &&
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, new->ioprio) < 0)
		return -errno;
	return 0;
}

void sched_follow(struct task *t)
{
	lock_assert_held(&t->sb->lock);
	t->sb->platform->schedule_as(t->context, t->host_tid);
}

/* Makes what the host has of the task `new`, and guest code follow where it runs in threads of the
 * platform's. */
static int pass_on(struct task *t, const struct sched *from, const struct sched *to)
{
	struct sched old = passed_on(t->sb, from), new = passed_on(t->sb, to);

	if (same_attr(&old, &new) && old.ioprio == new.ioprio)
		return 0;
	int err = change_host(t->host_tid, &old, &new);
	sched_follow(t);
	return err;
}

/* Where nothing was promised, a refusal of the host's (it lets nobody but root back to a higher
 * priority) changes only how fast the guest runs. */
int sched_set(struct task *t, const struct sched *s)
{
	lock_assert_held(&t->sb->lock);
	int err = pass_on(t, &t->sched, s);

	if (err && t->sb->host_priority)
		return err;
	t->sched = *s;
	return 0;
}

void sched_start(struct task *t, const struct sched *inherited)
{
	lock_assert_held(&t->sb->lock);
	(void)pass_on(t, inherited, &t->sched);
}
