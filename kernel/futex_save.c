/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The futexes that tasks wait for, in a snapshot (kernel/futex.h: waiters stay queued while their
 * tasks rest).
 *
 * What a waiter waits for is kept as an address at which the word lies: in the memory of its own
 * task, or, where a requeue has led elsewhere, in that of another one. Who has been woken already
 * is in no queue. The queues come behind all tasks: who waits, longest first, and for a word with
 * priority inheritance who owns it.
 */
#include "kernel/futex_save.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>

#include "kernel/futex_table.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

/* Least bytes of one in a queue. */
#define QUEUED_SIZE (6 * sizeof(uint64_t))

/* ---- a task's waiters ---- */

static unsigned nr_waiters(const struct futex_waits *f)
{
	return f->many ? f->nr_many : f->queued;
}

static struct futex_waiter *waiter_at(struct futex_waits *f, unsigned i)
{
	return f->many ? &f->many[i] : &f->one;
}

/* ---- where a word lies ---- */

/* A key, as one who may see the word knows it. */
struct word_place {
	pid_t tid;
	enum futex_key_kind kind;
	gva_t addr;
};

static bool place_in(struct task *t, const struct futex_key *key, struct word_place *out)
{
	out->tid = t->pid->nr;
	return t->mm && mm_futex_place(t->mm, key, &out->kind, &out->addr);
}

/* False: nobody has mapped it any more. */
static bool find_place(struct task *t, const struct futex_key *key, struct word_place *out)
{
	struct process *p;

	if (place_in(t, key, out))
		return true;
	list_for_each (p, &t->sb->processes, all_node)
		if (!list_empty(&p->tasks) &&
		    place_in(list_first(&p->tasks, struct task, process_node), key, out))
			return true;
	return false;
}

static void save_place(struct encoder *out, struct task *t, const struct futex_key *key)
{
	struct word_place p = { .tid = t->pid->nr };

	(void)find_place(t, key, &p); /* futex_refused has seen to it */
	encode(out, (uint64_t)p.tid);
	encode(out, p.kind);
	encode(out, p.addr.v);
}

static struct task *task_of(struct sandbox *sb, struct decoder *in)
{
	sandbox_lock(sb);
	struct pid *pid = pid_find(sb->pid_ns, (pid_t)decode_max(in, INT_MAX));
	struct task *t = pid ? pid->task : NULL;
	sandbox_unlock(sb);
	return t;
}

/* The key of what save_place() has written. */
static int load_place(struct decoder *in, struct sandbox *sb, struct futex_key *out)
{
	struct task *t = task_of(sb, in);
	enum futex_key_kind kind = (enum futex_key_kind)decode_max(in, FUTEX_KEY_SHARED);
	gva_t addr = GVA(decode(in));

	if (in->failed || !t || addr.v % sizeof(uint32_t))
		return -EBADMSG;
	return mm_futex_key_of(t->mm, kind, addr, out) ? -EBADMSG : 0;
}

/* ---- saving ---- */

const char *futex_refused(struct task *t)
{
	struct word_place place;

	for (unsigned i = 0; i < nr_waiters(&t->futex); i++) {
		const struct futex_waiter *w = waiter_at(&t->futex, i);
		bool waits = !list_empty(&w->node);

		if ((waits && !find_place(t, &w->key, &place)) ||
		    (waits && w->for_requeue && !find_place(t, &w->pi_key, &place)))
			return "waits for a futex in memory that nobody has mapped any more";
	}
	return NULL;
}

void futex_save(struct encoder *out, struct task *t)
{
	struct futex_waits *f = &t->futex;

	encode(out, f->many != NULL);
	encode(out, nr_waiters(f));
	for (unsigned i = 0; i < nr_waiters(f); i++) {
		const struct futex_waiter *w = waiter_at(f, i);

		encode(out, w->addr.v);
		encode(out, w->bitset);
		encode(out, w->owns);
		encode(out, w->for_requeue);
		encode(out, w->pi_addr.v);
	}
}

static void save_queued(struct encoder *out, const struct futex_waiter *w)
{
	struct futex_waits *f = &w->task->futex;

	encode(out, (uint64_t)w->task->pid->nr);
	encode(out, f->many ? (uint64_t)(w - f->many) : 0);
	save_place(out, w->task, &w->key);
	if (w->for_requeue)
		save_place(out, w->task, &w->pi_key);
	encode(out, w->pi ? (uint64_t)w->pi->owner->pid->nr : 0);
}

void futexes_save(struct encoder *out, struct sandbox *sb)
{
	size_t place = encode_place(out);
	uint64_t nr = 0;

	for (int i = 0; i < FUTEX_BUCKETS; i++) {
		const struct futex_waiter *w;

		list_for_each (w, &sb->futexes->buckets[i].waiters, node) {
			save_queued(out, w);
			nr++;
		}
	}
	encode_at(out, place, nr);
}

/* ---- loading ---- */

static void load_waiter(struct decoder *in, struct task *t, struct futex_waiter *w)
{
	*w = (struct futex_waiter){ .task = t, .woken = true };
	list_init(&w->node);
	w->bucket = futex_bucket_of(t->sb->futexes, &w->key);
	w->addr = GVA(decode(in));
	w->bitset = (uint32_t)decode_max(in, UINT32_MAX);
	w->owns = decode_bool(in);
	w->for_requeue = decode_bool(in);
	w->pi_addr = GVA(decode(in));
}

/* A task that makes no call again would keep them for ever. */
int futex_load(struct decoder *in, struct task *t)
{
	struct futex_waits *f = &t->futex;
	bool many = decode_bool(in);
	uint64_t nr = decode_count(in, 5 * sizeof(uint64_t));

	if (in->failed || nr > (many ? FUTEX_WAITV_MAX : 1) || (many && !nr) || (nr && !t->unwound))
		return -EBADMSG;
	if (many) {
		f->many = calloc(nr, sizeof *f->many);
		if (!f->many)
			return -ENOMEM;
		f->nr_many = (unsigned)nr;
	}
	f->queued = nr && !many;
	for (unsigned i = 0; i < nr; i++)
		load_waiter(in, t, waiter_at(f, i));
	return in->failed ? -EBADMSG : 0;
}

static int load_queued(struct decoder *in, struct sandbox *sb)
{
	struct task *t = task_of(sb, in);
	uint64_t i = decode(in);

	if (in->failed || !t || i >= nr_waiters(&t->futex))
		return -EBADMSG;
	struct futex_waiter *w = waiter_at(&t->futex, (unsigned)i);
	if (!w->woken || w->owns || load_place(in, sb, &w->key) < 0 ||
	    (w->for_requeue && load_place(in, sb, &w->pi_key) < 0))
		return -EBADMSG;
	struct task *owner = task_of(sb, in);
	struct futex_bucket *b = futex_bucket_of(sb->futexes, &w->key);
	mutex_lock(&b->lock);
	w->bucket = b;
	int err = in->failed ? -EBADMSG : owner ? futex_pi_join(sb->futexes, w, owner) : 0;
	if (!err) {
		w->woken = false;
		list_add_tail(&b->waiters, &w->node);
	}
	mutex_unlock(&b->lock);
	return err;
}

int futexes_load(struct decoder *in, struct sandbox *sb)
{
	uint64_t nr = decode_count(in, QUEUED_SIZE);
	int err = 0;

	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_queued(in, sb);
	return !err && in->failed ? -EBADMSG : err;
}
