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
	char space[CMSG_SPACE(COMMAND_FILES * sizeof(int))];
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

int stub_order(struct stub *st, const struct step *steps, unsigned n, const int *pass, unsigned nr_pass)
{
	char byte = 0;
	union fd_control control;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (nr_pass) {
		memset(&control, 0, sizeof control);
		control.header = (struct cmsghdr){ CMSG_LEN(nr_pass * sizeof *pass), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), pass, nr_pass * sizeof *pass);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(nr_pass * sizeof *pass);
	}
	memcpy(st->page, steps, n * sizeof *steps);
	if (st->dead)
		return -EIO;
	do {
		sent = sendmsg(st->socket, &m, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -EIO : 0;
}

/* One message of the stub's: its length, 0 or less when it is gone. *passes: it had a descriptor, which is in *fd, or
 * -1 when there was no room for it. */
static ssize_t receive(struct stub *st, void *buf, size_t size, bool *passes, int *fd)
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

int stub_answer(struct stub *st, int *received, int64_t *value)
{
	char buf[8];
	bool passes;
	int fd;
	ssize_t len;

	do {
		len = receive(st, buf, sizeof buf, &passes, &fd);
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
	int err = stub_order(st, steps, n, &pass, pass >= 0);
	if (!err)
		err = stub_answer(st, received, NULL);
	pthread_mutex_unlock(&st->lock);
	return err;
}

void stub_send_kill(struct stub *st)
{
	if (st->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, st->pidfd, SIGKILL, NULL, 0);
}

void stub_await_end(int pidfd)
{
	struct pollfd p = { pidfd, POLLIN, 0 };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

void stub_kill(struct stub *st)
{
	stub_send_kill(st);
	if (st->pidfd >= 0)
		stub_await_end(st->pidfd);
}
