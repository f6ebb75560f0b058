/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file waits for any of several files on behalf of one thread; see header for how it is used.
 * A few entries lie in the poller itself, so that an ordinary poll(2) allocates nothing.
 */
#include "kernel/poll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct poll_entry *poll_entry_new(struct poller *p)
{
	struct poll_entry *e;

	if (p->nr_inline < POLLER_INLINE)
		e = &p->inline_entries[p->nr_inline++];
	else
		e = malloc(sizeof *e);
	if (!e) {
		p->error = -ENOMEM;
		return NULL;
	}
	e->next = p->entries;
	p->entries = e;
	return e;
}

static void poller_wait(struct poll_table *pt, struct waitqueue *q)
{
	struct poller *p = container_of(pt, struct poller, pt);
	struct poll_entry *e = poll_entry_new(p);

	if (!e)
		return;
	waiter_init(&e->w, p->sleeper);
	e->w.events = pt->events;
	waitqueue_add(q, &e->w);
}

static bool poller_grow_host(struct poller *p)
{
	unsigned max = p->max_host * 2;
	struct pollfd *host = malloc(max * sizeof *host);

	if (!host)
		return false;
	memcpy(host, p->host, p->nr_host * sizeof *host);
	if (p->host != p->inline_host)
		free(p->host);
	p->host = host;
	p->max_host = max;
	return true;
}

static void poller_host(struct poll_table *pt, int host_fd)
{
	struct poller *p = container_of(pt, struct poller, pt);

	if (p->nr_host == p->max_host && !poller_grow_host(p)) {
		p->error = -ENOMEM;
		return;
	}
	p->host[p->nr_host++] = (struct pollfd){ .fd = host_fd, .events = pt->events };
}

void poller_init(struct poller *p, struct sleeper *s)
{
	p->pt = (struct poll_table){ .wait = poller_wait, .host = poller_host };
	p->sleeper = s;
	p->registering = true;
	p->error = 0;
	p->entries = NULL;
	p->nr_inline = 0;
	p->host = p->inline_host;
	p->nr_host = 0;
	p->max_host = POLLER_INLINE;
}

void poller_only_look(struct poller *p)
{
	p->registering = false;
}

unsigned poller_check(struct poller *p, struct file *f, unsigned events)
{
	p->pt.events = events | POLLERR | POLLHUP;
	unsigned ready = file_poll(f, p->registering ? &p->pt : NULL) & p->pt.events;
	if (ready)
		p->registering = false;
	return ready;
}

int poller_sleep(struct poller *p, uint64_t deadline_ns)
{
	p->registering = false;
	if (p->error)
		return p->error;
	if (!p->nr_host)
		return sleeper_wait(p->sleeper, deadline_ns);
	int r = sleeper_poll(p->sleeper, p->host, p->nr_host, deadline_ns);
	return r > 0 ? 0 : r;
}

void poller_done(struct poller *p)
{
	struct poll_entry *e, *next;

	for (e = p->entries; e; e = next) {
		next = e->next;
		waitqueue_remove(&e->w);
		if (e < p->inline_entries || e >= p->inline_entries + POLLER_INLINE)
			free(e);
	}
	if (p->host != p->inline_host)
		free(p->host);
}
