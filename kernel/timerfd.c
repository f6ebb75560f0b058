/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer that is a descriptor (Linux: fs/timerfd.c). It goes off once after it was set; a periodic
 * one goes on when it is read or asked for the time that is left, and the periods that passed
 * meanwhile are counted then.
 *
 * Whether it has gone off is found by the clock, by everyone who looks, and does not wait for the
 * timer thread: the ktimer's part is to wake those who wait.
 */
#include "kernel/timerfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#include "cred/cred.h"
#include "fs/saved.h"
#include "kernel/ktimer.h"
#include "kernel/sandbox.h"
#include "kernel/time_ns.h"
#include "mm/access.h"
#include "util/time.h"

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

struct timerfd {
	struct file file;
	struct sandbox *sb;
	clockid_t clock;       /* as it was created */
	struct waitqueue wait; /* for ticks */

	/* guarded by sandbox->lock and, but for `kt.node`, by `lock` as well: who holds either may
	 * read */
	struct ktimer kt;
	uint64_t interval;

	struct mutex lock; /* inside sandbox->lock; all that a poll takes */
	uint64_t ticks;    /* since it was last read */
	bool armed;        /* `kt.expires` is to come, or nobody has looked since */
	bool expired;      /* went off and was not set on yet */
	bool canceled;     /* the clock was set; the reader does not know yet */
	int flags;         /* of the last timerfd_settime */
};

static struct timerfd *timerfd_of(struct file *f)
{
	return container_of(f, struct timerfd, file);
}

static void timerfd_lock(struct timerfd *tf)
{
	sandbox_lock(tf->sb);
	mutex_lock(&tf->lock);
}

static void timerfd_unlock(struct timerfd *tf)
{
	mutex_unlock(&tf->lock);
	sandbox_unlock(tf->sb);
}

/* ---- lock held ---- */

static uint64_t now_of(const struct timerfd *tf)
{
	return guest_clock_ns(&tf->sb->clock, tf->kt.clock);
}

/* Goes off if it is time. */
static void look(struct timerfd *tf)
{
	if (!tf->armed || now_of(tf) < tf->kt.expires)
		return;
	tf->armed = false;
	tf->expired = true;
	tf->ticks++;
}

static uint64_t time_left(const struct timerfd *tf)
{
	uint64_t now = now_of(tf);

	return tf->kt.expires > now ? tf->kt.expires - now : 0;
}

/* ---- both locks held ---- */

static void arm(struct timerfd *tf, uint64_t expires)
{
	tf->armed = true;
	tf->expired = false;
	ktimer_arm(tf->sb, &tf->kt, expires);
}

/* A periodic timer that went off is set on. */
static void go_on(struct timerfd *tf)
{
	uint64_t at = tf->kt.expires;

	if (!tf->expired || !tf->interval)
		return;
	tf->ticks += timer_forward(&at, tf->interval, now_of(tf)) - 1;
	arm(tf, at);
}

/* ---- what the timer thread calls: sandbox->lock held ---- */

static void fire(struct ktimer *kt)
{
	struct timerfd *tf = container_of(kt, struct timerfd, kt);

	mutex_lock(&tf->lock);
	look(tf);
	mutex_unlock(&tf->lock);
	waitqueue_wake_all(&tf->wait, POLLIN);
}

static void clock_set(struct ktimer *kt)
{
	struct timerfd *tf = container_of(kt, struct timerfd, kt);

	mutex_lock(&tf->lock);
	tf->canceled = true;
	tf->ticks++;
	mutex_unlock(&tf->lock);
	waitqueue_wake_all(&tf->wait, POLLIN);
}

/* ---- the file ---- */

/* 0, -EAGAIN, -ECANCELED */
static int take(struct timerfd *tf, uint64_t *ticks)
{
	int err = 0;

	timerfd_lock(tf);
	look(tf);
	if (tf->canceled) {
		err = -ECANCELED; /* and it does not go on: the reader has to think again */
	} else if (!tf->ticks) {
		err = -EAGAIN;
	} else {
		go_on(tf);
		*ticks = tf->ticks;
	}
	if (err != -EAGAIN) {
		tf->canceled = tf->expired = false;
		tf->ticks = 0;
	}
	timerfd_unlock(tf);
	return err;
}

static int wait_take(struct timerfd *tf, struct caller *c, uint64_t *ticks)
{
	struct waiter w;
	int r, err = 0;

	waiter_init(&w, c->sleeper);
	waitqueue_add(&tf->wait, &w);
	while ((r = take(tf, ticks)) == -EAGAIN && !err)
		err = sleeper_wait(c->sleeper, DEADLINE_NONE);
	waitqueue_remove(&w);
	return r == -EAGAIN ? err : r;
}

static ssize_t timerfd_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct timerfd *tf = timerfd_of(f);
	uint64_t ticks;

	if (pos)
		return -ESPIPE;
	if (u->resid < sizeof ticks)
		return -EINVAL;
	int err = take(tf, &ticks);
	if (err == -EAGAIN && !(f->flags & O_NONBLOCK))
		err = wait_take(tf, c, &ticks);
	if (err)
		return err;
	return uio_put(u, &ticks, sizeof ticks) == sizeof ticks ? (ssize_t)sizeof ticks : -EFAULT;
}

static unsigned timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *tf = timerfd_of(f);

	poll_wait(pt, &tf->wait);
	mutex_lock(&tf->lock);
	look(tf);
	unsigned events = tf->ticks ? POLLIN : 0;
	mutex_unlock(&tf->lock);
	return events;
}

/* As checkpoint and restore set it. */
static int set_ticks(struct timerfd *tf, uint64_t ticks)
{
	if (!ticks)
		return -EINVAL;
	mutex_lock(&tf->lock);
	bool canceled = tf->canceled;
	tf->canceled = false;
	if (!canceled)
		tf->ticks = ticks;
	mutex_unlock(&tf->lock);
	if (canceled)
		return -ECANCELED;
	waitqueue_wake_all(&tf->wait, POLLIN);
	return 0;
}

static int64_t timerfd_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			     uint64_t arg)
{
	uint64_t ticks;

	if (cmd != TFD_IOC_SET_TICKS)
		return -ENOTTY;
	if (copy_from_guest(mm, &ticks, GVA(arg), sizeof ticks))
		return -EFAULT;
	return set_ticks(timerfd_of(f), ticks);
}

static void timerfd_release(struct file *f)
{
	struct timerfd *tf = timerfd_of(f);

	sandbox_lock(tf->sb);
	ktimer_disarm(tf->sb, &tf->kt);
	ktimer_watch_clock(tf->sb, &tf->kt, NULL);
	sandbox_unlock(tf->sb);
	waitqueue_destroy(&tf->wait);
	mutex_destroy(&tf->lock);
	free(tf);
}

static void timerfd_show_fdinfo(struct file *f, struct text *out)
{
	struct timerfd *tf = timerfd_of(f);

	mutex_lock(&tf->lock);
	look(tf);
	struct timespec left = ns_to_timespec(time_left(tf)),
			interval = ns_to_timespec(tf->interval);
	text_printf(out, "clockid: %d\nticks: %lu\nsettime flags: 0%o\n", tf->clock, tf->ticks,
		    (unsigned)tf->flags);
	mutex_unlock(&tf->lock);
	text_printf(out, "it_value: (%ld, %ld)\nit_interval: (%ld, %ld)\n", left.tv_sec,
		    left.tv_nsec, interval.tv_sec, interval.tv_nsec);
}

static int timerfd_save(struct saver *s, void *object)
{
	struct timerfd *tf = timerfd_of(object);

	file_save_state(s, &tf->file);
	timerfd_lock(tf);
	encode_signed(&s->out, tf->clock);
	encode_signed(&s->out, tf->kt.clock);
	encode(&s->out, tf->kt.expires);
	encode(&s->out, tf->kt.clock_set != NULL);
	encode(&s->out, tf->interval);
	encode(&s->out, tf->ticks);
	encode(&s->out, tf->armed);
	encode(&s->out, tf->expired);
	encode(&s->out, tf->canceled);
	encode(&s->out, (unsigned)tf->flags);
	timerfd_unlock(tf);
	return 0;
}

/* What went off meanwhile has gone off once. */
static void load_state(struct timerfd *tf, struct decoder *in)
{
	timerfd_lock(tf);
	tf->kt.clock = (clockid_t)decode_between(in, 0, INT_MAX);
	tf->kt.expires = decode_max(in, CLOCK_NS_MAX);
	bool cancels = decode_bool(in);
	tf->interval = decode(in);
	tf->ticks = decode(in);
	bool armed = decode_bool(in);
	tf->expired = decode_bool(in);
	tf->canceled = decode_bool(in);
	tf->flags = (int)decode_max(in, UINT32_MAX);
	if (tf->kt.clock != ktimer_clock(tf->clock, true) &&
	    tf->kt.clock != ktimer_clock(tf->clock, false))
		in->failed = true;
	if (cancels && tf->kt.clock == CLOCK_REALTIME && !in->failed)
		ktimer_watch_clock(tf->sb, &tf->kt, clock_set);
	if (armed && !in->failed) {
		bool expired = tf->expired;
		arm(tf, tf->kt.expires);
		tf->expired = expired;
	}
	timerfd_unlock(tf);
}

static int timerfd_load(struct loader *l, void **out)
{
	struct caller all = *(struct caller *)l->caller;
	struct cred *root = cred_copy(all.cred, -1);
	struct timerfd *tf;
	struct file *f;

	if (!root)
		return -ENOMEM;
	/* who made it was allowed to */
	root->cap_effective = UINT64_MAX;
	all.cred = root;
	struct file state = { .flags = 0 };
	int err = file_load_state(l, &state);
	if (!err)
		err = timerfd_new(&all, l->sandbox, (clockid_t)decode_between(&l->in, 0, INT_MAX),
				  0, &f);
	cred_put(root);
	if (err)
		return err == -EINVAL ? loader_damaged(l, "a timerfd") : err;
	tf = timerfd_of(f);
	f->flags = (unsigned)state.flags;
	load_state(tf, &l->in);
	*out = f;
	return 0;
}

const struct saved_kind timerfd_saved = {
	.name = "timerfd",
	.save = timerfd_save,
	.load = timerfd_load,
	.put = file_saved_put,
};

static const struct file_ops timerfd_ops = {
	.saved = &timerfd_saved,
	.no_splice_read = true,
	.show_fdinfo = timerfd_show_fdinfo,
	.read = timerfd_read,
	.lseek_ignored = true,
	.poll = timerfd_poll,
	.ioctl = timerfd_ioctl,
	.release = timerfd_release,
};

/* ---- create, set, get ---- */

static int check_clock(clockid_t clock, const struct cred *cred)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME: return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM: return cred_capable(cred, CAP_WAKE_ALARM) ? 0 : -EPERM;
	default: return -EINVAL;
	}
}

int timerfd_new(struct caller *c, struct sandbox *sb, clockid_t clock, int flags, struct file **out)
{
	int err = check_clock(clock, c->cred);

	if (err)
		return err;
	struct timerfd *tf = calloc(1, sizeof *tf);
	if (!tf)
		return -ENOMEM;
	sandbox_lock(sb);
	err = ktimer_prepare(sb, clock);
	sandbox_unlock(sb);
	if (err) {
		free(tf);
		return -ENOMEM;
	}
	file_init(&tf->file, &timerfd_ops, O_RDWR | (unsigned)(flags & O_NONBLOCK));
	file_set_anon(&tf->file, c, "anon_inode:[timerfd]");
	tf->sb = sb;
	tf->clock = clock;
	tf->kt = (struct ktimer){ .clock = ktimer_clock(clock, true), .fire = fire };
	list_init(&tf->kt.set_node);
	waitqueue_init(&tf->wait);
	mutex_init(&tf->lock, LOCK_TIMERFD);
	*out = &tf->file;
	return 0;
}

static int set(struct timerfd *tf, const struct task *t, int flags, const struct timer_setting *new)
{
	bool absolute = flags & TFD_TIMER_ABSTIME, canceled = tf->canceled;

	ktimer_disarm(tf->sb, &tf->kt);
	tf->kt.clock = ktimer_clock(tf->clock, absolute);
	tf->kt.expires = 0;
	tf->armed = tf->expired = false;
	tf->ticks = 0;
	tf->interval = new->interval;
	if (new->value) {
		arm(tf, absolute ? task_time_to_sandbox(t, tf->clock, new->value)
				 : timer_after(now_of(tf), new->value));
		tf->canceled = false;
		if (canceled)
			return -ECANCELED;
	}
	tf->flags = flags;
	return 0;
}

int timerfd_set(struct file *f, struct caller *c, int flags, const struct timer_setting *new,
		struct timer_setting *old)
{
	if (f->ops != &timerfd_ops)
		return -EINVAL;
	struct timerfd *tf = timerfd_of(f);
	int err = check_clock(tf->clock, c->cred);
	if (err)
		return err;
	timerfd_lock(tf);
	look(tf);
	go_on(tf);
	*old = (struct timer_setting){ .value = time_left(tf), .interval = tf->interval };
	bool cancels = flags & TFD_TIMER_CANCEL_ON_SET && flags & TFD_TIMER_ABSTIME &&
		       ktimer_clock(tf->clock, true) == CLOCK_REALTIME;
	ktimer_watch_clock(tf->sb, &tf->kt, cancels ? clock_set : NULL);
	if (!cancels)
		tf->canceled = false;
	err = set(tf, c->task, flags, new);
	timerfd_unlock(tf);
	return err;
}

int timerfd_get(struct file *f, struct timer_setting *out)
{
	if (f->ops != &timerfd_ops)
		return -EINVAL;
	struct timerfd *tf = timerfd_of(f);
	timerfd_lock(tf);
	look(tf);
	go_on(tf);
	*out = (struct timer_setting){ .value = time_left(tf), .interval = tf->interval };
	timerfd_unlock(tf);
	return 0;
}
