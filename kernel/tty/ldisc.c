/* SPDX-License-Identifier: Apache-2.0 */
/* The rules are those of Linux's drivers/tty/n_tty.c. */
#include "kernel/tty/ldisc.h"

#include <asm/ioctls.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/signal.h"

#define DISABLED '\0' /* a c_cc entry of this value is none (_POSIX_VDISABLE) */

#define I(l, flag) ((l)->t.c_iflag & (flag))
#define O(l, flag) ((l)->t.c_oflag & (flag))
#define L(l, flag) ((l)->t.c_lflag & (flag))

/* Linux: tty_std_termios, as a pty's slave has it. */
static const struct termios2 initial_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = { [VINTR] = 3,
		  [VQUIT] = 034,
		  [VERASE] = 0177,
		  [VKILL] = 025,
		  [VEOF] = 4,
		  [VMIN] = 1,
		  [VSTART] = 021,
		  [VSTOP] = 023,
		  [VSUSP] = 032,
		  [VREPRINT] = 022,
		  [VDISCARD] = 017,
		  [VWERASE] = 027,
		  [VLNEXT] = 026 },
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

int ldisc_init(struct ldisc *l)
{
	unsigned char *mem = malloc(LDISC_MEMORY);

	if (!mem)
		return -ENOMEM;
	*l = (struct ldisc){ .t = initial_termios, .out = mem, .pending = mem + LDISC_OUTPUT };
	return 0;
}

void ldisc_destroy(struct ldisc *l)
{
	free(l->out);
}

/* Letters are Latin-1's, as in Linux's lib/ctype.c. */
static bool is_upper(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static bool is_lower(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}

static bool is_word(unsigned char c)
{
	return is_upper(c) || is_lower(c) || isdigit(c) || c == '_';
}

static unsigned char input_at(const struct ldisc *l, unsigned i)
{
	return l->buf[i % LDISC_BUF];
}

static bool marked(const struct ldisc *l, unsigned i)
{
	i %= LDISC_BUF;
	return l->marks[i / 64] >> (i % 64) & 1;
}

static void mark(struct ldisc *l, unsigned i)
{
	i %= LDISC_BUF;
	l->marks[i / 64] |= 1UL << (i % 64);
}

static void unmark(struct ldisc *l, unsigned i)
{
	i %= LDISC_BUF;
	l->marks[i / 64] &= ~(1UL << (i % 64));
}

/* Does `c` continue a character of several bytes? */
static bool continues(const struct ldisc *l, unsigned char c)
{
	return I(l, IUTF8) && (c & 0xc0) == 0x80;
}

static bool is_char(const struct ldisc *l, unsigned char c, int which)
{
	return c == l->t.c_cc[which] && c != DISABLED;
}

/* Output */

static unsigned output_room(const struct ldisc *l)
{
	return LDISC_OUTPUT - (l->out_head - l->out_tail);
}

/* What finds no room is lost: only echo gets here without having asked. */
static void put_raw(struct ldisc *l, unsigned char c)
{
	if (output_room(l))
		l->out[l->out_head++ % LDISC_OUTPUT] = c;
}

static void put_newline(struct ldisc *l)
{
	if (O(l, ONLRET))
		l->column = 0;
	if (O(l, ONLCR)) {
		put_raw(l, '\r');
		l->column = 0;
	}
	l->canon_column = l->column;
	put_raw(l, '\n');
}

static void put_return(struct ldisc *l)
{
	if (O(l, ONOCR) && !l->column)
		return;
	if (O(l, OCRNL)) {
		if (O(l, ONLRET))
			l->canon_column = l->column = 0;
		put_raw(l, '\n');
		return;
	}
	l->canon_column = l->column = 0;
	put_raw(l, '\r');
}

static void put_tab(struct ldisc *l)
{
	unsigned spaces = 8 - l->column % 8;

	l->column += spaces;
	if (O(l, TABDLY) != XTABS) {
		put_raw(l, '\t');
		return;
	}
	while (spaces--)
		put_raw(l, ' ');
}

static void put_plain(struct ldisc *l, unsigned char c)
{
	if (c == '\b' && l->column)
		l->column--;
	if (!iscntrl(c)) {
		if (O(l, OLCUC))
			c = is_lower(c) ? c - 32 : c;
		if (!continues(l, c))
			l->column++;
	}
	put_raw(l, c);
}

/* One character through the output modes. */
static void put_char(struct ldisc *l, unsigned char c)
{
	if (!O(l, OPOST)) {
		put_raw(l, c);
		return;
	}
	switch (c) {
	case '\n': put_newline(l); break;
	case '\r': put_return(l); break;
	case '\t': put_tab(l); break;
	default: put_plain(l, c);
	}
}

#define OUTPUT_MOST 8 /* what one character may become: a tab in spaces */

bool ldisc_writable(const struct ldisc *l)
{
	return !l->stopped && output_room(l) >= OUTPUT_MOST;
}

size_t ldisc_write(struct ldisc *l, const unsigned char *s, size_t n)
{
	size_t i = 0;

	for (; i < n && ldisc_writable(l); i++)
		put_char(l, s[i]);
	return i;
}

size_t ldisc_output_count(const struct ldisc *l)
{
	return l->out_head - l->out_tail;
}

size_t ldisc_take_output(struct ldisc *l, unsigned char *s, size_t n)
{
	size_t i = 0;

	for (; i < n && l->out_tail != l->out_head; i++)
		s[i] = l->out[l->out_tail++ % LDISC_OUTPUT];
	return i;
}

void ldisc_drop_output(struct ldisc *l)
{
	l->out_tail = l->out_head;
}

void ldisc_flush_output(struct ldisc *l)
{
	ldisc_drop_output(l);
	l->packet_status |= TIOCPKT_FLUSHWRITE;
}

void ldisc_stop(struct ldisc *l)
{
	if (l->stopped)
		return;
	l->stopped = true;
	l->packet_status = (l->packet_status & ~TIOCPKT_START) | TIOCPKT_STOP;
}

void ldisc_start(struct ldisc *l)
{
	if (!l->stopped || l->tco_stopped)
		return;
	l->stopped = false;
	l->packet_status = (l->packet_status & ~TIOCPKT_STOP) | TIOCPKT_START;
}

/* Echo */

static bool shown_with_caret(const struct ldisc *l, unsigned char c)
{
	return L(l, ECHOCTL) && iscntrl(c) && c != '\t';
}

static void echo(struct ldisc *l, unsigned char c)
{
	/* an escape of Linux's own echo buffer, which so gets around the output modes */
	if (c == 0xff) {
		put_raw(l, c);
		l->column++;
		return;
	}
	if (!shown_with_caret(l, c)) {
		put_char(l, c);
		return;
	}
	put_raw(l, '^');
	put_raw(l, c ^ 0100);
	l->column += 2;
}

/* A typed character that goes into the line. */
static void echo_typed(struct ldisc *l, unsigned char c)
{
	if (!L(l, ECHO))
		return;
	if (l->canon_head == l->head)
		l->canon_column = l->column;
	echo(l, c);
}

static void rub_out(struct ldisc *l, unsigned columns)
{
	while (columns--) {
		put_char(l, '\b');
		put_char(l, ' ');
		put_char(l, '\b');
	}
}

/* Input */

static void flush_marks(struct ldisc *l)
{
	memset(l->marks, 0, sizeof l->marks);
}

void ldisc_flush_input(struct ldisc *l)
{
	l->head = l->canon_head = l->tail = 0;
	l->lnext = false;
	flush_marks(l);
	l->packet_status |= TIOCPKT_FLUSHREAD;
}

/* How many keys find room: a key may become up to three characters. The last place is left for the
 * end of a line; it is -1 when that, too, is taken. */
static int input_room(const struct ldisc *l)
{
	int room = (int)(LDISC_BUF - (l->head - l->tail));

	return (I(l, PARMRK) ? (room + 2) / 3 : room) - 1;
}

static void put_input(struct ldisc *l, unsigned char c)
{
	if (l->head - l->tail == LDISC_BUF)
		l->head--;
	unmark(l, l->head);
	l->buf[l->head++ % LDISC_BUF] = c;
}

/* A byte of all ones is doubled where it could be mistaken for a mark (PARMRK). */
static void put_typed(struct ldisc *l, unsigned char c)
{
	if (c == 0xff && I(l, PARMRK))
		put_input(l, c);
	put_input(l, c);
}

static void end_line(struct ldisc *l, unsigned char c)
{
	put_typed(l, c);
	mark(l, l->head - 1);
	l->canon_head = l->head;
}

/* How many columns the tab behind the input takes on the screen. */
static unsigned tab_width(const struct ldisc *l)
{
	unsigned columns = 0, i = l->head;
	bool after_tab = false;

	while (i != l->canon_head && !after_tab) {
		unsigned char c = input_at(l, --i);
		if (c == '\t')
			after_tab = true;
		else if (iscntrl(c))
			columns += L(l, ECHOCTL) ? 2 : 0;
		else
			columns += !continues(l, c);
	}
	if (!after_tab)
		columns += l->canon_column;
	return 8 - columns % 8;
}

static void echo_erased(struct ldisc *l, unsigned char c, bool erase_one)
{
	if (!L(l, ECHO))
		return;
	if (erase_one && !L(l, ECHOE)) {
		echo(l, l->t.c_cc[VERASE]);
	} else if (c == '\t') {
		unsigned width = tab_width(l);
		l->column -= width < l->column ? width : l->column;
		while (width--)
			put_raw(l, '\b');
	} else if (iscntrl(c)) {
		rub_out(l, L(l, ECHOCTL) ? 2 : 0);
	} else {
		rub_out(l, 1);
	}
}

/* Takes the last character off the line and gives its first byte; false: the line is empty, or
 * starts in the middle of a character. */
static bool last_char(const struct ldisc *l, unsigned *at, unsigned char *c)
{
	unsigned i = l->head;

	if (i == l->canon_head)
		return false;
	do {
		*c = input_at(l, --i);
	} while (continues(l, *c) && i != l->canon_head);
	*at = i;
	return !continues(l, *c);
}

static void erase_word(struct ldisc *l)
{
	bool in_word = false;
	unsigned char c;
	unsigned at;

	while (last_char(l, &at, &c)) {
		bool of_word = is_word(c);
		if (in_word && !of_word)
			return;
		in_word |= of_word;
		l->head = at;
		echo_erased(l, c, false);
	}
}

static void erase_line(struct ldisc *l)
{
	unsigned char c;
	unsigned at;

	if (l->head == l->canon_head)
		return;
	if (!L(l, ECHO)) {
		l->head = l->canon_head;
		return;
	}
	if (L(l, ECHOK | ECHOKE | ECHOE) != (ECHOK | ECHOKE | ECHOE)) {
		l->head = l->canon_head;
		echo(l, l->t.c_cc[VKILL]);
		if (L(l, ECHOK))
			put_char(l, '\n');
		return;
	}
	while (last_char(l, &at, &c)) {
		l->head = at;
		echo_erased(l, c, false);
	}
}

static void erase_char(struct ldisc *l)
{
	unsigned char c;
	unsigned at;

	if (!last_char(l, &at, &c))
		return;
	l->head = at;
	echo_erased(l, c, true);
}

static void reprint(struct ldisc *l)
{
	echo(l, l->t.c_cc[VREPRINT]);
	put_char(l, '\n');
	for (unsigned i = l->canon_head; i != l->head; i++)
		echo(l, input_at(l, i));
}

/* The echo so far can not be taken back any more. */
static void commit_echo(struct ldisc *l)
{
	l->batch_column = l->column;
	l->batch_canon_column = l->canon_column;
}

/* Keys that send a signal. */
static bool type_signal(struct ldisc *l, unsigned char c)
{
	int sig = is_char(l, c, VINTR)   ? SIGINT
		  : is_char(l, c, VQUIT) ? SIGQUIT
		  : is_char(l, c, VSUSP) ? SIGTSTP
					 : 0;

	if (!L(l, ISIG) || !sig)
		return false;
	l->signals |= SIGBIT(sig);
	if (!L(l, NOFLSH)) {
		ldisc_flush_input(l);
		ldisc_flush_output(l);
		/* Linux echoes when it has taken all keys: the echo of those before this one is
		 * never made. */
		l->column = l->batch_column;
		l->canon_column = l->batch_canon_column;
	}
	if (I(l, IXON))
		ldisc_start(l);
	if (L(l, ECHO))
		echo(l, c);
	return true;
}

static bool type_flow(struct ldisc *l, unsigned char c)
{
	if (!I(l, IXON))
		return false;
	if (is_char(l, c, VSTART)) {
		ldisc_start(l);
		commit_echo(l);
		return true;
	}
	if (is_char(l, c, VSTOP)) {
		ldisc_stop(l);
		return true;
	}
	return false;
}

/* Keys that edit the line. */
static bool type_edit(struct ldisc *l, unsigned char c)
{
	bool extended = L(l, IEXTEN);

	if (is_char(l, c, VERASE))
		erase_char(l);
	else if (is_char(l, c, VKILL))
		erase_line(l);
	else if (is_char(l, c, VWERASE) && extended)
		erase_word(l);
	else if (is_char(l, c, VREPRINT) && extended && L(l, ECHO))
		reprint(l);
	else
		return false;
	return true;
}

static bool type_lnext(struct ldisc *l, unsigned char c)
{
	if (!is_char(l, c, VLNEXT) || !L(l, IEXTEN))
		return false;
	l->lnext = true;
	if (L(l, ECHO) && L(l, ECHOCTL)) {
		put_raw(l, '^');
		put_raw(l, '\b');
	}
	return true;
}

/* Keys that end the line. */
static bool type_end(struct ldisc *l, unsigned char c)
{
	if (c == '\n') {
		if (L(l, ECHO) || L(l, ECHONL))
			put_char(l, '\n');
		end_line(l, c);
		return true;
	}
	if (is_char(l, c, VEOF)) {
		end_line(l, DISABLED);
		return true;
	}
	if (is_char(l, c, VEOL) || (is_char(l, c, VEOL2) && L(l, IEXTEN))) {
		echo_typed(l, c);
		end_line(l, c);
		return true;
	}
	return false;
}

/* The return key, read as a newline. Outside of lines a newline typed as such is shown as any
 * control character. */
static void type_return(struct ldisc *l)
{
	if (L(l, ECHO))
		put_char(l, '\n');
	put_typed(l, '\n');
}

static void type_char(struct ldisc *l, unsigned char c)
{
	echo_typed(l, c);
	put_typed(l, c);
}

/* One key. */
static void type_key(struct ldisc *l, unsigned char c)
{
	if (I(l, ISTRIP))
		c &= 0x7f;
	if (I(l, IUCLC) && L(l, IEXTEN))
		c = is_upper(c) ? c + 32 : c;
	if (l->lnext) {
		l->lnext = false;
		type_char(l, c);
		return;
	}
	if (type_flow(l, c) || type_signal(l, c))
		return;
	if (I(l, IXON) && I(l, IXANY))
		ldisc_start(l);
	if (c == '\r' && I(l, IGNCR))
		return;
	bool returned = c == '\r' && I(l, ICRNL);
	if (returned)
		c = '\n';
	else if (c == '\n' && I(l, INLCR))
		c = '\r';
	if (L(l, ICANON) && (type_edit(l, c) || type_lnext(l, c) || type_end(l, c)))
		return;
	if (returned)
		type_return(l);
	else
		type_char(l, c);
}

/* Looks at one key if there is room for it. There always is while the line that is typed cannot be
 * read yet: its last character then gives way, or its end could never be typed. */
static bool type_one(struct ldisc *l, unsigned char c)
{
	if (input_room(l) <= 0 && !(L(l, ICANON) && l->canon_head == l->tail))
		return false;
	if (input_room(l) < 0)
		l->head--;
	type_key(l, c);
	return true;
}

void ldisc_resume(struct ldisc *l)
{
	commit_echo(l);
	while (l->pending_tail != l->pending_head &&
	       type_one(l, l->pending[l->pending_tail % LDISC_PENDING]))
		l->pending_tail++;
}

bool ldisc_accepts(const struct ldisc *l)
{
	return l->pending_head - l->pending_tail < LDISC_PENDING;
}

size_t ldisc_receive(struct ldisc *l, const unsigned char *s, size_t n)
{
	size_t i = 0;

	ldisc_resume(l);
	while (i < n && l->pending_tail == l->pending_head && type_one(l, s[i]))
		i++;
	while (i < n && ldisc_accepts(l))
		l->pending[l->pending_head++ % LDISC_PENDING] = s[i++];
	return i;
}

void ldisc_flush_pending(struct ldisc *l)
{
	l->pending_tail = l->pending_head;
}

/* Reading */

bool ldisc_readable(const struct ldisc *l, bool poll)
{
	if (L(l, ICANON))
		return l->canon_head != l->tail;
	unsigned want = poll && !l->t.c_cc[VTIME] && l->t.c_cc[VMIN] ? l->t.c_cc[VMIN] : 1;
	return l->head - l->tail >= want;
}

static bool at_eof_mark(const struct ldisc *l)
{
	return l->tail != l->canon_head && marked(l, l->tail) && input_at(l, l->tail) == DISABLED;
}

static void skip(struct ldisc *l)
{
	unmark(l, l->tail);
	l->tail++;
}

/* At most one line; its end-of-file mark is taken with it. */
static size_t read_line(struct ldisc *l, unsigned char *s, size_t n)
{
	bool end = false;
	size_t i = 0;

	while (i < n && l->tail != l->canon_head && !end && !at_eof_mark(l)) {
		end = marked(l, l->tail);
		s[i++] = input_at(l, l->tail);
		skip(l);
	}
	if (!end && at_eof_mark(l))
		skip(l);
	return i;
}

size_t ldisc_read(struct ldisc *l, unsigned char *s, size_t n, bool *eof)
{
	size_t i = 0;

	*eof = false;
	if (L(l, ICANON)) {
		i = read_line(l, s, n);
		*eof = !i && n;
		return i;
	}
	for (; i < n && l->tail != l->head; i++) {
		s[i] = input_at(l, l->tail);
		skip(l);
	}
	l->canon_head = l->tail;
	return i;
}

size_t ldisc_input_count(const struct ldisc *l)
{
	size_t n = 0;

	if (!L(l, ICANON))
		return l->head - l->tail;
	for (unsigned i = l->tail; i != l->canon_head; i++)
		n += !(marked(l, i) && input_at(l, i) == DISABLED);
	return n;
}

/* Changing between lines and characters: what was typed and not ended becomes readable in
 * either. */
static void change_canonical(struct ldisc *l)
{
	flush_marks(l);
	l->lnext = false;
	l->canon_head = l->tail;
	if (!L(l, ICANON) || l->head == l->tail)
		return;
	mark(l, l->head - 1);
	l->canon_head = l->head;
}

void ldisc_set_termios(struct ldisc *l, const struct termios2 *t)
{
	struct termios2 old = l->t;

	l->t = *t;
	l->t.c_cflag = (t->c_cflag & ~(CSIZE | PARENB)) | CS8 | CREAD; /* as every pty */
	if ((old.c_lflag ^ t->c_lflag) & ICANON)
		change_canonical(l);
	if (old.c_iflag & IXON && !(t->c_iflag & IXON))
		ldisc_start(l);
}
