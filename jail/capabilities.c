/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capabilities that a monitor started by root keeps: those by which it acts for the guest's
 * users (docs/security.md, "Rights"), and those by which it rules its stubs, which are another
 * user's.
 */
#include <linux/capability.h>
#include <stdint.h>

#include "host/fscred.h"
#include "jail/jail.h"

#define CAP(name) (1ULL << CAP_##name)

/* Ids and groups of threads; signals to stubs, their policies and CPUs; files of private worlds,
 * whiteouts among them. */
#define ALWAYS                                                                                     \
	(CAP(SETUID) | CAP(SETGID) | CAP(KILL) | CAP(SYS_NICE) | CAP(CHOWN) | CAP(DAC_OVERRIDE) |  \
	 CAP(DAC_READ_SEARCH) | CAP(FOWNER) | CAP(MKNOD))

/* Ports that are kept, options of sockets. */
#define NETWORK (CAP(NET_BIND_SERVICE) | CAP(NET_ADMIN) | CAP(NET_RAW) | CAP(NET_BROADCAST))

/* The guest's files are the host's, with all that root may do with them. */
#define PLAIN                                                                                      \
	(CAP(FSETID) | CAP(LINUX_IMMUTABLE) | CAP(SYS_ADMIN) | CAP(SETFCAP) | CAP(SYS_RESOURCE) |  \
	 CAP(LEASE) | CAP(MAC_OVERRIDE) | CAP(IPC_OWNER))

int jail_capabilities(const struct jail_config *jc)
{
	return fscred_drop(ALWAYS | (jc->network || jc->netns ? NETWORK : 0) |
			   (jc->private_world ? 0 : PLAIN));
}
