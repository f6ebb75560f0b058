/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper has one end of a socket pair. A request is three numbers and an end of another pair,
 * over which the answer comes: so threads need no lock among them, whoever gives up leaves nothing
 * for the next one to mistake for its own, and the death of the helper is the end of that pair.
 */
#include "host/netns.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "host/hostcall.h"
#include "host/orphan.h"
#include "host/wait.h"
#include "util/words.h"

#define PAIR (SOCK_SEQPACKET | SOCK_CLOEXEC)

struct netns {
	int fd;      /* to the helper */
	int traffic; /* its /proc/net/dev; -1: the host does not tell */
};

struct request {
	int family, type, protocol;
};

/* One message with at most one descriptor (-1: none), which stays the sender's. Bytes or -errno. */
static long send_one(int to, const void *data, size_t len, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof fd)];
	} u;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		u.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd),
					   .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&u.head), &fd, sizeof fd);
		m.msg_control = &u;
		m.msg_controllen = sizeof u;
	}
	return host_call(SYS_sendmsg, to, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* *fd: the descriptor that came along, or -1. Bytes, 0 at the end, or -errno. */
static long receive_one(int from, void *data, size_t len, int *fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof *fd)];
	} u;
	struct iovec iov = { data, len };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof u
	};
	long n = host_call(SYS_recvmsg, from, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof *fd))
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return n;
}

/* ---- the helper: in a forked process of a program with threads, system calls alone ---- */

static int lo_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s = (int)host_call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s < 0)
		return s;
	int err = (int)host_call(SYS_ioctl, s, SIOCSIFFLAGS, &r);
	syscall(SYS_close, s);
	return err;
}

static int drop_rights(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	int err = (int)host_call(SYS_capset, &head, none);

	if (!err)
		err = (int)host_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return err ? err : (int)host_call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static bool may_be_made(const struct request *r)
{
	if (r->family == AF_NETLINK)
		return r->type == SOCK_RAW && r->protocol == NETLINK_SOCK_DIAG;
	return (r->family == AF_INET || r->family == AF_INET6) &&
	       (r->type == SOCK_STREAM || r->type == SOCK_DGRAM);
}

static void answer(int to, const struct request *r)
{
	const int type = r->type | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int s = may_be_made(r) ? (int)host_call(SYS_socket, r->family, type, r->protocol) : -EPERM;

	send_one(to, &s, sizeof s, s);
	if (s >= 0)
		syscall(SYS_close, s);
}

static void helper_main(void *arg)
{
	int fd = *(int *)arg, to;
	struct request r;
	long n;

	orphan_keep(fd, fd);
	int err = lo_up();
	int dev = (int)host_call(SYS_openat, AT_FDCWD, "/proc/self/net/dev", O_RDONLY | O_CLOEXEC);
	if (!err)
		err = drop_rights();
	send_one(fd, &err, sizeof err, dev);
	if (dev >= 0)
		syscall(SYS_close, dev);
	while (!err && (n = receive_one(fd, &r, sizeof r, &to)) != 0) {
		if (n == sizeof r && to >= 0)
			answer(to, &r);
		if (to >= 0)
			syscall(SYS_close, to);
		err = n < 0 && n != -EINTR;
	}
}

/* ---- the monitor ---- */

static int start_helper(int pair[2])
{
	unsigned long flags = CLONE_NEWNET;
	int err = orphan_start_alone(flags, helper_main, &pair[1], sizeof pair[1]);

	/* What root may do anywhere, others may do in a user namespace of their own. */
	return err == -EPERM ? orphan_start_alone(flags | CLONE_NEWUSER, helper_main, &pair[1],
						  sizeof pair[1])
			     : err;
}

int netns_new(struct netns **out)
{
	struct netns *ns = malloc(sizeof *ns);
	int pair[2], ready = -EIO;

	if (!ns)
		return -ENOMEM;
	int err = (int)host_ret(socketpair(AF_UNIX, PAIR, 0, pair));
	if (err) {
		free(ns);
		return err;
	}
	err = start_helper(pair);
	host_close(pair[1]);
	ns->fd = pair[0];
	ns->traffic = -1;
	if (!err)
		err = receive_one(pair[0], &ready, sizeof ready, &ns->traffic) == sizeof ready
			  ? ready
			  : -EIO;
	if (err)
		netns_free(ns);
	else
		*out = ns;
	return err;
}

void netns_free(struct netns *ns)
{
	if (!ns)
		return;
	host_close(ns->fd);
	if (ns->traffic >= 0)
		host_close(ns->traffic);
	free(ns);
}

/* Two lines of titles, and then one of lo alone: bytes and packets received, and more. */
void netns_traffic(const struct netns *ns, uint64_t *packets, uint64_t *bytes)
{
	char text[1024];
	long n =
	    ns->traffic < 0 ? -1 : host_call(SYS_pread64, ns->traffic, text, sizeof text - 1, 0L);

	text[n > 0 ? n : 0] = '\0';
	const char *lo = strstr(text, "lo:");
	*bytes = *packets = 0;
	if (lo && !(word_number(lo + 3, 0, 10, bytes) && word_number(lo + 3, 1, 10, packets)))
		*bytes = *packets = 0;
}

/* The helper ends the pair when it has closed its own descriptor of the socket. Until then a close
 * of ours would leave the socket open, and its port busy. */
static int wait_alone(int from, struct sleeper *s)
{
	int none, r;

	return sleeper_wait_readable(s, from) ? -EINTR
					      : (int)receive_one(from, &r, sizeof r, &none);
}

static int take_answer(int from, struct sleeper *s)
{
	int fd, r;

	if (sleeper_wait_readable(s, from))
		return -EINTR;
	if (receive_one(from, &r, sizeof r, &fd) != sizeof r)
		return -ENETDOWN;
	if (r < 0)
		return r;
	if (fd < 0)
		return -EMFILE; /* it was made, and we have no room for it */
	int err = wait_alone(from, s);
	if (err)
		host_close(fd);
	return err ? err : fd;
}

int netns_socket(const struct netns *ns, struct sleeper *s, int family, int type, int protocol)
{
	const struct request r = { family, type, protocol };
	int pair[2];

	int err = (int)host_ret(socketpair(AF_UNIX, PAIR, 0, pair));
	if (err)
		return err;
	long n = send_one(ns->fd, &r, sizeof r, pair[1]);
	host_close(pair[1]);
	int fd = n >= 0         ? take_answer(pair[0], s)
		 : n == -EAGAIN ? -ENOBUFS
		 : n == -EPIPE  ? -ENETDOWN
				: (int)n;
	host_close(pair[0]);
	return fd;
}
