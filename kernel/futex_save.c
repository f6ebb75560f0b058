/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A futex that a task waits for, in a snapshot (kernel/futex.h: its waiter stays queued while the
 * task rests).
 *
 * What is kept is the address under which the task knows the word it waits for now, which a requeue
 * may have changed, and whether a wake-up has come already. Who waits for a futex with priority
 * inheritance has its place by the word alone.
 */
#include <errno.h>
#include <linux/futex.h>

#include "kernel/futex_save.h"
#include "kernel/futex_table.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

enum { WAITS_FOR_NONE, WAITS_PRIVATE, WAITS_SHARED, WAS_WOKEN, OWNS, NR_WAITS };

/* Does it wait to own a PI futex? The word has it all: the call that is made again waits anew. */
static bool locks_pi(const struct task *t)
{
	int op = (int)t->event.syscall.args[1] & FUTEX_CMD_MASK;

	return t->futex.one.pi && (op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2);
}

static int kind_of(struct task *t, const struct futex_waiter *w, gva_t *addr)
{
	struct futex_key key;

	*addr = w->addr;
	if (w->owns)
		return OWNS;
	if (locks_pi(t))
		return WAITS_FOR_NONE;
	if (list_empty(&w->node))
		return WAS_WOKEN;
	if (w->key.a == (uintptr_t)t->mm) {
		*addr = GVA(w->key.b);
		return WAITS_PRIVATE;
	}
	if (mm_futex_key(t->mm, w->addr, true, &key) == 0 && futex_key_equal(&key, &w->key))
		return WAITS_SHARED;
	return NR_WAITS;
}

const char *futex_refused(struct task *t)
{
	const struct futex_waits *f = &t->futex;
	gva_t addr;

	if (f->many)
		return "waits for several futexes";
	if (!f->queued)
		return NULL;
	if (f->one.for_requeue || (f->one.pi && !locks_pi(t)))
		return "waits for a condition whose mutex has priority inheritance";
	return kind_of(t, &f->one, &addr) == NR_WAITS
		   ? "has been requeued to a futex of another process"
		   : NULL;
}

void futex_save(struct encoder *out, struct task *t)
{
	const struct futex_waits *f = &t->futex;
	gva_t addr = GVA_NULL;

	encode(out, f->queued ? (uint64_t)kind_of(t, &f->one, &addr) : WAITS_FOR_NONE);
	encode(out, addr.v);
	encode(out, f->queued ? f->one.bitset : 0);
}

int futex_load(struct decoder *in, struct task *t)
{
	struct futex_waiter *w = &t->futex.one;
	uint64_t kind = decode_max(in, NR_WAITS - 1);
	gva_t addr = GVA(decode(in));
	uint32_t bitset = (uint32_t)decode_max(in, UINT32_MAX);
	struct futex_key key = { .a = 0 };

	if (in->failed || addr.v % sizeof(uint32_t))
		return -EBADMSG;
	if (kind == WAITS_FOR_NONE)
		return 0;
	bool woken = kind == WAS_WOKEN || kind == OWNS;
	if (!woken && mm_futex_key(t->mm, addr, kind == WAITS_SHARED, &key) < 0)
		return -EBADMSG;
	struct futex_bucket *b = futex_bucket_of(t->sb->futexes, &key);
	*w = (struct futex_waiter){ .bucket = b, .key = key, .task = t, .addr = addr };
	w->bitset = bitset;
	w->woken = woken;
	w->owns = kind == OWNS;
	list_init(&w->node);
	mutex_lock(&b->lock);
	if (!woken)
		list_add_tail(&b->waiters, &w->node);
	mutex_unlock(&b->lock);
	t->futex.queued = true;
	return 0;
}
