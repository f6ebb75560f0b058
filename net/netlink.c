/* SPDX-License-Identifier: Apache-2.0 */
/* The routing netlink of the host (rtnetlink(7)), to look and never to change: what getifaddrs(3)
 * and `ip` ask. Ports and options of the other protocols. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "cred/cred.h"
#include "host/hostcall.h"
#include "net/host_sock.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/netlink.h"
#include "net/policy.h"
#include "net/sock_diag.h"

#define BIT(n) (1UL << (n))

/* To the kernel alone, and to no group. */
static int check_address(const struct host_sock *i, struct caller *c, enum net_use use,
			 const struct sockaddr *a, unsigned len)
{
	const struct sockaddr_nl *nl = (const struct sockaddr_nl *)(const void *)a;

	return len < sizeof *nl || nl->nl_family != AF_NETLINK ? -EINVAL
	       : nl->nl_pid || nl->nl_groups                   ? -EPERM
							       : 0;
}

static int bind_port(int fd, struct sockaddr_nl *a, uint32_t port)
{
	a->nl_pid = port;
	return (int)host_call(SYS_bind, fd, a, sizeof *a);
}

/* A port of the kernel's choice is the number of the process, or a number that no process has
 * (Linux: netlink_autobind). The host would choose by its own processes. */
static int bind_automatic(int fd, struct caller *c, struct sockaddr_nl *a)
{
	int err = bind_port(fd, a, (uint32_t)c->tgid);

	for (uint32_t rover = -4096U; err == -EADDRINUSE && rover >= 1U << 31; rover--)
		err = bind_port(fd, a, rover);
	return err;
}

uint32_t netlink_port(int fd)
{
	struct sockaddr_nl own = { 0 };
	socklen_t len = sizeof own;

	getsockname(fd, (struct sockaddr *)&own, &len);
	return own.nl_pid;
}

static int bind_netlink(const struct host_sock *i, struct caller *c, const struct sockaddr *a,
			unsigned len)
{
	struct sockaddr_nl nl;

	if (len < sizeof nl || a->sa_family != AF_NETLINK)
		return -EINVAL;
	memcpy(&nl, a, sizeof nl);
	return nl.nl_pid || netlink_port(i->fd) ? bind_port(i->fd, &nl, nl.nl_pid)
						: bind_automatic(i->fd, c, &nl);
}

/* Who sends without a port gets one. What would change something is for the host to refuse, in a
 * message of its own: the request is sent without the capabilities that it takes. */
static int prepare_send(int fd, struct caller *c)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };
	int err = netlink_port(fd) ? 0 : bind_automatic(fd, c, &nl);
	return err ? err : cred_assume_powerless(c->cred);
}

static int check_control(const struct host_sock *i, struct socket_msg *m)
{
	return -EINVAL;
}

static const struct host_options options[] = {
	{ SOL_SOCKET, HOST_SOCKET_OPTIONS, HOST_SOCKET_OPTIONS_HIGH },
	{ SOL_NETLINK,
	  BIT(NETLINK_ADD_MEMBERSHIP) | BIT(NETLINK_DROP_MEMBERSHIP) | BIT(NETLINK_PKTINFO) |
	      BIT(NETLINK_LIST_MEMBERSHIPS) | BIT(NETLINK_EXT_ACK) | BIT(NETLINK_GET_STRICT_CHK) |
	      BIT(NETLINK_CAP_ACK),
	  0 },
	{ -1, 0, 0 },
};

static const struct host_rules netlink_rules = {
	.bind = bind_netlink,
	.prepare_send = prepare_send,
	.check_address = check_address,
	.check_control = check_control,
	.options = options,
};

/* The groups tell of sockets that go, which may be anybody's. */
static int bind_diag(const struct host_sock *i, struct caller *c, const struct sockaddr *a,
		     unsigned len)
{
	struct sockaddr_nl nl = { 0 };

	memcpy(&nl, a, len < sizeof nl ? len : sizeof nl);
	return len >= sizeof nl && nl.nl_groups ? -EPERM : bind_netlink(i, c, a, len);
}

static const struct host_options diag_options[] = {
	{ SOL_SOCKET, HOST_SOCKET_OPTIONS & ~BIT(SO_PASSCRED), HOST_SOCKET_OPTIONS_HIGH },
	{ SOL_NETLINK,
	  BIT(NETLINK_LIST_MEMBERSHIPS) | BIT(NETLINK_EXT_ACK) | BIT(NETLINK_GET_STRICT_CHK) |
	      BIT(NETLINK_CAP_ACK),
	  0 },
	{ -1, 0, 0 },
};

const struct host_rules netlink_diag_rules = {
	.bind = bind_diag,
	.prepare_send = prepare_send,
	.check_address = check_address,
	.options = diag_options,
};

/* The host's socket behind is of another protocol, which has other groups. */
static int bind_route(const struct host_sock *i, struct caller *c, const struct sockaddr *a,
		      unsigned len)
{
	struct sockaddr_nl nl = { 0 };

	memcpy(&nl, a, len < sizeof nl ? len : sizeof nl);
	nl.nl_groups = 0;
	return bind_netlink(i, c, (const struct sockaddr *)&nl, len < sizeof nl ? len : sizeof nl);
}

const struct host_rules netlink_route_rules = {
	.bind = bind_route,
	.prepare_send = prepare_send,
	.check_address = check_address,
	.options = diag_options,
};

/* Events of devices (udev(7)): the guest's never change, and the host's are not its business. The
 * host's socket knows the groups and lets nothing in. */
static int create_uevent(struct net *net, struct caller *c, int type, unsigned flags,
			 struct socket **out)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &drop };
	int err = host_sock_create(net, c, &netlink_rules, AF_NETLINK, type, NETLINK_KOBJECT_UEVENT,
				   flags, out);

	if (err)
		return err;
	err = (int)host_ret(setsockopt(host_sock_of(*out)->fd, SOL_SOCKET, SO_ATTACH_FILTER,
				       &filter, sizeof filter));
	if (err)
		file_put(&(*out)->file);
	return err;
}

int netlink_create(struct net *net, struct caller *c, int type, int protocol, unsigned flags,
		   struct socket **out)
{
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol == NETLINK_SOCK_DIAG || (protocol == NETLINK_ROUTE && net->policy->none))
		return sock_diag_create(net, c, type, protocol, flags, out);
	if (protocol == NETLINK_KOBJECT_UEVENT)
		return create_uevent(net, c, type, flags, out);
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	int err = host_sock_create(net, c, &netlink_rules, AF_NETLINK, type, protocol, flags, out);
	if (err)
		return err;
	err = netlink_add_inbox(*out);
	if (err)
		file_put(&(*out)->file);
	return err;
}
