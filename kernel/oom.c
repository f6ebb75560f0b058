/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a sandbox has used up its memory, the process is killed that would free most, adjusted by
 * its oom_score_adj, as Linux's oom_badness() has it. To find out what a process really holds takes
 * long, so only those that have most mapped are measured, and not under sandbox.lock.
 */
#include "kernel/oom.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/memlimit.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/maps.h"
#include "mm/reclaim.h"

#define OOM_SCORE_ADJ_MIN (-1000) /* never (proc_pid_oom_score_adj(5)) */
#define OOM_SCORE_SCALE   1000

/* A process that was killed may be slow to go: whoever looks into its memory keeps that. Then
 * another one is killed. */
#define PATIENCE_NS 2000000000UL

/* So many of those that could hold most are looked at closely. */
#define CANDIDATES 32

/* A process that may be killed. */
struct candidate {
	struct process *process; /* reference */
	struct mm *mm;           /* reference */
	uint64_t bytes;
	int64_t score;
};

/* The address space of a process that still runs; NULL: it has none. */
static struct mm *running_mm(struct process *p)
{
	lock_assert_held(&p->sb->lock);
	struct task *t;

	if (p->group_exiting)
		return NULL;
	list_for_each (t, &p->tasks, process_node)
		if (t->mm)
			return t->mm;
	return NULL;
}

/* How much would be won, adjusted by what the process asked for; Linux: oom_badness. */
static int64_t badness(const struct process *p, uint64_t bytes, uint64_t limit)
{
	if (p->oom_score_adj == OOM_SCORE_ADJ_MIN)
		return INT64_MIN;
	return (int64_t)bytes + p->oom_score_adj * (int64_t)(limit / OOM_SCORE_SCALE);
}

/* Keeps the worst, in falling order. */
static void consider(struct candidate *c, unsigned *n, const struct candidate *new)
{
	if (*n == CANDIDATES && c[*n - 1].score >= new->score)
		return;
	unsigned i = *n < CANDIDATES ? (*n)++ : *n - 1;
	for (; i > 0 && c[i - 1].score < new->score; i--)
		c[i] = c[i - 1];
	c[i] = *new;
}

/* Those that have most mapped, touched or not, with references. */
static unsigned find_candidates(struct sandbox *sb, struct candidate *c, uint64_t limit)
{
	struct process *p;
	unsigned n = 0;

	sandbox_lock(sb);
	list_for_each (p, &sb->processes, all_node) {
		struct mm *mm = sb->ending ? NULL : running_mm(p);
		if (mm && !mm->dying)
			consider(c, &n,
				 &(struct candidate){ p, mm, mm_mapped_memory(mm),
						      badness(p, mm_mapped_memory(mm), limit) });
	}
	for (unsigned i = 0; i < n; i++) {
		process_get(c[i].process);
		mm_get(c[i].mm);
	}
	sandbox_unlock(sb);
	return n;
}

/* What they really hold, the worst first. */
static void rank(struct candidate *c, unsigned n, uint64_t limit)
{
	for (unsigned i = 0; i < n; i++) {
		struct candidate at = c[i];
		unsigned to = i;

		at.bytes = mm_touched(at.mm);
		at.score = badness(at.process, at.bytes, limit);
		for (; to > 0 && c[to - 1].score < at.score; to--)
			c[to] = c[to - 1];
		c[to] = at;
	}
}

/* All that share the memory go, or nothing is won. False: it ended meanwhile. */
static bool kill_all_with(struct sandbox *sb, const struct candidate *c, const char *reason)
{
	struct process *p;

	sandbox_lock(sb);
	bool runs = running_mm(c->process) == c->mm;
	sandbox_unlock(sb);
	if (!runs)
		return false;
	observer_out_of_resources(sb, c->process, reason);
	sandbox_lock(sb);
	runs = running_mm(c->process) == c->mm;
	if (runs) {
		c->mm->dying = true;
		sb->mem.counts.dying++;
		sb->mem.counts.killed_ns = monotonic_ns();
		list_for_each (p, &sb->processes, all_node)
			if (running_mm(p) == c->mm)
				process_kill_locked(p, SIGKILL);
	}
	sandbox_unlock(sb);
	/* It may have to wait until an order of the space's is done. */
	if (runs && sb->platform->space_stop)
		sb->platform->space_stop(c->mm->space);
	return runs;
}

/* One, or as many as it takes where each holds little. */
static void on_exceeded(void *arg, uint64_t used, uint64_t limit)
{
	struct sandbox *sb = arg;
	struct candidate c[CANDIDATES] = { 0 };
	int64_t excess = (int64_t)(used - limit);
	char reason[96];

	if (sb->mem.counts.dying && monotonic_ns() < sb->mem.counts.killed_ns + PATIENCE_NS)
		return;
	unsigned n = find_candidates(sb, c, limit);
	if (n > 1)
		rank(c, n, limit);
	snprintf(reason, sizeof reason, "out of memory (%lu KiB are used, %lu may be)", used >> 10,
		 limit >> 10);
	for (unsigned i = 0; i < n && excess > 0; i++)
		if (kill_all_with(sb, &c[i], reason))
			excess -= n > 1 ? (int64_t)c[i].bytes : excess;
	for (unsigned i = 0; i < n; i++) {
		mm_put(c[i].mm);
		process_put(c[i].process);
	}
}

/* The address spaces of all processes, with references, at *out, the caller's own: how many. */
static size_t all_spaces(struct sandbox *sb, struct mm ***out)
{
	struct process *p;
	size_t n = 0, room = 0;

	sandbox_lock(sb);
	list_for_each (p, &sb->processes, all_node)
		room++;
	sandbox_unlock(sb);
	struct mm **all = *out = calloc(room + 1, sizeof(struct mm *));
	sandbox_lock(sb);
	list_for_each (p, &sb->processes, all_node) {
		struct mm *mm = sb->ending || !all || n == room ? NULL : running_mm(p);
		if (mm)
			mm_get(all[n++] = mm);
	}
	sandbox_unlock(sb);
	return n;
}

static void on_reclaim(void *arg)
{
	struct sandbox *sb = arg;
	struct mm **all;
	size_t n = all_spaces(sb, &all);

	for (size_t i = 0; i < n; i++) {
		if (!sb->ending)
			mm_reclaim(all[i]);
		mm_put(all[i]);
	}
	free(all);
}

static const struct budget_ops budget_ops = { on_exceeded, on_reclaim };

int oom_init(struct sandbox *sb, uint64_t limit)
{
	int err = budget_create(limit, host_memory_limit, sb->arena, &sb->mem.counts, &budget_ops,
				sb, &sb->mem.budget);
	if (err)
		return err;
	if (limit)
		sb->limits.memory = budget_limit(sb->mem.budget);
	arena_set_budget(sb->arena, sb->mem.budget);
	return 0;
}

void oom_stop(struct sandbox *sb)
{
	budget_destroy(sb->mem.budget);
	sb->mem.budget = NULL;
	if (sb->arena)
		arena_set_budget(sb->arena, NULL);
}

void oom_pause(struct task *t)
{
	budget_wait(t->sb->mem.budget, &t->sleeper);
}
