/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe is a ring of pages. Slots, not bytes, make its capacity, as on Linux: a write that fits
 * behind the last data on its page goes there, any other takes a new page. So a write of at most
 * PIPE_BUF (a page) needs one slot and is atomic. Guest memory is copied under the pipe's lock;
 * nobody sleeps with it.
 */
#include "fs/pipefs/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "fs/anon.h"
#include "fs/mount.h"
#include "cred/user.h"
#include "fs/saved.h"
#include "fs/saved_place.h"
#include "mm/access.h"
#include "mm/mm.h"
#include "util/lock.h"
#include "util/ref.h"

#define PIPE_DEFAULT_SLOTS 16U
#define PIPE_FEW_SLOTS     2U     /* of a pipe of a user who has many */
#define PIPE_MAX_SLOTS     65536U /* more need a larger array than the kernel's allocator gives */

struct pipe {
	struct ref refs; /* one for each open file, and for whoever makes it */
	struct mutex lock;
	/* guarded by lock */
	struct pipe_buf *bufs; /* `slots` of them, a power of two */
	unsigned slots, head, tail;
	unsigned held; /* slots that splice has acquired or reserved */
	unsigned readers, writers;
	/* opens so far: who waits in open(2) sees that somebody came */
	unsigned readers_ever, writers_ever;
	unsigned char *spare; /* a free page */

	struct waitqueue readable, writable;
	struct fifo *fifo; /* NULL: no name */
	/* of a FIFO that was loaded: a reference that keeps `fifo`, because for a while the loader
	 * has the pipe, and no file may */
	struct path place;
	struct anon_attr attr;
	struct mm_host *mem; /* constant: who pays for the pages */
	struct user *user;   /* constant, reference: whose slots these are */
};

struct pipe_file {
	struct file file;
	struct pipe *pipe;
	/* writers_ever at a non-blocking open: no hang-up before another came */
	unsigned writers_seen;
	/* as of the open: is there somebody on the other side; the other side's count of opens */
	bool partner;
	unsigned partner_ever;
};

static const struct file_ops pipe_ops;

static struct pipe_file *pipe_file(struct file *f)
{
	return container_of(f, struct pipe_file, file);
}

struct pipe *file_pipe(struct file *f)
{
	return f->ops == &pipe_ops ? pipe_file(f)->pipe : NULL;
}

static bool pipe_empty(const struct pipe *p)
{
	return p->head == p->tail;
}

static bool pipe_full(const struct pipe *p)
{
	return p->head - p->tail + p->held >= p->slots;
}

static struct pipe_buf *pipe_slot(struct pipe *p, unsigned i)
{
	return &p->bufs[i & (p->slots - 1)];
}

static unsigned char *pipe_page_get(struct pipe *p)
{
	unsigned char *page = p->spare;

	p->spare = NULL;
	if (page)
		return page;
	if (!mm_host_charge(p->mem, PAGE_SIZE))
		return NULL;
	page = malloc(PAGE_SIZE);
	if (!page)
		mm_host_uncharge(p->mem, PAGE_SIZE);
	return page;
}

static void pipe_page_free(struct pipe *p, unsigned char *page)
{
	free(page);
	if (page)
		mm_host_uncharge(p->mem, PAGE_SIZE);
}

static void pipe_page_put(struct pipe *p, unsigned char *page)
{
	if (p->spare)
		pipe_page_free(p, page);
	else
		p->spare = page;
}

/* Whom the bound on a user's pipes does not bind (Linux: pipe_is_unprivileged_user). */
static bool pipe_privileged(const struct caller *c)
{
	return cred_capable(c->cred, CAP_SYS_RESOURCE) || cred_capable(c->cred, CAP_SYS_ADMIN);
}

/* The slots of a new pipe, counted for its user, who gets few of them once he has many
 * (pipe(7)). */
static unsigned pipe_first_slots(struct user *u, const struct caller *c)
{
	uint64_t max = pipe_privileged(c) ? UINT64_MAX : PIPE_USER_PAGES_SOFT;

	if (user_charge(u, USER_PIPE_SLOTS, PIPE_DEFAULT_SLOTS, max))
		return PIPE_DEFAULT_SLOTS;
	user_charge(u, USER_PIPE_SLOTS, PIPE_FEW_SLOTS, UINT64_MAX);
	return PIPE_FEW_SLOTS;
}

static struct pipe *pipe_new(struct caller *c)
{
	struct pipe *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->user = user_get(c->fs->vfs->users, c->cred->uid);
	if (p->user)
		p->slots = pipe_first_slots(p->user, c);
	p->bufs = calloc(p->slots ? p->slots : 1, sizeof *p->bufs);
	if (!p->user || !p->bufs) {
		if (p->user)
			user_uncharge(p->user, USER_PIPE_SLOTS, p->slots);
		user_put(p->user);
		free(p->bufs);
		free(p);
		return NULL;
	}
	ref_set(&p->refs, 1);
	p->mem = c->mem;
	mutex_init(&p->lock, LOCK_PIPE);
	waitqueue_init(&p->readable);
	waitqueue_init(&p->writable);
	anon_attr_init(&p->attr, c, S_IFIFO | 0600);
	return p;
}

static void pipe_free(struct pipe *p)
{
	for (; !pipe_empty(p); p->tail++)
		pipe_page_free(p, pipe_slot(p, p->tail)->page);
	pipe_page_free(p, p->spare);
	user_uncharge(p->user, USER_PIPE_SLOTS, p->slots);
	user_put(p->user);
	free(p->bufs);
	waitqueue_destroy(&p->readable);
	waitqueue_destroy(&p->writable);
	anon_attr_destroy(&p->attr);
	mutex_destroy(&p->lock);
	free(p);
}

static void pipe_put(struct pipe *p)
{
	struct fifo *ff = p->fifo;

	if (ff)
		mutex_lock(&ff->lock);
	bool last = ref_put(&p->refs);
	if (ff) {
		if (last)
			ff->pipe = NULL;
		mutex_unlock(&ff->lock);
	}
	if (!last)
		return;
	struct path place = p->place;
	pipe_free(p);
	if (place.dentry)
		path_put(&place);
}

/* Readers and writers wait exclusively. */
static int pipe_sleep(struct pipe *p, struct waitqueue *q, struct waiter *w)
{
	if (!w->queue)
		w->exclusive = true;
	return waiter_sleep_unlocked(w, q, &p->lock, DEADLINE_NONE);
}

/* Ends the waiting of an exclusive waiter: a wake-up it leaves unused goes to the next. */
static void pipe_wait_done(struct pipe *p, struct waiter *w)
{
	lock_assert_held(&p->lock);
	struct waitqueue *q = w->queue;

	if (!q)
		return;
	waitqueue_remove(w);
	if (q == &p->readable && !pipe_empty(p))
		waitqueue_wake(q, POLL_READ, 1);
	if (q == &p->writable && !pipe_full(p))
		waitqueue_wake(q, POLL_WRITE, 1);
}

/* Waits until there is data: 1; 0: no writer is left. */
static int pipe_wait_data(struct pipe *p, struct waiter *w, bool nonblock)
{
	lock_assert_held(&p->lock);
	while (pipe_empty(p)) {
		if (!p->writers && !p->held)
			return 0;
		if (nonblock)
			return -EAGAIN;
		int err = pipe_sleep(p, &p->readable, w);
		if (err)
			return err;
	}
	return 1;
}

static int pipe_wait_space(struct pipe *p, struct waiter *w, bool nonblock)
{
	for (;;) {
		if (!p->readers)
			return -EPIPE;
		if (!pipe_full(p))
			return 0;
		if (nonblock)
			return -EAGAIN;
		int err = pipe_sleep(p, &p->writable, w);
		if (err)
			return err;
	}
}

/* Reads from the oldest slot: bytes, or -EFAULT and nothing is taken. *done: a packet ended. */
static ssize_t pipe_read_slot(struct pipe *p, struct uio *u, bool *done)
{
	struct pipe_buf *b = pipe_slot(p, p->tail);
	size_t n = b->len < u->resid ? b->len : u->resid;

	if (uio_put(u, b->page + b->off, n) < n)
		return -EFAULT;
	b->off += n;
	b->len -= n;
	if (b->packet) {
		b->len = 0;
		*done = true;
	}
	if (!b->len) {
		pipe_page_put(p, b->page);
		p->tail++;
	}
	return n;
}

/* *space: a full pipe has room again. */
static ssize_t pipe_read_locked(struct pipe *p, struct uio *u, struct waiter *w, bool nonblock,
				bool *space)
{
	ssize_t total = 0, n = pipe_wait_data(p, w, nonblock);
	bool done = false, was_full = pipe_full(p);

	while (n > 0 && u->resid && !done && !pipe_empty(p)) {
		n = pipe_read_slot(p, u, &done);
		if (n > 0)
			total += n;
	}
	*space = was_full && !pipe_full(p);
	return total ? total : n;
}

static ssize_t pipe_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pipe *p = pipe_file(f)->pipe;
	struct waiter w;
	bool space;

	if (pos)
		return -ESPIPE;
	if (!u->resid)
		return 0;
	waiter_init(&w, c->sleeper);
	mutex_lock(&p->lock);
	ssize_t n = pipe_read_locked(p, u, &w, f->flags & O_NONBLOCK, &space);
	pipe_wait_done(p, &w);
	mutex_unlock(&p->lock);
	if (space)
		waitqueue_wake(&p->writable, POLL_WRITE, 1);
	return n;
}

static void pipe_push(struct pipe *p, const struct pipe_buf *b)
{
	*pipe_slot(p, p->head++) = *b;
}

/* The part of a write beyond whole pages may fit behind the last data. Bytes, 0: it does not. */
static ssize_t pipe_write_merge(struct pipe *p, struct uio *u)
{
	size_t n = u->resid & (PAGE_SIZE - 1);
	struct pipe_buf *b = pipe_slot(p, p->head - 1);

	if (!n || pipe_empty(p) || b->packet || b->no_merge || b->off + b->len + n > PAGE_SIZE)
		return 0;
	if (uio_take(u, b->page + b->off + b->len, n) < n)
		return -EFAULT;
	b->len += n;
	return n;
}

/* Fills a new slot with the next page of data: bytes or -errno. A page that cannot be read in full
 * is not written. */
static ssize_t pipe_write_slot(struct pipe *p, struct uio *u, bool packet)
{
	size_t n = u->resid < PAGE_SIZE ? u->resid : PAGE_SIZE;
	struct pipe_buf b = { .page = pipe_page_get(p), .len = n, .packet = packet };

	if (!b.page)
		return -ENOMEM;
	if (uio_take(u, b.page, n) < n) {
		pipe_page_put(p, b.page);
		return -EFAULT;
	}
	pipe_push(p, &b);
	return n;
}

/* A write that the last reader left in the middle returns what it wrote, and raises SIGPIPE all the
 * same. */
static ssize_t pipe_write_locked(struct pipe *p, struct caller *c, struct uio *u, struct waiter *w,
				 unsigned flags)
{
	ssize_t total = 0, n = p->readers ? pipe_write_merge(p, u) : -EPIPE;

	while (n >= 0) {
		total += n;
		if (!u->resid)
			break;
		if (pipe_full(p) && total)
			waitqueue_wake(&p->readable, POLL_READ, 1);
		n = pipe_wait_space(p, w, flags & O_NONBLOCK);
		if (n == 0)
			n = pipe_write_slot(p, u, flags & O_DIRECT);
	}
	if (n == -EPIPE)
		c->signal = SIGPIPE;
	return total ? total : n;
}

static ssize_t pipe_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pipe *p = pipe_file(f)->pipe;
	struct waiter w;

	if (pos)
		return -ESPIPE;
	if (!u->resid)
		return 0;
	waiter_init(&w, c->sleeper);
	mutex_lock(&p->lock);
	ssize_t n = pipe_write_locked(p, c, u, &w, f->flags);
	pipe_wait_done(p, &w);
	mutex_unlock(&p->lock);
	if (n > 0)
		waitqueue_wake(&p->readable, POLL_READ, 1);
	return n;
}

static unsigned pipe_poll_locked(struct pipe_file *pf)
{
	struct pipe *p = pf->pipe;
	unsigned events = 0;

	if (file_readable(&pf->file)) {
		if (!pipe_empty(p))
			events |= POLL_READ;
		if (!p->writers && pf->writers_seen != p->writers_ever)
			events |= POLLHUP;
	}
	if (file_writable(&pf->file)) {
		if (!pipe_full(p))
			events |= POLL_WRITE;
		if (!p->readers)
			events |= POLLERR;
	}
	return events;
}

static unsigned pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = pipe_file(f)->pipe;

	if (file_readable(f))
		poll_wait(pt, &p->readable);
	if (file_writable(f))
		poll_wait(pt, &p->writable);
	mutex_lock(&p->lock);
	unsigned events = pipe_poll_locked(pipe_file(f));
	mutex_unlock(&p->lock);
	return events;
}

static int64_t pipe_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			  uint64_t arg)
{
	struct pipe *p = pipe_file(f)->pipe;
	int bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	for (unsigned i = p->tail; i != p->head; i++)
		bytes += pipe_slot(p, i)->len;
	mutex_unlock(&p->lock);
	return copy_to_guest(mm, GVA(arg), &bytes, sizeof bytes) ? -EFAULT : 0;
}

static int pipe_getattr(struct file *f, struct caller *c, unsigned mask, struct statx *out)
{
	anon_getattr(f, &pipe_file(f)->pipe->attr, out);
	return 0;
}

static int pipe_setattr(struct file *f, struct caller *c, const struct iattr *change)
{
	return anon_setattr(&pipe_file(f)->pipe->attr, c, change);
}

static void pipe_release(struct file *f)
{
	struct pipe_file *pf = pipe_file(f);
	struct pipe *p = pf->pipe;

	mutex_lock(&p->lock);
	p->readers -= file_readable(f);
	p->writers -= file_writable(f);
	if (!p->readers || !p->writers) {
		waitqueue_wake_all(&p->readable, POLL_READ | POLLHUP);
		waitqueue_wake_all(&p->writable, POLL_WRITE | POLLERR);
	}
	mutex_unlock(&p->lock);
	pipe_put(p);
	free(pf);
}

/* Opening */

/* A file of `p`, which counts as reader and writer as its flags say. Takes a reference to the
 * pipe. */
static struct pipe_file *pipe_file_new(struct pipe *p, unsigned flags)
{
	struct pipe_file *pf = calloc(1, sizeof *pf);

	if (!pf)
		return NULL;
	file_init(&pf->file, &pipe_ops,
		  flags & (O_ACCMODE | O_NONBLOCK | O_DIRECT | O_ASYNC | O_APPEND));
	pf->pipe = p;
	ref_get(&p->refs);
	mutex_lock(&p->lock);
	if (file_readable(&pf->file)) {
		p->readers++;
		p->readers_ever++;
	}
	if (file_writable(&pf->file)) {
		p->writers++;
		p->writers_ever++;
	}
	pf->partner = file_readable(&pf->file) ? p->writers : p->readers;
	pf->partner_ever = file_readable(&pf->file) ? p->writers_ever : p->readers_ever;
	waitqueue_wake_all(&p->readable, 0);
	waitqueue_wake_all(&p->writable, 0);
	mutex_unlock(&p->lock);
	return pf;
}

int pipe_create(struct caller *c, unsigned flags, struct file *out[2])
{
	struct pipe *p = pipe_new(c);
	if (!p)
		return -ENOMEM;

	struct pipe_file *r = pipe_file_new(p, O_RDONLY | (flags & O_NONBLOCK)), *w = NULL;
	if (r)
		w = pipe_file_new(p, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));
	pipe_put(p);
	if (!w) {
		if (r)
			file_put(&r->file);
		return -ENOMEM;
	}
	file_set_anon(&r->file, c, "pipe");
	w->file.anon_name = r->file.anon_name;
	w->file.anon_ino = r->file.anon_ino;
	out[0] = &r->file;
	out[1] = &w->file;
	return 0;
}

/* open(2) of /proc/PID/fd/N: another file of the same pipe; never waits for the other side. */
static int pipe_reopen(struct file *f, struct caller *c, int flags, struct file **out)
{
	struct pipe_file *pf = pipe_file_new(pipe_file(f)->pipe, flags);

	if (!pf)
		return -ENOMEM;
	pf->file.anon_name = f->anon_name;
	pf->file.anon_ino = f->anon_ino;
	*out = &pf->file;
	return 0;
}

void fifo_init(struct fifo *ff)
{
	mutex_init(&ff->lock, LOCK_FIFO);
	ff->pipe = NULL;
}

void fifo_destroy(struct fifo *ff)
{
	mutex_destroy(&ff->lock);
}

/* Waits until the count of opens of the other side moves on: it may have come and gone. */
static int fifo_wait_partner(struct pipe_file *pf, struct caller *c, struct waitqueue *q,
			     const unsigned *ever)
{
	struct waiter w;
	int err = 0;

	waiter_init(&w, c->sleeper);
	mutex_lock(&pf->pipe->lock);
	waitqueue_add(q, &w);
	while (*ever == pf->partner_ever && !err) {
		mutex_unlock(&pf->pipe->lock);
		err = sleeper_wait(c->sleeper, DEADLINE_NONE);
		mutex_lock(&pf->pipe->lock);
	}
	waitqueue_remove(&w);
	mutex_unlock(&pf->pipe->lock);
	return err;
}

/* A FIFO's alone: a pipe without a name waits for nobody. */
static int fifo_meet(struct file *f, struct caller *c)
{
	struct pipe_file *pf = pipe_file(f);
	struct pipe *p = pf->pipe;

	if (pf->partner || !p->fifo)
		return 0;
	if (!file_readable(&pf->file))
		return fifo_wait_partner(pf, c, &p->writable, &p->readers_ever);
	if (!(pf->file.flags & O_NONBLOCK))
		return fifo_wait_partner(pf, c, &p->readable, &p->writers_ever);
	pf->writers_seen = pf->partner_ever;
	return 0;
}

/* A new file of the FIFO's pipe, which is made if it is not there. */
static int fifo_attach(struct fifo *ff, struct caller *c, int flags, struct pipe_file **out)
{
	int err = -ENOMEM;

	mutex_lock(&ff->lock);
	struct pipe *made = ff->pipe ? NULL : pipe_new(c), *p = made ? made : ff->pipe;
	if (p) {
		if (p != ff->pipe)
			p->fifo = ff; /* constant from here on: pipe_put reads it without a lock */
		*out = pipe_file_new(p, flags);
		if (*out) {
			ff->pipe = p;
			err = 0;
		}
	}
	if (made && ref_put(&made->refs))
		pipe_free(made);
	mutex_unlock(&ff->lock);
	return err;
}

/* A non-blocking open for writing must not be seen by waiting readers before it is known to
 * succeed. */
static bool fifo_has_reader(struct fifo *ff)
{
	bool has = false;

	mutex_lock(&ff->lock);
	if (ff->pipe) {
		mutex_lock(&ff->pipe->lock);
		has = ff->pipe->readers > 0;
		mutex_unlock(&ff->pipe->lock);
	}
	mutex_unlock(&ff->lock);
	return has;
}

int fifo_open(struct fifo *ff, struct caller *c, int flags, struct file **out)
{
	struct pipe_file *pf;

	if ((flags & O_ACCMODE) == O_WRONLY && (flags & O_NONBLOCK) && !fifo_has_reader(ff))
		return -ENXIO;
	int err = fifo_attach(ff, c, flags, &pf);
	if (!err)
		*out = &pf->file;
	return err;
}

/* Size */

static unsigned size_to_slots(uint64_t size)
{
	unsigned slots = 1;

	while ((uint64_t)slots * PAGE_SIZE < size)
		slots *= 2;
	return slots;
}

static int pipe_resize(struct pipe *p, unsigned slots)
{
	lock_assert_held(&p->lock);
	unsigned used = p->head - p->tail;

	if (used + p->held > slots)
		return -EBUSY;
	struct pipe_buf *bufs = slots <= PIPE_MAX_SLOTS ? calloc(slots, sizeof *bufs) : NULL;
	if (!bufs)
		return -ENOMEM;
	for (unsigned i = 0; i < used; i++)
		bufs[i] = *pipe_slot(p, p->tail + i);
	free(p->bufs);
	p->bufs = bufs;
	p->tail = 0;
	p->head = used;
	if (slots > p->slots)
		waitqueue_wake_all(&p->writable, POLL_WRITE);
	p->slots = slots;
	return 0;
}

/* Its user may not go beyond his share by growing a pipe (Linux: pipe_set_size). */
static int pipe_may_grow(struct pipe *p, const struct caller *c, unsigned slots)
{
	lock_assert_held(&p->lock);
	if (slots <= p->slots)
		return 0;
	if (slots > PIPE_MAX_SIZE / PAGE_SIZE && !cred_capable(c->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	uint64_t then = p->user->count[USER_PIPE_SLOTS] - p->slots + slots;
	return then > PIPE_USER_PAGES_SOFT && !pipe_privileged(c) ? -EPERM : 0;
}

static int pipe_resize_counted(struct pipe *p, unsigned slots)
{
	lock_assert_held(&p->lock);
	unsigned before = p->slots;
	int err;

	user_charge(p->user, USER_PIPE_SLOTS, slots, UINT64_MAX);
	err = pipe_resize(p, slots);
	user_uncharge(p->user, USER_PIPE_SLOTS, err ? slots : before);
	return err;
}

static int64_t pipe_set_size(struct pipe *p, struct caller *c, unsigned size)
{
	if (size > 1U << 31)
		return -EINVAL;
	unsigned slots = size_to_slots(size);

	mutex_lock(&p->lock);
	int err = pipe_may_grow(p, c, slots);
	if (!err)
		err = pipe_resize_counted(p, slots);
	mutex_unlock(&p->lock);
	return err ? err : (int64_t)slots * (int64_t)PAGE_SIZE;
}

int64_t pipe_fcntl(struct file *f, struct caller *c, int cmd, uint64_t arg)
{
	struct pipe *p = file_pipe(f);

	if (!p)
		return -EBADF;
	if (cmd == F_SETPIPE_SZ)
		return pipe_set_size(p, c, arg);
	mutex_lock(&p->lock);
	int64_t size = p->slots * PAGE_SIZE;
	mutex_unlock(&p->lock);
	return size;
}

/* Splice */

int pipe_buf_acquire(struct pipe *p, struct caller *c, bool nonblock, struct pipe_buf *out)
{
	struct waiter w;

	waiter_init(&w, c->sleeper);
	mutex_lock(&p->lock);
	int r = pipe_wait_data(p, &w, nonblock);
	if (r > 0) {
		*out = *pipe_slot(p, p->tail++);
		p->held++;
	}
	pipe_wait_done(p, &w);
	mutex_unlock(&p->lock);
	return r;
}

void pipe_buf_release(struct pipe *p, struct pipe_buf *b)
{
	mutex_lock(&p->lock);
	p->held--;
	if (b->len)
		*pipe_slot(p, --p->tail) = *b;
	else
		pipe_page_put(p, b->page);
	mutex_unlock(&p->lock);
	/* Readers that wait while data is out want to know of the end, too. */
	waitqueue_wake_all(&p->readable, POLL_READ);
	waitqueue_wake(&p->writable, POLL_WRITE, 1);
}

int pipe_buf_reserve(struct pipe *p, struct caller *c, bool nonblock, struct pipe_buf *out)
{
	struct waiter w;

	waiter_init(&w, c->sleeper);
	*out = (struct pipe_buf){ .no_merge = true };
	mutex_lock(&p->lock);
	int err = pipe_wait_space(p, &w, nonblock);
	if (err == -EPIPE)
		c->signal = SIGPIPE;
	if (!err)
		out->page = pipe_page_get(p);
	if (!err && !out->page)
		err = -ENOMEM;
	if (!err)
		p->held++;
	pipe_wait_done(p, &w);
	mutex_unlock(&p->lock);
	return err;
}

void pipe_buf_commit(struct pipe *p, struct pipe_buf *b)
{
	mutex_lock(&p->lock);
	p->held--;
	if (b->len)
		pipe_push(p, b);
	else
		pipe_page_put(p, b->page);
	mutex_unlock(&p->lock);
	waitqueue_wake_all(&p->readable, POLL_READ);
	if (!b->len)
		waitqueue_wake(&p->writable, POLL_WRITE, 1);
}

/* Two pipes are locked in the order of their addresses. */
static void pipe_lock_two(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock(a < b ? &b->lock : &a->lock);
}

/* Copies one slot: bytes, 0 when `to` is full, -ENOMEM. */
static ssize_t pipe_tee_slot(struct pipe *to, const struct pipe_buf *b, size_t len)
{
	lock_assert_held(&to->lock);
	size_t n = b->len < len ? b->len : len;
	struct pipe_buf copy = { .len = n, .packet = b->packet, .no_merge = true };

	if (pipe_full(to))
		return 0;
	copy.page = pipe_page_get(to);
	if (!copy.page)
		return -ENOMEM;
	memcpy(copy.page, b->page + b->off, n);
	pipe_push(to, &copy);
	return n;
}

static ssize_t pipe_tee_now(struct pipe *from, struct pipe *to, size_t len)
{
	ssize_t total = 0, n = to->readers ? 0 : -EPIPE;

	for (unsigned i = from->tail; n >= 0 && i != from->head && (size_t)total < len; i++) {
		n = pipe_tee_slot(to, pipe_slot(from, i), len - total);
		if (n <= 0)
			break;
		total += n;
	}
	return total ? total : n;
}

/* Waits for data in `from` and then for space in `to`: 1, 0 at the end of the data, -errno. */
static int pipe_tee_wait(struct pipe *from, struct pipe *to, struct caller *c, bool nonblock)
{
	struct waiter w;

	waiter_init(&w, c->sleeper);
	mutex_lock(&from->lock);
	int r = pipe_wait_data(from, &w, nonblock);
	pipe_wait_done(from, &w);
	mutex_unlock(&from->lock);
	if (r <= 0)
		return r;

	waiter_init(&w, c->sleeper);
	mutex_lock(&to->lock);
	r = pipe_wait_space(to, &w, nonblock);
	pipe_wait_done(to, &w);
	mutex_unlock(&to->lock);
	return r ? r : 1;
}

ssize_t pipe_tee(struct pipe *from, struct pipe *to, struct caller *c, bool nonblock, size_t len)
{
	if (from == to)
		return -EINVAL;
	for (;;) {
		int r = pipe_tee_wait(from, to, c, nonblock);
		if (r <= 0)
			return r;
		pipe_lock_two(from, to);
		ssize_t n = pipe_tee_now(from, to, len);
		mutex_unlock(&from->lock);
		mutex_unlock(&to->lock);
		if (n > 0)
			waitqueue_wake(&to->readable, POLL_READ, 1);
		if (n)
			return n;
		/* Somebody was faster: wait again. */
	}
}

/* ---- in snapshots ---- */

static void save_time(struct encoder *out, const struct timespec *t)
{
	encode_signed(out, t->tv_sec);
	encode_signed(out, t->tv_nsec);
}

static void load_time(struct decoder *in, struct timespec *t)
{
	t->tv_sec = decode_between(in, INT64_MIN, INT64_MAX);
	t->tv_nsec = decode_between(in, 0, 999999999);
}

static int pipe_data_save(struct saver *s, void *object)
{
	const struct pipe *p = object;
	const struct anon_attr *a = &p->attr;

	encode(&s->out, p->user->uid);
	encode(&s->out, a->mode);
	encode(&s->out, a->uid);
	encode(&s->out, a->gid);
	save_time(&s->out, &a->atime);
	save_time(&s->out, &a->mtime);
	save_time(&s->out, &a->ctime);
	encode(&s->out, p->readers_ever);
	encode(&s->out, p->writers_ever);
	encode(&s->out, p->slots);
	encode(&s->out, p->head - p->tail);
	for (unsigned i = p->tail; i != p->head; i++) {
		const struct pipe_buf *b = &p->bufs[i & (p->slots - 1)];

		encode(&s->out, b->packet);
		encode(&s->out, b->no_merge);
		encode_bytes(&s->out, b->page + b->off, b->len);
	}
	return 0;
}

/* Its slots are its own user's. */
static int load_owner(struct loader *l, struct pipe *p)
{
	struct caller *c = l->caller;
	struct user *u = user_get(c->fs->vfs->users, (uid_t)decode_max(&l->in, UINT32_MAX));

	if (!u)
		return -ENOMEM;
	user_uncharge(p->user, USER_PIPE_SLOTS, p->slots);
	user_put(p->user);
	p->user = u;
	user_charge(u, USER_PIPE_SLOTS, p->slots, UINT64_MAX);
	p->attr.mode = S_IFIFO | (mode_t)(decode_max(&l->in, 0177777) & 07777);
	p->attr.uid = (uid_t)decode_max(&l->in, UINT32_MAX);
	p->attr.gid = (gid_t)decode_max(&l->in, UINT32_MAX);
	load_time(&l->in, &p->attr.atime);
	load_time(&l->in, &p->attr.mtime);
	load_time(&l->in, &p->attr.ctime);
	return 0;
}

static int load_buf(struct loader *l, struct pipe *p)
{
	struct pipe_buf b = { .packet = decode_bool(&l->in), .no_merge = decode_bool(&l->in) };
	size_t len;
	const void *data = decode_bytes(&l->in, &len);

	if (!data || !len || len > PAGE_SIZE || pipe_full(p))
		return loader_damaged(l, "what is in a pipe");
	b.page = pipe_page_get(p);
	if (!b.page)
		return -ENOMEM;
	memcpy(b.page, data, len);
	b.len = (unsigned)len;
	pipe_push(p, &b);
	return 0;
}

static int load_bufs(struct loader *l, struct pipe *p)
{
	uint64_t slots = decode_max(&l->in, PIPE_MAX_SLOTS), nr = decode_max(&l->in, slots);
	int err = 0;

	if (l->in.failed || !slots || slots & (slots - 1))
		return loader_damaged(l, "the size of a pipe");
	mutex_lock(&p->lock);
	if (slots != p->slots)
		err = pipe_resize_counted(p, (unsigned)slots);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_buf(l, p);
	mutex_unlock(&p->lock);
	return err;
}

static int pipe_data_load(struct loader *l, void **out)
{
	struct pipe *p = pipe_new(l->caller);
	int err = p ? load_owner(l, p) : -ENOMEM;

	if (!err) {
		p->readers_ever = (unsigned)decode_max(&l->in, UINT32_MAX);
		p->writers_ever = (unsigned)decode_max(&l->in, UINT32_MAX);
		err = load_bufs(l, p);
	}
	*out = p;
	if (err && p)
		pipe_put(p);
	return err;
}

static void pipe_data_put(void *object)
{
	pipe_put(object);
}

const struct saved_kind pipe_data_saved = {
	.name = "contents of a pipe",
	.save = pipe_data_save,
	.load = pipe_data_load,
	.put = pipe_data_put,
};

/* A FIFO is found by its name again. */
static const char *pipe_refused(struct saver *s, void *object)
{
	struct file *f = object;

	return pipe_file(f)->pipe->fifo ? place_refused(s, &f->path) : NULL;
}

static int pipe_save(struct saver *s, void *object)
{
	struct pipe_file *pf = pipe_file(object);

	file_save_state(s, &pf->file);
	encode(&s->out, saved_object(s, &pipe_data_saved, pf->pipe));
	encode(&s->out, pf->file.anon_ino);
	encode(&s->out, pf->pipe->fifo != NULL);
	place_save(s, &pf->file.path);
	encode(&s->out, pf->writers_seen);
	encode(&s->out, pf->partner);
	encode(&s->out, pf->partner_ever);
	return 0;
}

/* `p` is the pipe of the FIFO that `probe` has opened; nobody else has it open but by other files
 * that were loaded. */
static int become_fifo(struct loader *l, struct pipe *p, struct file *probe)
{
	struct pipe *found = file_pipe(probe);
	struct fifo *ff = found ? found->fifo : NULL;

	if (p->fifo && p == found)
		return 0;
	if (p->fifo || !ff || found->readers > 1)
		return loader_damaged(l, "a FIFO");
	mutex_lock(&ff->lock);
	found->fifo = NULL;
	p->fifo = ff;
	ff->pipe = p;
	mutex_unlock(&ff->lock);
	return 0;
}

/* *at: its place. It may be gone by now, or no FIFO: then the file is one of a pipe without a
 * name. */
static int find_fifo(struct loader *l, struct pipe *p, const struct saved_place *place,
		     struct path *at)
{
	struct path found;
	struct file *probe;
	int err = place_walk(l->caller, place, WALK_NOFOLLOW, &found);

	if (err)
		return 0;
	err = S_ISFIFO(found.dentry->inode->type)
		  ? vfs_open(l->caller, &found, "", O_RDWR | O_NONBLOCK, 0, WALK_EMPTY_OK, &probe)
		  : -ESTALE;
	path_put(&found);
	if (err)
		return 0;
	err = become_fifo(l, p, probe);
	if (!err)
		*at = path_get(&probe->path);
	if (!err && !p->place.dentry)
		p->place = path_get(&probe->path);
	file_put(probe);
	return err;
}

static void number_pipe(struct loader *l, struct file *f, uint64_t ino)
{
	struct caller *c = l->caller;

	f->anon_name = "pipe";
	f->anon_ino = ino;
	/* later ones get other numbers */
	if (c->fs->vfs->next_anon_ino < ino && ino < UINT64_MAX / 2)
		c->fs->vfs->next_anon_ino = ino;
}

static int load_end(struct loader *l, struct pipe *p, unsigned flags, struct pipe_file **out)
{
	unsigned readers_ever = p->readers_ever, writers_ever = p->writers_ever;
	struct pipe_file *pf = pipe_file_new(p, flags);

	if (!pf)
		return -ENOMEM;
	p->readers_ever = readers_ever; /* it was counted then */
	p->writers_ever = writers_ever;
	pf->writers_seen = (unsigned)decode_max(&l->in, UINT32_MAX);
	pf->partner = decode_bool(&l->in);
	pf->partner_ever = (unsigned)decode_max(&l->in, UINT32_MAX);
	*out = pf;
	return 0;
}

static int pipe_load(struct loader *l, void **out)
{
	struct path at = { NULL, NULL };
	struct file state = { .flags = 0 };
	struct pipe_file *pf;
	void *p;
	int err = file_load_state(l, &state);

	if (!err)
		err = loaded_object(l, decode(&l->in), &pipe_data_saved, &p);
	uint64_t ino = decode(&l->in);
	bool named = decode_bool(&l->in);
	struct saved_place place = { .name = NULL };
	if (!err)
		err = place_load(l, &place);
	if (!err && (!p || named != (place.name != NULL) || l->in.failed))
		err = loader_damaged(l, "a pipe");
	if (!err && named)
		err = find_fifo(l, p, &place, &at);
	place_free(&place);
	if (!err)
		err = load_end(l, p, state.flags, &pf);
	if (err) {
		if (at.dentry)
			path_put(&at);
		return err;
	}
	pf->file.path = at;
	if (!at.dentry)
		number_pipe(l, &pf->file, ino);
	*out = &pf->file;
	return 0;
}

const struct saved_kind pipe_saved = {
	.name = "pipe",
	.save = pipe_save,
	.load = pipe_load,
	.put = file_saved_put,
	.refused = pipe_refused,
};

static const struct file_ops pipe_ops = {
	.saved = &pipe_saved,
	.fasync = true,
	.read = pipe_read,
	.write = pipe_write,
	.meet = fifo_meet,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.getattr = pipe_getattr,
	.setattr = pipe_setattr,
	.reopen = pipe_reopen,
	.release = pipe_release,
};
