/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the policy of a network of the rules in a configuration. Names are looked up here, before
 * the first instruction of the guest, as the host's programs look them up (lib/resolve.h).
 */
#include "lib/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/hostfile.h"
#include "host/netns.h"
#include "lib/error.h"
#include "lib/resolve.h"
#include "lib/world.h"
#include "net/dns.h"
#include "net/policy.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX 16384

/* A rule for each address that the name of `named` has now. */
static int add_addresses(struct net_rules *list, const struct net_rule *named,
			 struct hl_error **err)
{
	struct in6_addr *all;
	size_t count;
	int e = resolve(named->name, &all, &count), ret = 0;

	if (e == -ENOMEM)
		ret = error_set(err, HL_NO_MEMORY, "out of memory");
	else if (e)
		ret = error_set(err, HL_SYSTEM, "the name '%s' cannot be resolved: getent: %s",
				named->name, strerror(-e));
	else if (!count)
		ret = error_set(err, HL_SYSTEM,
				"the name '%s' cannot be resolved: getent finds no address",
				named->name);
	for (size_t i = 0; i < count && !ret; i++)
		if (net_rules_add(list, &(struct net_rule){ .kind = NET_RULE_PREFIX,
							    .to = { all[i], 128 },
							    .first = named->first,
							    .last = named->last }))
			ret = error_set(err, HL_NO_MEMORY, "out of memory");
	free(all);
	return ret;
}

static int add_rules(struct net_policy *p, struct net_rules *list, const struct strings *texts,
		     struct hl_error **err)
{
	for (size_t i = 0; i < texts->count; i++) {
		struct net_rule r;

		/* The configuration was valid, so it is memory that a name has not got. */
		if (net_rule_parse(texts->item[i], &r))
			return error_set(err, HL_NO_MEMORY, "out of memory");
		bool named = r.kind == NET_RULE_NAME;
		if (named && r.name[0] != '*' && add_addresses(list, &r, err)) {
			free(r.name);
			return -1;
		}
		if (net_rules_add(list, &r) || (named && net_policy_learn_names(p)))
			return error_set(err, HL_NO_MEMORY, "out of memory");
	}
	return 0;
}

/* "nameserver ADDRESS" (resolv.conf(5)). */
static bool name_server(char *line, struct in6_addr *out)
{
	char *save = NULL, *word = strtok_r(line, " \t", &save);
	struct in_addr four;

	if (!word || strcmp(word, "nameserver") != 0)
		return false;
	word = strtok_r(NULL, " \t", &save);
	if (word)
		word[strcspn(word, "%")] = '\0';
	if (word && inet_pton(AF_INET6, word, out) == 1)
		return true;
	if (!word || inet_pton(AF_INET, word, &four) != 1)
		return false;
	*out = (struct in6_addr){ { { [10] = 0xff, 0xff } } };
	memcpy(&out->s6_addr[12], &four, sizeof four);
	return true;
}

/* The host's name servers may be asked where a rule allows names. Without any, programs ask the one
 * on this machine. */
static int add_name_servers(struct net_policy *p)
{
	struct net_rule r = { .kind = NET_RULE_RESOLVER, .first = DNS_PORT, .last = DNS_PORT };
	char *text = calloc(1, RESOLV_CONF_MAX), *save = NULL;
	bool found = false;
	int e = text ? 0 : -1;

	r.to.bits = 128;
	if (text)
		hostfile_read(RESOLV_CONF, text, RESOLV_CONF_MAX);
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line && !e;
	     line = strtok_r(NULL, "\n", &save))
		if (name_server(line, &r.to.addr)) {
			e = net_rules_add(&p->allow, &r);
			found = true;
		}
	free(text);
	if (!e && !found) {
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &r.to.addr);
		e = net_rules_add(&p->allow, &r);
	}
	return e;
}

static int make_namespace(struct net_policy **policy, struct netns **ns, struct hl_error **err)
{
	int e = netns_new(ns);

	if (e)
		return error_set(
		    err, HL_SYSTEM,
		    "the host lets hl make no network namespace (--net namespace): %s; "
		    "--net none has a loopback without one",
		    strerror(-e));
	*policy = net_policy_new();
	if (!*policy)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	(*policy)->none = true;
	(*policy)->netns = *ns;
	return 0;
}

static int make_rules(const struct hl_config *cfg, struct net_policy **out, struct hl_error **err)
{
	if (!cfg->allow.count && !cfg->block.count)
		return 0;
	struct net_policy *p = *out = net_policy_new();
	if (!p)
		return error_set(err, HL_NO_MEMORY, "out of memory");
	if (add_rules(p, &p->allow, &cfg->allow, err) || add_rules(p, &p->block, &cfg->block, err))
		return -1;
	if (p->allow.count && p->learned && add_name_servers(p))
		return error_set(err, HL_NO_MEMORY, "out of memory");
	return 0;
}

int network_make(const struct hl_config *cfg, struct net_policy **policy, struct netns **ns,
		 struct hl_error **err)
{
	return world_network(cfg) == HL_NETWORK_NAMESPACE ? make_namespace(policy, ns, err)
							  : make_rules(cfg, policy, err);
}

const struct net_policy *network_policy(const struct hl_config *cfg, const struct net_policy *rules)
{
	if (rules)
		return rules;
	return world_network(cfg) == HL_NETWORK_HOST ? &net_policy_default : &net_policy_none;
}
