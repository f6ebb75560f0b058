/* SPDX-License-Identifier: Apache-2.0 */
/* Runs calls on an overlay and on its model, and compares. See the header. */
#include "tests/unit/overlay_model.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "fs/overlay/overlay.h"
#include "tests/unit/fsworld.h"
#include "util/text.h"

#define FILES  6 /* kept open on each side */
#define LENGTH 200000

/* A tree and who calls on it. */
struct side {
	const char *name;
	struct mnt_namespace *ns;
	struct caller c;
	struct file *files[FILES];
	uint64_t inos[FILES];
	struct text said;
	bool host_upper; /* which does not know what symlinks and nodes were one */
};

struct model {
	struct fsworld w;
	struct model_options opt;
	struct cred *user;
	struct filesystem *lower, *upper;
	struct side real, model;
	const uint8_t *bytes;
	size_t len, at;
	unsigned calls, layers;
	char failure[4096];
};

/* ---- choices ---- */

static unsigned pick(struct model *m, unsigned n)
{
	unsigned byte = m->at < m->len ? m->bytes[m->at] : 0;

	m->at++;
	return byte % n;
}

static void pick_path(struct model *m, char path[32])
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	unsigned depth = 1 + pick(m, 3);

	*path = '\0';
	while (depth--) {
		strcat(path, "/");
		strcat(path, names[pick(m, 5)]);
	}
}

/* ---- calls, each of which says what it saw ---- */

struct call {
	void (*make)(struct side *s, const struct call *a);
	char path[32], other[32];
	unsigned n, k;
	bool as_user;
	bool on_host; /* which keeps fewer attributes, and of fewer files */
};

static void say(struct side *s, const char *what, int err)
{
	text_printf(&s->said, "%s=%s ", what, err < 0 ? strerrorname_np(-err) : "ok");
}

static void say_stat(struct side *s, const struct statx *st)
{
	bool dir = S_ISDIR(st->stx_mode);
	bool counted = dir || S_ISREG(st->stx_mode) || !s->host_upper;

	text_printf(&s->said, "[%o %u:%u n%u s%lu r%u:%u] ", st->stx_mode, st->stx_uid, st->stx_gid,
		    counted ? st->stx_nlink : 0, dir ? 0UL : (unsigned long)st->stx_size,
		    st->stx_rdev_major, st->stx_rdev_minor);
}

static void call_mkdir(struct side *s, const struct call *a)
{
	say(s, "mkdir", vfs_mkdir(&s->c, NULL, a->path, a->k & 1 ? 0755 : 01777));
}

static void call_mknod(struct side *s, const struct call *a)
{
	static const mode_t types[] = { S_IFIFO, S_IFSOCK, S_IFCHR, S_IFREG };

	say(s, "mknod", vfs_mknod(&s->c, NULL, a->path, types[a->k % 4] | 0644, makedev(1, 3)));
}

static void call_symlink(struct side *s, const struct call *a)
{
	say(s, "symlink", vfs_symlink(&s->c, a->other + (a->k & 1), NULL, a->path));
}

static void call_link(struct side *s, const struct call *a)
{
	struct path target;
	int err = path_walk(&s->c, NULL, a->other, WALK_NOFOLLOW, &target);

	if (!err) {
		mode_t type = target.dentry->inode->type;
		err = S_ISDIR(type) || (s->host_upper && !S_ISREG(type))
			  ? -EPERM
			  : vfs_link(&s->c, &target, NULL, a->path);
		path_put(&target);
	}
	say(s, "link", err);
}

static void call_unlink(struct side *s, const struct call *a)
{
	say(s, "unlink", vfs_unlink(&s->c, NULL, a->path));
}

static void call_rmdir(struct side *s, const struct call *a)
{
	say(s, "rmdir", vfs_rmdir(&s->c, NULL, a->path));
}

static void call_rename(struct side *s, const struct call *a)
{
	static const unsigned flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };

	say(s, "rename", vfs_rename(&s->c, NULL, a->path, NULL, a->other, flags[a->k % 4]));
}

static void call_setattr(struct side *s, const struct call *a)
{
	static const mode_t modes[] = { 0644, 0600, 04755, 0700, 01777, 02755, 0, 0444 };
	struct iattr change = { .mode = modes[a->n % 8],
				.uid = a->n % 3 * 500,
				.gid = a->n % 2 * 500,
				.size = a->n * 1000,
				.atime = { .tv_sec = a->n },
				.mtime = { .tv_sec = a->n, .tv_nsec = 5 } };
	struct path p;
	int err = path_walk(&s->c, NULL, a->path, a->k & 8 ? 0 : WALK_NOFOLLOW, &p);

	if (!err) {
		switch (a->k % 4) {
		case 0: change.valid = ATTR_MODE; break;
		case 1: change.valid = ATTR_UID | ATTR_GID | ATTR_CHOWN; break;
		case 2: change.valid = ATTR_TIMES; break;
		case 3: change.valid = ATTR_SIZE; break;
		}
		err = vfs_setattr(&s->c, &p, &change);
		struct statx st;
		if (!err && a->k % 4 == 2 && !path_getattr(&p, &s->c, STATX_BASIC_STATS, &st))
			text_printf(&s->said, "%ld.%u ", (long)st.stx_mtime.tv_sec,
				    st.stx_mtime.tv_nsec);
		path_put(&p);
	}
	say(s, "setattr", err);
}

static void call_stat(struct side *s, const struct call *a)
{
	struct statx st;
	int err =
	    vfs_getattr(&s->c, NULL, a->path, a->k & 1 ? 0 : WALK_NOFOLLOW, STATX_BASIC_STATS, &st);

	say(s, "stat", err);
	if (!err)
		say_stat(s, &st);
}

static void call_access(struct side *s, const struct call *a)
{
	struct path p;
	int err = path_walk(&s->c, NULL, a->path, 0, &p);

	if (!err) {
		err = vfs_access(&s->c, &p, (int)a->k & 7);
		path_put(&p);
	}
	say(s, "access", err);
}

static void call_readlink(struct side *s, const struct call *a)
{
	char buf[64];
	struct path p;
	int err = path_walk(&s->c, NULL, a->path, WALK_NOFOLLOW, &p);

	if (!err) {
		struct inode *i = p.dentry->inode;
		err = (int)i->ops->readlink(i, &s->c, buf, sizeof buf);
		if (err > 0)
			text_printf(&s->said, "'%.*s' ", err, buf);
		path_put(&p);
	}
	say(s, "readlink", err);
}

static void call_xattr(struct side *s, const struct call *a)
{
	static const char *const names[] = { "user.x", "user.y", "trusted.z", "other" };
	const char *name = names[a->n % 4];
	char buf[64];
	struct path p;
	ssize_t n = path_walk(&s->c, NULL, a->path, WALK_NOFOLLOW, &p);

	if (n) {
		say(s, "xattr", (int)n);
		return;
	}
	struct inode *i = p.dentry->inode;
	if (a->on_host && (a->n % 4 > 1 || !(S_ISREG(i->type) || S_ISDIR(i->type)))) {
		path_put(&p);
		return;
	}
	switch (a->k % 4) {
	case 0:
		n = i->ops->setxattr(i, &s->c, name, a->other, strlen(a->other),
				     (int)(a->k / 4 % 3));
		break;
	case 1: n = i->ops->getxattr(i, &s->c, name, buf, sizeof buf); break;
	case 2: n = i->ops->removexattr(i, &s->c, name); break;
	case 3: n = i->ops->listxattr(i, &s->c, buf, sizeof buf); break;
	}
	if (a->k % 4 == 1 && n > 0)
		text_printf(&s->said, "'%.*s' ", (int)n, buf);
	if (a->k % 4 == 3)
		text_printf(&s->said, "%zd ", n);
	say(s, "xattr", (int)n);
	path_put(&p);
}

/* ---- files that stay open ---- */

static void call_close(struct side *s, const struct call *a)
{
	file_put(s->files[a->k % FILES]);
	s->files[a->k % FILES] = NULL;
}

static bool is_regular(struct file *f)
{
	return f && f->path.dentry && S_ISREG(f->path.dentry->inode->type);
}

static void remember_ino(struct side *s, unsigned at)
{
	struct statx st;

	if (!file_getattr(s->files[at], &s->c, STATX_BASIC_STATS, &st))
		s->inos[at] = st.stx_ino;
}

static void call_open(struct side *s, const struct call *a)
{
	static const int flags[] = { O_RDONLY,
				     O_RDWR,
				     O_WRONLY | O_CREAT,
				     O_RDWR | O_CREAT | O_TRUNC,
				     O_RDWR | O_CREAT | O_EXCL,
				     O_WRONLY | O_APPEND,
				     O_RDONLY,
				     O_RDONLY | O_DIRECTORY,
				     O_RDWR | O_TRUNC,
				     O_RDONLY | O_TRUNC };
	unsigned at = a->n % FILES;

	call_close(s, &(struct call){ .k = at });
	int err =
	    vfs_open(&s->c, NULL, a->path, flags[a->k % 10] | O_NONBLOCK, 0666, 0, &s->files[at]);
	if (!err)
		remember_ino(s, at);
	else
		s->files[at] = NULL;
	say(s, "open", err);
}

static void call_tmpfile(struct side *s, const struct call *a)
{
	unsigned at = a->n % FILES;

	call_close(s, &(struct call){ .k = at });
	int err = vfs_open(&s->c, NULL, a->path, O_TMPFILE | O_RDWR, 0600, 0, &s->files[at]);
	if (!err)
		remember_ino(s, at);
	else
		s->files[at] = NULL;
	say(s, "tmpfile", err);
}

static void call_link_open(struct side *s, const struct call *a)
{
	struct file *f = s->files[a->n % FILES];

	if (is_regular(f))
		say(s, "flink", vfs_link(&s->c, &f->path, NULL, a->path));
}

static void call_write(struct side *s, const struct call *a)
{
	struct file *f = s->files[a->n % FILES];
	char buf[3000];
	int64_t pos = (int64_t)a->k * 700;
	struct uio u;

	if (!is_regular(f))
		return;
	memset(buf, 'A' + (int)(a->k % 26), sizeof buf);
	uio_init_kernel(&u, buf, 1 + a->k * 10);
	ssize_t n = file_write(f, &s->c, &u, a->n & 8 ? &pos : NULL);
	say(s, "write", (int)n);
}

static void say_contents(struct side *s, struct file *f)
{
	static char buf[LENGTH];
	ssize_t n = file_read_kernel(f, &s->c, buf, sizeof buf, 0);
	uint64_t hash = 14695981039346656037U;

	for (ssize_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)buf[i]) * 1099511628211U;
	text_printf(&s->said, "%zd bytes %lx ", n, (unsigned long)hash);
}

static void call_read(struct side *s, const struct call *a)
{
	struct file *f = s->files[a->n % FILES];
	struct statx st;

	if (!is_regular(f))
		return;
	say_contents(s, f);
	if (!file_getattr(f, &s->c, STATX_BASIC_STATS, &st)) {
		say_stat(s, &st);
		if (st.stx_ino != s->inos[a->n % FILES])
			text_printf(&s->said, "another inode number in %s ", s->name);
	}
}

static void call_seek(struct side *s, const struct call *a)
{
	struct file *f = s->files[a->n % FILES];

	if (is_regular(f))
		text_printf(
		    &s->said, "seek %ld ",
		    (long)f->ops->lseek(f, &s->c, (int64_t)a->k * 100 - 3000, (int)(a->k % 3)));
}

static void call_ftruncate(struct side *s, const struct call *a)
{
	struct file *f = s->files[a->n % FILES];

	if (is_regular(f) && file_writable(f))
		say(s, "ftruncate", f->ops->truncate(f, &s->c, a->k * 200));
}

static void call_name(struct side *s, const struct call *a)
{
	struct file *f = s->files[a->n % FILES];
	const struct path root = fs_struct_root(s->c.fs);
	char buf[PATH_MAX];

	struct statx st;
	bool dir = f && f->path.dentry && S_ISDIR(f->path.dentry->inode->type);

	/* By which of its names a file is known is not told, and no file system knows all names
	 * that are gone. */
	if (dir && !file_getattr(f, &s->c, STATX_BASIC_STATS, &st) && st.stx_nlink) {
		int n = file_name(f, &root, buf, sizeof buf);
		text_printf(&s->said, "'%s' ", n < 0 ? strerrorname_np(-n) : buf);
	}
	path_put(&(struct path){ root.mnt, root.dentry });
}

/* ---- whole trees ---- */

struct names {
	struct dir_emit emit;
	struct side *s;
	struct statx dir;
	size_t nr;
	char name[64][NAME_MAX + 1];
	uint64_t ino[64];
};

static bool collect(struct dir_emit *e, const char *name, size_t len, uint64_t ino, int64_t next,
		    unsigned char type)
{
	struct names *x = container_of(e, struct names, emit);

	if (x->nr < 64 && strcmp(name, ".") && strcmp(name, "..")) {
		x->ino[x->nr] = ino;
		snprintf(x->name[x->nr++], NAME_MAX + 1, "%s", name);
	}
	return true;
}

static void sort(struct names *x)
{
	for (size_t i = 0; i < x->nr; i++)
		for (size_t j = i + 1; j < x->nr; j++)
			if (strcmp(x->name[i], x->name[j]) > 0) {
				char name[NAME_MAX + 1];
				uint64_t ino = x->ino[i];
				strcpy(name, x->name[i]);
				strcpy(x->name[i], x->name[j]);
				strcpy(x->name[j], name);
				x->ino[i] = x->ino[j];
				x->ino[j] = ino;
			}
}

static void say_tree(struct side *s, const char *path, unsigned depth);

static void say_directory(struct side *s, const char *path, unsigned depth)
{
	struct names *x = calloc(1, sizeof *x);
	struct file *f;
	char name[PATH_MAX];
	struct statx st;

	x->emit.emit = collect;
	int err = vfs_open(&s->c, NULL, path, O_RDONLY | O_DIRECTORY, 0, 0, &f);
	if (!err) {
		err = f->ops->readdir(f, &s->c, &x->emit);
		file_put(f);
	}
	say(s, "readdir", err);
	sort(x);
	for (size_t i = 0; i < x->nr; i++) {
		snprintf(name, sizeof name, "%s/%s", strcmp(path, "/") ? path : "", x->name[i]);
		if (!vfs_getattr(&s->c, NULL, name, WALK_NOFOLLOW, STATX_BASIC_STATS, &st) &&
		    st.stx_ino != x->ino[i])
			text_printf(&s->said, "%s: d_ino %lx is not st_ino %lx in %s ", name,
				    (unsigned long)x->ino[i], (unsigned long)st.stx_ino, s->name);
		say_tree(s, name, depth + 1);
	}
	free(x);
}

static void say_tree(struct side *s, const char *path, unsigned depth)
{
	struct file *f;
	struct statx st;
	int err = vfs_getattr(&s->c, NULL, path, WALK_NOFOLLOW, STATX_BASIC_STATS, &st);

	text_printf(&s->said, "\n%s ", path);
	say(s, "", err);
	if (err)
		return;
	say_stat(s, &st);
	if (S_ISDIR(st.stx_mode) && depth < 12)
		say_directory(s, path, depth);
	if (S_ISREG(st.stx_mode) && !vfs_open(&s->c, NULL, path, O_RDONLY | O_NOFOLLOW, 0, 0, &f)) {
		say_contents(s, f);
		file_put(f);
	}
	if (S_ISLNK(st.stx_mode)) {
		struct call a = { 0 };
		snprintf(a.path, sizeof a.path, "%s", path);
		call_readlink(s, &a);
	}
}

static void call_readdir(struct side *s, const struct call *a)
{
	say_directory(s, a->path, 11);
}

/* ---- both sides ---- */

static bool same(struct model *m, const char *what)
{
	const char *a = text_str(&m->real.said), *b = text_str(&m->model.said);
	size_t at = 0;

	if (strcmp(a, b) == 0) {
		text_cut(&m->real.said, 0);
		text_cut(&m->model.said, 0);
		return true;
	}
	while (a[at] && a[at] == b[at])
		at++;
	while (at && a[at - 1] != '\n')
		at--;
	snprintf(m->failure, sizeof m->failure,
		 "call %u, %s: overlay says\n  %.300s\nand the model\n  %.300s\n", m->calls, what,
		 a + at, b + at);
	return false;
}

static bool call_both(struct model *m, const struct call *a)
{
	struct side *sides[] = { &m->real, &m->model };
	char what[128];

	for (int i = 0; i < 2; i++) {
		const struct cred *root = sides[i]->c.cred;
		if (a->as_user)
			sides[i]->c.cred = m->user;
		a->make(sides[i], a);
		sides[i]->c.cred = root;
		(void)cred_assume(root);
	}
	m->calls++;
	snprintf(what, sizeof what, "%s %s n=%u k=%u%s", a->path, a->other, a->n, a->k,
		 a->as_user ? " as a user" : "");
	if (getenv("TRACE"))
		fprintf(stderr, "%u: %s: %s\n", m->calls, what, text_str(&m->real.said));
	return same(m, what);
}

static void (*const all_calls[])(struct side *s, const struct call *a) = {
	call_mkdir,  call_mkdir,    call_mknod,  call_symlink, call_link,      call_unlink,
	call_rmdir,  call_rename,   call_rename, call_rename,  call_setattr,   call_stat,
	call_access, call_readlink, call_xattr,  call_close,   call_open,      call_open,
	call_open,   call_tmpfile,  call_write,  call_write,   call_read,      call_seek,
	call_unlink, call_link,     call_name,   call_readdir, call_ftruncate, call_link_open,
};

static struct call pick_call(struct model *m)
{
	struct call a = { .make = all_calls[pick(m, sizeof all_calls / sizeof *all_calls)] };

	pick_path(m, a.path);
	pick_path(m, a.other);
	a.n = pick(m, 256);
	a.k = pick(m, 256);
	a.on_host = m->upper ? m->opt.host_upper : m->opt.host_lower;
	a.as_user = pick(m, 8) == 0 && !a.on_host; /* which has an order of errors of its own */
	return a;
}

static void close_all(struct side *s)
{
	for (unsigned i = 0; i < FILES; i++)
		call_close(s, &(struct call){ .k = i });
}

static void side_open(struct model *m, struct side *s, const char *name, struct filesystem *fs)
{
	s->name = name;
	s->ns = mnt_ns_new(m->w.vfs, m->w.vfs->user_ns);
	assert_int_equal(mnt_ns_mount(s->ns, "/", fs, 0, "test"), 0);
	s->c = m->w.c;
	s->c.fs = fs_struct_new(s->ns);
	s->said = (struct text){ 0 };
	s->host_upper = m->opt.host_upper;
}

static void side_close(struct side *s)
{
	close_all(s);
	fs_struct_put(s->c.fs);
	ns_put(&s->ns->ns);
	text_free(&s->said);
}

/* ---- layers ---- */

static struct filesystem *new_layer(struct model *m, bool host)
{
	char name[32];

	if (!host)
		return world_ramfs(&m->w, 0);
	snprintf(name, sizeof name, "layer%u", m->layers++);
	host_mkdir(&m->w, name);
	return world_hostfs(&m->w, host_path(&m->w, name));
}

static struct filesystem *make_overlay(struct model *m)
{
	struct overlay_layer lower = { .fs = filesystem_get(m->lower) };
	struct filesystem *fs;
	const struct overlay_options opt = { .type = "overlay",
					     .lower = &lower,
					     .nr_lower = 1,
					     .upper.fs = filesystem_get(m->upper),
					     .lock_fd = -1 };

	assert_int_equal(overlay_create(m->w.vfs, &opt, &fs), 0);
	return fs;
}

/* What was written so far becomes the lower layer, and a new upper one is put on it. */
static void stack(struct model *m)
{
	if (m->upper) {
		struct filesystem *fs = make_overlay(m);
		filesystem_put(m->lower);
		filesystem_put(m->upper);
		m->lower = fs;
	}
	m->upper = new_layer(m, m->opt.host_upper);
	side_open(m, &m->real, "the overlay", make_overlay(m));
}

static bool compare_trees(struct model *m)
{
	say_tree(&m->real, "/", 0);
	say_tree(&m->model, "/", 0);
	return same(m, "the tree");
}

/* To find the call that a difference comes from, TRACE=1 shows all and has the trees compared after
 * each. */
static bool run_calls(struct model *m, size_t end)
{
	bool trace = getenv("TRACE");

	while (m->at < end) {
		const struct call a = pick_call(m);
		if (!call_both(m, &a) || (trace && !compare_trees(m)))
			return false;
	}
	return true;
}

static void reopen(struct model *m)
{
	close_all(&m->model);
	side_close(&m->real);
	side_open(m, &m->real, "the overlay", make_overlay(m));
}

static bool run(struct model *m)
{
	size_t third = m->len / 3;

	/* The lower layer, by itself. */
	m->lower = new_layer(m, m->opt.host_lower);
	side_open(m, &m->real, "the lower layer", filesystem_get(m->lower));
	if (!run_calls(m, third))
		return false;
	close_all(&m->model);
	side_close(&m->real);
	stack(m);
	if (!compare_trees(m) || !run_calls(m, 2 * third) || !compare_trees(m))
		return false;
	if (m->opt.nested) {
		close_all(&m->model);
		side_close(&m->real);
		stack(m);
	} else {
		reopen(m);
	}
	if (!compare_trees(m) || !run_calls(m, m->len) || !compare_trees(m))
		return false;
	reopen(m);
	return compare_trees(m);
}

const char *model_run(const struct model_options *opt, const uint8_t *bytes, size_t len,
		      unsigned *calls)
{
	static char failure[4096];
	struct model m = { .opt = *opt, .bytes = bytes, .len = len };

	world_open(&m.w);
	m.user = cred_copy(m.w.c.cred, 0);
	m.user->fsuid = m.user->euid = 500;
	m.user->fsgid = m.user->egid = 500;
	m.user->cap_effective = 0;
	struct filesystem *fs = world_ramfs(&m.w, 0);
	side_open(&m, &m.model, "the model", fs);
	bool good = run(&m);
	*calls = m.calls;
	side_close(&m.real);
	side_close(&m.model);
	filesystem_put(m.lower);
	filesystem_put(m.upper);
	cred_put(m.user);
	world_mount(&m.w, "/", world_ramfs(&m.w, 0), 0); /* which world_close expects */
	world_close(&m.w);
	memcpy(failure, m.failure, sizeof failure);
	return good ? NULL : failure;
}
