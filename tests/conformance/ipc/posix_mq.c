/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues (mq_overview(7)): mq_open(2), mq_unlink(2), mq_timedsend(2),
 * mq_timedreceive(2), mq_notify(2), mq_getsetattr(2), and their file system. */
#include <dirent.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "ipc.h"

/* The kernel's, without what the C library checks or changes before. */
static long k_open(const char *name, int flags, mode_t mode, const struct mq_attr *attr)
{
	return syscall(SYS_mq_open, name, flags, mode, attr);
}

static long k_unlink(const char *name)
{
	return syscall(SYS_mq_unlink, name);
}

static long k_send(long q, const char *text, size_t size, unsigned priority,
		   const struct timespec *until)
{
	return syscall(SYS_mq_timedsend, q, text, size, priority, until);
}

static long k_receive(long q, char *buf, size_t size, unsigned *priority,
		      const struct timespec *until)
{
	return syscall(SYS_mq_timedreceive, q, buf, size, priority, until);
}

static long k_attr(long q, const struct mq_attr *new, struct mq_attr *old)
{
	return syscall(SYS_mq_getsetattr, q, new, old);
}

static long k_notify(long q, const struct sigevent *e)
{
	return syscall(SYS_mq_notify, q, e);
}

static void say_attr(const char *what, long q)
{
	struct mq_attr a = { .__pad = { 7, 7, 7, 7 } };

	if (k_attr(q, NULL, &a) < 0)
		say("%s: %s\n", what, strerrorname_np(errno));
	else
		say("%s: flags %lo, %ld of %ld messages of %ld bytes, rest %ld\n", what, a.mq_flags,
		    a.mq_curmsgs, a.mq_maxmsg, a.mq_msgsize, a.__pad[0] + a.__pad[3]);
}

static void receive(long q)
{
	char buf[8192];
	unsigned priority = 99;
	long n = k_receive(q, buf, sizeof buf, &priority, NULL);

	if (n < 0)
		say("receive: %s\n", strerrorname_np(errno));
	else
		say("receive: %ld bytes of priority %u: %.*s\n", n, priority, (int)n, buf);
}

static long send_text(long q, const char *text, unsigned priority)
{
	return k_send(q, text, strlen(text), priority, NULL);
}

static long queue_of(long max, long size, int flags)
{
	struct mq_attr a = { .mq_maxmsg = max, .mq_msgsize = size };

	return NEED(k_open("q", O_CREAT | O_RDWR | flags, 0600, &a));
}

CASE(open)
{
	struct mq_attr a = { .mq_maxmsg = 3, .mq_msgsize = 50 };
	char name[300];
	struct stat st;

	alone();
	umask(022);
	R(k_open("none", O_RDWR, 0, NULL));
	R(k_open("", O_CREAT | O_RDWR, 0600, NULL));
	R(k_open("/slash", O_CREAT | O_RDWR, 0600, NULL));
	R(k_open("a/b", O_CREAT | O_RDWR, 0600, NULL));
	R(k_open(".", O_CREAT | O_RDWR, 0600, NULL));
	R(k_open("..", O_CREAT | O_RDWR, 0600, NULL));
	memset(name, 'n', sizeof name);
	name[256] = 0;
	R(k_open(name, O_CREAT | O_RDWR, 0600, NULL));
	name[255] = 0;
	long q = R(k_open(name, O_CREAT | O_RDWR, 0666, NULL));
	say_attr("long", q);
	R(k_open((char *)8, O_RDWR, 0, NULL));
	R(k_open("x", O_CREAT, 0, (struct mq_attr *)8));
	q = R(k_open("x", O_CREAT | O_EXCL | O_WRONLY | O_NONBLOCK, 0666, &a));
	say_attr("new", q);
	R(fcntl((int)q, F_GETFD));
	say("F_GETFL %o\n", (unsigned)fcntl((int)q, F_GETFL) & ~0100000U);
	NEED(fstat((int)q, &st));
	say("mode %o uid %u gid %u links %lu size %ld blksize %ld\n", st.st_mode, st.st_uid,
	    st.st_gid, st.st_nlink, st.st_size, st.st_blksize);
	R(k_open("x", O_CREAT | O_EXCL | O_RDWR, 0600, NULL));
	R(k_open("x", O_ACCMODE, 0, NULL));
	long r = R(k_open("x", O_CREAT | O_RDONLY, 0, (struct mq_attr[]){ { .mq_maxmsg = -1 } }));
	say_attr("again", r);
	R(k_unlink("x"));
	R(k_unlink("x"));
	R(k_unlink("/x"));
	NEED(fstat((int)q, &st));
	say("links %lu\n", st.st_nlink);
	say_attr("unlinked", r);
	R(send_text(q, "still", 1));
	receive(r);
}

static void try_attr(long max, long size)
{
	struct mq_attr a = { .mq_maxmsg = max, .mq_msgsize = size };

	say("%ld of %ld: ", max, size);
	long q = R(k_open("try", O_CREAT | O_RDWR, 0600, &a));
	if (q >= 0) {
		close((int)q);
		k_unlink("try");
	}
}

static int limits_of_other(void *arg)
{
	struct rlimit r = { 20000, 20000 };

	become(1234);
	try_attr(10, 8192);
	try_attr(11, 8192);
	try_attr(10, 8193);
	try_attr(5, 128);
	NEED(setrlimit(RLIMIT_MSGQUEUE, &r));
	try_attr(2, 8192);
	try_attr(3, 8192);
	say("%s\n", k_open("one", O_CREAT, 0600,
			   &(struct mq_attr){ .mq_maxmsg = 1, .mq_msgsize = 8000 }) < 0
			? strerrorname_np(errno)
			: "first");
	try_attr(1, 8000);
	try_attr(2, 8000);
	R(k_unlink("one"));
	return 0;
}

CASE(limits)
{
	alone();
	try_attr(0, 1);
	try_attr(1, 0);
	try_attr(-1, 1);
	try_attr(1, 1);
	try_attr(65536, 1);
	try_attr(65537, 1);
	try_attr(1, 16777216 - 4096);
	try_attr(1, 16777217);
	in_child("other", limits_of_other, NULL);
	static const char *const files[] = { "msg_default", "msg_max", "msgsize_default",
					     "msgsize_max", "queues_max" };
	for (size_t i = 0; i < 5; i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", files[i]);
		say_file(path);
		write_file(path, "0");
		write_file(path, "20000000");
		write_file(path, "x");
		write_file(path, "200");
		say_file(path);
	}
	long q = NEED(k_open("default", O_CREAT | O_RDWR, 0600, NULL));
	say_attr("default", q);
	write_file("/proc/sys/fs/mqueue/msg_max", "3");
	q = NEED(k_open("less", O_CREAT | O_RDWR, 0600, NULL));
	say_attr("less", q);
	write_file("/proc/sys/fs/mqueue/queues_max", "2");
	R(k_open("third", O_CREAT | O_RDWR, 0600, NULL) >= 0);
	in_child("other", limits_of_other, NULL);
}

CASE(priorities)
{
	static const unsigned order[] = { 3, 1, 3, 32767, 0, 1, 3 };

	alone();
	long q = queue_of(10, 10, O_NONBLOCK);
	for (size_t i = 0; i < 7; i++) {
		char text[] = { 'a' + (char)i, 0 };
		NEED(send_text(q, text, order[i]));
	}
	say_attr("queue", q);
	for (int i = 0; i < 8; i++)
		receive(q);
}

CASE(arguments)
{
	char buf[64];
	struct timespec bad[] = { { 1, -1 }, { 1, 1000000000 }, { -1, 0 } }, past = { 0, 0 };
	struct mq_attr a = { .mq_flags = O_NONBLOCK | O_APPEND };
	unsigned priority = 5;

	alone();
	long q = queue_of(2, 10, 0), in = NEED(k_open("q", O_RDONLY, 0, NULL));
	long out = NEED(k_open("q", O_WRONLY, 0, NULL));
	int file = (int)NEED(open("/dev/null", O_RDWR));
	R(send_text(q, "0123456789a", 0));
	R(send_text(q, "x", 32768));
	R(send_text(in, "x", 0));
	R(send_text(file, "x", 0));
	R(send_text(-1, "x", 0));
	R(k_send(q, (char *)8, 3, 0, NULL));
	R(k_send(q, (char *)8, 11, 0, NULL));
	R(k_send(q, (char *)8, 0, 0, NULL));
	for (size_t i = 0; i < 3; i++) {
		R(k_send(-1, "x", 1, 0, &bad[i]));
		R(k_receive(-1, buf, 1, NULL, &bad[i]));
	}
	R(k_send(q, "x", 1, 0, (struct timespec *)8));
	R(k_send(q, "x", 1, 0, &past));
	R(k_send(q, "x", 1, 0, &past));
	R(k_receive(q, buf, 9, NULL, NULL));
	R(k_receive(out, buf, 10, NULL, NULL));
	R(k_receive(file, buf, 10, NULL, NULL));
	R(k_receive(q, buf, 10, &priority, &past));
	say("priority %u\n", priority);
	R(k_receive(q, (char *)8, 10, NULL, NULL));
	R(k_receive(q, buf, 10, NULL, &past));
	NEED(send_text(q, "abc", 7));
	R(k_receive(q, buf, 10, (unsigned *)8, NULL));
	say_attr("lost", q);
	R(k_attr(q, &a, NULL));
	a.mq_flags = O_NONBLOCK;
	R(k_attr(file, &a, NULL));
	R(k_attr(q, (struct mq_attr *)8, NULL));
	R(k_attr(q, &a, (struct mq_attr *)8));
	say_attr("now", q);
	receive(q);
	a.mq_flags = 0;
	R(k_attr(q, &a, &a));
	say("was %lo\n", a.mq_flags);
	R(read((int)out, buf, 10));
	R(write((int)q, "x", 1));
	R(lseek((int)q, 0, SEEK_END));
	R(ftruncate((int)q, 1));
	R(lseek((int)q, 0, SEEK_END));
}

static int take_one(void *arg)
{
	char buf[10];

	return k_receive(*(long *)arg, buf, sizeof buf, NULL, NULL) < 0 ? errno : buf[0];
}

static int take_one_nicely(void *arg)
{
	NEED(setpriority(PRIO_PROCESS, 0, -5));
	return take_one(arg);
}

/* Who waits longest is first, but for one of a better priority; the queue stays empty. */
CASE(waiting_receivers)
{
	alone();
	long q = queue_of(2, 10, 0);
	pid_t a = child(take_one, &q);
	until_asleep(a);
	pid_t b = child(take_one, &q);
	until_asleep(b);
	pid_t c = child(take_one_nicely, &q);
	until_asleep(c);
	NEED(send_text(q, "c", 1));
	reap("the nice one", c);
	say_attr("queue", q);
	NEED(send_text(q, "a", 1));
	reap("the first", a);
	NEED(send_text(q, "b", 1));
	reap("the second", b);
}

static int put_one(void *arg)
{
	return send_text(*(long *)arg, "w", 9) < 0 ? errno : 0;
}

static int put_another(void *arg)
{
	return send_text(*(long *)arg, "v", 1) < 0 ? errno : 0;
}

CASE(waiting_senders)
{
	alone();
	long q = queue_of(1, 10, 0);
	NEED(send_text(q, "full", 2));
	pid_t a = child(put_another, &q);
	until_asleep(a);
	pid_t b = child(put_one, &q);
	until_asleep(b);
	say_attr("queue", q);
	receive(q);
	reap("the first", a);
	say_attr("queue", q);
	receive(q);
	reap("the second", b);
	receive(q);
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	char buf[10];
	R(k_receive(q, buf, 10, NULL, &until));
	NEED(send_text(q, "full", 2));
	R(k_send(q, "x", 1, 0, &until));
}

static void on_signal(int sig)
{
	say("signal\n");
}

static int restarted(void *arg)
{
	handle(SIGUSR1, on_signal, SA_RESTART);
	receive(*(long *)arg);
	return 0;
}

static int interrupted(void *arg)
{
	handle(SIGUSR1, on_signal, 0);
	receive(*(long *)arg);
	return 0;
}

CASE(signals)
{
	alone();
	long q = queue_of(1, 10, 0);
	pid_t pid = child(restarted, &q);
	until_asleep(pid);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	until_asleep(pid);
	NEED(send_text(q, "sent", 0));
	reap("restarted", pid);
	pid = child(interrupted, &q);
	until_asleep(pid);
	kill(pid, SIGUSR1);
	reap("interrupted", pid);
}

static int as_other(void *arg)
{
	become(1234);
	for (int i = 0; i < 3; i++)
		R(k_open("q", (int[]){ O_RDONLY, O_WRONLY, O_RDWR }[i], 0, NULL) >= 0);
	R(k_unlink("q"));
	return 0;
}

CASE(rights)
{
	static const unsigned modes[] = { 0600, 0604, 0602, 0666 };

	alone();
	long q = queue_of(1, 10, 0);
	for (size_t i = 0; i < 4; i++) {
		say("mode %o\n", modes[i]);
		NEED(fchmod((int)q, modes[i]));
		in_child("other", as_other, NULL);
	}
	R(fchown((int)q, 1234, 0));
	in_child("owner", as_other, NULL);
}

/* ---- notification ---- */

static void on_message(int sig, siginfo_t *si, void *context)
{
	say("%s: code %d value %d from us %d uid %u\n", signal_name(sig), si->si_code,
	    si->si_value.sival_int, si->si_pid == getpid(), si->si_uid);
}

static void say_queue_file(long q)
{
	char buf[200] = "";
	ssize_t n = NEED(pread((int)q, buf, sizeof buf - 1, 0));
	char *pid = strstr(buf, "NOTIFY_PID:");

	say("%zd bytes: %.*s", n, (int)(pid - buf), buf);
	say("told: %s\n", atoi(pid + 11) == getpid() ? "us" : atoi(pid + 11) ? "another" : "none");
}

static int notify_other(void *arg)
{
	struct sigevent e = { .sigev_notify = SIGEV_NONE };

	R(k_notify(*(long *)arg, &e));
	R(k_notify(*(long *)arg, NULL));
	return 0;
}

CASE(notify)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL,
			      .sigev_signo = SIGRTMIN + 3,
			      .sigev_value.sival_int = 1234 };

	alone();
	long q = queue_of(3, 100, O_NONBLOCK);
	handle_info(SIGRTMIN + 3, on_message, 0);
	R(k_notify(q, &e));
	R(k_notify(q, &e));
	say_queue_file(q);
	in_child("other", notify_other, &q);
	R(send_text(q, "first", 1));
	say_queue_file(q);
	R(k_notify(q, &e));
	R(send_text(q, "second", 1));
	receive(q);
	receive(q);
	R(send_text(q, "third", 1));
	receive(q);
	R(k_notify(q, &e));
	R(k_notify(q, NULL));
	R(k_notify(q, NULL));
	R(send_text(q, "fourth", 1));
	receive(q);
	R(k_notify(q, &e));
	long other = NEED(k_open("q", O_RDONLY, 0, NULL));
	R(close((int)other));
	say_queue_file(q);
	e.sigev_signo = 65;
	R(k_notify(q, &e));
	e.sigev_signo = -1;
	R(k_notify(q, &e));
	e.sigev_signo = 0;
	R(k_notify(q, &e));
	say_queue_file(q);
	R(send_text(q, "fifth", 1));
	e.sigev_notify = 77;
	R(k_notify(q, &e));
	R(k_notify(1, NULL));
	R(k_notify(q, (struct sigevent *)8));
}

static int waits_and_ends(void *arg)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	R(k_notify(*(long *)arg, &e));
	return 0;
}

/* Who is told and ends is told no more; nor is anybody while a receiver waits. */
CASE(notify_ends)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };

	alone();
	handle_info(SIGUSR2, on_message, 0);
	long q = queue_of(3, 10, O_NONBLOCK), block = NEED(k_open("q", O_RDWR, 0, NULL));
	in_child("other", waits_and_ends, &q);
	say_queue_file(q);
	R(k_notify(q, &e));
	pid_t a = child(take_one, &block);
	until_asleep(a);
	NEED(send_text(q, "m", 1));
	reap("receiver", a);
	say_queue_file(q);
	NEED(send_text(q, "n", 1));
	say_queue_file(q);
}

CASE(notify_cookie)
{
	char cookie[32], got[64] = "";
	struct sigevent e = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_ptr = cookie };

	alone();
	long q = queue_of(3, 10, O_NONBLOCK);
	for (int i = 0; i < 32; i++)
		cookie[i] = (char)('a' + i % 26);
	int s = (int)NEED(socket(AF_NETLINK, SOCK_RAW, 0));
	int other = (int)NEED(socket(AF_UNIX, SOCK_DGRAM, 0));
	e.sigev_signo = -1;
	R(k_notify(q, &e));
	e.sigev_signo = (int)q;
	R(k_notify(q, &e));
	e.sigev_signo = other;
	R(k_notify(q, &e));
	e.sigev_signo = s;
	e.sigev_value.sival_ptr = (void *)8;
	R(k_notify(q, &e));
	e.sigev_value.sival_ptr = cookie;
	R(k_notify(1, &e));
	R(k_notify(q, &e));
	struct pollfd p = { s, POLLIN, 0 };
	R(poll(&p, 1, 0));
	R(recv(s, got, sizeof got, MSG_DONTWAIT));
	NEED(send_text(q, "x", 1));
	R(poll(&p, 1, 0));
	R(recv(s, got, sizeof got, MSG_DONTWAIT));
	say("%.31s %d\n", got, got[31]);
	R(recv(s, got, sizeof got, MSG_DONTWAIT));
	receive(q);
	R(k_notify(q, &e));
	R(k_notify(q, NULL));
	R(recv(s, got, 10, MSG_TRUNC));
	R(k_notify(q, &e));
	R(close((int)q));
	R(recv(s, got, sizeof got, 0));
	say("%.31s %d\n", got, got[31]);
}

static struct baton told;

static void in_thread(union sigval v)
{
	say("told of %d\n", v.sival_int);
	give(&told);
}

/* As the C library does it: a thread waits for the cookie in recv(2). */
CASE(notify_thread)
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD,
			      .sigev_notify_function = in_thread,
			      .sigev_value.sival_int = 42 };

	alone();
	told = baton_new();
	long q = queue_of(3, 10, O_NONBLOCK);
	for (int i = 0; i < 2; i++) {
		R(mq_notify((mqd_t)q, &e));
		NEED(send_text(q, "x", 1));
		take(&told);
		receive(q);
	}
}

/* ---- readiness ---- */

static void say_poll(const char *what, long q)
{
	struct pollfd p = { (int)q, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLPRI, 0 };
	fd_set in, out;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET((int)q, &in);
	FD_SET((int)q, &out);
	poll(&p, 1, 0);
	select((int)q + 1, &in, &out, NULL, &(struct timeval){ 0 });
	say("%s: %x in %d out %d\n", what, (unsigned)p.revents, FD_ISSET((int)q, &in),
	    FD_ISSET((int)q, &out));
}

static int send_later(void *arg)
{
	until_asleep(getppid());
	return send_text(*(long *)arg, "x", 1) < 0;
}

CASE(readiness)
{
	alone();
	long q = queue_of(2, 10, O_NONBLOCK);
	say_poll("empty", q);
	NEED(send_text(q, "1", 1));
	say_poll("one", q);
	NEED(send_text(q, "2", 1));
	say_poll("full", q);
	R(send_text(q, "3", 1));
	receive(q);
	receive(q);
	struct pollfd p = { (int)q, POLLIN, 0 };
	pid_t a = child(send_later, &q);
	R(poll(&p, 1, -1));
	reap("sender", a);
	receive(q);
	int e = (int)NEED(epoll_create1(0));
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	NEED(epoll_ctl(e, EPOLL_CTL_ADD, (int)q, &ev));
	a = child(send_later, &q);
	R(epoll_wait(e, &ev, 1, -1));
	reap("sender", a);
	say("%x\n", ev.events);
	R(epoll_wait(e, &ev, 1, 0));
}

/* ---- the file system ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path)
{
	struct dirent **names;
	int n = (int)NEED(scandir(path, &names, NULL, by_name));

	for (int i = 0; i < n; i++)
		say("%s %d, ", names[i]->d_name, names[i]->d_type);
	say("\n");
}

static void say_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		say("%s: %s\n", path, strerrorname_np(errno));
	else
		say("%s: mode %o uid %u links %lu size %ld\n", path, st.st_mode, st.st_uid,
		    st.st_nlink, st.st_size);
}

CASE(mounted)
{
	struct statfs sf;
	char name[64], target[64] = "";

	alone();
	NEED(unshare(CLONE_NEWNS));
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	NEED(mkdir("m", 0755));
	long q = queue_of(3, 10, O_NONBLOCK);
	R(mount("none", "m", "mqueue", 0, "bad=1"));
	R(mount("none", "m", "mqueue", 0, NULL));
	umask(022);
	list("m");
	say_stat("m");
	say_stat("m/q");
	say_stat("m/none");
	NEED(statfs("m", &sf));
	say("type %lx bsize %ld namelen %ld files %lu\n", sf.f_type, sf.f_bsize, sf.f_namelen,
	    sf.f_files);
	NEED(send_text(q, "12345", 3));
	say_file("m/q");
	long by_path = R(open("m/q", O_RDWR));
	say_attr("by path", by_path);
	receive(by_path);
	long made = NEED(open("m/made", O_CREAT | O_RDWR, 0666));
	say_attr("made", made);
	R(k_open("made", O_RDWR, 0, NULL) >= 0);
	R(mkdir("m/dir", 0700));
	R(rename("m/made", "m/other"));
	R(link("m/made", "m/other"));
	R(symlink("x", "m/link"));
	R(mknod("m/fifo", S_IFIFO | 0600, 0));
	R(truncate("m/made", 0));
	list("m");
	say_stat("m");
	R(chmod("m/made", 0640));
	R(chown("m/made", 5, 6));
	say_stat("m/made");
	snprintf(name, sizeof name, "/proc/self/fd/%ld", q);
	NEED(readlink(name, target, sizeof target - 1));
	say("%s\n", target);
	R(unlink("m/q"));
	R(k_open("q", O_RDWR, 0, NULL));
	NEED(k_open("new", O_CREAT, 0600, NULL));
	list("m");
	NEED(mkdir("n", 0755));
	R(mount("none", "n", "mqueue", 0, NULL));
	list("n");
	NEED(unshare(CLONE_NEWIPC));
	list("m");
	R(k_open("new", O_RDWR, 0, NULL));
	R(open("m/late", O_CREAT | O_RDWR, 0600) >= 0);
	R(unlink("m/new"));
	NEED(mkdir("o", 0755));
	R(mount("none", "o", "mqueue", 0, NULL));
	list("o");
	R(umount("o"));
	R(umount("n"));
	R(umount("m"));
	rmdir("m");
	rmdir("n");
	rmdir("o");
}

/* With the last descriptor or the last name, whichever comes later, what a user may have of queues
 * is given back. */
static int gives_back(void *arg)
{
	struct mq_attr a = { .mq_maxmsg = 8, .mq_msgsize = 8192 };
	struct rlimit r = { 100000, 100000 };

	become(1234);
	NEED(setrlimit(RLIMIT_MSGQUEUE, &r));
	for (int i = 0; i < 3; i++) {
		long q = NEED(k_open("mine", O_CREAT | O_RDWR, 0600, &a));
		NEED(send_text(q, "left", 1));
		NEED(k_unlink("mine"));
		R(k_open("mine", O_CREAT | O_RDWR, 0600, &a));
		close((int)q);
	}
	return 0;
}

CASE(given_back)
{
	alone();
	in_child("user", gives_back, NULL);
}
