/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline of a pty (termios(3)): what is typed at the master becomes what the slave
 * reads, echo and signals; what the slave writes becomes what the master sees. Pure: no locks, no
 * sleeping, no signals sent; its owner sees to that.
 */
#ifndef HL_KERNEL_TTY_LDISC_H
#define HL_KERNEL_TTY_LDISC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <asm/termbits.h>

#define LDISC_BUF    4096U  /* Linux: N_TTY_BUF_SIZE */
#define LDISC_OUTPUT 65536U /* what the master has not read yet */
#define LDISC_PENDING                                                                              \
	16384U /* typed, and waiting for room in buf; Linux: the slave's tty_buffers */
#define LDISC_MEMORY (LDISC_OUTPUT + LDISC_PENDING)

struct ldisc {
	struct termios2 t;
	/* Input: buf[tail..head) modulo its size. Canonical: lines end at canon_head; `marks` tells
	 * where each ends. A mark on a NUL is an end of file, which is not read itself. */
	unsigned char buf[LDISC_BUF];
	uint64_t marks[LDISC_BUF / 64];
	unsigned head, canon_head, tail;
	bool lnext; /* the next character is taken as it is */
	/* Keys that nobody has looked at: they become input when there is room for it. */
	unsigned char *pending; /* LDISC_PENDING bytes */
	unsigned pending_head, pending_tail;
	/* Output */
	unsigned char *out; /* LDISC_OUTPUT bytes */
	unsigned out_head, out_tail;
	/* of the cursor, now and where the line's input began */
	unsigned column, canon_column;
	unsigned batch_column, batch_canon_column; /* both before the keys that are being taken */
	bool stopped;                              /* by the STOP character or TCOOFF */
	bool tco_stopped;
	/* For the owner to look at and clear */
	uint64_t signals;       /* SIGBIT of what keys asked for */
	unsigned packet_status; /* TIOCPKT_* changes */
};

/* -ENOMEM. */
int ldisc_init(struct ldisc *l);
void ldisc_destroy(struct ldisc *l);
void ldisc_set_termios(struct ldisc *l, const struct termios2 *t);

/* Takes characters typed at the terminal (Linux's receive_buf): how many. */
size_t ldisc_receive(struct ldisc *l, const unsigned char *s, size_t n);
/* Would it take at least one? */
bool ldisc_accepts(const struct ldisc *l);
/* Looks at keys that waited: after something was read, flushed, or set. */
void ldisc_resume(struct ldisc *l);
void ldisc_flush_pending(struct ldisc *l);
/* Is there something to read? For poll, MIN characters when there is no TIME. */
bool ldisc_readable(const struct ldisc *l, bool poll);
/* Takes what one read may have, at most `n`. *eof: a line of no characters at all was read: end of
 * file. */
size_t ldisc_read(struct ldisc *l, unsigned char *s, size_t n, bool *eof);
size_t ldisc_input_count(const struct ldisc *l); /* FIONREAD */
void ldisc_flush_input(struct ldisc *l);

/* Takes output of the slave: how many characters; none while stopped. */
size_t ldisc_write(struct ldisc *l, const unsigned char *s, size_t n);
bool ldisc_writable(const struct ldisc *l);
/* The master's side of it. */
size_t ldisc_output_count(const struct ldisc *l);
size_t ldisc_take_output(struct ldisc *l, unsigned char *s, size_t n);
void ldisc_drop_output(struct ldisc *l);
/* the same at the slave's wish, which packet mode tells of */
void ldisc_flush_output(struct ldisc *l);
void ldisc_stop(struct ldisc *l);
void ldisc_start(struct ldisc *l);

#endif
