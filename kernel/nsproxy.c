/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/nsproxy.h"

#include <stdlib.h>

static struct ns_common *first_of(enum ns_kind kind, struct vfs *vfs, struct pid_namespace *pids)
{
	struct uts_namespace *uts;
	struct mnt_namespace *mnt;

	switch (kind) {
	case NS_MNT: mnt = mnt_ns_new(vfs, vfs->user_ns); return mnt ? &mnt->ns : NULL;
	case NS_UTS: uts = uts_ns_new(vfs); return uts ? &uts->ns : NULL;
	case NS_PID: return ns_get(&pids->ns);
	default: return ns_new(kind, vfs->ns_numbers, vfs->user_ns);
	}
}

struct nsproxy *nsproxy_new(struct vfs *vfs, struct pid_namespace *pids)
{
	struct nsproxy *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	ref_set(&p->refs, 1);
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++) {
		if (kind == NS_USER)
			continue;
		p->ns[kind] = first_of(kind, vfs, pids);
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
