/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds the memory of a sandbox, by an estimate that is cheap to keep and by a thread that
 * measures when the estimate comes near the limit. See the header. */
#include "mm/budget.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/hostfile.h"
#include "host/thread.h"
#include "util/gva.h"
#include "util/lock.h"
#include "util/minmax.h"
#include "util/time.h"

/* What an open file costs in the host's kernel. */
#define DESCRIPTOR_BYTES 1024UL
/* A page table entry for each page of each space. */
#define MAPPED_PER_BYTE (PAGE_SIZE / 8)

/* System calls are refused this much earlier than page faults, a part of the limit. */
#define SYSCALL_SHARE 16
/* What the monitor needs of memory with nothing to do, and the part of a chosen limit that it may
 * take uncounted between two measures. */
#define BASE_BYTES  (16UL << 20)
#define SLACK_SHARE 8
/* The part of what the host gives that is left alone: for the host's kernel, page tables, others in
 * the group. */
#define RESERVE_SHARE 4
#define RESERVE_MAX   (512UL << 20)

/* What is given out may pass a chosen limit by a part of it, another one by a part of the reserve.
 * Of what is left up to there, a part is given out ahead of a touch; so much in any case. */
#define BOUND_SHARE       8
#define RESERVE_USE_SHARE 2
#define AHEAD_SHARE       8
#define AHEAD_MIN         (128UL << 10)
/* What has to be left of the bound after something was taken back. */
#define WORTH_SHARE 8

/* How fast one CPU may fill memory, and how often it is measured. */
#define BYTES_PER_MS       (2UL << 20)
#define MS_BETWEEN         2UL
#define MS_BETWEEN_AT_MOST 200UL

/* Private memory nobody accounts for: from this part of the limit on the C library is asked for it,
 * so often at most. */
#define TRIM_SHARE 8
#define TRIM_NS    100000000UL

#define STACK_BYTES (128UL << 10)

/* A sandbox whose limit is not known yet is let have so much. */
#define UNASKED_BYTES (64UL << 20)

/* The part of the limit, or of that, which may be free memory that the host has not back yet. */
#define SPARE_SHARE         16
#define UNASKED_SPARE_SHARE 2

struct budget {
	struct arena *arena;
	struct budget_counts *counts;
	const struct budget_ops *ops;
	void *arg;
	budget_available_fn *find_available;

	bool chosen; /* the limit was, by somebody */
	/* prepare() sets these */
	_Atomic bool prepared;
	_Atomic uint64_t limit, soft;
	_Atomic uint64_t bound; /* of what is given out */
	uint64_t available;     /* the bound of what `reclaim` cannot take back */
	int statm, fd_dir;      /* /proc/self/statm, /proc/self/fd */
	unsigned cpus;
	uint64_t trimmed_ns; /* the thread's own */
	/* what the process held before the sandbox, which does not count; 0: all counts */
	uint64_t base_private, base_descriptors;
	uint64_t slack; /* of the estimate: what the monitor may hold that nobody counted yet */

	_Atomic uint64_t
	    /* private memory of the monitor that `counts` did not know of when it was measured */
	    uncounted;
	/* given out, not touched, and not to be had back: not counted against the bound */
	_Atomic uint64_t untouched;
	_Atomic bool over, watching;
	struct waitqueue freed;

	struct mutex lock;
	struct cond changed;
	/* guarded by lock */
	pthread_t thread;
	bool started, stop;
};

uint64_t budget_default(uint64_t available)
{
	if (available == UINT64_MAX)
		return UINT64_MAX;
	return available - min64(available / RESERVE_SHARE, RESERVE_MAX);
}

static void set_limit(struct budget *b, uint64_t limit, uint64_t available)
{
	uint64_t more = (available - limit) / RESERVE_USE_SHARE;

	if (b->chosen || available == UINT64_MAX)
		more = min64(more, limit / BOUND_SHARE);
	b->limit = limit;
	b->soft = limit - limit / SYSCALL_SHARE;
	b->available = available;
	b->bound = limit > UINT64_MAX - more ? UINT64_MAX : limit + more;
}

static void find_limit(struct budget *b)
{
	uint64_t available = b->find_available(), most = budget_default(available);

	set_limit(b, b->chosen ? min64(b->limit, most) : most, available);
}

/* proc_pid_statm(5): pages that are resident, and how many of them belong to files or are shared.
 * False: the host does not tell. */
static bool read_private(const struct budget *b, uint64_t *out)
{
	char text[128] = "", *at = text;

	if (b->statm < 0 || pread(b->statm, text, sizeof text - 1, 0) <= 0)
		return false;
	strtoull(at, &at, 10);
	uint64_t resident = strtoull(at, &at, 10), shared = strtoull(at, &at, 10);
	*out = resident > shared ? (resident - shared) * PAGE_SIZE : 0;
	return true;
}

/* Linux 6.2 and later tell their number as the size of the directory; others say 0. */
static uint64_t count_descriptors(const struct budget *b)
{
	struct stat st;

	return b->fd_dir >= 0 && fstat(b->fd_dir, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Asks the host what a measure needs. Most programs are small and end soon, so the start of a
 * sandbox does not, unless its limit was chosen: then it asks what is there already. */
static void prepare(struct budget *b)
{
	if (b->prepared)
		return;
	mutex_lock(&b->lock);
	if (!b->prepared) {
		b->statm = hostfile_open("/proc/self/statm");
		b->fd_dir = hostfile_open("/proc/self/fd");
		b->cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
		if (b->find_available)
			find_limit(b);
		b->prepared = true;
	}
	mutex_unlock(&b->lock);
}

static void find_base(struct budget *b)
{
	prepare(b);
	b->slack = min64(b->limit / SLACK_SHARE, BASE_BYTES);
	(void)read_private(b, &b->base_private);
	b->base_descriptors = count_descriptors(b);
}

int budget_create(uint64_t limit, budget_available_fn *available, struct arena *a,
		  struct budget_counts *counts, const struct budget_ops *ops, void *arg,
		  struct budget **out)
{
	struct budget *b = calloc(1, sizeof *b);

	if (!b)
		return -ENOMEM;
	b->chosen = limit && limit != UINT64_MAX;
	set_limit(b, limit ? limit : UNASKED_BYTES, UINT64_MAX);
	b->find_available = available;
	b->arena = a;
	b->counts = counts;
	b->ops = ops;
	b->arg = arg;
	b->statm = b->fd_dir = -1;
	b->slack = BASE_BYTES;
	waitqueue_init(&b->freed);
	mutex_init(&b->lock, LOCK_BUDGET);
	cond_init(&b->changed);
	if (b->chosen)
		find_base(b);
	*out = b;
	return 0;
}

void budget_destroy(struct budget *b)
{
	if (!b)
		return;
	mutex_lock(&b->lock);
	bool started = b->started;
	b->stop = true;
	cond_signal(&b->changed);
	mutex_unlock(&b->lock);
	if (started)
		pthread_join(b->thread, NULL);
	if (b->statm >= 0)
		close(b->statm);
	if (b->fd_dir >= 0)
		close(b->fd_dir);
	waitqueue_destroy(&b->freed);
	cond_destroy(&b->changed);
	mutex_destroy(&b->lock);
	free(b);
}

/* What both the estimate and the measure count. */
static uint64_t kernel_bytes(const struct budget *b)
{
	const struct budget_counts *n = b->counts;

	return n->tasks * BUDGET_TASK_BYTES + n->spaces * BUDGET_SPACE_BYTES +
	       n->mapped / MAPPED_PER_BYTE;
}

/* What is held, or may be without a word to the monitor. */
static uint64_t given_out(const struct budget *b)
{
	return arena_used(b->arena) + arena_warm(b->arena) + b->counts->bytes + b->uncounted +
	       kernel_bytes(b);
}

static uint64_t estimate(const struct budget *b)
{
	return b->slack + given_out(b);
}

/* What is left of the bound. */
static uint64_t left_to_give(const struct budget *b)
{
	uint64_t given = given_out(b), bound = b->bound, untouched = b->untouched;

	bound = bound > UINT64_MAX - untouched ? UINT64_MAX : bound + untouched;
	return given < bound ? bound - given : 0;
}

/* How much there is more than there was. */
static uint64_t grown(uint64_t now, uint64_t base)
{
	return now > base ? now - base : 0;
}

uint64_t budget_limit(const struct budget *b)
{
	return b->limit;
}

uint64_t budget_spare(const struct budget *b)
{
	return b->limit / (b->chosen || b->prepared ? SPARE_SHARE : UNASKED_SPARE_SHARE);
}

uint64_t budget_measure(struct budget *b)
{
	uint64_t private, counted = b->counts->bytes;
	uint64_t descriptors = grown(count_descriptors(b), b->base_descriptors);

	private = read_private(b, &private) ? grown(private, b->base_private) : counted;
	b->uncounted = grown(private, counted);
	return arena_resident(b->arena) + private + descriptors * DESCRIPTOR_BYTES +
	       kernel_bytes(b);
}

/* The less is left, the sooner the next measure. */
static uint64_t ms_until_next(const struct budget *b, uint64_t used)
{
	uint64_t left = used < b->limit ? b->limit - used : 0;

	return min64(max64(left / (BYTES_PER_MS * b->cpus), MS_BETWEEN), MS_BETWEEN_AT_MOST);
}

/* The C library keeps what was freed; it can give it back, but that takes a while. */
static bool trim(struct budget *b)
{
	uint64_t now = monotonic_ns();

	if (now < b->trimmed_ns + TRIM_NS)
		return false;
	malloc_trim(0);
	b->trimmed_ns = now;
	return true;
}

/* More is given out than there may be: takes back what nobody touched. What cannot be taken back
 * may be touched all the same, so that it counts as used where the host would not give it. */
static uint64_t take_back(struct budget *b)
{
	if (b->ops->reclaim)
		b->ops->reclaim(b->arg);
	uint64_t used = budget_measure(b), given = given_out(b);
	/* Too little was had back to be worth another time soon. */
	if (given > b->bound - b->bound / WORTH_SHARE)
		b->untouched = grown(given, used);
	return given > b->available ? given : used;
}

/* One round: milliseconds until the next, 0: none is needed. */
static uint64_t look(struct budget *b)
{
	lock_assert_none();
	uint64_t used = budget_measure(b);

	if ((used > b->soft || !left_to_give(b)) && arena_give_back(b->arena))
		used = budget_measure(b);
	if (used > b->soft && b->uncounted > b->limit / TRIM_SHARE && trim(b))
		used = budget_measure(b);
	b->untouched = min64(b->untouched, grown(given_out(b), used));
	if (used <= b->limit && !left_to_give(b))
		used = take_back(b);
	b->over = used > b->limit;
	if (b->over)
		b->ops->exceeded(b->arg, used, b->limit);
	else if (left_to_give(b))
		waitqueue_wake_all(&b->freed, 0);
	else /* somebody took more meanwhile */
		b->over = true;
	return used > b->limit / 2 || estimate(b) > b->soft ? ms_until_next(b, used) : 0;
}

static void *watch(void *arg)
{
	struct budget *b = arg;

	mutex_lock(&b->lock);
	while (!b->stop) {
		if (!b->watching) {
			cond_wait(&b->changed, &b->lock);
			continue;
		}
		mutex_unlock(&b->lock);
		uint64_t ms = look(b);
		mutex_lock(&b->lock);
		/* Who raised the estimate since either sees that nobody watches, or is seen
		 * here. */
		b->watching = ms;
		if (b->over)
			ms = MS_BETWEEN;
		if (!ms)
			b->watching = estimate(b) > b->soft;
		else if (!b->stop)
			cond_wait_until(&b->changed, &b->lock, monotonic_ns() + ms * NSEC_PER_MSEC);
	}
	mutex_unlock(&b->lock);
	return NULL;
}

static void begin_watching(struct budget *b)
{
	mutex_lock(&b->lock);
	if (!b->stop) {
		b->watching = true;
		if (!b->started)
			b->started = !host_thread_start(&b->thread, STACK_BYTES, 0, watch, b);
		cond_signal(&b->changed);
	}
	mutex_unlock(&b->lock);
}

bool budget_room(struct budget *b, uint64_t bytes)
{
	if (!b || estimate(b) + bytes <= b->soft)
		return true;
	prepare(b);
	if (b->limit == UINT64_MAX || estimate(b) + bytes <= b->soft)
		return true;
	if (!b->watching)
		begin_watching(b);
	if (budget_measure(b) + bytes <= b->soft)
		return true;
	return arena_give_back(b->arena) && budget_measure(b) + bytes <= b->soft;
}

void budget_note(struct budget *b)
{
	if (!b || estimate(b) <= b->soft)
		return;
	prepare(b);
	if (b->limit == UINT64_MAX || estimate(b) <= b->soft)
		return;
	bool passed = !left_to_give(b) && !b->over;
	if (passed)
		b->over = true;
	if (passed || !b->watching)
		begin_watching(b);
}

uint64_t budget_ahead(struct budget *b, uint64_t want)
{
	if (!b || want <= AHEAD_MIN || estimate(b) + want <= b->soft)
		return want;
	prepare(b);
	if (b->limit == UINT64_MAX || given_out(b) + want <= b->limit / 2)
		return want;
	return min64(want, max64(left_to_give(b) / AHEAD_SHARE, AHEAD_MIN));
}

void budget_tick(struct budget *b)
{
	if (!b || b->watching)
		return;
	prepare(b);
	if (b->limit != UINT64_MAX && budget_measure(b) > b->limit / 2)
		begin_watching(b);
}

bool budget_over(const struct budget *b)
{
	return b && b->over;
}

bool budget_tight(const struct budget *b)
{
	return b && estimate(b) > b->soft;
}

int budget_wait(struct budget *b, struct sleeper *s)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w, s);
	waitqueue_add(&b->freed, &w);
	while (b->over && !err)
		err = sleeper_wait(s, DEADLINE_NONE);
	waitqueue_remove(&w);
	return err;
}
