/* SPDX-License-Identifier: Apache-2.0 */
/* The keyrings of threads and users, and what numbers of keys mean to a thread; the rules are those
 * of Linux's security/keys/process_keys.c and persistent.c. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>

#include "cred/user_ns.h"
#include "keys/key.h"

/* ---- the caller's keyrings; lock held ---- */

static int new_keyring(struct key_caller *c, const char *name, uid_t uid, gid_t gid,
		       uint32_t permissions, enum key_counting counting, struct key **out)
{
	const struct key_new n = { .type = key_type_find("keyring"),
				   .description = name,
				   .uid = uid,
				   .gid = gid,
				   .permissions = permissions,
				   .counting = counting,
				   .inum = c->cred->user_ns->ns.inum };

	return key_make(c->d, c->random, &n, 0, out);
}

static int own_keyring(struct key_caller *c, const char *name, struct key **at)
{
	if (*at)
		return 0;
	return new_keyring(c, name, c->cred->uid, c->cred->gid,
			   KEY_POSSESSOR(KEY_ALL) | KEY_OWNER(KEY_VIEW), KEY_OVERRUN, at);
}

/* By any thread, with whatever locks it holds: whoever takes the domain's frees them. */
static void namespace_ends(struct key_registers *r)
{
	struct key_domain *d = r->domain;

	r->dead = atomic_load(&d->dead);
	while (!atomic_compare_exchange_weak(&d->dead, &r->dead, r))
		;
}

struct key_registers *key_registers_of(struct key_domain *d, struct user_namespace *ns, bool create)
{
	struct key_registers *r = ns->keys;

	lock_assert_held(&d->lock);
	if (r || !create)
		return r;
	r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->domain = d;
	r->ns = ns;
	list_add_tail(&d->registers, &r->node);
	ns->keys_end = namespace_ends;
	ns->keys = r;
	return r;
}

/* The keyring of this name in a register, or a new one. */
static int registered(struct key_caller *c, struct key *reg, const char *name, uid_t uid,
		      struct key *below, struct key **out)
{
	const struct key_search s = { .type = key_type_find("keyring"), .description = name };
	int err = keyring_search(c, reg, true, &s, out);

	if (err != -EAGAIN)
		return err;
	err = new_keyring(c, name, uid, KEY_NO_GROUP,
			  KEY_POSSESSOR(KEY_ALL & ~KEY_SETATTR) | KEY_OWNER(KEY_ALL), KEY_IN_QUOTA,
			  out);
	if (err)
		return err;
	(*out)->of_user = true;
	if (below)
		err = keyring_link(c->d, *out, below);
	if (!err)
		err = keyring_link(c->d, reg, *out);
	key_put(c->d, *out); /* the register has it */
	return err;
}

/* look_up_user_keyrings() */
static int user_keyrings(struct key_caller *c, struct key **user, struct key **session)
{
	struct user_namespace *ns = c->cred->user_ns;
	struct key_registers *r = key_registers_of(c->d, ns, true);
	unsigned shown = from_kuid(ns, c->cred->uid);
	char name[32];
	int err = r ? 0 : -ENOMEM;

	if (!err && !r->users)
		err = new_keyring(c, ".user_reg", ns->owner, KEY_NO_GROUP,
				  KEY_POSSESSOR(KEY_WRITE | KEY_SEARCH) |
				      KEY_OWNER(KEY_VIEW | KEY_READ),
				  KEY_IN_QUOTA, &r->users);
	if (err)
		return err;
	snprintf(name, sizeof name, "_uid.%u", shown);
	err = registered(c, r->users, name, c->cred->uid, NULL, user);
	snprintf(name, sizeof name, "_uid_ses.%u", shown);
	return err ? err : registered(c, r->users, name, c->cred->uid, *user, session);
}

/* get_user_session_keyring_rcu(): it is not made. NULL: there is none. */
static struct key *user_session(const struct key_caller *c)
{
	struct user_namespace *ns = c->cred->user_ns;
	const struct key_registers *r = key_registers_of(c->d, ns, false);
	char name[32];

	snprintf(name, sizeof name, "_uid_ses.%u", from_kuid(ns, c->cred->uid));
	return r && r->users ? keyring_find(r->users, key_type_find("keyring"), name) : NULL;
}

static int new_session(struct key_caller *c)
{
	struct key *k;
	int err = new_keyring(c, "_ses", c->cred->uid, c->cred->gid,
			      KEY_POSSESSOR(KEY_ALL) | KEY_OWNER(KEY_VIEW | KEY_READ),
			      c->holder->session ? KEY_IN_QUOTA : KEY_OVERRUN, &k);

	if (err)
		return err;
	key_put(c->d, c->holder->session);
	c->holder->session = k;
	return 0;
}

static int session_keyring(struct key_caller *c, unsigned flags)
{
	struct key_holder *h = c->holder;
	struct key *user, *session;
	int err = h->session ? 0 : user_keyrings(c, &user, &session);

	if (err)
		return err;
	if (flags & LOOKUP_CREATE && (!h->session || h->session->of_user))
		return new_session(c);
	if (!h->session)
		key_set(c->d, &h->session, session);
	return 0;
}

/* ---- lookup ---- */

static int lookup_special(struct key_caller *c, key_serial_t id, unsigned flags, struct key **out)
{
	struct key_holder *h = c->holder;
	struct key *user, *session;
	int err = 0;

	switch (id) {
	case KEY_SPEC_THREAD_KEYRING:
		if (flags & LOOKUP_CREATE)
			err = own_keyring(c, "_tid", &h->thread);
		*out = h->thread;
		break;
	case KEY_SPEC_PROCESS_KEYRING:
		if (flags & LOOKUP_CREATE)
			err = own_keyring(c, "_pid", &h->process);
		*out = h->process;
		break;
	case KEY_SPEC_SESSION_KEYRING:
		err = session_keyring(c, flags);
		*out = h->session;
		break;
	case KEY_SPEC_USER_KEYRING:
	case KEY_SPEC_USER_SESSION_KEYRING:
		err = user_keyrings(c, &user, &session);
		if (!err)
			*out = id == KEY_SPEC_USER_KEYRING ? user : session;
		break;
	case KEY_SPEC_REQKEY_AUTH_KEY:
	case KEY_SPEC_REQUESTOR_KEYRING: return -ENOKEY;
	default: return -EINVAL;
	}
	return err ? err : *out ? 0 : -ENOKEY;
}

int key_lookup(struct key_caller *c, key_serial_t id, unsigned flags, unsigned need,
	       struct key **out, bool *possessed)
{
	int err = 0;

	lock_assert_held(&c->d->lock);
	*out = NULL;
	*possessed = true;
	if (id < 0) {
		err = lookup_special(c, id, flags, out);
	} else if (id < 1) {
		err = -EINVAL;
	} else {
		*out = key_find_serial(c->d, id);
		const struct key_search s = { .key = *out };
		struct key *found;
		err = *out ? 0 : -ENOKEY;
		*possessed = !err && !key_search_all(c, &s, &found);
	}
	if (err || flags & LOOKUP_UNLINK)
		return err;
	if (flags & LOOKUP_DEFER)
		return 0;
	err = key_validate(c->d, *out);
	return err ? err : key_permission(c, *out, *possessed, need);
}

/* search_cred_keyrings_rcu() */
int key_search_all(const struct key_caller *c, const struct key_search *s, struct key **out)
{
	const struct key_holder *h = c->holder;
	struct key *const rings[] = { h->thread, h->process,
				      h->session ? h->session : user_session(c) };
	bool searched = false;
	int other = -EAGAIN;

	for (size_t i = 0; i < sizeof rings / sizeof *rings; i++) {
		int err = rings[i] ? keyring_search(c, rings[i], true, s, out) : 0;
		if (!err && rings[i])
			return 0;
		if (err == -EAGAIN)
			searched = true;
		else if (err)
			other = err;
	}
	return searched ? -EAGAIN : other;
}

uint64_t key_mark_possessed(const struct key_caller *c)
{
	const struct key_holder *h = c->holder;
	struct key *const rings[] = { h->thread, h->process,
				      h->session ? h->session : user_session(c) };
	uint64_t number = ++c->d->searches;

	for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
		if (rings[i])
			keyring_mark(c, rings[i], number);
	return number;
}

int64_t key_join_session(struct key_caller *c, const char *name)
{
	struct key *k = name ? keyring_named(c, name) : NULL;
	int err = 0;

	lock_assert_held(&c->d->lock);
	if (!name)
		err = new_session(c);
	else if (k && k == c->holder->session)
		return 0;
	else if (k)
		key_set(c->d, &c->holder->session, k);
	if (err || !name || k)
		return err ? err : c->holder->session->serial;
	err = new_keyring(c, name, c->cred->uid, c->cred->gid,
			  KEY_POSSESSOR(KEY_ALL) | KEY_OWNER(KEY_VIEW | KEY_READ | KEY_LINK),
			  KEY_IN_QUOTA, &k);
	if (err)
		return err;
	key_put(c->d, c->holder->session);
	c->holder->session = k;
	return k->serial;
}

static int new_persistent(struct key_caller *c, struct key_registers *r, const char *name,
			  uid_t uid, struct key **out)
{
	const uint32_t permissions =
	    KEY_POSSESSOR(KEY_ALL & ~KEY_SETATTR) | KEY_OWNER(KEY_VIEW | KEY_READ);
	int err = 0;

	if (!r->persistent)
		err = new_keyring(c, ".persistent_register", 0, 0, permissions, KEY_NOT_IN_QUOTA,
				  &r->persistent);
	if (!err)
		err = new_keyring(c, name, uid, KEY_NO_GROUP, permissions, KEY_NOT_IN_QUOTA, out);
	if (err)
		return err;
	err = keyring_link(c->d, r->persistent, *out);
	key_put(c->d, *out); /* the register has it */
	return err;
}

int64_t key_get_persistent(struct key_caller *c, uid_t uid, struct key *to)
{
	struct user_namespace *ns = c->cred->user_ns;
	struct key_registers *r = key_registers_of(c->d, ns, true);
	struct key *k = NULL;
	char name[32];
	int err = r ? 0 : -ENOMEM;

	snprintf(name, sizeof name, "_persistent.%u", from_kuid(ns, uid));
	if (!err && r->persistent)
		k = keyring_find(r->persistent, key_type_find("keyring"), name);
	if (!err && (!k || k->revoked || k->dead))
		err = new_persistent(c, r, name, uid, &k);
	if (!err)
		err = key_permission(c, k, true, KEY_LINK);
	if (!err)
		err = keyring_link(c->d, to, k);
	if (err)
		return err;
	key_set_expiry(c->d, k, key_now(c->d) + c->d->limits[KEYS_PERSISTENT_EXPIRY]);
	return k->serial;
}

/* ---- holders ---- */

int key_holder_fork(struct key_caller *parent, struct key_holder *child, bool thread)
{
	const struct key_holder *from = parent->holder;
	struct key_caller c = *parent;
	int err = 0;

	child->request_to = from->request_to;
	keys_lock(c.d);
	c.holder = child;
	if (thread)
		key_set(c.d, &child->process, from->process);
	key_set(c.d, &child->session, from->session);
	if (thread && from->thread)
		err = own_keyring(&c, "_tid", &child->thread);
	keys_unlock(c.d);
	return err;
}

void key_holder_exec(struct key_domain *d, struct key_holder *h)
{
	if (!h->thread && !h->process)
		return;
	keys_lock(d);
	key_set(d, &h->thread, NULL);
	key_set(d, &h->process, NULL);
	keys_unlock(d);
}

void key_holder_chown(struct key_domain *d, struct key_holder *h, const struct cred *old,
		      const struct cred *new)
{
	if (!h->thread)
		return;
	keys_lock(d);
	if (new->fsuid != old->fsuid)
		h->thread->uid = new->fsuid;
	if (new->fsgid != old->fsgid)
		h->thread->gid = new->fsgid;
	keys_unlock(d);
}

void key_holder_drop(struct key_domain *d, struct key_holder *h)
{
	if (!h->thread && !h->process && !h->session)
		return;
	keys_lock(d);
	key_set(d, &h->thread, NULL);
	key_set(d, &h->process, NULL);
	key_set(d, &h->session, NULL);
	keys_unlock(d);
}
