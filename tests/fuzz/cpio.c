/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio archives of any bytes: what can be opened is walked, listed, read and mapped whole. Input:
 * a byte of options, and then the archive; or, with MADE, orders from which one is made that is
 * nearly right, so that what lies behind the first checks is reached. With OVERLAID all is seen
 * through an overlay, and changed there: what a file had before a write it has afterwards. After
 * each run nothing may be left.
 */
#include "tests/unit/fsworld.h"

#include <sys/mman.h>

#include "fs/cpiofs/cpiofs.h"
#include "fs/cpiofs/index.h"
#include "fs/cpiofs/newc.h"
#include "fs/cpiofs/tree.h"
#include "util/gva.h"
#include "util/minmax.h"

enum {
	MADE = 1,
	INDEXED = 2,   /* with MADE: the archive has an index, some bytes of which are wrong */
	SHORTENED = 4, /* half of the archive is gone once it is open */
	OVERLAID = 8,  /* it is the lower layer of an overlay, on which everything is changed */
};

#define VISITS_MAX 400
#define READ_MAX   (1UL << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fsworld w;
static bool ready, overlaid;
static unsigned visits;

/* ---- making archives ---- */

struct orders {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct orders *o)
{
	if (!o->size)
		return 0;
	o->size--;
	return *o->data++;
}

struct made {
	char bytes[1 << 16];
	size_t len;
};

static void put(struct made *m, const void *bytes, size_t n)
{
	if (n > sizeof m->bytes - m->len)
		n = sizeof m->bytes - m->len;
	if (bytes)
		memcpy(m->bytes + m->len, bytes, n);
	else
		memset(m->bytes + m->len, 0, n);
	m->len += n;
}

static void put_entry(struct made *m, struct newc *h, const char *name, const void *data)
{
	char raw[NEWC_HEADER + 1];

	newc_format(h, raw);
	put(m, raw, NEWC_HEADER);
	put(m, name, h->namesize);
	put(m, NULL, newc_align(m->len) - m->len);
	put(m, data, h->filesize);
	put(m, NULL, newc_align(m->len) - m->len);
}

/* Names of few letters, so that many are the same or lie below each other. */
static size_t make_name(struct orders *o, char name[64])
{
	static const char letters[] = "aab/b.//cab/";
	size_t len = next(o) % 12;

	for (size_t i = 0; i < len; i++)
		name[i] = letters[next(o) % (sizeof letters - 1)];
	name[len] = '\0';
	return len + 1;
}

static void make_entry(struct orders *o, struct made *m, struct cpio_tree *t)
{
	static const mode_t types[] = { S_IFREG, S_IFDIR, S_IFLNK,  S_IFREG,
					S_IFIFO, S_IFCHR, S_IFSOCK, S_IFREG };
	char name[64];
	static char data[8192];
	uint8_t kind = next(o), links = next(o);
	struct newc h = {
		.mode = types[kind & 7] | 0755,
		.nlink = 1 + (links & 1),
		.ino = links >> 4,
		.namesize = (uint32_t)make_name(o, name),
		.summed = kind & 8,
		.check = next(o),
	};
	uint64_t header = m->len;

	if (S_ISREG(h.mode) || S_ISLNK(h.mode))
		h.filesize = kind & 16 ? next(o) * 31U : next(o) % 8U;
	for (size_t i = 0; i < h.filesize && i < 8; i++)
		data[i] = "ab/.c"[next(o) % 5];
	put_entry(m, &h, name, data);
	if (kind & 32)
		put(m, NULL, 4);
	size_t lead = strspn(name, "/");
	if (t && name[lead] && !strstr(name, "//") && !strchr(name, '.') &&
	    name[strlen(name) - 1] != '/')
		cpio_tree_add(t, name + lead, &h, header);
}

static void put_index(struct orders *o, struct made *m, struct cpio_tree *t)
{
	struct index_footer footer = { .magic = INDEX_MAGIC };
	struct newc h = { .mode = S_IFREG, .nlink = 1, .namesize = sizeof INDEX_NAME };
	struct newc end = { .namesize = sizeof NEWC_TRAILER };
	struct index ix;

	if (cpio_tree_index(t, 0, &ix))
		return;
	uint64_t len = ix.count * sizeof(struct index_node) + ix.names_len;
	uint64_t padded = newc_align(len);
	for (unsigned n = next(o) % 8; n; n--)
		ix.made[(next(o) | next(o) << 8) % len] ^= (char)next(o);
	char *file = calloc(1, padded + sizeof footer);
	footer.count = ix.count;
	footer.names_len = ix.names_len;
	footer.nodes = newc_align(m->len + NEWC_HEADER + sizeof INDEX_NAME);
	footer.self = footer.nodes + padded;
	memcpy(file, ix.made, len);
	memcpy(file + padded, &footer, sizeof footer);
	h.filesize = (uint32_t)(padded + sizeof footer);
	put_entry(m, &h, INDEX_NAME, file);
	put_entry(m, &end, NEWC_TRAILER, NULL);
	free(file);
	index_free(&ix);
}

static void make(struct orders *o, struct made *m, bool indexed)
{
	struct cpio_tree *t = cpio_tree_new(NULL, NULL, NULL);

	m->len = 0;
	while (o->size > 16)
		make_entry(o, m, t);
	if (indexed)
		put_index(o, m, t);
	cpio_tree_free(t);
}

/* ---- looking at everything ---- */

static void read_all(struct file *f)
{
	char piece[4096];
	struct page_run run;
	struct pagesource *ps;
	int64_t at = 0;
	ssize_t n;

	while ((n = file_read_kernel(f, &w.c, piece, sizeof piece, at)) > 0 &&
	       at < (int64_t)READ_MAX)
		at += n;
	if (f->ops->pagesource(f, false, &ps))
		return;
	uint64_t size = min64(PAGE_UP(ps->ops->size(ps)), READ_MAX);
	for (uint64_t off = 0; off < size; off += run.len) {
		if (ps->ops->get(ps, off, size - off, false, &run))
			break;
		assert_true(run.len > 0 && run.len <= size - off && run.len % PAGE_SIZE == 0);
		assert_non_null(memfile_ptr(run.mf, run.off, run.len));
	}
	ps->ops->unref(ps);
}

struct names {
	struct dir_emit e;
	char text[4096];
	size_t len;
};

static bool take_name(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		      unsigned char type)
{
	struct names *l = container_of(e, struct names, e);

	assert_true(strlen(name) == len && len > 0 && len <= NAME_MAX && !strchr(name, '/'));
	if (len + 1 > sizeof l->text - l->len)
		return false;
	memcpy(l->text + l->len, name, len + 1);
	l->len += len + 1;
	return true;
}

static uint64_t hash_of(struct file *f, uint64_t size)
{
	uint64_t hash = 14695981039346656037UL;
	char piece[4096];
	int64_t at = 0;
	ssize_t n = 1;

	while (n > 0 && at < (int64_t)min64(size, READ_MAX)) {
		n = file_read_kernel(f, &w.c, piece, min64(size - (uint64_t)at, sizeof piece), at);
		for (ssize_t i = 0; i < n; i++)
			hash = (hash ^ (unsigned char)piece[i]) * 1099511628211UL;
		at += n;
	}
	return n < 0 ? 0 : hash;
}

static void change_file(const char *path, uint64_t size)
{
	struct file *f;
	char text[] = "new";
	int64_t pos = (int64_t)size;
	uint64_t before = 0;
	struct uio u;

	if (size > READ_MAX)
		return;
	if (open_file(&w, path, O_RDONLY | O_NOFOLLOW, &f) == 0) {
		before = hash_of(f, size);
		file_put(f);
	}
	if (open_file(&w, path, O_RDWR | O_NOFOLLOW, &f))
		return;
	assert_true(before == hash_of(f, size));
	uio_init_kernel(&u, text, sizeof text);
	if (file_write(f, &w.c, &u, &pos) > 0)
		assert_true(before == hash_of(f, size));
	file_put(f);
}

/* What is changed has another name afterwards, or none. */
static void change(const char *path, const struct statx *st)
{
	struct iattr mode = { .valid = ATTR_MODE, .mode = 0700 };
	char other[PATH_MAX];
	struct path p;

	if (!path[0] || !path[1] || snprintf(other, sizeof other, "%.4000s.n", path) < 3)
		return;
	if (S_ISREG(st->stx_mode))
		change_file(path, st->stx_size);
	if (path_walk(&w.c, NULL, path, WALK_NOFOLLOW, &p) == 0) {
		if (!S_ISLNK(st->stx_mode))
			vfs_setattr(&w.c, &p, &mode);
		if (!S_ISDIR(st->stx_mode))
			vfs_link(&w.c, &p, NULL, other);
		path_put(&p);
	}
	switch (visits % 4) {
	case 0: vfs_rename(&w.c, NULL, path, NULL, other, 0); break;
	case 1: vfs_unlink(&w.c, NULL, path); break;
	case 2: vfs_rmdir(&w.c, NULL, path); break;
	case 3: vfs_mkdir(&w.c, NULL, other, 0755); break;
	}
}

static void visit(const char *path, unsigned depth);

static void visit_names(const char *path, struct file *dir, unsigned depth)
{
	struct names *l = calloc(1, sizeof *l);
	char below[PATH_MAX];

	l->e.emit = take_name;
	dir->ops->readdir(dir, &w.c, &l->e);
	for (size_t at = 0; at < l->len; at += strlen(l->text + at) + 1) {
		const char *name = l->text + at;
		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (snprintf(below, sizeof below, "%s/%s", path, name) < (int)sizeof below)
			visit(below, depth + 1);
	}
	free(l);
}

static void visit(const char *path, unsigned depth)
{
	struct path p, none = { NULL, NULL };
	struct statx st, again;
	char text[PATH_MAX];
	struct file *f;

	if (++visits > VISITS_MAX || depth > 40 || stat_file(&w, path, &st))
		return;
	if (path_walk(&w.c, NULL, path, WALK_NOFOLLOW, &p) == 0) {
		if (path_getattr(&p, &w.c, STATX_BASIC_STATS, &again) == 0)
			assert_int_equal(again.stx_ino, st.stx_ino);
		assert_true(path_string(&p, &none, text, sizeof text) != 0);
		if (S_ISLNK(st.stx_mode))
			p.dentry->inode->ops->readlink(p.dentry->inode, &w.c, text, sizeof text);
		path_put(&p);
	}
	vfs_getattr(&w.c, NULL, path, 0, STATX_BASIC_STATS, &again);
	if (!S_ISREG(st.stx_mode) && !S_ISDIR(st.stx_mode))
		return;
	if (open_file(&w, path, O_RDONLY | O_NOFOLLOW, &f))
		return;
	if (S_ISDIR(st.stx_mode))
		visit_names(path, f, depth);
	else
		read_all(f);
	file_put(f);
	if (overlaid)
		change(path, &st);
}

static void look(int fd, bool shortened)
{
	struct filesystem *fs;
	struct errmsg errmsg = { "" };
	int own = dup(fd);
	const struct cpiofs_options opt = {
		.mem = &w.mem, .pm = w.pm, .name = "x", .dev = vfs_new_dev(w.vfs)
	};

	if (cpiofs_create(&opt, fd, &fs, &errmsg)) {
		assert_true(errmsg.text[0] && !strchr(errmsg.text, '\n'));
		close(own);
		return;
	}
	struct mnt_namespace *ns = mnt_ns_new(w.vfs, w.vfs->user_ns);
	if (overlaid)
		fs = world_overlay(&w, fs);
	assert_int_equal(mnt_ns_mount(ns, "/", fs, overlaid ? 0 : MOUNT_RDONLY, "x"), 0);
	w.c.fs = fs_struct_new(ns);
	struct stat st;
	if (shortened && fstat(own, &st) == 0)
		assert_int_equal(ftruncate(own, st.st_size / 2), 0);
	/* once through the files, and once more through what has become of them */
	for (int i = 0; i < 2; i++) {
		visits = 0;
		visit("", 0);
		visit("/", 0);
	}
	fs_struct_put(w.c.fs);
	ns_put(&ns->ns);
	close(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct made m;
	int fd = size ? memfd_create("archive", MFD_CLOEXEC) : -1;

	if (!size)
		return 0;
	if (!ready)
		world_open(&w);
	ready = true;
	const void *bytes = data + 1;
	size_t n = size - 1;
	if (data[0] & MADE) {
		struct orders o = { data + 1, size - 1 };
		make(&o, &m, data[0] & INDEXED);
		bytes = m.bytes;
		n = m.len;
	}
	assert_int_equal(write(fd, bytes, n), n);
	overlaid = data[0] & OVERLAID;
	look(fd, data[0] & SHORTENED);
	assert_int_equal(arena_used(w.mem.arena), 0);
	return 0;
}
