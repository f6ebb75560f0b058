/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp_unotify(2): calls that somebody else answers. */
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "seccomp_case.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define LISTENER SECCOMP_FILTER_FLAG_NEW_LISTENER

/* ---- a child under a filter, and its listener here ---- */

struct watched {
	pid_t pid;
	int listener;
};

static void send_fd(int to, int fd)
{
	char space[CMSG_SPACE(sizeof fd)] = { 0 }, c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = space,
			    .msg_controllen = sizeof space };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(h), &fd, sizeof fd);
	NEED(sendmsg(to, &m, 0));
}

static int receive_fd(int from)
{
	char space[CMSG_SPACE(sizeof(int))], c;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = space,
			    .msg_controllen = sizeof space };
	int fd;

	NEED(recvmsg(from, &m, MSG_CMSG_CLOEXEC));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

static struct watched watch_with(unsigned flags, int (*fn)(void *), void *arg)
{
	struct watched w;
	int s[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	w.pid = (pid_t)NEED(fork());
	if (w.pid == 0) {
		NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		int fd = (int)NEED(on_call(LISTENER | flags, SYS_getpgid, SECCOMP_RET_USER_NOTIF));
		send_fd(s[1], fd);
		close(fd);
		_exit(fn(arg));
	}
	close(s[1]);
	w.listener = receive_fd(s[0]);
	close(s[0]);
	return w;
}

static struct watched watch(int (*fn)(void *), void *arg)
{
	return watch_with(0, fn, arg);
}

static struct seccomp_notif receive(const struct watched *w)
{
	struct seccomp_notif n = { 0 };

	NEED(ioctl(w->listener, SECCOMP_IOCTL_NOTIF_RECV, &n));
	say("  nr %d arch 0x%x arg %lld %lld flags %u its own %d\n", n.data.nr, n.data.arch,
	    (long long)n.data.args[0], (long long)n.data.args[1], n.flags, (pid_t)n.pid == w->pid);
	return n;
}

static long respond(const struct watched *w, uint64_t id, int error, int64_t val, unsigned flags)
{
	struct seccomp_notif_resp r = { id, val, error, flags };

	return ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

static void say_ready(const char *when, int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0 };
	int n = poll(&p, 1, 0);

	say("  %s: %d 0x%x\n", when, n, p.revents);
}

static int calls(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++)
		R(syscall(SYS_getpgid, -5, i));
	return 3;
}

CASE(answers)
{
	int n = 7;
	struct watched w = watch(calls, &n);

	NEED(respond(&w, receive(&w).id, 0, 1234, 0));
	NEED(respond(&w, receive(&w).id, -EXDEV, 0, 0));
	NEED(respond(&w, receive(&w).id, -EXDEV, 5, 0));
	NEED(respond(&w, receive(&w).id, 77, 0, 0));
	NEED(respond(&w, receive(&w).id, -512, 0, 0));
	NEED(respond(&w, receive(&w).id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	uint64_t id = receive(&w).id;
	R(respond(&w, id, 0, 1, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	R(respond(&w, id, -1, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	R(respond(&w, id, 0, 1, 2));
	R(respond(&w, id + 1, 0, 1, 0));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	R(ioctl(w.listener, SECCOMP_IOR(2, __u64), &id));
	id++;
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	NEED(respond(&w, id - 1, 0, 9, 0));
	reap("child", w.pid);
	id--;
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	R(respond(&w, id, 0, 1, 0));
}

CASE(readiness)
{
	int n = 1;
	struct watched w = watch(calls, &n);
	struct pollfd p = { w.listener, POLLIN, 0 };

	V(poll(&p, 1, -1));
	say_ready("asked", w.listener);
	uint64_t id = receive(&w).id;
	say_ready("received", w.listener);
	NEED(respond(&w, id, 0, 1, 0));
	reap("child", w.pid);
	say_ready("ended", w.listener);
	struct seccomp_notif out = { 0 };
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, &out));
}

CASE(arguments)
{
	int n = 1;
	struct watched w = watch(calls, &n);
	struct seccomp_notif out = { .id = 1 };
	char c, name[64], link[64] = "";

	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, &out));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, NULL));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_SEND, NULL));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, NULL));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 2));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 0));
	R(ioctl(w.listener, SECCOMP_IO(3), NULL));
	R(ioctl(w.listener, SECCOMP_IO(9), NULL));
	R(read(w.listener, &c, 1));
	R(write(w.listener, &c, 1));
	R(lseek(w.listener, 0, SEEK_SET));
	V(fcntl(w.listener, F_GETFL));
	V(fcntl(w.listener, F_GETFD));
	snprintf(name, sizeof name, "/proc/self/fd/%d", w.listener);
	R(readlink(name, link, sizeof link - 1));
	say("%s\n", link);
	NEED(respond(&w, receive(&w).id, 0, 2, 0));
	reap("child", w.pid);
}

/* Without its listener a call is one that there is not. */
CASE(listener_gone)
{
	int n = 2;
	struct watched w = watch(calls, &n);

	receive(&w);
	close(w.listener);
	reap("child", w.pid);
}

CASE(listener_gone_before)
{
	int n = 1;
	struct watched w = watch(calls, &n);
	struct pollfd p = { w.listener, POLLIN, 0 };

	V(poll(&p, 1, -1));
	close(w.listener);
	reap("child", w.pid);
}

static int second_listener(void *arg)
{
	R(on_call(LISTENER, SYS_getpriority, SECCOMP_RET_USER_NOTIF));
	R(on_call(0, SYS_getpriority, SECCOMP_RET_USER_NOTIF));
	R(syscall(SYS_getpriority, 9, 0));
	return 0;
}

CASE(second_listener)
{
	struct watched w = watch(second_listener, NULL);

	reap("child", w.pid);
}

/* ---- signals ---- */

static void on_alarm(int sig)
{
	say("  a signal\n");
}

static int interrupted(void *arg)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = arg ? SA_RESTART : 0 };

	sigaction(SIGUSR1, &sa, NULL);
	R(syscall(SYS_getpgid, -5));
	return 3;
}

/* A call that a signal interrupts is not there any more; one made again is another. */
CASE(interruption)
{
	struct watched w = watch(interrupted, NULL);
	uint64_t id = receive(&w).id;

	kill(w.pid, SIGUSR1);
	reap("child", w.pid);
	R(respond(&w, id, 0, 1, 0));
}

CASE(interruption_and_restart)
{
	struct watched w = watch(interrupted, &w);
	uint64_t id = receive(&w).id;

	kill(w.pid, SIGUSR1);
	uint64_t again = receive(&w).id;
	V(again - id);
	R(respond(&w, id, 0, 1, 0));
	NEED(respond(&w, again, 0, 2, 0));
	reap("child", w.pid);
}

/* Only its end interrupts what was received. */
CASE(killable)
{
	struct watched w = watch_with(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, interrupted, NULL);
	uint64_t id = receive(&w).id;

	kill(w.pid, SIGUSR1);
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	NEED(respond(&w, id, 0, 5, 0));
	reap("child", w.pid);
}

CASE(killed)
{
	for (unsigned flags = 0; flags < 2; flags++) {
		struct watched w = watch_with(flags ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0,
					      interrupted, NULL);
		uint64_t id = receive(&w).id;
		kill(w.pid, SIGKILL);
		reap("child", w.pid);
		R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
		say_ready("ended", w.listener);
	}
}

static void *interrupts(void *arg)
{
	pthread_t *main = arg;

	while (state_of_thread(getpid()) != 'S')
		sched_yield();
	pthread_kill(*main, SIGUSR1);
	return NULL;
}

static int waits(void *arg)
{
	take(arg);
	return 0;
}

CASE(receiving_interrupted)
{
	struct baton go = baton_new();
	struct sigaction sa = { .sa_handler = on_alarm };
	struct seccomp_notif out = { 0 };
	pthread_t main = pthread_self(), th;
	struct watched w = watch(waits, &go);

	sigaction(SIGUSR1, &sa, NULL);
	MUST(pthread_create(&th, NULL, interrupts, &main));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, &out));
	MUST(pthread_join(th, NULL));
	give(&go);
	reap("child", w.pid);
}

/* ---- descriptors for it ---- */

static int uses_fd(void *arg)
{
	char buf[16] = "";
	int spare = (int)NEED(open("/dev/null", O_RDONLY));
	long fd = syscall(SYS_getpgid, -5, spare);

	say("  got %ld %s\n", fd, fd < 0 ? strerrorname_np(errno) : "");
	for (int i = 3; i < 32; i++) {
		if (fcntl(i, F_GETFD) == -1)
			continue;
		ssize_t n = pread(i, buf, sizeof buf - 1, 0);
		say("  %d: cloexec %d, %.*s\n", i, fcntl(i, F_GETFD), n > 0 ? (int)n : 0, buf);
	}
	return 0;
}

static long add(const struct watched *w, uint64_t id, unsigned flags, int src, unsigned at,
		unsigned fd_flags)
{
	struct seccomp_notif_addfd a = { .id = id,
					 .flags = flags,
					 .srcfd = (unsigned)src,
					 .newfd = at,
					 .newfd_flags = fd_flags };

	return ioctl(w->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
}

CASE(descriptors)
{
	put_file("a", "text a");
	put_file("b", "text b");
	int a = (int)NEED(open("a", O_RDONLY | O_CLOEXEC)),
	    b = (int)NEED(open("b", O_RDONLY | O_CLOEXEC));
	struct watched w = watch(uses_fd, NULL);
	struct seccomp_notif n = receive(&w);
	struct seccomp_notif_addfd big[100] = { { .id = n.id, .srcfd = (unsigned)a } };

	R(add(&w, n.id, 0, a, 5, 0));
	R(add(&w, n.id, 4, a, 0, 0));
	R(add(&w, n.id, 0, a, 0, O_NONBLOCK));
	R(add(&w, n.id, 0, 99, 0, 0));
	R(add(&w, n.id + 1, 0, a, 0, 0));
	R(add(&w, n.id, SECCOMP_ADDFD_FLAG_SETFD, a, 1U << 30, 0));
	R(ioctl(w.listener, SECCOMP_IOW(3, char[20]), big));
	R(ioctl(w.listener, SECCOMP_IOW(3, char[4096]), big));
	R(ioctl(w.listener, SECCOMP_IOW(3, char[100]), NULL));
	R(add(&w, n.id, SECCOMP_ADDFD_FLAG_SETFD, a, 20, O_CLOEXEC));
	R(add(&w, n.id, SECCOMP_ADDFD_FLAG_SETFD, b, (unsigned)n.data.args[1], 0));
	R(ioctl(w.listener, SECCOMP_IOW(3, char[100]), big));
	big[1].id = 1;
	R(ioctl(w.listener, SECCOMP_IOW(3, char[100]), big));
	R(add(&w, n.id, 0, b, 0, O_CLOEXEC));
	NEED(add(&w, n.id, SECCOMP_ADDFD_FLAG_SEND | SECCOMP_ADDFD_FLAG_SETFD, a, 25, 0));
	reap("child", w.pid);
	R(add(&w, n.id, 0, a, 0, 0));
}

CASE(descriptor_that_does_not_fit)
{
	struct watched w = watch(uses_fd, NULL);
	struct seccomp_notif n = receive(&w);

	NEED(prlimit(w.pid, RLIMIT_NOFILE, &(struct rlimit){ 3, 3 }, NULL));
	R(add(&w, n.id, SECCOMP_ADDFD_FLAG_SEND, 0, 0, 0));
	R(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id));
	NEED(respond(&w, n.id, -ENOTTY, 0, 0));
	reap("child", w.pid);
}

CASE(not_received_yet)
{
	int n = 1;
	struct watched w = watch(calls, &n);
	struct pollfd p = { w.listener, POLLIN, 0 };
	struct seccomp_notif out;

	V(poll(&p, 1, -1));
	memset(&out, 0, sizeof out);
	NEED(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, &out));
	NEED(respond(&w, out.id, 0, 1, 0));
	reap("child", w.pid);
}

/* ---- threads and children ---- */

static void *one_call(void *arg)
{
	long r = syscall(SYS_getpgid, -5, 10);

	*(long *)arg = r;
	return NULL;
}

static int with_threads(void *arg)
{
	pthread_t th[4];
	long got[4], sum = 0;

	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&th[i], NULL, one_call, &got[i]));
	for (int i = 0; i < 4; i++) {
		MUST(pthread_join(th[i], NULL));
		sum += got[i];
	}
	say("  sum %ld\n", sum);
	return 0;
}

CASE(threads)
{
	struct watched w = watch(with_threads, NULL);
	struct seccomp_notif n[4];

	for (int i = 0; i < 4; i++) {
		memset(&n[i], 0, sizeof n[i]);
		NEED(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, &n[i]));
	}
	for (int i = 3; i >= 0; i--)
		NEED(respond(&w, n[i].id, 0, 1 << i, 0));
	reap("child", w.pid);
}

static int forks(void *arg)
{
	int n = 1;

	reap("grandchild", child(calls, &n));
	return 0;
}

CASE(grandchild)
{
	struct watched w = watch(forks, NULL);
	struct seccomp_notif n = { 0 };

	NEED(ioctl(w.listener, SECCOMP_IOCTL_NOTIF_RECV, &n));
	say("another %d\n", (pid_t)n.pid != w.pid);
	NEED(respond(&w, n.id, 0, 99, 0));
	reap("child", w.pid);
	say_ready("ended", w.listener);
}
