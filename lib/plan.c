/* SPDX-License-Identifier: Apache-2.0 */
/* A line for each thing of a world. The words are for people; their first one is the thing. */
#include "lib/plan.h"

#include <inttypes.h>
#include <string.h>

#include "cred/cred.h"
#include "fs/vfs.h"
#include "lib/confine.h"
#include "lib/world.h"
#include "util/text.h"

struct teller {
	const struct plan *p;
	hl_plan_fn *fn;
	void *arg;
	struct text line;
};

#define TELL(t, kind, ...)                                                                         \
	do {                                                                                       \
		text_cut(&(t)->line, 0);                                                           \
		text_printf(&(t)->line, __VA_ARGS__);                                              \
		(t)->fn((t)->arg, kind, text_str(&(t)->line));                                     \
	} while (0)

static const char *rights(const struct mount_spec *m)
{
	return m->flags & MOUNT_RDONLY ? "read-only" : "writable";
}

static void tell_mount(struct teller *t, const struct mount_spec *m)
{
	if (strcmp(m->type, "hostfs") == 0)
		TELL(t, "mount", "%s: the host's %s, %s", m->target, m->source, rights(m));
	else if (strcmp(m->type, "overlay") == 0)
		TELL(t, "mount", "%s: the %s %s, what is changed goes to %s", m->target,
		     strcmp(m->lower, "cpio") == 0 ? "archive" : "host's", m->source,
		     m->upper ? m->upper : "memory");
	else if (strcmp(m->type, "hidden") == 0)
		TELL(t, "hidden", "%s", m->target);
	else if (strcmp(m->type, "text") == 0)
		TELL(t, "mount", "%s: the host's without what is secret in it, read-only",
		     m->target);
	else if (strcmp(m->type, "empty") == 0)
		TELL(t, "mount", "%s: nothing, read-only", m->target);
	else if (strcmp(m->type, "symlink") == 0)
		TELL(t, "link", "%s: to %s", m->target, m->source);
	else if (strcmp(m->type, "directory") == 0 || strcmp(m->type, "file") == 0)
		TELL(t, m->type, "%s: in memory", m->target);
	else if (m->size)
		TELL(t, "mount", "%s: %s, %s, %" PRIu64 " bytes at most", m->target, m->type,
		     rights(m), m->size);
	else
		TELL(t, "mount", "%s: %s, %s", m->target, m->type, rights(m));
}

static void tell_user(struct teller *t)
{
	const struct cred *c = t->p->cred;
	const char *what = world_is_private(t->p->cfg) ? "; nobody outside" : "";

	TELL(t, "user", "%u:%u, capabilities %016" PRIx64 "%s", c->uid, c->gid, c->cap_effective,
	     what);
}

/* Names alone: a value may be what the user would not want on a screen. */
static void tell_environment(struct teller *t)
{
	const struct strings *env = t->p->env;

	for (size_t i = 0; i < env->count; i++)
		TELL(t, "variable", "%.*s", (int)strcspn(env->item[i], "="), env->item[i]);
}

static void tell_network(struct teller *t)
{
	const struct hl_config *cfg = t->p->cfg;

	if (world_network(cfg) != HL_NETWORK_HOST) {
		TELL(t, "network", "%s: nothing leaves",
		     world_network(cfg) == HL_NETWORK_NONE ? "none" : "a namespace of its own");
		return;
	}
	TELL(t, "network", "the host's, but for link-local and metadata addresses");
	for (size_t i = 0; i < cfg->allow.count; i++)
		TELL(t, "network", "allowed, and nothing else: %s", cfg->allow.item[i]);
	for (size_t i = 0; i < cfg->block.count; i++)
		TELL(t, "network", "blocked: %s", cfg->block.item[i]);
}

static void tell_limits(struct teller *t)
{
	static const struct {
		const char *what, *unit;
	} limits[HL_NR_LIMITS] = {
		[HL_LIMIT_MEMORY] = { "memory", " bytes" },
		[HL_LIMIT_STACK] = { "stack", " bytes" },
		[HL_LIMIT_PIDS] = { "processes and threads", "" },
		[HL_LIMIT_FILES] = { "open files", "" },
	};
	const struct hl_config *cfg = t->p->cfg;

	if (cfg->timeout_ms)
		TELL(t, "limit", "time: %" PRIu64 " ms", cfg->timeout_ms);
	for (unsigned i = 0; i < HL_NR_LIMITS; i++) {
		if (cfg->limits[i] && limits[i].what)
			TELL(t, "limit", "%s: %" PRIu64 "%s", limits[i].what, cfg->limits[i],
			     limits[i].unit);
	}
}

static void tell_jail(struct teller *t)
{
	text_cut(&t->line, 0);
	if (confine_describe(t->p->jail, &t->line))
		t->fn(t->arg, "jail", text_str(&t->line));
}

bool plan_tell(const struct plan *p, hl_plan_fn *fn, void *arg)
{
	struct teller t = { .p = p, .fn = fn, .arg = arg };

	TELL(&t, "platform", "%s", p->platform);
	if (p->program)
		TELL(&t, "program", "%s", p->program);
	TELL(&t, "start", "in %s", p->workdir);
	tell_user(&t);
	for (size_t i = 0; i < p->mounts->count; i++)
		tell_mount(&t, &p->mounts->item[i]);
	tell_environment(&t);
	tell_network(&t);
	tell_limits(&t);
	tell_jail(&t);
	bool ok = !t.line.failed;
	text_free(&t.line);
	return ok;
}
