/* SPDX-License-Identifier: Apache-2.0 */
/* Tries each layer of the jail that depends on the host, in a process that ends with it. */
#include "jail/checks.h"

#include <string.h>

#include "host/child.h"
#include "host/hostcall.h"
#include "jail/jail.h"

static int try_calls(void)
{
	return jail_seccomp(&(struct jail_config){ .network = true });
}

static int try_scope(void)
{
	return jail_landlock_scope(&(struct jail_config){ .network = true });
}

static int try_files(void)
{
	int ruleset = jail_landlock_files();
	int err = ruleset < 0 ? ruleset : jail_landlock_enter(ruleset);

	host_close(ruleset);
	return err;
}

static void try(struct check_result *r, int (*fn)(void), const char *what, const char *needs)
{
	int err = host_run_in_child(0, fn);

	if (!err) {
		check_found(r, FOUND_YES, "the monitor %s", what);
		return;
	}
	check_found(r, err == -EPERM || err == -EACCES ? FOUND_DENIED : FOUND_NO,
		    "it cannot be that the monitor %s: %s", what, strerror(-err));
	check_advise(r, "%s; in a container, a seccomp profile that allows it", needs);
}

static void look_calls(struct check_result *r, bool thorough)
{
	try(r, try_calls, "makes no system call but those it needs", "a kernel with seccomp");
}

static void look_scope(struct check_result *r, bool thorough)
{
	try(r, try_scope, "signals no process but its own", "Linux 6.12 with Landlock switched on");
}

static void look_files(struct check_result *r, bool thorough)
{
	try(r, try_files, "opens no file but those of a private world",
	    "Linux 5.19 with Landlock switched on");
}

const struct check jail_checks[] = {
	{ "jail_calls", .look = look_calls },
	{ "jail_scope", .look = look_scope },
	{ "jail_files", .look = look_files },
	{ .key = NULL },
};
