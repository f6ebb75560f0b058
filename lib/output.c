/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the output of programs from pipes. See the header. */
#include "lib/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/fdpath.h"
#include "host/hostcall.h"
#include "host/thread.h"
#include "util/lock.h"

#define PIECE (64UL << 10)

struct stream {
	struct output_config cfg;
	int from, to; /* the pipe; -1: none */
	char *kept;
	size_t len, room;
	uint64_t lost;
};

struct output {
	struct mutex lock; /* for all below, while functions are called, too */
	struct stream stream[2];
	char piece[PIECE];
	/* constant: */
	int stop; /* an eventfd that ends the thread */
	pthread_t thread;
	bool has_thread;
};

/* ---- what comes ---- */

/* As much of it as the limit lets, and as there is memory for. */
static void keep(struct stream *s, const char *data, size_t n)
{
	size_t fits = s->cfg.limit - s->len < n ? s->cfg.limit - s->len : n;

	if (s->len + fits > s->room) {
		size_t room = (s->len + fits) * 2;
		char *more = realloc(s->kept, room);
		if (more) {
			s->kept = more;
			s->room = room;
		}
	}
	if (s->len + fits > s->room)
		fits = s->room - s->len;
	if (fits)
		memcpy(s->kept + s->len, data, fits);
	s->len += fits;
	s->lost += n - fits;
}

/* Empties a pipe. The lock is held. */
static void drain(struct output *o, struct stream *s)
{
	ssize_t n;

	lock_assert_held(&o->lock);
	while (s->from >= 0 && (n = read(s->from, o->piece, PIECE)) > 0) {
		if (s->cfg.fn)
			s->cfg.fn(s->cfg.arg, o->piece, (size_t)n);
		else
			keep(s, o->piece, (size_t)n);
	}
}

void output_drain(struct output *o)
{
	if (!o)
		return;
	mutex_lock(&o->lock);
	for (int i = 0; i < 2; i++)
		drain(o, &o->stream[i]);
	mutex_unlock(&o->lock);
}

void output_take(struct output *o, int fd, struct hl_bytes *out, uint64_t *lost)
{
	struct stream *s = &o->stream[fd - 1];

	mutex_lock(&o->lock);
	drain(o, s);
	*out = (struct hl_bytes){ s->kept, s->len };
	*lost = s->lost;
	s->kept = NULL;
	s->len = s->room = 0;
	s->lost = 0;
	mutex_unlock(&o->lock);
}

void output_forget(struct output *o)
{
	if (!o)
		return;
	output_drain(o);
	mutex_lock(&o->lock);
	for (int i = 0; i < 2; i++) {
		o->stream[i].len = 0;
		o->stream[i].lost = 0;
	}
	mutex_unlock(&o->lock);
}

static void *output_main(void *arg)
{
	struct output *o = arg;
	struct pollfd fds[3] = { { o->stop, POLLIN, 0 },
				 { o->stream[0].from, POLLIN, 0 },
				 { o->stream[1].from, POLLIN, 0 } };

	while (poll(fds, 3, -1) < 0 || !fds[0].revents)
		output_drain(o);
	return NULL;
}

/* ---- pipes ---- */

static int open_pipe(struct stream *s)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	s->from = fds[0];
	s->to = fds[1];
	return fcntl(s->from, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int output_new(const struct output_config *cfg, struct output **out)
{
	struct output *o = calloc(1, sizeof *o);
	int err = 0;

	if (!o)
		return -ENOMEM;
	mutex_init(&o->lock, LOCK_OUTPUT);
	o->stop = eventfd(0, EFD_CLOEXEC);
	if (o->stop < 0)
		err = -errno;
	for (int i = 0; i < 2; i++) {
		o->stream[i] = (struct stream){ .cfg = cfg[i], .from = -1, .to = -1 };
		if (!err && cfg[i].wanted)
			err = open_pipe(&o->stream[i]);
	}
	if (!err)
		err = host_thread_start(&o->thread, 0, 0, output_main, o);
	o->has_thread = !err;
	if (err)
		output_free(o);
	else
		*out = o;
	return err;
}

int output_fd(const struct output *o, int fd)
{
	return o && fd > 0 ? o->stream[fd - 1].to : -1;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	if (o->has_thread) {
		host_wake(o->stop);
		pthread_join(o->thread, NULL);
	}
	output_drain(o);
	for (int i = 0; i < 2; i++) {
		free(o->stream[i].kept);
		if (o->stream[i].from >= 0) {
			close(o->stream[i].from);
			close(o->stream[i].to);
		}
	}
	if (o->stop >= 0)
		close(o->stop);
	mutex_destroy(&o->lock);
	free(o);
}

/* ---- input ---- */

static int fill(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The program cannot write to what it reads. */
int input_open(const char *data, size_t len)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	int err = fill(fd, data, len);
	int reader = err ? err : fdpath_reopen(fd, O_RDONLY | O_CLOEXEC);
	close(fd);
	return reader;
}
