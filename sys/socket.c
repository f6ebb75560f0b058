/* SPDX-License-Identifier: Apache-2.0 */
/* socket(2) and its family: descriptors and arguments here, the rest in net/. */
#include <fcntl.h>
#include <linux/filter.h>
#include <stdlib.h>

#include "kernel/nsproxy.h"
#include "kernel/savepoint.h"
#include "net/net.h"
#include "net/policy.h"
#include "sys/sockmsg.h"
#include "sys/time.h"
#include "util/time.h"

#define SOCK_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)
#define OPTION_MAX 512
#define MMSG_MAX   1024 /* UIO_MAXIOV (sendmmsg(2)) */

static struct net *task_net(struct task *t)
{
	return nsproxy_net(t->nsproxy);
}

struct net *sys_net(struct sandbox *sb)
{
	struct net *net = nsproxy_net(sb->nsproxy);

	return net_prepare(net) ? NULL : net;
}

/* The socket that a file is; the file is put where it is none: -ENOTSOCK. Some calls look at their
 * other arguments before they ask. */
static int file_to_socket(struct file *f, struct socket **out)
{
	*out = file_socket(f);
	if (*out)
		return 0;
	file_put(f);
	return -ENOTSOCK;
}

/* The socket behind a descriptor; its file is to be put. -EBADF, -ENOTSOCK. */
static int get_socket(struct task *t, int fd, struct socket **out)
{
	struct file *f = task_fd(t, fd);

	return f ? file_to_socket(f, out) : -EBADF;
}

static void put_socket(struct task *t, struct socket *s)
{
	task_fd_put(t, &s->file);
}

/* Checks the type and takes its flags off. */
static int split_type(int *type, unsigned *flags)
{
	*flags = *type & ~0xf;
	*type &= 0xf;
	return *flags & ~SOCK_FLAGS ? -EINVAL : 0;
}

SYSCALL_DEFINE(socket)
{
	struct caller c = task_caller(t);
	struct net *net = task_net(t);
	int type = a[1];
	struct socket *s;
	unsigned flags;

	int err = split_type(&type, &flags);
	if (!err)
		err = socket_create(net, &c, a[0], type, a[2],
				    flags & SOCK_NONBLOCK ? O_NONBLOCK : 0, &s);
	return err ? err : fd_return(t, &s->file, flags & SOCK_CLOEXEC);
}

/* The numbers are written first: a pair that nobody knows of is never made. */
SYSCALL_DEFINE(socketpair)
{
	struct caller c = task_caller(t);
	struct net *net = task_net(t);
	int type = a[1];
	struct socket *s[2];
	unsigned flags;

	int fds[2];
	int err = split_type(&type, &flags);
	if (!err)
		err = fd_reserve_pair(t, GVA(a[3]), fds);
	if (err)
		return err;
	err = socket_create_pair(net, &c, a[0], type, a[2], flags & SOCK_NONBLOCK ? O_NONBLOCK : 0,
				 s);
	if (err) {
		fd_unreserve_pair(t, fds);
		return err;
	}
	struct file *const files[2] = { &s[0]->file, &s[1]->file };
	fd_install_pair(t, fds, files, flags & SOCK_CLOEXEC);
	return 0;
}

SYSCALL_DEFINE(bind)
{
	struct caller c = task_caller(t);
	struct sockaddr_storage name;
	struct socket *s;

	int err = get_socket(t, a[0], &s);
	if (err)
		return err;
	err = get_sockaddr(t, GVA(a[1]), a[2], &name);
	if (!err)
		err = s->ops->bind(s, &c, (struct sockaddr *)&name, a[2]);
	put_socket(t, s);
	return err;
}

SYSCALL_DEFINE(connect)
{
	struct caller c = task_caller(t);
	struct sockaddr_storage name;
	struct socket *s;

	struct file *f = task_fd(t, a[0]);
	if (!f)
		return -EBADF;
	int64_t r = get_sockaddr(t, GVA(a[1]), a[2], &name);
	if (r) {
		task_fd_put(t, f);
		return r;
	}
	r = file_to_socket(f, &s);
	if (r)
		return r;
	r = s->ops->connect(s, &c, (struct sockaddr *)&name, a[2], s->file.flags & O_NONBLOCK);
	r = socket_result(t, s, r, s->sndtimeo, MSG_NOSIGNAL);
	put_socket(t, s);
	return r;
}

SYSCALL_DEFINE(listen)
{
	struct sockaddr_storage name = { 0 };
	struct caller c = task_caller(t);
	struct socket *s;

	int err = get_socket(t, a[0], &s);
	if (err)
		return err;
	err = s->ops->listen ? s->ops->listen(s, &c, a[1]) : -EOPNOTSUPP;
	if (!err && t->sb->savepoint && s->ops->getname(s, false, &name) >= 0)
		savepoint_listens(t, &name);
	put_socket(t, s);
	return err;
}

static int64_t accept_one(struct task *t, const uint64_t *a, struct socket *s, unsigned flags,
			  struct socket **out)
{
	struct sockaddr_storage peer = { 0 };
	struct caller c = task_caller(t);
	struct socket *new;

	int len = s->ops->accept ? s->ops->accept(s, &c, s->file.flags & O_NONBLOCK, &peer, &new)
				 : -EOPNOTSUPP;
	int64_t r = socket_result(t, s, len, s->rcvtimeo, MSG_NOSIGNAL);
	if (r < 0)
		return r;
	if (flags & SOCK_NONBLOCK)
		atomic_fetch_or(&new->file.flags, O_NONBLOCK);
	int err = a[1] ? put_sockaddr(t, &peer, len, GVA(a[1]), GVA(a[2])) : 0;
	if (err) {
		put_socket(t, new);
		return err;
	}
	*out = new;
	return 0;
}

/* A connection that there is no descriptor for stays where it is. */
static int64_t do_accept(struct task *t, const uint64_t *a, unsigned flags)
{
	struct file *f = task_fd(t, a[0]);
	struct socket *s, *new;

	if (!f)
		return -EBADF;
	int fd = flags & ~SOCK_FLAGS
		     ? -EINVAL
		     : fd_reserve(t->files, process_rlimit(t->process, RLIMIT_NOFILE));
	if (fd < 0) {
		task_fd_put(t, f);
		return fd;
	}
	int64_t r = file_to_socket(f, &s);
	if (!r) {
		r = accept_one(t, a, s, flags, &new);
		put_socket(t, s);
	}
	if (!r)
		fd_install_reserved(t->files, fd, &new->file, flags & SOCK_CLOEXEC);
	else
		fd_unreserve(t->files, fd);
	return r ? r : fd;
}

SYSCALL_DEFINE(accept)
{
	return do_accept(t, a, 0);
}

SYSCALL_DEFINE(accept4)
{
	return do_accept(t, a, a[3]);
}

static int64_t do_getname(struct task *t, const uint64_t *a, bool peer)
{
	struct sockaddr_storage name = { 0 };
	struct socket *s;

	int err = get_socket(t, a[0], &s);
	if (err)
		return err;
	int len = s->ops->getname(s, peer, &name);
	put_socket(t, s);
	return len < 0 ? len : put_sockaddr(t, &name, len, GVA(a[1]), GVA(a[2]));
}

SYSCALL_DEFINE(getsockname)
{
	return do_getname(t, a, false);
}

SYSCALL_DEFINE(getpeername)
{
	return do_getname(t, a, true);
}

SYSCALL_DEFINE(shutdown)
{
	struct socket *s;

	int err = get_socket(t, a[0], &s);
	if (err)
		return err;
	err = (unsigned)a[1] > SHUT_RDWR ? -EINVAL : s->ops->shutdown(s, a[1]);
	put_socket(t, s);
	return err;
}

/* The socket of sendto(2) or recvfrom(2), and the message, which is in one buffer. */
static int buffer_message(struct task *t, const uint64_t *a, struct uio *u, struct socket_msg *m,
			  struct socket **out)
{
	size_t len = a[2] < MAX_RW_COUNT ? a[2] : MAX_RW_COUNT;
	int err = gva_range_ok(GVA(a[1]), len) ? get_socket(t, a[0], out) : -EFAULT;

	if (err)
		return err;
	uio_init_guest(u, t->mm, GVA(a[1]), len);
	transfer_begin(t, u, NULL);
	m->uio = u;
	m->flags = (unsigned)a[3] | ((*out)->file.flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
	return 0;
}

SYSCALL_DEFINE(sendto)
{
	struct caller c = task_caller(t);
	struct socket_msg m = { 0 };
	struct socket *s;
	struct uio u;

	int64_t r = buffer_message(t, a, &u, &m, &s);
	if (r)
		return r;
	if (a[4]) {
		r = get_sockaddr(t, GVA(a[4]), a[5], &m.name);
		m.name_len = a[5];
	}
	if (!r)
		r = s->ops->sendmsg(s, &c, &m);
	r = socket_result(t, s, r, s->sndtimeo, a[3]);
	put_socket(t, s);
	return r;
}

SYSCALL_DEFINE(recvfrom)
{
	struct socket_msg m = { 0 };
	bool over = false;
	struct socket *s;
	struct uio u;

	int64_t r = buffer_message(t, a, &u, &m, &s);
	if (r)
		return r;
	r = receive_part(t, s, &m, &over);
	scm_release(&m.scm);
	int err = over && a[4] ? put_sockaddr(t, &m.name, m.name_len, GVA(a[4]), GVA(a[5])) : 0;
	r = receive_result(t, s, r, err, a[3]);
	put_socket(t, s);
	return r;
}

typedef int64_t message_mover(struct task *t, struct socket *s, gva_t addr, unsigned flags);

/* The flag by which Linux tells calls of 32-bit programs from ours is none that one may give. */
#define MSG_CMSG_COMPAT 0x80000000U

static int socket_for_messages(struct task *t, int fd, unsigned flags, struct socket **out)
{
	return flags & MSG_CMSG_COMPAT ? -EINVAL : get_socket(t, fd, out);
}

static int64_t one_message(struct task *t, const uint64_t *a, message_mover *move)
{
	struct socket *s;
	int64_t r = socket_for_messages(t, a[0], a[2], &s);

	if (r)
		return r;
	r = move(t, s, GVA(a[1]), (unsigned)a[2]);
	put_socket(t, s);
	return r;
}

SYSCALL_DEFINE(sendmsg)
{
	return one_message(t, a, send_header);
}

SYSCALL_DEFINE(recvmsg)
{
	return one_message(t, a, receive_header);
}

/* Moves one of several messages and notes its length. */
static int64_t one_of_many(struct task *t, struct socket *s, gva_t addr, unsigned flags,
			   message_mover *move)
{
	int64_t r = move(t, s, addr, flags);
	unsigned len = r;

	if (r >= 0)
		t->resume.done = 0; /* of the next message */
	if (r >= 0 && put_user(t, gva_add(addr, offsetof(struct mmsghdr, msg_len)), &len))
		return -EFAULT;
	return r;
}

/* Their number, or why there is none; a call that is frozen in the middle keeps it for later. */
static int64_t messages_result(struct task *t, unsigned done, int64_t r)
{
	if (resume_wanted(t, r))
		t->resume.messages = done;
	else if (done)
		r = done;
	return r;
}

SYSCALL_DEFINE(sendmmsg)
{
	unsigned n = (unsigned)a[2] < MMSG_MAX ? a[2] : MMSG_MAX, done = t->resume.messages;
	struct socket *s;

	int64_t r = socket_for_messages(t, a[0], a[3], &s);
	if (r)
		return r;
	for (; done < n && r >= 0; done += r >= 0)
		r = one_of_many(t, s, gva_add(GVA(a[1]), done * sizeof(struct mmsghdr)), a[3],
				send_header);
	put_socket(t, s);
	return messages_result(t, done, r < 0 ? r : 0);
}

/* recvmmsg(2): the timeout is only looked at after each message. */
static int64_t receive_many(struct task *t, struct socket *s, const uint64_t *a, uint64_t deadline)
{
	unsigned n = (unsigned)a[2] < MMSG_MAX ? a[2] : MMSG_MAX,
		 flags = a[3] & ~(uint64_t)MSG_WAITFORONE, done = t->resume.messages;
	int64_t r = 0;

	while (done < n) {
		r = one_of_many(t, s, gva_add(GVA(a[1]), done * sizeof(struct mmsghdr)), flags,
				receive_header);
		if (r < 0)
			break;
		done++;
		if (a[3] & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (deadline != DEADLINE_NONE && sleeper_now(&t->sleeper) >= deadline)
			break;
	}
	return messages_result(t, done, r);
}

SYSCALL_DEFINE(recvmmsg)
{
	uint64_t deadline = DEADLINE_NONE;
	struct timespec ts;
	struct socket *s;

	int64_t r = a[4] && !(a[3] & MSG_CMSG_COMPAT) ? get_timespec(t, GVA(a[4]), &ts) : 0;
	if (!r)
		r = socket_for_messages(t, a[0], a[3], &s);
	if (r)
		return r;
	if (a[4])
		deadline = t->resume.deadline ? t->resume.deadline : deadline_after(t, &ts);
	r = receive_many(t, s, a, deadline);
	t->resume.deadline = resume_wanted(t, r) ? deadline : 0;
	put_socket(t, s);
	if (r > 0 && a[4]) {
		ts = time_left(t, deadline);
		if (put_user(t, GVA(a[4]), &ts))
			return -EFAULT;
	}
	return r;
}

/* Options of this level are numbers, or begin with one, but for a name. */
static bool is_too_short(int level, int name, int len)
{
	return level == SOL_SOCKET && name != SO_BINDTODEVICE && len < (int)sizeof(int);
}

/* The program of a filter is where the option's value says (Linux: copy_bpf_fprog_from_user). */
static int attach_filter(struct task *t, struct socket *s, gva_t at, int len)
{
	struct caller c = task_caller(t);
	struct sock_fprog user;

	if (len != sizeof user)
		return -EINVAL;
	if (copy_from_guest(t->mm, &user, at, sizeof user))
		return -EFAULT;
	if (!user.filter || !user.len || user.len > BPF_MAXINSNS)
		return -EINVAL;
	size_t size = user.len * sizeof *user.filter;
	void *prog = malloc(size);
	int err =
	    !prog ? -ENOMEM
	    : copy_from_guest(t->mm, prog, GVA((uint64_t)user.filter), size)
		? -EFAULT
		: socket_setsockopt(s, &c, SOL_SOCKET, SO_ATTACH_FILTER, prog, (unsigned)size);
	free(prog);
	return err;
}

/* The value's length is in instructions (Linux: sk_get_filter). */
static int get_filter(struct task *t, struct socket *s, gva_t at, int len)
{
	struct caller c = task_caller(t);
	unsigned room = len < BPF_MAXINSNS ? (unsigned)len : BPF_MAXINSNS;
	struct sock_filter *prog = malloc((room + 1) * sizeof *prog);

	if (!prog)
		return -ENOMEM;
	int n = socket_getsockopt(s, &c, SOL_SOCKET, SO_GET_FILTER, prog,
				  room * (unsigned)sizeof *prog);
	if (n > 0 && room && copy_to_guest(t->mm, at, prog, (size_t)n * sizeof *prog))
		n = -EFAULT;
	free(prog);
	return n;
}

/* A descriptor of a program that the kernel has checked, which no guest can have. */
static int attach_checked(struct task *t, gva_t at, int len)
{
	int fd;

	if (len != sizeof fd)
		return -EINVAL;
	if (copy_from_guest(t->mm, &fd, at, sizeof fd))
		return -EFAULT;
	struct file *f = task_fd(t, fd);
	if (!f)
		return -EBADF;
	task_fd_put(t, f);
	return -EINVAL;
}

SYSCALL_DEFINE(setsockopt)
{
	struct caller c = task_caller(t);
	char val[OPTION_MAX] = { 0 };
	int len = a[4], level = a[1], name = a[2];
	struct socket *s;

	int err = get_socket(t, a[0], &s);
	if (err)
		return err;
	if (level == SOL_SOCKET && len >= (int)sizeof(int) &&
	    (name == SO_ATTACH_FILTER || name == SO_ATTACH_BPF)) {
		err = name == SO_ATTACH_BPF ? attach_checked(t, GVA(a[3]), len)
					    : attach_filter(t, s, GVA(a[3]), len);
		put_socket(t, s);
		return err;
	}
	if (len > OPTION_MAX)
		len = OPTION_MAX;
	if (len < 0)
		err = -EINVAL;
	else if (copy_from_guest(t->mm, val, GVA(a[3]), len))
		err = socket_level_error(s, a[1], true)
			  ?: (is_too_short(a[1], a[2], len) ? -EINVAL : -EFAULT);
	else
		err = socket_setsockopt(s, &c, a[1], a[2], val, len);
	put_socket(t, s);
	return err;
}

/* The process in a struct ucred, as the caller calls it. */
static void show_peer(const struct task *t, char *val)
{
	pid_t pid;

	memcpy(&pid, val, sizeof pid);
	pid = pid > 0 ? task_shown_pid(t, pid) : pid;
	memcpy(val, &pid, sizeof pid);
}

SYSCALL_DEFINE(getsockopt)
{
	struct caller c = task_caller(t);
	char val[OPTION_MAX];
	struct socket *s;
	int len;

	int err = get_socket(t, a[0], &s);
	if (err)
		return err;
	int n = get_user(t, &len, GVA(a[4]));
	/* Linux takes a length below 0 for a large one here: do_ipv6_getsockopt() */
	if (!n && len < 0 && a[1] == IPPROTO_IPV6)
		len = OPTION_MAX;
	if (!n && len < 0)
		n = -EINVAL;
	bool filter = !n && (int)a[1] == SOL_SOCKET && (int)a[2] == SO_GET_FILTER;
	if (n)
		n = socket_level_error(s, a[1], false) ?: n;
	else if (filter)
		n = get_filter(t, s, GVA(a[3]), len);
	else
		n = socket_getsockopt(s, &c, a[1], a[2], val, len < OPTION_MAX ? len : OPTION_MAX);
	put_socket(t, s);
	if (n < 0)
		return n;
	if ((int)a[1] == SOL_SOCKET && (int)a[2] == SO_PEERCRED && n >= (int)sizeof(pid_t))
		show_peer(t, val);
	if (!filter && copy_to_guest(t->mm, GVA(a[3]), val, n))
		return -EFAULT;
	return put_user(t, GVA(a[4]), &n);
}
