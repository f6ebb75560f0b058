/* SPDX-License-Identifier: Apache-2.0 */
/* Sends commands to a stub's helper and mapper, and takes their answers. See process.h for why the
 * guest code in the stub cannot forge these. */
#include "platform/process/process.h"
#include "util/words.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "stub_symbols.h"

#define MAPPER_AFTER 4 /* commands: most programs that do so many do many more */

void stub_init(struct stub *st)
{
	*st = (struct stub){ .socket = -1, .pidfd = -1, .mapper = -1, .slot = UINT32_MAX };
	mutex_init(&st->lock, LOCK_STUB);
}

void stub_destroy(struct stub *st)
{
	if (st->socket >= 0)
		close(st->socket);
	if (st->mapper >= 0)
		close(st->mapper);
	mutex_destroy(&st->lock);
}

union fd_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(COMMAND_FILES * sizeof(int))];
};

/* Clears the orders of the page's last owner, and puts the struct msghdr by which the stub receives
 * its orders where its guest cannot write. */
void stub_page_set(struct stub *st, char *page)
{
	const struct msghdr m = { .msg_iov = (void *)STUB_IOV_ADDR,
				  .msg_iovlen = 1,
				  .msg_control = (void *)(STUB_SCRATCH + 128) };
	_Static_assert(STUB_COMMAND + COMMAND_MSGHDR + offsetof(struct msghdr, msg_controllen) ==
			   STUB_SCRATCH,
		       "layout.h");

	memset(page, 0, PAGE_SIZE);
	memcpy(page + COMMAND_MSGHDR, &m, offsetof(struct msghdr, msg_controllen));
	st->page = page;
}

/* Or never was there, where it could not be made. */
static bool is_gone(const struct stub *st)
{
	return st->dead || !st->page;
}

int stub_order(struct stub *st, const struct step *steps, unsigned n, const int *pass,
	       unsigned nr_pass)
{
	lock_assert_held(&st->lock);
	char byte = 0;
	union fd_control control;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (nr_pass) {
		memset(&control, 0, sizeof control);
		control.header =
		    (struct cmsghdr){ CMSG_LEN(nr_pass * sizeof *pass), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), pass, nr_pass * sizeof *pass);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(nr_pass * sizeof *pass);
	}
	if (is_gone(st))
		return -EIO;
	memcpy(st->page, steps, n * sizeof *steps);
	do {
		sent = sendmsg(st->socket, &m, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -EIO : 0;
}

/* Receives one message of the stub's: its length, 0 or less when the stub is gone. *passes: it had
 * a descriptor, which is in *fd, or -1 when there was no room for it. */
static ssize_t receive(struct stub *st, void *buf, size_t size, bool *passes, int *fd)
{
	union fd_control control;
	struct iovec iov = { buf, size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof control };
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
	lock_assert_held(&st->lock);
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

/* ---- by the mapper ---- */

static bool receiving_ends;

/* To receive a notification ends, from Linux 6.11 on, with the last thread that could send one. */
static void find_receiving(void)
{
	uint64_t major, minor;
	struct utsname u;
	const char *dot = uname(&u) == 0 ? strchr(u.release, '.') : NULL;

	if (dot && word_number(u.release, 0, 10, &major) && word_number(dot + 1, 0, 10, &minor))
		receiving_ends = major > 6 || (major == 6 && minor >= 11);
}

static bool mapper_speaks(const struct stub *st)
{
	struct pollfd p = { st->mapper, POLLIN, 0 };
	int r;

	do
		r = poll(&p, 1, -1);
	while (r < 0 && errno == EINTR);
	return r == 1 && p.revents & POLLIN;
}

/* Its report: 0 or the -errno of the command before; -EIO: it is gone. */
static int mapper_report(struct stub *st)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	lock_assert_held(&st->lock);
	struct seccomp_notif n = { 0 };

	pthread_once(&once, find_receiving);
	for (bool look = !receiving_ends; !n.id;) {
		if (look && !mapper_speaks(st))
			return -EIO;
		memset(&n, 0, sizeof n);
		if (ioctl(st->mapper, SECCOMP_IOCTL_NOTIF_RECV, &n) == 0 || errno == EINTR)
			continue;
		if (errno != ENOENT)
			return -EIO;
		look = true; /* it may be gone */
	}
	if (n.data.nr != STUB_REPORT || n.data.instruction_pointer != STUB_MAPPER_IP_ADDR)
		return -EIO;
	st->mapper_id = n.id;
	return (int)(int64_t)n.data.args[0];
}

/* Puts a descriptor into the stub; `flags`: also whether its mapper goes on then. */
static int mapper_pass(struct stub *st, int fd, unsigned newfd, unsigned flags)
{
	struct seccomp_notif_addfd a = { .id = st->mapper_id,
					 .flags = SECCOMP_ADDFD_FLAG_SETFD | flags,
					 .srcfd = (unsigned)fd,
					 .newfd = newfd };
	int err;

	do
		err = ioctl(st->mapper, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
	while (err < 0 && errno == EINTR);
	return err < 0 ? -EIO : 0;
}

/* The last descriptor comes with the answer. */
static int mapper_order(struct stub *st, const int *pass, unsigned nr_pass)
{
	struct seccomp_notif_resp r = { .id = st->mapper_id };
	int err = 0;

	for (unsigned i = 0; !err && i < nr_pass; i++)
		err = mapper_pass(st, pass[i], STUB_FD_PASSED + i,
				  i + 1 == nr_pass ? SECCOMP_ADDFD_FLAG_SEND : 0);
	if (nr_pass)
		return err;
	do
		err = ioctl(st->mapper, SECCOMP_IOCTL_NOTIF_SEND, &r);
	while (err < 0 && errno == EINTR);
	return err < 0 ? -EIO : 0;
}

void stub_hand_over(struct stub *st, bool same_cpu)
{
	if (st->mapper >= 0)
		(void)ioctl(st->mapper, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
			    same_cpu ? SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0UL);
}

/* Where it fails the helper goes on doing all. */
static void mapper_start(struct stub *st)
{
	const struct step steps[] = {
		{ SYS_clone, { STUB_THREAD_FLAGS }, STEP_MAPPER },
		{ SYS_sendmsg, { STUB_FD_SOCKET, STUB_PASS_MESSAGE_ADDR, 0 }, STEP_RETRY },
		{ SYS_close, { STUB_FD_PASSED }, STEP_LAST },
	};
	int err = stub_order(st, steps, sizeof steps / sizeof steps[0], NULL, 0);

	if (!err)
		err = stub_answer(st, &st->mapper, NULL);
	if (st->mapper < 0)
		return;
	stub_hand_over(st, true);
	if (!err)
		err = mapper_report(st);
	if (!err)
		return;
	close(st->mapper);
	st->mapper = -1;
}

int stub_begin(struct stub *st, const struct step *steps, unsigned n, const int *pass,
	       unsigned nr_pass)
{
	lock_assert_held(&st->lock);
	if (st->mapper < 0)
		return stub_order(st, steps, n, pass, nr_pass);
	if (is_gone(st))
		return -EIO;
	memcpy(st->page, steps, n * sizeof *steps);
	return mapper_order(st, pass, nr_pass);
}

int stub_end(struct stub *st)
{
	return st->mapper < 0 ? stub_answer(st, NULL, NULL) : mapper_report(st);
}

int stub_settle(struct stub *st)
{
	lock_assert_held(&st->lock);
	if (!st->ordered)
		return 0;
	st->ordered = false;
	return stub_end(st);
}

int stub_command(struct stub *st, const struct step *steps, unsigned n, int pass, int *received)
{
	int err;

	mutex_lock(&st->lock);
	if (stub_settle(st)) {
		st->dead = true;
		err = -EIO;
	} else if (received) {
		err = stub_order(st, steps, n, &pass, pass >= 0);
		if (!err)
			err = stub_answer(st, received, NULL);
	} else {
		if (++st->nr_commands == MAPPER_AFTER && st->mapper < 0)
			mapper_start(st);
		err = stub_begin(st, steps, n, &pass, pass >= 0);
		if (!err)
			err = stub_end(st);
	}
	mutex_unlock(&st->lock);
	return err;
}

static void stub_await_end(int pidfd)
{
	struct pollfd p = { pidfd, POLLIN, 0 };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

bool stub_has_ended(const struct stub *st)
{
	struct pollfd p = { .fd = st->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

void stub_send_kill(struct stub *st)
{
	if (st->pidfd < 0 || syscall(SYS_pidfd_send_signal, st->pidfd, SIGKILL, NULL, 0) == 0)
		return;
	/* Denied: it ends by itself when there is nobody to take orders from. Its threads may run
	 * until then. */
	shutdown(st->socket, SHUT_RDWR);
	stub_await_end(st->pidfd);
}

void stub_kill(struct stub *st)
{
	stub_send_kill(st);
	if (st->pidfd >= 0)
		stub_await_end(st->pidfd);
}

void stub_reap_later(struct process_machine *m, int pidfd)
{
	mutex_lock(&m->lock);
	int oldest = m->dying[m->next_dying];
	m->dying[m->next_dying] = pidfd;
	m->next_dying = (m->next_dying + 1) % DYING_MAX;
	mutex_unlock(&m->lock);
	if (oldest < 0)
		return;
	stub_await_end(oldest);
	close(oldest);
}
