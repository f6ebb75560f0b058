/* SPDX-License-Identifier: Apache-2.0 */
/* What ptys are made of: for kernel/tty/pty.c, and pty_save.c beside it. */
#ifndef HL_KERNEL_TTY_PTY_PARTS_H
#define HL_KERNEL_TTY_PTY_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/file.h"
#include "kernel/tty/ldisc.h"
#include "kernel/tty/pty.h"
#include "kernel/tty/tty.h"
#include "util/lock.h"

#include <asm/termios.h>

struct task;

#define PTY_WORD_BITS 64

struct pty_table {
	struct ref refs; /* of its devpts, of each pty; the first one has the sandbox's, too */
	struct sandbox *sb;
	/* The first one's is a reference. The others' is there as long as a master is open, which
	 * was opened by a name in it. */
	struct filesystem *devpts;
	_Atomic unsigned nr; /* of the first: ptys there are in all */
	struct mutex lock;
	/* guarded by lock */
	struct pty *ptys[PTY_MAX]; /* by number */
	/* numbers that have a name in devpts or a pty: a bit each */
	uint64_t used[PTY_MAX / PTY_WORD_BITS];
};

struct pty {
	struct tty tty; /* the slave's */
	struct pty_table *table;
	unsigned index; /* PTY_MAX: none yet */

	struct mutex lock;
	/* guarded by lock */
	struct ldisc ld;
	struct winsize size;
	unsigned slaves;   /* open files */
	bool slave_closed; /* the last of them was closed */
	bool master_closed;
	bool locked; /* TIOCSPTLCK */
	bool packet; /* TIOCPKT */
	bool exclusive;
	/* whose write to the slave is going on, perhaps frozen in the middle: others wait */
	const struct task *writer;
	struct waitqueue slave_wait, master_wait;

	/* of a snapshot, until its processes are there: whose terminal it is, and `writer` */
	struct {
		bool waits;             /* for that */
		uint64_t session, pgrp; /* as objects: kernel/pid.h */
		pid_t writer;           /* 0: none */
		bool has_master;        /* it was loaded, or is closed */
		struct mount *devpts;   /* of its table; NULL: of the first one; borrowed */
	} saved;
};

struct pty_file {
	struct file file;
	struct pty *pty;
};

static inline struct pty *pty_of(struct tty *tty)
{
	return container_of(tty, struct pty, tty);
}

static inline struct pty *file_pty(struct file *f)
{
	return container_of(f, struct pty_file, file)->pty;
}

bool file_is_pty_master(const struct file *f);
/* A pty of this number, with a node in devpts; a reference. -EEXIST: there is one. */
int pty_new_numbered(struct pty_table *t, struct caller *c, unsigned index, struct pty **out);
/* One side of it, as open(2) makes it whatever its state; the other one may be closed. */
int pty_open_side(struct pty *p, bool master, int flags, struct file **out);

#endif
