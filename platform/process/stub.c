/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/process/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stub_symbols.h"

union fd_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

/* What the last owner's orders were is nobody's business; what the stub receives orders with must lie where its guest
 * can not write. */
void stub_page_set(struct stub *st, char *page)
{
	const struct msghdr m = { .msg_iov = (void *)STUB_IOV_ADDR,
				  .msg_iovlen = 1,
				  .msg_control = (void *)(STUB_SCRATCH + 128) };
	_Static_assert(STUB_COMMAND + COMMAND_MSGHDR + offsetof(struct msghdr, msg_controllen) == STUB_SCRATCH,
		       "layout.h");

	memset(page, 0, PAGE_SIZE);
	memcpy(page + COMMAND_MSGHDR, &m, offsetof(struct msghdr, msg_controllen));
	st->page = page;
}

static int order(struct stub *st, int pass)
{
	char byte = 0;
	union fd_control control;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (pass >= 0) {
		memset(&control, 0, sizeof control);
		control.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), &pass, sizeof pass);
		m.msg_control = &control;
		m.msg_controllen = sizeof control;
	}
	do {
		n = sendmsg(st->socket, &m, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -EIO : 0;
}

/* One message of the stub's: its length, 0 or less when it is gone. *passes: it had a descriptor, which is in *fd, or
 * -1 when there was no room for it. */
static ssize_t answer(struct stub *st, void *buf, size_t size, bool *passes, int *fd)
{
	union fd_control control;
	struct iovec iov = { buf, size };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	ssize_t n;

	do {
		n = recvmsg(st->socket, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	*fd = -1;
	*passes = n > 0 && (c || m.msg_flags & MSG_CTRUNC);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return n;
}

static int run_locked(struct stub *st, const struct step *steps, unsigned n, int pass, int *received, int64_t *value)
{
	char buf[8];
	bool passes;
	int fd;
	ssize_t len;

	memcpy(st->page, steps, n * sizeof *steps);
	if (st->dead || order(st, pass) < 0)
		return -EIO;
	do {
		len = answer(st, buf, sizeof buf, &passes, &fd);
		if (fd >= 0 && received && *received < 0)
			*received = fd;
		else if (fd >= 0)
			close(fd);
	} while (passes);
	if (len != (value ? 8 : 1))
		return -EIO;
	if (value) {
		memcpy(value, buf, 8);
		return 0;
	}
	return -(unsigned char)buf[0];
}

int stub_command(struct stub *st, const struct step *steps, unsigned n, int pass, int *received)
{
	pthread_mutex_lock(&st->lock);
	int err = run_locked(st, steps, n, pass, received, NULL);
	pthread_mutex_unlock(&st->lock);
	return err;
}

int stub_command_value(struct stub *st, const struct step *steps, unsigned n, int pass, int64_t *value)
{
	pthread_mutex_lock(&st->lock);
	int err = run_locked(st, steps, n, pass, NULL, value);
	pthread_mutex_unlock(&st->lock);
	return err;
}

void stub_kill(struct stub *st)
{
	struct pollfd p = { st->pidfd, POLLIN, 0 };

	if (st->pidfd < 0)
		return;
	syscall(SYS_pidfd_send_signal, st->pidfd, SIGKILL, NULL, 0);
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}
