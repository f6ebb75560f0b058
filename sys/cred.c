/* SPDX-License-Identifier: Apache-2.0 */
/* User and group ids (credentials(7), capabilities(7)). Credentials are immutable: each change
 * installs a copy. */
#include "cred/cred.h"

#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>

#include "cred/user_ns.h"
#include "sys/sys.h"

SYSCALL_DEFINE(getuid)
{
	return from_kuid_munged(task_user_ns(t), t->cred->uid);
}

SYSCALL_DEFINE(geteuid)
{
	return from_kuid_munged(task_user_ns(t), t->cred->euid);
}

SYSCALL_DEFINE(getgid)
{
	return from_kgid_munged(task_user_ns(t), t->cred->gid);
}

SYSCALL_DEFINE(getegid)
{
	return from_kgid_munged(task_user_ns(t), t->cred->egid);
}

/* capabilities(7), "Effect of user ID changes on capabilities". */
static void fix_caps(const struct cred *old, struct cred *new)
{
	const uid_t root = make_kuid(old->user_ns, 0);
	bool had_root = old->uid == root || old->euid == root || old->suid == root;
	bool has_root = new->uid == root || new->euid == root || new->suid == root;

	if (new->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had_root && !has_root) {
		if (!(new->securebits &SECBIT_KEEP_CAPS))
			new->cap_permitted = new->cap_effective = 0;
		new->cap_ambient = 0;
	}
	if (old->euid == root && new->euid != root)
		new->cap_effective = 0;
	if (old->euid != root && new->euid == root)
		new->cap_effective = new->cap_permitted;
}

/* The ids of a user or of a group: the rules are the same. */
struct ids {
	uint32_t real, effective, saved;
};

static struct ids uids_of(const struct cred *c)
{
	return (struct ids){ c->uid, c->euid, c->suid };
}

static struct ids gids_of(const struct cred *c)
{
	return (struct ids){ c->gid, c->egid, c->sgid };
}

static bool ids_hold(const struct ids *i, uint32_t id)
{
	return id == i->real || id == i->effective || id == i->saved;
}

static int put_ids(struct task *t, const uint64_t *a, enum id_kind kind, struct ids i)
{
	uint32_t *const all[] = { &i.real, &i.effective, &i.saved };

	for (size_t n = 0; n < 3; n++)
		*all[n] = kind == ID_USER ? from_kuid_munged(task_user_ns(t), *all[n])
					  : from_kgid_munged(task_user_ns(t), *all[n]);
	return put_user(t, GVA(a[0]), &i.real) || put_user(t, GVA(a[1]), &i.effective) ||
		       put_user(t, GVA(a[2]), &i.saved)
		   ? -EFAULT
		   : 0;
}

SYSCALL_DEFINE(getresuid)
{
	return put_ids(t, a, ID_USER, uids_of(t->cred));
}

SYSCALL_DEFINE(getresgid)
{
	return put_ids(t, a, ID_GROUP, gids_of(t->cred));
}

/* How a call changes the ids. `any`: the caller has the capability, and is not held to those it
 * has. */
typedef int ids_rule(struct ids *i, const uint32_t *a, bool any);

/* The arguments of a call as ids of the kernel; -1 stays. -EINVAL: one is nobody here. */
static int take_ids(struct task *t, const uint64_t *a, unsigned nr, enum id_kind kind,
		    uint32_t ids[3])
{
	for (unsigned n = 0; n < nr; n++) {
		uint32_t id = (uint32_t)a[n];
		ids[n] = user_ns_to_kernel(task_user_ns(t), kind, id);
		if (id != -1U && ids[n] == -1U)
			return -EINVAL;
	}
	return 0;
}

/* setresuid(2): -1 leaves an id. */
static int ids_setres(struct ids *i, const uint32_t *a, bool any)
{
	const struct ids old = *i;
	uint32_t *id[] = { &i->real, &i->effective, &i->saved };

	for (unsigned n = 0; n < 3; n++) {
		uint32_t want = a[n];
		if (want == -1U)
			continue;
		if (!any && !ids_hold(&old, want))
			return -EPERM;
		*id[n] = want;
	}
	return 0;
}

/* setreuid(2): the saved id follows when the real id is set, or the effective one to something but
 * the real id. */
static int ids_setre(struct ids *i, const uint32_t *a, bool any)
{
	const struct ids old = *i;
	uint32_t r = a[0], e = a[1];

	if (!any &&
	    ((r != -1U && r != old.real && r != old.effective) || (e != -1U && !ids_hold(&old, e))))
		return -EPERM;
	if (r != -1U)
		i->real = r;
	if (e != -1U)
		i->effective = e;
	if (r != -1U || (e != -1U && e != old.real))
		i->saved = i->effective;
	return 0;
}

/* setuid(2) */
static int ids_set(struct ids *i, const uint32_t *a, bool any)
{
	uint32_t id = a[0];

	if (id == -1U)
		return -EINVAL;
	if (!any && id != i->real && id != i->saved)
		return -EPERM;
	i->effective = id;
	if (any)
		i->real = i->saved = id;
	return 0;
}

static int change_uids(struct task *t, const uint64_t *a, unsigned nr, ids_rule *rule)
{
	const struct cred *c = t->cred;
	struct ids i = uids_of(c);
	uint32_t ids[3];
	int err = take_ids(t, a, nr, ID_USER, ids);
	if (!err)
		err = rule(&i, ids, cred_own_capable(c, CAP_SETUID));
	struct cred *new = err ? NULL : cred_copy(c, -1);

	if (!new)
		return err ? err : -ENOMEM;
	new->uid = i.real;
	new->euid = new->fsuid = i.effective;
	new->suid = i.saved;
	fix_caps(c, new);
	return task_set_cred(t, new);
}

static int change_gids(struct task *t, const uint64_t *a, unsigned nr, ids_rule *rule)
{
	const struct cred *c = t->cred;
	struct ids i = gids_of(c);
	uint32_t ids[3];
	int err = take_ids(t, a, nr, ID_GROUP, ids);
	if (!err)
		err = rule(&i, ids, cred_own_capable(c, CAP_SETGID));
	struct cred *new = err ? NULL : cred_copy(c, -1);

	if (!new)
		return err ? err : -ENOMEM;
	new->gid = i.real;
	new->egid = new->fsgid = i.effective;
	new->sgid = i.saved;
	task_set_cred(t, new);
	return 0;
}

SYSCALL_DEFINE(setresuid)
{
	return change_uids(t, a, 3, ids_setres);
}

SYSCALL_DEFINE(setresgid)
{
	return change_gids(t, a, 3, ids_setres);
}

SYSCALL_DEFINE(setreuid)
{
	return change_uids(t, a, 2, ids_setre);
}

SYSCALL_DEFINE(setregid)
{
	return change_gids(t, a, 2, ids_setre);
}

SYSCALL_DEFINE(setuid)
{
	return change_uids(t, a, 1, ids_set);
}

SYSCALL_DEFINE(setgid)
{
	return change_gids(t, a, 1, ids_set);
}

#define CAPS_OF_FILES                                                                              \
	(1UL << CAP_CHOWN | 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_DAC_READ_SEARCH |                 \
	 1UL << CAP_FOWNER | 1UL << CAP_FSETID | 1UL << CAP_LINUX_IMMUTABLE | 1UL << CAP_MKNOD |   \
	 1UL << CAP_MAC_OVERRIDE)

/* capabilities(7): those about files go and come with an fsuid of 0. */
static void fix_file_caps(const struct cred *old, struct cred *new)
{
	if (new->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	const uid_t root = make_kuid(old->user_ns, 0);
	if (old->fsuid == root && new->fsuid != root)
		new->cap_effective &= ~CAPS_OF_FILES;
	if (old->fsuid != root && new->fsuid == root)
		new->cap_effective |= CAPS_OF_FILES &new->cap_permitted;
}

/* setfsuid(2): returns the old id whatever happens. */
SYSCALL_DEFINE(setfsuid)
{
	const struct cred *c = t->cred;
	uint32_t id = make_kuid(c->user_ns, (uint32_t)a[0]);
	uint32_t old = from_kuid_munged(c->user_ns, c->fsuid);
	struct ids own = uids_of(c);

	if (id == -1U ||
	    (!ids_hold(&own, id) && id != c->fsuid && !cred_own_capable(c, CAP_SETUID)))
		return old;
	struct cred *new = cred_copy(c, -1);
	if (new) {
		new->fsuid = id;
		fix_file_caps(c, new);
		task_set_cred(t, new);
	}
	return old;
}

SYSCALL_DEFINE(setfsgid)
{
	const struct cred *c = t->cred;
	uint32_t id = make_kgid(c->user_ns, (uint32_t)a[0]);
	uint32_t old = from_kgid_munged(c->user_ns, c->fsgid);
	struct ids own = gids_of(c);

	if (id == -1U ||
	    (!ids_hold(&own, id) && id != c->fsgid && !cred_own_capable(c, CAP_SETGID)))
		return old;
	struct cred *new = cred_copy(c, -1);
	if (new) {
		new->fsgid = id;
		task_set_cred(t, new);
	}
	return old;
}

SYSCALL_DEFINE(getgroups)
{
	const struct cred *c = t->cred;
	int size = (int)a[0];
	if (size < 0 || (size && size < c->nr_groups))
		return -EINVAL;
	for (int i = 0; size && i < c->nr_groups; i++) {
		gid_t gid = from_kgid_munged(c->user_ns, c->groups[i]);
		if (put_user(t, gva_add(GVA(a[1]), (uint64_t)i * sizeof gid), &gid))
			return -EFAULT;
	}
	return c->nr_groups;
}

static int compare_gids(const void *x, const void *y)
{
	gid_t g = *(const gid_t *)x, h = *(const gid_t *)y;
	return g < h ? -1 : g > h;
}

/* Linux's may_setgroups(): not before groups are mapped, nor where it is denied. */
static bool may_set_groups(const struct cred *c)
{
	const struct user_namespace *ns = c->user_ns;

	return cred_own_capable(c, CAP_SETGID) && (user_ns_is_first(ns) || ns->maps[ID_GROUP]) &&
	       !ns->setgroups_denied;
}

SYSCALL_DEFINE(setgroups)
{
	unsigned n = (unsigned)a[0];
	if (!may_set_groups(t->cred))
		return -EPERM;
	if (n > NGROUPS_MAX)
		return -EINVAL;
	struct cred *new = cred_copy(t->cred, (int)n);
	if (!new)
		return -ENOMEM;
	int err = copy_from_guest(t->mm, new->groups, GVA(a[1]), n * sizeof(gid_t)) ? -EFAULT : 0;
	for (unsigned i = 0; !err && i < n; i++) {
		new->groups[i] = make_kgid(new->user_ns, new->groups[i]);
		err = new->groups[i] == (gid_t)-1 ? -EINVAL : 0;
	}
	if (err) {
		cred_put(new);
		return err;
	}
	qsort(new->groups, n, sizeof(gid_t), compare_gids); /* as Linux keeps and reports them */
	task_set_cred(t, new);
	return 0;
}

/* capget(2): how many 32-bit sets a version has; the preferred version is written back for an
 * unknown one. */
static int cap_words(struct task *t, gva_t header, struct __user_cap_header_struct *h)
{
	if (get_user(t, h, header))
		return -EFAULT;
	if (h->version == _LINUX_CAPABILITY_VERSION_1)
		return _LINUX_CAPABILITY_U32S_1;
	if (h->version == _LINUX_CAPABILITY_VERSION_2 || h->version == _LINUX_CAPABILITY_VERSION_3)
		return _LINUX_CAPABILITY_U32S_3;
	h->version = _LINUX_CAPABILITY_VERSION_3;
	return copy_to_guest(t->mm, header, &h->version, sizeof h->version) ? -EFAULT : -EINVAL;
}

/* A reference to the credentials of thread `pid`; NULL: ESRCH. */
static struct cred *cred_of(struct task *t, pid_t pid)
{
	if (pid == 0)
		return cred_get(t->cred);
	sandbox_lock(t->sb);
	struct pid *p = pid_find(task_pid_ns(t), pid);
	struct cred *c = p && p->task      ? p->task->cred
			 : p && p->process ? process_cred(p->process)
					   : NULL;
	if (c)
		cred_get(c);
	sandbox_unlock(t->sb);
	return c;
}

SYSCALL_DEFINE(capget)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2];
	int n = cap_words(t, GVA(a[0]), &h);
	if (n < 0)
		return n == -EINVAL && !a[1] ? 0 : n;
	if (h.pid < 0)
		return -EINVAL;
	struct cred *c = cred_of(t, h.pid);
	if (!c)
		return -ESRCH;
	for (int i = 0; i < 2; i++) {
		d[i].effective = (uint32_t)(c->cap_effective >> (32 * i));
		d[i].permitted = (uint32_t)(c->cap_permitted >> (32 * i));
		d[i].inheritable = (uint32_t)(c->cap_inheritable >> (32 * i));
	}
	cred_put(c);
	return copy_to_guest(t->mm, GVA(a[1]), d, (size_t)n * sizeof d[0]) ? -EFAULT : 0;
}

static int check_capset(const struct cred *old, const struct cred *new)
{
	uint64_t bound = old->cap_inheritable | old->cap_permitted;
	if (!cred_own_capable(old, CAP_SETPCAP) && new->cap_inheritable & ~bound)
		return -EPERM;
	if (new->cap_inheritable & ~(old->cap_inheritable | old->cap_bounding))
		return -EPERM;
	if (new->cap_permitted & ~old->cap_permitted || new->cap_effective & ~new->cap_permitted)
		return -EPERM;
	return 0;
}

SYSCALL_DEFINE(capset)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2] = { { 0 }, { 0 } };
	int n = cap_words(t, GVA(a[0]), &h);
	if (n < 0)
		return n;
	if (h.pid != 0 && h.pid != t->tid)
		return -EPERM;
	if (copy_from_guest(t->mm, d, GVA(a[1]), (size_t)n * sizeof d[0]))
		return -EFAULT;
	struct cred *new = cred_copy(t->cred, -1);
	if (!new)
		return -ENOMEM;
	uint64_t known = t->cred->cap_bounding | ((1UL << (CAP_LAST_CAP + 1)) - 1);
	new->cap_effective = (d[0].effective | (uint64_t)d[1].effective << 32) & known;
	new->cap_permitted = (d[0].permitted | (uint64_t)d[1].permitted << 32) & known;
	new->cap_inheritable = (d[0].inheritable | (uint64_t)d[1].inheritable << 32) & known;
	new->cap_ambient &= new->cap_permitted &new->cap_inheritable;
	int err = check_capset(t->cred, new);
	if (err)
		cred_put(new);
	else
		task_set_cred(t, new);
	return err;
}
