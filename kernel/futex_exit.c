/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread's end means for the futexes it held (get_robust_list(2), set_tid_address(2)). */
#include <errno.h>
#include <linux/futex.h>

#include "kernel/futex.h"
#include "kernel/futex_table.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"

struct robust_head {
	uint64_t next; /* of the list; its own address ends it */
	int64_t futex_offset;
	uint64_t pending; /* being locked or unlocked, may be on the list or not */
};

/* An entry's address; bit 0 says that the futex is a PI one. */
struct robust_entry {
	gva_t addr;
	bool pi;
};

static struct robust_entry entry_decode(uint64_t v)
{
	return (struct robust_entry){ .addr = GVA(v & ~1UL), .pi = v & 1 };
}

/* Linux's handle_futex_death(): marks the word as that of an owner who died. The owner may have
 * ended between unlocking and waking (pending): then the wake is made up for. False: the memory is
 * not what it should be, stop. */
static bool handle_death(struct task *t, struct robust_entry e, int64_t offset, bool pending)
{
	struct futex_ref ref = { .addr = gva_add(e.addr, (uint64_t)offset), .shared = true };
	uint32_t val, old;

	if (ref.addr.v % sizeof val || guest_load32(t->mm, ref.addr, &val))
		return false;
	for (;;) {
		uint32_t owner = val & FUTEX_TID_MASK;
		if (pending && !e.pi && !owner) {
			futex_wake(t, ref, 1, FUTEX_ANY);
			return true;
		}
		if (owner != (uint32_t)t->tid)
			return true;
		if (guest_cmpxchg32(t->mm, ref.addr, val, (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED,
				    &old))
			return false;
		if (old == val)
			break;
		val = old;
	}
	if (!e.pi && val & FUTEX_WAITERS)
		futex_wake(t, ref, 1, FUTEX_ANY);
	return true;
}

static bool entry_next(struct task *t, struct robust_entry e, struct robust_entry *next)
{
	uint64_t v;

	if (copy_from_guest(t->mm, &v, e.addr, sizeof v))
		return false;
	*next = entry_decode(v);
	return true;
}

/* The list is the guest's: it may be circular, or grow while it is walked. */
static void robust_list_walk(struct task *t, gva_t list)
{
	struct robust_head head;
	struct robust_entry next = { 0 };
	int limit = ROBUST_LIST_LIMIT;

	if (copy_from_guest(t->mm, &head, list, sizeof head))
		return;
	struct robust_entry e = entry_decode(head.next), pending = entry_decode(head.pending);
	while (e.addr.v != list.v && limit--) {
		/* before the word is handed on, and the entry with it */
		bool more = entry_next(t, e, &next);
		if (e.addr.v != pending.addr.v && !handle_death(t, e, head.futex_offset, false))
			return;
		if (!more)
			return;
		e = next;
	}
	if (pending.addr.v)
		handle_death(t, pending, head.futex_offset, true);
}

static void clear_child_tid(struct task *t)
{
	const uint32_t zero = 0;
	struct futex_ref ref = { .addr = t->clear_child_tid, .shared = true };

	/* Nobody is left to see it otherwise. */
	if (ref_count(&t->mm->refs) > 1 &&
	    !copy_to_guest(t->mm, t->clear_child_tid, &zero, sizeof zero))
		futex_wake(t, ref, 1, FUTEX_ANY);
	t->clear_child_tid = GVA_NULL;
}

void futex_task_exit(struct task *t)
{
	gva_t list = t->robust_list;

	if (list.v)
		robust_list_walk(t, list);
	t->robust_list = GVA_NULL;
	futex_pi_exit(t);
	if (t->clear_child_tid.v)
		clear_child_tid(t);
}
