/* SPDX-License-Identifier: Apache-2.0 */
/* What the process platform needs of the host. */
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/child.h"
#include "platform/process/process.h"

#define HWCAP2_FSGSBASE_BIT 2

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const char by_container[] = "a container's seccomp profile can deny it: allow seccomp(2), "
				   "or run with `--security-opt seccomp=unconfined`";

static enum found denied_or_not(int err)
{
	return err == EPERM || err == EACCES ? FOUND_DENIED : FOUND_NO;
}

static void look_fsgsbase(struct check_result *r, bool thorough)
{
	if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT) {
		check_found(r, FOUND_YES, "user code sets its segment bases by itself");
		return;
	}
	check_found(r, FOUND_NO, "user code cannot set its segment bases (fsgsbase)");
	check_advise(r, "a CPU of 2013 or later, and a kernel not booted with `nofsgsbase`");
}

static void look_notify(struct check_result *r, bool thorough)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) {
		check_found(r, FOUND_YES,
			    "seccomp hands system calls over (SECCOMP_RET_USER_NOTIF)");
	} else if (errno == ENOSYS) {
		/* Some profiles deny with this one. */
		check_found(r, FOUND_NO, "seccomp(2) is not there, or hidden");
		check_advise(r, "%s", by_container);
	} else if (errno == EOPNOTSUPP) {
		check_found(
		    r, FOUND_NO,
		    "seccomp has no user notification: the kernel is older than Linux 5.19");
		check_advise(r, "a newer kernel");
	} else {
		check_found(r, denied_or_not(errno), "seccomp user notification: %s",
			    strerror(errno));
		check_advise(r, "%s", by_container);
	}
}

static void look_killable(struct check_result *r, bool thorough)
{
	unsigned long flags =
	    SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

	/* An unknown flag is EINVAL, a known one gets as far as the missing program: EFAULT. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT) {
		check_found(
		    r, FOUND_YES,
		    "a system call that is handed over waits for its answer (WAIT_KILLABLE_RECV)");
	} else if (errno == EINVAL) {
		check_found(
		    r, FOUND_NO,
		    "seccomp has no WAIT_KILLABLE_RECV: the kernel is older than Linux 5.19");
		check_advise(r, "a newer kernel");
	} else {
		check_found(r, denied_or_not(errno), "setting a seccomp filter: %s",
			    strerror(errno));
		check_advise(r, "%s", by_container);
	}
}

/* Only one filter of a process may have a listener; nobody can ask whether one is there. */
static int filter_set(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { 1, &allow };
	unsigned long flags =
	    SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog) < 0)
		return -errno;
	return 0;
}

static void look_listener(struct check_result *r, bool thorough)
{
	/* Where no filter is set there can be no listener, and nothing is denied. */
	if (!thorough && !host_is_filtered())
		return;
	int err = host_run_in_child(0, filter_set);

	if (!err) {
		check_found(r, FOUND_YES, "a filter can be set");
	} else if (err == -EBUSY) {
		check_found(r, FOUND_DENIED,
			    "another program already supervises this one's system calls");
		check_advise(r, "start hl outside of that supervisor");
	} else {
		check_found(r, denied_or_not(-err), "setting a seccomp filter: %s", strerror(-err));
		check_advise(r, "%s", by_container);
	}
}

static void look_pidfd(struct check_result *r, bool thorough)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0) {
		close(fd);
		check_found(r, FOUND_YES, "a process can be watched (pidfd_open)");
		return;
	}
	check_found(r, denied_or_not(errno), "watching a process (pidfd_open): %s",
		    strerror(errno));
	check_advise(r, "a container's seccomp profile can deny it: allow pidfd_open(2)");
}

static void look_stub(struct check_result *r, bool thorough)
{
	int fd = stub_memfd();

	if (fd >= 0) {
		close(fd);
		check_found(r, FOUND_YES, "a memory file can be executed");
		return;
	}
	check_found(r, denied_or_not(-fd), "making a memory file that can be executed: %s",
		    strerror(-fd));
	check_advise(r, "`sudo sysctl vm.memfd_noexec=1`");
}

const struct check process_checks[] = {
	{ "fsgsbase", .needed = true, .look = look_fsgsbase },
	{ "seccomp_notify", .needed = true, .look = look_notify },
	{ "wait_killable", .needed = true, .chained = true, .look = look_killable },
	{ "listener", .needed = true, .chained = true, .look = look_listener },
	{ "memfd", .needed = true, .look = look_memfd },
	{ "pidfd", .needed = true, .look = look_pidfd },
	{ "memfd_exec", .needed = true, .chained = true, .look = look_stub },
	{ .key = NULL },
};
