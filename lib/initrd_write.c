/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the archive that lib/initrd.c has collected. The same files give the same bytes: entries
 * are in the order of their names, inode numbers count up, devices and, unless they are to be kept,
 * owners are 0, and no time is later than what SOURCE_DATE_EPOCH says.
 *
 * Data of a page or more begin at a page of the archive, for which NULs stand behind the name, as
 * gen_init_cpio -a of Linux does it. The archive ends with an index (fs/cpiofs/index.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/cpiofs/tree.h"
#include "lib/error.h"
#include "lib/initrd.h"
#include "util/gva.h"

#define BUFFER (256UL * 1024)

/* Where in the archive which file's header is. */
struct placed {
	uint64_t header;
	const struct initrd_file *file;
};

struct writer {
	const struct hl_initrd *a;
	int fd;
	struct hl_error **err;
	struct cpio_tree *tree;
	uint64_t at; /* in the archive */
	uint32_t last_ino;
	struct placed *placed; /* of files with extended attributes */
	size_t nr_placed;
	const char *last_name; /* of the file before */
	bool holes;            /* the file is new and can have them */
	size_t filled;
	char buffer[BUFFER];
};

static int failed(struct writer *w, const char *what, int error)
{
	return error_set(w->err, error == ENOMEM ? HL_NO_MEMORY : HL_SYSTEM, "%s: %s", what,
			 strerror(error));
}

static int refuse(struct writer *w, const char *guest, const char *problem)
{
	return error_set(w->err, HL_INVALID, "/%s %s", guest, problem);
}

/* ---- bytes ---- */

/* A new file gets a hole where there would be zeroes alone: files that have holes keep them. The
 * last piece is not full, or has the trailer, and is written. */
static bool skip_zeroes(struct writer *w)
{
	if (!w->holes || w->filled < BUFFER || w->buffer[0] ||
	    memcmp(w->buffer, w->buffer + 1, w->filled - 1) != 0 ||
	    lseek(w->fd, (off_t)w->filled, SEEK_CUR) < 0)
		return false;
	w->filled = 0;
	return true;
}

static int flush(struct writer *w)
{
	if (skip_zeroes(w))
		return 0;
	for (size_t done = 0; done < w->filled;) {
		ssize_t n = write(w->fd, w->buffer + done, w->filled - done);
		if (n < 0 && errno != EINTR)
			return failed(w, "cannot write the archive", errno);
		done += n > 0 ? (size_t)n : 0;
	}
	w->filled = 0;
	return 0;
}

/* `bytes` NULL: zeroes. */
static int put(struct writer *w, const void *bytes, size_t n)
{
	const char *from = bytes;

	w->at += n;
	while (n) {
		size_t some = n < BUFFER - w->filled ? n : BUFFER - w->filled;
		if (from)
			memcpy(w->buffer + w->filled, from, some);
		else
			memset(w->buffer + w->filled, 0, some);
		from = from ? from + some : NULL;
		w->filled += some;
		n -= some;
		if (w->filled == BUFFER && flush(w))
			return -1;
	}
	return 0;
}

static int pad(struct writer *w)
{
	return put(w, NULL, newc_align(w->at) - w->at);
}

/* ---- entries ---- */

/* The size that a name gets so that data of a page or more begin at one; the name itself has `len`
 * bytes with its NUL. */
static size_t padded_size(const struct writer *w, size_t len, uint64_t data_len)
{
	uint64_t name = w->at + NEWC_HEADER, size = PAGE_UP(name + len) - name;

	return data_len >= PAGE_SIZE && size <= PATH_MAX ? size : len;
}

static int put_header(struct writer *w, struct newc *h, const char *name)
{
	char raw[NEWC_HEADER + 1];
	size_t len = strlen(name) + 1, size = padded_size(w, len, h->filesize);

	h->namesize = (uint32_t)size;
	newc_format(h, raw);
	if (put(w, raw, NEWC_HEADER) || put(w, name, len) || put(w, NULL, size - len))
		return -1;
	return pad(w);
}

/* The next bytes of a file, of which `left` are still to come. */
static ssize_t read_some(const struct initrd_file *f, int fd, uint64_t left, void *buf, size_t n)
{
	return f->read ? f->read(f->read_arg, (uint64_t)f->st.st_size - left, buf, n)
		       : read(fd, buf, n);
}

static int put_contents(struct writer *w, const struct initrd_file *f, int fd)
{
	uint64_t left = (uint64_t)f->st.st_size;

	while (left) {
		size_t room = BUFFER - w->filled, some = left < room ? left : room;
		ssize_t n = read_some(f, fd, left, w->buffer + w->filled, some);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(w, f->read ? f->guest : f->source, n ? errno : ESTALE);
		w->filled += (size_t)n;
		w->at += (size_t)n;
		left -= (size_t)n;
		if (w->filled == BUFFER && flush(w))
			return -1;
	}
	return 0;
}

/* What was looked at must still be there: ESTALE. */
static int put_file(struct writer *w, const struct initrd_file *f)
{
	int fd = open(f->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), status;
	struct stat st;

	if (fd < 0)
		return failed(w, f->source, errno);
	if (fstat(fd, &st) < 0)
		status = failed(w, f->source, errno);
	else if (!S_ISREG(st.st_mode) || st.st_dev != f->st.st_dev || st.st_ino != f->st.st_ino ||
		 st.st_size != f->st.st_size)
		status = failed(w, f->source, ESTALE);
	else
		status = put_contents(w, f, fd);
	close(fd);
	return status;
}

static int put_symlink(struct writer *w, const struct initrd_file *f, struct newc *h,
		       const char *name)
{
	char target[PATH_MAX];
	ssize_t n = initrd_readlink(f, target, sizeof target);

	if (n <= 0 || n == sizeof target)
		return failed(w, f->source, n < 0 ? errno : ENAMETOOLONG);
	h->filesize = (uint32_t)n;
	return put_header(w, h, name) || put(w, target, (size_t)n) ? -1 : 0;
}

static int put_entry(struct writer *w, const struct initrd_file *f, struct newc *h)
{
	const char *name = *f->guest ? f->guest : ".";
	uint64_t header = w->at;

	if (strlen(name) >= PATH_MAX)
		return refuse(w, f->guest, "is too long a name for an archive");
	if (S_ISREG(h->mode) && f->has_data) {
		if (f->st.st_size > UINT32_MAX)
			return refuse(w, f->guest, "is too large for an archive: 4 GiB");
		h->filesize = (uint32_t)f->st.st_size;
	}
	if (f->xattrs)
		w->placed[w->nr_placed++] = (struct placed){ header, f };
	int status = S_ISLNK(h->mode) ? put_symlink(w, f, h, name) : put_header(w, h, name);
	if (!status && h->filesize && S_ISREG(h->mode))
		status = f->read ? put_contents(w, f, -1) : put_file(w, f);
	if (status || pad(w))
		return -1;
	int placed = cpio_tree_add(w->tree, f->guest, h, header);
	if (placed > 0)
		return refuse(w, f->guest,
			      "cannot be in the archive: what is above it is no directory");
	return placed < 0 ? failed(w, "the index", -placed) : 0;
}

static uint32_t time_of(const struct writer *w, const struct stat *st)
{
	int64_t t = st->st_mtim.tv_sec;

	if (w->a->clamps_times && t > w->a->newest)
		t = w->a->newest;
	return t < 0 ? 0 : t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static int put_collected(struct writer *w, const struct initrd_file *f)
{
	const struct stat *st = &f->st;
	bool device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	struct newc h = {
		.ino = f->ino,
		.mode = st->st_mode,
		.uid = w->a->keep_owners ? st->st_uid : 0,
		.gid = w->a->keep_owners ? st->st_gid : 0,
		.nlink = S_ISDIR(st->st_mode) ? 2 : f->nlink,
		.mtime = time_of(w, st),
		.rdevmajor = device ? major(st->st_rdev) : 0,
		.rdevminor = device ? minor(st->st_rdev) : 0,
	};

	return put_entry(w, f, &h);
}

/* A directory that nobody has added, but something in it. */
static int put_missing(struct writer *w, const char *name, size_t len)
{
	char *guest = strndup(name, len);
	struct initrd_file f = { .guest = guest };
	struct newc h = { .mode = S_IFDIR | 0755,
			  .nlink = 2,
			  .ino = ++w->last_ino,
			  .mtime = w->a->clamps_times ? w->a->newest : 0 };
	int status = guest ? put_entry(w, &f, &h) : failed(w, "the archive", ENOMEM);

	free(guest);
	return status;
}

/* Is the directory that the first `len` bytes of a name are there? Then the file before is it, or
 * lies below it. */
static bool was_put(const struct writer *w, const char *name, size_t len)
{
	const char *last = w->last_name;

	return last &&
	       (!len || (strncmp(last, name, len) == 0 && (!last[len] || last[len] == '/')));
}

static int put_missing_parents(struct writer *w, const char *name)
{
	if (*name && !was_put(w, name, 0) && put_missing(w, "", 0))
		return -1;
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - name);
		if (!was_put(w, name, len) && put_missing(w, name, len))
			return -1;
	}
	return 0;
}

/* ---- extended attributes, in the index ---- */

static int by_header(const void *key, const void *element)
{
	uint64_t x = *(const uint64_t *)key, y = ((const struct placed *)element)->header;

	return x < y ? -1 : x > y;
}

static const struct initrd_file *file_of(const struct writer *w, uint64_t header)
{
	const struct placed *found =
	    bsearch(&header, w->placed, w->nr_placed, sizeof *found, by_header);

	return found ? found->file : NULL;
}

static size_t xattrs_size(const struct initrd_file *f)
{
	size_t n = 0;

	for (const struct initrd_xattr *x = f->xattrs; x; x = x->next)
		n += sizeof(struct index_xattr_head) + x->name_len + 1 + x->len;
	return n;
}

static char *write_xattrs(char *to, const struct initrd_file *f)
{
	uint32_t size = (uint32_t)xattrs_size(f);

	to = mempcpy(to, &size, sizeof size);
	for (const struct initrd_xattr *x = f->xattrs; x; x = x->next) {
		const struct index_xattr_head h = { x->name_len, x->len };
		to = mempcpy(to, &h, sizeof h);
		to = mempcpy(to, x->bytes, x->name_len);
		*to++ = '\0';
		to = mempcpy(to, x->bytes + x->name_len, x->len);
	}
	return to;
}

/* Puts the attributes behind the names, and their places into the nodes. 0 or an errno. */
static int add_xattrs(struct writer *w, struct index *ix)
{
	struct index_node *nodes = (struct index_node *)(void *)ix->made;
	const struct initrd_file *f;
	uint64_t at = ix->names_len;

	for (uint32_t i = 0; w->nr_placed && i < ix->count; i++) {
		f = file_of(w, nodes[i].header);
		if (!f)
			continue;
		nodes[i].xattrs = (uint32_t)at;
		at += sizeof(uint32_t) + xattrs_size(f);
		if (at > UINT32_MAX)
			return EFBIG;
	}
	if (at == ix->names_len)
		return 0;
	uint64_t head = ix->count * sizeof *nodes;
	char *made = realloc(ix->made, head + at);
	if (!made)
		return ENOMEM;
	ix->made = made;
	nodes = (struct index_node *)(void *)made;
	for (uint32_t i = 0; i < ix->count; i++) {
		if (nodes[i].xattrs)
			write_xattrs(made + head + nodes[i].xattrs, file_of(w, nodes[i].header));
	}
	ix->names_len = at;
	return 0;
}

static int put_index(struct writer *w)
{
	struct newc h = { .mode = S_IFREG | 0400, .nlink = 1, .ino = ++w->last_ino };
	struct index_footer footer = { .magic = INDEX_MAGIC };
	struct index ix;
	int err = cpio_tree_index(w->tree, 0, &ix);

	if (err)
		return failed(w, "the index", -err);
	err = add_xattrs(w, &ix);
	if (err) {
		index_free(&ix);
		return failed(w, "the index", err);
	}
	uint64_t len = ix.count * sizeof(struct index_node) + ix.names_len,
		 padded = newc_align(len);
	footer.count = ix.count;
	footer.names_len = ix.names_len;
	int status = -1;
	if (padded + sizeof footer > UINT32_MAX) {
		failed(w, "the index", EFBIG);
	} else {
		h.filesize = (uint32_t)(padded + sizeof footer);
		if (!put_header(w, &h, INDEX_NAME)) {
			footer.nodes = w->at;
			footer.self = w->at + padded;
			status = put(w, ix.made, len) || put(w, NULL, padded - len) ||
					 put(w, &footer, sizeof footer)
				     ? -1
				     : 0;
		}
	}
	index_free(&ix);
	return status;
}

static int put_trailer(struct writer *w)
{
	struct newc h = { .nlink = 1 };

	return put_header(w, &h, NEWC_TRAILER) || flush(w) ? -1 : 0;
}

static int put_all(struct writer *w, struct initrd_file **list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (put_missing_parents(w, list[i]->guest))
			return -1;
		struct initrd_file *f = list[i];
		f->ino = f->first ? f->first->ino : ++w->last_ino;
		if (put_collected(w, f))
			return -1;
		w->last_name = f->guest;
	}
	return put_index(w) || put_trailer(w) ? -1 : 0;
}

int hl_initrd_write(struct hl_initrd *a, int fd, struct hl_error **err)
{
	struct writer *w = calloc(1, sizeof *w);
	struct initrd_file **list = NULL;
	struct stat st;
	int status = -1;
	size_t n;

	if (w)
		w->tree = cpio_tree_new(NULL, NULL, NULL);
	if (!w || !w->tree) {
		error_set(err, HL_NO_MEMORY, "out of memory");
	} else {
		w->a = a;
		w->fd = fd;
		w->holes = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 &&
			   lseek(fd, 0, SEEK_CUR) == 0;
		w->err = err;
		list = initrd_order(a, &n, err);
		w->placed = calloc(a->count + 1, sizeof *w->placed);
		if (list && !w->placed)
			error_set(err, HL_NO_MEMORY, "out of memory");
		else if (list)
			status = put_all(w, list, n);
	}
	if (w) {
		cpio_tree_free(w->tree);
		free(w->placed);
	}
	free(w);
	free(list);
	return status;
}
