/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/oom.h"

#include <signal.h>
#include <stdbool.h>

#include "host/memlimit.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

#define OOM_SCORE_ADJ_MIN (-1000) /* never (proc_pid_oom_score_adj(5)) */
#define OOM_SCORE_SCALE   1000

/* A process that was killed may be slow to go: whoever looks into its memory keeps that. Then another one is killed. */
#define PATIENCE_NS 2000000000UL

/* So many of those that could hold most are looked at closely. */
#define CANDIDATES 32

/* A process that may be killed. */
struct candidate {
	struct process *process; /* reference */
	struct mm *mm;           /* reference */
	int64_t score;
};

/* The address space of a process that still runs; NULL: it has none. sandbox->lock held. */
static struct mm *running_mm(struct process *p)
{
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
			consider(c, &n, &(struct candidate){ p, mm, badness(p, mm->resident, limit) });
	}
	for (unsigned i = 0; i < n; i++) {
		process_get(c[i].process);
		mm_get(c[i].mm);
	}
	sandbox_unlock(sb);
	return n;
}

static const struct candidate *choose(struct candidate *c, unsigned n, uint64_t limit)
{
	const struct candidate *worst = NULL;

	for (unsigned i = 0; i < n; i++) {
		c[i].score = badness(c[i].process, n > 1 ? mm_touched(c[i].mm) : c[i].mm->resident, limit);
		if (!worst || c[i].score > worst->score)
			worst = &c[i];
	}
	return worst;
}

/* All that share the memory go, or nothing is won. */
static void kill_all_with(struct sandbox *sb, const struct candidate *c, uint64_t used, uint64_t limit)
{
	struct process *p;

	sandbox_lock(sb);
	if (running_mm(c->process) == c->mm) {
		c->mm->dying = true;
		sb->mem.counts.dying++;
		sb->mem.counts.killed_ns = monotonic_ns();
		if (sb->observer)
			sb->observer->ops->out_of_memory(sb->observer, c->process, used, limit);
		list_for_each (p, &sb->processes, all_node)
			if (running_mm(p) == c->mm)
				process_kill_locked(p, SIGKILL);
	}
	sandbox_unlock(sb);
}

static void on_exceeded(void *arg, uint64_t used, uint64_t limit)
{
	struct sandbox *sb = arg;
	struct candidate c[CANDIDATES] = { 0 };

	if (sb->mem.counts.dying && monotonic_ns() < sb->mem.counts.killed_ns + PATIENCE_NS)
		return;
	unsigned n = find_candidates(sb, c, limit);
	const struct candidate *worst = choose(c, n, limit);
	if (worst)
		kill_all_with(sb, worst, used, limit);
	for (unsigned i = 0; i < n; i++) {
		mm_put(c[i].mm);
		process_put(c[i].process);
	}
}

static uint64_t limit_of_host(void)
{
	return budget_default(host_memory_limit());
}

int oom_init(struct sandbox *sb, uint64_t limit)
{
	int err = budget_create(limit, limit ? NULL : limit_of_host, sb->arena, &sb->mem.counts, on_exceeded, sb,
				&sb->mem.budget);
	if (!err)
		arena_set_budget(sb->arena, sb->mem.budget);
	return err;
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
