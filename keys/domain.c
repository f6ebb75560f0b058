/* SPDX-License-Identifier: Apache-2.0 */
/* All keys of a sandbox: their beginning and end, and what is gone at once everywhere. */
#include <stdlib.h>

#include "cred/user_ns.h"
#include "keys/key.h"

static const unsigned first_limits[NR_KEY_LIMITS] = {
	[KEYS_GC_DELAY] = 300,
	[KEYS_MAX_BYTES] = 20000,
	[KEYS_MAX_KEYS] = 200,
	[KEYS_PERSISTENT_EXPIRY] = 259200,
	[KEYS_ROOT_MAX_BYTES] = 25000000,
	[KEYS_ROOT_MAX_KEYS] = 1000000,
};

void key_domain_init(struct key_domain *d, struct mm_host *mem)
{
	d->mem = mem;
	mutex_init(&d->lock, LOCK_KEYS);
	list_init(&d->keyrings);
	list_init(&d->registers);
	list_init(&d->gone);
	for (size_t i = 0; i < NR_KEY_LIMITS; i++)
		d->limits[i] = first_limits[i];
}

static void registers_free(struct key_registers *r)
{
	struct key_domain *d = r->domain;

	list_del(&r->node);
	key_put(d, r->users);
	key_put(d, r->persistent);
	free(r);
}

static void free_dead(struct key_domain *d)
{
	struct key_registers *r = atomic_exchange(&d->dead, NULL);

	while (r) {
		struct key_registers *next = r->dead;
		registers_free(r);
		r = next;
	}
}

void keys_lock(struct key_domain *d)
{
	mutex_lock(&d->lock);
	if (d->dead)
		free_dead(d);
	if (d->sweep_at && key_now(d) >= d->sweep_at)
		keyrings_forget(d, NULL);
}

void key_domain_clear(struct key_domain *d)
{
	struct key_registers *r, *next;

	keys_lock(d);
	list_for_each_safe (r, next, &d->registers, node) {
		r->ns->keys = NULL;
		registers_free(r);
	}
	/* what a load that failed has left: nobody refers to it any more */
	while (d->keys.root)
		key_free(d, rb_entry(d->keys.root, struct key, node));
	d->sweep_at = 0;
	for (size_t i = 0; i < NR_KEY_LIMITS; i++)
		d->limits[i] = first_limits[i];
	keys_unlock(d);
}

void key_domain_destroy(struct key_domain *d)
{
	if (!d->mem)
		return;
	key_domain_clear(d); /* and what belonged to user namespaces that are gone */
	mutex_destroy(&d->lock);
}

/* ---- lock held ---- */

void key_revoke(struct key_domain *d, struct key *k)
{
	if (k->revoked)
		return;
	k->revoked = true;
	if (!k->expiry || k->expiry > key_now(d))
		key_set_expiry(d, k, key_now(d));
	if (key_is_keyring(k))
		keyring_clear(d, k);
	else
		(void)key_set_payload(d, k, NULL, 0);
}

void key_invalidate(struct key_domain *d, struct key *k)
{
	k->dead = true;
	keyrings_forget(d, k);
}
