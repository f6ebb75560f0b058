/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of System V objects: ids, keys, rights. The order in which ids are given, and what is
 * checked first, are those of Linux's ipc/util.c.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/stat.h>

#include "ipc/ipc.h"
#include "cred/user_ns.h"
#include "util/minmax.h"

#define PLACE_MASK (IPC_PLACES - 1)
#define SEQ_MAX    ((unsigned)INT32_MAX >> IPC_SEQ_SHIFT)
/* Linux's ipc_min_cycle: so many places are gone through at least before one is used again. */
#define PLACES_MIN 64U
#define RIGHTS     (S_IRWXU | S_IRWXG | S_IRWXO)

static struct ipc_object **bucket(struct ipc_ids *ids, key_t key)
{
	return &ids->keys[((uint32_t)key * 2654435761U) >> 24];
}

static struct ipc_object *find_key(struct ipc_ids *ids, key_t key)
{
	struct ipc_object *o = *bucket(ids, key);

	while (o && o->key != key)
		o = o->same_hash;
	return o;
}

struct ipc_object *ipc_at(struct ipc_namespace *ns, enum ipc_kind kind, int place)
{
	lock_assert_held(&ns->lock);
	const struct ipc_ids *ids = &ns->ids[kind];

	return place >= 0 && (unsigned)place < ids->room ? ids->places[place] : NULL;
}

struct ipc_object *ipc_find(struct ipc_namespace *ns, enum ipc_kind kind, int id, int *err)
{
	struct ipc_object *o = id < 0 ? NULL : ipc_at(ns, kind, (int)(id & PLACE_MASK));

	*err = !o || o->id != id ? -EINVAL : 0;
	return *err ? NULL : o;
}

int ipc_permission(const struct ipc_namespace *ns, const struct caller *c,
		   const struct ipc_object *o, mode_t mode)
{
	mode_t want = (mode >> 6) | (mode >> 3) | mode, granted = o->mode;
	const struct cred *cred = c->cred;

	if (cred->euid == o->cuid || cred->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(cred, o->cgid) || cred_in_group(cred, o->gid))
		granted >>= 3;
	return want & ~granted & S_IRWXO && !cred_ns_capable(cred, ns->ns.owner, CAP_IPC_OWNER)
		   ? -EACCES
		   : 0;
}

int ipc_find_stat(struct ipc_namespace *ns, struct caller *c, enum ipc_kind kind, int n,
		  bool by_place, bool any, struct ipc_object **out)
{
	int err = 0;

	*out = by_place ? ipc_at(ns, kind, n & (int)PLACE_MASK) : ipc_find(ns, kind, n, &err);
	if (!*out)
		return err ? err : -EINVAL;
	return any ? 0 : ipc_permission(ns, c, *out, IPC_READ);
}

int ipc_find_owned(struct ipc_namespace *ns, struct caller *c, enum ipc_kind kind, int id,
		   struct ipc_object **out)
{
	int err;
	const struct cred *cred = c->cred;

	*out = ipc_find(ns, kind, id, &err);
	if (err)
		return err;
	if (cred->euid == (*out)->cuid || cred->euid == (*out)->uid)
		return 0;
	return cred_ns_capable(cred, ns->ns.owner, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

int ipc_set_owner(struct ipc_object *o, const struct user_namespace *ns, uid_t uid, gid_t gid,
		  mode_t mode)
{
	uid = make_kuid(ns, uid);
	gid = make_kgid(ns, gid);
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	o->uid = uid;
	o->gid = gid;
	o->mode = (o->mode & ~(mode_t)RIGHTS) | (mode & RIGHTS);
	return 0;
}

struct ipc_perm ipc_perm_of(const struct ipc_object *o, const struct user_namespace *ns)
{
	return (struct ipc_perm){
		.__key = o->key,
		.uid = from_kuid_munged(ns, o->uid),
		.gid = from_kgid_munged(ns, o->gid),
		.cuid = from_kuid_munged(ns, o->cuid),
		.cgid = from_kgid_munged(ns, o->cgid),
		.mode = o->mode,
		.__seq = (unsigned short)(o->id >> IPC_SEQ_SHIFT),
	};
}

/* ---- places ---- */

static int grow(struct ipc_ids *ids, unsigned room)
{
	unsigned to = max64(64, ids->room);

	while (to < room)
		to *= 2;
	if (to == ids->room)
		return 0;
	struct ipc_object **places = reallocarray(ids->places, to, sizeof *places);
	if (!places)
		return -ENOMEM;
	for (unsigned i = ids->room; i < to; i++)
		places[i] = NULL;
	ids->places = places;
	ids->room = to;
	return 0;
}

/* The first free place of [from, to); `to`: there is none. */
static unsigned free_place(const struct ipc_ids *ids, unsigned from, unsigned to)
{
	while (from < to && from < ids->room && ids->places[from])
		from++;
	return from < to ? from : to;
}

static void enter(struct ipc_ids *ids, unsigned place, struct ipc_object *o)
{
	ids->places[place] = o;
	ids->in_use++;
	if ((int)place > ids->max)
		ids->max = (int)place;
	if (o->key != IPC_PRIVATE) {
		struct ipc_object **b = bucket(ids, o->key);
		o->same_hash = *b;
		*b = o;
	}
}

/* With the id that somebody wished for (/proc/sys/kernel/msg_next_id and others), or, where that is
 * in use, in the next free place. */
static int add_wished(struct ipc_ids *ids, struct ipc_object *o)
{
	int wished = ids->wished;
	unsigned place = free_place(ids, (unsigned)wished & PLACE_MASK, IPC_PLACES);

	ids->wished = -1;
	if (place == IPC_PLACES)
		return -ENOSPC;
	int err = grow(ids, place + 1);
	if (err)
		return err;
	o->id = (int)(((unsigned)wished & ~PLACE_MASK) | place);
	enter(ids, place, o);
	return o->id;
}

/* An id for a new object. -ENOSPC, -ENOMEM. */
static int add(struct ipc_ids *ids, struct ipc_object *o, uint64_t limit)
{
	unsigned end = (unsigned)min64(max64(ids->in_use * 3 / 2, PLACES_MIN), IPC_PLACES);

	if (ids->in_use >= min64(limit, IPC_PLACES))
		return -ENOSPC;
	if (ids->wished >= 0)
		return add_wished(ids, o);
	unsigned place = free_place(ids, ids->next < end ? ids->next : end, end);
	if (place == end)
		place = free_place(ids, 0, end);
	if (place == end)
		return -ENOSPC;
	int err = grow(ids, place + 1);
	if (err)
		return err;
	if ((int)place <= ids->last)
		ids->seq = ids->seq + 1 < SEQ_MAX ? ids->seq + 1 : 0;
	ids->last = (int)place;
	ids->next = place + 1;
	o->id = (int)(ids->seq << IPC_SEQ_SHIFT | place);
	enter(ids, place, o);
	return o->id;
}

void ipc_forget_key(struct ipc_ids *ids, struct ipc_object *o)
{
	if (o->key == IPC_PRIVATE)
		return;
	struct ipc_object **at = bucket(ids, o->key);
	while (*at != o)
		at = &(*at)->same_hash;
	*at = o->same_hash;
	o->key = IPC_PRIVATE;
}

void ipc_remove(struct ipc_namespace *ns, enum ipc_kind kind, struct ipc_object *o)
{
	lock_assert_held(&ns->lock);
	struct ipc_ids *ids = &ns->ids[kind];

	ipc_forget_key(ids, o);
	ids->places[o->id & (int)PLACE_MASK] = NULL;
	ids->in_use--;
	while (ids->max >= 0 && !ids->places[ids->max])
		ids->max--;
}

int ipc_max_place(const struct ipc_namespace *ns, enum ipc_kind kind)
{
	return ns->ids[kind].max < 0 ? 0 : ns->ids[kind].max;
}

/* ---- shmget and its kin ---- */

static uint64_t how_many(const struct ipc_namespace *ns, enum ipc_kind kind)
{
	switch (kind) {
	case IPC_SHM: return ns->limits.shm_mni;
	case IPC_SEM: return ns->limits.sem_mni;
	default: return ns->limits.msg_mni;
	}
}

static int get_existing(struct ipc_namespace *ns, const struct caller *c,
			const struct ipc_type *type, const struct ipc_get *g,
			const struct ipc_object *o)
{
	if ((g->flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	int err = type->check ? type->check(o, g) : 0;
	if (!err)
		err = ipc_permission(ns, c, o, (mode_t)g->flags);
	return err ? err : o->id;
}

static int add_new(struct ipc_namespace *ns, const struct ipc_type *type, struct ipc_object *o)
{
	struct ipc_ids *ids = &ns->ids[type->kind];
	int id = add(ids, o, how_many(ns, type->kind));
	int err = id < 0 || !type->count ? 0 : type->count(ns, o);

	if (err)
		ipc_remove(ns, type->kind, o);
	return err ? err : id;
}

int ipc_get(struct ipc_namespace *ns, struct caller *c, const struct ipc_type *type,
	    const struct ipc_get *g)
{
	struct ipc_object *new = NULL, *o;
	int r;

	for (;;) {
		bool make = false;

		ipc_lock(ns);
		o = g->key == IPC_PRIVATE ? NULL : find_key(&ns->ids[type->kind], g->key);
		if (o)
			r = get_existing(ns, c, type, g, o);
		else if (g->key != IPC_PRIVATE && !(g->flags & IPC_CREAT))
			r = -ENOENT;
		else if (!new)
			r = make = true;
		else if ((r = add_new(ns, type, new)) >= 0)
			new = NULL;
		ipc_unlock(ns);
		if (!make)
			break;
		r = type->make(ns, c, g, &new);
		if (r < 0)
			return r;
		new->key = g->key;
		new->uid = new->cuid = c->cred->euid;
		new->gid = new->cgid = c->cred->egid;
		new->mode = (mode_t)g->flags &RIGHTS;
	}
	if (new)
		type->free(ns, new);
	return r;
}

/* ---- saving ---- */

void ipc_object_save(struct encoder *out, const struct ipc_object *o)
{
	encode(out, (uint64_t)o->id);
	encode_signed(out, o->key);
	encode(out, o->uid);
	encode(out, o->cuid);
	encode(out, o->gid);
	encode(out, o->cgid);
	encode(out, o->mode);
}

void ipc_object_load(struct decoder *in, struct ipc_object *o)
{
	o->id = (int)decode_max(in, INT32_MAX);
	o->key = (key_t)decode_between(in, INT32_MIN, INT32_MAX);
	o->uid = (uid_t)decode_max(in, UINT32_MAX);
	o->cuid = (uid_t)decode_max(in, UINT32_MAX);
	o->gid = (gid_t)decode_max(in, UINT32_MAX);
	o->cgid = (gid_t)decode_max(in, UINT32_MAX);
	o->mode = (mode_t)decode_max(in, 07777);
}

bool ipc_object_put_back(struct ipc_namespace *ns, enum ipc_kind kind, struct ipc_object *o)
{
	struct ipc_ids *ids = &ns->ids[kind];
	unsigned place = (unsigned)o->id & PLACE_MASK;

	if (ipc_at(ns, kind, (int)place) || (o->key != IPC_PRIVATE && find_key(ids, o->key)) ||
	    grow(ids, place + 1))
		return false;
	enter(ids, place, o);
	return true;
}

uint64_t ipc_ns_number(struct saver *s, struct ipc_namespace *ns)
{
	return saved_object(s, &ipc_ns_saved, ns == s->ipc ? NULL : ns);
}

int ipc_ns_of_number(struct loader *l, uint64_t number, struct ipc_namespace **out)
{
	void *ns;
	int err = loaded_object(l, number, &ipc_ns_saved, &ns);

	if (!err)
		*out = ns ? ns : l->ipc;
	return err;
}
