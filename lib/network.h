/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration makes of the guest's network. */
#ifndef HL_LIB_NETWORK_H
#define HL_LIB_NETWORK_H

#include "lib/config.h"

struct net_policy;

/* The policy with the rules of the configuration, their names looked up; NULL where it has none. 0,
 * or -1 with *err. */
int network_rules(const struct hl_config *cfg, struct net_policy **out, struct hl_error **err);
/* The one that holds: `rules`, or a constant one. */
const struct net_policy *network_policy(const struct hl_config *cfg,
					const struct net_policy *rules);

#endif
