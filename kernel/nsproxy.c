/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This file makes, shares and replaces the sets of namespaces that tasks have. A change of one
 * namespace makes a new set, because other tasks may share the old one.
 */
#include "kernel/nsproxy.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>

#include "kernel/sandbox.h"
#include "kernel/task.h"

static struct ns_common *first_of(enum ns_kind kind, struct sandbox *sb)
{
	struct uts_namespace *uts;
	struct mnt_namespace *mnt;

	switch (kind) {
	case NS_MNT: mnt = mnt_ns_new(sb->vfs, sb->vfs->user_ns); return mnt ? &mnt->ns : NULL;
	case NS_UTS: uts = uts_ns_new(sb); return uts ? &uts->ns : NULL;
	case NS_PID: return ns_get(&sb->pid_ns->ns);
	default: return ns_new(kind, sb->vfs->ns_numbers, sb->vfs->user_ns);
	}
}

struct nsproxy *nsproxy_new(struct sandbox *sb)
{
	struct nsproxy *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	ref_set(&p->refs, 1);
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++) {
		if (kind == NS_USER)
			continue;
		p->ns[kind] = first_of(kind, sb);
		if (!p->ns[kind]) {
			nsproxy_put(p);
			return NULL;
		}
	}
	return p;
}

struct nsproxy *nsproxy_get(struct nsproxy *p)
{
	ref_get(&p->refs);
	return p;
}

void nsproxy_put(struct nsproxy *p)
{
	if (!p || !ref_put(&p->refs))
		return;
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++)
		ns_put(p->ns[kind]);
	free(p);
}

/* A set that differs in one namespace, whose reference is taken over, also on failure. */
static struct nsproxy *nsproxy_with(const struct nsproxy *old, struct ns_common *ns)
{
	struct nsproxy *p = calloc(1, sizeof *p);

	if (!p) {
		ns_put(ns);
		return NULL;
	}
	ref_set(&p->refs, 1);
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++) {
		if (kind == ns->kind)
			p->ns[kind] = ns;
		else if (old->ns[kind])
			p->ns[kind] = ns_get(old->ns[kind]);
	}
	return p;
}

int nsproxy_clone(struct task *t, uint64_t flags, struct nsproxy **out)
{
	struct uts_namespace *uts;

	if (flags & CLONE_NAMESPACES && !cred_capable(t->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & CLONE_NAMESPACES & ~CLONE_NEWUTS)
		return -EINVAL;
	if (!(flags & CLONE_NEWUTS)) {
		*out = nsproxy_get(t->nsproxy);
		return 0;
	}
	int err = uts_ns_copy(nsproxy_uts(t->nsproxy), &uts);
	if (err)
		return err;
	*out = nsproxy_with(t->nsproxy, &uts->ns);
	return *out ? 0 : -ENOMEM;
}

void nsproxy_set(struct task *t, struct nsproxy *p)
{
	sandbox_lock(t->sb);
	struct nsproxy *old = t->nsproxy;
	t->nsproxy = p;
	sandbox_unlock(t->sb);
	nsproxy_put(old);
}

int nsproxy_enter(struct task *t, struct ns_common *ns)
{
	struct nsproxy *p = nsproxy_with(t->nsproxy, ns_get(ns));

	if (!p)
		return -ENOMEM;
	nsproxy_set(t, p);
	return 0;
}
