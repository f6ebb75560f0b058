/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs of an image: bytes in a file, with a digest, perhaps compressed. */
#ifndef HL_IMAGE_BLOB_H
#define HL_IMAGE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/errmsg.h"

/* A file as a member of an archive, or whole. */
struct blob {
	int fd; /* -1: none */
	uint64_t at, end;
	bool owned; /* blob_close closes fd */
};

#define DIGEST_HEX 64UL
#define DIGEST_MAX (7 + DIGEST_HEX + 1) /* "sha256:", digits, NUL */

/* Told of progress: bytes of the blob that were read. */
struct blob_watch {
	void (*fn)(void *arg, uint64_t bytes);
	void *arg;
};

void blob_close(struct blob *b);
/* "sha256:" and 64 digits of lower case; another algorithm is none that hl knows. */
bool digest_is_valid(const char *digest);
void digest_of(const void *bytes, size_t n, char out[DIGEST_MAX]);
/* All of a small blob, with a NUL behind it, to be freed. NULL with the sentence set. */
char *blob_read(const struct blob *b, const char *name, size_t max, size_t *len,
		struct errmsg *errmsg);
/*
 * Compares the digest of the blob, and that of what is in it (NULL: none to compare). *out is what
 * is in it: the same bytes, or, of what gzip or zstd have compressed, a file without a name in
 * `dir`. 0 or -errno with the sentence set.
 */
int blob_unpack(const struct blob *in, const char *name, const char *digest, const char *inner,
		int dir, const struct blob_watch *watch, struct blob *out, struct errmsg *errmsg);
/* The same without digests, and where nothing is to unpack nothing is read. `in` is taken over,
 * also on failure. */
int blob_unpack_if_packed(struct blob *in, const char *name, int dir, struct blob *out,
			  struct errmsg *errmsg);

#endif
