/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Whatever is long is done in pieces, between which the time is looked at. */
#include "fs/cpiofs/buffer.h"

#include <errno.h>
#include <string.h>

#include "util/gva.h"
#include "util/minmax.h"

#define PIECE (8UL << 20)

static char *bytes(const struct cpio_buffer *b)
{
	return b->room ? arena_ptr(b->arena, b->pages) : NULL;
}

char *cpio_buffer_end(const struct cpio_buffer *b)
{
	return bytes(b) + b->len;
}

static int too_large(const struct cpio_buffer *b, struct errmsg *errmsg)
{
	return errmsg_set(errmsg, ENOMEM,
			  "%s: in memory it is larger than the memory of the sandbox", b->a->name);
}

/* What there is goes to other pages. */
static int move(struct cpio_buffer *b, uint64_t pages, struct errmsg *errmsg)
{
	int err = 0;

	for (uint64_t at = 0; !err && at < b->len; at += PIECE) {
		memcpy((char *)arena_ptr(b->arena, pages) + at, bytes(b) + at,
		       min64(PIECE, b->len - at));
		err = archive_late(b->a, errmsg);
	}
	return err;
}

int cpio_buffer_reserve(struct cpio_buffer *b, uint64_t room, struct errmsg *errmsg)
{
	uint64_t pages;

	if (room <= b->room)
		return 0;
	room = PAGE_UP(room);
	if (!arena_room(b->arena, room) || arena_alloc_cold(b->arena, room, &pages))
		return too_large(b, errmsg);
	int err = move(b, pages, errmsg);
	if (err) {
		arena_unref(b->arena, pages, room);
		return err;
	}
	cpio_buffer_drop(b);
	b->pages = pages;
	b->room = room;
	return 0;
}

int cpio_buffer_copy(struct cpio_buffer *b, const struct archive *from, uint64_t off, uint64_t n,
		     struct errmsg *errmsg)
{
	int err = cpio_buffer_reserve(b, b->len + n, errmsg);

	for (uint64_t piece; !err && n; off += piece, n -= piece) {
		piece = min64(n, PIECE);
		if (archive_copy(from, off, cpio_buffer_end(b), piece) < piece)
			return archive_bad(from, errmsg, "the file has been shortened", off, NULL);
		b->len += piece;
		err = archive_late(from, errmsg);
	}
	return err;
}

void cpio_buffer_finish(struct cpio_buffer *b, struct archive *out)
{
	uint64_t used = PAGE_UP(b->len);

	if (used < b->room)
		arena_unref(b->arena, b->pages + used, b->room - used);
	*out = (struct archive){
		.map = used ? arena_ptr(b->arena, b->pages) : NULL,
		.size = b->len,
		.mf = arena_memfile(b->arena),
		.base = b->pages,
		.arena = b->arena,
		.pages_len = used,
		.name = b->a->name,
		.deadline = b->a->deadline,
	};
}

void cpio_buffer_drop(struct cpio_buffer *b)
{
	if (b->room)
		arena_unref(b->arena, b->pages, b->room);
	b->room = 0;
}
