/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), ppoll(2), select(2), pselect6(2) */
#include <stdlib.h>
#include <sys/select.h>

#include "kernel/poll.h"
#include "sys/sys.h"
#include "sys/time.h"
#include "util/time.h"

#define POLL_STACK 16

/* One poll(2) in progress: what to look at, with the files held open meanwhile. */
struct poll_call {
	struct pollfd *fds;
	struct file **files; /* NULL: not an open descriptor */
	unsigned n;
	struct pollfd stack_fds[POLL_STACK];
	struct file *stack_files[POLL_STACK];
};

static int poll_call_alloc(struct poll_call *pc, unsigned n)
{
	pc->n = n;
	pc->fds = pc->stack_fds;
	pc->files = pc->stack_files;
	if (n <= POLL_STACK)
		return 0;
	pc->fds = malloc(n * sizeof *pc->fds);
	pc->files = malloc(n * sizeof *pc->files);
	if (pc->fds && pc->files)
		return 0;
	free(pc->fds);
	free(pc->files);
	return -ENOMEM;
}

static void poll_call_free(struct poll_call *pc)
{
	if (pc->fds != pc->stack_fds) {
		free(pc->fds);
		free(pc->files);
	}
}

static void poll_call_open(struct task *t, struct poll_call *pc)
{
	for (unsigned i = 0; i < pc->n; i++)
		pc->files[i] = pc->fds[i].fd >= 0 ? task_fd(t, pc->fds[i].fd) : NULL;
}

static void poll_call_close(struct task *t, struct poll_call *pc)
{
	for (unsigned i = 0; i < pc->n; i++)
		task_fd_put(t, pc->files[i]);
}

static unsigned poll_one(struct poll_call *pc, unsigned i, struct poller *p)
{
	struct pollfd *pfd = &pc->fds[i];

	if (pfd->fd < 0)
		return 0;
	if (!pc->files[i])
		return POLLNVAL;
	return poller_check(p, pc->files[i], (unsigned short)pfd->events);
}

/* Looks at all: how many have something to report. */
static int poll_scan(struct poll_call *pc, struct poller *p)
{
	int ready = 0;

	for (unsigned i = 0; i < pc->n; i++) {
		pc->fds[i].revents = poll_one(pc, i, p);
		if (!pc->fds[i].revents)
			continue;
		ready++;
		poller_only_look(p);
	}
	return ready;
}

/* The number of ready descriptors, 0 when the deadline (0: do not wait) is over, -EINTR,
 * -ENOMEM. */
static int poll_loop(struct poll_call *pc, struct sleeper *s, uint64_t deadline)
{
	struct poller p;
	int ready, err = deadline ? 0 : -ETIMEDOUT;

	poller_init(&p, s);
	if (!deadline)
		poller_only_look(&p);
	for (;;) {
		ready = poll_scan(pc, &p);
		if (ready || err)
			break;
		err = poller_sleep(&p, deadline);
	}
	poller_done(&p);
	if (ready)
		return ready;
	if (err == -ETIMEDOUT)
		return sleeper_interrupted(s) ? -EINTR : 0;
	return err;
}

/* Only revents is written: another thread may be changing the rest. */
static int poll_write_back(struct task *t, const struct poll_call *pc, gva_t addr)
{
	for (unsigned i = 0; i < pc->n; i++)
		if (put_user(
			t,
			gva_add(addr, i * sizeof(struct pollfd) + offsetof(struct pollfd, revents)),
			&pc->fds[i].revents))
			return -EFAULT;
	return 0;
}

static int64_t poll_fds(struct task *t, gva_t addr, unsigned n, uint64_t deadline)
{
	struct poll_call pc;

	if (n > process_rlimit(t->process, RLIMIT_NOFILE))
		return -EINVAL;
	int64_t r = poll_call_alloc(&pc, n);
	if (r)
		return r;
	if (copy_from_guest(t->mm, pc.fds, addr, n * sizeof(struct pollfd))) {
		poll_call_free(&pc);
		return -EFAULT;
	}
	poll_call_open(t, &pc);
	r = poll_loop(&pc, &t->sleeper, deadline);
	poll_call_close(t, &pc);
	if (r >= 0 && poll_write_back(t, &pc, addr))
		r = -EFAULT;
	poll_call_free(&pc);
	return r;
}

static int64_t poll_restartable(struct task *t, gva_t addr, unsigned n, uint64_t deadline)
{
	int64_t r = poll_fds(t, addr, n, deadline);
	if (r != -EINTR)
		return r;
	t->restart =
	    (struct restart){ .kind = RESTART_POLL, .deadline = deadline, .a = { addr.v, n } };
	return -ERESTART_RESTARTBLOCK;
}

int64_t poll_restart(struct task *t, const struct restart *rs)
{
	return poll_restartable(t, GVA(rs->a[0]), rs->a[1], rs->deadline);
}

SYSCALL_DEFINE(poll)
{
	return poll_restartable(t, GVA(a[0]), a[1], deadline_after_ms(t, (int)a[2]));
}

/* The deadline of a relative timeout: none when absent, 0 (do not wait) when zero. */
static uint64_t poll_deadline(struct task *t, const struct timespec *ts)
{
	if (!ts)
		return DEADLINE_NONE;
	return ts->tv_sec || ts->tv_nsec ? deadline_after(t, ts) : 0;
}

/* What ppoll, select and pselect6 have in common at the end (Linux: poll_select_finish): the time
 * that is left is written back, so that the call can be restarted as it is; where that fails it
 * cannot. */
static int64_t poll_finish(struct task *t, int64_t r, gva_t time_addr, uint64_t deadline,
			   bool timeval)
{
	struct timespec left = time_left(t, deadline);
	bool written = true;

	if (r == -EINTR)
		r = -ERESTARTNOHAND;
	if (!time_addr.v || resume_wanted(t, r))
		return r;
	if (timeval)
		left.tv_nsec /= (long)NSEC_PER_USEC;
	if (deadline)
		written = !put_user(t, time_addr, &left);
	return r == -ERESTARTNOHAND && !written ? -EINTR : r;
}

SYSCALL_DEFINE(ppoll)
{
	struct timespec ts;
	ksigset_t mask;
	int err;

	if (a[2] && (err = get_timespec(t, GVA(a[2]), &ts)))
		return err;
	uint64_t deadline = poll_deadline(t, a[2] ? &ts : NULL);
	if (a[3]) {
		err = get_sigset(t, GVA(a[3]), a[4], &mask);
		if (err)
			return err;
		signal_set_temporary_mask(t, mask);
	}
	return poll_finish(t, poll_fds(t, GVA(a[0]), a[1], deadline), GVA(a[2]), deadline, false);
}

/* select(2): three bit maps in, three out; the descriptors in between are those of a poll. */

static const unsigned select_sets[3] = {
	POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
	POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
	POLLPRI,
};

struct select_call {
	unsigned n;        /* descriptors 0..n-1 */
	gva_t addr[3];     /* 0: no such set */
	uint64_t *bits[3]; /* in, then out */
	uint64_t *mem;
};

static size_t select_words(unsigned n)
{
	return (n + 63) / 64;
}

static int select_read(struct task *t, struct select_call *sc)
{
	size_t words = select_words(sc->n);

	sc->mem = calloc(3 * words + 1, sizeof(uint64_t));
	if (!sc->mem)
		return -ENOMEM;
	for (int k = 0; k < 3; k++) {
		sc->bits[k] = sc->mem + k * words;
		if (sc->addr[k].v &&
		    copy_from_guest(t->mm, sc->bits[k], sc->addr[k], words * sizeof(uint64_t)))
			return -EFAULT;
		/* Whole words come and go; bits behind the last descriptor come back as 0. */
		if (sc->n % 64)
			sc->bits[k][words - 1] &= (1UL << sc->n % 64) - 1;
	}
	return 0;
}

static int select_write(struct task *t, struct select_call *sc)
{
	for (int k = 0; k < 3; k++)
		if (sc->addr[k].v && copy_to_guest(t->mm, sc->addr[k], sc->bits[k],
						   select_words(sc->n) * sizeof(uint64_t)))
			return -EFAULT;
	return 0;
}

static unsigned select_events(const struct select_call *sc, unsigned fd)
{
	unsigned events = 0;

	for (int k = 0; k < 3; k++)
		if (sc->bits[k][fd / 64] >> (fd % 64) & 1)
			events |= select_sets[k];
	return events;
}

/* The descriptors in any of the sets, as for poll(2). */
static int select_to_poll(const struct select_call *sc, struct poll_call *pc)
{
	unsigned n = 0;

	for (unsigned fd = 0; fd < sc->n; fd++)
		n += select_events(sc, fd) != 0;
	int err = poll_call_alloc(pc, n);
	if (err)
		return err;
	n = 0;
	for (unsigned fd = 0; fd < sc->n; fd++) {
		unsigned events = select_events(sc, fd);
		if (events)
			pc->fds[n++] = (struct pollfd){ .fd = fd, .events = events };
	}
	return 0;
}

/* Keeps the bits that were asked for and are true; their number is select's result. */
static int select_from_poll(struct select_call *sc, const struct poll_call *pc)
{
	int count = 0;

	for (unsigned i = 0; i < pc->n; i++) {
		unsigned fd = pc->fds[i].fd;
		for (int k = 0; k < 3; k++) {
			uint64_t bit = 1UL << (fd % 64), *word = &sc->bits[k][fd / 64];
			if (!(*word & bit))
				continue;
			if (pc->fds[i].revents & select_sets[k])
				count++;
			else
				*word &= ~bit;
		}
	}
	return count;
}

static int64_t select_run(struct task *t, struct select_call *sc, uint64_t deadline)
{
	struct poll_call pc;

	int64_t r = select_to_poll(sc, &pc);
	if (r)
		return r;
	poll_call_open(t, &pc);
	for (unsigned i = 0; i < pc.n && !r; i++)
		r = pc.files[i] ? 0 : -EBADF;
	if (!r)
		r = poll_loop(&pc, &t->sleeper, deadline);
	poll_call_close(t, &pc);
	if (r >= 0)
		r = select_from_poll(sc, &pc);
	poll_call_free(&pc);
	return r;
}

static int64_t do_select(struct task *t, const uint64_t *a, uint64_t deadline)
{
	struct select_call sc = { .addr = { GVA(a[1]), GVA(a[2]), GVA(a[3]) } };
	int n = a[0];

	if (n < 0)
		return -EINVAL;
	/* Bits behind the table are not looked at (Linux: core_sys_select). */
	mutex_lock(&t->files->lock);
	sc.n = n < t->files->size ? n : t->files->size;
	mutex_unlock(&t->files->lock);
	int64_t r = select_read(t, &sc);
	if (!r)
		r = select_run(t, &sc, deadline);
	if (r >= 0 && select_write(t, &sc))
		r = -EFAULT;
	free(sc.mem);
	return r;
}

SYSCALL_DEFINE(select)
{
	struct timeval tv;
	struct timespec ts;

	if (a[4]) {
		if (get_user(t, &tv, GVA(a[4])))
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		if (__builtin_add_overflow(tv.tv_sec, tv.tv_usec / (long)USEC_PER_SEC, &ts.tv_sec))
			return -EINVAL;
		ts.tv_nsec = tv.tv_usec % (long)USEC_PER_SEC * (long)NSEC_PER_USEC;
	}
	uint64_t deadline = poll_deadline(t, a[4] ? &ts : NULL);
	return poll_finish(t, do_select(t, a, deadline), GVA(a[4]), deadline, true);
}

SYSCALL_DEFINE(pselect6)
{
	struct {
		gva_t addr;
		uint64_t size;
	} sig = { 0 };
	struct timespec ts;
	ksigset_t mask;
	int err;

	if (a[5] && get_user(t, &sig, GVA(a[5])))
		return -EFAULT;
	if (a[4] && (err = get_timespec(t, GVA(a[4]), &ts)))
		return err;
	uint64_t deadline = poll_deadline(t, a[4] ? &ts : NULL);
	if (sig.addr.v) {
		err = get_sigset(t, sig.addr, sig.size, &mask);
		if (err)
			return err;
		signal_set_temporary_mask(t, mask);
	}
	return poll_finish(t, do_select(t, a, deadline), GVA(a[4]), deadline, false);
}
