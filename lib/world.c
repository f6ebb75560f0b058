/* SPDX-License-Identifier: Apache-2.0 */
/* Plain and private worlds. See the header. */
#include "lib/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cred/cred.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "lib/isolate.h"
#include "lib/user.h"
#include "lib/visitor.h"
#include "net/policy.h"

/* What a private world starts from, as container engines have it. */
#define PRIVATE_PATH     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PRIVATE_HOSTNAME "hl"
#define NO_DOMAIN        "(none)" /* as Linux starts */

bool world_is_private(const struct hl_config *cfg)
{
	return cfg->root || cfg->initrd || cfg->isolate;
}

const char *world_contradiction(const struct hl_config *cfg)
{
	int roots = (cfg->root != NULL) + (cfg->initrd != NULL) + cfg->isolate;

	if (roots > 1)
		return "--root, --initrd and --isolate exclude each other: each is the root";
	if (cfg->sysroot && roots)
		return "a private root and --sysroot exclude each other";
	if (cfg->overlay && !cfg->root && !cfg->initrd)
		return "an overlay needs a root to lie over (--root or --initrd)";
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
	if (cfg->isolate)
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

int world_mounts(const struct hl_config *cfg, struct mount_list *out)
{
	const struct mount_spec root = root_of(cfg);
	int err = mount_list_add_standard(out, &root) ? 0 : -ENOMEM;

	if (!err && cfg->isolate)
		err = isolate_add(out, cfg, hostname_of(cfg));
	return err ? err : mount_list_add_sorted(out, &cfg->mounts) ? 0 : -ENOMEM;
}

const struct net_policy *world_network(const struct hl_config *cfg)
{
	return world_is_private(cfg) ? &net_policy_none : &net_policy_default;
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

int world_user(const struct hl_config *cfg, struct sandbox *sb, struct cred **out, char **home,
	       struct errmsg *errmsg)
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

static bool put(struct strings *env, const char *name, const char *value)
{
	return !value || env_put(env, name, strlen(name), value);
}

static bool start_from(const struct hl_config *cfg, const char *home, struct strings *out)
{
	const struct strings *caller = &cfg->caller_env;

	if (cfg->clear_env)
		return true;
	if (!world_is_private(cfg))
		return strings_copy(out, caller->count, (const char *const *)caller->item);
	return put(out, "PATH", PRIVATE_PATH) && put(out, "HOME", home ? home : "/") &&
	       put(out, "TERM", env_value(caller, "TERM"));
}

int world_environment(const struct hl_config *cfg, const char *home, struct strings *out)
{
	bool ok = strings_copy(out, 0, NULL) && start_from(cfg, home, out);

	for (size_t i = 0; ok && i < cfg->env.count; i++) {
		const char *text = cfg->env.item[i];
		size_t len = strcspn(text, "=");
		ok = env_put(out, text, len, text + len + 1);
	}
	return ok ? 0 : -ENOMEM;
}
