/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goes through an archive from header to header. Archives may follow each other, and zeroes may
 * stand between entries, as Linux allows; the trailer may be missing. Whatever else is not right is
 * an error that names its place: an archive is either read whole or not at all.
 */
#include "fs/cpiofs/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/cpiofs/tree.h"
#include "fs/cpiofs/unpack.h"
#include "util/minmax.h"

#define NEAR 8192UL /* bytes that are read together: a header, a name, what is behind it */

struct scan {
	const struct archive *a;
	struct cpio_tree *tree;
	struct errmsg *errmsg;
	uint64_t at;
	bool any; /* an entry, or a trailer */
	struct newc h;
	char name[PATH_MAX];
	uint64_t near_at; /* what `near` is of */
	size_t near_len;
	char near[NEAR];
};

/* As archive_copy, of up to NEAR bytes. */
static size_t copy_near(struct scan *s, uint64_t off, void *dst, size_t n)
{
	if (off < s->near_at || off + n > s->near_at + s->near_len) {
		s->near_at = off;
		s->near_len = archive_read(s->a, off, s->near, NEAR);
	}
	n = min64(n, s->near_at + s->near_len - off);
	memcpy(dst, s->near + (off - s->near_at), n);
	return n;
}

static int bad(struct scan *s, const char *problem)
{
	return archive_bad(s->a, s->errmsg, problem, s->at, NULL);
}

static int bad_entry(struct scan *s, const char *problem)
{
	return archive_bad(s->a, s->errmsg, problem, s->at, s->name);
}

static int no_memory(struct scan *s)
{
	return errmsg_set(s->errmsg, ENOMEM, "%s: no memory for its names", s->a->name);
}

static ssize_t read_target(void *arg, uint64_t header, char target[PATH_MAX])
{
	struct scan *s = arg;
	char raw[NEWC_HEADER];
	struct newc h;

	if (archive_copy(s->a, header, raw, sizeof raw) < sizeof raw || newc_parse(raw, &h))
		return -EIO;
	size_t n =
	    archive_copy(s->a, newc_data(&h, header), target, min64(h.filesize, PATH_MAX - 1));
	target[n] = '\0';
	return (ssize_t)strlen(target);
}

static void skip_zeroes(struct scan *s)
{
	char c;

	if (copy_near(s, s->at, &c, 1) == 1 && !c)
		s->at = archive_skip_zeroes(s->a, s->at);
}

/* Drops what may stand before the first name, and sees that nothing leads out or is empty. */
static const char *clean_path(char *path)
{
	char *p = path;
	size_t len;

	while (p[0] == '/' || (p[0] == '.' && (p[1] == '/' || !p[1])))
		p++;
	memmove(path, p, strlen(p) + 1);
	for (p = path; *path && *p; p += len + (p[len] ? 1 : 0)) {
		len = strcspn(p, "/");
		if (len == 0 || (p[len] == '/' && !p[len + 1]))
			return "its name has an empty part";
		if (len > NAME_MAX)
			return "a part of its name is longer than 255 bytes";
		if (len <= 2 && p[0] == '.' && p[len - 1] == '.')
			return "its name has a part . or ..";
	}
	return NULL;
}

/* The name as it stands in the archive. NULs behind it bring the data to a page (gen_init_cpio -a
 * of Linux, hl mkinitrd). */
static int read_name(struct scan *s)
{
	uint32_t size = s->h.namesize;

	s->name[0] = '\0';
	if (size == 0 || size > PATH_MAX)
		return bad(s, size ? "a name longer than 4095 bytes" : "an entry without a name");
	if (copy_near(s, s->at + NEWC_HEADER, s->name, size) < size)
		return bad(s, "the archive ends in the middle of a name");
	if (s->name[size - 1])
		return bad(s, "a name without a NUL behind it");
	for (size_t len = strlen(s->name); len < size; len++) {
		if (s->name[len])
			return bad_entry(s, "its name has a NUL inside");
	}
	return s->name[0] ? 0 : bad(s, "an entry without a name");
}

static int check_data(struct scan *s)
{
	uint64_t data = newc_data(&s->h, s->at);
	char target[PATH_MAX];

	if (data > s->a->size || s->h.filesize > s->a->size - data)
		return bad_entry(s, "the archive ends in the middle of its data");
	switch (s->h.mode & S_IFMT) {
	case S_IFREG: return 0;
	case S_IFLNK:
		if (s->h.filesize > PATH_MAX)
			return bad_entry(s, "the target of the symlink is too long");
		return read_target(s, s->at, target) > 0
			   ? 0
			   : bad_entry(s, "a symlink without a target");
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: return s->h.filesize ? bad_entry(s, "has data, but is not a file") : 0;
	default: return bad_entry(s, "is of no known type");
	}
}

/* The index of an archive that others were put before or behind. */
static bool is_index(const struct scan *s)
{
	return S_ISREG(s->h.mode) && strcmp(s->name, INDEX_NAME) == 0 &&
	       index_is_at(s->a, newc_data(&s->h, s->at), s->h.filesize);
}

static int scan_entry(struct scan *s)
{
	char raw[NEWC_HEADER];
	int err;

	if (copy_near(s, s->at, raw, sizeof raw) < sizeof raw)
		return bad(s, "the archive ends in the middle of a header");
	const char *problem = newc_parse(raw, &s->h);
	if (!problem && s->at & 3)
		problem = "a header that is not at a multiple of four";
	if (problem)
		return bad(s, problem);
	err = read_name(s);
	if (err)
		return err;
	s->any = true;
	if (strcmp(s->name, NEWC_TRAILER) == 0) {
		cpio_tree_end_archive(s->tree);
		return s->h.filesize ? bad_entry(s, "has data, but is not a file") : 0;
	}
	problem = clean_path(s->name);
	if (problem)
		return bad_entry(s, problem);
	err = check_data(s);
	if (err || is_index(s))
		return err;
	if (!s->name[0] && !S_ISDIR(s->h.mode))
		return bad(s, "the root is not a directory");
	err = cpio_tree_add(s->tree, s->name, &s->h, s->at);
	return err == -ENOMEM      ? no_memory(s)
	       : err == -EOVERFLOW ? bad_entry(s, "is one entry too many")
	       : err == -ELOOP     ? bad_entry(s, "too many symlinks are on the way")
	       : err < 0           ? bad_entry(s, "cannot be read")
				   : 0;
}

static int scan_entries(struct scan *s, uint64_t *compressed)
{
	int err = 0;

	for (skip_zeroes(s); !err && s->at < s->a->size; skip_zeroes(s)) {
		char head[UNPACK_HEAD];
		if (unpack_is_due(head, copy_near(s, s->at, head, sizeof head))) {
			*compressed = s->at;
			return 0;
		}
		err = scan_entry(s);
		if (!err)
			err = archive_late(s->a, s->errmsg);
		s->at = newc_next(&s->h, s->at);
	}
	return err ? err : archive_late(s->a, s->errmsg);
}

int scan_archive(const struct archive *a, struct budget *budget, struct index *ix,
		 uint64_t *compressed, struct errmsg *errmsg)
{
	struct scan s = { .a = a, .errmsg = errmsg };

	s.tree = cpio_tree_new(read_target, &s, budget);
	if (!s.tree)
		return no_memory(&s);
	*compressed = NOT_COMPRESSED;
	int err = scan_entries(&s, compressed);
	bool whole = !err && *compressed == NOT_COMPRESSED;
	if (whole && !s.any) {
		err = bad(&s, "no cpio archive");
	} else if (whole) {
		err = cpio_tree_index(s.tree, a->deadline, ix);
		ix->archive_size = a->size;
		if (err)
			err = err == -ETIMEDOUT ? archive_late(a, errmsg) : no_memory(&s);
	}
	cpio_tree_free(s.tree);
	return err;
}
