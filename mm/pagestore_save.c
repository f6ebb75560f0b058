/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads the contents of files in memory. Nobody changes them meanwhile. */
#include "mm/pagestore_save.h"

#include <errno.h>

#include "mm/pagestore.h"
#include "util/gva.h"
#include "util/minmax.h"

struct run_list {
	struct saver *s;
	uint64_t base; /* in the file, of what is being written */
	uint64_t nr;
};

static int put_run(void *arg, uint64_t first, uint64_t nr, uint64_t off)
{
	struct run_list *r = arg;

	encode(&r->s->out, r->base + first * PAGE_SIZE);
	encode(&r->s->out, nr);
	encode(&r->s->out, off);
	r->nr++;
	return 0;
}

/* Pages that have been written to. */
static int put_data(struct run_list *r, struct pagestore *store, uint64_t at, uint64_t end)
{
	int err = 0;

	while (at < end && !err) {
		struct page_run run;
		err = pagestore_get_run(store, at, end - at, true, &run);
		if (err)
			return err;
		r->base = at;
		err =
		    r->s->pages(r->s, arena_ptr(store->arena, run.off), run.len, true, put_run, r);
		at += run.len;
	}
	return err;
}

int pagestore_save(struct saver *s, struct pagestore *store)
{
	struct run_list r = { .s = s };
	uint64_t size = pagestore_size(store);
	int64_t data = 0, hole;
	int err = 0;

	encode(&s->out, size);
	size_t place = encode_place(&s->out);
	while (!err && (uint64_t)data < size &&
	       (data = pagestore_seek(store, (uint64_t)data, false)) >= 0) {
		hole = pagestore_seek(store, (uint64_t)data, true);
		if (hole < 0)
			hole = (int64_t)size;
		err = put_data(&r, store, PAGE_DOWN(data), PAGE_UP(hole));
		data = hole;
	}
	encode_at(&s->out, place, r.nr);
	return err;
}

static int load_run(struct loader *l, struct pagestore *store, uint64_t *low)
{
	uint64_t at = decode(&l->in), nr = decode(&l->in), off = decode(&l->in);
	uint64_t size = PAGE_UP(pagestore_size(store));
	int err = 0;

	if (l->in.failed || at % PAGE_SIZE || at < *low || at > size || !nr ||
	    nr > (size - at) / PAGE_SIZE)
		return loader_damaged(l, "the contents of a file in memory");
	*low = at + nr * PAGE_SIZE;
	while (at < *low && !err) {
		struct page_run run;
		err = pagestore_get_run(store, at, *low - at, false, &run);
		if (!err)
			err = l->pages(l, arena_ptr(store->arena, run.off), off, run.len);
		at += run.len;
		off += run.len;
	}
	return err;
}

int pagestore_load(struct loader *l, struct pagestore *store)
{
	uint64_t size = decode_max(&l->in, INT64_MAX - PAGE_SIZE), low = 0;
	uint64_t nr = decode_count(&l->in, 3 * sizeof(uint64_t));
	int err = 0;

	if (l->in.failed)
		return loader_damaged(l, "a file in memory");
	pagestore_truncate(store, NULL, size);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_run(l, store, &low);
	return err;
}
