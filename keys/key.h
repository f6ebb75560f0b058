/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys (keyrings(7)): what a sandbox's programs keep in its kernel, found by a type and a
 * description in keyrings, which are keys themselves.
 *
 * One lock guards all keys of a sandbox, and which keyrings its threads have. It sleeps: a user who
 * may have a million keys can make a search of all of them. Nothing is copied from or to a guest
 * while it is held. A key lives as long as somebody refers to it: a keyring, a thread, the
 * registers of a user namespace. What keys hold is the sandbox's memory, and how many a user may
 * have is bounded by key_limits.
 *
 * Nobody makes a key that is asked for and not there: there is no /sbin/request-key to ask, and
 * request_key(2) gives ENOKEY.
 */
#ifndef HL_KEYS_KEY_H
#define HL_KEYS_KEY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cred/cred.h"
#include "util/list.h"
#include "util/lock.h"
#include "util/rbtree.h"
#include "util/saved.h"
#include "util/text.h"

struct mm_host;
struct random_stream;
struct user_namespace;

typedef int32_t key_serial_t;

#define KEY_DESCRIPTION_MAX 4096    /* with its NUL */
#define KEY_TYPE_MAX        32      /* the same */
#define KEY_PAYLOAD_MAX     1048575 /* what any type takes */
#define KEY_NO_GROUP        ((gid_t)-1)

/* What one may do with a key: bits of each of the four bytes of its permissions. */
enum { KEY_VIEW = 1, KEY_READ = 2, KEY_WRITE = 4, KEY_SEARCH = 8, KEY_LINK = 16, KEY_SETATTR = 32 };
#define KEY_ALL             0x3fU
#define KEY_POSSESSOR(bits) ((uint32_t)(bits) << 24)
#define KEY_OWNER(bits)     ((uint32_t)(bits) << 16)

struct key_type {
	const char *name;
	size_t payload_max; /* 0: it has none, it is a keyring */
	bool readable;
	int (*vet)(const char *description); /* NULL: any */
};

/* What a user of the sandbox has of keys; freed with the last one. */
struct key_user {
	struct rb_node node; /* key_domain.users */
	uid_t uid;
	uint64_t keys; /* that there are */
	uint64_t quota_keys, quota_bytes;
};

struct key {
	/* guarded by the domain's lock */
	unsigned refs;
	struct rb_node node; /* key_domain.keys */
	struct list named;   /* key_domain.keyrings */
	key_serial_t serial;
	const struct key_type *type;
	struct key_user *user; /* whose quota it counts for */
	uid_t uid;
	gid_t gid;
	uint32_t permissions;
	bool in_quota, revoked, dead, restricted;
	bool of_user;       /* the user's own keyring, or its session */
	unsigned inum;      /* of the user namespace that a keyring has its name in */
	int64_t expiry;     /* seconds of CLOCK_REALTIME; 0: none */
	uint64_t quota;     /* bytes that are counted */
	void *payload;      /* of a key that is no keyring, */
	size_t size;        /* and its length */
	struct key **links; /* of a keyring: references, by type and description, keyrings first */
	size_t nr_links, room;
	uint64_t seen; /* by which search, and how deep below its start */
	unsigned seen_depth;
	uint64_t possessed; /* key_mark_possessed */
	char description[];
};

/* /proc/sys/kernel/keys */
enum key_limit {
	KEYS_GC_DELAY,
	KEYS_MAX_BYTES,
	KEYS_MAX_KEYS,
	KEYS_PERSISTENT_EXPIRY,
	KEYS_ROOT_MAX_BYTES,
	KEYS_ROOT_MAX_KEYS,
	NR_KEY_LIMITS
};

/* Keyrings that hold those of the users of a user namespace; references, NULL: none yet. */
struct key_registers {
	struct list node; /* key_domain.registers */
	struct key_domain *domain;
	struct user_namespace *ns;  /* not a reference: it says when it goes */
	struct key_registers *dead; /* key_domain.dead: its namespace is gone */
	struct key *users, *persistent;
};

/* Of a sandbox. It outlives the user namespaces. */
struct key_domain {
	struct mm_host *mem;
	struct mutex lock;
	/* guarded by lock */
	struct rb_tree keys;  /* by serial */
	struct rb_tree users; /* by uid */
	struct list keyrings, registers;
	struct list gone; /* keyrings that are being freed */
	uint64_t searches;
	int64_t sweep_at; /* when a keyring may have to let go of a key that expired; 0: never */

	_Atomic(struct key_registers *) dead; /* those that nobody has freed yet */
	_Atomic unsigned limits[NR_KEY_LIMITS];
};

/* The keyrings of a thread; references, NULL: none. Domain's lock. */
struct key_holder {
	struct key *thread, *process, *session;
	int request_to; /* KEY_REQKEY_DEFL_*: where request_key(2) puts what it has made */
};

/* Who asks. */
struct key_caller {
	struct key_domain *d;
	const struct cred *cred;
	struct key_holder *holder;
	struct random_stream *random;
};

void key_domain_init(struct key_domain *d, struct mm_host *mem);
/* No holder has any key any more. */
void key_domain_clear(struct key_domain *d);
void key_domain_destroy(struct key_domain *d);

/* A thread starts: what it has of its maker, who calls. `thread`: it is of the same process. 0,
 * -ENOMEM or -EDQUOT: key_holder_drop ends it in any case. */
int key_holder_fork(struct key_caller *parent, struct key_holder *child, bool thread);
/* It executes a program. */
void key_holder_exec(struct key_domain *d, struct key_holder *h);
/* It has other credentials. */
void key_holder_chown(struct key_domain *d, struct key_holder *h, const struct cred *old,
		      const struct cred *new);
void key_holder_drop(struct key_domain *d, struct key_holder *h);

/* What has to be gone by now is gone behind it. */
void keys_lock(struct key_domain *d);
#define keys_unlock(d) mutex_unlock(&(d)->lock)

/* ---- lock held ---- */

const struct key_type *key_type_find(const char *name);
static inline bool key_is_keyring(const struct key *k)
{
	return !k->type->payload_max;
}
static inline struct key *key_get(struct key *k)
{
	k->refs++;
	return k;
}
/* NULL: no effect. */
void key_put(struct key_domain *d, struct key *k);
/* Whoever may refer to it: by key_put, and where nobody is left who could. */
void key_free(struct key_domain *d, struct key *k);
/* *at, a reference, becomes one to `k`. */
void key_set(struct key_domain *d, struct key **at, struct key *k);

enum key_counting {
	KEY_IN_QUOTA,
	KEY_OVERRUN,     /* counted, but not refused */
	KEY_NOT_IN_QUOTA /* not counted */
};

struct key_new {
	const struct key_type *type;
	const char *description;
	uid_t uid;
	gid_t gid;
	uint32_t permissions;
	enum key_counting counting;
	unsigned inum; /* of the user namespace whose programs find a keyring by its name */
};
/* -EDQUOT, -ENOMEM, or what the type says. `serial` 0: any number. -EEXIST: it is taken. */
int key_make(struct key_domain *d, struct random_stream *random, const struct key_new *n,
	     key_serial_t serial, struct key **out);
/* Takes over `data`, of mm_host_alloc, where it succeeds. -EDQUOT. */
int key_set_payload(struct key_domain *d, struct key *k, void *data, size_t size);
/* It counts for `bytes` from now on. -EDQUOT. */
int key_reserve(struct key_domain *d, struct key *k, uint64_t bytes);
int key_chown(struct key_caller *c, struct key *k, uid_t uid, gid_t gid);
void key_revoke(struct key_domain *d, struct key *k);
/* Nobody finds it from now on. */
void key_invalidate(struct key_domain *d, struct key *k);
/* `expiry` as in struct key. */
void key_set_expiry(struct key_domain *d, struct key *k, int64_t expiry);
/* 0, -EKEYREVOKED, -EKEYEXPIRED, -ENOKEY. */
int key_validate(const struct key_domain *d, const struct key *k);
/* -EACCES: the caller, who has it in a keyring of its own if `possessed`, may not do all of it. */
int key_permission(const struct key_caller *c, const struct key *k, bool possessed, unsigned need);
int64_t key_now(const struct key_domain *d);
struct key *key_find_serial(const struct key_domain *d, key_serial_t serial);

/* ---- keyrings (keys/keyring.c) ---- */

/* It takes the place of one that has its type and description. -ENOTDIR, -EKEYREVOKED, -EPERM,
 * -EDEADLK, -ELOOP, -EDQUOT, -ENOMEM. */
int keyring_link(struct key_domain *d, struct key *ring, struct key *k);
/* The same without a look at what the keyring and the key are like, and at circles. */
int keyring_insert(struct key_domain *d, struct key *ring, struct key *k);
/* -ENOENT */
int keyring_unlink(struct key_domain *d, struct key *ring, struct key *k);
void keyring_clear(struct key_domain *d, struct key *ring);
/* The one of a type and description in it itself; NULL: there is none. */
struct key *keyring_find(const struct key *ring, const struct key_type *type,
			 const char *description);
/* All keyrings let go of `k`; NULL: of all that expired long ago. */
void keyrings_forget(struct key_domain *d, const struct key *k);
/* The keyring of a name that the caller may join; NULL: there is none. */
struct key *keyring_named(const struct key_caller *c, const char *name);

/* What is looked for: `key` itself, in whatever state, or a valid one of a type and description. */
struct key_search {
	const struct key *key;
	const struct key_type *type;
	const char *description;
	bool skip_expired; /* as if it were not there */
};
/* In a keyring and those in it, as far as the caller may search them: *out borrowed. -EAGAIN: it is
 * not there. */
int keyring_search(const struct key_caller *c, struct key *ring, bool possessed,
		   const struct key_search *s, struct key **out);

/* `possessed` of all that the caller finds there becomes `number`. */
void keyring_mark(const struct key_caller *c, struct key *ring, uint64_t number);

/* ---- what a number means to a thread (keys/holder.c) ---- */

/* LOOKUP_UNLINK: no matter in which state it is, and who may do what. LOOKUP_DEFER: the caller asks
 * about that itself. */
enum { LOOKUP_CREATE = 1, LOOKUP_UNLINK = 2, LOOKUP_DEFER = 4 };
/* A serial number or KEY_SPEC_*: *out borrowed, and whether the caller possesses it. */
int key_lookup(struct key_caller *c, key_serial_t id, unsigned flags, unsigned need,
	       struct key **out, bool *possessed);
/* In all keyrings of the caller. -EAGAIN, or what stood in the way. */
int key_search_all(const struct key_caller *c, const struct key_search *s, struct key **out);
/* The field `possessed` of all that the caller possesses is what this returns. */
uint64_t key_mark_possessed(const struct key_caller *c);
/* keyctl_join_session_keyring(3): the new one's number. `name` NULL: a new one without any. */
int64_t key_join_session(struct key_caller *c, const char *name);
/* keyctl_get_persistent(3) */
int64_t key_get_persistent(struct key_caller *c, uid_t uid, struct key *to);
/* What the namespace has; NULL: nothing, and no memory if `create`. */
struct key_registers *key_registers_of(struct key_domain *d, struct user_namespace *ns,
				       bool create);

/* ---- /proc ---- */

/* The caller's view of all (proc(5)). */
void key_show_all(struct key_caller *c, struct text *out);
void key_show_users(struct key_caller *c, struct text *out);

/* ---- saving (keys/save.c) ---- */

void key_domain_save(struct saver *s, struct key_domain *d);
/* Holds all keys until key_domain_loaded. */
int key_domain_load(struct loader *l, struct decoder *in, struct key_domain *d);
void key_domain_loaded(struct key_domain *d);
void key_holder_save(struct saver *s, const struct key_holder *h);
int key_holder_load(struct loader *l, struct key_domain *d, struct key_holder *h);

#endif
