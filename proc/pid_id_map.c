/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/uid_map, gid_map, projid_map and setgroups (user_namespaces(7)). Each map is written
 * once, in one write. Whoever opened the file counts as well as whoever writes: a program with
 * rights must not be made to write there for one without. The rules, and the order in which they
 * are looked at, are those of Linux's kernel/user_namespace.c.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "cred/user_ns.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"

/* A reference to the namespace that the file is about, also when its process is gone. NULL: that
 * never ran. */
static struct user_namespace *ns_get_of(struct pseudo_node *n)
{
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	struct ns_common *ns = p ? &process_cred(p)->user_ns->ns : n->pid->users;
	if (ns)
		ns_get(ns);
	sandbox_unlock(n->sb);
	return ns ? container_of(ns, struct user_namespace, ns) : NULL;
}

static enum id_kind kind_of(const struct pseudo_node *n)
{
	return (enum id_kind)(uintptr_t)n->entry->arg;
}

/* ---- reading ---- */

/* Ids of the parent as the reader knows them: of the parent itself, if it looks from within. */
static uint32_t shown_lower(const struct user_namespace *ns, const struct user_namespace *reader,
			    enum id_kind kind, const struct id_extent *e)
{
	if (reader == ns && ns->ns.owner)
		reader = ns->ns.owner;
	return user_ns_from_kernel(reader, kind, e->kernel);
}

int proc_show_id_map(struct pseudo_node *n, struct caller *c, struct text *out)
{
	static const struct id_extent all = { .count = UINT32_MAX };
	struct user_namespace *ns = ns_get_of(n);
	enum id_kind kind = kind_of(n);

	if (!ns)
		return -ESRCH;
	const struct id_map *map = ns->maps[kind];
	const struct id_extent *e = user_ns_is_first(ns) ? &all : map ? map->extents : NULL;
	unsigned nr = e == &all ? 1 : map ? map->nr : 0;
	for (; nr; nr--, e++)
		text_printf(out, "%10u %10u %10u\n", e->first,
			    shown_lower(ns, c->cred->user_ns, kind, e), e->count);
	ns_put(&ns->ns);
	return 0;
}

/* ---- writing ---- */

/* simple_strtoul() of a word, of which Linux takes the low 32 bits. */
static bool take_number(char **text, bool last, uint32_t *out)
{
	char *end, *at = *text;

	while (isspace((unsigned char)*at))
		at++;
	if (!isdigit((unsigned char)*at))
		return false;
	*out = (uint32_t)strtoull(at, &end, 10);
	if (*end && !isspace((unsigned char)*end))
		return false;
	while (last && isspace((unsigned char)*end))
		end++;
	*text = end;
	return !last || !*end;
}

static bool overlaps(uint32_t a, uint32_t b, const struct id_extent *x, const struct id_extent *y)
{
	return a <= b + (y->count - 1) && a + (x->count - 1) >= b;
}

/* One line, or false. */
static bool parse_extent(char *line, const struct id_map *before, struct id_extent *e)
{
	*e = (struct id_extent){ 0 };
	if (!take_number(&line, false, &e->first) || !take_number(&line, false, &e->lower) ||
	    !take_number(&line, true, &e->count))
		return false;
	if (e->first == UINT32_MAX || e->lower == UINT32_MAX)
		return false;
	if (e->first + e->count <= e->first || e->lower + e->count <= e->lower)
		return false;
	for (unsigned i = 0; i < before->nr; i++) {
		const struct id_extent *o = &before->extents[i];
		if (overlaps(e->first, o->first, e, o) || overlaps(e->lower, o->lower, e, o))
			return false;
	}
	return before->nr < ID_EXTENTS;
}

static int parse_map(char *text, struct id_map **out)
{
	unsigned lines = 1;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	struct id_map *map = calloc(1, sizeof *map + lines * sizeof(struct id_extent));
	if (!map)
		return -ENOMEM;
	/* a newline at the end begins no line */
	for (char *next = text; next;) {
		char *line = next;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (next && !*next)
			next = NULL;
		if (!parse_extent(line, map, &map->extents[map->nr])) {
			free(map);
			return -EINVAL;
		}
		map->nr++;
	}
	*out = map;
	return 0;
}

/* verify_root_map(): who gives itself the root of the parent could give files capabilities there,
 * which takes the capability. */
static bool may_map_root(const struct user_namespace *ns, const struct cred *opener,
			 const struct id_map *map)
{
	bool root = false;

	for (unsigned i = 0; i < map->nr; i++)
		root |= map->extents[i].lower == 0;
	if (!root)
		return true;
	return opener->user_ns == ns ? ns->parent_could_setfcap
				     : cred_ns_capable(opener, ns->ns.owner, CAP_SETFCAP);
}

/* The one id that everybody may map: the own one of who has made the namespace. */
static bool maps_itself(const struct user_namespace *ns, enum id_kind kind,
			const struct cred *opener, const struct id_map *map)
{
	const struct id_extent *e = map->extents;

	if (map->nr != 1 || e->count != 1 || ns->owner != opener->euid)
		return false;
	if (kind == ID_USER)
		return make_kuid(ns->ns.owner, e->lower) == opener->euid;
	return kind == ID_GROUP && ns->setgroups_denied &&
	       make_kgid(ns->ns.owner, e->lower) == opener->egid;
}

/* new_idmap_permitted() */
static bool may_map(const struct user_namespace *ns, enum id_kind kind, const struct cred *writer,
		    const struct cred *opener, const struct id_map *map)
{
	int cap = kind == ID_USER ? CAP_SETUID : CAP_SETGID;

	if (kind == ID_USER && !may_map_root(ns, opener, map))
		return false;
	if (maps_itself(ns, kind, opener, map) || kind == ID_PROJECT)
		return true;
	return cred_ns_capable(writer, ns->ns.owner, cap) &&
	       cred_ns_capable(opener, ns->ns.owner, cap);
}

static int write_map(struct user_namespace *ns, enum id_kind kind, const struct cred *writer,
		     const struct cred *opener, char *text)
{
	struct id_map *map;

	if (user_ns_is_first(ns) || (opener->user_ns != ns && opener->user_ns != ns->ns.owner) ||
	    ns->maps[kind])
		return -EPERM;
	if (kind != ID_PROJECT && !cred_ns_capable(opener, ns, CAP_SYS_ADMIN))
		return -EPERM;
	int err = parse_map(text, &map);
	if (err)
		return err;
	if (may_map(ns, kind, writer, opener, map))
		return user_ns_set_map(ns, kind, map);
	free(map);
	return -EPERM;
}

int proc_store_id_map(struct pseudo_node *n, struct caller *c, const struct cred *opener,
		      char *text)
{
	struct user_namespace *ns = ns_get_of(n);

	if (!ns)
		return -ESRCH;
	int err = write_map(ns, kind_of(n), c->cred, opener, text);
	ns_put(&ns->ns);
	return err;
}

/* ---- setgroups ---- */

int proc_show_setgroups(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct user_namespace *ns = ns_get_of(n);

	if (!ns)
		return -ESRCH;
	text_puts(out, ns->setgroups_denied ? "deny\n" : "allow\n");
	ns_put(&ns->ns);
	return 0;
}

int proc_may_open_setgroups(struct pseudo_node *n, struct caller *c, int flags)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;

	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	bool may = p && cred_ns_capable(c->cred, process_cred(p)->user_ns, CAP_SYS_ADMIN);
	sandbox_unlock(n->sb);
	return write && !may ? -EACCES : 0;
}

/* What was denied stays so, also below; once groups are mapped, nothing is denied any more. */
static int set_setgroups(struct user_namespace *ns, bool deny)
{
	if (!deny)
		return ns->setgroups_denied ? -EPERM : 0;
	if (user_ns_is_first(ns) || ns->maps[ID_GROUP])
		return -EPERM;
	ns->setgroups_denied = true;
	return 0;
}

int proc_store_setgroups(struct pseudo_node *n, struct caller *c, const struct cred *opener,
			 char *text)
{
	bool deny = strncmp(text, "deny", 4) == 0;
	struct user_namespace *ns;

	if (strlen(text) >= 8 || (!deny && strncmp(text, "allow", 5) != 0))
		return -EINVAL;
	for (text += deny ? 4 : 5; isspace((unsigned char)*text); text++)
		;
	if (*text)
		return -EINVAL;
	ns = ns_get_of(n);
	if (!ns)
		return -ESRCH;
	int err = set_setgroups(ns, deny);
	ns_put(&ns->ns);
	return err;
}
