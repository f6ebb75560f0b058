/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the groups of peers, and who is whose slave. See the header. */
#include "fs/peers.h"

static bool has_peers(const struct mount *m)
{
	return !list_empty(&m->peers);
}

static void enslave(struct mount *m, struct mount *master)
{
	list_del(&m->slave_node);
	m->master = master;
	if (master)
		list_add_tail(&master->slaves, &m->slave_node);
}

static void share(struct mount *m)
{
	if (!m->group)
		m->group = ++m->vfs->next_group;
	m->unbindable = false;
}

void propagation_inherit(struct mount *m, struct mount *old, unsigned how)
{
	m->unbindable = old->unbindable && !(how & COPY_SHARED);
	if (old->group && !(how & COPY_SLAVE)) {
		m->group = old->group;
		list_add(&old->peers, &m->peers);
	}
	if (how & COPY_SLAVE && old->group)
		enslave(m, old);
	else if (old->master)
		enslave(m, old->master);
	if (how & COPY_SHARED)
		share(m);
}

/* Whom the slaves of `m` follow when it leaves its group: a peer that shows the same, or else any;
 * or its own master. */
static struct mount *successor(struct mount *m)
{
	for (struct mount *p = mount_next_peer(m); p != m; p = mount_next_peer(p)) {
		if (inode_same(p->root->inode, m->root->inode))
			return p;
	}
	return has_peers(m) ? mount_next_peer(m) : m->master;
}

static void become_slave(struct mount *m)
{
	struct mount *master = successor(m), *s, *next;
	bool peers = has_peers(m);

	list_del(&m->peers);
	m->group = 0;
	list_for_each_safe (s, next, &m->slaves, slave_node)
		enslave(s, master);
	if (peers)
		enslave(m, master);
}

void propagation_change(struct mount *m, enum propagation to)
{
	lock_assert_held(&m->vfs->namespace_lock);
	if (to == PROPAGATION_SHARED) {
		share(m);
		return;
	}
	become_slave(m);
	if (to == PROPAGATION_SLAVE)
		return;
	enslave(m, NULL);
	m->unbindable = to == PROPAGATION_UNBINDABLE;
}

void propagation_leave(struct mount *m)
{
	propagation_change(m, PROPAGATION_PRIVATE);
}

static bool has_peer_below(struct mount *m, const struct mnt_namespace *ns, const struct path *root)
{
	struct mount *p = m;

	do {
		if (p->ns == ns && mount_is_reachable(p, p->root->inode, root))
			return true;
		p = mount_next_peer(p);
	} while (p != m);
	return false;
}

uint64_t propagation_dominating(const struct mount *m, const struct path *root)
{
	for (struct mount *master = m->master; master; master = master->master) {
		if (has_peer_below(master, m->ns, root))
			return master->group;
	}
	return 0;
}
