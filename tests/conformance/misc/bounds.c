/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux bounds by user: tasks, pages of pipes, descriptors in messages; and many terminals. */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "case.h"

/* A user nobody else is, with a limit of its own. */
static void become(uid_t uid, int resource, rlim_t limit)
{
	struct rlimit r = { limit, limit };

	need_root();
	NEED(setrlimit(resource, &r));
	NEED(setresuid(uid, uid, uid));
}

static pid_t sleeping_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void kill_and_reap(pid_t pid)
{
	NEED(kill(pid, SIGKILL));
	NEED(waitpid(pid, NULL, 0));
}

static int other_user(void *arg)
{
	become(61201, RLIMIT_NPROC, 3);
	pid_t one = sleeping_child(), two = sleeping_child();

	say("one %d two %d\n", one > 0, two > 0);
	OK(fork());
	kill_and_reap(two);
	two = sleeping_child();
	say("after one ended %d\n", two > 0);
	kill_and_reap(one);
	kill_and_reap(two);
	return 0;
}

/* Others' processes do not count. */
CASE(nproc_counts_the_users_own)
{
	pid_t others[5];

	need_root();
	for (int i = 0; i < 5; i++)
		others[i] = sleeping_child();
	in_child("user", other_user, NULL);
	for (int i = 0; i < 5; i++)
		kill_and_reap(others[i]);
}

static int zombie_counts(void *arg)
{
	siginfo_t si;

	become(61202, RLIMIT_NPROC, 2);
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	NEED(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	OK(fork());
	NEED(waitpid(pid, NULL, 0));
	pid = fork();
	if (pid == 0)
		_exit(0);
	say("after the wait %d\n", pid > 0);
	NEED(waitpid(pid, NULL, 0));
	return 0;
}

CASE(nproc_counts_zombies)
{
	in_child("user", zombie_counts, NULL);
}

static struct baton hold;

static void *held(void *arg)
{
	take(&hold);
	return NULL;
}

static int thread_counts(void *arg)
{
	pthread_t a, b;

	hold = baton_new();
	become(61203, RLIMIT_NPROC, 2);
	Z(pthread_create(&a, NULL, held, NULL));
	Z(pthread_create(&b, NULL, held, NULL));
	OK(fork());
	give(&hold);
	Z(pthread_join(a, NULL));
	return 0;
}

CASE(nproc_counts_threads)
{
	in_child("user", thread_counts, NULL);
}

static int root_again(void *arg)
{
	struct rlimit r = { 1, 1 };

	NEED(setrlimit(RLIMIT_NPROC, &r));
	/* root forks above its limit; a user it becomes is counted anew */
	in_child("child", zombie_counts, NULL);
	return 0;
}

CASE(nproc_does_not_bind_root)
{
	need_root();
	in_child("root", root_again, NULL);
}

/* pipe(7): /proc/sys/fs/pipe-user-pages-soft, 16,384 pages */
static int pipe_pages(void *arg)
{
	int p[2], n = 0;

	become(61204, RLIMIT_NOFILE, 400);
	for (; n < 150; n++) {
		NEED(pipe(p));
		if (fcntl(p[1], F_SETPIPE_SZ, 1 << 20) < 0)
			break;
	}
	say("%d large pipes, then %s\n", n, strerrorname_np(errno));
	V(fcntl(p[1], F_GETPIPE_SZ));
	V(fcntl(p[1], F_SETPIPE_SZ, 8192));
	R(pipe(p));
	V(fcntl(p[1], F_GETPIPE_SZ));
	V(fcntl(p[1], F_SETPIPE_SZ, 65536));
	V(fcntl(p[1], F_SETPIPE_SZ, 4096));
	return 0;
}

CASE(pipe_user_pages)
{
	in_child("user", pipe_pages, NULL);
}

CASE(pipe_largest)
{
	int p[2];

	need_root();
	NEED(pipe(p));
	V(fcntl(p[1], F_SETPIPE_SZ, 1 << 28) > 0);
	R(fcntl(p[1], F_SETPIPE_SZ, 1 << 30));
	R(fcntl(p[1], F_SETPIPE_SZ, 1U << 31));
}

static long send_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof fd);
	return sendmsg(to, &m, MSG_DONTWAIT);
}

static int files_in_flight(void *arg)
{
	int s[2], n = 0;
	char b;

	become(61205, RLIMIT_NOFILE, 20);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	while (n < 100 && send_fd(s[0], 0) == 1)
		n++;
	say("%d, then %s\n", n, strerrorname_np(errno));
	NEED(read(s[1], &b, 1));
	R(send_fd(s[0], 0));
	NEED(read(s[1], &b, 1));
	R(send_fd(s[0], 0));
	R(send_fd(s[0], 0));
	return 0;
}

CASE(descriptors_in_flight)
{
	in_child("user", files_in_flight, NULL);
}

/* Sockets in sockets in sockets: closing the last frees all, and no step looks at all of them. */
CASE(sockets_in_sockets)
{
	int at = -1, s[2], p[2];
	char b;

	need_root(); /* more in flight than an ordinary user may have open */
	NEED(pipe(p));
	for (int i = 0; i < 3000; i++) {
		NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
		NEED(send_fd(s[0], at < 0 ? p[1] : at));
		if (at >= 0)
			close(at);
		close(s[0]);
		at = s[1];
	}
	close(p[1]);
	close(at);
	R(read(p[0], &b, 1));
}

/* The same with its end sent to itself: only a collection frees it. */
CASE(socket_ring)
{
	int s[50][2], p[2], other[2];
	char b;

	NEED(pipe(p));
	for (int i = 0; i < 50; i++)
		NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, s[i]));
	for (int i = 0; i < 50; i++)
		NEED(send_fd(s[i][0], s[(i + 1) % 50][1]));
	NEED(send_fd(s[0][0], p[1]));
	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, other));
	for (int i = 0; i < 50; i++) {
		close(s[i][0]);
		close(s[i][1]);
	}
	close(p[1]);
	close(other[0]);
	close(other[1]);
	R(read(p[0], &b, 1));
}

static int terminal(void)
{
	return posix_openpt(O_RDWR | O_NOCTTY);
}

/* Names that look like a terminal's are none. */
CASE(terminals_many)
{
	int fd[500], n = 0;

	while (n < 500 && (fd[n] = terminal()) >= 0)
		n++;
	V(n);
	V(access(ptsname(fd[n - 1]), F_OK));
	R(access("/dev/pts/00", F_OK));
	R(access("/dev/pts/x", F_OK));
	R(access("/dev/pts/99999999999", F_OK));
}

/* ---- files in memory: as many as half of the memory has pages (tmpfs(5)) ---- */

CASE(files_in_memory)
{
	char dir[] = "/dev/shm/bounds-XXXXXX", name[64];
	int made = 0;

	if (!mkdtemp(dir))
		return;
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "%s/%d", dir, i);
		made += mknod(name, S_IFREG | 0600, 0) == 0;
	}
	V(made);
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "%s/%d", dir, i);
		unlink(name);
	}
	made = rmdir(dir);
	V(made);
}
