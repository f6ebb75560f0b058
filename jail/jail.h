/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail: the monitor confines itself before the first guest instruction, and before it reads
 * anything that a guest may have written. Whoever then takes the monitor over by a fault of ours
 * has what is left: docs/security.md, "The jail".
 *
 * All of it holds for the calling thread and those that it and they make from then on; with
 * `whole_process` also for those that there are. None of it can be undone.
 */
#ifndef HL_JAIL_JAIL_H
#define HL_JAIL_JAIL_H

#include <stdbool.h>

struct jail_config {
	bool kvm;     /* the platform is KVM's, not stubs */
	bool network; /* it makes sockets of the host's network */
	bool netns;   /* it has sockets of another, which others make (host/netns.h) */
	bool private_world;
	bool scoped; /* jail_landlock_scope() was had: no signal reaches other processes */
	/* Also the threads that there are. A forbidden call is SIGSYS (sigaction(2), SYS_SECCOMP)
	 * in its thread, so that a handler can say which it was. Without, it kills the process
	 * unheard: its handlers are not ours. */
	bool whole_process;
};

/* No new privileges (prctl(2), PR_SET_NO_NEW_PRIVS), and no system call but those of
 * filter/calls.def. In a private world where nothing else keeps signals from other processes, stubs
 * cannot be killed by one either: EPERM. 0 or -errno. */
int jail_seccomp(const struct jail_config *jc);

/* Of the capabilities only those that such a sandbox's monitor needs. 0 or -errno. */
int jail_capabilities(const struct jail_config *jc);

/* Landlock. All give -errno where the host has none, or not enough of it. */

/* No signals and no abstract sockets beyond what is made from now on; without a network no TCP
 * port, which there may be, too, where the result is -EOPNOTSUPP. */
int jail_landlock_scope(const struct jail_config *jc);

enum jail_access {
	JAIL_READ,
	JAIL_WRITE,
	JAIL_WHITEOUTS, /* and devices, which are an overlay's whiteouts */
};

/* A set of files, empty at first: a descriptor. */
int jail_landlock_files(void);
/* Adds what `fd` is open at, a directory with what is below, or a file. */
int jail_landlock_allow(int ruleset, int fd, bool directory, enum jail_access access);
/* Adds what the host's kernel tells in files, and the monitor's own descriptors: /proc, /sys. */
int jail_landlock_allow_told(int ruleset);
/* No file can be opened, made or removed but those of the set. */
int jail_landlock_enter(int ruleset);

#endif
