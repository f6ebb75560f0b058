/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: making and freeing them, quotas, rights. See header; the rules are those of Linux's
 * security/keys/key.c and permission.c. */
#include "keys/key.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/clock.h"
#include "host/random.h"
#include "mm/mm.h"
#include "util/time.h"

#define SERIAL_FIRST 3

/* "service:description" */
static int vet_logon(const char *description)
{
	const char *colon = strchr(description, ':');

	return !colon || colon == description ? -EINVAL : 0;
}

static const struct key_type types[] = {
	{ "keyring", 0, true, NULL },
	{ "user", 32767, true, NULL },
	{ "logon", 32767, false, vet_logon },
};

const struct key_type *key_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

int64_t key_now(const struct key_domain *d)
{
	return (int64_t)(guest_clock_ns(d->mem->clock, CLOCK_REALTIME) / NSEC_PER_SEC);
}

/* ---- users and quotas ---- */

/* A new record if need be. NULL: no memory. */
static struct key_user *user_of(struct key_domain *d, uid_t uid)
{
	struct rb_node **link = &d->users.root, *parent = NULL;

	lock_assert_held(&d->lock);
	while (*link) {
		parent = *link;
		struct key_user *u = rb_entry(parent, struct key_user, node);
		if (u->uid == uid)
			return u;
		link = uid < u->uid ? &parent->left : &parent->right;
	}
	struct key_user *u = mm_host_alloc(d->mem, sizeof *u);
	if (!u)
		return NULL;
	*u = (struct key_user){ .uid = uid };
	rb_insert(&d->users, &u->node, parent, link);
	return u;
}

static void drop_empty(struct key_domain *d, struct key_user *u)
{
	if (u->keys)
		return;
	rb_erase(&d->users, &u->node);
	mm_host_free(d->mem, u, sizeof *u);
}

static bool has_room(const struct key_domain *d, const struct key_user *u, uint64_t keys,
		     uint64_t bytes)
{
	return u->quota_keys + keys <= d->limits[u->uid ? KEYS_MAX_KEYS : KEYS_ROOT_MAX_KEYS] &&
	       u->quota_bytes + bytes <= d->limits[u->uid ? KEYS_MAX_BYTES : KEYS_ROOT_MAX_BYTES];
}

int key_reserve(struct key_domain *d, struct key *k, uint64_t bytes)
{
	if (k->in_quota && bytes > k->quota && !has_room(d, k->user, 0, bytes - k->quota))
		return -EDQUOT;
	if (k->in_quota)
		k->user->quota_bytes += bytes - k->quota;
	k->quota = bytes;
	return 0;
}

/* ---- life ---- */

static size_t bytes_of(const struct key *k)
{
	return sizeof *k + strlen(k->description) + 1;
}

void key_free(struct key_domain *d, struct key *k)
{
	struct key_user *u = k->user;

	rb_erase(&d->keys, &k->node);
	if (key_is_keyring(k))
		list_del(&k->named);
	if (k->in_quota) {
		u->quota_keys--;
		u->quota_bytes -= k->quota;
	}
	u->keys--;
	drop_empty(d, u);
	mm_host_free(d->mem, k->payload, k->size);
	mm_host_free(d->mem, k->links, k->room * sizeof *k->links);
	mm_host_free(d->mem, k, bytes_of(k));
}

/* Keyrings hold keyrings: those that go are a list, not a recursion. */
void key_put(struct key_domain *d, struct key *k)
{
	if (!k || --k->refs)
		return;
	lock_assert_held(&d->lock);
	if (!key_is_keyring(k)) {
		key_free(d, k);
		return;
	}
	list_del(&k->named);
	list_add_tail(&d->gone, &k->named);
	while (!list_empty(&d->gone)) {
		k = list_first(&d->gone, struct key, named);
		for (size_t i = 0; i < k->nr_links; i++) {
			struct key *l = k->links[i];
			if (--l->refs)
				continue;
			if (!key_is_keyring(l)) {
				key_free(d, l);
				continue;
			}
			list_del(&l->named);
			list_add_tail(&d->gone, &l->named);
		}
		key_free(d, k);
	}
}

void key_set(struct key_domain *d, struct key **at, struct key *k)
{
	struct key *old = *at;

	*at = k ? key_get(k) : NULL;
	key_put(d, old);
}

struct key *key_find_serial(const struct key_domain *d, key_serial_t serial)
{
	struct rb_node *n = d->keys.root;

	while (n) {
		struct key *k = rb_entry(n, struct key, node);
		if (k->serial == serial)
			return k;
		n = serial < k->serial ? n->left : n->right;
	}
	return NULL;
}

static void enter(struct key_domain *d, struct key *k)
{
	struct rb_node **link = &d->keys.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = k->serial < rb_entry(parent, struct key, node)->serial ? &parent->left
									      : &parent->right;
	}
	rb_insert(&d->keys, &k->node, parent, link);
	if (key_is_keyring(k))
		list_add_tail(&d->keyrings, &k->named);
}

static int choose_serial(struct key_domain *d, struct random_stream *random, key_serial_t *out)
{
	do {
		int err = random_bytes(random, out, sizeof *out);
		if (err)
			return err;
		*out &= INT32_MAX;
	} while (*out < SERIAL_FIRST || key_find_serial(d, *out));
	return 0;
}

static int key_alloc(struct key_domain *d, struct key_user *u, const struct key_new *n,
		     struct key **out)
{
	size_t len = strlen(n->description) + 1;
	struct key *k;

	if (n->counting == KEY_IN_QUOTA && !has_room(d, u, 1, len))
		return -EDQUOT;
	k = mm_host_alloc(d->mem, sizeof *k + len);
	if (!k)
		return -ENOMEM;
	*k = (struct key){ .refs = 1,
			   .type = n->type,
			   .user = u,
			   .uid = n->uid,
			   .gid = n->gid,
			   .permissions = n->permissions,
			   .in_quota = n->counting != KEY_NOT_IN_QUOTA,
			   .inum = n->inum,
			   .quota = len };
	memcpy(k->description, n->description, len);
	u->keys++;
	if (k->in_quota) {
		u->quota_keys++;
		u->quota_bytes += len;
	}
	*out = k;
	return 0;
}

int key_make(struct key_domain *d, struct random_stream *random, const struct key_new *n,
	     key_serial_t serial, struct key **out)
{
	int err = n->type->vet ? n->type->vet(n->description) : 0;

	if (!err && !serial)
		err = choose_serial(d, random, &serial);
	else if (!err && key_find_serial(d, serial))
		err = -EEXIST;
	if (err)
		return err;
	struct key_user *u = user_of(d, n->uid);
	if (!u)
		return -ENOMEM;
	err = key_alloc(d, u, n, out);
	if (err) {
		drop_empty(d, u);
		return err;
	}
	(*out)->serial = serial;
	enter(d, *out);
	return 0;
}

int key_set_payload(struct key_domain *d, struct key *k, void *data, size_t size)
{
	int err = key_reserve(d, k, strlen(k->description) + 1 + size);

	if (err)
		return err;
	mm_host_free(d->mem, k->payload, k->size);
	k->payload = data;
	k->size = size;
	return 0;
}

static int change_user(struct key_domain *d, struct key *k, uid_t uid)
{
	struct key_user *u = user_of(d, uid), *old = k->user;

	if (!u)
		return -ENOMEM;
	if (k->in_quota && !has_room(d, u, 1, k->quota)) {
		drop_empty(d, u);
		return -EDQUOT;
	}
	if (k->in_quota) {
		old->quota_keys--;
		old->quota_bytes -= k->quota;
		u->quota_keys++;
		u->quota_bytes += k->quota;
	}
	u->keys++;
	old->keys--;
	drop_empty(d, old);
	k->user = u;
	k->uid = uid;
	return 0;
}

int key_chown(struct key_caller *c, struct key *k, uid_t uid, gid_t gid)
{
	bool other = uid != (uid_t)-1 && uid != k->uid;
	bool other_group = gid != KEY_NO_GROUP && gid != k->gid;

	if ((other || (other_group && gid != c->cred->fsgid && !cred_in_group(c->cred, gid))) &&
	    !cred_capable(c->cred, CAP_SYS_ADMIN))
		return -EACCES;
	int err = other ? change_user(c->d, k, uid) : 0;
	if (!err && other_group)
		k->gid = gid;
	return err;
}

void key_set_expiry(struct key_domain *d, struct key *k, int64_t expiry)
{
	int64_t end = expiry + d->limits[KEYS_GC_DELAY];

	k->expiry = expiry;
	if (expiry && (!d->sweep_at || end < d->sweep_at))
		d->sweep_at = end;
}

/* ---- rights ---- */

int key_validate(const struct key_domain *d, const struct key *k)
{
	if (k->dead)
		return -ENOKEY;
	if (k->revoked)
		return -EKEYREVOKED;
	return k->expiry && key_now(d) >= k->expiry ? -EKEYEXPIRED : 0;
}

int key_permission(const struct key_caller *c, const struct key *k, bool possessed, unsigned need)
{
	const struct cred *cred = c->cred;
	uint32_t all = k->permissions, mine;

	if (k->uid == cred->fsuid)
		mine = all >> 16;
	else if (k->gid != KEY_NO_GROUP && all & KEY_ALL << 8 &&
		 (k->gid == cred->fsgid || cred_in_group(cred, k->gid)))
		mine = all >> 8;
	else
		mine = all;
	if (possessed)
		mine |= all >> 24;
	return (mine & need) == need ? 0 : -EACCES;
}
