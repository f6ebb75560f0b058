/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nurseries: the template process that stubs are forked from, and the reaper, a thread that is the
 * template's parent for as long as the nursery lives, and that notices when a stub is killed.
 * Neither of them serves a guest, so that machines may have them in common.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/memfd.h"
#include "host/hostcall.h"
#include "host/thread.h"
#include "platform/process/process.h"

/* ---- the reaper ---- */

static void space_died(struct process_space *s)
{
	struct process_context *c;
	s->stub.dead = true;
	mutex_lock(&s->lock);
	list_for_each (c, &s->contexts, node) {
		struct kick *k = atomic_load(&c->kick);
		if (k)
			kick_send(k);
		if (c->died)
			c->died(c->died_arg);
	}
	mutex_unlock(&s->lock);
}

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* A stub ended though nobody asked it to: the guest got it killed. Its threads' waits must end. The
 * event may be that of a space which was destroyed meanwhile and closed its descriptor: the number
 * is another stub's then, which lives. A space is locked before the machine: a new one is listed
 * with its lock held. */
static void nursery_notice_death(struct nursery *n, int pidfd)
{
	struct process_space *s, *dead = NULL;

	mutex_lock(&n->lock);
	list_for_each (s, &n->spaces, node) {
		if (s->stub.pidfd == pidfd && has_ended(pidfd)) {
			epoll_ctl(n->reaper_epoll, EPOLL_CTL_DEL, pidfd, NULL);
			ref_get(&s->refs);
			dead = s;
			n->noticed = s->m;
			break;
		}
	}
	mutex_unlock(&n->lock);
	if (!dead)
		return;
	space_died(dead);
	space_put(dead);
	mutex_lock(&n->lock);
	n->noticed = NULL;
	cond_broadcast(&n->reaper_cond);
	mutex_unlock(&n->lock);
}

static void start_done(struct nursery *n, int err)
{
	mutex_lock(&n->lock);
	n->start_err = err;
	n->started = true;
	cond_broadcast(&n->reaper_cond);
	mutex_unlock(&n->lock);
}

static void reaper_wake(struct nursery *n)
{
	host_wake(n->reaper_wake);
}

int nursery_each_thread(struct nursery *n, int (*fn)(void *arg), void *arg)
{
	struct reaper_errand e = { .fn = fn, .arg = arg };

	mutex_lock(&n->lock);
	n->errand = &e;
	reaper_wake(n);
	while (!e.done)
		cond_wait(&n->reaper_cond, &n->lock);
	mutex_unlock(&n->lock);
	return e.err;
}

/* The reaper was woken: false, to end; or somebody has an errand for it. */
static bool reaper_woken(struct nursery *n)
{
	uint64_t count;

	(void)!read(n->reaper_wake, &count, sizeof count);
	mutex_lock(&n->lock);
	struct reaper_errand *e = n->errand;
	n->errand = NULL;
	mutex_unlock(&n->lock);
	if (!e)
		return false;
	int err = e->fn(e->arg);
	mutex_lock(&n->lock);
	e->err = err;
	e->done = true;
	cond_broadcast(&n->reaper_cond);
	mutex_unlock(&n->lock);
	return true;
}

/* PR_SET_PDEATHSIG speaks of the parent thread, not of its process: the template's lives as long as
 * the nursery. */
static void *reaper_main(void *arg)
{
	struct nursery *n = arg;
	struct epoll_event ev;

	int err = template_start(n);
	if (n->founder->hook.fn)
		n->founder->hook.fn(n->founder->hook.arg);
	/* Whoever waits for the template goes on while the first spare is ordered, and finds it
	 * so. */
	mutex_lock(&n->template.lock);
	start_done(n, err);
	if (!err)
		spare_order(n->founder);
	mutex_unlock(&n->template.lock);
	for (;;) {
		int r = epoll_wait(n->reaper_epoll, &ev, 1, -1);
		if (r < 0 && errno != EINTR)
			break;
		if (r == 1 && ev.data.fd != n->reaper_wake)
			nursery_notice_death(n, ev.data.fd);
		else if (r == 1 && !reaper_woken(n))
			break;
	}
	return NULL;
}

static int reaper_start(struct nursery *n)
{
	struct epoll_event ev = { .events = EPOLLIN };

	n->reaper_epoll = epoll_create1(EPOLL_CLOEXEC);
	n->reaper_wake = eventfd(0, EFD_CLOEXEC);
	ev.data.fd = n->reaper_wake;
	if (n->reaper_epoll < 0 || n->reaper_wake < 0 ||
	    epoll_ctl(n->reaper_epoll, EPOLL_CTL_ADD, n->reaper_wake, &ev) < 0)
		return -errno;
	int err = host_thread_start(&n->reaper, 0, 0, reaper_main, n);
	n->reaper_runs = !err;
	return err;
}

/* ---- life ---- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int control_create(struct nursery *n)
{
	n->control_fd = memfd_sized("hl-control", PAGE_SIZE);
	if (n->control_fd < 0)
		return n->control_fd;
	char *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, n->control_fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	n->control = page;
	stub_page_set(&n->template, page);
	return 0;
}

int nursery_await(struct nursery *n)
{
	mutex_lock(&n->lock);
	while (!n->started)
		cond_wait(&n->reaper_cond, &n->lock);
	mutex_unlock(&n->lock);
	return n->start_err;
}

static void let_go(struct nursery *n)
{
	stub_send_kill(&n->template);
	if (n->reaper_runs)
		reaper_wake(n);
}

static void nursery_free(struct nursery *n)
{
	if (n->reaper_runs)
		(void)nursery_await(n);
	if (!n->ending)
		let_go(n);
	template_end(n);
	if (n->reaper_runs)
		pthread_join(n->reaper, NULL);
	close_fd(n->reaper_epoll);
	close_fd(n->reaper_wake);
	if (n->control)
		munmap(n->control, PAGE_SIZE);
	close_fd(n->control_fd);
	mutex_destroy(&n->lock);
	cond_destroy(&n->reaper_cond);
	stub_destroy(&n->template);
	free(n);
}

static int nursery_new(struct process_machine *m)
{
	struct nursery *n = calloc(1, sizeof *n);

	if (!n)
		return -ENOMEM;
	ref_set(&n->refs, 1);
	n->control_fd = n->reaper_epoll = n->reaper_wake = -1;
	stub_init(&n->template);
	mutex_init(&n->lock, LOCK_NURSERY);
	cond_init(&n->reaper_cond);
	list_init(&n->spaces);
	n->founder = m;
	m->founded = true;
	m->nursery = n;
	int err = control_create(n);
	if (!err)
		err = reaper_start(n);
	if (err) {
		m->nursery = NULL;
		nursery_free(n);
	}
	return err;
}

static void nursery_put(void *nursery)
{
	struct nursery *n = nursery;

	if (ref_put(&n->refs))
		nursery_free(n);
}

/* One whose template could not be made, or was ended from outside, is of no use to those to come.
 */
bool nursery_works(struct nursery *n)
{
	return nursery_await(n) == 0 && !stub_has_ended(&n->template);
}

static int enter_locked(struct process_machine *m, struct machine_kin *kin)
{
	lock_assert_held(&kin->lock);
	if (kin->shared && !nursery_works(kin->shared)) {
		nursery_put(kin->shared);
		kin->shared = NULL;
	}
	if (kin->shared) {
		m->nursery = kin->shared;
	} else if (m->hook.confined) {
		return -EAGAIN;
	} else {
		int err = nursery_new(m);
		if (err)
			return err;
		kin->shared = m->nursery;
		kin->put = nursery_put;
	}
	ref_get(&m->nursery->refs);
	return 0;
}

int nursery_enter(struct process_machine *m, struct machine_kin *kin)
{
	if (!kin)
		return nursery_new(m);
	mutex_lock(&kin->lock);
	int err = enter_locked(m, kin);
	mutex_unlock(&kin->lock);
	if (err || m->founded)
		return err;
	mutex_lock(&m->nursery->template.lock);
	spare_order(m);
	mutex_unlock(&m->nursery->template.lock);
	return 0;
}

/* The template, the stubs and the reaper end at the same time. */
void nursery_let_go(struct nursery *n)
{
	if (ref_count(&n->refs) != 1)
		return;
	n->ending = true;
	let_go(n);
}

void nursery_leave(struct nursery *n, const struct process_machine *m)
{
	mutex_lock(&n->lock);
	while (n->noticed == m)
		cond_wait(&n->reaper_cond, &n->lock);
	mutex_unlock(&n->lock);
	nursery_put(n);
}

/* ---- spaces ---- */

int nursery_watch(struct nursery *n, struct process_space *s)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = s->stub.pidfd };

	mutex_lock(&n->lock);
	list_add(&n->spaces, &s->node);
	int err = epoll_ctl(n->reaper_epoll, EPOLL_CTL_ADD, s->stub.pidfd, &ev) < 0 ? -errno : 0;
	mutex_unlock(&n->lock);
	return err;
}

void nursery_forget(struct nursery *n, struct process_space *s)
{
	mutex_lock(&n->lock);
	list_del(&s->node);
	if (s->stub.pidfd >= 0)
		epoll_ctl(n->reaper_epoll, EPOLL_CTL_DEL, s->stub.pidfd, NULL);
	mutex_unlock(&n->lock);
}
