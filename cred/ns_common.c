/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers namespaces, counts the references to them and records their owners, in the same way for
 * each kind. The first namespace of a kind has the fixed number that it has on Linux; later ones
 * count up from PROC_DYNAMIC_FIRST.
 */
#include "cred/ns_common.h"

#include <errno.h>
#include <stdlib.h>

#include "cred/user_ns.h"
#include "util/list.h"

/* Linux's PROC_DYNAMIC_FIRST, behind the fixed numbers. */
#define FIRST_LATER 0xf0000000U

static const struct {
	const char *name;
	unsigned clone_flag, first;
} kinds[] = {
#define NS_KIND(kind, name, flag, first) [kind] = { name, flag, first },
	NS_KINDS(NS_KIND)
#undef NS_KIND
};

const char *ns_kind_name(enum ns_kind kind)
{
	return kinds[kind].name;
}

unsigned ns_kind_clone_flag(enum ns_kind kind)
{
	return kinds[kind].clone_flag;
}

void ns_init(struct ns_common *ns, enum ns_kind kind, struct ns_numbers *numbers,
	     struct user_namespace *owner, void (*release)(struct ns_common *ns))
{
	bool first = !atomic_exchange(&numbers->first_taken[kind], true);

	ref_set(&ns->refs, 1);
	ns->kind = kind;
	ns->inum = first ? kinds[kind].first : FIRST_LATER + atomic_fetch_add(&numbers->later, 1);
	ns->owner = owner;
	ns->counted = false;
	ns->release = release;
	if (owner)
		ns_get(&owner->ns);
}

void ns_renumber(struct ns_common *ns, struct ns_numbers *numbers, unsigned inum)
{
	if (inum < FIRST_LATER)
		return;
	ns->inum = inum;
	if (numbers->later <= inum - FIRST_LATER)
		numbers->later = inum - FIRST_LATER + 1;
}

static void uncount(struct user_namespace *from, const struct user_namespace *to, enum ns_kind kind)
{
	for (; from != to; from = from->ns.owner)
		atomic_fetch_sub(&from->namespaces[kind].nr, 1);
}

int ns_count(struct ns_common *ns)
{
	for (struct user_namespace *u = ns->owner; u; u = u->ns.owner) {
		struct ns_limit *l = &u->namespaces[ns->kind];
		if (atomic_fetch_add(&l->nr, 1) < l->max)
			continue;
		atomic_fetch_sub(&l->nr, 1);
		uncount(ns->owner, u, ns->kind);
		return -ENOSPC;
	}
	ns->counted = true;
	return 0;
}

struct ns_common *ns_get(struct ns_common *ns)
{
	ref_get(&ns->refs);
	return ns;
}

void ns_put(struct ns_common *ns)
{
	if (!ns || !ref_put(&ns->refs))
		return;
	struct user_namespace *owner = ns->owner;
	if (ns->counted)
		uncount(owner, NULL, ns->kind);
	ns->release(ns);
	if (owner)
		ns_put(&owner->ns);
}

static void release_plain(struct ns_common *ns)
{
	free(ns);
}

struct ns_common *ns_new(enum ns_kind kind, struct ns_numbers *numbers,
			 struct user_namespace *owner)
{
	struct ns_common *ns = malloc(sizeof *ns);

	if (ns)
		ns_init(ns, kind, numbers, owner, release_plain);
	return ns;
}
