/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/ns (namespaces(7)): links to the namespaces of a process; and its timens_offsets
 * (time_namespaces(7)). */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cred/cred.h"
#include "cred/user_ns.h"
#include "fs/nsfs.h"
#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "proc/proc.h"
#include "util/time.h"
#include "util/words.h"

/* Of a link's argument, the kind of the namespace is the rest. */
#define FOR_CHILDREN 0x100U

/* Of the process that pid 1 is, which has no task, and of tasks. NULL: of a zombie's nothing is
 * left. */
static struct ns_common *find_locked(struct pseudo_node *n, unsigned link)
{
	lock_assert_held(&n->sb->lock);
	unsigned kind = link & ~FOR_CHILDREN;
	struct task *t = proc_task(n);
	struct process *p = proc_process(n);
	struct nsproxy *set = t ? t->nsproxy : p && p == n->sb->init ? n->sb->nsproxy : NULL;

	if (!set)
		return NULL;
	if (kind == NS_USER)
		return &(t ? t->cred : process_cred(p))->user_ns->ns;
	if (link == (NS_PID | FOR_CHILDREN) && !nsproxy_pids(set)->init)
		return NULL; /* none was born there yet, or none can be any more */
	if (link == (NS_TIME | FOR_CHILDREN))
		return &set->time_for_children->ns;
	return link == NS_PID ? &n->pid->ns->ns : set->ns[kind];
}

/* A reference. Where there is no task to compare with, it takes the capability. */
static int find_ns(struct pseudo_node *n, struct caller *c, struct ns_common **out)
{
	int err = proc_check_inspect(n, c);

	if (err == -ENOENT)
		err = !c->task || cred_capable(c->cred, CAP_SYS_PTRACE) ? 0 : -EACCES;
	if (err)
		return err;
	sandbox_lock(n->sb);
	*out = find_locked(n, (unsigned)(uintptr_t)n->entry->arg);
	if (*out)
		ns_get(*out);
	sandbox_unlock(n->sb);
	return *out ? 0 : -ENOENT;
}

static int jump_to_ns(struct pseudo_node *n, struct caller *c, struct path *out)
{
	struct ns_common *ns;
	int err = find_ns(n, c, &ns);

	if (err)
		return err;
	err = ns_path(n->sb->vfs, ns, out);
	ns_put(ns);
	return err;
}

static int show_link(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct ns_common *ns;
	char name[64];
	int err = find_ns(n, c, &ns);

	if (err)
		return err;
	ns_name(ns, name, sizeof name);
	ns_put(ns);
	text_puts(out, name);
	return 0;
}

#define NS(name, which)                                                                            \
	{                                                                                          \
		name, S_IFLNK | 0777, .link = show_link, .jump = jump_to_ns,                       \
				      .arg = (const void *)(uintptr_t)(which)                      \
	}

static const struct pseudo_entry ns_entries[] = {
	NS("cgroup", NS_CGROUP), NS("ipc", NS_IPC),
	NS("mnt", NS_MNT),       NS("net", NS_NET),
	NS("pid", NS_PID),       NS("pid_for_children", NS_PID | FOR_CHILDREN),
	NS("time", NS_TIME),     NS("time_for_children", NS_TIME | FOR_CHILDREN),
	NS("user", NS_USER),     NS("uts", NS_UTS),
};
const struct pseudo_dir proc_ns_dir = { PSEUDO_TABLE(ns_entries) };

/* ---- timens_offsets ---- */

/* A reference to the one of the children; NULL: the process has ended. */
static struct time_namespace *time_of_children(struct pseudo_node *n)
{
	sandbox_lock(n->sb);
	struct ns_common *ns = find_locked(n, NS_TIME | FOR_CHILDREN);
	if (ns)
		ns_get(ns);
	sandbox_unlock(n->sb);
	return ns ? container_of(ns, struct time_namespace, ns) : NULL;
}

static void put_offset(struct text *out, const char *clock, int64_t ns)
{
	int64_t part = ns % (int64_t)NSEC_PER_SEC, sec = ns / (int64_t)NSEC_PER_SEC;

	if (part < 0) {
		part += (int64_t)NSEC_PER_SEC;
		sec--;
	}
	text_printf(out, "%-10s %10ld %9ld\n", clock, sec, part);
}

int proc_show_timens(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct time_namespace *ns = time_of_children(n);

	if (!ns)
		return 0;
	sandbox_lock(n->sb);
	int64_t monotonic = ns->monotonic, boottime = ns->boottime;
	sandbox_unlock(n->sb);
	ns_put(&ns->ns);
	put_offset(out, "monotonic", monotonic);
	put_offset(out, "boottime", boottime);
	return 0;
}

static bool is_clock(const char *word, const char *name, clockid_t clock)
{
	char number[12];

	snprintf(number, sizeof number, "%d", clock);
	return !strcmp(word, name) || !strcmp(word, number);
}

/* "CLOCK SECONDS NANOSECONDS"; what stands behind is not looked at. */
static bool parse_offset(const char *line, struct time_offset *o)
{
	char clock[10], sec[24], *end;
	uint64_t part;

	if (word_copy(line, 0, clock, sizeof clock) >= sizeof clock ||
	    word_copy(line, 1, sec, sizeof sec) >= sizeof sec || !word_number(line, 2, 10, &part))
		return false;
	if (is_clock(clock, "monotonic", CLOCK_MONOTONIC))
		o->clock = CLOCK_MONOTONIC;
	else if (is_clock(clock, "boottime", CLOCK_BOOTTIME))
		o->clock = CLOCK_BOOTTIME;
	else
		return false;
	o->sec = strtoll(sec, &end, 10);
	o->nsec = (uint32_t)part;
	return sec[0] != '+' && end != sec && !*end && part < NSEC_PER_SEC;
}

/* As Linux: a write sets two at the most, and says that it took no more than their lines. */
int proc_store_timens(struct pseudo_node *n, struct caller *c, const struct cred *opener,
		      char *text)
{
	struct time_offset offsets[2];
	unsigned nr = 0;
	char *line, *next = text;

	do {
		line = next;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (next && !*next)
			next = NULL;
		if (!parse_offset(line, &offsets[nr++]))
			return -EINVAL;
	} while (next && nr < 2);
	struct time_namespace *ns = time_of_children(n);
	if (!ns)
		return -ESRCH;
	int err = cred_ns_capable(opener, ns->ns.owner, CAP_SYS_TIME)
		      ? time_ns_set(n->sb, ns, offsets, nr)
		      : -EPERM;
	ns_put(&ns->ns);
	return err || !next ? err : (int)(next - text);
}
