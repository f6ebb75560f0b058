/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_KOBJECT_UEVENT as a monitor of devices uses it, while no device comes or goes. */
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "case.h"

CASE(monitor)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 2 }, own = { 0 };
	socklen_t len = sizeof own;
	int s = (int)NEED(
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
	int one = 1;
	char b[64];

	R(bind(s, (struct sockaddr *)&a, sizeof a));
	R(getsockname(s, (struct sockaddr *)&own, &len));
	V(own.nl_pid == (uint32_t)getpid());
	V(own.nl_groups);
	R(setsockopt(s, SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
	R(poll(&(struct pollfd){ .fd = s, .events = POLLIN }, 1, 0));
	R(recv(s, b, sizeof b, 0));
}
