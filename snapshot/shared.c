/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads what threads share but memory and files: credentials, handlers of signals,
 * namespaces; and signals that wait. */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/signal.h"
#include "kernel/sigqueue.h"
#include "net/net.h"
#include "snapshot/mounts.h"
#include "snapshot/process.h"

#define NGROUPS_MAX_GUEST 65536
#define CAPS_ALL          ((2UL << CAP_LAST_CAP) - 1)
#define SECUREBITS_ALL    0xffU

/* The user namespace of a number, borrowed. */
static int users_loaded(struct loader *l, uint64_t number, struct user_namespace **out)
{
	void *object;
	int err = ns_loaded(l, number, &object);
	struct ns_common *ns = object;

	if (!err && (!ns || ns->kind != NS_USER))
		err = loader_damaged(l, "a user namespace");
	if (!err)
		*out = container_of(ns, struct user_namespace, ns);
	return err;
}

/* ---- credentials ---- */

static int cred_save(struct saver *s, void *object)
{
	const struct cred *c = object;
	const uint64_t ids[] = { c->uid, c->euid, c->suid, c->fsuid,
				 c->gid, c->egid, c->sgid, c->fsgid };
	const uint64_t caps[] = { c->cap_effective, c->cap_permitted, c->cap_inheritable,
				  c->cap_bounding, c->cap_ambient };

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		encode(&s->out, ids[i]);
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		encode(&s->out, caps[i]);
	encode(&s->out, ns_saved(s, &c->user_ns->ns));
	encode(&s->out, c->securebits);
	encode(&s->out, c->no_new_privs);
	encode(&s->out, (uint64_t)c->nr_groups);
	for (int i = 0; i < c->nr_groups; i++)
		encode(&s->out, c->groups[i]);
	return 0;
}

static int cred_load(struct loader *l, void **out)
{
	const struct sandbox *sb = l->sandbox;
	struct decoder *in = &l->in;
	uint32_t ids[8];
	uint64_t caps[5];

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		ids[i] = (uint32_t)decode_max(in, UINT32_MAX);
	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		caps[i] = decode_max(in, CAPS_ALL);
	struct user_namespace *users;
	int err = users_loaded(l, decode(in), &users);
	unsigned securebits = (unsigned)decode_max(in, SECUREBITS_ALL);
	bool no_new_privs = decode_bool(in);
	uint64_t n = decode_count(in, sizeof(uint64_t));
	if (!err && (in->failed || n > NGROUPS_MAX_GUEST))
		err = loader_damaged(l, "credentials");
	if (err)
		return err;
	struct cred *c = cred_copy(sb->vfs->monitor, (int)n);
	if (!c)
		return -ENOMEM;
	cred_enter(c, users);
	c->uid = ids[0], c->euid = ids[1], c->suid = ids[2], c->fsuid = ids[3];
	c->gid = ids[4], c->egid = ids[5], c->sgid = ids[6], c->fsgid = ids[7];
	c->cap_effective = caps[0], c->cap_permitted = caps[1], c->cap_inheritable = caps[2];
	c->cap_bounding = caps[3], c->cap_ambient = caps[4];
	cred_withhold(c, sb->withheld_caps);
	c->securebits = securebits;
	c->no_new_privs = no_new_privs;
	for (uint64_t i = 0; i < n; i++)
		c->groups[i] = (gid_t)decode_max(in, UINT32_MAX);
	*out = c;
	return 0;
}

static void cred_drop(void *object)
{
	cred_put(object);
}

const struct saved_kind cred_kind = {
	.name = "credentials",
	.save = cred_save,
	.load = cred_load,
	.put = cred_drop,
};

/* ---- handlers of signals ---- */

static int sighand_save(struct saver *s, void *object)
{
	const struct sighand *h = object;

	for (int i = 0; i < NSIGNALS; i++) {
		encode(&s->out, h->action[i].handler.v);
		encode(&s->out, h->action[i].flags);
		encode(&s->out, h->action[i].restorer.v);
		encode(&s->out, h->action[i].mask);
	}
	return 0;
}

static int sighand_load(struct loader *l, void **out)
{
	struct sighand *h = sighand_new();

	if (!h)
		return -ENOMEM;
	for (int i = 0; i < NSIGNALS; i++) {
		struct ksigaction *a = &h->action[i];

		a->handler = GVA(decode(&l->in));
		a->flags = decode(&l->in);
		a->restorer = GVA(decode(&l->in));
		a->mask = decode(&l->in) & ~SIGSET_UNBLOCKABLE;
	}
	h->action[SIGKILL - 1].handler = h->action[SIGSTOP - 1].handler = HANDLER_DFL;
	*out = h;
	return 0;
}

static void sighand_drop(void *object)
{
	sighand_put(object);
}

const struct saved_kind sighand_kind = {
	.name = "signal handlers",
	.save = sighand_save,
	.load = sighand_load,
	.put = sighand_drop,
};

/* ---- namespaces ---- */

void uts_names_save(struct saver *s, const struct uts_namespace *ns)
{
	char name[UTS_NAME_MAX + 1];

	for (enum uts_name n = 0; n < UTS_NAMES; n++) {
		uts_get(ns, n, name);
		encode_string(&s->out, name);
	}
}

/* The sandbox's own first one of the kind. */
static struct ns_common *first_ns(const struct sandbox *sb, enum ns_kind kind)
{
	return kind == NS_USER ? &sb->vfs->user_ns->ns : sb->nsproxy->ns[kind];
}

static void users_save(struct saver *s, const struct user_namespace *u)
{
	encode(&s->out, u->owner);
	encode(&s->out, u->group);
	encode(&s->out, u->setgroups_denied);
	encode(&s->out, u->parent_could_setfcap);
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++)
		encode(&s->out, u->namespaces[kind].max);
	for (enum id_kind kind = 0; kind < ID_KINDS; kind++) {
		const struct id_map *map = u->maps[kind];
		encode(&s->out, map ? map->nr : 0);
		for (unsigned i = 0; map && i < map->nr; i++) {
			encode(&s->out, map->extents[i].first);
			encode(&s->out, map->extents[i].lower);
			encode(&s->out, map->extents[i].count);
		}
	}
}

static int load_map(struct loader *l, struct user_namespace *u, enum id_kind kind)
{
	uint64_t nr = decode_count(&l->in, 3 * sizeof(uint64_t));
	struct id_map *map =
	    nr && nr <= ID_EXTENTS ? calloc(1, sizeof *map + nr * sizeof(struct id_extent)) : NULL;

	if (nr && !map)
		return nr > ID_EXTENTS ? loader_damaged(l, "a map of ids") : -ENOMEM;
	for (uint64_t i = 0; i < nr; i++) {
		struct id_extent *e = &map->extents[map->nr++];
		e->first = (uint32_t)decode_max(&l->in, UINT32_MAX - 1);
		e->lower = (uint32_t)decode_max(&l->in, UINT32_MAX - 1);
		e->count = (uint32_t)decode_between(&l->in, 1, UINT32_MAX);
		if (e->count > UINT32_MAX - e->first || e->count > UINT32_MAX - e->lower)
			l->in.failed = true;
	}
	return map && user_ns_set_map(u, kind, map) ? loader_damaged(l, "a map of ids") : 0;
}

static void time_save(struct saver *s, const struct time_namespace *ns)
{
	encode_signed(&s->out, ns->monotonic);
	encode_signed(&s->out, ns->boottime);
	encode(&s->out, ns->joined);
}

/* Who was born in it says so himself. One that has an init is closed by it. */
static void pids_save(struct saver *s, const struct pid_namespace *ns)
{
	encode(&s->out, ns_saved(s, ns->parent->level ? &ns->parent->ns : NULL));
	encode(&s->out, (uint64_t)pid_last(ns));
	encode(&s->out, ns->closed && !ns->init);
	encode_signed(&s->out, ns->reboot);
}

/* Users, numbers of processes, the names of a machine, System V objects, the mounts of a tree, an
 * interface lo, distances of clocks; one of control groups has nothing. */
static int ns_save(struct saver *s, void *object)
{
	struct ns_common *ns = object;
	bool first = ns == first_ns(s->sandbox, ns->kind);

	encode(&s->out, ns->kind);
	encode(&s->out, first);
	if (first)
		return 0;
	encode(&s->out, ns->inum);
	encode(&s->out, ns_saved(s, ns->owner ? &ns->owner->ns : NULL));
	if (ns->kind == NS_USER)
		users_save(s, container_of(ns, struct user_namespace, ns));
	else if (ns->kind == NS_PID)
		pids_save(s, container_of(ns, struct pid_namespace, ns));
	else if (ns->kind == NS_UTS)
		uts_names_save(s, container_of(ns, struct uts_namespace, ns));
	else if (ns->kind == NS_IPC)
		encode(&s->out, ipc_ns_number(s, container_of(ns, struct ipc_namespace, ns)));
	else if (ns->kind == NS_NET)
		net_save(s, net_of(ns));
	else if (ns->kind == NS_MNT)
		encode(&s->out, mounts_namespace_number(s, mnt_ns_of(ns)));
	else if (ns->kind == NS_TIME)
		time_save(s, container_of(ns, struct time_namespace, ns));
	return 0;
}

static int load_users(struct loader *l, struct user_namespace *owner, struct ns_common **out)
{
	const struct sandbox *sb = l->sandbox;
	uid_t uid = (uid_t)decode_max(&l->in, UINT32_MAX);
	gid_t gid = (gid_t)decode_max(&l->in, UINT32_MAX);
	struct user_namespace *u =
	    owner->level > USER_NS_DEPTH ? NULL : user_ns_new(sb->vfs->ns_numbers, owner, uid, gid);
	int err = u ? 0 : -ENOMEM;

	if (err)
		return err;
	u->setgroups_denied = decode_bool(&l->in);
	u->parent_could_setfcap = decode_bool(&l->in);
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++)
		u->namespaces[kind].max = (unsigned)decode_max(&l->in, INT_MAX);
	for (enum id_kind kind = 0; kind < ID_KINDS && !err; kind++)
		err = load_map(l, u, kind);
	if (!err && l->in.failed)
		err = loader_damaged(l, "a user namespace");
	if (err)
		ns_put(&u->ns);
	else
		*out = &u->ns;
	return err;
}

static int load_pids(struct loader *l, struct user_namespace *owner, struct ns_common **out)
{
	struct sandbox *sb = l->sandbox;
	struct pid_namespace *parent, *ns;
	int err = pid_ns_loaded(l, decode(&l->in), &parent);

	if (err)
		return err;
	pid_t last = (pid_t)decode_between(&l->in, 0, parent->max - 1);
	bool closed = decode_bool(&l->in);
	int reboot = (int)decode_between(&l->in, 0, NSIGNALS);
	if (l->in.failed)
		return loader_damaged(l, "a namespace of processes");
	if (!budget_room(sb->mem.budget, sizeof *ns))
		return -ENOMEM;
	err = pid_ns_below(parent, sb->vfs, owner, &ns);
	if (err)
		return err == -ENOMEM ? err : loader_damaged(l, "a namespace of processes");
	pid_set_last(ns, last);
	ns->closed = closed;
	ns->reboot = reboot;
	*out = &ns->ns;
	return 0;
}

static int load_uts(struct loader *l, struct user_namespace *owner, struct ns_common **out)
{
	const struct sandbox *sb = l->sandbox;
	struct uts_namespace *ns;
	int err = uts_ns_copy(nsproxy_uts(sb->nsproxy), owner, &ns);

	if (err)
		return err;
	err = uts_names_load(l, &l->in, ns);
	if (err)
		ns_put(&ns->ns);
	else
		*out = &ns->ns;
	return err;
}

static int load_mnt(struct loader *l, struct ns_common **out)
{
	struct mnt_namespace *ns;
	int err = mounts_namespace(l, decode(&l->in), &ns);

	if (!err)
		*out = &ns->ns;
	return err;
}

static int load_net(struct loader *l, struct ns_common **out)
{
	const struct sandbox *sb = l->sandbox;
	struct net *net;
	int err = net_load(l, nsproxy_net(sb->nsproxy), &net);

	if (!err)
		*out = &net->ns;
	return err;
}

static int load_ipc(struct loader *l, struct ns_common **out)
{
	struct ipc_namespace *ns;
	int err = ipc_ns_of_number(l, decode(&l->in), &ns);

	if (!err)
		*out = ns_get(&ns->ns);
	return err;
}

static int load_time(struct loader *l, struct user_namespace *owner, struct ns_common **out)
{
	struct sandbox *sb = l->sandbox;
	struct time_namespace *ns = time_ns_new(sb, nsproxy_time(sb->nsproxy), owner);

	if (!ns)
		return -ENOMEM;
	/* as far as any clock can be moved: half of the range */
	ns->monotonic = decode_between(&l->in, -INT64_MAX, INT64_MAX / 2);
	ns->boottime = decode_between(&l->in, -INT64_MAX, INT64_MAX / 2);
	ns->joined = decode_bool(&l->in);
	*out = &ns->ns;
	return 0;
}

/* What was made before its owner was known belongs to the first users. A tree that no namespace of
 * a program's has is not counted. */
static void set_owner(struct ns_common *ns, struct user_namespace *owner)
{
	const struct mnt_namespace *mnt = mnt_ns_of(ns);
	struct user_namespace *old = ns->owner;

	if (ns->counted)
		return;
	ns->owner = owner;
	ns_get(&owner->ns);
	ns_put(&old->ns);
	if (!mnt || !mnt->anonymous)
		(void)ns_count(ns); /* as many as there were are not refused */
}

static int ns_load(struct loader *l, void **out)
{
	const struct sandbox *sb = l->sandbox;
	enum ns_kind kind = (enum ns_kind)decode_max(&l->in, NR_NS_KINDS - 1);
	struct ns_common *ns = NULL;
	int err = 0;

	if (decode_bool(&l->in)) {
		*out = ns_get(first_ns(sb, kind));
		return 0;
	}
	unsigned inum = (unsigned)decode_max(&l->in, UINT32_MAX);
	struct user_namespace *owner;
	if (l->in.failed)
		return loader_damaged(l, "a namespace");
	err = users_loaded(l, decode(&l->in), &owner);
	if (err)
		return err;
	switch (kind) {
	case NS_USER: err = load_users(l, owner, &ns); break;
	case NS_PID: err = load_pids(l, owner, &ns); break;
	case NS_UTS: err = load_uts(l, owner, &ns); break;
	case NS_IPC: err = load_ipc(l, &ns); break;
	case NS_MNT: err = load_mnt(l, &ns); break;
	case NS_NET: err = load_net(l, &ns); break;
	case NS_TIME: err = load_time(l, owner, &ns); break;
	case NS_CGROUP:
		ns = ns_new(kind, sb->vfs->ns_numbers, owner);
		err = ns ? 0 : -ENOMEM;
		break;
	default: err = loader_damaged(l, "a namespace");
	}
	if (err)
		return err;
	ns_renumber(ns, sb->vfs->ns_numbers, inum);
	set_owner(ns, owner);
	*out = ns;
	return 0;
}

static void ns_drop(void *object)
{
	ns_put(object);
}

const struct saved_kind namespace_kind = {
	.name = "namespace",
	.save = ns_save,
	.load = ns_load,
	.put = ns_drop,
};

uint64_t ns_saved(struct saver *s, void *ns)
{
	return saved_object(s, &namespace_kind, ns);
}

int ns_loaded(struct loader *l, uint64_t number, void **out)
{
	return loaded_object(l, number, &namespace_kind, out);
}

int uts_names_load(struct loader *l, struct decoder *in, struct uts_namespace *ns)
{
	for (enum uts_name n = 0; n < UTS_NAMES; n++) {
		char *name = decode_string(in, UTS_NAME_MAX + 1);
		if (!name)
			return loader_damaged(l, "the name of the machine");
		uts_set(ns, n, name, strlen(name));
		free(name);
	}
	return 0;
}

/* Of these kinds a set may have others than the sandbox's first ones. */
static const enum ns_kind own_kinds[] = {
	NS_UTS, NS_IPC, NS_MNT, NS_NET, NS_PID, NS_CGROUP, NS_TIME
};
#define NR_OWN_KINDS (sizeof own_kinds / sizeof *own_kinds)

/* A set that is not the sandbox's own, by what it has of its own. */
static int nsproxy_save(struct saver *s, void *object)
{
	const struct nsproxy *p = object;

	for (size_t i = 0; i < NR_OWN_KINDS; i++) {
		struct ns_common *ns = p->ns[own_kinds[i]];
		bool own = ns != first_ns(s->sandbox, ns->kind);
		encode(&s->out, ns_saved(s, own ? ns : NULL));
	}
	bool same = p->time_for_children == nsproxy_time(p);
	encode(&s->out, ns_saved(s, same ? NULL : &p->time_for_children->ns));
	return 0;
}

/* *p becomes the set with one more namespace of its own, if it had one. */
static int load_member(struct loader *l, enum ns_kind kind,
		       struct nsproxy *with(const struct nsproxy *, struct ns_common *),
		       struct nsproxy **p)
{
	struct nsproxy *old = *p;
	void *object;
	int err = ns_loaded(l, decode(&l->in), &object);
	struct ns_common *ns = object;

	if (err || !ns)
		return err;
	if (ns->kind != kind)
		return loader_damaged(l, "a set of namespaces");
	*p = with(old, ns);
	nsproxy_put(old);
	return *p ? 0 : -ENOMEM;
}

static int nsproxy_load(struct loader *l, void **out)
{
	const struct sandbox *sb = l->sandbox;
	struct nsproxy *p = nsproxy_get(sb->nsproxy);
	int err = 0;

	for (size_t i = 0; i < NR_OWN_KINDS && !err; i++)
		err = load_member(l, own_kinds[i], nsproxy_with, &p);
	if (!err)
		err = load_member(l, NS_TIME, nsproxy_with_children_time, &p);
	if (err)
		nsproxy_put(p);
	else
		*out = p;
	return err;
}

static void nsproxy_drop(void *object)
{
	nsproxy_put(object);
}

const struct saved_kind nsproxy_kind = {
	.name = "set of namespaces",
	.save = nsproxy_save,
	.load = nsproxy_load,
	.put = nsproxy_drop,
};

/* ---- signals that wait ---- */

void sigpending_save(struct encoder *out, const struct sigpending *p)
{
	const struct sigqueue *q;
	size_t place;
	uint64_t nr = 0;

	encode(out, p->set);
	place = encode_place(out);
	list_for_each (q, &p->queue, node) {
		if (q->timer)
			continue;
		encode_bytes(out, &q->info, sizeof q->info);
		nr++;
	}
	encode_at(out, place, nr);
}

int sigpending_load(struct decoder *in, struct sandbox *sb, unsigned uid, struct sigpending *p)
{
	ksigset_t set = decode(in);
	uint64_t nr = decode_count(in, sizeof(siginfo_t));

	for (uint64_t i = 0; i < nr; i++) {
		siginfo_t info;
		decode_into(in, &info, sizeof info);
		if (in->failed || info.si_signo < 1 || info.si_signo > NSIGNALS)
			return -EBADMSG;
		struct sigqueue *q = sigqueue_alloc(sb, uid, UINT64_MAX);
		if (!q)
			return -ENOMEM;
		q->info = info;
		sigqueue_queue(q, p);
	}
	/* some have no entry: there was no room for it */
	p->set |= set;
	return in->failed ? -EBADMSG : 0;
}
