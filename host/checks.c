/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the checks of `hl doctor` that concern the host's kernel in general. What a single platform
 * needs is checked in that platform's own checks.c. */
#include "host/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/hostcall.h"
#include "host/hostfile.h"
#include "host/child.h"

static void look_kernel(struct check_result *r, bool thorough)
{
	struct utsname u;

	uname(&u);
	check_value(r, "%s", u.release);
	check_found(r, FOUND_YES, "%.20s %.60s, %.20s", u.sysname, u.release, u.machine);
}

/* landlock_create_ruleset(2): so asked, it gives the version of the interface. */
static void look_landlock(struct check_result *r, bool thorough)
{
	long abi = host_call(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi > 0) {
		check_value(r, "%ld", abi);
		check_found(r, FOUND_YES, "Landlock, version %ld of its interface", abi);
	} else if (abi == -EOPNOTSUPP) {
		check_found(r, FOUND_NO, "Landlock is built in and switched off");
		check_advise(r, "boot with `landlock` in the list of the kernel's `lsm=`");
	} else if (abi == -ENOSYS) {
		check_found(r, FOUND_NO, "no Landlock in this kernel");
		check_advise(r, "a kernel with CONFIG_SECURITY_LANDLOCK (Linux 5.13)");
	} else {
		check_found(r, FOUND_DENIED, "Landlock: %s", strerror((int)-abi));
		check_advise(r, "a seccomp profile that allows landlock_create_ruleset(2)");
	}
}

static int nothing(void)
{
	return 0;
}

static void look_user_namespaces(struct check_result *r, bool thorough)
{
	int err = host_run_in_child(CLONE_NEWUSER, nothing);

	if (!err) {
		check_found(r, FOUND_YES, "user namespaces can be made");
		return;
	}
	check_found(r, err == -EPERM || err == -EACCES ? FOUND_DENIED : FOUND_NO,
		    "making a user namespace: %s", strerror(-err));
	check_advise(
	    r,
	    "sysctl kernel.unprivileged_userns_clone=1, "
	    "kernel.apparmor_restrict_unprivileged_userns=0 "
	    "or user.max_user_namespaces, whichever is there; in a container, its seccomp profile");
}

/* As `--net namespace` makes one (host/netns.h). */
static void look_network_namespaces(struct check_result *r, bool thorough)
{
	int err = host_run_in_child(CLONE_NEWNET, nothing);

	if (err == -EPERM)
		err = host_run_in_child(CLONE_NEWUSER | CLONE_NEWNET, nothing);
	if (!err) {
		check_found(r, FOUND_YES, "network namespaces can be made (--net namespace)");
		return;
	}
	check_found(r, err == -EPERM || err == -EACCES ? FOUND_DENIED : FOUND_NO,
		    "making a network namespace (--net namespace): %s", strerror(-err));
	check_advise(r, "root, or what user namespaces need; `--net none` does without");
}

/* The number in a small file of /proc; -1: it cannot be read. */
static int number_in(const char *path)
{
	char text[16];

	return hostfile_read(path, text, sizeof text) > 0 ? atoi(text) : -1;
}

static void look_yama(struct check_result *r, bool thorough)
{
	int scope = number_in("/proc/sys/kernel/yama/ptrace_scope");

	if (scope < 0) {
		check_found(
		    r, FOUND_NO,
		    "no Yama: nothing but ownership limits who may trace whom; hl traces nobody");
		return;
	}
	check_value(r, "%d", scope);
	check_found(r, FOUND_YES, "Yama, ptrace_scope %d; hl traces nobody", scope);
}

const struct check host_checks[] = {
	{ "kernel", .look = look_kernel },
	{ "landlock", .look = look_landlock },
	{ "user_namespaces", .look = look_user_namespaces },
	{ "network_namespaces", .look = look_network_namespaces },
	{ "yama", .look = look_yama },
	{ .key = NULL },
};
