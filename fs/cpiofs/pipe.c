/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. The descriptor does not block: whoever writes to the pipe may take its time, and
 * a FIFO may have no writer yet. */
#include "fs/cpiofs/pipe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "fs/cpiofs/buffer.h"

#define ROOM_MIN (1UL << 20)
#define LOOK_MS  20 /* how often the time is looked at while nothing comes */

/* Until there is something to read, or nobody who writes. */
static int wait_for_bytes(const struct archive *a, int fd, struct errmsg *errmsg)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int late;

	while (!(late = archive_late(a, errmsg)))
		if (poll(&p, 1, a->deadline ? LOOK_MS : -1) > 0)
			return 0;
	return late;
}

/* 1: more; 0: that was all. */
static int read_some(struct cpio_buffer *b, int fd, struct errmsg *errmsg)
{
	int err = wait_for_bytes(b->a, fd, errmsg);

	if (!err && b->len == b->room)
		err = cpio_buffer_reserve(b, b->room ? b->room * 2 : ROOM_MIN, errmsg);
	if (err)
		return err;
	ssize_t n = read(fd, cpio_buffer_end(b), b->room - b->len);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return errmsg_set(errmsg, errno, "%s: %s", b->a->name, strerror(errno));
	b->len += n > 0 ? (uint64_t)n : 0;
	return n != 0;
}

int archive_of_pipe(struct archive *a, struct arena *arena, int fd, struct errmsg *errmsg)
{
	const struct archive said = *a;
	struct cpio_buffer b = { .arena = arena, .a = &said };
	int r;

	do
		r = read_some(&b, fd, errmsg);
	while (r > 0);
	close(fd);
	if (r)
		cpio_buffer_drop(&b);
	else
		cpio_buffer_finish(&b, a);
	return r;
}
