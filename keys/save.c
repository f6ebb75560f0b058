/* SPDX-License-Identifier: Apache-2.0 */
/* Saves and loads keys: a list of all of them, then who has which, by their numbers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user_ns.h"
#include "keys/key.h"
#include "mm/mm.h"

enum {
	SAVED_REVOKED = 1,
	SAVED_DEAD = 2,
	SAVED_RESTRICTED = 4,
	SAVED_OF_USER = 8,
	SAVED_QUOTA = 16
};

static uint64_t number_of(const struct key *k)
{
	return k ? (uint64_t)k->serial : 0;
}

static void key_save(struct encoder *out, const struct key *k)
{
	encode_string(out, k->type->name);
	encode_string(out, k->description);
	encode(out, number_of(k));
	encode(out, k->user->uid);
	encode(out, k->uid);
	encode(out, k->gid);
	encode(out, k->permissions);
	encode(out, (k->revoked ? SAVED_REVOKED : 0U) | (k->dead ? SAVED_DEAD : 0U) |
			(k->restricted ? SAVED_RESTRICTED : 0U) |
			(k->of_user ? SAVED_OF_USER : 0U) | (k->in_quota ? SAVED_QUOTA : 0U));
	encode(out, k->inum);
	encode(out, (uint64_t)k->expiry);
	encode_bytes(out, k->payload, k->size);
}

static void links_save(struct encoder *out, const struct key *k)
{
	encode(out, k->nr_links);
	for (size_t i = 0; i < k->nr_links; i++)
		encode(out, number_of(k->links[i]));
}

void key_domain_save(struct saver *s, struct key_domain *d)
{
	struct encoder *out = &s->out;
	struct key_registers *r;
	uint64_t keys = 0, rings = 0, registers = 0;
	struct rb_node *n;

	keys_lock(d);
	for (size_t i = 0; i < NR_KEY_LIMITS; i++)
		encode(out, d->limits[i]);
	for (n = rb_first(&d->keys); n; n = rb_next(n), keys++)
		rings += key_is_keyring(rb_entry(n, struct key, node));
	encode(out, keys);
	for (n = rb_first(&d->keys); n; n = rb_next(n))
		key_save(out, rb_entry(n, struct key, node));
	encode(out, rings);
	for (n = rb_first(&d->keys); n; n = rb_next(n)) {
		const struct key *k = rb_entry(n, struct key, node);
		if (!key_is_keyring(k))
			continue;
		encode(out, number_of(k));
		links_save(out, k);
	}
	list_for_each (r, &d->registers, node)
		registers++;
	encode(out, registers);
	list_for_each (r, &d->registers, node) {
		encode(out, s->ns(s, &r->ns->ns));
		encode(out, number_of(r->users));
		encode(out, number_of(r->persistent));
	}
	keys_unlock(d);
}

void key_holder_save(struct saver *s, const struct key_holder *h)
{
	encode(&s->out, number_of(h->thread));
	encode(&s->out, number_of(h->process));
	encode(&s->out, number_of(h->session));
	encode(&s->out, (uint64_t)h->request_to);
}

/* ---- loading; lock held ---- */

static int load_payload(struct decoder *in, struct key_domain *d, struct key *k)
{
	size_t size;
	const void *data = decode_bytes(in, &size);

	if (!data || size > k->type->payload_max)
		return -EBADMSG;
	if (!size)
		return 0;
	void *copy = mm_host_alloc(d->mem, size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	int err = key_set_payload(d, k, copy, size);
	if (err)
		mm_host_free(d->mem, copy, size);
	return err;
}

static int load_key(struct decoder *in, struct key_domain *d)
{
	char *type = decode_string(in, KEY_TYPE_MAX);
	char *description = decode_string(in, KEY_DESCRIPTION_MAX);
	key_serial_t serial = (key_serial_t)decode_between(in, 1, INT32_MAX);
	struct key_new n = { .type = type ? key_type_find(type) : NULL,
			     .description = description,
			     .uid = (uid_t)decode_max(in, UINT32_MAX) };
	uid_t uid = (uid_t)decode_max(in, UINT32_MAX);
	n.gid = (gid_t)decode_max(in, UINT32_MAX);
	n.permissions = (uint32_t)decode_max(in, 0x3f3f3f3f);
	unsigned flags = (unsigned)decode_max(in, 31);
	n.inum = (unsigned)decode_max(in, UINT32_MAX);
	int64_t expiry = (int64_t)decode_max(in, INT64_MAX / 2);
	n.counting = flags & SAVED_QUOTA ? KEY_OVERRUN : KEY_NOT_IN_QUOTA;
	struct key *k;
	int err =
	    !n.type || !description || in->failed ? -EBADMSG : key_make(d, NULL, &n, serial, &k);

	free(type);
	free(description);
	if (err)
		return err == -ENOMEM ? err : -EBADMSG;
	k->uid = uid;
	k->revoked = flags & SAVED_REVOKED;
	k->dead = flags & SAVED_DEAD;
	k->restricted = flags & SAVED_RESTRICTED;
	k->of_user = flags & SAVED_OF_USER;
	key_set_expiry(d, k, expiry);
	return load_payload(in, d, k);
}

/* A circle, which no program can make, would only last until the sandbox ends. */
static int load_links(struct decoder *in, struct key_domain *d)
{
	struct key *ring = key_find_serial(d, (key_serial_t)decode_max(in, INT32_MAX));
	uint64_t nr = decode_count(in, sizeof(uint64_t));
	int err = ring && key_is_keyring(ring) && !in->failed ? 0 : -EBADMSG;

	for (uint64_t i = 0; i < nr && !err; i++) {
		struct key *k = key_find_serial(d, (key_serial_t)decode_max(in, INT32_MAX));
		err = k ? keyring_insert(d, ring, k) : -EBADMSG;
	}
	return err;
}

/* The key of a number; number 0: NULL. */
static int load_reference(struct decoder *in, struct key_domain *d, struct key **at)
{
	key_serial_t serial = (key_serial_t)decode_max(in, INT32_MAX);
	struct key *k = serial ? key_find_serial(d, serial) : NULL;

	if (serial && (!k || !key_is_keyring(k)))
		return -EBADMSG;
	key_set(d, at, k);
	return 0;
}

static int load_registers(struct loader *l, struct decoder *in, struct key_domain *d)
{
	void *found = NULL;
	int err = l->ns(l, decode(in), &found);
	struct ns_common *ns = found;

	if (err)
		return err;
	if (!ns || ns->kind != NS_USER)
		return -EBADMSG;
	keys_lock(d);
	struct key_registers *r =
	    key_registers_of(d, container_of(ns, struct user_namespace, ns), true);
	err = r ? load_reference(in, d, &r->users) : -ENOMEM;
	if (!err)
		err = load_reference(in, d, &r->persistent);
	keys_unlock(d);
	return err;
}

int key_domain_load(struct loader *l, struct decoder *in, struct key_domain *d)
{
	int err = 0;

	for (size_t i = 0; i < NR_KEY_LIMITS; i++)
		d->limits[i] = (unsigned)decode_max(in, INT32_MAX);
	mutex_lock(&d->lock); /* what has expired is saved, too, and loaded again */
	for (uint64_t nr = decode_count(in, sizeof(uint64_t)); nr && !err; nr--)
		err = load_key(in, d);
	for (uint64_t nr = err ? 0 : decode_count(in, sizeof(uint64_t)); nr && !err; nr--)
		err = load_links(in, d);
	mutex_unlock(&d->lock);
	for (uint64_t nr = err ? 0 : decode_count(in, sizeof(uint64_t)); nr && !err; nr--)
		err = load_registers(l, in, d);
	return err == -EBADMSG || in->failed ? loader_damaged(l, "keys") : err;
}

void key_domain_loaded(struct key_domain *d)
{
	struct rb_node *n, *next;

	/* what nobody refers to may go at once, and takes along others that were held only by it */
	keys_lock(d);
	for (n = rb_first(&d->keys); n; n = next) {
		next = rb_next(n);
		key_put(d, rb_entry(n, struct key, node));
	}
	keys_unlock(d);
}

int key_holder_load(struct loader *l, struct key_domain *d, struct key_holder *h)
{
	keys_lock(d);
	int err = load_reference(&l->in, d, &h->thread);
	if (!err)
		err = load_reference(&l->in, d, &h->process);
	if (!err)
		err = load_reference(&l->in, d, &h->session);
	keys_unlock(d);
	h->request_to = (int)decode_max(&l->in, 7);
	return err == -EBADMSG || l->in.failed ? loader_damaged(l, "a thread's keyrings") : err;
}
