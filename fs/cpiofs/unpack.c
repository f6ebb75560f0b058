/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompresses into pages of the arena. Each format is a decoder that turns bytes into bytes; the
 * pages grow as it fills them. The first estimate is what the archive says of its own size: pages
 * that nobody touches cost nothing, so a lie does no harm.
 */
#include "fs/cpiofs/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "fs/cpiofs/buffer.h"
#include "fs/cpiofs/newc.h"
#include "util/gva.h"
#include "util/minmax.h"

#define INPUT     (128UL * 1024)
#define ROOM_MIN  (8UL << 20)
#define HEAD_LEN  18 /* the longest that a decoder's `size` looks at: a frame header of zstd's */
#define PIECE_MAX (4UL << 20) /* decoded before the time is looked at */

/* Bytes from one to the other: both are advanced. */
struct stream {
	const char *in;
	size_t in_len;
	char *out;
	size_t out_len;
};

struct format {
	const char *name;
	const char *magic;
	size_t magic_len;
	void *(*open)(void); /* NULL: no decoder for it here */
	/* 1: at the end of what was compressed; 0: go on; -1: it is broken */
	int (*decode)(void *d, struct stream *s);
	void (*close)(void *d);
	/* How large it says it is unpacked; 0: it says nothing, or what cannot be true of `packed`
	 * bytes. `end`: the last four bytes of the file. */
	uint64_t (*size)(const char head[HEAD_LEN], const unsigned char end[4], uint64_t packed);
};

/* ---- gzip ---- */

static void *gzip_open(void)
{
	z_stream *z = calloc(1, sizeof *z);

	if (z && inflateInit2(z, 16 + MAX_WBITS) != Z_OK) {
		free(z);
		z = NULL;
	}
	return z;
}

static int gzip_decode(void *d, struct stream *s)
{
	z_stream *z = d;

	z->next_in = (const Bytef *)s->in;
	z->avail_in = (uInt)s->in_len;
	z->next_out = (Bytef *)s->out;
	z->avail_out = (uInt)s->out_len;
	int r = inflate(z, Z_NO_FLUSH);
	s->in = (const char *)z->next_in;
	s->in_len = z->avail_in;
	s->out = (char *)z->next_out;
	s->out_len = z->avail_out;
	return r == Z_STREAM_END ? 1 : r == Z_OK || r == Z_BUF_ERROR ? 0 : -1;
}

static void gzip_close(void *d)
{
	inflateEnd(d);
	free(d);
}

/* RFC 1952: ISIZE, where there is one member only. */
/* Two bits of deflate's (RFC 1951) make 258 bytes at most. Where the end of the file is missing,
 * its last bytes say anything. */
#define DEFLATE_MOST 1032

static uint64_t gzip_size(const char head[HEAD_LEN], const unsigned char end[4], uint64_t packed)
{
	uint64_t said = (uint64_t)end[0] | (uint64_t)end[1] << 8 | (uint64_t)end[2] << 16 |
			(uint64_t)end[3] << 24;

	return said / DEFLATE_MOST <= packed ? said : 0;
}

/* ---- zstd ---- */

static void *zstd_open(void)
{
	return ZSTD_createDStream();
}

static int zstd_decode(void *d, struct stream *s)
{
	ZSTD_inBuffer in = { s->in, s->in_len, 0 };
	ZSTD_outBuffer out = { s->out, s->out_len, 0 };
	size_t r = ZSTD_decompressStream(d, &out, &in);

	s->in += in.pos;
	s->in_len -= in.pos;
	s->out += out.pos;
	s->out_len -= out.pos;
	return ZSTD_isError(r) ? -1 : r == 0;
}

static void zstd_close(void *d)
{
	ZSTD_freeDStream(d);
}

static uint64_t zstd_size(const char head[HEAD_LEN], const unsigned char end[4], uint64_t packed)
{
	unsigned long long n = ZSTD_getFrameContentSize(head, HEAD_LEN);

	return n == ZSTD_CONTENTSIZE_UNKNOWN || n == ZSTD_CONTENTSIZE_ERROR ? 0 : n;
}

static const struct format formats[] = {
	{ "gzip", "\x1f\x8b", 2, gzip_open, gzip_decode, gzip_close, gzip_size },
	{ "zstd", "\x28\xb5\x2f\xfd", 4, zstd_open, zstd_decode, zstd_close, zstd_size },
	{ .name = "zstd 0.7", .magic = "\x27\xb5\x2f\xfd", .magic_len = 4 },
	{ .name = "zstd 0.6", .magic = "\x26\xb5\x2f\xfd", .magic_len = 4 },
	{ .name = "zstd 0.5", .magic = "\x25\xb5\x2f\xfd", .magic_len = 4 },
	{ .name = "xz",
	  .magic = "\xfd"
		   "7zXZ",
	  .magic_len = 6 },
	{ .name = "bzip2", .magic = "BZh", .magic_len = 3 },
	{ .name = "lzma", .magic = "\x5d\0\0", .magic_len = 3 },
	{ .name = "lz4", .magic = "\x02\x21\x4c\x18", .magic_len = 4 },
	{ .name = "lz4", .magic = "\x04\x22\x4d\x18", .magic_len = 4 },
	{ .name = "lzop", .magic = "\x89LZO", .magic_len = 4 },
};

static const struct format *find_format(const char *head, size_t n)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		const struct format *f = &formats[i];
		if (n >= f->magic_len && memcmp(head, f->magic, f->magic_len) == 0)
			return f;
	}
	return NULL;
}

bool unpack_is_due(const char *head, size_t n)
{
	return find_format(head, n);
}

static const struct format *format_at(const struct archive *a, uint64_t off)
{
	char head[UNPACK_HEAD];

	return find_format(head, archive_copy(a, off, head, sizeof head));
}

/* ---- */

struct unpacking {
	const struct archive *a;
	struct errmsg *errmsg;
	struct cpio_buffer to;
	uint64_t at; /* next of the input */
	char *input;
};

static int copy_plain(struct unpacking *u, uint64_t end)
{
	int err = cpio_buffer_copy(&u->to, u->a, u->at, end - u->at, u->errmsg);

	u->at = end;
	return err;
}

static int broken(struct unpacking *u, const struct format *f)
{
	char problem[64];

	snprintf(problem, sizeof problem, "what %s has compressed is broken", f->name);
	return archive_bad(u->a, u->errmsg, problem, u->at, NULL);
}

/* As much as there is input for in `s`. 1: the end of what was compressed. */
static int decode_input(struct unpacking *u, const struct format *f, void *d, struct stream *s)
{
	struct cpio_buffer *to = &u->to;
	int r = 0;

	do {
		int err = archive_late(u->a, u->errmsg);
		if (!err && to->len == to->room)
			err = cpio_buffer_reserve(to, to->room * 2, u->errmsg);
		if (err)
			return err;
		s->out = cpio_buffer_end(to);
		uint64_t room = s->out_len = min64(to->room - to->len, PIECE_MAX);
		r = f->decode(d, s);
		to->len += room - s->out_len;
	} while (r == 0 && (s->in_len || !s->out_len));
	return r < 0 ? broken(u, f) : r;
}

static int decode(struct unpacking *u, const struct format *f, void *d)
{
	int r = 0;

	while (r == 0) {
		struct stream s = { .in = u->input };
		size_t n = s.in_len = archive_copy(u->a, u->at, u->input, INPUT);
		if (!n)
			return archive_bad(u->a, u->errmsg,
					   "the file ends in the middle of what is compressed",
					   u->at, NULL);
		r = decode_input(u, f, d, &s);
		u->at += n - s.in_len;
	}
	return r < 0 ? r : 0;
}

/* Room for what the archive says of its size, where it may be true. */
static int make_room(struct unpacking *u, const struct format *f)
{
	char head[HEAD_LEN] = { 0 };
	unsigned char end[4] = { 0 };
	uint64_t said;

	archive_copy(u->a, u->at, head, sizeof head);
	archive_copy(u->a, u->a->size - sizeof end, end, sizeof end);
	said = f->size(head, end, u->a->size - u->at);
	/* And a page, so that the end is found without more room. */
	said = max64(min64(said, INT64_MAX / 2), ROOM_MIN) + PAGE_SIZE;
	return cpio_buffer_reserve(&u->to, u->to.len + said, u->errmsg);
}

static int unpack_one(struct unpacking *u, const struct format *f)
{
	if (!f->open)
		return errmsg_set(u->errmsg, EINVAL,
				  "%s: compressed by %s, which is not unpacked here; gzip and zstd "
				  "(0.8 and later) are",
				  u->a->name, f->name);
	int err = make_room(u, f);
	void *d = err ? NULL : f->open();
	if (!err && !d)
		err = errmsg_set(u->errmsg, ENOMEM, "%s: no memory to unpack it", u->a->name);
	if (!err)
		err = decode(u, f, d);
	if (d)
		f->close(d);
	u->to.len = newc_align(u->to.len);
	return err;
}

int unpack(const struct archive *a, uint64_t off, struct arena *arena, struct archive *out,
	   struct errmsg *errmsg)
{
	struct unpacking u = {
		.a = a, .errmsg = errmsg, .to = { .arena = arena, .a = a }, .input = malloc(INPUT)
	};
	const struct format *f;
	int err = u.input ? copy_plain(&u, off) : -ENOMEM;

	while (!err && (f = format_at(a, u.at))) {
		err = unpack_one(&u, f);
		if (!err)
			u.at = archive_skip_zeroes(a, u.at);
	}
	if (!err)
		err = copy_plain(&u, a->size);
	free(u.input);
	if (err) {
		cpio_buffer_drop(&u.to);
		return errmsg_set(errmsg, -err, "%s: %s", a->name, strerror(-err));
	}
	cpio_buffer_finish(&u.to, out);
	return 0;
}
