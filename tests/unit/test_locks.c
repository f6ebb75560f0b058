/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX, OFD and flock locks: ranges that split and join, conflicts, waiting, deadlocks,
 * interruption. */
#include "tests/unit/fsworld.h"

#include <pthread.h>

#include "fs/locks.h"

static const struct inode_id file_a = { .dev = 1, .ino = 10 }, file_b = { .dev = 1, .ino = 11 };
static const int owners[4]; /* their addresses tell them apart */

struct actor {
	struct lock_table *t;
	struct sleeper sleeper;
	struct caller c;
	pthread_t thread;
	struct file_lock lock;
	const struct inode_id *id;
	_Atomic int result; /* 1: not yet */
	_Atomic bool ready;
};

static struct file_lock range(enum lock_kind kind, int owner, short type, int64_t start,
			      int64_t end)
{
	return (struct file_lock){ .kind = kind,
				   .type = type,
				   .start = start,
				   .end = end,
				   .owner = &owners[owner],
				   .pid = owner };
}

static int set(struct lock_table *t, const struct inode_id *id, enum lock_kind kind, int owner,
	       short type, int64_t start, int64_t end)
{
	struct file_lock l = range(kind, owner, type, start, end);

	return lock_set(t, NULL, id, &l, false);
}

static void count_one(const struct file_lock *l, const struct inode_id *id, void *arg)
{
	++*(int *)arg;
}

static int count(struct lock_table *t)
{
	int n = 0;

	lock_for_each(t, count_one, &n);
	return n;
}

static void ranges(void **state)
{
	struct lock_table *t = lock_table_new();

	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 0, 99), 0);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_UNLCK, 40, 59), 0);
	assert_int_equal(count(t), 2);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 1, F_WRLCK, 40, 59), 0);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 1, F_RDLCK, 39, 39), -EAGAIN);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 1, F_UNLCK, 0, INT64_MAX), 0);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 40, 59), 0);
	assert_int_equal(count(t), 1); /* joined again */
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_RDLCK, 10, 19), 0);
	assert_int_equal(count(t), 3);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 1, F_RDLCK, 10, 19), 0);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 10, 19), -EAGAIN);
	struct file_lock probe = range(LOCK_POSIX, 2, F_WRLCK, 15, INT64_MAX);
	lock_test(t, &file_a, &probe);
	assert_int_equal(probe.type, F_RDLCK);
	lock_release(t, &file_a, LOCK_POSIX, &owners[0]);
	lock_release(t, &file_a, LOCK_POSIX, &owners[1]);
	assert_false(lock_table_used(t));
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, INT64_MAX, INT64_MAX), 0);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 0, INT64_MAX - 1), 0);
	assert_int_equal(count(t), 1);
	lock_table_free(t);
}

static void kinds(void **state)
{
	struct lock_table *t = lock_table_new();

	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 0, INT64_MAX), 0);
	assert_int_equal(set(t, &file_a, LOCK_OFD, 0, F_WRLCK, 0, INT64_MAX), -EAGAIN);
	assert_int_equal(set(t, &file_a, LOCK_FLOCK, 0, F_WRLCK, 0, INT64_MAX), 0);
	assert_int_equal(set(t, &file_a, LOCK_FLOCK, 1, F_RDLCK, 0, INT64_MAX), -EAGAIN);
	assert_int_equal(set(t, &file_b, LOCK_OFD, 0, F_WRLCK, 0, INT64_MAX), 0);
	/* flock: from exclusive to shared lets others in. */
	assert_int_equal(set(t, &file_a, LOCK_FLOCK, 0, F_RDLCK, 0, INT64_MAX), 0);
	assert_int_equal(set(t, &file_a, LOCK_FLOCK, 1, F_RDLCK, 0, INT64_MAX), 0);
	/* A failed upgrade has lost the shared lock (flock(2)). */
	assert_int_equal(set(t, &file_a, LOCK_FLOCK, 0, F_WRLCK, 0, INT64_MAX), -EAGAIN);
	assert_int_equal(set(t, &file_a, LOCK_FLOCK, 1, F_WRLCK, 0, INT64_MAX), 0);
	lock_table_free(t);
}

static void *wait_for_lock(void *arg)
{
	struct actor *a = arg;

	kick_attach(&a->sleeper.kick);
	a->ready = true;
	a->result = lock_set(a->t, &a->c, a->id, &a->lock, true);
	kick_detach(&a->sleeper.kick);
	return NULL;
}

static void start(struct actor *a, struct lock_table *t, const struct inode_id *id,
		  struct file_lock l)
{
	*a = (struct actor){ .t = t, .id = id, .lock = l, .result = 1 };
	a->c.sleeper = &a->sleeper;
	assert_int_equal(pthread_create(&a->thread, NULL, wait_for_lock, a), 0);
	while (!a->ready)
		usleep(100);
	usleep(20000);
}

static void waiting(void **state)
{
	struct lock_table *t = lock_table_new();
	struct actor a;

	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 0, 9), 0);
	start(&a, t, &file_a, range(LOCK_POSIX, 1, F_WRLCK, 5, 5));
	assert_int_equal(a.result, 1);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_UNLCK, 0, 4), 0);
	usleep(20000);
	assert_int_equal(a.result, 1);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_UNLCK, 5, 5), 0);
	pthread_join(a.thread, NULL);
	assert_int_equal(a.result, 0);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 5, 5), -EAGAIN);
	lock_table_free(t);
}

static void interrupted(void **state)
{
	struct lock_table *t = lock_table_new();
	struct actor a;

	assert_int_equal(set(t, &file_a, LOCK_FLOCK, 0, F_WRLCK, 0, INT64_MAX), 0);
	start(&a, t, &file_a, range(LOCK_FLOCK, 1, F_RDLCK, 0, INT64_MAX));
	sleeper_interrupt(&a.sleeper);
	pthread_join(a.thread, NULL);
	assert_int_equal(a.result, -EINTR);
	lock_release(t, &file_a, LOCK_FLOCK, &owners[0]);
	assert_int_equal(count(t), 0);
	lock_table_free(t);
}

static void deadlock(void **state)
{
	struct lock_table *t = lock_table_new();
	struct actor a, b;

	assert_int_equal(set(t, &file_a, LOCK_POSIX, 0, F_WRLCK, 0, 0), 0);
	assert_int_equal(set(t, &file_a, LOCK_POSIX, 1, F_WRLCK, 1, 1), 0);
	assert_int_equal(set(t, &file_b, LOCK_POSIX, 2, F_WRLCK, 2, 2), 0);
	start(&a, t, &file_a, range(LOCK_POSIX, 0, F_WRLCK, 1, 1));
	start(&b, t, &file_b, range(LOCK_POSIX, 1, F_WRLCK, 2, 2));
	struct file_lock circle = range(LOCK_POSIX, 2, F_WRLCK, 0, 0);
	struct sleeper s = { 0 };
	struct caller c = { .sleeper = &s };
	kick_attach(&s.kick);
	assert_int_equal(lock_set(t, &c, &file_a, &circle, true), -EDEADLK);
	kick_detach(&s.kick);
	lock_release(t, &file_b, LOCK_POSIX, &owners[2]);
	pthread_join(b.thread, NULL);
	assert_int_equal(b.result, 0);
	lock_release(t, &file_a, LOCK_POSIX, &owners[1]);
	pthread_join(a.thread, NULL);
	assert_int_equal(a.result, 0);
	lock_table_free(t);
}

static int setup(void **state)
{
	return kick_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),   cmocka_unit_test(kinds),
		cmocka_unit_test(waiting),  cmocka_unit_test(interrupted),
		cmocka_unit_test(deadlock),
	};

	return cmocka_run_group_tests_name("locks", tests, setup, NULL);
}
