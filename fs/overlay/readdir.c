/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading directories. What the layers have is merged when a directory is read from its beginning;
 * the open file keeps the list, in which an entry's position is its place, so that seekdir(3) finds
 * it again. A name is looked up in a hash table: the time is linear. The table holds the names of
 * those layers that another one lies beneath: where a directory is in one layer alone, it is empty.
 *
 * An entry of the upper layer may not be what it looks like: a whiteout, or a copy, which shows the
 * number that the file had before. Only those are looked up that may be one: devices, names that a
 * lower layer has as well, and all where the directory is marked as impure (fs/overlay/internal.h).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/generic.h"
#include "fs/overlay/internal.h"
#include "fs/saved.h"
#include "mm/arena.h"

#define DOTS 2 /* positions of "." and ".." */

struct entry {
	uint64_t ino;
	size_t name; /* where in `names` it is */
	unsigned char type;
	bool hidden; /* a whiteout */
	bool unsure; /* it is of the upper layer, and was not looked up */
};

struct listing {
	struct entry *entries;
	char *names;
	/* of the first nr_hashed entries, + 1; 0: free; a power of two, never more than half
	 * full */
	uint32_t *slots;
	size_t nr, nr_hashed, room, names_len, names_room, nr_slots;
};

static void listing_free(struct listing *l)
{
	free(l->entries);
	free(l->names);
	free(l->slots);
	*l = (struct listing){ 0 };
}

static size_t hash_name(const char *name, size_t len)
{
	uint64_t hash = 14695981039346656037U; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 1099511628211U;
	return hash ^ hash >> 32;
}

static const char *name_of(const struct listing *l, const struct entry *e)
{
	return l->names + e->name;
}

static uint32_t *find_slot(struct listing *l, const char *name, size_t len)
{
	size_t at = hash_name(name, len) & (l->nr_slots - 1);

	while (l->slots[at]) {
		const char *there = name_of(l, &l->entries[l->slots[at] - 1]);
		if (strncmp(there, name, len) == 0 && !there[len])
			break;
		at = (at + 1) & (l->nr_slots - 1);
	}
	return &l->slots[at];
}

static bool grow_slots(struct listing *l)
{
	size_t nr = l->nr_slots ? l->nr_slots * 2 : 64;
	uint32_t *slots = calloc(nr, sizeof *slots);

	if (!slots)
		return false;
	free(l->slots);
	l->slots = slots;
	l->nr_slots = nr;
	for (size_t i = 0; i < l->nr_hashed; i++) {
		const char *name = name_of(l, &l->entries[i]);
		*find_slot(l, name, strlen(name)) = (uint32_t)i + 1;
	}
	return true;
}

/* Another layer follows those that are listed. */
static bool hash_listed(struct listing *l)
{
	while (l->nr * 2 > l->nr_slots)
		if (!grow_slots(l))
			return false;
	for (; l->nr_hashed < l->nr; l->nr_hashed++) {
		const char *name = name_of(l, &l->entries[l->nr_hashed]);
		*find_slot(l, name, strlen(name)) = (uint32_t)l->nr_hashed + 1;
	}
	return true;
}

static struct entry *find_listed(struct listing *l, const char *name, size_t len)
{
	uint32_t at = l->nr_slots ? *find_slot(l, name, len) : 0;

	return at ? &l->entries[at - 1] : NULL;
}

static bool grow(void *array, size_t *room, size_t need, size_t size)
{
	void **at = array;
	size_t n = *room ? *room : 64;

	while (n < need)
		n *= 2;
	void *more = n == *room ? *at : realloc(*at, n * size);
	if (!more)
		return false;
	*at = more;
	*room = n;
	return true;
}

static bool reserve(struct listing *l, size_t len)
{
	return grow(&l->entries, &l->room, l->nr + 1, sizeof *l->entries) &&
	       grow(&l->names, &l->names_room, l->names_len + len + 1, 1);
}

/* What one layer's directory has. */
struct merge {
	struct dir_emit emit;
	struct listing *to;
	struct ovl_inode *dir;
	struct caller *mc;
	struct inode *real;
	uint64_t dev; /* of `real` */
	bool upper, impure;
	int err;
};

/* An entry of the upper layer as the overlay has it: a whiteout, or a file with another number. */
static int ask(struct merge *m, struct entry *e, const char *name, size_t len)
{
	struct ovl_inode *oi;
	int err = ovl_lookup(m->dir, m->mc, name, len, &oi);

	e->unsure = false;
	e->hidden = err == -ENOENT;
	if (!err) {
		err = ovl_ino(oi, m->mc, &e->ino);
		ovl_put(oi);
	}
	return e->hidden ? 0 : err;
}

static int add(struct merge *m, const char *name, size_t len, uint64_t ino, unsigned char type)
{
	struct listing *l = m->to;
	struct overlay *o = overlay_of(&m->dir->inode);

	struct entry *e = find_listed(l, name, len);
	if (e)
		return e->unsure ? ask(m, e, name, len) : 0;
	if (!reserve(l, len))
		return -ENOMEM;
	e = &l->entries[l->nr];
	*e = (struct entry){ .ino = ovl_shown_ino(o, m->dev, ino),
			     .name = l->names_len,
			     .type = type,
			     .unsure = m->upper };
	/* A device may be a lower layer's whiteout, too, for those beneath it. */
	int err = m->impure || type == DT_CHR || type == DT_UNKNOWN ? ask(m, e, name, len) : 0;
	if (err)
		return err;
	memcpy(l->names + l->names_len, name, len);
	l->names[l->names_len + len] = '\0';
	l->names_len += len + 1;
	l->nr++;
	return 0;
}

static bool emit(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		 unsigned char type)
{
	struct merge *m = container_of(e, struct merge, emit);
	bool dots = name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));

	if (!dots)
		m->err = add(m, name, len, ino, type);
	return !m->err;
}

static int merge_layer(struct merge *m)
{
	struct statx st;
	struct file *f;

	if (!hash_listed(m->to))
		return -ENOMEM;
	int err = inode_getattr(m->real, m->mc, STATX_INO, &st);
	if (!err)
		err = ovl_real_open(m->real, m->mc, O_RDONLY | O_DIRECTORY, &f);
	if (err)
		return err;
	m->dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	err = f->ops->readdir(f, m->mc, &m->emit);
	file_put(f);
	return err ? err : m->err;
}

static bool is_impure(struct ovl_inode *dir, struct caller *mc)
{
	char value[2];

	return ovl_get_mark(overlay_of(&dir->inode), mc, dir->upper, "impure", value, 2) == 1;
}

/* tree is held. */
static int list_directory(struct ovl_inode *dir, struct caller *mc, struct listing *l)
{
	struct merge m = { { .emit = emit }, .to = l, .dir = dir, .mc = mc };
	int err = 0;

	if (dir->gone)
		return 0;
	if (dir->upper) {
		m.real = dir->upper;
		m.upper = true;
		m.impure = is_impure(dir, mc);
		err = merge_layer(&m);
	}
	m.upper = m.impure = false;
	for (unsigned i = 0; !err && i < dir->nr_lower; i++) {
		m.real = dir->lower[i].inode;
		err = merge_layer(&m);
	}
	return err;
}

int ovl_dir_is_empty(struct ovl_inode *dir, struct caller *mc, bool *empty)
{
	struct listing l = { 0 };
	int err = list_directory(dir, mc, &l);

	*empty = true;
	for (size_t i = 0; i < l.nr; i++)
		*empty &= l.entries[i].hidden;
	listing_free(&l);
	return err;
}

/* An entry whose type the layer does not tell was looked up, and is by now in memory or is none. */
static bool is_directory(struct ovl_inode *dir, struct caller *mc, const char *name,
			 const struct entry *e)
{
	struct ovl_inode *oi;

	if (e->type != DT_UNKNOWN)
		return e->type == DT_DIR;
	if (ovl_lookup(dir, mc, name, strlen(name), &oi))
		return false;
	bool is = ovl_is_dir(oi);
	ovl_put(oi);
	return is;
}

int ovl_count_subdirs(struct ovl_inode *dir, struct caller *mc)
{
	struct listing l = { 0 };
	int n = 0, err = list_directory(dir, mc, &l);

	for (size_t i = 0; i < l.nr; i++)
		if (!l.entries[i].hidden &&
		    is_directory(dir, mc, name_of(&l, &l.entries[i]), &l.entries[i]))
			n++;
	listing_free(&l);
	return err ? err : n;
}

/* ---- the open directory ---- */

struct ovl_dir {
	struct file file;
	struct listing list; /* file.pos_lock */
	bool listed;
};

static int list_again(struct ovl_dir *od, struct caller *c)
{
	struct ovl_inode *dir = ovl_inode(od->file.path.dentry->inode);
	struct overlay *o = overlay_of(&dir->inode);
	struct caller mc = ovl_mounter(o, c);

	listing_free(&od->list);
	rwlock_rdlock(&o->tree);
	int err = list_directory(dir, &mc, &od->list);
	rwlock_unlock(&o->tree);
	od->listed = !err;
	return err;
}

static int emit_dots(struct ovl_inode *dir, struct caller *mc, struct dir_emit *e, int64_t *pos,
		     bool *more)
{
	struct overlay *o = overlay_of(&dir->inode);
	uint64_t ino = 0, up_ino = 0;

	if (*pos >= DOTS)
		return 0;
	mutex_lock(&o->table_lock);
	struct ovl_inode *up = ovl_inode(inode_get(dir->dir ? &dir->dir->inode : &dir->inode));
	mutex_unlock(&o->table_lock);
	int err = ovl_ino(dir, mc, &ino);
	if (!err)
		err = ovl_ino(up, mc, &up_ino);
	ovl_put(up);
	if (!err && *pos == 0 && (*more = e->emit(e, ".", 1, ino, 1, DT_DIR)))
		*pos = 1;
	if (!err && *pos == 1 && (*more = e->emit(e, "..", 2, up_ino, DOTS, DT_DIR)))
		*pos = DOTS;
	return err;
}

static int read_locked(struct ovl_dir *od, struct caller *c, struct dir_emit *e)
{
	struct ovl_inode *dir = ovl_inode(od->file.path.dentry->inode);
	struct caller mc = ovl_mounter(overlay_of(&dir->inode), c);
	int64_t *pos = &od->file.pos;
	bool more = true;

	if (dir->gone)
		return -ENOENT;
	int err = *pos == 0 || !od->listed ? list_again(od, c) : 0;
	if (!err)
		err = emit_dots(dir, &mc, e, pos, &more);
	while (!err && more && (uint64_t)*pos - DOTS < od->list.nr) {
		const struct entry *x = &od->list.entries[*pos - DOTS];
		const char *name = name_of(&od->list, x);
		if (!x->hidden)
			more = e->emit(e, name, strlen(name), x->ino, *pos + 1, x->type);
		*pos += more;
	}
	return err;
}

static int ovl_readdir(struct file *f, struct caller *c, struct dir_emit *e)
{
	mutex_lock(&f->pos_lock);
	int err = read_locked(container_of(f, struct ovl_dir, file), c, e);
	mutex_unlock(&f->pos_lock);
	return err;
}

static int dir_fsync(struct file *f, struct caller *c, bool data_only)
{
	struct inode *upper = ovl_inode(f->path.dentry->inode)->upper;
	struct caller mc = ovl_mounter(overlay_of(f->path.dentry->inode), c);
	struct file *real;
	int err = upper ? ovl_real_open(upper, &mc, O_RDONLY | O_DIRECTORY, &real) : 0;

	if (err || !upper)
		return err;
	err = real->ops->fsync(real, &mc, data_only);
	file_put(real);
	return err;
}

static void dir_release(struct file *f)
{
	struct ovl_dir *od = container_of(f, struct ovl_dir, file);

	listing_free(&od->list);
	free(od);
}

static const struct file_ops ovl_dir_ops = {
	.saved = &file_by_path,
	.read = generic_dir_io,
	.write = generic_dir_io,
	.lseek = generic_dir_lseek,
	.readdir = ovl_readdir,
	.fsync = dir_fsync,
	.release = dir_release,
};

int ovl_dir_open(struct dentry *d, int flags, struct file **out)
{
	struct ovl_dir *od = calloc(1, sizeof *od);

	if (!od)
		return -ENOMEM;
	file_init(&od->file, &ovl_dir_ops, (unsigned)flags);
	od->file.path.dentry = dentry_get(d);
	*out = &od->file;
	return 0;
}
