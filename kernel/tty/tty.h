/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals and job control (tty_ioctl(2), credentials(7)). There are two kinds: the host's
 * terminal, passed through (kernel/tty/console.h), and ptys of the guest's own (kernel/tty/pty.h).
 * Sessions and foreground groups are the guest's in both.
 */
#ifndef HL_KERNEL_TTY_TTY_H
#define HL_KERNEL_TTY_TTY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/ref.h"

struct caller;
struct device_table;
struct file;
struct inode;
struct mm;
struct pid;
struct process;
struct sandbox;
struct task;
struct tty;

struct tty_ops {
	/* One more open file of it, as by its name. */
	int (*open)(struct tty *tty, struct caller *c, int flags, struct file **out);
	/* termios' TOSTOP: does output of a background group stop it? */
	bool (*tostop)(struct tty *tty);
	/* The node it has on the host, borrowed; NULL op: it is the guest's own. */
	struct inode *(*inode)(struct tty *tty);
	/* Last reference gone. sandbox->lock may be held. */
	void (*release)(struct tty *tty);
};

struct tty {
	struct ref refs;
	const struct tty_ops *ops;
	struct sandbox *sb;
	dev_t dev;
	/* sandbox->lock; references */
	struct pid *session; /* whose controlling terminal it is; NULL: nobody's */
	struct pid *pgrp;    /* in the foreground */
};

void tty_init(struct tty *tty, const struct tty_ops *ops, struct sandbox *sb, dev_t dev);
struct tty *tty_get(struct tty *tty);
void tty_put(struct tty *tty);

/* sandbox->lock held for the next five. */
/* A session leader ends: SIGHUP to the foreground group, the terminal is nobody's. */
void tty_leader_ended(struct process *p);
/* `p`, a session leader, gets it as controlling terminal. */
void tty_attach(struct tty *tty, struct process *p);
/* It is the terminal of that session and has that group in the foreground, as a snapshot says. */
void tty_restore(struct tty *tty, struct pid *session, struct pid *pgrp);
/* The line is gone: SIGHUP and SIGCONT to the session's leader; nobody of the session has the
 * terminal any more. */
void tty_hangup(struct tty *tty);
/* A key or a change of size: to the foreground group. False: there is none. */
bool tty_signal_locked(struct tty *tty, int sig);
void tty_signal(struct tty *tty, int sig);

int tty_check_read(struct tty *tty, struct caller *c);
int tty_check_write(struct tty *tty, struct caller *c);
/* open(2) of a terminal makes it the controlling one of a session leader that has none. */
void tty_opened(struct tty *tty, struct caller *c, int flags);
/* The ioctls of sessions and groups, and the check of all that change the terminal. -ENOIOCTLCMD:
 * go on. */
int64_t tty_ioctl(struct tty *tty, struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
		  uint64_t arg);

/* /dev/tty and /dev/console of a sandbox. */
int tty_add_devices(struct sandbox *sb, struct device_table *devices);

#endif
