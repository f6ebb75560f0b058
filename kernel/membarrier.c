/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that is not in the guest needs nothing: on its way back it passes the barrier of
 * membarrier_enter. One that is in the guest is kicked out of it.
 *
 * 	caller                              other task
 * 	fence = true                        in_guest = true
 * 	in_guest? kick it, wait for         fence = false
 * 	!fence or !in_guest                 run the guest
 * 	                                    in_guest = false
 *
 * All of these are sequentially consistent. If the caller reads in_guest as false, the other's
 * clearing of `fence` comes later, and so does its guest code.
 */
#include "kernel/membarrier.h"

#include <sched.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

bool membarrier_enter(struct task *t)
{
	atomic_store(&t->in_guest, true);
	return atomic_load(&t->fence) && atomic_exchange(&t->fence, false);
}

void membarrier_leave(struct task *t)
{
	atomic_store_explicit(&t->in_guest, false, memory_order_release);
}

static bool must_pass(struct task *t, struct task *o, bool whole_sandbox)
{
	return o != t && (whole_sandbox || o->mm == t->mm);
}

/* Who is in the guest is asked out. True: some are still to be waited for. `first`: this is the
 * request. */
static bool visit(struct task *t, bool whole_sandbox, bool first)
{
	lock_assert_held(&t->sb->lock);
	struct process *p;
	struct task *o;
	bool any = false;

	list_for_each (p, &t->sb->processes, all_node) {
		list_for_each (o, &p->tasks, process_node) {
			if (!must_pass(t, o, whole_sandbox))
				continue;
			if (first)
				atomic_store(&o->fence, true);
			if (!atomic_load(&o->in_guest) || !atomic_load(&o->fence))
				continue;
			if (first)
				sleeper_wake(&o->sleeper);
			any = true;
		}
	}
	return any;
}

void membarrier_fence(struct task *t, bool whole_sandbox)
{
	bool first = true, any;

	do {
		sandbox_lock(t->sb);
		any = visit(t, whole_sandbox, first);
		sandbox_unlock(t->sb);
		first = false;
		if (any)
			sched_yield(); /* they are on their way out: the time of one exit */
	} while (any);
	atomic_thread_fence(memory_order_seq_cst);
}
