/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX threads as libc builds them on clone, futex and set_tid_address; many of them. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "case.h"

static void *returns(void *arg)
{
	return arg;
}

CASE(create_join)
{
	pthread_t t;
	void *res;

	MUST(pthread_create(&t, NULL, returns, (void *)42));
	Z(pthread_join(t, &res));
	V(res);
	for (int i = 0; i < 100; i++)
		if (pthread_create(&t, NULL, returns, (void *)(long)i) || pthread_join(t, &res) ||
		    (long)res != i)
			say("wrong at %d\n", i);
}

static void *says_ids(void *arg)
{
	say("same pid %d, own tid %d\n", getpid() == *(pid_t *)arg, gettid() != getpid());
	return NULL;
}

CASE(ids)
{
	pid_t pid = getpid();
	pthread_t t;

	V(gettid() == pid);
	MUST(pthread_create(&t, NULL, says_ids, &pid));
	Z(pthread_join(t, NULL));
}

static sem_t sem;
static pthread_barrier_t barrier;
static _Atomic int counter;

static void *waits_then_counts(void *arg)
{
	sem_wait(&sem);
	counter++;
	return NULL;
}

CASE(one_thousand)
{
	enum { N = 1000 };
	static pthread_t t[N];
	pthread_attr_t attr;
	int made = 0;

	need_descriptors(2048);
	NEED(sem_init(&sem, 0, 0));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	for (int i = 0; i < N; i++)
		made += pthread_create(&t[i], &attr, waits_then_counts, NULL) == 0;
	V(made);
	for (int i = 0; i < N; i++)
		sem_post(&sem);
	for (int i = 0; i < N; i++)
		pthread_join(t[i], NULL);
	V(counter);
}

static int64_t cpu_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static int64_t rusage_us(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000L + ru.ru_utime.tv_usec +
	       ru.ru_stime.tv_usec;
}

static void *makes_threads(void *arg)
{
	pthread_t t;

	for (int i = 0; i < 100; i++) {
		if (!pthread_create(&t, NULL, returns, NULL))
			pthread_join(t, NULL);
	}
	counter++;
	return NULL;
}

/* What the threads of a process have used stays used when they end. */
CASE(cpu_time_stays)
{
	int64_t clock = 0, usage = 0, now;
	int back = 0;
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&t[i], NULL, makes_threads, NULL));
	while (counter < 2) {
		now = cpu_clock_ns();
		back += now < clock;
		clock = now;
		now = rusage_us();
		back += now < usage;
		usage = now;
	}
	for (int i = 0; i < 2; i++)
		Z(pthread_join(t[i], NULL));
	V(back);
}

/* Processes whose threads all end at once, some waiting, some running, some not begun: each time in
 * another order. */
static void *spins(void *arg)
{
	for (;;)
		counter++;
	return NULL;
}

static void ends_with_threads(int how)
{
	pthread_t t;

	for (int i = 0; i < 10; i++)
		if (pthread_create(&t, NULL, i % 5 == how % 5 ? spins : waits_then_counts, NULL))
			_exit(100);
	_exit(how);
}

CASE(all_end_at_once)
{
	int ended = 0, st;

	NEED(sem_init(&sem, 0, 0));
	for (int i = 0; i < 30; i++) {
		pid_t pid = NEED(fork());
		if (pid == 0)
			ends_with_threads(i);
		ended += waitpid(pid, &st, 0) == pid && WIFEXITED(st) && WEXITSTATUS(st) == i;
	}
	V(ended);
}

static void *detached(void *arg)
{
	give(arg);
	return NULL;
}

CASE(detach)
{
	struct baton b = baton_new();
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 50; i++) {
		if (pthread_create(&t, &attr, detached, &b))
			say("cannot create %d\n", i);
		take(&b);
	}
	MUST(pthread_create(&t, NULL, detached, &b));
	Z(pthread_detach(t));
	take(&b);
}

static void cleanup(void *arg)
{
	say("cleanup %s\n", (char *)arg);
}

static void *cancelled_in_read(void *arg)
{
	char c;

	pthread_cleanup_push(cleanup, (void *)(uintptr_t) "outer");
	pthread_cleanup_push(cleanup, (void *)(uintptr_t) "inner");
	give(arg);
	if (read(((struct baton *)arg)[1].fd[0], &c, 1) != 1)
		say("read failed\n");
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

CASE(cancel)
{
	struct baton b[2] = { baton_new(), baton_new() };
	pthread_t t;
	void *res;

	MUST(pthread_create(&t, NULL, cancelled_in_read, b));
	take(&b[0]);
	MUST(pthread_cancel(t));
	Z(pthread_join(t, &res));
	V(res == PTHREAD_CANCELED);
}

static void *cancelled_spinning(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	give(arg);
	for (volatile int i = 0; i >= 0; i = !i)
		;
	return NULL;
}

/* A signal into running user code that unwinds from there. */
CASE(cancel_asynchronous)
{
	struct baton b = baton_new();
	pthread_t t;
	void *res;

	MUST(pthread_create(&t, NULL, cancelled_spinning, &b));
	take(&b);
	MUST(pthread_cancel(t));
	Z(pthread_join(t, &res));
	V(res == PTHREAD_CANCELED);
}

static __thread int local = 7;
static pthread_key_t key;

static void destroyed(void *arg)
{
	say("destructor of %ld\n", (long)arg);
}

static void *uses_tls(void *arg)
{
	int before = local;

	local = (int)(long)arg;
	pthread_setspecific(key, arg);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return (void *)(long)(before * 100 + local);
}

CASE(tls)
{
	pthread_t t[4];
	void *res;

	pthread_key_create(&key, NULL);
	pthread_barrier_init(&barrier, NULL, 5);
	local = 3;
	for (long i = 0; i < 4; i++)
		MUST(pthread_create(&t[i], NULL, uses_tls, (void *)(i + 10)));
	pthread_barrier_wait(&barrier);
	V(local);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 4; i++) {
		Z(pthread_join(t[i], &res));
		V(res);
	}
}

static void *leaves_specific(void *arg)
{
	pthread_setspecific(key, arg);
	pthread_exit(NULL);
}

CASE(key_destructor)
{
	pthread_t t;

	pthread_key_create(&key, destroyed);
	for (long i = 1; i < 4; i++) {
		MUST(pthread_create(&t, NULL, leaves_specific, (void *)i));
		Z(pthread_join(t, NULL));
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, total;

static void *adds(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		total++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

CASE(mutex_counts)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&t[i], NULL, adds, NULL));
	for (int i = 0; i < 4; i++)
		Z(pthread_join(t[i], NULL));
	V(total);
}

static void *takes_turns(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < 10; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 3 != me)
			pthread_cond_wait(&cond, &mutex);
		say("%d", me);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

CASE(condition_turns)
{
	pthread_t t[3];

	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, takes_turns, (void *)i);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	say("\n");
}

CASE(condition_timeout)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 20000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	pthread_mutex_lock(&mutex);
	Z(pthread_cond_timedwait(&cond, &mutex, &ts));
	Z(pthread_mutex_unlock(&mutex));
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *reads_then_writes(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_rwlock_rdlock(&rwlock);
		int seen = total;
		pthread_rwlock_unlock(&rwlock);
		pthread_rwlock_wrlock(&rwlock);
		if (total < seen)
			say("went back\n");
		total++;
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

CASE(rwlock)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, reads_then_writes, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	V(total);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void counts_once(void)
{
	counter++;
}

static void *calls_once(void *arg)
{
	pthread_once(&once, counts_once);
	return NULL;
}

CASE(once_only)
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, calls_once, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	V(counter);
}

static void *dies_with_lock(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

CASE(robust_mutex)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	pthread_t t;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	Z(pthread_mutex_init(&m, &attr));
	MUST(pthread_create(&t, NULL, dies_with_lock, &m));
	Z(pthread_join(t, NULL));
	Z(pthread_mutex_lock(&m));
	Z(pthread_mutex_consistent(&m));
	Z(pthread_mutex_unlock(&m));
	Z(pthread_mutex_lock(&m));
	Z(pthread_mutex_unlock(&m));
}

CASE(robust_mutex_between_processes)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *m =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	Z(pthread_mutex_init(m, &attr));
	pid_t pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		raise(SIGKILL);
	}
	reap("owner", pid);
	Z(pthread_mutex_lock(m));
	Z(pthread_mutex_unlock(m));
	Z(pthread_mutex_lock(m));
}

CASE(semaphore_between_processes)
{
	sem_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int *n = (int *)(s + 1);

	NEED(sem_init(s, 1, 0));
	pid_t pid = fork();
	if (pid == 0) {
		*n = 5;
		sem_post(s);
		_exit(0);
	}
	R(sem_wait(s));
	V(*n);
	reap("child", pid);
}

static void *names_itself(void *arg)
{
	char name[16] = "";

	prctl(PR_SET_NAME, "worker");
	prctl(PR_GET_NAME, name);
	say("thread %s\n", name);
	return NULL;
}

CASE(names)
{
	char name[16] = "";
	pthread_t t;

	Z(pthread_setname_np(pthread_self(), "fifteen_letters"));
	Z(pthread_setname_np(pthread_self(), "sixteen_letters!"));
	MUST(pthread_create(&t, NULL, names_itself, NULL));
	Z(pthread_join(t, NULL));
	prctl(PR_GET_NAME, name);
	say("main %s\n", name);
}

static void *ends_by_pthread_exit(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	say("main thread has ended\n");
	return NULL;
}

CASE(main_thread_pthread_exit)
{
	static pthread_t self, t;

	self = pthread_self();
	MUST(pthread_create(&t, NULL, ends_by_pthread_exit, &self));
	pthread_exit(NULL);
}

CASE(fork_handlers)
{
	say("fork in a program with threads: ");
	pthread_t t;
	pthread_create(&t, NULL, returns, NULL);
	pthread_join(t, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		void *res;
		pthread_create(&t, NULL, returns, (void *)9);
		pthread_join(t, &res);
		_exit((int)(long)res);
	}
	reap("child made a thread", pid);
}

CASE(stack_attributes)
{
	pthread_attr_t attr;
	pthread_t t;
	static char stack[65536] __attribute__((aligned(4096)));
	void *res;

	pthread_attr_init(&attr);
	Z(pthread_attr_setstack(&attr, stack, sizeof stack));
	MUST(pthread_create(&t, &attr, returns, (void *)5));
	Z(pthread_join(t, &res));
	V(res);
	Z(pthread_getattr_np(pthread_self(), &attr));
	size_t size;
	void *addr;
	Z(pthread_attr_getstack(&attr, &addr, &size));
	V((char *)&size > (char *)addr && (char *)&size < (char *)addr + size);
	V(size > (8 << 20) - 65536 && size <= 8 << 20);
}

CASE(affinity)
{
	cpu_set_t set;

	Z(pthread_getaffinity_np(pthread_self(), sizeof set, &set));
	V(CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN));
}

static void *change_process(void *arg)
{
	int on;

	for (int i = 0; i < 500; i++) {
		NEED(prctl(PR_SET_CHILD_SUBREAPER, i & 1));
		NEED(prctl(PR_GET_CHILD_SUBREAPER, &on));
		NEED(prctl(PR_SET_THP_DISABLE, i & 1, 0, 0, 0));
		NEED(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	}
	return arg;
}

/* For the thread sanitizer: what is the process's, its threads may change at any time. */
CASE(settings_by_two)
{
	pthread_t t;

	MUST(pthread_create(&t, NULL, change_process, NULL));
	change_process(NULL);
	MUST(pthread_join(t, NULL));
	R(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
}
