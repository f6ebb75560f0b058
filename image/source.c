/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/tar.h"
#include "util/array.h"

#define MEMBERS_MAX 65536
#define MAX_LINKS   8 /* docker writes one where two images have a layer in common */

struct member {
	char *name, *link; /* link: NULL, or the name that has the bytes */
	uint64_t at, end;
};

struct source {
	const char *path;
	int folder;       /* -1: it is an archive */
	struct blob file; /* the archive */
	struct member *member;
	size_t nr, room;
};

const char *source_path(const struct source *s)
{
	return s->path;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr; i++) {
		free(s->member[i].name);
		free(s->member[i].link);
	}
	free(s->member);
	blob_close(&s->file);
	if (s->folder >= 0)
		close(s->folder);
	free(s);
}

/* Without "." and ".." that can be taken back: "a/../b" is "b". Names that climb are none. */
static void clean(char *name)
{
	char *to = name;
	size_t len;

	for (char *from = name; *(from += strspn(from, "/")); from += len) {
		len = strcspn(from, "/");
		if (len == 1 && *from == '.')
			continue;
		if (len == 2 && from[0] == '.' && from[1] == '.') {
			while (to > name && *--to != '/')
				;
			continue;
		}
		if (to > name)
			*to++ = '/';
		memmove(to, from, len);
		to += len;
	}
	*to = '\0';
}

/* What a link beside `name` names. */
static char *link_of(const char *name, const char *target)
{
	const char *slash = strrchr(name, '/');
	size_t dir = slash && *target != '/' ? (size_t)(slash - name) + 1 : 0;
	char *link = malloc(dir + strlen(target) + 1);

	if (!link)
		return NULL;
	memcpy(link, name, dir);
	strcpy(link + dir, target);
	clean(link);
	return link;
}

static int add_member(struct source *s, struct tar_entry *e, struct errmsg *errmsg)
{
	struct member m = { .name = e->path };

	if (!S_ISREG(e->mode) && !S_ISLNK(e->mode))
		return 0;
	if (S_ISREG(e->mode) && e->size && (e->nr_extents != 1 || e->extent[0].length != e->size))
		return e->hard_link
			   ? 0
			   : errmsg_set(errmsg, EINVAL, "%s: %.200s: has holes", s->path, e->path);
	if (s->nr == MEMBERS_MAX)
		return errmsg_set(errmsg, EINVAL, "%s: too many files", s->path);
	clean(m.name);
	if (S_ISLNK(e->mode) || e->hard_link)
		m.link = link_of(e->hard_link ? "" : m.name, e->target);
	else if (e->size)
		m.at = e->extent[0].data;
	m.end = m.at + e->size;
	if (((S_ISLNK(e->mode) || e->hard_link) && !m.link) ||
	    array_grow((void **)&s->member, s->nr, &s->room, sizeof m)) {
		free(m.link);
		return errmsg_set(errmsg, ENOMEM, "%s: out of memory", s->path);
	}
	e->path = NULL;
	s->member[s->nr++] = m;
	return 0;
}

static int read_members(struct source *s, struct errmsg *errmsg)
{
	struct tar *t = tar_open(s->file.fd, s->file.at, s->file.end, s->path, errmsg);
	struct tar_entry *e;
	int got = t ? 1 : -ENOMEM;

	while (got > 0 && (got = tar_next(t, &e)) > 0) {
		int err = add_member(s, e, errmsg);
		got = err ? err : 1;
	}
	tar_free(t);
	return got;
}

static int open_archive(struct source *s, int fd, uint64_t size, int dir, struct errmsg *errmsg)
{
	struct blob packed = { fd, 0, size, true };
	int err = blob_unpack_if_packed(&packed, s->path, dir, &s->file, errmsg);

	return err ? err : read_members(s, errmsg);
}

struct source *source_open(const char *path, int dir, struct errmsg *errmsg)
{
	struct source *s = calloc(1, sizeof *s);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int err;

	if (!s || fd < 0 || fstat(fd, &st) < 0) {
		errmsg_set(errmsg, errno, "%s: %s", path, strerror(errno));
		free(s);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	s->path = path;
	s->file.fd = s->folder = -1;
	if (S_ISDIR(st.st_mode)) {
		s->folder = fd;
		return s;
	}
	if (S_ISREG(st.st_mode)) {
		err = open_archive(s, fd, (uint64_t)st.st_size, dir, errmsg);
	} else {
		close(fd);
		err = errmsg_set(errmsg, EINVAL, "%s: neither a file nor a folder", path);
	}
	if (!err)
		return s;
	source_free(s);
	return NULL;
}

static int find_in_folder(struct source *s, const char *name, struct blob *out,
			  struct errmsg *errmsg)
{
	int fd = openat(s->folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		int err = errmsg_set(errmsg, EIO, "%s/%s: %s", s->path, name,
				     fd < 0 ? strerror(errno) : "no file");
		if (fd >= 0)
			close(fd);
		return err;
	}
	*out = (struct blob){ fd, 0, (uint64_t)st.st_size, true };
	return 0;
}

/* Of one name the last counts, as for tar(1). */
static const struct member *find_member(const struct source *s, const char *name)
{
	for (size_t i = s->nr; i-- > 0;) {
		if (strcmp(s->member[i].name, name) == 0)
			return &s->member[i];
	}
	return NULL;
}

int source_find(struct source *s, const char *name, struct blob *out, struct errmsg *errmsg)
{
	if (s->folder >= 0)
		return find_in_folder(s, name, out, errmsg);
	const struct member *m = find_member(s, name);
	for (int links = 0; m && m->link && links < MAX_LINKS; links++)
		m = find_member(s, m->link);
	if (!m || m->link)
		return -ENOENT;
	*out = (struct blob){ s->file.fd, m->at, m->end, false };
	return 0;
}
