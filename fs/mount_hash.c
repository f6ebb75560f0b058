/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Implements the two hash tables that find mounts by name. Path walks read the set of names without
 * a lock, so its writers bracket each change with a sequence count and never free a table that may
 * still be read. See the header.
 */
#include "fs/mount_hash.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/mount.h"

#define FIRST_SIZE 64 /* of both tables */

/* An open-addressing table of hashes, 0 where it is empty, with linear probing. */
struct name_set {
	struct name_set *older; /* somebody may still be reading there */
	size_t size, used;      /* `size` is a power of 2 */
	struct name_slot {
		_Atomic uint64_t key;
		uint32_t count; /* how many mounts; the mounts' lock */
	} slots[];
};

/* The finaliser of MurmurHash3: every bit of the input counts in every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdU;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53U;
	return x ^ x >> 33;
}

/* FNV-1a */
uint64_t mount_hash_name(const char *name, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3U;
	return hash;
}

/* What the set knows a name by; never 0. */
static uint64_t set_key(const struct filesystem *fs, uint64_t name, bool at_root)
{
	return mix(name + (uint64_t)(uintptr_t)fs * 2 + at_root) | 1;
}

static struct name_set *name_set_new(size_t size)
{
	struct name_set *s = calloc(1, sizeof *s + size * sizeof *s->slots);

	if (s)
		s->size = size;
	return s;
}

struct mount_hash *mount_hash_new(void)
{
	struct mount_hash *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->names = name_set_new(FIRST_SIZE);
	h->buckets = calloc(FIRST_SIZE, sizeof *h->buckets);
	h->nr_buckets = FIRST_SIZE;
	if (h->names && h->buckets)
		return h;
	mount_hash_free(h);
	return NULL;
}

void mount_hash_free(struct mount_hash *h)
{
	struct name_set *s = h ? h->names : NULL;

	if (!h)
		return;
	while (s) {
		struct name_set *older = s->older;
		free(s);
		s = older;
	}
	free(h->buckets);
	free(h);
}

/* The slot that has `key`, or the empty one where it belongs. The set is never full. */
static struct name_slot *find_slot(struct name_set *s, uint64_t key)
{
	size_t i = key >> 1 & (s->size - 1);

	for (;; i = (i + 1) & (s->size - 1)) {
		uint64_t here = atomic_load_explicit(&s->slots[i].key, memory_order_relaxed);
		if (!here || here == key)
			return &s->slots[i];
	}
}

bool mount_hash_may_hold(const struct mount_hash *h, const struct filesystem *fs, uint64_t name,
			 bool at_root)
{
	uint64_t key = set_key(fs, name, at_root), here = 1;
	uint32_t seq = atomic_load_explicit(&h->seq, memory_order_acquire);
	const struct name_set *s = atomic_load_explicit(&h->names, memory_order_acquire);
	size_t start = key >> 1 & (s->size - 1);

	if (seq & 1)
		return true;
	/* While a change is going on there may be no empty slot: at most once around. */
	for (size_t n = 0; here && here != key && n < s->size; n++)
		here = atomic_load_explicit(&s->slots[(start + n) & (s->size - 1)].key,
					    memory_order_acquire);
	return here || atomic_load_explicit(&h->seq, memory_order_relaxed) != seq;
}

/* The release of each slot that is written keeps this in front of it. */
static void change_begin(struct mount_hash *h)
{
	atomic_store_explicit(&h->seq, h->seq + 1, memory_order_relaxed);
}

static void change_end(struct mount_hash *h)
{
	atomic_store_explicit(&h->seq, h->seq + 1, memory_order_release);
}

static void slot_set(struct name_slot *slot, uint64_t key, uint32_t count)
{
	atomic_store_explicit(&slot->key, key, memory_order_release);
	slot->count = count;
}

static void name_add(struct mount_hash *h, uint64_t key)
{
	struct name_set *s = h->names;
	struct name_slot *slot = find_slot(s, key);

	if (slot->key) {
		slot->count++;
		return;
	}
	change_begin(h);
	slot_set(slot, key, 1);
	change_end(h);
	s->used++;
}

/* Closes the gap at `gap`: what comes behind it in its run moves up where it may. */
static void close_gap(struct name_set *s, size_t gap)
{
	size_t mask = s->size - 1;

	for (size_t i = (gap + 1) & mask; s->slots[i].key; i = (i + 1) & mask) {
		size_t home = s->slots[i].key >> 1 & mask;
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		slot_set(&s->slots[gap], s->slots[i].key, s->slots[i].count);
		gap = i;
	}
	slot_set(&s->slots[gap], 0, 0);
}

static void name_remove(struct mount_hash *h, uint64_t key)
{
	struct name_set *s = h->names;
	struct name_slot *slot = find_slot(s, key);

	if (--slot->count)
		return;
	change_begin(h);
	close_gap(s, (size_t)(slot - s->slots));
	change_end(h);
	s->used--;
}

/* A larger set beside the old one, which stays: its readers find in it what was there when they
 * began. All the old ones together are smaller than the newest. */
static int grow_names(struct mount_hash *h, size_t size)
{
	struct name_set *old = h->names, *s = name_set_new(size);

	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < old->size; i++) {
		if (old->slots[i].key)
			slot_set(find_slot(s, old->slots[i].key), old->slots[i].key,
				 old->slots[i].count);
	}
	s->used = old->used;
	s->older = old;
	atomic_store_explicit(&h->names, s, memory_order_release);
	return 0;
}

static uint64_t place_key(const struct mount_place *p)
{
	return mix(mix(p->dir.ino + p->dir.dev) + p->name + (uint64_t)(uintptr_t)p->parent);
}

struct mount *mount_hash_bucket(const struct mount_hash *h, const struct mount_place *place)
{
	return h->buckets[place_key(place) & (h->nr_buckets - 1)];
}

static int grow_buckets(struct mount_hash *h, size_t nr)
{
	struct mount **buckets = calloc(nr, sizeof *buckets);

	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < h->nr_buckets; i++) {
		struct mount *m = h->buckets[i], *next;
		for (; m; m = next) {
			struct mount **to = &buckets[place_key(&m->place) & (nr - 1)];
			next = m->hash_next;
			m->hash_next = *to;
			*to = m;
		}
	}
	free(h->buckets);
	h->buckets = buckets;
	h->nr_buckets = nr;
	return 0;
}

int mount_hash_reserve(struct mount_hash *h, size_t n)
{
	size_t size = h->names->size, nr = h->nr_buckets;
	int err = 0;

	while (size < (h->names->used + n) * 2)
		size *= 2;
	while (nr < h->used + n)
		nr *= 2;
	if (size > h->names->size)
		err = grow_names(h, size);
	return !err && nr > h->nr_buckets ? grow_buckets(h, nr) : err;
}

void mount_hash_insert(struct mount_hash *h, struct mount *m)
{
	struct mount **bucket = &h->buckets[place_key(&m->place) & (h->nr_buckets - 1)];

	m->hash_next = *bucket;
	*bucket = m;
	h->used++;
	name_add(h, set_key(m->place.parent->fs, m->place.name, m->place.at_root));
}

void mount_hash_remove(struct mount_hash *h, struct mount *m)
{
	struct mount **at = &h->buckets[place_key(&m->place) & (h->nr_buckets - 1)];

	while (*at != m)
		at = &(*at)->hash_next;
	*at = m->hash_next;
	h->used--;
	name_remove(h, set_key(m->place.parent->fs, m->place.name, m->place.at_root));
}
