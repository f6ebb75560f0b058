/* SPDX-License-Identifier: Apache-2.0 */
/* System V semaphores: semget(2), semop(2), semtimedop(2), semctl(2). */
#include <pthread.h>
#include <sys/sem.h>
#include <time.h>

#include "ipc.h"

#define OP(num, by, flags)                                                                         \
	(struct sembuf)                                                                            \
	{                                                                                          \
		num, by, flags                                                                     \
	}
#define OPS(...) (struct sembuf[]){ __VA_ARGS__ }, sizeof((struct sembuf[]){ __VA_ARGS__ }) / 6

static void say_values(const char *what, int id)
{
	struct semid_ds ds;
	unsigned short v[64];

	if (semctl(id, 0, IPC_STAT, &ds) == -1) {
		say("%s: %s\n", what, strerrorname_np(errno));
		return;
	}
	NEED(semctl(id, 0, GETALL, v));
	say("%s:", what);
	for (unsigned i = 0; i < ds.sem_nsems; i++)
		say(" %u (%d, %d, %d)", v[i], semctl(id, (int)i, GETNCNT),
		    semctl(id, (int)i, GETZCNT), semctl(id, (int)i, GETPID) == getpid());
	say("\n");
}

CASE(get)
{
	struct semid_ds ds;

	alone();
	R(semget(1, 3, 0600));
	R(semget(1, 0, IPC_CREAT));
	R(semget(1, 3, IPC_CREAT | 0640));
	R(semget(1, 0, 0));
	R(semget(1, 4, 0));
	R(semget(1, 3, IPC_CREAT | IPC_EXCL));
	R(semget(IPC_PRIVATE, -1, 0));
	R(semget(IPC_PRIVATE, 32001, 0));
	R(semget(IPC_PRIVATE, 32000, 0));
	NEED(semctl(0, 0, IPC_STAT, &ds));
	say("%lu semaphores, otime %d ctime %d ", ds.sem_nsems, ds.sem_otime != 0,
	    ds.sem_ctime != 0);
	say_perm(&ds.sem_perm);
	say_values("new", 0);
}

CASE(values)
{
	unsigned short v[] = { 5, 32767, 0 }, bad[] = { 1, 40000, 2 };

	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 3, 0600));
	R(semctl(id, 1, SETVAL, 7));
	R(semctl(id, 1, SETVAL, -1));
	R(semctl(id, 1, SETVAL, 32768));
	R(semctl(id, 3, SETVAL, 1));
	R(semctl(id, -1, SETVAL, 1));
	say_values("set", id);
	R(semctl(id, 0, SETALL, v));
	R(semctl(id, 0, SETALL, bad));
	R(semctl(id, 0, SETALL, (void *)8));
	R(semctl(id, 0, GETALL, (void *)8));
	say_values("set all", id);
	R(semctl(id, 9, GETVAL));
	R(semctl(id, 1, GETVAL));
	R(semctl(id, 1, 99));
	R(semctl(-1, 0, GETVAL));
	R(semctl(id + 1, 0, GETVAL));
	R(semctl(id, 0, IPC_RMID));
	R(semctl(id, 0, GETVAL));
}

CASE(operations)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 4, 0600));
	R(semop(id, OPS(OP(0, 3, 0), OP(1, 1, 0))));
	R(semop(id, OPS(OP(0, -2, 0), OP(0, -1, 0), OP(0, 0, 0))));
	R(semop(id, OPS(OP(0, 2, 0), OP(1, -5, IPC_NOWAIT))));
	say_values("all or nothing", id);
	R(semop(id, OPS(OP(1, 0, IPC_NOWAIT))));
	R(semop(id, OPS(OP(2, 32767, 0))));
	R(semop(id, OPS(OP(3, 1, 0), OP(2, 1, 0))));
	R(semop(id, OPS(OP(2, -1, 0), OP(2, 1, 0))));
	R(semop(id, OPS(OP(4, 1, 0))));
	R(semop(id, OPS(OP(1, -9, IPC_NOWAIT), OP(4, 1, 0))));
	say_values("at the end", id);
	struct sembuf many[501] = { 0 };
	R(semop(id, many, 0));
	R(semop(id, many, 501));
	R(semop(id, many, 500));
	R(semop(id, (void *)8, 1));
	R(semop(-1, many, 1));
	R(semop(77, many, 1));
}

CASE(timed)
{
	struct timespec none = { 0 }, short_time = { .tv_nsec = 2000000 }, bad = { .tv_nsec = -1 },
			negative = { .tv_sec = -1 }, large = { .tv_nsec = 1000000000 };
	struct sembuf take_one = OP(0, -1, 0), give_one = OP(0, 1, 0);

	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 1, 0600));
	R(semtimedop(id, &take_one, 1, &none));
	R(semtimedop(id, &take_one, 1, &short_time));
	R(semtimedop(id, &give_one, 1, &none));
	R(semtimedop(id, &take_one, 1, &bad));
	R(semtimedop(id, &take_one, 1, &negative));
	R(semtimedop(id, &take_one, 1, &large));
	R(semtimedop(id, &take_one, 1, (void *)8));
	R(semtimedop(id, &take_one, 1, NULL));
	say_values("taken", id);
}

struct waiter {
	int id;
	struct sembuf ops[3];
	unsigned nr;
	const struct baton *end;
};

static int wait_op(void *arg)
{
	struct waiter *w = arg;

	/* who ends the sleep prints meanwhile */
	return semop(w->id, w->ops, w->nr) ? errno : 0;
}

/* Who cannot go on, does not stand in the way of who can; whoever waits for zero goes first. */
CASE(who_goes_on)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 3, 0600));
	NEED(semctl(id, 2, SETVAL, 1));
	struct waiter five = { id, { OP(0, -5, 0) }, 1, NULL },
		      both = { id, { OP(0, -1, 0), OP(1, -1, 0) }, 2, NULL },
		      one = { id, { OP(0, -1, 0) }, 1, NULL },
		      zero = { id, { OP(2, 0, 0) }, 1, NULL },
		      zero_and_add = { id, { OP(2, 0, 0), OP(2, 3, 0) }, 2, NULL };
	pid_t a = child(wait_op, &five);
	until_asleep(a);
	pid_t b = child(wait_op, &both);
	until_asleep(b);
	pid_t c = child(wait_op, &one);
	until_asleep(c);
	say_values("three wait", id);
	R(semop(id, OPS(OP(0, 1, 0))));
	reap("one", c);
	say_values("two wait", id);
	R(semop(id, OPS(OP(1, 1, 0))));
	say_values("two wait", id);
	R(semop(id, OPS(OP(0, 5, 0))));
	reap("five", a);
	say_values("one waits", id);
	R(semop(id, OPS(OP(0, 1, 0))));
	reap("both", b);
	pid_t d = child(wait_op, &zero_and_add);
	until_asleep(d);
	pid_t e = child(wait_op, &zero);
	until_asleep(e);
	say_values("for zero", id);
	R(semop(id, OPS(OP(2, -1, 0))));
	reap("zero", e);
	reap("zero and add", d);
	say_values("at the end", id);
}

/* What one that waited does lets another go on. */
CASE(chain)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 3, 0600));
	struct waiter last = { id, { OP(2, -1, 0), OP(0, 1, 0) }, 2, NULL },
		      middle = { id, { OP(1, -1, 0), OP(2, 1, 0) }, 2, NULL },
		      first = { id, { OP(0, -1, 0), OP(1, 1, 0) }, 2, NULL };
	pid_t a = child(wait_op, &last), b, c;
	until_asleep(a);
	b = child(wait_op, &middle);
	until_asleep(b);
	c = child(wait_op, &first);
	until_asleep(c);
	R(semctl(id, 0, SETVAL, 1));
	reap("last", a);
	reap("middle", b);
	reap("first", c);
	say_values("passed on", id);
}

/* IPC_NOWAIT of a later operation counts when its turn comes. */
CASE(late_nowait)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 2, 0600));
	struct waiter w = { id, { OP(0, -1, 0), OP(1, -1, IPC_NOWAIT) }, 2, NULL };
	pid_t a = child(wait_op, &w);
	until_asleep(a);
	R(semop(id, OPS(OP(0, 1, 0))));
	reap("waiter", a);
	say_values("as before", id);
}

CASE(removed)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 2, 0600));
	struct waiter w = { id, { OP(0, -1, 0) }, 1, NULL }, z = { id, { OP(1, 0, 0) }, 1, NULL };
	NEED(semctl(id, 1, SETVAL, 1));
	pid_t a = child(wait_op, &w), b = child(wait_op, &z);
	until_asleep(a);
	until_asleep(b);
	R(semctl(id, 0, IPC_RMID));
	reap("first", a);
	reap("second", b);
	R(semop(id, OPS(OP(0, 1, 0))));
}

static void on_signal(int sig)
{
	say("signal\n");
}

static int interrupted(void *arg)
{
	handle(SIGUSR1, on_signal, SA_RESTART);
	return wait_op(arg);
}

CASE(signals)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 1, 0600));
	struct waiter w = { id, { OP(0, -1, 0) }, 1, NULL };
	pid_t a = child(interrupted, &w);
	until_asleep(a);
	kill(a, SIGUSR1);
	reap("child", a);
	say_values("nobody waits", id);
}

static int undoes(void *arg)
{
	int id = *(int *)arg;

	R(semop(id, OPS(OP(0, 2, SEM_UNDO), OP(1, -3, SEM_UNDO))));
	R(semop(id, OPS(OP(1, 1, 0))));
	R(semop(id, OPS(OP(2, 1, SEM_UNDO), OP(3, -9, IPC_NOWAIT))));
	say_values("in the child", id);
	return 0;
}

static int undoes_after_set(void *arg)
{
	int id = *(int *)arg;

	R(semop(id, OPS(OP(0, 2, SEM_UNDO), OP(1, 3, SEM_UNDO))));
	R(semctl(id, 0, SETVAL, 9));
	return 0;
}

static int undoes_too_much(void *arg)
{
	int id = *(int *)arg;

	R(semop(id, OPS(OP(2, 32767, SEM_UNDO))));
	R(semop(id, OPS(OP(2, -32767, 0))));
	R(semop(id, OPS(OP(2, 1, SEM_UNDO))));
	R(semop(id, OPS(OP(2, 2, SEM_UNDO))));
	say_values("in the child", id);
	return 0;
}

CASE(undo)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 4, 0600));
	NEED(semctl(id, 1, SETVAL, 4));
	in_child("child", undoes, &id);
	say_values("undone", id);
	in_child("child", undoes_after_set, &id);
	say_values("undone but for what was set", id);
	in_child("child", undoes_too_much, &id);
	say_values("not below zero", id);
}

static int lets_go(void *arg)
{
	struct waiter *w = arg;
	NEED(semop(w->id, w->ops, w->nr));
	take(w->end);
	return 0;
}

/* The end of one lets another go on. */
CASE(undo_wakes)
{
	struct baton b = baton_new();

	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 1, 0600));
	NEED(semctl(id, 0, SETVAL, 1));
	struct waiter holder = { id, { OP(0, -1, SEM_UNDO) }, 1, &b },
		      next = { id, { OP(0, -1, SEM_UNDO) }, 1, NULL };
	pid_t a = child(lets_go, &holder);
	until_asleep(a);
	while (semctl(id, 0, GETVAL))
		sched_yield();
	pid_t c = child(wait_op, &next);
	until_asleep(c);
	kill(a, SIGKILL);
	reap("next", c);
	reap("holder", a);
	say_values("free", id);
}

static void *adds(void *arg)
{
	int id = *(int *)arg;

	R(semop(id, OPS(OP(0, 1, SEM_UNDO))));
	return NULL;
}

static int threads(void *arg)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, adds, arg));
	MUST(pthread_join(thread, NULL));
	say_values("the thread has ended", *(int *)arg);
	return 0;
}

static int unshares(void *arg)
{
	adds(arg);
	R(unshare(CLONE_SYSVSEM));
	say_values("unshared", *(int *)arg);
	adds(arg);
	R(unshare(CLONE_NEWIPC));
	say_values("elsewhere", *(int *)arg);
	return 0;
}

ROLE(after)
{
	say_values("after exec", 0);
}

static int executes(void *arg)
{
	char role[] = "role:after", *argv[] = { case_self, role, NULL };

	adds(arg);
	execv(case_self, argv);
	return 1;
}

/* Threads share what is to be undone; an exec keeps it. */
CASE(undo_shared)
{
	alone();
	int id = (int)NEED(semget(IPC_PRIVATE, 1, 0600));
	in_child("threads", threads, &id);
	say_values("all threads have ended", id);
	in_child("unshares", unshares, &id);
	say_values("unshared", id);
	in_child("exec", executes, &id);
	say_values("after all", id);
	errno = 0;
	R(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0));
}

static int as_other(void *arg)
{
	struct semid_ds ds = { 0 };
	unsigned short v[2] = { 0 };
	int id = *(int *)arg;

	become(1234);
	R(semget(0x99, 1, 0400));
	R(semget(0x99, 1, 0200));
	R(semop(id, OPS(OP(0, 1, 0))));
	R(semop(id, OPS(OP(1, 0, 0))));
	R(semctl(id, 0, GETVAL));
	R(semctl(id, 0, SETVAL, 0));
	R(semctl(id, 0, GETALL, v));
	R(semctl(id, 0, SETALL, v));
	R(semctl(id, 0, IPC_STAT, &ds));
	R(semctl(0, 0, SEM_STAT, &ds));
	R(semctl(0, 0, SEM_STAT_ANY, &ds));
	R(semctl(id, 0, IPC_SET, &ds));
	R(semctl(id, 0, IPC_RMID));
	return 0;
}

CASE(rights)
{
	static const unsigned modes[] = { 0600, 0604, 0602, 0666 };
	struct semid_ds ds;

	alone();
	int id = (int)NEED(semget(0x99, 2, IPC_CREAT | 0600));
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		NEED(semctl(id, 0, IPC_STAT, &ds));
		ds.sem_perm.mode = modes[i];
		say("mode %o\n", modes[i]);
		R(semctl(id, 0, IPC_SET, &ds));
		in_child("other", as_other, &id);
	}
	ds.sem_perm.uid = 1234;
	R(semctl(id, 0, IPC_SET, &ds));
	in_child("owner", as_other, &id);
}

CASE(control)
{
	struct seminfo info;
	struct semid_ds ds;

	alone();
	NEED(semget(1, 3, IPC_CREAT | 0600));
	NEED(semget(2, 5, IPC_CREAT | 0644));
	R(semctl(0, 0, IPC_INFO, &info));
	say("map %d mni %d mns %d mnu %d msl %d opm %d ume %d usz %d vmx %d aem %d\n", info.semmap,
	    info.semmni, info.semmns, info.semmnu, info.semmsl, info.semopm, info.semume,
	    info.semusz, info.semvmx, info.semaem);
	R(semctl(0, 0, SEM_INFO, &info));
	say("usz %d aem %d\n", info.semusz, info.semaem);
	for (int i = 0; i < 3; i++)
		R(semctl(i, 0, SEM_STAT, &ds));
	R(semctl(0, 0, IPC_STAT, (void *)8));
	R(semctl(0, 0, IPC_SET, (void *)8));
	say_file("/proc/sys/kernel/sem");
	write_file("/proc/sys/kernel/sem", "6 20 2 3");
	say_file("/proc/sys/kernel/sem");
	R(semget(IPC_PRIVATE, 7, 0600));
	R(semget(IPC_PRIVATE, 6, 0600));
	R(semget(IPC_PRIVATE, 6, 0600));
	R(semop(0, OPS(OP(0, 1, 0), OP(0, 1, 0), OP(0, 1, 0))));
	write_file("/proc/sys/kernel/sem", "6 13 2 30");
	R(semget(IPC_PRIVATE, 6, 0600));
	write_file("/proc/sys/kernel/sem", "5\n");
	say_file("/proc/sys/kernel/sem");
}
