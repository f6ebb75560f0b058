/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locks of the monitor: mutexes, read-write locks and conditions. A lock has a class, which
 * says where it stands in the one order of locks: util/lock_order.h.
 *
 * In an ordinary build they are exactly pthread's, neither a byte nor an instruction more. A build
 * with `make LOCKS=1` keeps a list of what each thread holds. It ends the monitor, with one line
 * that names both locks and where each was taken, as soon as a thread
 *
 *   - takes a lock against the order, or one that it holds already;
 *   - gives up or destroys a lock that it does not hold, or holds;
 *   - comes to lock_assert_held without that lock;
 *   - comes to lock_assert_may_sleep, or waits for a condition, with a lock that is a short one;
 *   - comes to lock_assert_none with any lock.
 *
 * mutex_lock_inner is for a lock whose class is ordered by address, where the objects themselves
 * give another order: the caller holds the one that this one belongs to (lock_order.h says which).
 *
 * The calls do not fail: pthread's errors are all mistakes of the caller.
 */
#ifndef HL_UTIL_LOCK_H
#define HL_UTIL_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/lock_order.h"

#define LOCK_CLASS(name, ...) LOCK_##name,
enum lock_class { LOCK_CLASSES(LOCK_CLASS) NR_LOCK_CLASSES };
#undef LOCK_CLASS

struct mutex {
	pthread_mutex_t pthread;
#ifdef HL_LOCKS
	enum lock_class class;
#endif
};

/* A writer that waits goes before later readers: a thread must not read twice at a time. */
struct rwlock {
	pthread_rwlock_t pthread;
#ifdef HL_LOCKS
	enum lock_class class;
#endif
};

struct cond {
	pthread_cond_t pthread;
};

void rwlock_init(struct rwlock *l, enum lock_class class);
void cond_init(struct cond *c);
/* Waits until CLOCK_MONOTONIC says `deadline_ns`: 0 or -ETIMEDOUT. */
int cond_wait_until(struct cond *c, struct mutex *m, uint64_t deadline_ns);

static inline void cond_destroy(struct cond *c)
{
	pthread_cond_destroy(&c->pthread);
}

static inline void cond_signal(struct cond *c)
{
	pthread_cond_signal(&c->pthread);
}

static inline void cond_broadcast(struct cond *c)
{
	pthread_cond_broadcast(&c->pthread);
}

#ifndef HL_LOCKS

static inline void mutex_init(struct mutex *m, enum lock_class class)
{
	pthread_mutex_init(&m->pthread, NULL);
}

static inline void mutex_destroy(struct mutex *m)
{
	pthread_mutex_destroy(&m->pthread);
}

static inline void mutex_lock(struct mutex *m)
{
	pthread_mutex_lock(&m->pthread);
}

static inline void mutex_lock_inner(struct mutex *m)
{
	pthread_mutex_lock(&m->pthread);
}

static inline void mutex_unlock(struct mutex *m)
{
	pthread_mutex_unlock(&m->pthread);
}

static inline void rwlock_destroy(struct rwlock *l)
{
	pthread_rwlock_destroy(&l->pthread);
}

static inline void rwlock_rdlock(struct rwlock *l)
{
	pthread_rwlock_rdlock(&l->pthread);
}

static inline bool rwlock_tryrdlock(struct rwlock *l)
{
	return pthread_rwlock_tryrdlock(&l->pthread) == 0;
}

static inline void rwlock_wrlock(struct rwlock *l)
{
	pthread_rwlock_wrlock(&l->pthread);
}

static inline void rwlock_unlock(struct rwlock *l)
{
	pthread_rwlock_unlock(&l->pthread);
}

static inline void cond_wait(struct cond *c, struct mutex *m)
{
	pthread_cond_wait(&c->pthread, &m->pthread);
}

/* The caller holds the lock; for writing. */
#define lock_assert_held(l)       ((void)sizeof(l))
#define lock_assert_held_write(l) ((void)sizeof(l))
/* What follows may take long: the caller holds no short lock. */
#define lock_assert_may_sleep() ((void)0)
/* The caller holds no lock at all. */
#define lock_assert_none() ((void)0)

#else

struct lock_place {
	const char *file;
	int line;
};
#define LOCK_HERE ((struct lock_place){ __FILE__, __LINE__ })

void mutex_init(struct mutex *m, enum lock_class class);
void mutex_destroy_at(struct mutex *m, struct lock_place at);
void mutex_lock_at(struct mutex *m, struct lock_place at);
void mutex_lock_inner_at(struct mutex *m, struct lock_place at);
void mutex_unlock_at(struct mutex *m, struct lock_place at);
void rwlock_destroy_at(struct rwlock *l, struct lock_place at);
void rwlock_rdlock_at(struct rwlock *l, struct lock_place at);
bool rwlock_tryrdlock_at(struct rwlock *l, struct lock_place at);
void rwlock_wrlock_at(struct rwlock *l, struct lock_place at);
void rwlock_unlock_at(struct rwlock *l, struct lock_place at);
void cond_wait_at(struct cond *c, struct mutex *m, struct lock_place at);
void lock_held_at(const void *l, bool exclusive, const char *expression, struct lock_place at);
void lock_may_sleep_at(struct lock_place at);
void lock_none_at(struct lock_place at);

#define mutex_destroy(m)          mutex_destroy_at((m), LOCK_HERE)
#define mutex_lock(m)             mutex_lock_at((m), LOCK_HERE)
#define mutex_lock_inner(m)       mutex_lock_inner_at((m), LOCK_HERE)
#define mutex_unlock(m)           mutex_unlock_at((m), LOCK_HERE)
#define rwlock_destroy(l)         rwlock_destroy_at((l), LOCK_HERE)
#define rwlock_rdlock(l)          rwlock_rdlock_at((l), LOCK_HERE)
#define rwlock_tryrdlock(l)       rwlock_tryrdlock_at((l), LOCK_HERE)
#define rwlock_wrlock(l)          rwlock_wrlock_at((l), LOCK_HERE)
#define rwlock_unlock(l)          rwlock_unlock_at((l), LOCK_HERE)
#define cond_wait(c, m)           cond_wait_at((c), (m), LOCK_HERE)
#define lock_assert_held(l)       lock_held_at((l), false, #l, LOCK_HERE)
#define lock_assert_held_write(l) lock_held_at((l), true, #l, LOCK_HERE)
#define lock_assert_may_sleep()   lock_may_sleep_at(LOCK_HERE)
#define lock_assert_none()        lock_none_at(LOCK_HERE)

#endif

#endif
