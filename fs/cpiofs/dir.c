/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of cpiofs: reads them from the index, looks names up and lists them. A directory is
 * checked as a whole when it is first needed, and kept; a walk over those asks nobody for anything.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/cpiofs/internal.h"
#include "util/minmax.h"

#define FIRST_POS 2 /* behind "." and ".." */

void cpio_dir_free(struct cpio_dir *d)
{
	free(d->entry);
	free(d->names);
	free(d);
}

/* -1, 0, 1: as memcmp, the shorter name first. */
static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int r = memcmp(a, b, min64(a_len, b_len));

	return r ? r : (a_len > b_len) - (a_len < b_len);
}

static const struct cpio_entry *find_entry(const struct cpio_dir *d, const char *name, size_t len)
{
	uint32_t low = 0, high = d->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct cpio_entry *e = &d->entry[mid];
		int r = compare(name, len, d->names + e->name, e->len);
		if (!r)
			return e;
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* The node that stands for all links of `n`, which is node `i`: of a directory there is only one,
 * so that no way leads back up. */
static int check_links(struct cpiofs *cf, uint32_t i, const struct index_node *n)
{
	struct index_node first;

	if (S_ISDIR(n->type) || n->inode == i)
		return 0;
	if (index_node(&cf->index, n->inode, &first))
		return -EIO;
	return first.type == n->type && first.inode == n->inode ? 0 : -EIO;
}

/* Reads node `i` as the entry behind those that are there already. *used: bytes of names. */
static int read_entry(struct cpiofs *cf, struct cpio_dir *d, uint32_t i, uint32_t *used)
{
	struct cpio_entry *e = &d->entry[i - d->first], *before = i > d->first ? e - 1 : NULL;
	struct index_node n;

	if (index_node(&cf->index, i, &n) || n.parent != d->self || check_links(cf, i, &n))
		return -EIO;
	if (index_name(&cf->index, &n, d->names + *used))
		return -EIO;
	*e = (struct cpio_entry){
		.name = *used,
		.len = n.name_len,
		.type = n.type,
		.inode = S_ISDIR(n.type) ? i : n.inode,
	};
	if (before &&
	    compare(d->names + before->name, before->len, d->names + e->name, e->len) >= 0)
		return -EIO;
	*used += n.name_len + 1U;
	return 0;
}

/* What the names of `n` nodes from `first` on take, each with a NUL. */
static int names_size(struct cpiofs *cf, uint32_t first, uint32_t n, uint32_t *out)
{
	struct index_node node;
	uint64_t size = 0;

	for (uint32_t i = first; i < first + n; i++) {
		if (index_node(&cf->index, i, &node))
			return -EIO;
		size += node.name_len + 1U;
	}
	*out = (uint32_t)size;
	return size > UINT32_MAX ? -EIO : 0;
}

static int read_entries(struct cpiofs *cf, struct cpio_dir *d)
{
	uint32_t size, used = 0;
	int err = names_size(cf, d->first, d->count, &size);

	if (err)
		return err;
	/* index_name writes a NUL behind the longest name there can be. */
	d->names = malloc((size_t)size + NAME_MAX + 1);
	d->entry = calloc(d->count, sizeof *d->entry);
	if (!d->names || (d->count && !d->entry))
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < d->count; i++)
		err = read_entry(cf, d, d->first + i, &used);
	return err;
}

static int read_dir(struct cpiofs *cf, uint32_t i, struct cpio_dir **out)
{
	struct index_node n;
	struct cpio_attr a;
	int err = cpio_attr(cf, i, &a);

	if (err || index_node(&cf->index, i, &n) || !S_ISDIR(n.type))
		return -EIO;
	struct cpio_dir *d = calloc(1, sizeof *d);
	if (!d)
		return -ENOMEM;
	d->mode = a.mode;
	d->uid = a.uid;
	d->gid = a.gid;
	d->self = i;
	d->parent = n.parent;
	d->first = n.first;
	d->count = n.count;
	err = read_entries(cf, d);
	if (err)
		cpio_dir_free(d);
	else
		*out = d;
	return err;
}

static int cpio_get_dir(struct cpiofs *cf, uint32_t i, const struct cpio_dir **out)
{
	struct cpio_dir *d, *known;

	*out = atomic_load_explicit(&cf->slots[i].dir, memory_order_acquire);
	if (*out)
		return 0;
	int err = read_dir(cf, i, &d);
	if (err)
		return err;
	mutex_lock(&cf->lock);
	known = cf->slots[i].dir; /* another thread was faster */
	if (!known) {
		d->next = cf->dirs;
		cf->dirs = d;
		atomic_store_explicit(&cf->slots[i].dir, d, memory_order_release);
	}
	mutex_unlock(&cf->lock);
	if (known)
		cpio_dir_free(d);
	*out = known ? known : d;
	return 0;
}

static int may_search(const struct cpio_dir *d, struct caller *c)
{
	struct statx st;

	st.stx_mode = (uint16_t)d->mode;
	st.stx_uid = d->uid;
	st.stx_gid = d->gid;
	return generic_permission(&st, c->cred, 1 /* X_OK */);
}

/* Where a run of names has led. */
struct walked {
	uint32_t inode, parent; /* nodes */
	mode_t type;
	size_t start, end; /* of the last name */
};

static int find_name(struct cpiofs *cf, struct caller *c, const char *name, size_t len,
		     struct walked *f)
{
	const struct cpio_dir *d;

	if (!S_ISDIR(f->type))
		return -ENOTDIR;
	int err = cpio_get_dir(cf, f->inode, &d);
	if (!err)
		err = may_search(d, c);
	if (err)
		return err;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	const struct cpio_entry *e = find_entry(d, name, len);
	if (!e)
		return -ENOENT;
	f->parent = f->inode;
	f->inode = e->inode;
	f->type = e->type;
	return 0;
}

static int find(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
		struct walked *f)
{
	*f = (struct walked){ .inode = cpio_inode(dir)->node, .type = dir->type };
	while (f->end < len && !S_ISLNK(f->type)) {
		for (f->start = f->end; f->start < len && names[f->start] == '/';)
			f->start++;
		for (f->end = f->start; f->end < len && names[f->end] != '/';)
			f->end++;
		int err = find_name(cpiofs_of(dir), c, names + f->start, f->end - f->start, f);
		if (err)
			return err;
	}
	if (flags & STEP_DIRECTORY && !S_ISDIR(f->type) &&
	    (!S_ISLNK(f->type) || (flags & STEP_NOFOLLOW && f->end == len)))
		return -ENOTDIR;
	return 0;
}

static int make_step(struct cpiofs *cf, const struct walked *f, const char *names,
		     struct walk_step *out)
{
	struct inode *i, *dir;
	int err = cpio_get_inode(cf, f->inode, &i);

	if (err)
		return err;
	err = cpio_get_inode(cf, f->parent, &dir);
	if (err) {
		inode_put(i);
		return err;
	}
	*out = (struct walk_step){
		.dentry = dentry_new(i, dir, names + f->start, f->end - f->start),
		.consumed = f->end,
	};
	inode_put(dir);
	return out->dentry ? 0 : -ENOMEM;
}

int cpio_walk(struct inode *dir, struct caller *c, const char *names, size_t len, unsigned flags,
	      struct walk_step *out)
{
	struct walked f;
	int err = find(dir, c, names, len, flags, &f);

	return err ? err : make_step(cpiofs_of(dir), &f, names, out);
}

int cpio_walk_getattr(struct inode *dir, struct caller *c, const char *names, size_t len,
		      unsigned flags, unsigned mask, struct statx *st, bool *done,
		      struct walk_step *out)
{
	struct cpiofs *cf = cpiofs_of(dir);
	struct cpio_attr a;
	struct walked f;
	int err = find(dir, c, names, len, flags, &f);

	if (err)
		return err;
	if (S_ISLNK(f.type) && !(f.end == len && flags & STEP_NOFOLLOW))
		return make_step(cf, &f, names, out);
	err = cpio_attr(cf, f.inode, &a);
	if (err)
		return err;
	cpio_fill(cf, f.inode, &a, st);
	*done = true;
	return 0;
}

int cpio_parent(struct inode *dir, struct caller *c, struct dentry **out)
{
	struct cpiofs *cf = cpiofs_of(dir);
	const struct cpio_dir *d;
	struct inode *up;
	int err = cpio_get_dir(cf, cpio_inode(dir)->node, &d);

	if (!err)
		err = may_search(d, c);
	if (!err)
		err = cpio_get_inode(cf, d->parent, &up);
	if (err)
		return err;
	*out = dentry_new(up, NULL, "", 0);
	return *out ? 0 : -ENOMEM;
}

int cpio_path(struct inode *i, struct dentry *d, char *buf, size_t size)
{
	struct cpiofs *cf = cpiofs_of(i);
	struct inode *dir = S_ISDIR(i->type) ? i : d ? d->dir : NULL;

	if (!dir)
		return -ENOENT;
	if (size < 2)
		return -ENAMETOOLONG;
	int len = index_path(&cf->index, cpio_inode(dir)->node, buf, size);
	if (len < 0)
		return len;
	size_t more = dir == i ? 0 : strlen(d->name) + 1;
	if ((size_t)len + more + 1 > size)
		return -ENAMETOOLONG;
	if (more) {
		buf[len] = '/';
		memcpy(buf + len + 1, d->name, more);
	} else if (!len) {
		strcpy(buf, "/");
		more = 1;
	}
	return len + (int)more;
}

static bool emit(struct dir_emit *e, const char *name, size_t len, uint32_t node, int64_t *pos,
		 mode_t type)
{
	if (!e->emit(e, name, len, (uint64_t)node + 1, *pos + 1, (unsigned char)IFTODT(type)))
		return false;
	++*pos;
	return true;
}

static void emit_all(const struct cpio_dir *d, struct dir_emit *e, int64_t *pos)
{
	bool room = true;

	if (*pos == 0)
		room = emit(e, ".", 1, d->self, pos, S_IFDIR);
	if (room && *pos == 1)
		room = emit(e, "..", 2, d->parent, pos, S_IFDIR);
	while (room && *pos >= FIRST_POS && *pos - FIRST_POS < d->count) {
		const struct cpio_entry *x = &d->entry[*pos - FIRST_POS];
		room = emit(e, d->names + x->name, x->len, x->inode, pos, x->type);
	}
}

int cpio_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	struct inode *i = f->path.dentry->inode;
	const struct cpio_dir *d;
	int err = cpio_get_dir(cpiofs_of(i), cpio_inode(i)->node, &d);

	if (err)
		return err;
	mutex_lock(&f->pos_lock);
	emit_all(d, e, &f->pos);
	mutex_unlock(&f->pos_lock);
	return 0;
}
