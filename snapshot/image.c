/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the file of a snapshot, and opens one. See the header for its layout. */
#include "snapshot/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "arch/machine.h"
#include "snapshot/forecasts.h"
#include "snapshot/namer.h"
#include "util/minmax.h"

#define META_MAX (1UL << 30)

static uint32_t crc_of(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)crc32_z(crc, data, len);
}

static uint32_t header_crc(const struct image_header *h)
{
	return crc_of(0, h, offsetof(struct image_header, header_crc));
}

/* ---- writing ---- */

struct image_writer {
	char *path, *aside;
	int fd;       /* -1: not made, or finished */
	int namer;    /* who gives it its name (snapshot/namer.h); -1: we do */
	uint64_t end; /* of what is written */
	uint32_t crc; /* of the pages */
	/* Which pages are there, by a hash of their contents: where; 0: empty. Open addressing. */
	struct seen {
		uint64_t hash, off;
	} * seen;
	size_t nr_seen, room;
};

int image_create(const char *path, struct image_writer **out, struct errmsg *errmsg)
{
	struct image_writer *w = calloc(1, sizeof *w);

	if (!w)
		return -ENOMEM;
	w->fd = w->namer = -1;
	w->end = IMAGE_PAGES;
	w->path = strdup(path);
	if (!w->path || asprintf(&w->aside, "%s.XXXXXX", path) < 0) {
		w->aside = NULL;
		image_writer_free(w);
		return -ENOMEM;
	}
	w->fd = mkostemp(w->aside, O_CLOEXEC); /* mode 0600 */
	if (w->fd < 0) {
		int err = errmsg_set(errmsg, errno, "cannot write %s: %s", path, strerror(errno));
		free(w->aside);
		w->aside = NULL;
		image_writer_free(w);
		return err;
	}
	*out = w;
	return 0;
}

int image_create_early(const char *path, struct image_writer **out, struct errmsg *errmsg)
{
	int err = image_create(path, out, errmsg);

	if (err)
		return err;
	(*out)->namer = namer_start((*out)->aside, path);
	if ((*out)->namer >= 0)
		return 0;
	err = errmsg_set(errmsg, -(*out)->namer, "no process to write %s: %s", path,
			 strerror(-(*out)->namer));
	image_writer_free(*out);
	*out = NULL;
	return err;
}

int image_restart(struct image_writer *w)
{
	w->end = IMAGE_PAGES;
	w->crc = 0;
	w->nr_seen = w->room = 0;
	free(w->seen);
	w->seen = NULL;
	return !w->aside ? -EBADF : ftruncate(w->fd, 0) < 0 ? -errno : 0;
}

void image_writer_free(struct image_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	if (w->namer >= 0)
		close(w->namer);
	else if (w->aside)
		unlink(w->aside);
	free(w->aside);
	free(w->path);
	free(w->seen);
	free(w);
}

static int write_at(int fd, const void *data, size_t len, uint64_t off)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_at(int fd, void *data, size_t len, uint64_t off)
{
	char *p = data;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- which pages are there already ---- */

static uint64_t hash_page(const void *page)
{
	const uint64_t *w = page;
	uint64_t a = 0, b = 0x9e3779b97f4a7c15UL;

	for (size_t i = 0; i < PAGE_SIZE / sizeof *w; i += 2) {
		a = (a ^ w[i]) * 0xff51afd7ed558ccdUL;
		b = (b ^ w[i + 1]) * 0xc4ceb9fe1a85ec53UL;
		a ^= a >> 29;
		b ^= b >> 31;
	}
	return a ^ b * 31;
}

static struct seen *seen_slot(struct image_writer *w, uint64_t hash)
{
	size_t i = hash & (w->room - 1);

	while (w->seen[i].off && w->seen[i].hash != hash)
		i = (i + 1) & (w->room - 1);
	return &w->seen[i];
}

static int seen_grow(struct image_writer *w)
{
	size_t old_room = w->room;
	struct seen *old = w->seen;

	w->room = old_room ? 2 * old_room : 4096;
	w->seen = calloc(w->room, sizeof *w->seen);
	if (!w->seen) {
		w->seen = old;
		w->room = old_room;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_room; i++)
		if (old[i].off)
			*seen_slot(w, old[i].hash) = old[i];
	free(old);
	return 0;
}

/* The first page of some contents is the one that counts. */
static int seen_add(struct image_writer *w, uint64_t hash, uint64_t off)
{
	if (2 * w->nr_seen >= w->room && seen_grow(w) < 0)
		return -ENOMEM;
	struct seen *s = seen_slot(w, hash);
	if (!s->off) {
		*s = (struct seen){ hash, off };
		w->nr_seen++;
	}
	return 0;
}

static bool page_is_at(struct image_writer *w, const char *page, uint64_t off)
{
	char there[PAGE_SIZE];

	return off >= IMAGE_PAGES && off < w->end &&
	       read_at(w->fd, there, sizeof there, off) == 0 &&
	       memcmp(page, there, sizeof there) == 0;
}

/* How many pages from `data` on stand one behind the other in the file: from where. */
static uint64_t seen_run(struct image_writer *w, const char *data, uint64_t max, uint64_t *off)
{
	uint64_t n = 0;

	if (!w->room)
		return 0;
	*off = seen_slot(w, hash_page(data))->off;
	while (*off && n < max && page_is_at(w, data + n * PAGE_SIZE, *off + n * PAGE_SIZE))
		n++;
	return n;
}

static bool is_zero(const char *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

static uint64_t zero_run(const char *data, uint64_t max)
{
	uint64_t n = 0;

	while (n < max && is_zero(data + n * PAGE_SIZE))
		n++;
	return n;
}

/* A page of zeroes stays a hole. */
static int append_page(struct image_writer *w, const char *page, bool zero)
{
	int err = zero ? 0 : write_at(w->fd, page, PAGE_SIZE, w->end);

	if (!err && !zero)
		err = seen_add(w, hash_page(page), w->end);
	if (err)
		return err;
	w->crc = crc_of(w->crc, page, PAGE_SIZE);
	w->end += PAGE_SIZE;
	return 0;
}

/* The pages that are new, up to the next run of at least `least` that is not: how many. */
static int64_t append_new(struct image_writer *w, const char *data, uint64_t max, bool skip_zeroes,
			  uint64_t least)
{
	uint64_t n = 0, off, run;

	while (n < max) {
		const char *page = data + n * PAGE_SIZE;
		uint64_t zeroes = zero_run(page, max - n);

		if (skip_zeroes && zeroes >= IMAGE_RUN_MIN)
			break;
		run = zeroes ? 0 : seen_run(w, page, max - n, &off);
		if (run >= least)
			break;
		for (uint64_t left = zeroes ? zeroes : run ? run : 1; left; left--, n++) {
			int err = append_page(w, data + n * PAGE_SIZE, zeroes);
			if (err)
				return err;
		}
	}
	return (int64_t)n;
}

int image_write_pages(struct image_writer *w, const void *data, uint64_t len, bool skip_zeroes,
		      saved_run_fn *fn, void *arg)
{
	uint64_t nr = len / PAGE_SIZE, at = 0, least = IMAGE_RUN_MIN;
	int err = 0;

	while (at < nr && !err) {
		const char *p = (const char *)data + at * PAGE_SIZE;
		uint64_t off = w->end, zeroes = skip_zeroes ? zero_run(p, nr - at) : 0;

		if (zeroes >= IMAGE_RUN_MIN) {
			at += zeroes;
			continue;
		}
		int64_t n = append_new(w, p, nr - at, skip_zeroes, least);
		if (!n) {
			n = (int64_t)seen_run(w, p, nr - at, &off);
			least++;
		}
		if (n < 0)
			return (int)n;
		err = fn(arg, at, (uint64_t)n, off);
		at += (uint64_t)n;
	}
	return err;
}

/* The rename is on disk when the directory is. After a crash the name has the old file or the new
 * one, whole either way: that some file systems cannot do this, or fail to, is no failure of a save
 * whose file is there. */
static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == path ? strdup("/")
		    : slash       ? strndup(path, (size_t)(slash - path))
				  : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(dir);
}

static int write_rest(struct image_writer *w, const void *meta, size_t len)
{
	struct image_header h = {
		.version = IMAGE_VERSION,
		.arch = ARCH_ELF_MACHINE,
		.pages_end = w->end,
		.meta_off = w->end,
		.meta_len = len,
		.file_size = w->end + len,
		.pages_crc = w->crc,
		.meta_crc = crc_of(0, meta, len),
	};
	char page[IMAGE_PAGES] = "";

	memcpy(h.magic, IMAGE_MAGIC, sizeof h.magic);
	cpu_features(h.features);
	snprintf(h.program_version, sizeof h.program_version, "%s", HL_VERSION);
	h.header_crc = header_crc(&h);
	memcpy(page, &h, sizeof h);
	int err = write_at(w->fd, meta, len, w->end);
	if (!err)
		err = write_at(w->fd, page, sizeof page, 0);
	if (!err && fsync(w->fd) < 0)
		err = -errno;
	return err;
}

int image_finish(struct image_writer *w, const void *meta, size_t len, struct errmsg *errmsg)
{
	int err = write_rest(w, meta, len);

	bool asked = !err && w->namer >= 0;
	if (asked)
		err = namer_finish(w->namer);
	else if (!err && rename(w->aside, w->path) < 0)
		err = -errno;
	if (!err || asked) { /* it has its name, or has been removed */
		free(w->aside);
		w->aside = NULL;
	}
	if (!err && !asked)
		sync_directory(w->path);
	return err ? errmsg_set(errmsg, -err, "cannot write %s: %s", w->path, strerror(-err)) : 0;
}

/* ---- reading ---- */

static int refuse(const char *path, const char *why, struct errmsg *errmsg)
{
	return errmsg_set(errmsg, EBADMSG, "%s %s", path, why);
}

/* All that can be wrong with it, and what to say then. `size`: of the file. */
static int check_header(const struct image_header *h, uint64_t size, const char *path,
			struct errmsg *errmsg)
{
	if (memcmp(h->magic, IMAGE_MAGIC, sizeof h->magic) != 0)
		return refuse(path, "is no snapshot", errmsg);
	if (h->header_crc != header_crc(h))
		return refuse(path, "is damaged: its header has been altered", errmsg);
	if (h->version != IMAGE_VERSION ||
	    strncmp(h->program_version, HL_VERSION, sizeof h->program_version) != 0)
		return errmsg_set(errmsg, EBADMSG,
				  "%s was saved by version %.*s of hl, whose snapshots version %s "
				  "does not read: save it again",
				  path, (int)sizeof h->program_version, h->program_version,
				  HL_VERSION);
	if (h->arch != ARCH_ELF_MACHINE)
		return refuse(path, "is of a program for another CPU architecture", errmsg);
	if (!cpu_has_features(h->features))
		return errmsg_set(errmsg, EBADMSG,
				  "%s is of a program that may use instructions which this CPU "
				  "does not have",
				  path);
	if (h->file_size != size)
		return errmsg_set(errmsg, EBADMSG, "%s is damaged: it has %lu bytes, not %lu", path,
				  size, h->file_size);
	if (h->pages_end < IMAGE_PAGES || h->pages_end % PAGE_SIZE || h->meta_off != h->pages_end ||
	    h->meta_off > size || h->meta_len != size - h->meta_off || h->meta_len > META_MAX)
		return refuse(path, "is damaged: its header makes no sense", errmsg);
	return 0;
}

static int read_meta(struct image *img, const char *path, struct errmsg *errmsg)
{
	const struct image_header *h = &img->header;

	img->meta = malloc(h->meta_len ? h->meta_len : 1);
	if (!img->meta)
		return -ENOMEM;
	int err = read_at(img->fd, img->meta, h->meta_len, h->meta_off);
	if (err && err != -EBADMSG)
		return errmsg_set(errmsg, -err, "cannot read %s: %s", path, strerror(-err));
	if (err || crc_of(0, img->meta, h->meta_len) != h->meta_crc)
		return refuse(path, "is damaged: its contents have been altered", errmsg);
	return 0;
}

static int open_file(const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return fd;
	}
	close(fd);
	return -EINVAL;
}

int image_open(const char *path, struct image **out, struct errmsg *errmsg)
{
	struct image *img = calloc(1, sizeof *img);
	uint64_t size = 0;

	if (!img)
		return -ENOMEM;
	img->fd = open_file(path, &size);
	int err = img->fd < 0 ? img->fd : 0;
	if (err == -EINVAL)
		err = refuse(path, "is no snapshot", errmsg);
	else if (err)
		err = errmsg_set(errmsg, -err, "%s: %s", path, strerror(-err));
	else if (size < IMAGE_PAGES)
		err = refuse(path, size ? "is no snapshot" : "is empty", errmsg);
	if (!err)
		err = read_at(img->fd, &img->header, sizeof img->header, 0);
	if (!err)
		err = check_header(&img->header, size, path, errmsg);
	if (!err)
		err = read_meta(img, path, errmsg);
	if (!err && !(img->forecasts =
			  forecasts_open(img->fd, img->header.meta_crc ^ img->header.pages_crc)))
		err = -ENOMEM;
	if (err) {
		image_close(img);
		return errmsg_set(errmsg, -err, "%s: %s", path, strerror(-err));
	}
	memfile_view_open(img->fd, img->header.pages_end, &img->view);
	*out = img;
	return 0;
}

void image_close(struct image *img)
{
	if (!img)
		return;
	forecasts_close(img->forecasts);
	memfile_view_close(&img->view);
	if (img->fd >= 0)
		close(img->fd);
	free(img->meta);
	free(img);
}

int image_verify(const struct image *img, struct errmsg *errmsg)
{
	const uint64_t unit = 1UL << 20;
	char *buf = malloc(unit);
	uint32_t crc = 0;
	int err = buf ? 0 : -ENOMEM;

	for (uint64_t at = IMAGE_PAGES; at < img->header.pages_end && !err; at += unit) {
		size_t len = min64(unit, img->header.pages_end - at);
		err = read_at(img->fd, buf, len, at);
		crc = crc_of(crc, buf, len);
	}
	free(buf);
	if (!err && crc != img->header.pages_crc)
		err = -EBADMSG;
	if (err == -EBADMSG)
		return errmsg_set(errmsg, EBADMSG,
				  "the snapshot is damaged: its pages have been altered");
	return err;
}

bool image_has_pages(const struct image *img, uint64_t off, uint64_t len)
{
	return off % PAGE_SIZE == 0 && len % PAGE_SIZE == 0 && off >= IMAGE_PAGES &&
	       off <= img->header.pages_end && len <= img->header.pages_end - off;
}
