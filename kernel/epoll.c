/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An epoll instance is a set of items (a file under a descriptor number, and what is wanted of it)
 * and a list of those that may be ready. An item gets on the list when its file wakes its waiters;
 * whether it is ready is asked of the file when epoll_wait takes it off. Level-triggered items go
 * back on the list after they were reported, until the file says no; edge-triggered ones wait for
 * the next wake. (So does Linux: fs/eventpoll.c.)
 *
 * Files answered by the host: their descriptors are in a host epoll instance of our own, made with
 * the first of them: a host event takes the place of the wake. A sleeper then sleeps in that
 * instance. Where the host's descriptor is all there is of a file (`alone`), the host's event says
 * what is ready as well, and the file is not asked again by the call that has fetched it. Such
 * items are level-triggered in the host's instance where they are here, so that the host keeps the
 * list of those that stay ready; all others are edge-triggered there.
 *
 * The end of a file: items hold no reference to it. Its last put calls epoll_file_gone, which
 * removes its items.
 *
 *   thread A (file_put)                     thread B (close of the epoll instance)
 *   watch_lock: item -> ep, ep_get          ep->lock
 *   ep->lock (waits for B)                  removes the item: off the queues, then off the file
 *                                           under watch_lock
 *   no item left; ep_put                    ep_put
 *   watch_lock: list empty: file is freed
 *
 * Locks: nest (adding an epoll file to another), ep->lock (outer before inner), then file locks,
 * waitqueue.lock, ready_lock, waitqueue.lock of ep->wait (again outwards). Nothing is called with
 * ready_lock held.
 */
#include "kernel/epoll.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "cred/user.h"
#include "fs/saved.h"
#include "kernel/sandbox.h"
#include "util/lock.h"
#include "util/rbtree.h"
#include "util/ref.h"

#define EPOLL_MAX_NESTS  4
#define EPOLL_HOST_BATCH 64
#define EPOLL_PASS_ON                                                                              \
	(1U << 20) /* a wake meant for epoll_wait sleepers alone: no event of poll(2) */

#define EPOLL_PRIVATE (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EPOLL_EXCLUSIVE_OK                                                                         \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct epoll_domain {
	struct mutex nest; /* one nesting check at a time */
	uint64_t check;    /* guarded by nest: number of the current one */
};

struct epoll {
	struct file file;
	/* of this memory: the file's, and those who remove items of a file that goes */
	struct ref refs;
	struct epoll_domain *domain;
	struct user *user; /* reference: of who made it, whose watches its items are */
	struct mutex lock;
	/* guarded by lock */
	struct rb_tree items;      /* by file and number */
	struct rb_tree host_items; /* by host_id */
	uint64_t next_host_id;
	uint64_t round;        /* ends what host events have told until then: epitem.told */
	_Atomic int host_epfd; /* -1: none yet; changes once */

	struct mutex ready_lock;
	struct list ready; /* guarded by ready_lock */

	struct waitqueue wait; /* epoll_wait sleepers, and who polls this instance */

	/* domain->nest: number of the check that was here last, and the depth it found */
	uint64_t checked;
	int depth;
};

struct epitem_waiter {
	struct waiter w;
	struct epitem *item;
	struct epitem_waiter *next;
};

struct epitem {
	struct rb_node node, host_node;
	struct epoll *ep;
	struct file *file;
	int fd;
	_Atomic uint32_t events; /* EPOLLONESHOT clears all but the private bits */
	uint64_t data;
	struct list ready_node; /* ep->ready_lock */
	bool ready;             /* ep->ready_lock: is on a list */
	bool loaded_ready;      /* it was, in the snapshot that it is loaded from */
	struct list file_node;  /* file->watch_lock */
	struct epitem_waiter first, *waiters;
	uint64_t host_id;
	int host_fd; /* in host_epfd; -1: none */
	bool own_fd; /* host_fd is a duplicate of ours */
	bool alone;  /* the host's events are the file's */
	/* ep->lock: what a host event said, true in that round alone */
	uint32_t told;
	uint64_t told_round;
};

/* Registration of one item with its file. */
struct epoll_table {
	struct poll_table pt;
	struct epitem *item;
	int error;
};

static const struct file_ops epoll_ops;

static struct epoll *epoll_of(struct file *f)
{
	return container_of(f, struct epoll, file);
}

bool file_is_epoll(const struct file *f)
{
	return f->ops == &epoll_ops;
}

static void ep_put(struct epoll *ep)
{
	if (!ref_put(&ep->refs))
		return;
	int epfd = ep->host_epfd;
	if (epfd >= 0)
		close(epfd);
	user_put(ep->user);
	waitqueue_destroy(&ep->wait);
	mutex_destroy(&ep->ready_lock);
	mutex_destroy(&ep->lock);
	free(ep);
}

/* Ready list */

static bool ep_has_ready(struct epoll *ep)
{
	mutex_lock(&ep->ready_lock);
	bool has = !list_empty(&ep->ready);
	mutex_unlock(&ep->ready_lock);
	return has;
}

static void ep_make_ready(struct epitem *item)
{
	struct epoll *ep = item->ep;

	mutex_lock(&ep->ready_lock);
	if (!item->ready)
		list_add_tail(&ep->ready, &item->ready_node);
	item->ready = true;
	mutex_unlock(&ep->ready_lock);
}

static void ep_unready(struct epitem *item)
{
	mutex_lock(&item->ep->ready_lock);
	list_del(&item->ready_node);
	item->ready = false;
	mutex_unlock(&item->ep->ready_lock);
}

/* True: one was asleep and is woken. */
static bool ep_wake(struct epoll *ep)
{
	return waitqueue_wake(&ep->wait, POLL_READ, 1) > 0;
}

/* Did this instance take the event, so that no other exclusive one need be woken? Not if nobody
 * waits in it. (Linux: ep_poll_callback) */
static bool epitem_uses_up(uint32_t wanted, unsigned events, bool waited_for)
{
	if (!(wanted & EPOLLEXCLUSIVE))
		return true;
	if (!waited_for)
		return false;
	switch (events & (EPOLLIN | EPOLLOUT)) {
	case EPOLLIN: return wanted & EPOLLIN;
	case EPOLLOUT: return wanted & EPOLLOUT;
	case 0: return true;
	default: return false;
	}
}

/* The file woke its waiters. Runs under the lock of the file's queue. */
static bool epitem_woken(struct waiter *w, unsigned events)
{
	struct epitem *item = container_of(w, struct epitem_waiter, w)->item;
	uint32_t wanted = item->events;

	if (!(wanted & ~EPOLL_PRIVATE) || (events && !(events & wanted)))
		return false;
	ep_make_ready(item);
	return epitem_uses_up(wanted, events, ep_wake(item->ep));
}

/* Host descriptors */

static int ep_host_epfd(struct epoll *ep)
{
	lock_assert_held(&ep->lock);
	if (ep->host_epfd < 0) {
		int epfd = epoll_create1(EPOLL_CLOEXEC);
		if (epfd < 0)
			return -errno;
		ep->host_epfd = epfd;
		/* Those who sleep now do not sleep in it. */
		waitqueue_wake_all(&ep->wait, 0);
	}
	return ep->host_epfd;
}

/* Does the host tell of it as long as it is ready? */
static bool epitem_host_keeps(const struct epitem *item)
{
	return item->alone && !(item->events & (EPOLLET | EPOLLONESHOT));
}

static int epitem_host_ctl(struct epitem *item, int op)
{
	struct epoll_event ev = {
		.events = (item->events & ~(EPOLL_PRIVATE & ~EPOLLEXCLUSIVE)) |
			  (epitem_host_keeps(item) ? 0 : EPOLLET),
		.data.u64 = item->host_id,
	};

	return epoll_ctl(item->ep->host_epfd, op, item->host_fd, &ev) ? -errno : 0;
}

static struct epitem *ep_find_host(struct epoll *ep, uint64_t id)
{
	struct rb_node *n = ep->host_items.root;

	while (n) {
		struct epitem *item = rb_entry(n, struct epitem, host_node);
		if (item->host_id == id)
			return item;
		n = id < item->host_id ? n->left : n->right;
	}
	return NULL;
}

/* Ids only rise: the new one is the rightmost. */
static void ep_link_host(struct epoll *ep, struct epitem *item)
{
	struct rb_node **link = &ep->host_items.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = &parent->right;
	}
	item->host_id = ++ep->next_host_id;
	rb_insert(&ep->host_items, &item->host_node, parent, link);
}

/* One host descriptor can be in an instance once; a second item of it (dup(2)) gets a duplicate. */
static int epitem_add_host(struct epitem *item, int host_fd)
{
	int epfd = ep_host_epfd(item->ep);
	if (epfd < 0)
		return epfd;
	ep_link_host(item->ep, item);
	item->host_fd = host_fd;
	int err = epitem_host_ctl(item, EPOLL_CTL_ADD);
	if (err == -EEXIST) {
		item->host_fd = fcntl(host_fd, F_DUPFD_CLOEXEC, 0);
		item->own_fd = true;
		err = item->host_fd < 0 ? -errno : epitem_host_ctl(item, EPOLL_CTL_ADD);
	}
	return err;
}

static void epitem_remove_host(struct epitem *item)
{
	if (!item->host_id)
		return;
	rb_erase(&item->ep->host_items, &item->host_node);
	if (item->host_fd >= 0)
		epoll_ctl(item->ep->host_epfd, EPOLL_CTL_DEL, item->host_fd, NULL);
	if (item->own_fd && item->host_fd >= 0)
		close(item->host_fd);
}

/* Host events take the place of wakes, but wake nobody: who sleeps hears of them from the host, and
 * what is left of them in the end is passed on. How many were told of for the first time in this
 * round. */
static int ep_take_host_events(struct epoll *ep, const struct epoll_event *events, int n)
{
	int fresh = 0;

	mutex_lock(&ep->lock);
	for (int i = 0; i < n; i++) {
		struct epitem *item = ep_find_host(ep, events[i].data.u64);
		if (!item || !(item->events & ~EPOLL_PRIVATE))
			continue;
		ep_make_ready(item);
		fresh += item->told_round != ep->round;
		item->told = item->alone ? events[i].events : 0;
		item->told_round = ep->round;
	}
	mutex_unlock(&ep->lock);
	return fresh;
}

/* Takes what the host has to report by now, without waiting: `max` of it or a little more. What
 * stays ready is told of again and again. */
static void ep_drain_host(struct epoll *ep, int max)
{
	struct epoll_event events[EPOLL_HOST_BATCH];
	int epfd = ep->host_epfd, n, batch = max < EPOLL_HOST_BATCH ? max : EPOLL_HOST_BATCH;
	bool more = epfd >= 0;

	while (more) {
		n = epoll_wait(epfd, events, batch, 0);
		more = n > 0 && ep_take_host_events(ep, events, n) == EPOLL_HOST_BATCH &&
		       (max -= n) > 0;
	}
}

/* Items */

static int epitem_compare(const struct epitem *item, const struct file *f, int fd)
{
	if (item->file != f)
		return (uintptr_t)f < (uintptr_t)item->file ? -1 : 1;
	return (fd > item->fd) - (fd < item->fd);
}

/* Where (f, fd) is or would be. */
static struct rb_node **ep_search(struct epoll *ep, const struct file *f, int fd,
				  struct rb_node **parent)
{
	struct rb_node **link = &ep->items.root;

	*parent = NULL;
	while (*link) {
		int cmp = epitem_compare(rb_entry(*link, struct epitem, node), f, fd);
		if (!cmp)
			break;
		*parent = *link;
		link = cmp < 0 ? &(*link)->left : &(*link)->right;
	}
	return link;
}

static struct epitem *ep_find(struct epoll *ep, const struct file *f, int fd)
{
	struct rb_node *parent, **link = ep_search(ep, f, fd, &parent);

	return *link ? rb_entry(*link, struct epitem, node) : NULL;
}

static void epoll_table_wait(struct poll_table *pt, struct waitqueue *q)
{
	struct epoll_table *et = container_of(pt, struct epoll_table, pt);
	struct epitem *item = et->item;
	struct epitem_waiter *ew = item->waiters ? malloc(sizeof *ew) : &item->first;

	if (!ew) {
		et->error = -ENOMEM;
		return;
	}
	waiter_init(&ew->w, NULL);
	ew->w.wake = epitem_woken;
	ew->w.exclusive = item->events & EPOLLEXCLUSIVE;
	ew->item = item;
	ew->next = item->waiters;
	item->waiters = ew;
	waitqueue_add(q, &ew->w);
}

static void epoll_table_host(struct poll_table *pt, int host_fd)
{
	struct epoll_table *et = container_of(pt, struct epoll_table, pt);

	/* A file has one host descriptor. */
	if (!et->item->host_id)
		et->error = epitem_add_host(et->item, host_fd);
}

static bool epoll_table_host_alone(struct poll_table *pt, int host_fd)
{
	container_of(pt, struct epoll_table, pt)->item->alone = true;
	epoll_table_host(pt, host_fd);
	return true;
}

/* What is true of the item's file now, of what is wanted. */
static unsigned epitem_poll(struct epitem *item, struct poll_table *pt)
{
	lock_assert_held(&item->ep->lock);
	return file_poll(item->file, pt) & item->events & ~EPOLL_PRIVATE;
}

/* Takes the item out of everything and frees it. The file may be freed once it is off file_node. */
static void epitem_remove(struct epitem *item)
{
	lock_assert_held(&item->ep->lock);
	struct epitem_waiter *ew, *next;
	struct file *f = item->file;

	for (ew = item->waiters; ew; ew = next) {
		next = ew->next;
		waitqueue_remove(&ew->w);
		if (ew != &item->first)
			free(ew);
	}
	epitem_remove_host(item);
	ep_unready(item);
	rb_erase(&item->ep->items, &item->node);
	user_uncharge(item->ep->user, USER_EPOLL_WATCHES, 1);
	mutex_lock(&f->watch_lock);
	list_del(&item->file_node);
	mutex_unlock(&f->watch_lock);
	free(item);
}

/* The first instance that watches `f`, with a reference to its memory. */
static struct epoll *ep_get_watching(struct file *f)
{
	struct epoll *ep = NULL;

	mutex_lock(&f->watch_lock);
	if (!list_empty(&f->epoll_items)) {
		ep = list_first(&f->epoll_items, struct epitem, file_node)->ep;
		ref_get(&ep->refs);
	}
	mutex_unlock(&f->watch_lock);
	return ep;
}

/* The first item of `f` under any number. */
static struct epitem *ep_find_file(struct epoll *ep, const struct file *f)
{
	struct epitem *found = NULL;
	struct rb_node *n = ep->items.root;

	while (n) {
		struct epitem *item = rb_entry(n, struct epitem, node);
		if (item->file == f)
			found = item;
		n = (uintptr_t)item->file < (uintptr_t)f ? n->right : n->left;
	}
	return found;
}

int epoll_watched(struct file *f, int fd, unsigned skip, const struct file **out)
{
	struct epoll *ep = epoll_of(f);
	int err = -ENOENT;

	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n && err; n = rb_next(n)) {
		const struct epitem *item = rb_entry(n, struct epitem, node);
		if (item->fd != fd || skip--)
			continue;
		*out = item->file;
		err = 0;
	}
	mutex_unlock(&ep->lock);
	return err;
}

static void epoll_file_gone(struct file *f)
{
	struct epitem *item;
	struct epoll *ep;

	while ((ep = ep_get_watching(f))) {
		mutex_lock(&ep->lock);
		while ((item = ep_find_file(ep, f)))
			epitem_remove(item);
		mutex_unlock(&ep->lock);
		ep_put(ep);
	}
}

static void epitem_link(struct epitem *item, struct rb_node *parent, struct rb_node **link)
{
	struct file *f = item->file;

	rb_insert(&item->ep->items, &item->node, parent, link);
	mutex_lock(&f->watch_lock);
	f->gone = epoll_file_gone;
	list_add_tail(&f->epoll_items, &item->file_node);
	mutex_unlock(&f->watch_lock);
}

/* A new item, counted against the limit. */
static struct epitem *epitem_new(struct epoll *ep, struct file *f, int fd,
				 const struct epoll_event *event)
{
	struct epitem *item = calloc(1, sizeof *item);

	if (!item)
		return NULL;
	*item = (struct epitem){
		.ep = ep, .file = f, .fd = fd, .data = event->data.u64, .host_fd = -1
	};
	item->events = event->events | EPOLLERR | EPOLLHUP;
	list_init(&item->ready_node);
	list_init(&item->file_node);
	return item;
}

static int ep_insert(struct epoll *ep, struct file *f, int fd, const struct epoll_event *event)
{
	struct rb_node *parent, **link = ep_search(ep, f, fd, &parent);
	struct epitem *item;

	if (*link)
		return -EEXIST;
	if (!user_charge(ep->user, USER_EPOLL_WATCHES, 1, EPOLL_MAX_USER_WATCHES)) {
		return -ENOSPC;
	}
	item = epitem_new(ep, f, fd, event);
	if (!item) {
		user_uncharge(ep->user, USER_EPOLL_WATCHES, 1);
		return -ENOMEM;
	}
	epitem_link(item, parent, link);
	struct epoll_table et = {
		.pt = { .wait = epoll_table_wait,
			.host = epoll_table_host,
			.host_alone = epoll_table_host_alone,
			.events = item->events & ~EPOLL_PRIVATE },
		.item = item,
	};
	unsigned ready = epitem_poll(item, &et.pt);
	if (et.error) {
		epitem_remove(item);
		return et.error;
	}
	if (ready) {
		ep_make_ready(item);
		ep_wake(ep);
	}
	return 0;
}

static int ep_modify(struct epoll *ep, struct epitem *item, const struct epoll_event *event)
{
	if (item->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	item->events = event->events | EPOLLERR | EPOLLHUP;
	item->data = event->data.u64;
	if (item->host_id)
		epitem_host_ctl(item, EPOLL_CTL_MOD);
	/* A wake before the new events were set was judged by the old ones: look now, as the host
	 * does. */
	if (!item->alone && epitem_poll(item, NULL)) {
		ep_make_ready(item);
		ep_wake(ep);
	}
	return 0;
}

static int ep_control_locked(struct epoll *ep, int op, struct file *f, int fd,
			     const struct epoll_event *event)
{
	struct epitem *item;

	if (op == EPOLL_CTL_ADD)
		return ep_insert(ep, f, fd, event);
	item = ep_find(ep, f, fd);
	if (!item)
		return -ENOENT;
	if (op == EPOLL_CTL_MOD)
		return ep_modify(ep, item, event);
	epitem_remove(item);
	return 0;
}

/* Nesting */

/* How many levels of instances are below `ep`; more than EPOLL_MAX_NESTS also if `target` is among
 * them. */
static int ep_depth_down(struct epoll *ep, const struct epoll *target, int level)
{
	int depth = 0;

	if (ep == target || level > EPOLL_MAX_NESTS)
		return EPOLL_MAX_NESTS + 1;
	if (ep->checked == ep->domain->check)
		return ep->depth;
	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n && depth <= EPOLL_MAX_NESTS;
	     n = rb_next(n)) {
		struct epitem *item = rb_entry(n, struct epitem, node);
		if (!file_is_epoll(item->file))
			continue;
		int below = ep_depth_down(epoll_of(item->file), target, level + 1) + 1;
		depth = below > depth ? below : depth;
	}
	mutex_unlock(&ep->lock);
	ep->checked = ep->domain->check;
	ep->depth = depth;
	return depth;
}

/* How many levels of instances are above `ep`. Instances are linked below others only under
 * domain->nest, but may be unlinked at any time: under watch_lock the item, and so its instance,
 * stays. */
static int ep_depth_up(struct epoll *ep, int level)
{
	struct epitem *item;
	int depth = 0;

	if (level > EPOLL_MAX_NESTS)
		return 0;
	mutex_lock(&ep->file.watch_lock);
	list_for_each (item, &ep->file.epoll_items, file_node) {
		int above = ep_depth_up(item->ep, level + 1) + 1;
		depth = above > depth ? above : depth;
		if (depth > EPOLL_MAX_NESTS)
			break;
	}
	mutex_unlock(&ep->file.watch_lock);
	return depth;
}

static int ep_check_nesting(struct epoll *ep, struct epoll *inner)
{
	ep->domain->check++;
	int depth = ep_depth_down(inner, ep, 0) + 1 + ep_depth_up(ep, 0);

	return depth > EPOLL_MAX_NESTS ? -ELOOP : 0;
}

/* epoll_ctl(2), the rules of EPOLLEXCLUSIVE */
static int check_exclusive(int op, struct file *f, const struct epoll_event *event)
{
	if (op == EPOLL_CTL_DEL || !(event->events & EPOLLEXCLUSIVE))
		return 0;
	if (op == EPOLL_CTL_MOD || file_is_epoll(f) || event->events & ~EPOLL_EXCLUSIVE_OK)
		return -EINVAL;
	return 0;
}

int epoll_control(struct file *epf, int op, struct file *f, int fd, const struct epoll_event *event)
{
	struct epoll *ep = epoll_of(epf);
	bool nesting = op == EPOLL_CTL_ADD && file_is_epoll(f);

	if (!f->ops->poll)
		return -EPERM;
	if (f == epf || !file_is_epoll(epf))
		return -EINVAL;
	int err = check_exclusive(op, f, event);
	if (err)
		return err;
	if (op != EPOLL_CTL_ADD && op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL)
		return -EINVAL;
	if (nesting) {
		mutex_lock(&ep->domain->nest);
		err = ep_check_nesting(ep, epoll_of(f));
	}
	if (!err) {
		mutex_lock(&ep->lock);
		err = ep_control_locked(ep, op, f, fd, event);
		mutex_unlock(&ep->lock);
	}
	if (nesting)
		mutex_unlock(&ep->domain->nest);
	return err;
}

/* Waiting */

/* The items that are on the ready list at this moment, as a list of their own. */
static void ep_take_ready(struct epoll *ep, struct list *out)
{
	list_init(out);
	mutex_lock(&ep->ready_lock);
	list_splice_tail(out, &ep->ready);
	mutex_unlock(&ep->ready_lock);
}

/* Puts what was not looked at back in front. */
static void ep_return_ready(struct epoll *ep, struct list *left)
{
	mutex_lock(&ep->ready_lock);
	list_splice_tail(left, &ep->ready);
	list_splice_tail(&ep->ready, left);
	mutex_unlock(&ep->ready_lock);
}

/* Reports the item if its file is ready: 1, 0, or -EFAULT (it stays on the ready list). */
static int ep_report(struct epitem *item, struct uio *out)
{
	lock_assert_held(&item->ep->lock);
	bool told = item->told && item->told_round == item->ep->round;
	ep_unready(item);
	unsigned events =
	    told ? item->told & item->events & ~EPOLL_PRIVATE : epitem_poll(item, NULL);
	item->told = 0;
	if (!events)
		return 0;

	struct epoll_event ev = { .events = events, .data.u64 = item->data };
	if (uio_put(out, &ev, sizeof ev) < sizeof ev) {
		ep_make_ready(item);
		return -EFAULT;
	}
	if (item->events & EPOLLONESHOT)
		item->events &= EPOLL_PRIVATE;
	else if (!(item->events & EPOLLET) && !epitem_host_keeps(item))
		ep_make_ready(item);
	return 1;
}

static int ep_send_events(struct epoll *ep, struct uio *out, int max)
{
	struct list batch;
	int n = 0, r = 0;

	if (!ep_has_ready(ep))
		return 0;
	mutex_lock(&ep->lock);
	ep_take_ready(ep, &batch);
	while (!list_empty(&batch) && n < max && r >= 0) {
		r = ep_report(list_first(&batch, struct epitem, ready_node), out);
		n += r > 0;
	}
	ep_return_ready(ep, &batch);
	ep->round++;
	mutex_unlock(&ep->lock);
	return n ? n : r;
}

/* Sleeps on the queue, or in the host instance if there is one. 0: look again. */
static int ep_sleep(struct epoll *ep, struct waiter *w, int max, uint64_t deadline)
{
	struct epoll_event events[EPOLL_HOST_BATCH];
	int batch = max < EPOLL_HOST_BATCH ? max : EPOLL_HOST_BATCH;

	if (ep->host_epfd < 0)
		return waiter_sleep(w, deadline);
	int n = sleeper_epoll(w->sleeper, ep->host_epfd, events, batch, deadline);
	if (n <= 0)
		return n;
	if (ep_take_host_events(ep, events, n) == EPOLL_HOST_BATCH && max > n)
		ep_drain_host(ep, max - n);
	return 0;
}

static int ep_wait(struct epoll *ep, struct sleeper *s, struct uio *out, int max, uint64_t deadline)
{
	struct waiter w;
	int n, err = 0;

	waiter_init(&w, s);
	w.exclusive = w.newest_first = true; /* as Linux's ep_poll() has it */
	waitqueue_add(&ep->wait, &w);
	for (;;) {
		waiter_looks(&w);
		n = ep_send_events(ep, out, max);
		if (n || err)
			break;
		err = ep_sleep(ep, &w, max, deadline);
	}
	waitqueue_remove(&w);
	if (n)
		return n;
	return err == -ETIMEDOUT ? 0 : err;
}

int epoll_collect(struct file *epf, struct sleeper *s, struct uio *out, int max, uint64_t deadline)
{
	struct epoll *ep = epoll_of(epf);

	bool looks = !deadline || ep_has_ready(ep);

	if (looks)
		ep_drain_host(ep, max);
	int n = looks ? ep_send_events(ep, out, max) : 0;
	if (!n && deadline)
		n = ep_wait(ep, s, out, max, deadline);
	/* What is left, and a wake that found us awake already, is another's. */
	if (ep_has_ready(ep))
		waitqueue_wake(&ep->wait, EPOLL_PASS_ON, 1);
	return n;
}

/* The instance as a file */

/* Is any item on the list really ready? Those that are not leave it. */
static bool ep_any_ready(struct epoll *ep)
{
	struct list batch;
	bool any = false;

	mutex_lock(&ep->lock);
	ep_take_ready(ep, &batch);
	while (!list_empty(&batch) && !any) {
		struct epitem *item = list_first(&batch, struct epitem, ready_node);
		any = epitem_poll(item, NULL);
		if (!any)
			ep_unready(item);
	}
	ep_return_ready(ep, &batch);
	ep->round++;
	mutex_unlock(&ep->lock);
	return any;
}

static unsigned epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = epoll_of(f);

	if (pt) {
		/* Host files may be added while the caller sleeps: it listens to the host instance
		 * from the start. */
		mutex_lock(&ep->lock);
		int epfd = ep_host_epfd(ep);
		mutex_unlock(&ep->lock);
		poll_wait(pt, &ep->wait);
		if (epfd >= 0)
			poll_host(pt, epfd);
	}
	ep_drain_host(ep, EPOLL_HOST_BATCH);
	return ep_has_ready(ep) && ep_any_ready(ep) ? POLL_READ : 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = epoll_of(f);

	mutex_lock(&ep->lock);
	while (ep->items.root)
		epitem_remove(rb_entry(ep->items.root, struct epitem, node));
	mutex_unlock(&ep->lock);
	ep_put(ep);
}

/* Items that are ready, in the order in which they will be told, come behind the others. */
static void save_item(struct saver *s, const struct epitem *item)
{
	encode(&s->out, file_saved(s, item->file));
	encode_signed(&s->out, item->fd);
	encode(&s->out, item->events);
	encode(&s->out, item->data);
	encode(&s->out, item->ready);
}

static int epoll_save(struct saver *s, void *object)
{
	struct epoll *ep = epoll_of(object);
	struct epitem *item;
	uint64_t nr = 0;

	file_save_state(s, &ep->file);
	encode(&s->out, ep->user->uid);
	size_t place = encode_place(&s->out);
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		item = rb_entry(n, struct epitem, node);
		if (item->ready)
			continue;
		save_item(s, item);
		nr++;
	}
	list_for_each (item, &ep->ready, ready_node) {
		save_item(s, item);
		nr++;
	}
	encode_at(&s->out, place, nr);
	return 0;
}

/* One that is ready may be told of once more where the host has the file: that is as if it had
 * become so again. */
static int load_item(struct loader *l, struct epoll *ep)
{
	struct file *f;
	int err = file_loaded(l, decode(&l->in), &f);
	int fd = (int)decode_between(&l->in, 0, INT_MAX);
	uint32_t events = (uint32_t)decode_max(&l->in, UINT32_MAX);
	struct epoll_event ev = { .events = events, .data.u64 = decode(&l->in) };
	bool ready = decode_bool(&l->in);

	if (err || !f)
		return err;
	if (l->in.failed || ep_find(ep, f, fd) || f == &ep->file)
		err = loader_damaged(l, "what an epoll instance watches");
	if (!err)
		err = ep_insert(ep, f, fd, &ev);
	struct epitem *item = err ? NULL : ep_find(ep, f, fd);
	if (item) {
		item->events = events; /* a one-shot item that was told of wants nothing more */
		item->loaded_ready = ready;
		if (ready)
			ep_make_ready(item);
		else if (item->host_fd < 0)
			ep_unready(item);
	}
	file_put(f);
	return err;
}

/* Does the host tell of it, so that what has come since the save is known by its readiness? */
static bool told_by_host(const struct epitem *item)
{
	if (item->host_fd < 0)
		return false;
	return !file_is_epoll(item->file) || epoll_of(item->file)->host_items.root;
}

/* What was loaded behind an instance has woken its items, of which those that are told of changes
 * alone would tell of one that was none. */
static void settle(struct epoll *ep)
{
	mutex_lock(&ep->lock);
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		struct epitem *item = rb_entry(n, struct epitem, node);
		if (!item->loaded_ready && item->events & EPOLLET && !told_by_host(item))
			ep_unready(item);
	}
	mutex_unlock(&ep->lock);
}

void epolls_settle(struct loader *l)
{
	for (size_t i = 0; i < l->nr; i++)
		if (l->entries[i].kind == &epoll_saved && l->entries[i].object)
			settle(epoll_of(l->entries[i].object));
}

static int epoll_load(struct loader *l, void **out)
{
	struct sandbox *sb = l->sandbox;
	struct file *f;
	int err = epoll_create_file(l->caller, sb, &f);

	if (err)
		return err;
	struct epoll *ep = epoll_of(f);
	err = file_load_state(l, f);
	struct user *u = user_get(sb->vfs->users, (uid_t)decode_max(&l->in, UINT32_MAX));
	if (u) {
		user_put(ep->user);
		ep->user = u;
	}
	uint64_t nr = decode_count(&l->in, 5 * sizeof(uint64_t));
	mutex_lock(&ep->lock);
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_item(l, ep);
	mutex_unlock(&ep->lock);
	*out = f;
	if (err)
		file_put(f);
	return err;
}

const struct saved_kind epoll_saved = {
	.name = "epoll instance",
	.save = epoll_save,
	.load = epoll_load,
	.put = file_saved_put,
};

static const struct file_ops epoll_ops = {
	.saved = &epoll_saved,
	.lseek_ignored = true,
	.poll = epoll_poll,
	.release = epoll_release,
};

static struct epoll_domain *epoll_domain_get(struct sandbox *sb)
{
	struct epoll_domain *d;

	sandbox_lock(sb);
	d = sb->epolls;
	if (!d) {
		d = calloc(1, sizeof *d);
		if (d)
			mutex_init(&d->nest, LOCK_EPOLL_NEST);
		sb->epolls = d;
	}
	sandbox_unlock(sb);
	return d;
}

void epoll_domain_free(struct epoll_domain *d)
{
	if (!d)
		return;
	mutex_destroy(&d->nest);
	free(d);
}

int epoll_create_file(struct caller *c, struct sandbox *sb, struct file **out)
{
	struct epoll_domain *d = epoll_domain_get(sb);
	struct epoll *ep = calloc(1, sizeof *ep);
	struct user *u = user_get(sb->vfs->users, c->cred->uid);

	if (!d || !ep || !u) {
		user_put(u);
		free(ep);
		return -ENOMEM;
	}
	file_init(&ep->file, &epoll_ops, O_RDWR);
	file_set_anon(&ep->file, c, "anon_inode:[eventpoll]");
	ref_set(&ep->refs, 1);
	ep->domain = d;
	ep->user = u;
	ep->host_epfd = -1;
	ep->round = 1;
	mutex_init(&ep->lock, LOCK_EPOLL);
	mutex_init(&ep->ready_lock, LOCK_EPOLL_READY);
	list_init(&ep->ready);
	waitqueue_init(&ep->wait);
	*out = &ep->file;
	return 0;
}
