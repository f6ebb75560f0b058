/* SPDX-License-Identifier: Apache-2.0 */
/* Collects the files of an archive from the host's (hl_initrd of hl.h). */
#include "lib/initrd.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"

#define MAX_LINKS 40 /* symlinks on the way to a file, as for path_resolution(7) */

struct hl_initrd *hl_initrd_new(void)
{
	return calloc(1, sizeof(struct hl_initrd));
}

void hl_initrd_free(struct hl_initrd *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++) {
		for (struct initrd_xattr *x = a->file[i].xattrs, *next; x; x = next) {
			next = x->next;
			free(x);
		}
		free(a->file[i].guest);
		free(a->file[i].source);
	}
	free(a->file);
	free(a);
}

void hl_initrd_set_newest(struct hl_initrd *a, uint32_t seconds)
{
	a->clamps_times = true;
	a->newest = seconds;
}

void hl_initrd_set_keep_owners(struct hl_initrd *a, bool on)
{
	a->keep_owners = on;
}

void hl_initrd_leave_out(struct hl_initrd *a, const char *path)
{
	if (stat(path, &a->output) < 0)
		a->output.st_nlink = 0;
}

static int no_memory(struct hl_error **err)
{
	return error_set(err, HL_NO_MEMORY, "out of memory");
}

static int failed(struct hl_error **err, const char *path, int error)
{
	return error_set(err, HL_SYSTEM, "%s: %s", path, strerror(error));
}

static bool stays_out(const struct hl_initrd *a, const struct stat *st)
{
	return a->output.st_nlink && st->st_dev == a->output.st_dev &&
	       st->st_ino == a->output.st_ino;
}

static bool make_room(struct hl_initrd *a)
{
	size_t room = a->room ? a->room * 2 : 256;

	if (a->count < a->room)
		return true;
	struct initrd_file *file = reallocarray(a->file, room, sizeof *file);
	if (!file)
		return false;
	a->file = file;
	a->room = room;
	return true;
}

/* `below` the name `guest`: "" is that name itself. */
static int add_file(struct hl_initrd *a, const char *guest, const char *below, const char *source,
		    const struct stat *st, struct hl_error **err)
{
	size_t len = strlen(guest), more = strlen(below);
	char *name = malloc(len + more + 2), *copy = strdup(source);

	if (!name || !copy || !make_room(a)) {
		free(name);
		free(copy);
		return no_memory(err);
	}
	memcpy(name, guest, len);
	if (len && more)
		name[len++] = '/';
	memcpy(name + len, below, more + 1);
	a->file[a->count] =
	    (struct initrd_file){ .guest = name, .source = copy, .st = *st, .order = a->count };
	a->count++;
	return 0;
}

static int add_found(struct hl_initrd *a, const char *guest, size_t skip, const FTSENT *e,
		     struct hl_error **err)
{
	const char *below = e->fts_path + skip;

	switch (e->fts_info) {
	case FTS_DP: return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS: return failed(err, e->fts_path, e->fts_errno);
	case FTS_DC: return failed(err, e->fts_path, ELOOP);
	default:
		return stays_out(a, e->fts_statp) ? 0
						  : add_file(a, guest, below + strspn(below, "/"),
							     e->fts_path, e->fts_statp, err);
	}
}

/* `path`, which is no symlink, and all below it. */
static int add_tree(struct hl_initrd *a, char *path, const char *guest, struct hl_error **err)
{
	char *roots[] = { path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int status = 0;

	if (!fts)
		return failed(err, path, errno);
	while (!status && (errno = 0, e = fts_read(fts)))
		status = add_found(a, guest, strlen(path), e, err);
	if (!status && errno)
		status = failed(err, path, errno);
	fts_close(fts);
	return status;
}

/* ---- under its own name ---- */

struct way {
	char at[PATH_MAX];       /* a directory without symlinks on the way; "" is the root */
	char rest[PATH_MAX * 2]; /* still to go */
	unsigned links;
};

static void step_up(struct way *w)
{
	char *slash = strrchr(w->at, '/');

	if (slash)
		*slash = '\0';
}

/* The symlink at w->at is put into the archive, and its target takes its place on the way. */
static int step_through(struct hl_initrd *a, struct way *w, const struct stat *st,
			struct hl_error **err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(w->at, target, sizeof target - 1);
	size_t rest = strlen(w->rest);

	if (n < 0)
		return failed(err, w->at, errno);
	if (++w->links > MAX_LINKS || (size_t)n + rest + 2 > sizeof w->rest)
		return failed(err, w->at, ELOOP);
	int status = add_file(a, w->at + 1, "", w->at, st, err);
	memmove(w->rest + n + 1, w->rest, rest + 1);
	memcpy(w->rest, target, (size_t)n);
	w->rest[n] = '/';
	if (n && target[0] == '/')
		w->at[0] = '\0';
	else
		step_up(w);
	return status;
}

/* One name further. */
static int step(struct hl_initrd *a, struct way *w, struct hl_error **err)
{
	char *name = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(name, "/"), at = strlen(w->at);
	struct stat st;

	if (len == 2 && memcmp(name, "..", 2) == 0) {
		step_up(w);
	} else if (len && !(len == 1 && *name == '.')) {
		if (at + len + 2 > sizeof w->at)
			return failed(err, w->at, ENAMETOOLONG);
		w->at[at] = '/';
		memcpy(w->at + at + 1, name, len);
		w->at[at + 1 + len] = '\0';
	}
	memmove(w->rest, name + len, strlen(name + len) + 1);
	if (strlen(w->at) <= at)
		return 0;
	if (lstat(w->at, &st) < 0)
		return failed(err, w->at, errno);
	return S_ISLNK(st.st_mode) ? step_through(a, w, &st, err) : 0;
}

/* The file where it is on the host, with the symlinks that lead there. */
static int add_in_place(struct hl_initrd *a, const char *path, struct hl_error **err)
{
	struct way w = { .links = 0 };
	int status = 0;

	if (path[0] != '/' && !getcwd(w.rest, PATH_MAX))
		return failed(err, path, errno);
	size_t len = strlen(w.rest);
	if (len + strlen(path) + 2 > sizeof w.rest)
		return failed(err, path, ENAMETOOLONG);
	w.rest[len] = '/';
	strcpy(w.rest + len + 1, path);
	while (!status && w.rest[0])
		status = step(a, &w, err);
	if (status)
		return status;
	return w.at[0] ? add_tree(a, w.at, w.at + 1, err) : add_tree(a, strcpy(w.at, "/"), "", err);
}

/* ---- */

/* A name in the guest as the archive has it. *out: it leads out of the guest. NULL: no memory. */
static char *clean_name(const char *guest, bool *out)
{
	char *name = calloc(1, strlen(guest) + 1), *to = name;
	size_t len;

	for (const char *p = guest; name && *(p += strspn(p, "/")); p += len) {
		len = strcspn(p, "/");
		if (len == 1 && *p == '.')
			continue;
		*out |= len == 2 && p[0] == '.' && p[1] == '.';
		if (to != name)
			*to++ = '/';
		memcpy(to, p, len);
		to += len;
	}
	return name;
}

int hl_initrd_add(struct hl_initrd *a, const char *path, const char *guest, struct hl_error **err)
{
	bool out = false;

	if (!guest)
		return add_in_place(a, path, err);
	char *name = clean_name(guest, &out), *real = realpath(path, NULL);
	int status = !real   ? failed(err, path, errno)
		     : !name ? no_memory(err)
		     : out   ? error_set(err, HL_INVALID, "'%s' leads out of the archive", guest)
			     : add_tree(a, real, name, err);
	free(real);
	free(name);
	return status;
}

/* ---- what somebody else reads ---- */

int hl_initrd_put(struct hl_initrd *a, const char *guest, const struct stat *st, const char *target,
		  hl_initrd_read *read, void *arg, struct hl_error **err)
{
	bool out = false;
	char *name = clean_name(guest, &out);
	int status = !name ? no_memory(err)
		     : out ? error_set(err, HL_INVALID, "'%s' leads out of the archive", guest)
			   : add_file(a, name, "", target ? target : "", st, err);

	if (!status) {
		a->file[a->count - 1].read = read;
		a->file[a->count - 1].read_arg = arg;
	}
	free(name);
	return status;
}

int hl_initrd_put_xattr(struct hl_initrd *a, const char *name, const void *value, size_t len,
			struct hl_error **err)
{
	size_t name_len = strlen(name);
	struct initrd_xattr *x = malloc(sizeof *x + name_len + len);

	if (!x || len > XATTR_SIZE_MAX || name_len > XATTR_NAME_MAX || !a->count) {
		free(x);
		return !x ? no_memory(err)
			  : error_set(err, HL_INVALID, "%s: too large an attribute", name);
	}
	struct initrd_file *f = &a->file[a->count - 1];
	x->next = f->xattrs;
	x->name_len = (uint32_t)name_len;
	x->len = (uint32_t)len;
	memcpy(x->bytes, name, name_len);
	memcpy(x->bytes + name_len, value, len);
	f->xattrs = x;
	return 0;
}

ssize_t initrd_readlink(const struct initrd_file *f, char *buf, size_t size)
{
	if (!f->read)
		return readlink(f->source, buf, size);
	size_t len = strlen(f->source);
	memcpy(buf, f->source, len < size ? len : size);
	return (ssize_t)(len < size ? len : size);
}
