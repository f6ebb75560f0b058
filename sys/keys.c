/* SPDX-License-Identifier: Apache-2.0 */
/* add_key(2), request_key(2), keyctl(2): arguments and the order of checks are those of Linux's
 * security/keys/keyctl.c. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user_ns.h"
#include "keys/key.h"
#include "sys/sys.h"

#ifndef KEYCTL_MOVE
#define KEYCTL_MOVE         30
#define KEYCTL_CAPABILITIES 31
#define KEYCTL_MOVE_EXCL    1
#endif

#define ALL_PERMISSIONS 0x3f3f3f3fU
#define UPDATE_MAX      4096
#define RESTRICTION_MAX 4096
#define CALLOUT_MAX     4096
#define ERRNO_MAX       4094 /* what a key may be rejected with, but for */
#define ERESTART_FIRST  512  /* ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, */
#define ERESTART_LAST   516  /* and ERESTART_RESTARTBLOCK; not for */
#define ENOIOCTLCMD     515
#define REQUEST_MAX     7    /* KEY_REQKEY_DEFL_REQUESTOR_KEYRING */
#define CAPABILITIES_0  0xe3 /* capabilities, persistent keyrings, invalidate, restrict, move */
#define CAPABILITIES_1  0x01 /* names of keyrings are their namespace's */

/* A copy, to be freed. -EFAULT, -EINVAL: it has no end in `max` bytes. */
static int get_string(struct task *t, uint64_t addr, size_t max, char **out)
{
	char *s = malloc(max);

	if (!s)
		return -ENOMEM;
	ssize_t n = copy_string_from_guest(t->mm, s, GVA(addr), max);
	if (n < 0 || (size_t)n >= max) {
		free(s);
		return n < 0 && n != -ENAMETOOLONG ? -EFAULT : -EINVAL;
	}
	*out = s;
	return 0;
}

/* key_get_type_from_user() */
static int get_type(struct task *t, uint64_t addr, char **out)
{
	int err = get_string(t, addr, KEY_TYPE_MAX, out);

	if (err)
		return err;
	err = !**out ? -EINVAL : **out == '.' ? -EPERM : 0;
	if (err) {
		free(*out);
		*out = NULL;
	}
	return err;
}

static int get_payload(struct task *t, uint64_t addr, uint64_t size, void **out)
{
	*out = size ? mm_host_alloc(&t->sb->mem, size) : NULL;
	if (size && !*out)
		return -ENOMEM;
	if (!size || !copy_from_guest(t->mm, *out, GVA(addr), size))
		return 0;
	mm_host_free(&t->sb->mem, *out, size);
	*out = NULL;
	return -EFAULT;
}

/* ---- making ---- */

struct new_key {
	char *type, *description;
	void *payload;
	size_t size;
};

static void new_key_free(struct task *t, struct new_key *n)
{
	free(n->type);
	free(n->description);
	if (n->payload)
		mm_host_free(&t->sb->mem, n->payload, n->size);
}

static uint32_t first_permissions(const struct key_type *type)
{
	uint32_t bits = KEY_VIEW | KEY_SEARCH | KEY_LINK | KEY_SETATTR | KEY_WRITE;

	return KEY_POSSESSOR(bits | (type->readable ? KEY_READ : 0)) | KEY_OWNER(KEY_VIEW);
}

static int check_payload(const struct key_type *type, size_t size)
{
	if (!type->payload_max)
		return size ? -EINVAL : 0;
	return !size || size > type->payload_max ? -EINVAL : 0;
}

/* The payload is taken over. */
static int update(struct key_caller *c, struct key *k, bool possessed, struct new_key *n)
{
	int err = key_permission(c, k, possessed, KEY_WRITE);

	if (!err)
		err = key_set_payload(c->d, k, n->payload, n->size);
	if (err)
		return err;
	n->payload = NULL;
	key_set_expiry(c->d, k, 0);
	return 0;
}

static int make(struct key_caller *c, struct key *ring, const struct key_type *type,
		struct new_key *n, key_serial_t *out)
{
	const struct key_new want = { .type = type,
				      .description = n->description,
				      .uid = c->cred->fsuid,
				      .gid = c->cred->fsgid,
				      .permissions = first_permissions(type),
				      .inum = c->cred->user_ns->ns.inum };
	struct key *k;
	int err = key_make(c->d, c->random, &want, 0, &k);

	if (err)
		return err;
	if (n->size)
		err = key_set_payload(c->d, k, n->payload, n->size);
	if (!err)
		n->payload = NULL;
	if (!err)
		err = keyring_link(c->d, ring, k);
	*out = k->serial;
	key_put(c->d, k);
	return err;
}

static int64_t add_locked(struct key_caller *c, key_serial_t to, struct new_key *n)
{
	const struct key_type *type = key_type_find(n->type);
	struct key *ring, *k;
	bool possessed;
	key_serial_t serial = 0;
	int err = key_lookup(c, to, LOOKUP_CREATE, KEY_WRITE, &ring, &possessed);

	if (err)
		return err;
	if (!type)
		return -ENODEV;
	if (!key_is_keyring(ring))
		return -ENOTDIR;
	err = check_payload(type, n->size);
	if (!err && !n->description)
		err = -EINVAL;
	if (err)
		return err;
	if (ring->restricted)
		return -EPERM;
	k = type->payload_max ? keyring_find(ring, type, n->description) : NULL;
	if (!k || k->revoked || k->dead)
		err = make(c, ring, type, n, &serial);
	else if (!(err = update(c, k, possessed, n)))
		serial = k->serial;
	return err ? err : serial;
}

static int get_new_key(struct task *t, const uint64_t a[6], struct new_key *n)
{
	int err = a[3] > KEY_PAYLOAD_MAX ? -EINVAL : get_type(t, a[0], &n->type);

	if (!err && a[1])
		err = get_string(t, a[1], KEY_DESCRIPTION_MAX, &n->description);
	if (!err && n->description && !*n->description) {
		free(n->description);
		n->description = NULL;
	}
	if (!err && n->description && *n->description == '.' && !strncmp(n->type, "keyring", 7))
		err = -EPERM;
	n->size = a[3];
	return err ? err : get_payload(t, a[2], a[3], &n->payload);
}

SYSCALL_DEFINE(add_key)
{
	struct key_caller c = task_keys(t);
	struct new_key n = { 0 };
	int64_t r = get_new_key(t, a, &n);

	if (!r) {
		keys_lock(c.d);
		r = add_locked(&c, (key_serial_t)a[4], &n);
		keys_unlock(c.d);
	}
	new_key_free(t, &n);
	return r;
}

static int64_t request_locked(struct key_caller *c, const char *type, const char *description,
			      key_serial_t to)
{
	struct key_search s = { .description = description, .skip_expired = true };
	struct key *ring = NULL, *k;
	bool possessed;
	int err = 0;

	if (to)
		err = key_lookup(c, to, LOOKUP_CREATE, KEY_WRITE, &ring, &possessed);
	if (err)
		return err;
	s.type = key_type_find(type);
	if (!s.type)
		return -ENOKEY;
	err = key_search_all(c, &s, &k);
	if (err)
		return err == -EAGAIN ? -ENOKEY : err; /* nobody is asked to make it */
	if (ring)
		err = key_permission(c, k, true, KEY_LINK);
	if (ring && !err)
		err = keyring_link(c->d, ring, k);
	return err ? err : k->serial;
}

SYSCALL_DEFINE(request_key)
{
	struct key_caller c = task_keys(t);
	char *type = NULL, *description = NULL, *callout = NULL;
	int64_t r = get_type(t, a[0], &type);

	if (!r)
		r = get_string(t, a[1], KEY_DESCRIPTION_MAX, &description);
	if (!r && a[2])
		r = get_string(t, a[2], CALLOUT_MAX, &callout);
	if (!r) {
		keys_lock(c.d);
		r = request_locked(&c, type, description, (key_serial_t)a[3]);
		keys_unlock(c.d);
	}
	free(type);
	free(description);
	free(callout);
	return r;
}

/* ---- keyctl: each with the lock held, unless it takes it itself ---- */

struct op {
	struct task *t;
	struct key_caller *c;
	const uint64_t *a; /* behind the operation */
};

static int64_t op_keyring_id(const struct op *o)
{
	struct key *k;
	bool possessed;
	int err = key_lookup(o->c, (key_serial_t)o->a[0], (int)o->a[1] ? LOOKUP_CREATE : 0,
			     KEY_SEARCH, &k, &possessed);

	return err ? err : k->serial;
}

static int64_t op_revoke(const struct op *o)
{
	struct key *k;
	bool possessed;
	int err = key_lookup(o->c, (key_serial_t)o->a[0], 0, KEY_WRITE, &k, &possessed);

	if (err == -EACCES)
		err = key_lookup(o->c, (key_serial_t)o->a[0], 0, KEY_SETATTR, &k, &possessed);
	if (err)
		return err;
	key_revoke(o->c->d, k);
	return 0;
}

static int64_t op_invalidate(const struct op *o)
{
	struct key *k;
	bool possessed;
	int err = key_lookup(o->c, (key_serial_t)o->a[0], 0, KEY_SEARCH, &k, &possessed);

	if (!err)
		key_invalidate(o->c->d, k);
	return err;
}

static int64_t op_chown(const struct op *o)
{
	const struct user_namespace *users = o->c->cred->user_ns;
	uid_t uid = make_kuid(users, (uid_t)o->a[1]);
	gid_t gid = make_kgid(users, (gid_t)o->a[2]);
	struct key *k;
	bool possessed;

	if ((uid_t)o->a[1] == (uid_t)-1 && (gid_t)o->a[2] == (gid_t)-1)
		return 0;
	if ((uid == (uid_t)-1 && (uid_t)o->a[1] != (uid_t)-1) ||
	    (gid == (gid_t)-1 && (gid_t)o->a[2] != (gid_t)-1))
		return -EINVAL;
	int err =
	    key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_CREATE, KEY_SETATTR, &k, &possessed);
	return err ? err : key_chown(o->c, k, uid, gid);
}

static int64_t op_setperm(const struct op *o)
{
	const struct cred *cred = o->c->cred;
	struct key *k;
	bool possessed;

	if (o->a[1] & ~(uint64_t)ALL_PERMISSIONS & UINT32_MAX)
		return -EINVAL;
	int err =
	    key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_CREATE, KEY_SETATTR, &k, &possessed);
	if (err)
		return err;
	if (k->uid != cred->fsuid && !cred_capable(cred, CAP_SYS_ADMIN))
		return -EACCES;
	k->permissions = (uint32_t)o->a[1];
	return 0;
}

static int64_t op_timeout(const struct op *o)
{
	unsigned seconds = (unsigned)o->a[1];
	struct key *k;
	bool possessed;
	int err =
	    key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_CREATE, KEY_SETATTR, &k, &possessed);

	if (!err)
		key_set_expiry(o->c->d, k, seconds ? key_now(o->c->d) + seconds : 0);
	return err;
}

static int64_t op_clear(const struct op *o)
{
	struct key *k;
	bool possessed;
	int err = key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_CREATE, KEY_WRITE, &k, &possessed);

	if (!err && !key_is_keyring(k))
		err = -ENOTDIR;
	if (!err)
		keyring_clear(o->c->d, k);
	return err;
}

static int64_t op_link(const struct op *o)
{
	struct key *ring, *k;
	bool possessed;
	int err =
	    key_lookup(o->c, (key_serial_t)o->a[1], LOOKUP_CREATE, KEY_WRITE, &ring, &possessed);

	if (!err)
		err = key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_CREATE, KEY_LINK, &k,
				 &possessed);
	return err ? err : keyring_link(o->c->d, ring, k);
}

static int64_t op_unlink(const struct op *o)
{
	struct key *ring, *k;
	bool possessed;
	int err = key_lookup(o->c, (key_serial_t)o->a[1], 0, KEY_WRITE, &ring, &possessed);

	if (!err)
		err = key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_UNLINK, 0, &k, &possessed);
	if (!err && !key_is_keyring(ring))
		err = -ENOTDIR;
	return err ? err : keyring_unlink(o->c->d, ring, k);
}

static int64_t op_move(const struct op *o)
{
	struct key *k, *from, *to;
	bool possessed;

	if ((unsigned)o->a[3] & ~(unsigned)KEYCTL_MOVE_EXCL)
		return -EINVAL;
	int err = key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_CREATE, KEY_LINK, &k, &possessed);
	if (!err)
		err = key_lookup(o->c, (key_serial_t)o->a[1], 0, KEY_WRITE, &from, &possessed);
	if (!err)
		err = key_lookup(o->c, (key_serial_t)o->a[2], LOOKUP_CREATE, KEY_WRITE, &to,
				 &possessed);
	if (err || from == to)
		return err;
	if (!key_is_keyring(from) || !key_is_keyring(to))
		return -ENOTDIR;
	if (keyring_find(from, k->type, k->description) != k)
		return -ENOENT;
	if ((unsigned)o->a[3] && keyring_find(to, k->type, k->description))
		return -EEXIST;
	err = keyring_link(o->c->d, to, k);
	return err ? err : keyring_unlink(o->c->d, from, k);
}

static int64_t op_reqkey(const struct op *o)
{
	int to = (int)o->a[0], old = o->c->holder->request_to;
	struct key *k;
	bool possessed;
	int err = 0;

	if (to == KEY_REQKEY_DEFL_NO_CHANGE)
		return old;
	if (to < 0 || to > REQUEST_MAX || to == KEY_REQKEY_DEFL_GROUP_KEYRING)
		return -EINVAL;
	if (to == KEY_REQKEY_DEFL_THREAD_KEYRING || to == KEY_REQKEY_DEFL_PROCESS_KEYRING)
		err = key_lookup(o->c, -to, LOOKUP_CREATE, 0, &k, &possessed);
	if (err)
		return err;
	o->c->holder->request_to = to;
	return old;
}

/* Nobody makes keys for others, so nobody has the authority to. */
static int64_t op_assume(const struct op *o)
{
	key_serial_t id = (key_serial_t)o->a[0];

	return id < 0 ? -EINVAL : id ? -ENOKEY : 0;
}

static int64_t op_no_authority(const struct op *o)
{
	return -EPERM;
}

static int64_t op_instantiate(const struct op *o)
{
	return o->a[1] && o->a[2] > KEY_PAYLOAD_MAX ? -EINVAL : -EPERM;
}

static int64_t op_reject(const struct op *o)
{
	unsigned err = (unsigned)o->a[2];

	if (!err || err > ERRNO_MAX)
		return -EINVAL;
	return err >= ERESTART_FIRST && err <= ERESTART_LAST && err != ENOIOCTLCMD ? -EINVAL
										   : -EPERM;
}

/* No type of ours knows which keys may be linked; `type` NULL: none may be. */
static int64_t restrict_locked(const struct op *o, const char *type)
{
	struct key *k;
	bool possessed;
	int err = key_lookup(o->c, (key_serial_t)o->a[0], 0, KEY_SETATTR, &k, &possessed);

	if (!err && !key_is_keyring(k))
		err = -ENOTDIR;
	if (!err && type)
		err = key_type_find(type) ? -ENOENT : -ENOKEY;
	if (!err && k->restricted)
		err = -EEXIST;
	if (err)
		return err;
	k->restricted = true;
	return 0;
}

static int64_t op_restrict(const struct op *o)
{
	char *type = NULL, *restriction = NULL;
	int64_t r = !o->a[1] == !o->a[2] ? 0 : -EINVAL;

	if (!r && o->a[1])
		r = get_type(o->t, o->a[1], &type);
	if (!r && o->a[2])
		r = get_string(o->t, o->a[2], RESTRICTION_MAX, &restriction);
	if (!r) {
		keys_lock(o->c->d);
		r = restrict_locked(o, type);
		keys_unlock(o->c->d);
	}
	free(type);
	free(restriction);
	return r;
}

static int64_t op_persistent(const struct op *o)
{
	const struct cred *cred = o->c->cred;
	uid_t uid =
	    (uid_t)o->a[0] == (uid_t)-1 ? cred->uid : make_kuid(cred->user_ns, (uid_t)o->a[0]);
	struct key *to;
	bool possessed;

	if (uid == (uid_t)-1)
		return -EINVAL;
	if (uid != cred->uid && uid != cred->euid && !cred_own_capable(cred, CAP_SETUID))
		return -EPERM;
	int err =
	    key_lookup(o->c, (key_serial_t)o->a[1], LOOKUP_CREATE, KEY_WRITE, &to, &possessed);

	if (!err && !key_is_keyring(to))
		err = -ENOTDIR;
	return err ? err : key_get_persistent(o->c, uid, to);
}

/* ---- those that read or write memory of the guest ---- */

static int64_t locked(const struct op *o, int64_t (*fn)(const struct op *o))
{
	keys_lock(o->c->d);
	int64_t r = fn(o);
	keys_unlock(o->c->d);
	return r;
}

static int64_t op_join(const struct op *o)
{
	char *name = NULL;
	int64_t r = o->a[0] ? get_string(o->t, o->a[0], KEY_DESCRIPTION_MAX, &name) : 0;

	if (!r && name && *name == '.')
		r = -EPERM;
	if (!r) {
		keys_lock(o->c->d);
		r = key_join_session(o->c, name);
		keys_unlock(o->c->d);
	}
	free(name);
	return r;
}

static int64_t op_update(const struct op *o)
{
	struct new_key n = { .size = o->a[2] };
	struct key *k;
	bool possessed;

	if (o->a[2] > UPDATE_MAX)
		return -EINVAL;
	int err = get_payload(o->t, o->a[1], o->a[2], &n.payload);
	if (err)
		return err;
	keys_lock(o->c->d);
	err = key_lookup(o->c, (key_serial_t)o->a[0], 0, KEY_WRITE, &k, &possessed);
	if (!err && key_is_keyring(k))
		err = -EOPNOTSUPP;
	if (!err)
		err = check_payload(k->type, n.size);
	if (!err)
		err = update(o->c, k, possessed, &n);
	keys_unlock(o->c->d);
	new_key_free(o->t, &n);
	return err;
}

/* What is asked for, if it fits; its length in any case. */
static int64_t answer(const struct op *o, const void *data, size_t len)
{
	if (o->a[1] && o->a[2] >= len && copy_to_guest(o->t->mm, GVA(o->a[1]), data, len))
		return -EFAULT;
	return (int64_t)len;
}

static int64_t op_describe(const struct op *o)
{
	char *line = malloc(KEY_DESCRIPTION_MAX + KEY_TYPE_MAX + 64);
	struct key *k;
	bool possessed;
	int n = 0;

	if (!line)
		return -ENOMEM;
	keys_lock(o->c->d);
	int err = key_lookup(o->c, (key_serial_t)o->a[0], 0, KEY_VIEW, &k, &possessed);
	if (!err)
		n = sprintf(line, "%s;%d;%d;%08x;%s", k->type->name,
			    (int)from_kuid_munged(o->c->cred->user_ns, k->uid),
			    (int)from_kgid_munged(o->c->cred->user_ns, k->gid), k->permissions,
			    k->description);
	keys_unlock(o->c->d);
	int64_t r = err ? err : answer(o, line, (size_t)n + 1);
	free(line);
	return r;
}

/* A copy of what is in the key; lock held. */
static int copy_payload(const struct key *k, void **out, size_t *size)
{
	*size = key_is_keyring(k) ? k->nr_links * sizeof(key_serial_t) : k->size;
	*out = malloc(*size + 1);
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; key_is_keyring(k) && i < k->nr_links; i++)
		((key_serial_t *)*out)[i] = k->links[i]->serial;
	if (!key_is_keyring(k))
		memcpy(*out, k->payload, k->size);
	return 0;
}

static int64_t op_read(const struct op *o)
{
	void *data = NULL;
	size_t size = 0;
	struct key *k;
	bool possessed;

	keys_lock(o->c->d);
	int err = key_lookup(o->c, (key_serial_t)o->a[0], LOOKUP_DEFER, 0, &k, &possessed);
	/* who can find it may read it */
	if (!err && key_permission(o->c, k, possessed, KEY_READ) && !possessed)
		err = -EACCES;
	if (!err && !k->type->readable)
		err = -EOPNOTSUPP;
	if (!err)
		err = key_validate(o->c->d, k);
	if (!err && key_is_keyring(k) && o->a[1] && o->a[2] <= PAGE_SIZE &&
	    o->a[2] % sizeof(key_serial_t))
		err = -EINVAL;
	if (!err)
		err = copy_payload(k, &data, &size);
	keys_unlock(o->c->d);
	int64_t r = err ? err : answer(o, data, size);
	free(data);
	return r;
}

static int64_t search_locked(struct key_caller *c, const uint64_t *a, const char *type,
			     const char *description)
{
	struct key_search s = { .type = key_type_find(type), .description = description };
	struct key *ring, *to = NULL, *k;
	bool possessed, ring_possessed;
	int err = key_lookup(c, (key_serial_t)a[0], 0, KEY_SEARCH, &ring, &ring_possessed);

	if (!err && (key_serial_t)a[3])
		err = key_lookup(c, (key_serial_t)a[3], LOOKUP_CREATE, KEY_WRITE, &to, &possessed);
	if (!err && !s.type)
		err = -ENOKEY;
	if (!err)
		err = keyring_search(c, ring, ring_possessed, &s, &k);
	if (err)
		return err == -EAGAIN ? -ENOKEY : err;
	if (to)
		err = key_permission(c, k, ring_possessed, KEY_LINK);
	if (to && !err)
		err = keyring_link(c->d, to, k);
	return err ? err : k->serial;
}

static int64_t op_search(const struct op *o)
{
	char *type = NULL, *description = NULL;
	int64_t r = get_type(o->t, o->a[1], &type);

	if (r)
		return r;
	r = get_string(o->t, o->a[2], KEY_DESCRIPTION_MAX, &description);
	if (!r) {
		keys_lock(o->c->d);
		r = search_locked(o->c, o->a, type, description);
		keys_unlock(o->c->d);
	}
	free(type);
	free(description);
	return r;
}

/* No module gives keys a label. */
static int64_t op_security(const struct op *o)
{
	struct key *k;
	bool possessed;

	keys_lock(o->c->d);
	int err = key_lookup(o->c, (key_serial_t)o->a[0], 0, KEY_VIEW, &k, &possessed);
	keys_unlock(o->c->d);
	return err ? err : answer(o, "", 1);
}

static int64_t op_capabilities(const struct op *o)
{
	static const uint8_t bits[2] = { CAPABILITIES_0, CAPABILITIES_1 };
	uint8_t buf[64] = { 0 };
	uint64_t size = o->a[1], at = 0;

	memcpy(buf, bits, sizeof bits);
	while (at < size) {
		size_t n = size - at < sizeof buf ? size - at : sizeof buf;
		if (copy_to_guest(o->t->mm, GVA(o->a[0] + at), buf, n))
			return -EFAULT;
		memset(buf, 0, sizeof bits);
		at += n;
	}
	return sizeof bits;
}

/* The one thread of the parent, if it is the same user's; sandbox->lock and the keys' held. NULL:
 * -EPERM. */
static struct task *obliging_parent(struct task *t, const struct key *session)
{
	const struct cred *c = t->cred;
	struct process *p = t->process->parent;

	if (!p || !p->parent || p->nr_live != 1 || list_empty(&p->tasks))
		return NULL;
	struct task *parent = list_first(&p->tasks, struct task, process_node);
	const struct cred *pc = parent->cred;
	bool same = pc->uid == c->euid && pc->euid == c->euid && pc->suid == c->euid &&
		    pc->gid == c->egid && pc->egid == c->egid && pc->sgid == c->egid;
	const struct key *old = parent->keys.session;
	return (same && session->uid == c->euid && (!old || old->uid == c->euid)) || old == session
		   ? parent
		   : NULL;
}

static int64_t op_to_parent(const struct op *o)
{
	struct key *session;
	bool possessed;
	int err = key_lookup(o->c, KEY_SPEC_SESSION_KEYRING, 0, KEY_LINK, &session, &possessed);

	if (err)
		return err;
	sandbox_lock(o->t->sb);
	struct task *parent = obliging_parent(o->t, session);
	if (parent)
		key_set(o->c->d, &parent->keys.session, session);
	sandbox_unlock(o->t->sb);
	return parent ? 0 : -EPERM;
}

static const struct {
	int64_t (*fn)(const struct op *o);
	bool locks; /* it takes the lock itself */
} ops[] = {
	[KEYCTL_GET_KEYRING_ID] = { op_keyring_id, false },
	[KEYCTL_JOIN_SESSION_KEYRING] = { op_join, true },
	[KEYCTL_UPDATE] = { op_update, true },
	[KEYCTL_REVOKE] = { op_revoke, false },
	[KEYCTL_CHOWN] = { op_chown, false },
	[KEYCTL_SETPERM] = { op_setperm, false },
	[KEYCTL_DESCRIBE] = { op_describe, true },
	[KEYCTL_CLEAR] = { op_clear, false },
	[KEYCTL_LINK] = { op_link, false },
	[KEYCTL_UNLINK] = { op_unlink, false },
	[KEYCTL_SEARCH] = { op_search, true },
	[KEYCTL_READ] = { op_read, true },
	[KEYCTL_INSTANTIATE] = { op_instantiate, false },
	[KEYCTL_NEGATE] = { op_no_authority, false },
	[KEYCTL_SET_REQKEY_KEYRING] = { op_reqkey, false },
	[KEYCTL_SET_TIMEOUT] = { op_timeout, false },
	[KEYCTL_ASSUME_AUTHORITY] = { op_assume, false },
	[KEYCTL_GET_SECURITY] = { op_security, true },
	[KEYCTL_SESSION_TO_PARENT] = { op_to_parent, false },
	[KEYCTL_REJECT] = { op_reject, false },
	[KEYCTL_INSTANTIATE_IOV] = { op_no_authority, false },
	[KEYCTL_INVALIDATE] = { op_invalidate, false },
	[KEYCTL_GET_PERSISTENT] = { op_persistent, false },
	[KEYCTL_RESTRICT_KEYRING] = { op_restrict, true },
	[KEYCTL_MOVE] = { op_move, false },
	[KEYCTL_CAPABILITIES] = { op_capabilities, true },
};

SYSCALL_DEFINE(keyctl)
{
	struct key_caller c = task_keys(t);
	const struct op o = { t, &c, a + 1 };
	const int op = (int)a[0];

	if (op < 0 || (size_t)op >= sizeof ops / sizeof *ops || !ops[op].fn)
		return -EOPNOTSUPP;
	return ops[op].locks ? ops[op].fn(&o) : locked(&o, ops[op].fn);
}
