/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the network that guests find in /proc/sys/net, which are the host's. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/hostfile.h"
#include "net/net.h"

void net_sysctl_text(const char *name, char *buf, size_t size)
{
	char path[128];

	snprintf(path, sizeof path, "/proc/sys/net/%s", name);
	hostfile_read(path, buf, size);
}

unsigned net_sysctl(const char *name, unsigned otherwise)
{
	char buf[32], *end;

	net_sysctl_text(name, buf, sizeof buf);
	unsigned long v = strtoul(buf, &end, 10);
	return end != buf && v <= UINT_MAX ? (unsigned)v : otherwise;
}
