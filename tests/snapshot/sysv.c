/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V IPC: a segment with an id, one that is removed and one of a namespace that only a child
 * is in; messages; semaphores with threads that wait in an order, and what is to be undone. Limits
 * that were set, and ids of objects made later, are as they would have been.
 */
#include <errno.h>
#include <sched.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "mark.h"

#define NR_WAITERS 4

static int sems, queue;
static _Atomic int came;
static int order[NR_WAITERS];
static _Atomic pid_t tids[NR_WAITERS];

static void *takes(void *arg)
{
	struct sembuf op = { 0, -1, 0 };
	int i = (int)(intptr_t)arg;

	tids[i] = (pid_t)syscall(SYS_gettid);
	if (semop(sems, &op, 1))
		exit(91);
	order[came++] = i;
	return NULL;
}

static void say_segment(const char *what, int id, const char *text)
{
	struct shmid_ds ds;

	if (shmctl(id, IPC_STAT, &ds)) {
		printf("%s: %s\n", what, strerror(errno));
		return;
	}
	printf("%s: key %#x size %zu attached %lu mode %o, atime %d dtime %d, \"%s\"\n", what,
	       ds.shm_perm.__key, ds.shm_segsz, ds.shm_nattch, ds.shm_perm.mode, ds.shm_atime != 0,
	       ds.shm_dtime != 0, text);
}

/* A process in a namespace of its own, which ends when the pipe does. */
static pid_t elsewhere(int from)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (unshare(CLONE_NEWIPC))
		exit(92);
	int id = shmget(77, 4096, IPC_CREAT | 0600);
	char *p = shmat(id, NULL, 0), c;
	strcpy(p, "elsewhere");
	while (read(from, &c, 1) == 1)
		;
	say_segment("of the child", id, p);
	fflush(stdout);
	_exit(0);
}

static void *waits_in_time(void *arg)
{
	struct timespec time = { .tv_nsec = 300000000 };
	struct sembuf op = { 2, -1, 0 };
	long r = semtimedop(sems, &op, 1, &time);

	return (void *)(intptr_t)(r ? errno : 0);
}

static void *receives(void *arg)
{
	static struct {
		long type;
		char text[64];
	} m;
	static char nothing[] = "nothing";
	ssize_t n = msgrcv(queue, &m, sizeof m.text, 9, 0);

	return n == 5 ? m.text : nothing;
}

int main(void)
{
	struct {
		long type;
		char text[64];
	} m = { 3, "third" };
	pthread_t threads[NR_WAITERS], timed, receiver;
	int pipes[2], kept, removed;
	void *got;

	/* of the first namespace one that nobody else sees */
	int first = shmget(IPC_PRIVATE, 5000, 0600);
	char *f = shmat(first, NULL, 0);
	shmctl(first, IPC_RMID, NULL);
	strcpy(f, "first");
	if (unshare(CLONE_NEWIPC) || pipe(pipes))
		return 93;
	shmctl(shmget(IPC_PRIVATE, 1, 0600), IPC_RMID, NULL);
	kept = shmget(0x123, 9000, IPC_CREAT | 0640);
	removed = shmget(0x124, 4096, IPC_CREAT | 0600);
	char *p = shmat(kept, NULL, 0), *q = shmat(removed, NULL, 0),
	     *r = shmat(kept, NULL, SHM_RDONLY);
	strcpy(p, "kept");
	strcpy(q, "removed");
	shmctl(removed, IPC_RMID, NULL);
	mprotect(p, 4096, PROT_READ);
	queue = msgget(0x125, IPC_CREAT | 0600);
	msgsnd(queue, &m, 6, 0);
	sems = semget(0x126, 3, IPC_CREAT | 0600);
	struct sembuf undone = { 1, 5, SEM_UNDO };
	pid_t undoes = fork();
	if (!undoes) {
		char c;
		close(pipes[1]);
		semop(sems, &undone, 1);
		while (read(pipes[0], &c, 1) == 1)
			;
		_exit(0);
	}
	while (semctl(sems, 1, GETVAL) != 5)
		usleep(1000);
	pid_t other = fork();
	if (!other) {
		close(pipes[1]);
		pid_t inner = elsewhere(pipes[0]);
		waitpid(inner, NULL, 0);
		_exit(0);
	}
	for (int i = 0; i < NR_WAITERS; i++) {
		pthread_create(&threads[i], NULL, takes, (void *)(intptr_t)i);
		await_state(&tids[i], "S");
	}
	pthread_create(&timed, NULL, waits_in_time, NULL);
	pthread_create(&receiver, NULL, receives, NULL);
	mark();
	say_segment("kept", kept, p);
	say_segment("removed", removed, q);
	strcpy(p + 5000, "written");
	printf("%s\n", r + 5000);
	shmdt(q);
	say_segment("gone", removed, "");
	shmdt(p);
	say_segment("once", kept, r);
	printf("by its key %d, the next %d\n", shmget(0x123, 1, 0) == kept,
	       shmget(IPC_PRIVATE, 1, 0600) - kept);
	for (int i = 0; i < NR_WAITERS; i++) {
		struct sembuf op = { 0, 1, 0 };
		semop(sems, &op, 1);
		while (came == i)
			usleep(1000);
		printf("%d", order[i]);
		pthread_join(threads[order[i]], NULL);
	}
	pthread_join(timed, &got);
	printf("\nin time: %s\n", strerror((int)(intptr_t)got));
	m.type = 9;
	strcpy(m.text, "nine");
	msgsnd(queue, &m, 5, 0);
	pthread_join(receiver, &got);
	printf("received \"%s\"\n", (char *)got);
	m.text[0] = 0;
	printf("%zd", msgrcv(queue, &m, 64, 0, 0));
	printf(" \"%s\" of type %ld\n", m.text, m.type);
	printf("to be undone: %d\n", semctl(sems, 1, GETVAL));
	fflush(stdout);
	close(pipes[1]);
	waitpid(undoes, NULL, 0);
	printf("undone: %d\n", semctl(sems, 1, GETVAL));
	waitpid(other, NULL, 0);
	semctl(sems, 0, IPC_RMID);
	msgctl(queue, IPC_RMID, NULL);
	shmctl(kept, IPC_RMID, NULL);
	shmdt(r);
	say_segment("all gone", kept, "");
	printf("%s\n", f);
	printf("%d\n", shmdt(f));
	return 0;
}
