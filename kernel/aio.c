/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts of asynchronous I/O. Rules: io_setup(2), io_getevents(2); Linux: fs/aio.c. */
#include "kernel/aio.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"
#include "mm/map.h"
#include "mm/pagestore_save.h"
#include "mm/shmem.h"
#include "mm/vma.h"

#define AIO_MAX_DEFAULT 65536
#define RING_BYTES_MAX  0x10000000UL /* Linux: ioctx_alloc() */
#define RING_MAGIC      0xa10a10a1U
#define TAKE_BATCH      16

/* Linux: struct aio_ring, which libaio knows. The results follow. */
struct aio_ring_abi {
	uint32_t id, nr;
	uint32_t head, tail;
	uint32_t magic, compat_features, incompat_features, header_length;
};

void aio_domain_init(struct aio_domain *d, struct mm_host *mem)
{
	*d = (struct aio_domain){ .mem = mem, .max = AIO_MAX_DEFAULT };
	mutex_init(&d->lock, LOCK_AIO_LIST);
	list_init(&d->contexts);
}

void aio_domain_destroy(struct aio_domain *d)
{
	if (d->mem)
		mutex_destroy(&d->lock);
}

void aio_set_max(struct aio_domain *d, uint64_t max)
{
	mutex_lock(&d->lock);
	d->max = max;
	mutex_unlock(&d->lock);
}

void aio_numbers(struct aio_domain *d, uint64_t *nr, uint64_t *max)
{
	mutex_lock(&d->lock);
	*nr = d->nr;
	*max = d->max;
	mutex_unlock(&d->lock);
}

/* ---- a context and the mappings of its ring ---- */

static void context_release(struct mapped_place *p)
{
	struct aio_context *x = container_of(p, struct aio_context, place);
	struct aio_domain *d = x->domain;

	mutex_lock(&d->lock);
	list_del(&x->node);
	d->nr -= x->asked;
	mutex_unlock(&d->lock);
	shmem_set_place(x->ring, NULL);
	x->ring->ops->unref(x->ring);
	if (x->mm)
		mm_unpin(x->mm);
	waitqueue_destroy(&x->wait);
	mutex_destroy(&x->lock);
	mm_host_free(d->mem, x, sizeof *x);
}

/* The references of the mappings are all that is counted. */
static void count_mapping(struct mapped_place *p, int sign)
{
}

/* Into the list, unless that is full. */
static int enlist(struct aio_domain *d, struct aio_context *x, bool limited)
{
	int err = 0;

	mutex_lock(&d->lock);
	if (limited && (d->nr >= d->max || x->asked > d->max - d->nr))
		err = -EAGAIN;
	if (!err) {
		d->nr += x->asked;
		list_add_tail(&d->contexts, &x->node);
	}
	mutex_unlock(&d->lock);
	return err;
}

/* Takes the reference to the ring's memory over, also on failure. */
static int context_new(struct aio_domain *d, struct pagesource *ring, uint64_t asked, bool limited,
		       struct aio_context **out)
{
	struct aio_context *x = mm_host_alloc(d->mem, sizeof *x);

	if (!x) {
		ring->ops->unref(ring);
		return -ENOMEM;
	}
	*x = (struct aio_context){ .domain = d, .ring = ring, .asked = asked };
	ref_set(&x->place.refs, 1);
	x->place.release = context_release;
	x->place.count = count_mapping;
	x->slots = (unsigned)((shmem_size_of(ring) - sizeof(struct aio_ring_abi)) /
			      sizeof(struct io_event));
	mutex_init(&x->lock, LOCK_AIO);
	waitqueue_init(&x->wait);
	shmem_set_place(ring, &x->place);
	int err = enlist(d, x, limited);
	if (err) {
		x->asked = 0;
		list_init(&x->node);
		context_release(&x->place);
		return err;
	}
	*out = x;
	return 0;
}

static gva_t field(uint64_t addr, size_t offset)
{
	return GVA(addr + offset);
}
#define FIELD(addr, name) field(addr, offsetof(struct aio_ring_abi, name))

static gva_t slot_at(uint64_t addr, unsigned n)
{
	return GVA(addr + sizeof(struct aio_ring_abi) + n * sizeof(struct io_event));
}

static int64_t map_ring(struct task *t, struct aio_context *x, uint64_t bytes)
{
	const struct aio_ring_abi head = { .nr = x->slots,
					   .magic = RING_MAGIC,
					   .compat_features = 1,
					   .header_length = sizeof head };
	const struct mmap_args m = {
		.len = bytes,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_SHARED,
		.source = x->ring,
		.vma_flags = VMA_MAYWRITE | VMA_MAYEXEC,
		.name = "/[aio] (deleted)",
		.place = &x->place,
	};
	int64_t addr = mm_mmap(t->mm, &m);

	if (addr >= 0 && copy_to_guest(t->mm, GVA((uint64_t)addr), &head, sizeof head))
		return -EFAULT; /* another thread has unmapped it already */
	return addr;
}

int64_t aio_setup(struct task *t, unsigned nr)
{
	struct aio_domain *d = &t->sb->aio;
	uint64_t slots = 2 * (uint64_t)nr;
	uint64_t bytes =
	    PAGE_UP(sizeof(struct aio_ring_abi) + (slots + 2) * sizeof(struct io_event));
	struct aio_context *x;
	struct pagesource *ring;
	uint64_t in_use, max;

	if (slots > RING_BYTES_MAX / sizeof(struct io_event))
		return -EINVAL;
	aio_numbers(d, &in_use, &max);
	if (nr > max)
		return -EAGAIN;
	int err = mm_may_commit(d->mem, bytes);
	if (!err)
		err = shmem_create(d->mem->arena, bytes, &ring);
	if (!err)
		err = context_new(d, ring, nr, true, &x);
	if (err)
		return err;
	x->mm = mm_pin(t->mm);
	x->owner = t->process->pid->nr;
	int64_t addr = map_ring(t, x, bytes);
	aio_put(x);
	return addr;
}

static bool is_owner(struct task *t, struct aio_context *x)
{
	struct mm *mm = x->mm;

	if (mm || x->owner != t->process->pid->nr)
		return mm == t->mm;
	struct mm *pinned = mm_pin(t->mm); /* of a copy: it has not asked before */
	if (!atomic_compare_exchange_strong(&x->mm, &mm, pinned))
		mm_unpin(pinned);
	return x->mm == t->mm;
}

struct aio_context *aio_get(struct task *t, uint64_t addr)
{
	struct mapped_place *p = mm_counted_at(t->mm, GVA(addr), count_mapping);
	struct aio_context *x = p ? container_of(p, struct aio_context, place) : NULL;

	if (x && !is_owner(t, x)) {
		aio_put(x);
		return NULL;
	}
	return x;
}

void aio_put(struct aio_context *x)
{
	mapped_place_put(&x->place);
}

int aio_destroy(struct task *t, struct aio_context *x, uint64_t addr)
{
	mutex_lock(&x->lock);
	bool dead = x->dead;
	x->dead = true;
	mutex_unlock(&x->lock);
	if (dead)
		return -EINVAL;
	waitqueue_wake_all(&x->wait, 0);
	(void)mm_unmap_counted(t->mm, GVA(addr), count_mapping);
	return 0;
}

/* ---- results ---- */

/* Slots whose results the program has seen, which its `head` says, are free again (Linux:
 * refill_reqs_available()). */
static void free_seen(struct aio_context *x, unsigned head)
{
	lock_assert_held(&x->lock);
	unsigned at = head % x->slots;
	unsigned left = at <= x->tail ? x->tail - at : x->slots - (at - x->tail);
	unsigned seen = left < x->completed ? x->completed - left : 0;

	x->completed -= seen;
	x->reserved -= seen;
}

int aio_reserve(struct task *t, struct aio_context *x, uint64_t addr)
{
	uint32_t head;

	mutex_lock(&x->lock);
	if (x->reserved == x->slots - 1 && x->completed &&
	    !copy_from_guest(t->mm, &head, FIELD(addr, head), sizeof head))
		free_seen(x, head);
	bool room = x->reserved < x->slots - 1;
	if (room)
		x->reserved++;
	mutex_unlock(&x->lock);
	return room ? 0 : -EAGAIN;
}

void aio_unreserve(struct aio_context *x)
{
	mutex_lock(&x->lock);
	x->reserved--;
	mutex_unlock(&x->lock);
}

void aio_complete(struct task *t, struct aio_context *x, uint64_t addr, const struct io_event *e)
{
	uint32_t head;

	mutex_lock(&x->lock);
	(void)copy_to_guest(t->mm, slot_at(addr, x->tail), e, sizeof *e);
	atomic_thread_fence(memory_order_release); /* the program may watch the tail */
	x->tail = (x->tail + 1) % x->slots;
	(void)copy_to_guest(t->mm, FIELD(addr, tail), &x->tail, sizeof x->tail);
	x->completed++;
	if (x->completed > 1 && !copy_from_guest(t->mm, &head, FIELD(addr, head), sizeof head))
		free_seen(x, head);
	mutex_unlock(&x->lock);
	waitqueue_wake_all(&x->wait, POLLIN);
}

/* A run of results from slot `head` on, to the guest. */
static int move_run(struct task *t, uint64_t addr, unsigned head, unsigned n, gva_t to)
{
	struct io_event batch[TAKE_BATCH];
	size_t bytes = n * sizeof *batch;

	return copy_from_guest(t->mm, batch, slot_at(addr, head), bytes) ||
		       copy_to_guest(t->mm, to, batch, bytes)
		   ? -EFAULT
		   : 0;
}

/* Head and tail are the guest's: wherever they point to, it gets what it has there. */
static int64_t take_locked(struct task *t, struct aio_context *x, uint64_t addr, gva_t to,
			   int64_t nr)
{
	struct aio_ring_abi ring;
	int64_t moved = 0;

	if (x->dead)
		return -EINVAL;
	if (copy_from_guest(t->mm, &ring, GVA(addr), sizeof ring))
		return -EFAULT;
	unsigned head = ring.head % x->slots, tail = ring.tail % x->slots;
	while (moved < nr && head != tail) {
		unsigned n = head < tail ? tail - head : x->slots - head;
		n = n < TAKE_BATCH ? n : TAKE_BATCH;
		n = (int64_t)n < nr - moved ? n : (unsigned)(nr - moved);
		if (move_run(t, addr, head, n,
			     gva_add(to, (uint64_t)moved * sizeof(struct io_event))))
			return -EFAULT;
		head = (head + n) % x->slots;
		moved += n;
	}
	if (moved && copy_to_guest(t->mm, FIELD(addr, head), &head, sizeof head))
		return -EFAULT;
	return moved;
}

int64_t aio_take(struct task *t, struct aio_context *x, uint64_t addr, gva_t to, int64_t nr)
{
	mutex_lock(&x->lock);
	int64_t n = take_locked(t, x, addr, to, nr);
	mutex_unlock(&x->lock);
	return n;
}

/* ---- saving ---- */

static int context_save(struct saver *s, void *object)
{
	const struct aio_context *x = container_of(object, struct aio_context, place);

	encode(&s->out, saved_object(s, &shmem_saved, x->ring));
	encode(&s->out, x->asked);
	encode(&s->out, (uint64_t)x->owner);
	encode(&s->out, x->tail);
	encode(&s->out, x->completed);
	return 0;
}

static int context_load(struct loader *l, void **out)
{
	struct sandbox *sb = l->sandbox;
	struct aio_context *x;
	void *ring;
	int err = loaded_object(l, decode(&l->in), &shmem_saved, &ring);
	uint64_t asked = decode_max(&l->in, INT32_MAX);

	if (err)
		return err;
	if (!ring || shmem_place(ring) || shmem_size_of(ring) < PAGE_SIZE ||
	    shmem_size_of(ring) > RING_BYTES_MAX + PAGE_SIZE)
		return loader_damaged(l, "a ring of results");
	((struct pagesource *)ring)->ops->ref(ring);
	err = context_new(&sb->aio, ring, asked, false, &x);
	if (err)
		return err;
	x->owner = (pid_t)decode_max(&l->in, INT32_MAX);
	x->tail = (unsigned)decode_max(&l->in, x->slots - 1);
	x->completed = x->reserved = (unsigned)decode_max(&l->in, x->slots - 1);
	*out = &x->place;
	return 0;
}

static void context_put(void *object)
{
	mapped_place_put(object);
}

const struct saved_kind aio_saved = {
	.name = "a context of asynchronous I/O",
	.save = context_save,
	.load = context_load,
	.put = context_put,
};

void aio_save(struct saver *s, struct aio_domain *d)
{
	struct aio_context *x;
	uint64_t nr = 0;

	list_for_each (x, &d->contexts, node)
		nr++;
	encode(&s->out, d->max);
	encode(&s->out, nr);
	list_for_each (x, &d->contexts, node)
		encode(&s->out, saved_object(s, &aio_saved, &x->place));
}

int aio_load(struct loader *l, struct decoder *in, struct aio_domain *d)
{
	void *x;
	int err = 0;

	aio_set_max(d, decode(in));
	uint64_t nr = decode_count(in, 1);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = loaded_object(l, decode(in), &aio_saved, &x);
	return err;
}
