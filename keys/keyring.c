/* SPDX-License-Identifier: Apache-2.0 */
/* Keyrings: what is in them, and searches; the rules are those of Linux's security/keys/keyring.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user_ns.h"
#include "keys/key.h"
#include "mm/mm.h"

#define LINK_BYTES 4U /* KEYQUOTA_LINK_BYTES */
#define DEPTH_MAX  6U /* KEYRING_SEARCH_MAX_DEPTH */

/* ---- what it holds counts for its user ---- */

static int grow(struct key_domain *d, struct key *ring)
{
	size_t room = ring->room ? ring->room * 2 : 8;

	if (ring->nr_links < ring->room)
		return 0;
	struct key **links = mm_host_alloc(d->mem, room * sizeof *links);
	if (!links)
		return -ENOMEM;
	if (ring->nr_links)
		memcpy(links, ring->links, ring->nr_links * sizeof *links);
	mm_host_free(d->mem, ring->links, ring->room * sizeof *links);
	ring->links = links;
	ring->room = room;
	return 0;
}

static uint64_t ring_bytes(const struct key *ring, size_t links)
{
	return strlen(ring->description) + 1 + links * LINK_BYTES;
}

static int compare(const struct key *k, const struct key_type *type, const char *description)
{
	if (k->type == type)
		return strcmp(k->description, description);
	return k->type < type ? -1 : 1; /* of one table, in which keyrings are first */
}

/* Where it is, or would be. */
static size_t place_of(const struct key *ring, const struct key_type *type, const char *description,
		       bool *there)
{
	size_t low = 0, high = ring->nr_links;

	*there = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = compare(ring->links[mid], type, description);
		if (!order) {
			*there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct key *keyring_find(const struct key *ring, const struct key_type *type,
			 const char *description)
{
	bool there;
	size_t i = place_of(ring, type, description, &there);

	return there ? ring->links[i] : NULL;
}

int keyring_insert(struct key_domain *d, struct key *ring, struct key *k)
{
	bool there;
	size_t i = place_of(ring, k->type, k->description, &there);

	lock_assert_held(&d->lock);
	if (there) {
		key_set(d, &ring->links[i], k);
		return 0;
	}
	int err = grow(d, ring);
	if (!err)
		err = key_reserve(d, ring, ring_bytes(ring, ring->nr_links + 1));
	if (err)
		return err;
	memmove(&ring->links[i + 1], &ring->links[i], (ring->nr_links++ - i) * sizeof *ring->links);
	ring->links[i] = key_get(k);
	return 0;
}

static void take_out(struct key_domain *d, struct key *ring, size_t i)
{
	struct key *k = ring->links[i];

	memmove(&ring->links[i], &ring->links[i + 1], (--ring->nr_links - i) * sizeof *ring->links);
	(void)key_reserve(d, ring, ring_bytes(ring, ring->nr_links));
	key_put(d, k);
}

int keyring_unlink(struct key_domain *d, struct key *ring, struct key *k)
{
	bool there;
	size_t i = place_of(ring, k->type, k->description, &there);

	if (!there || ring->links[i] != k)
		return -ENOENT;
	take_out(d, ring, i);
	return 0;
}

void keyring_clear(struct key_domain *d, struct key *ring)
{
	while (ring->nr_links)
		take_out(d, ring, ring->nr_links - 1);
}

/* ---- all keyrings ---- */

struct key *keyring_named(const struct key_caller *c, const char *name)
{
	struct key *k;

	list_for_each (k, &c->d->keyrings, named) {
		if (k->inum == c->cred->user_ns->ns.inum && !k->revoked &&
		    !strcmp(k->description, name) &&
		    user_ns_has_uid(c->cred->user_ns, k->user->uid) &&
		    !key_permission(c, k, false, KEY_SEARCH))
			return k;
	}
	return NULL;
}

/* Takes out what expired long ago. */
static void prune(struct key_domain *d, struct key *ring, int64_t now)
{
	for (size_t i = ring->nr_links; i-- > 0;) {
		const struct key *k = ring->links[i];
		if (!k->expiry)
			continue;
		int64_t end = k->expiry + d->limits[KEYS_GC_DELAY];
		if (now >= end)
			take_out(d, ring, i);
		else if (!d->sweep_at || end < d->sweep_at)
			d->sweep_at = end;
	}
}

/* Keyrings go on the way: the one that is looked at and the next are held. */
void keyrings_forget(struct key_domain *d, const struct key *k)
{
	int64_t now = key_now(d);
	struct list *at = d->keyrings.next;
	struct key *ring = NULL;

	if (!k)
		d->sweep_at = 0;
	while (at != &d->keyrings) {
		struct key *last = ring;
		ring = key_get(container_of(at, struct key, named));
		key_put(d, last);
		bool there = false;
		size_t i = k ? place_of(ring, k->type, k->description, &there) : 0;
		if (!k)
			prune(d, ring, now);
		else if (there && ring->links[i] == k)
			take_out(d, ring, i);
		at = ring->named.next;
	}
	key_put(d, ring);
}

/* ---- searching ---- */

struct search {
	const struct key_caller *c; /* NULL: whoever looks may look everywhere, */
	struct key_domain *d;       /* and what is too deep is an error */
	const struct key_search *want;
	const struct key_type *type; /* of what is wanted */
	const char *description;
	bool possessed;
	uint64_t number;
	int result;
};

/* Was the keyring looked at by this search from where it saw as much? Else it is now. */
static bool was_seen(const struct search *s, struct key *k, unsigned depth)
{
	if (k->seen == s->number && (s->c ? k->seen_depth <= depth : k->seen_depth >= depth))
		return true;
	k->seen = s->number;
	k->seen_depth = depth;
	return false;
}

/* keyring_search_iterator(): may what has the right name be had? */
static bool is_found(struct search *s, const struct key *k)
{
	int err = 0;

	if (s->want->key && k != s->want->key)
		return false;
	if (!s->want->key)
		err = key_validate(s->d, k);
	if (!err && s->c)
		err = key_permission(s->c, k, s->possessed, KEY_SEARCH);
	if (err && !(err == -EKEYEXPIRED && s->want->skip_expired))
		s->result = err == -ENOKEY ? -EKEYREVOKED : err;
	return !err;
}

/* Is the search over? *out: what it has found; NULL: what stands in the way is in s->result. */
static bool search_in(struct search *s, struct key *ring, unsigned depth, struct key **out)
{
	if (ring->revoked || ring->dead || was_seen(s, ring, depth))
		return false;
	struct key *k = keyring_find(ring, s->type, s->description);
	if (k && is_found(s, k)) {
		*out = k;
		return true;
	}
	for (size_t i = 0; i < ring->nr_links && key_is_keyring(ring->links[i]); i++) {
		k = ring->links[i];
		if (depth == DEPTH_MAX && !s->c)
			s->result = -ELOOP;
		if (depth == DEPTH_MAX)
			return !s->c;
		if (s->c && key_permission(s->c, k, s->possessed, KEY_SEARCH))
			continue;
		if (search_in(s, k, depth + 1, out))
			return true;
	}
	return false;
}

/* search_nested_keyrings() */
static int search(struct search *s, struct key *ring, struct key **out)
{
	const struct key_search *want = s->want;

	lock_assert_held(&s->d->lock);
	s->type = want->key ? want->key->type : want->type;
	s->description = want->key ? want->key->description : want->description;
	s->number = ++s->d->searches;
	s->result = -EAGAIN;
	*out = NULL;
	if (!compare(ring, s->type, s->description)) {
		if (is_found(s, ring)) {
			*out = ring;
			return 0;
		}
		if (s->result != -EAGAIN)
			return s->result;
	}
	(void)search_in(s, ring, 0, out);
	return *out ? 0 : s->result;
}

int keyring_search(const struct key_caller *c, struct key *ring, bool possessed,
		   const struct key_search *want, struct key **out)
{
	struct search s = { .c = c, .d = c->d, .want = want, .possessed = possessed };

	if (!key_is_keyring(ring))
		return -ENOTDIR;
	int err = key_permission(c, ring, possessed, KEY_SEARCH);
	return err ? err : search(&s, ring, out);
}

static void mark_in(struct search *s, struct key *ring, unsigned depth)
{
	if (ring->revoked || ring->dead || was_seen(s, ring, depth))
		return;
	for (size_t i = 0; i < ring->nr_links; i++) {
		struct key *k = ring->links[i];
		if (key_permission(s->c, k, true, KEY_SEARCH))
			continue;
		k->possessed = s->number;
		if (key_is_keyring(k) && depth < DEPTH_MAX)
			mark_in(s, k, depth + 1);
	}
}

void keyring_mark(const struct key_caller *c, struct key *ring, uint64_t number)
{
	struct search s = { .c = c, .number = number };

	if (key_permission(c, ring, true, KEY_SEARCH))
		return;
	ring->possessed = number;
	mark_in(&s, ring, 0);
}

/* keyring_detect_cycle(): is `ring` below `k`? */
static int check_cycle(struct key_domain *d, const struct key *ring, struct key *k)
{
	const struct key_search want = { .key = ring };
	struct search s = { .d = d, .want = &want };
	struct key *found;
	int err = search(&s, k, &found);

	return !err ? -EDEADLK : err == -EAGAIN ? 0 : err;
}

int keyring_link(struct key_domain *d, struct key *ring, struct key *k)
{
	if (!key_is_keyring(ring))
		return -ENOTDIR;
	if (ring->revoked)
		return -EKEYREVOKED;
	if (ring->restricted)
		return -EPERM;
	int err = key_is_keyring(k) ? check_cycle(d, ring, k) : 0;
	return err ? err : keyring_insert(d, ring, k);
}
