/* SPDX-License-Identifier: Apache-2.0 */
/* Makes user namespaces, and maps ids between them, and between a sandbox and the host. See the
 * header. */
#include "cred/user_ns.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/fscred.h"
#include "util/list.h"

static void release_user(struct ns_common *ns)
{
	struct user_namespace *u = container_of(ns, struct user_namespace, ns);

	for (enum id_kind kind = 0; kind < ID_KINDS; kind++)
		free(u->maps[kind]);
	if (u->keys)
		u->keys_end(u->keys);
	free(u);
}

struct user_namespace *user_ns_new(struct ns_numbers *numbers, struct user_namespace *parent,
				   uid_t owner, gid_t group)
{
	struct user_namespace *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	ns_init(&u->ns, NS_USER, numbers, parent, release_user);
	u->owner = owner;
	u->group = group;
	for (enum ns_kind kind = 0; kind < NR_NS_KINDS; kind++)
		u->namespaces[kind].max = parent ? INT_MAX : NAMESPACES_MAX;
	if (parent) {
		u->level = parent->level + 1;
		u->setgroups_denied = parent->setgroups_denied;
		u->contained = parent->contained;
		u->mapped = parent->mapped;
		u->host_uid = parent->host_uid;
		u->host_gid = parent->host_gid;
		u->withheld = parent->withheld;
	}
	return u;
}

bool user_ns_is_within(const struct user_namespace *ns, const struct user_namespace *above)
{
	while (ns && ns != above)
		ns = ns->ns.owner;
	return ns;
}

/* ---- maps ---- */

uint32_t user_ns_to_kernel(const struct user_namespace *ns, enum id_kind kind, uint32_t id)
{
	const struct id_map *map = ns->maps[kind];

	if (user_ns_is_first(ns))
		return id;
	for (unsigned i = 0; map && i < map->nr; i++) {
		const struct id_extent *e = &map->extents[i];
		if (id >= e->first && id - e->first < e->count)
			return e->kernel + (id - e->first);
	}
	return UINT32_MAX;
}

uint32_t user_ns_from_kernel(const struct user_namespace *ns, enum id_kind kind, uint32_t id)
{
	const struct id_map *map = ns->maps[kind];

	if (user_ns_is_first(ns))
		return id;
	for (unsigned i = 0; map && i < map->nr; i++) {
		const struct id_extent *e = &map->extents[i];
		if (id >= e->kernel && id - e->kernel < e->count)
			return e->first + (id - e->kernel);
	}
	return UINT32_MAX;
}

/* The whole of an extent is within one extent of the parent's, or it has no ids. */
static bool fill_in(const struct user_namespace *parent, enum id_kind kind, struct id_extent *e)
{
	const struct id_map *map = parent->maps[kind];

	if (user_ns_is_first(parent)) {
		e->kernel = e->lower;
		return true;
	}
	for (unsigned i = 0; map && i < map->nr; i++) {
		const struct id_extent *p = &map->extents[i];
		if (e->lower < p->first || e->lower - p->first >= p->count ||
		    e->count > p->count - (e->lower - p->first))
			continue;
		e->kernel = p->kernel + (e->lower - p->first);
		return true;
	}
	return false;
}

int user_ns_set_map(struct user_namespace *ns, enum id_kind kind, struct id_map *map)
{
	struct id_map *none = NULL;
	bool may = !user_ns_is_first(ns);

	for (unsigned i = 0; may && i < map->nr; i++)
		may = fill_in(ns->ns.owner, kind, &map->extents[i]);
	if (may && atomic_compare_exchange_strong(&ns->maps[kind], &none, map))
		return 0;
	free(map);
	return -EPERM;
}

bool user_ns_has_uid(const struct user_namespace *ns, uid_t uid)
{
	return from_kuid(ns, uid) != (uid_t)-1;
}

bool user_ns_has_gid(const struct user_namespace *ns, gid_t gid)
{
	return from_kgid(ns, gid) != (gid_t)-1;
}

static bool map_has_all(const struct id_map *map)
{
	return map && map->nr == 1 && !map->extents[0].first && !map->extents[0].kernel &&
	       map->extents[0].count == UINT32_MAX;
}

bool user_ns_has_all(const struct user_namespace *ns)
{
	return user_ns_is_first(ns) ||
	       (map_has_all(ns->maps[ID_USER]) && map_has_all(ns->maps[ID_GROUP]));
}

/* ---- the host ---- */

void user_ns_contain(struct user_namespace *ns)
{
	const uint64_t others = 1UL << CAP_SETUID | 1UL << CAP_SETGID;

	ns->contained = true;
	ns->host_uid = geteuid();
	ns->host_gid = getegid();
	ns->mapped = ns->host_uid != 0 || (fscred_effective() & others) != others;
}

uid_t user_ns_show_uid(const struct user_namespace *ns, uid_t host)
{
	return !ns->mapped ? host : host == ns->host_uid ? 0 : OVERFLOW_ID;
}

gid_t user_ns_show_gid(const struct user_namespace *ns, gid_t host)
{
	return !ns->mapped ? host : host == ns->host_gid ? 0 : OVERFLOW_ID;
}

int user_ns_host_uid(const struct user_namespace *ns, uid_t shown, uid_t *host)
{
	bool mapped = ns->mapped && shown != (uid_t)-1;

	*host = mapped ? ns->host_uid : shown;
	return mapped && shown ? -EINVAL : 0;
}

int user_ns_host_gid(const struct user_namespace *ns, gid_t shown, gid_t *host)
{
	bool mapped = ns->mapped && shown != (gid_t)-1;

	*host = mapped ? ns->host_gid : shown;
	return mapped && shown ? -EINVAL : 0;
}
