/* SPDX-License-Identifier: Apache-2.0 */
/* Saves the trees of mounts that a program has changed, and builds them in a copy. See the
 * header. */
#include "snapshot/mounts.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount_tree.h"
#include "fs/nsfs.h"
#include "fs/peers.h"
#include "fs/saved_place.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "snapshot/kept.h"
#include "snapshot/saved_tree.h"
#include "util/array.h"

#define FLAGS_ALL  (2U * MOUNT_NOSYMFOLLOW - 1)
#define LOCKED_ALL (FLAGS_ALL | MOUNT_LOCK_ATIME)

static struct mount *mount_number(void *const *mounts, size_t nr, uint64_t number)
{
	return number && number <= nr ? mounts[number - 1] : NULL;
}

/* ---- saving ---- */

uint64_t mounts_namespace_number(const struct saver *s, const struct mnt_namespace *ns)
{
	const struct saved_tree *t = s->tree;

	for (size_t i = 0; t && i < t->nr_ns; i++)
		if (t->ns[i] == ns)
			return i + 1;
	return 0;
}

static int add_namespace(struct saver *s, struct mnt_namespace *ns)
{
	struct saved_tree *t = s->tree;

	if (!ns || mounts_namespace_number(s, ns))
		return 0;
	int err = array_grow((void **)&t->ns, t->nr_ns, &t->ns_room, sizeof *t->ns);
	if (!err)
		t->ns[t->nr_ns++] = ns;
	return err;
}

static int add_mount(struct saver *s, struct mount *m)
{
	struct saved_tree *t = s->tree;
	int err = array_grow((void **)&s->mounts, s->nr_mounts, &t->mount_room, sizeof *s->mounts);

	if (err)
		return err;
	s->mounts[s->nr_mounts++] = m;
	m->number = s->nr_mounts;
	err = add_namespace(s, m->ns);
	return err ? err : tree_add_fs(s, m->fs);
}

static bool has_name(struct saver *s, const struct path *p)
{
	return !place_refused(s, p) && !place_is_removed(s, p);
}

/* Does what it shows have a name, and where it lies? */
static bool has_names(struct saver *s, struct mount *m)
{
	const struct path root = { m, m->root };
	struct path over = { m->parent, NULL };

	if (!ns_of_inode(m->root->inode) && !has_name(s, &root))
		return false;
	if (!m->over)
		return true;
	over.dentry = dentry_new(inode_get(m->over->dir), NULL, "", 0);
	bool named = over.dentry && has_name(s, &over);
	dentry_put(over.dentry);
	return named;
}

static int check_mount(struct saver *s, struct mount *m)
{
	char name[PATH_MAX];
	const struct path all = { NULL, NULL }, root = { m, m->root };

	if (has_names(s, m))
		return 0;
	if (path_string(&root, &all, name, sizeof name) < 0)
		strcpy(name, "somewhere");
	return errmsg_set(s->errmsg, ENOTSUP,
			  "what is mounted at %s (%s, mount %lu) shows, or lies on, what has lost "
			  "its name, which a snapshot cannot hold yet",
			  name, m->fs->type, m->id);
}

int mounts_find(struct saver *s)
{
	struct sandbox *sb = s->sandbox;
	struct mount *m;
	int err = 0;

	if (sb->mounts_made == sb->vfs->mount_event)
		return 0;
	s->tree = calloc(1, sizeof(struct saved_tree));
	if (!s->tree)
		return -ENOMEM;
	/* the program's processes rest: nobody adds any */
	err = add_namespace(s, nsproxy_mnt(sb->nsproxy));
	list_for_each (m, &sb->vfs->mounts, all_node)
		if (!err && m->root && !m->internal && !mounts_are_kept(sb, m))
			err = add_mount(s, m);
	for (size_t i = 0; i < s->nr_mounts && !err; i++)
		err = check_mount(s, s->mounts[i]);
	return err;
}

void mounts_free_saver(struct saver *s)
{
	struct saved_tree *t = s->tree;

	for (size_t i = 0; i < s->nr_mounts; i++)
		((struct mount *)s->mounts[i])->number = 0;
	free(s->mounts);
	if (t) {
		free(t->fs);
		free(t->ns);
	}
	free(t);
}

static void save_slaves(struct saver *s, const struct mount *m)
{
	size_t place = encode_place(&s->out);
	const struct mount *slave;
	uint64_t nr = 0;

	list_for_each (slave, &m->slaves, slave_node) {
		encode(&s->out, slave->number);
		nr++;
	}
	encode_at(&s->out, place, nr);
}

static void save_mount(struct saver *s, struct mount *m)
{
	struct ns_common *ns = ns_of_inode(m->root->inode);

	encode(&s->out, m->id);
	encode(&s->out, m->flags);
	encode(&s->out, m->expiring);
	encode_string(&s->out, m->source);
	encode(&s->out, ns ? s->ns(s, ns) : 0);
	if (!ns)
		tree_save_inode(s, m->fs, m->root->inode, m->root);
	encode(&s->out, m->group);
	encode(&s->out, m->unbindable);
	encode(&s->out, m->unmovable);
	encode(&s->out, m->locked);
	encode(&s->out, list_empty(&m->peers) ? 0 : mount_next_peer(m)->number);
	save_slaves(s, m);
}

/* Of all below a root, each behind its parent: where it lies. */
static void save_links(struct saver *s, struct mount *root)
{
	size_t place = encode_place(&s->out);
	uint64_t nr = 0;

	for (struct mount *m = root ? tree_next(root, root) : NULL; m; m = tree_next(m, root)) {
		char name[PATH_MAX];
		encode(&s->out, m->number);
		encode(&s->out, m->parent->number);
		encode_string(&s->out, m->over ? m->over->name : NULL);
		if (m->over)
			encode_string(&s->out,
				      inode_path(m->over->dir, NULL, name) < 0 ? NULL : name);
		nr++;
	}
	encode_at(&s->out, place, nr);
}

static void save_namespace(struct saver *s, const struct mnt_namespace *ns)
{
	encode(&s->out, ns->ns.inum);
	encode(&s->out, ns->anonymous);
	encode(&s->out, ns->root ? ns->root->number : 0);
	save_links(s, ns->root);
}

int mounts_save(struct saver *s)
{
	const struct saved_tree *t = s->tree;
	const struct sandbox *sb = s->sandbox;

	encode(&s->out, t != NULL);
	if (!t)
		return 0;
	int err = tree_save_fs(s);
	encode(&s->out, sb->vfs->next_mount_id);
	encode(&s->out, sb->vfs->next_group);
	encode(&s->out, t->nr_ns);
	encode(&s->out, s->nr_mounts);
	for (size_t i = 0; i < s->nr_mounts; i++)
		save_mount(s, s->mounts[i]);
	for (size_t i = 0; i < t->nr_ns; i++)
		save_namespace(s, t->ns[i]);
	return err;
}

/* ---- loading ---- */

/* Who may mount could look beneath what hides something; so could who has written the snapshot. */
static int check_world(struct loader *l)
{
	const struct sandbox *sb = l->sandbox;

	return sb->withheld_caps & 1UL << CAP_SYS_ADMIN
		   ? errmsg_set(l->errmsg, EPERM,
				"the program has changed what is mounted, and this configuration "
				"hides something")
		   : 0;
}

int mounts_load_filesystems(struct loader *l, struct decoder *in)
{
	l->in = *in;
	if (!decode_bool(&l->in)) {
		*in = l->in;
		return l->in.failed ? loader_damaged(l, "what is mounted") : 0;
	}
	int err = check_world(l);
	if (!err && !(l->tree = calloc(1, sizeof(struct saved_tree))))
		err = -ENOMEM;
	if (!err)
		err = tree_load_fs(l);
	*in = l->in;
	return err;
}

static int load_root(struct loader *l, struct tree_fs *f, struct dentry **root)
{
	const struct sandbox *sb = l->sandbox;
	struct tree_fs *known;
	struct path p;
	void *ns;
	int err = l->ns(l, decode(&l->in), &ns);

	if (err)
		return err;
	if (!ns) {
		err = tree_load_inode(l, &known, root);
		if (!err)
			*f = *known;
		return err;
	}
	err = ns_path(sb->vfs, ns, &p);
	if (err)
		return err;
	*f = (struct tree_fs){ .fs = sb->vfs->nsfs };
	*root = dentry_get(p.dentry);
	path_put(&p);
	return 0;
}

/* Who is whose peer and slave is kept for later: numbers. */
struct relations {
	uint64_t next_peer, nr_slaves;
	struct decoder slaves;
};

static int load_mount(struct loader *l, struct relations *r, uint64_t *last_id)
{
	const struct saved_tree *t = l->tree;
	struct sandbox *sb = l->sandbox;
	uint64_t id = decode_between(&l->in, (int64_t)*last_id + 1, INT64_MAX / 2);
	unsigned flags = (unsigned)decode_max(&l->in, FLAGS_ALL);
	bool expiring = decode_bool(&l->in);
	char *source = decode_string(&l->in, PATH_MAX);
	struct tree_fs f = { .fs = NULL };
	struct dentry *root = NULL;
	struct mount *m = NULL;
	int err = source ? load_root(l, &f, &root) : loader_damaged(l, "a mount");

	if (!err)
		m = mount_new(sb->vfs, filesystem_get(f.fs), root, flags | f.locked, source);
	if (!err && !m)
		err = -ENOMEM;
	free(source);
	dentry_put(root);
	if (err)
		return err;
	t->expiring[l->nr_mounts] = expiring;
	l->mounts[l->nr_mounts++] = m;
	*last_id = m->id = id;
	m->group = decode_max(&l->in, INT64_MAX);
	m->unbindable = decode_bool(&l->in);
	m->unmovable = decode_bool(&l->in);
	sb->vfs->has_unmovable |= m->unmovable;
	/* what a configuration keeps from a guest stays so */
	m->locked = f.locked | (unsigned)decode_max(&l->in, LOCKED_ALL);
	r->next_peer = decode(&l->in);
	r->nr_slaves = decode_count(&l->in, sizeof(uint64_t));
	r->slaves = l->in;
	for (uint64_t i = 0; i < r->nr_slaves; i++)
		(void)decode(&l->in);
	return l->in.failed ? loader_damaged(l, "a mount") : 0;
}

/* Peers are a ring of one group. */
static int join_peers(struct loader *l, const struct relations *r)
{
	for (size_t i = 0; i < l->nr_mounts; i++) {
		struct mount *first = l->mounts[i], *m;
		uint64_t n = r[i].next_peer;

		if (!n || !list_empty(&first->peers))
			continue;
		for (; n != i + 1; n = r[n - 1].next_peer) {
			m = mount_number(l->mounts, l->nr_mounts, n);
			if (!m || !first->group || m->group != first->group || m == first ||
			    !list_empty(&m->peers))
				return loader_damaged(l, "the peers of a mount");
			list_add_tail(&first->peers, &m->peers);
		}
	}
	return 0;
}

static int join_slaves(struct loader *l, struct mount *master, const struct relations *r)
{
	struct decoder in = r->slaves;

	for (uint64_t i = 0; i < r->nr_slaves; i++) {
		struct mount *m = mount_number(l->mounts, l->nr_mounts, decode(&in));
		if (!m || !master->group || m->master || m == master)
			return loader_damaged(l, "the slaves of a mount");
		m->master = master;
		list_add_tail(&master->slaves, &m->slave_node);
	}
	return 0;
}

/* The first of its peers, by number. */
static struct mount *leader(struct mount *m)
{
	struct mount *first = m;

	for (struct mount *p = mount_next_peer(m); p != m; p = mount_next_peer(p))
		if (p->id < first->id)
			first = p;
	return first;
}

/* Peers have masters of one group, and nobody follows himself: what goes from mount to mount comes
 * to an end. mount.copy is that of all peers, while this is found out. */
static int check_relations(struct loader *l)
{
	bool good = true;

	for (size_t i = 0; i < l->nr_mounts; i++) {
		struct mount *m = l->mounts[i];
		if (m->copy)
			continue;
		struct mount *p = m, *first = leader(m);
		do {
			p->copy = first;
			good &= (p->master ? p->master->group : 0) ==
				(m->master ? m->master->group : 0);
			p = mount_next_peer(p);
		} while (p != m);
	}
	/* each is gone through once: `marked` are those that lead to an end */
	for (size_t i = 0; i < l->nr_mounts && good; i++) {
		struct mount *from = ((struct mount *)l->mounts[i])->copy, *m = from;
		while (m && !m->marked && !m->visited) {
			m->visited = true;
			m = m->master ? m->master->copy : NULL;
		}
		good = !m || m->marked;
		for (m = from; m && m->visited; m = m->master ? m->master->copy : NULL) {
			m->visited = false;
			m->marked = true;
		}
	}
	for (size_t i = 0; i < l->nr_mounts; i++) {
		struct mount *m = l->mounts[i];
		m->copy = NULL;
		m->marked = m->visited = false;
	}
	return good ? 0 : loader_damaged(l, "who follows whose mounts");
}

static int relate(struct loader *l, const struct relations *r, uint64_t next_group)
{
	struct sandbox *sb = l->sandbox;
	int err = join_peers(l, r);

	for (size_t i = 0; i < l->nr_mounts && !err; i++) {
		const struct mount *m = l->mounts[i];
		err = join_slaves(l, l->mounts[i], &r[i]);
		if (!err && m->group > next_group)
			err = loader_damaged(l, "a group of mounts");
	}
	if (!err)
		sb->vfs->next_group = next_group;
	return err ? err : check_relations(l);
}

static int load_mounts(struct loader *l, uint64_t nr, uint64_t next_group)
{
	struct relations *r = calloc(nr + 1, sizeof *r);
	struct saved_tree *t = l->tree;
	uint64_t last_id = 0;
	int err = 0;

	l->mounts = calloc(nr + 1, sizeof *l->mounts);
	t->expiring = calloc(nr + 1, sizeof *t->expiring);
	if (!r || !l->mounts || !t->expiring)
		err = -ENOMEM;
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_mount(l, &r[i], &last_id);
	if (!err) {
		const struct sandbox *sb = l->sandbox;
		mutex_lock(&sb->vfs->namespace_lock);
		err = relate(l, r, next_group);
		mutex_unlock(&sb->vfs->namespace_lock);
	}
	free(r);
	return err;
}

/* ---- where they lie ---- */

static int hang(struct mnt_namespace *ns, struct mount *m, const struct point *p)
{
	mutex_lock(&ns->vfs->namespace_lock);
	rwlock_wrlock(&ns->vfs->mount_lock);
	int err = mount_hash_reserve(ns->vfs->mount_hash, 1);
	if (!err) {
		mount_set_point(m, p);
		mount_link(m);
		mount_join(mount_get(m), ns);
	}
	rwlock_unlock(&ns->vfs->mount_lock);
	mutex_unlock(&ns->vfs->namespace_lock);
	return err;
}

static int load_link(struct loader *l, struct mnt_namespace *ns)
{
	struct mount *m = mount_number(l->mounts, l->nr_mounts, decode(&l->in)),
		     *parent = mount_number(l->mounts, l->nr_mounts, decode(&l->in));
	char *name = decode_string(&l->in, NAME_MAX + 1);
	char *dir = name ? decode_string(&l->in, PATH_MAX) : NULL;
	struct path at = { parent, NULL };
	struct point p = { .parent = NULL };
	int err = 0;

	if (l->in.failed || !m || !parent || m->ns || parent->ns != ns ||
	    (name && (!dir || dir[0] != '/' || !*name || strchr(name, '/'))) ||
	    ns->nr_mounts >= MOUNT_MAX)
		err = loader_damaged(l, "where something is mounted");
	if (!err && name)
		err = place_in(parent->fs, l->caller, dir, &at.dentry);
	if (!err)
		err = point_init(&p, &at, name);
	if (!err)
		err = hang(ns, m, &p);
	else if (err != -EBADMSG)
		err = errmsg_set(l->errmsg, -err, "%s, in which something is mounted: %s",
				 dir ? dir : "/", strerror(-err));
	point_put(&p);
	dentry_put(at.dentry);
	free(name);
	free(dir);
	return err;
}

static int load_namespace(struct loader *l, struct mnt_namespace *ns, bool first)
{
	struct sandbox *sb = l->sandbox;
	unsigned inum = (unsigned)decode_max(&l->in, UINT32_MAX);

	ns->anonymous = decode_bool(&l->in);
	struct mount *root = mount_number(l->mounts, l->nr_mounts, decode(&l->in));
	uint64_t nr = decode_count(&l->in, 3 * sizeof(uint64_t));
	if (l->in.failed || !root || root->ns || (first && ns->anonymous))
		return loader_damaged(l, "a namespace of mounts");
	if (!first)
		ns_renumber(&ns->ns, sb->vfs->ns_numbers, inum);
	mutex_lock(&sb->vfs->namespace_lock);
	tree_settle(mount_get(root), ns);
	mutex_unlock(&sb->vfs->namespace_lock);
	int err = 0;
	for (uint64_t i = 0; i < nr && !err; i++)
		err = load_link(l, ns);
	return err;
}

static int make_namespaces(struct loader *l, uint64_t nr)
{
	struct saved_tree *t = l->tree;
	struct sandbox *sb = l->sandbox;

	t->ns = calloc(nr + 1, sizeof(struct mnt_namespace *));
	if (!t->ns)
		return -ENOMEM;
	for (; t->nr_ns < nr; t->nr_ns++) {
		struct mnt_namespace *ns;
		if (t->nr_ns) {
			ns = mnt_ns_new(sb->vfs, sb->vfs->user_ns);
		} else {
			ns = nsproxy_mnt(sb->nsproxy);
			ns_get(&ns->ns);
		}
		if (!ns)
			return -ENOMEM;
		t->ns[t->nr_ns] = ns;
	}
	return nr ? 0 : loader_damaged(l, "the namespaces of mounts");
}

/* What the configuration has mounted. */
static void take_down(struct mnt_namespace *ns)
{
	struct list gone = LIST_INIT(gone);

	mutex_lock(&ns->vfs->namespace_lock);
	tree_drop(ns->root, &gone);
	mutex_unlock(&ns->vfs->namespace_lock);
	tree_put_gone(&gone);
}

/* From a mount of the configuration to one that shows the same. */
static void move_path(struct loader *l, struct path *p)
{
	for (size_t i = 0; i < l->nr_mounts && p->mnt && p->mnt->root; i++) {
		struct mount *m = l->mounts[i], *old = p->mnt;
		if (m->fs != old->fs || m->root->inode != m->fs->root || !m->ns || m == old)
			continue;
		p->mnt = mount_get(m);
		mount_put(old);
		return;
	}
}

/* Whoever stood in the tree of the configuration: the loader itself, the standard descriptors. */
static void move_all(struct loader *l)
{
	struct sandbox *sb = l->sandbox;
	const struct caller *c = l->caller;
	struct path root = mnt_ns_root(nsproxy_mnt(sb->nsproxy)), cwd = path_get(&root);

	fs_struct_set_root(c->fs, &root);
	fs_struct_set_cwd(c->fs, &cwd);
	for (int i = 0; i < 3; i++)
		if (l->stdio[i])
			move_path(l, &((struct file *)l->stdio[i])->path);
	move_path(l, &sb->vfs->sysroot);
}

int mounts_load(struct loader *l, struct decoder *in)
{
	struct sandbox *sb = l->sandbox;
	struct saved_tree *t = l->tree;

	if (!t)
		return decoder_done(in) ? 0 : loader_damaged(l, "what follows the mounts");
	l->in = *in;
	int err = tree_make_overlays(l);
	uint64_t next_id = decode_max(&l->in, INT64_MAX / 2);
	uint64_t next_group = decode_max(&l->in, INT64_MAX / 2);
	uint64_t nr_ns = decode_count(&l->in, 4 * sizeof(uint64_t));
	uint64_t nr = decode_count(&l->in, 11 * sizeof(uint64_t));
	if (!err && l->in.failed)
		err = loader_damaged(l, "what is mounted");
	if (!err)
		err = make_namespaces(l, nr_ns);
	if (!err)
		err = load_mounts(l, nr, next_group);
	if (err)
		return err;
	take_down(nsproxy_mnt(sb->nsproxy));
	for (size_t i = 0; i < t->nr_ns && !err; i++)
		err = load_namespace(l, t->ns[i], !i);
	if (!err && !decoder_done(&l->in))
		err = loader_damaged(l, "what follows the last mount");
	if (err)
		return err;
	if (sb->vfs->next_mount_id < next_id)
		sb->vfs->next_mount_id = next_id;
	move_all(l);
	return 0;
}

/* One that lies nowhere has no peers: it goes with the last who uses it. */
static void let_go(struct mount *m, bool expiring)
{
	mutex_lock(&m->vfs->namespace_lock);
	if (!m->ns)
		propagation_leave(m);
	mutex_unlock(&m->vfs->namespace_lock);
	m->expiring = expiring;
	mount_unref(m);
}

void mounts_free_loader(struct loader *l)
{
	struct saved_tree *t = l->tree;

	for (size_t i = 0; i < l->nr_mounts; i++)
		let_go(l->mounts[i], t->expiring[i]);
	free(l->mounts);
	for (size_t i = 0; t && i < t->nr_ns; i++)
		ns_put(&t->ns[i]->ns);
	for (size_t i = 0; t && i < t->nr_fs; i++)
		filesystem_put(t->fs[i].fs);
	if (t) {
		free(t->fs);
		free(t->ns);
		free(t->expiring);
	}
	free(t);
}

int mounts_namespace(struct loader *l, uint64_t number, struct mnt_namespace **out)
{
	const struct saved_tree *t = l->tree;
	struct sandbox *sb = l->sandbox;

	if (number > (t ? t->nr_ns : 0))
		return loader_damaged(l, "the number of a namespace");
	*out = number ? t->ns[number - 1] : mnt_ns_new(sb->vfs, sb->vfs->user_ns);
	if (!*out)
		return -ENOMEM;
	if (number)
		ns_get(&(*out)->ns);
	else
		(*out)->anonymous = true;
	return 0;
}
