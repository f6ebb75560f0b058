/* SPDX-License-Identifier: Apache-2.0 */
/* The distances of time namespaces, with the rules of Linux's kernel/time/namespace.c. */
#include "kernel/time_ns.h"

#include <errno.h>
#include <stdlib.h>

#include "host/clock.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/time.h"

/* Linux's KTIME_SEC_MAX */
#define SEC_MAX ((int64_t)(CLOCK_NS_MAX / NSEC_PER_SEC))

static void release(struct ns_common *ns)
{
	free(container_of(ns, struct time_namespace, ns));
}

struct time_namespace *time_ns_new(struct sandbox *sb, struct time_namespace *from,
				   struct user_namespace *owner)
{
	struct time_namespace *ns = calloc(1, sizeof *ns);

	if (!ns)
		return NULL;
	ns_init(&ns->ns, NS_TIME, sb->vfs->ns_numbers, owner, release);
	if (!from) {
		ns->joined = true;
		return ns;
	}
	sandbox_lock(sb);
	ns->monotonic = from->monotonic;
	ns->boottime = from->boottime;
	sandbox_unlock(sb);
	return ns;
}

void time_ns_join(struct sandbox *sb, struct time_namespace *ns)
{
	sandbox_lock(sb);
	ns->joined = true;
	sandbox_unlock(sb);
}

/* proc_timens_set_offset(): half of the range is left for the clock to go on. */
static bool in_range(const struct sandbox *sb, const struct time_offset *o)
{
	struct timespec now = ns_to_timespec(guest_clock_ns(&sb->clock, o->clock));

	if (o->sec > SEC_MAX || o->sec < -SEC_MAX)
		return false;
	int64_t sec = now.tv_sec + o->sec + (now.tv_nsec + o->nsec >= (long)NSEC_PER_SEC);
	return sec >= 0 && sec <= SEC_MAX / 2;
}

int time_ns_set(struct sandbox *sb, struct time_namespace *ns, const struct time_offset *offsets,
		unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (!in_range(sb, &offsets[i]))
			return -ERANGE;
	}
	sandbox_lock(sb);
	int err = ns->joined ? -EACCES : 0;
	for (unsigned i = 0; i < nr && !err; i++) {
		const struct time_offset *o = &offsets[i];
		*(o->clock == CLOCK_MONOTONIC ? &ns->monotonic : &ns->boottime) =
		    o->sec * (int64_t)NSEC_PER_SEC + o->nsec;
	}
	sandbox_unlock(sb);
	return err;
}

int64_t task_clock_ahead(const struct task *t, clockid_t clock)
{
	const struct time_namespace *ns = t ? nsproxy_time(t->nsproxy) : NULL;

	if (!ns)
		return 0;
	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE: return ns->monotonic;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM: return ns->boottime;
	default: return 0;
	}
}

uint64_t task_time_to_sandbox(const struct task *t, clockid_t clock, uint64_t at)
{
	int64_t ahead = task_clock_ahead(t, clock), moved;

	if (!ahead)
		return at;
	if (at > CLOCK_NS_MAX || __builtin_sub_overflow((int64_t)at, ahead, &moved))
		return CLOCK_NS_MAX; /* at is not negative: too large */
	return moved > 0 ? (uint64_t)moved : 1;
}
