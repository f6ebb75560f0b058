/* SPDX-License-Identifier: Apache-2.0 */
/* The world of hl_config_set_isolate: the host's programs, and little else. */
#ifndef HL_LIB_ISOLATE_H
#define HL_LIB_ISOLATE_H

#include "lib/config.h"

/* Adds all of it but what every guest has, which is to stand in the list already, behind a root in
 * memory. `home`: root's. `asks`: name servers, because it has the
 * host's network. -ENOMEM. */
int isolate_add(struct mount_list *l, const struct hl_config *cfg, const char *hostname,
		const char *home, bool asks);

#endif
