/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration makes of the guest's network. */
#ifndef HL_LIB_NETWORK_H
#define HL_LIB_NETWORK_H

#include "lib/config.h"

struct net_policy;
struct netns;

/* Makes what the network of the configuration takes: the policy with its rules, their names looked
 * up, and a network namespace, each NULL where there is none to make. Both are the caller's, also
 * on failure. 0, or -1 with *err. */
int network_make(const struct hl_config *cfg, struct net_policy **policy, struct netns **ns,
		 struct hl_error **err);
/* The one that holds: `rules`, or a constant one. */
const struct net_policy *network_policy(const struct hl_config *cfg,
					const struct net_policy *rules);

#endif
