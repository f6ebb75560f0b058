/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that somebody wants signals of has a struct fasync: a waiter on each of its wait queues,
 * or two host epoll instances of its host descriptor, one for input and one for room, so that each
 * tells the changes of its kind alone.
 *
 * A wake comes with locks held under which no signal can be sent. It is noted, and sent by whoever
 * comes first: the task that caused it, at the end of its system call, so that it finds the signal
 * when the call returns; or a thread of the sandbox's own, because the call may be about to block.
 * That thread also waits for the host's events.
 *
 *   the waking task                              the thread
 *   fasync_woken: reason noted, thread poked     epoll_wait
 *   end of the call: fasync_send_due             fasync_send_due
 *
 * One of the two takes the note and sends; the other waits for it.
 *
 * Locks, outermost first: domain->arming, file locks, waitqueue.lock, domain->lock. Signals are
 * sent with none of them.
 */
#include "kernel/fasync.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/hostcall.h"
#include "host/kick.h"
#include "host/thread.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "net/socket.h"
#include "util/lock.h"

#define NR_REASONS 6 /* POLL_IN .. POLL_HUP */
#define BIT(n)     (1U << (n))
#define HOST_BATCH 16
#define WAKE_ID                                                                                    \
	0 /* of the eventfd among the host's events; of an entry: 2 n for input, 2 n + 1 for room */

struct fasync_later;

struct fasync_domain {
	struct sandbox *sb;
	pthread_t thread;
	int epfd, wake; /* of the host: everything the thread waits for; an eventfd in it */
	_Atomic bool stop;
	struct mutex arming; /* one change of a file's at a time */

	struct mutex lock;
	/* guarded by lock */
	struct list entries;
	struct list due; /* entries with reasons to send */
	unsigned sending;
	struct cond sent;
	uint64_t last_id;

	struct fasync_later *later; /* while a copy is being loaded, by who loads it */
};

struct fasync_waiter {
	struct waiter w;
	struct fasync *entry;
	struct fasync_waiter *next;
};

struct host_watch {
	int epfd; /* an epoll instance of the host with the file's descriptor alone; -1: none */
	unsigned events;
};
static const struct host_watch NOT_WATCHED = { -1, 0 };

struct fasync {
	struct fasync_domain *domain;
	struct fasync_waiter *waiters; /* domain->arming */
	int host_fd;                   /* the file's; -1: none. domain->arming */
	struct host_watch in, out;     /* domain->arming */
	uint64_t id;
	/* domain->lock */
	struct list node, due_node;
	struct file_owner owner;
	int fd;           /* si_fd */
	bool on;          /* O_ASYNC */
	bool urgent;      /* urgent data was there when we looked last */
	unsigned reasons; /* bit n: POLL_IN... is due */
	unsigned closing; /* the reason of a wake that gives none: something has ended */
};

/* Sending (Linux: send_sigio, send_sigurg) */

struct fasync_signal {
	struct file_owner owner;
	int fd, reason;
};

static const long bands[NR_REASONS] = {
	POLL_READ, POLL_WRITE | POLLWRBAND, POLL_READ | POLLMSG,
	POLLERR,   POLLPRI | POLLRDBAND,    POLLHUP | POLLERR,
};

/* Linux: sigio_perm: the owner's setter must be allowed to signal the process. */
static bool may_signal(const struct file_owner *o, const struct cred *c)
{
	return !o->euid || o->euid == c->suid || o->euid == c->uid || o->uid == c->suid ||
	       o->uid == c->uid;
}

static int send_to_process(struct process *p, const struct file_owner *o, int sig,
			   const siginfo_t *si)
{
	if (!p || !p->leader || !may_signal(o, p->leader->cred))
		return 0;
	return signal_send_process(p, sig, si);
}

static int send_to_owner(struct sandbox *sb, struct pid *pid, const struct file_owner *o, int sig,
			 const siginfo_t *si)
{
	lock_assert_held(&sb->lock);
	struct process *p, *next;
	int err = 0;

	switch (o->type) {
	case F_OWNER_TID:
		return pid->task && may_signal(o, pid->task->cred)
			   ? signal_send_task(pid->task, sig, si)
			   : 0;
	case F_OWNER_PID: return send_to_process(pid->process, o, sig, si);
	}
	list_for_each_safe (p, next, &pid->pgrp, pgrp_node) {
		int r = send_to_process(p, o, sig, si);
		err = err ? err : r;
	}
	return err;
}

static bool has_codes_of_its_own(int sig)
{
	return sig == SIGILL || sig == SIGFPE || sig == SIGSEGV || sig == SIGBUS ||
	       sig == SIGTRAP || sig == SIGCHLD || sig == SIGSYS;
}

/* The signal F_SETSIG asked for tells which descriptor and why; when it cannot be queued SIGIO says
 * that something is lost, as it does of those who asked for none. */
static void send_sigio(struct sandbox *sb, struct pid *pid, const struct fasync_signal *s)
{
	siginfo_t si;

	if (s->owner.sig) {
		siginfo_kernel(&si, s->owner.sig,
			       has_codes_of_its_own(s->owner.sig) ? SI_SIGIO : s->reason);
		si.si_band = bands[s->reason - POLL_IN];
		si.si_fd = s->fd;
		if (send_to_owner(sb, pid, &s->owner, s->owner.sig, &si) != -EAGAIN)
			return;
	}
	siginfo_kernel(&si, SIGIO, SI_KERNEL);
	send_to_owner(sb, pid, &s->owner, SIGIO, &si);
}

static void send_signal(struct sandbox *sb, const struct fasync_signal *s, bool on)
{
	siginfo_t urgent;

	sandbox_lock(sb);
	struct pid *pid = s->owner.pid ? pid_find(sb->pid_ns, s->owner.pid) : NULL;
	if (pid && s->reason == POLL_PRI) {
		siginfo_kernel(&urgent, SIGURG, SI_KERNEL);
		send_to_owner(sb, pid, &s->owner, SIGURG, &urgent);
	}
	if (pid && on && (s->reason != POLL_PRI || s->owner.sig))
		send_sigio(sb, pid, s);
	sandbox_unlock(sb);
}

/* The next one. */
static bool take_due(struct fasync_domain *d, struct fasync_signal *s, bool *on)
{
	lock_assert_held(&d->lock);
	if (list_empty(&d->due))
		return false;
	struct fasync *e = list_first(&d->due, struct fasync, due_node);
	int n = __builtin_ctz(e->reasons);
	*s = (struct fasync_signal){ .owner = e->owner, .fd = e->fd, .reason = n };
	*on = e->on;
	e->reasons &= ~BIT(n);
	if (!e->reasons)
		list_del(&e->due_node);
	return true;
}

static void send_due(struct fasync_domain *d)
{
	struct fasync_signal s;
	bool on;

	mutex_lock(&d->lock);
	while (take_due(d, &s, &on)) {
		d->sending++;
		mutex_unlock(&d->lock);
		send_signal(d->sb, &s, on);
		mutex_lock(&d->lock);
		if (!--d->sending)
			cond_broadcast(&d->sent);
	}
	while (d->sending)
		cond_wait(&d->sent, &d->lock);
	mutex_unlock(&d->lock);
}

void fasync_send_due(struct sandbox *sb)
{
	send_due(sb->fasyncs);
}

/* Noting */

static void poke(struct fasync_domain *d)
{
	host_wake(d->wake);
}

static void note(struct fasync *e, unsigned reasons)
{
	lock_assert_held(&e->domain->lock);
	if (!e->on)
		reasons &= BIT(POLL_PRI);
	if (!e->reasons && reasons)
		list_add_tail(&e->domain->due, &e->due_node);
	e->reasons |= reasons;
}

static bool fasync_woken(struct waiter *w, unsigned events)
{
	struct fasync *e = container_of(w, struct fasync_waiter, w)->entry;
	struct task *t = task_current();
	unsigned reasons = events & POLLIN ? BIT(POLL_IN) : 0;

	if (events & POLLOUT)
		reasons |= BIT(POLL_OUT);
	if (events & POLLPRI) /* of a queue that sockets have: their urgent data */
		reasons |= BIT(POLL_PRI);
	mutex_lock(&e->domain->lock);
	note(e, events ? reasons : e->closing);
	mutex_unlock(&e->domain->lock);
	if (t && t->sb == e->domain->sb)
		t->signals_due = true;
	poke(e->domain);
	return false;
}

/* What the host says of an entry's descriptor. */
static void note_host(struct fasync *e, bool room)
{
	lock_assert_held(&e->domain->lock);
	struct epoll_event ev;
	unsigned reasons = 0;

	if (epoll_wait(room ? e->out.epfd : e->in.epfd, &ev, 1, 0) != 1)
		return;
	if (room) {
		note(e, ev.events & EPOLLOUT ? BIT(POLL_OUT) : 0);
		return;
	}
	if (ev.events & EPOLLPRI && !e->urgent)
		reasons |= BIT(POLL_PRI);
	e->urgent = ev.events & EPOLLPRI;
	if (ev.events & EPOLLHUP)
		reasons |= BIT(POLL_HUP);
	else if (ev.events & (EPOLLIN | EPOLLRDHUP))
		reasons |= BIT(POLL_IN);
	if (ev.events & EPOLLERR)
		reasons |= BIT(POLL_ERR);
	note(e, reasons);
}

/* Is there urgent data that no signal has told of? The host tells of each arrival of data alone, so
 * that the thread cannot see that what was urgent is read before the next comes. Where a call skips
 * an urgent byte that came while it was at work, no signal tells of it. */
static void fasync_look(struct file *f, bool taken)
{
	struct fasync *e = f->fasync;
	struct pollfd p = { .fd = e->host_fd, .events = POLLPRI };
	const struct timespec now = { 0 };
	struct task *t = task_current();

	mutex_lock(&e->domain->lock);
	bool there = ppoll(&p, 1, &now, NULL) == 1 && p.revents & POLLPRI;
	bool news = taken ? there || !e->urgent : there && !e->urgent;
	e->urgent = there;
	if (news)
		note(e, BIT(POLL_PRI));
	mutex_unlock(&e->domain->lock);
	if (news && t)
		t->signals_due = true;
}

static void note_host_events(struct fasync_domain *d, const struct epoll_event *events, int n)
{
	struct fasync *e;
	uint64_t count;

	mutex_lock(&d->lock);
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == WAKE_ID && read(d->wake, &count, sizeof count) < 0)
			continue;
		list_for_each (e, &d->entries, node)
			if (e->id == events[i].data.u64 >> 1)
				note_host(e, events[i].data.u64 & 1);
	}
	mutex_unlock(&d->lock);
}

static void *fasync_main(void *arg)
{
	struct epoll_event events[HOST_BATCH];
	struct fasync_domain *d = arg;

	while (!d->stop) {
		int n = epoll_wait(d->epfd, events, HOST_BATCH, -1);
		note_host_events(d, events, n);
		send_due(d);
	}
	return NULL;
}

/* Life */

static int start(struct fasync_domain *d)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = WAKE_ID };

	d->epfd = (int)host_ret(epoll_create1(EPOLL_CLOEXEC));
	d->wake = (int)host_ret(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (d->epfd < 0 || d->wake < 0 || epoll_ctl(d->epfd, EPOLL_CTL_ADD, d->wake, &ev))
		return -EMFILE;
	return host_thread_start(&d->thread, 0, 0, fasync_main, d) < 0 ? -EAGAIN : 0;
}

void fasync_domain_free(struct fasync_domain *d)
{
	if (!d)
		return;
	host_close(d->epfd);
	host_close(d->wake);
	cond_destroy(&d->sent);
	mutex_destroy(&d->lock);
	mutex_destroy(&d->arming);
	free(d);
}

static struct fasync_domain *domain_new(struct sandbox *sb)
{
	struct fasync_domain *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->sb = sb;
	mutex_init(&d->arming, LOCK_FASYNC_ARMING);
	mutex_init(&d->lock, LOCK_FASYNC);
	cond_init(&d->sent);
	list_init(&d->entries);
	list_init(&d->due);
	if (!start(d))
		return d;
	fasync_domain_free(d);
	return NULL;
}

static struct fasync_domain *domain_of(struct sandbox *sb)
{
	sandbox_lock(sb);
	if (!sb->fasyncs)
		sb->fasyncs = domain_new(sb);
	struct fasync_domain *d = sb->fasyncs;
	sandbox_unlock(sb);
	return d;
}

void fasync_stop(struct sandbox *sb)
{
	struct fasync_domain *d = sb->fasyncs;

	if (!d)
		return;
	d->stop = true;
	poke(d);
	pthread_join(d->thread, NULL);
}

/* Arming */

bool fasync_possible(const struct file *f)
{
	return f->ops->fasync;
}

/* Registration of an entry with its file. */
struct fasync_table {
	struct poll_table pt;
	struct fasync *entry;
	int error;
};

static void fasync_table_wait(struct poll_table *pt, struct waitqueue *q)
{
	struct fasync_table *ft = container_of(pt, struct fasync_table, pt);
	struct fasync_waiter *fw = calloc(1, sizeof *fw);

	if (!fw) {
		ft->error = -ENOMEM;
		return;
	}
	waiter_init(&fw->w, NULL);
	fw->w.wake = fasync_woken;
	fw->entry = ft->entry;
	fw->next = ft->entry->waiters;
	ft->entry->waiters = fw;
	waitqueue_add(q, &fw->w);
}

static void fasync_table_host(struct poll_table *pt, int host_fd)
{
	container_of(pt, struct fasync_table, pt)->entry->host_fd = host_fd;
}

static void unwatch_host(struct fasync *e, struct host_watch *w)
{
	mutex_lock(&e->domain->lock);
	host_close(w->epfd);
	*w = NOT_WATCHED;
	mutex_unlock(&e->domain->lock);
}

/* Watches the host's descriptor for `events` in a new instance. What is true of it by now is no
 * news. */
static int watch_host(struct fasync *e, struct host_watch *w, unsigned events, unsigned room)
{
	struct epoll_event ev = { .events = events | EPOLLET };

	if (w->events == events)
		return 0;
	unwatch_host(e, w);
	int epfd = (int)host_ret(epoll_create1(EPOLL_CLOEXEC));
	if (epfd < 0)
		return epfd;
	int err = (int)host_ret(epoll_ctl(epfd, EPOLL_CTL_ADD, e->host_fd, &ev));
	if (err) {
		host_close(epfd);
		return err == -EPERM ? -ENOTTY : err; /* a device that is always ready */
	}
	bool some = epoll_wait(epfd, &ev, 1, 0) == 1;
	mutex_lock(&e->domain->lock);
	if (!room)
		e->urgent = some && ev.events & EPOLLPRI;
	mutex_unlock(&e->domain->lock);
	*w = (struct host_watch){ epfd, events };
	ev = (struct epoll_event){ .events = EPOLLIN | EPOLLET, .data.u64 = e->id << 1 | room };
	return (int)host_ret(epoll_ctl(e->domain->epfd, EPOLL_CTL_ADD, epfd, &ev));
}

static void drop_waiters(struct fasync *e)
{
	struct fasync_waiter *fw;

	while ((fw = e->waiters)) {
		e->waiters = fw->next;
		waitqueue_remove(&fw->w);
		free(fw);
	}
}

static int register_waiters(struct file *f, struct fasync *e)
{
	struct fasync_table ft = { .pt = { .wait = fasync_table_wait,
					   .host = fasync_table_host,
					   .events = POLLIN | POLLOUT | POLLPRI },
				   .entry = e };

	file_poll(f, &ft.pt);
	if (ft.error)
		drop_waiters(e);
	return ft.error;
}

/* Nobody refers to the file any more. */
static void fasync_file_gone(struct file *f)
{
	struct fasync *e = f->fasync;
	struct fasync_domain *d = e->domain;

	drop_waiters(e);
	mutex_lock(&d->lock);
	list_del(&e->node);
	list_del(&e->due_node);
	mutex_unlock(&d->lock);
	unwatch_host(e, &e->in);
	unwatch_host(e, &e->out);
	free(e);
}

static struct fasync *entry_new(struct fasync_domain *d, struct file *f)
{
	struct fasync *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->domain = d;
	e->host_fd = -1;
	e->in = e->out = NOT_WATCHED;
	e->closing = file_socket(f)     ? BIT(POLL_HUP)
		     : file_readable(f) ? BIT(POLL_IN)
					: BIT(POLL_OUT);
	list_init(&e->due_node);
	mutex_lock(&d->lock);
	e->id = ++d->last_id;
	list_add_tail(&d->entries, &e->node);
	mutex_unlock(&d->lock);
	f->fasync = e;
	f->fasync_gone = fasync_file_gone;
	return e;
}

/* Watches what the owner and O_ASYNC ask for. */
static int arm(struct file *f, struct fasync *e, bool on)
{
	lock_assert_held(&e->domain->arming);
	int err = e->waiters || e->host_fd >= 0 ? 0 : register_waiters(f, e);

	if (err || e->host_fd < 0)
		return err;
	err = watch_host(e, &e->in, on ? EPOLLIN | EPOLLRDHUP | EPOLLPRI : EPOLLPRI, 0);
	if (!err)
		f->fasync_urgent = fasync_look;
	if (on)
		return err ? err : watch_host(e, &e->out, EPOLLOUT, 1);
	unwatch_host(e, &e->out);
	return err;
}

/* Takes the owner over, and O_ASYNC. */
static int update(struct file *f, struct fasync *e, int fd, bool on)
{
	int err = arm(f, e, on);

	mutex_lock(&f->pos_lock);
	struct file_owner owner = f->owner;
	mutex_unlock(&f->pos_lock);
	mutex_lock(&e->domain->lock);
	e->owner = owner;
	if (on && !e->on)
		e->fd = fd;
	e->on = on && !err;
	mutex_unlock(&e->domain->lock);
	return err;
}

struct fasync_later {
	struct fasync_later *next;
	struct file *file; /* a reference */
	int fd;
	bool on;
};

int fasync_set_later(struct sandbox *sb, struct file *f, int fd, bool on)
{
	struct fasync_domain *d = domain_of(sb);
	struct fasync_later *l = d ? malloc(sizeof *l) : NULL;

	if (!l)
		return -ENOMEM;
	*l = (struct fasync_later){ d->later, file_get(f), fd, on };
	d->later = l;
	return 0;
}

int fasync_settle(struct sandbox *sb, bool loaded)
{
	int err = 0;

	for (struct fasync_later *l; sb->fasyncs && (l = sb->fasyncs->later); free(l)) {
		sb->fasyncs->later = l->next;
		/* told with each descriptor of the file */
		if (loaded && !err && !l->file->fasync)
			err = l->on ? fasync_set(sb, l->file, l->fd, true)
				    : fasync_owner_set(sb, l->file);
		if (err == -ENOTTY)
			err = 0;
		file_put(l->file);
	}
	return err;
}

int fasync_fd(const struct file *f)
{
	return f->fasync ? f->fasync->fd : -1;
}

int fasync_set(struct sandbox *sb, struct file *f, int fd, bool on)
{
	struct fasync_domain *d = domain_of(sb);

	if (!d)
		return -ENOMEM;
	mutex_lock(&d->arming);
	struct fasync *e = f->fasync ? f->fasync : entry_new(d, f);
	int err = e ? update(f, e, fd, on) : -ENOMEM;
	mutex_unlock(&d->arming);
	if (err)
		return err;
	if (on)
		atomic_fetch_or(&f->flags, O_ASYNC);
	else
		atomic_fetch_and(&f->flags, ~(unsigned)O_ASYNC);
	return 0;
}

int fasync_owner_set(struct sandbox *sb, struct file *f)
{
	struct fasync_domain *d = f->fasync || file_socket(f) ? domain_of(sb) : NULL;
	int err = 0;

	if (!d)
		return 0;
	mutex_lock(&d->arming);
	struct fasync *e = f->fasync ? f->fasync : entry_new(d, f);
	if (e)
		err = update(f, e, e->fd, e->on);
	mutex_unlock(&d->arming);
	return e ? err : -ENOMEM;
}
