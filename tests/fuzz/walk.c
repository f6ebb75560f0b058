/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path walk beside a model of it. The bytes of the input are orders: make, rename and remove
 * names, mount, bind and unmount, change the root and the working directory, and look names up with
 * all flags of openat2(2). The model is written after path_resolution(7) and mount_namespaces(7),
 * not after fs/walk.c: every file is a node, every mount covers a node, and a name is taken
 * component by component. Results and the names of what was found have to be the same.
 *
 * One difference from Linux is known, and the model has it, too: a mount covers a name, which only
 * a look-up of that name meets. Who stood in the directory when it was covered, as root, working
 * directory or descriptor, comes back to it by "..", and not to the mount (docs/roadmap.md).
 *
 * The first byte says what the root is: memory, an overlay on what the first orders have made, or a
 * directory of the host. TRACE=1 shows the orders.
 */
#include "tests/unit/fsworld.h"

#include <sys/mount.h>

#include "fs/do_mount.h"

#define MOST_NODES  400
#define MOST_MOUNTS 40
#define PLACES      4 /* descriptors of directories, and of files */
#define LINKS_MAX   40
#define USER        500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the model: what there is ---- */

struct node {
	mode_t type;
	struct node *parent; /* itself: the root of a file system */
	struct node *next;   /* of the same parent */
	struct node *children;
	char name[4];
	char text[24]; /* of a symlink */
	bool closed;   /* a directory that others may not search */
	bool gone;
	bool known; /* what it is in the real tree: */
	uint64_t dev, ino;
};

struct mounted {
	struct node *root;
	struct mounted *parent;
	struct node *over; /* in parent */
	bool detached;
	struct mount *real; /* a reference */
};

struct place {
	struct mounted *mnt;
	struct node *node;
};

struct model {
	struct node nodes[MOST_NODES];
	struct mounted mounts[MOST_MOUNTS];
	unsigned nr_nodes, nr_mounts;
	struct place root, cwd, places[PLACES];
};

static struct model m;
static struct fsworld w;
static struct cred *user;
static struct path real_places[PLACES];

static struct node *node_new(mode_t type, struct node *parent, const char *name)
{
	struct node *n = &m.nodes[m.nr_nodes++];

	*n = (struct node){ .type = type, .parent = parent ? parent : n };
	snprintf(n->name, sizeof n->name, "%s", name);
	if (parent) {
		n->next = parent->children;
		parent->children = n;
	}
	return n;
}

static struct node *child_of(const struct node *dir, const char *name, size_t len)
{
	for (struct node *n = dir->children; n; n = n->next)
		if (strlen(n->name) == len && memcmp(n->name, name, len) == 0)
			return n;
	return NULL;
}

static void unlink_node(struct node *n)
{
	struct node **at = &n->parent->children;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
}

static bool is_below(const struct node *n, const struct node *top)
{
	while (n != top && n != n->parent)
		n = n->parent;
	return n == top;
}

static bool is_gone(const struct node *n)
{
	while (!n->gone && n != n->parent)
		n = n->parent;
	return n->gone;
}

static struct mounted *mount_over(const struct mounted *mnt, const struct node *n)
{
	for (unsigned i = 0; i < m.nr_mounts; i++)
		if (!m.mounts[i].detached && m.mounts[i].parent == mnt && m.mounts[i].over == n)
			return &m.mounts[i];
	return NULL;
}

/* As a name, that is: what covers the root of a bind mount keeps nobody from removing the directory
 * that this shows. */
static bool is_covered(const struct node *n)
{
	for (unsigned i = 0; i < m.nr_mounts; i++)
		if (!m.mounts[i].detached && m.mounts[i].parent && m.mounts[i].over == n &&
		    m.mounts[i].parent->root != n)
			return true;
	return false;
}

static struct place top_of(struct place p)
{
	for (struct mounted *on; (on = mount_over(p.mnt, p.node));)
		p = (struct place){ on, on->root };
	return p;
}

/* ---- the model: how a name is looked up ---- */

struct look {
	struct place at, root;
	unsigned flags, links;
	bool as_user;
};

static bool same_place(struct place a, struct place b)
{
	return a.mnt == b.mnt && a.node == b.node;
}

/* Onto whatever covers `p`. */
static int enter(struct look *l, struct place p)
{
	struct place top = top_of(p);

	if (l->flags & WALK_NO_XDEV && top.mnt != l->at.mnt)
		return -EXDEV;
	l->at = top;
	return 0;
}

/* What lies under the root of a mount, and under the roots of those that cover nothing else:
 * false, there is nothing, or `root` is in the way. */
static bool below_mount(struct place p, struct place root, struct place *out)
{
	while (p.mnt->parent && !p.mnt->detached) {
		p = (struct place){ p.mnt->parent, p.mnt->over };
		*out = p;
		if (p.node != p.mnt->root)
			return true;
		if (same_place(p, root))
			return false;
	}
	return false;
}

static int enter_from_below(struct look *l, struct place p)
{
	if (p.node == p.mnt->root)
		return enter(l, p);
	l->at = p;
	return 0;
}

static int go_up(struct look *l)
{
	struct place p = l->at;
	bool stays = same_place(p, l->root);

	if (!stays && p.node == p.mnt->root) {
		stays = !below_mount(p, l->root, &p);
		if (!stays && l->flags & WALK_NO_XDEV)
			return -EXDEV;
	}
	if (stays)
		return l->flags & WALK_BENEATH ? -EXDEV : enter_from_below(l, p);
	p.node = p.node->parent;
	if (p.mnt->root != p.mnt->root->parent && !is_below(p.node, p.mnt->root))
		return -ENOENT;
	l->at.mnt = p.mnt;
	return enter_from_below(l, p);
}

static int go_to_root(struct look *l)
{
	if (l->flags & WALK_BENEATH || (l->flags & WALK_NO_XDEV && l->at.mnt != l->root.mnt))
		return -EXDEV;
	l->at = l->root;
	return 0;
}

static int look_up(struct look *l, const char *name, bool outermost);

static int go_down(struct look *l, const char *name, size_t len, const char *rest, bool outermost)
{
	struct place dir = l->at;
	struct node *n = child_of(dir.node, name, len);

	if (dir.node->gone) /* before the file system sees the name */
		return -ENOENT;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	if (!n)
		return -ENOENT;
	int err = enter(l, (struct place){ dir.mnt, n });
	if (err || !S_ISLNK(l->at.node->type))
		return err;
	if (!*rest && outermost && l->flags & WALK_NOFOLLOW)
		return 0;
	if (l->links++ >= LINKS_MAX || l->flags & WALK_NO_SYMLINKS)
		return -ELOOP;
	const char *text = l->at.node->text;
	l->at = dir;
	err = *text == '/' ? go_to_root(l) : 0;
	/* of what a link holds, the last component is the last of all only where nothing follows;
	 * and there WALK_NOFOLLOW was asked already */
	return err ? err : look_up(l, text, false);
}

static int look_up(struct look *l, const char *name, bool outermost)
{
	int err = 0;

	name += strspn(name, "/");
	while (!err && *name) {
		size_t len = strcspn(name, "/");
		const char *rest = name + len;
		if (!S_ISDIR(l->at.node->type))
			return -ENOTDIR;
		if (l->as_user && l->at.node->closed)
			return -EACCES;
		if (len == 2 && name[0] == '.' && name[1] == '.')
			err = go_up(l);
		else if (len != 1 || name[0] != '.')
			err = go_down(l, name, len, rest, outermost);
		name = rest + strspn(rest, "/");
		if (!err && *rest && !S_ISDIR(l->at.node->type))
			err = -ENOTDIR;
	}
	return err;
}

static int resolve(struct place *from, const char *name, unsigned flags, bool as_user,
		   struct place *out)
{
	struct look l = { .at = from ? *from : m.cwd, .flags = flags, .as_user = as_user };
	int err = 0;

	if (!*name && !(flags & WALK_EMPTY_OK))
		return -ENOENT;
	l.root = flags & (WALK_BENEATH | WALK_IN_ROOT) ? l.at : m.root;
	if (*name == '/' && flags & WALK_BENEATH)
		return -EXDEV;
	if (*name == '/' && !(flags & WALK_IN_ROOT))
		l.at = l.root;
	else if (*name && !S_ISDIR(l.at.node->type))
		return -ENOTDIR;
	err = look_up(&l, name, true);
	if (!err && flags & WALK_DIRECTORY && !S_ISDIR(l.at.node->type))
		err = -ENOTDIR;
	*out = l.at;
	return err;
}

/* ---- orders ---- */

struct orders {
	const uint8_t *data;
	size_t size;
};

static unsigned next(struct orders *o, unsigned n)
{
	if (!o->size)
		return 0;
	o->size--;
	return *o->data++ % n;
}

static const char long_name[] = /* one byte more than a name may have */
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void add_component(struct orders *o, char *name, bool dots)
{
	static const char *const plain[] = { "a", "b", "c", "d" };
	unsigned k = next(o, dots ? 16 : 4);

	strcat(name, k < 4        ? plain[k]
		     : k < 9      ? plain[k % 3]
		     : k < 13     ? ".."
		     : k < 15     ? "."
		     : next(o, 8) ? "c"
				  : long_name);
}

/* Of at most `most` components. */
static void pick_name(struct orders *o, char *name, unsigned most)
{
	unsigned shape = next(o, 64), n = 1 + next(o, most);

	strcpy(name, shape & 1 ? "/" : "");
	if (shape == 63)
		return; /* "/" alone */
	for (; n; n--) {
		add_component(o, name, true);
		if (n > 1 || (shape & 14) == 14)
			strcat(name, shape & 16 ? "//" : "/");
	}
}

/* Of a directory that is looked up, and a name in it. */
static void pick_new_name(struct orders *o, char *dir, char *name)
{
	*name = '\0';
	pick_name(o, dir, 4);
	if (dir[strlen(dir) - 1] != '/')
		strcat(dir, "/");
	add_component(o, name, false);
}

static bool traced;
static unsigned calls;

__attribute__((format(printf, 1, 2))) static void trace(const char *fmt, ...)
{
	va_list ap;

	if (!traced)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

static const char *err_name(int err)
{
	return err < 0 ? strerrorname_np(-err) : "0";
}

static void expect(const char *what, const char *name, int err, int model)
{
	calls++;
	trace("%u: %s %s: %s\n", calls, what, name, err_name(err));
	if (err == model)
		return;
	fprintf(stderr, "call %u, %s %s: %s, and the model says %s\n", calls, what, name,
		err_name(err), err_name(model));
	abort();
}

/* ---- names that are made and removed ---- */

static void make(struct orders *o, mode_t type)
{
	char dir[2048], name[512], text[24] = "", whole[2600];
	struct place at;
	bool closed = next(o, 8) == 0;

	pick_new_name(o, dir, name);
	if (S_ISLNK(type)) {
		char long_text[2048];
		pick_name(o, long_text, 3);
		snprintf(text, sizeof text, "%.23s", long_text);
	}
	if (m.nr_nodes == MOST_NODES)
		return;
	snprintf(whole, sizeof whole, "%s%s", dir, name);
	int model = resolve(NULL, dir, 0, false, &at);
	if (!model)
		model = child_of(at.node, name, strlen(name)) ? -EEXIST
			: is_gone(at.node)                    ? -ENOENT
							      : 0;
	int err = S_ISDIR(type)   ? vfs_mkdir(&w.c, NULL, whole, closed ? 0700 : 0755)
		  : S_ISLNK(type) ? vfs_symlink(&w.c, text, NULL, whole)
				  : vfs_mknod(&w.c, NULL, whole, S_IFREG | 0644, 0);
	trace("%s -> %s ", whole, text);
	expect(S_ISDIR(type) ? "mkdir" : S_ISLNK(type) ? "symlink" : "mknod", whole, err, model);
	if (err)
		return;
	struct node *n = node_new(type, at.node, name);
	n->closed = S_ISDIR(type) && closed;
	strcpy(n->text, text);
}

static void remove_name(struct orders *o, bool dir_wanted)
{
	char dir[2048], name[512], whole[2600];
	struct place at;
	struct node *n = NULL;

	pick_new_name(o, dir, name);
	snprintf(whole, sizeof whole, "%s%s", dir, name);
	int model = resolve(NULL, dir, 0, false, &at);
	if (!model) {
		n = child_of(at.node, name, strlen(name));
		model = !n                                ? -ENOENT
			: dir_wanted && !S_ISDIR(n->type) ? -ENOTDIR
			: !dir_wanted && S_ISDIR(n->type) ? -EISDIR
			: is_covered(n)                   ? -EBUSY
			: dir_wanted && n->children       ? -ENOTEMPTY
							  : 0;
	}
	int err = dir_wanted ? vfs_rmdir(&w.c, NULL, whole) : vfs_unlink(&w.c, NULL, whole);
	expect(dir_wanted ? "rmdir" : "unlink", whole, err, model);
	if (err)
		return;
	unlink_node(n);
	n->gone = true;
}

static int model_rename(struct place from, struct node *n, struct place to, struct node *old)
{
	if (from.mnt != to.mnt)
		return -EXDEV;
	if (!n)
		return -ENOENT;
	if (is_below(to.node, n))
		return -EINVAL;
	if (old && is_below(from.node, old))
		return -ENOTEMPTY;
	if (n == old)
		return 0;
	if (!old && is_gone(to.node))
		return -ENOENT;
	if (old && S_ISDIR(n->type) != S_ISDIR(old->type))
		return S_ISDIR(n->type) ? -ENOTDIR : -EISDIR;
	if (is_covered(n) || (old && is_covered(old)))
		return -EBUSY;
	return old && old->children ? -ENOTEMPTY : 0;
}

static void rename_it(struct orders *o)
{
	char dir[2][2048], name[2][512], whole[2][2600], what[5300];
	struct place at[2];
	struct node *n[2] = { NULL, NULL };
	int model = 0;

	for (int i = 0; i < 2; i++) {
		pick_new_name(o, dir[i], name[i]);
		snprintf(whole[i], sizeof whole[i], "%s%s", dir[i], name[i]);
	}
	for (int i = 0; i < 2 && !model; i++) {
		model = resolve(NULL, dir[i], 0, false, &at[i]);
		if (!model)
			n[i] = child_of(at[i].node, name[i], strlen(name[i]));
	}
	if (!model)
		model = model_rename(at[0], n[0], at[1], n[1]);
	snprintf(what, sizeof what, "%s %s", whole[0], whole[1]);
	int err = vfs_rename(&w.c, NULL, whole[0], NULL, whole[1], 0);
	expect("rename", what, err, model);
	if (err || n[0] == n[1])
		return;
	if (n[1]) {
		unlink_node(n[1]);
		n[1]->gone = true;
	}
	unlink_node(n[0]);
	n[0]->parent = at[1].node;
	n[0]->next = at[1].node->children;
	at[1].node->children = n[0];
	snprintf(n[0]->name, sizeof n[0]->name, "%s", name[1]);
}

/* ---- mounts ---- */

/* The youngest there is. */
static struct mount *newest(void)
{
	struct mount *x, *found = NULL;

	list_for_each (x, &w.vfs->mounts, all_node)
		if (!found || x->id > found->id)
			found = x;
	return mount_get(found);
}

static struct mounted *add_mount(struct node *root, struct place at)
{
	struct mounted *x = &m.mounts[m.nr_mounts++];

	*x = (struct mounted){ root, at.mnt, at.node, false, newest() };
	return x;
}

static bool is_attached(struct place p)
{
	return !p.mnt->detached;
}

static void mount_new_at(struct orders *o)
{
	char name[2048];
	struct place at;
	struct path p;

	pick_name(o, name, 4);
	if (m.nr_mounts == MOST_MOUNTS || m.nr_nodes == MOST_NODES)
		return;
	int model = resolve(NULL, name, 0, false, &at);
	int err = path_walk(&w.c, NULL, name, 0, &p);
	expect("walk to mount at", name, err, model);
	if (err)
		return;
	at = top_of(at);
	model = !is_attached(at) || is_gone(at.node) ? -ENOENT
		: !S_ISDIR(at.node->type)            ? -ENOTDIR
						     : 0;
	struct mount *mnt = mount_new(w.vfs, world_ramfs(&w, 0), NULL, 0, "test");
	assert_non_null(mnt);
	err = do_new_mount(&w.c, w.ns, &p, mnt);
	expect("mount", name, err, model);
	if (!err)
		add_mount(node_new(S_IFDIR, NULL, ""), at);
	mount_put(mnt);
	path_put(&p);
}

static void bind_at(struct orders *o)
{
	char name[2][2048], what[4200];
	struct place at[2];
	struct path p[2];

	for (int i = 0; i < 2; i++)
		pick_name(o, name[i], 4);
	if (m.nr_mounts == MOST_MOUNTS)
		return;
	for (int i = 0; i < 2; i++) {
		int model = resolve(NULL, name[i], 0, false, &at[i]);
		int err = path_walk(&w.c, NULL, name[i], 0, &p[i]);
		expect("walk to bind", name[i], err, model);
		if (err) {
			if (i)
				path_put(&p[0]);
			return;
		}
	}
	at[1] = top_of(at[1]);
	if (is_attached(at[0]) && is_attached(at[1]) && !is_gone(at[1].node) &&
	    !is_gone(at[0].node)) {
		bool dirs = S_ISDIR(at[0].node->type);
		int model = dirs != S_ISDIR(at[1].node->type) ? -ENOTDIR : 0;
		int err = do_bind(&w.c, w.ns, &p[0], &p[1], false);
		snprintf(what, sizeof what, "%s %s", name[0], name[1]);
		expect("bind", what, err, model);
		if (!err)
			add_mount(at[0].node, at[1]);
	}
	path_put(&p[0]);
	path_put(&p[1]);
}

static void detach_tree(struct mounted *x)
{
	for (unsigned i = 0; i < m.nr_mounts; i++)
		if (!m.mounts[i].detached && m.mounts[i].parent == x)
			detach_tree(&m.mounts[i]);
	x->detached = true;
}

static void unmount(struct orders *o)
{
	char name[2048];
	struct place at;
	struct path p;

	pick_name(o, name, 4);
	int model = resolve(NULL, name, 0, false, &at);
	int err = path_walk(&w.c, NULL, name, 0, &p);
	expect("walk to unmount", name, err, model);
	if (err)
		return;
	at = top_of(at);
	if (at.mnt == &m.mounts[0]) {
		path_put(&p);
		return;
	}
	model = at.node != at.mnt->root || !is_attached(at) ? -EINVAL : 0;
	err = do_umount(&w.c, w.ns, &p, MNT_DETACH);
	expect("umount", name, err, model);
	if (!err)
		detach_tree(at.mnt);
}

/* ---- places that are kept ---- */

static void change_place(struct orders *o, bool root)
{
	char name[2048];
	struct place at;
	struct path p;

	pick_name(o, name, 4);
	int model = resolve(NULL, name, WALK_DIRECTORY, false, &at);
	int err = path_walk(&w.c, NULL, name, WALK_DIRECTORY, &p);
	expect(root ? "chroot" : "chdir", name, err, model);
	if (err)
		return;
	(root ? fs_struct_set_root : fs_struct_set_cwd)(w.c.fs, &p);
	*(root ? &m.root : &m.cwd) = at;
}

static void keep_place(struct orders *o)
{
	unsigned k = next(o, PLACES);
	char name[2048];
	struct place at;
	struct path p;

	pick_name(o, name, 4);
	int model = resolve(NULL, name, WALK_NOFOLLOW, false, &at);
	int err = path_walk(&w.c, NULL, name, WALK_NOFOLLOW, &p);
	expect("keep", name, err, model);
	if (err)
		return;
	if (real_places[k].dentry)
		path_put(&real_places[k]);
	real_places[k] = p;
	m.places[k] = at;
}

static void back_to_root(void)
{
	struct path top = mnt_ns_root(w.ns), cwd = path_get(&top);
	struct place root = { &m.mounts[0], m.mounts[0].root };

	fs_struct_set_root(w.c.fs, &top);
	fs_struct_set_cwd(w.c.fs, &cwd);
	m.root = m.cwd = top_of(root);
	trace("back to the root\n");
}

/* ---- looking up ---- */

static void expect_node(const char *name, const struct path *p, struct place at)
{
	struct statx st;

	if (p->mnt != at.mnt->real) {
		fprintf(stderr, "call %u, %s: another mount than the model's\n", calls, name);
		abort();
	}
	assert_int_equal(path_getattr(p, &w.c, STATX_BASIC_STATS, &st), 0);
	uint64_t dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	if (!at.node->known) {
		at.node->known = true;
		at.node->dev = dev;
		at.node->ino = st.stx_ino;
	}
	if (at.node->dev != dev || at.node->ino != st.stx_ino ||
	    at.node->type != (st.stx_mode & S_IFMT)) {
		fprintf(stderr, "call %u, %s: another file than the model's\n", calls, name);
		abort();
	}
}

/* The name of `p` as seen from the root. False: it does not lie below it. */
static bool model_path(struct place p, char *buf, size_t size)
{
	char *at = buf + size - 1;

	*at = '\0';
	while (!same_place(p, m.root)) {
		if (p.node == p.mnt->root) {
			if (!p.mnt->parent || p.mnt->detached)
				return false;
			p = (struct place){ p.mnt->parent, p.mnt->over };
			if (p.node == p.mnt->root)
				continue;
		}
		if (p.node == p.node->parent)
			return false;
		size_t len = strlen(p.node->name);
		at -= len + 1;
		*at = '/';
		memcpy(at + 1, p.node->name, len);
		p.node = p.node->parent;
	}
	if (!*at)
		*--at = '/';
	memmove(buf, at, strlen(at) + 1);
	return true;
}

static void expect_path(const struct path *p, struct place at)
{
	static char model[PATH_MAX], text[PATH_MAX];
	struct path root = fs_struct_root(w.c.fs);

	if (!is_gone(at.node)) {
		bool reached = model_path(at, model, sizeof model);
		int n = path_string_below(p, &root, text, sizeof text);
		if (reached != (n == 1) || (reached && strcmp(model, text) != 0)) {
			fprintf(stderr, "call %u: the path is %s %s, the model's %s\n", calls,
				n == 1 ? "" : err_name(n), n == 1 ? text : "",
				reached ? model : "not below the root");
			abort();
		}
	}
	path_put(&root);
}

static void walk(struct orders *o)
{
	static const unsigned scopes[] = { 0, 0, WALK_BENEATH, WALK_IN_ROOT };
	unsigned f = next(o, 256), k = next(o, 2 * PLACES);
	const struct path *start = k < PLACES && real_places[k].dentry ? &real_places[k] : NULL;
	unsigned flags = (f & 1 ? WALK_NOFOLLOW : 0) | (f & 2 ? WALK_DIRECTORY : 0) |
			 ((f & 12) == 12 ? WALK_NO_XDEV : 0) |
			 ((f & 48) == 48 ? WALK_NO_SYMLINKS : 0) | scopes[f >> 6];
	bool as_user = geteuid() == 0 && next(o, 4) == 0;
	const struct cred *root = w.c.cred;
	char name[2048], what[2200];
	struct place at;
	struct statx st;
	struct path p;

	pick_name(o, name, 7);
	int model = resolve(start ? &m.places[k] : NULL, name, flags, as_user, &at);
	if (as_user)
		w.c.cred = user;
	int err = path_walk(&w.c, start, name, flags, &p);
	int stated = vfs_getattr(&w.c, start, name, flags, STATX_BASIC_STATS, &st);
	w.c.cred = root;
	(void)cred_assume(root);
	snprintf(what, sizeof what, "%s from %d, flags %x%s", name, start ? (int)k : -1, flags,
		 as_user ? ", as a user" : "");
	expect("walk", what, err, model);
	expect("stat", what, stated, model);
	if (err)
		return;
	expect_node(what, &p, at);
	assert_int_equal(st.stx_ino, at.node->ino);
	expect_path(&p, at);
	path_put(&p);
}

/* ---- worlds ---- */

static void obey(struct orders *o, bool mounts)
{
	unsigned k = next(o, mounts ? 32 : 9);

	switch (k) {
	case 0:
	case 1:
	case 2: make(o, S_IFDIR); break;
	case 3: make(o, S_IFREG); break;
	case 4:
	case 5: make(o, S_IFLNK); break;
	case 6: rename_it(o); break;
	case 7: remove_name(o, false); break;
	case 8: remove_name(o, true); break;
	case 9:
	case 10: mount_new_at(o); break;
	case 11:
	case 12: bind_at(o); break;
	case 13: unmount(o); break;
	case 14: change_place(o, false); break;
	case 15: change_place(o, true); break;
	case 16:
	case 17: keep_place(o); break;
	case 18: back_to_root(); break;
	default: walk(o); break;
	}
}

static void open_root(struct filesystem *fs)
{
	w.ns = mnt_ns_new(w.vfs, w.vfs->user_ns);
	assert_int_equal(mnt_ns_mount(w.ns, "/", fs, 0, "test"), 0);
	w.c.fs = fs_struct_new(w.ns);
	w.c.mnt_ns = w.ns;
	m.nr_mounts = 0;
	for (unsigned i = 0; i < m.nr_nodes; i++)
		m.nodes[i].known = false;
	m.mounts[m.nr_mounts++] = (struct mounted){ .root = &m.nodes[0], .real = newest() };
	m.root = m.cwd = (struct place){ &m.mounts[0], &m.nodes[0] };
}

static void close_root(void)
{
	for (int i = 0; i < PLACES; i++)
		if (real_places[i].dentry)
			path_put(&real_places[i]);
	memset(real_places, 0, sizeof real_places);
	for (unsigned i = 0; i < m.nr_mounts; i++)
		mount_put(m.mounts[i].real);
	fs_struct_put(w.c.fs);
	w.c.fs = NULL;
	w.c.mnt_ns = NULL;
	ns_put(&w.ns->ns);
	w.ns = NULL;
}

static void expect_nothing_left(void)
{
	struct mount *x;
	size_t n = 0;

	list_for_each (x, &w.vfs->mounts, all_node)
		n++;
	assert_int_equal(n, 1); /* the internal one */
	assert_int_equal(arena_used(w.mem.arena), 0);
}

static void prepare(void)
{
	static bool ready;

	if (ready)
		return;
	ready = true;
	traced = getenv("TRACE");
	world_open(&w);
	ns_put(&w.ns->ns);
	w.ns = NULL;
	user = cred_copy(w.c.cred, 0);
	user->fsuid = user->euid = USER;
	user->fsgid = user->egid = USER;
	user->cap_effective = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct orders o = { data, size };
	enum { MEMORY, OVERLAY, HOST } kind;

	if (!size)
		return 0;
	prepare();
	calls = 0;
	memset(&m, 0, sizeof m);
	node_new(S_IFDIR, NULL, "");
	kind = next(&o, 8) < 4 ? MEMORY : next(&o, 4) ? OVERLAY : HOST;
	if (kind == HOST)
		host_mkdir(&w, "root");
	struct filesystem *fs =
	    kind == HOST ? world_hostfs(&w, host_path(&w, "root")) : world_ramfs(&w, 0);
	open_root(filesystem_get(fs));
	if (kind == OVERLAY) {
		for (unsigned n = next(&o, 32); n && o.size; n--)
			obey(&o, false);
		close_root();
		fs = world_overlay(&w, fs);
		open_root(filesystem_get(fs));
	}
	while (o.size)
		obey(&o, true);
	close_root();
	filesystem_put(fs);
	if (kind == HOST)
		nftw(host_path(&w, "root"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
	expect_nothing_left();
	return 0;
}
