/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper renews the clock page well before it runs out, so that a guest that reads the clock
 * hardly ever leaves its machine for it. It is started by the first reader, since many programs
 * never read the clock. It goes to sleep when the process has used hardly any CPU time for a while:
 * an idle sandbox costs nothing. Then the page runs out, the next reader makes a system call, and
 * that wakes the keeper.
 */
#include "loader/vdso.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "host/clock.h"
#include "host/thread.h"
#include "host/wait.h"
#include "loader/clock.h"
#include "mm/map.h"
#include "mm/mm.h"
#include "mm/shmem.h"
#include "mm/vma.h"
#include "util/lock.h"
#include "util/time.h"

extern const char vdso_image_start[] __attribute__((visibility("hidden")));
extern const char vdso_image_end[] __attribute__((visibility("hidden")));

/* The keeper sleeps after so many rounds in which the process used less than 1/64 of a CPU. */
#define IDLE_ROUNDS  8
#define IDLE_PART    64
#define KEEPER_STACK (64u << 10)
/* How soon to try again when it was too early to tell the rate. */
#define RETRY_NS 1000000u

struct vdso_clock {
	struct pagesource *pages; /* data page, image, data page without lines */
	uint64_t image_len;

	struct mutex lock;
	/* guarded by lock */
	struct clock_page page;
	uint64_t term; /* of the page, ns; 0: not good */
	bool stop, asleep;
	bool wanted; /* there is to be a keeper, who was not started yet */
	bool keeper_runs;
	pthread_t keeper;
	struct cond wake;
};

static uint64_t cpu_time_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return timespec_to_ns(&ts);
}

/* Waits until the page is half through, or, while asleep, until somebody wakes us. */
static void keeper_wait(struct vdso_clock *vc)
{
	lock_assert_held(&vc->lock);
	uint64_t until = monotonic_ns() + (vc->term ? vc->term / 2 : RETRY_NS);

	if (vc->asleep)
		cond_wait(&vc->wake, &vc->lock);
	else
		cond_wait_until(&vc->wake, &vc->lock, until);
}

static void *keeper_main(void *arg)
{
	struct vdso_clock *vc = arg;
	uint64_t cpu = 0, since = 0;
	unsigned idle = 0;

	mutex_lock(&vc->lock);
	while (!vc->stop) {
		uint64_t now = monotonic_ns(), used = cpu_time_ns();

		idle = used - cpu < (now - since) / IDLE_PART ? idle + 1 : 0;
		cpu = used;
		since = now;
		vc->asleep = idle > IDLE_ROUNDS;
		if (!vc->asleep)
			vc->term = clock_page_update(&vc->page);
		keeper_wait(vc);
		if (vc->asleep)
			idle = 0;
	}
	mutex_unlock(&vc->lock);
	return NULL;
}

void vdso_clock_keep(struct vdso_clock *vc)
{
	if (!vc)
		return;
	mutex_lock(&vc->lock);
	vc->wanted = vc->page.usable && !vc->keeper_runs;
	mutex_unlock(&vc->lock);
}

/* Without a thread each reader renews the page that has run out. */
static void keeper_start(struct vdso_clock *vc)
{
	lock_assert_held(&vc->lock);
	if (vc->wanted)
		vc->keeper_runs =
		    host_thread_start(&vc->keeper, KEEPER_STACK, 0, keeper_main, vc) == 0;
	vc->wanted = false;
}

void vdso_clock_sync(struct vdso_clock *vc)
{
	if (!vc || !clock_page_expired(&vc->page))
		return;
	mutex_lock(&vc->lock);
	if (clock_page_expired(&vc->page)) {
		vc->term = clock_page_update(&vc->page);
		keeper_start(vc);
		cond_signal(&vc->wake);
	}
	mutex_unlock(&vc->lock);
}

void vdso_clock_set(struct vdso_clock *vc, struct guest_clock *shown, const struct guest_clock *now)
{
	mutex_lock(&vc->lock);
	*shown = *now;
	vc->term = clock_page_update(&vc->page);
	if (!vc->term)
		clock_page_expire(&vc->page);
	mutex_unlock(&vc->lock);
}

int vdso_clock_gettime(struct vdso_clock *vc, clockid_t clock, struct timespec *ts)
{
	bool coarse = clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_REALTIME_COARSE;
	uint64_t ns;

	vdso_clock_sync(vc);
	if (coarse) {
		mutex_lock(&vc->lock);
		coarse = clock_page_coarse(&vc->page, clock, &ns);
		mutex_unlock(&vc->lock);
	}
	if (!coarse)
		return guest_clock_gettime(vc->page.clock, clock, ts);
	*ts = ns_to_timespec(ns);
	return 0;
}

static void init_lock(struct vdso_clock *vc)
{

	mutex_init(&vc->lock, LOCK_VDSO_CLOCK);
	cond_init(&vc->wake);
}

/* Where the data page without lines is in the source. */
static uint64_t asking_offset(const struct vdso_clock *vc)
{
	return PAGE_SIZE + vc->image_len;
}

int vdso_clock_create(struct mm_host *h)
{
	uint64_t len = PAGE_UP((uint64_t)(vdso_image_end - vdso_image_start));
	struct vdso_clock *vc = calloc(1, sizeof *vc);
	struct page_run run;
	char *pages;
	int err;

	if (!vc)
		return -ENOMEM;
	vc->image_len = len;
	err = shmem_create(h->arena, asking_offset(vc) + PAGE_SIZE, &vc->pages);
	if (!err)
		err = vc->pages->ops->get(vc->pages, 0, asking_offset(vc) + PAGE_SIZE, true, &run);
	if (err) {
		if (vc->pages)
			vc->pages->ops->unref(vc->pages);
		free(vc);
		return err;
	}
	pages = memfile_ptr(run.mf, run.off, run.len);
	memcpy(pages + PAGE_SIZE, vdso_image_start, (size_t)(vdso_image_end - vdso_image_start));
	clock_page_init(&vc->page, h->clock, (struct vdso_data *)pages);
	/* what there is now is constant */
	memcpy(pages + asking_offset(vc), pages, sizeof(struct vdso_data));
	init_lock(vc);
	h->vdso = vc;
	return 0;
}

void vdso_clock_destroy(struct vdso_clock *vc)
{
	if (!vc)
		return;
	mutex_lock(&vc->lock);
	vc->stop = true;
	cond_signal(&vc->wake);
	mutex_unlock(&vc->lock);
	if (vc->keeper_runs)
		pthread_join(vc->keeper, NULL);
	vc->pages->ops->unref(vc->pages);
	cond_destroy(&vc->wake);
	mutex_destroy(&vc->lock);
	free(vc);
}

struct pagesource *vdso_pages(struct vdso_clock *vc, uint64_t *len)
{
	*len = asking_offset(vc) + PAGE_SIZE;
	return vc->pages;
}

static int64_t map_part(struct mm *mm, gva_t addr, uint64_t off, uint64_t len, unsigned prot,
			const char *name)
{
	const struct mmap_args a = {
		.addr = addr,
		.len = len,
		.prot = prot,
		.flags = MAP_PRIVATE | MAP_FIXED,
		.source = mm->host->vdso->pages,
		.offset = off,
		.vma_flags = VMA_SPECIAL | VMA_DONTDUMP |
			     (prot & PROT_EXEC ? VMA_MAYWRITE | VMA_MAYEXEC : 0),
		.name = name,
	};
	return mm_mmap(mm, &a);
}

int vdso_map(struct mm *mm, bool ask)
{
	struct vdso_clock *vc = mm->host->vdso;
	const struct mmap_args room = {
		.len = PAGE_SIZE + vc->image_len,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	};
	int64_t at = mm_mmap(mm, &room), r;

	if (at < 0)
		return (int)at;
	r = map_part(mm, GVA(at), ask ? asking_offset(vc) : 0, PAGE_SIZE, PROT_READ, "[vvar]");
	if (r >= 0)
		r = map_part(mm, GVA(at + PAGE_SIZE), PAGE_SIZE, vc->image_len,
			     PROT_READ | PROT_EXEC, "[vdso]");
	if (r < 0)
		return (int)r;
	mm->vdso_base = GVA(r);
	mutex_lock(&vc->lock);
	if (clock_page_expired(&vc->page))
		vc->term = clock_page_update(&vc->page);
	mutex_unlock(&vc->lock);
	return 0;
}

static gva_t data_page_of(struct mm *mm)
{
	gva_t at = GVA_NULL;

	rwlock_rdlock(&mm->lock);
	for (struct vma *v = vma_first(mm); v && !at.v; v = vma_next(v)) {
		if (v->source == mm->host->vdso->pages && v->offset == 0)
			at = v->start;
	}
	rwlock_unlock(&mm->lock);
	return at;
}

int vdso_leave_clocks(struct mm *mm)
{
	struct vdso_clock *vc = mm->host->vdso;
	gva_t at = vc ? data_page_of(mm) : GVA_NULL;

	if (!at.v)
		return 0;
	int64_t r = map_part(mm, at, asking_offset(vc), PAGE_SIZE, PROT_READ, "[vvar]");
	return r < 0 ? -ENOMEM : 0;
}
