/* SPDX-License-Identifier: Apache-2.0 */
/* Implements the page source behind MAP_SHARED | MAP_ANONYMOUS mappings. The pages are kept in a
 * pagestore, as those of ramfs files are. */
#include "mm/shmem.h"

#include <errno.h>
#include <stdlib.h>

#include "mm/pagestore.h"
#include "mm/pagestore_save.h"
#include "util/ref.h"

struct shmem {
	struct pagesource ps;
	struct ref refs;
	struct pagestore store;
	struct mapped_place *place; /* borrowed; NULL: nobody counts its mappings */
};

static struct shmem *shmem_of(struct pagesource *ps)
{
	return container_of(ps, struct shmem, ps);
}

static int shmem_get(struct pagesource *ps, uint64_t off, uint64_t len, bool write,
		     struct page_run *out)
{
	return pagestore_get_run(&shmem_of(ps)->store, off, len, false, out);
}

static void shmem_ref(struct pagesource *ps)
{
	ref_get(&shmem_of(ps)->refs);
}

static void shmem_unref(struct pagesource *ps)
{
	struct shmem *s = shmem_of(ps);

	if (!ref_put(&s->refs))
		return;
	pagestore_destroy(&s->store);
	pagesource_destroy(&s->ps);
	free(s);
}

static uint64_t shmem_size(struct pagesource *ps)
{
	return pagestore_size(&shmem_of(ps)->store);
}

static int shmem_punch(struct pagesource *ps, uint64_t off, uint64_t len)
{
	pagestore_punch(&shmem_of(ps)->store, ps, off, len);
	return 0;
}

static void *saved_as(struct pagesource *ps)
{
	return ps;
}

static int shmem_save(struct saver *s, void *object)
{
	struct pagesource *ps = object;

	return pagestore_save(s, &shmem_of(ps)->store);
}

static int shmem_load(struct loader *l, void **out)
{
	struct pagesource *ps;
	int err = shmem_create(l->arena, 0, &ps);

	if (err)
		return err;
	err = pagestore_load(l, &shmem_of(ps)->store);
	*out = ps;
	if (err)
		shmem_unref(ps);
	return err;
}

static void shmem_put(void *object)
{
	shmem_unref(object);
}

const struct saved_kind shmem_saved = {
	.name = "shared memory",
	.save = shmem_save,
	.load = shmem_load,
	.put = shmem_put,
};

static const struct pagesource_ops shmem_ops = {
	.saved = &shmem_saved,
	.saved_as = saved_as,
	.get = shmem_get,
	.ref = shmem_ref,
	.unref = shmem_unref,
	.size = shmem_size,
	.punch = shmem_punch,
};

int shmem_create(struct arena *a, uint64_t size, struct pagesource **out)
{
	struct shmem *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	pagesource_init(&s->ps, &shmem_ops);
	pagestore_init(&s->store, a, NULL);
	pagestore_truncate(&s->store, NULL, size);
	ref_set(&s->refs, 1);
	*out = &s->ps;
	return 0;
}

uint64_t shmem_size_of(struct pagesource *ps)
{
	return shmem_size(ps);
}

uint64_t shmem_held(struct pagesource *ps)
{
	return pagestore_blocks(&shmem_of(ps)->store) * 512;
}

void shmem_set_place(struct pagesource *ps, struct mapped_place *place)
{
	shmem_of(ps)->place = place;
}

struct mapped_place *shmem_place(struct pagesource *ps)
{
	return ps->ops == &shmem_ops ? shmem_of(ps)->place : NULL;
}
