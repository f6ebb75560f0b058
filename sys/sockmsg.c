/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file moves message headers, addresses and control messages between the guest and a socket
 * (sendmsg(2), cmsg(3)). Control messages of unix sockets are taken apart and made here, because
 * they carry the guest's own files and ids; the host's sockets get and give theirs as they are.
 */
#include "sys/sockmsg.h"
#include "cred/user_ns.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>

#define CONTROL_MAX  131072U /* Linux: net.core.optmem_max */
#define CONTROL_ROOM 4096U

int get_sockaddr(struct task *t, gva_t addr, int len, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof *out);
	if (len < 0 || (size_t)len > sizeof *out)
		return -EINVAL;
	return copy_from_guest(t->mm, out, addr, len) ? -EFAULT : 0;
}

int put_sockaddr(struct task *t, const struct sockaddr_storage *name, int len, gva_t addr,
		 gva_t len_addr)
{
	int room;

	if (get_user(t, &room, len_addr))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (copy_to_guest(t->mm, addr, name, room < len ? room : len))
		return -EFAULT;
	return put_user(t, len_addr, &len);
}

int64_t socket_result(struct task *t, const struct socket *s, int64_t r, uint64_t timeo,
		      unsigned flags)
{
	/* A call with a timeout is not restarted (signal(7)); only streams raise SIGPIPE. */
	if ((r == -EINTR && timeo) ||
	    (r == -EPIPE && (s->type != SOCK_STREAM || flags & MSG_NOSIGNAL)))
		return transfer_end(t, r);
	return io_result(t, r);
}

/* Control messages from the guest */

/* Adds the files of one SCM_RIGHTS. One of none is nothing. */
static int get_files(struct task *t, struct scm *scm, const int *fds, unsigned n)
{
	if (!n)
		return 0;
	if (!scm->files) {
		scm->files = malloc(sizeof *scm->files + SCM_MAX_FD * sizeof(struct file *));
		if (!scm->files)
			return -ENOMEM;
		scm->files->n = 0;
		scm->files->user = NULL;
	}
	if (n > SCM_MAX_FD - scm->files->n)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		struct file *f = fd_get_path(t->files, fds[i]);
		if (!f)
			return -EBADF;
		scm->files->files[scm->files->n++] = f;
	}
	return 0;
}

static bool may_claim_uid(const struct cred *c, uid_t uid)
{
	return uid == c->uid || uid == c->euid || uid == c->suid || cred_own_capable(c, CAP_SETUID);
}

static bool may_claim_gid(const struct cred *c, gid_t gid)
{
	return gid == c->gid || gid == c->egid || gid == c->sgid || cred_own_capable(c, CAP_SETGID);
}

/* Linux: scm_check_creds. */
static int get_cred(struct task *t, struct scm *scm, const struct ucred *cred)
{
	if (cred->pid != task_pid_nr(t, t->process->pid) &&
	    !cred_ns_capable(t->cred, task_pid_ns(t)->ns.owner, CAP_SYS_ADMIN))
		return -EPERM;
	uid_t uid = make_kuid(task_user_ns(t), cred->uid);
	gid_t gid = make_kgid(task_user_ns(t), cred->gid);
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	if (!may_claim_uid(t->cred, uid) || !may_claim_gid(t->cred, gid))
		return -EPERM;
	sandbox_lock(t->sb);
	const struct pid *pid = pid_find(task_pid_ns(t), cred->pid);
	pid_t nr = pid && pid->process ? pid->nr : 0;
	sandbox_unlock(t->sb);
	if (!nr)
		return -ESRCH;
	scm->has_cred = true;
	scm->cred = (struct ucred){ .pid = nr, .uid = uid, .gid = gid };
	return 0;
}

static int get_control_message(struct task *t, const struct socket *s, struct scm *scm,
			       const struct cmsghdr *cm)
{
	size_t len = cm->cmsg_len - CMSG_LEN(0);

	if (cm->cmsg_level != SOL_SOCKET)
		return 0;
	if (cm->cmsg_type == SCM_RIGHTS)
		return get_files(t, scm, (const int *)(const void *)CMSG_DATA(cm),
				 len / sizeof(int));
	if (cm->cmsg_type == SCM_CREDENTIALS && len == sizeof(struct ucred))
		return get_cred(t, scm, (const struct ucred *)(const void *)CMSG_DATA(cm));
	return -EINVAL;
}

/* Walks the control messages in `buf`, which is ours by now. */
static int parse_control(struct task *t, const struct socket *s, struct scm *scm, const char *buf,
			 size_t size)
{
	size_t off = 0;
	int err = 0;

	while (!err && size - off >= sizeof(struct cmsghdr)) {
		const struct cmsghdr *cm = (const struct cmsghdr *)(const void *)(buf + off);
		if (cm->cmsg_len < sizeof *cm || cm->cmsg_len > size - off)
			return -EINVAL;
		err = get_control_message(t, s, scm, cm);
		if (CMSG_ALIGN(cm->cmsg_len) > size - off)
			break;
		off += CMSG_ALIGN(cm->cmsg_len);
	}
	return err;
}

/* A unix socket's control messages are taken apart; another family gets them as they are, in
 * m->control. */
static int get_control(struct task *t, const struct socket *s, struct socket_msg *m, gva_t addr,
		       size_t size)
{
	if (size > INT_MAX || size > CONTROL_MAX)
		return -ENOBUFS;
	if (!addr.v || !size)
		return 0;
	m->control = malloc(size);
	if (!m->control)
		return -ENOBUFS;
	m->control_len = size;
	if (copy_from_guest(t->mm, m->control, addr, size))
		return -EFAULT;
	return s->family == AF_UNIX ? parse_control(t, s, &m->scm, m->control, size) : 0;
}

/* The header, with its buffers */

struct header {
	struct msghdr h;
	struct guest_iovec fast[8], *iov;
	struct uio uio;
};

static int get_header(struct task *t, gva_t addr, struct header *hd)
{
	hd->iov = hd->fast;
	if (get_user(t, &hd->h, addr))
		return -EFAULT;
	if (!hd->h.msg_name)
		hd->h.msg_namelen = 0;
	if ((int)hd->h.msg_namelen < 0)
		return -EINVAL;
	if (hd->h.msg_namelen > sizeof(struct sockaddr_storage))
		hd->h.msg_namelen = sizeof(struct sockaddr_storage);
	if (hd->h.msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	int n = get_iovec(t, GVA(hd->h.msg_iov), (uint32_t)hd->h.msg_iovlen, hd->fast, &hd->iov);
	if (n < 0) {
		hd->iov = hd->fast;
		return n;
	}
	uio_init_guestv(&hd->uio, t->mm, hd->iov, n);
	transfer_begin(t, &hd->uio, NULL);
	return 0;
}

static void free_header(struct header *hd)
{
	if (hd->iov != hd->fast)
		free(hd->iov);
}

static unsigned with_nonblock(const struct socket *s, unsigned flags)
{
	return s->file.flags & O_NONBLOCK ? flags | MSG_DONTWAIT : flags;
}

/* Takes over what a call that is made again has kept of its message; false: nothing. */
static bool take_kept(struct task *t, struct socket_msg *m)
{
	struct socket_msg *kept = t->resume.message;

	if (!kept)
		return false;
	m->name = kept->name;
	m->name_len = kept->name_len;
	m->scm = kept->scm;
	free(kept);
	t->resume.message = NULL;
	return true;
}

/* Keeps name and scm for a call that will be made again. Without memory for that they are lost:
 * what is sent is read again. */
static void keep(struct task *t, const struct socket *s, struct socket_msg *m)
{
	struct socket_msg *kept = s->family == AF_UNIX ? malloc(sizeof *kept) : NULL;

	if (!kept)
		return;
	*kept = *m;
	m->scm = (struct scm){ 0 };
	t->resume.message = kept;
}

int64_t send_header(struct task *t, struct socket *s, gva_t addr, unsigned flags)
{
	struct socket_msg m = { .flags = with_nonblock(s, flags) };
	struct caller c = task_caller(t);
	struct header hd;

	int64_t r = get_header(t, addr, &hd);
	if (!r && hd.h.msg_namelen)
		r = get_sockaddr(t, GVA(hd.h.msg_name), hd.h.msg_namelen, &m.name);
	if (!r && !c.done && !take_kept(t, &m)) /* else it went with the first part */
		r = get_control(t, s, &m, GVA(hd.h.msg_control), hd.h.msg_controllen);
	if (!r) {
		m.name_len = hd.h.msg_namelen;
		m.uio = &hd.uio;
		r = s->ops->sendmsg(s, &c, &m);
	}
	if (resume_wanted(t, r))
		keep(t, s, &m);
	scm_release(&m.scm);
	free(m.control);
	free_header(&hd);
	return socket_result(t, s, r, s->sndtimeo, flags);
}

/* Control messages to the guest */

struct control_out {
	struct task *t;
	gva_t addr, start;
	size_t left;
	unsigned flags; /* MSG_CTRUNC */
};

static void control_advance(struct control_out *co, size_t data)
{
	size_t space = CMSG_SPACE(data);

	if (space > co->left)
		space = co->left;
	co->addr = gva_add(co->addr, space);
	co->left -= space;
}

/* Linux: put_cmsg: what does not fit is cut. */
static int put_control(struct control_out *co, int type, const void *data, size_t n)
{
	struct cmsghdr cm = { .cmsg_level = SOL_SOCKET,
			      .cmsg_type = type,
			      .cmsg_len = CMSG_LEN(n) };

	if (co->left < sizeof cm) {
		co->flags |= MSG_CTRUNC;
		return 0;
	}
	if (co->left < cm.cmsg_len) {
		co->flags |= MSG_CTRUNC;
		cm.cmsg_len = co->left;
	}
	if (put_user(co->t, co->addr, &cm) ||
	    copy_to_guest(co->t->mm, gva_add(co->addr, sizeof cm), data, cm.cmsg_len - sizeof cm))
		return -EFAULT;
	control_advance(co, n);
	return 0;
}

/* One descriptor for the guest: 0 or -errno. */
static int put_file(struct control_out *co, struct file *f, bool cloexec, gva_t addr)
{
	int fd = fd_return(co->t, file_get(f), cloexec);

	if (fd < 0)
		return fd;
	if (put_user(co->t, addr, &fd)) {
		struct caller c = task_caller(co->t);
		fd_close(co->t->files, &c, fd);
		return -EFAULT;
	}
	return 0;
}

/* As many as there is room for, in the buffer and in the table (Linux: scm_detach_fds). */
static void put_files(struct control_out *co, const struct scm_files *files, bool cloexec)
{
	size_t room = co->left > sizeof(struct cmsghdr)
			  ? (co->left - sizeof(struct cmsghdr)) / sizeof(int)
			  : 0;
	unsigned n = 0;

	while (n < files->n && n < room) {
		if (put_file(co, files->files[n], cloexec,
			     gva_add(co->addr, CMSG_LEN(0) + n * sizeof(int))))
			break;
		n++;
	}
	if (n < files->n)
		co->flags |= MSG_CTRUNC;
	if (!n)
		return;
	struct cmsghdr cm = { .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS,
			      .cmsg_len = CMSG_LEN(n * sizeof(int)) };
	if (!put_user(co->t, co->addr, &cm))
		control_advance(co, n * sizeof(int));
}

/* What the host gave, which was told how much room there is. */
static int put_raw_control(struct control_out *co, const struct socket_msg *m)
{
	size_t n = m->control_len < co->left ? m->control_len : co->left;

	if (co->addr.v && copy_to_guest(co->t->mm, co->addr, m->control, n))
		return -EFAULT;
	co->addr = gva_add(co->addr, n);
	return 0;
}

/* When a datagram was sent, or now, if it was not written down then. */
static int put_times(struct control_out *co, const struct socket *s, struct timespec when)
{
	struct socket_time t[2];
	int err = 0;

	if (!when.tv_sec)
		when = guest_clock_realtime(&co->t->sb->clock);
	unsigned n = socket_times(s, when, false, t);
	for (unsigned i = 0; i < n && !err; i++)
		err = put_control(co, t[i].type, t[i].at, t[i].len);
	return err;
}

static int put_all_control(struct control_out *co, const struct socket *s,
			   const struct socket_msg *m)
{
	struct ucred cred = { .pid = 0, .uid = OVERFLOW_ID, .gid = OVERFLOW_ID };
	bool passcred = socket_flag(s, SO_PASSCRED);
	int stamp = s->type != SOCK_STREAM ? s->stamp : 0, err = 0;

	if (s->family != AF_UNIX)
		return put_raw_control(co, m);
	if (m->no_message)
		return 0;
	if (!co->addr.v) {
		if (stamp || passcred || m->scm.files)
			co->flags |= MSG_CTRUNC;
		return 0;
	}
	if (stamp)
		err = put_times(co, s, m->scm.when);
	if (m->scm.has_cred)
		cred = (struct ucred){ task_shown_pid(co->t, m->scm.cred.pid),
				       from_kuid_munged(task_user_ns(co->t), m->scm.cred.uid),
				       from_kgid_munged(task_user_ns(co->t), m->scm.cred.gid) };
	if (!err && passcred)
		err = put_control(co, SCM_CREDENTIALS, &cred, sizeof cred);
	if (!err && m->scm.files)
		put_files(co, m->scm.files, m->flags & MSG_CMSG_CLOEXEC);
	return err;
}

#define MEMBER(addr, field) gva_add(addr, offsetof(struct msghdr, field))

static int64_t put_received(struct task *t, struct socket *s, gva_t addr, const struct header *hd,
			    struct socket_msg *m)
{
	struct control_out co = { .t = t, .left = hd->h.msg_controllen };

	co.addr = co.start = co.left ? GVA(hd->h.msg_control) : GVA_NULL;
	int err = put_all_control(&co, s, m);
	if (!err && hd->h.msg_name)
		err = put_sockaddr(t, &m->name, m->name_len, GVA(hd->h.msg_name),
				   MEMBER(addr, msg_namelen));
	unsigned flags = m->out_flags | co.flags | (m->flags & MSG_CMSG_CLOEXEC);
	size_t used = gva_diff(co.addr, co.start);
	if (!err)
		err = put_user(t, MEMBER(addr, msg_flags), &flags);
	if (!err)
		err = put_user(t, MEMBER(addr, msg_controllen), &used);
	return err;
}

/* Room of ours for control messages of the host; as much as any socket gives is enough. */
static int make_control_room(struct socket_msg *m, const struct msghdr *h)
{
	if (!h->msg_control || !h->msg_controllen)
		return 0;
	m->control_len = h->msg_controllen < CONTROL_ROOM ? h->msg_controllen : CONTROL_ROOM;
	m->control = malloc(m->control_len);
	return m->control ? 0 : -ENOBUFS;
}

int64_t receive_part(struct task *t, struct socket *s, struct socket_msg *m, bool *over)
{
	struct caller c = task_caller(t);

	m->begun = c.done && take_kept(t, m);
	int64_t r = s->ops->recvmsg(s, &c, m);
	bool some = r >= 0 || c.done, again = t->sleeper.gave_up && (r > 0 || resume_wanted(t, r));
	if (some && again)
		keep(t, s, m);
	*over = some && !again;
	return r;
}

int64_t receive_result(struct task *t, const struct socket *s, int64_t r, int err, unsigned flags)
{
	if (err)
		t->resume.done = 0;
	return socket_result(t, s, err ? err : r, s->rcvtimeo, flags);
}

int64_t receive_header(struct task *t, struct socket *s, gva_t addr, unsigned flags)
{
	struct socket_msg m = { .flags = with_nonblock(s, flags) };
	bool over = false;
	struct header hd;
	int err = 0;

	int64_t r = get_header(t, addr, &hd);
	if (!r && s->family != AF_UNIX)
		r = make_control_room(&m, &hd.h);
	if (!r) {
		m.uio = &hd.uio;
		r = receive_part(t, s, &m, &over);
	}
	if (over)
		err = put_received(t, s, addr, &hd, &m);
	scm_release(&m.scm);
	free(m.control);
	free_header(&hd);
	return receive_result(t, s, r, err, flags);
}
