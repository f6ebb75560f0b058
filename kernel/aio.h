/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of asynchronous I/O (io_setup(2)) and their rings of results.
 *
 * A context is the mapping of its ring: it is found by the address where that begins, and ends with
 * the last piece of it. The ring is memory of the guest's, laid out as Linux's struct aio_ring; a
 * program may take results out of it itself, so that its `head` is the guest's, and is looked at
 * anew each time. How many slots there are, and where the next result goes, is known here alone.
 *
 * Requests are done where they are submitted (sys/aio.c): none is ever on its way.
 */
#ifndef HL_KERNEL_AIO_H
#define HL_KERNEL_AIO_H

#include <linux/aio_abi.h>

#include "host/wait.h"
#include "mm/mapped_place.h"
#include "mm/mm.h"
#include "util/list.h"
#include "util/lock.h"
#include "util/saved.h"

struct task;

/* All contexts of a sandbox. */
struct aio_domain {
	struct mm_host *mem;
	struct mutex lock;
	/* guarded by lock */
	struct list contexts;
	uint64_t nr,
	    max; /* /proc/sys/fs/aio-nr, aio-max-nr: results that programs asked room for */
};

struct aio_context {
	struct mapped_place place; /* of the ring's mappings; each holds a reference */
	struct pagesource *ring;
	struct aio_domain *domain;
	struct list node;
	uint64_t asked; /* counts in domain->nr */
	unsigned slots; /* constant */
	/* Its address space, pinned; NULL: that of process `owner`, when that asks first. */
	struct mm *_Atomic mm;
	pid_t owner;

	struct mutex lock; /* taken outside of the mm's */
	/* guarded by lock */
	unsigned tail;     /* the slot of the next result */
	unsigned reserved; /* slots that are taken: by a request, or a result not seen to be gone */
	unsigned completed; /* those of them that hold a result, or did */
	bool dead;
	struct waitqueue wait; /* for results */
};

void aio_domain_init(struct aio_domain *d, struct mm_host *mem);
void aio_domain_destroy(struct aio_domain *d);
/* Writes to /proc/sys/fs/aio-max-nr. */
void aio_set_max(struct aio_domain *d, uint64_t max);
void aio_numbers(struct aio_domain *d, uint64_t *nr, uint64_t *max);

/* Maps a ring for at least `nr` results. Its address is the context's name; or -EINVAL, -EAGAIN,
 * -ENOMEM. */
int64_t aio_setup(struct task *t, unsigned nr);
/* A reference, to be put. NULL: there is none at this address, or it is not this process's. */
struct aio_context *aio_get(struct task *t, uint64_t addr);
void aio_put(struct aio_context *x);
/* Unmaps the ring, and wakes who waits for results. */
int aio_destroy(struct task *t, struct aio_context *x, uint64_t addr);

/* A slot for one request: -EAGAIN when all are taken. It is given back, or filled. */
int aio_reserve(struct task *t, struct aio_context *x, uint64_t addr);
void aio_unreserve(struct aio_context *x);
/* The result goes to the ring, and wakes who waits. A program that has made its ring unwritable
 * loses it. */
void aio_complete(struct task *t, struct aio_context *x, uint64_t addr, const struct io_event *e);
/* Moves up to `nr` results to `to`: how many, -EFAULT, or -EINVAL for a context that has ended. */
int64_t aio_take(struct task *t, struct aio_context *x, uint64_t addr, gva_t to, int64_t nr);

extern const struct saved_kind aio_saved;
/* All contexts; they are loaded before the vmas, which find them by their rings. */
void aio_save(struct saver *s, struct aio_domain *d);
int aio_load(struct loader *l, struct decoder *in, struct aio_domain *d);

#endif
