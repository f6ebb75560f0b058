/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc/keys and /proc/key-users say; the layout is that of Linux's security/keys/proc.c. */
#include <stdio.h>

#include "cred/user_ns.h"
#include "keys/key.h"

static void put_timeout(const struct key_domain *d, const struct key *k, char out[24])
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = { { 604800, 'w' }, { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t left = k->expiry - key_now(d);
	size_t i = 0;

	if (!k->expiry || left <= 0) {
		snprintf(out, 24, "%s", k->expiry ? "expd" : "perm");
		return;
	}
	while (left < units[i].seconds)
		i++;
	snprintf(out, 24, "%ld%c", left / units[i].seconds, units[i].unit);
}

static void show_key(const struct key_caller *c, const struct key *k, struct text *out)
{
	const struct user_namespace *ns = c->cred->user_ns;
	char timeout[24];

	put_timeout(c->d, k, timeout);
	text_printf(out, "%08x I%c-%c--%c %5u %4s %08x %5d %5d %-9.9s ", (unsigned)k->serial,
		    k->revoked ? 'R' : '-', k->in_quota ? 'Q' : '-', k->dead ? 'i' : '-', k->refs,
		    timeout, k->permissions, (int)from_kuid_munged(ns, k->uid),
		    (int)from_kgid_munged(ns, k->gid), k->type->name);
	text_puts(out, k->description);
	if (!key_is_keyring(k))
		text_printf(out, ": %zu\n", k->size);
	else if (k->nr_links)
		text_printf(out, ": %zu\n", k->nr_links);
	else
		text_puts(out, ": empty\n");
}

void key_show_all(struct key_caller *c, struct text *out)
{
	keys_lock(c->d);
	uint64_t own = key_mark_possessed(c);
	for (struct rb_node *n = rb_first(&c->d->keys); n; n = rb_next(n)) {
		const struct key *k = rb_entry(n, struct key, node);
		if (user_ns_has_uid(c->cred->user_ns, k->user->uid) &&
		    !key_permission(c, k, k->possessed == own, KEY_VIEW))
			show_key(c, k, out);
	}
	keys_unlock(c->d);
}

void key_show_users(struct key_caller *c, struct text *out)
{
	const struct user_namespace *ns = c->cred->user_ns;
	const struct key_domain *d = c->d;

	keys_lock(c->d);
	for (struct rb_node *n = rb_first(&d->users); n; n = rb_next(n)) {
		const struct key_user *u = rb_entry(n, struct key_user, node);
		bool root = !u->uid;
		/* the kernel's own record of root is one more reference */
		if (user_ns_has_uid(ns, u->uid))
			text_printf(
			    out, "%5u: %5lu %lu/%lu %lu/%u %lu/%u\n", from_kuid_munged(ns, u->uid),
			    u->keys + root, u->keys, u->keys, u->quota_keys,
			    d->limits[root ? KEYS_ROOT_MAX_KEYS : KEYS_MAX_KEYS], u->quota_bytes,
			    d->limits[root ? KEYS_ROOT_MAX_BYTES : KEYS_MAX_BYTES]);
	}
	keys_unlock(c->d);
}
