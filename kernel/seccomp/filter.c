/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of filters, and what they say of a call. See the header. */
#include "kernel/seccomp/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/random.h"
#include "kernel/sandbox.h"
#include "kernel/seccomp/bpf.h"
#include "mm/mm.h"

/* What a thread's filters may come to, and what each counts for besides its length: Linux's
 * MAX_INSNS_PER_PATH. */
#define PATH_MAX_LENGTH 32768U
#define FILTER_PENALTY  4U

enum { KEPT_UNKNOWN, KEPT_ALLOWED, KEPT_ASK };

static size_t filter_size(unsigned len)
{
	return sizeof(struct seccomp_filter) + len * sizeof(struct sock_filter);
}

int filter_new(struct mm_host *mem, const struct sock_filter *prog, unsigned len,
	       struct seccomp_filter **out)
{
	int err = bpf_check(&bpf_of_calls, prog, len);

	if (err)
		return err;
	if (!mm_host_charge(mem, filter_size(len)))
		return -ENOMEM;
	struct seccomp_filter *f = calloc(1, filter_size(len));
	if (!f) {
		mm_host_uncharge(mem, filter_size(len));
		return -ENOMEM;
	}
	ref_set(&f->refs, 1);
	f->users = 1;
	f->mem = mem;
	f->len = len;
	f->depth = 1;
	f->total = bpf_linux_length(prog, len);
	memcpy(f->prog, prog, len * sizeof *prog);
	mutex_init(&f->notices.lock, LOCK_SECCOMP);
	list_init(&f->notices.list);
	waitqueue_init(&f->notices.wait);
	*out = f;
	return 0;
}

int filter_add_to(struct seccomp_filter *f, struct seccomp_filter *prev)
{
	if (prev && f->total + prev->total + FILTER_PENALTY * prev->depth > PATH_MAX_LENGTH)
		return -ENOMEM;
	if (!prev && f->total > PATH_MAX_LENGTH)
		return -ENOMEM;
	f->prev = prev;
	f->depth += prev ? prev->depth : 0;
	f->total += prev ? prev->total : 0;
	return 0;
}

struct seccomp_filter *filter_get(struct seccomp_filter *f)
{
	if (f)
		ref_get(&f->refs);
	return f;
}

void filter_put(struct seccomp_filter *f)
{
	while (f && ref_put(&f->refs)) {
		struct seccomp_filter *prev = f->prev;
		mm_host_uncharge(f->mem, filter_size(f->len));
		waitqueue_destroy(&f->notices.wait);
		mutex_destroy(&f->notices.lock);
		free(f);
		f = prev;
	}
}

struct seccomp_filter *filter_use(struct seccomp_filter *f)
{
	if (f)
		atomic_fetch_add(&f->users, 1);
	return filter_get(f);
}

void filter_unuse(struct seccomp_filter *f)
{
	for (struct seccomp_filter *o = f; o && atomic_fetch_sub(&o->users, 1) == 1; o = o->prev)
		waitqueue_wake_all(&o->notices.wait, 0);
	filter_put(f);
}

bool filter_is_ancestor(const struct seccomp_filter *parent, const struct seccomp_filter *f)
{
	while (f && f != parent)
		f = f->prev;
	return f == parent;
}

static bool all_allow(const struct seccomp_filter *f, const struct seccomp_data *data)
{
	while (f && bpf_always_allows(f->prog, (uint32_t)data->nr, data->arch))
		f = f->prev;
	return !f;
}

/* Most calls that a filter allows it allows always: what it says of them is kept. */
static bool kept_allowed(struct seccomp_filter *f, const struct seccomp_data *data)
{
	if ((uint32_t)data->nr >= SECCOMP_KEPT_CALLS)
		return false;
	_Atomic uint8_t *kept = &f->kept[data->nr];
	uint8_t was = atomic_load_explicit(kept, memory_order_relaxed);
	if (was == KEPT_UNKNOWN) {
		was = all_allow(f, data) ? KEPT_ALLOWED : KEPT_ASK;
		atomic_store_explicit(kept, was, memory_order_relaxed);
	}
	return was == KEPT_ALLOWED;
}

/* A smaller action is stricter; the one that kills a process is negative. */
static int32_t action_of(uint32_t verdict)
{
	return (int32_t)(verdict & SECCOMP_RET_ACTION_FULL);
}

uint32_t filter_verdict(struct seccomp_filter *f, const struct seccomp_data *data,
			struct seccomp_filter **match)
{
	uint32_t verdict = SECCOMP_RET_ALLOW;

	*match = NULL;
	if (kept_allowed(f, data))
		return verdict;
	for (; f; f = f->prev) {
		uint32_t said = bpf_run(&bpf_of_calls, f->prog, data);
		if (action_of(said) < action_of(verdict)) {
			verdict = said;
			*match = f;
		}
	}
	return verdict;
}

/* ---- in snapshots ---- */

static int filter_save(struct saver *s, void *object)
{
	struct seccomp_filter *f = object;

	encode(&s->out, saved_object(s, &seccomp_saved, f->prev));
	encode_bytes(&s->out, f->prog, f->len * sizeof *f->prog);
	encode(&s->out, f->log);
	encode(&s->out, f->wait_killable);
	mutex_lock(&f->notices.lock);
	encode(&s->out, f->notices.open);
	encode(&s->out, f->notices.next_id);
	encode(&s->out, f->notices.requests);
	mutex_unlock(&f->notices.lock);
	return 0;
}

/* The reference of the loader is no thread's. */
static int filter_load(struct loader *l, void **out)
{
	struct sandbox *sb = l->sandbox;
	struct sock_filter prog[BPF_MAXINSNS];
	struct seccomp_filter *f;
	void *prev;
	size_t size;
	int err = loaded_object(l, decode(&l->in), &seccomp_saved, &prev);

	if (err)
		return err;
	const void *bytes = decode_bytes(&l->in, &size);
	if (!bytes || size > sizeof prog || size % sizeof *prog)
		return loader_damaged(l, "a seccomp filter");
	memcpy(prog, bytes, size);
	err = filter_new(&sb->mem, prog, (unsigned)(size / sizeof *prog), &f);
	if (err)
		return err == -EINVAL ? loader_damaged(l, "a seccomp filter") : err;
	f->log = decode_bool(&l->in);
	f->wait_killable = decode_bool(&l->in);
	f->notices.open = decode_bool(&l->in);
	f->notices.next_id = decode(&l->in);
	f->notices.requests = (unsigned)decode_max(&l->in, UINT32_MAX);
	if (filter_add_to(f, filter_use(prev))) {
		filter_unuse(prev);
		filter_put(f);
		return loader_damaged(l, "a chain of seccomp filters");
	}
	*out = f;
	return 0;
}

/* Its first user, which nobody is, goes with the reference. */
static void filter_drop(void *object)
{
	filter_unuse(object);
}

const struct saved_kind seccomp_saved = {
	.name = "seccomp filter",
	.save = filter_save,
	.load = filter_load,
	.put = filter_drop,
};
