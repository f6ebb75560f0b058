/* SPDX-License-Identifier: Apache-2.0 */
/* statmount(2), listmount(2): what there is to tell of mounts, by their numbers that are never used
 * again. */
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/mount.h"
#include "fs/peers.h"
#include "sys/mount.h"
#include "sys/mount_abi.h"

/* All numbers are above this one (MNT_UNIQUE_ID_OFFSET). */
#define NO_MOUNT (1ULL << 31)

/* copy_mnt_id_req(), and whose mounts are meant: the caller's own, there are no others to be asked
 * for by number. */
static int get_request(struct task *t, gva_t addr, struct mnt_id_req_abi *req)
{
	uint32_t size;

	if (get_user(t, &size, addr))
		return -EFAULT;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < MNT_ID_REQ_ABI_VER0)
		return -EINVAL;
	int err = get_struct(t, addr, size, req, sizeof *req);
	if (err)
		return err;
	if (req->spare || req->mnt_id <= NO_MOUNT)
		return -EINVAL;
	return !req->mnt_ns_id || req->mnt_ns_id == task_mnt_ns(t)->ns.inum ? 0 : -ENOENT;
}

static struct mount *find_mount(struct mnt_namespace *ns, uint64_t id)
{
	struct mount *m;

	list_for_each (m, &ns->mounts, ns_node) {
		if (mount_unique_id(m) == id)
			return m;
	}
	return NULL;
}

/* ---- statmount ---- */

struct answer {
	struct task *t;
	const struct mnt_id_req_abi *req;
	struct path root; /* of the caller */
	struct statmount_abi sm;
	struct text strings;
};

static uint64_t attributes_of(const struct mount *m)
{
	static const struct {
		unsigned flag, attr;
	} map[] = {
		{ MOUNT_RDONLY, MOUNT_ATTR_ABI_RDONLY },
		{ MOUNT_NOSUID, MOUNT_ATTR_ABI_NOSUID },
		{ MOUNT_NODEV, MOUNT_ATTR_ABI_NODEV },
		{ MOUNT_NOEXEC, MOUNT_ATTR_ABI_NOEXEC },
		{ MOUNT_NODIRATIME, MOUNT_ATTR_ABI_NODIRATIME },
		{ MOUNT_NOSYMFOLLOW, MOUNT_ATTR_ABI_NOSYMFOLLOW },
		{ MOUNT_NOATIME, MOUNT_ATTR_ABI_NOATIME },
		{ MOUNT_STRICTATIME, MOUNT_ATTR_ABI_STRICTATIME },
	};
	uint64_t attr = 0;

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		attr |= m->flags & map[i].flag ? map[i].attr : 0;
	return attr;
}

static uint64_t propagation_flags(const struct mount *m)
{
	uint64_t flags = (m->group ? MS_SHARED : 0U) | (m->master ? MS_SLAVE : 0U) |
			 (m->unbindable ? (unsigned)MS_UNBINDABLE : 0U);

	return flags ? flags : MS_PRIVATE;
}

static void tell_file_system(struct answer *a, struct mount *m)
{
	struct caller c = task_caller(a->t);
	struct inode *i = m->root->inode;
	struct statfs fs = { 0 };
	struct statx st;

	if (inode_getattr(i, &c, STATX_INO, &st) == 0) {
		a->sm.sb_dev_major = st.stx_dev_major;
		a->sm.sb_dev_minor = st.stx_dev_minor;
	}
	if (i->ops->statfs && i->ops->statfs(i, &c, &fs) == 0)
		a->sm.sb_magic = (uint64_t)fs.f_type;
	a->sm.sb_flags = (m->fs->readonly ? MS_RDONLY : 0U) | m->fs->shown;
}

static void tell_mount(struct answer *a, const struct mount *m)
{
	const struct mount *above = m->parent ? m->parent : m;

	a->sm.mnt_id = mount_unique_id(m);
	a->sm.mnt_parent_id = mount_unique_id(above);
	a->sm.mnt_id_old = (uint32_t)m->id;
	a->sm.mnt_parent_id_old = (uint32_t)above->id;
	a->sm.mnt_attr = attributes_of(m);
	a->sm.mnt_propagation = propagation_flags(m);
	a->sm.mnt_peer_group = m->group;
	a->sm.mnt_master = m->master ? m->master->group : 0;
}

/* A string, told if there is one. */
static void add_string(struct answer *a, uint32_t *offset, uint64_t bit, const char *s)
{
	if (!*s)
		return;
	*offset = (uint32_t)a->strings.len;
	text_puts(&a->strings, s);
	text_put(&a->strings, "", 1);
	a->sm.mask |= bit;
}

static void tell_options(struct answer *a, struct mount *m)
{
	struct text options = { 0 };

	if (m->fs->ops->show_options)
		m->fs->ops->show_options(m->fs, &options);
	if (options.len) /* without the comma in front */
		add_string(a, &a->sm.mnt_opts, STATMOUNT_ABI_MNT_OPTS, text_str(&options) + 1);
	text_free(&options);
}

static void tell_strings(struct answer *a, struct mount *m)
{
	const struct path at = { .mnt = m, .dentry = m->root };
	uint64_t mask = a->req->param;
	char path[PATH_MAX];

	if (mask & STATMOUNT_ABI_FS_TYPE)
		add_string(a, &a->sm.fs_type, STATMOUNT_ABI_FS_TYPE, m->fs->type);
	if (mask & STATMOUNT_ABI_MNT_ROOT && inode_path(m->root->inode, m->root, path) > 0)
		add_string(a, &a->sm.mnt_root, STATMOUNT_ABI_MNT_ROOT, path);
	if (mask & STATMOUNT_ABI_MNT_POINT &&
	    path_string_below(&at, &a->root, path, sizeof path) > 0)
		add_string(a, &a->sm.mnt_point, STATMOUNT_ABI_MNT_POINT, path);
	if (mask & STATMOUNT_ABI_MNT_OPTS)
		tell_options(a, m);
	if (mask & STATMOUNT_ABI_SB_SOURCE)
		add_string(a, &a->sm.sb_source, STATMOUNT_ABI_SB_SOURCE, m->source);
}

static int tell(struct answer *a, struct mnt_namespace *ns)
{
	struct mount *m = find_mount(ns, a->req->mnt_id);
	uint64_t mask = a->req->param;

	if (!m)
		return -ENOENT;
	if (!mount_is_reachable(m, m->root->inode, &a->root) && !task_may_mount(a->t))
		return -EPERM;
	a->sm.mask = mask & (STATMOUNT_ABI_SB_BASIC | STATMOUNT_ABI_MNT_BASIC |
			     STATMOUNT_ABI_PROPAGATE_FROM | STATMOUNT_ABI_MNT_NS_ID |
			     STATMOUNT_ABI_SUPPORTED);
	if (mask & STATMOUNT_ABI_SB_BASIC)
		tell_file_system(a, m);
	if (mask & STATMOUNT_ABI_MNT_BASIC)
		tell_mount(a, m);
	if (mask & STATMOUNT_ABI_PROPAGATE_FROM && m->master)
		a->sm.propagate_from = propagation_dominating(m, &a->root);
	if (mask & STATMOUNT_ABI_MNT_NS_ID)
		a->sm.mnt_ns_id = ns->ns.inum;
	if (mask & STATMOUNT_ABI_SUPPORTED)
		a->sm.supported_mask = STATMOUNT_ABI_KNOWN;
	text_put(&a->strings, "", 1); /* where strings are that are not told */
	tell_strings(a, m);
	return a->strings.failed ? -ENOMEM : 0;
}

/* The struct, as much of it as there is room for, and the strings, of which all must fit. */
static int put_answer(struct answer *a, gva_t buf, uint64_t size)
{
	size_t head = size < sizeof a->sm ? size : sizeof a->sm,
	       strings = a->strings.len > 1 ? a->strings.len : 0;

	if (strings > size - head)
		return -EOVERFLOW;
	a->sm.size = (uint32_t)(head + strings);
	if (copy_to_guest(a->t->mm, buf, &a->sm, head) ||
	    copy_to_guest(a->t->mm, gva_add(buf, sizeof a->sm), text_str(&a->strings), strings))
		return -EFAULT;
	return 0;
}

SYSCALL_DEFINE(statmount)
{
	struct mnt_namespace *ns = task_mnt_ns(t);
	struct mnt_id_req_abi req;

	if (a[3])
		return -EINVAL;
	int err = get_request(t, GVA(a[0]), &req);
	if (err)
		return err;
	struct answer answer = { .t = t, .req = &req, .root = fs_struct_root(t->fs) };
	mutex_lock(&ns->vfs->namespace_lock);
	err = tell(&answer, ns);
	mutex_unlock(&ns->vfs->namespace_lock);
	if (!err)
		err = put_answer(&answer, GVA(a[1]), a[2]);
	text_free(&answer.strings);
	path_put(&answer.root);
	return err;
}

/* ---- listmount ---- */

#define LIST_MAX 1000000

struct list_call {
	struct path below; /* mounts that lie there, itself not counted */
	uint64_t self, last;
	bool reverse;
	uint64_t *ids;
	size_t count, max;
};

static void consider(struct list_call *l, struct mount *m)
{
	uint64_t id = mount_unique_id(m);
	bool behind = !l->last || (l->reverse ? id < l->last : id > l->last);

	if (behind && id != l->self && l->count < l->max &&
	    mount_is_reachable(m, m->root->inode, &l->below))
		l->ids[l->count++] = id;
}

static int list_below(struct task *t, struct mnt_namespace *ns, const struct path *root,
		      const struct mnt_id_req_abi *req, struct list_call *l)
{
	struct mount *m;

	l->below = *root;
	if (req->mnt_id != LSMT_ABI_ROOT) {
		m = find_mount(ns, req->mnt_id);
		if (!m)
			return -ENOENT;
		l->below = (struct path){ .mnt = m, .dentry = m->root };
		l->self = req->mnt_id;
	}
	if (!mount_is_reachable(l->below.mnt, l->below.dentry->inode, root) && !task_may_mount(t))
		return -EPERM;
	l->max = l->max < ns->nr_mounts ? l->max : ns->nr_mounts;
	l->ids = calloc(l->max + 1, sizeof *l->ids);
	if (!l->ids)
		return -ENOMEM;
	for (struct list *n = l->reverse ? ns->mounts.prev : ns->mounts.next; n != &ns->mounts;
	     n = l->reverse ? n->prev : n->next)
		consider(l, container_of(n, struct mount, ns_node));
	return 0;
}

SYSCALL_DEFINE(listmount)
{
	struct mnt_namespace *ns = task_mnt_ns(t);
	struct mnt_id_req_abi req;

	if (a[3] & ~(uint64_t)LISTMOUNT_ABI_REVERSE)
		return -EINVAL;
	if (a[2] > LIST_MAX)
		return -EOVERFLOW;
	if (!gva_range_ok(GVA(a[1]), a[2] * sizeof(uint64_t)))
		return -EFAULT;
	int err = get_request(t, GVA(a[0]), &req);
	if (err)
		return err;
	if (req.param && req.param <= NO_MOUNT)
		return -EINVAL;
	struct list_call l = { .last = req.param,
			       .reverse = a[3] & LISTMOUNT_ABI_REVERSE,
			       .max = a[2] };
	struct path root = fs_struct_root(t->fs);
	mutex_lock(&ns->vfs->namespace_lock);
	err = list_below(t, ns, &root, &req, &l);
	mutex_unlock(&ns->vfs->namespace_lock);
	if (!err && copy_to_guest(t->mm, GVA(a[1]), l.ids, l.count * sizeof *l.ids))
		err = -EFAULT;
	path_put(&root);
	free(l.ids);
	return err ? err : (int64_t)l.count;
}
