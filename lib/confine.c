/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the monitor into its jail, and tells the user which of its layers are on. */
#include "lib/confine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "host/thread.h"
#include "jail/jail.h"
#include "kernel/sandbox.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/world.h"
#include "platform/process/layout.h"

_Static_assert(STUB_PREEMPT_SIGNAL == SIGURG, "jail/filter/calls.def lets this one go to stubs");

static void say(const struct hl_config *cfg, const char *text)
{
	if (cfg->log_level >= 2)
		cfg->log(cfg->log_arg, text, strlen(text));
}

int confine(const struct hl_config *cfg, const struct sandbox *sb, struct hl_error **err)
{
	const struct jail_config jc = {
		.kvm = strcmp(sb->platform->name, "kvm") == 0,
		.network = world_network(cfg) == HL_NETWORK_HOST,
		.whole_process = cfg->jail == HL_JAIL_PROCESS,
	};

	if (!jc.whole_process)
		return 0;
	host_threads_take_violations();
	int e = jail_seccomp(&jc);
	if (e)
		return error_set(err, HL_SYSTEM, "the monitor cannot confine itself: seccomp: %s",
				 strerror(-e));
	say(cfg, "jail: seccomp");
	return 0;
}
