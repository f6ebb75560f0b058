/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of any bytes. Input: a byte that says what of an image follows, and that. Checksums of tar
 * headers are put right, so that what lies behind them is reached. Whatever is refused is
 * refused with a sentence, and nothing is left.
 */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hl.h"
#include "image/image.h"
#include "image/layers.h"

enum { LAYERS, ARCHIVE, BLOB, DOCKER, NR_KINDS };

#define BLOCK 512UL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sums_right(uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
		uint8_t *block = bytes + at;
		unsigned sum = 0;
		if (memcmp(block + 257, "ustar", 5) != 0)
			continue;
		memset(block + 148, ' ', 8);
		for (size_t i = 0; i < BLOCK; i++)
			sum += block[i];
		snprintf((char *)block + 148, 8, "%06o", sum);
	}
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	return fd;
}

static void check(int err, const struct errmsg *m)
{
	assert(!err || m->text[0]);
}

static void write_layers(struct layers *l)
{
	struct hl_initrd *archive = hl_initrd_new();
	struct hl_error *err = NULL;
	int fd = memfd_create("archive", MFD_CLOEXEC);

	hl_initrd_set_keep_owners(archive, true);
	if (!layers_put(l, archive, &err))
		assert(!hl_initrd_write(archive, fd, &err) || err);
	hl_error_free(err);
	hl_initrd_free(archive);
	close(fd);
}

static void try_layers(const uint8_t *bytes, size_t size)
{
	struct layers *l = layers_new();
	struct errmsg m = { "" };
	size_t half = size / 2 & ~(BLOCK - 1);
	int fd = file_of(bytes, size), err = layers_add(l, fd, 0, half, "one", &m);

	if (!err)
		err = layers_add(l, fd, half, size, "two", &m);
	check(err, &m);
	if (!err)
		layers_mkdir(l, "/a/b/../c");
	if (!err)
		write_layers(l);
	layers_free(l);
	close(fd);
}

static void try_source(int fd)
{
	struct errmsg m = { "" };
	struct image img;
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct source *s = source_open(path, dir, &m);
	check(!s, &m);
	if (s) {
		int err = image_find(s, NULL, &img, &m);
		check(err, &m);
		if (!err)
			image_free(&img);
	}
	source_free(s);
	close(dir);
	close(fd);
}

static void try_blob(const uint8_t *bytes, size_t size)
{
	struct errmsg m = { "" };
	struct blob in = { file_of(bytes, size), 0, size, true }, out;
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = blob_unpack_if_packed(&in, "blob", dir, &out, &m);

	check(err, &m);
	if (!err)
		blob_close(&out);
	close(dir);
}

static size_t put_member(char *to, const char *name, const void *data, size_t size)
{
	memset(to, 0, BLOCK);
	strcpy(to, name);
	snprintf(to + 100, 8, "%07o", 0644);
	snprintf(to + 108, 8, "%07o", 0);
	snprintf(to + 116, 8, "%07o", 0);
	snprintf(to + 124, 12, "%011zo", size);
	snprintf(to + 136, 12, "%011o", 0);
	memcpy(to + 257, "ustar\00000", 8);
	memset(to + BLOCK, 0, (size + BLOCK - 1) & ~(BLOCK - 1));
	memcpy(to + BLOCK, data, size);
	return BLOCK + ((size + BLOCK - 1) & ~(BLOCK - 1));
}

/* The input is manifest.json and, behind a NUL, the configuration; or an index and a manifest. */
static void try_json(const uint8_t *bytes, size_t size)
{
	const uint8_t *nul = memchr(bytes, 0, size);
	size_t first = nul ? (size_t)(nul - bytes) : size, second = nul ? size - first - 1 : 0;
	char *tar = malloc(2 * size + 8 * BLOCK);
	size_t len = put_member(tar, first % 2 ? "manifest.json" : "index.json", bytes, first);

	len += put_member(tar + len, "c", bytes + size - second, second);
	put_sums_right((uint8_t *)tar, len);
	try_source(file_of(tar, len));
	free(tar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = size ? malloc(size) : NULL;

	/* what is sparse may be very large */
	static const struct rlimit room = { 16 << 20, 16 << 20 };

	if (!size)
		return 0;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &room);
	memcpy(bytes, data + 1, size - 1);
	size--;
	if (data[0] % NR_KINDS <= ARCHIVE)
		put_sums_right(bytes, size);
	switch (data[0] % NR_KINDS) {
	case LAYERS: try_layers(bytes, size); break;
	case ARCHIVE: try_source(file_of(bytes, size)); break;
	case BLOB: try_blob(bytes, size); break;
	case DOCKER: try_json(bytes, size); break;
	}
	free(bytes);
	return 0;
}
