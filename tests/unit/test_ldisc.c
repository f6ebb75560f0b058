/* SPDX-License-Identifier: Apache-2.0 */
/* The line discipline against the host's own: random settings, keys, output and reads, the same on
 * a pty of the host; whatever either side shows must be the same. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/tty/ldisc.h"

#define ROUNDS 150
#define STEPS  25
#define TRIES                                                                                      \
	4 /* of a round, ever slower: the host carries characters across when it finds the time */
#define PATIENCE 100

struct world {
	int master, slave;
	struct ldisc ld;
	char log[4096]; /* what was done, for a failure */
	size_t log_len;
	bool differs;
};

static uint64_t seed;
static int settle_ms;

static unsigned random_below(unsigned n)
{
	seed = seed * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(seed >> 33) % n;
}

static void note(struct world *w, const char *what, const unsigned char *s, size_t n)
{
	w->log_len +=
	    (size_t)snprintf(w->log + w->log_len, sizeof w->log - w->log_len, " %s", what);
	for (size_t i = 0; i < n && w->log_len < sizeof w->log - 8; i++)
		w->log_len += (size_t)snprintf(w->log + w->log_len, sizeof w->log - w->log_len,
					       "%c%02x", i ? '.' : ':', s[i]);
}

static unsigned some_of(unsigned flags)
{
	unsigned chosen = 0;

	for (unsigned bit = 1; bit; bit <<= 1)
		if (flags & bit && random_below(3))
			chosen |= bit;
	return chosen;
}

static void settle(void)
{
	poll(NULL, 0, settle_ms);
}

static void set_modes(struct world *w)
{
	struct termios2 t = w->ld.t;

	t.c_lflag = some_of(ICANON | ECHO | ECHOE | ECHOK | ECHOKE | ECHOCTL | ECHONL | ISIG |
			    IEXTEN | NOFLSH);
	t.c_iflag = some_of(ICRNL | INLCR | IUTF8) |
		    (random_below(6) ? 0 : some_of(IGNCR | ISTRIP | IUCLC | IXON | IXANY | PARMRK));
	t.c_oflag = some_of(OPOST | ONLCR) |
		    (random_below(4) ? 0 : some_of(OCRNL | ONOCR | ONLRET | XTABS | OLCUC));
	char text[64];
	snprintf(text, sizeof text, "modes(l%o,i%o,o%o)", t.c_lflag, t.c_iflag, t.c_oflag);
	note(w, text, NULL, 0);
	assert_int_equal(ioctl(w->slave, TCSETS2, &t), 0);
	ldisc_set_termios(&w->ld, &t);
}

static unsigned char random_key(void)
{
	static const unsigned char keys[] =
	    "abc x_9.\t\n\r\x7f\x7f\x15\x17\x16\x12\x03\x04\x04\x1a\x1c\x11\xc3\xa9\xff\x01\x00";

	return keys[random_below(sizeof keys)];
}

static void type(struct world *w)
{
	unsigned char s[12];
	size_t n = 1 + random_below(sizeof s);

	for (size_t i = 0; i < n; i++)
		s[i] = random_key();
	note(w, "type", s, n);
	assert_int_equal(write(w->master, s, n), n);
	assert_int_equal(ldisc_receive(&w->ld, s, n), n);
	settle();
}

static void explain(struct world *w, const char *side, const unsigned char *a, ssize_t na,
		    const unsigned char *b, ssize_t nb)
{
	fprintf(stderr, "%s differs after:%s\n host (%zd):", side, w->log, na);
	for (ssize_t i = 0; i < na; i++)
		fprintf(stderr, " %02x", a[i]);
	fprintf(stderr, "\n ours (%zd):", nb);
	for (ssize_t i = 0; i < nb; i++)
		fprintf(stderr, " %02x", b[i]);
	fprintf(stderr, "\n");
}

static void compare(struct world *w, const char *side, const unsigned char *a, ssize_t na,
		    const unsigned char *b, ssize_t nb)
{
	if (na == nb && (na <= 0 || !memcmp(a, b, (size_t)na)))
		return;
	w->differs = true;
	if (settle_ms >= 3 * 8 * 8)
		explain(w, side, a, na, b, nb);
}

static void put_out(struct world *w)
{
	unsigned char s[12];
	size_t n = 1 + random_below(sizeof s);

	for (size_t i = 0; i < n; i++)
		s[i] = random_key();
	if (w->ld.stopped)
		return;
	note(w, "write", s, n);
	compare(w, "write", s, write(w->slave, s, n), s, (ssize_t)ldisc_write(&w->ld, s, n));
}

static void read_slave(struct world *w)
{
	unsigned char a[64], b[64];
	size_t n = 1 + random_below(sizeof a);
	bool eof = false;

	note(w, "read", NULL, 0);
	ssize_t na = read(w->slave, a, n), nb = -1;
	if (ldisc_readable(&w->ld, false))
		nb = (ssize_t)ldisc_read(&w->ld, b, n, &eof);
	for (int tries = 0; na < 0 && nb >= 0 && tries < PATIENCE; tries++) {
		settle();
		na = read(w->slave, a, n);
	}
	compare(w, "input", a, na, b, nb);
	settle();
}

static void read_master(struct world *w)
{
	unsigned char a[4096], b[4096];
	ssize_t na = 0, nb = (ssize_t)ldisc_take_output(&w->ld, b, sizeof b);

	for (int tries = 0; tries < PATIENCE; tries++) {
		ssize_t r = read(w->master, a + na, sizeof a - (size_t)na);
		na += r > 0 ? r : 0;
		if (r < 0 && na >= nb)
			break;
		if (r < 0)
			settle();
	}
	compare(w, "output", a, na, b, nb);
}

static void world_open(struct world *w)
{
	int zero = 0;

	memset(w, 0, sizeof *w);
	w->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(w->master >= 0);
	assert_int_equal(ioctl(w->master, TIOCSPTLCK, &zero), 0);
	w->slave = ioctl(w->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(w->slave >= 0);
	assert_int_equal(ldisc_init(&w->ld), 0);
}

static void world_close(struct world *w)
{
	close(w->slave);
	close(w->master);
	ldisc_destroy(&w->ld);
}

/* One round: the same on both sides? */
static bool play(uint64_t number)
{
	static void (*const steps[])(struct world * w) = { type, type, type, put_out, read_slave };
	struct world w;

	seed = number;
	world_open(&w);
	for (unsigned i = 0; i < STEPS && !w.differs; i++) {
		if (i && !random_below(8))
			set_modes(&w);
		steps[random_below(sizeof steps / sizeof *steps)](&w);
		read_master(&w);
	}
	world_close(&w);
	return !w.differs;
}

static void same_as_host(void **state)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		bool same = false;
		settle_ms = 3;
		for (int tries = 0; !same && tries < TRIES; tries++, settle_ms *= 8)
			same = play(1000 + round);
		assert_true(same);
	}
}

/* A line that does not end: the buffer keeps its beginning, and can still be ended. */
static void endless_line(void **state)
{
	unsigned char s[2 * LDISC_BUF], b[LDISC_BUF];
	struct ldisc ld;
	bool eof;

	assert_int_equal(ldisc_init(&ld), 0);
	memset(s, 'a', sizeof s);
	assert_int_equal(ldisc_receive(&ld, s, sizeof s), sizeof s);
	assert_false(ldisc_readable(&ld, false));
	assert_int_equal(ldisc_receive(&ld, (const unsigned char *)"\n", 1), 1);
	assert_true(ldisc_readable(&ld, false));
	assert_int_equal(ldisc_read(&ld, b, sizeof b, &eof), LDISC_BUF);
	assert_int_equal(b[LDISC_BUF - 1], '\n');
	ldisc_destroy(&ld);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_as_host),
					    cmocka_unit_test(endless_line) };

	return cmocka_run_group_tests_name("ldisc", tests, NULL, NULL);
}
