/* SPDX-License-Identifier: Apache-2.0 */
/* System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#include <sys/msg.h>

#include "ipc.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct msg {
	long type;
	char text[9000];
};

static void say_queue(const char *what, int id)
{
	struct msqid_ds ds;

	if (msgctl(id, IPC_STAT, &ds) == -1) {
		say("%s: %s\n", what, strerrorname_np(errno));
		return;
	}
	say("%s: %lu messages %lu bytes of %lu lspid %d lrpid %d stime %d rtime %d ", what,
	    ds.msg_qnum, ds.__msg_cbytes, ds.msg_qbytes, ds.msg_lspid != 0, ds.msg_lrpid != 0,
	    ds.msg_stime != 0, ds.msg_rtime != 0);
	say_perm(&ds.msg_perm);
}

static int send_text(int id, long type, const char *text, int flags)
{
	struct msg m = { .type = type };

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static void receive(int id, size_t size, long type, int flags)
{
	struct msg m = { 0 };
	ssize_t n = msgrcv(id, &m, size, type, flags);

	if (n < 0)
		say("%zu bytes of type %ld, flags %o: %s\n", size, type, flags,
		    strerrorname_np(errno));
	else
		say("%zu bytes of type %ld, flags %o: %zd, %ld \"%s\"\n", size, type, flags, n,
		    m.type, m.text);
}

CASE(get)
{
	alone();
	R(msgget(0x10, 0600));
	R(msgget(0x10, IPC_CREAT | 0640));
	R(msgget(0x10, IPC_CREAT | IPC_EXCL));
	R(msgget(0x10, 0));
	R(msgget(IPC_PRIVATE, 0));
	say_queue("first", 0);
	say_queue("second", 1);
	say_queue("none", 5);
	R(msgctl(0, IPC_RMID, NULL));
	R(msgctl(0, IPC_RMID, NULL));
	R(msgget(0x10, 0));
}

CASE(types)
{
	static const long order[] = { 5, 3, 9, 3, 1, 7 };

	alone();
	int id = (int)NEED(msgget(IPC_PRIVATE, 0600));
	for (size_t i = 0; i < 6; i++) {
		char text[] = { 'a' + (char)i, 0 };
		NEED(send_text(id, order[i], text, 0));
	}
	receive(id, 10, 2, IPC_NOWAIT);
	receive(id, 10, 3, 0);
	receive(id, 10, -2, 0);
	receive(id, 10, -4, 0);
	receive(id, 10, -4, IPC_NOWAIT);
	receive(id, 10, 5, MSG_EXCEPT);
	receive(id, 10, 0, 0);
	receive(id, 10, LONG_MIN, 0);
	receive(id, 10, 0, IPC_NOWAIT);
	say_queue("empty", id);
}

CASE(sizes)
{
	alone();
	int id = (int)NEED(msgget(IPC_PRIVATE, 0600));
	struct msg m = { .type = 1 };
	R(msgsnd(id, &m, 0, 0));
	R(msgsnd(id, &m, 8192, 0));
	R(msgsnd(id, &m, 8193, 0));
	R(msgsnd(id, &m, -1UL, 0));
	R(msgsnd(id, &m, 8192, IPC_NOWAIT));
	R(msgsnd(id, &m, 8193, IPC_NOWAIT));
	R(msgsnd(id, &m, 1, IPC_NOWAIT));
	say_queue("full", id);
	m.type = 0;
	R(msgsnd(id, &m, 1, 0));
	m.type = -1;
	R(msgsnd(id, &m, 1, 0));
	R(msgsnd(id, (void *)8, 1, 0));
	R(msgsnd(-1, &m, 1, 0));
	R(msgrcv(id, &m, -1UL, 0, 0));
	R(msgrcv(id, &m, 0, 0, 0));
	R(msgrcv(id, &m, 100, 0, 0));
	R(msgrcv(id, &m, 100, 0, MSG_NOERROR));
	R(msgrcv(id, (void *)8, 9000, 0, MSG_NOERROR));
	say_queue("one was lost", id);
	R(msgrcv(77, &m, 1, 0, 0));
}

CASE(copies)
{
	alone();
	int id = (int)NEED(msgget(IPC_PRIVATE, 0600));
	NEED(send_text(id, 4, "four", 0));
	NEED(send_text(id, 2, "two", 0));
	receive(id, 10, 0, MSG_COPY);
	receive(id, 10, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT);
	receive(id, 10, 1, MSG_COPY | IPC_NOWAIT);
	receive(id, 10, 0, MSG_COPY | IPC_NOWAIT);
	receive(id, 10, 2, MSG_COPY | IPC_NOWAIT);
	receive(id, 10, -1, MSG_COPY | IPC_NOWAIT);
	receive(id, 2, 0, MSG_COPY | IPC_NOWAIT);
	receive(id, 2, 0, MSG_COPY | IPC_NOWAIT | MSG_NOERROR);
	say_queue("both there", id);
}

/* The first letter of the message, or the error: who ends the sleep prints meanwhile. */
static int wait_for_one(void *arg)
{
	const long *a = arg;
	struct msg m;

	return msgrcv((int)a[0], &m, (size_t)a[1], a[2], 0) < 0 ? errno : m.text[0];
}

/* A receiver that waits gets the message, not the queue; one for whom it is too long is told. */
CASE(waiting_receivers)
{
	alone();
	int id = (int)NEED(msgget(IPC_PRIVATE, 0600));
	long small[] = { id, 2, 7 }, seven[] = { id, 100, 7 }, three[] = { id, 100, 3 };
	pid_t a = child(wait_for_one, small);
	until_asleep(a);
	pid_t b = child(wait_for_one, seven), c = child(wait_for_one, three);
	until_asleep(b);
	until_asleep(c);
	R(send_text(id, 5, "for nobody", 0));
	R(send_text(id, 7, "seven", 0));
	reap("the one without room", a);
	reap("the one of type seven", b);
	say_queue("queue", id);
	R(send_text(id, 3, "three", 0));
	reap("the one of type three", c);
	a = child(wait_for_one, seven);
	until_asleep(a);
	R(msgctl(id, IPC_RMID, NULL));
	reap("removed", a);
}

static int send_some(void *arg)
{
	return send_text(*(int *)arg, 2, "waited", 0) ? errno : 0;
}

CASE(waiting_senders)
{
	struct msqid_ds ds;
	static char big[8000];

	alone();
	int id = (int)NEED(msgget(IPC_PRIVATE, 0600));
	NEED(msgctl(id, IPC_STAT, &ds));
	ds.msg_qbytes = 8;
	R(msgctl(id, IPC_SET, &ds));
	NEED(send_text(id, 1, "12345678", 0));
	memset(big, 'x', sizeof big - 1);
	pid_t a = child(send_some, &id);
	until_asleep(a);
	receive(id, 100, 0, 0);
	reap("sender", a);
	say_queue("queue", id);
	NEED(send_text(id, 1, "90", 0));
	a = child(send_some, &id);
	until_asleep(a);
	ds.msg_qbytes = 100;
	R(msgctl(id, IPC_SET, &ds));
	reap("sender", a);
	ds.msg_qbytes = 16385;
	R(msgctl(id, IPC_SET, &ds));
	ds.msg_qbytes = 1;
	NEED(msgctl(id, IPC_SET, &ds));
	a = child(send_some, &id);
	until_asleep(a);
	R(msgctl(id, IPC_RMID, NULL));
	reap("removed", a);
}

static void on_signal(int sig)
{
	say("signal\n");
}

static int interrupted(void *arg)
{
	handle(SIGUSR1, on_signal, SA_RESTART);
	receive(*(int *)arg, 10, 0, 0);
	return 0;
}

CASE(signals)
{
	alone();
	int id = (int)NEED(msgget(IPC_PRIVATE, 0600));
	pid_t pid = child(interrupted, &id);
	until_asleep(pid);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	reap("child", pid);
}

static int as_other(void *arg)
{
	struct msqid_ds ds = { 0 };
	int id = *(int *)arg;

	become(1234);
	R(msgget(0x99, 0400));
	R(msgget(0x99, 0200));
	R(send_text(id, 1, "x", IPC_NOWAIT));
	receive(id, 10, 0, IPC_NOWAIT);
	R(msgctl(id, IPC_STAT, &ds));
	R(msgctl(0, MSG_STAT, &ds));
	R(msgctl(0, MSG_STAT_ANY, &ds));
	R(msgctl(id, IPC_SET, &ds));
	R(msgctl(id, IPC_RMID, NULL));
	return 0;
}

CASE(rights)
{
	static const unsigned modes[] = { 0600, 0604, 0602, 0666 };
	struct msqid_ds ds;

	alone();
	int id = (int)NEED(msgget(0x99, IPC_CREAT | 0600));
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		NEED(msgctl(id, IPC_STAT, &ds));
		ds.msg_perm.mode = modes[i];
		say("mode %o\n", modes[i]);
		R(msgctl(id, IPC_SET, &ds));
		in_child("other", as_other, &id);
	}
	ds.msg_perm.uid = 1234;
	R(msgctl(id, IPC_SET, &ds));
	say_queue("given away", id);
	in_child("owner", as_other, &id);
}

CASE(control)
{
	struct msginfo info;
	struct msqid_ds ds;

	alone();
	NEED(msgget(1, IPC_CREAT | 0600));
	NEED(msgget(2, IPC_CREAT | 0644));
	NEED(send_text(1, 1, "text", 0));
	R(msgctl(0, IPC_INFO, (struct msqid_ds *)&info));
	say("pool %d map %d max %d mnb %d mni %d ssz %d tql %d seg %u\n", info.msgpool, info.msgmap,
	    info.msgmax, info.msgmnb, info.msgmni, info.msgssz, info.msgtql, info.msgseg);
	R(msgctl(0, MSG_INFO, (struct msqid_ds *)&info));
	say("pool %d map %d tql %d\n", info.msgpool, info.msgmap, info.msgtql);
	for (int i = 0; i < 3; i++)
		R(msgctl(i, MSG_STAT, &ds));
	R(msgctl(0, 99, &ds));
	R(msgctl(-1, IPC_STAT, &ds));
	R(msgctl(0, IPC_STAT, (struct msqid_ds *)8));
	R(msgctl(0, IPC_SET, (struct msqid_ds *)8));
	say_file("/proc/sys/kernel/msgmax");
	say_file("/proc/sys/kernel/msgmnb");
	say_file("/proc/sys/kernel/msgmni");
	write_file("/proc/sys/kernel/msgmax", "3");
	R(send_text(1, 1, "text", 0));
	write_file("/proc/sys/kernel/msgmni", "2");
	R(msgget(IPC_PRIVATE, 0));
	write_file("/proc/sys/kernel/msgmnb", "77");
	write_file("/proc/sys/kernel/msgmni", "3");
	int id = (int)R(msgget(IPC_PRIVATE, 0));
	say_queue("small", id);
}

/* As checkpoint and restore choose ids. */
CASE(next_id)
{
	static const char next[] = "/proc/sys/kernel/msg_next_id";

	alone();
	say_file(next);
	int first = (int)NEED(msgget(IPC_PRIVATE, 0600));
	V(first);
	write_file(next, "98309");
	say_file(next);
	V(msgget(IPC_PRIVATE, 0600));
	say_file(next);
	V(msgget(IPC_PRIVATE, 0600));
	write_file(next, "65541");
	V(msgget(IPC_PRIVATE, 0600));
	write_file(next, "0");
	V(msgget(IPC_PRIVATE, 0600));
	R(msgctl(98309, IPC_RMID, NULL));
	write_file(next, "65541");
	V(msgget(IPC_PRIVATE, 0600));
	V(msgget(IPC_PRIVATE, 0600));
	write_file(next, "-1");
	write_file(next, "2147483648");
	write_file(next, "x");
	write_file("/proc/sys/kernel/shm_next_id", "7");
	say_file("/proc/sys/kernel/sem_next_id");
	R(access(next, W_OK));
	R(access(next, X_OK));
	become(4321);
	R(access(next, W_OK));
	R(access(next, R_OK));
	R(open(next, O_WRONLY));
}
