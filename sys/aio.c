/* SPDX-License-Identifier: Apache-2.0 */
/* io_setup(2), io_destroy(2), io_submit(2), io_cancel(2), io_getevents(2), io_pgetevents(2).
 *
 * A request is done before io_submit returns, as Linux does those that do not go past its page
 * cache. IOCB_CMD_POLL is refused, as by Linux before 4.18. */
#include "kernel/aio.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/hostfs/stream.h"
#include "kernel/eventfd.h"
#include "sys/sys.h"
#include "sys/transfer.h"
#include "util/time.h"

/* What aio_key becomes when a request is taken (Linux: KIOCB_KEY). */
#define TAKEN_KEY 0

SYSCALL_DEFINE(io_setup)
{
	uint64_t old;

	if (get_user(t, &old, GVA(a[1])))
		return -EFAULT;
	if (old || !(uint32_t)a[0])
		return -EINVAL;
	int64_t addr = aio_setup(t, (uint32_t)a[0]);
	if (addr < 0)
		return addr;
	const uint64_t id = (uint64_t)addr;
	if (!put_user(t, GVA(a[1]), &id))
		return 0;
	struct aio_context *x = aio_get(t, id);
	if (x) {
		(void)aio_destroy(t, x, id);
		aio_put(x);
	}
	return -EFAULT;
}

SYSCALL_DEFINE(io_destroy)
{
	struct aio_context *x = aio_get(t, a[0]);

	if (!x)
		return -EINVAL;
	int err = aio_destroy(t, x, a[0]);
	aio_put(x);
	return err;
}

/* ---- requests ---- */

struct request {
	struct iocb iocb;
	gva_t addr; /* of the guest's iocb */
	struct file *file, *eventfd;
	struct caller c;
};

/* A request that cannot be made has an error, which io_submit returns; one that was made has a
 * result. */
struct made {
	int err;
	int64_t result;
};

static struct made refuse(int err)
{
	return (struct made){ .err = err };
}

static struct made do_transfer(struct task *t, struct request *r, transfer_fn *fn, bool vectored)
{
	const struct iocb *i = &r->iocb;
	int64_t pos = i->aio_offset;
	struct guest_iovec fast[8], *iov = fast;
	struct inode *inode = file_inode(r->file);
	bool placed =
	    r->file->ops->lseek && !r->file->ops->lseek_ignored && !file_is_stream(r->file);
	struct uio u;
	int64_t n;

	int err = transfer_check_mode(r->file, fn, NULL);
	if (!err)
		err = transfer_check_flags(r->file, fn, (unsigned)i->aio_rw_flags);
	if (!err && ((inode && S_ISDIR(inode->type)) || (placed && pos < 0)))
		err = -EINVAL;
	if (err)
		return refuse(err);
	if (vectored) {
		n = get_iovec(t, GVA(i->aio_buf), (uint32_t)i->aio_nbytes, fast, &iov);
		if (n < 0)
			return refuse((int)n);
		uio_init_guestv(&u, t->mm, iov, (int)n);
	} else {
		err = transfer_buffer(t, &u, GVA(i->aio_buf), i->aio_nbytes);
		if (err)
			return refuse(err);
	}
	u.append = i->aio_rw_flags & RWF_APPEND;
	u.no_append = i->aio_rw_flags & RWF_NOAPPEND;
	n = u.resid ? transfer_run(t, r->file, &r->c, &u, fn, placed ? &pos : NULL) : 0;
	if (n > 0 && fn == file_write && i->aio_rw_flags & (RWF_DSYNC | RWF_SYNC) &&
	    r->file->ops->fsync)
		r->file->ops->fsync(r->file, &r->c, !(i->aio_rw_flags & RWF_SYNC));
	if (iov != fast)
		free(iov);
	return (struct made){ .result = n };
}

static struct made do_fsync(struct request *r, bool data_only)
{
	const struct iocb *i = &r->iocb;

	if (i->aio_buf || i->aio_offset || i->aio_nbytes || i->aio_rw_flags)
		return refuse(-EINVAL);
	if (!r->file->ops->fsync)
		return refuse(-EINVAL);
	return (struct made){ .result = r->file->ops->fsync(r->file, &r->c, data_only) };
}

static struct made make(struct task *t, struct request *r)
{
	switch (r->iocb.aio_lio_opcode) {
	case IOCB_CMD_PREAD: return do_transfer(t, r, file_read, false);
	case IOCB_CMD_PWRITE: return do_transfer(t, r, file_write, false);
	case IOCB_CMD_PREADV: return do_transfer(t, r, file_read, true);
	case IOCB_CMD_PWRITEV: return do_transfer(t, r, file_write, true);
	case IOCB_CMD_FSYNC: return do_fsync(r, false);
	case IOCB_CMD_FDSYNC: return do_fsync(r, true);
	default: return refuse(-EINVAL);
	}
}

/* The files and the mark on the guest's iocb, in Linux's order. */
static int open_request(struct task *t, struct request *r)
{
	const uint32_t key = TAKEN_KEY;

	r->file = task_fd(t, (int)r->iocb.aio_fildes);
	if (!r->file)
		return -EBADF;
	if (r->iocb.aio_flags & IOCB_FLAG_RESFD) {
		r->eventfd = task_fd(t, (int)r->iocb.aio_resfd);
		if (!r->eventfd)
			return -EBADF;
		if (!file_is_eventfd(r->eventfd))
			return -EINVAL;
	}
	return put_user(t, gva_add(r->addr, offsetof(struct iocb, aio_key)), &key);
}

static int check_iocb(const struct iocb *i)
{
	return i->aio_reserved2 || (int64_t)i->aio_nbytes < 0 ? -EINVAL : 0;
}

/* One that was interrupted by a signal says so in its result; one that gave up for a freeze is made
 * again with the call, or with the next one. */
static int submit_reserved(struct task *t, struct aio_context *x, uint64_t id, struct request *r)
{
	struct made m = { .err = open_request(t, r) };

	if (!m.err)
		m = make(t, r);
	if (!m.err && m.result < 0 && t->sleeper.gave_up)
		m.err = -EINTR;
	if (!m.err) {
		const struct io_event e = { .data = r->iocb.aio_data,
					    .obj = r->addr.v,
					    .res = m.result };
		aio_complete(t, x, id, &e);
		if (r->eventfd)
			(void)eventfd_signal(r->eventfd);
	}
	task_fd_put(t, r->file);
	task_fd_put(t, r->eventfd);
	return m.err;
}

static int submit_one(struct task *t, struct aio_context *x, uint64_t id, gva_t addr)
{
	struct request r = { .addr = addr, .c = task_caller(t) };

	if (get_user(t, &r.iocb, addr))
		return -EFAULT;
	int err = check_iocb(&r.iocb);
	if (!err)
		err = aio_reserve(t, x, id);
	if (err)
		return err;
	err = submit_reserved(t, x, id, &r);
	if (err)
		aio_unreserve(x);
	return err;
}

SYSCALL_DEFINE(io_submit)
{
	int64_t nr = (int64_t)a[1], i = 0;
	uint64_t iocb;
	int err = 0;

	if (nr < 0)
		return -EINVAL;
	struct aio_context *x = aio_get(t, a[0]);
	if (!x)
		return -EINVAL;
	nr = nr < x->slots ? nr : x->slots;
	for (; i < nr && !err; i++) {
		err = get_user(t, &iocb, GVA(a[2] + (uint64_t)i * sizeof iocb));
		if (!err)
			err = submit_one(t, x, a[0], GVA(iocb));
		if (err)
			break;
		if (sleeper_stops(&t->sleeper) && i + 1 < nr) {
			i++;
			break;
		}
	}
	aio_put(x);
	return i ? i : io_result(t, err);
}

/* No request is ever on its way. */
SYSCALL_DEFINE(io_cancel)
{
	uint32_t key;

	if (get_user(t, &key, GVA(a[1] + offsetof(struct iocb, aio_key))))
		return -EFAULT;
	return -EINVAL;
}

/* ---- results ---- */

/* Those that a call has got before it was frozen stay got. */
static int64_t wait_for(struct task *t, struct aio_context *x, const uint64_t *a, uint64_t deadline)
{
	int64_t least = (int64_t)a[1], nr = (int64_t)a[2], got = (int64_t)t->resume.done, n = 0;
	int err = deadline ? 0 : -ETIMEDOUT;
	struct waiter w;

	waiter_init(&w, &t->sleeper);
	waitqueue_add(&x->wait, &w);
	for (;;) {
		n = aio_take(t, x, a[0], GVA(a[3] + (uint64_t)got * sizeof(struct io_event)),
			     nr - got);
		if (n < 0)
			break;
		got += n;
		if (got >= least || err)
			break;
		err = sleeper_wait(&t->sleeper, deadline);
	}
	waitqueue_remove(&w);
	if (t->sleeper.gave_up && got < least) {
		t->resume.done = (size_t)got;
		return -EINTR;
	}
	if (got)
		return got;
	return n < 0 ? n : err == -ETIMEDOUT ? 0 : err;
}

static int64_t get_events(struct task *t, const uint64_t *a, uint64_t deadline)
{
	struct aio_context *x = aio_get(t, a[0]);
	int64_t r = -EINVAL;

	if (!x)
		return r;
	if ((int64_t)a[1] >= 0 && (int64_t)a[1] <= (int64_t)a[2])
		r = wait_for(t, x, a, deadline);
	aio_put(x);
	return r;
}

/* Linux does not look at whether the time is one. Here what cannot be one is as 0. */
static int get_timeout(struct task *t, gva_t addr, uint64_t *deadline)
{
	struct timespec ts;

	*deadline = DEADLINE_NONE;
	if (!addr.v)
		return 0;
	if (get_user(t, &ts, addr))
		return -EFAULT;
	bool none = ts.tv_sec < 0 || (!ts.tv_sec && ts.tv_nsec <= 0);
	if (ts.tv_nsec < 0 || ts.tv_nsec >= (long)NSEC_PER_SEC)
		ts.tv_nsec = 0;
	*deadline = none ? 0 : deadline_after(t, &ts);
	return 0;
}

SYSCALL_DEFINE(io_getevents)
{
	uint64_t deadline;

	if (get_timeout(t, GVA(a[4]), &deadline))
		return -EFAULT;
	return get_events(t, a, deadline);
}

/* The last argument: a signal mask and its size. */
static int use_mask(struct task *t, gva_t addr)
{
	struct {
		uint64_t set, size;
	} arg;
	ksigset_t mask;

	if (!addr.v)
		return 0;
	if (get_user(t, &arg, addr))
		return -EFAULT;
	if (!arg.set)
		return 0;
	int err = get_sigset(t, GVA(arg.set), arg.size, &mask);
	if (!err)
		signal_set_temporary_mask(t, mask);
	return err;
}

SYSCALL_DEFINE(io_pgetevents)
{
	uint64_t deadline;
	int err = get_timeout(t, GVA(a[4]), &deadline);

	if (!err)
		err = use_mask(t, GVA(a[5]));
	if (err)
		return err;
	int64_t r = get_events(t, a, deadline);
	return r == -EINTR ? -ERESTARTNOHAND : r;
}
