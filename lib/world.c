/* SPDX-License-Identifier: Apache-2.0 */
/* Plain and private worlds. See the header. */
#include "lib/world.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "fs/vfs.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/visitor.h"
#include "lib/isolate.h"
#include "lib/user.h"
#include "lib/workspace.h"

/* What a private world starts from, as container engines have it. */
#define PRIVATE_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PRIVATE_HOSTNAME "hl"
#define NO_DOMAIN        "(none)" /* as Linux starts */

bool world_is_private(const struct hl_config *cfg)
{
	return cfg->root || cfg->initrd || cfg->isolate || cfg->workspace;
}

const char *world_contradiction(const struct hl_config *cfg)
{
	int roots =
	    (cfg->root != NULL) + (cfg->initrd != NULL) + cfg->isolate + (cfg->workspace != NULL);

	if (roots > 1)
		return "--root, --initrd, --isolate and --workspace exclude each other: each is "
		       "the root";
	if (cfg->sysroot && roots)
		return "a private root and --sysroot exclude each other";
	if (cfg->overlay && !cfg->root && !cfg->initrd)
		return "an overlay needs a root to lie over (--root or --initrd)";
	if (world_network(cfg) == HL_NETWORK_HOST && cfg->publish.count)
		return "--publish is for a world with a loopback of its own (--net none): with the "
		       "host's network the program's ports are the host's already";
	if (world_network(cfg) != HL_NETWORK_HOST && (cfg->allow.count || cfg->block.count))
		return "rules of the network (--net-allow, --net-block) are about the host's "
		       "network, which this world does not have (--net host)";
	return NULL;
}

/* NULL: the host's. */
static const char *hostname_of(const struct hl_config *cfg)
{
	if (cfg->hostname)
		return cfg->hostname;
	return world_is_private(cfg) ? PRIVATE_HOSTNAME : NULL;
}

static struct mount_spec root_of(const struct hl_config *cfg)
{
	if (cfg->isolate || cfg->workspace)
		return (struct mount_spec){ .type = "tmpfs", .source = "tmpfs", .target = "/" };
	/* What is written over an archive goes to memory where it is not said where to. */
	bool over = cfg->overlay || cfg->initrd;
	const char *type = cfg->initrd ? "cpio" : "hostfs";
	return (struct mount_spec){ .type = over ? "overlay" : type,
				    .lower = over ? type : NULL,
				    .upper = cfg->upper,
				    .source = cfg->initrd ? cfg->initrd
					      : cfg->root ? cfg->root
							  : "/",
				    .target = "/" };
}

static int add_workspace(const struct hl_config *cfg, struct mount_list *out, struct errmsg *errmsg)
{
	struct workspace w;
	int err = workspace_find(cfg, &w, errmsg);

	if (!err)
		err = isolate_add(out, cfg, hostname_of(cfg), w.home,
				  world_network(cfg) == HL_NETWORK_HOST);
	return err ? err : workspace_add(&w, out, errmsg);
}

static bool add_hidden(const struct hl_config *cfg, struct mount_list *out)
{
	struct mount_spec m = { .type = "hidden", .source = "asked for", .flags = MOUNT_RDONLY };
	bool ok = true;

	for (size_t i = 0; ok && i < cfg->hidden.count; i++) {
		m.target = cfg->hidden.item[i];
		ok = mount_list_add(out, &m);
	}
	return ok;
}

/* At its place on the host. */
static int add_translator(const struct hl_config *cfg, struct mount_list *out,
			  struct errmsg *errmsg)
{
	char *real = realpath(cfg->translator, NULL);

	if (!real)
		return errmsg_set(errmsg, errno, "translator '%s': %s", cfg->translator,
				  strerror(errno));
	struct mount_spec m = { .type = "hostfs",
				.source = real,
				.target = real,
				.flags = MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV };
	bool ok = mount_list_add(out, &m);
	free(real);
	return ok ? 0 : -ENOMEM;
}

/* What is hidden stays so, whatever is mounted: it comes last. */
int world_mounts(const struct hl_config *cfg, struct mount_list *out, struct errmsg *errmsg)
{
	const struct mount_spec root = root_of(cfg);
	int err = mount_list_add_standard(out, &root) ? 0 : -ENOMEM;

	if (!err && (cfg->limits[HL_LIMIT_MEMORY] || cfg->limits[HL_LIMIT_PIDS] ||
		     cfg->limits[HL_LIMIT_CPUS]))
		err = mount_list_add_cgroup(out) ? 0 : -ENOMEM;
	if (!err && cfg->isolate)
		err = isolate_add(out, cfg, hostname_of(cfg), "/root",
				  world_network(cfg) == HL_NETWORK_HOST);
	if (!err && cfg->workspace)
		err = add_workspace(cfg, out, errmsg);
	if (!err && cfg->translator && world_is_private(cfg))
		err = add_translator(cfg, out, errmsg);
	if (!err && !(mount_list_add_sorted(out, &cfg->mounts) && add_hidden(cfg, out)))
		err = -ENOMEM;
	return err;
}

char *world_workdir(const struct hl_config *cfg)
{
	struct errmsg ignored = { "" };
	char start[PATH_MAX] = "/", *path;
	struct workspace w;

	if (cfg->workspace && workspace_find(cfg, &w, &ignored) == 0)
		workspace_start(&w, start);
	if (!cfg->workdir)
		return strdup(start);
	return asprintf(&path, "%s/%s", cfg->workdir[0] == '/' ? "" : start, cfg->workdir) < 0
		   ? NULL
		   : path;
}

enum hl_network world_network(const struct hl_config *cfg)
{
	if (cfg->network != HL_NETWORK_DEFAULT)
		return cfg->network;
	/* Who names what may be reached wants it to be reached. */
	return world_is_private(cfg) && !cfg->allow.count ? HL_NETWORK_NONE : HL_NETWORK_HOST;
}

void world_set_hostname(const struct hl_config *cfg, struct sandbox *sb)
{
	struct uts_namespace *uts = nsproxy_uts(sb->nsproxy);
	const char *name = hostname_of(cfg);

	if (name)
		uts_set(uts, UTS_HOST, name, strlen(name));
	if (world_is_private(cfg))
		uts_set(uts, UTS_DOMAIN, NO_DOMAIN, strlen(NO_DOMAIN));
}

/* Who may mount and unmount can look beneath what lies over a secret. */
uint64_t world_withheld_caps(const struct hl_config *cfg)
{
	return cfg->workspace || cfg->hidden.count ? UINT64_C(1) << CAP_SYS_ADMIN : 0;
}

/* Takes `cred` over; NULL: no memory. */
static struct cred *without(struct cred *cred, uint64_t caps)
{
	struct cred *c = cred_copy(cred, -1);

	cred_put(cred);
	if (c)
		cred_withhold(c, caps);
	return c;
}

static int find_user(const struct hl_config *cfg, struct sandbox *sb, struct cred **out,
		     char **home, struct errmsg *errmsg)
{
	const struct cred *first = sb->vfs->monitor;
	const char *spec = cfg->user ? cfg->user : world_is_private(cfg) ? "0" : NULL;
	struct visitor v;

	*home = NULL;
	if (!spec) {
		*out = cred_get(first);
		return 0;
	}
	int err = visitor_init(&v, sb, first, NULL);
	if (!err)
		err = user_find(&v.caller, spec, first, out, home, errmsg);
	visitor_done(&v);
	return err;
}

int world_user(const struct hl_config *cfg, struct sandbox *sb, struct cred **out, char **home,
	       struct errmsg *errmsg)
{
	int err = find_user(cfg, sb, out, home, errmsg);
	uint64_t withheld = world_withheld_caps(cfg);

	if (!err && withheld)
		*out = without(*out, withheld);
	return err ? err : *out ? 0 : -ENOMEM;
}

static bool put(struct strings *env, const char *name, const char *value)
{
	return !value || env_put(env, name, strlen(name), value);
}

static bool start_in_workspace(const struct hl_config *cfg, const char *home, struct strings *out)
{
	struct errmsg ignored = { "" };
	struct workspace w;

	return workspace_find(cfg, &w, &ignored) == 0 &&
	       workspace_environment(&w, &cfg->caller_env, home, out);
}

static bool start_from(const struct hl_config *cfg, const char *home, struct strings *out)
{
	const struct strings *caller = &cfg->caller_env;

	if (cfg->clear_env)
		return true;
	if (cfg->workspace)
		return start_in_workspace(cfg, home, out);
	if (!world_is_private(cfg))
		return strings_copy(out, caller->count, (const char *const *)caller->item);
	return put(out, "PATH", PRIVATE_PATH) && put(out, "HOME", home ? home : "/") &&
	       put(out, "TERM", env_value(caller, "TERM"));
}

bool world_add_environment(const struct hl_config *cfg, struct strings *out)
{
	bool ok = strings_copy(out, 0, NULL);

	for (size_t i = 0; ok && i < cfg->env.count; i++) {
		const char *text = cfg->env.item[i];
		size_t len = strcspn(text, "=");
		ok = env_put(out, text, len, text + len + 1);
	}
	return ok;
}

int world_environment(const struct hl_config *cfg, const char *home, struct strings *out)
{
	return strings_copy(out, 0, NULL) && start_from(cfg, home, out) &&
		       world_add_environment(cfg, out)
		   ? 0
		   : -ENOMEM;
}
