/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the names of an archive in a tree that is ordered by directory and name. A directory is
 * older than what lies in it, and directories are ordered by age: so the order of this tree is that
 * of the index. Names are never removed; where an entry replaces another, the name gets another
 * object.
 */
#include "fs/cpiofs/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/wait.h"
#include "mm/budget.h"
#include "util/minmax.h"
#include "util/rbtree.h"

#define MAX_LINKS   40 /* symlinks on the way to a name, as in fs/walk.c */
#define MAX_NAMES   INT32_MAX
#define BLOCK_BYTES 65536UL
#define LOOK_EVERY  1024U   /* names, between which the time is looked at */
#define FOLLOW_MIN  65536UL /* bytes of targets that may be followed whatever the archive has */

/* What one or more names stand for. */
struct object {
	struct rb_node node; /* in cpio_tree.links, where it has or may get several names */
	uint32_t archive, devmajor, devminor, ino;
	mode_t type;
	uint64_t header, data;
	const struct name *owner; /* has `header` */
	uint32_t index, nlink;    /* when the index is made */
};

struct name {
	struct rb_node node;
	struct name *parent; /* NULL: the root */
	struct object *object;
	uint32_t age;
	uint32_t children;              /* names in it, which is a directory then */
	uint32_t index, first, subdirs; /* when the index is made */
	uint16_t len;
	char text[];
};

/* All objects and names live in these, and end together. */
struct block {
	struct block *next;
	size_t used;
	_Alignas(16) char bytes[BLOCK_BYTES];
};

struct cpio_tree {
	struct rb_tree names, links;
	struct block *blocks;
	struct budget *budget;
	uint64_t bytes;        /* of all blocks */
	struct object missing; /* what all directories are that the archive has no entry for */
	struct name *root;
	uint32_t nr_names, archive;
	cpio_target_fn *target;
	void *arg;
	/* The directory that the last path led through, as most paths share it with the one before.
	 * NULL: none, or something was replaced since. */
	struct name *last_dir;
	size_t last_len;
	char last_path[PATH_MAX];
	/* Bytes of symlinks' targets, on all ways so far, and how many there may be: entries of a
	 * few bytes must not cost long walks. */
	uint64_t followed, may_follow;
};

static void *tree_alloc(struct cpio_tree *t, size_t size)
{
	size = (size + 15) & ~15UL;
	if (!t->blocks || t->blocks->used + size > BLOCK_BYTES) {
		bool room = budget_room(t->budget, t->bytes + sizeof(struct block));
		struct block *b = room ? malloc(sizeof *b) : NULL;
		if (!b)
			return NULL;
		t->bytes += sizeof *b;
		b->next = t->blocks;
		b->used = 0;
		t->blocks = b;
	}
	void *p = t->blocks->bytes + t->blocks->used;
	t->blocks->used += size;
	return memset(p, 0, size);
}

static struct object *object_new(struct cpio_tree *t, mode_t mode, uint64_t header)
{
	struct object *o = tree_alloc(t, sizeof *o);

	if (o) {
		o->type = mode & S_IFMT;
		o->header = o->data = header;
	}
	return o;
}

static int compare_names(uint32_t age, const char *text, size_t len, const struct name *n)
{
	if (age != n->parent->age)
		return age < n->parent->age ? -1 : 1;
	int r = memcmp(text, n->text, min64(len, n->len));
	return r ? r : (len > n->len) - (len < n->len);
}

/* The name in `dir`, or NULL with the place where it belongs. */
static struct name *find_name(struct cpio_tree *t, const struct name *dir, const char *text,
			      size_t len, struct rb_node **parent, struct rb_node ***link)
{
	*link = &t->names.root;
	*parent = NULL;
	while (**link) {
		struct name *n = rb_entry(**link, struct name, node);
		int r = compare_names(dir->age, text, len, n);
		if (!r)
			return n;
		*parent = **link;
		*link = r < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

/* The name in `dir`, made where it is missing: then it has no object. */
static int get_name(struct cpio_tree *t, struct name *dir, const char *text, size_t len,
		    struct name **out)
{
	struct rb_node *parent, **link;

	*out = find_name(t, dir, text, len, &parent, &link);
	if (*out)
		return 0;
	if (t->nr_names >= MAX_NAMES)
		return -EOVERFLOW;
	struct name *n = tree_alloc(t, sizeof *n + len);
	if (!n)
		return -ENOMEM;
	n->parent = dir;
	n->age = t->nr_names++;
	n->len = (uint16_t)len;
	memcpy(n->text, text, len);
	rb_insert(&t->names, &n->node, parent, link);
	dir->children++;
	*out = n;
	return 0;
}

static bool is_dir(const struct name *n)
{
	return S_ISDIR(n->object->type);
}

struct tree_walk {
	struct name *at;
	const char *rest; /* names still to go, in `text` */
	unsigned links;
	size_t followed; /* bytes of targets */
	char text[2 * PATH_MAX];
};

/* The target of the symlink `n` takes the place of the name. 1: it leads nowhere. -ELOOP: too many
 * were followed in this archive. */
static int follow(struct cpio_tree *t, struct tree_walk *w, const struct name *n,
		  const char *behind)
{
	char target[PATH_MAX];
	ssize_t len = t->target ? t->target(t->arg, n->object->header, target) : 0;

	if (len < 0)
		return (int)len;
	w->followed += (size_t)len;
	t->followed += (size_t)len;
	if (t->followed > t->may_follow)
		return -ELOOP;
	if (len == 0 || ++w->links > MAX_LINKS || w->followed >= PATH_MAX)
		return 1;
	memmove(w->text + len, behind, strlen(behind) + 1);
	memcpy(w->text, target, (size_t)len);
	w->rest = w->text;
	if (target[0] == '/')
		w->at = t->root;
	return 0;
}

/* One name further. 0, 1: what is there is no directory; -errno. */
static int walk_name(struct cpio_tree *t, struct tree_walk *w)
{
	size_t len = strcspn(w->rest, "/");
	const char *name = w->rest;
	struct name *n = w->at;

	w->rest = name + len + strspn(name + len, "/");
	if (len == 2 && memcmp(name, "..", 2) == 0) {
		n = n->parent ? n->parent : n;
	} else if (len && !(len == 1 && name[0] == '.')) {
		if (len > NAME_MAX)
			return 1;
		int err = get_name(t, w->at, name, len, &n);
		if (err)
			return err;
		if (!n->object)
			n->object = &t->missing;
		if (S_ISLNK(n->object->type))
			return follow(t, w, n, name + len);
	}
	if (!is_dir(n))
		return 1;
	w->at = n;
	return 0;
}

/* The directory that the first `len` bytes of `path` lead to, made where it is missing. As
 * walk_name. */
static int walk_dirs(struct cpio_tree *t, const char *path, size_t len, struct name **out)
{
	struct tree_walk w = { .at = t->root };
	int err = 0;

	if (t->last_dir && len == t->last_len && memcmp(path, t->last_path, len) == 0) {
		*out = t->last_dir;
		return 0;
	}
	memcpy(w.text, path, len);
	w.text[len] = '\0';
	w.rest = w.text;
	while (!err && w.rest[0])
		err = walk_name(t, &w);
	if (err)
		return err;
	*out = t->last_dir = w.at;
	t->last_len = len;
	memcpy(t->last_path, path, len);
	return 0;
}

static int compare_links(const struct object *a, const struct object *b)
{
	const uint32_t keys[][2] = {
		{ a->archive, b->archive },   { a->devmajor, b->devmajor },
		{ a->devminor, b->devminor }, { a->ino, b->ino },
		{ a->type, b->type },
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	}
	return 0;
}

/* The object with several names that this entry is one of. NULL: it is the first. Then `o` is
 * kept for the others. */
static struct object *find_links(struct cpio_tree *t, struct object *o)
{
	struct rb_node **link = &t->links.root, *parent = NULL;

	while (*link) {
		struct object *other = rb_entry(*link, struct object, node);
		int r = compare_links(o, other);
		if (!r)
			return other;
		parent = *link;
		link = r < 0 ? &parent->left : &parent->right;
	}
	rb_insert(&t->links, &o->node, parent, link);
	return NULL;
}

static struct object *object_of_entry(struct cpio_tree *t, const struct newc *h, uint64_t header)
{
	struct object *o = object_new(t, h->mode, header), *first;

	if (!o || h->nlink < 2 || S_ISDIR(o->type) || S_ISLNK(o->type))
		return o;
	o->archive = t->archive;
	o->devmajor = h->devmajor;
	o->devminor = h->devminor;
	o->ino = h->ino;
	first = find_links(t, o);
	if (!first)
		return o;
	first->header = header;
	if (h->filesize)
		first->data = header;
	return first;
}

int cpio_tree_add(struct cpio_tree *t, const char *path, const struct newc *h, uint64_t header)
{
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
	struct name *dir = t->root, *n = t->root;

	t->may_follow += NEWC_HEADER + strlen(path);
	int err = slash ? walk_dirs(t, path, (size_t)(slash - path), &dir) : 0;
	if (!err && *last)
		err = get_name(t, dir, last, strlen(last), &n);
	if (err)
		return err;
	if (n->object && is_dir(n) && !S_ISDIR(h->mode) && (n->children || n == t->root))
		return 1;
	if (n->object && is_dir(n) != S_ISDIR(h->mode))
		t->last_dir = NULL;
	if (n->object && S_ISLNK(n->object->type))
		t->last_dir = NULL;
	struct object *o = object_of_entry(t, h, header);
	if (!o)
		return -ENOMEM;
	o->owner = n;
	n->object = o;
	return 0;
}

void cpio_tree_end_archive(struct cpio_tree *t)
{
	t->archive++;
}

struct cpio_tree *cpio_tree_new(cpio_target_fn *target, void *arg, struct budget *budget)
{
	struct cpio_tree *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->target = target;
	t->arg = arg;
	t->budget = budget;
	t->may_follow = FOLLOW_MIN;
	t->missing = (struct object){ .type = S_IFDIR, .header = NO_HEADER };
	t->root = tree_alloc(t, sizeof *t->root);
	if (!t->root) {
		free(t);
		return NULL;
	}
	t->root->object = &t->missing;
	t->nr_names = 1;
	return t;
}

void cpio_tree_free(struct cpio_tree *t)
{
	struct block *b, *next;

	if (!t)
		return;
	for (b = t->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(t);
}

static struct name *first_name(const struct cpio_tree *t)
{
	struct rb_node *n = rb_first(&t->names);

	return n ? rb_entry(n, struct name, node) : NULL;
}

static struct name *next_name(struct name *name)
{
	struct rb_node *n = rb_next(&name->node);

	return n ? rb_entry(n, struct name, node) : NULL;
}

/* Gives every name its place. An object with several names goes by the one its header has, so that
 * the header can be told to be the right one. */
static uint64_t number_names(struct cpio_tree *t)
{
	uint32_t index = 0;
	uint64_t bytes = 0;

	for (struct name *n = first_name(t); n; n = next_name(n)) {
		struct object *o = n->object;
		n->index = ++index;
		bytes += n->len;
		if (!n->parent->first)
			n->parent->first = index;
		n->parent->subdirs += is_dir(n) ? 1 : 0;
		if (!o->nlink++ || o->owner == n)
			o->index = index;
	}
	return bytes;
}

static void fill_node(const struct name *n, struct index_node *out)
{
	const struct object *o = n->object;

	*out = (struct index_node){
		.header = o->header,
		.parent = n->parent ? n->parent->index : 0,
		.name_len = n->len,
		.type = (uint16_t)o->type,
	};
	if (S_ISDIR(o->type)) {
		out->subdirs = n->subdirs;
		out->first = n->first;
		out->count = n->children;
	} else {
		out->data = o->data;
		out->inode = o->index;
		out->nlink = o->nlink;
	}
}

int cpio_tree_index(struct cpio_tree *t, uint64_t deadline, struct index *ix)
{
	bool late = false;
	uint64_t names_len = number_names(t);
	size_t nodes_len = t->nr_names * sizeof(struct index_node);

	if (names_len > UINT32_MAX)
		return -EOVERFLOW;
	bool room = budget_room(t->budget, t->bytes + nodes_len + names_len);
	char *made = room ? malloc(nodes_len + names_len) : NULL;
	if (!made)
		return -ENOMEM;
	struct index_node *node = (struct index_node *)(void *)made;
	char *name = made + nodes_len;
	fill_node(t->root, node);
	for (struct name *n = first_name(t); n && !late; n = next_name(n)) {
		late = deadline && n->index % LOOK_EVERY == 0 && monotonic_ns() >= deadline;
		fill_node(n, ++node);
		node->name = (uint32_t)(name - (made + nodes_len));
		memcpy(name, n->text, n->len);
		name += n->len;
	}
	if (late) {
		free(made);
		return -ETIMEDOUT;
	}
	*ix = (struct index){
		.count = t->nr_names,
		.names_len = names_len,
		.nodes = made,
		.names = made + nodes_len,
		.made = made,
	};
	return 0;
}
