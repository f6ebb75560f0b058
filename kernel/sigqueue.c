/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file keeps the queues of pending signals and counts their entries by user, for
 * RLIMIT_SIGPENDING. Signals are taken in Linux's order: those that the thread's own instructions
 * caused come first, then the lowest number.
 */
#include "kernel/sigqueue.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/sandbox.h"

void siginfo_kernel(siginfo_t *si, int sig, int code)
{
	memset(si, 0, sizeof *si);
	si->si_signo = sig;
	si->si_code = code;
}

/* How many entries a user has in this sandbox. Exists while there are any. */
struct siguser {
	struct siguser *next;
	struct sandbox *sb;
	uid_t uid;
	uint64_t count;
};

static struct siguser *user_find(struct sandbox *sb, uid_t uid)
{
	struct siguser *u = sb->sigusers;

	while (u && u->uid != uid)
		u = u->next;
	return u;
}

static struct siguser *user_new(struct sandbox *sb, uid_t uid)
{
	struct siguser *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	*u = (struct siguser){ .next = sb->sigusers, .sb = sb, .uid = uid };
	sb->sigusers = u;
	return u;
}

static void user_put(struct siguser *u)
{
	struct siguser **link = &u->sb->sigusers;

	if (--u->count)
		return;
	while (*link != u)
		link = &(*link)->next;
	*link = u->next;
	free(u);
}

uint64_t sigqueue_count(struct sandbox *sb, uid_t uid)
{
	struct siguser *u = user_find(sb, uid);

	return u ? u->count : 0;
}

struct sigqueue *sigqueue_alloc(struct sandbox *sb, uid_t uid, uint64_t limit)
{
	if (sigqueue_count(sb, uid) >= limit)
		return NULL;
	struct sigqueue *q = calloc(1, sizeof *q);
	if (!q)
		return NULL;
	q->user = user_find(sb, uid);
	if (!q->user)
		q->user = user_new(sb, uid);
	if (!q->user) {
		free(q);
		return NULL;
	}
	q->user->count++;
	list_init(&q->node);
	return q;
}

void sigqueue_free(struct sigqueue *q)
{
	list_del(&q->node);
	user_put(q->user);
	free(q);
}

void sigpending_init(struct sigpending *p)
{
	p->set = 0;
	list_init(&p->queue);
}

void sigpending_flush(struct sigpending *p, ksigset_t set)
{
	struct sigqueue *q, *tmp;

	if (!(p->set & set))
		return;
	p->set &= ~set;
	list_for_each_safe (q, tmp, &p->queue, node) {
		if (!(set & SIGBIT(q->info.si_signo)))
			continue;
		if (q->timer)
			list_del(&q->node);
		else
			sigqueue_free(q);
	}
}

static struct sigqueue *entry_of(struct sigpending *p, int sig)
{
	struct sigqueue *q;

	list_for_each (q, &p->queue, node) {
		if (q->info.si_signo == sig)
			return q;
	}
	return NULL;
}

void sigqueue_queue(struct sigqueue *q, struct sigpending *p)
{
	list_add_tail(&p->queue, &q->node);
	q->on = p;
	p->set |= SIGBIT(q->info.si_signo);
}

void sigqueue_unqueue(struct sigqueue *q)
{
	int sig = q->info.si_signo;

	if (list_empty(&q->node))
		return;
	list_del(&q->node);
	if (!entry_of(q->on, sig))
		q->on->set &= ~SIGBIT(sig);
}

static void entry_take(struct sigqueue *q, siginfo_t *si)
{
	*si = q->info;
	sigqueue_unqueue(q);
	if (!q->timer)
		sigqueue_free(q);
}

int sigpending_take(struct sigpending *p, ksigset_t set, siginfo_t *si, struct posix_timer **timer)
{
	ksigset_t ready = p->set & set;

	*timer = NULL;
	if (!ready)
		return 0;
	if (ready & SIGSET_SYNCHRONOUS)
		ready &= SIGSET_SYNCHRONOUS;
	int sig = __builtin_ctzl(ready) + 1;
	struct sigqueue *q = entry_of(p, sig);
	if (q) {
		*timer = q->timer;
		entry_take(q, si);
	} else { /* its entry was lost to a limit: the number alone is left */
		p->set &= ~SIGBIT(sig);
		siginfo_kernel(si, sig, SI_USER);
	}
	return sig;
}

static struct sigqueue *find_synchronous(const struct sigpending *p, ksigset_t set)
{
	struct sigqueue *q;

	if (!(p->set & set & SIGSET_SYNCHRONOUS))
		return NULL;
	list_for_each (q, &p->queue, node) {
		if (q->info.si_code > SI_USER &&
		    SIGBIT(q->info.si_signo) & set & SIGSET_SYNCHRONOUS)
			return q;
	}
	return NULL;
}

bool sigpending_has_synchronous(const struct sigpending *p, ksigset_t set)
{
	return find_synchronous(p, set) != NULL;
}

int sigpending_take_synchronous(struct sigpending *p, ksigset_t set, siginfo_t *si)
{
	struct sigqueue *q = find_synchronous(p, set);

	if (!q)
		return 0;
	int sig = q->info.si_signo;
	entry_take(q, si);
	return sig;
}
