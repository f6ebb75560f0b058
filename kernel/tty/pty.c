/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pty: a line discipline with a file on either side.
 *
 * 	master file  --type-->  ldisc  --read-->  slave files
 * 	             <--take--         <--write--
 *
 * Its memory is counted by the slave's struct tty: each file and each process that has it as
 * controlling terminal holds a reference. When the master is closed the line is hung up for good.
 * When the last slave is closed the master reads
 * -EIO until there is one again.
 *
 * Locks: pty_table.lock, pty.lock; signals are sent without them, for sandbox->lock comes before.
 */
#include "kernel/tty/pty.h"

#include <asm/termios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/major.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

#include "fs/device.h"
#include "fs/devpts.h"
#include "fs/file.h"
#include "fs/hostfs/stream.h"
#include "fs/saved.h"
#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/tty/pty_parts.h"
#include "mm/access.h"
#include "util/lock.h"

#define PTMX_MINOR 2
#define CHUNK      4096

static int pty_sleep(struct pty *p, struct waitqueue *q, struct waiter *w, unsigned events,
		     uint64_t deadline)
{
	if (!w->queue)
		w->events = events;
	return waiter_sleep_unlocked(w, q, &p->lock, deadline);
}

/* What typing brought about: keys' signals, something to read on either side. No lock held. */
static void after_typing(struct pty *p)
{
	mutex_lock(&p->lock);
	uint64_t signals = p->ld.signals;
	p->ld.signals = 0;
	mutex_unlock(&p->lock);
	for (int sig = 1; signals; sig++, signals >>= 1)
		if (signals & 1)
			tty_signal(&p->tty, sig);
	waitqueue_wake_all(&p->slave_wait, POLL_READ | POLL_WRITE);
	waitqueue_wake_all(&p->master_wait, POLL_READ);
}

/* ---- the slave's side ---- */

/* How long a read waits and for how much (termios(3), MIN and TIME). */
struct read_terms {
	bool canonical;
	size_t min;
	uint64_t between; /* ns from one character to the next; 0: no limit */
	uint64_t deadline;
};

static struct read_terms read_terms(const struct ldisc *ld, struct caller *c)
{
	uint64_t time = ld->t.c_cc[VTIME] * 100000000UL;
	struct read_terms rt = { .canonical = ld->t.c_lflag & ICANON,
				 .min = 1,
				 .deadline = DEADLINE_NONE };

	if (rt.canonical)
		return rt;
	rt.min = ld->t.c_cc[VMIN] ? ld->t.c_cc[VMIN] : 1;
	if (ld->t.c_cc[VMIN])
		rt.between = time;
	else
		rt.deadline = time ? sleeper_deadline(c->sleeper, time) : 0;
	if (c->done && rt.between)
		rt.deadline = sleeper_deadline(c->sleeper, rt.between);
	return rt;
}

/* Waits for input: 1, 0: the read is over, -errno. */
static int slave_wait_input(struct pty *p, struct waiter *w, const struct read_terms *rt,
			    bool nonblock)
{
	lock_assert_held(&p->lock);
	/* what was typed is gone with the master (Linux: hung_up_tty_read) */
	while (p->master_closed || !ldisc_readable(&p->ld, false)) {
		if (p->master_closed || !rt->deadline)
			return 0;
		if (nonblock)
			return -EAGAIN;
		int err = pty_sleep(p, &p->slave_wait, w, POLL_READ, rt->deadline);
		if (err)
			return err == -ETIMEDOUT ? 0 : err;
	}
	return 1;
}

/* Takes what is there; false: the read is over. The other side does not wait for our memory. */
static bool slave_take(struct pty *p, struct caller *c, struct uio *u, struct read_terms *rt,
		       ssize_t *total)
{
	lock_assert_held(&p->lock);
	unsigned char buf[CHUNK];
	bool eof;
	size_t n = ldisc_read(&p->ld, buf, u->resid < CHUNK ? u->resid : CHUNK, &eof);

	mutex_unlock(&p->lock);
	bool put = uio_put(u, buf, n) == n;
	mutex_lock(&p->lock);
	if (!put) {
		*total = *total ? *total : -EFAULT;
		return false;
	}
	*total += n;
	ldisc_resume(&p->ld);
	if (rt->between)
		rt->deadline = sleeper_deadline(c->sleeper, rt->between);
	return !rt->canonical && (size_t)*total + c->done < rt->min && u->resid;
}

static ssize_t slave_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pty *p = file_pty(f);
	struct waiter w;
	ssize_t total = 0;
	int r = pos ? -ESPIPE : tty_check_read(&p->tty, c);

	if (r || !u->resid)
		return r;
	waiter_init(&w, c->sleeper);
	mutex_lock(&p->lock);
	struct read_terms rt = read_terms(&p->ld, c);
	do {
		r = slave_wait_input(p, &w, &rt, f->flags & O_NONBLOCK);
	} while (r > 0 && slave_take(p, c, u, &rt, &total));
	mutex_unlock(&p->lock);
	waitqueue_remove(&w);
	after_typing(p);
	waitqueue_wake_all(&p->master_wait, POLL_WRITE);
	return total || r > 0 ? total : r;
}

/* Waits for room: 0, -EIO (nobody reads any more), -EAGAIN, -EINTR. */
static int slave_wait_room(struct pty *p, struct waiter *w, bool nonblock)
{
	lock_assert_held(&p->lock);
	for (;;) {
		if (p->master_closed)
			return -EIO;
		if (ldisc_writable(&p->ld))
			return 0;
		if (nonblock)
			return -EAGAIN;
		int err = pty_sleep(p, &p->slave_wait, w, POLL_WRITE, DEADLINE_NONE);
		if (err)
			return err;
	}
}

static int slave_write_chunk(struct pty *p, struct waiter *w, const unsigned char *s, size_t n,
			     bool nonblock, ssize_t *total)
{
	while (n) {
		int err = slave_wait_room(p, w, nonblock);
		if (err)
			return err;
		size_t done = ldisc_write(&p->ld, s, n);
		s += done;
		n -= done;
		*total += done;
		waitqueue_wake_all(&p->master_wait, POLL_READ);
	}
	return 0;
}

/* One write at a time: they do not mix, however long. */
static int slave_begin_write(struct pty *p, struct caller *c, struct waiter *w, bool nonblock)
{
	lock_assert_held(&p->lock);
	while (p->writer && p->writer != c->task && !p->master_closed) {
		if (nonblock)
			return -EAGAIN;
		int err = pty_sleep(p, &p->slave_wait, w, POLL_WRITE, DEADLINE_NONE);
		if (err)
			return err;
	}
	p->writer = c->task;
	return 0;
}

static int slave_write_all(struct pty *p, struct waiter *w, struct uio *u, bool nonblock,
			   ssize_t *total)
{
	lock_assert_held(&p->lock);
	unsigned char buf[CHUNK];
	int err = p->master_closed ? -EIO : 0;

	while (!err && u->resid) {
		mutex_unlock(&p->lock);
		size_t n = uio_take(u, buf, u->resid < CHUNK ? u->resid : CHUNK);
		mutex_lock(&p->lock);
		err = n ? slave_write_chunk(p, w, buf, n, nonblock, total) : -EFAULT;
	}
	return err;
}

static ssize_t slave_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pty *p = file_pty(f);
	bool nonblock = f->flags & O_NONBLOCK;
	struct waiter w;
	ssize_t total = 0;
	int err = pos ? -ESPIPE : tty_check_write(&p->tty, c);

	waiter_init(&w, c->sleeper);
	mutex_lock(&p->lock);
	if (!err)
		err = slave_begin_write(p, c, &w, nonblock);
	if (!err)
		err = slave_write_all(p, &w, u, nonblock, &total);
	if (p->writer == c->task && !c->sleeper->gave_up)
		p->writer = NULL;
	mutex_unlock(&p->lock);
	waitqueue_remove(&w);
	waitqueue_wake_all(&p->slave_wait, POLL_WRITE);
	return total ? total : err;
}

static unsigned slave_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = file_pty(f);
	unsigned events = 0;

	poll_wait(pt, &p->slave_wait);
	mutex_lock(&p->lock);
	if (p->master_closed)
		events = POLL_READ | POLL_WRITE | POLLERR | POLLHUP;
	if (ldisc_readable(&p->ld, true))
		events |= POLL_READ;
	if (ldisc_writable(&p->ld))
		events |= POLL_WRITE;
	mutex_unlock(&p->lock);
	return events;
}

static void slave_release(struct file *f)
{
	struct pty *p = file_pty(f);

	mutex_lock(&p->lock);
	p->slave_closed = --p->slaves == 0;
	if (p->slave_closed)
		p->exclusive = false;
	mutex_unlock(&p->lock);
	waitqueue_wake_all(&p->master_wait, POLL_READ | POLLHUP);
	tty_put(&p->tty);
	free(container_of(f, struct pty_file, file));
}

/* ---- the master's side ---- */

/* Something for the master: 1, -EIO: nobody is there, -EAGAIN, -EINTR. */
static int master_wait_output(struct pty *p, struct waiter *w, bool nonblock)
{
	lock_assert_held(&p->lock);
	while (!ldisc_output_count(&p->ld) && !(p->packet && p->ld.packet_status)) {
		if (p->slave_closed)
			return -EIO;
		if (nonblock)
			return -EAGAIN;
		int err = pty_sleep(p, &p->master_wait, w, POLL_READ, DEADLINE_NONE);
		if (err)
			return err;
	}
	return 1;
}

/* In packet mode (ioctl_tty(2), TIOCPKT) a read starts with what changed, or with 0 and is data. */
static size_t master_take(struct pty *p, unsigned char *buf, size_t size)
{
	lock_assert_held(&p->lock);
	size_t n = 0;

	if (p->packet) {
		buf[n++] = p->ld.packet_status;
		p->ld.packet_status = 0;
	}
	if (!n || !buf[0])
		n += ldisc_take_output(&p->ld, buf + n, size - n);
	return n;
}

static ssize_t master_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pty *p = file_pty(f);
	unsigned char buf[CHUNK];
	struct waiter w;
	size_t n = 0;

	if (pos)
		return -ESPIPE;
	if (!u->resid)
		return 0;
	waiter_init(&w, c->sleeper);
	mutex_lock(&p->lock);
	int r = master_wait_output(p, &w, f->flags & O_NONBLOCK);
	if (r > 0)
		n = master_take(p, buf, u->resid < CHUNK ? u->resid : CHUNK);
	mutex_unlock(&p->lock);
	waitqueue_remove(&w);
	waitqueue_wake_all(&p->slave_wait, POLL_WRITE);
	if (r < 0)
		return r;
	return uio_put(u, buf, n) == n ? (ssize_t)n : -EFAULT;
}

/* Types what it can, waiting until all is. */
static int master_type(struct pty *p, struct waiter *w, const unsigned char *s, size_t n,
		       bool nonblock, ssize_t *total)
{
	while (n) {
		mutex_lock(&p->lock);
		size_t done = ldisc_receive(&p->ld, s, n);
		int err = 0;
		if (!done)
			err = nonblock
				  ? -EAGAIN
				  : pty_sleep(p, &p->master_wait, w, POLL_WRITE, DEADLINE_NONE);
		mutex_unlock(&p->lock);
		if (err)
			return err;
		s += done;
		n -= done;
		*total += done;
		after_typing(p);
	}
	return 0;
}

static ssize_t master_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct pty *p = file_pty(f);
	unsigned char buf[CHUNK];
	struct waiter w;
	ssize_t total = 0;
	int err = pos ? -ESPIPE : 0;

	waiter_init(&w, c->sleeper);
	while (!err && u->resid) {
		size_t n = uio_take(u, buf, u->resid < CHUNK ? u->resid : CHUNK);
		err = n ? master_type(p, &w, buf, n, f->flags & O_NONBLOCK, &total) : -EFAULT;
	}
	waitqueue_remove(&w);
	return total ? total : err;
}

static unsigned master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = file_pty(f);
	unsigned events = 0;

	poll_wait(pt, &p->master_wait);
	mutex_lock(&p->lock);
	if (ldisc_output_count(&p->ld))
		events |= POLL_READ;
	if (p->packet && p->ld.packet_status)
		events |= POLLPRI | POLL_READ;
	if (p->slave_closed)
		events |= POLLHUP;
	if (ldisc_accepts(&p->ld))
		events |= POLL_WRITE;
	mutex_unlock(&p->lock);
	return events;
}

static void master_release(struct file *f)
{
	struct pty *p = file_pty(f);

	devpts_remove(p->table->devpts, p->index);
	mutex_lock(&p->lock);
	p->master_closed = true;
	mutex_unlock(&p->lock);
	waitqueue_wake_all(&p->slave_wait, 0);
	sandbox_lock(p->tty.sb);
	tty_hangup(&p->tty);
	sandbox_unlock(p->tty.sb);
	tty_put(&p->tty);
	free(container_of(f, struct pty_file, file));
}

/* ---- ioctls ---- */

/* Speeds by c_cflag's CBAUD, for those who set them the old way. */
static const unsigned baud_rates[] = {
	0,       50,      75,      110,     134,     150,     200,     300,
	600,     1200,    1800,    2400,    4800,    9600,    19200,   38400,
	0,       57600,   115200,  230400,  460800,  500000,  576000,  921600,
	1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
};

static unsigned baud_rate(unsigned cflag)
{
	return baud_rates[(cflag & CBAUDEX ? 16 : 0) + (cflag & (CBAUD & ~CBAUDEX))];
}

#define OLD_TERMIOS sizeof(struct termios) /* the front of struct termios2 */

static int64_t get_termios(struct pty *p, struct mm *mm, uint64_t arg, size_t size)
{
	mutex_lock(&p->lock);
	struct termios2 t = p->ld.t;
	mutex_unlock(&p->lock);
	return copy_to_guest(mm, GVA(arg), &t, size) ? -EFAULT : 0;
}

/* Do the usual keys stop and start output? */
static bool keys_stop(const struct termios2 *t)
{
	return t->c_iflag & IXON && t->c_cc[VSTOP] == 023 && t->c_cc[VSTART] == 021;
}

/* What packet mode tells of a change (Linux: pty_set_termios). */
static void tell_master(struct pty *p, const struct termios2 *old)
{
	lock_assert_held(&p->lock);
	const struct termios2 *t = &p->ld.t;
	bool stop = keys_stop(t);

	if (stop != keys_stop(old))
		p->ld.packet_status =
		    (p->ld.packet_status & ~(unsigned)(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP)) |
		    (stop ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
	if ((old->c_lflag | t->c_lflag) & EXTPROC)
		p->ld.packet_status |= TIOCPKT_IOCTL;
}

static int64_t apply_termios(struct pty *p, const struct termios2 *t, bool flush)
{
	mutex_lock(&p->lock);
	const struct termios2 old = p->ld.t;
	if (flush)
		ldisc_flush_input(&p->ld);
	ldisc_set_termios(&p->ld, t);
	if (p->packet)
		tell_master(p, &old);
	ldisc_resume(&p->ld);
	mutex_unlock(&p->lock);
	after_typing(p);
	waitqueue_wake_all(&p->slave_wait, 0);
	waitqueue_wake_all(&p->master_wait, POLL_READ | POLLPRI);
	return 0;
}

static int64_t set_termios(struct pty *p, struct mm *mm, uint64_t arg, size_t size, bool flush)
{
	struct termios2 t;

	mutex_lock(&p->lock);
	t = p->ld.t;
	mutex_unlock(&p->lock);
	if (copy_from_guest(mm, &t, GVA(arg), size))
		return -EFAULT;
	if (size == OLD_TERMIOS)
		t.c_ispeed = t.c_ospeed = baud_rate(t.c_cflag);
	return apply_termios(p, &t, flush);
}

/* System V's struct termio: the lower halves of the flags. */
static int64_t get_termio(struct pty *p, struct mm *mm, uint64_t arg)
{
	struct termio old = { 0 };

	mutex_lock(&p->lock);
	const struct termios2 *t = &p->ld.t;
	old.c_iflag = t->c_iflag;
	old.c_oflag = t->c_oflag;
	old.c_cflag = t->c_cflag;
	old.c_lflag = t->c_lflag;
	old.c_line = t->c_line;
	memcpy(old.c_cc, t->c_cc, NCC);
	mutex_unlock(&p->lock);
	return copy_to_guest(mm, GVA(arg), &old, sizeof old) ? -EFAULT : 0;
}

static int64_t set_termio(struct pty *p, struct mm *mm, uint64_t arg, bool flush)
{
	const unsigned upper = ~0xffffU;
	struct termios2 t;
	struct termio new;

	if (copy_from_guest(mm, &new, GVA(arg), sizeof new))
		return -EFAULT;
	mutex_lock(&p->lock);
	t = p->ld.t;
	mutex_unlock(&p->lock);
	t.c_iflag = (t.c_iflag & upper) | new.c_iflag;
	t.c_oflag = (t.c_oflag & upper) | new.c_oflag;
	t.c_cflag = (t.c_cflag & upper) | new.c_cflag;
	t.c_lflag = (t.c_lflag & upper) | new.c_lflag;
	t.c_line = new.c_line;
	memcpy(t.c_cc, new.c_cc, NCC);
	t.c_ispeed = t.c_ospeed = baud_rate(t.c_cflag);
	return apply_termios(p, &t, flush);
}

static int64_t set_size(struct pty *p, struct mm *mm, uint64_t arg)
{
	struct winsize ws;

	if (copy_from_guest(mm, &ws, GVA(arg), sizeof ws))
		return -EFAULT;
	mutex_lock(&p->lock);
	bool changed = memcmp(&ws, &p->size, sizeof ws);
	p->size = ws;
	mutex_unlock(&p->lock);
	if (changed)
		tty_signal(&p->tty, SIGWINCH);
	return 0;
}

/* What the other side wrote and this one has not read, and the reverse. What became the slave's
 * input is beyond the master's reach. */
static int64_t flush(struct pty *p, bool master, int which)
{
	bool input = which != TCOFLUSH, output = which != TCIFLUSH;

	if (which != TCIFLUSH && which != TCOFLUSH && which != TCIOFLUSH)
		return -EINVAL;
	mutex_lock(&p->lock);
	if (master ? output : input)
		ldisc_flush_pending(&p->ld);
	if (input)
		(master ? ldisc_drop_output : ldisc_flush_input)(&p->ld);
	if (output && !master)
		ldisc_flush_output(&p->ld);
	mutex_unlock(&p->lock);
	waitqueue_wake_all(&p->slave_wait, POLL_WRITE);
	waitqueue_wake_all(&p->master_wait, POLL_READ | POLL_WRITE);
	return 0;
}

/* tcflow(3) */
static int64_t flow(struct pty *p, int what)
{
	if (what < TCOOFF || what > TCION)
		return -EINVAL;
	mutex_lock(&p->lock);
	if (what == TCOOFF) {
		p->ld.tco_stopped = true;
		ldisc_stop(&p->ld);
	} else if (what == TCOON) {
		p->ld.tco_stopped = false;
		ldisc_start(&p->ld);
	} else {
		unsigned char c = p->ld.t.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c)
			ldisc_write(&p->ld, &c, 1);
	}
	mutex_unlock(&p->lock);
	waitqueue_wake_all(&p->slave_wait, POLL_WRITE);
	waitqueue_wake_all(&p->master_wait, POLL_READ);
	return 0;
}

static int64_t put_int(struct mm *mm, uint64_t arg, int val)
{
	return copy_to_guest(mm, GVA(arg), &val, sizeof val) ? -EFAULT : 0;
}

/* The lock guards what `flag` points to. */
static bool flag_of(struct pty *p, const bool *flag)
{
	mutex_lock(&p->lock);
	bool on = *flag;
	mutex_unlock(&p->lock);
	return on;
}

/* The number of characters one side could read. */
static int readable_count(struct pty *p, bool master)
{
	mutex_lock(&p->lock);
	size_t n = master ? ldisc_output_count(&p->ld) : ldisc_input_count(&p->ld);
	mutex_unlock(&p->lock);
	return (int)n;
}

static int64_t get_size(struct pty *p, struct mm *mm, uint64_t arg)
{
	mutex_lock(&p->lock);
	struct winsize ws = p->size;
	mutex_unlock(&p->lock);
	return copy_to_guest(mm, GVA(arg), &ws, sizeof ws) ? -EFAULT : 0;
}

static int64_t set_exclusive(struct pty *p, bool on)
{
	mutex_lock(&p->lock);
	p->exclusive = on;
	mutex_unlock(&p->lock);
	return 0;
}

/* What both sides answer alike. */
static int64_t common_ioctl(struct pty *p, bool master, struct mm *mm, unsigned cmd, uint64_t arg)
{
	switch (cmd) {
	case TCGETS: return get_termios(p, mm, arg, OLD_TERMIOS);
	case TCGETS2: return get_termios(p, mm, arg, sizeof(struct termios2));
	case TCSETS:
	case TCSETSW: return set_termios(p, mm, arg, OLD_TERMIOS, false);
	case TCSETSF: return set_termios(p, mm, arg, OLD_TERMIOS, true);
	case TCSETS2:
	case TCSETSW2: return set_termios(p, mm, arg, sizeof(struct termios2), false);
	case TCSETSF2: return set_termios(p, mm, arg, sizeof(struct termios2), true);
	case TCGETA: return get_termio(p, mm, arg);
	case TCSETA:
	case TCSETAW: return set_termio(p, mm, arg, false);
	case TCSETAF: return set_termio(p, mm, arg, true);
	case TIOCGWINSZ: return get_size(p, mm, arg);
	case TIOCSWINSZ: return set_size(p, mm, arg);
	case TCFLSH: return flush(p, master, (int)arg);
	case TCXONC: return flow(p, (int)arg);
	case TCSBRK:
	case TCSBRKP: return 0;
	case FIONREAD: return put_int(mm, arg, readable_count(p, master));
	case TIOCOUTQ: return put_int(mm, arg, 0);
	case TIOCGETD: return put_int(mm, arg, 0 /* N_TTY */);
	case TIOCEXCL: return set_exclusive(p, true);
	case TIOCNXCL: return set_exclusive(p, false);
	case TIOCGEXCL: return put_int(mm, arg, flag_of(p, &p->exclusive));
	}
	return -ENOTTY;
}

static int64_t slave_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			   uint64_t arg)
{
	struct pty *p = file_pty(f);

	if (flag_of(p, &p->master_closed))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	int64_t r = tty_ioctl(&p->tty, f, c, mm, cmd, arg);
	return r == -ENOIOCTLCMD ? common_ioctl(p, false, mm, cmd, arg) : r;
}

/* TIOCGPTPEER: the slave by its name, which then shows in /proc/PID/fd. */
static int64_t open_peer(struct pty *p, struct caller *c, int flags)
{
	struct task *t = c->task;
	struct file *f;
	char name[32];

	if (flags & ~(O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_SYNC))
		return -EINVAL;
	snprintf(name, sizeof name, "/dev/pts/%u", p->index);
	int err = vfs_open(c, NULL, name, flags & ~O_CLOEXEC, 0, 0, &f);
	if (err)
		return err;
	return fd_install(t->files, f, 0, flags & O_CLOEXEC,
			  process_rlimit(t->process, RLIMIT_NOFILE));
}

static int64_t get_group(struct pty *p, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg)
{
	sandbox_lock(p->tty.sb);
	struct pid *pid = cmd == TIOCGPGRP ? p->tty.pgrp : p->tty.session;
	int nr = pid_nr(pid, task_pid_ns(c->task));
	sandbox_unlock(p->tty.sb);
	return !pid && cmd == TIOCGSID ? -ENOTTY : put_int(mm, arg, nr);
}

static int64_t set_lock(struct pty *p, struct mm *mm, uint64_t arg)
{
	int val;

	if (copy_from_guest(mm, &val, GVA(arg), sizeof val))
		return -EFAULT;
	mutex_lock(&p->lock);
	p->locked = val;
	mutex_unlock(&p->lock);
	return 0;
}

static int64_t set_packet(struct pty *p, struct mm *mm, uint64_t arg)
{
	int val;

	if (copy_from_guest(mm, &val, GVA(arg), sizeof val))
		return -EFAULT;
	mutex_lock(&p->lock);
	if (val && !p->packet)
		p->ld.packet_status = 0;
	p->packet = val;
	mutex_unlock(&p->lock);
	return 0;
}

static int64_t send_signal(struct pty *p, int sig)
{
	if (sig < 1 || sig > NSIGNALS)
		return -EINVAL;
	tty_signal(&p->tty, sig);
	return 0;
}

static int64_t master_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			    uint64_t arg)
{
	struct pty *p = file_pty(f);

	switch (cmd) {
	case TIOCGPTN: return put_int(mm, arg, (int)p->index);
	case TIOCSPTLCK: return set_lock(p, mm, arg);
	case TIOCGPTLCK: return put_int(mm, arg, flag_of(p, &p->locked));
	case TIOCPKT: return set_packet(p, mm, arg);
	case TIOCGPKT: return put_int(mm, arg, flag_of(p, &p->packet));
	case TIOCSIG: return send_signal(p, (int)arg);
	case TIOCGPTPEER: return open_peer(p, c, (int)arg);
	case TIOCGPGRP:
	case TIOCGSID: return get_group(p, c, mm, cmd, arg);
	case TIOCSCTTY:
	case TIOCSPGRP: return tty_ioctl(&p->tty, f, c, mm, cmd, arg);
	}
	return common_ioctl(p, true, mm, cmd, arg);
}

/* ---- life ---- */

static const struct file_ops slave_ops = {
	.saved = &pty_saved,
	.fasync = true,
	.read = slave_read,
	.write = slave_write,
	.poll = slave_poll,
	.ioctl = slave_ioctl,
	.release = slave_release,
};

static const struct file_ops master_ops = {
	.saved = &pty_saved,
	.fasync = true,
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};

/* Takes the reference to the pty over. */
static struct pty_file *pty_file_new(struct pty *p, const struct file_ops *ops, int flags)
{
	struct pty_file *pf = calloc(1, sizeof *pf);

	if (!pf) {
		tty_put(&p->tty);
		return NULL;
	}
	file_init(&pf->file, ops, (unsigned)flags);
	pf->pty = p;
	return pf;
}

/* open(2) of the slave, by name or as /dev/tty. */
static int slave_open(struct tty *tty, struct caller *c, int flags, struct file **out)
{
	struct pty *p = pty_of(tty);
	int err = 0;

	mutex_lock(&p->lock);
	if (p->master_closed || p->locked)
		err = -EIO;
	else if (p->exclusive && !cred_capable(c->cred, CAP_SYS_ADMIN))
		err = -EBUSY;
	if (!err) {
		p->slaves++;
		p->slave_closed = false;
	}
	mutex_unlock(&p->lock);
	if (err)
		return err;
	struct pty_file *pf = pty_file_new(pty_of(tty_get(tty)), &slave_ops, flags);
	if (!pf) {
		mutex_lock(&p->lock);
		p->slave_closed = --p->slaves == 0;
		mutex_unlock(&p->lock);
		return -ENOMEM;
	}
	*out = &pf->file;
	return 0;
}

bool file_is_pty_master(const struct file *f)
{
	return f->ops == &master_ops;
}

int pty_open_side(struct pty *p, bool master, int flags, struct file **out)
{
	struct pty_file *pf =
	    pty_file_new(pty_of(tty_get(&p->tty)), master ? &master_ops : &slave_ops, flags);

	if (!pf)
		return -ENOMEM;
	mutex_lock(&p->lock);
	p->slaves += !master;
	mutex_unlock(&p->lock);
	*out = &pf->file;
	return 0;
}

static bool pty_tostop(struct tty *tty)
{
	struct pty *p = pty_of(tty);

	mutex_lock(&p->lock);
	bool on = p->ld.t.c_lflag & TOSTOP;
	mutex_unlock(&p->lock);
	return on;
}

static void mark_used(struct pty_table *t, unsigned index, bool used)
{
	uint64_t bit = 1UL << index % PTY_WORD_BITS;

	if (used)
		t->used[index / PTY_WORD_BITS] |= bit;
	else
		t->used[index / PTY_WORD_BITS] &= ~bit;
}

static void table_put(void *arg)
{
	struct pty_table *t = arg;

	if (!ref_put(&t->refs))
		return;
	if (t != t->sb->ptys)
		mm_host_uncharge(&t->sb->mem, sizeof *t);
	mutex_destroy(&t->lock);
	free(t);
}

static void pty_free(struct tty *tty)
{
	struct pty *p = pty_of(tty);
	struct pty_table *t = p->table;

	if (p->index < PTY_MAX) {
		mutex_lock(&t->lock);
		t->ptys[p->index] = NULL;
		mark_used(t, p->index, false);
		mutex_unlock(&t->lock);
		tty->sb->ptys->nr--;
	}
	table_put(t);
	if (p->ld.out)
		mm_host_uncharge(&tty->sb->mem, LDISC_MEMORY);
	ldisc_destroy(&p->ld);
	waitqueue_destroy(&p->slave_wait);
	waitqueue_destroy(&p->master_wait);
	mutex_destroy(&p->lock);
	free(p);
}

static const struct tty_ops pty_ops = {
	.open = slave_open,
	.tostop = pty_tostop,
	.release = pty_free,
};

static void set_number(struct pty_table *t, struct pty *p, unsigned index)
{
	lock_assert_held(&t->lock);
	p->index = index;
	p->tty.dev = makedev(UNIX98_PTY_SLAVE_MAJOR, index);
	t->ptys[index] = p;
	mark_used(t, index, true);
	t->sb->ptys->nr++;
}

/* Gives the pty the lowest number that is free. */
static int take_number(struct pty_table *t, struct pty *p)
{
	lock_assert_held(&t->lock);
	for (unsigned i = 0; i < PTY_MAX / PTY_WORD_BITS; i++) {
		if (!~t->used[i])
			continue;
		set_number(t, p, i * PTY_WORD_BITS + (unsigned)__builtin_ctzl(~t->used[i]));
		return 0;
	}
	return -ENOSPC;
}

/* Gives it that very number. The host's terminal, which may have it here, loses its name. */
static int take_this_number(struct pty_table *t, struct pty *p, unsigned index)
{
	lock_assert_held(&t->lock);
	if (t->ptys[index])
		return -EEXIST;
	devpts_remove(t->devpts, index);
	set_number(t, p, index);
	return 0;
}

static int make_ldisc(struct pty *p, struct mm_host *mem)
{
	if (!mm_host_charge(mem, LDISC_MEMORY))
		return -ENOMEM;
	int err = ldisc_init(&p->ld);
	if (err)
		mm_host_uncharge(mem, LDISC_MEMORY);
	return err;
}

/* `index` PTY_MAX: the lowest number that is free. */
static int pty_new(struct pty_table *t, struct caller *c, unsigned index, struct pty **out)
{
	struct pty *p = calloc(1, sizeof *p);

	if (!p)
		return -ENOMEM;
	p->index = PTY_MAX;
	mutex_init(&p->lock, LOCK_PTY);
	waitqueue_init(&p->slave_wait);
	waitqueue_init(&p->master_wait);
	p->table = t;
	ref_get(&t->refs);
	p->locked = true;
	tty_init(&p->tty, &pty_ops, t->sb, 0);
	int err = make_ldisc(p, &t->sb->mem);
	if (!err) {
		mutex_lock(&t->lock);
		err = index < PTY_MAX ? take_this_number(t, p, index) : take_number(t, p);
		if (!err)
			err = devpts_add(t->devpts, c, p->index, p->tty.dev);
		mutex_unlock(&t->lock);
	}
	if (err)
		tty_put(&p->tty);
	else
		*out = p;
	return err;
}

int pty_new_numbered(struct pty_table *t, struct caller *c, unsigned index, struct pty **out)
{
	return pty_new(t, c, index, out);
}

static int open_ptmx(void *arg, struct caller *c, dev_t dev, int flags, struct file **out)
{
	struct pty_table *t = arg;
	struct pty *p;

	int err = pty_new(t, c, PTY_MAX, &p);
	if (err)
		return err;
	unsigned index = p->index;
	struct pty_file *pf = pty_file_new(p, &master_ops, flags);
	if (!pf) {
		devpts_remove(t->devpts, index);
		return -ENOMEM;
	}
	*out = &pf->file;
	return 0;
}

/* The pty of a number whose master is open, a reference; NULL: none. */
static struct tty *pty_find(struct pty_table *t, unsigned index)
{
	struct tty *found = NULL;

	mutex_lock(&t->lock);
	struct pty *p = index < PTY_MAX ? t->ptys[index] : NULL;
	if (p) {
		mutex_lock(&p->lock);
		if (!p->master_closed)
			found = tty_get(&p->tty);
		mutex_unlock(&p->lock);
	}
	mutex_unlock(&t->lock);
	return found;
}

unsigned pty_count(struct pty_table *t)
{
	return t->nr;
}

static int open_slave(void *arg, struct caller *c, dev_t dev, int flags, struct file **out)
{
	struct pty_table *t = arg;
	struct tty *console = t->sb->console;
	bool first = t == t->sb->ptys;
	struct tty *tty = pty_find(t, minor(dev));

	if (!tty && first && console && console->dev == dev)
		tty = tty_get(console);
	if (!tty)
		return -EIO;
	int err = tty->ops->open(tty, c, flags, out);
	if (!err)
		tty_opened(tty, c, flags);
	tty_put(tty);
	return err;
}

int pty_add_console(struct pty_table *t)
{
	struct tty *console = t->sb->console;

	if (!console || major(console->dev) != UNIX98_PTY_SLAVE_MAJOR)
		return 0;
	if (minor(console->dev) < PTY_MAX) {
		mutex_lock(&t->lock);
		mark_used(t, minor(console->dev), true);
		mutex_unlock(&t->lock);
	}
	return devpts_add_alias(t->devpts, minor(console->dev), console->ops->inode(console));
}

static const struct devpts_owner owner = {
	.open_ptmx = open_ptmx,
	.open_slave = open_slave,
	.release = table_put,
};

static int table_new(struct sandbox *sb, const struct devpts_options *opt, struct pty_table **out)
{
	struct pty_table *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	int err = devpts_create(vfs_new_dev(sb->vfs), &sb->clock, opt, &owner, t, &t->devpts);
	if (err) {
		free(t);
		return err;
	}
	mutex_init(&t->lock, LOCK_PTY_TABLE);
	ref_set(&t->refs, 1);
	t->sb = sb;
	*out = t;
	return 0;
}

int pty_table_create(struct sandbox *sb, struct filesystem **devpts)
{
	/* group tty, as distributions mount it */
	static const struct devpts_options opt = {
		.gid_given = true, .gid = 5, .mode = 0620, .ptmx_mode = 0666
	};
	struct pty_table *t;
	int err = table_new(sb, &opt, &t);

	if (err)
		return err;
	sb->ptys = t;
	ref_get(&t->refs);
	err =
	    device_table_add(sb->vfs->devices, TTYAUX_MAJOR, PTMX_MINOR, PTMX_MINOR, open_ptmx, t);
	if (!err)
		err = device_table_add(sb->vfs->devices, UNIX98_PTY_SLAVE_MAJOR, 0, 0xfffff,
				       open_slave, t);
	if (!err)
		err = tty_add_devices(sb, sb->vfs->devices);
	if (!err)
		*devpts = filesystem_get(t->devpts);
	return err;
}

int pty_instance_create(struct sandbox *sb, const struct devpts_options *opt,
			struct filesystem **devpts)
{
	struct pty_table *t;

	if (!mm_host_charge(&sb->mem, sizeof *t))
		return -ENOMEM;
	int err = table_new(sb, opt, &t);
	if (err)
		mm_host_uncharge(&sb->mem, sizeof *t);
	else
		*devpts = t->devpts;
	return err;
}

void pty_table_free(struct pty_table *t)
{
	if (!t)
		return;
	filesystem_put(t->devpts);
	table_put(t);
}
