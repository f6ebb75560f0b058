/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. Nodes are names, files are what they name: hard links share one. What is taken
 * away is no longer in the tree of names, and everything below it with it; its memory is given back
 * with the rest.
 */
#include "image/layers.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/minmax.h"

#define MAX_LINKS 40 /* symlinks on the way to a file, as for path_resolution(7) */
#define NODES_MAX (1U << 21)

/* Files that have more than this, and more than so many times the bytes of the layers, are mostly
 * holes, and not meant well. */
#define BOMB_FROM  (1UL << 30)
#define BOMB_TIMES 200
#define WHITEOUT   ".wh."
#define OPAQUE     ".wh..wh..opq"
#define AUFS       ".wh..wh." /* what else aufs has of its own */

struct file {
	struct file *next; /* layers.files */
	int fd;
	struct tar_entry e; /* owns target, extents, xattrs; no path */
	uint64_t ino;
};

struct node {
	struct node *next; /* layers.nodes */
	struct node *parent, *children, *sibling;
	struct file *file;
	unsigned layer; /* that it comes from */
	bool gone;
	uint16_t path_len; /* of its whole path, a slash before each name */
	char name[];
};

struct layers {
	struct node *root, *nodes;
	struct node *key; /* to search with: a node with room for any name */
	struct file *files;
	void *names; /* of tsearch: all nodes that are there, by parent and name */
	unsigned nr_nodes, layer;
	uint64_t last_ino;
	uint64_t layer_bytes, file_bytes; /* that came in, and that files have */
	const char *name;                 /* of the layer that is being added */
	struct errmsg *errmsg;
};

/* A path on its way: what is still to go. */
struct way {
	char rest[2 * PATH_MAX];
	unsigned links;
	char last[NAME_MAX + 1]; /* the last name of it, which may not be there */
};

static int refuse(struct layers *l, const char *path, const char *problem)
{
	return errmsg_set(l->errmsg, EINVAL, "%s: %.200s: %s", l->name, path, problem);
}

/* ---- nodes ---- */

static int by_name(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct node *find(struct layers *l, struct node *dir, const char *name)
{
	l->key->parent = dir;
	strcpy(l->key->name, name);
	struct node *const *found = tfind(l->key, &l->names, by_name);
	return found ? *found : NULL;
}

/* A new file. NULL: no memory. */
static struct file *new_file(struct layers *l, mode_t mode)
{
	struct file *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->e.mode = mode;
	f->ino = ++l->last_ino;
	f->fd = -1;
	f->next = l->files;
	l->files = f;
	return f;
}

static int add_node(struct layers *l, struct node *dir, const char *name, struct file *file,
		    struct node **out)
{
	size_t len = strlen(name) + 1, path_len = dir ? dir->path_len + len : 0;

	if (path_len >= PATH_MAX)
		return refuse(l, name, "too long a path");
	if (l->nr_nodes >= NODES_MAX)
		return refuse(l, name, "too many files");
	struct node *n = file ? calloc(1, sizeof *n + len) : NULL;
	if (!n)
		return errmsg_set(l->errmsg, ENOMEM, "out of memory");
	memcpy(n->name, name, len);
	n->parent = dir;
	n->file = file;
	n->layer = l->layer;
	n->path_len = (uint16_t)path_len;
	n->next = l->nodes;
	l->nodes = n;
	l->nr_nodes++;
	if (dir && !tsearch(n, &l->names, by_name))
		return errmsg_set(l->errmsg, ENOMEM, "out of memory");
	if (dir) {
		n->sibling = dir->children;
		dir->children = n;
	}
	*out = n;
	return 0;
}

/* The list of its siblings drops it when it is next gone through. */
static void take_away(struct layers *l, struct node *n)
{
	tdelete(n, &l->names, by_name);
	n->gone = true;
}

/* Takes away what lower layers have in a directory. Paths bound the depth. */
static void hide_lower(struct layers *l, struct node *dir)
{
	for (struct node **at = &dir->children, *n; (n = *at);) {
		if (!n->gone && n->layer < l->layer)
			take_away(l, n);
		else if (!n->gone && S_ISDIR(n->file->e.mode))
			hide_lower(l, n);
		if (n->gone)
			*at = n->sibling;
		else
			at = &n->sibling;
	}
}

/* ---- paths ---- */

/* Behind slashes and names that are "." alone. */
static char *skip_nothing(char *at)
{
	while (*at == '/' || (*at == '.' && (at[1] == '/' || !at[1])))
		at++;
	return at;
}

/* Takes the next name off the way. False: there is none. */
static bool next_name(struct way *w, char name[NAME_MAX + 1], bool *too_long)
{
	char *at = skip_nothing(w->rest);
	size_t len = strcspn(at, "/");

	*too_long = len > NAME_MAX;
	if (*too_long || !len)
		return false;
	memcpy(name, at, len);
	name[len] = '\0';
	at = skip_nothing(at + len);
	memmove(w->rest, at, strlen(at) + 1);
	return true;
}

static bool step_through(struct way *w, const char *target)
{
	size_t len = strlen(target), rest = strlen(w->rest);

	if (++w->links > MAX_LINKS || len + 1 + rest >= sizeof w->rest)
		return false;
	memmove(w->rest + len + 1, w->rest, rest + 1);
	memcpy(w->rest, target, len);
	w->rest[len] = '/';
	return true;
}

/* Goes to the directory that the last name of the way is in, or, with `whole`, to what it names;
 * directories that are missing are made. *out NULL: the way is the root itself. */
static int walk(struct layers *l, struct way *w, bool whole, const char *path, struct node **out)
{
	struct node *at = l->root, *child;
	char name[NAME_MAX + 1];
	bool too_long;
	int err;

	*out = NULL;
	while (next_name(w, name, &too_long)) {
		*out = at;
		if (strcmp(name, "..") == 0) {
			at = at->parent ? at->parent : at;
			continue;
		}
		if (!*w->rest && !whole) {
			strcpy(w->last, name);
			return 0;
		}
		child = find(l, at, name);
		if (!child) {
			err = add_node(l, at, name, new_file(l, S_IFDIR | 0755), &child);
			if (err)
				return err;
		}
		if (S_ISLNK(child->file->e.mode)) {
			if (!step_through(w, child->file->e.target))
				return refuse(l, path, "too many symlinks on the way");
			at = child->file->e.target[0] == '/' ? l->root : at;
		} else if (S_ISDIR(child->file->e.mode)) {
			at = child;
		} else {
			return refuse(l, path, "what is above it is no directory");
		}
	}
	if (too_long)
		return refuse(l, path, "too long a name");
	if (*out && !whole)
		return refuse(l, path, "leads to a directory by a symlink");
	return 0;
}

/* Names in an archive do not climb. */
static bool climbs(const char *path)
{
	for (size_t len; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && path[0] == '.' && path[1] == '.')
			return true;
	}
	return false;
}

static int walk_to(struct layers *l, struct way *w, const char *path, struct node **dir)
{
	if (climbs(path))
		return refuse(l, path, "a path that climbs");
	if (strlen(path) >= PATH_MAX)
		return refuse(l, path, "too long a path");
	strcpy(w->rest, path);
	w->links = 0;
	return walk(l, w, false, path, dir);
}

/* ---- layers ---- */

static int white_out(struct layers *l, struct node *dir, const char *name, const char *path)
{
	if (strcmp(name, OPAQUE) == 0) {
		hide_lower(l, dir);
		return 0;
	}
	if (strncmp(name, AUFS, sizeof AUFS - 1) == 0)
		return 0;
	name += sizeof WHITEOUT - 1;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return refuse(l, path, "a whiteout of nothing");
	struct node *n = find(l, dir, name);
	if (n && n->layer < l->layer)
		take_away(l, n);
	else if (n && S_ISDIR(n->file->e.mode))
		hide_lower(l, n);
	return 0;
}

/* What a hard link names, which is in this layer or below it. */
static int find_linked(struct layers *l, struct way *w, const struct tar_entry *e,
		       struct file **out)
{
	struct node *dir, *n = NULL;
	int err = walk_to(l, w, e->target, &dir);

	if (!err && dir)
		n = find(l, dir, w->last);
	if (!err && (!n || S_ISDIR(n->file->e.mode)))
		return refuse(l, e->path, "a hard link to what is not there");
	if (!err)
		*out = n->file;
	return err;
}

/* What is in an entry becomes the file's. */
static int take_file(struct layers *l, struct tar_entry *e, int fd, struct file **out)
{
	struct file *f = new_file(l, 0);

	if (!f)
		return errmsg_set(l->errmsg, ENOMEM, "out of memory");
	l->file_bytes += min64(e->size, INT64_MAX / 2);
	if (l->file_bytes > BOMB_FROM && l->file_bytes / BOMB_TIMES > l->layer_bytes)
		return refuse(l, e->path, "files have more than 200 times the layer's size");
	f->fd = fd;
	f->e = *e;
	f->e.path = e->target = NULL;
	e->extent = NULL;
	e->xattrs.bytes = NULL;
	*out = f;
	return 0;
}

static int set_node(struct layers *l, struct node *dir, const char *name, struct file *f)
{
	struct node *n = find(l, dir, name);
	bool stays = n && (S_ISDIR(n->file->e.mode) == S_ISDIR(f->e.mode));

	if (stays) {
		n->file = f;
		n->layer = l->layer;
		return 0;
	}
	if (n)
		take_away(l, n);
	return add_node(l, dir, name, f, &n);
}

static int add_entry(struct layers *l, struct way *w, struct tar_entry *e, int fd)
{
	struct node *dir;
	struct file *f = NULL;
	int err = walk_to(l, w, e->path, &dir);

	if (err)
		return err;
	if (dir && strncmp(w->last, WHITEOUT, sizeof WHITEOUT - 1) == 0)
		return white_out(l, dir, w->last, e->path);
	if (S_ISLNK(e->mode) && (!*e->target || strlen(e->target) >= PATH_MAX))
		return refuse(l, e->path, "a symlink to nothing, or to too long a path");
	if (!dir && !S_ISDIR(e->mode))
		return refuse(l, e->path, "the root is no directory");
	char last[NAME_MAX + 1];
	strcpy(last, dir ? w->last : "");
	err = e->hard_link ? find_linked(l, w, e, &f) : take_file(l, e, fd, &f);
	if (err)
		return err;
	if (dir)
		return set_node(l, dir, last, f);
	l->root->file = f;
	return 0;
}

int layers_add(struct layers *l, int fd, uint64_t at, uint64_t end, const char *name,
	       struct errmsg *errmsg)
{
	struct way *w = malloc(sizeof *w);
	struct tar *t = tar_open(fd, at, end, name, errmsg);
	struct tar_entry *e;
	int got = w && t ? 0 : errmsg_set(errmsg, ENOMEM, "%s: out of memory", name);

	l->layer++;
	l->layer_bytes += end - at;
	l->name = name;
	l->errmsg = errmsg;
	while (!got && (got = tar_next(t, &e)) > 0)
		got = add_entry(l, w, e, fd);
	tar_free(t);
	free(w);
	l->errmsg = NULL;
	return got;
}

int layers_mkdir(struct layers *l, const char *path)
{
	struct way *w = malloc(sizeof *w);
	struct node *at;
	int err = w ? 0 : -ENOMEM;

	l->name = "";
	if (!err && strlen(path) < PATH_MAX) {
		strcpy(w->rest, path);
		w->links = 0;
		err = walk(l, w, true, path, &at);
	}
	free(w);
	return err == -ENOMEM ? err : 0;
}

struct layers *layers_new(void)
{
	struct layers *l = calloc(1, sizeof *l);

	if (l)
		l->key = calloc(1, sizeof *l->key + NAME_MAX + 1);
	if (l && l->key && !add_node(l, NULL, "", new_file(l, S_IFDIR | 0755), &l->root))
		return l;
	layers_free(l);
	return NULL;
}

static void forget(void *node)
{
}

void layers_free(struct layers *l)
{
	if (!l)
		return;
	tdestroy(l->names, forget);
	for (struct node *n = l->nodes, *next; n; n = next) {
		next = n->next;
		free(n);
	}
	for (struct file *f = l->files, *next; f; f = next) {
		next = f->next;
		free(f->e.target);
		free(f->e.extent);
		free(f->e.xattrs.bytes);
		free(f);
	}
	free(l->key);
	free(l);
}

/* ---- writing ---- */

/* Bytes of a file, zeroes where it has a hole. */
static int64_t read_file(void *arg, uint64_t at, void *buf, size_t n)
{
	const struct file *f = arg;
	size_t low = 0, high = f->e.nr_extents;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct tar_extent *x = &f->e.extent[mid];
		if (x->offset + x->length <= at)
			low = mid + 1;
		else
			high = mid;
	}
	const struct tar_extent *x = low < f->e.nr_extents ? &f->e.extent[low] : NULL;
	if (x && x->offset <= at) {
		n = min64(n, x->offset + x->length - at);
		return pread(f->fd, buf, n, (off_t)(x->data + (at - x->offset)));
	}
	n = min64(n, (x ? x->offset : f->e.size) - at);
	memset(buf, 0, n);
	return (ssize_t)n;
}

/* The whole path, without a slash in front. False: something above it is gone. */
static bool path_of(const struct node *n, char path[PATH_MAX])
{
	char *at = path + n->path_len;

	*at = '\0';
	for (; n->parent; n = n->parent) {
		size_t len = strlen(n->name);
		if (n->gone)
			return false;
		memcpy(at -= len, n->name, len);
		*--at = '/';
	}
	memmove(path, path + (*path == '/'), strlen(path) + (*path != '/'));
	return true;
}

/* Attributes of an image's files, but for access control lists, whose mask the mode has, and what
 * overlays keep for themselves. */
static bool is_kept(const char *name)
{
	return strncmp(name, "system.", 7) != 0 && strncmp(name, "trusted.overlay.", 16) != 0 &&
	       strncmp(name, "user.overlay.", 13) != 0;
}

static int put_xattrs(const struct tar_xattrs *x, struct hl_initrd *archive, struct hl_error **err)
{
	int status = 0;
	uint32_t len;

	for (size_t at = 0; !status && at < x->len; at += len) {
		const char *name = x->bytes + at;
		at += strlen(name) + 1;
		memcpy(&len, x->bytes + at, sizeof len);
		at += sizeof len;
		if (is_kept(name))
			status = hl_initrd_put_xattr(archive, name, x->bytes + at, len, err);
	}
	return status;
}

static int put_node(const struct node *n, const char *path, struct hl_initrd *archive,
		    struct hl_error **err)
{
	const struct file *f = n->file;
	const struct stat st = {
		.st_mode = f->e.mode,
		.st_uid = f->e.uid,
		.st_gid = f->e.gid,
		.st_mtim.tv_sec = f->e.mtime,
		.st_rdev = f->e.rdev,
		.st_size = (off_t)f->e.size,
		.st_ino = f->ino,
	};

	if (hl_initrd_put(archive, path, &st, f->e.target, read_file, n->file, err))
		return -1;
	return put_xattrs(&f->e.xattrs, archive, err);
}

int layers_put(struct layers *l, struct hl_initrd *archive, struct hl_error **err)
{
	char path[PATH_MAX];
	int status = 0;

	for (const struct node *n = l->nodes; n && !status; n = n->next) {
		if (path_of(n, path))
			status = put_node(n, path, archive, err);
	}
	return status;
}
