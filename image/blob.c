/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. SHA-256 is libmd's. */
#include "image/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "util/minmax.h"

#define PIECE (256UL * 1024)

/* What unpacks to more than this and to more than so many times its size is not meant well: zlib
 * reaches 1,032 with zeroes alone, real layers 20. */
#define BOMB_FROM  (1UL << 30)
#define BOMB_TIMES 200

void blob_close(struct blob *b)
{
	if (b->owned && b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

bool digest_is_valid(const char *digest)
{
	return strncmp(digest, "sha256:", 7) == 0 && strlen(digest) == DIGEST_MAX - 1 &&
	       strspn(digest + 7, "0123456789abcdef") == DIGEST_HEX;
}

static void digest_end(SHA2_CTX *sha, char out[DIGEST_MAX])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256Final(sum, sha);
	strcpy(out, "sha256:");
	for (size_t i = 0; i < sizeof sum; i++)
		sprintf(out + 7 + 2 * i, "%02x", sum[i]);
}

void digest_of(const void *bytes, size_t n, char out[DIGEST_MAX])
{
	SHA2_CTX sha;

	SHA256Init(&sha);
	SHA256Update(&sha, bytes, n);
	digest_end(&sha, out);
}

char *blob_read(const struct blob *b, const char *name, size_t max, size_t *len,
		struct errmsg *errmsg)
{
	uint64_t size = b->end - b->at;

	if (size > max) {
		errmsg_set(errmsg, EFBIG, "%s: too large", name);
		return NULL;
	}
	char *text = malloc(size + 1);
	if (!text || pread(b->fd, text, size, (off_t)b->at) != (ssize_t)size) {
		errmsg_set(errmsg, EIO, "%s: cannot be read", name);
		free(text);
		return NULL;
	}
	text[size] = '\0';
	*len = size;
	return text;
}

/* Where the directory's file system knows no files without names, one that loses its own. */
static int open_nameless(int dir)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	char name[32];
	snprintf(name, sizeof name, ".nameless-%ld", (long)getpid());
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlinkat(dir, name, 0);
	return fd;
}

/* ---- unpacking ---- */

struct unpacking {
	const char *name;
	const struct blob *in;
	uint64_t at; /* of what is read next */
	int out;     /* -1: nothing is unpacked */
	uint64_t written;
	SHA2_CTX outer, inner;
	const struct blob_watch *watch;
	struct errmsg *errmsg;
	char in_buf[PIECE], out_buf[PIECE];
};

/* The next piece of the blob; 0: it is at its end; -errno with the sentence set. */
static ssize_t next_piece(struct unpacking *u)
{
	size_t n = min64(sizeof u->in_buf, u->in->end - u->at);
	ssize_t got = n ? pread(u->in->fd, u->in_buf, n, (off_t)u->at) : 0;

	if (got < 0 || (n && !got))
		return errmsg_set(u->errmsg, EIO, "%s: %s", u->name,
				  got ? strerror(errno) : "ends too early");
	SHA256Update(&u->outer, (const uint8_t *)u->in_buf, (size_t)got);
	u->at += (size_t)got;
	if (u->watch && u->watch->fn)
		u->watch->fn(u->watch->arg, (uint64_t)got);
	return got;
}

static int put(struct unpacking *u, size_t n)
{
	SHA256Update(&u->inner, (const uint8_t *)u->out_buf, n);
	for (size_t done = 0; done < n;) {
		ssize_t some = write(u->out, u->out_buf + done, n - done);
		if (some < 0 && errno == EINTR)
			continue;
		if (some < 0)
			return errmsg_set(u->errmsg, errno, "%s: cannot be unpacked: %s", u->name,
					  strerror(errno));
		done += (size_t)some;
	}
	u->written += n;
	if (u->written > BOMB_FROM && u->written / BOMB_TIMES > u->in->end - u->in->at)
		return errmsg_set(u->errmsg, EFBIG, "%s: unpacks to more than %d times its size",
				  u->name, BOMB_TIMES);
	return 0;
}

static int broken(struct unpacking *u, const char *format)
{
	return errmsg_set(u->errmsg, EINVAL, "%s: broken %s data", u->name, format);
}

/* Members may follow each other, as in what pigz or bgzip write. */
static int unpack_gzip(struct unpacking *u)
{
	z_stream z = { .avail_in = 0 };
	int state = Z_OK, err = 0;
	ssize_t got = 0;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return errmsg_set(u->errmsg, ENOMEM, "%s: out of memory", u->name);
	while (!err) {
		if (!z.avail_in) {
			got = next_piece(u);
			if (got <= 0)
				break;
			z.next_in = (Bytef *)u->in_buf;
			z.avail_in = (uInt)got;
		}
		if (state == Z_STREAM_END && inflateReset(&z) != Z_OK)
			break;
		z.next_out = (Bytef *)u->out_buf;
		z.avail_out = sizeof u->out_buf;
		state = inflate(&z, Z_NO_FLUSH);
		if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
			err = broken(u, "gzip");
		else
			err = put(u, sizeof u->out_buf - z.avail_out);
	}
	inflateEnd(&z);
	return err ? err : got < 0 ? (int)got : state == Z_STREAM_END ? 0 : broken(u, "gzip");
}

static int unpack_zstd(struct unpacking *u)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer in = { u->in_buf, 0, 0 };
	size_t left = 1;
	int err = z ? 0 : errmsg_set(u->errmsg, ENOMEM, "%s: out of memory", u->name);
	ssize_t got = 0;
	bool full = false;

	while (!err) {
		if (in.pos == in.size && !full) {
			got = next_piece(u);
			if (got <= 0)
				break;
			in = (ZSTD_inBuffer){ u->in_buf, (size_t)got, 0 };
		}
		ZSTD_outBuffer out = { u->out_buf, sizeof u->out_buf, 0 };
		left = ZSTD_decompressStream(z, &out, &in);
		full = out.pos == out.size;
		err = ZSTD_isError(left) ? broken(u, "zstd") : put(u, out.pos);
	}
	ZSTD_freeDStream(z);
	return err ? err : got < 0 ? (int)got : left ? broken(u, "zstd") : 0;
}

/* Nothing to unpack: the bytes are looked at for their digest alone. */
static int pass(struct unpacking *u)
{
	ssize_t got;

	while ((got = next_piece(u)) > 0)
		;
	return (int)got;
}

static bool begins_with(const struct blob *b, const char *magic, size_t n)
{
	char head[4];

	return b->end - b->at >= n && pread(b->fd, head, n, (off_t)b->at) == (ssize_t)n &&
	       memcmp(head, magic, n) == 0;
}

static int check(struct unpacking *u, const char *found, const char *want, const char *what)
{
	if (!want || strcmp(found, want) == 0)
		return 0;
	return errmsg_set(u->errmsg, EINVAL, "%s: its %s is %s, not %s", u->name, what, found,
			  want);
}

typedef int unpack_fn(struct unpacking *u);

static int unpack_with(struct unpacking *u, unpack_fn *fn, const char *digest, const char *inner)
{
	char found[DIGEST_MAX];
	int err = fn(u);

	if (err)
		return err;
	digest_end(&u->outer, found);
	err = check(u, found, digest, "digest");
	if (!err && u->out >= 0)
		digest_end(&u->inner, found);
	return err ? err : check(u, found, inner, "content's digest");
}

static unpack_fn *unpacker_of(const struct blob *b)
{
	return begins_with(b, "\x1f\x8b", 2)           ? unpack_gzip
	       : begins_with(b, "\x28\xb5\x2f\xfd", 4) ? unpack_zstd
						       : pass;
}

int blob_unpack_if_packed(struct blob *in, const char *name, int dir, struct blob *out,
			  struct errmsg *errmsg)
{
	*out = *in;
	if (unpacker_of(in) == pass)
		return 0;
	int err = blob_unpack(in, name, NULL, NULL, dir, NULL, out, errmsg);
	blob_close(in);
	return err;
}

int blob_unpack(const struct blob *in, const char *name, const char *digest, const char *inner,
		int dir, const struct blob_watch *watch, struct blob *out, struct errmsg *errmsg)
{
	struct unpacking *u = calloc(1, sizeof *u);
	unpack_fn *fn = unpacker_of(in);

	if (!u)
		return errmsg_set(errmsg, ENOMEM, "%s: out of memory", name);
	u->name = name;
	u->in = in;
	u->at = in->at;
	u->watch = watch;
	u->errmsg = errmsg;
	u->out = fn == pass ? -1 : open_nameless(dir);
	SHA256Init(&u->outer);
	SHA256Init(&u->inner);
	int err =
	    fn != pass && u->out < 0
		? errmsg_set(errmsg, errno, "cannot make a file for %s: %s", name, strerror(errno))
		: unpack_with(u, fn, digest, inner);
	*out = fn == pass ? (struct blob){ in->fd, in->at, in->end, false }
			  : (struct blob){ u->out, 0, u->written, true };
	if (err)
		blob_close(out);
	free(u);
	return err;
}
