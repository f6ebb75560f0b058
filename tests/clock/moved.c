/* SPDX-License-Identifier: Apache-2.0 */
/* hl for guests whose clocks are far from the host's: the command line as it is, in which each
 * configuration begins with distances between the clocks. Linked with --wrap=hl_config_new. */
#include "lib/config.h"

#define DAY_NS (86400L * 1000000000)

struct hl_config *__real_hl_config_new(void);
struct hl_config *__wrap_hl_config_new(void);

struct hl_config *__wrap_hl_config_new(void)
{
	struct hl_config *cfg = __real_hl_config_new();

	if (cfg)
		cfg->clock = (struct guest_clock){ .realtime = -3650 * DAY_NS + 123000000,
						   .monotonic = 40 * DAY_NS,
						   .boottime = 41 * DAY_NS };
	return cfg;
}
