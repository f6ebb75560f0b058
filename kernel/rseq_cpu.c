/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file hands out CPUs of our own making to the threads of programs with critical sections; see
 * header for why. Threads that find none wait in a queue, and ask the thread that has had one
 * longest to leave the guest once its time slice is over.
 */
#include "kernel/rseq_cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "util/lock.h"

#define SLICE 4000000UL /* ns a thread keeps its CPU while others wait */

struct cpu {
	struct task *owner; /* in the guest, or on its way; NULL: free */
	struct task *last;  /* who had it last; never followed */
	uint64_t since;
	bool asked; /* the owner was kicked */
};

struct rseq_cpus {
	struct mutex lock;
	struct list waiting; /* struct cpu_waiter, first come first served */
	int n;
	struct cpu cpu[];
};

struct cpu_waiter {
	struct list node;
	struct task *task;
	bool granted;
};

static struct rseq_cpus *cpus_new(const struct sandbox *sb)
{
	long n = sb->cpus.limited ? (long)sb->cpus.count : sysconf(_SC_NPROCESSORS_ONLN);
	struct rseq_cpus *rc = calloc(1, sizeof *rc + (size_t)n * sizeof rc->cpu[0]);

	if (!rc)
		return NULL;
	mutex_init(&rc->lock, LOCK_RSEQ);
	list_init(&rc->waiting);
	rc->n = (int)n;
	return rc;
}

static void cpus_free(struct rseq_cpus *rc)
{
	mutex_destroy(&rc->lock);
	free(rc);
}

void rseq_cpu_free(struct process *p)
{
	struct rseq_cpus *rc = atomic_exchange(&p->rseq_cpus, NULL);

	if (rc)
		cpus_free(rc);
}

/* Threads that run without a CPU are called out of the guest: on their way back they take one. */
void rseq_cpu_need(struct task *t)
{
	struct rseq_cpus *none = NULL, *rc;
	struct task *o;

	if (atomic_load(&t->process->rseq_cpus) || !(rc = cpus_new(t->sb)))
		return;
	if (!atomic_compare_exchange_strong(&t->process->rseq_cpus, &none, rc)) {
		cpus_free(rc);
		return;
	}
	sandbox_lock(t->sb);
	list_for_each (o, &t->process->tasks, process_node)
		sleeper_wake(&o->sleeper);
	sandbox_unlock(t->sb);
}

/* ---- rc->lock held ---- */

static void give(struct rseq_cpus *rc, int i, struct task *t)
{
	lock_assert_held(&rc->lock);
	struct cpu *c = &rc->cpu[i];

	t->rseq_fresh = c->last != t;
	t->rseq_held = i + 1;
	c->owner = c->last = t;
	c->since = sleeper_now(&t->sleeper);
	c->asked = false;
}

/* A free CPU, the one it had before if possible; -1: none. */
static int find_free(struct rseq_cpus *rc, int before)
{
	lock_assert_held(&rc->lock);
	if (before >= 0 && before < rc->n && !rc->cpu[before].owner)
		return before;
	for (int i = 0; i < rc->n; i++) {
		if (!rc->cpu[i].owner)
			return i;
	}
	return -1;
}

static struct cpu *longest_held(struct rseq_cpus *rc)
{
	lock_assert_held(&rc->lock);
	struct cpu *best = NULL;

	for (int i = 0; i < rc->n; i++) {
		if (rc->cpu[i].owner && !rc->cpu[i].asked &&
		    (!best || rc->cpu[i].since < best->since))
			best = &rc->cpu[i];
	}
	return best;
}

/* Asks for a CPU whose slice is over. When to look again. */
static uint64_t ask(struct rseq_cpus *rc, const struct sleeper *s)
{
	lock_assert_held(&rc->lock);
	struct cpu *c = longest_held(rc);
	uint64_t now = sleeper_now(s);

	if (c && c->since + SLICE > now)
		return c->since + SLICE;
	if (c) {
		c->asked = true;
		sleeper_wake(&c->owner->sleeper);
	}
	return now + SLICE;
}

static void wait_for_cpu(struct rseq_cpus *rc, struct task *t)
{
	struct cpu_waiter w = { .task = t };
	int err = 0;

	list_add_tail(&rc->waiting, &w.node);
	while (!w.granted && err != -EINTR) {
		uint64_t deadline = ask(rc, &t->sleeper);
		mutex_unlock(&rc->lock);
		err = sleeper_wait(&t->sleeper, deadline);
		mutex_lock(&rc->lock);
	}
	list_del(&w.node);
}

/* ---- around each run of the guest ---- */

bool rseq_cpu_acquire(struct task *t)
{
	struct rseq_cpus *rc = atomic_load(&t->process->rseq_cpus);

	if (!rc || !t->rseq.v)
		return true;
	mutex_lock(&rc->lock);
	int cpu = find_free(rc, t->rseq_cpu);
	if (cpu >= 0)
		give(rc, cpu, t);
	else
		wait_for_cpu(rc, t);
	mutex_unlock(&rc->lock);
	if (!sleeper_wanted(&t->sleeper))
		return true;
	rseq_cpu_release(t); /* the wait may have used up the kick that would end the run */
	return false;
}

void rseq_cpu_release(struct task *t)
{
	struct rseq_cpus *rc = t->process->rseq_cpus;

	if (!t->rseq_held)
		return;
	int i = t->rseq_held - 1;
	t->rseq_held = 0;
	mutex_lock(&rc->lock);
	rc->cpu[i].owner = NULL;
	if (!list_empty(&rc->waiting)) {
		struct cpu_waiter *next = list_first(&rc->waiting, struct cpu_waiter, node);
		list_del(&next->node);
		next->granted = true;
		give(rc, i, next->task);
		sleeper_wake(&next->task->sleeper);
	}
	mutex_unlock(&rc->lock);
}

int rseq_cpu_mine(struct task *t, bool *fresh)
{
	*fresh = t->rseq_held && t->rseq_fresh;
	return t->rseq_held - 1;
}
