/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2), futex_waitv(2), set_robust_list(2), rseq(2), membarrier(2), set_tid_address(2). */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "case.h"

static _Atomic uint32_t word, word2;
static _Atomic int woken, ready;

static long futex(_Atomic uint32_t *at, int op, uint32_t val, const void *timeout,
		  _Atomic uint32_t *at2, uint32_t val3)
{
	return syscall(SYS_futex, at, op, val, timeout, at2, val3);
}

static const struct timespec ms20 = { 0, 20000000 };

struct waiter {
	pthread_t thread;
	_Atomic uint32_t *at;
	int op;
	uint32_t val, val3;
	_Atomic uint32_t *at2;
	long ret;
	int err;
};

static void *waits(void *arg)
{
	struct waiter *w = arg;

	ready++;
	w->ret = futex(w->at, w->op, w->val, NULL, w->at2, w->val3);
	w->err = errno;
	woken++;
	return NULL;
}

/* Whether `n` sleep on the word is asked of the kernel itself: a requeue to the same word moves
 * nothing. */
static void await_sleepers(_Atomic uint32_t *at, int n)
{
	static _Atomic uint32_t parking;

	for (;;) {
		long moved = futex(at, FUTEX_REQUEUE_PRIVATE, 0, (void *)10000L, &parking, 0);
		futex(&parking, FUTEX_REQUEUE_PRIVATE, 0, (void *)10000L, at, 0);
		if (moved == n)
			return;
		sched_yield();
	}
}

static void start(struct waiter *w, int n, int op)
{
	for (int i = 0; i < n; i++) {
		w[i] = (struct waiter){
			.at = &word, .op = op, .val = 0, .val3 = FUTEX_BITSET_MATCH_ANY
		};
		if (pthread_create(&w[i].thread, NULL, waits, &w[i]))
			_exit(99);
	}
}

static void join(struct waiter *w, int n)
{
	for (int i = 0; i < n; i++)
		pthread_join(w[i].thread, NULL);
}

static void await_woken(int n)
{
	while (woken < n)
		sched_yield();
}

CASE(wait_value_differs)
{
	word = 5;
	R(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAIT_BITSET, 4, NULL, NULL, 1));
}

CASE(wake_nobody)
{
	R(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAKE, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
}

CASE(timeout)
{
	struct timespec before, after, bad[] = { { 0, 1000000000 }, { -1, 0 }, { 0, -1 } };

	clock_gettime(CLOCK_MONOTONIC, &before);
	R(futex(&word, FUTEX_WAIT, 0, &ms20, NULL, 0));
	clock_gettime(CLOCK_MONOTONIC, &after);
	V((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 20000000);
	for (int i = 0; i < 3; i++)
		R(futex(&word, FUTEX_WAIT, 0, &bad[i], NULL, 0));
}

CASE(timeout_absolute)
{
	struct timespec at, past = { 1, 0 };

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += at.tv_nsec >= 970000000;
	at.tv_nsec = (at.tv_nsec + 30000000) % 1000000000;
	R(futex(&word, FUTEX_WAIT_BITSET, 0, &at, NULL, FUTEX_BITSET_MATCH_ANY));
	R(futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, FUTEX_BITSET_MATCH_ANY));
	R(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL,
		FUTEX_BITSET_MATCH_ANY));
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	V(now.tv_sec > at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec >= at.tv_nsec));
}

CASE(errors)
{
	R(futex((void *)((uintptr_t)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0));
	R(futex((void *)((uintptr_t)&word + 2), FUTEX_WAKE, 1, NULL, NULL, 0));
	R(futex(&word, 99, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME | 0x1000, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAIT_BITSET, 0, &ms20, NULL, 0));
	R(futex(&word, FUTEX_FD, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_REQUEUE, -1, (void *)1, &word2, 0));
	R(futex(&word, FUTEX_REQUEUE, 1, (void *)-1, &word2, 0));
	R(futex(&word, FUTEX_REQUEUE, 1, (void *)1, (void *)1, 0));
}

CASE(wake_one_then_all)
{
	struct waiter w[4];

	start(w, 4, FUTEX_WAIT_PRIVATE);
	await_sleepers(&word, 4);
	R(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	await_woken(1);
	R(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
	join(w, 4);
	R(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0));
	for (int i = 0; i < 4; i++)
		V(w[i].ret);
}

/* Waiters are woken in the order they came: each sleeps on a word of its own first and is then
 * moved to the common. */
CASE(wake_order)
{
	static _Atomic uint32_t own[3];
	struct waiter w[3];

	for (int i = 0; i < 3; i++) {
		w[i] = (struct waiter){ .at = &own[i], .op = FUTEX_WAIT_PRIVATE };
		MUST(pthread_create(&w[i].thread, NULL, waits, &w[i]));
		await_sleepers(&own[i], 1);
		R(futex(&own[i], FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &word, 0));
	}
	for (int i = 0; i < 3; i++) {
		R(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
		Z(pthread_join(w[i].thread, NULL));
	}
}

CASE(private_and_shared_are_apart)
{
	struct waiter w;

	start(&w, 1, FUTEX_WAIT_PRIVATE);
	await_sleepers(&word, 1);
	R(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	join(&w, 1);
}

CASE(bitset)
{
	struct waiter w[2];

	start(w, 1, FUTEX_WAIT_BITSET_PRIVATE);
	await_sleepers(&word, 1);
	R(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	join(w, 1);
	w[0] = w[1] = (struct waiter){ .at = &word, .op = FUTEX_WAIT_BITSET_PRIVATE, .val3 = 1 };
	w[1].val3 = 2;
	for (int i = 0; i < 2; i++)
		pthread_create(&w[i].thread, NULL, waits, &w[i]);
	await_sleepers(&word, 2);
	R(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4));
	R(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2));
	Z(pthread_join(w[1].thread, NULL));
	R(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 3));
	Z(pthread_join(w[0].thread, NULL));
}

CASE(requeue)
{
	struct waiter w[4];

	start(w, 4, FUTEX_WAIT_PRIVATE);
	await_sleepers(&word, 4);
	R(futex(&word, FUTEX_REQUEUE_PRIVATE, 1, (void *)2, &word2, 0));
	R(futex(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
	R(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
	join(w, 4);
}

CASE(cmp_requeue)
{
	struct waiter w[3];

	start(w, 3, FUTEX_WAIT_PRIVATE);
	await_sleepers(&word, 3);
	R(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)5, &word2, 1));
	/* The sum of woken and moved. */
	R(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)5, &word2, 0));
	R(futex(&word2, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
	join(w, 3);
}

CASE(wake_op)
{
	static const struct {
		int op, oparg, cmp, cmparg;
		uint32_t old;
	} ops[] = { { FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 3, 3 },
		    { FUTEX_OP_ADD, 5, FUTEX_OP_CMP_NE, 3, 3 },
		    { FUTEX_OP_OR, 6, FUTEX_OP_CMP_LT, 4, 3 },
		    { FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_LE, 3, 3 },
		    { FUTEX_OP_XOR, 0xff, FUTEX_OP_CMP_GT, 3, 4 },
		    { FUTEX_OP_ADD, 0xfff, FUTEX_OP_CMP_GE, 0xfff, 3 },
		    { FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_EQ, 0, 0 } };

	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		word2 = ops[i].old;
		uint32_t code =
		    (uint32_t)FUTEX_OP(ops[i].op, ops[i].oparg, ops[i].cmp, ops[i].cmparg);
		R(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &word2, code));
		say("%x\n", word2);
	}
	R(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &word2, (uint32_t)FUTEX_OP(6, 0, 0, 0)));
	R(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &word2, (uint32_t)FUTEX_OP(0, 0, 7, 0)));
}

CASE(wake_op_wakes_both)
{
	struct waiter w[2];

	word2 = 0;
	start(w, 2, FUTEX_WAIT_PRIVATE);
	await_sleepers(&word, 2);
	R(futex(&word, FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &word2, 0));
	R(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2,
		FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 9)));
	await_woken(1);
	R(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2,
		FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 1)));
	join(w, 2);
}

/* Two mappings of one page: a shared futex follows the memory, a private one the address. */
CASE(shared_by_two_maps)
{
	int fd = (int)NEED(memfd_create("m", 0));
	struct waiter w;

	NEED(ftruncate(fd, 4096));
	_Atomic uint32_t *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	_Atomic uint32_t *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	w = (struct waiter){ .at = a, .op = FUTEX_WAIT };
	pthread_create(&w.thread, NULL, waits, &w);
	while (futex(b, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
		sched_yield();
	Z(pthread_join(w.thread, NULL));
	V(w.ret);
}

CASE(shared_across_fork)
{
	_Atomic uint32_t *a =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == 0) {
		while (*a == 0)
			futex(a, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit((int)*a);
	}
	*a = 5;
	futex(a, FUTEX_WAKE, 1, NULL, NULL, 0);
	reap("child", pid);
}

/* After a fork the child's private page is another futex. */
CASE(private_page_after_fork)
{
	word = 0;
	pid_t pid = fork();

	if (pid == 0) {
		R(futex(&word, FUTEX_WAIT, 0, &ms20, NULL, 0));
		_exit(0);
	}
	for (int i = 0; i < 200; i++)
		futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0);
	reap("child", pid);
}

static void on_alarm(int sig)
{
}

static void alarms(int flags)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };

	handle(SIGALRM, on_alarm, flags);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
}

CASE(interrupted)
{
	alarms(0);
	R(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0));
}

CASE(interrupted_with_timeout)
{
	static const struct timespec long_time = { 1000, 0 };

	/* A handler ends a wait with a timeout, also with SA_RESTART. */
	alarms(0);
	R(futex(&word, FUTEX_WAIT, 0, &long_time, NULL, 0));
	alarms(SA_RESTART);
	R(futex(&word, FUTEX_WAIT, 0, &long_time, NULL, 0));
}

static void wakes_by_change(int sig)
{
	if (++word == 3)
		return;
}

CASE(restarted)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };

	/* SA_RESTART: the value is looked at again. */
	handle(SIGALRM, wakes_by_change, SA_RESTART);
	NEED(setitimer(ITIMER_REAL, &it, NULL));
	R(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0));
}

CASE(no_spurious_wake)
{
	struct waiter w;

	/* The owner's other system calls and unrelated wakes do not end the wait. */
	start(&w, 1, FUTEX_WAIT_PRIVATE);
	await_sleepers(&word, 1);
	for (int i = 0; i < 50; i++) {
		word2++;
		futex(&word2, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	V(woken);
	futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	join(&w, 1);
}

CASE(pi_uncontended)
{
	uint32_t tid = (uint32_t)gettid();

	word = 0;
	R(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	V((word & FUTEX_TID_MASK) == tid);
	R(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	V(word);
	R(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	word = 0x3ffffff0;
	R(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}

static struct {
	long wait, owns, unlock;
} pi;

static void *locks_pi(void *arg)
{
	pi.wait = futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	pi.owns = (word & FUTEX_TID_MASK) == (uint32_t)gettid();
	pi.unlock = futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

CASE(pi_contended)
{
	pthread_t t;

	word = 0;
	R(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	MUST(pthread_create(&t, NULL, locks_pi, NULL));
	while (!(word & FUTEX_WAITERS))
		sched_yield();
	R(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	Z(pthread_join(t, NULL));
	say("second owner: %ld %ld %ld\n", pi.wait, pi.owns, pi.unlock);
	V(word);
}

static void *tries_pi(void *arg)
{
	struct timespec past = { 1, 0 };

	R(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	R(futex(&word, FUTEX_LOCK_PI, 0, &past, NULL, 0));
	R(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	return NULL;
}

CASE(pi_timeout)
{
	pthread_t t;

	R(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	MUST(pthread_create(&t, NULL, tries_pi, NULL));
	Z(pthread_join(t, NULL));
	/* What the waiter left is cleared by the unlock. */
	R(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	V(word);
}

CASE(pi_mutex)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;

	pthread_mutexattr_init(&attr);
	Z(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	Z(pthread_mutex_init(&m, &attr));
	Z(pthread_mutex_lock(&m));
	Z(pthread_mutex_trylock(&m));
	Z(pthread_mutex_unlock(&m));
}

static void *waits_requeue_pi(void *arg)
{
	pi.wait = futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &word2, 0);
	pi.owns = (word2 & FUTEX_TID_MASK) == (uint32_t)gettid();
	pi.unlock = futex(&word2, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

CASE(requeue_pi)
{
	pthread_t t;
	long n = 0;

	word = word2 = 0;
	R(futex(&word2, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	MUST(pthread_create(&t, NULL, waits_requeue_pi, NULL));
	while (n == 0) {
		n = futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &word2, 0);
		sched_yield();
	}
	V(n);
	R(futex(&word2, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	Z(pthread_join(t, NULL));
	say("waiter: %ld %ld %ld\n", pi.wait, pi.owns, pi.unlock);
	V(word2);
	R(futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, (void *)1, &word2, 0));
	R(futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &word, 0));
}

struct lock_entry {
	struct robust_list list;
	_Atomic uint32_t lock;
};

static struct lock_entry locks[3];
static struct robust_list_head head = { .futex_offset = offsetof(struct lock_entry, lock) };

static void *dies_owning(void *arg)
{
	uint32_t tid = (uint32_t)gettid();

	R(syscall(SYS_set_robust_list, &head, sizeof head));
	head.list.next = &locks[0].list;
	locks[0].list.next = &locks[1].list;
	locks[1].list.next = &head.list;
	locks[0].lock = tid;
	locks[1].lock = tid | FUTEX_WAITERS;
	locks[2].lock = tid;
	head.list_op_pending = &locks[2].list;
	syscall(SYS_exit, 0);
	return NULL;
}

CASE(robust_list)
{
	pthread_t t;

	MUST(pthread_create(&t, NULL, dies_owning, NULL));
	Z(pthread_join(t, NULL));
	for (int i = 0; i < 3; i++)
		say("owner died %d, waiters %d, tid %d\n", !!(locks[i].lock & FUTEX_OWNER_DIED),
		    !!(locks[i].lock & FUTEX_WAITERS), locks[i].lock & FUTEX_TID_MASK);
}

static void *dies_with_loop(void *arg)
{
	/* A list that never ends, one that leaves memory. */
	syscall(SYS_set_robust_list, &head, sizeof head);
	head.list.next = &locks[0].list;
	locks[0].list.next = &locks[1].list;
	locks[1].list.next = arg ? arg : &locks[0].list;
	head.list_op_pending = NULL;
	syscall(SYS_exit, 0);
	return NULL;
}

CASE(robust_list_hostile)
{
	pthread_t t;

	MUST(pthread_create(&t, NULL, dies_with_loop, NULL));
	Z(pthread_join(t, NULL));
	MUST(pthread_create(&t, NULL, dies_with_loop, (void *)0x10));
	Z(pthread_join(t, NULL));
}

CASE(get_robust_list)
{
	void *at = NULL;
	size_t len = 0;

	R(syscall(SYS_set_robust_list, &head, sizeof head));
	R(syscall(SYS_get_robust_list, 0, &at, &len));
	V(at == &head);
	V(len);
	R(syscall(SYS_get_robust_list, gettid(), &at, &len));
	R(syscall(SYS_get_robust_list, 0x3ffffff, &at, &len));
	R(syscall(SYS_set_robust_list, &head, 5));
}

static long waitv(struct futex_waitv *w, unsigned n, unsigned flags, struct timespec *ts)
{
	return syscall(SYS_futex_waitv, w, n, flags, ts, CLOCK_MONOTONIC);
}

static void *wakes_third(void *arg)
{
	while (futex(arg, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0)
		sched_yield();
	return NULL;
}

CASE(waitv)
{
	static _Atomic uint32_t words[4];
	struct futex_waitv w[4];
	struct timespec past = { 1, 0 };
	pthread_t t;

	for (int i = 0; i < 4; i++)
		w[i] = (struct futex_waitv){ .uaddr = (uintptr_t)&words[i],
					     .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG };
	R(waitv(w, 4, 0, &past));
	MUST(pthread_create(&t, NULL, wakes_third, &words[2]));
	R(waitv(w, 4, 0, NULL));
	Z(pthread_join(t, NULL));
	words[1] = 1;
	R(waitv(w, 4, 0, &past));
	R(waitv(w, 0, 0, NULL));
	R(waitv(w, 129, 0, NULL));
	R(waitv(w, 1, 1, NULL));
	R(waitv(NULL, 1, 0, NULL));
	w[0].flags = 0x100;
	R(waitv(w, 1, 0, NULL));
	w[0].flags = FUTEX_32;
	w[0].uaddr = 3;
	R(waitv(w, 1, 0, NULL));
	w[0].uaddr = 4;
	R(waitv(w, 1, 0, NULL));
	w[0].__reserved = 1;
	R(waitv(w, 1, 0, NULL));
}

CASE(ping_pong)
{
	_Atomic uint32_t *a =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	uint32_t me = pid == 0, turn;

	for (int i = 0; i < 300; i++) {
		while ((turn = *a) % 2 != me)
			futex(a, FUTEX_WAIT, turn, NULL, NULL, 0);
		++*a;
		futex(a, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	if (pid == 0)
		_exit(0);
	reap("child", pid);
	V(*a);
}

CASE(set_tid_address)
{
	static int tid;

	V(syscall(SYS_set_tid_address, &tid) == gettid());
	V(syscall(SYS_set_tid_address, (void *)8) == gettid());
}

static struct {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, node_id, mm_cid;
	char pad[4];
} area __attribute__((aligned(32)));

/* libc has registered an area already, unless told not to. */
ROLE(rseq)
{
	uint32_t sig = 0x53053053;

	area.cpu_id = (uint32_t)-1;
	R(syscall(SYS_rseq, &area, 32, 0, sig));
	V(area.cpu_id < 1024 && area.cpu_id == area.cpu_id_start);
	R(syscall(SYS_rseq, &area, 32, 0, sig));
	R(syscall(SYS_rseq, (char *)&area + 32, 32, 0, sig));
	R(syscall(SYS_rseq, &area, 32, 1, sig + 1));
	R(syscall(SYS_rseq, &area, 32, 1, sig));
	R(syscall(SYS_rseq, &area, 32, 1, sig));
	R(syscall(SYS_rseq, (char *)&area + 1, 32, 0, sig));
	R(syscall(SYS_rseq, &area, 31, 0, sig));
	R(syscall(SYS_rseq, &area, 32, 8, sig));
}

CASE(rseq)
{
	char role[] = "role:rseq", tunable[] = "GLIBC_TUNABLES=glibc.pthread.rseq=0";
	char *argv[] = { case_self, role, NULL }, *envp[] = { tunable, NULL };

	execve(case_self, argv, envp);
}

CASE(membarrier)
{
	long cmds = syscall(SYS_membarrier, 0, 0, 0);

	V(cmds > 0 && (cmds & 1));
	V((cmds & 8) && (cmds & 16));
	R(syscall(SYS_membarrier, 8, 0, 0));
	R(syscall(SYS_membarrier, 16, 0, 0));
	R(syscall(SYS_membarrier, 8, 0, 0));
	R(syscall(SYS_membarrier, 1, 0, 0));
	R(syscall(SYS_membarrier, 0x40000000, 0, 0));
	R(syscall(SYS_membarrier, 1, 1, 0));
}

static void say_registrations(void)
{
	R(syscall(SYS_membarrier, 512, 0, 0));
	for (int cmd = 8; cmd <= 128; cmd *= 4)
		R(syscall(SYS_membarrier, cmd, 0, 0));
}

static int registered(void *arg)
{
	say_registrations();
	return 0;
}

ROLE(registered)
{
	say_registrations();
}

/* What one is registered for; children are, too, programs are not. */
CASE(membarrier_registrations)
{
	char role[] = "role:registered", *argv[] = { case_self, role, NULL };

	for (int cmd = 4; cmd <= 256; cmd *= 4) {
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0) {
			R(syscall(SYS_membarrier, cmd, 0, 0));
			say_registrations();
			_exit(0);
		}
		reap("child", pid);
	}
	R(syscall(SYS_membarrier, 16, 0, 0));
	R(syscall(SYS_membarrier, 256, 0, 0));
	in_child("child", registered, NULL);
	execv(case_self, argv);
}
