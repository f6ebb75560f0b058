// SPDX-License-Identifier: Apache-2.0
/* Locks, and the checks of a build with LOCKS=1. */
#include "util/lock.h"

#include <errno.h>
#include <time.h>

#include "util/time.h"

static void rwlock_create(struct rwlock *l)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&l->pthread, &attr);
	pthread_rwlockattr_destroy(&attr);
}

void cond_init(struct cond *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->pthread, &attr);
	pthread_condattr_destroy(&attr);
}

static int wait_until(struct cond *c, struct mutex *m, uint64_t deadline_ns)
{
	struct timespec ts = ns_to_timespec(deadline_ns);

	return -pthread_cond_timedwait(&c->pthread, &m->pthread, &ts);
}

#ifndef HL_LOCKS

void rwlock_init(struct rwlock *l, enum lock_class class)
{
	rwlock_create(l);
}

int cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_ns)
{
	return wait_until(c, m, deadline_ns);
}

#else

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_HELD 32

struct class
{
	const char *name;
	unsigned number;
	unsigned rules;
};

#define LOCK_CLASS(name, number, rules, ...) [LOCK_##name] = { #name, number, rules },
static const struct class classes[NR_LOCK_CLASSES] = { LOCK_CLASSES(LOCK_CLASS) };
#undef LOCK_CLASS

/* The class of a lock that is gone. */
#define DESTROYED NR_LOCK_CLASSES

struct held {
	const void *lock;
	enum lock_class class;
	bool exclusive;
	struct lock_place at;
};

/* What this thread holds, the oldest first. */
static _Thread_local struct held held[MAX_HELD];
static _Thread_local unsigned nr_held;

__attribute__((format(printf, 1, 2))) static _Noreturn void violation(const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(line, sizeof line - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line, (size_t)n + 1);
	(void)ignored;
	abort();
}

static struct held *find(const void *lock)
{
	for (unsigned i = nr_held; i-- > 0;) {
		if (held[i].lock == lock)
			return &held[i];
	}
	return NULL;
}

static _Noreturn void against(const struct held *h, const void *lock, enum lock_class class,
			      struct lock_place at, const char *reason)
{
	violation("locks: %s (%p) is taken at %s:%d with %s (%p) held, taken at %s:%d: %s",
		  classes[class].name, lock, at.file, at.line, classes[h->class].name, h->lock,
		  h->at.file, h->at.line, reason);
}

/* May a thread that holds `h` wait for a lock of the class? NULL, or why not. `belongs`: to one of
 * its class that is held, whatever their addresses. */
static const char *forbidden(const struct held *h, const void *lock, enum lock_class class,
			     bool belongs)
{
	const struct class *inner = &classes[class], *outer = &classes[h->class];

	if (h->lock == lock)
		return "it is the same lock";
	if (inner == outer && inner->rules & LOCK_BY_ADDRESS)
		return belongs || h->lock < lock ? NULL : "two of them are taken by address";
	if (inner == outer && !(inner->rules & LOCK_NESTS))
		return "no two of them are taken at a time";
	if (inner != outer && inner->number <= outer->number)
		return "this is against the order";
	if (inner->rules & LOCK_SLEEPS && !(outer->rules & LOCK_SLEEPS))
		return "a lock that may be held for long is taken inside one that must not";
	return NULL;
}

static void check(const void *lock, enum lock_class class, bool belongs, struct lock_place at)
{
	if (class == DESTROYED)
		violation("locks: %p is taken at %s:%d after it was destroyed", lock, at.file,
			  at.line);
	for (unsigned i = 0; i < nr_held; i++) {
		const char *reason = forbidden(&held[i], lock, class, belongs);
		if (reason)
			against(&held[i], lock, class, at, reason);
	}
}

static void push(const void *lock, enum lock_class class, bool exclusive, struct lock_place at)
{
	if (nr_held == MAX_HELD)
		violation("locks: more than %d are held at %s:%d", MAX_HELD, at.file, at.line);
	held[nr_held++] = (struct held){ lock, class, exclusive, at };
}

static void pop(const void *lock, enum lock_class class, struct lock_place at)
{
	struct held *h = find(lock);

	if (!h)
		violation("locks: %s (%p) is given up at %s:%d by a thread that does not hold it",
			  classes[class].name, lock, at.file, at.line);
	for (nr_held--; h < held + nr_held; h++)
		h[0] = h[1];
}

static void check_unused(const void *lock, enum lock_class class, struct lock_place at)
{
	const struct held *h = find(lock);

	if (h)
		violation("locks: %s (%p), taken at %s:%d, is destroyed at %s:%d while it is held",
			  classes[class].name, lock, h->at.file, h->at.line, at.file, at.line);
}

/* A thread that waits for a condition gives up this lock, and no other. */
static void check_wait(const void *lock, struct lock_place at)
{
	lock_held_at(lock, true, "the lock of a condition", at);
	for (unsigned i = 0; i < nr_held; i++) {
		if (held[i].lock != lock && !(classes[held[i].class].rules & LOCK_SLEEPS))
			violation("locks: %s:%d waits with %s (%p) held, taken at %s:%d", at.file,
				  at.line, classes[held[i].class].name, held[i].lock,
				  held[i].at.file, held[i].at.line);
	}
}

void mutex_init(struct mutex *m, enum lock_class class)
{
	pthread_mutex_init(&m->pthread, NULL);
	m->class = class;
}

void mutex_destroy_at(struct mutex *m, struct lock_place at)
{
	check_unused(m, m->class, at);
	m->class = DESTROYED;
	pthread_mutex_destroy(&m->pthread);
}

void mutex_lock_at(struct mutex *m, struct lock_place at)
{
	check(m, m->class, false, at);
	pthread_mutex_lock(&m->pthread);
	push(m, m->class, true, at);
}

void mutex_lock_inner_at(struct mutex *m, struct lock_place at)
{
	check(m, m->class, true, at);
	pthread_mutex_lock(&m->pthread);
	push(m, m->class, true, at);
}

void mutex_unlock_at(struct mutex *m, struct lock_place at)
{
	pop(m, m->class, at);
	pthread_mutex_unlock(&m->pthread);
}

void rwlock_init(struct rwlock *l, enum lock_class class)
{
	rwlock_create(l);
	l->class = class;
}

void rwlock_destroy_at(struct rwlock *l, struct lock_place at)
{
	check_unused(l, l->class, at);
	l->class = DESTROYED;
	pthread_rwlock_destroy(&l->pthread);
}

void rwlock_rdlock_at(struct rwlock *l, struct lock_place at)
{
	check(l, l->class, false, at);
	pthread_rwlock_rdlock(&l->pthread);
	push(l, l->class, false, at);
}

/* A thread that does not wait may try out of order. */
bool rwlock_tryrdlock_at(struct rwlock *l, struct lock_place at)
{
	if (pthread_rwlock_tryrdlock(&l->pthread))
		return false;
	push(l, l->class, false, at);
	return true;
}

void rwlock_wrlock_at(struct rwlock *l, struct lock_place at)
{
	check(l, l->class, false, at);
	pthread_rwlock_wrlock(&l->pthread);
	push(l, l->class, true, at);
}

void rwlock_unlock_at(struct rwlock *l, struct lock_place at)
{
	pop(l, l->class, at);
	pthread_rwlock_unlock(&l->pthread);
}

void cond_wait_at(struct cond *c, struct mutex *m, struct lock_place at)
{
	check_wait(m, at);
	pthread_cond_wait(&c->pthread, &m->pthread);
}

int cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_ns)
{
	check_wait(m, LOCK_HERE);
	return wait_until(c, m, deadline_ns);
}

void lock_held_at(const void *lock, bool exclusive, const char *expression, struct lock_place at)
{
	const struct held *h = find(lock);

	if (!h)
		violation("locks: %s:%d needs %s, which its caller does not hold", at.file, at.line,
			  expression);
	if (exclusive && !h->exclusive)
		violation("locks: %s:%d needs %s for writing; it was taken for reading at %s:%d",
			  at.file, at.line, expression, h->at.file, h->at.line);
}

void lock_may_sleep_at(struct lock_place at)
{
	for (unsigned i = 0; i < nr_held; i++) {
		if (!(classes[held[i].class].rules & LOCK_SLEEPS))
			violation("locks: %s:%d may take long, with %s (%p) held, taken at %s:%d",
				  at.file, at.line, classes[held[i].class].name, held[i].lock,
				  held[i].at.file, held[i].at.line);
	}
}

void lock_none_at(struct lock_place at)
{
	if (nr_held)
		violation("locks: %s:%d comes with %s (%p) held, taken at %s:%d", at.file, at.line,
			  classes[held[0].class].name, held[0].lock, held[0].at.file,
			  held[0].at.line);
}

#endif
